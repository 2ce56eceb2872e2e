// SPDX-License-Identifier: BSD-2-Clause
#include "elf_pvh.h"
#include "layout.h"
#include <elf.h>
#include <stddef.h>
#include <string.h>

#define NOTE_PHYS32_ENTRY 18
#define NOTE_NAME         "Xen"
#define PHDRS_MAX         64 /* a kernel has four or five; more is refused, so that no file keeps the loader busy */
#define CMDLINE_MAX       2047
#define MIB               UINT64_C(0x100000)

/* The wire structures of the ABI; Linux exports no header for them. */
#define START_MAGIC 0x336ec578u
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules_gpa, cmdline_gpa, rsdp_gpa, memmap_gpa;
	uint32_t memmap_entries, reserved;
};
struct start_module {
	uint64_t gpa, len, cmdline_gpa, reserved;
};
struct start_memmap {
	uint64_t gpa, len;
	uint32_t type, reserved;
};
struct start_block {
	struct start_info info;
	struct start_module module;
	struct start_memmap memmap[RAM_RANGES_MAX];
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info");
_Static_assert(sizeof(struct start_module) == 32, "hvm_modlist_entry");
_Static_assert(sizeof(struct start_memmap) == 24, "hvm_memmap_table_entry");
_Static_assert(LAYOUT_START_INFO + sizeof(struct start_block) <= LAYOUT_BOOT_PARAMS, "start info");

static bool file_holds(uint64_t len, uint64_t off, uint64_t n)
{
	return off <= len && n <= len - off;
}

static int read_ehdr(const uint8_t *file, uint64_t len, Elf64_Ehdr *eh, char err[ERR_MAX])
{
	if (len < sizeof(*eh))
		return err_set(err, "the ELF file is truncated within its header");
	memcpy(eh, file, sizeof(*eh));
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64)
		return err_set(err, "no kernel for this machine: an ELF file for 64-bit x86 is needed");
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return err_set(err, "the ELF file is no program (an object or a core dump?)");
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 || eh->e_phnum > PHDRS_MAX)
		return err_set(err, "the ELF file has a bad program header table");
	if (!file_holds(len, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr)))
		return err_set(err, "the ELF file is truncated within its program headers");
	return 0;
}

static int load_segment(const struct boot_ram *ram, const uint8_t *file, uint64_t len, const Elf64_Phdr *ph,
			struct boot_image *image, char err[ERR_MAX])
{
	if (ph->p_memsz == 0)
		return 0;
	if (ph->p_filesz > ph->p_memsz || !file_holds(len, ph->p_offset, ph->p_filesz))
		return err_set(err, "the ELF file is truncated or damaged: a segment lies outside of it");
	if (ph->p_paddr < LAYOUT_HIGH_MEM)
		return err_set(err,
			       "the ELF file wants memory at 0x%llx; a kernel must lie at 1 MiB or above",
			       (unsigned long long)ph->p_paddr);
	if (!ram_fits(ram, ph->p_paddr, ph->p_memsz))
		return err_set(
			err, "memory too small: the kernel needs %llu MiB at %llu MiB; use a larger --memory",
			(unsigned long long)((ph->p_memsz - 1) / MIB + 1),
			(unsigned long long)(ph->p_paddr / MIB));
	/* The rest up to p_memsz is zero already: RAM is fresh, and touching it would make it resident. */
	memcpy(ram->base + ph->p_paddr, file + ph->p_offset, ph->p_filesz);
	if (image->end == 0 || ph->p_paddr < image->start)
		image->start = ph->p_paddr;
	if (ph->p_paddr + ph->p_memsz > image->end)
		image->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

static uint64_t note_pad(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

/* Looks through one note segment for the entry point. false: none in here. */
static bool find_entry(const uint8_t *notes, uint64_t len, uint64_t *entry)
{
	Elf64_Nhdr nh;

	while (len >= sizeof(nh)) {
		uint64_t name_len, desc_len;

		memcpy(&nh, notes, sizeof(nh));
		name_len = note_pad(nh.n_namesz); /* 32 bit in 64: cannot overflow */
		desc_len = note_pad(nh.n_descsz);
		if (sizeof(nh) + name_len + desc_len > len)
			return false;
		if (nh.n_type == NOTE_PHYS32_ENTRY && nh.n_namesz == sizeof(NOTE_NAME) &&
		    !memcmp(notes + sizeof(nh), NOTE_NAME, sizeof(NOTE_NAME)) && nh.n_descsz >= 4) {
			*entry = 0;
			memcpy(entry, notes + sizeof(nh) + name_len, nh.n_descsz >= 8 ? 8 : 4);
			return true;
		}
		notes += sizeof(nh) + name_len + desc_len;
		len -= sizeof(nh) + name_len + desc_len;
	}
	return false;
}

static void read_phdr(const uint8_t *file, const Elf64_Ehdr *eh, unsigned i, Elf64_Phdr *ph)
{
	memcpy(ph, file + eh->e_phoff + i * sizeof(*ph), sizeof(*ph));
}

/* Before any segment is looked at: a program that is no kernel shall be told as such, not by where it would
 * lie. */
static bool find_note(const uint8_t *file, uint64_t len, const Elf64_Ehdr *eh, uint64_t *entry)
{
	Elf64_Phdr ph;

	for (unsigned i = 0; i < eh->e_phnum; i++) {
		read_phdr(file, eh, i, &ph);
		if (ph.p_type == PT_NOTE && file_holds(len, ph.p_offset, ph.p_filesz) &&
		    find_entry(file + ph.p_offset, ph.p_filesz, entry))
			return true;
	}
	return false;
}

int elf_pvh_load(const struct boot_ram *ram, const uint8_t *file, uint64_t len, struct boot_image *image,
		 char err[ERR_MAX])
{
	Elf64_Ehdr eh = {0};
	Elf64_Phdr ph;

	if (read_ehdr(file, len, &eh, err))
		return -1;
	if (!find_note(file, len, &eh, &image->entry))
		return err_set(
			err,
			"the ELF file has no PVH note, or is truncated: build the kernel with CONFIG_PVH, "
			"or use its bzImage");
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		read_phdr(file, &eh, i, &ph);
		if (ph.p_type == PT_LOAD && load_segment(ram, file, len, &ph, image, err))
			return -1;
	}
	if (image->entry < image->start || image->entry >= image->end)
		return err_set(err, "the PVH note's entry point 0x%llx lies outside of the kernel",
			       (unsigned long long)image->entry);
	image->kind = BOOT_PVH;
	image->initrd_end_max = ram->low_len;
	image->cmdline_max = CMDLINE_MAX;
	return 0;
}

static uint32_t write_memmap(const struct boot_ram *ram, struct start_memmap *map)
{
	struct ram_range ranges[RAM_RANGES_MAX];
	unsigned n = ram_ranges(ram, ranges);

	for (unsigned i = 0; i < n; i++)
		map[i] = (struct start_memmap){ranges[i].gpa, ranges[i].len, ranges[i].type, 0};
	return n;
}

void elf_pvh_write_info(const struct boot_ram *ram, const struct boot_image *image)
{
	struct start_block block;

	memset(&block, 0, sizeof(block));
	block.info.magic = START_MAGIC;
	block.info.version = 1;
	block.info.cmdline_gpa = LAYOUT_CMDLINE;
	block.info.rsdp_gpa = LAYOUT_ACPI;
	block.info.memmap_gpa = LAYOUT_START_INFO + offsetof(struct start_block, memmap);
	block.info.memmap_entries = write_memmap(ram, block.memmap);
	if (image->initrd_len) {
		block.info.module_count = 1;
		block.info.modules_gpa = LAYOUT_START_INFO + offsetof(struct start_block, module);
		block.module.gpa = image->initrd_gpa;
		block.module.len = image->initrd_len;
	}
	memcpy(ram->base + LAYOUT_START_INFO, &block, sizeof(block));
}
