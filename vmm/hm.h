/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HM, the hardware manager's user half: the only caller of ioctl().
 *
 * One function per command of kmod/uapi/vmm.h, with file descriptors turned
 * into objects. It owns the descriptors and the mappings of the shared pages,
 * and takes no lock: the module does its own locking, and what may be called
 * on a running vCPU stands in the interface's header.
 *
 * Functions return 0 or -errno; those with a struct error say what to do.
 */
#ifndef VMM_HM_H
#define VMM_HM_H

#include "base/base.h"
#include "base/error.h"
#include "kmod/uapi/vmm.h"

#define HM_DEVICE "/dev/vmm"
#define HM_MAX_VCPUS 255

struct hm;
struct hm_vm;

/* What EM works on at every exit is in the open. */
struct hm_vcpu {
	struct hm_vm *vm;
	u32 index;
	int fd;
	struct vmm_page *page;			/* shared with the module */
	const struct vmm_history *history;	/* written by the module alone */
};

/* ---- the host --------------------------------------------------------------- */

int hm_open(struct hm **out, struct error *err);
void hm_close(struct hm *hm);
const struct vmm_info *hm_info(const struct hm *hm);
/* Fills at most *@count entries; *@count is then how many there are. */
int hm_cpuid(struct hm *hm, struct vmm_cpuid_entry *entries, u32 *count, struct error *err);

/* ---- a VM ---------------------------------------------------------------------- */

int hm_vm_create(struct hm_vm **out, struct hm *hm, struct error *err);
/* Destroys its vCPUs too. */
void hm_vm_destroy(struct hm_vm *vm);
const struct vmm_info *hm_vm_info(const struct hm_vm *vm);

/* These before the first vCPU is made. */
int hm_vm_cpuid_set(struct hm_vm *vm, const struct vmm_cpuid_entry *entries, u32 count);
int hm_vm_msrs_set(struct hm_vm *vm, const struct vmm_msr_answer *answers, u32 count);
int hm_vm_pv_set(struct hm_vm *vm, const struct vmm_pv *pv);
int hm_vm_hv_set(struct hm_vm *vm, const struct vmm_hv *hv);

int hm_vm_slot_set(struct hm_vm *vm, const struct vmm_slot *slot);
int hm_vm_dirty_get(struct hm_vm *vm, const struct vmm_dirty *dirty);
int hm_vm_dirty_clear(struct hm_vm *vm, const struct vmm_dirty *dirty);
int hm_vm_clock_set(struct hm_vm *vm, const struct vmm_clock *clock);
int hm_vm_clock_get(struct hm_vm *vm, struct vmm_clock *clock);
int hm_vm_hv_state_set(struct hm_vm *vm, const struct vmm_hv_state *state);
/* Any thread. */
int hm_vm_msi_send(struct hm_vm *vm, u64 address, u32 data);
/* 1: one like it has yet to be taken by the guest. 0, -errno. */
int hm_vm_msi_waits(struct hm_vm *vm, u64 address, u32 data);
int hm_vm_irqfd_set(struct hm_vm *vm, const struct vmm_irqfd *irqfd);
int hm_vm_doorbell_set(struct hm_vm *vm, const struct vmm_doorbell *doorbell);

/* ---- a vCPU ---------------------------------------------------------------------- */

/* The first has VMM_VCPU_BSP; the index is the order of creation. */
int hm_vcpu_create(struct hm_vcpu **out, struct hm_vm *vm, u32 apic_id, struct error *err);
u32 hm_vcpu_count(const struct hm_vm *vm);
struct hm_vcpu *hm_vcpu(const struct hm_vm *vm, u32 index);

int hm_vcpu_run(struct hm_vcpu *vcpu);
int hm_vcpu_kick(struct hm_vcpu *vcpu);			/* any thread */
int hm_vcpu_fetch(struct hm_vcpu *vcpu, u32 groups);
int hm_vcpu_store(struct hm_vcpu *vcpu);
int hm_vcpu_reset(struct hm_vcpu *vcpu);
int hm_vcpu_xsave_get(struct hm_vcpu *vcpu, void *data, u32 size);
int hm_vcpu_xsave_set(struct hm_vcpu *vcpu, const void *data, u32 size);
/* *@count: room or entries; then how many were done. */
int hm_vcpu_msrs_list(struct hm_vcpu *vcpu, struct vmm_msr *msrs, u32 *count);
int hm_vcpu_msrs_get(struct hm_vcpu *vcpu, struct vmm_msr *msrs, u32 *count);
int hm_vcpu_msrs_set(struct hm_vcpu *vcpu, const struct vmm_msr *msrs, u32 *count);
int hm_vcpu_lapic_get(struct hm_vcpu *vcpu, struct vmm_lapic *lapic);
int hm_vcpu_lapic_set(struct hm_vcpu *vcpu, const struct vmm_lapic *lapic);
int hm_vcpu_apic_access(struct hm_vcpu *vcpu, u32 offset, bool write, u32 *value);
int hm_vcpu_extint_set(struct hm_vcpu *vcpu, bool level);	/* any thread */
int hm_vcpu_eoi_exits_set(struct hm_vcpu *vcpu, const u64 vectors[4]);
int hm_vcpu_hv_set(struct hm_vcpu *vcpu, const struct vmm_hv_vcpu *hv);
int hm_vcpu_hv_timer_set(struct hm_vcpu *vcpu, const struct vmm_hv_timer *timer);
int hm_vcpu_hv_timer_get(struct hm_vcpu *vcpu, struct vmm_hv_timer *timer);
/* @value: the address, with VMM_PV_ENABLED in bit 0. */
int hm_vcpu_pv_set(struct hm_vcpu *vcpu, enum vmm_pv_page what, u64 value);
int hm_vcpu_pv_get(struct hm_vcpu *vcpu, enum vmm_pv_page what, u64 *value);

#endif
