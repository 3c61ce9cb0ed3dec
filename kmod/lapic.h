/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The local APIC of a vCPU: "Advanced Programmable Interrupt Controller
 * (APIC)" of Intel's manual, volume 3; xAPIC page and x2APIC MSRs.
 *
 * It owns the registers, the timer's hrtimer and IA32_APIC_BASE's effect;
 * apic->lock guards them. It leaves out the bus: a message between CPUs is a
 * function call. Its timer counts the VM's virtual nanoseconds (a 1 GHz bus
 * clock) before the divider, and obeys the VM's clock.
 *
 * "Own thread": only from the thread that holds vcpu->lock. "Any": any
 * context, interrupts included.
 */
#ifndef KMOD_LAPIC_H
#define KMOD_LAPIC_H

#include "vmm.h"

#define APIC_DEFAULT_BASE	0xfee00000ULL
#define APIC_BASE_BSP		BIT_ULL(8)
#define APIC_BASE_X2APIC	BIT_ULL(10)
#define APIC_BASE_ENABLE	BIT_ULL(11)

/* The highest of each, 0: none. */
struct lapic_vectors {
	u8 requested, served;
};

int lapic_create(struct vcpu *vcpu);
/* No message may be on its way any more. Stops the timer. */
void lapic_destroy(struct vcpu *vcpu);
/* @init: by INIT (keeps the ID, APIC_BASE), else by power-up. Own thread. */
void lapic_reset(struct vcpu *vcpu, bool init);

/* True if @gpa is in the xAPIC page as it is mapped and enabled now. Own thread. */
bool lapic_claims(struct vcpu *vcpu, gpa_t gpa);
/*
 * 32-bit access at @offset (0 to 0xffc, aligned) of the xAPIC page. Reserved
 * registers set ESR and read 0, as the manual has it. Own thread.
 */
u32 lapic_read(struct vcpu *vcpu, u32 offset);
void lapic_write(struct vcpu *vcpu, u32 offset, u32 value);

/* x2APIC MSRs (0x800 - 0x8ff), IA32_APIC_BASE, IA32_TSC_DEADLINE. -EINVAL: #GP. Own thread. */
bool lapic_owns_msr(u32 index);
int lapic_msr_read(struct vcpu *vcpu, u32 index, u64 *value);
int lapic_msr_write(struct vcpu *vcpu, u32 index, u64 value);

/*
 * Two registers as Hyper-V's guests have them, in whatever mode the APIC is: in
 * x2APIC mode they are its MSRs, else ICR is both halves of the xAPIC's. -EINVAL:
 * #GP; an APIC that is off drops what is written. Own thread.
 */
enum lapic_mode_reg { LAPIC_MODE_TPR = 0x080, LAPIC_MODE_ICR = 0x300 };
int lapic_mode_read(struct vcpu *vcpu, enum lapic_mode_reg reg, u64 *value);
int lapic_mode_write(struct vcpu *vcpu, enum lapic_mode_reg reg, u64 value);

/*
 * The highest vector in IRR that the priorities allow now (class above PPR's),
 * else -1. Does not look at RFLAGS.IF. Own thread; lockless and cheap where
 * nothing is pending.
 */
int lapic_pending(struct vcpu *vcpu);
/* It was injected: IRR to ISR. Own thread. */
void lapic_accept(struct vcpu *vcpu, u8 vector);
/* The highest vector in IRR if TPR alone holds it back, else -1. Own thread. */
int lapic_blocked_by_tpr(struct vcpu *vcpu);
/* It is on, and software has enabled it: it takes interrupts. Own thread. */
bool lapic_enabled(struct vcpu *vcpu);
/* The PIC's interrupt may pass: APIC off, or LINT0 unmasked as ExtINT. Own thread. */
bool lapic_accepts_extint(struct vcpu *vcpu);

/* CR8: bits 7:4 of TPR. Own thread. */
u64 lapic_cr8(struct vcpu *vcpu);
void lapic_cr8_set(struct vcpu *vcpu, u64 cr8);

/*
 * For a CPU that does part of the APIC's work on its page of registers, laid
 * out as the xAPIC's. Own thread.
 */
u32 *lapic_page(struct vcpu *vcpu);
/* What lapic_pending() has found in IRR, and what is in ISR. */
struct lapic_vectors lapic_vectors(struct vcpu *vcpu);
/* The CPU has changed TPR, IRR or ISR. */
void lapic_reload(struct vcpu *vcpu);
/* It has put what the guest wrote into the register at @offset: act on it. */
void lapic_written(struct vcpu *vcpu, u32 offset);
/* It has done the EOI of @vector: tell who has to know. */
void lapic_eoi_done(struct vcpu *vcpu, u8 vector);

/*
 * The EOI that the guest owes would change the APIC's registers and nothing
 * else: no interrupt waits for it, nobody wants to know. And that EOI. Own thread.
 */
bool lapic_eoi_is_silent(struct vcpu *vcpu);
void lapic_eoi_do(struct vcpu *vcpu);

/*
 * What an ICR of @icr's mode and vector sends, fixed or NMI, to those vCPUs
 * whose APIC IDs are @first plus the number of a bit in @set. How many there
 * are; -EINVAL: another mode, or no vector. Any.
 */
int lapic_send_set(struct vm *vm, u32 icr, u64 first, const u64 set[2]);

/*
 * An interrupt for this vCPU alone, by an edge, as if it had come from the bus.
 * False: the guest is not done with the last one like it, which waits or is in
 * service; or the APIC takes none. Own thread.
 */
bool lapic_raise(struct vcpu *vcpu, u8 vector);

/* Deliver a message as if written to the bus. -EINVAL: not one. Any. */
int lapic_msi(struct vm *vm, u64 address, u32 data);
/* 1: one like it waits to be taken where this one would go. 0, -EINVAL. Any. */
int lapic_msi_waits(struct vm *vm, u64 address, u32 data);

/*
 * Own thread. Where the CPU itself leaves the guest for its timer: that came
 * to pass; the vCPU goes to sleep, and the host's timer must wake it; it does
 * not any more.
 */
void lapic_timer_exit(struct vcpu *vcpu);
void lapic_timer_sleep(struct vcpu *vcpu);
void lapic_timer_wake(struct vcpu *vcpu);

/* The clock was set: re-arm the timer. Own thread or its creator's. */
void lapic_clock_changed(struct vcpu *vcpu);

/* Whole state; -EINVAL on a value that cannot be, nothing changed. Own thread. */
void lapic_get(struct vcpu *vcpu, struct vmm_lapic *state);
int lapic_set(struct vcpu *vcpu, const struct vmm_lapic *state);
/* Validated change of IA32_APIC_BASE from saved state: skips transition rules. */
int lapic_base_restore(struct vcpu *vcpu, u64 base);

#endif
