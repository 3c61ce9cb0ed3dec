// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's registers as the guest sees them: the xAPIC page, the
 * x2APIC's MSRs, IA32_APIC_BASE and IA32_TSC_DEADLINE.
 *
 * One table says what each register allows in both modes. The xAPIC drops
 * what it does not like (and logs accesses to registers that are not there);
 * the x2APIC raises #GP. All of it runs on the vCPU's thread.
 *
 * The local APIC ID cannot be changed: "Local APIC ID Register" leaves that to
 * the model. The arbitration priority register is there as AMD has it.
 */
#include "apic_mmio.h"
#include "lapic_internal.h"

#define MSR_APIC_BASE		0x1b
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC_FIRST	0x800
#define MSR_X2APIC_LAST		0x8ff
#define MSR_X2APIC_ICR		0x830

/* What may be done to a register, in each mode. */
#define X_READ		BIT(0)
#define X_WRITE		BIT(1)
#define X2_READ		BIT(2)
#define X2_WRITE	BIT(3)
#define BOTH_READ	(X_READ | X2_READ)
#define BOTH_WRITE	(X_WRITE | X2_WRITE)

struct reg_row {
	u32 access;
	u32 valid;			/* bits that can be set */
	u32 dropped;			/* bits that are read-only, or mean nothing any more */
	bool state;			/* keeps what is written, part of saved state */
	u32 (*read)(struct lapic *apic, u32 offset);		/* NULL: as it is kept */
	void (*write)(struct lapic *apic, u32 offset, u32 value);	/* NULL: keep it */
};

/* ---- reading ------------------------------------------------------------------------ */

static u32 read_zero(struct lapic *apic, u32 offset)
{
	return 0;
}

static u32 read_ldr(struct lapic *apic, u32 offset)
{
	return lapic_ldr(apic);
}

/* The x2APIC uses all of it. */
static u32 read_icr2(struct lapic *apic, u32 offset)
{
	return *lapic_reg(apic, LAPIC_ICR2) & 0xff000000;
}

static u32 read_apr(struct lapic *apic, u32 offset)
{
	lapic_arrivals_take(apic);
	return lapic_apr(*lapic_reg(apic, LAPIC_TPR), apic->isrv,
			 lapic_vectors(apic->vcpu).requested);
}

static u32 read_irr(struct lapic *apic, u32 offset)
{
	lapic_arrivals_take(apic);
	return *lapic_reg(apic, offset);
}

static u32 read_current(struct lapic *apic, u32 offset)
{
	unsigned long flags;
	bool notify;
	u32 count;

	raw_spin_lock_irqsave(&apic->lock, flags);
	notify = lapic_timer_settle(apic);
	count = lapic_timer_read_current(apic);
	lapic_unlock(apic, flags, notify);
	return count;
}

/* ---- writing ------------------------------------------------------------------------- */

/* Own thread's registers, which others glance at. */
static void write_plain(struct lapic *apic, u32 offset, u32 value)
{
	WRITE_ONCE(*lapic_reg(apic, offset), value);
}

static void write_tpr(struct lapic *apic, u32 offset, u32 value)
{
	write_plain(apic, offset, value);
	lapic_priority_lowered(apic);
}

static void write_eoi(struct lapic *apic, u32 offset, u32 value)
{
	lapic_eoi(apic);
}

static void write_dfr(struct lapic *apic, u32 offset, u32 value)
{
	write_plain(apic, offset, value | 0x0fffffff);
}

/* "Local APIC State After It Has Been Software Disabled": all entries get masked. */
static void write_svr(struct lapic *apic, u32 offset, u32 value)
{
	unsigned long flags;
	u32 lvt;

	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_timer_settle(apic);
	write_plain(apic, offset, value);
	if (!(value & LAPIC_SVR_ENABLE)) {
		for (lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += 0x10)
			*lapic_reg(apic, lvt) |= LAPIC_LVT_MASKED;
		lapic_timer_adopt(apic);
		lapic_timer_arm(apic);
	}
	/* Who delivers its interrupts may be another now: look again in any case. */
	lapic_unlock(apic, flags, true);
}

/* "Error Handling": a write makes the errors since the last one readable. */
static void write_esr(struct lapic *apic, u32 offset, u32 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	*lapic_reg(apic, LAPIC_ESR) = apic->esr_pending;
	apic->esr_pending = 0;
	lapic_unlock(apic, flags, false);
}

static void write_icr(struct lapic *apic, u32 offset, u32 value)
{
	write_plain(apic, offset, value);
	lapic_icr_send(apic, value, *lapic_reg(apic, LAPIC_ICR2));
}

static void write_self_ipi(struct lapic *apic, u32 offset, u32 value)
{
	lapic_self_ipi(apic, value);
}

static void write_lvt(struct lapic *apic, u32 offset, u32 value)
{
	/* LINT0 may let the PIC's interrupt through. */
	bool notify = offset == LAPIC_LVT_LINT0;
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	if (!(*lapic_reg(apic, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		value |= LAPIC_LVT_MASKED;
	if (offset == LAPIC_LVT_TIMER)
		notify = lapic_timer_write_lvt(apic, value);
	else
		*lapic_reg(apic, offset) = value;
	lapic_unlock(apic, flags, notify);
}

static void write_initial(struct lapic *apic, u32 offset, u32 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_unlock(apic, flags, lapic_timer_write_initial(apic, value));
}

static void write_divide(struct lapic *apic, u32 offset, u32 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_unlock(apic, flags, lapic_timer_write_divide(apic, value));
}

/* ---- the table ------------------------------------------------------------------------ */

#define ROW(_offset)	[(_offset) / 16]
#define WORDS(_offset, _read)								\
	[(_offset) / 16 ... (_offset) / 16 + 7] = { BOTH_READ, ~0U, .state = true, .read = _read }
/* Vector, mask, and @_more; delivery status (bit 12) is always idle. */
#define LVT(_offset, _more, _dropped)						\
	ROW(_offset) = { BOTH_READ | BOTH_WRITE, 0x100ff | (_more), BIT(12) | (_dropped), true,	\
			 .write = write_lvt }

/* LINT entries: delivery mode, polarity, trigger mode; remote IRR (bit 14) stays 0. */
#define LINT_BITS	(0x700 | BIT(13) | BIT(15))

static const struct reg_row reg_rows[64] = {
	ROW(LAPIC_ID) = { BOTH_READ },
	ROW(LAPIC_VERSION) = { BOTH_READ },
	ROW(LAPIC_TPR) = { BOTH_READ | BOTH_WRITE, 0xff, .state = true, .write = write_tpr },
	ROW(LAPIC_APR) = { X_READ, .read = read_apr },
	ROW(LAPIC_PPR) = { BOTH_READ },
	ROW(LAPIC_EOI) = { X_READ | BOTH_WRITE, .read = read_zero, .write = write_eoi },
	ROW(LAPIC_LDR) = { BOTH_READ | X_WRITE, 0xff000000, .state = true, .read = read_ldr },
	ROW(LAPIC_DFR) = { X_READ | X_WRITE, ~0U, .state = true, .write = write_dfr },
	/* Bit 9, focus processor checking, is kept and means nothing. */
	ROW(LAPIC_SVR) = { BOTH_READ | BOTH_WRITE, 0x13ff, .state = true, .write = write_svr },
	WORDS(LAPIC_ISR, NULL),
	WORDS(LAPIC_TMR, NULL),
	WORDS(LAPIC_IRR, read_irr),
	ROW(LAPIC_ESR) = { BOTH_READ | BOTH_WRITE, .state = true, .write = write_esr },
	ROW(LAPIC_ICR) = { BOTH_READ | BOTH_WRITE, 0xccfff, BIT(12), true, .write = write_icr },
	ROW(LAPIC_ICR2) = { X_READ | X_WRITE, 0xff000000, .state = true, .read = read_icr2 },
	LVT(LAPIC_LVT_TIMER, BIT(17) | BIT(18), 0),
	LVT(LAPIC_LVT_THERMAL, 0x700, 0),
	LVT(LAPIC_LVT_PERF, 0x700, 0),
	LVT(LAPIC_LVT_LINT0, LINT_BITS, BIT(14)),
	LVT(LAPIC_LVT_LINT1, LINT_BITS, BIT(14)),
	LVT(LAPIC_LVT_ERROR, 0, 0),
	ROW(LAPIC_INITIAL) = { BOTH_READ | BOTH_WRITE, ~0U, .state = true, .write = write_initial },
	ROW(LAPIC_CURRENT) = { BOTH_READ, .read = read_current },
	ROW(LAPIC_DIVIDE) = { BOTH_READ | BOTH_WRITE, 0xb, .state = true, .write = write_divide },
	ROW(LAPIC_SELF_IPI) = { X2_WRITE, 0xff, .write = write_self_ipi },
};

/* NULL: there is no such register, or not for this kind of access. */
static const struct reg_row *reg_find(u32 offset, u32 access)
{
	if (offset & 15 || offset / 16 >= ARRAY_SIZE(reg_rows))
		return NULL;
	return reg_rows[offset / 16].access & access ? &reg_rows[offset / 16] : NULL;
}

bool lapic_reg_exists(u32 offset)
{
	return reg_find(offset, BOTH_READ | BOTH_WRITE);
}

bool lapic_reg_is_state(u32 offset)
{
	const struct reg_row *row = reg_find(offset, BOTH_READ | BOTH_WRITE);

	return row && row->state;
}

u32 lapic_reg_valid(const struct lapic *apic, u32 offset)
{
	const struct reg_row *row = reg_find(offset, BOTH_READ | BOTH_WRITE);

	if (!row)
		return 0;
	if (offset == LAPIC_LVT_TIMER && !apic->has_tsc_deadline)
		return row->valid & ~BIT(18);
	return row->valid;
}

static u32 row_read(struct lapic *apic, const struct reg_row *row, u32 offset)
{
	return row->read ? row->read(apic, offset) : READ_ONCE(*lapic_reg(apic, offset));
}

static void row_write(struct lapic *apic, const struct reg_row *row, u32 offset, u32 value)
{
	if (row->write)
		row->write(apic, offset, value);
	else
		write_plain(apic, offset, value);
}

u32 lapic_reg_read(struct lapic *apic, u32 offset)
{
	const struct reg_row *row = reg_find(offset, BOTH_READ);

	return row ? row_read(apic, row, offset) : 0;
}

/* ---- reset ------------------------------------------------------------------------------- */

/* "Local APIC State After Power-Up or Reset" */
static void lapic_registers_reset(struct lapic *apic)
{
	u32 offset;

	lapic_timer_stop(apic);
	memset(apic->reg, 0, LAPIC_REGS_END);
	memset(apic->arrived, 0, sizeof(apic->arrived));
	apic->arrived_any = false;
	apic->esr_pending = 0;
	*lapic_reg(apic, LAPIC_DFR) = ~0U;
	WRITE_ONCE(*lapic_reg(apic, LAPIC_SVR), 0xff);
	for (offset = LAPIC_LVT_TIMER; offset <= LAPIC_LVT_ERROR; offset += 0x10)
		*lapic_reg(apic, offset) = LAPIC_LVT_MASKED;
	lapic_timer_adopt(apic);
	lapic_derive(apic);
}

void lapic_reset(struct vcpu *vcpu, bool init)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	if (!init)
		vcpu->apic_base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE |
				  (vcpu->bsp ? APIC_BASE_BSP : 0);
	lapic_registers_reset(apic);
	lapic_unlock(apic, flags, false);
}

/* ---- the xAPIC page ----------------------------------------------------------------------- */

bool lapic_claims(struct vcpu *vcpu, gpa_t gpa)
{
	return vcpu->apic->mode == LAPIC_XAPIC &&
	       (gpa ^ vcpu->apic_base) >> 12 == 0;
}

static void illegal_register(struct lapic *apic)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_unlock(apic, flags, lapic_error_raise(apic, LAPIC_ESR_REGISTER));
}

/* Outside xAPIC mode the page is not there, whoever asks. */
u32 lapic_read(struct vcpu *vcpu, u32 offset)
{
	struct lapic *apic = vcpu->apic;
	const struct reg_row *row = reg_find(offset, X_READ);

	if (apic->mode != LAPIC_XAPIC)
		return 0;
	if (row)
		return row_read(apic, row, offset);
	if (!reg_find(offset, X_WRITE))
		illegal_register(apic);
	return 0;
}

void lapic_write(struct vcpu *vcpu, u32 offset, u32 value)
{
	struct lapic *apic = vcpu->apic;
	const struct reg_row *row = reg_find(offset, X_WRITE);

	if (apic->mode != LAPIC_XAPIC)
		return;
	if (row)
		row_write(apic, row, offset, value & lapic_reg_valid(apic, offset));
	else if (!reg_find(offset, X_READ))
		illegal_register(apic);
}

void lapic_written(struct vcpu *vcpu, u32 offset)
{
	struct lapic *apic = vcpu->apic;
	const struct reg_row *row;

	offset &= ~15U;
	if (offset >= LAPIC_REGS_END)
		return;
	row = reg_find(offset, apic->mode == LAPIC_X2APIC ? X2_WRITE : X_WRITE);
	if (row)
		row_write(apic, row, offset,
			  *lapic_reg(apic, offset) & lapic_reg_valid(apic, offset));
	else
		lapic_identify(apic);	/* the ID alone lets itself be written over */
}

/* ---- MSRs ------------------------------------------------------------------------------------ */

bool lapic_owns_msr(u32 index)
{
	return (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST) ||
	       index == MSR_APIC_BASE || index == MSR_TSC_DEADLINE;
}

static int tsc_deadline_read(struct lapic *apic, u64 *value)
{
	unsigned long flags;
	bool notify;

	if (!apic->has_tsc_deadline)
		return -EINVAL;
	raw_spin_lock_irqsave(&apic->lock, flags);
	notify = lapic_timer_settle(apic);
	*value = apic->tsc_deadline;
	lapic_unlock(apic, flags, notify);
	return 0;
}

static int tsc_deadline_write(struct lapic *apic, u64 value)
{
	unsigned long flags;

	if (!apic->has_tsc_deadline)
		return -EINVAL;
	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_unlock(apic, flags, lapic_timer_write_tsc(apic, value));
	return 0;
}

/* Apart, since the way past it then saves no registers. */
static noinline int x2apic_read(struct lapic *apic, u32 index, u64 *value)
{
	u32 offset = (index - MSR_X2APIC_FIRST) * 16;
	const struct reg_row *row = reg_find(offset, X2_READ);

	if (apic->mode != LAPIC_X2APIC || !row)
		return -EINVAL;
	*value = row_read(apic, row, offset);
	if (index == MSR_X2APIC_ICR)
		*value |= (u64)*lapic_reg(apic, LAPIC_ICR2) << 32;
	return 0;
}

int lapic_msr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	if (index == MSR_TSC_DEADLINE)
		return tsc_deadline_read(vcpu->apic, value);
	if (index != MSR_APIC_BASE)
		return x2apic_read(vcpu->apic, index, value);
	*value = vcpu->apic_base;
	return 0;
}

static int x2apic_write(struct lapic *apic, u32 index, u64 value)
{
	u32 offset = (index - MSR_X2APIC_FIRST) * 16;
	const struct reg_row *row = reg_find(offset, X2_WRITE);
	u32 valid = lapic_reg_valid(apic, offset);

	if (apic->mode != LAPIC_X2APIC || !row)
		return -EINVAL;
	if ((u32)value & ~(valid | row->dropped))
		return -EINVAL;
	if (index == MSR_X2APIC_ICR)
		*lapic_reg(apic, LAPIC_ICR2) = value >> 32;
	else if (value >> 32)
		return -EINVAL;
	row_write(apic, row, offset, value & valid);
	return 0;
}

/* ---- in either mode ------------------------------------------------------------------------ */

int lapic_mode_read(struct vcpu *vcpu, enum lapic_mode_reg reg, u64 *value)
{
	if (vcpu->apic->mode == LAPIC_X2APIC)
		return lapic_msr_read(vcpu, MSR_X2APIC_FIRST + reg / 16, value);
	*value = lapic_read(vcpu, reg);
	if (reg == LAPIC_MODE_ICR)
		*value |= (u64)lapic_read(vcpu, LAPIC_ICR2) << 32;
	return 0;
}

int lapic_mode_write(struct vcpu *vcpu, enum lapic_mode_reg reg, u64 value)
{
	if (vcpu->apic->mode == LAPIC_X2APIC)
		return lapic_msr_write(vcpu, MSR_X2APIC_FIRST + reg / 16, value);
	if (reg == LAPIC_MODE_ICR)
		lapic_write(vcpu, LAPIC_ICR2, value >> 32);
	else if (value & ~(u64)lapic_reg_valid(vcpu->apic, reg))
		return -EINVAL;
	lapic_write(vcpu, reg, value);
	return 0;
}

/* ---- IA32_APIC_BASE: "Local APIC Status and Location" ----------------------------------- */

static bool base_possible(struct lapic *apic, u64 base)
{
	u64 valid = GENMASK_ULL(apic->phys_bits - 1, 12) | APIC_BASE_ENABLE | APIC_BASE_BSP;

	if (apic->has_x2apic)
		valid |= APIC_BASE_X2APIC;
	return !(base & ~valid) && lapic_mode_of(base) != LAPIC_INVALID;
}

/* Registers lose their values while the APIC is off; else they stay, save the ICR's format. */
static int base_write(struct vcpu *vcpu, u64 base)
{
	struct lapic *apic = vcpu->apic;
	enum lapic_mode mode = lapic_mode_of(base);
	unsigned long flags;

	if (!base_possible(apic, base) || !lapic_mode_may_follow(apic->mode, mode))
		return -EINVAL;
	raw_spin_lock_irqsave(&apic->lock, flags);
	vcpu->apic_base = base;
	if (mode != apic->mode) {
		*lapic_reg(apic, LAPIC_ICR2) = 0;
		if (mode == LAPIC_OFF || apic->mode == LAPIC_OFF)
			lapic_registers_reset(apic);
		else
			lapic_derive(apic);
	}
	lapic_unlock(apic, flags, false);
	apic_page_check(vcpu->vm);
	return 0;
}

int lapic_msr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	if (index == MSR_APIC_BASE)
		return base_write(vcpu, value);
	if (index == MSR_TSC_DEADLINE)
		return tsc_deadline_write(vcpu->apic, value);
	return x2apic_write(vcpu->apic, index, value);
}

/* Saved registers may have come before or come after: they stay. */
int lapic_base_restore(struct vcpu *vcpu, u64 base)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;

	if (!base_possible(apic, base))
		return -EINVAL;
	raw_spin_lock_irqsave(&apic->lock, flags);
	vcpu->apic_base = base;
	lapic_derive(apic);
	lapic_timer_arm(apic);
	lapic_unlock(apic, flags, true);
	apic_page_check(vcpu->vm);
	return 0;
}
