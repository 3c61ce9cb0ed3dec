// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259A interrupt controllers of a PC, with the ELCR that makes
 * single lines level-triggered. Lines 0 to 7 are the master's, 8 to 15 the
 * slave's, which hangs on the master's input 2. The master's output is
 * pdm_extint_set(). All of it is guarded by the device's lock, which PDM
 * takes around line and acknowledge as well.
 *
 * Two liberties. An edge stays requested when its line falls before it is
 * acknowledged, so that devices may pulse a line without waiting; a spurious
 * IRQ 7 or 15 still comes of a level that fell or a request masked in time.
 * And the cascade input follows the slave's output as a level, so that no
 * edge can get lost between the two.
 *
 * Left out: 8080 mode vectors, buffered mode, ICW3 (the wiring is fixed), and
 * the trigger mode bit of ICW1, which chipsets with an ELCR ignore too.
 *
 * Names are those of Intel's 8259A data sheet.
 */
#include "pdm/pdm.h"

#define PIC_MASTER	0
#define PIC_SLAVE	1
#define PIC_CASCADE	2
#define PIC_SPURIOUS	7
#define PIC_NONE	(-1)

#define ICW1_SELECT	BIT(4)
#define ICW1_IC4	BIT(0)
#define ICW1_SNGL	BIT(1)
#define ICW2_BASE	0xf8
#define ICW4_AEOI	BIT(1)
#define ICW4_SFNM	BIT(4)

#define OCW3_SELECT	BIT(3)
#define OCW3_RIS	BIT(0)
#define OCW3_RR		BIT(1)
#define OCW3_POLL	BIT(2)
#define OCW3_SMM	BIT(5)
#define OCW3_ESMM	BIT(6)

#define POLL_PENDING	0x80

/* The upper three bits of OCW2: rotate, specific, EOI. */
enum {
	OCW2_ROTATE_AEOI_OFF,
	OCW2_EOI,
	OCW2_NOP,
	OCW2_EOI_SPECIFIC,
	OCW2_ROTATE_AEOI_ON,
	OCW2_EOI_ROTATE,
	OCW2_SET_PRIORITY,
	OCW2_EOI_SPECIFIC_ROTATE,
};

enum pic_expects { PIC_READY, PIC_ICW2, PIC_ICW3, PIC_ICW4 };

struct i8259_chip {
	u8 irr, isr, imr;
	u8 lines;		/* levels of the inputs, to see edges by */
	u8 elcr;		/* inputs that are level-triggered */
	u8 base;		/* vector of input 0 */
	u8 lowest;		/* the input of lowest priority */
	u8 expects;		/* enum pic_expects: the next write to the odd port */
	bool single, icw4;	/* as ICW1 said */
	bool aeoi, rotate_aeoi, sfnm, special_mask;
	bool read_isr, poll;
};

struct i8259 {
	struct i8259_chip chips[2];
	bool output;		/* as last set */
};

#define CHIP_FIELDS(n)						\
	SSM_FIELD(struct i8259, chips[n].irr),			\
	SSM_FIELD(struct i8259, chips[n].isr),			\
	SSM_FIELD(struct i8259, chips[n].imr),			\
	SSM_FIELD(struct i8259, chips[n].lines),		\
	SSM_FIELD(struct i8259, chips[n].elcr),			\
	SSM_FIELD(struct i8259, chips[n].base),			\
	SSM_FIELD(struct i8259, chips[n].lowest),		\
	SSM_FIELD(struct i8259, chips[n].expects),		\
	SSM_FIELD(struct i8259, chips[n].single),		\
	SSM_FIELD(struct i8259, chips[n].icw4),			\
	SSM_FIELD(struct i8259, chips[n].aeoi),			\
	SSM_FIELD(struct i8259, chips[n].rotate_aeoi),		\
	SSM_FIELD(struct i8259, chips[n].sfnm),			\
	SSM_FIELD(struct i8259, chips[n].special_mask),		\
	SSM_FIELD(struct i8259, chips[n].read_isr),		\
	SSM_FIELD(struct i8259, chips[n].poll)

static const struct ssm_field i8259_fields[] = {
	CHIP_FIELDS(PIC_MASTER),
	CHIP_FIELDS(PIC_SLAVE),
	SSM_END
};

/* Lines that no chipset lets be level-triggered: timer, keyboard, cascade, RTC, FPU. */
static const u8 elcr_writable[2] = { 0xf8, 0xde };

/* ---- priorities ---------------------------------------------------------------- */

/* 0 for the input of highest priority, 7 for the lowest. */
static int chip_rank(const struct i8259_chip *c, int input)
{
	return (input - c->lowest - 1) & 7;
}

/* The one of highest priority among @inputs, or PIC_NONE. */
static int chip_first(const struct i8259_chip *c, u8 inputs)
{
	for (int rank = 0; rank < 8; rank++) {
		int input = (c->lowest + 1 + rank) & 7;

		if (inputs & BIT(input))
			return input;
	}
	return PIC_NONE;
}

/* In-service inputs that hold back those of their rank and below. */
static u8 chip_holding(const struct i8259_chip *c)
{
	return c->special_mask ? c->isr & ~c->imr : c->isr;
}

/*
 * The input whose request would be acknowledged now. In "Special Fully Nested
 * Mode" a slave in service does not hold back its own further requests.
 */
static int chip_pending(const struct i8259_chip *c)
{
	int request = chip_first(c, c->irr & ~c->imr);
	int holder = chip_first(c, chip_holding(c));

	if (request == PIC_NONE || c->expects != PIC_READY)
		return PIC_NONE;
	if (holder == PIC_NONE || chip_rank(c, request) < chip_rank(c, holder))
		return request;
	return c->sfnm && request == PIC_CASCADE && holder == PIC_CASCADE ? request : PIC_NONE;
}

/* The second INTA: into service, or straight through with automatic EOI. */
static void chip_take(struct i8259_chip *c, int input)
{
	if (!(c->elcr & BIT(input)))
		c->irr &= ~BIT(input);
	if (!c->aeoi)
		c->isr |= BIT(input);
	else if (c->rotate_aeoi)
		c->lowest = input;
}

static void chip_line(struct i8259_chip *c, int input, bool level)
{
	u8 bit = BIT(input);

	if (c->elcr & bit)
		c->irr = level ? c->irr | bit : c->irr & ~bit;
	else if (level && !(c->lines & bit))
		c->irr |= bit;
	c->lines = level ? c->lines | bit : c->lines & ~bit;
}

/* ---- both together ------------------------------------------------------------- */

static void i8259_update(struct pdm_device *dev, struct i8259 *s)
{
	struct i8259_chip *master = &s->chips[PIC_MASTER];
	bool output;

	if (chip_pending(&s->chips[PIC_SLAVE]) != PIC_NONE)
		master->irr |= BIT(PIC_CASCADE);
	else
		master->irr &= ~BIT(PIC_CASCADE);
	output = chip_pending(master) != PIC_NONE;
	if (output == s->output)
		return;
	s->output = output;
	pdm_extint_set(dev, output);
}

static void i8259_line(struct pdm_device *dev, u32 line, bool level)
{
	struct i8259 *s = pdm_state(dev);

	if (line >= 16 || line == PIC_CASCADE)
		return;
	chip_line(&s->chips[line >> 3], line & 7, level);
	i8259_update(dev, s);
}

static enum pdm_edge i8259_edge(struct pdm_device *dev, u32 line)
{
	struct i8259 *s = pdm_state(dev);
	const struct i8259_chip *c = &s->chips[line >> 3 & 1];
	u8 bit = BIT(line & 7);

	if (c->imr & bit)
		return PDM_EDGE_MASKED;
	return c->irr & bit ? PDM_EDGE_MERGED : PDM_EDGE_SENT;
}

/* A request that went away meanwhile is answered as input 7, not put in service. */
static u8 i8259_acknowledge(struct pdm_device *dev)
{
	struct i8259 *s = pdm_state(dev);
	struct i8259_chip *c = &s->chips[PIC_MASTER];
	int input = chip_pending(c);

	if (input == PIC_CASCADE) {
		chip_take(c, input);
		c = &s->chips[PIC_SLAVE];
		input = chip_pending(c);
	}
	if (input == PIC_NONE)
		input = PIC_SPURIOUS;
	else
		chip_take(c, input);
	i8259_update(dev, s);
	return c->base | input;
}

/* ---- registers ------------------------------------------------------------------ */

/* "Initialization Command Word 1": what it resets, and edges count from now. */
static void chip_icw1(struct i8259_chip *c, u8 value)
{
	c->irr = c->lines & c->elcr;
	c->isr = 0;
	c->imr = 0;
	c->lowest = 7;
	c->single = value & ICW1_SNGL;
	c->icw4 = value & ICW1_IC4;
	c->aeoi = c->rotate_aeoi = c->sfnm = c->special_mask = false;
	c->read_isr = c->poll = false;
	c->expects = PIC_ICW2;
}

static void chip_eoi(struct i8259_chip *c, int input, bool rotate)
{
	if (input == PIC_NONE)
		return;
	c->isr &= ~BIT(input);
	if (rotate)
		c->lowest = input;
}

static void chip_ocw2(struct i8259_chip *c, u8 value)
{
	int input = value & 7;

	switch (value >> 5) {
	case OCW2_ROTATE_AEOI_OFF:
	case OCW2_ROTATE_AEOI_ON:
		c->rotate_aeoi = value >> 7;
		break;
	case OCW2_EOI:
	case OCW2_EOI_ROTATE:
		/* In special mask mode it passes over the masked ones. */
		chip_eoi(c, chip_first(c, chip_holding(c)), value >> 7);
		break;
	case OCW2_EOI_SPECIFIC:
	case OCW2_EOI_SPECIFIC_ROTATE:
		chip_eoi(c, input, value >> 7);
		break;
	case OCW2_SET_PRIORITY:
		c->lowest = input;
		break;
	}
}

static void chip_ocw3(struct i8259_chip *c, u8 value)
{
	c->poll = value & OCW3_POLL;
	if (value & OCW3_RR)
		c->read_isr = value & OCW3_RIS;
	if (value & OCW3_ESMM)
		c->special_mask = value & OCW3_SMM;
}

/* The odd port: the rest of the initialization, then the mask. */
static void chip_write_odd(struct i8259_chip *c, u8 value)
{
	switch (c->expects) {
	case PIC_ICW2:
		c->base = value & ICW2_BASE;
		c->expects = !c->single ? PIC_ICW3 : c->icw4 ? PIC_ICW4 : PIC_READY;
		break;
	case PIC_ICW3:
		c->expects = c->icw4 ? PIC_ICW4 : PIC_READY;
		break;
	case PIC_ICW4:
		c->aeoi = value & ICW4_AEOI;
		c->sfnm = value & ICW4_SFNM;
		c->expects = PIC_READY;
		break;
	default:
		c->imr = value;
		break;
	}
}

static void chip_write(struct i8259_chip *c, u64 offset, u8 value)
{
	if (offset == 1)
		chip_write_odd(c, value);
	else if (value & ICW1_SELECT)
		chip_icw1(c, value);
	else if (value & OCW3_SELECT)
		chip_ocw3(c, value);
	else
		chip_ocw2(c, value);
}

/* "Poll Command": the read that follows it is the acknowledge, at either port. */
static u8 chip_poll(struct i8259_chip *c)
{
	int input = chip_pending(c);

	c->poll = false;
	if (input == PIC_NONE)
		return 0;
	chip_take(c, input);
	return POLL_PENDING | input;
}

static u8 chip_read(struct i8259_chip *c, u64 offset)
{
	if (c->poll)
		return chip_poll(c);
	if (offset == 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static u64 i8259_read(struct pdm_device *dev, struct i8259_chip *c, u64 offset)
{
	u8 value = chip_read(c, offset);

	i8259_update(dev, pdm_state(dev));
	return value;
}

static u64 master_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8259 *s = pdm_state(dev);

	return i8259_read(dev, &s->chips[PIC_MASTER], offset);
}

static u64 slave_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8259 *s = pdm_state(dev);

	return i8259_read(dev, &s->chips[PIC_SLAVE], offset);
}

static void master_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct i8259 *s = pdm_state(dev);

	chip_write(&s->chips[PIC_MASTER], offset, (u8)value);
	i8259_update(dev, s);
}

static void slave_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct i8259 *s = pdm_state(dev);

	chip_write(&s->chips[PIC_SLAVE], offset, (u8)value);
	i8259_update(dev, s);
}

static u64 elcr_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8259 *s = pdm_state(dev);

	return s->chips[offset & 1].elcr;
}

/* A line that turns level-triggered requests as it stands; an edge seen stays. */
static void elcr_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct i8259 *s = pdm_state(dev);
	struct i8259_chip *c = &s->chips[offset & 1];

	c->elcr = (u8)value & elcr_writable[offset & 1];
	c->irr = (c->irr & ~c->elcr) | (c->lines & c->elcr);
	i8259_update(dev, s);
}

static const struct pdm_io_ops master_ops = {
	.read = master_read, .write = master_write, .sizes = 1,
};

static const struct pdm_io_ops slave_ops = {
	.read = slave_read, .write = slave_write, .sizes = 1,
};

static const struct pdm_io_ops elcr_ops = {
	.read = elcr_read, .write = elcr_write, .sizes = 1,
};

/* ---- life ------------------------------------------------------------------------ */

static const struct pdm_irqchip_ops i8259_irqchip = {
	.line = i8259_line,
	.edge = i8259_edge,
	.acknowledge = i8259_acknowledge,
};

static int i8259_create(struct pdm_device *dev, struct error *err)
{
	int ret = pdm_port_register(dev, 0x20, 2, &master_ops, err);

	if (!ret)
		ret = pdm_port_register(dev, 0xa0, 2, &slave_ops, err);
	if (!ret)
		ret = pdm_port_register(dev, 0x4d0, 2, &elcr_ops, err);
	if (!ret)
		pdm_irqchip_register(dev, &i8259_irqchip);
	return ret;
}

/* The levels of the inputs belong to the wires and stay. */
static void i8259_reset(struct pdm_device *dev)
{
	struct i8259 *s = pdm_state(dev);

	for (int i = 0; i < 2; i++)
		s->chips[i] = (struct i8259_chip){ .lines = s->chips[i].lines, .lowest = 7 };
	s->output = false;
	pdm_extint_set(dev, false);
}

static int i8259_loaded(struct pdm_device *dev)
{
	struct i8259 *s = pdm_state(dev);

	for (int i = 0; i < 2; i++)
		if (s->chips[i].lowest > 7 || s->chips[i].expects > PIC_ICW4)
			return -EINVAL;
	s->output = false;
	pdm_extint_set(dev, false);
	i8259_update(dev, s);
	return 0;
}

const struct pdm_device_type i8259_device = {
	.version = PDM_VERSION,
	.name = "i8259",
	.help = "pair of 8259A interrupt controllers",
	.chipset = true,
	.state_size = sizeof(struct i8259),
	.state_version = 1,
	.fields = i8259_fields,
	.create = i8259_create,
	.reset = i8259_reset,
	.loaded = i8259_loaded,
};
