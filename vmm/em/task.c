// SPDX-License-Identifier: GPL-2.0
/*
 * "Task Switching" of Intel's manual, volume 3, chapter "Task Management".
 *
 * The CPU has checked privileges and the gate before it exits ("Treatment of
 * Task Switches"), and they are not checked again. All else is, since other
 * vCPUs may change the GDT meanwhile. Up to the commit everything is read, and
 * probed for writing, so that a fault finds the old task untouched; from there
 * on faults are the new task's. The order among the checks of the new task's
 * segments is a CPU's own choice, says the manual; here it is LDTR, CS, SS,
 * then the data segments.
 *
 * Owns nothing; runs on the vCPU's thread. Left out: shadow stacks, and tasks
 * in long mode, which has none.
 */
#include "vmm/em/task.h"

enum { VECTOR_TS = 10, VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13 };

#define CR0_TS		BIT_ULL(3)
#define CR0_PG		BIT_ULL(31)
#define CR4_PAE		BIT_ULL(5)
#define RFLAGS_FIXED	BIT_ULL(1)
#define RFLAGS_NT	BIT_ULL(14)
#define RFLAGS_VM	BIT_ULL(17)
#define RFLAGS_AC	BIT_ULL(18)
#define RFLAGS_KNOWN	0x3f7fd5ULL
#define DR7_LOCAL	0x155ULL	/* L0 to L3, LE */

/* A segment's attributes as struct vmm_segment has them, bits 40-55 of a descriptor. */
#define ATTR_WRITABLE	BIT(1)		/* data; of code: readable */
#define ATTR_DOWN	BIT(2)		/* data: expands down; code: conforming */
#define ATTR_CODE	BIT(3)
#define ATTR_S		BIT(4)
#define ATTR_P		BIT(7)
#define ATTR_B		BIT(14)
#define ATTR_G		BIT(15)
#define ATTR_DPL(a)	((a) >> 5 & 3)
#define ATTR_V8086	0xf3U

#define DESC_ACCESSED	BIT_ULL(40)
#define DESC_BUSY	BIT_ULL(41)

/* System descriptors: type and S. */
enum { TYPE_TSS16 = 1, TYPE_LDT = 2, TYPE_TSS32 = 9, TYPE_BUSY = 2 };

#define SELECTOR_TI	4U
#define SELECTOR_RPL	3U

/* "16-Bit Task-State Segment (TSS)" and "Task-State Segment (TSS)" */
struct tss_layout {
	u8 size;		/* what it must have */
	u8 width;		/* of registers, and the distance of selectors */
	u8 cr3, trap;		/* 0: it has none */
	u8 ip, flags, gprs, segs, ldt;
	u8 seg_count;
};

static const struct tss_layout tss16 = {
	.size = 44, .width = 2, .ip = 14, .flags = 16, .gprs = 18, .segs = 34, .ldt = 42,
	.seg_count = 4,
};

static const struct tss_layout tss32 = {
	.size = 104, .width = 4, .cr3 = 28, .ip = 32, .flags = 36, .gprs = 40, .segs = 72,
	.ldt = 96, .trap = 100, .seg_count = 6,
};

struct descriptor {
	u64 raw;
	gva_t at;
};

/* What is carried from the checks to the commit. */
struct task_plan {
	const struct tss_layout *old, *new;
	struct descriptor old_desc, new_desc;
	u8 image[104];
};

/* ---- memory -------------------------------------------------------------------------- */

static int task_fail(struct task_switch *ts, u8 vector, u16 selector)
{
	ts->ex = (struct interp_exception) {
		.vector = vector, .has_error = true,
		.error_code = (selector & ~SELECTOR_RPL) | ts->external,
	};
	return -EFAULT;
}

static gva_t linear(u64 base, u32 offset)
{
	return (u32)(base + offset);
}

/* Parts of a TSS; @for_write faults as a write would. */
static int task_read(struct task_switch *ts, gva_t at, void *buf, u32 size, bool for_write)
{
	u32 done, part;
	int ret = 0;

	for (done = 0; done < size && !ret; done += part) {
		part = min(size - done, (u32)INTERP_MAX_ACCESS);
		ret = em_mem_read(ts->mem, linear(at, done), (u8 *)buf + done, part, for_write,
				  &ts->ex);
	}
	return ret;
}

static u32 get(const u8 *image, u32 offset, u32 width)
{
	u32 value = 0;

	memcpy(&value, image + offset, width);
	return value;
}

/* ---- descriptors --------------------------------------------------------------------- */

static u32 desc_attr(u64 raw)
{
	return raw >> 40 & 0xf0ff;
}

static u64 desc_base(u64 raw)
{
	return (raw >> 16 & 0xffffff) | raw >> 56 << 24;
}

static u32 desc_limit(u64 raw)
{
	u32 limit = (raw & 0xffff) | (raw >> 32 & 0xf0000);

	return desc_attr(raw) & ATTR_G ? limit << 12 | 0xfff : limit;
}

/* -ENOENT: beyond its table. */
static int desc_read(struct task_switch *ts, u16 selector, struct descriptor *desc)
{
	const struct vmm_segment *ldtr = &ts->sregs->seg[VMM_LDTR];
	u64 base = ts->sregs->gdtr.base;
	u32 limit = ts->sregs->gdtr.limit, offset = selector & ~7U;

	if (selector & SELECTOR_TI) {
		if (ldtr->attr & VMM_SEG_UNUSABLE)
			return -ENOENT;
		base = ldtr->base;
		limit = ldtr->limit;
	}
	if (offset + 7 > limit)
		return -ENOENT;
	desc->at = linear(base, offset);
	return em_mem_read(ts->mem, desc->at, &desc->raw, sizeof(desc->raw), false, &ts->ex);
}

/* -EAGAIN: it is not what was read any more, and has been read anew. */
static int desc_replace(struct task_switch *ts, struct descriptor *desc, u64 raw)
{
	int ret = em_mem_cmpxchg(ts->mem, desc->at, &desc->raw, &raw, sizeof(raw), &ts->ex);

	if (!ret)
		desc->raw = raw;
	return ret;
}

static void seg_set(struct vmm_segment *seg, u16 selector, u64 raw)
{
	*seg = (struct vmm_segment) {
		.base = desc_base(raw), .limit = desc_limit(raw), .selector = selector,
		.attr = desc_attr(raw),
	};
}

/* ---- before the commit ------------------------------------------------------------------ */

static bool is_null(u16 selector)
{
	return !(selector & ~SELECTOR_RPL);
}

/* "Exception Conditions Checked During a Task Switch", those of the TSS's descriptor. */
static int task_check_new(struct task_switch *ts, struct task_plan *plan)
{
	bool back = ts->cause == VMM_TASK_IRET;
	u8 vector = back ? VECTOR_TS : VECTOR_GP;
	u32 attr, type;
	int ret;

	if (is_null(ts->selector) || (ts->selector & SELECTOR_TI))
		return task_fail(ts, vector, ts->selector);
	ret = desc_read(ts, ts->selector, &plan->new_desc);
	if (ret)
		return ret == -ENOENT ? task_fail(ts, vector, ts->selector) : ret;
	attr = desc_attr(plan->new_desc.raw);
	type = back ? (attr & 0x1f) ^ TYPE_BUSY : attr & 0x1f;
	if (type != TYPE_TSS16 && type != TYPE_TSS32)
		return task_fail(ts, vector, ts->selector);
	plan->new = type == TYPE_TSS16 ? &tss16 : &tss32;
	if (!(attr & ATTR_P))
		return task_fail(ts, VECTOR_NP, ts->selector);
	if (desc_limit(plan->new_desc.raw) < plan->new->size - 1U)
		return task_fail(ts, VECTOR_TS, ts->selector);
	return 0;
}

/* The old TSS, too, must take what is to be written. */
static int task_check_old(struct task_switch *ts, struct task_plan *plan)
{
	const struct vmm_segment *tr = &ts->sregs->seg[VMM_TR];
	int ret;

	plan->old = (tr->attr & 0xf) == (TYPE_TSS16 | TYPE_BUSY) ? &tss16 : &tss32;
	if (tr->limit < plan->old->ldt - 1U)
		return task_fail(ts, VECTOR_TS, tr->selector);
	ret = task_read(ts, linear(tr->base, plan->old->ip), plan->image,
			plan->old->ldt - plan->old->ip, true);
	if (ret || (ts->cause != VMM_TASK_JMP && ts->cause != VMM_TASK_IRET))
		return ret;
	if (tr->selector & SELECTOR_TI)
		return task_fail(ts, VECTOR_TS, tr->selector);
	ret = desc_read(ts, tr->selector, &plan->old_desc);
	if (ret)
		return ret == -ENOENT ? task_fail(ts, VECTOR_TS, tr->selector) : ret;
	return task_read(ts, plan->old_desc.at, &plan->old_desc.raw, 8, true);
}

static bool is_nested(const struct task_switch *ts)
{
	return ts->cause == VMM_TASK_CALL || ts->cause == VMM_TASK_EVENT;
}

static int task_check(struct task_switch *ts, struct task_plan *plan)
{
	int ret = task_check_new(ts, plan);
	u8 probe[104];

	ret = ret ? ret : task_check_old(ts, plan);
	/* The whole of the new one is read again once the old one is written: they may overlap. */
	ret = ret ? ret : task_read(ts, desc_base(plan->new_desc.raw), probe, plan->new->size,
				    false);
	if (!ret && is_nested(ts))
		ret = task_read(ts, desc_base(plan->new_desc.raw), probe, 2, true);
	return ret;
}

/* ---- the commit: memory -------------------------------------------------------------------- */

/* Clears the old task's busy bit, whatever else happens to the descriptor. */
static int task_free_old(struct task_switch *ts, struct task_plan *plan)
{
	int ret;

	do {
		ret = desc_replace(ts, &plan->old_desc, plan->old_desc.raw & ~DESC_BUSY);
	} while (ret == -EAGAIN);
	return ret;
}

static int task_save_old(struct task_switch *ts, struct task_plan *plan)
{
	const struct vmm_segment *tr = &ts->sregs->seg[VMM_TR];
	const struct tss_layout *l = plan->old;
	u8 *image = plan->image;		/* from @ip on, with what lies between selectors */
	u32 flags = ts->gprs->rflags;
	unsigned int i;

	if (ts->cause == VMM_TASK_IRET)
		flags &= ~RFLAGS_NT;
	memcpy(image, &ts->return_rip, l->width);
	memcpy(image + l->flags - l->ip, &flags, l->width);
	for (i = 0; i < 8; i++)
		memcpy(image + l->gprs - l->ip + i * l->width, &ts->gprs->r[i], l->width);
	for (i = 0; i < l->seg_count; i++)
		memcpy(image + l->segs - l->ip + i * l->width, &ts->sregs->seg[i].selector, 2);
	return em_mem_write(ts->mem, linear(tr->base, l->ip), image, l->ldt - l->ip, &ts->ex);
}

static int task_commit(struct task_switch *ts, struct task_plan *plan)
{
	gva_t tss = desc_base(plan->new_desc.raw);
	int ret = 0;

	/* First of all, so that two CPUs cannot enter one task. */
	if (ts->cause != VMM_TASK_IRET)
		ret = desc_replace(ts, &plan->new_desc, plan->new_desc.raw | DESC_BUSY);
	if (!ret && !is_nested(ts))
		ret = task_free_old(ts, plan);
	if (!ret)
		ret = task_save_old(ts, plan);
	if (!ret && is_nested(ts))
		ret = em_mem_write(ts->mem, tss, &ts->sregs->seg[VMM_TR].selector, 2, &ts->ex);
	return ret ? ret : task_read(ts, tss, plan->image, plan->new->size, false);
}

/* ---- the new task: registers -------------------------------------------------------------- */

/*
 * Selectors without descriptors: a fault on one of them finds the rest like
 * this. CS must be one that can be entered with, at the new CPL.
 */
static void task_load_selectors(struct task_switch *ts, const struct task_plan *plan)
{
	const struct tss_layout *l = plan->new;
	struct vmm_segment *seg = ts->sregs->seg;
	u32 dpl, i;

	for (i = VMM_ES; i <= VMM_GS; i++)
		seg[i] = (struct vmm_segment) { .attr = VMM_SEG_UNUSABLE };
	for (i = 0; i < l->seg_count; i++)
		seg[i].selector = get(plan->image, l->segs + i * l->width, 2);
	seg[VMM_LDTR] = (struct vmm_segment) {
		.attr = VMM_SEG_UNUSABLE, .selector = get(plan->image, l->ldt, 2),
	};
	dpl = ts->gprs->rflags & RFLAGS_VM ? 3 : seg[VMM_CS].selector & SELECTOR_RPL;
	seg[VMM_CS].attr = ATTR_P | ATTR_S | ATTR_CODE | 3 | dpl << 5;
	seg[VMM_SS].attr |= dpl << 5;
}

static void task_load_registers(struct task_switch *ts, const struct task_plan *plan)
{
	const struct tss_layout *l = plan->new;
	struct vmm_gprs *gprs = ts->gprs;

	for (u32 i = 0; i < 8; i++) {
		gprs->r[i] = get(plan->image, l->gprs + i * l->width, l->width);
		/* What a 16-bit TSS leaves of the upper halves is nowhere said. */
		if (l->width == 2)
			gprs->r[i] |= 0xffff0000;
	}
	gprs->rip = get(plan->image, l->ip, l->width);
	gprs->rflags = get(plan->image, l->flags, l->width) & RFLAGS_KNOWN;
	gprs->rflags |= RFLAGS_FIXED | (is_nested(ts) ? RFLAGS_NT : 0);
	ts->sregs->cr0 |= CR0_TS;
	ts->dregs->dr7 &= ~DR7_LOCAL;
	ts->debug_trap = l->trap && (plan->image[l->trap] & 1);
	task_load_selectors(ts, plan);
	seg_set(&ts->sregs->seg[VMM_TR], ts->selector, plan->new_desc.raw | DESC_BUSY);
}

/* "PAE Paging": the four entries are loaded with CR3, and reserved bits in them found then. */
static int task_check_pdptes(struct task_switch *ts)
{
	const struct pgm_paging *paging = &ts->mem->paging;
	u64 reserved = 0x1e6 | ~0ULL << paging->maxphyaddr, pdpte[4];
	const void *ram = ts->mem->ops->ram(ts->mem->ctx, paging->cr3 & 0xffffffe0, sizeof(pdpte),
					    false);

	if (!ram)
		return 0;
	memcpy(pdpte, ram, sizeof(pdpte));
	for (u32 i = 0; i < ARRAY_SIZE(pdpte); i++)
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return task_fail(ts, VECTOR_GP, 0);
	return 0;
}

static int task_load_cr3(struct task_switch *ts, const struct task_plan *plan)
{
	struct vmm_sregs *sregs = ts->sregs;
	u32 cr3;

	if (!plan->new->cr3 || !(sregs->cr0 & CR0_PG))
		return 0;
	cr3 = get(plan->image, plan->new->cr3, 4);
	if (cr3 == sregs->cr3)
		return 0;
	sregs->cr3 = cr3;
	ts->mem->paging.cr3 = cr3;
	ts->mem->paging.have_pdpte = false;
	return sregs->cr4 & CR4_PAE ? task_check_pdptes(ts) : 0;
}

/* ---- the new task: segments ----------------------------------------------------------------- */

static int task_load_ldtr(struct task_switch *ts)
{
	struct vmm_segment *ldtr = &ts->sregs->seg[VMM_LDTR];
	u16 selector = ldtr->selector;
	struct descriptor desc;
	int ret;

	if (is_null(selector))
		return 0;
	ret = selector & SELECTOR_TI ? -ENOENT : desc_read(ts, selector, &desc);
	if (ret && ret != -ENOENT)
		return ret;
	if (ret || (desc_attr(desc.raw) & 0x1f) != TYPE_LDT || !(desc_attr(desc.raw) & ATTR_P))
		return task_fail(ts, VECTOR_TS, selector);
	seg_set(ldtr, selector, desc.raw);
	return 0;
}

static bool cs_fits(u32 attr, u32 rpl, u32 cpl)
{
	if (!(attr & ATTR_CODE))
		return false;
	return attr & ATTR_DOWN ? ATTR_DPL(attr) <= rpl : ATTR_DPL(attr) == rpl;
}

static bool ss_fits(u32 attr, u32 rpl, u32 cpl)
{
	if ((attr & ATTR_CODE) || !(attr & ATTR_WRITABLE))
		return false;
	return ATTR_DPL(attr) == cpl && rpl == cpl;
}

static bool data_fits(u32 attr, u32 rpl, u32 cpl)
{
	bool conforming = (attr & ATTR_CODE) && (attr & ATTR_DOWN);

	if ((attr & ATTR_CODE) && !(attr & ATTR_WRITABLE))
		return false;
	return conforming || (ATTR_DPL(attr) >= cpl && ATTR_DPL(attr) >= rpl);
}

struct seg_rule {
	u8 seg;
	bool null_is_fine;
	u8 absent;			/* the vector if P is clear */
	bool (*fits)(u32 attr, u32 rpl, u32 cpl);
};

static const struct seg_rule seg_rules[] = {
	{ VMM_CS, false, VECTOR_NP, cs_fits },
	{ VMM_SS, false, VECTOR_SS, ss_fits },
	{ VMM_DS, true, VECTOR_NP, data_fits },
	{ VMM_ES, true, VECTOR_NP, data_fits },
	{ VMM_FS, true, VECTOR_NP, data_fits },
	{ VMM_GS, true, VECTOR_NP, data_fits },
};

static int task_load_segment(struct task_switch *ts, const struct seg_rule *rule, u32 cpl)
{
	struct vmm_segment *seg = &ts->sregs->seg[rule->seg];
	u16 selector = seg->selector;
	struct descriptor desc;
	u32 attr;
	int ret;

	if (is_null(selector))
		return rule->null_is_fine ? 0 : task_fail(ts, VECTOR_TS, selector);
	do {
		ret = desc_read(ts, selector, &desc);
		if (ret)
			return ret == -ENOENT ? task_fail(ts, VECTOR_TS, selector) : ret;
		attr = desc_attr(desc.raw);
		if (!(attr & ATTR_S) || !rule->fits(attr, selector & SELECTOR_RPL, cpl))
			return task_fail(ts, VECTOR_TS, selector);
		if (!(attr & ATTR_P))
			return task_fail(ts, rule->absent, selector);
		if (!(desc.raw & DESC_ACCESSED))
			ret = desc_replace(ts, &desc, desc.raw | DESC_ACCESSED);
	} while (ret == -EAGAIN);
	if (!ret)
		seg_set(seg, selector, desc.raw);
	return ret;
}

static void task_load_v8086(struct task_switch *ts)
{
	for (u32 i = VMM_ES; i <= VMM_GS; i++) {
		struct vmm_segment *seg = &ts->sregs->seg[i];

		seg->base = seg->selector << 4;
		seg->limit = 0xffff;
		seg->attr = ATTR_V8086;
	}
}

static int task_load_segments(struct task_switch *ts)
{
	u32 cpl = ATTR_DPL(ts->sregs->seg[VMM_SS].attr);
	int ret = task_load_ldtr(ts);

	if (ret)
		return ret;
	if (ts->gprs->rflags & RFLAGS_VM) {
		task_load_v8086(ts);
		return 0;
	}
	for (u32 i = 0; i < ARRAY_SIZE(seg_rules) && !ret; i++)
		ret = task_load_segment(ts, &seg_rules[i], cpl);
	return ret;
}

/* ---- the new task: its stack ------------------------------------------------------------ */

/* "Segment Limit Checking"; nothing wraps in what is pushed here. */
static bool stack_has(const struct vmm_segment *ss, u32 first, u32 last)
{
	if (!(ss->attr & ATTR_DOWN))
		return first <= last && last <= ss->limit;
	return first <= last && first > ss->limit && (ss->attr & ATTR_B || last <= 0xffff);
}

/* The task pushes it itself: its privilege, its stack. */
static int task_push_error(struct task_switch *ts, u32 width)
{
	const struct vmm_segment *ss = &ts->sregs->seg[VMM_SS];
	u32 mask = ss->attr & ATTR_B ? ~0U : 0xffff;
	__u64 *rsp = &ts->gprs->r[VMM_RSP];
	u32 sp = (*rsp - width) & mask;
	int ret;

	if (!stack_has(ss, sp, sp + width - 1))
		return task_fail(ts, VECTOR_SS, 0);
	ts->mem->paging.cpl = ATTR_DPL(ss->attr);
	ts->mem->paging.rflags = ts->gprs->rflags;
	ret = em_mem_write(ts->mem, linear(ss->base, sp), &ts->error, width, &ts->ex);
	if (!ret)
		*rsp = (*rsp & ~(u64)mask) | sp;
	return ret;
}

int task_switch(struct task_switch *ts)
{
	struct task_plan plan;
	int ret;

	/* Tables and both TSSs are accessed as the supervisor, whom SMAP's exception forgets. */
	ts->mem->paging.cpl = 0;
	ts->mem->paging.rflags &= ~RFLAGS_AC;
	ret = task_check(ts, &plan);
	ret = ret ? ret : task_commit(ts, &plan);
	if (ret)
		return ret;
	ts->switched = true;
	task_load_registers(ts, &plan);
	ret = task_load_cr3(ts, &plan);
	ret = ret ? ret : task_load_segments(ts);
	if (!ret && ts->push_error)
		ret = task_push_error(ts, plan.new->width);
	return ret;
}
