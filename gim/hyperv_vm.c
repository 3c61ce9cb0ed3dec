// SPDX-License-Identifier: GPL-2.0
/*
 * The MSRs that are the VM's: who the guest is, the page to call through, the
 * page of the reference TSC, frequencies, reset. hv->lock guards them.
 */
#include "base/log.h"
#include "gim/hyperv.h"

bool hyperv_calls_are_on(struct hyperv *hv)
{
	return READ_ONCE(hv->hypercall.value) & HV_PAGE_ENABLE;
}

void hyperv_tell(struct hyperv *hv)
{
	struct vmm_hv_state state = { 0 };
	int ret;

	if (hv->tsc_page.value & HV_PAGE_ENABLE) {
		state.flags |= VMM_HV_ON_TSC_PAGE;
		state.tsc_page = hv->tsc_page.value & ~(HV_PAGE_SIZE - 1);
	}
	if (hyperv_calls_are_on(hv))
		state.flags |= VMM_HV_ON_CALLS;
	if (hv->tsc_invariant & HV_TSC_INVARIANT_ON)
		state.flags |= VMM_HV_ON_TSC_INVARIANT;
	ret = hm_vm_hv_state_set(hv->gim->config.hm, &state);
	if (ret < 0)
		log_error("the module refuses the state of Hyper-V's interface: %s",
			  strerror(-ret));
}

/* ---- who the guest is, and its calls ---------------------------------------------- */

/* Nobody, nothing to call through. The lock is held. */
static void hyperv_calls_off(struct hyperv *hv)
{
	hyperv_page_set(hv, &hv->hypercall, hv->hypercall.value & ~HV_PAGE_ENABLE);
}

int hyperv_os_id_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->hv->os_id);
	return 0;
}

/* "Guest OS Identity" */
int hyperv_os_id_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;

	pthread_mutex_lock(&hv->lock);
	hv->os_id = value;
	if (!value)
		hyperv_calls_off(hv);
	hyperv_tell(hv);
	pthread_mutex_unlock(&hv->lock);
	return 0;
}

int hyperv_hypercall_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->hv->hypercall.value);
	return 0;
}

/* A call to this page is a call of ours. It may be the target of an indirect branch. */
static void hyperv_hypercall_fill(struct hyperv *hv)
{
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1, 0xc3 };	/* and RET */
	static const u8 vmmcall[] = { 0x0f, 0x01, 0xd9, 0xc3 };
	bool amd = hm_vm_info(hv->gim->config.hm)->vendor == VMM_VENDOR_SVM;
	u8 *page = hv->hypercall.now;

	memset(page, 0xcc, HV_PAGE_SIZE);	/* INT3 */
	memcpy(page, endbr64, sizeof(endbr64));
	memcpy(page + sizeof(endbr64), amd ? vmmcall : vmcall, sizeof(vmcall));
}

/* "Establishing the Hypercall Interface" */
static int hyperv_hypercall_set(struct hyperv *hv, u64 value)
{
	int ret;

	if (hv->hypercall.value & HV_HYPERCALL_LOCKED)
		return value == hv->hypercall.value ? 0 : -EINVAL;
	if (!hv->os_id)
		value &= ~HV_PAGE_ENABLE;
	ret = hyperv_page_set(hv, &hv->hypercall, value);
	if (!ret && hv->hypercall.now)
		hyperv_hypercall_fill(hv);
	return ret;
}

int hyperv_hypercall_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;
	int ret;

	pthread_mutex_lock(&hv->lock);
	ret = hyperv_hypercall_set(hv, value);
	hyperv_tell(hv);
	pthread_mutex_unlock(&hv->lock);
	return ret;
}

/* ---- time ---------------------------------------------------------------------------- */

int hyperv_tsc_page_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->hv->tsc_page.value);
	return 0;
}

int hyperv_tsc_page_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;
	int ret;

	pthread_mutex_lock(&hv->lock);
	ret = hyperv_page_set(hv, &hv->tsc_page, value);
	if (!ret)
		hyperv_tell(hv);
	pthread_mutex_unlock(&hv->lock);
	return ret;
}

int hyperv_frequency_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	const struct gim_facts *facts = &vp->hv->gim->config.facts;

	*value = 1000ULL * (index == HV_MSR_TSC_FREQUENCY ? facts->tsc_khz : facts->bus_khz);
	return 0;
}

int hyperv_tsc_invariant_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->hv->tsc_invariant);
	return 0;
}

/* The guest knows what it does, and wants CPUID to tell it. */
int hyperv_tsc_invariant_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;

	if (value & ~HV_TSC_INVARIANT_ON)
		return -EINVAL;
	pthread_mutex_lock(&hv->lock);
	hv->tsc_invariant = value;
	hyperv_tell(hv);
	pthread_mutex_unlock(&hv->lock);
	return 0;
}

/* ---- the rest ------------------------------------------------------------------------ */

int hyperv_vp_index_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = vp->index;
	return 0;
}

int hyperv_reset_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = 0;
	return 0;
}

int hyperv_reset_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	const struct gim_config *config = &vp->hv->gim->config;

	if (value & HV_RESET_NOW)
		config->ops->reset(config->ctx);
	return 0;
}
