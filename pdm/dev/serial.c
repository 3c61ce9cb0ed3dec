// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A serial port, as PCs have it: eight ports, one edge-triggered ISA
 * line that OUT2 gates.
 *
 * A byte written is sent at once, so the transmitter is always empty; only
 * the interrupt that says so is modelled. Received bytes come as fast as the
 * guest reads them, and never overrun the FIFO except in loopback. The
 * character timeout runs on the VM's clock. Guarded by the device's lock.
 *
 * Left out: line speed, parity and framing errors, break, modem lines that
 * change on their own (the far end is always there and ready), DMA mode.
 *
 * The registers are those of National Semiconductor's PC16550D data sheet.
 */
#include "pdm/pdm.h"

#define UART_PORTS	8
#define UART_FIFO_SIZE	16
#define UART_CLOCK_HZ	1843200

enum { UART_DATA, UART_IER, UART_IIR_FCR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR };

#define IER_RDA		BIT(0)
#define IER_THRE	BIT(1)
#define IER_RLS		BIT(2)
#define IER_MSR		BIT(3)
#define IER_ALL		0x0f

#define IIR_NONE	0x01
#define IIR_MSR		0x00
#define IIR_THRE	0x02
#define IIR_RDA		0x04
#define IIR_RLS		0x06
#define IIR_TIMEOUT	0x0c
#define IIR_FIFOS	0xc0

#define FCR_ENABLE	BIT(0)
#define FCR_CLEAR_RX	BIT(1)
#define FCR_KEPT	0xc9

#define LCR_DLAB	BIT(7)

#define MCR_DTR		BIT(0)
#define MCR_RTS		BIT(1)
#define MCR_OUT1	BIT(2)
#define MCR_OUT2	BIT(3)
#define MCR_LOOP	BIT(4)
#define MCR_ALL		0x1f

#define LSR_DR		BIT(0)
#define LSR_OE		BIT(1)
#define LSR_THRE	BIT(5)
#define LSR_TEMT	BIT(6)

#define MSR_DELTAS	0x0f
#define MSR_TERI	BIT(2)
#define MSR_CTS		BIT(4)
#define MSR_DSR		BIT(5)
#define MSR_RI		BIT(6)
#define MSR_DCD		BIT(7)

/* Four characters at the slowest speed would be many seconds: no more than this. */
#define TIMEOUT_MAX_NS	20000000ULL

struct serial {
	u8 ier, fcr, lcr, mcr, msr, scr, dll, dlm;
	u8 overrun;			/* LSR_OE, until LSR is read */
	bool thre_pending;		/* the transmitter ran empty and nobody looked */
	bool timeout;			/* bytes waited below the trigger for too long */
	u8 fifo[UART_FIFO_SIZE];
	u8 head, count;			/* the received bytes wait from head on */
	u64 timeout_at;			/* of the armed timer; 0: not armed */
	/* Not saved: configuration, or derived. */
	bool level;			/* of the line, as last set */
	u32 irq;
	struct pdm_timer *timer;
};

static const struct ssm_field serial_fields[] = {
	SSM_FIELD(struct serial, ier),
	SSM_FIELD(struct serial, fcr),
	SSM_FIELD(struct serial, lcr),
	SSM_FIELD(struct serial, mcr),
	SSM_FIELD(struct serial, msr),
	SSM_FIELD(struct serial, scr),
	SSM_FIELD(struct serial, dll),
	SSM_FIELD(struct serial, dlm),
	SSM_FIELD(struct serial, overrun),
	SSM_FIELD(struct serial, thre_pending),
	SSM_FIELD(struct serial, timeout),
	SSM_RAW(struct serial, fifo),
	SSM_FIELD(struct serial, head),
	SSM_FIELD(struct serial, count),
	SSM_FIELD(struct serial, timeout_at),
	SSM_END
};

/* ---- interrupts -------------------------------------------------------------- */

/* "FIFO Interrupt Mode Operation": bytes that raise received-data. */
static u32 serial_trigger(const struct serial *s)
{
	static const u8 levels[] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* The cause of highest priority, without the FIFO bits. */
static u8 serial_cause(const struct serial *s)
{
	if ((s->ier & IER_RLS) && s->overrun)
		return IIR_RLS;
	if ((s->ier & IER_RDA) && s->count >= serial_trigger(s))
		return IIR_RDA;
	if ((s->ier & IER_RDA) && s->timeout)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre_pending)
		return IIR_THRE;
	if ((s->ier & IER_MSR) && (s->msr & MSR_DELTAS))
		return IIR_MSR;
	return IIR_NONE;
}

/* In loopback the OUT2 pin is inactive whatever MCR says, and the gate shut. */
static void serial_update(struct pdm_device *dev, struct serial *s)
{
	bool level = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && serial_cause(s) != IIR_NONE;

	if (level == s->level)
		return;
	s->level = level;
	pdm_irq_set(dev, s->irq, level);
}

/* Four characters of the programmed length and speed. */
static u64 serial_timeout_ns(const struct serial *s)
{
	u64 divisor = max(s->dlm << 8 | s->dll, 1);
	u64 bits = 1 + 5 + (s->lcr & 3) + (s->lcr >> 3 & 1) + 1 + (s->lcr >> 2 & 1);

	return min(4 * bits * divisor * 16 * 1000000000ULL / UART_CLOCK_HZ, TIMEOUT_MAX_NS);
}

/* Restarted whenever a byte comes or is read. */
static void serial_timeout_start(struct pdm_device *dev, struct serial *s)
{
	s->timeout = false;
	if ((s->fcr & FCR_ENABLE) && s->count && s->count < serial_trigger(s)) {
		s->timeout_at = pdm_now(dev, TM_VIRTUAL) + serial_timeout_ns(s);
		pdm_timer_arm(s->timer, s->timeout_at);
	} else if (s->timeout_at) {
		s->timeout_at = 0;
		pdm_timer_cancel(s->timer);
	}
}

static void serial_timer(struct pdm_device *dev)
{
	struct serial *s = pdm_state(dev);

	if (!s->timeout_at || pdm_now(dev, TM_VIRTUAL) < s->timeout_at)
		return;
	s->timeout_at = 0;
	s->timeout = s->count && (s->fcr & FCR_ENABLE);
	serial_update(dev, s);
}

/* ---- receiving --------------------------------------------------------------- */

static u32 serial_capacity(const struct serial *s)
{
	return s->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

/* A full FIFO drops the newcomer; without one, it replaces what was there. */
static void serial_receive(struct serial *s, u8 byte)
{
	if (s->count >= serial_capacity(s)) {
		s->overrun = LSR_OE;
		if (s->fcr & FCR_ENABLE)
			return;
		s->count = 0;
	}
	s->fifo[(s->head + s->count) % UART_FIFO_SIZE] = byte;
	s->count++;
}

static u8 serial_take(struct serial *s)
{
	u8 byte = s->fifo[s->head % UART_FIFO_SIZE];

	if (!s->count)
		return 0;
	s->head = (s->head + 1) % UART_FIFO_SIZE;
	s->count--;
	return byte;
}

static u32 serial_chr_room(struct pdm_device *dev)
{
	struct serial *s = pdm_state(dev);

	return s->mcr & MCR_LOOP ? 0 : serial_capacity(s) - min((u32)s->count, serial_capacity(s));
}

static void serial_chr_input(struct pdm_device *dev, const u8 *data, u32 len)
{
	struct serial *s = pdm_state(dev);

	while (len--)
		serial_receive(s, *data++);
	serial_timeout_start(dev, s);
	serial_update(dev, s);
}

static u8 serial_data_read(struct pdm_device *dev, struct serial *s)
{
	bool had = s->count;
	u8 byte = serial_take(s);

	serial_timeout_start(dev, s);
	serial_update(dev, s);
	/* In whole FIFOs rather than byte by byte. May bring input right here. */
	if (had && !s->count)
		pdm_chr_room_changed(dev);
	return byte;
}

/* ---- registers --------------------------------------------------------------- */

/* The modem inputs: a far end that is ready, or our own outputs in loopback. */
static u8 serial_modem(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void serial_mcr_write(struct pdm_device *dev, struct serial *s, u8 value)
{
	bool opened = (s->mcr & MCR_LOOP) && !(value & MCR_LOOP);
	u8 old = s->msr, now, deltas;

	s->mcr = value & MCR_ALL;
	now = serial_modem(s);
	deltas = (old ^ now) >> 4;
	/* Of the ring indicator only its end counts. */
	if (now & MSR_RI)
		deltas &= ~MSR_TERI;
	s->msr = now | (old & MSR_DELTAS) | deltas;
	serial_update(dev, s);
	if (opened)
		pdm_chr_room_changed(dev);
}

/* The other bits are taken only together with the enable bit. */
static void serial_fcr_write(struct pdm_device *dev, struct serial *s, u8 value)
{
	bool toggled = (s->fcr ^ value) & FCR_ENABLE;

	if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX)))
		s->count = 0;
	s->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
	serial_timeout_start(dev, s);
	serial_update(dev, s);
	pdm_chr_room_changed(dev);
}

/* Enabling the interrupt while the transmitter is empty raises it. */
static void serial_ier_write(struct pdm_device *dev, struct serial *s, u8 value)
{
	if (!(s->ier & IER_THRE) && (value & IER_THRE))
		s->thre_pending = true;
	s->ier = value & IER_ALL;
	serial_update(dev, s);
}

static void serial_data_write(struct pdm_device *dev, struct serial *s, u8 value)
{
	if (s->mcr & MCR_LOOP) {
		serial_receive(s, value);
		serial_timeout_start(dev, s);
	} else {
		pdm_chr_write(dev, &value, 1);
	}
	s->thre_pending = true;
	serial_update(dev, s);
}

static u8 serial_iir_read(struct pdm_device *dev, struct serial *s)
{
	u8 cause = serial_cause(s);

	if (cause == IIR_THRE)
		s->thre_pending = false;
	serial_update(dev, s);
	return cause | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static u8 serial_lsr_read(struct pdm_device *dev, struct serial *s)
{
	u8 value = LSR_THRE | LSR_TEMT | s->overrun | (s->count ? LSR_DR : 0);

	s->overrun = 0;
	serial_update(dev, s);
	return value;
}

static u8 serial_msr_read(struct pdm_device *dev, struct serial *s)
{
	u8 value = s->msr;

	s->msr &= ~MSR_DELTAS;
	serial_update(dev, s);
	return value;
}

static u64 serial_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct serial *s = pdm_state(dev);
	bool dlab = s->lcr & LCR_DLAB;

	switch (offset) {
	case UART_DATA:
		return dlab ? s->dll : serial_data_read(dev, s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR_FCR:
		return serial_iir_read(dev, s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return serial_lsr_read(dev, s);
	case UART_MSR:
		return serial_msr_read(dev, s);
	default:
		return s->scr;
	}
}

static void serial_divisor_write(struct serial *s, u64 offset, u8 value)
{
	if (offset == UART_DATA)
		s->dll = value;
	else
		s->dlm = value;
}

static void serial_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct serial *s = pdm_state(dev);

	if (offset <= UART_IER && (s->lcr & LCR_DLAB)) {
		serial_divisor_write(s, offset, (u8)value);
		return;
	}
	switch (offset) {
	case UART_DATA:
		serial_data_write(dev, s, (u8)value);
		break;
	case UART_IER:
		serial_ier_write(dev, s, (u8)value);
		break;
	case UART_IIR_FCR:
		serial_fcr_write(dev, s, (u8)value);
		break;
	case UART_LCR:
		s->lcr = (u8)value;
		break;
	case UART_MCR:
		serial_mcr_write(dev, s, (u8)value);
		break;
	case UART_SCR:
		s->scr = (u8)value;
		break;
	}
}

static const struct pdm_io_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
	.sizes = 1,
};

/* ---- life ---------------------------------------------------------------------- */

/* The lines a PC's four ports have by custom. */
static u32 serial_default_irq(u16 port)
{
	return port == 0x2f8 || port == 0x2e8 ? 3 : 4;
}

static int serial_create(struct pdm_device *dev, struct error *err)
{
	const struct cfgm_node *config = pdm_config(dev);
	struct serial *s = pdm_state(dev);
	u16 port = (u16)cfgm_int(config, "port");
	int ret;

	s->irq = cfgm_has(config, "irq") ? (u32)cfgm_int(config, "irq") : serial_default_irq(port);
	s->timer = pdm_timer_create(dev, TM_VIRTUAL, "timeout", serial_timer);
	ret = pdm_port_register(dev, port, UART_PORTS, &serial_ops, err);
	if (ret)
		return ret;
	return pdm_chr_attach(dev, err);
}

/* "Master Reset"; the divisor is what firmware leaves for 9600 baud. */
static void serial_reset(struct pdm_device *dev)
{
	struct serial *s = pdm_state(dev);

	pdm_timer_cancel(s->timer);
	pdm_irq_set(dev, s->irq, false);
	*s = (struct serial){ .irq = s->irq, .timer = s->timer, .dll = 12 };
	s->msr = serial_modem(s);
	pdm_chr_room_changed(dev);
}

static int serial_loaded(struct pdm_device *dev)
{
	struct serial *s = pdm_state(dev);

	if (s->count > UART_FIFO_SIZE || s->head >= UART_FIFO_SIZE)
		return -EINVAL;
	if (s->timeout_at)
		pdm_timer_arm(s->timer, s->timeout_at);
	s->level = false;
	serial_update(dev, s);
	return 0;
}

static const struct cfgm_key serial_keys[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0x100, .max = 0xfff8, .def = "0x3f8",
	  .help = "first of its eight ports" },
	{ .name = "irq", .type = CFGM_INT, .min = 1, .max = 15,
	  .help = "ISA interrupt line; 4, or 3 for ports 0x2f8 and 0x2e8" },
	PDM_CHR_KEY,
	{ .name = NULL }
};

const struct pdm_device_type serial_device = {
	.version = PDM_VERSION,
	.name = "serial",
	.help = "16550A serial port",
	.keys = serial_keys,
	.state_size = sizeof(struct serial),
	.state_version = 1,
	.fields = serial_fields,
	.create = serial_create,
	.reset = serial_reset,
	.loaded = serial_loaded,
	.chr_input = serial_chr_input,
	.chr_room = serial_chr_room,
};
