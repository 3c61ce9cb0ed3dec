// SPDX-License-Identifier: GPL-2.0
/*
 * EM's accesses to devices in memory: a MOV, as the module has decoded it, is
 * done at once; else the instruction at RIP is interpreted.
 *
 * Left out: a delivery of an event that itself touches a device (a stack or a
 * descriptor table in its registers), which ends the guest, and instructions
 * that lie in a device.
 */
#include "vmm/em/exit.h"

/* One instruction's worth: the vCPU, and its memory as the ops below see it. */
struct em_insn {
	struct em_mem mem;		/* first: em_mem_*() take it as their context */
	struct em_vcpu *vcpu;
};

static int insn_vector_get(void *ctx, unsigned int reg, void *buf)
{
	struct em_insn *insn = container_of(ctx, struct em_insn, mem);

	return em_vector_get(insn->vcpu, reg, buf);
}

static int insn_vector_set(void *ctx, unsigned int reg, const void *buf)
{
	struct em_insn *insn = container_of(ctx, struct em_insn, mem);

	return em_vector_set(insn->vcpu, reg, buf);
}

static int insn_x87_get(void *ctx, void *area)
{
	struct em_insn *insn = container_of(ctx, struct em_insn, mem);

	return em_x87_get(insn->vcpu, area);
}

static int insn_x87_set(void *ctx, const void *area)
{
	struct em_insn *insn = container_of(ctx, struct em_insn, mem);

	return em_x87_set(insn->vcpu, area);
}

const struct interp_ops em_interp_ops = {
	.fetch = em_mem_fetch,
	.read = em_mem_read,
	.write = em_mem_write,
	.exchange = em_mem_cmpxchg,
	.vector_get = insn_vector_get,
	.vector_set = insn_vector_set,
	.x87_get = insn_x87_get,
	.x87_set = insn_x87_set,
};

static int em_mmio_failed(struct em_vcpu *vcpu, const struct interp_cpu *cpu,
			  const struct interp_result *res, int ret)
{
	const struct vmm_exit_mmio *mmio = &vcpu->hm->page->u.mmio;
	char text[128];

	if (mmio->flags & VMM_MMIO_FETCH)
		return em_crash(vcpu, "it jumped to 0x%llx, where there is no memory",
				(unsigned long long)mmio->gpa);
	interp_describe(cpu, res, text, sizeof(text));
	return em_crash(vcpu, "an instruction on device memory at 0x%llx cannot be interpreted: "
			"%s: %s", (unsigned long long)mmio->gpa, text, strerror(-ret));
}

/* "MOV": 32 bits clear the upper half of the register, fewer leave the rest of it. */
static int em_mmio_mov(struct em_vcpu *vcpu, const struct vmm_exit_mmio *mmio)
{
	struct vmm_page *page = vcpu->hm->page;
	struct pgm *pgm = vcpu->em->config.pgm;
	__u64 *gpr = &page->gprs.r[mmio->gpr];
	u64 value = 0;

	/* There is memory by now: the access is tried again. */
	if (pgm_host(pgm, mmio->gpa, mmio->size, !(mmio->flags & VMM_MMIO_WRITE)))
		return 0;
	if (mmio->flags & VMM_MMIO_WRITE) {
		pgm_mmio_write(pgm, mmio->gpa, &mmio->data, mmio->size);
	} else {
		pgm_mmio_read(pgm, mmio->gpa, &value, mmio->size);
		if (mmio->size == 4)
			*gpr = value;
		else
			memcpy(gpr, &value, mmio->size);
	}
	return em_advance(vcpu, page->insn_len);
}

int em_exit_mmio(struct em_vcpu *vcpu)
{
	struct vmm_page *page = vcpu->hm->page;
	struct interp_result res = { 0 };
	struct em_insn insn = { .vcpu = vcpu };
	struct interp_cpu cpu;
	int ret, flushed;

	if (page->u.mmio.size)
		return em_mmio_mov(vcpu, &page->u.mmio);
	if (em_need(vcpu, VMM_GROUP_GPRS | VMM_GROUP_SREGS | VMM_GROUP_EVENTS))
		return EM_STOPPED;
	if (page->events.type != VMM_EVENT_NONE)
		return em_crash(vcpu,
				"the delivery of vector %u touches 0x%llx, which is no memory",
				page->events.vector, (unsigned long long)page->u.mmio.gpa);
	em_cpu_get(vcpu, &cpu);
	em_mem_init(vcpu, &insn.mem);
	ret = interp_one(&cpu, &em_interp_ops, &insn.mem, &res);
	if (ret == -ENOSYS)
		return em_mmio_failed(vcpu, &cpu, &res, ret);
	em_cpu_put(vcpu, &cpu);
	flushed = em_vectors_flush(vcpu);
	if (flushed)
		return em_crash(vcpu, "its vector registers cannot be set: %s", strerror(-flushed));
	if (ret == -EFAULT)
		return em_raise(vcpu, res.exception.vector, res.exception.error_code,
				res.exception.cr2);
	if (ret == -EAGAIN)
		return 0;
	if (ret)
		return em_mmio_failed(vcpu, &cpu, &res, ret);
	return res.complete ? em_done(vcpu, res.single_step) : 0;
}
