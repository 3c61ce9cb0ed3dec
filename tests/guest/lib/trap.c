// SPDX-License-Identifier: GPL-2.0
/*
 * The IDT, the TSS and who gets an exception: the handler set for its
 * vector, else the trap_call() that waits for it, else the end.
 */
#include "smp.h"

extern char trap_stubs[][16], trap_resume[];

struct gate idt[256] __attribute__((aligned(4096)));
u8 tss[104] __attribute__((aligned(128)));
struct trap trap_last;
static trap_fn handlers[256];
static u8 df_stack[4096] __attribute__((aligned(16)));
static u8 ring0_stack[8192] __attribute__((aligned(16)));

struct table_ptr {
	u16 limit;
	u64 base;
} __attribute__((packed));

void tss_set_stack(int which, u64 rsp)
{
	memcpy(&tss[which ? 36 + 8 * (which - 1) : 4], &rsp, 8);
}

void idt_load(void)
{
	struct table_ptr ptr = { sizeof(idt) - 1, (u64)idt };

	for (int i = 0; i < 256; i++) {
		u64 at = (u64)trap_stubs[i];

		idt[i] = (struct gate){
			.offset0 = at, .offset1 = at >> 16, .offset2 = at >> 32,
			.selector = SEL_CODE64, .type = 0x8e,
		};
	}
	idt[BP].type = idt[OF].type = idt[VEC_USER_DONE].type = 0xee;
	idt[DF].ist = 1;
	asm volatile("lidt %0" :: "m"(ptr));

	tss_set_stack(0, (u64)(ring0_stack + sizeof(ring0_stack)));
	tss_set_stack(1, (u64)(df_stack + sizeof(df_stack)));
	tss[102] = sizeof(tss);		/* the I/O bitmap lies past the limit */
	asm volatile("lldt %0" :: "r"((u16)0));
	tss_load(sizeof(tss) - 1);
}

void tss_load(u16 limit)
{
	u64 base = (u64)tss;

	gdt[SEL_TSS / 8] = 0x0000890000000000 | limit | (base & 0xffffff) << 16 |
			   (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	asm volatile("ltr %0" :: "r"((u16)SEL_TSS));
}

trap_fn trap_set(u8 vector, trap_fn fn)
{
	trap_fn old = handlers[vector];

	handlers[vector] = fn;
	return old;
}

void trap_dispatch(struct trap *t);
void trap_dispatch(struct trap *t)
{
	if (handlers[t->vector]) {
		handlers[t->vector](t);
		return;
	}
	/* trap_call() is the first CPU's. */
	if (cpu_index() || !trap_sp) {
		printf("FAIL runtime: CPU %u: expected no trap got vector %lu "
		       "error 0x%lx rip 0x%lx cr2 0x%lx\n",
		       cpu_index(), t->vector, t->error, t->rip, t->cr2);
		guest_exit(99);
	}
	trap_last = *t;
	t->rax = t->vector;
	t->rip = (u64)trap_resume;
	t->cs = SEL_CODE64;
	t->ss = SEL_DATA;
	t->rsp = trap_sp;
	t->rflags = 2;
}

struct msr_access {
	u32 index;
	u64 value;
};

static void rdmsr_body(void *arg)
{
	struct msr_access *m = arg;

	m->value = rdmsr(m->index);
}

static void wrmsr_body(void *arg)
{
	struct msr_access *m = arg;

	wrmsr(m->index, m->value);
}

static void xsetbv_body(void *arg)
{
	struct msr_access *m = arg;

	xsetbv(m->index, m->value);
}

int rdmsr_safe(u32 msr, u64 *v)
{
	struct msr_access m = { msr, 0 };
	int vector = trap_call(rdmsr_body, &m);

	*v = m.value;
	return vector;
}

int wrmsr_safe(u32 msr, u64 v)
{
	struct msr_access m = { msr, v };

	return trap_call(wrmsr_body, &m);
}

int xsetbv_safe(u32 i, u64 v)
{
	struct msr_access m = { i, v };

	return trap_call(xsetbv_body, &m);
}
