// SPDX-License-Identifier: GPL-2.0
/*
 * The guest page walk.
 *
 * Models paging as the SDM's chapter "Paging" and the APM's "Page Translation
 * and Protection" give it: off, 32-bit with PSE and PSE-36, PAE, 4-level and
 * 5-level; SMEP, SMAP, WP, NX, protection keys for user and supervisor pages.
 * It owns no state and takes no lock; the tables may change while it reads
 * them, so an entry is read once and is replaced only if it is still the same.
 *
 * Left out: shadow stacks, LAM and SGX, which guests are never shown; and the
 * load-time check of PAE's page-directory pointers, which is MOV CR3's.
 */
#include "walk.h"

#define CR0_WP		BIT_ULL(16)
#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define CR4_SMEP	BIT_ULL(20)
#define CR4_SMAP	BIT_ULL(21)
#define CR4_PKE		BIT_ULL(22)
#define CR4_PKS		BIT_ULL(24)
#define EFER_LMA	BIT_ULL(10)
#define EFER_NXE	BIT_ULL(11)
#define RFLAGS_AC	BIT_ULL(18)

#define PTE_P		BIT_ULL(0)
#define PTE_W		BIT_ULL(1)
#define PTE_U		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_FRAME	GENMASK_ULL(51, 12)

#define MAX_LEVELS	5
#define MAX_RETRIES	16

/* One shape of tables. Level 1 is the page table, the top level is @levels. */
struct mode {
	u8 levels;
	u8 index_bits;
	u8 entry_size;
	u8 address_bits;	/* of a linear address */
	bool long_mode;
	bool pae;		/* legacy PAE: the top level is four pointers without rights */
	u64 root_mask;		/* the bits of CR3 that are an address */
};

static const struct mode mode_32bit = {
	.levels = 2, .index_bits = 10, .entry_size = 4, .address_bits = 32,
	.root_mask = GENMASK_ULL(31, 12),
};

static const struct mode mode_pae = {
	.levels = 3, .index_bits = 9, .entry_size = 8, .address_bits = 32,
	.pae = true, .root_mask = GENMASK_ULL(31, 5),
};

static const struct mode mode_4level = {
	.levels = 4, .index_bits = 9, .entry_size = 8, .address_bits = 48,
	.long_mode = true, .root_mask = GENMASK_ULL(51, 12),
};

static const struct mode mode_5level = {
	.levels = 5, .index_bits = 9, .entry_size = 8, .address_bits = 57,
	.long_mode = true, .root_mask = GENMASK_ULL(51, 12),
};

/* The entries of one walk, kept to set their accessed and dirty bits. */
struct path {
	gpa_t gpa[MAX_LEVELS + 1];
	u64 entry[MAX_LEVELS + 1];
	u64 rights;		/* W and U ANDed, NX ORed, along the path */
	unsigned int leaf;	/* level of the leaf */
};

static const struct mode *mode_of(const struct pgm_paging *p)
{
	if (p->efer & EFER_LMA)
		return p->cr4 & CR4_LA57 ? &mode_5level : &mode_4level;
	return p->cr4 & CR4_PAE ? &mode_pae : &mode_32bit;
}

static bool is_canonical(const struct mode *mode, gva_t gva)
{
	unsigned int spare = 64 - mode->address_bits;

	return !mode->long_mode || (gva_t)((s64)(gva << spare) >> spare) == gva;
}

static unsigned int level_shift(const struct mode *mode, unsigned int level)
{
	return 12 + mode->index_bits * (level - 1);
}

static unsigned int physical_bits(const struct pgm_paging *p)
{
	if (p->maxphyaddr < 32)
		return 32;
	return p->maxphyaddr > 52 ? 52 : p->maxphyaddr;
}

static bool is_large(const struct pgm_paging *p, const struct mode *mode, unsigned int level,
		     u64 entry)
{
	if (!(entry & PTE_PS))
		return false;
	if (mode->entry_size == 4)
		return level == 2 && (p->cr4 & CR4_PSE);
	return level == 2 || (level == 3 && mode->long_mode && p->have_1g);
}

/*
 * The bits that must be zero in a present entry: "Reserved Bits in
 * Paging-Structure Entries".
 */
static u64 reserved_bits(const struct pgm_paging *p, const struct mode *mode, unsigned int level,
			 bool large)
{
	unsigned int width = physical_bits(p);
	u64 reserved;

	/* A 4 MiB page keeps address bits 39:32 in bits 20:13 (PSE-36). */
	if (mode->entry_size == 4)
		return large ? GENMASK_ULL(21, (width < 40 ? width : 40) - 19) : 0;

	reserved = GENMASK_ULL(51, 0) & ~GENMASK_ULL(width - 1, 0);
	if (mode->pae)
		reserved |= GENMASK_ULL(62, 52);
	/* Bit 5, too; but QEMU's CPU sets it when it walks, as if it were the accessed bit. */
	if (mode->pae && level == 3)
		return reserved | PTE_NX | GENMASK_ULL(8, 6) | GENMASK_ULL(2, 1);
	if (!(p->efer & EFER_NXE))
		reserved |= PTE_NX;
	if (large)
		reserved |= GENMASK_ULL(level_shift(mode, level) - 1, 13);
	else if (level >= 3)
		reserved |= PTE_PS;
	return reserved;
}

/* The error code's bits that do not depend on what the tables say. */
static u32 fault_base(const struct pgm_paging *p, unsigned int access)
{
	u32 code = 0;

	if (access & PGM_WRITE)
		code |= PGM_PF_WRITE;
	if (p->cpl == 3 && !(access & PGM_IMPLICIT))
		code |= PGM_PF_USER;
	if ((access & PGM_EXEC) &&
	    ((p->cr4 & CR4_SMEP) || ((p->cr4 & CR4_PAE) && (p->efer & EFER_NXE))))
		code |= PGM_PF_FETCH;
	return code;
}

static int read_entry(const struct mode *mode, const struct pgm_walk_ops *ops, void *ctx,
		      gpa_t gpa, u64 *entry)
{
	u32 narrow;
	int ret;

	if (mode->entry_size == 8)
		return ops->read(ctx, gpa, entry, 8);
	ret = ops->read(ctx, gpa, &narrow, 4);
	*entry = narrow;
	return ret;
}

/* Follow the tables down to a leaf: 0, PGM_WALK_FAULT or -errno. */
static int descend(const struct pgm_paging *p, const struct mode *mode,
		   const struct pgm_walk_ops *ops, void *ctx, gva_t gva, struct path *path,
		   u32 *fault)
{
	gpa_t table = p->cr3 & mode->root_mask & GENMASK_ULL(physical_bits(p) - 1, 0);
	unsigned int level = mode->levels;

	path->rights = PTE_W | PTE_U;
	for (;; level--) {
		unsigned int index_bits = mode->pae && level == 3 ? 2 : mode->index_bits;
		u64 index = (gva >> level_shift(mode, level)) & (BIT_ULL(index_bits) - 1);
		bool pointer = mode->pae && level == 3;
		u64 entry = 0;
		bool large;
		int ret = 0;

		path->gpa[level] = table + index * mode->entry_size;
		if (pointer && p->have_pdpte)
			entry = p->pdpte[index];
		else
			ret = read_entry(mode, ops, ctx, path->gpa[level], &entry);
		if (ret)
			return ret;
		if (!(entry & PTE_P))
			return PGM_WALK_FAULT;
		large = is_large(p, mode, level, entry);
		if (entry & reserved_bits(p, mode, level, large)) {
			*fault = PGM_PF_PRESENT | PGM_PF_RESERVED;
			return PGM_WALK_FAULT;
		}
		path->entry[level] = entry;
		if (!pointer)
			path->rights = (path->rights & (entry | PTE_NX)) | (entry & PTE_NX);
		path->leaf = level;
		if (level == 1 || large)
			return 0;
		table = entry & PTE_FRAME;
	}
}

/* Does the page's protection key forbid this data access? */
static bool key_denies(const struct pgm_paging *p, unsigned int access, u64 rights, u8 key)
{
	bool user_page = rights & PTE_U;
	bool user = p->cpl == 3 && !(access & PGM_IMPLICIT);
	u32 pair;

	if ((access & PGM_EXEC) || !(p->efer & EFER_LMA))
		return false;
	if (!(p->cr4 & (user_page ? CR4_PKE : CR4_PKS)))
		return false;
	pair = (user_page ? p->pkru : p->pkrs) >> (2 * key) & 3;
	if (pair & 1)
		return true;
	return (pair & 2) && (access & PGM_WRITE) && (user || (p->cr0 & CR0_WP));
}

/* "Access Rights": do the rights along the path forbid the access? */
static bool rights_deny(const struct pgm_paging *p, unsigned int access, u64 rights)
{
	bool user = p->cpl == 3 && !(access & PGM_IMPLICIT);
	bool lifted = (p->rflags & RFLAGS_AC) && !(access & PGM_IMPLICIT);

	if (user && !(rights & PTE_U))
		return true;
	if ((access & PGM_WRITE) && !(rights & PTE_W) && (user || (p->cr0 & CR0_WP)))
		return true;
	if (access & PGM_EXEC)
		return (rights & PTE_NX) || (!user && (rights & PTE_U) && (p->cr4 & CR4_SMEP));
	return !user && (rights & PTE_U) && (p->cr4 & CR4_SMAP) && !lifted;
}

/* Set accessed along the path and dirty in the leaf, top first. */
static int mark(const struct mode *mode, const struct pgm_walk_ops *ops, void *ctx,
		unsigned int access, const struct path *path)
{
	unsigned int level;

	for (level = mode->levels; level >= path->leaf; level--) {
		u64 old = path->entry[level];
		u64 new = old | PTE_A;
		int ret;

		if (mode->pae && level == 3)
			continue;
		if (level == path->leaf && (access & PGM_WRITE))
			new |= PTE_D;
		if (new == old)
			continue;
		ret = ops->exchange(ctx, path->gpa[level], old, new, mode->entry_size);
		if (ret)
			return ret;
	}
	return 0;
}

static void translate(const struct mode *mode, gva_t gva, const struct path *path,
		      struct pgm_walk *out)
{
	unsigned int shift = level_shift(mode, path->leaf);
	u64 leaf = path->entry[path->leaf];
	u64 offset = BIT_ULL(shift) - 1;

	out->gpa = (leaf & PTE_FRAME & ~offset) | (gva & offset);
	if (mode->entry_size == 4 && path->leaf == 2)
		out->gpa = (leaf & GENMASK_ULL(31, 22)) | (leaf & GENMASK_ULL(20, 13)) << 19 |
			   (gva & offset);
	out->page_shift = shift;
	out->rights = (path->rights & PTE_W ? PGM_RIGHT_WRITE : 0) |
		      (path->rights & PTE_U ? PGM_RIGHT_USER : 0) |
		      (path->rights & PTE_NX ? 0 : PGM_RIGHT_EXEC);
	out->key = mode->long_mode ? leaf >> 59 & 15 : 0;
}

static int walk_once(const struct pgm_paging *p, const struct mode *mode,
		     const struct pgm_walk_ops *ops, void *ctx, gva_t gva, unsigned int access,
		     struct pgm_walk *out)
{
	struct path path;
	u32 fault = 0;
	int ret;

	ret = descend(p, mode, ops, ctx, gva, &path, &fault);
	if (ret == PGM_WALK_OK) {
		translate(mode, gva, &path, out);
		if (key_denies(p, access, path.rights, out->key))
			fault |= PGM_PF_PRESENT | PGM_PF_KEY;
		if (rights_deny(p, access, path.rights))
			fault |= PGM_PF_PRESENT;
		if (fault)
			ret = PGM_WALK_FAULT;
	}
	if (ret == PGM_WALK_FAULT)
		out->error_code = fault | fault_base(p, access);
	if (ret || !ops->exchange)
		return ret;
	return mark(mode, ops, ctx, access, &path);
}

int pgm_walk(const struct pgm_paging *paging, const struct pgm_walk_ops *ops, void *ctx,
	     gva_t gva, unsigned int access, struct pgm_walk *out)
{
	const struct mode *mode = mode_of(paging);
	unsigned int tries;
	int ret;

	*out = (struct pgm_walk){ 0 };
	if (!(paging->cr0 & CR0_PG)) {
		out->gpa = (u32)gva;
		out->page_shift = 12;
		out->rights = PGM_RIGHT_WRITE | PGM_RIGHT_EXEC | PGM_RIGHT_USER;
		return PGM_WALK_OK;
	}
	if (!is_canonical(mode, gva))
		return PGM_WALK_NONCANONICAL;
	if (!mode->long_mode)
		gva = (u32)gva;
	for (tries = 0; tries < MAX_RETRIES; tries++) {
		ret = walk_once(paging, mode, ops, ctx, gva, access, out);
		if (ret != -EAGAIN)
			return ret;
	}
	return -EAGAIN;
}
