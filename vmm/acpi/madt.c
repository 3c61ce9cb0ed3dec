// SPDX-License-Identifier: GPL-2.0
/*
 * The MADT, "Multiple APIC Description Table": the local APICs, the IOAPIC and
 * how the ISA interrupts reach it. All CPUs are there from the start.
 */
#include "vmm/acpi/internal.h"

#define LAPIC_GPA		0xfee00000U
#define IOAPIC_GPA		0xfec00000U
#define FLAG_PCAT_COMPAT	1	/* a pair of PICs as well */
#define X2APIC_ID_MIN		255	/* smaller IDs take the older entry */

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

/* "MPS INTI Flags" */
#define INTI_CONFORMS		0
#define INTI_ACTIVE_HIGH	0x1
#define INTI_LEVEL		0xc

struct madt {
	struct acpi_header header;
	u32 lapic;
	u32 flags;
} __attribute__((packed));

struct madt_lapic {
	u8 type, length;
	u8 uid, id;
	u32 flags;
} __attribute__((packed));

struct madt_x2apic {
	u8 type, length;
	u16 reserved;
	u32 id;
	u32 flags;
	u32 uid;
} __attribute__((packed));

#define LAPIC_ENABLED	1

struct madt_ioapic {
	u8 type, length;
	u8 id, reserved;
	u32 address;
	u32 gsi_base;
} __attribute__((packed));

struct madt_override {
	u8 type, length;
	u8 bus, source;
	u32 gsi;
	u16 flags;
} __attribute__((packed));

struct madt_lapic_nmi {
	u8 type, length;
	u8 uid;
	u16 flags;
	u8 lint;
} __attribute__((packed));

struct madt_x2apic_nmi {
	u8 type, length;
	u16 flags;
	u32 uid;
	u8 lint;
	u8 reserved[3];
} __attribute__((packed));

/* What does not depend on the config. */
struct madt_fixed {
	struct madt_ioapic ioapic;
	struct madt_override override[2];
	struct madt_lapic_nmi nmi;
	struct madt_x2apic_nmi x2apic_nmi;
} __attribute__((packed));

static const struct madt_fixed fixed = {
	.ioapic = { MADT_IOAPIC, sizeof(struct madt_ioapic), .address = IOAPIC_GPA },
	.override = {
		/* The PIT, as on every PC. */
		{ MADT_OVERRIDE, sizeof(struct madt_override),
		  .source = 0, .gsi = 2, .flags = INTI_CONFORMS },
		{ MADT_OVERRIDE, sizeof(struct madt_override),
		  .source = ACPI_SCI, .gsi = ACPI_SCI, .flags = INTI_ACTIVE_HIGH | INTI_LEVEL },
	},
	.nmi = { MADT_LAPIC_NMI, sizeof(struct madt_lapic_nmi), .uid = 0xff, .lint = 1 },
	.x2apic_nmi = { MADT_X2APIC_NMI, sizeof(struct madt_x2apic_nmi), .uid = ~0U, .lint = 1 },
};

static u8 *add_lapic(u8 *at, u32 id)
{
	struct madt_lapic entry = {
		MADT_LAPIC, sizeof(entry), .uid = id, .id = id, .flags = LAPIC_ENABLED
	};

	memcpy(at, &entry, sizeof(entry));
	return at + sizeof(entry);
}

static u8 *add_x2apic(u8 *at, u32 id)
{
	struct madt_x2apic entry = {
		MADT_X2APIC, sizeof(entry), .uid = id, .id = id, .flags = LAPIC_ENABLED
	};

	memcpy(at, &entry, sizeof(entry));
	return at + sizeof(entry);
}

struct acpi_header *acpi_madt_build(struct acpi_rom *rom, struct error *err)
{
	u64 cpus = rom->config->cpus;
	u64 old = min(cpus, (u64)X2APIC_ID_MIN);
	/* Without an x2APIC entry, its NMI is left out: it comes last. */
	u64 tail = sizeof(fixed) - (old == cpus ? sizeof(fixed.x2apic_nmi) : 0);
	u64 length = sizeof(struct madt) + old * sizeof(struct madt_lapic) +
		     (cpus - old) * sizeof(struct madt_x2apic) + tail;
	struct madt *madt = acpi_alloc(rom, min(length, (u64)~0U), 8, err);
	u8 *at;

	if (!madt)
		return NULL;
	acpi_header_init(&madt->header, "APIC", 5, length);
	madt->lapic = LAPIC_GPA;
	madt->flags = FLAG_PCAT_COMPAT;
	at = (u8 *)(madt + 1);
	for (u32 id = 0; id < cpus; id++)
		at = id < X2APIC_ID_MIN ? add_lapic(at, id) : add_x2apic(at, id);
	memcpy(at, &fixed, tail);
	return &madt->header;
}

_Static_assert(sizeof(struct madt) == 44, "ACPI");
_Static_assert(sizeof(struct madt_lapic) == 8, "ACPI");
_Static_assert(sizeof(struct madt_ioapic) == 12, "ACPI");
_Static_assert(sizeof(struct madt_override) == 10, "ACPI");
_Static_assert(sizeof(struct madt_lapic_nmi) == 6, "ACPI");
_Static_assert(sizeof(struct madt_x2apic) == 16, "ACPI");
_Static_assert(sizeof(struct madt_x2apic_nmi) == 12, "ACPI");
