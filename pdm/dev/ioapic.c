// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O APIC: 24 pins, each with an entry that makes a message to the local
 * APICs of its interrupt. Version 0x20, with the EOI register.
 *
 * PDM hands every controller the ISA line's own number; that line 0 (the PIT)
 * is wired to pin 2 is known here, and to the MADT's override. Line 2, the
 * PIC's cascade, is wired to nothing, and so is pin 0.
 *
 * Lines are asserted or not, whatever voltage that is: the polarity bit is
 * kept and read back but changes nothing, so that a guest may program either
 * and the device models need not know. An edge while its pin is masked is
 * lost, as the data sheet has it.
 *
 * Left out: SMI, and ExtINT entries, since the PIC's output has its own way
 * to the local APIC; neither they nor reserved delivery modes send anything.
 * Guarded by the device's lock, which PDM takes around line and eoi as well.
 *
 * Names are those of Intel's 82093AA data sheet.
 */
#include "pdm/pdm.h"

#define IOAPIC_GPA	0xfec00000ULL
#define IOAPIC_SIZE	0x1000
#define IOAPIC_PINS	24
#define IOAPIC_VERSION	(0x20 | (IOAPIC_PINS - 1) << 16)

#define MMIO_REGSEL	0x00
#define MMIO_WIN	0x10
#define MMIO_EOI	0x40

#define REG_ID		0
#define REG_VERSION	1
#define REG_ARB		2
#define REG_ENTRIES	0x10
#define ID_MASK		0x0f000000u

#define ENTRY_VECTOR	0xffULL
#define ENTRY_MODE	(7ULL << 8)
#define ENTRY_LOGICAL	BIT_ULL(11)
#define ENTRY_PENDING	BIT_ULL(12)	/* delivery status: never seen set, we deliver at once */
#define ENTRY_REMOTE_IRR BIT_ULL(14)
#define ENTRY_LEVEL	BIT_ULL(15)
#define ENTRY_MASKED	BIT_ULL(16)
#define ENTRY_DEST	56
#define ENTRY_WRITABLE	(0xff0000000001ffffULL & ~(ENTRY_PENDING | ENTRY_REMOTE_IRR))

/* "Message Address Register Format" and "Message Data Register Format". */
#define MSI_ADDRESS	0xfee00000ULL
#define MSI_DEST	12
#define MSI_LOGICAL	BIT(2)
#define MSI_ASSERT	BIT(14)
#define MSI_LEVEL	BIT(15)

enum { MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_NMI = 4, MODE_INIT, MODE_EXTINT = 7 };

#define MODES_SENT	(BIT(MODE_FIXED) | BIT(MODE_LOWEST) | BIT(MODE_NMI) | BIT(MODE_INIT))
#define MODES_VECTOR	(BIT(MODE_FIXED) | BIT(MODE_LOWEST))

struct ioapic {
	u64 entries[IOAPIC_PINS];
	u32 pins;		/* which are asserted */
	u32 id;
	u8 select;
	/* Not saved. */
	u64 eoi_exits[4];	/* as last set */
};

static const struct ssm_field ioapic_fields[] = {
	SSM_ARRAY(struct ioapic, entries),
	SSM_FIELD(struct ioapic, pins),
	SSM_FIELD(struct ioapic, id),
	SSM_FIELD(struct ioapic, select),
	SSM_END
};

/* ---- delivery ---------------------------------------------------------------- */

static u64 entry_mode(u64 entry)
{
	return BIT((entry & ENTRY_MODE) >> 8);
}

/* NMI and INIT are edges whatever the entry says, "Trigger Mode". */
static bool entry_is_level(u64 entry)
{
	return (entry & ENTRY_LEVEL) && (entry_mode(entry) & MODES_VECTOR);
}

/* A message is the entry with its fields moved. */
static u64 entry_address(u64 entry)
{
	u64 address = MSI_ADDRESS | (entry >> ENTRY_DEST) << MSI_DEST;

	return entry & ENTRY_LOGICAL ? address | MSI_LOGICAL : address;
}

static u32 entry_data(u64 entry)
{
	u32 data = (u32)(entry & (ENTRY_VECTOR | ENTRY_MODE)) | MSI_ASSERT;

	return entry_is_level(entry) ? data | MSI_LEVEL : data;
}

static void ioapic_send(struct pdm_device *dev, u64 entry)
{
	if (entry_mode(entry) & MODES_SENT)
		pdm_msi_send(dev, entry_address(entry), entry_data(entry));
}

/* A level pin is sent once, and again only after its EOI. */
static void ioapic_service_level(struct pdm_device *dev, struct ioapic *s, u32 pin)
{
	u64 *entry = &s->entries[pin];

	if (!entry_is_level(*entry) || !(s->pins & BIT(pin)) ||
	    (*entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)))
		return;
	*entry |= ENTRY_REMOTE_IRR;
	ioapic_send(dev, *entry);
}

/* The pin of a line, or IOAPIC_PINS. */
static u32 ioapic_pin(u32 line)
{
	return line == 0 ? 2 : line == 2 ? IOAPIC_PINS : line;
}

/* Of a level or without a vector, nobody can say. */
static enum pdm_edge ioapic_edge(struct pdm_device *dev, u32 line)
{
	struct ioapic *s = pdm_state(dev);
	u32 pin = ioapic_pin(line);
	u64 entry = pin < IOAPIC_PINS ? s->entries[pin] : ENTRY_MASKED;

	if (entry & ENTRY_MASKED)
		return PDM_EDGE_MASKED;
	if (entry_is_level(entry) || !(entry_mode(entry) & MODES_VECTOR))
		return PDM_EDGE_SENT;
	return pdm_msi_waits(dev, entry_address(entry), entry_data(entry)) ?
	       PDM_EDGE_MERGED : PDM_EDGE_SENT;
}

static void ioapic_line(struct pdm_device *dev, u32 line, bool level)
{
	struct ioapic *s = pdm_state(dev);
	u32 pin = ioapic_pin(line);
	bool was;

	if (pin >= IOAPIC_PINS)
		return;
	was = s->pins & BIT(pin);
	s->pins = level ? s->pins | BIT(pin) : s->pins & ~BIT(pin);
	if (!level)
		return;
	if (entry_is_level(s->entries[pin]))
		ioapic_service_level(dev, s, pin);
	else if (!was && !(s->entries[pin] & ENTRY_MASKED))
		ioapic_send(dev, s->entries[pin]);
}

static void ioapic_eoi(struct pdm_device *dev, u8 vector)
{
	struct ioapic *s = pdm_state(dev);

	for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *entry = &s->entries[pin];

		if (!(*entry & ENTRY_REMOTE_IRR) || (*entry & ENTRY_VECTOR) != vector)
			continue;
		*entry &= ~ENTRY_REMOTE_IRR;
		ioapic_service_level(dev, s, pin);
	}
}

/*
 * The vectors of all level entries, masked or not: a masked one may still
 * wait for its EOI.
 */
static void ioapic_update_eoi_exits(struct pdm_device *dev, struct ioapic *s)
{
	u64 exits[4] = { 0 };

	for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 vector = s->entries[pin] & ENTRY_VECTOR;

		if (entry_is_level(s->entries[pin]))
			exits[vector >> 6] |= BIT_ULL(vector & 63);
	}
	if (!memcmp(exits, s->eoi_exits, sizeof(exits)))
		return;
	memcpy(s->eoi_exits, exits, sizeof(exits));
	pdm_eoi_exits_set(dev, exits);
}

/* ---- registers ------------------------------------------------------------------ */

static u32 ioapic_reg_read(const struct ioapic *s)
{
	u32 index = s->select - REG_ENTRIES;

	switch (s->select) {
	case REG_ID:
	case REG_ARB:
		return s->id;
	case REG_VERSION:
		return IOAPIC_VERSION;
	}
	if (s->select < REG_ENTRIES || index >= 2 * IOAPIC_PINS)
		return 0;
	return (u32)(s->entries[index / 2] >> 32 * (index & 1));
}

/* Making an entry edge-triggered forgets the EOI it waited for, as guests rely on. */
static void ioapic_entry_write(struct pdm_device *dev, struct ioapic *s, u32 index, u32 value)
{
	u64 *entry = &s->entries[index / 2];
	u64 half = 0xffffffffULL << 32 * (index & 1);
	u64 mask = half & ENTRY_WRITABLE;

	*entry = (*entry & ~mask) | ((u64)value << 32 * (index & 1) & mask);
	if (!entry_is_level(*entry))
		*entry &= ~ENTRY_REMOTE_IRR;
	ioapic_update_eoi_exits(dev, s);
	ioapic_service_level(dev, s, index / 2);
}

static void ioapic_reg_write(struct pdm_device *dev, struct ioapic *s, u32 value)
{
	u32 index = s->select - REG_ENTRIES;

	if (s->select == REG_ID)
		s->id = value & ID_MASK;
	else if (s->select >= REG_ENTRIES && index < 2 * IOAPIC_PINS)
		ioapic_entry_write(dev, s, index, value);
}

static u64 ioapic_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct ioapic *s = pdm_state(dev);

	switch (offset) {
	case MMIO_REGSEL:
		return s->select;
	case MMIO_WIN:
		return ioapic_reg_read(s);
	default:
		return 0;
	}
}

/* The window and the EOI register take whole words only. */
static void ioapic_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct ioapic *s = pdm_state(dev);

	if (offset == MMIO_REGSEL)
		s->select = (u8)value;
	else if (offset == MMIO_WIN && size == 4)
		ioapic_reg_write(dev, s, (u32)value);
	else if (offset == MMIO_EOI && size == 4)
		ioapic_eoi(dev, (u8)value);
}

static const struct pdm_io_ops ioapic_ops = {
	.read = ioapic_read, .write = ioapic_write, .sizes = 1 | 2 | 4,
};

/* ---- life ------------------------------------------------------------------------- */

static const struct pdm_irqchip_ops ioapic_irqchip = {
	.line = ioapic_line,
	.edge = ioapic_edge,
	.eoi = ioapic_eoi,
};

static int ioapic_create(struct pdm_device *dev, struct error *err)
{
	int ret = pdm_mmio_register(dev, IOAPIC_GPA, IOAPIC_SIZE, &ioapic_ops, err);

	if (!ret)
		pdm_irqchip_register(dev, &ioapic_irqchip);
	return ret;
}

/* Which pins are asserted is the wires' affair and stays. */
static void ioapic_reset(struct pdm_device *dev)
{
	struct ioapic *s = pdm_state(dev);

	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		s->entries[pin] = ENTRY_MASKED;
	s->id = 0;
	s->select = 0;
	ioapic_update_eoi_exits(dev, s);
}

/* Messages already sent are the local APICs' state: nothing is sent again. */
static int ioapic_loaded(struct pdm_device *dev)
{
	struct ioapic *s = pdm_state(dev);

	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		s->entries[pin] &= ENTRY_WRITABLE | ENTRY_REMOTE_IRR;
	memset(s->eoi_exits, 0, sizeof(s->eoi_exits));
	ioapic_update_eoi_exits(dev, s);
	return 0;
}

const struct pdm_device_type ioapic_device = {
	.version = PDM_VERSION,
	.name = "ioapic",
	.help = "I/O APIC with 24 pins",
	.chipset = true,
	.state_size = sizeof(struct ioapic),
	.state_version = 1,
	.fields = ioapic_fields,
	.create = ioapic_create,
	.reset = ioapic_reset,
	.loaded = ioapic_loaded,
};
