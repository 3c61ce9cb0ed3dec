/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ACPI tables: what the guest is told of its machine.
 *
 * They lie in a ROM at 0xe0000, where an operating system looks for their
 * beginning by itself, and never change, so that a reset needs nothing done.
 * The ports they name are the chipset's; the devices behind them are PDM's.
 */
#ifndef ACPI_ACPI_H
#define ACPI_ACPI_H

#include "base/base.h"
#include "base/error.h"
#include "pgm/pgm.h"

#define ACPI_ROM_GPA		0xe0000ULL
#define ACPI_ROM_SIZE		0x20000U

/* "PM1 Event Grouping" and so on: the fixed hardware */
#define ACPI_PM1_EVENT_PORT	0x600	/* 4 bytes: status, enable */
#define ACPI_PM1_CONTROL_PORT	0x604	/* 2 bytes */
#define ACPI_PM_TIMER_PORT	0x608	/* 4 bytes */
#define ACPI_GPE0_PORT		0x620	/* 4 bytes: 2 of status, 2 of enable */
#define ACPI_GPE0_LEN		4
#define ACPI_RESET_PORT		0xcf9
#define ACPI_RESET_VALUE	6
#define ACPI_SCI		9
/* What the guest writes to SLP_TYP to power off: \_S5 of the DSDT */
#define ACPI_SLP_TYP_S5		5
#define ACPI_PVPANIC_PORT	0x505
#define ACPI_HPET_GPA		0xfed00000ULL
/* The low half of the HPET's first register, by which a guest knows it */
#define ACPI_HPET_ID		0x8086a201

struct acpi_config {
	u32 cpus;			/* APIC IDs 0 to cpus - 1 */
	u32 serial_ports;		/* bit n: COM(n+1) is there; 4 at most */
	bool i8042;			/* a keyboard controller answers at 0x60, 0x64 */
	bool pvpanic;
	bool hpet;
};

/* Build them, once per VM. @rsdp: where they begin. -ENOSPC: too many CPUs. */
int acpi_build(struct pgm *pgm, const struct acpi_config *config, gpa_t *rsdp,
	       struct error *err);

#endif
