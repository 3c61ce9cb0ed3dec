/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small kernels of each kind, made here, and the files that hold them. A file
 * is a memfd, opened by the loader as /proc/self/fd/N.
 */
#ifndef TESTS_BOOT_IMAGES_H
#define TESTS_BOOT_IMAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <asm/bootparam.h>
#include <elf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/vmm/fake-pgm.h"
#include "vmm/boot/boot.h"

#define IMAGE_MAX	16384

struct image {
	u8 data[IMAGE_MAX];
	u32 size;
};

struct memfile {
	int fd;
	char path[64];
};

static inline void memfile_write(struct memfile *f, const void *data, u32 size)
{
	assert_int_equal(ftruncate(f->fd, size), 0);
	assert_int_equal(pwrite(f->fd, data, size, 0), size);
}

static inline void memfile_open(struct memfile *f, const void *data, u32 size)
{
	f->fd = memfd_create("kernel", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	memfile_write(f, data, size);
}

#define BZ_CODE		2048
#define BZ_CODE_SIZE	6144
#define BZ_PREF		0x1000000
#define BZ_INIT		0x200000
#define BZ_CMDLINE	100

static inline struct setup_header *image_setup(struct image *im)
{
	return (struct setup_header *)(im->data + 0x1f1);
}

static inline void image_bzimage(struct image *im)
{
	memset(im, 0, sizeof(*im));
	*image_setup(im) = (struct setup_header){
		.setup_sects = BZ_CODE / 512 - 1,
		.syssize = BZ_CODE_SIZE / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb,
		.header = 0x53726448,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.code32_start = 0x100000,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.cmdline_size = BZ_CMDLINE,
		.pref_address = BZ_PREF,
		.init_size = BZ_INIT,
	};
	im->data[0x1ef] = 0xff;		/* the sentinel, not to be copied */
	memset(im->data + BZ_CODE, 0xc0, BZ_CODE_SIZE);
	im->size = BZ_CODE + BZ_CODE_SIZE;
}

#define ELF_TEXT	0x100000
#define ELF_DATA	0x200000
#define ELF_TEXT_FILE	0x1000
#define ELF_DATA_FILE	0x1800
#define ELF_TEXT_SIZE	0x800
#define ELF_DATA_SIZE	0x100
#define ELF_DATA_MEM	0x3000
#define ELF_ENTRY	(ELF_TEXT + 0x10)
#define ELF_NOTE_FILE	0x400

struct elf_note {
	u32 namesz, descsz, type;
	char name[4];
	u64 desc;
};

static inline void image_elf_contents(struct image *im)
{
	struct elf_note *note = (struct elf_note *)(im->data + ELF_NOTE_FILE);

	*note = (struct elf_note){ 4, 8, 18, "Xen", ELF_ENTRY };
	memset(im->data + ELF_TEXT_FILE, 0xc1, ELF_TEXT_SIZE);
	memset(im->data + ELF_DATA_FILE, 0xc2, ELF_DATA_SIZE);
	im->size = ELF_DATA_FILE + ELF_DATA_SIZE;
}

/* Text and data, and with @note the PVH note. */
#define DEFINE_IMAGE_ELF(bits, machine)						\
static inline void image_elf##bits(struct image *im, bool note)			\
{										\
	Elf##bits##_Ehdr *eh = (Elf##bits##_Ehdr *)im->data;			\
	Elf##bits##_Phdr *ph = (Elf##bits##_Phdr *)(im->data + sizeof(*eh));	\
										\
	memset(im, 0, sizeof(*im));						\
	*eh = (Elf##bits##_Ehdr){						\
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS##bits, ELFDATA2LSB,	\
			     EV_CURRENT },					\
		.e_type = ET_EXEC, .e_machine = machine, .e_version = EV_CURRENT, \
		.e_entry = 0x40000000 + ELF_ENTRY, .e_phoff = sizeof(*eh),	\
		.e_ehsize = sizeof(*eh), .e_phentsize = sizeof(*ph),		\
		.e_phnum = note ? 3 : 2,					\
	};									\
	ph[0] = (Elf##bits##_Phdr){						\
		.p_type = PT_LOAD, .p_offset = ELF_TEXT_FILE,			\
		.p_vaddr = 0x40000000 + ELF_TEXT, .p_paddr = ELF_TEXT,		\
		.p_filesz = ELF_TEXT_SIZE, .p_memsz = ELF_TEXT_SIZE,		\
	};									\
	ph[1] = (Elf##bits##_Phdr){						\
		.p_type = PT_LOAD, .p_offset = ELF_DATA_FILE,			\
		.p_vaddr = 0x40000000 + ELF_DATA, .p_paddr = ELF_DATA,		\
		.p_filesz = ELF_DATA_SIZE, .p_memsz = ELF_DATA_MEM,		\
	};									\
	ph[2] = (Elf##bits##_Phdr){						\
		.p_type = PT_NOTE, .p_offset = ELF_NOTE_FILE,			\
		.p_filesz = sizeof(struct elf_note), .p_align = 4,		\
	};									\
	image_elf_contents(im);							\
}
DEFINE_IMAGE_ELF(32, EM_386)
DEFINE_IMAGE_ELF(64, EM_X86_64)

#define MB_AT		0x800
#define MB_ADDRESSES	BIT(16)

/* A multiboot header at @MB_AT of whatever is there; addresses as in the ELF. */
static inline void image_add_multiboot(struct image *im, u32 flags)
{
	u32 header[8] = {
		0x1badb002, flags, -(0x1badb002 + flags),
		ELF_TEXT + MB_AT, ELF_TEXT, 0, ELF_TEXT + 0x4000, ELF_TEXT + 0x1010,
	};

	memcpy(im->data + MB_AT, header, sizeof(header));
}

/* The VM around an image. */
struct guest {
	struct pgm *pgm;
	struct memfile kernel;
	struct boot_config config;
	struct boot_entry entry;
	struct error err;
};

#define GUEST_RSDP	0xe0010

static inline void guest_init(struct guest *g, const struct image *im, u64 ram)
{
	memset(g, 0, sizeof(*g));
	g->pgm = fake_pgm_new(ram);
	memfile_open(&g->kernel, im->data, im->size);
	g->config.kernel = g->kernel.path;
}

static inline void guest_free(struct guest *g)
{
	close(g->kernel.fd);
	fake_pgm_free(g->pgm);
}

/* Open, load twice (as a reset does) and close. */
static inline int guest_boot(struct guest *g)
{
	struct boot_image *image;
	int ret;

	memset(&g->err, 0, sizeof(g->err));
	memset(&g->entry, 0xee, sizeof(g->entry));
	ret = boot_image_open(&image, &g->config, &g->err);
	if (ret)
		return ret;
	ret = boot_image_load(image, g->pgm, GUEST_RSDP, &g->entry, &g->err);
	if (!ret)
		ret = boot_image_load(image, g->pgm, GUEST_RSDP, &g->entry, &g->err);
	boot_image_close(image);
	return ret;
}

/* It is refused, and the line for the person holds @text. */
static inline void assert_refused(struct guest *g, const char *text)
{
	assert_true(guest_boot(g) < 0);
	if (!strstr(g->err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", g->err.text, text);
}

static inline void *guest_at(struct guest *g, gpa_t gpa, u64 size)
{
	void *host = pgm_host(g->pgm, gpa, size, false);

	assert_non_null(host);
	return host;
}

static inline void assert_filled(const void *data, u8 byte, u64 size)
{
	const u8 *at = data;

	while (size--)
		assert_int_equal(*at++, byte);
}

static inline u64 descriptor_base(u64 d)
{
	return (d >> 16 & 0xffffff) | (d >> 56) << 24;
}

/* Flat segments that agree with the GDT, interrupts off, everything set. */
static inline void assert_entry_flat(struct guest *g, u32 code_attr)
{
	const struct vmm_sregs *s = &g->entry.sregs;
	const u64 *gdt = guest_at(g, s->gdtr.base, s->gdtr.limit + 1);

	for (u32 i = VMM_ES; i <= VMM_GS; i++) {
		u64 d = gdt[s->seg[i].selector / 8];

		assert_int_equal(s->seg[i].base, 0);
		assert_int_equal(s->seg[i].limit, 0xffffffff);
		assert_int_equal(s->seg[i].attr, i == VMM_CS ? code_attr : 0xc093);
		assert_int_equal(s->seg[i].selector, i == VMM_CS ? 0x10 : 0x18);
		assert_int_equal(descriptor_base(d), 0);
		assert_int_equal(d & 0xffff, 0xffff);
		assert_int_equal(d >> 40 & 0xf0ff, s->seg[i].attr);
		assert_int_equal(d >> 48 & 0xf, 0xf);
	}
	assert_int_equal(s->seg[VMM_TR].attr, 0x8b);
	assert_int_equal(s->seg[VMM_TR].limit, 0x67);
	assert_int_equal(s->idtr.limit, 0);
	assert_int_equal(s->cr2 | s->cr8, 0);
	assert_int_equal(s->apic_base, 0xfee00900);
	assert_int_equal(s->xcr0, 1);
	assert_int_equal(g->entry.gprs.rflags, 2);
}

static inline void assert_entry_protected(struct guest *g)
{
	assert_entry_flat(g, 0xc09b);
	assert_int_equal(g->entry.sregs.cr0, 0x11);
	assert_int_equal(g->entry.sregs.cr3 | g->entry.sregs.cr4 | g->entry.sregs.efer, 0);
}

#endif
