// SPDX-License-Identifier: GPL-2.0
/*
 * Linux's own image, by "The Linux/x86 Boot Protocol".
 *
 * The real-mode part of the file is never run: its setup header is read, and
 * the protected-mode part is loaded and entered directly, in 64-bit mode where
 * the kernel offers that entry ("64-bit BOOT PROTOCOL"), else in protected mode
 * ("32-bit BOOT PROTOCOL"). Protocols from 2.04 (Linux 2.6.14) on are known.
 * zImages, which load below 1 MiB, are not.
 */
#include <asm/bootparam.h>

#include "vmm/boot/internal.h"

#define SETUP_MAGIC		0x53726448	/* "HdrS" */
#define BOOT_FLAG		0xaa55
#define SECTOR			512
#define HEADER_START		offsetof(struct boot_params, hdr)
/* Bytes at most: where the zero page goes on with something else. */
#define HEADER_ROOM		(offsetof(struct boot_params, edd_mbr_sig_buffer) - HEADER_START)
#define HEADER_JUMP		0x201		/* its offset tells where the header ends */
#define HEADER_MAGIC_END	0x206
#define HEADER_MIN_END		0x230		/* of protocol 2.04 */

#define LOADER_UNKNOWN		0xff
#define VIDEO_NORMAL		0xffff
#define LOAD_DEFAULT		0x100000ULL
#define ENTRY64_OFFSET		0x200
#define CMDLINE_OLD_MAX		255

struct bzimage {
	union {
		struct setup_header hdr;
		u8 bytes[HEADER_ROOM];
	};
	u32 header_len;
	bool is_64;
	u64 code_offset, code_size;	/* in the file */
	gpa_t load;			/* where the code goes */
	gpa_t start, end;		/* what it uses until it knows the memory map */
};

static int bzimage_probe(const struct boot_file *kernel, struct error *err)
{
	struct setup_header hdr;
	int ret;

	if (kernel->size < HEADER_MAGIC_END)
		return 0;
	memset(&hdr, 0, sizeof(hdr));
	ret = boot_file_read(kernel, HEADER_START, &hdr, HEADER_MAGIC_END - HEADER_START, err);
	if (ret)
		return ret;
	return hdr.boot_flag == BOOT_FLAG && hdr.header == SETUP_MAGIC;
}

/* The header ends where the jump at its beginning goes; the rest stays zero. */
static int header_read(struct bzimage *bz, const struct boot_file *kernel, struct error *err)
{
	u32 end;
	u8 jump;
	int ret;

	ret = boot_file_read(kernel, HEADER_JUMP, &jump, 1, err);
	if (ret)
		return ret;
	end = HEADER_JUMP + 1 + jump;
	if (end < HEADER_MIN_END)
		return error_set(err, ENOEXEC, "%s: the setup header ends at 0x%x, before its "
				 "fields do",
				 kernel->path, end);
	bz->header_len = min(end - HEADER_START, HEADER_ROOM);
	return boot_file_read(kernel, HEADER_START, bz->bytes, bz->header_len, err);
}

static int header_check(const struct bzimage *bz, const struct boot_file *kernel,
			struct error *err)
{
	const struct setup_header *h = &bz->hdr;

	if (h->boot_flag != BOOT_FLAG || h->header != SETUP_MAGIC)
		return error_set(err, ENOEXEC, "%s: is no bzImage any more", kernel->path);
	if (h->version < 0x204)
		return error_set(err, ENOEXEC, "%s: boot protocol %u.%02u is too old, 2.04 is "
				 "needed",
				 kernel->path, h->version >> 8, h->version & 0xff);
	if (!(h->loadflags & LOADED_HIGH))
		return error_set(err, ENOEXEC, "%s: is a zImage, a bzImage is needed",
				 kernel->path);
	if (h->relocatable_kernel && (h->kernel_alignment & (h->kernel_alignment - 1)))
		return error_set(err, ENOEXEC, "%s: kernel_alignment 0x%x is no power of two",
				 kernel->path, h->kernel_alignment);
	if (h->pref_address >= PGM_HOLE_END)
		return error_set(err, ENOEXEC, "%s: pref_address 0x%llx is above 4 GiB",
				 kernel->path, (unsigned long long)h->pref_address);
	return 0;
}

/* Fields that came with a later protocol than the kernel's count as absent. */
static void header_normalise(struct setup_header *h)
{
	if (h->version < 0x205) {
		h->relocatable_kernel = 0;
		h->kernel_alignment = 0;
	}
	if (h->version < 0x206 || !h->cmdline_size)
		h->cmdline_size = CMDLINE_OLD_MAX;
	if (h->version < 0x20a) {
		h->pref_address = 0;
		h->init_size = 0;
	}
	if (h->version < 0x20c)
		h->xloadflags = 0;
	if (!h->kernel_alignment)
		h->kernel_alignment = BOOT_PAGE;
}

static int code_find(struct bzimage *bz, const struct boot_file *kernel, struct error *err)
{
	const struct setup_header *h = &bz->hdr;
	u64 room;

	/* 0 stands for 4, as it did before the field existed. */
	bz->code_offset = ((h->setup_sects ? h->setup_sects : 4) + 1) * SECTOR;
	bz->code_size = (u64)h->syssize * 16;
	if (bz->code_offset >= kernel->size || !bz->code_size)
		return error_set(err, ENOEXEC, "%s: holds no protected-mode code", kernel->path);
	/* syssize counts paragraphs: the last one need not be full. */
	room = kernel->size - bz->code_offset;
	if (bz->code_size > room && bz->code_size - room < 16)
		bz->code_size = room;
	if (bz->code_size > room)
		return error_set(err, ENOEXEC, "%s: cut short: %llu bytes of code are announced, "
				 "%llu are there",
				 kernel->path, (unsigned long long)bz->code_size,
				 (unsigned long long)room);
	return 0;
}

/*
 * A relocatable kernel runs where it is put, but moves up to pref_address when
 * put below it; any other runs at pref_address. Both need init_size bytes there.
 */
static void code_locate(struct bzimage *bz)
{
	const struct setup_header *h = &bz->hdr;
	gpa_t runs = max((gpa_t)h->pref_address, LOAD_DEFAULT);

	if (h->relocatable_kernel)
		runs = ALIGN_UP(runs, (gpa_t)h->kernel_alignment);
	bz->load = h->relocatable_kernel ? runs : LOAD_DEFAULT;
	bz->start = bz->load;
	bz->end = max(runs + h->init_size, bz->load + bz->code_size);
	bz->is_64 = h->xloadflags & XLF_KERNEL_64;
}

static int bzimage_parse(struct bzimage *bz, const struct boot_file *kernel, struct error *err)
{
	int ret;

	memset(bz, 0, sizeof(*bz));
	ret = header_read(bz, kernel, err);
	if (ret)
		return ret;
	ret = header_check(bz, kernel, err);
	if (ret)
		return ret;
	header_normalise(&bz->hdr);
	ret = code_find(bz, kernel, err);
	if (ret)
		return ret;
	code_locate(bz);
	if (bz->is_64 && bz->code_size <= ENTRY64_OFFSET)
		return error_set(err, ENOEXEC, "%s: the code ends before its 64-bit entry",
				 kernel->path);
	return 0;
}

static int bzimage_load_code(struct boot_load *load, const struct bzimage *bz, struct error *err)
{
	void *host;
	int ret;

	ret = boot_claim(load, bz->start, bz->end - bz->start, "kernel", &host, err);
	if (ret)
		return ret;
	return boot_file_read(&load->image->kernel, bz->code_offset,
			      (u8 *)host + (bz->load - bz->start), bz->code_size, err);
}

static int bzimage_load_initrd(struct boot_load *load, const struct bzimage *bz,
			       struct boot_params *bp, struct error *err)
{
	const struct boot_image *image = load->image;
	struct boot_want want = {
		.what = "initrd",
		.align = BOOT_PAGE,
		.limit = (u64)bz->hdr.initrd_addr_max + 1,	/* of its last byte */
		.high = true,
	};
	gpa_t gpa;
	int ret;

	if (image->module_count > image->has_initrd)
		return error_set(err, EINVAL, "%s: a bzImage takes an initrd, but no modules",
				 image->kernel.path);
	if (!image->has_initrd)
		return 0;
	ret = boot_place_file(load, &image->modules[0], &want, &gpa, err);
	if (ret == -ENOMEM && bz->hdr.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) {
		want.limit = ~0ULL;
		ret = boot_place_file(load, &image->modules[0], &want, &gpa, err);
	}
	if (ret)
		return ret;
	bp->hdr.ramdisk_image = gpa;
	bp->ext_ramdisk_image = gpa >> 32;
	bp->hdr.ramdisk_size = want.size;
	bp->ext_ramdisk_size = want.size >> 32;
	return 0;
}

/* The zero page: a clean one, with the kernel's header and our answers. */
static int bzimage_fill_params(struct boot_load *load, const struct bzimage *bz,
			       struct boot_params *bp, struct error *err)
{
	gpa_t cmdline;
	int ret;

	memcpy(&bp->hdr, bz->bytes, bz->header_len);
	bp->hdr.type_of_loader = LOADER_UNKNOWN;
	bp->hdr.vid_mode = VIDEO_NORMAL;
	bp->hdr.loadflags &= ~CAN_USE_HEAP;
	bp->hdr.code32_start = bz->load;
	bp->hdr.ramdisk_image = 0;
	bp->hdr.ramdisk_size = 0;
	bp->hdr.setup_data = 0;
	ret = boot_place_string(load, "command line", load->image->cmdline, bz->hdr.cmdline_size,
				&cmdline, err);
	if (ret)
		return ret;
	bp->hdr.cmd_line_ptr = cmdline;
	if (bz->hdr.version >= 0x20e)
		bp->acpi_rsdp_addr = load->rsdp;
	for (u32 i = 0; i < load->map_count; i++)
		bp->e820_table[i] = (struct boot_e820_entry){
			load->map[i].addr, load->map[i].size, load->map[i].type
		};
	bp->e820_entries = load->map_count;
	return bzimage_load_initrd(load, bz, bp, err);
}

static int bzimage_load(struct boot_load *load, struct error *err)
{
	struct bzimage bz;
	gpa_t params;
	void *host;
	int ret;

	ret = bzimage_parse(&bz, &load->image->kernel, err);
	if (ret)
		return ret;
	ret = bzimage_load_code(load, &bz, err);
	if (ret)
		return ret;
	ret = boot_place_info(load, "boot parameters", sizeof(struct boot_params), &params, &host,
			      err);
	if (ret)
		return ret;
	ret = bzimage_fill_params(load, &bz, host, err);
	if (ret)
		return ret;
	ret = bz.is_64 ? boot_entry_long(load, bz.load + ENTRY64_OFFSET, err) :
			 boot_entry_protected(load, bz.load, err);
	load->entry->gprs.r[VMM_RSI] = params;
	return ret;
}

const struct boot_loader boot_bzimage = {
	.name = "bzImage",
	.probe = bzimage_probe,
	.load = bzimage_load,
	.linux_args = true,
};

_Static_assert(sizeof(struct boot_params) == 4096, "the zero page");
_Static_assert(HEADER_START == 0x1f1, "the setup header");
