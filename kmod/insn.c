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

/* ---- lengths remembered ----------------------------------------------------------- */

static struct insn_memo *insn_memo(struct vcpu *vcpu)
{
	return &vcpu->memo[(vcpu->gprs.rip >> 1) % INSN_MEMOS];
}

/*
 * The memo if these bytes were seen here before and still stand there, else
 * NULL. A guest that maps another page here meanwhile, with the same kind of
 * exit from the same place, has the old instruction executed: a risk only its
 * own, and of no kernel that leaves its text where it is.
 */
static const struct insn_memo *insn_recall(struct vcpu *vcpu)
{
	struct insn_memo *memo = insn_memo(vcpu);
	u64 bytes;

	if (memo->rip != vcpu->gprs.rip || memo->cr3 != vcpu->exit.cr3 ||
	    memo->slots_changed != READ_ONCE(vcpu->vm->slots_changed))
		return NULL;
	if (memo->code_size != insn_code_size(vcpu))
		return NULL;
	if (get_user(bytes, memo->user) || bytes != memo->bytes)
		return NULL;
	return memo;
}

static void insn_remember(struct vcpu *vcpu, gpa_t gpa, u8 length, u8 code_size)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct insn_memo memo = {
		.rip = vcpu->gprs.rip,
		.cr3 = exit->cr3,
		.slots_changed = READ_ONCE(vcpu->vm->slots_changed),
		.length = length,
		.code_size = code_size,
	};

	if (length > sizeof(memo.bytes) || (gpa & ~PAGE_MASK) > PAGE_SIZE - sizeof(memo.bytes))
		return;
	memo.user = mem_user_of(vcpu->vm, gpa);
	if (!memo.user)
		return;
	memcpy(&memo.bytes, exit->insn, sizeof(memo.bytes));
	*insn_memo(vcpu) = memo;
}

/* ---- reading ------------------------------------------------------------------------- */

static int insn_read_entry(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	if (size == sizeof(u64))
		return mem_read_u64(ctx, gpa, buf);
	return mem_read(ctx, gpa, buf, size);
}

static int insn_set_entry(void *ctx, gpa_t gpa, u64 old, u64 new, unsigned int size)
{
	return mem_cmpxchg(ctx, gpa, old, new, size);
}

static const struct pgm_walk_ops insn_walk_ops = {
	.read = insn_read_entry,
	.exchange = insn_set_entry,
};

/* Up to the end of the page that holds @gva: bytes read, or -errno; *@gpa is where. */
static int insn_read_page(struct vcpu *vcpu, const struct vmm_sregs *sregs, u64 gva, u8 *bytes,
			  unsigned int count, gpa_t *gpa)
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
	ret = pgm_walk(&paging, &insn_walk_ops, vcpu->vm, gva, PGM_EXEC, &walk);
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

static int insn_read(struct vcpu *vcpu, const struct vmm_sregs *sregs, int code_size, u8 *bytes,
		     gpa_t *gpa)
{
	u64 gva = vcpu->gprs.rip + sregs->seg[VMM_CS].base;
	gpa_t next;
	int n, more;

	if (code_size != 8)
		gva = (u32)gva;
	else
		gva = vcpu->gprs.rip;
	n = insn_read_page(vcpu, sregs, gva, bytes, DECODE_MAX, gpa);
	if (n < 0 || n == DECODE_MAX)
		return n;
	/* Only an instruction that needs the next page may fault on it. */
	if (decode_insn(&(struct decode_insn){}, bytes, n, code_size) != -ENODATA)
		return n;
	more = insn_read_page(vcpu, sregs, gva + n, bytes + n, DECODE_MAX - n, &next);
	return more < 0 ? more : n + more;
}

static noinline int insn_fetch_slow(struct vcpu *vcpu, struct decode_insn *insn)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct vmm_sregs sregs;
	u8 bytes[DECODE_MAX];
	int n, err, code_size;
	gpa_t gpa;

	hw->sregs_get(vcpu, &sregs);
	code_size = insn_code_size_of(&sregs);
	if (exit->bytes)
		return decode_insn(insn, exit->insn, exit->bytes, code_size) ?: RUN_GUEST;
	n = insn_read(vcpu, &sregs, code_size, bytes, &gpa);
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
	insn_remember(vcpu, gpa, insn->length, code_size);
	return RUN_GUEST;
}

int insn_fetch(struct vcpu *vcpu, struct decode_insn *insn)
{
	struct vcpu_exit *exit = &vcpu->exit;
	const struct insn_memo *memo = exit->bytes ? NULL : insn_recall(vcpu);

	if (!memo)
		return insn_fetch_slow(vcpu, insn);
	memcpy(exit->insn, &memo->bytes, sizeof(memo->bytes));
	exit->bytes = memo->length;
	return decode_insn(insn, exit->insn, exit->bytes, memo->code_size) ?: RUN_GUEST;
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
		vcpu->exit.insn_len = memo->length;
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
