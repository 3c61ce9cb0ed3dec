// SPDX-License-Identifier: GPL-2.0
/*
 * State in and out of the shared page.
 *
 * The page belongs to user space, which may scribble on it at any time: every
 * group is copied once into the kernel, checked there, and used from there.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/processor-flags.h>
#include <asm/msr-index.h>

#include "dr.h"
#include "fpu.h"
#include "hv.h"
#include "hw.h"
#include "lapic.h"
#include "msr.h"
#include "pv.h"
#include "run.h"
#include "state.h"
#include "vcpu.h"

#define STATE_RFLAGS_FIXED	BIT_ULL(1)

struct state_cr4_bit {
	u64 bit;
	int feature;		/* the host's, without which it is reserved; -1: none */
};

static const struct state_cr4_bit state_cr4_bits[] = {
	{ X86_CR4_VME | X86_CR4_PVI, X86_FEATURE_VME },
	{ X86_CR4_TSD | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_MCE, -1 },
	{ X86_CR4_DE, X86_FEATURE_DE },
	{ X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT, -1 },
	{ X86_CR4_OSXSAVE, X86_FEATURE_XSAVE },
	{ X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE, X86_FEATURE_PCID },
	{ X86_CR4_SMEP, X86_FEATURE_SMEP },
	{ X86_CR4_SMAP, X86_FEATURE_SMAP },
	{ X86_CR4_PKE, X86_FEATURE_PKU },
	{ X86_CR4_UMIP, X86_FEATURE_UMIP },
	{ X86_CR4_LA57, X86_FEATURE_LA57 },
};

u64 state_cr4_allowed(void)
{
	static u64 allowed;
	u64 mask = READ_ONCE(allowed);
	int i;

	if (mask)
		return mask;
	for (i = 0; i < ARRAY_SIZE(state_cr4_bits); i++) {
		int feature = state_cr4_bits[i].feature;

		if (feature < 0 || boot_cpu_has(feature))
			mask |= state_cr4_bits[i].bit;
	}
	WRITE_ONCE(allowed, mask);
	return mask;
}

u64 state_efer_allowed(void)
{
	u64 mask = EFER_SCE | EFER_LME | EFER_LMA;

	if (boot_cpu_has(X86_FEATURE_NX))
		mask |= EFER_NX;
	if (boot_cpu_has(X86_FEATURE_FXSR_OPT))
		mask |= EFER_FFXSR;
	return mask;
}

/* Once per module: the CPU does not change. */
const struct state_limits *state_limits(void)
{
	static struct state_limits limits;

	if (!smp_load_acquire(&limits.linear_bits)) {
		limits.cr4 = state_cr4_allowed();
		limits.efer = state_efer_allowed();
		limits.phys_bits = boot_cpu_data.x86_phys_bits;
		/* Last: who sees it sees the others. */
		smp_store_release(&limits.linear_bits, boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48);
	}
	return &limits;
}

/* ---- out -------------------------------------------------------------------------- */

static void state_get_sregs(struct vcpu *vcpu, struct vmm_sregs *sregs)
{
	memset(sregs, 0, sizeof(*sregs));
	hw->sregs_get(vcpu, sregs);
	sregs->cr2 = vcpu->cr2;
	sregs->cr8 = lapic_cr8(vcpu);
	sregs->xcr0 = vcpu->xcr0;
	sregs->apic_base = vcpu->apic_base;
}

/* What arrived and waits for the vCPU to run is told too: it may run elsewhere next. */
static void state_get_events(struct vcpu *vcpu, struct vmm_events *ev)
{
	int startup = atomic_read(&vcpu->startup);

	run_take_nmis(vcpu);
	pv_take_kick(vcpu);
	*ev = vcpu->events;
	ev->init_pending = !!(startup & STARTUP_INIT);
	ev->sipi_pending = !!(startup & STARTUP_SIPI);
	if (ev->sipi_pending)
		ev->sipi_vector = startup & STARTUP_VECTOR;
}

void state_fetch(struct vcpu *vcpu, u32 groups)
{
	struct vmm_page *page = vcpu->page;

	if (groups & VMM_GROUP_GPRS)
		page->gprs = vcpu->gprs;
	else if (groups & VMM_GROUP_RAX)
		page->gprs.r[VMM_RAX] = vcpu->gprs.r[VMM_RAX];
	if (groups & VMM_GROUP_SREGS)
		state_get_sregs(vcpu, &page->sregs);
	if (groups & VMM_GROUP_DREGS)
		page->dregs = vcpu->dregs;
	if (groups & VMM_GROUP_EVENTS)
		state_get_events(vcpu, &page->events);
	page->cached |= groups;
}

/* ---- in --------------------------------------------------------------------------- */

static void state_set_sregs(struct vcpu *vcpu, const struct vmm_sregs *sregs)
{
	hw->sregs_set(vcpu, sregs);
	hw->flush(vcpu);
	vcpu->cr2 = sregs->cr2;
	vcpu->xcr0 = sregs->xcr0;
	lapic_cr8_set(vcpu, sregs->cr8);
}

/* INIT and SIPI may have arrived since they were told of: they are never taken back. */
static void state_set_events(struct vcpu *vcpu, const struct vmm_events *ev)
{
	vcpu->events = *ev;
	vcpu->events.init_pending = 0;
	vcpu->events.sipi_pending = 0;
	if (ev->init_pending) {
		atomic_or(STARTUP_INIT, &vcpu->startup);
		vcpu_request(vcpu, VCPU_REQ_STARTUP);
	}
	if (ev->sipi_pending)
		vcpu_signal_sipi(vcpu, ev->sipi_vector);
}

struct state_copy {
	struct vmm_gprs gprs;
	struct vmm_sregs sregs;
	struct vmm_dregs dregs;
	struct vmm_events events;
};

static const char *state_check(const struct state_copy *in, u32 dirty)
{
	const char *broken = NULL;

	if (dirty & VMM_GROUP_GPRS)
		broken = state_check_gprs(state_limits(), &in->gprs);
	if (!broken && (dirty & VMM_GROUP_SREGS))
		broken = state_check_sregs(state_limits(), &in->sregs);
	if (!broken && (dirty & VMM_GROUP_SREGS) && !fpu_xcr0_valid(in->sregs.xcr0))
		broken = "XCR0";
	if (!broken && (dirty & VMM_GROUP_DREGS))
		broken = state_check_dregs(&in->dregs);
	if (!broken && (dirty & VMM_GROUP_EVENTS))
		broken = state_check_events(&in->events);
	return broken;
}

/* Apart, so that the common RUN does not pay for the copies' stack. */
static noinline int state_store_groups(struct vcpu *vcpu, u32 dirty)
{
	struct vmm_page *page = vcpu->page;
	struct state_copy in;

	if (dirty & VMM_GROUP_GPRS)
		in.gprs = page->gprs;
	if (dirty & VMM_GROUP_SREGS)
		in.sregs = page->sregs;
	if (dirty & VMM_GROUP_DREGS)
		in.dregs = page->dregs;
	if (dirty & VMM_GROUP_EVENTS)
		in.events = page->events;
	/* A copy once checked is not read again from the page. */
	barrier();
	if (state_check(&in, dirty))
		return -EINVAL;
	if ((dirty & VMM_GROUP_SREGS) && lapic_base_restore(vcpu, in.sregs.apic_base))
		return -EINVAL;

	if (dirty & VMM_GROUP_GPRS) {
		vcpu->gprs = in.gprs;
		vcpu->gprs.rflags |= STATE_RFLAGS_FIXED;
	}
	if (dirty & VMM_GROUP_SREGS)
		state_set_sregs(vcpu, &in.sregs);
	if (dirty & VMM_GROUP_DREGS)
		dr_set(vcpu, &in.dregs);
	if (dirty & VMM_GROUP_EVENTS)
		state_set_events(vcpu, &in.events);
	return 0;
}

int state_store(struct vcpu *vcpu)
{
	struct vmm_page *page = vcpu->page;
	u32 dirty = READ_ONCE(page->dirty);
	int err;

	if (!dirty)
		return 0;
	if (dirty & ~VMM_GROUP_ALL)
		return -EINVAL;
	if (dirty != VMM_GROUP_RAX) {
		err = state_store_groups(vcpu, dirty);
		if (err)
			return err;
	}
	if ((dirty & VMM_GROUP_RAX) && !(dirty & VMM_GROUP_GPRS))
		vcpu->gprs.r[VMM_RAX] = READ_ONCE(page->gprs.r[VMM_RAX]);
	page->dirty = 0;
	return 0;
}

/* ---- reset ------------------------------------------------------------------------- */

/*
 * "Processor State After Reset": what CS, the other segments, TR and LDTR are.
 * INIT leaves the caches as they are, and with them CR0.CD and CR0.NW; XCR0
 * knows no other reset than that of power-up.
 */
static void state_reset_sregs(struct vcpu *vcpu, struct vmm_sregs *sregs, bool init)
{
	u64 cache = X86_CR0_CD | X86_CR0_NW, xcr0 = XFEATURE_MASK_FP;
	int i;

	if (init) {
		state_get_sregs(vcpu, sregs);
		cache &= sregs->cr0;
		xcr0 = sregs->xcr0;
	}
	memset(sregs, 0, sizeof(*sregs));
	for (i = VMM_ES; i <= VMM_GS; i++) {
		sregs->seg[i].limit = 0xffff;
		sregs->seg[i].attr = 0x93;
	}
	sregs->seg[VMM_CS].selector = 0xf000;
	sregs->seg[VMM_CS].base = 0xffff0000;
	sregs->seg[VMM_CS].attr = 0x9b;
	sregs->seg[VMM_LDTR].limit = 0xffff;
	sregs->seg[VMM_LDTR].attr = 0x82;
	sregs->seg[VMM_TR].limit = 0xffff;
	sregs->seg[VMM_TR].attr = 0x8b;
	sregs->gdtr.limit = 0xffff;
	sregs->idtr.limit = 0xffff;
	sregs->cr0 = cache | X86_CR0_ET;
	sregs->xcr0 = xcr0;
}

void vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct vmm_sregs sregs;

	memset(&vcpu->gprs, 0, sizeof(vcpu->gprs));
	vcpu->gprs.rip = 0xfff0;
	vcpu->gprs.rflags = STATE_RFLAGS_FIXED;
	vcpu->gprs.r[VMM_RDX] = cpuid_eax(1);
	memset(&vcpu->events, 0, sizeof(vcpu->events));
	if (!vcpu->bsp)
		vcpu->events.run_state = VMM_STATE_WAIT_SIPI;
	dr_set(vcpu, &(struct vmm_dregs){ .dr6 = DR6_RESERVED, .dr7 = 0x400 });
	/* APIC_BASE is set by lapic_reset(), and unchanged by INIT. */
	lapic_reset(vcpu, init);
	pv_reset(vcpu);
	state_reset_sregs(vcpu, &sregs, init);
	state_set_sregs(vcpu, &sregs);
	if (init)
		return;
	msr_reset(vcpu);
	fpu_reset(vcpu);
	vcpu->auto_eoi_any = false;
	hv_timers_reset(vcpu);
	clear_bit(VCPU_REQ_NMI, &vcpu->requests);
	clear_bit(VCPU_REQ_STARTUP, &vcpu->requests);
	clear_bit(VCPU_REQ_UNHALT, &vcpu->requests);
	atomic_set(&vcpu->startup, 0);
	atomic_set(&vcpu->nmi_queued, 0);
}

void state_start_at(struct vcpu *vcpu, u8 vector)
{
	struct vmm_sregs sregs;

	state_get_sregs(vcpu, &sregs);
	sregs.seg[VMM_CS].selector = vector << 8;
	sregs.seg[VMM_CS].base = vector << 12;
	hw->sregs_set(vcpu, &sregs);
	vcpu->gprs.rip = 0;
}
