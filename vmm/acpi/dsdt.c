// SPDX-License-Identifier: GPL-2.0
/* The DSDT: dsdt.asl as the compiler made it, copied into the ROM. */
#include "dsdt.hex"
#include "vmm/acpi/internal.h"

struct acpi_header *acpi_dsdt_build(struct acpi_rom *rom, struct error *err)
{
	struct acpi_header *dsdt = acpi_alloc(rom, sizeof(dsdt_aml_code), 8, err);

	if (dsdt)
		memcpy(dsdt, dsdt_aml_code, sizeof(dsdt_aml_code));
	return dsdt;
}
