/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a bare-metal guest has: cases and checks, output, traps, page tables,
 * and the instructions C does not know. A guest is one file with a table of
 * cases at its end; the runtime calls them in long mode, IF clear, and exits
 * with the number that failed.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1UL << (n))
#define PAGE_SIZE	4096UL
#define min(a, b)	((a) < (b) ? (a) : (b))

/* --- cases ------------------------------------------------------------- */
struct guest_case {
	const char *name;
	void (*run)(void);
	const char *(*skip)(void);	/* why this machine cannot, or NULL */
	u32 tries;			/* for what a busy machine may spoil; 0: one */
};

void cases_run(const struct guest_case *cases, size_t n);
/* For guests whose rows are of their own kind. */
bool case_begin(const char *name);
void case_end(void);
void case_skip(const char *reason);

/* One line for each failure; the case counts once. True if @got is right. */
bool expect(const char *what, u64 got, u64 want);
bool expect_true(const char *what, bool ok);
bool expect_range(const char *what, u64 got, u64 low, u64 high);

/* Defined by the guest; GUEST() is the usual body. */
void guest_main(void);
#define GUEST(table) \
	void guest_main(void) { cases_run(table, ARRAY_SIZE(table)); }

void guest_exit(u32 status) __attribute__((noreturn));
void printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The value of `key=` on the command line, up to a space; NULL: not there. */
const char *cmdline_get(const char *key);
/* @value stays as it is if the key is not there. */
void cmdline_get_hex(const char *key, u16 *value);
extern u32 multiboot_magic, multiboot_info;

/* The compiler knows these names. */
void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/* --- traps -------------------------------------------------------------- */
enum {
	DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF,
	MF = 16, AC, MC, XM, NO_TRAP = -1,
};

struct trap {			/* as entry.S pushes it */
	u64 cr2;
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*trap_fn)(struct trap *t);
/* A handler for @vector, or NULL for none; the old one comes back. */
trap_fn trap_set(u8 vector, trap_fn fn);
/* Run @fn; an exception that has no handler ends it. The vector, or -1. */
int trap_call(void (*fn)(void *), void *arg);
int user_call(void (*fn)(void *), void *arg);
extern struct trap trap_last;	/* what ended the last of these */
extern u64 trap_sp;
extern char trap_iret[];

/*
 * Assembly for a row: NAME() runs @before, then @insn between the labels
 * NAME_at and NAME_after. It may use the registers a call may.
 */
#define CODE64(name, before, insn) \
	void name(void *); \
	extern char name##_at[], name##_after[]; \
	asm(".pushsection .text\n" #name ": " before "\n" #name "_at: " insn "\n" \
	    #name "_after: ret\n.popsection\n")

struct gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset1;
	u32 offset2, zero;
};

extern struct gate idt[256];
extern u64 gdt[GDT_SLOTS];
extern u8 tss[104];
void idt_load(void);
/* A TSS stack: 0 is RSP0, 1 to 7 the ISTs. */
void tss_set_stack(int which, u64 rsp);
void tss_load(u16 limit);

/* Where the image and its big bss end; RAM beyond is free up to 32 MiB. */
#define FREE_RAM	0x1000000UL
extern char image_end[];

/* --- page tables -------------------------------------------------------- */
#define PTE_P	0x1UL
#define PTE_W	0x2UL
#define PTE_U	0x4UL
#define PTE_PCD	0x10UL
#define PTE_A	0x20UL
#define PTE_D	0x40UL
#define PTE_PS	0x80UL
#define PTE_G	0x100UL
#define PTE_NX	BIT(63)

extern u64 pml4[512], pdpt[512], page_dirs[2048];
u64 *pte_get(u64 va);		/* the 4 KiB entry, its large page split up */
u64 *pte_alloc_table(void);
void pte_set(u64 va, u64 pte);	/* ... and INVLPG */
void pte_reset(u64 va);		/* back to one-to-one */

/* --- instructions -------------------------------------------------------- */
static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { asm volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u16 inw(u16 port)
{
	u16 v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

struct cpuid { u32 eax, ebx, ecx, edx; };

static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(sub));
	return r;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return lo | (u64)hi << 32;
}

#define CONTROL_REGISTER(reg) \
	static inline u64 read_##reg(void) \
	{ u64 v; asm volatile("mov %%" #reg ", %0" : "=r"(v) :: "memory"); return v; } \
	static inline void write_##reg(u64 v) \
	{ asm volatile("mov %0, %%" #reg :: "r"(v) : "memory"); }
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
CONTROL_REGISTER(cr8)
CONTROL_REGISTER(dr0)
CONTROL_REGISTER(dr1)
CONTROL_REGISTER(dr2)
CONTROL_REGISTER(dr3)
CONTROL_REGISTER(dr6)
CONTROL_REGISTER(dr7)

static inline u64 xgetbv(u32 i)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(i));
	return lo | (u64)hi << 32;
}

static inline void xsetbv(u32 i, u64 v)
{
	asm volatile("xsetbv" :: "c"(i), "a"((u32)v), "d"((u32)(v >> 32)));
}

static inline void invlpg(u64 va) { asm volatile("invlpg (%0)" :: "r"(va) : "memory"); }
static inline void cli(void) { asm volatile("cli" ::: "memory"); }
static inline void sti(void) { asm volatile("sti" ::: "memory"); }
/* Nothing is taken between the two: the shadow of STI. */
static inline void sti_hlt_cli(void) { asm volatile("sti; hlt; cli" ::: "memory"); }
/* One instruction boundary with interrupts open. */
static inline void sti_nop_cli(void) { asm volatile("sti; nop; nop; cli" ::: "memory"); }

static inline u64 rflags(void)
{
	u64 f;

	asm volatile("pushfq; pop %0" : "=r"(f));
	return f;
}

static inline u32 mmio_read(u64 a) { return *(volatile u32 *)a; }
static inline void mmio_write(u64 a, u32 v) { *(volatile u32 *)a = v; }

/* rdmsr, wrmsr and xsetbv that may fault: the vector, or -1. */
int rdmsr_safe(u32 msr, u64 *v);
int wrmsr_safe(u32 msr, u64 v);
int xsetbv_safe(u32 i, u64 v);

#define MSR_APIC_BASE	0x1b
#define MSR_EFER	0xc0000080

#define CR0_PE	0x1UL
#define CR0_MP	0x2UL
#define CR0_EM	0x4UL
#define CR0_TS	0x8UL
#define CR0_NE	0x20UL
#define CR0_WP	0x10000UL
#define CR0_AM	0x40000UL
#define CR0_CD	0x40000000UL
#define CR0_PG	0x80000000UL
#define CR4_PSE	0x10UL
#define CR4_PAE	0x20UL
#define CR4_PGE	0x80UL
#define CR4_DE	0x8UL
#define CR4_OSFXSR	0x200UL
#define CR4_OSXMMEXCPT	0x400UL
#define CR4_UMIP	0x800UL
#define CR4_LA57	0x1000UL
#define CR4_FSGSBASE	0x10000UL
#define CR4_OSXSAVE	0x40000UL
#define CR4_SMEP	0x100000UL
#define CR4_SMAP	0x200000UL
#define RFLAGS_TF	0x100UL
#define RFLAGS_IF	0x200UL
#define RFLAGS_RF	0x10000UL
#define RFLAGS_AC	0x40000UL

static inline bool cpu_has_x2apic(void) { return cpuid(1, 0).ecx & BIT(21); }
static inline bool cpu_has_tsc_deadline(void) { return cpuid(1, 0).ecx & BIT(24); }
static inline bool cpu_has_xsave(void) { return cpuid(1, 0).ecx & BIT(26); }
static inline bool cpu_has_avx(void) { return cpuid(1, 0).ecx & BIT(28); }
static inline u32 cpuid7_ebx(void) { return cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ebx : 0; }
static inline u32 cpuid7_ecx(void) { return cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ecx : 0; }

#endif
