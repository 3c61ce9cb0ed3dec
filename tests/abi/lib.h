/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the kernel interface share: checks, a VM with one vCPU
 * and some memory, and guests of a few instructions.
 *
 * A program has a table of tests and hands it to tests_main(). Each prints
 * "ok NAME" or "not ok NAME" after the checks that failed.
 */
#ifndef TESTS_ABI_LIB_H
#define TESTS_ABI_LIB_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "vmm.h"

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096UL
#define MIB		(1UL << 20)
#define HUGE		(2 * MIB)

/* ---- checks ------------------------------------------------------------------- */

void check_at(const char *file, int line, bool ok, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void expect_at(const char *file, int line, long got, long want, const char *what);

/* A check that goes on after a failure. */
#define CHECK(ok, ...)		check_at(__FILE__, __LINE__, ok, __VA_ARGS__)
/* The same for what a call returned: a value, or -errno. */
#define EXPECT(got, want)	expect_at(__FILE__, __LINE__, got, want, #got)

/* What a test needs to go on; ends the program when it is not there. */
long must(long ret, const char *what);
/* Exit status of a program that cannot run here, and why. */
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

struct test {
	const char *name;
	void (*fn)(void);
};

/* Runs all of them, or those that argv names. Returns the exit status. */
int tests_main(int argc, char **argv, const struct test *tests, size_t count);
/* Checks that failed so far; a child process hands them on by its exit status. */
int failures(void);

/* Runs @fn in a child and checks that it ends well. */
void in_child(void (*fn)(void *), void *arg);
/* Waits for the child and checks its end: with status 0, or by @signal. */
void child_ends_well(pid_t pid);
void child_ends_by(pid_t pid, int signal);

/* ---- calls -------------------------------------------------------------------------- */

/* ioctl(): what it returned, or -errno. */
long call(int fd, unsigned long command, const void *arg);

int dev_open(void);
struct vmm_info dev_info(void);

/* A VM with memory from 0, and a vCPU. */
struct machine {
	int vm, vcpu;			/* -1: none yet */
	u8 *ram;
	size_t size;
	struct vmm_page *page;
	struct vmm_history *history;
};

void machine_open(struct machine *m, size_t size);
/* The same without a vCPU. */
void machine_open_empty(struct machine *m, size_t size);
/* APIC ID 0 is the boot processor's. */
void machine_add_vcpu(struct machine *m, u32 apic_id);
void machine_close(struct machine *m);
long vm_create(void);
long vcpu_create(int vm, u32 apic_id, u32 flags);
struct vmm_page *vcpu_map(int vcpu);
long set_slot(int vm, u32 slot, u32 flags, u64 gpa, u64 size, const void *hva);
void remove_slot(int vm, u32 slot);

/* The log of the first @pages of a slot. */
void get_dirty(int vm, u32 slot, u64 pages, u64 *bits);
void clear_dirty(int vm, u32 slot, u64 pages, const u64 *bits);

/* The registers as they are. */
void fetch(struct machine *m, u32 groups);
/* Takes the groups in page->dirty; what RUN would return for them. */
long store(struct machine *m, u32 groups);

long run(struct machine *m);
/* Runs, and expects this reason. */
#define RUN_TO(m, why)		run_to_at(__FILE__, __LINE__, m, why)
bool run_to_at(const char *file, int line, struct machine *m, u32 reason);
const char *reason_name(u32 reason);

/* ---- guests ------------------------------------------------------------------------ */

/*
 * Code for a guest. It is copied to GUEST_CODE, so it must not care where it
 * is; GUEST16 runs in real mode with flat zero bases, GUEST64 in long mode.
 */
#define GUEST(name, mode, text)							\
	extern const u8 name[], name##_end[];					\
	asm(".pushsection .rodata\n" #name ":\n" mode "\n" text "\n"		\
	    #name "_end:\n.code64\n.popsection")
#define GUEST16(name, text)	GUEST(name, ".code16", text)
#define GUEST64(name, text)	GUEST(name, ".code64", text)

/*
 * Round and round with interrupts off. After an entry without RFLAGS.IF Bochs
 * 2.7 keeps the host's interrupts from ending it until the guest writes IF.
 */
#define SPIN		"1: cli; jmp 1b"

#define GUEST_CODE	0x1000
#define GUEST_STACK	0x8000		/* top of it */
#define GUEST_IDT	0x9000		/* and 256 handlers, 16 bytes apart, */
#define GUEST_HANDLERS	0xa000		/* each "out %al, $vector; hlt" */
#define GUEST_TABLES	0x10000		/* identity mapping of 1 GiB by 2 MiB pages */
#define GUEST_GDT	0x14000
#define GUEST_FREE	0x20000		/* from here on, memory is the test's */

void guest_load16(struct machine *m, const u8 *code, const u8 *end);
/* RFLAGS.IF is off; each vector has a handler that exits by OUT to port VECTOR. */
void guest_load64(struct machine *m, const u8 *code, const u8 *end);
#define LOAD16(m, name)	guest_load16(m, name, name##_end)
#define LOAD64(m, name)	guest_load64(m, name, name##_end)

/* xAPIC registers by VMM_VCPU_APIC_ACCESS. */
void apic_write(struct machine *m, u32 offset, u32 value);
u32 apic_read(struct machine *m, u32 offset);
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_IRR	0x200
long send_msi(int vm, u32 apic_id, u8 vector);

/* ---- the host ------------------------------------------------------------------------- */

/* Fresh memory of this process. */
u8 *memory_map(size_t size);
/* The same, from where a huge page may start. */
u8 *memory_map_aligned(size_t size);
u64 now_ns(void);
/* An eventfd that holds @count and never waits. */
int event_open(u64 count);
/* What an eventfd holds; then it is 0. */
u64 event_take(int fd);
/* Writes @text to the file: 0 or -errno. */
int file_write(const char *path, const char *text);
/* Reads its start as text; false if it is not there. */
bool file_read(const char *path, char *text, size_t size);
/* The number behind "FIELD:" in a file like /proc/self/status, or -1. */
long file_field(const char *path, const char *field);
/* Deterministic pseudo-random numbers. */
u64 rnd(void);
void rnd_seed(u64 seed);

#endif
