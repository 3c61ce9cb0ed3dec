// SPDX-License-Identifier: GPL-2.0
/*
 * Slots, the faults that fill the nested tables from them, and the
 * mmu_notifier that empties them again.
 *
 * A slot is changed under slots_lock (for those who sleep) and mmu_lock (for
 * the notifier), and read under either. A fault reads notifier_seq, looks the
 * page up without a lock, and maps it under mmu_lock only if no invalidation
 * ran or is running since; else it looks again.
 *
 * Leaves out which pages were written: see dirty.c.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/pgtable.h>

#include "compat.h"
#include "dirty.h"
#include "hw.h"
#include "mem.h"
#include "npt.h"

struct slot *mem_slot_of(struct vm *vm, u64 gfn)
{
	struct slot *slot;

	for (slot = vm->slot; slot < vm->slot + vm->slot_end; slot++) {
		if (gfn - slot->gfn < slot->pages)
			return slot;
	}
	return NULL;
}

/* An emulator forgives a flush that was forgotten; real TLBs do not. */
void mem_unlock(struct vm *vm) __releases(&vm->mmu_lock)
{
	WARN_ON_ONCE(IS_ENABLED(CONFIG_HM_PARANOIA) && vm->npt.flush_due);
	spin_unlock(&vm->mmu_lock);
}

/* ---- the mmu_notifier --------------------------------------------------------- */

static bool mem_zap_hva(struct vm *vm, u64 start, u64 end)
{
	struct slot *slot;
	bool flush = false;

	for (slot = vm->slot; slot < vm->slot + VMM_MAX_SLOTS; slot++) {
		u64 from = max(start, slot->hva);
		u64 to = min(end, slot->hva + (slot->pages << PAGE_SHIFT));

		if (!slot->pages || from >= to)
			continue;
		flush |= npt_zap(vm, slot->gfn + ((from - slot->hva) >> PAGE_SHIFT),
				 slot->gfn + ((to - slot->hva + PAGE_SIZE - 1) >> PAGE_SHIFT));
	}
	if (flush)
		npt_flush(vm);
	return flush;
}

static int mem_invalidate_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = container_of(mn, struct vm, notifier);

	spin_lock(&vm->mmu_lock);
	vm->notifier_active++;
	mem_zap_hva(vm, range->start, range->end);
	mem_unlock(vm);
	return 0;
}

static void mem_invalidate_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = container_of(mn, struct vm, notifier);

	spin_lock(&vm->mmu_lock);
	vm->notifier_seq++;
	vm->notifier_active--;
	mem_unlock(vm);
}

/*
 * Reclaim asks whether pages are in use. What is mapped is dropped and called
 * young: if the guest wants it, it faults it in again.
 */
static int mem_clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			   unsigned long end)
{
	struct vm *vm = container_of(mn, struct vm, notifier);
	bool young;

	spin_lock(&vm->mmu_lock);
	young = mem_zap_hva(vm, start, end);
	mem_unlock(vm);
	return young;
}

static void mem_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vm *vm = container_of(mn, struct vm, notifier);

	spin_lock(&vm->mmu_lock);
	/* For good: the pages are about to go, and nobody may map them again. */
	vm->notifier_active++;
	mem_zap_hva(vm, 0, ~0ULL);
	mem_unlock(vm);
}

static const struct mmu_notifier_ops mem_notifier_ops = {
	.invalidate_range_start = mem_invalidate_start,
	.invalidate_range_end = mem_invalidate_end,
	.clear_flush_young = mem_clear_young,
	.release = mem_release,
};

int mem_create(struct vm *vm)
{
	int err;

	err = npt_create(vm);
	if (err)
		return err;
	vm->notifier.ops = &mem_notifier_ops;
	err = mmu_notifier_register(&vm->notifier, vm->mm);
	if (err)
		npt_destroy(vm);
	return err;
}

void mem_destroy(struct vm *vm)
{
	struct slot *slot;

	mmu_notifier_unregister(&vm->notifier, vm->mm);
	for (slot = vm->slot; slot < vm->slot + VMM_MAX_SLOTS; slot++)
		kvfree(slot->dirty);
	npt_destroy(vm);
}

/* ---- slots ----------------------------------------------------------------------- */

static bool mem_slot_is_sane(const struct vmm_slot *req)
{
	u64 limit = 1ULL << min(hw_info.phys_bits, 52U);

	if (req->slot >= VMM_MAX_SLOTS)
		return false;
	if (req->flags & ~(VMM_SLOT_READONLY | VMM_SLOT_DIRTY_LOG))
		return false;
	if (!PAGE_ALIGNED(req->gpa | req->size | req->hva))
		return false;
	if (req->gpa + req->size < req->gpa || req->gpa + req->size > limit)
		return false;
	return access_ok((void __user *)req->hva, req->size);
}

static bool mem_slot_overlaps(struct vm *vm, const struct vmm_slot *req)
{
	u64 gfn = req->gpa >> PAGE_SHIFT, end = gfn + (req->size >> PAGE_SHIFT);
	u32 i;

	for (i = 0; i < VMM_MAX_SLOTS; i++) {
		struct slot *slot = &vm->slot[i];

		if (i != req->slot && slot->pages && gfn < slot->gfn + slot->pages &&
		    slot->gfn < end)
			return true;
	}
	return false;
}

long mem_set_slot(struct vm *vm, const struct vmm_slot *req)
{
	unsigned long *dirty = NULL, *old_dirty;
	struct slot *slot;

	if (!mem_slot_is_sane(req))
		return -EINVAL;
	if (mem_slot_overlaps(vm, req))
		return -EEXIST;
	if (req->size && (req->flags & VMM_SLOT_DIRTY_LOG)) {
		dirty = kvcalloc(BITS_TO_LONGS(req->size >> PAGE_SHIFT), sizeof(long),
				 GFP_KERNEL_ACCOUNT);
		if (!dirty)
			return -ENOMEM;
	}

	slot = &vm->slot[req->slot];
	down_write(&vm->slots_lock);
	spin_lock(&vm->mmu_lock);
	if (slot->pages && npt_zap(vm, slot->gfn, slot->gfn + slot->pages))
		npt_flush(vm);
	if (slot->dirty)
		dirty_log_empty(vm);
	vm->slots_changed++;
	vm->slot_end = max(vm->slot_end, req->slot + 1);
	old_dirty = slot->dirty;
	*slot = (struct slot) {
		.flags = req->flags,
		.gfn = req->gpa >> PAGE_SHIFT,
		.pages = req->size >> PAGE_SHIFT,
		.hva = req->hva,
		.dirty = dirty,
	};
	mem_unlock(vm);
	up_write(&vm->slots_lock);
	kvfree(old_dirty);
	return 0;
}

/* ---- faults --------------------------------------------------------------------------- */

/*
 * The level at which the host maps @hva now. Tables are freed only after an
 * IPI to every CPU that may walk them, so interrupts off keep them in place.
 */
static int mem_host_level(struct mm_struct *mm, unsigned long hva)
{
	unsigned long flags;
	int level = NPT_4K;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		level = NPT_1G;
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (!pmd_none(pmd) && pmd_present(pmd) && pmd_leaf(pmd))
		level = NPT_2M;
out:
	local_irq_restore(flags);
	return level;
}

static int mem_max_level(void)
{
	if (!(hw_info.features & VMM_FEATURE_NESTED_2M))
		return NPT_4K;
	return hw_info.features & VMM_FEATURE_NESTED_1G ? NPT_1G : NPT_2M;
}

/* The largest page that the host's mapping, the slot and the CPU all allow. */
static int mem_level(struct vm *vm, const struct slot *slot, u64 gfn, u64 hva)
{
	int level;

	if (slot->dirty)
		return NPT_4K;
	level = min(mem_host_level(vm->mm, hva), mem_max_level());
	for (; level > NPT_4K; level--) {
		u64 pages = npt_level_pages(level), first = gfn & ~(pages - 1);

		if (((slot->hva >> PAGE_SHIFT) ^ slot->gfn) & (pages - 1))
			continue;
		if (first >= slot->gfn && first + pages <= slot->gfn + slot->pages)
			break;
	}
	return level;
}

/* A page for @hva, referenced; *@writable says whether it may be written. */
static int mem_get_page(u64 hva, bool write, bool readonly, struct page **page, bool *writable)
{
	int n;

	*writable = true;
	if (write)
		return get_user_pages_fast(hva, 1, FOLL_WRITE, page);
	/* A read takes write access along where that costs nothing. */
	if (!readonly && get_user_pages_fast_only(hva, 1, FOLL_WRITE, page) == 1)
		return 1;
	*writable = false;
	n = get_user_pages_fast(hva, 1, 0, page);
	return n;
}

static void mem_page_written(struct page *page)
{
	/* The guest's writes do not set the dirty bit of the host's entry. */
	if (PageAnon(page))
		SetPageDirty(page);
	else
		set_page_dirty_lock(page);
}

static int mem_map_page(struct vcpu *vcpu, struct slot *slot, u64 gfn, u32 fault)
{
	u64 hva = slot->hva + ((gfn - slot->gfn) << PAGE_SHIFT);
	struct vm *vm = vcpu->vm;
	u32 access = fault & VMM_FAULT_FETCH ? NPT_FETCH : 0;
	bool writable, write = fault & VMM_FAULT_WRITE;
	struct page *page;
	unsigned long seq;
	int n, level;

	for (;;) {
		seq = READ_ONCE(vm->notifier_seq);
		smp_rmb();
		n = mem_get_page(hva, write, slot->flags & VMM_SLOT_READONLY, &page, &writable);
		if (n != 1)
			return n < 0 ? n : -EFAULT;
		if (writable)
			mem_page_written(page);
		level = mem_level(vm, slot, gfn, hva);

		spin_lock(&vm->mmu_lock);
		if (!vm->notifier_active && vm->notifier_seq == seq)
			break;
		mem_unlock(vm);
		put_page(page);
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (writable)
		access |= NPT_WRITE;
	if (write)
		dirty_mark(slot, gfn);
	else if (slot->dirty)
		access |= NPT_TRACK;
	npt_map(vcpu, gfn, page_to_pfn(page), level, access);
	mem_unlock(vm);
	/* Not pinned: the mmu_notifier tells us when it goes. */
	put_page(page);
	return 0;
}

int mem_fault(struct vcpu *vcpu, gpa_t gpa, u32 fault)
{
	bool write = fault & VMM_FAULT_WRITE;
	u64 gfn = gpa >> PAGE_SHIFT;
	struct vm *vm = vcpu->vm;
	struct slot *slot;
	int err;

	down_read(&vm->slots_lock);
	slot = mem_slot_of(vm, gfn);
	if (!slot || (write && (slot->flags & VMM_SLOT_READONLY))) {
		err = -ENOENT;
	} else {
		err = npt_prepare(vcpu);
		if (!err)
			err = mem_map_page(vcpu, slot, gfn, fault);
	}
	up_read(&vm->slots_lock);
	return err;
}

/* ---- copies ----------------------------------------------------------------------------- */

/* The user address of @gpa for @len bytes within its page; slots_lock or mmu_lock held. */
static void __user *mem_user(struct vm *vm, gpa_t gpa, bool write, struct slot **out)
{
	struct slot *slot = mem_slot_of(vm, gpa >> PAGE_SHIFT);

	if (!slot || (write && (slot->flags & VMM_SLOT_READONLY)))
		return NULL;
	*out = slot;
	return (void __user *)(slot->hva + (gpa - (slot->gfn << PAGE_SHIFT)));
}

static int mem_copy(struct vm *vm, gpa_t gpa, void *buf, unsigned int len, bool write)
{
	void __user *user;
	struct slot *slot;
	int err = 0;

	down_read(&vm->slots_lock);
	while (len && !err) {
		unsigned int n = min_t(u64, len, PAGE_SIZE - (gpa & ~PAGE_MASK));

		user = mem_user(vm, gpa, write, &slot);
		if (!user)
			err = -EFAULT;
		else if (write ? copy_to_user(user, buf, n) : copy_from_user(buf, user, n))
			err = -EFAULT;
		else if (write)
			dirty_mark(slot, gpa >> PAGE_SHIFT);
		gpa += n;
		buf += n;
		len -= n;
	}
	up_read(&vm->slots_lock);
	return err;
}

const void __user *mem_user_of(struct vm *vm, gpa_t gpa)
{
	const void __user *user;
	struct slot *slot;

	down_read(&vm->slots_lock);
	user = mem_user(vm, gpa, false, &slot);
	up_read(&vm->slots_lock);
	return user;
}

int mem_read(struct vm *vm, gpa_t gpa, void *buf, unsigned int len)
{
	return mem_copy(vm, gpa, buf, len, false);
}

int mem_read_u64(struct vm *vm, gpa_t gpa, u64 *value)
{
	struct slot *slot;
	u64 __user *user;
	int err = -EFAULT;

	if (!IS_ALIGNED(gpa, sizeof(*value)))
		return mem_read(vm, gpa, value, sizeof(*value));
	down_read(&vm->slots_lock);
	user = mem_user(vm, gpa, false, &slot);
	if (user)
		err = get_user(*value, user);
	up_read(&vm->slots_lock);
	return err;
}

int mem_write(struct vm *vm, gpa_t gpa, const void *buf, unsigned int len)
{
	return mem_copy(vm, gpa, (void *)buf, len, true);
}

bool mem_try_write_u8(struct vm *vm, gpa_t gpa, u8 value)
{
	struct slot *slot;
	u8 __user *user;
	bool done;

	if (!spin_trylock(&vm->mmu_lock))
		return false;
	user = mem_user(vm, gpa, true, &slot);
	pagefault_disable();
	done = user && !__put_user(value, user);
	pagefault_enable();
	if (done)
		dirty_mark(slot, gpa >> PAGE_SHIFT);
	spin_unlock(&vm->mmu_lock);
	return done;
}

static int mem_cmpxchg_user(void __user *user, u64 old, u64 new, unsigned int size)
{
	int err = -EFAULT;

	if (!user_access_begin(user, size))
		return -EFAULT;
	if (size == 8) {
		u64 was = old;

		if (!unsafe_try_cmpxchg_user((u64 __user *)user, &was, new, fault))
			goto changed;
	} else {
		u32 was = old;

		if (!unsafe_try_cmpxchg_user((u32 __user *)user, &was, (u32)new, fault))
			goto changed;
	}
	err = 0;
	goto fault;
changed:
	err = -EAGAIN;
fault:
	user_access_end();
	return err;
}

int mem_cmpxchg(struct vm *vm, gpa_t gpa, u64 old, u64 new, unsigned int size)
{
	void __user *user;
	struct slot *slot;
	int err = -EFAULT;

	if (!IS_ALIGNED(gpa, size))
		return -EINVAL;
	down_read(&vm->slots_lock);
	user = mem_user(vm, gpa, true, &slot);
	if (user)
		err = mem_cmpxchg_user(user, old, new, size);
	if (!err)
		dirty_mark(slot, gpa >> PAGE_SHIFT);
	up_read(&vm->slots_lock);
	return err;
}
