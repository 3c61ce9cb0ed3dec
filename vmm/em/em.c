// SPDX-License-Identifier: GPL-2.0
/*
 * EM's threads, and the table of exits.
 *
 * em->run says whether vCPUs may run. A thread tests it before each run; who
 * clears it kicks all vCPUs, and a kick is sticky, so none is missed. Parked
 * threads wait for it under em->lock, which nothing else is taken under.
 *
 * Left out: falling back to interpreting a stretch that exits too often.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"
#include "vmm/em/exit.h"

/* ---- help for the handlers ------------------------------------------------------ */

int em_crash(struct em_vcpu *vcpu, const char *fmt, ...)
{
	const struct em_config *config = &vcpu->em->config;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vcpu->crash, sizeof(vcpu->crash), fmt, ap);
	va_end(ap);
	vcpu->state = EM_CRASHED;
	config->ops->crashed(config->ctx, vcpu, false);
	return EM_STOPPED;
}

static int em_triple_fault(struct em_vcpu *vcpu)
{
	const struct em_config *config = &vcpu->em->config;

	snprintf(vcpu->crash, sizeof(vcpu->crash), "triple fault");
	vcpu->state = EM_CRASHED;
	config->ops->crashed(config->ctx, vcpu, true);
	return EM_STOPPED;
}

int em_need(struct em_vcpu *vcpu, u32 groups)
{
	u32 missing = groups & ~vcpu->hm->page->cached;
	int ret = missing ? hm_vcpu_fetch(vcpu->hm, missing) : 0;

	return ret ? em_crash(vcpu, "its state cannot be read: %s", strerror(-ret)) : 0;
}

bool em_is_long(struct em_vcpu *vcpu)
{
	const struct vmm_sregs *sregs = &vcpu->hm->page->sregs;

	return (sregs->efer & EFER_LMA) && (sregs->seg[VMM_CS].attr & INTERP_SEG_LONG);
}

int em_raise(struct em_vcpu *vcpu, u8 vector, u32 error, u64 payload)
{
	int ret = trpm_exception(&vcpu->trpm, vector, error, payload);

	if (ret == -EIO)
		return em_triple_fault(vcpu);
	if (!ret)
		return 0;
	return em_crash(vcpu, "exception %u cannot be raised: %s", vector, strerror(-ret));
}

int em_done(struct em_vcpu *vcpu, bool single_step)
{
	struct vmm_page *page = vcpu->hm->page;

	if (em_need(vcpu, VMM_GROUP_EVENTS))
		return EM_STOPPED;
	if (page->events.shadow) {
		page->events.shadow = 0;
		page->dirty |= VMM_GROUP_EVENTS;
	}
	/* "Debug Status Register (DR6)": BS */
	return single_step ? em_raise(vcpu, TRPM_VECTOR_DB, 0, BIT_ULL(14)) : 0;
}

int em_advance(struct em_vcpu *vcpu, u32 length)
{
	struct vmm_gprs *gprs = &vcpu->hm->page->gprs;
	u64 next;

	if (em_need(vcpu, VMM_GROUP_GPRS))
		return EM_STOPPED;
	if (!length)
		return em_crash(vcpu, "the length of an instruction is not known");
	next = gprs->rip + length;
	if ((next ^ gprs->rip) >> 32 && em_need(vcpu, VMM_GROUP_SREGS))
		return EM_STOPPED;
	/* RIP wraps at 4 GiB outside of 64-bit code. */
	if ((next ^ gprs->rip) >> 32 && !em_is_long(vcpu))
		next = (u32)next;
	gprs->rip = next;
	gprs->rflags &= ~RFLAGS_RF;
	vcpu->hm->page->dirty |= VMM_GROUP_GPRS;
	return em_done(vcpu, gprs->rflags & RFLAGS_TF);
}

/* ---- the exits ------------------------------------------------------------------- */

static int em_exit_none(struct em_vcpu *vcpu)
{
	return 0;
}

static int em_exit_kick(struct em_vcpu *vcpu)
{
	return 0;
}

/* #GP(0), or 0 and "done", as the config wants it. */
static int em_unknown_msr(struct em_vcpu *vcpu, bool write)
{
	struct vmm_page *page = vcpu->hm->page;
	u32 index = page->u.msr.index;

	if (write)
		log_debug("CPU %u: WRMSR of unknown 0x%x, 0x%llx", vcpu->index, index,
			  (unsigned long long)page->u.msr.value);
	else
		log_debug("CPU %u: RDMSR of unknown 0x%x", vcpu->index, index);
	if (!vcpu->em->config.unknown_msr_ignore)
		return em_raise(vcpu, TRPM_VECTOR_GP, 0, 0);
	if (em_need(vcpu, VMM_GROUP_GPRS))
		return EM_STOPPED;
	if (!write) {
		page->gprs.r[VMM_RAX] = 0;
		page->gprs.r[VMM_RDX] = 0;
	}
	return em_advance(vcpu, page->insn_len);
}

/* What GIM made of it. */
static int em_msr_done(struct em_vcpu *vcpu, int ret, bool write)
{
	if (ret == -ENOENT)
		return em_unknown_msr(vcpu, write);
	if (ret)
		return em_raise(vcpu, TRPM_VECTOR_GP, 0, 0);
	return em_advance(vcpu, vcpu->hm->page->insn_len);
}

static int em_exit_rdmsr(struct em_vcpu *vcpu)
{
	struct vmm_page *page = vcpu->hm->page;
	u64 value = 0;
	int ret = gim_msr_read(vcpu->em->config.gim, vcpu->hm, page->u.msr.index, &value);

	if (!ret) {
		page->gprs.r[VMM_RAX] = (u32)value;
		page->gprs.r[VMM_RDX] = value >> 32;
		page->dirty |= VMM_GROUP_GPRS;
	}
	return em_msr_done(vcpu, ret, false);
}

static int em_exit_wrmsr(struct em_vcpu *vcpu)
{
	const struct vmm_exit_msr *msr = &vcpu->hm->page->u.msr;
	int ret = gim_msr_write(vcpu->em->config.gim, vcpu->hm, msr->index, msr->value);

	return em_msr_done(vcpu, ret, true);
}

static int em_exit_extint(struct em_vcpu *vcpu)
{
	u8 vector;
	int ret;

	if (!pdm_extint_acknowledge(vcpu->em->config.pdm, &vector))
		return em_crash(vcpu, "an interrupt of a PIC that is not there");
	ret = trpm_interrupt(&vcpu->trpm, vector);
	return ret ? em_crash(vcpu, "interrupt %u cannot be delivered: %s", vector,
			      strerror(-ret)) : 0;
}

static int em_exit_eoi(struct em_vcpu *vcpu)
{
	pdm_eoi(vcpu->em->config.pdm, vcpu->hm->page->u.eoi_vector);
	return 0;
}

static int em_exit_halted(struct em_vcpu *vcpu)
{
	const struct em_config *config = &vcpu->em->config;
	const struct vmm_events *events = &vcpu->hm->page->events;

	vcpu->state = events->run_state == VMM_STATE_WAIT_SIPI ? EM_WAIT_SIPI : EM_HALTED;
	config->ops->halted(config->ctx);
	return 0;
}

/* "VMCALL", "VMMCALL" */
static int em_exit_hypercall(struct em_vcpu *vcpu)
{
	struct vmm_page *page = vcpu->hm->page;
	struct gim_call call = {
		.gprs = &page->gprs,
		.cpl = SEG_DPL(page->sregs.seg[VMM_SS].attr),
		.is_protected = page->sregs.cr0 & CR0_PE,
		.wide = em_is_long(vcpu),
	};

	if (gim_hypercall(vcpu->em->config.gim, vcpu->hm, &call))
		return em_raise(vcpu, TRPM_VECTOR_UD, 0, 0);
	page->dirty |= VMM_GROUP_GPRS;
	return em_advance(vcpu, page->insn_len);
}

static int em_exit_triple_fault(struct em_vcpu *vcpu)
{
	return em_triple_fault(vcpu);
}

static int em_exit_crash(struct em_vcpu *vcpu)
{
	const struct vmm_page *page = vcpu->hm->page;
	const struct vmm_exit_crash *crash = &page->u.crash;

	return em_crash(vcpu, "%.*s (check %u; raw exit 0x%llx, 0x%llx, 0x%llx)",
			(int)sizeof(crash->text), crash->text, crash->detail,
			(unsigned long long)page->raw[0], (unsigned long long)page->raw[1],
			(unsigned long long)page->raw[2]);
}

static int (*const em_exits[VMM_EXIT_REASON_COUNT])(struct em_vcpu *vcpu) = {
	[VMM_EXIT_NONE]		= em_exit_none,
	[VMM_EXIT_KICK]		= em_exit_kick,
	[VMM_EXIT_IO]		= em_exit_io,
	[VMM_EXIT_MMIO]		= em_exit_mmio,
	[VMM_EXIT_RDMSR]	= em_exit_rdmsr,
	[VMM_EXIT_WRMSR]	= em_exit_wrmsr,
	[VMM_EXIT_EXTINT]	= em_exit_extint,
	[VMM_EXIT_EOI]		= em_exit_eoi,
	[VMM_EXIT_HALTED]	= em_exit_halted,
	[VMM_EXIT_HYPERCALL]	= em_exit_hypercall,
	[VMM_EXIT_TRIPLE_FAULT]	= em_exit_triple_fault,
	[VMM_EXIT_CRASH]	= em_exit_crash,
	[VMM_EXIT_TASK_SWITCH]	= em_exit_task_switch,
};

/* ---- the loop --------------------------------------------------------------------- */

/* Wait until the vCPU may run. False: the thread shall end. */
static bool em_gate(struct em_vcpu *vcpu)
{
	struct em *em = vcpu->em;
	bool stop;

	if (likely(READ_ONCE(em->run) && vcpu->state != EM_CRASHED))
		return true;
	pthread_mutex_lock(&em->lock);
	vcpu->parked = true;
	pthread_cond_broadcast(&em->changed);
	while (!em->stop && !(em->run && vcpu->state != EM_CRASHED))
		pthread_cond_wait(&em->changed, &em->lock);
	vcpu->parked = false;
	stop = em->stop;
	pthread_mutex_unlock(&em->lock);
	return !stop;
}

static int em_handle(struct em_vcpu *vcpu)
{
	u32 reason = READ_ONCE(vcpu->hm->page->reason);

	if (reason != VMM_EXIT_KICK && reason != VMM_EXIT_NONE)
		vcpu->state = EM_RUNNING;
	if (reason >= ARRAY_SIZE(em_exits) || !em_exits[reason])
		return em_crash(vcpu, "the module reports an exit %u that this vmm does not know",
				reason);
	return em_exits[reason](vcpu);
}

static void *em_thread(void *arg)
{
	struct em_vcpu *vcpu = arg;
	int ret;

	while (em_gate(vcpu)) {
		if (unlikely(vcpu->trpm.deferred)) {
			vcpu->hm->page->cached = 0;
			trpm_retry(&vcpu->trpm);
		}
		ret = hm_vcpu_run(vcpu->hm);
		if (likely(!ret))
			em_handle(vcpu);
		else if (ret != -EINTR)
			em_crash(vcpu, "the module cannot run it: %s", strerror(-ret));
	}
	return NULL;
}

/* ---- for the VM ---------------------------------------------------------------------- */

void em_pause_request(struct em *em)
{
	pthread_mutex_lock(&em->lock);
	if (em->run) {
		WRITE_ONCE(em->run, false);
		for (u32 i = 0; i < em->count; i++)
			hm_vcpu_kick(em->vcpu[i].hm);
	}
	pthread_mutex_unlock(&em->lock);
}

void em_pause(struct em *em)
{
	em_pause_request(em);
	pthread_mutex_lock(&em->lock);
	for (u32 i = 0; i < em->count; i++)
		while (!em->vcpu[i].parked)
			pthread_cond_wait(&em->changed, &em->lock);
	pthread_mutex_unlock(&em->lock);
}

void em_resume(struct em *em)
{
	pthread_mutex_lock(&em->lock);
	WRITE_ONCE(em->run, true);
	pthread_cond_broadcast(&em->changed);
	pthread_mutex_unlock(&em->lock);
}

u32 em_vcpu_count(const struct em *em)
{
	return em->count;
}

struct em_vcpu *em_vcpu(struct em *em, u32 index)
{
	return &em->vcpu[index];
}

static bool em_is_dead(struct em_vcpu *vcpu)
{
	const struct vmm_page *page = vcpu->hm->page;
	const struct vmm_events *events = &page->events;

	if (vcpu->state == EM_CRASHED)
		return true;
	if (hm_vcpu_fetch(vcpu->hm, VMM_GROUP_GPRS | VMM_GROUP_EVENTS))
		return false;
	if (events->init_pending || events->nmi_pending || events->kicked ||
	    events->type != VMM_EVENT_NONE)
		return false;
	if (events->run_state == VMM_STATE_WAIT_SIPI)
		return !events->sipi_pending;
	return events->run_state == VMM_STATE_HALTED && !(page->gprs.rflags & RFLAGS_IF);
}

bool em_all_dead(struct em *em)
{
	for (u32 i = 0; i < em->count; i++)
		if (!em_is_dead(&em->vcpu[i]))
			return false;
	return true;
}

int em_reset(struct em *em, struct error *err)
{
	for (u32 i = 0; i < em->count; i++) {
		struct em_vcpu *vcpu = &em->vcpu[i];
		int ret;

		vcpu->hm->page->dirty = 0;
		ret = hm_vcpu_reset(vcpu->hm);
		if (ret < 0)
			return error_errno(err, -ret, "CPU %u cannot be reset", i);
		trpm_init(&vcpu->trpm, vcpu->hm);
		vcpu->state = i ? EM_WAIT_SIPI : EM_RUNNING;
		vcpu->xsave_loaded = false;
		vcpu->xsave_dirty = false;
	}
	return 0;
}

static int em_thread_start(struct em_vcpu *vcpu, struct error *err)
{
	char name[16];
	int ret;

	snprintf(name, sizeof(name), "cpu%u", vcpu->index);
	ret = thread_start(&vcpu->thread, name, em_thread, vcpu);
	return ret ? error_errno(err, -ret, "the thread of CPU %u", vcpu->index) : 0;
}

int em_create(struct em **out, const struct em_config *config, struct error *err)
{
	u32 count = hm_vcpu_count(config->hm);
	struct em *em = calloc(1, sizeof(*em) + count * sizeof(em->vcpu[0]));
	int ret = 0;

	if (!em)
		return error_errno(err, ENOMEM, "CPUs");
	em->config = *config;
	pthread_mutex_init(&em->lock, NULL);
	pthread_cond_init(&em->changed, NULL);
	for (u32 i = 0; i < count && !ret; i++) {
		struct em_vcpu *vcpu = &em->vcpu[i];

		vcpu->em = em;
		vcpu->index = i;
		vcpu->hm = hm_vcpu(config->hm, i);
		vcpu->state = i ? EM_WAIT_SIPI : EM_RUNNING;
		vcpu->xsave = config->xsave;
		trpm_init(&vcpu->trpm, vcpu->hm);
		ret = em_thread_start(vcpu, err);
		if (!ret)
			em->count++;
	}
	if (ret)
		em_destroy(em);
	else
		*out = em;
	return ret;
}

void em_destroy(struct em *em)
{
	if (!em)
		return;
	em_pause(em);
	pthread_mutex_lock(&em->lock);
	em->stop = true;
	pthread_cond_broadcast(&em->changed);
	pthread_mutex_unlock(&em->lock);
	for (u32 i = 0; i < em->count; i++) {
		pthread_join(em->vcpu[i].thread, NULL);
		free(em->vcpu[i].xsave.image);
	}
	pthread_cond_destroy(&em->changed);
	pthread_mutex_destroy(&em->lock);
	free(em);
}
