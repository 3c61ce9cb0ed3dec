/* SPDX-License-Identifier: GPL-2.0 */
/*
 * EM, the execution manager: a thread per vCPU, what state it is in, and what
 * happens when it leaves the guest.
 *
 * A vCPU's fields and its shared page belong to its thread while EM runs, and
 * to the caller of em_pause() after that returned. em->lock guards the rest.
 */
#ifndef VMM_EM_EM_H
#define VMM_EM_EM_H

#include <pthread.h>

#include "gim/gim.h"
#include "pdm/pdm_vm.h"
#include "pgm/pgm.h"
#include "vmm/em/xsave.h"
#include "vmm/hm.h"
#include "vmm/trpm/trpm.h"

struct em;

/* EM mirrors what the module says; it never owns it. */
enum em_state {
	EM_RUNNING,
	EM_HALTED,		/* with interrupts off, when it was seen last */
	EM_WAIT_SIPI,		/* not heard of since INIT */
	EM_CRASHED,
	EM_TERMINATED,
};

struct em_vcpu {
	struct em *em;
	struct hm_vcpu *hm;
	struct trpm trpm;
	u32 index;
	enum em_state state;
	bool parked;			/* em->lock */
	pthread_t thread;
	struct em_xsave xsave;		/* image NULL until it is needed; em/mmio.c */
	bool xsave_loaded, xsave_dirty;
	char crash[256];		/* why, when EM_CRASHED */
};

/* Called on a vCPU's thread: only take note, and ask for a pause. */
struct em_ops {
	void (*crashed)(void *ctx, struct em_vcpu *vcpu, bool triple_fault);
	/* A vCPU halted for good, or waits for SIPI; perhaps all do: em_all_dead(). */
	void (*halted)(void *ctx);
};

struct em_config {
	struct hm_vm *hm;
	struct pgm *pgm;
	struct pdm *pdm;
	struct gim *gim;
	u8 phys_bits;			/* as the guest's CPUID says */
	bool pages_1g;
	bool unknown_msr_ignore;
	struct em_xsave xsave;		/* the layout; image unused */
	const struct em_ops *ops;
	void *ctx;
};

/* One thread per vCPU of @config->hm, paused. */
int em_create(struct em **out, const struct em_config *config, struct error *err);
/* Pauses, and ends the threads. */
void em_destroy(struct em *em);

void em_resume(struct em *em);
/* Any thread, vCPUs' included: they stop soon. */
void em_pause_request(struct em *em);
/* They have stopped. Not from a vCPU's thread. */
void em_pause(struct em *em);

u32 em_vcpu_count(const struct em *em);
struct em_vcpu *em_vcpu(struct em *em, u32 index);

/* While paused: nothing inside the guest can wake any of its vCPUs. */
bool em_all_dead(struct em *em);
/* While paused: all as after power-up. */
int em_reset(struct em *em, struct error *err);

#endif
