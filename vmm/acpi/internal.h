/* SPDX-License-Identifier: GPL-2.0 */
/* What the tables of this folder share. All run once, on one thread. */
#ifndef ACPI_INTERNAL_H
#define ACPI_INTERNAL_H

#include "vmm/acpi/acpi.h"

/* "System Description Table Header" */
struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __attribute__((packed));

/* "Generic Address Structure" */
struct acpi_address {
	u8 space;
	u8 bits;
	u8 offset;
	u8 access;
	u64 address;
} __attribute__((packed));

#define ACPI_SPACE_MEMORY	0
#define ACPI_SPACE_IO		1

/* The ROM as it is filled, from its beginning to its end. */
struct acpi_rom {
	const struct acpi_config *config;
	u8 *host;			/* ACPI_ROM_SIZE bytes of zeroes at first */
	u32 used;
	gpa_t facs, dsdt;		/* for the FADT */
};

/* Room for @size bytes at a multiple of @align, or NULL and *@err. */
void *acpi_alloc(struct acpi_rom *rom, u32 size, u32 align, struct error *err);
gpa_t acpi_gpa(const struct acpi_rom *rom, const void *host);
/* The header of a table of @length bytes; acpi_seal() follows when it is filled. */
void acpi_header_init(struct acpi_header *header, const char *signature, u8 revision, u32 length);
/* The byte that makes all @length bytes add up to 0. */
u8 acpi_checksum(const void *data, u32 length);

/* Each gives the table, unsealed, or NULL and *@err. */
struct acpi_header *acpi_fadt_build(struct acpi_rom *rom, struct error *err);
struct acpi_header *acpi_madt_build(struct acpi_rom *rom, struct error *err);
struct acpi_header *acpi_hpet_build(struct acpi_rom *rom, struct error *err);
struct acpi_header *acpi_dsdt_build(struct acpi_rom *rom, struct error *err);

#endif
