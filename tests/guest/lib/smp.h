/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other CPUs. Each sleeps with interrupts open until it is given a function;
 * whatever interrupt it takes meanwhile it counts. A CPU's number is its APIC
 * ID, and CPU 0 is the one that runs the cases.
 *
 * What is called on another CPU has no trap_call(): an exception there without
 * a handler ends the guest.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "apic.h"

#define VEC_WAKE	0x41	/* lower than what is waited for: taken last */
#define VEC_SPURIOUS	0xff

#define APIC_BASE_EXTD	0x400UL
#define APIC_BASE_EN	0x800UL
#define MSR_X2APIC	0x800
#define ICR_LOWEST	0x100
#define ICR_SMI		0x200
#define ICR_INIT	0x500
#define ICR_SIPI	0x600
#define ICR_LEVEL	0x8000
#define ICR_BUSY	0x1000
#define SVR_NO_BROADCAST 0x1000

struct cpu {
	void (*volatile fn)(void *);	/* NULL: idle */
	void *arg;
	volatile u32 starts;		/* times it came through the trampoline */
	volatile u32 hits[256];		/* interrupts and NMIs taken, by vector */
	u32 index;
	bool x2apic;
	u64 gdt[GDT_SLOTS];
	u8 tss[104] __attribute__((aligned(8)));
	u8 df_stack[2048] __attribute__((aligned(16)));
};

/* What a CPU found when it came out of INIT, by the last that did. */
struct ap_state {
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 eflags, cr0, cr2, cr3, cr4, dr6, dr7, dr0, efer;
	u16 cs, ds, es, ss, fs, gs;
	struct { u16 limit; u32 base; } __attribute__((packed)) gdtr;
	u16 pad0;
	struct { u16 limit; u32 base; } __attribute__((packed)) idtr;
	u16 pad1;
	u64 r8, r15;
};

static inline struct ap_state *ap_state(void) { return (struct ap_state *)AP_STATE; }

static inline struct cpu *cpu_at(u32 i)
{
	return (struct cpu *)(CPU_AREAS + (u64)i * CPU_AREA_SIZE);
}

/* Who runs this: by the stack it stands on. */
static inline u32 cpu_index(void)
{
	u64 offset = (u64)__builtin_frame_address(0) - CPU_AREAS;

	return offset < (u64)CPU_MAX * CPU_AREA_SIZE ? offset / CPU_AREA_SIZE : 0;
}

static inline struct cpu *cpu_self(void) { return cpu_at(cpu_index()); }

extern u32 cpus;			/* how many the machine has */
extern u64 tsc_ms;			/* ticks of the TSC in a millisecond */

/* The traps and timings; all others wait for SIPI, and nothing is sent yet. */
void smp_init(void);
/* A case, the first: they start, one after the other, and each does so once. */
void smp_start(void);
/* INIT, SIPI, and wait for it to be idle. */
bool cpu_start(u32 i);
/* It is started already, and on its way: wait. */
bool cpu_wait_start(u32 i, u32 starts);
void cpu_init(u32 i);
void cpu_sipi(u32 i, u8 vector);
/* Run @fn there: begin, wait for its end, or both. */
void cpu_post(u32 i, void (*fn)(void *), void *arg);
bool cpu_wait(u32 i);
bool cpu_call(u32 i, void (*fn)(void *), void *arg);
/* All others have taken what was sent to them, and so have we. */
bool cpus_settle(void);
void cpus_forget_hits(void);

/* Ten seconds for @*value to become @want. */
bool wait_for(volatile u32 *value, u32 want);
bool wait_change(volatile u32 *value, u32 old);
void sleep_us(u64 us);
/*
 * For each round of a loop. With interrupts off it says so again: after an entry
 * without RFLAGS.IF Bochs 2.7 keeps a host's interrupts from ending it until the
 * guest writes IF.
 */
static inline void cpu_spin(void)
{
	if (!(rflags() & RFLAGS_IF))
		cli();
}

/* The same for one that waits, and may give way. */
static inline void cpu_pause(void)
{
	cpu_spin();
	asm volatile("pause" ::: "memory");
}

/*
 * Work for a CPU, and how it goes: one that counts for ever, one of the case's
 * own that says when it has begun, and may wait to be told to go on.
 */
extern volatile u32 counter, at_work, go_on;
void post_count(u32 i);
bool counts(void);
bool stands_still(void);
void post_work(u32 i, void (*fn)(void *));

/* As many as @count have come; can be used again at once. */
struct barrier {
	volatile u32 arrived, round;
};

void barrier_wait(struct barrier *b, u32 count);

static inline u32 atomic_add(volatile u32 *p, u32 n)
{
	return __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST);
}

/* --- the own local APIC, in whatever mode it is -------------------------------- */
u32 lapic_get(u32 reg);
void lapic_put(u32 reg, u32 value);
static inline void lapic_end(void) { lapic_put(APIC_EOI, 0); }
void ipi_send(u32 dest, u32 low);
bool lapic_bit(u32 reg, u8 vector);
/* Into this mode by the steps that are allowed, and enabled. */
void lapic_on(bool x2apic);
/* All CPUs. */
bool cpus_set_x2apic(bool on);

#endif
