// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI's fixed hardware: the PM1a event and control blocks, the power
 * management timer (32 bits, 3.579545 MHz) and one general-purpose event
 * block. ACPI mode is always on, so there is no SMI command port and SCI_EN
 * reads 1. The SCI is ISA line 9, a level, active high: the MADT overrides it.
 *
 * SLP_TYP 5 with SLP_EN powers off, and the DSDT's _S5 says 5 too; no other
 * sleep state exists. The FADT's reset register is port 0xcf9, value 6, in
 * another device. Left out: buttons, wake events, the RTC's event; nothing
 * raises a general-purpose event yet. Guarded by the device's lock.
 *
 * Names are those of the ACPI specification, "ACPI Hardware Specification".
 */
#include "pdm/pdm.h"

#define PM1_EVENT_PORT	0x600
#define PM1_CONTROL_PORT 0x604
#define PM_TIMER_PORT	0x608
#define GPE0_PORT	0x620
#define SCI_LINE	9

#define PM_TIMER_HZ	3579545ULL
#define NS_PER_S	1000000000ULL

/* Enable bits that keep what is written: timer, global lock, buttons, RTC. */
#define PM1_TMR		BIT(0)
#define PM1_ENABLE_ALL	(PM1_TMR | BIT(5) | BIT(8) | BIT(9) | BIT(10))

#define PM1_SCI_EN	BIT(0)
#define PM1_BM_RLD	BIT(1)
#define PM1_SLP_TYP	(7 << 10)
#define PM1_SLP_EN	BIT(13)
#define PM1_KEPT	(PM1_BM_RLD | PM1_SLP_TYP)
#define SLP_TYP_S5	(5 << 10)

struct acpi_pm {
	u16 status, enable;		/* PM1a event block */
	u16 control;
	u16 gpe_status, gpe_enable;
	u64 carry;			/* the tick at which the timer's top bit next changes */
	/* Not saved. */
	struct pdm_timer *timer;
};

static const struct ssm_field acpi_pm_fields[] = {
	SSM_FIELD(struct acpi_pm, status),
	SSM_FIELD(struct acpi_pm, enable),
	SSM_FIELD(struct acpi_pm, control),
	SSM_FIELD(struct acpi_pm, gpe_status),
	SSM_FIELD(struct acpi_pm, gpe_enable),
	SSM_FIELD(struct acpi_pm, carry),
	SSM_END
};

static u64 pm_ticks(struct pdm_device *dev)
{
	return (u64)((u128)pdm_now(dev, TM_VIRTUAL_SYNC) * PM_TIMER_HZ / NS_PER_S);
}

/* The first nanosecond at which @ticks have passed. */
static u64 pm_ns_of_ticks(u64 ticks)
{
	return (u64)(((u128)ticks * NS_PER_S + PM_TIMER_HZ - 1) / PM_TIMER_HZ);
}

/* "Power Management Timer": its status is set whenever the top bit changes. */
static void pm_sync(struct pdm_device *dev, struct acpi_pm *s)
{
	u64 ticks = pm_ticks(dev);

	if (ticks < s->carry)
		return;
	s->status |= PM1_TMR;
	s->carry = ((ticks >> 31) + 1) << 31;
}

/* The SCI, and the timer for as long as it could raise it. */
static void pm_update(struct pdm_device *dev, struct acpi_pm *s)
{
	pdm_irq_set(dev, SCI_LINE,
		    (s->status & s->enable) || (s->gpe_status & s->gpe_enable));
	if ((s->enable & ~s->status) & PM1_TMR)
		pdm_timer_arm(s->timer, pm_ns_of_ticks(s->carry));
	else
		pdm_timer_cancel(s->timer);
}

static void pm_timer(struct pdm_device *dev)
{
	struct acpi_pm *s = pdm_state(dev);

	pm_sync(dev, s);
	pm_update(dev, s);
}

/* ---- registers of 16 bits, read and written by bytes or words --------------------- */

static u16 reg_read(u16 reg, u64 offset)
{
	return offset & 1 ? reg >> 8 : reg;
}

/* The bits that the access covers, at their place in the register. */
static u16 reg_bits(u64 offset, u64 value)
{
	return (u16)(offset & 1 ? value << 8 : value);
}

static u16 reg_covered(u64 offset, u32 size)
{
	return reg_bits(offset, size == 1 ? 0xff : 0xffff);
}

static void reg_write(u16 *reg, u64 offset, u32 size, u64 value, u16 writable)
{
	u16 mask = reg_covered(offset, size) & writable;

	*reg = (*reg & ~mask) | (reg_bits(offset, value) & mask);
}

static u64 event_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct acpi_pm *s = pdm_state(dev);

	pm_sync(dev, s);
	return reg_read(offset < 2 ? s->status : s->enable, offset);
}

static void event_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct acpi_pm *s = pdm_state(dev);

	pm_sync(dev, s);
	if (offset < 2)
		s->status &= ~reg_bits(offset, value);
	else
		reg_write(&s->enable, offset, size, value, PM1_ENABLE_ALL);
	pm_update(dev, s);
}

static u64 control_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct acpi_pm *s = pdm_state(dev);

	return reg_read(s->control | PM1_SCI_EN, offset);
}

static void control_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct acpi_pm *s = pdm_state(dev);

	reg_write(&s->control, offset, size, value, PM1_KEPT);
	if (!(reg_bits(offset, value) & PM1_SLP_EN))
		return;
	if ((s->control & PM1_SLP_TYP) == SLP_TYP_S5)
		pdm_vm_request(dev, PDM_POWEROFF, 0);
	else
		log_guest("guest asks for a sleep state that does not exist (SLP_TYP %u)",
			  (unsigned int)(s->control & PM1_SLP_TYP) >> 10);
}

static u64 timer_read(struct pdm_device *dev, u64 offset, u32 size)
{
	return (u32)pm_ticks(dev) >> 8 * offset;
}

static void timer_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
}

static u64 gpe_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct acpi_pm *s = pdm_state(dev);

	return reg_read(offset < 2 ? s->gpe_status : s->gpe_enable, offset);
}

static void gpe_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct acpi_pm *s = pdm_state(dev);

	if (offset < 2)
		s->gpe_status &= ~reg_bits(offset, value);
	else
		reg_write(&s->gpe_enable, offset, size, value, 0xffff);
	pm_update(dev, s);
}

static const struct acpi_block {
	u16 port, count;
	struct pdm_io_ops ops;
} acpi_blocks[] = {
	{ PM1_EVENT_PORT, 4, { .read = event_read, .write = event_write, .sizes = 1 | 2 } },
	{ PM1_CONTROL_PORT, 2, { .read = control_read, .write = control_write, .sizes = 1 | 2 } },
	{ PM_TIMER_PORT, 4, { .read = timer_read, .write = timer_write } },
	{ GPE0_PORT, 4, { .read = gpe_read, .write = gpe_write, .sizes = 1 | 2 } },
};

/* ---- life --------------------------------------------------------------------------- */

static int acpi_pm_create(struct pdm_device *dev, struct error *err)
{
	struct acpi_pm *s = pdm_state(dev);
	int ret = 0;

	s->timer = pdm_timer_create(dev, TM_VIRTUAL_SYNC, "carry", pm_timer);
	for (unsigned int i = 0; i < ARRAY_SIZE(acpi_blocks) && !ret; i++)
		ret = pdm_port_register(dev, acpi_blocks[i].port, acpi_blocks[i].count,
					&acpi_blocks[i].ops, err);
	return ret;
}

/* The timer itself goes on counting. */
static void acpi_pm_reset(struct pdm_device *dev)
{
	struct acpi_pm *s = pdm_state(dev);

	*s = (struct acpi_pm){ .timer = s->timer };
	s->carry = ((pm_ticks(dev) >> 31) + 1) << 31;
	pm_update(dev, s);
}

static int acpi_pm_loaded(struct pdm_device *dev)
{
	pm_timer(dev);
	return 0;
}

const struct pdm_device_type acpi_pm_device = {
	.version = PDM_VERSION,
	.name = "acpi-pm",
	.help = "ACPI power management registers and timer",
	.chipset = true,
	.state_size = sizeof(struct acpi_pm),
	.state_version = 1,
	.fields = acpi_pm_fields,
	.create = acpi_pm_create,
	.reset = acpi_pm_reset,
	.loaded = acpi_pm_loaded,
};
