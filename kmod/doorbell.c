// SPDX-License-Identifier: GPL-2.0
/*
 * Doorbells: a guest's write to a port, or to a guest-physical address without
 * memory, signals an eventfd and the guest goes on.
 *
 * A VM has two tables, for ports and for memory, sorted by address. Writers
 * hold vm->lock and put a changed copy in the place of a table; a vCPU that
 * looks one up holds no lock, but SRCU keeps the table and its eventfds. After
 * a removal has returned, nothing signals any more.
 *
 * Of instructions that write to memory only MOV is done here: the others have
 * more effects than the write, and user space has the interpreter for them.
 *
 * Left out: a write that begins in memory and goes on into a doorbell at the
 * start of the next page. The fault names the page alone, so it is taken for
 * one that begins there.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "compat.h"
#include "doorbell.h"
#include "hw.h"
#include "insn.h"
#include "run.h"
#include "vcpu.h"

struct doorbell {
	u64 address;
	u64 data;			/* if match */
	u8 size;			/* bytes of the write, 0: any */
	bool match;
	struct eventfd_ctx *event;
};

struct doorbell_table {
	u32 count;
	struct doorbell row[];
};

/* Those who look a doorbell up. */
DEFINE_STATIC_SRCU(doorbell_srcu);

/* ---- ringing ----------------------------------------------------------------------------- */

/* The first row at @address or above. */
static u32 doorbell_first(const struct doorbell_table *table, u64 address)
{
	u32 low = 0, high = table->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (table->row[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct doorbell *doorbell_find(const struct doorbell_table *table, u64 address,
					    u8 size, u64 data)
{
	const struct doorbell *row, *end = table->row + table->count;

	for (row = table->row + doorbell_first(table, address);
	     row < end && row->address == address; row++) {
		if ((!row->size || row->size == size) && (!row->match || row->data == data))
			return row;
	}
	return NULL;
}

static bool doorbell_ring(struct vcpu *vcpu, enum doorbell_space space, u64 address, u8 size,
			  u64 data)
{
	const struct doorbell_table *table;
	const struct doorbell *row = NULL;
	int index;

	index = srcu_read_lock(&doorbell_srcu);
	table = srcu_dereference(vcpu->vm->doorbells[space], &doorbell_srcu);
	if (table)
		row = doorbell_find(table, address, size, data);
	if (row)
		compat_eventfd_signal(row->event);
	srcu_read_unlock(&doorbell_srcu, index);
	if (row)
		vcpu_count(vcpu, VMM_STAT_DOORBELL);
	return row;
}

/* Whether a write to @address may ring one: the instruction need not be read if not. */
static bool doorbell_is_at(struct vm *vm, enum doorbell_space space, u64 address)
{
	const struct doorbell_table *table;
	bool found = false;
	u32 first;
	int index;

	index = srcu_read_lock(&doorbell_srcu);
	table = srcu_dereference(vm->doorbells[space], &doorbell_srcu);
	if (table) {
		first = doorbell_first(table, address);
		found = first < table->count && table->row[first].address == address;
	}
	srcu_read_unlock(&doorbell_srcu, index);
	return found;
}

bool doorbell_port(struct vcpu *vcpu)
{
	const struct vmm_exit_io *io = &vcpu->exit.io;

	if (io->flags & (VMM_IO_IN | VMM_IO_STRING))
		return false;
	return doorbell_ring(vcpu, DOORBELL_PORT, io->port, io->size, io->data);
}

int doorbell_memory(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct decode_insn insn;
	struct decode_mov mov;
	int ret;

	if (!(exit->fault & VMM_FAULT_WRITE) ||
	    !doorbell_is_at(vcpu->vm, DOORBELL_MEMORY, exit->gpa))
		return -ENOSYS;
	ret = insn_fetch_mov(vcpu, &insn, &mov);
	if (ret == -EAGAIN)
		return RUN_GUEST;
	if (ret != RUN_GUEST)
		return ret;
	if ((exit->gpa & ~PAGE_MASK) + mov.size > PAGE_SIZE)
		return -ENOSYS;
	if (!doorbell_ring(vcpu, DOORBELL_MEMORY, exit->gpa, mov.size,
			   insn_mov_value(vcpu, &insn, &mov)))
		return -ENOSYS;
	exit->insn_len = insn.length;
	return insn_skip(vcpu);
}

/* ---- the calls --------------------------------------------------------------------------- */

static bool doorbell_is_sane(const struct vmm_doorbell *req)
{
	const u32 flags = VMM_DOORBELL_REMOVE | VMM_DOORBELL_PORT | VMM_DOORBELL_MATCH;
	const bool port = req->flags & VMM_DOORBELL_PORT;
	u64 end = port ? 1ULL << 16 : 1ULL << min(hw_info.phys_bits, 52U);

	if ((req->flags & ~flags) || req->pad)
		return false;
	if (req->size > (port ? 4 : 8) || (req->size & (req->size - 1)))
		return false;
	if (req->address >= end || end - req->address < req->size)
		return false;
	if (!port && req->size && !IS_ALIGNED(req->address, req->size))
		return false;
	if (!(req->flags & VMM_DOORBELL_MATCH))
		return !req->data;
	return req->size == 8 || (req->size && !(req->data >> (8 * req->size)));
}

/* Some write would ring both. */
static bool doorbell_overlaps(const struct doorbell *a, const struct doorbell *b)
{
	if (a->address != b->address || (a->size && b->size && a->size != b->size))
		return false;
	return !a->match || !b->match || a->data == b->data;
}

static bool doorbell_same(const struct doorbell *a, const struct doorbell *b)
{
	return a->address == b->address && a->size == b->size && a->match == b->match &&
	       a->data == b->data;
}

static struct doorbell_table *doorbell_table_alloc(u32 count)
{
	struct doorbell_table *table;

	table = kvzalloc(struct_size(table, row, count), GFP_KERNEL_ACCOUNT);
	if (table)
		table->count = count;
	return table;
}

/* vm->lock held. Nobody uses what was there before when it returns. */
static void doorbell_publish(struct vm *vm, enum doorbell_space space,
			     struct doorbell_table *table)
{
	struct doorbell_table *old;

	old = rcu_replace_pointer(vm->doorbells[space], table, lockdep_is_held(&vm->lock));
	if (!old)
		return;
	synchronize_srcu_expedited(&doorbell_srcu);
	kvfree(old);
}

static long doorbell_add(struct vm *vm, enum doorbell_space space,
			 const struct doorbell_table *old, const struct doorbell *new)
{
	u32 count = old ? old->count : 0, at = old ? doorbell_first(old, new->address) : 0, i;
	struct doorbell_table *table;

	for (i = at; i < count && old->row[i].address == new->address; i++) {
		if (doorbell_overlaps(&old->row[i], new))
			return -EEXIST;
	}
	if (count >= VMM_DOORBELLS_MAX)
		return -ENOSPC;
	table = doorbell_table_alloc(count + 1);
	if (!table)
		return -ENOMEM;
	if (old) {
		memcpy(table->row, old->row, at * sizeof(*new));
		memcpy(table->row + at + 1, old->row + at, (count - at) * sizeof(*new));
	}
	table->row[at] = *new;
	doorbell_publish(vm, space, table);
	return 0;
}

static long doorbell_remove(struct vm *vm, enum doorbell_space space,
			    const struct doorbell_table *old, const struct doorbell *gone)
{
	struct doorbell_table *table = NULL;
	struct eventfd_ctx *event;
	u32 at;

	if (!old)
		return -ENOENT;
	at = doorbell_first(old, gone->address);
	while (at < old->count && !doorbell_same(&old->row[at], gone))
		at++;
	if (at == old->count)
		return -ENOENT;
	if (old->count > 1) {
		table = doorbell_table_alloc(old->count - 1);
		if (!table)
			return -ENOMEM;
		memcpy(table->row, old->row, at * sizeof(*gone));
		memcpy(table->row + at, old->row + at + 1,
		       (table->count - at) * sizeof(*gone));
	}
	event = old->row[at].event;
	doorbell_publish(vm, space, table);
	eventfd_ctx_put(event);
	return 0;
}

long doorbell_set(struct vm *vm, const struct vmm_doorbell *req)
{
	const enum doorbell_space space = req->flags & VMM_DOORBELL_PORT ? DOORBELL_PORT :
									    DOORBELL_MEMORY;
	struct doorbell row = {
		.address = req->address,
		.data = req->data,
		.size = req->size,
		.match = req->flags & VMM_DOORBELL_MATCH,
	};
	struct doorbell_table *table;
	long ret;

	if (!doorbell_is_sane(req))
		return -EINVAL;
	table = rcu_dereference_protected(vm->doorbells[space], lockdep_is_held(&vm->lock));
	if (req->flags & VMM_DOORBELL_REMOVE)
		return req->fd ? -EINVAL : doorbell_remove(vm, space, table, &row);
	row.event = eventfd_ctx_fdget(req->fd);
	if (IS_ERR(row.event))
		return PTR_ERR(row.event);
	ret = doorbell_add(vm, space, table, &row);
	if (ret)
		eventfd_ctx_put(row.event);
	return ret;
}

static void doorbell_release_space(struct vm *vm, enum doorbell_space space)
{
	struct doorbell_table *table;
	u32 i;

	table = rcu_replace_pointer(vm->doorbells[space], NULL, lockdep_is_held(&vm->lock));
	if (!table)
		return;
	synchronize_srcu_expedited(&doorbell_srcu);
	for (i = 0; i < table->count; i++)
		eventfd_ctx_put(table->row[i].event);
	kvfree(table);
}

void doorbell_release(struct vm *vm)
{
	int space;

	mutex_lock(&vm->lock);
	for (space = 0; space < DOORBELL_SPACES; space++)
		doorbell_release_space(vm, space);
	mutex_unlock(&vm->lock);
}
