// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the instruction that exited through the guest's own page tables,
 * for CPUs that do not hand over its bytes or length.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "event.h"
#include "hw.h"
#include "insn.h"
#include "mem.h"
#include "run.h"
#include "shared/pgm/walk.h"

static int insn_code_size_of(const struct vmm_sregs *sregs)
{
	u32 attr = sregs->seg[VMM_CS].attr;

	if ((sregs->efer & EFER_LMA) && (attr & BIT(13)))
		return 8;
	return attr & BIT(14) ? 4 : 2;
}

int insn_code_size(struct vcpu *vcpu)
{
	return hw->code_size(vcpu);
}

int insn_cpl(struct vcpu *vcpu)
{
	struct vmm_sregs sregs;

	hw->sregs_get(vcpu, &sregs);
	return (sregs.seg[VMM_SS].attr >> 5) & 3;
}

/* ---- the walk ---------------------------------------------------------------------- */

/* What the guest's tables are seen to be on the way. */
struct insn_walk {
	struct vm *vm;
	u32 levels;			/* over INSN_LEVELS: too many, or read twice */
	struct { gpa_t gpa; u64 value; } entry[INSN_LEVELS];
};

static int insn_read_entry(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	struct insn_walk *walk = ctx;
	u64 *value = buf;
	int err;

	if (size != sizeof(u64))
		return mem_read(walk->vm, gpa, buf, size);
	err = mem_read_u64(walk->vm, gpa, value);
	if (err)
		return err;
	if (walk->levels < INSN_LEVELS) {
		walk->entry[walk->levels].gpa = gpa;
		walk->entry[walk->levels].value = *value;
	}
	walk->levels++;
	return 0;
}

static int insn_set_entry(void *ctx, gpa_t gpa, u64 old, u64 new, unsigned int size)
{
	struct insn_walk *walk = ctx;

	return mem_cmpxchg(walk->vm, gpa, old, new, size);
}

static const struct pgm_walk_ops insn_walk_ops = {
	.read = insn_read_entry,
	.exchange = insn_set_entry,
};

/* ---- instructions remembered ---------------------------------------------------------- */

static struct insn_memo *insn_memo(struct vcpu *vcpu)
{
	return &vcpu->memo[(vcpu->gprs.rip >> 1) % INSN_MEMOS];
}

/* The same tables still lead to the same bytes. */
static bool insn_stands(const struct insn_memo *memo)
{
	u64 value;
	u32 i;

	if (!user_read_access_begin(memo->user, sizeof(memo->bytes)))
		return false;
	unsafe_get_user(value, memo->user, changed);
	if (value != memo->bytes)
		goto changed;
	for (i = 0; i < memo->levels; i++) {
		unsafe_get_user(value, memo->entry[i].user, changed);
		if ((value ^ memo->entry[i].value) & ~(u64)(_PAGE_ACCESSED | _PAGE_DIRTY))
			goto changed;
	}
	user_read_access_end();
	return true;
changed:
	user_read_access_end();
	return false;
}

/* The memo if these bytes were seen here before and still stand there, else NULL. */
static const struct insn_memo *insn_recall(struct vcpu *vcpu)
{
	struct insn_memo *memo = insn_memo(vcpu);

	if (memo->rip != vcpu->gprs.rip || memo->cr3 != vcpu->exit.cr3 ||
	    memo->slots_changed != READ_ONCE(vcpu->vm->slots_changed))
		return NULL;
	return insn_code_size(vcpu) == 8 && insn_stands(memo) ? memo : NULL;
}

/* For 64-bit code only: else what there is besides the tables may change, too. */
static void insn_remember(struct vcpu *vcpu, const struct insn_walk *walk, gpa_t gpa,
			  const struct decode_insn *insn)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct insn_memo memo = {
		.rip = vcpu->gprs.rip,
		.cr3 = exit->cr3,
		.slots_changed = READ_ONCE(vcpu->vm->slots_changed),
		.insn = *insn,
		.levels = walk->levels,
	};
	u32 i;

	if (insn->length > sizeof(memo.bytes) || walk->levels > INSN_LEVELS ||
	    (gpa & ~PAGE_MASK) > PAGE_SIZE - sizeof(memo.bytes))
		return;
	for (i = 0; i < walk->levels; i++) {
		memo.entry[i].user = mem_user_of(vcpu->vm, walk->entry[i].gpa);
		memo.entry[i].value = walk->entry[i].value;
		if (!memo.entry[i].user)
			return;
	}
	memo.user = mem_user_of(vcpu->vm, gpa);
	if (!memo.user)
		return;
	memcpy(&memo.bytes, exit->insn, sizeof(memo.bytes));
	*insn_memo(vcpu) = memo;
}

/* ---- reading ------------------------------------------------------------------------- */

/* Up to the end of the page that holds @gva: bytes read, or -errno; *@gpa is where. */
static int insn_read_page(struct vcpu *vcpu, const struct vmm_sregs *sregs, u64 gva, u8 *bytes,
			  unsigned int count, struct insn_walk *path, gpa_t *gpa)
{
	struct pgm_paging paging = {
		.cr0 = sregs->cr0, .cr3 = sregs->cr3, .cr4 = sregs->cr4, .efer = sregs->efer,
		.rflags = vcpu->gprs.rflags, .pkru = vcpu->pkru,
		.cpl = (sregs->seg[VMM_SS].attr >> 5) & 3,
		.maxphyaddr = boot_cpu_data.x86_phys_bits,
		.have_1g = true,
	};
	struct pgm_walk walk;
	int ret;

	count = min_t(u64, count, PAGE_SIZE - (gva & ~PAGE_MASK));
	*path = (struct insn_walk){ .vm = vcpu->vm };
	ret = pgm_walk(&paging, &insn_walk_ops, path, gva, PGM_EXEC, &walk);
	if (ret == PGM_WALK_FAULT) {
		ret = event_page_fault(vcpu, walk.error_code, gva);
		return ret == RUN_GUEST ? -EAGAIN : -EIO;
	}
	if (ret)
		return ret < 0 ? ret : -EFAULT;
	*gpa = walk.gpa;
	ret = mem_read(vcpu->vm, walk.gpa, bytes, count);
	return ret ? ret : count;
}

/* *@path and *@gpa: of the page where it begins. */
static int insn_read(struct vcpu *vcpu, const struct vmm_sregs *sregs, int code_size, u8 *bytes,
		     struct insn_walk *path, gpa_t *gpa)
{
	u64 gva = vcpu->gprs.rip + sregs->seg[VMM_CS].base;
	struct insn_walk next_path;
	gpa_t next;
	int n, more;

	if (code_size != 8)
		gva = (u32)gva;
	else
		gva = vcpu->gprs.rip;
	n = insn_read_page(vcpu, sregs, gva, bytes, DECODE_MAX, path, gpa);
	if (n < 0 || n == DECODE_MAX)
		return n;
	/* Only an instruction that needs the next page may fault on it. */
	if (decode_insn(&(struct decode_insn){}, bytes, n, code_size) != -ENODATA)
		return n;
	more = insn_read_page(vcpu, sregs, gva + n, bytes + n, DECODE_MAX - n, &next_path, &next);
	return more < 0 ? more : n + more;
}

static noinline int insn_fetch_slow(struct vcpu *vcpu, struct decode_insn *insn)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct vmm_sregs sregs;
	struct insn_walk path;
	u8 bytes[DECODE_MAX];
	int n, err, code_size;
	gpa_t gpa;

	hw->sregs_get(vcpu, &sregs);
	code_size = insn_code_size_of(&sregs);
	if (exit->bytes)
		return decode_insn(insn, exit->insn, exit->bytes, code_size) ?: RUN_GUEST;
	n = insn_read(vcpu, &sregs, code_size, bytes, &path, &gpa);
	if (n == -EAGAIN)
		return n;
	if (n == -EIO)
		return RUN_USER;
	if (n < 0)
		return run_crash(vcpu, VMM_CRASH_FETCH, -n, "cannot read the instruction at RIP");
	memcpy(exit->insn, bytes, n);
	exit->bytes = n;
	err = decode_insn(insn, bytes, n, code_size);
	if (err)
		return err;
	if (code_size == 8)
		insn_remember(vcpu, &path, gpa, insn);
	return RUN_GUEST;
}

int insn_fetch(struct vcpu *vcpu, struct decode_insn *insn)
{
	struct vcpu_exit *exit = &vcpu->exit;
	const struct insn_memo *memo = exit->bytes ? NULL : insn_recall(vcpu);

	if (!memo)
		return insn_fetch_slow(vcpu, insn);
	memcpy(exit->insn, &memo->bytes, sizeof(memo->bytes));
	exit->bytes = memo->insn.length;
	*insn = memo->insn;
	return RUN_GUEST;
}

int insn_fetch_mov(struct vcpu *vcpu, struct decode_insn *insn, struct decode_mov *mov)
{
	u32 fault = vcpu->exit.fault;
	int ret;

	if ((fault & (VMM_FAULT_FETCH | VMM_FAULT_WALK)) || vcpu->events.type != VMM_EVENT_NONE)
		return -ENOSYS;
	ret = insn_fetch(vcpu, insn);
	if (ret != RUN_GUEST)
		return ret == -ENODATA ? -ENOSYS : ret;
	if (decode_mov(insn, mov) || mov->write != !!(fault & VMM_FAULT_WRITE))
		return -ENOSYS;
	return RUN_GUEST;
}

u64 insn_mov_value(struct vcpu *vcpu, const struct decode_insn *insn,
		   const struct decode_mov *mov)
{
	u64 value = mov->immediate ? (s64)(s32)insn->immediate : vcpu->gprs.r[mov->gpr];

	if (mov->high_byte)
		value >>= 8;
	return value & GENMASK_ULL(mov->size * 8 - 1, 0);
}

int insn_fetch_failed(struct vcpu *vcpu, int ret)
{
	if (ret == -EAGAIN)
		return RUN_GUEST;
	return ret < 0 ? event_exception(vcpu, X86_TRAP_UD) : ret;
}

int insn_advance(struct vcpu *vcpu, u64 next_rip)
{
	vcpu->gprs.rip = next_rip;
	vcpu->events.shadow = 0;
	/* "Resume flag": cleared by every instruction that completes. */
	vcpu->gprs.rflags &= ~X86_EFLAGS_RF;
	if (unlikely(vcpu->gprs.rflags & X86_EFLAGS_TF))
		return event_debug(vcpu, DR_STEP);
	return RUN_GUEST;
}

/* Find out exit.insn_len. RUN_GUEST: it is there. */
static noinline int insn_measure(struct vcpu *vcpu)
{
	const struct insn_memo *memo = insn_recall(vcpu);
	struct decode_insn insn;
	int ret;

	if (memo) {
		vcpu->exit.insn_len = memo->insn.length;
		return RUN_GUEST;
	}
	ret = insn_fetch(vcpu, &insn);
	if (ret == -ENOSYS || ret == -ENODATA)
		return run_crash(vcpu, VMM_CRASH_FETCH, 0,
				 "the instruction that exited is not there any more");
	if (ret == RUN_GUEST)
		vcpu->exit.insn_len = insn.length;
	return ret;
}

/* Nobody has told its length, or it may end beyond what 32-bit code can reach. */
static noinline int insn_skip_with_care(struct vcpu *vcpu)
{
	u64 next;
	int ret;

	if (!vcpu->exit.insn_len) {
		ret = insn_measure(vcpu);
		if (ret != RUN_GUEST)
			return ret == -EAGAIN ? RUN_GUEST : ret;
	}
	next = vcpu->gprs.rip + vcpu->exit.insn_len;
	if ((next ^ vcpu->gprs.rip) >> 32 && insn_code_size(vcpu) != 8)
		next = (u32)next;
	return insn_advance(vcpu, next);
}

int insn_skip(struct vcpu *vcpu)
{
	u64 rip = vcpu->gprs.rip, next = rip + vcpu->exit.insn_len;

	if (unlikely(next == rip || (next ^ rip) >> 32))
		return insn_skip_with_care(vcpu);
	return insn_advance(vcpu, next);
}
