// SPDX-License-Identifier: GPL-2.0
/*
 * The HPET table of the "IA-PC HPET Specification": where the timer's registers
 * lie, for a guest that needs them before it reads the DSDT.
 */
#include "vmm/acpi/internal.h"

struct hpet {
	struct acpi_header header;
	u32 id;
	struct acpi_address registers;
	u8 number;
	u16 ticks_min;			/* of a periodic interrupt */
	u8 page_protection;
} __attribute__((packed));

/* Shorter periods lose interrupts: 125 us at 10 ns a tick. */
#define TICKS_MIN	12500

struct acpi_header *acpi_hpet_build(struct acpi_rom *rom, struct error *err)
{
	struct hpet *h = acpi_alloc(rom, sizeof(*h), 8, err);

	if (!h)
		return NULL;
	acpi_header_init(&h->header, "HPET", 1, sizeof(*h));
	h->id = ACPI_HPET_ID;
	h->registers = (struct acpi_address){
		.space = ACPI_SPACE_MEMORY,
		.bits = 64,
		.address = ACPI_HPET_GPA,
	};
	h->ticks_min = TICKS_MIN;
	return &h->header;
}

_Static_assert(sizeof(struct hpet) == 56, "ACPI");
