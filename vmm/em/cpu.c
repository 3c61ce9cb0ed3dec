// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU and its memory as the interpreter wants them.
 *
 * The shared page and the interpreter's struct hold the same registers, each
 * in its own layout; memory is RAM where PGM has some, and else a device or
 * the local APIC, which is the module's. Runs on the vCPU's thread.
 *
 * Left out: protection keys. The access that exited has passed the CPU's own
 * check; other operands of the same instruction are taken as allowed.
 */
#include <stdlib.h>

#include "vmm/em/exit.h"

#define APIC_BASE_ENABLE	BIT_ULL(11)
#define APIC_BASE_X2APIC	BIT_ULL(10)
#define PAGE			4096ULL

/* ---- registers ----------------------------------------------------------------------- */

_Static_assert((int)INTERP_ES == VMM_ES && (int)INTERP_GS == VMM_GS &&
	       (int)INTERP_RAX == VMM_RAX && (int)INTERP_RDI == VMM_RDI, "the hardware's order");

void em_cpu_get(struct em_vcpu *vcpu, struct interp_cpu *cpu)
{
	const struct vmm_page *page = vcpu->hm->page;
	const struct vmm_sregs *sregs = &page->sregs;

	memcpy(cpu->gpr, page->gprs.r, sizeof(cpu->gpr));
	cpu->rip = page->gprs.rip;
	cpu->rflags = page->gprs.rflags;
	cpu->cr0 = sregs->cr0;
	cpu->cr3 = sregs->cr3;
	cpu->cr4 = sregs->cr4;
	cpu->efer = sregs->efer;
	cpu->xcr0 = sregs->xcr0;
	for (unsigned int i = 0; i < INTERP_SEG_COUNT; i++)
		cpu->seg[i] = (struct interp_segment) {
			.base = sregs->seg[i].base, .limit = sregs->seg[i].limit,
			.access = sregs->seg[i].attr, .selector = sregs->seg[i].selector,
		};
	cpu->cpl = SEG_DPL(sregs->seg[VMM_SS].attr);
}

/* No instruction that it knows changes more than these. */
void em_cpu_put(struct em_vcpu *vcpu, const struct interp_cpu *cpu)
{
	struct vmm_page *page = vcpu->hm->page;

	memcpy(page->gprs.r, cpu->gpr, sizeof(cpu->gpr));
	page->gprs.rip = cpu->rip;
	page->gprs.rflags = cpu->rflags;
	page->dirty |= VMM_GROUP_GPRS;
}

/* ---- memory -------------------------------------------------------------------------- */

static void *em_ram(void *ctx, gpa_t gpa, unsigned int size, bool write)
{
	struct em_vcpu *vcpu = ctx;

	return pgm_host(vcpu->em->config.pgm, gpa, size, !write);
}

/* True if @gpa is in the page of the vCPU's local APIC. */
static bool em_is_apic(struct em_vcpu *vcpu, gpa_t gpa)
{
	u64 base = vcpu->hm->page->sregs.apic_base;

	return (base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE &&
	       ALIGN_DOWN(gpa, PAGE) == (base & ~(PAGE - 1));
}

/* "Local APIC register accesses": 32 bits on 16-byte boundaries; else undefined. */
static int em_apic(struct em_vcpu *vcpu, gpa_t gpa, bool write, u32 *value)
{
	int ret = hm_vcpu_apic_access(vcpu->hm, gpa & (PAGE - 1) & ~3U, write, value);

	return ret < 0 ? ret : 0;
}

static int em_mmio_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	struct em_vcpu *vcpu = ctx;
	u32 value = 0;
	int ret;

	if (!em_is_apic(vcpu, gpa)) {
		pgm_mmio_read(vcpu->em->config.pgm, gpa, buf, size);
		return 0;
	}
	memset(buf, 0, size);
	ret = em_apic(vcpu, gpa, false, &value);
	value >>= 8 * (gpa & 3);
	memcpy(buf, &value, min(size, 4U));
	return ret;
}

static int em_mmio_write(void *ctx, gpa_t gpa, const void *buf, unsigned int size)
{
	struct em_vcpu *vcpu = ctx;
	u32 value = 0;

	if (!em_is_apic(vcpu, gpa)) {
		pgm_mmio_write(vcpu->em->config.pgm, gpa, buf, size);
		return 0;
	}
	if (size != 4 || gpa & 3)
		return 0;
	memcpy(&value, buf, 4);
	return em_apic(vcpu, gpa, true, &value);
}

static const struct em_mem_ops em_mem_ops = {
	.ram = em_ram,
	.mmio_read = em_mmio_read,
	.mmio_write = em_mmio_write,
};

void em_mem_init(struct em_vcpu *vcpu, struct em_mem *mem)
{
	const struct em_config *config = &vcpu->em->config;
	const struct vmm_page *page = vcpu->hm->page;
	const struct vmm_sregs *sregs = &page->sregs;

	*mem = (struct em_mem) {
		.paging = {
			.cr0 = sregs->cr0,
			.cr3 = sregs->cr3,
			.cr4 = sregs->cr4,
			.efer = sregs->efer,
			.rflags = page->gprs.rflags,
			.cpl = SEG_DPL(sregs->seg[VMM_SS].attr),
			.maxphyaddr = config->phys_bits,
			.have_1g = config->pages_1g,
		},
		.ops = &em_mem_ops,
		.ctx = vcpu,
	};
}

/* ---- vector registers ------------------------------------------------------------------ */

static int em_vectors_load(struct em_vcpu *vcpu)
{
	struct em_xsave *xsave = &vcpu->xsave;
	int ret;

	if (vcpu->xsave_loaded)
		return 0;
	if (!xsave->image)
		xsave->image = calloc(1, xsave->size);
	if (!xsave->image)
		return -ENOMEM;
	ret = hm_vcpu_xsave_get(vcpu->hm, xsave->image, xsave->size);
	vcpu->xsave_loaded = ret >= 0;
	return ret < 0 ? ret : 0;
}

int em_vector_get(struct em_vcpu *vcpu, unsigned int reg, void *buf)
{
	int ret = em_vectors_load(vcpu);

	if (ret)
		return ret;
	if (reg >= INTERP_MMX)
		return em_xsave_mmx_get(&vcpu->xsave, reg - INTERP_MMX, buf);
	return em_xsave_get(&vcpu->xsave, reg, buf);
}

int em_vector_set(struct em_vcpu *vcpu, unsigned int reg, const void *buf)
{
	int ret = em_vectors_load(vcpu);
	u64 mmx;

	memcpy(&mmx, buf, sizeof(mmx));
	if (!ret && reg >= INTERP_MMX)
		ret = em_xsave_mmx_set(&vcpu->xsave, reg - INTERP_MMX, mmx);
	else if (!ret)
		ret = em_xsave_set(&vcpu->xsave, reg, buf);
	if (!ret)
		vcpu->xsave_dirty = true;
	return ret;
}

int em_x87_get(struct em_vcpu *vcpu, void *area)
{
	int ret = em_vectors_load(vcpu);

	return ret ? ret : em_xsave_x87_get(&vcpu->xsave, area);
}

int em_x87_set(struct em_vcpu *vcpu, const void *area)
{
	int ret = em_vectors_load(vcpu);

	if (!ret)
		ret = em_xsave_x87_set(&vcpu->xsave, area);
	if (!ret)
		vcpu->xsave_dirty = true;
	return ret;
}

int em_vectors_flush(struct em_vcpu *vcpu)
{
	int ret = 0;

	if (vcpu->xsave_dirty)
		ret = hm_vcpu_xsave_set(vcpu->hm, vcpu->xsave.image, vcpu->xsave.size);
	vcpu->xsave_loaded = false;
	vcpu->xsave_dirty = false;
	return ret < 0 ? ret : 0;
}
