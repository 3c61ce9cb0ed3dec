// SPDX-License-Identifier: GPL-2.0
/*
 * "Virtual Interrupt Controller", the synthetic interrupt controller (SynIC) of
 * a processor: sixteen sources of interrupts, each with a slot for a message.
 * The messages are those of the timers; nobody else has any, and nobody sets
 * event flags.
 *
 * A message goes into a slot that is empty. Otherwise the slot is marked, and
 * its sender tries again once the guest says that it has emptied one, or
 * changes what kept the message back.
 *
 * vp->lock guards it all, since timers fire on a thread of their own; hv->lock,
 * for pages, comes after it.
 */
#include "gim/hyperv.h"

#define SLOT_SIZE	256
#define MSI_ADDRESS	0xfee00000ULL
#define FIRST_VECTOR	16

void hyperv_vp_interrupt(struct hyperv_vp *vp, u8 vector)
{
	hm_vm_msi_send(vp->hv->gim->config.hm, MSI_ADDRESS | (u64)vp->index << 12, vector);
}

/* The slot of @sint; NULL while the guest wants no messages. */
static struct hv_message *synic_slot(struct hyperv_vp *vp, u32 sint)
{
	u8 *page = vp->simp.now;

	if (!page || !(vp->scontrol & HV_SCONTROL_ENABLE) || (vp->sint[sint] & HV_SINT_MASKED))
		return NULL;
	return (struct hv_message *)(page + sint * SLOT_SIZE);
}

/* "Message Delivery": the type makes it valid, so it comes last. */
bool hyperv_synic_post(struct hyperv_vp *vp, u32 sint, const struct hv_message *message)
{
	struct hv_message *slot = synic_slot(vp, sint);
	struct hv_message copy = *message;

	if (!slot)
		return false;
	if (READ_ONCE(slot->type)) {
		__atomic_fetch_or(&slot->flags, HV_MESSAGE_PENDING, __ATOMIC_SEQ_CST);
		/* If it was emptied meanwhile, nobody may look at the mark any more. */
		if (READ_ONCE(slot->type))
			return false;
	}
	copy.type = 0;
	*slot = copy;
	__atomic_store_n(&slot->type, message->type, __ATOMIC_RELEASE);
	if (!(vp->sint[sint] & HV_SINT_POLLING))
		hyperv_vp_interrupt(vp, vp->sint[sint] & HV_SINT_VECTOR);
	return true;
}

/* ---- MSRs ------------------------------------------------------------------------- */

static int synic_read(struct hyperv_vp *vp, const u64 *from, u64 *value)
{
	pthread_mutex_lock(&vp->lock);
	*value = *from;
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

int hyperv_scontrol_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	return synic_read(vp, &vp->scontrol, value);
}

/* What is above the bit is preserved. */
int hyperv_scontrol_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	pthread_mutex_lock(&vp->lock);
	vp->scontrol = value;
	hyperv_stimers_retry(vp);
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

int hyperv_sversion_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = HV_SYNIC_VERSION;
	return 0;
}

static struct hyperv_page *synic_page(struct hyperv_vp *vp, u32 index)
{
	return index == HV_MSR_SIMP ? &vp->simp : &vp->siefp;
}

int hyperv_synic_page_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	return synic_read(vp, &synic_page(vp, index)->value, value);
}

int hyperv_synic_page_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	int ret;

	pthread_mutex_lock(&vp->lock);
	pthread_mutex_lock(&vp->hv->lock);
	ret = hyperv_page_set(vp->hv, synic_page(vp, index), value);
	pthread_mutex_unlock(&vp->hv->lock);
	hyperv_stimers_retry(vp);
	pthread_mutex_unlock(&vp->lock);
	return ret;
}

int hyperv_eom_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = 0;
	return 0;
}

/* "EOM Register": a slot was emptied that was marked. */
int hyperv_eom_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	pthread_mutex_lock(&vp->lock);
	hyperv_stimers_retry(vp);
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

int hyperv_sint_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	return synic_read(vp, &vp->sint[index - HV_MSR_SINT0], value);
}

/* Of several sources with a vector all must say so: whoever wants an EOI gets to do one. */
static int synic_auto_eoi(struct hyperv_vp *vp)
{
	u64 by_itself[4] = { 0 }, wanted[4] = { 0 };
	struct vmm_hv_vcpu set;

	for (u32 i = 0; i < HV_SINTS; i++) {
		u8 vector = vp->sint[i] & HV_SINT_VECTOR;
		u64 *to = vp->sint[i] & HV_SINT_AUTO_EOI ? by_itself : wanted;

		if (!(vp->sint[i] & HV_SINT_MASKED))
			to[vector / 64] |= 1ULL << (vector % 64);
	}
	for (u32 i = 0; i < ARRAY_SIZE(wanted); i++)
		set.auto_eoi[i] = by_itself[i] & ~wanted[i];
	return hm_vcpu_hv_set(hm_vcpu(vp->hv->gim->config.hm, vp->index), &set);
}

int hyperv_sint_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	u64 *sint = &vp->sint[index - HV_MSR_SINT0], old;
	int ret;

	if (!(value & HV_SINT_MASKED) && (value & HV_SINT_VECTOR) < FIRST_VECTOR)
		return -EINVAL;
	pthread_mutex_lock(&vp->lock);
	old = *sint;
	*sint = value;
	ret = synic_auto_eoi(vp);
	if (ret)
		*sint = old;
	hyperv_stimers_retry(vp);
	pthread_mutex_unlock(&vp->lock);
	return ret;
}

void hyperv_synic_reset(struct hyperv_vp *vp)
{
	vp->scontrol = 0;
	for (u32 i = 0; i < HV_SINTS; i++)
		vp->sint[i] = HV_SINT_MASKED;
}
