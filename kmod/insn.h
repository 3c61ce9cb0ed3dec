/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instruction that exited: its bytes, its length, and for a few its
 * operands. Needed where the CPU does not tell.
 */
#ifndef KMOD_INSN_H
#define KMOD_INSN_H

#include "vmm.h"
#include "decode.h"

/*
 * Read and decode the instruction at RIP. RUN_GUEST: *@insn is filled.
 * RUN_USER: crashed. An exception (the bytes went away meanwhile) has been
 * raised if -EAGAIN is returned: enter again.
 */
int insn_fetch(struct vcpu *vcpu, struct decode_insn *insn);
/* What an exit handler returns if insn_fetch() gave @ret: #UD for other instructions. */
int insn_fetch_failed(struct vcpu *vcpu, int ret);

/*
 * Of an access that faulted: the plain MOV that made it. -ENOSYS: something
 * else did, or an event's delivery; RUN_GUEST, RUN_USER, -EAGAIN as above.
 */
int insn_fetch_mov(struct vcpu *vcpu, struct decode_insn *insn, struct decode_mov *mov);
/* What it writes. */
u64 insn_mov_value(struct vcpu *vcpu, const struct decode_insn *insn,
		   const struct decode_mov *mov);

/*
 * RIP past the instruction; single-stepping traps; the shadow ends. Returns
 * RUN_GUEST or RUN_USER.
 */
int insn_skip(struct vcpu *vcpu);
/* The same where the length is known, e.g. from the CPU. */
int insn_advance(struct vcpu *vcpu, u64 next_rip);

/* 2, 4 or 8: by CS and EFER. */
int insn_code_size(struct vcpu *vcpu);
/* 0 to 3. */
int insn_cpl(struct vcpu *vcpu);

#endif
