// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets which piece of RAM during one load.
 *
 * A kernel claims the addresses it was linked for first; all that has a choice
 * is then placed around it. Addresses and sizes come from files: sums are
 * checked here and nowhere else. Page 0 is never given away: old kernels look
 * there for what a BIOS left behind, and find zeroes.
 */
#include "vmm/boot/internal.h"

static const struct boot_range *range_overlapping(const struct boot_load *load, gpa_t start,
						  u64 size)
{
	for (u32 i = 0; i < load->used_count; i++) {
		const struct boot_range *r = &load->used[i];

		if (start < r->end && r->start < start + size)
			return r;
	}
	return NULL;
}

static int range_add(struct boot_load *load, gpa_t start, u64 size, const char *what,
		     struct error *err)
{
	if (load->used_count == BOOT_RANGES_MAX)
		return error_set(err, E2BIG, "%s: more than %d pieces to load",
				 load->image->kernel.path, BOOT_RANGES_MAX);
	load->used[load->used_count++] = (struct boot_range){ start, start + size, what };
	return 0;
}

int boot_claim(struct boot_load *load, gpa_t gpa, u64 size, const char *what, void **host,
	       struct error *err)
{
	const char *path = load->image->kernel.path;
	const struct boot_range *other;

	*host = NULL;
	if (!size)
		return 0;
	if (gpa + size < gpa)
		return error_set(err, ENOEXEC, "%s: %s of 0x%llx bytes at 0x%llx wraps around",
				 path, what, (unsigned long long)size, (unsigned long long)gpa);
	*host = pgm_host(load->pgm, gpa, size, false);
	if (!*host)
		return error_set(err, ENOMEM, "%s: %s at 0x%llx to 0x%llx does not lie in the "
				 "guest's RAM; it may need more memory",
				 path, what, (unsigned long long)gpa,
				 (unsigned long long)(gpa + size - 1));
	other = range_overlapping(load, gpa, size);
	if (other)
		return error_set(err, ENOEXEC, "%s: %s at 0x%llx to 0x%llx overlaps %s at 0x%llx",
				 path, what, (unsigned long long)gpa,
				 (unsigned long long)(gpa + size - 1), other->what,
				 (unsigned long long)other->start);
	return range_add(load, gpa, size, what, err);
}

/* Lowest fitting address in [@start, @end), stepping over what is used. */
static bool fit_low(const struct boot_load *load, u64 size, u64 align, gpa_t start, gpa_t end,
		    gpa_t *gpa)
{
	const struct boot_range *r;
	gpa_t pos = ALIGN_UP(start, align);

	while (pos >= start && pos < end && size <= end - pos) {
		r = range_overlapping(load, pos, size);
		if (!r) {
			*gpa = pos;
			return true;
		}
		start = pos;
		pos = ALIGN_UP(r->end, align);
	}
	return false;
}

/* Highest fitting address in [@start, @end). */
static bool fit_high(const struct boot_load *load, u64 size, u64 align, gpa_t start, gpa_t end,
		     gpa_t *gpa)
{
	const struct boot_range *r;

	while (end > start && size <= end - start) {
		gpa_t pos = ALIGN_DOWN(end - size, align);

		if (pos < start)
			return false;
		r = range_overlapping(load, pos, size);
		if (!r) {
			*gpa = pos;
			return true;
		}
		end = r->start;
	}
	return false;
}

static bool fit(const struct boot_load *load, const struct boot_want *want, u64 size, gpa_t *gpa)
{
	for (u32 i = 0; i < load->map_count; i++) {
		u32 at = want->high ? load->map_count - 1 - i : i;
		const struct pgm_e820 *ram = &load->map[at];
		gpa_t start = max(max((gpa_t)ram->addr, want->from), (gpa_t)BOOT_PAGE);
		gpa_t end = min((gpa_t)(ram->addr + ram->size), want->limit);

		if (ram->type != 1)
			continue;
		if (want->high ? fit_high(load, size, want->align, start, end, gpa) :
				 fit_low(load, size, want->align, start, end, gpa))
			return true;
	}
	return false;
}

int boot_place(struct boot_load *load, const struct boot_want *want, gpa_t *gpa, void **host,
	       struct error *err)
{
	u64 size = max(want->size, (u64)1);

	if (!fit(load, want, size, gpa))
		return error_set(err, ENOMEM, "no room in the guest's RAM for the %s of %llu KiB; "
				 "it may need more memory",
				 want->what, (unsigned long long)(size + 1023) / 1024);
	*host = pgm_host(load->pgm, *gpa, size, false);
	if (!*host)
		return error_set(err, EFAULT, "no RAM behind the memory map at 0x%llx",
				 (unsigned long long)*gpa);
	return range_add(load, *gpa, size, want->what, err);
}

int boot_place_info(struct boot_load *load, const char *what, u64 size, gpa_t *gpa, void **host,
		    struct error *err)
{
	struct boot_want want = {
		.what = what,
		.size = ALIGN_UP(max(size, (u64)1), BOOT_PAGE),
		.align = BOOT_PAGE,
		.limit = PGM_HOLE_START,
	};
	int ret = boot_place(load, &want, gpa, host, err);

	if (!ret)
		memset(*host, 0, want.size);
	return ret;
}

int boot_place_string(struct boot_load *load, const char *what, const char *text, u64 max,
		      gpa_t *gpa, struct error *err)
{
	u64 len = strlen(text);
	void *host;
	int ret;

	if (len > max)
		return error_set(err, E2BIG, "%s: the %s has %llu bytes, the kernel takes %llu",
				 load->image->kernel.path, what, (unsigned long long)len,
				 (unsigned long long)max);
	ret = boot_place_info(load, what, len + 1, gpa, &host, err);
	if (!ret)
		memcpy(host, text, len + 1);
	return ret;
}

int boot_place_file(struct boot_load *load, const struct boot_file *file,
		    struct boot_want *want, gpa_t *gpa, struct error *err)
{
	void *host;
	int ret;

	want->size = file->size;
	ret = boot_place(load, want, gpa, &host, err);
	if (ret) {
		error_prefix(err, "%s: ", file->path);
		return ret;
	}
	return boot_file_read(file, 0, host, file->size, err);
}
