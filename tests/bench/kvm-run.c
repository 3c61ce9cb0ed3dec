// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-run GUEST.elf [COMMAND LINE...]: runs a bare-metal test guest under KVM,
 * with as little around KVM_RUN as there can be, so that what is measured, or
 * fails, is KVM's.
 *
 * There is RAM, KVM's own interrupt controllers and timer, port 0xe9 for output
 * and port 0xf4 to end, the guests' latch and their page of device memory; every
 * other port and address reads as ones. The guest is a multiboot 1 image in
 * ELF32, which is told of its memory's size and its command line only.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE	(64UL << 20)
#define INFO_AT		0x9000		/* multiboot information */
#define CMDLINE_AT	0xa000
#define CMDLINE_SIZE	4096
#define MULTIBOOT_MAGIC	0x2badb002
#define TSS_AT		0xfffbd000
#define PORT_PRINT	0xe9
#define PORT_EXIT	0xf4
#define PORT_LATCH	0xcf8		/* keeps a dword, as a PCI host bridge does */
#define DEVICE_AT	0xfed80000	/* as vmm's test-mmio has it */
#define DEVICE_SIZE	4096

struct machine {
	int kvm, vm, vcpu;
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_size;
	uint32_t latch;
	uint8_t device[DEVICE_SIZE];
};

static int call(int fd, unsigned long command, const void *arg, const char *name)
{
	int ret = ioctl(fd, command, arg);

	if (ret < 0)
		err(125, "%s", name);
	return ret;
}

#define CALL(fd, command, arg) call(fd, command, (const void *)(unsigned long)(arg), #command)

static void machine_create(struct machine *m)
{
	struct kvm_userspace_memory_region slot = { .memory_size = RAM_SIZE };
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (m->kvm < 0)
		err(125, "/dev/kvm");
	m->vm = CALL(m->kvm, KVM_CREATE_VM, 0);
	CALL(m->vm, KVM_SET_TSS_ADDR, TSS_AT);
	CALL(m->vm, KVM_CREATE_IRQCHIP, 0);
	CALL(m->vm, KVM_CREATE_PIT2, &pit);
	m->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->ram == MAP_FAILED)
		err(125, "RAM");
	slot.userspace_addr = (unsigned long)m->ram;
	CALL(m->vm, KVM_SET_USER_MEMORY_REGION, &slot);
	m->vcpu = CALL(m->vm, KVM_CREATE_VCPU, 0);
	m->run_size = CALL(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		err(125, "the vCPU's page");
}

/* What the host offers, as it stands. */
static void machine_cpuid(struct machine *m)
{
	int count = 256;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + count * sizeof(cpuid->entries[0]));

	cpuid->nent = count;
	CALL(m->kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	CALL(m->vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

/* Copies the segments into RAM; the entry point. */
static uint32_t machine_load(struct machine *m, const char *path)
{
	int fd = open(path, O_RDONLY);
	uint64_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	const uint8_t *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	const Elf32_Ehdr *elf = (const void *)file;
	const Elf32_Phdr *part;

	if (file == MAP_FAILED || size < sizeof(*elf))
		err(125, "%s", path);
	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_ident[EI_CLASS] != ELFCLASS32 ||
	    (uint64_t)elf->e_phoff + elf->e_phnum * sizeof(*part) > size)
		errx(125, "%s: not a 32-bit ELF", path);
	part = (const void *)(file + elf->e_phoff);
	for (; part < (const Elf32_Phdr *)(file + elf->e_phoff) + elf->e_phnum; part++) {
		if (part->p_type != PT_LOAD)
			continue;
		if ((uint64_t)part->p_offset + part->p_filesz > size ||
		    (uint64_t)part->p_paddr + part->p_filesz > RAM_SIZE)
			errx(125, "%s: a segment lies outside", path);
		memcpy(m->ram + part->p_paddr, file + part->p_offset, part->p_filesz);
	}
	return elf->e_entry;
}

/* "Machine state" of the Multiboot Specification: flat 32-bit segments, no paging. */
static void machine_start_at(struct machine *m, uint32_t entry)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x10, .type = 3, .present = 1, .s = 1, .db = 1,
		.g = 1,
	};
	struct kvm_regs regs = {
		.rip = entry, .rflags = 2, .rax = MULTIBOOT_MAGIC, .rbx = INFO_AT,
	};
	uint32_t info[22] = { 1 | 4, 640, (RAM_SIZE >> 10) - 1024, [4] = CMDLINE_AT };
	struct kvm_sregs sregs;

	memcpy(m->ram + INFO_AT, info, sizeof(info));
	CALL(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.cs = data;
	sregs.cs.type = 11;
	sregs.cs.selector = 8;
	sregs.cr0 |= 1;
	CALL(m->vcpu, KVM_SET_SREGS, &sregs);
	CALL(m->vcpu, KVM_SET_REGS, &regs);
}

/* The words of the command line, a blank between two. */
static void machine_cmdline(struct machine *m, char **words)
{
	char *to = (char *)m->ram + CMDLINE_AT, *end = to + CMDLINE_SIZE;

	for (; *words; words++)
		to += snprintf(to, end - to, "%s%s", *words, words[1] ? " " : "");
	if (to >= end)
		errx(125, "the command line is too long");
}

static void handle_port(struct machine *m, uint8_t *data)
{
	struct kvm_run *run = m->run;
	bool latch = run->io.port == PORT_LATCH && run->io.size == 4;
	uint32_t value = 0;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		memset(data, 0xff, run->io.size);
		if (latch)
			memcpy(data, &m->latch, 4);
		return;
	}
	memcpy(&value, data, run->io.size);
	if (run->io.port == PORT_PRINT)
		putchar(value & 0xff);
	else if (run->io.port == PORT_EXIT)
		exit(value > 99 ? 99 : value);
	else if (latch)
		m->latch = value;
}

static void handle_io(struct machine *m)
{
	uint8_t *data = (uint8_t *)m->run + m->run->io.data_offset;

	for (uint32_t i = 0; i < m->run->io.count; i++)
		handle_port(m, data + i * m->run->io.size);
}

static void handle_mmio(struct machine *m)
{
	struct kvm_run *run = m->run;
	uint64_t at = run->mmio.phys_addr - DEVICE_AT;

	if (run->mmio.phys_addr < DEVICE_AT || at + run->mmio.len > DEVICE_SIZE)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	else if (run->mmio.is_write)
		memcpy(m->device + at, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, m->device + at, run->mmio.len);
}

int main(int argc, char **argv)
{
	static struct machine m;

	if (argc < 2)
		errx(125, "usage: kvm-run GUEST.elf [COMMAND LINE...]");
	machine_create(&m);
	machine_cpuid(&m);
	machine_cmdline(&m, argv + 2);
	machine_start_at(&m, machine_load(&m, argv[1]));
	for (;;) {
		CALL(m.vcpu, KVM_RUN, 0);
		switch (m.run->exit_reason) {
		case KVM_EXIT_IO:
			handle_io(&m);
			break;
		case KVM_EXIT_MMIO:
			handle_mmio(&m);
			break;
		default:
			fflush(stdout);
			errx(121, "KVM exit %u", m.run->exit_reason);
		}
	}
}
