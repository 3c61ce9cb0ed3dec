// SPDX-License-Identifier: GPL-2.0
/*
 * irqfd: an eventfd whose writes are sent as an interrupt message.
 *
 * Whoever writes to the eventfd runs irqfd_wake(), on its own thread or in its
 * interrupt, and that takes the eventfd's count and hands the message to the
 * local APIC. The lock of the eventfd's wait queue is held then, interrupts
 * off; it is also what guards the message, so that a rewrite is seen as a
 * whole, and what is written during it is sent with the old or with the new
 * one. While an irqfd is masked the count stays where it is.
 *
 * Owned by the VM's fd. vm->lock guards the lists. An eventfd whose last file
 * is closed says so with that same lock held, so that a work item of the VM
 * takes its irqfds out. Out of its wait queue, an irqfd is not woken any more;
 * all are out, and then the work is over, before the VM's fd is gone.
 *
 * An EOI is matched against messages as by an IOAPIC: by the vector alone.
 * irqfd_vectors says which have to be looked at, a walk under SRCU does it.
 *
 * Left out: the IOAPIC itself. User space rewrites the messages as its entries
 * change.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "compat.h"
#include "irqfd.h"
#include "lapic.h"
#include "lapic_logic.h"

struct irqfd {
	struct list_head link;		/* vm->irqfds */
	struct list_head resample_link;	/* vm->irqfd_resamplers, if it has one */
	struct vm *vm;
	struct eventfd_ctx *event;
	struct eventfd_ctx *resample;	/* signalled at EOI; NULL: none */
	wait_queue_head_t *queue;	/* the eventfd's; its lock guards what follows */
	wait_queue_entry_t wait;
	struct vmm_msi msi;
	bool masked;
	bool closed;
};

/* Those who walk vm->irqfd_resamplers. */
DEFINE_STATIC_SRCU(irqfd_srcu);

/* ---- what the eventfd says ------------------------------------------------------------ */

/* True if there was something to send. Locked. */
static bool irqfd_deliver(struct irqfd *irqfd)
{
	u64 count;

	if (irqfd->masked)
		return false;
	eventfd_ctx_do_read(irqfd->event, &count);
	if (!count)
		return false;
	lapic_msi(irqfd->vm, irqfd->msi.address, irqfd->msi.data);
	return true;
}

/* Locked; any context. */
static int irqfd_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);

	if (events & EPOLLIN)
		irqfd_deliver(irqfd);
	if (events & EPOLLHUP) {
		WRITE_ONCE(irqfd->closed, true);
		schedule_work(&irqfd->vm->irqfd_work);
	}
	return 0;
}

struct irqfd_poll {
	poll_table table;
	struct irqfd *irqfd;
};

static void irqfd_queue(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct irqfd *irqfd = container_of(table, struct irqfd_poll, table)->irqfd;

	irqfd->queue = queue;
	add_wait_queue(queue, &irqfd->wait);
}

/* ---- EOI -------------------------------------------------------------------------------- */

void irqfd_eoi(struct vm *vm, u8 vector)
{
	struct irqfd *irqfd;
	int index;

	index = srcu_read_lock(&irqfd_srcu);
	list_for_each_entry_srcu(irqfd, &vm->irqfd_resamplers, resample_link,
				 srcu_read_lock_held(&irqfd_srcu)) {
		if ((u8)READ_ONCE(irqfd->msi.data) == vector)
			compat_eventfd_signal(irqfd->resample);
	}
	srcu_read_unlock(&irqfd_srcu, index);
}

/*
 * The vectors of all messages that have someone to tell, and @coming, which one
 * is about to have: its EOI may come as soon as it is sent.
 */
static void irqfd_vectors_update(struct vm *vm, u8 coming)
{
	DECLARE_BITMAP(vectors, 256) = { 0 };
	struct irqfd *irqfd;
	struct vcpu *vcpu;
	u32 i;

	__set_bit(coming, vectors);
	list_for_each_entry(irqfd, &vm->irqfd_resamplers, resample_link)
		__set_bit((u8)irqfd->msi.data, vectors);
	/* The data of a masked one may say anything; there are no vectors below 16. */
	vectors[0] &= ~0xffffUL;
	if (!memcmp(vectors, vm->irqfd_vectors, sizeof(vectors)))
		return;
	for (i = 0; i < ARRAY_SIZE(vm->irqfd_vectors); i++)
		WRITE_ONCE(vm->irqfd_vectors[i], vectors[i]);
	/* A CPU that does EOIs by itself is told at the next entry. */
	vm_for_each_vcpu(i, vcpu, vm)
		vcpu_request(vcpu, VCPU_REQ_EVENT);
}

/* ---- the calls --------------------------------------------------------------------------- */

static struct irqfd *irqfd_find(struct vm *vm, const struct eventfd_ctx *event)
{
	struct irqfd *irqfd;

	list_for_each_entry(irqfd, &vm->irqfds, link) {
		if (irqfd->event == event)
			return irqfd;
	}
	return NULL;
}

/* Nobody wakes it any more; what was not sent is left to who reads the eventfd. */
static void irqfd_unhook(struct irqfd *irqfd, struct list_head *dead)
{
	remove_wait_queue(irqfd->queue, &irqfd->wait);
	list_move(&irqfd->link, dead);
	if (irqfd->resample)
		list_del_rcu(&irqfd->resample_link);
	irqfd->vm->irqfd_count--;
}

static void irqfd_free_all(struct vm *vm, struct list_head *dead)
{
	struct irqfd *irqfd, *next;

	if (list_empty(dead))
		return;
	irqfd_vectors_update(vm, 0);
	synchronize_srcu_expedited(&irqfd_srcu);
	list_for_each_entry_safe(irqfd, next, dead, link) {
		if (irqfd->resample)
			eventfd_ctx_put(irqfd->resample);
		eventfd_ctx_put(irqfd->event);
		kfree(irqfd);
	}
}

static void irqfd_reap(struct work_struct *work)
{
	struct vm *vm = container_of(work, struct vm, irqfd_work);
	struct irqfd *irqfd, *next;
	LIST_HEAD(dead);

	mutex_lock(&vm->lock);
	list_for_each_entry_safe(irqfd, next, &vm->irqfds, link) {
		if (READ_ONCE(irqfd->closed))
			irqfd_unhook(irqfd, &dead);
	}
	irqfd_free_all(vm, &dead);
	mutex_unlock(&vm->lock);
}

static long irqfd_remove(struct vm *vm, struct irqfd *irqfd)
{
	LIST_HEAD(dead);

	if (!irqfd)
		return -ENOENT;
	irqfd_unhook(irqfd, &dead);
	irqfd_free_all(vm, &dead);
	return 0;
}

static long irqfd_rewrite(struct irqfd *irqfd, const struct vmm_irqfd *req)
{
	if (irqfd->resample)
		irqfd_vectors_update(irqfd->vm, req->msi.data);
	spin_lock_irq(&irqfd->queue->lock);
	irqfd->msi.address = req->msi.address;
	WRITE_ONCE(irqfd->msi.data, req->msi.data);
	irqfd->masked = req->flags & VMM_IRQFD_MASKED;
	/* Whoever waits for room in the count has it now. */
	if (irqfd_deliver(irqfd))
		wake_up_locked_poll(irqfd->queue, EPOLLOUT);
	spin_unlock_irq(&irqfd->queue->lock);
	if (irqfd->resample)
		irqfd_vectors_update(irqfd->vm, 0);
	return 0;
}

/* From here on it is woken. @file is open, so it cannot have been closed before. */
static void irqfd_hook(struct irqfd *irqfd, struct file *file)
{
	struct irqfd_poll poll = { .irqfd = irqfd };
	struct vm *vm = irqfd->vm;

	vm->irqfd_count++;
	list_add(&irqfd->link, &vm->irqfds);
	if (irqfd->resample) {
		list_add_rcu(&irqfd->resample_link, &vm->irqfd_resamplers);
		irqfd_vectors_update(vm, 0);
	}
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wake);
	init_poll_funcptr(&poll.table, irqfd_queue);
	vfs_poll(file, &poll.table);
}

static long irqfd_assign(struct vm *vm, struct file *file, const struct vmm_irqfd *req)
{
	struct irqfd *irqfd;

	if (vm->irqfd_count >= VMM_IRQFDS_MAX)
		return -ENOSPC;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	if (req->flags & VMM_IRQFD_RESAMPLE) {
		irqfd->resample = eventfd_ctx_fdget(req->resample_fd);
		if (IS_ERR(irqfd->resample)) {
			long err = PTR_ERR(irqfd->resample);

			kfree(irqfd);
			return err;
		}
	}
	irqfd->event = eventfd_ctx_fileget(file);
	irqfd->msi = req->msi;
	irqfd->masked = true;
	irqfd_hook(irqfd, file);
	/* What the eventfd holds already is sent as after a mask. */
	return irqfd_rewrite(irqfd, req);
}

static bool irqfd_is_sane(const struct vmm_irqfd *req)
{
	const u32 flags = VMM_IRQFD_REMOVE | VMM_IRQFD_MASKED | VMM_IRQFD_RESAMPLE;
	struct lapic_message msg;

	if ((req->flags & ~flags) || req->pad || req->msi.pad)
		return false;
	if (!(req->flags & VMM_IRQFD_RESAMPLE) && req->resample_fd)
		return false;
	if (req->flags & VMM_IRQFD_REMOVE)
		return req->flags == VMM_IRQFD_REMOVE && !req->msi.address && !req->msi.data;
	return (req->flags & VMM_IRQFD_MASKED) ||
	       !lapic_message_from_msi(req->msi.address, req->msi.data, &msg);
}

static long irqfd_set_file(struct vm *vm, struct file *file, const struct vmm_irqfd *req)
{
	struct eventfd_ctx *event = eventfd_ctx_fileget(file);
	struct irqfd *irqfd;

	if (IS_ERR(event))
		return PTR_ERR(event);
	irqfd = irqfd_find(vm, event);
	eventfd_ctx_put(event);
	if (req->flags & VMM_IRQFD_REMOVE)
		return irqfd_remove(vm, irqfd);
	if (!irqfd)
		return irqfd_assign(vm, file, req);
	return req->flags & VMM_IRQFD_RESAMPLE ? -EEXIST : irqfd_rewrite(irqfd, req);
}

long irqfd_set(struct vm *vm, const struct vmm_irqfd *req)
{
	struct file *file;
	long ret;

	if (!irqfd_is_sane(req))
		return -EINVAL;
	file = fget(req->fd);
	if (!file)
		return -EBADF;
	ret = irqfd_set_file(vm, file, req);
	fput(file);
	return ret;
}

void irqfd_init(struct vm *vm)
{
	INIT_LIST_HEAD(&vm->irqfds);
	INIT_LIST_HEAD(&vm->irqfd_resamplers);
	INIT_WORK(&vm->irqfd_work, irqfd_reap);
}

void irqfd_release(struct vm *vm)
{
	struct irqfd *irqfd, *next;
	LIST_HEAD(dead);

	mutex_lock(&vm->lock);
	list_for_each_entry_safe(irqfd, next, &vm->irqfds, link)
		irqfd_unhook(irqfd, &dead);
	irqfd_free_all(vm, &dead);
	mutex_unlock(&vm->lock);
	/* One that was closed meanwhile has asked for it, for the last time. */
	cancel_work_sync(&vm->irqfd_work);
}
