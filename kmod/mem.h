/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest-physical memory: slots of the caller's user memory, mapped on fault
 * and dropped when the mmu_notifier says so; never pinned.
 */
#ifndef KMOD_MEM_H
#define KMOD_MEM_H

#include "vmm.h"

int mem_create(struct vm *vm);
void mem_destroy(struct vm *vm);

/* An ioctl; vm->lock held. */
long mem_set_slot(struct vm *vm, const struct vmm_slot *req);

/* The slot that holds @gfn, or NULL. slots_lock or mmu_lock held. */
struct slot *mem_slot_of(struct vm *vm, u64 gfn);
/* Let go of mmu_lock; no flush may be due. */
void mem_unlock(struct vm *vm) __releases(&vm->mmu_lock);

/*
 * Map what the guest touched. -ENOENT: no slot, or a write to a read-only
 * one. Else -errno of the memory behind it. The vCPU's own thread.
 */
int mem_fault(struct vcpu *vcpu, gpa_t gpa, u32 fault);

/* Copies between slots and the kernel; -EFAULT. A vCPU's own thread. */
int mem_read(struct vm *vm, gpa_t gpa, void *buf, unsigned int len);
/* The same for what a page table holds. */
int mem_read_u64(struct vm *vm, gpa_t gpa, u64 *value);
int mem_write(struct vm *vm, gpa_t gpa, const void *buf, unsigned int len);
/*
 * One byte, by a thread that must neither sleep nor wait: one the scheduler is
 * taking the CPU from, say. False: not now.
 */
bool mem_try_write_u8(struct vm *vm, gpa_t gpa, u8 value);
/* The user address behind @gpa, to read through as long as no slot changes; NULL: none. */
const void __user *mem_user_of(struct vm *vm, gpa_t gpa);
/* Atomic on guest memory of @size 4 or 8: -EAGAIN if *@gpa was not @old. */
int mem_cmpxchg(struct vm *vm, gpa_t gpa, u64 old, u64 new, unsigned int size);

#endif
