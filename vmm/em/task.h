/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hardware task switches, done in software: what a CPU without virtualisation
 * would have made of the registers and of both task-state segments.
 */
#ifndef VMM_EM_TASK_H
#define VMM_EM_TASK_H

#include "kmod/uapi/vmm.h"
#include "vmm/em/mem.h"

struct task_switch {
	struct em_mem *mem;		/* of the old task; follows the switch */
	struct vmm_gprs *gprs;
	struct vmm_sregs *sregs;
	struct vmm_dregs *dregs;
	u16 selector;			/* of the new TSS */
	u8 cause;			/* VMM_TASK_* */
	bool external;			/* an event does it, and no INT n: EXT of error codes */
	bool push_error;		/* @error goes onto the new task's stack */
	u32 error;
	u64 return_rip;			/* where the old task goes on */

	/* What came of it. */
	bool switched;			/* the new task is the current one */
	bool debug_trap;		/* T of its TSS: a #DB comes before its first instruction */
	struct interp_exception ex;
};

/*
 * 0: done. -EFAULT: @ex is to be raised, in the old task with nothing changed,
 * or, if @switched, in the new one. -EAGAIN: another CPU was quicker; let the
 * guest run into it again. Another -errno ends the guest.
 */
int task_switch(struct task_switch *ts);

#endif
