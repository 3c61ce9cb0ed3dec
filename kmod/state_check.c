// SPDX-License-Identifier: GPL-2.0
#include "state_check.h"

#define CR0_PE		BIT_ULL(0)
#define CR0_NW		BIT_ULL(29)
#define CR0_CD		BIT_ULL(30)
#define CR0_PG		BIT_ULL(31)
#define CR4_PAE		BIT_ULL(5)
#define CR4_PCIDE	BIT_ULL(17)
#define EFER_BIT_LME	BIT_ULL(8)
#define EFER_BIT_LMA	BIT_ULL(10)
#define RFLAGS_FIXED	BIT_ULL(1)
#define RFLAGS_IF	BIT_ULL(9)
#define RFLAGS_VM	BIT_ULL(17)
#define RFLAGS_ALLOWED	0x3f7fd7ULL

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX */
#define EXCEPTIONS_WITH_ERROR 0x60227d00U

#define ATTR_TYPE	0xfU
#define ATTR_S		BIT(4)
#define ATTR_P		BIT(7)
#define ATTR_L		BIT(13)
#define ATTR_DB		BIT(14)
#define ATTR_G		BIT(15)
#define ATTR_KNOWN	(VMM_SEG_UNUSABLE | 0xf0ff)
#define ATTR_V8086	0xf3U

/* ---- control registers ----------------------------------------------------------- */

const char *state_check_controls(const struct state_limits *limits, u64 cr0, u64 cr3, u64 cr4,
				 u64 efer)
{
	if (cr0 >> 32)
		return "CR0 has bits above 31";
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return "CR0.PG without PE";
	if ((cr0 & CR0_NW) && !(cr0 & CR0_CD))
		return "CR0.NW without CD";
	if (cr4 & ~limits->cr4)
		return "CR4 has bits this CPU does not offer";
	if (efer & ~limits->efer)
		return "EFER has bits this CPU does not offer";
	if (cr3 >> limits->phys_bits)
		return "CR3 beyond the physical address width";
	if (!!(efer & EFER_BIT_LMA) != ((cr0 & CR0_PG) && (efer & EFER_BIT_LME)))
		return "EFER.LMA is not CR0.PG and LME";
	if ((efer & EFER_BIT_LMA) && !(cr4 & CR4_PAE))
		return "long mode without CR4.PAE";
	if ((cr4 & CR4_PCIDE) && !(efer & EFER_BIT_LMA))
		return "CR4.PCIDE outside long mode";
	return NULL;
}

/* ---- from outside ------------------------------------------------------------------ */

static bool is_canonical(const struct state_limits *limits, u64 address)
{
	int shift = 64 - limits->linear_bits;

	return (u64)((s64)(address << shift) >> shift) == address;
}

static const char *check_segment(const struct state_limits *limits, const struct vmm_segment *seg,
				 int i)
{
	if (seg->pad0 || seg->pad1)
		return "padding of a segment is not zero";
	if (seg->attr & ~ATTR_KNOWN)
		return "a segment's attributes have unknown bits";
	if (seg->attr & VMM_SEG_UNUSABLE)
		return i == VMM_CS || i == VMM_TR ? "CS or TR is unusable" : NULL;
	if (i >= VMM_FS && !is_canonical(limits, seg->base))
		return "a segment's base is not canonical";
	if (i < VMM_FS && seg->base >> 32)
		return "a segment's base is above 4 GiB";
	return NULL;
}

static bool is_zero(const u16 *pad, int n)
{
	u16 any = 0;

	while (n--)
		any |= pad[n];
	return !any;
}

const char *state_check_sregs(const struct state_limits *limits, const struct vmm_sregs *sregs)
{
	const struct vmm_segment *cs = &sregs->seg[VMM_CS];
	const char *broken;
	int i;

	broken = state_check_controls(limits, sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer);
	for (i = 0; i < VMM_SEG_COUNT && !broken; i++)
		broken = check_segment(limits, &sregs->seg[i], i);
	if (broken)
		return broken;
	if ((sregs->efer & EFER_BIT_LMA) && (cs->attr & ATTR_L) && (cs->attr & ATTR_DB))
		return "CS.L and CS.D are both set";
	if (!is_canonical(limits, sregs->gdtr.base) || !is_canonical(limits, sregs->idtr.base))
		return "GDTR or IDTR is not canonical";
	if (!is_zero(sregs->gdtr.pad, ARRAY_SIZE(sregs->gdtr.pad)) ||
	    !is_zero(sregs->idtr.pad, ARRAY_SIZE(sregs->idtr.pad)))
		return "padding of GDTR or IDTR is not zero";
	return sregs->cr8 > 15 ? "CR8 above 15" : NULL;
}

const char *state_check_gprs(const struct state_limits *limits, const struct vmm_gprs *gprs)
{
	if (gprs->rflags & ~RFLAGS_ALLOWED)
		return "RFLAGS has reserved bits";
	if (!is_canonical(limits, gprs->rip))
		return "RIP is not canonical";
	return NULL;
}

static bool pushes_error(const struct vmm_events *ev)
{
	return ev->type == VMM_EVENT_EXCEPTION && (EXCEPTIONS_WITH_ERROR >> ev->vector & 1);
}

const char *state_check_events(const struct vmm_events *ev)
{
	if (ev->type > VMM_EVENT_PRIV_EXC)
		return "event type";
	if (ev->type >= VMM_EVENT_EXCEPTION && ev->type != VMM_EVENT_SOFT_INTR && ev->vector > 31)
		return "exception vector above 31";
	if (ev->type == VMM_EVENT_EXCEPTION && ev->vector == 2)
		return "exception 2";
	if (ev->type == VMM_EVENT_NMI && ev->vector != 2)
		return "NMI with a vector other than 2";
	if (ev->has_error > 1 || ev->length > 15 || (ev->has_error && ev->error >> 16))
		return "error code or length";
	if (ev->has_error && !pushes_error(ev))
		return "error code of an event that has none";
	if (ev->type >= VMM_EVENT_SOFT_INTR && !ev->length)
		return "software event without a length";
	if (ev->nmi_pending > 2 || ev->nmi_masked > 1 || ev->init_pending > 1 ||
	    ev->sipi_pending > 1 || ev->kicked > 1 || ev->pad1)
		return "event flags";
	if (ev->shadow & ~(VMM_SHADOW_STI | VMM_SHADOW_MOV_SS))
		return "interrupt shadow";
	if (ev->run_state > VMM_STATE_IDLE)
		return "run state";
	return NULL;
}

const char *state_check_dregs(const struct vmm_dregs *dregs)
{
	return (dregs->dr6 | dregs->dr7) >> 32 ? "DR6 or DR7 above 32 bits" : NULL;
}

/* ---- at an entry ------------------------------------------------------------------------ */

static u32 type_of(const struct vmm_segment *seg)
{
	return seg->attr & ATTR_TYPE;
}

static u32 dpl_of(const struct vmm_segment *seg)
{
	return (seg->attr >> 5) & 3;
}

static bool is_usable(const struct vmm_segment *seg)
{
	return !(seg->attr & VMM_SEG_UNUSABLE);
}

/* Limits that end within a page cannot be counted in pages, nor can large ones be otherwise. */
static bool fits_granularity(const struct vmm_segment *seg)
{
	if ((seg->limit & 0xfff) != 0xfff && (seg->attr & ATTR_G))
		return false;
	return !(seg->limit >> 20) || (seg->attr & ATTR_G);
}

static const char *check_v8086(const struct vmm_sregs *sregs)
{
	int i;

	for (i = VMM_ES; i <= VMM_GS; i++) {
		const struct vmm_segment *seg = &sregs->seg[i];

		if (seg->base != (u64)seg->selector << 4)
			return "virtual-8086: a base is not its selector * 16";
		if (seg->limit != 0xffff)
			return "virtual-8086: a segment's limit is not FFFF";
		if (seg->attr != ATTR_V8086)
			return "virtual-8086: a segment's attributes are not F3";
	}
	return NULL;
}

static const char *check_cs(const struct vmm_sregs *sregs)
{
	const struct vmm_segment *cs = &sregs->seg[VMM_CS];
	u32 dpl = dpl_of(cs), ss_dpl = dpl_of(&sregs->seg[VMM_SS]);

	switch (type_of(cs)) {
	case 3:
		if (dpl)
			return "CS is a data segment, and its DPL not 0";
		break;
	case 9:
	case 11:
		if (dpl != ss_dpl)
			return "CS.DPL is not SS.DPL";
		break;
	case 13:
	case 15:
		if (dpl > ss_dpl)
			return "CS is conforming, and its DPL above SS.DPL";
		break;
	default:
		return "CS is neither accessed code nor writable data";
	}
	if (!(cs->attr & ATTR_S) || !(cs->attr & ATTR_P))
		return "CS is a system segment or absent";
	if ((sregs->efer & EFER_BIT_LMA) && (cs->attr & ATTR_L) && (cs->attr & ATTR_DB))
		return "CS.L and CS.D are both set";
	return fits_granularity(cs) ? NULL : "CS.G does not fit its limit";
}

static const char *check_ss(const struct vmm_sregs *sregs)
{
	const struct vmm_segment *ss = &sregs->seg[VMM_SS];

	if (dpl_of(ss) && (!(sregs->cr0 & CR0_PE) || type_of(&sregs->seg[VMM_CS]) == 3))
		return "SS.DPL is not 0 in real mode";
	if (!is_usable(ss))
		return NULL;
	if (type_of(ss) != 3 && type_of(ss) != 7)
		return "SS is not writable data";
	if (!(ss->attr & ATTR_S) || !(ss->attr & ATTR_P))
		return "SS is a system segment or absent";
	return fits_granularity(ss) ? NULL : "SS.G does not fit its limit";
}

static const char *check_data(const struct vmm_segment *seg)
{
	if (!is_usable(seg))
		return NULL;
	if (!(type_of(seg) & 1))
		return "a data segment is not accessed";
	if ((type_of(seg) & 8) && !(type_of(seg) & 2))
		return "a data segment is code that cannot be read";
	if (!(seg->attr & ATTR_S) || !(seg->attr & ATTR_P))
		return "a data segment is a system segment or absent";
	return fits_granularity(seg) ? NULL : "G of a data segment does not fit its limit";
}

static const char *check_tr(const struct vmm_sregs *sregs)
{
	const struct vmm_segment *tr = &sregs->seg[VMM_TR];

	if (tr->selector & 4)
		return "TR is in the LDT";
	if (!is_usable(tr))
		return "TR is unusable";
	if (type_of(tr) != 11 && (type_of(tr) != 3 || (sregs->efer & EFER_BIT_LMA)))
		return "TR is not a busy TSS of this mode";
	if ((tr->attr & ATTR_S) || !(tr->attr & ATTR_P))
		return "TR is no system segment or absent";
	return fits_granularity(tr) ? NULL : "TR.G does not fit its limit";
}

static const char *check_ldtr(const struct vmm_sregs *sregs)
{
	const struct vmm_segment *ldtr = &sregs->seg[VMM_LDTR];

	if (!is_usable(ldtr))
		return NULL;
	if (ldtr->selector & 4)
		return "LDTR is in the LDT";
	if (type_of(ldtr) != 2 || (ldtr->attr & ATTR_S) || !(ldtr->attr & ATTR_P))
		return "LDTR is not a present LDT";
	return fits_granularity(ldtr) ? NULL : "LDTR.G does not fit its limit";
}

static const char *check_segments(const struct vmm_sregs *sregs, bool v8086)
{
	static const u8 data[] = { VMM_DS, VMM_ES, VMM_FS, VMM_GS };
	const char *broken = v8086 ? check_v8086(sregs) : check_cs(sregs);
	unsigned int i;

	if (!v8086) {
		broken = broken ? broken : check_ss(sregs);
		for (i = 0; i < ARRAY_SIZE(data) && !broken; i++)
			broken = check_data(&sregs->seg[data[i]]);
	}
	broken = broken ? broken : check_tr(sregs);
	return broken ? broken : check_ldtr(sregs);
}

/* "Checks on Guest RIP, RFLAGS, and SSP" */
static const char *check_rip_rflags(const struct vmm_sregs *sregs, const struct vmm_gprs *gprs)
{
	bool code64 = (sregs->efer & EFER_BIT_LMA) && (sregs->seg[VMM_CS].attr & ATTR_L);

	if (!code64 && gprs->rip >> 32)
		return "RIP above 4 GiB outside 64-bit code";
	if (!(gprs->rflags & RFLAGS_FIXED))
		return "RFLAGS bit 1 is clear";
	if ((gprs->rflags & RFLAGS_VM) &&
	    ((sregs->efer & EFER_BIT_LMA) || !(sregs->cr0 & CR0_PE)))
		return "RFLAGS.VM in long or real mode";
	return NULL;
}

/* "Checks on Guest Non-Register State", and what of them depends on the event */
static const char *check_shadow(const struct vmm_gprs *gprs, const struct vmm_events *ev)
{
	bool intr = ev->type == VMM_EVENT_INTR, nmi = ev->type == VMM_EVENT_NMI;

	if ((ev->shadow & VMM_SHADOW_STI) && (ev->shadow & VMM_SHADOW_MOV_SS))
		return "shadows of STI and MOV SS at once";
	if ((ev->shadow & VMM_SHADOW_STI) && !(gprs->rflags & RFLAGS_IF))
		return "shadow of STI with RFLAGS.IF clear";
	if (ev->shadow && (intr || nmi))
		return "an interrupt or NMI in a shadow";
	if (intr && !(gprs->rflags & RFLAGS_IF))
		return "an interrupt with RFLAGS.IF clear";
	return NULL;
}

const char *state_check_entry(const struct state_limits *limits, const struct vmm_sregs *sregs,
			      const struct vmm_gprs *gprs, const struct vmm_events *ev)
{
	const char *broken = state_check_sregs(limits, sregs);

	broken = broken ? broken : check_segments(sregs, gprs->rflags & RFLAGS_VM);
	broken = broken ? broken : state_check_gprs(limits, gprs);
	broken = broken ? broken : check_rip_rflags(sregs, gprs);
	broken = broken ? broken : check_shadow(gprs, ev);
	return broken ? broken : state_check_events(ev);
}
