// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs that the module does not keep and that kernels read without being
 * ready for a fault: a fixed answer each, by the vendor that CPUID names.
 */
#include "vmm/msr.h"

/* AMD64 Architecture Programmer's Manual, and the BIOS guides of family 10h to 17h. */
static const struct vmm_msr_answer msr_amd[] = {
	{ 0xc0010010, VMM_MSR_WRITE_IGNORED, 0 },	/* SYSCFG: no memory encryption */
	{ 0xc0010015, VMM_MSR_WRITE_IGNORED, BIT(24) },	/* HWCR: TSC runs at P0's rate */
	{ 0xc001001f, VMM_MSR_WRITE_IGNORED, 0 },	/* NB_CFG */
	{ 0xc0010055, VMM_MSR_WRITE_IGNORED, 0 },	/* interrupt pending message: no C1E */
	{ 0xc0011022, VMM_MSR_WRITE_IGNORED, 0 },	/* DC_CFG */
	{ 0xc0011029, VMM_MSR_WRITE_IGNORED, BIT(1) },	/* DE_CFG: LFENCE serialises */
};

static const struct vmm_msr_answer msr_intel[] = {
	{ 0x00000017, 0, 0 },				/* platform ID */
	{ 0x000000ce, 0, 0 },				/* platform information */
	{ 0x0000003a, 0, BIT(0) },			/* feature control: locked, no VMX */
	{ 0x00000140, VMM_MSR_WRITE_IGNORED, 0 },	/* miscellaneous feature enables */
};

struct msr_table {
	u32 ebx;		/* of CPUID leaf 0: how the vendor's name begins */
	const struct vmm_msr_answer *answers;
	u32 count;
};

static const struct msr_table msr_tables[] = {
	{ 0x68747541, msr_amd, ARRAY_SIZE(msr_amd) },		/* AuthenticAMD */
	{ 0x6f677948, msr_amd, ARRAY_SIZE(msr_amd) },		/* HygonGenuine */
	{ 0x756e6547, msr_intel, ARRAY_SIZE(msr_intel) },	/* GenuineIntel */
};

const struct vmm_msr_answer *msr_answers(u32 vendor_ebx, u32 *count)
{
	for (u32 i = 0; i < ARRAY_SIZE(msr_tables); i++) {
		if (msr_tables[i].ebx == vendor_ebx) {
			*count = msr_tables[i].count;
			return msr_tables[i].answers;
		}
	}
	*count = 0;
	return NULL;
}
