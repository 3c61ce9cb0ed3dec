// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page tables.
 *
 * Owns the tables of a VM; vm->mmu_lock guards them against other writers.
 * The CPU reads them at any time while a vCPU is in the guest, so a table
 * that was taken out waits on npt.dead until npt_flush() has thrown everybody
 * out. Leaves out where pages come from: see mem.c.
 */
#include <linux/mm.h>
#include <linux/smp.h>

#include "hw.h"
#include "npt.h"

#define NPT_PRESENT	7ULL		/* any of these bits, in both formats */
#define NPT_LARGE	BIT_ULL(7)
#define NPT_ADDR	GENMASK_ULL(51, 12)

static bool npt_is_leaf(u64 entry, int level)
{
	return level == NPT_4K || (entry & NPT_LARGE);
}

static u64 *npt_table(u64 entry)
{
	return __va(entry & NPT_ADDR);
}

static unsigned int npt_index(u64 gfn, int level)
{
	return (gfn >> (9 * (level - 1))) & 511;
}

/*
 * What is clear in a leaf whose next write is to be noticed: by the CPU, which
 * then sets the dirty bit and notes the page, or by the fault.
 */
static u64 npt_track_bit(void)
{
	return hw_info.features & VMM_FEATURE_PML ? hw->npt->dirty : hw->npt->write;
}

/*
 * iTLB multihit: a CPU that finds an instruction by a large page and by a small
 * one at a time may stop the machine, so none is executed by large ones.
 */
static bool npt_executes_small(void)
{
	return hw_info.barriers & VMM_BARRIER_NX_LARGE;
}

static u64 *npt_table_alloc(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

int npt_create(struct vm *vm)
{
	vm->npt.levels = hw_info.features & VMM_FEATURE_LEVEL5 ? 5 : 4;
	INIT_LIST_HEAD(&vm->npt.dead);
	vm->npt.root = npt_table_alloc();
	return vm->npt.root ? 0 : -ENOMEM;
}

static void npt_free_dead(struct vm *vm)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &vm->npt.dead, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

/* Recursion is bounded by the levels: at most 5. */
static void npt_bury(struct vm *vm, u64 *table, int level)
{
	unsigned int i;

	for (i = 0; level > NPT_4K && i < 512; i++) {
		if ((table[i] & NPT_PRESENT) && !npt_is_leaf(table[i], level))
			npt_bury(vm, npt_table(table[i]), level - 1);
	}
	list_add(&virt_to_page(table)->lru, &vm->npt.dead);
}

void npt_destroy(struct vm *vm)
{
	if (!vm->npt.root)
		return;
	npt_bury(vm, vm->npt.root, vm->npt.levels);
	npt_free_dead(vm);
}

int npt_prepare(struct vcpu *vcpu)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->table_cache); i++) {
		if (!vcpu->table_cache[i])
			vcpu->table_cache[i] = npt_table_alloc();
		if (!vcpu->table_cache[i])
			return -ENOMEM;
	}
	return 0;
}

void npt_prepare_free(struct vcpu *vcpu)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->table_cache); i++) {
		free_page((unsigned long)vcpu->table_cache[i]);
		vcpu->table_cache[i] = NULL;
	}
}

static u64 *npt_table_take(struct vcpu *vcpu)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->table_cache); i++) {
		u64 *table = vcpu->table_cache[i];

		vcpu->table_cache[i] = NULL;
		if (table)
			return table;
	}
	/* npt_prepare() made one for each level. */
	WARN_ON_ONCE(1);
	return NULL;
}

static u64 npt_leaf(u64 pfn, int level, u32 access)
{
	const struct npt_format *fmt = hw->npt;
	u64 leaf = fmt->leaf;

	if (access & NPT_WRITE)
		leaf |= fmt->write;
	if (access & NPT_TRACK)
		leaf &= ~npt_track_bit();
	if (level > NPT_4K)
		leaf |= NPT_LARGE;
	if (level > NPT_4K && npt_executes_small())
		leaf &= ~fmt->exec;
	return leaf | (pfn & ~(npt_level_pages(level) - 1)) << PAGE_SHIFT;
}

/*
 * The level at which @gfn is mapped, at most @level: where large pages cannot
 * be executed, those that are split stay so until they are unmapped.
 */
static int npt_level_of(struct vm *vm, u64 gfn, int level, u32 access)
{
	u64 *table = vm->npt.root;
	int l, i;

	if (!npt_executes_small() || level == NPT_4K)
		return level;
	if (access & NPT_FETCH)
		return NPT_4K;
	for (l = vm->npt.levels; l > NPT_4K; l--) {
		u64 entry = table[npt_index(gfn, l)];

		if (!(entry & NPT_PRESENT) || npt_is_leaf(entry, l))
			return level;
		table = npt_table(entry);
		for (i = 0; l <= level && i < 512; i++) {
			if (table[i] & NPT_PRESENT)
				level = l - 1;
		}
	}
	return level;
}

/* The entry of @level for @gfn, with what tables it takes. NULL: there is nothing to add. */
static u64 *npt_entry_make(struct vcpu *vcpu, u64 gfn, int level, u32 access)
{
	const bool split = npt_executes_small() && (access & NPT_FETCH);
	struct vm *vm = vcpu->vm;
	u64 *table = vm->npt.root;
	int l;

	for (l = vm->npt.levels; l > level; l--) {
		u64 *entry = &table[npt_index(gfn, l)], old = *entry;

		if (!(old & NPT_PRESENT) || (split && npt_is_leaf(old, l))) {
			u64 *next = npt_table_take(vcpu);

			if (!next)
				return NULL;
			WRITE_ONCE(*entry, __pa(next) | hw->npt->table);
			/* Or what is unmapped later would be in a TLB, and found nowhere. */
			if (old & NPT_PRESENT)
				npt_flush(vm);
		} else if (npt_is_leaf(old, l)) {
			/* Mapped larger by another vCPU. */
			return NULL;
		}
		table = npt_table(*entry);
	}
	return &table[npt_index(gfn, level)];
}

void npt_map(struct vcpu *vcpu, u64 gfn, u64 pfn, int level, u32 access)
{
	struct vm *vm = vcpu->vm;
	u64 leaf, old, *entry;

	level = npt_level_of(vm, gfn, level, access);
	leaf = npt_leaf(pfn, level, access);
	entry = npt_entry_make(vcpu, gfn, level, access);
	if (!entry)
		return;
	/* In one piece: the CPU may be setting bits of the old one. */
	old = xchg(entry, leaf);
	if (!(old & NPT_PRESENT))
		return;
	if (!npt_is_leaf(old, level))
		npt_bury(vm, npt_table(old), level - 1);
	if (!npt_is_leaf(old, level) || (old & ~leaf & (NPT_PRESENT | npt_track_bit())) ||
	    ((old ^ leaf) & NPT_ADDR))
		npt_flush(vm);
}

/* @fn changes a leaf and says whether a flush is due. */
static bool npt_walk(struct vm *vm, u64 *table, int level, u64 base, u64 gfn, u64 end,
		     bool (*fn)(u64 *entry))
{
	u64 step = npt_level_pages(level);
	unsigned int i = gfn > base ? (gfn - base) / step : 0;
	bool flush = false;

	for (; i < 512 && base + i * step < end; i++) {
		u64 *entry = &table[i];

		if (!(*entry & NPT_PRESENT))
			continue;
		if (npt_is_leaf(*entry, level))
			flush |= fn(entry);
		else
			flush |= npt_walk(vm, npt_table(*entry), level - 1, base + i * step,
					  gfn, end, fn);
	}
	return flush;
}

static bool npt_zap_leaf(u64 *entry)
{
	WRITE_ONCE(*entry, 0);
	return true;
}

/* In one piece, too. A bit that was clear is not cached as set. */
static bool npt_track_leaf(u64 *entry)
{
	return test_and_clear_bit(__ffs64(npt_track_bit()), (unsigned long *)entry);
}

static bool npt_change(struct vm *vm, u64 gfn, u64 end, bool (*fn)(u64 *entry))
{
	bool flush = npt_walk(vm, vm->npt.root, vm->npt.levels, 0, gfn, end, fn);

	vm->npt.flush_due |= flush;
	return flush;
}

bool npt_zap(struct vm *vm, u64 gfn, u64 end)
{
	return npt_change(vm, gfn, end, npt_zap_leaf);
}

bool npt_track(struct vm *vm, u64 gfn, u64 end)
{
	return npt_change(vm, gfn, end, npt_track_leaf);
}

static void npt_leave_guest(void *unused)
{
	/* The interrupt itself is what takes the CPU out of the guest. */
}

void npt_interrupt(struct vm *vm, unsigned long requests)
{
	struct vcpu *vcpu;
	cpumask_var_t mask;
	bool all;
	u32 i;

	/* Pairs with the barrier in run_enter(). */
	smp_mb();
	all = !zalloc_cpumask_var(&mask, GFP_ATOMIC | __GFP_NOWARN);
	vm_for_each_vcpu(i, vcpu, vm) {
		int cpu = READ_ONCE(vcpu->cpu);

		if (requests && !(READ_ONCE(vcpu->requests) & requests))
			continue;
		if (!all && READ_ONCE(vcpu->mode) == VCPU_IN_GUEST && cpu >= 0)
			cpumask_set_cpu(cpu, mask);
	}
	smp_call_function_many(all ? cpu_online_mask : mask, npt_leave_guest, NULL, true);
	if (!all)
		free_cpumask_var(mask);
}

/*
 * A vCPU sets its mode, then reads tlb_gen; we write tlb_gen, then read the
 * modes. So it either sees the new generation or is seen and interrupted, and
 * an interrupt is answered only once it is out.
 */
void npt_flush(struct vm *vm)
{
	lockdep_assert_held(&vm->mmu_lock);
	vm->npt.flush_due = false;
	WRITE_ONCE(vm->tlb_gen, vm->tlb_gen + 1);
	/* mmu_lock holds preemption off. */
	npt_interrupt(vm, 0);
	npt_free_dead(vm);
}
