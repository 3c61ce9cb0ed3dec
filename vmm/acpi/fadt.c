// SPDX-License-Identifier: GPL-2.0
/*
 * The FADT, "Fixed ACPI Description Table", revision 6: where the fixed
 * hardware lies and what of a PC is there. The machine is always in ACPI mode
 * (no SMI command) and has no VGA. C-states other than C1 are not described,
 * and neither are buttons: none of either exists.
 */
#include "vmm/acpi/internal.h"

struct acpi_fadt {
	struct acpi_header header;
	u32 facs;
	u32 dsdt;
	u8 reserved0;
	u8 pm_profile;
	u16 sci;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate_control;
	u32 pm1a_event, pm1b_event;
	u32 pm1a_control, pm1b_control;
	u32 pm2_control;
	u32 pm_timer;
	u32 gpe0, gpe1;
	u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	u8 gpe0_len, gpe1_len, gpe1_base;
	u8 cst_control;
	u16 c2_latency, c3_latency;
	u16 flush_size, flush_stride;
	u8 duty_offset, duty_width;
	u8 day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_address reset;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_revision;
	u64 x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event;
	struct acpi_address x_pm1a_control, x_pm1b_control;
	struct acpi_address x_pm2_control;
	struct acpi_address x_pm_timer;
	struct acpi_address x_gpe0, x_gpe1;
	struct acpi_address sleep_control, sleep_status;
	u64 hypervisor_vendor;
} __attribute__((packed));

/* "Fixed ACPI Description Table Fixed Feature Flags" */
#define FLAG_WBINVD		BIT(0)
#define FLAG_PROC_C1		BIT(2)
#define FLAG_PWR_BUTTON		BIT(4)	/* set: no fixed power button */
#define FLAG_SLP_BUTTON		BIT(5)	/* likewise */
#define FLAG_FIX_RTC		BIT(6)	/* set: the RTC does not wake */
#define FLAG_RESET_REG_SUP	BIT(10)

/* "IA-PC Boot Architecture Flags" */
#define BOOT_LEGACY_DEVICES	BIT(0)
#define BOOT_8042		BIT(1)
#define BOOT_NO_VGA		BIT(2)

#define LATENCY_NO_C2		101	/* "worst case": above the limit is unsupported */
#define LATENCY_NO_C3		1001

/* @access is the size of each access: 1, 2, 3 for 1, 2, 4 bytes. */
static struct acpi_address io_address(u16 port, u8 bytes, u8 access)
{
	return (struct acpi_address){
		.space = ACPI_SPACE_IO,
		.bits = bytes * 8,
		.access = access,
		.address = port,
	};
}

static void fadt_fill_ports(struct acpi_fadt *f)
{
	f->pm1a_event = ACPI_PM1_EVENT_PORT;
	f->pm1_event_len = 4;
	f->x_pm1a_event = io_address(ACPI_PM1_EVENT_PORT, 4, 2);
	f->pm1a_control = ACPI_PM1_CONTROL_PORT;
	f->pm1_control_len = 2;
	f->x_pm1a_control = io_address(ACPI_PM1_CONTROL_PORT, 2, 2);
	f->pm_timer = ACPI_PM_TIMER_PORT;
	f->pm_timer_len = 4;
	f->x_pm_timer = io_address(ACPI_PM_TIMER_PORT, 4, 3);
	f->gpe0 = ACPI_GPE0_PORT;
	f->gpe0_len = ACPI_GPE0_LEN;
	f->x_gpe0 = io_address(ACPI_GPE0_PORT, ACPI_GPE0_LEN, 1);
	f->reset = io_address(ACPI_RESET_PORT, 1, 1);
	f->reset_value = ACPI_RESET_VALUE;
}

struct acpi_header *acpi_fadt_build(struct acpi_rom *rom, struct error *err)
{
	struct acpi_fadt *f = acpi_alloc(rom, sizeof(*f), 8, err);

	if (!f)
		return NULL;
	acpi_header_init(&f->header, "FACP", 6, sizeof(*f));
	f->facs = rom->facs;
	f->dsdt = rom->dsdt;
	f->x_dsdt = rom->dsdt;
	f->sci = ACPI_SCI;
	fadt_fill_ports(f);
	f->c2_latency = LATENCY_NO_C2;
	f->c3_latency = LATENCY_NO_C3;
	f->boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | (rom->config->i8042 ? BOOT_8042 : 0);
	f->flags = FLAG_WBINVD | FLAG_PROC_C1 | FLAG_PWR_BUTTON | FLAG_SLP_BUTTON |
		   FLAG_FIX_RTC | FLAG_RESET_REG_SUP;
	memcpy(&f->hypervisor_vendor, "VMM     ", 8);
	return &f->header;
}

_Static_assert(sizeof(struct acpi_address) == 12, "ACPI");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI");
