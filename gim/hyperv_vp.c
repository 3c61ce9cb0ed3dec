// SPDX-License-Identifier: GPL-2.0
/*
 * The MSRs that are a processor's: how long it has run, and the page of VP
 * assists. The local APIC's and the one to idle by are the module's.
 *
 * Guests write the page's MSR whether or not it is announced, so it is always
 * there; what the module puts into it, the leave to go without an EOI, comes
 * with the feature alone, and after an INIT once the MSR is written again.
 * hv->lock guards the page.
 */
#include <time.h>

#include "gim/hyperv.h"

/* Of this thread, in units of 100 ns. */
static u64 hyperv_thread_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ((u64)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec) / 100;
}

int hyperv_runtime_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = hyperv_thread_time();
	return 0;
}

int hyperv_assist_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->assist.value);
	return 0;
}

int hyperv_assist_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;
	struct hm_vcpu *vcpu = hm_vcpu(hv->gim->config.hm, vp->index);
	u64 flag = value & HV_PAGE_ENABLE ? (value & ~(HV_PAGE_SIZE - 1)) | VMM_PV_ENABLED : 0;
	int ret;

	pthread_mutex_lock(&hv->lock);
	ret = hyperv_page_set(hv, &vp->assist, value);
	pthread_mutex_unlock(&hv->lock);
	if (!ret && hyperv_has(hv, HYPERV_EOI))
		ret = hm_vcpu_pv_set(vcpu, VMM_PV_EOI, flag);
	return ret;
}
