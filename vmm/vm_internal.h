/* SPDX-License-Identifier: GPL-2.0 */
/* What vm.c (how a VM runs and ends) and assemble.c (what it is made of) share. */
#ifndef VMM_VM_INTERNAL_H
#define VMM_VM_INTERNAL_H

#include <pthread.h>

#include "cfgm/cfgm.h"
#include "gim/gim.h"
#include "pdm/pdm_vm.h"
#include "pgm/pgm.h"
#include "tm/tm.h"
#include "vmm/boot/boot.h"
#include "vmm/cpuid.h"
#include "vmm/em/em.h"
#include "vmm/hm.h"
#include "vmm/vm.h"

/* Why a VM ends; the exit status follows. */
enum vm_end {
	VM_ALIVE,
	VM_POWEROFF,
	VM_EXIT,		/* by the debug-exit device; arg: the guest's status */
	VM_RESET,
	VM_PANIC,		/* seen, and confirmed */
	VM_TRIPLE_FAULT,
	VM_CRASH,
	VM_DEAD,		/* all CPUs halted for good */
	VM_TIMEOUT,
	VM_SIGNAL,		/* arg: which */
};

struct vm {
	const struct cfgm_node *config;
	const struct vm_opts *opts;

	/* In the order of their making. */
	struct hm *hm;
	struct hm_vm *hm_vm;
	struct tm_vm *tm;
	struct pgm *pgm;
	struct gim *gim;
	struct cpuid_policy cpuid;
	struct pdm *pdm;
	gpa_t rsdp;
	struct boot_image *image;
	struct em *em;

	int wake;			/* eventfd: something below changed */
	int signals;			/* signalfd */
	u64 deadline;			/* host ns, 0: none */
	bool paused;			/* by Ctrl-A p; the main thread's */

	pthread_mutex_t lock;		/* guards what follows; em's and tm's come after it */
	enum vm_end end;		/* the first counts */
	u64 end_arg;
	bool dump;			/* wanted by Ctrl-A d, SIGQUIT */
	bool pause_key;			/* Ctrl-A p, an odd number of times */
	bool halted;			/* a CPU halted for good */
	bool panic_line;		/* the console told of a panic */
	bool panic_device;		/* pvpanic did, which needs no confirmation */
};

/* Take note that the VM shall end, and stop its CPUs soon. Any thread. */
void vm_end(struct vm *vm, enum vm_end end, u64 arg);
extern const struct pdm_vm_ops vm_pdm_ops;
extern const struct em_ops vm_em_ops;
extern const struct gim_ops vm_gim_ops;

/* assemble.c */
int vm_assemble(struct vm *vm, struct error *err);
void vm_dismantle(struct vm *vm);
/* Load the kernel, and put the first CPU to its first instruction. */
int vm_load(struct vm *vm, struct error *err);

#endif
