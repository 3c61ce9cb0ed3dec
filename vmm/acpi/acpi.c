// SPDX-License-Identifier: GPL-2.0
/*
 * The ROM with the ACPI tables: its layout, the RSDP and the XSDT.
 *
 * The ROM begins with the machine's configuration, a few bytes that the DSDT
 * reads to tell which devices are there, so that one DSDT, compiled when this
 * is built, serves every config. The RSDP follows, then the tables. The FACS
 * is there because the fixed hardware asks for one: nothing in these tables
 * uses its global lock or its waking vector, the only fields a guest writes.
 */
#include "vmm/acpi/internal.h"

/* The DSDT's OperationRegion CONF; field for field. */
struct acpi_machine {
	u8 serial_ports;
	u8 pvpanic;
	u8 hpet;
	u8 reserved[13];
} __attribute__((packed));

/* "Root System Description Pointer" */
struct acpi_rsdp {
	char signature[8];
	u8 checksum;			/* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 checksum_all;
	u8 reserved[3];
} __attribute__((packed));

#define RSDP_V1_SIZE	20

/* "Firmware ACPI Control Structure" */
struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __attribute__((packed));

#define FACS_ALIGN	64

/* What the XSDT lists, the last only if there is one; the FADT points to the rest. */
static struct acpi_header *(*const listed[])(struct acpi_rom *rom, struct error *err) = {
	acpi_fadt_build,
	acpi_madt_build,
	acpi_hpet_build,
};

struct acpi_xsdt {
	struct acpi_header header;
	u64 table[ARRAY_SIZE(listed)];
} __attribute__((packed));

void *acpi_alloc(struct acpi_rom *rom, u32 size, u32 align, struct error *err)
{
	u32 at = ALIGN_UP(rom->used, align);

	if (size > ACPI_ROM_SIZE || at > ACPI_ROM_SIZE - size) {
		error_set(err, ENOSPC, "the ACPI tables for %u CPUs do not fit into %u KiB",
			  rom->config->cpus, ACPI_ROM_SIZE / 1024);
		return NULL;
	}
	rom->used = at + size;
	return rom->host + at;
}

gpa_t acpi_gpa(const struct acpi_rom *rom, const void *host)
{
	return ACPI_ROM_GPA + ((const u8 *)host - rom->host);
}

void acpi_header_init(struct acpi_header *header, const char *signature, u8 revision, u32 length)
{
	memcpy(header->signature, signature, 4);
	header->length = length;
	header->revision = revision;
	memcpy(header->oem_id, "VMM   ", 6);
	memcpy(header->oem_table_id, "VMM     ", 8);
	header->oem_revision = 1;
	memcpy(header->creator_id, "VMM ", 4);
	header->creator_revision = 1;
}

u8 acpi_checksum(const void *data, u32 length)
{
	const u8 *byte = data;
	u8 sum = 0;

	while (length--)
		sum += *byte++;
	return -sum;
}

static void acpi_seal(struct acpi_header *header)
{
	header->checksum = 0;
	header->checksum = acpi_checksum(header, header->length);
}

static int facs_build(struct acpi_rom *rom, struct error *err)
{
	struct acpi_facs *facs = acpi_alloc(rom, sizeof(*facs), FACS_ALIGN, err);

	if (!facs)
		return -ENOSPC;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;
	rom->facs = acpi_gpa(rom, facs);
	return 0;
}

static int dsdt_build(struct acpi_rom *rom, struct error *err)
{
	struct acpi_header *dsdt = acpi_dsdt_build(rom, err);

	if (!dsdt)
		return -ENOSPC;
	acpi_seal(dsdt);
	rom->dsdt = acpi_gpa(rom, dsdt);
	return 0;
}

static int xsdt_build(struct acpi_rom *rom, gpa_t *gpa, struct error *err)
{
	u32 count = ARRAY_SIZE(listed) - !rom->config->hpet;
	u32 length = offsetof(struct acpi_xsdt, table[count]);
	struct acpi_xsdt *xsdt = acpi_alloc(rom, length, 8, err);

	if (!xsdt)
		return -ENOSPC;
	acpi_header_init(&xsdt->header, "XSDT", 1, length);
	for (u32 i = 0; i < count; i++) {
		struct acpi_header *table = listed[i](rom, err);

		if (!table)
			return -ENOSPC;
		acpi_seal(table);
		xsdt->table[i] = acpi_gpa(rom, table);
	}
	acpi_seal(&xsdt->header);
	*gpa = acpi_gpa(rom, xsdt);
	return 0;
}

static int rom_fill(struct acpi_rom *rom, gpa_t *gpa, struct error *err)
{
	struct acpi_machine *machine = acpi_alloc(rom, sizeof(*machine), 16, err);
	/* On a 16-byte boundary: "Finding the RSDP on IA-PC Systems". */
	struct acpi_rsdp *rsdp = acpi_alloc(rom, sizeof(*rsdp), 16, err);
	gpa_t xsdt;
	int ret;

	machine->serial_ports = rom->config->serial_ports;
	machine->pvpanic = rom->config->pvpanic;
	machine->hpet = rom->config->hpet;
	ret = facs_build(rom, err);
	if (ret)
		return ret;
	ret = dsdt_build(rom, err);
	if (ret)
		return ret;
	ret = xsdt_build(rom, &xsdt, err);
	if (ret)
		return ret;
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "VMM   ", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt;
	rsdp->checksum = acpi_checksum(rsdp, RSDP_V1_SIZE);
	rsdp->checksum_all = acpi_checksum(rsdp, sizeof(*rsdp));
	*gpa = acpi_gpa(rom, rsdp);
	return 0;
}

int acpi_build(struct pgm *pgm, const struct acpi_config *config, gpa_t *rsdp,
	       struct error *err)
{
	struct acpi_rom rom = { .config = config };
	void *host;
	int ret;

	ret = pgm_rom_add(pgm, ACPI_ROM_GPA, ACPI_ROM_SIZE, "ACPI tables", &host, err);
	if (ret)
		return ret;
	rom.host = host;
	memset(rom.host, 0, ACPI_ROM_SIZE);
	return rom_fill(&rom, rsdp, err);
}

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI");
_Static_assert(sizeof(struct acpi_facs) == 64, "ACPI");
