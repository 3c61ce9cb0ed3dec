/* SPDX-License-Identifier: GPL-2.0 */
/* The local APIC, the IOAPIC, the PIC pair and the PIT, as registers. */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include "guest.h"

#define LAPIC		0xfee00000UL
#define APIC_ID		0x20
#define APIC_VERSION	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_LVT_ERROR	0x370
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_NOW	0x390
#define APIC_TIMER_DIV	0x3e0

#define SVR_ENABLE	0x100
#define LVT_MASKED	0x10000
#define LVT_PERIODIC	0x20000
#define LVT_DEADLINE	0x40000
#define LVT_EXTINT	0x700
#define ICR_NMI		0x400
#define ICR_ASSERT	0x4000
#define ICR_LOGICAL	0x800
#define ICR_SELF	0x40000
#define ICR_ALL		0x80000
#define ICR_OTHERS	0xc0000

#define IOAPIC		0xfec00000UL

static inline u32 apic_read(u32 reg) { return mmio_read(LAPIC + reg); }
static inline void apic_write(u32 reg, u32 v) { mmio_write(LAPIC + reg, v); }
static inline void apic_eoi(void) { apic_write(APIC_EOI, 0); }
static inline void apic_self(u8 vector) { apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | vector); }

/* The bit of @vector in ISR, IRR or TMR. */
static inline bool apic_bit(u32 reg, u8 vector)
{
	return apic_read(reg + (vector >> 5) * 0x10) >> (vector & 31) & 1;
}

static inline void apic_nmi_self(void)
{
	apic_write(APIC_ICR_HIGH, apic_read(APIC_ID));
	apic_write(APIC_ICR, ICR_NMI | ICR_ASSERT);
}

static inline u32 ioapic_read(u8 reg)
{
	mmio_write(IOAPIC, reg);
	return mmio_read(IOAPIC + 0x10);
}

static inline void ioapic_write(u8 reg, u32 v)
{
	mmio_write(IOAPIC, reg);
	mmio_write(IOAPIC + 0x10, v);
}

static inline void ioapic_set(u8 pin, u32 low)
{
	ioapic_write(0x11 + 2 * pin, apic_read(APIC_ID));
	ioapic_write(0x10 + 2 * pin, low);
}

#define PIT_HZ		1193182

/* Channel 0 as the rate generator. */
static inline void pit_start(u16 divisor)
{
	outb(0x43, 0x34);
	outb(0x40, divisor);
	outb(0x40, divisor >> 8);
}

/* Mode 0: one edge when @count is down, so that a slow machine is not flooded. */
static inline void pit_once(u16 count)
{
	outb(0x43, 0x30);
	outb(0x40, count);
	outb(0x40, count >> 8);
}

/* A control word without a count: the channel waits for one. */
static inline void pit_stop(void)
{
	outb(0x43, 0x30);
}

static inline u8 cmos_read(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static inline void cmos_write(u8 reg, u8 v)
{
	outb(0x70, reg);
	outb(0x71, v);
}

#endif
