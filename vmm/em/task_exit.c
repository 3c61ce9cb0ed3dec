// SPDX-License-Identifier: GPL-2.0
/*
 * EM's task switches: what of the vCPU's events takes part, and what is left.
 *
 * An event that went through a task gate is used up with the switch. Until
 * then it stays in delivery, so that a fault before it merges with it, and the
 * gate is met again after.
 */
#include "vmm/em/exit.h"
#include "vmm/em/task.h"

#define DR6_BT BIT_ULL(15)

/* INT n, INT3, INTO and INT1 return behind themselves, other events to where they came. */
static u64 task_return_rip(const struct vmm_page *page)
{
	const struct vmm_events *events = &page->events;

	if (page->u.task.cause != VMM_TASK_EVENT)
		return page->gprs.rip + page->insn_len;
	return page->gprs.rip + (events->type >= VMM_EVENT_SOFT_INTR ? events->length : 0);
}

/* The new task has begun. A fault while it does still meets the exception that led to it. */
static void task_end_event(struct vmm_page *page, bool faulted)
{
	struct vmm_events *events = &page->events;

	if (events->type == VMM_EVENT_NMI)
		events->nmi_masked = 1;
	if (!faulted || events->type != VMM_EVENT_EXCEPTION) {
		events->type = VMM_EVENT_NONE;
		events->vector = 0;
		events->has_error = 0;
		events->length = 0;
		events->error = 0;
		events->payload = 0;
	}
	events->shadow = 0;
	page->dirty |= VMM_GROUP_ALL & ~VMM_GROUP_RAX;
}

int em_exit_task_switch(struct em_vcpu *vcpu)
{
	struct vmm_page *page = vcpu->hm->page;
	struct vmm_events *events = &page->events;
	struct em_mem mem;
	struct task_switch ts = {
		.mem = &mem, .gprs = &page->gprs, .sregs = &page->sregs, .dregs = &page->dregs,
		.selector = page->u.task.selector, .cause = page->u.task.cause,
	};
	int ret;

	if (em_need(vcpu, VMM_GROUP_ALL & ~VMM_GROUP_RAX))
		return EM_STOPPED;
	em_mem_init(vcpu, &mem);
	ts.return_rip = task_return_rip(page);
	if (ts.cause == VMM_TASK_EVENT) {
		ts.external = events->type != VMM_EVENT_SOFT_INTR &&
			      events->type != VMM_EVENT_SOFT_EXC;
		ts.push_error = events->has_error;
		ts.error = events->error;
	}
	ret = task_switch(&ts);
	/* "Handling Multiple NMIs": IRET unmasks them, even one that faults. */
	if (ts.cause == VMM_TASK_IRET && events->nmi_masked) {
		events->nmi_masked = 0;
		page->dirty |= VMM_GROUP_EVENTS;
	}
	if (ts.switched)
		task_end_event(page, ret);
	if (ret == -EFAULT)
		return em_raise(vcpu, ts.ex.vector, ts.ex.error_code, ts.ex.cr2);
	if (ret && ret != -EAGAIN)
		return em_crash(vcpu, "a task switch to %04x cannot be done: %s", ts.selector,
				strerror(-ret));
	return ts.debug_trap ? em_raise(vcpu, TRPM_VECTOR_DB, 0, DR6_BT) : 0;
}
