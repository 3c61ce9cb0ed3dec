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
 * Address size and segment are read off the instruction's prefixes: not every
 * CPU gives them, and those that do agree with them.
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
	/* "TF": a trap after each iteration. */
	u64 count, left = gprs->rflags & RFLAGS_TF ? 1 : BATCH / s->io.size;
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

/* Address size without a prefix, by the code segment. */
static u8 io_addr_size(const struct io_string *s)
{
	const struct vmm_segment *cs = &s->vcpu->hm->page->sregs.seg[VMM_CS];

	return s->long_mode ? 8 : cs->attr & INTERP_SEG_BIG ? 4 : 2;
}

/* What one prefix says. False: it is the opcode. */
static bool io_prefix(struct io_string *s, u8 byte)
{
	static const struct { u8 prefix, seg; } segments[] = {
		{ 0x26, VMM_ES }, { 0x2e, VMM_CS }, { 0x36, VMM_SS },
		{ 0x3e, VMM_DS }, { 0x64, VMM_FS }, { 0x65, VMM_GS },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++)
		if (byte == segments[i].prefix)
			s->io.seg = segments[i].seg;
	if (byte == 0x67)
		s->io.addr_size = io_addr_size(s) == 4 ? 2 : 4;
	return byte < 0x6c || byte > 0x6f;	/* INS, OUTS */
}

/* Address size and segment. 0, -EFAULT with s->ex, or another -errno. */
static int io_decode(struct io_string *s)
{
	const struct vmm_page *page = s->vcpu->hm->page;
	gva_t base = s->long_mode ? 0 : page->sregs.seg[VMM_CS].base;
	u64 rip = page->gprs.rip;
	u8 byte = 0;
	int ret;

	s->io.addr_size = io_addr_size(s);
	s->io.seg = VMM_DS;
	for (u32 i = 0; i < INTERP_MAX_LENGTH; i++) {
		gva_t gva = base + rip + i;

		ret = em_mem_fetch(&s->mem, s->long_mode ? gva : (u32)gva, &byte, 1, &s->ex);
		if (ret)
			return ret;
		if (!io_prefix(s, byte))
			break;
	}
	if (s->in)
		s->io.seg = VMM_ES;
	s->mask = s->io.addr_size == 8 ? ~0ULL : s->io.addr_size == 4 ? 0xffffffff : 0xffff;
	s->index = s->in ? VMM_RDI : VMM_RSI;
	s->seg = &page->sregs.seg[s->io.seg];
	return 0;
}

static int em_io_string(struct em_vcpu *vcpu, const struct vmm_exit_io *io)
{
	struct vmm_page *page = vcpu->hm->page;
	struct io_string s = {
		.vcpu = vcpu,
		.io = *io,
		.in = io->flags & VMM_IO_IN,
	};
	bool done = false;
	int ret;

	if (em_need(vcpu, VMM_GROUP_GPRS | VMM_GROUP_SREGS))
		return EM_STOPPED;
	s.long_mode = em_is_long(vcpu);
	em_mem_init(vcpu, &s.mem);

	ret = io_decode(&s);
	if (!ret)
		ret = io_batch(&s, &done);
	page->dirty |= VMM_GROUP_GPRS;
	if (ret == -EFAULT)
		return em_raise(vcpu, s.ex.vector, s.ex.error_code, s.ex.cr2);
	if (ret && ret != -EAGAIN)
		return em_crash(vcpu, "string I/O: %s", strerror(-ret));
	if (ret)
		return 0;
	return done ? em_advance(vcpu, page->insn_len) :
		      em_done(vcpu, page->gprs.rflags & RFLAGS_TF);
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
