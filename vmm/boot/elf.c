// SPDX-License-Identifier: GPL-2.0
/*
 * ELF kernels: headers and notes by libelf, contents by our own reads.
 *
 * Only program headers count. libelf reads through the descriptor, as the rest
 * of this folder does, and checks its accesses against the file's size; what
 * it returns is as untrusted as the file.
 */
#include <gelf.h>

#include "vmm/boot/internal.h"

/* Far beyond any kernel, far below what would take long. */
#define SEGMENTS_MAX	256
#define NOTES_MAX	(64 << 10)

/* The entry point may be given as a virtual address: find its segment. */
static u64 elf_physical(const struct boot_elf *e, u64 address)
{
	GElf_Phdr ph;

	for (u32 i = 0; i < e->segments; i++) {
		if (!gelf_getphdr(e->elf, i, &ph) || ph.p_type != PT_LOAD)
			continue;
		if (address >= ph.p_vaddr && address - ph.p_vaddr < ph.p_memsz)
			return address - ph.p_vaddr + ph.p_paddr;
	}
	return address;
}

static bool elf_is_x86(Elf *elf, GElf_Ehdr *eh)
{
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, eh))
		return false;
	if (eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return false;
	return eh->e_machine == (eh->e_ident[EI_CLASS] == ELFCLASS64 ? EM_X86_64 : EM_386);
}

int boot_elf_open(struct boot_elf *e, const struct boot_file *file)
{
	GElf_Ehdr eh;
	size_t count;

	*e = (struct boot_elf){ .file = file };
	elf_version(EV_CURRENT);
	e->elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!e->elf)
		return 0;
	if (!elf_is_x86(e->elf, &eh) || elf_getphdrnum(e->elf, &count)) {
		boot_elf_close(e);
		return 0;
	}
	e->is_64 = eh.e_ident[EI_CLASS] == ELFCLASS64;
	e->segments = min(count, (size_t)SEGMENTS_MAX + 1);
	e->entry = elf_physical(e, eh.e_entry);
	return 1;
}

void boot_elf_close(struct boot_elf *e)
{
	elf_end(e->elf);
	e->elf = NULL;
}

/* One PT_NOTE segment. */
static int note_find(const struct boot_elf *e, const GElf_Phdr *ph, const char *name, u32 type,
		     u64 *value)
{
	size_t at = 0, name_at, desc_at;
	GElf_Nhdr nh;
	Elf_Data *data;

	if (ph->p_filesz > NOTES_MAX || !boot_file_has(e->file, ph->p_offset, ph->p_filesz))
		return 0;
	data = elf_getdata_rawchunk(e->elf, ph->p_offset, ph->p_filesz,
				    ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	if (!data)
		return 0;
	while ((at = gelf_getnote(data, at, &nh, &name_at, &desc_at))) {
		if (nh.n_type != type || nh.n_namesz != strlen(name) + 1 ||
		    memcmp((u8 *)data->d_buf + name_at, name, nh.n_namesz))
			continue;
		if (nh.n_descsz != 4 && nh.n_descsz != 8)
			continue;
		*value = 0;
		memcpy(value, (u8 *)data->d_buf + desc_at, nh.n_descsz);
		return 1;
	}
	return 0;
}

int boot_elf_note(const struct boot_elf *e, const char *name, u32 type, u64 *value)
{
	GElf_Phdr ph;

	for (u32 i = 0; i < e->segments; i++)
		if (gelf_getphdr(e->elf, i, &ph) && ph.p_type == PT_NOTE &&
		    note_find(e, &ph, name, type, value))
			return 1;
	return 0;
}

static int segment_load(struct boot_load *load, const struct boot_elf *e, const GElf_Phdr *ph,
			struct error *err)
{
	void *host;
	int ret;

	if (ph->p_memsz < ph->p_filesz)
		return error_set(err, ENOEXEC, "%s: a segment has more bytes in the file (0x%llx) "
				 "than in memory (0x%llx)",
				 e->file->path, (unsigned long long)ph->p_filesz,
				 (unsigned long long)ph->p_memsz);
	ret = boot_claim(load, ph->p_paddr, ph->p_memsz, "a segment", &host, err);
	if (ret || !host)
		return ret;
	ret = boot_file_read(e->file, ph->p_offset, host, ph->p_filesz, err);
	if (ret)
		return ret;
	memset((u8 *)host + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
	return 0;
}

int boot_elf_load(struct boot_load *load, const struct boot_elf *e, u64 entry,
		  struct error *err)
{
	bool inside = false;
	GElf_Phdr ph;
	int ret;

	if (e->segments > SEGMENTS_MAX)
		return error_set(err, ENOEXEC, "%s: more than %d program headers", e->file->path,
				 SEGMENTS_MAX);
	for (u32 i = 0; i < e->segments; i++) {
		if (!gelf_getphdr(e->elf, i, &ph))
			return error_set(err, ENOEXEC, "%s: program header %u cannot be read: %s",
					 e->file->path, i, elf_errmsg(-1));
		if (ph.p_type != PT_LOAD)
			continue;
		ret = segment_load(load, e, &ph, err);
		if (ret)
			return ret;
		if (entry >= ph.p_paddr && entry - ph.p_paddr < ph.p_filesz)
			inside = true;
	}
	if (!inside)
		return error_set(err, ENOEXEC, "%s: the entry point 0x%llx lies in no loaded "
				 "segment",
				 e->file->path, (unsigned long long)entry);
	return 0;
}
