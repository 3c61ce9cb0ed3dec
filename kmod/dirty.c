// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that were written: a bitmap per slot with VMM_SLOT_DIRTY_LOG.
 *
 * Pages of such a slot are mapped so that the next write is noticed. A CPU
 * without a log of its own faults on it, and the bit is set before the write
 * is made. One with a log sets the dirty bit of the nested mapping and notes
 * the address in vcpu->dirty_log, which is emptied into the bitmaps when it is
 * full, when user space asks, and before a slot changes.
 *
 * The log is read without asking the CPU how far it has come: an entry that
 * has been taken is marked free, and the CPU only ever writes over free ones.
 * So any thread can empty the log of any vCPU, under vm->mmu_lock, and exits
 * cost nothing.
 *
 * Leaves out what user space writes through its own mapping.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "dirty.h"
#include "hw.h"
#include "mem.h"
#include "npt.h"

/* ---- the CPUs' logs ----------------------------------------------------------- */

#define DIRTY_LOG_FREE	(~0ULL)		/* in place of an address */

int dirty_log_create(struct vcpu *vcpu)
{
	struct dirty_log *log = &vcpu->dirty_log;

	if (!(hw_info.features & VMM_FEATURE_PML))
		return 0;
	log->entry = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!log->entry)
		return -ENOMEM;
	memset(log->entry, 0xff, PAGE_SIZE);
	log->next = DIRTY_LOG_SIZE - 1;
	return 0;
}

void dirty_log_destroy(struct vcpu *vcpu)
{
	free_page((unsigned long)vcpu->dirty_log.entry);
}

/* Take what the CPU has noted so far; it may be noting more. */
static void dirty_log_take(struct vcpu *vcpu)
{
	struct dirty_log *log = &vcpu->dirty_log;
	struct slot *slot = NULL;

	lockdep_assert_held(&vcpu->vm->mmu_lock);
	for (; log->entry && log->next >= 0; log->next--) {
		u64 gpa = READ_ONCE(log->entry[log->next]);
		u64 gfn = gpa >> PAGE_SHIFT;

		if (gpa == DIRTY_LOG_FREE)
			break;
		WRITE_ONCE(log->entry[log->next], DIRTY_LOG_FREE);
		if (!slot || gfn - slot->gfn >= slot->pages)
			slot = mem_slot_of(vcpu->vm, gfn);
		if (slot)
			dirty_mark(slot, gfn);
	}
}

void dirty_log_full(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	spin_lock(&vm->mmu_lock);
	dirty_log_take(vcpu);
	WARN_ON_ONCE(IS_ENABLED(CONFIG_HM_PARANOIA) && vcpu->dirty_log.next >= 0);
	vcpu->dirty_log.next = DIRTY_LOG_SIZE - 1;
	mem_unlock(vm);
}

void dirty_log_empty(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm)
		dirty_log_take(vcpu);
}

/* Every write that a vCPU has made until now is in the bitmaps afterwards. */
static void dirty_collect(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	if (!(hw_info.features & VMM_FEATURE_PML))
		return;
	/* Once it is out of the guest, what a CPU has noted is in memory. */
	preempt_disable();
	npt_interrupt(vm, 0);
	preempt_enable();
	vm_for_each_vcpu(i, vcpu, vm) {
		spin_lock(&vm->mmu_lock);
		dirty_log_take(vcpu);
		mem_unlock(vm);
	}
}

/* ---- calls -------------------------------------------------------------------- */

static struct slot *dirty_slot(struct vm *vm, const struct vmm_dirty *req)
{
	struct slot *slot;

	if (req->slot >= VMM_MAX_SLOTS || req->pad)
		return NULL;
	slot = &vm->slot[req->slot];
	if (!slot->dirty || req->first % 64 || req->first > slot->pages ||
	    req->count > slot->pages - req->first)
		return NULL;
	if (req->count % 64 && req->first + req->count != slot->pages)
		return NULL;
	return slot;
}

/* vm->lock keeps the slot; bits are only ever set meanwhile. */
long dirty_get(struct vm *vm, const struct vmm_dirty *req)
{
	struct slot *slot = dirty_slot(vm, req);

	if (!slot)
		return -EINVAL;
	dirty_collect(vm);
	if (copy_to_user((void __user *)req->bitmap, slot->dirty + BIT_WORD(req->first),
			 BITS_TO_LONGS(req->count) * sizeof(long)))
		return -EFAULT;
	return 0;
}

/* Words of the bitmap that are cleared under one hold of mmu_lock, with one flush. */
#define DIRTY_BATCH	8

/* Forget these pages. True: a flush is due. */
static bool dirty_clear_word(struct vm *vm, struct slot *slot, u64 first, u64 mask)
{
	atomic_long_t *word = (atomic_long_t *)&slot->dirty[BIT_WORD(first)];
	bool flush = false;
	int bit;

	/* The bits first: a page that is written again from here on gets its own back. */
	mask &= atomic_long_fetch_andnot(mask, word);
	for (bit = 0; bit < 64; bit++) {
		u64 gfn = slot->gfn + first + bit;

		if (mask & BIT_ULL(bit))
			flush |= npt_track(vm, gfn, gfn + 1);
	}
	return flush;
}

static void dirty_clear_words(struct vm *vm, struct slot *slot, u64 first, const u64 *mask,
			      unsigned int words)
{
	bool flush = false;
	unsigned int i;

	spin_lock(&vm->mmu_lock);
	for (i = 0; i < words; i++) {
		if (mask[i])
			flush |= dirty_clear_word(vm, slot, first + 64 * i, mask[i]);
	}
	if (flush)
		npt_flush(vm);
	mem_unlock(vm);
}

long dirty_clear(struct vm *vm, const struct vmm_dirty *req)
{
	struct slot *slot = dirty_slot(vm, req);
	const u64 __user *user = (const u64 __user *)req->bitmap;
	u64 mask[DIRTY_BATCH], done, pages;

	if (!slot)
		return -EINVAL;
	dirty_collect(vm);
	for (done = 0; done < req->count; done += pages) {
		unsigned int words;

		pages = min_t(u64, req->count - done, 64 * DIRTY_BATCH);
		words = BITS_TO_LONGS(pages);
		if (copy_from_user(mask, user + done / 64, words * sizeof(*mask)))
			return -EFAULT;
		if (pages % 64)
			mask[words - 1] &= BIT_ULL(pages % 64) - 1;
		dirty_clear_words(vm, slot, req->first + done, mask, words);
		cond_resched();
	}
	return 0;
}
