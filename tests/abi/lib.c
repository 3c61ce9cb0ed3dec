// SPDX-License-Identifier: GPL-2.0
/* See lib.h. */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

static int failed;

/* ---- checks ------------------------------------------------------------------------- */

void check_at(const char *file, int line, bool ok, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (ok)
		return;
	__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# %s:%d: %s\n", file, line, text);
	fflush(stdout);
}

static const char *result_name(long ret, char *buf, size_t size)
{
	snprintf(buf, size, "%s", ret < 0 ? strerrorname_np(-ret) : "");
	if (ret >= 0)
		snprintf(buf, size, "%ld", ret);
	return buf;
}

void expect_at(const char *file, int line, long got, long want, const char *what)
{
	char a[32], b[32];

	check_at(file, line, got == want, "%s: %s, not %s", what, result_name(got, a, sizeof(a)),
		 result_name(want, b, sizeof(b)));
}

long must(long ret, const char *what)
{
	if (ret >= 0)
		return ret;
	printf("# cannot go on: %s: %s\n", what, strerror(-ret));
	fflush(stdout);
	_exit(2);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(77);
}

int failures(void)
{
	return failed;
}

static bool is_named(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
	}
	return argc < 2;
}

int tests_main(int argc, char **argv, const struct test *tests, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		int before = failed;

		if (!is_named(tests[i].name, argc, argv))
			continue;
		tests[i].fn();
		printf("%s %s\n", failed == before ? "ok" : "not ok", tests[i].name);
		fflush(stdout);
	}
	return failed ? 1 : 0;
}

void in_child(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (!pid) {
		failed = 0;
		fn(arg);
		fflush(stdout);
		_exit(failed ? 1 : 0);
	}
	child_ends_well(pid);
}

void child_ends_well(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0), "waitpid");
	CHECK(!status, "the child ended with %#x", status);
}

void child_ends_by(pid_t pid, int signal)
{
	int status;

	must(waitpid(pid, &status, 0), "waitpid");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal, "the child ended with %#x",
	      status);
}

/* ---- calls ----------------------------------------------------------------------------- */

long call(int fd, unsigned long command, const void *arg)
{
	int ret = ioctl(fd, command, arg);

	return ret < 0 ? -errno : ret;
}

int dev_open(void)
{
	static int fd = -1;

	if (fd < 0) {
		fd = open("/dev/vmm", O_RDWR | O_CLOEXEC);
		must(fd < 0 ? -errno : fd, "/dev/vmm");
	}
	return fd;
}

struct vmm_info dev_info(void)
{
	struct vmm_info info;

	must(call(dev_open(), VMM_GET_INFO, &info), "GET_INFO");
	return info;
}

long vm_create(void)
{
	struct vmm_vm_create req = { 0 };
	long ret;

	do {
		ret = call(dev_open(), VMM_CREATE_VM, &req);
	} while (ret == -EINTR);
	return ret;
}

long vcpu_create(int vm, u32 apic_id, u32 flags)
{
	struct vmm_vcpu_create req = { .apic_id = apic_id, .flags = flags };

	return call(vm, VMM_VM_CREATE_VCPU, &req);
}

struct vmm_page *vcpu_map(int vcpu)
{
	void *p = mmap(NULL, VMM_VCPU_MMAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	must(p == MAP_FAILED ? -errno : 0, "mmap of a vCPU");
	return p;
}

long set_slot(int vm, u32 slot, u32 flags, u64 gpa, u64 size, const void *hva)
{
	struct vmm_slot req = {
		.slot = slot, .flags = flags, .gpa = gpa, .size = size, .hva = (u64)hva,
	};

	return call(vm, VMM_VM_SET_SLOT, &req);
}

void remove_slot(int vm, u32 slot)
{
	must(set_slot(vm, slot, 0, 0, 0, NULL), "SET_SLOT");
}

void get_dirty(int vm, u32 slot, u64 pages, u64 *bits)
{
	struct vmm_dirty req = { .slot = slot, .count = pages, .bitmap = (u64)bits };

	must(call(vm, VMM_VM_GET_DIRTY, &req), "GET_DIRTY");
}

void clear_dirty(int vm, u32 slot, u64 pages, const u64 *bits)
{
	struct vmm_dirty req = { .slot = slot, .count = pages, .bitmap = (u64)bits };

	must(call(vm, VMM_VM_CLEAR_DIRTY, &req), "CLEAR_DIRTY");
}

void machine_open_empty(struct machine *m, size_t size)
{
	m->vm = must(vm_create(), "CREATE_VM");
	m->vcpu = -1;
	m->page = NULL;
	m->size = size;
	m->ram = memory_map(size);
	must(set_slot(m->vm, 0, 0, 0, size, m->ram), "SET_SLOT");
}

void machine_add_vcpu(struct machine *m, u32 apic_id)
{
	m->vcpu = must(vcpu_create(m->vm, apic_id, apic_id ? 0 : VMM_VCPU_BSP), "CREATE_VCPU");
	m->page = vcpu_map(m->vcpu);
	m->history = (void *)m->page + VMM_PAGE_SIZE;
}

void machine_open(struct machine *m, size_t size)
{
	machine_open_empty(m, size);
	machine_add_vcpu(m, 0);
}

void machine_close(struct machine *m)
{
	if (m->page)
		munmap(m->page, VMM_VCPU_MMAP_SIZE);
	if (m->vcpu >= 0)
		close(m->vcpu);
	close(m->vm);
	munmap(m->ram, m->size);
}

void fetch(struct machine *m, u32 groups)
{
	struct vmm_groups req = { .mask = groups };

	must(call(m->vcpu, VMM_VCPU_FETCH, &req), "FETCH");
}

long store(struct machine *m, u32 groups)
{
	m->page->dirty = groups;
	return call(m->vcpu, VMM_VCPU_STORE, NULL);
}

long run(struct machine *m)
{
	long ret;

	do {
		ret = call(m->vcpu, VMM_VCPU_RUN, NULL);
	} while (!ret && m->page->reason == VMM_EXIT_NONE);
	return ret;
}

const char *reason_name(u32 reason)
{
	static const char *const names[] = {
		"NONE", "KICK", "IO", "MMIO", "RDMSR", "WRMSR", "EXTINT", "EOI", "HALTED",
		"HYPERCALL", "TRIPLE_FAULT", "CRASH", "TASK_SWITCH",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : "?";
}

bool run_to_at(const char *file, int line, struct machine *m, u32 reason)
{
	long ret;

	do {
		ret = run(m);
	} while (ret == -EINTR);
	if (ret) {
		expect_at(file, line, ret, 0, "RUN");
		return false;
	}
	check_at(file, line, m->page->reason == reason, "RUN gave %s at %#llx, not %s (%s)",
		 reason_name(m->page->reason), m->page->exit_rip, reason_name(reason),
		 m->page->reason == VMM_EXIT_CRASH ? m->page->u.crash.text : "");
	return m->page->reason == reason;
}

/* ---- guests ----------------------------------------------------------------------------- */

static void guest_start(struct machine *m)
{
	struct vmm_gprs *gprs = &m->page->gprs;

	memset(gprs, 0, sizeof(*gprs));
	gprs->rip = GUEST_CODE;
	gprs->rflags = 2;
	gprs->r[VMM_RSP] = GUEST_STACK;
	memset(&m->page->events, 0, sizeof(m->page->events));
	must(store(m, VMM_GROUP_GPRS | VMM_GROUP_SREGS | VMM_GROUP_EVENTS), "STORE");
}

void guest_load16(struct machine *m, const u8 *code, const u8 *end)
{
	must(call(m->vcpu, VMM_VCPU_RESET, NULL), "RESET");
	memcpy(m->ram + GUEST_CODE, code, end - code);
	fetch(m, VMM_GROUP_SREGS);
	m->page->sregs.seg[VMM_CS].base = 0;
	m->page->sregs.seg[VMM_CS].selector = 0;
	guest_start(m);
}

static void guest_handlers(struct machine *m)
{
	u64 *idt = (u64 *)(m->ram + GUEST_IDT);
	int i;

	for (i = 0; i < 256; i++) {
		u8 *handler = m->ram + GUEST_HANDLERS + 16 * i;
		u64 address = GUEST_HANDLERS + 16 * i;

		/* A present 64-bit interrupt gate for selector 8. */
		idt[2 * i] = (address & 0xffff) | 8ULL << 16 | 0x8e00ULL << 32 |
			     (address >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = 0;
		memcpy(handler, (u8[]){ 0xe6, i, 0xf4 }, 3);	/* out %al, $i; hlt */
	}
}

static void guest_tables(struct machine *m)
{
	u64 *pml4 = (u64 *)(m->ram + GUEST_TABLES), *pdpt = pml4 + 512, *pd = pdpt + 512;
	u64 *gdt = (u64 *)(m->ram + GUEST_GDT);
	u64 i;

	pml4[0] = (GUEST_TABLES + PAGE) | 3;
	pdpt[0] = (GUEST_TABLES + 2 * PAGE) | 3;
	for (i = 0; i < 512; i++)
		pd[i] = i << 21 | 0x83;
	gdt[1] = 0x00af9b000000ffffULL;
	gdt[2] = 0x00cf93000000ffffULL;
}

void guest_load64(struct machine *m, const u8 *code, const u8 *end)
{
	struct vmm_sregs *sregs = &m->page->sregs;
	int i;

	must(call(m->vcpu, VMM_VCPU_RESET, NULL), "RESET");
	memcpy(m->ram + GUEST_CODE, code, end - code);
	guest_tables(m);
	guest_handlers(m);
	fetch(m, VMM_GROUP_SREGS);
	for (i = VMM_ES; i <= VMM_GS; i++) {
		sregs->seg[i] = (struct vmm_segment){
			.limit = 0xffffffff, .selector = 0x10, .attr = 0xc093,
		};
	}
	sregs->seg[VMM_CS].selector = 8;
	sregs->seg[VMM_CS].attr = 0xa09b;
	sregs->gdtr = (struct vmm_dtable){ .base = GUEST_GDT, .limit = 23 };
	sregs->idtr = (struct vmm_dtable){ .base = GUEST_IDT, .limit = PAGE - 1 };
	sregs->cr0 = 0x80000031;	/* PG, NE, ET, PE */
	sregs->cr3 = GUEST_TABLES;
	sregs->cr4 = 0x20;		/* PAE */
	sregs->efer = 0x500;		/* LMA, LME */
	guest_start(m);
}

void apic_write(struct machine *m, u32 offset, u32 value)
{
	struct vmm_apic_access req = { .offset = offset, .write = 1, .value = value };

	must(call(m->vcpu, VMM_VCPU_APIC_ACCESS, &req), "APIC_ACCESS");
}

u32 apic_read(struct machine *m, u32 offset)
{
	struct vmm_apic_access req = { .offset = offset };

	must(call(m->vcpu, VMM_VCPU_APIC_ACCESS, &req), "APIC_ACCESS");
	return req.value;
}

long send_msi(int vm, u32 apic_id, u8 vector)
{
	struct vmm_msi req = { .address = 0xfee00000 | apic_id << 12, .data = vector };

	return call(vm, VMM_VM_SEND_MSI, &req);
}

/* ---- the host ------------------------------------------------------------------------------ */

u8 *memory_map(size_t size)
{
	u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p == MAP_FAILED ? -errno : 0, "memory");
	return p;
}

u8 *memory_map_aligned(size_t size)
{
	u8 *raw = memory_map(size + HUGE);
	u8 *p = (u8 *)(((u64)raw + HUGE - 1) & ~(HUGE - 1));

	if (p > raw)
		munmap(raw, p - raw);
	munmap(p + size, raw + HUGE - p);
	return p;
}

u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int event_open(u64 count)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	must(fd < 0 ? -errno : fd, "eventfd");
	if (count)
		must(write(fd, &count, sizeof(count)), "write to an eventfd");
	return fd;
}

u64 event_take(int fd)
{
	u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

bool file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (have < size - 1 && (n = read(fd, text + have, size - 1 - have)) > 0)
		have += n;
	text[have] = 0;
	close(fd);
	return true;
}

long file_field(const char *path, const char *field)
{
	static __thread char text[16384];
	size_t length = strlen(field);
	char *line, *save;

	if (!file_read(path, text, sizeof(text)))
		return -1;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, field, length) && line[length] == ':')
			return strtol(line + length + 1, NULL, 0);
	}
	return -1;
}

static u64 rnd_state = 1;

void rnd_seed(u64 seed)
{
	rnd_state = seed ? seed : 1;
}

/* xorshift64*, by Vigna */
u64 rnd(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
}
