// SPDX-License-Identifier: GPL-2.0
/*
 * The 8042 keyboard controller with nothing plugged into it, at ports 0x60
 * and 0x64, and the chipset's reset controls at 0x92 and 0xcf9.
 *
 * The controller answers every command of its own at once. Bytes meant for a
 * keyboard or mouse are answered as a real one does when no device responds:
 * 0xfe with the time-out bit, so that a guest that looks for one need not
 * wait. The A20 gate is a bit that reads back; memory above 1 MiB is always
 * there. Left out: keyboard, mouse, password commands, the test inputs.
 * Guarded by the device's lock.
 *
 * Commands are those of IBM's PS/2 Hardware Interface Technical Reference,
 * "Keyboard and Auxiliary Device Controller".
 */
#include "pdm/pdm.h"

#define KBD_LINE	1
#define AUX_LINE	12

#define STATUS_OBF	BIT(0)
#define STATUS_SYSTEM	BIT(2)
#define STATUS_COMMAND	BIT(3)
#define STATUS_UNLOCKED	BIT(4)
#define STATUS_AUX	BIT(5)
#define STATUS_TIMEOUT	BIT(6)

#define COMMAND_KBD_IRQ	BIT(0)
#define COMMAND_AUX_IRQ	BIT(1)
#define COMMAND_SYSTEM	BIT(2)
#define COMMAND_KBD_OFF	BIT(4)
#define COMMAND_AUX_OFF	BIT(5)

#define OUTPUT_NO_RESET	BIT(0)
#define OUTPUT_A20	BIT(1)

#define PORT92_RESET	BIT(0)
#define PORT92_A20	BIT(1)
#define CF9_OFFSET	1		/* in the PCI address port, 0xcf8 */
#define CF9_RESET	BIT(2)
#define CF9_KEPT	0x0e

#define NO_DEVICE	0xfe
#define RAM_BYTES	32
#define RAM_COMMAND	0

enum {
	CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_AUX_DISABLE = 0xa7, CMD_AUX_ENABLE,
	CMD_AUX_TEST, CMD_SELF_TEST, CMD_KBD_TEST, CMD_KBD_DISABLE = 0xad, CMD_KBD_ENABLE,
	CMD_READ_INPUT = 0xc0, CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT, CMD_WRITE_KBD_BUFFER,
	CMD_WRITE_AUX_BUFFER, CMD_WRITE_AUX, CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf,
	CMD_PULSE = 0xf0,
};

struct i8042 {
	u8 ram[RAM_BYTES];	/* byte 0 is the command byte */
	u8 status;		/* STATUS_OBF, AUX and TIMEOUT belong to data */
	u8 data;		/* the output buffer */
	u8 pending;		/* the command that waits for its byte; 0: none */
	u8 output;		/* the output port: OUTPUT_A20, the rest reads as wired */
	u8 cf9;
};

static const struct ssm_field i8042_fields[] = {
	SSM_RAW(struct i8042, ram),
	SSM_FIELD(struct i8042, status),
	SSM_FIELD(struct i8042, data),
	SSM_FIELD(struct i8042, pending),
	SSM_FIELD(struct i8042, output),
	SSM_FIELD(struct i8042, cf9),
	SSM_END
};

/* ---- the output buffer -------------------------------------------------------------- */

static void i8042_update(struct pdm_device *dev, struct i8042 *s)
{
	bool full = s->status & STATUS_OBF, aux = s->status & STATUS_AUX;
	u8 command = s->ram[RAM_COMMAND];

	pdm_irq_set(dev, KBD_LINE, full && !aux && (command & COMMAND_KBD_IRQ));
	pdm_irq_set(dev, AUX_LINE, full && aux && (command & COMMAND_AUX_IRQ));
}

/* The latest answer counts; lowering the lines first makes it an edge. */
static void i8042_put(struct pdm_device *dev, struct i8042 *s, u8 data, u8 flags)
{
	s->status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	i8042_update(dev, s);
	s->data = data;
	s->status |= STATUS_OBF | flags;
	i8042_update(dev, s);
}

static u8 i8042_data_read(struct pdm_device *dev, struct i8042 *s)
{
	s->status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	i8042_update(dev, s);
	return s->data;
}

/* ---- commands -------------------------------------------------------------------------- */

static void i8042_a20(struct i8042 *s, bool on)
{
	s->output = on ? s->output | OUTPUT_A20 : s->output & ~OUTPUT_A20;
}

static u8 i8042_output_port(const struct i8042 *s)
{
	return OUTPUT_NO_RESET | s->output |
	       (s->status & STATUS_OBF ? (s->status & STATUS_AUX ? BIT(5) : BIT(4)) : 0);
}

/* What a command that answers at once answers; false: it is not one. */
static bool i8042_answer(const struct i8042 *s, u8 command, u8 *answer)
{
	static const struct {
		u8 command, answer;
	} answers[] = {
		{ CMD_AUX_TEST, 0x00 },
		{ CMD_SELF_TEST, 0x55 },
		{ CMD_KBD_TEST, 0x00 },
		{ CMD_READ_INPUT, 0x80 },	/* not locked */
	};

	if (command >= CMD_READ_RAM && command < CMD_READ_RAM + RAM_BYTES) {
		*answer = s->ram[command - CMD_READ_RAM];
		return true;
	}
	if (command == CMD_READ_OUTPUT) {
		*answer = i8042_output_port(s);
		return true;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(answers); i++) {
		if (answers[i].command == command) {
			*answer = answers[i].answer;
			return true;
		}
	}
	return false;
}

static void i8042_self_test(struct i8042 *s)
{
	s->ram[RAM_COMMAND] = COMMAND_SYSTEM | COMMAND_KBD_OFF | COMMAND_AUX_OFF;
	s->status = STATUS_SYSTEM | STATUS_UNLOCKED | STATUS_COMMAND;
}

static void i8042_command_act(struct pdm_device *dev, struct i8042 *s, u8 command)
{
	u8 *command_byte = &s->ram[RAM_COMMAND];

	switch (command) {
	case CMD_SELF_TEST:
		i8042_self_test(s);
		break;
	case CMD_AUX_DISABLE:
		*command_byte |= COMMAND_AUX_OFF;
		break;
	case CMD_AUX_ENABLE:
		*command_byte &= ~COMMAND_AUX_OFF;
		break;
	case CMD_KBD_DISABLE:
		*command_byte |= COMMAND_KBD_OFF;
		break;
	case CMD_KBD_ENABLE:
		*command_byte &= ~COMMAND_KBD_OFF;
		break;
	case CMD_A20_OFF:
	case CMD_A20_ON:
		i8042_a20(s, command == CMD_A20_ON);
		break;
	}
	/* Pulses the output port's low bits that are 0: bit 0 is the reset. */
	if (command >= CMD_PULSE && !(command & OUTPUT_NO_RESET))
		pdm_vm_request(dev, PDM_RESET, 0);
}

static bool i8042_wants_byte(u8 command)
{
	return (command >= CMD_WRITE_RAM && command < CMD_WRITE_RAM + RAM_BYTES) ||
	       (command >= CMD_WRITE_OUTPUT && command <= CMD_WRITE_AUX);
}

static void i8042_command(struct pdm_device *dev, struct i8042 *s, u8 command)
{
	u8 answer;

	s->status |= STATUS_COMMAND;
	s->pending = i8042_wants_byte(command) ? command : 0;
	i8042_command_act(dev, s, command);
	if (i8042_answer(s, command, &answer))
		i8042_put(dev, s, answer, 0);
}

/* A byte at the data port: for the command that waits, or for the keyboard. */
static void i8042_data_write(struct pdm_device *dev, struct i8042 *s, u8 value)
{
	u8 command = s->pending;

	s->status &= ~STATUS_COMMAND;
	s->pending = 0;
	switch (command) {
	case CMD_WRITE_OUTPUT:
		i8042_a20(s, value & OUTPUT_A20);
		if (!(value & OUTPUT_NO_RESET))
			pdm_vm_request(dev, PDM_RESET, 0);
		break;
	case CMD_WRITE_KBD_BUFFER:
		i8042_put(dev, s, value, 0);
		break;
	case CMD_WRITE_AUX_BUFFER:
		i8042_put(dev, s, value, STATUS_AUX);
		break;
	case CMD_WRITE_AUX:
		i8042_put(dev, s, NO_DEVICE, STATUS_AUX | STATUS_TIMEOUT);
		break;
	case 0:
		i8042_put(dev, s, NO_DEVICE, STATUS_TIMEOUT);
		break;
	default:
		s->ram[(command - CMD_WRITE_RAM) % RAM_BYTES] = value;
		i8042_update(dev, s);
		break;
	}
}

/* ---- ports ------------------------------------------------------------------------------ */

static u64 data_read(struct pdm_device *dev, u64 offset, u32 size)
{
	return i8042_data_read(dev, pdm_state(dev));
}

static void data_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	i8042_data_write(dev, pdm_state(dev), (u8)value);
}

static u64 status_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8042 *s = pdm_state(dev);

	return s->status;
}

static void command_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	i8042_command(dev, pdm_state(dev), (u8)value);
}

static u64 port92_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8042 *s = pdm_state(dev);

	return s->output & OUTPUT_A20 ? PORT92_A20 : 0;
}

/* The reset bit never stays set, so that every write of 1 is its rising edge. */
static void port92_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	i8042_a20(pdm_state(dev), value & PORT92_A20);
	if (value & PORT92_RESET)
		pdm_vm_request(dev, PDM_RESET, 0);
}

static u64 cf9_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8042 *s = pdm_state(dev);

	return offset == CF9_OFFSET && size == 1 ? s->cf9 : ~0ULL;
}

/*
 * "Reset Control Register": it lies within the PCI address port, whose dwords
 * are not for it. A rising CPU reset bit resets, of whatever kind the others
 * say.
 */
static void cf9_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct i8042 *s = pdm_state(dev);
	bool rises = (value & CF9_RESET) && !(s->cf9 & CF9_RESET);

	if (offset != CF9_OFFSET || size != 1)
		return;
	s->cf9 = (u8)value & CF9_KEPT;
	if (rises)
		pdm_vm_request(dev, PDM_RESET, 0);
}

static const struct i8042_port {
	u16 port, count;
	struct pdm_io_ops ops;
} i8042_ports[] = {
	{ 0x60, 1, { .read = data_read, .write = data_write, .sizes = 1 } },
	{ 0x64, 1, { .read = status_read, .write = command_write, .sizes = 1 } },
	{ 0x92, 1, { .read = port92_read, .write = port92_write, .sizes = 1 } },
	{ 0xcf9 - CF9_OFFSET, 4, { .read = cf9_read, .write = cf9_write } },
};

/* ---- life --------------------------------------------------------------------------------- */

static int i8042_create(struct pdm_device *dev, struct error *err)
{
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(i8042_ports) && !ret; i++)
		ret = pdm_port_register(dev, i8042_ports[i].port, i8042_ports[i].count,
					&i8042_ports[i].ops, err);
	return ret;
}

/* As firmware leaves it: self test passed, A20 open. */
static void i8042_reset(struct pdm_device *dev)
{
	struct i8042 *s = pdm_state(dev);

	*s = (struct i8042){ .output = OUTPUT_A20 };
	i8042_self_test(s);
	i8042_update(dev, s);
}

static int i8042_loaded(struct pdm_device *dev)
{
	i8042_update(dev, pdm_state(dev));
	return 0;
}

const struct pdm_device_type i8042_device = {
	.version = PDM_VERSION,
	.name = "i8042",
	.help = "keyboard controller without a keyboard, and reset control",
	.chipset = true,
	.state_size = sizeof(struct i8042),
	.state_version = 1,
	.fields = i8042_fields,
	.create = i8042_create,
	.reset = i8042_reset,
	.loaded = i8042_loaded,
};
