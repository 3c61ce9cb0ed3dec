// SPDX-License-Identifier: GPL-2.0
/*
 * EM's port I/O: the plain forms, and INS and OUTS with their walk through
 * guest memory.
 *
 * A string instruction is done in batches that end at 4096 bytes, so that
 * interrupts get their turn; between two the registers say where it stands, as
 * the manual wants it ("REP/REPE/REPZ ... Prefix"). Runs on the vCPU's thread
 * and owns nothing.
 *
 * Left out: I/O permission checks, which the CPU did before it left the guest,
 * and I/O breakpoints.
 */
#include "vmm/em/exit.h"

#define BATCH 4096

/* ---- plain forms ------------------------------------------------------------------- */

static int em_io_in(struct em_vcpu *vcpu, const struct vmm_exit_io *io)
{
	struct vmm_page *page = vcpu->hm->page;
	__u64 *rax = &page->gprs.r[VMM_RAX];
	u32 value = 0;

	if (!(page->cached & VMM_GROUP_RAX) && em_need(vcpu, VMM_GROUP_GPRS))
		return EM_STOPPED;
	pdm_port_read(vcpu->em->config.pdm, io->port, &value, io->size);
	if (io->size == 4)
		*rax = value;
	else
		memcpy(rax, &value, io->size);
	page->dirty |= VMM_GROUP_RAX;
	return 0;
}

/* ---- string forms -------------------------------------------------------------------- */

struct io_string {
	struct em_vcpu *vcpu;
	struct vmm_exit_io io;
	struct em_mem mem;
	struct interp_exception ex;
	const struct vmm_segment *seg;
	enum vmm_gpr index;		/* RSI or RDI */
	u64 mask;			/* of RCX and the index, by address size */
	bool in;
	bool long_mode;
};

static int io_fault(struct io_string *s, u8 vector)
{
	s->ex = (struct interp_exception) { .vector = vector, .has_error = true };
	return -EFAULT;
}

/* "Segment Descriptor" type and limit checks, outside of 64-bit mode. */
static int io_segment_check(struct io_string *s, u64 offset)
{
	const struct vmm_segment *seg = s->seg;
	u8 vector = s->io.seg == VMM_SS && !s->in ? TRPM_VECTOR_SS : TRPM_VECTOR_GP;
	u64 last = offset + s->io.size - 1;
	bool code = seg->attr & BIT(3), down = !code && (seg->attr & BIT(2));
	u64 top = down && !(seg->attr & BIT(14)) ? 0xffff : 0xffffffff;

	if (seg->attr & VMM_SEG_UNUSABLE)
		return io_fault(s, TRPM_VECTOR_GP);
	/* INS writes; OUTS reads, also through a code segment that is readable. */
	if (s->in ? code || !(seg->attr & BIT(1)) : code && !(seg->attr & BIT(1)))
		return io_fault(s, TRPM_VECTOR_GP);
	if (down ? offset <= seg->limit || last > top : last > seg->limit)
		return io_fault(s, vector);
	return 0;
}

static int io_linear(struct io_string *s, u64 offset, gva_t *gva)
{
	if (!s->long_mode) {
		*gva = (u32)(s->seg->base + offset);
		return io_segment_check(s, offset);
	}
	*gva = offset;
	if (s->io.seg == VMM_FS || s->io.seg == VMM_GS)
		*gva += s->in ? 0 : s->seg->base;
	return 0;
}

/* One element. -EFAULT: s->ex is to be raised, and nothing was done. */
static int io_element(struct io_string *s)
{
	struct vmm_gprs *gprs = &s->vcpu->hm->page->gprs;
	struct pdm *pdm = s->vcpu->em->config.pdm;
	u64 offset = gprs->r[s->index] & s->mask, step;
	u32 value = 0, old;
	gva_t gva;
	int ret;

	ret = io_linear(s, offset, &gva);
	if (ret)
		return ret;
	if (s->in) {
		/* The port must not be read if the write would fault. */
		ret = em_mem_read(&s->mem, gva, &old, s->io.size, true, &s->ex);
		if (ret)
			return ret;
		pdm_port_read(pdm, s->io.port, &value, s->io.size);
		ret = em_mem_write(&s->mem, gva, &value, s->io.size, &s->ex);
	} else {
		ret = em_mem_read(&s->mem, gva, &value, s->io.size, false, &s->ex);
		if (!ret)
			pdm_port_write(pdm, s->io.port, &value, s->io.size);
	}
	if (ret)
		return ret;
	step = gprs->rflags & RFLAGS_DF ? -(u64)s->io.size : s->io.size;
	offset = (offset + step) & s->mask;
	/* A 32-bit result clears the upper half, a 16-bit one leaves it. */
	if (s->io.addr_size == 2)
		offset |= gprs->r[s->index] & ~0xffffULL;
	gprs->r[s->index] = offset;
	return 0;
}

/* A batch of iterations; *@done: RCX came to its end. */
static int io_batch(struct io_string *s, bool *done)
{
	struct vmm_gprs *gprs = &s->vcpu->hm->page->gprs;
	u64 count, left = BATCH / s->io.size;
	int ret;

	if (!(s->io.flags & VMM_IO_REP)) {
		*done = true;
		return io_element(s);
	}
	*done = false;
	while ((count = gprs->r[VMM_RCX] & s->mask) && left--) {
		ret = io_element(s);
		if (ret)
			return ret;
		count = (count - 1) & s->mask;
		if (s->io.addr_size == 2)
			count |= gprs->r[VMM_RCX] & ~0xffffULL;
		gprs->r[VMM_RCX] = count;
	}
	*done = !(gprs->r[VMM_RCX] & s->mask);
	return 0;
}

static int em_io_string(struct em_vcpu *vcpu, const struct vmm_exit_io *io)
{
	struct vmm_page *page = vcpu->hm->page;
	struct io_string s = {
		.vcpu = vcpu,
		.io = *io,
		.in = io->flags & VMM_IO_IN,
		.mask = io->addr_size == 8 ? ~0ULL : io->addr_size == 4 ? 0xffffffff : 0xffff,
	};
	bool done;
	int ret;

	if (em_need(vcpu, VMM_GROUP_GPRS | VMM_GROUP_SREGS))
		return EM_STOPPED;
	if (s.in)
		s.io.seg = VMM_ES;
	if (s.io.seg > VMM_GS)
		return em_crash(vcpu, "string I/O through segment %u", s.io.seg);
	s.index = s.in ? VMM_RDI : VMM_RSI;
	s.seg = &page->sregs.seg[s.io.seg];
	s.long_mode = (page->sregs.efer & EFER_LMA) &&
		      (page->sregs.seg[VMM_CS].attr & INTERP_SEG_LONG);
	em_mem_init(vcpu, &s.mem);

	ret = io_batch(&s, &done);
	page->dirty |= VMM_GROUP_GPRS;
	if (ret == -EFAULT)
		return em_raise(vcpu, s.ex.vector, s.ex.error_code, s.ex.cr2);
	if (ret && ret != -EAGAIN)
		return em_crash(vcpu, "string I/O: %s", strerror(-ret));
	return ret || !done ? 0 : em_advance(vcpu, page->insn_len);
}

int em_exit_io(struct em_vcpu *vcpu)
{
	struct vmm_page *page = vcpu->hm->page;
	const struct vmm_exit_io io = page->u.io;

	if (unlikely(io.size != 1 && io.size != 2 && io.size != 4))
		return em_crash(vcpu, "port I/O of %u bytes", io.size);
	if (io.flags & VMM_IO_STRING)
		return em_io_string(vcpu, &io);
	if (io.flags & VMM_IO_IN)
		return em_io_in(vcpu, &io);
	pdm_port_write(vcpu->em->config.pdm, io.port, &io.data, io.size);
	return 0;
}
