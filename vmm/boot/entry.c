// SPDX-License-Identifier: GPL-2.0
/*
 * The BSP's state at the guest's first instruction.
 *
 * Segments are flat, interrupts are off and the IDT is empty, so that an early
 * exception is a triple fault and not a jump into nothing. The GDT holds what
 * the segment registers were "loaded" from at the selectors that Linux asks
 * for; it serves the other protocols, which leave the GDT open, as well.
 */
#include "vmm/boot/internal.h"

/* "Control Registers", "IA32_EFER" */
#define CR0_PE		BIT_ULL(0)
#define CR0_ET		BIT_ULL(4)
#define CR0_PG		BIT_ULL(31)
#define CR4_PAE		BIT_ULL(5)
#define EFER_LME	BIT_ULL(8)
#define EFER_LMA	BIT_ULL(10)
#define RFLAGS_FIXED	BIT_ULL(1)
#define XCR0_X87	BIT_ULL(0)
/* "IA32_APIC_BASE": the BSP, enabled, where it is after power-up */
#define APIC_BASE_BSP	0xfee00900ULL

/* "Page-table entries": the same bits at every level used here */
#define PTE_PRESENT	BIT_ULL(0)
#define PTE_WRITE	BIT_ULL(1)
#define PTE_LARGE	BIT_ULL(7)
#define PTES		512
#define PD_COUNT	4		/* 1 GiB each */

/* "The Linux/x86 Boot Protocol": __BOOT_CS and __BOOT_DS */
#define SEL_CODE	0x10
#define SEL_DATA	0x18
#define ATTR_CODE32	0xc09b
#define ATTR_CODE64	0xa09b
#define ATTR_DATA	0xc093
#define ATTR_LDT	0x82
#define ATTR_TSS	0x8b		/* busy; the entry checks of VT-x want it so */

static struct vmm_segment segment_flat(u16 selector, u32 attr)
{
	return (struct vmm_segment){ .limit = ~0U, .selector = selector, .attr = attr };
}

/* The descriptor that loads as @seg: "Segment Descriptors". */
static u64 segment_descriptor(const struct vmm_segment *seg)
{
	u64 limit = seg->attr & BIT(15) ? seg->limit >> 12 : seg->limit;

	return (limit & 0xffff) | (seg->base & 0xffffff) << 16 |
	       (u64)(seg->attr & 0xf0ff) << 40 | (limit >> 16 & 0xf) << 48 |
	       (seg->base >> 24 & 0xff) << 56;
}

static int entry_flat(struct boot_load *load, u32 code_attr, u64 rip, struct error *err)
{
	struct vmm_gprs *gprs = &load->entry->gprs;
	struct vmm_sregs *s = &load->entry->sregs;
	u64 gdt[4] = { 0 };
	gpa_t gpa;
	void *host;
	int ret;

	ret = boot_place_info(load, "GDT", sizeof(gdt), &gpa, &host, err);
	if (ret)
		return ret;
	*gprs = (struct vmm_gprs){ .rip = rip, .rflags = RFLAGS_FIXED };
	*s = (struct vmm_sregs){
		.gdtr = { .base = gpa, .limit = sizeof(gdt) - 1 },
		.cr0 = CR0_PE | CR0_ET,
		.xcr0 = XCR0_X87,
		.apic_base = APIC_BASE_BSP,
	};
	for (u32 i = VMM_ES; i <= VMM_GS; i++)
		s->seg[i] = segment_flat(SEL_DATA, ATTR_DATA);
	s->seg[VMM_CS] = segment_flat(SEL_CODE, code_attr);
	s->seg[VMM_LDTR] = (struct vmm_segment){ .limit = 0xffff, .attr = ATTR_LDT };
	/* The limit is that of "x86/HVM direct boot ABI"; nobody else minds. */
	s->seg[VMM_TR] = (struct vmm_segment){ .limit = 0x67, .attr = ATTR_TSS };
	gdt[SEL_CODE / 8] = segment_descriptor(&s->seg[VMM_CS]);
	gdt[SEL_DATA / 8] = segment_descriptor(&s->seg[VMM_DS]);
	memcpy(host, gdt, sizeof(gdt));
	return 0;
}

int boot_entry_protected(struct boot_load *load, u32 eip, struct error *err)
{
	return entry_flat(load, ATTR_CODE32, eip, err);
}

/* PML4, PDPT, then the page directories, in consecutive pages. */
static int identity_map(struct boot_load *load, gpa_t *root, struct error *err)
{
	u64 *table;
	void *host;
	int ret;

	ret = boot_place_info(load, "page tables", (2 + PD_COUNT) * BOOT_PAGE, root, &host, err);
	if (ret)
		return ret;
	table = host;
	table[0] = (*root + BOOT_PAGE) | PTE_PRESENT | PTE_WRITE;
	for (u64 i = 0; i < PD_COUNT; i++)
		table[PTES + i] = (*root + (2 + i) * BOOT_PAGE) | PTE_PRESENT | PTE_WRITE;
	for (u64 i = 0; i < PD_COUNT * PTES; i++)
		table[2 * PTES + i] = i << 21 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return 0;
}

int boot_entry_long(struct boot_load *load, u64 rip, struct error *err)
{
	struct vmm_sregs *s = &load->entry->sregs;
	gpa_t root;
	int ret;

	ret = entry_flat(load, ATTR_CODE64, rip, err);
	if (ret)
		return ret;
	ret = identity_map(load, &root, err);
	if (ret)
		return ret;
	s->cr0 |= CR0_PG;
	s->cr3 = root;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	return 0;
}
