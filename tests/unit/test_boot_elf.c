// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <cmocka.h>

#include "boot/boot.h"
#include "boot/layout.h"

#define MIB     UINT64_C(0x100000)
#define RAM_LEN (16 * MIB)

/* The wire form of the note: header, "Xen", entry point. */
struct note {
	Elf64_Nhdr head;
	char name[4];
	uint64_t entry;
};

/* A whole kernel file: two segments and a note. Tests damage it. */
struct kernel {
	Elf64_Ehdr eh;
	Elf64_Phdr text, bss, notes;
	struct note other, pvh;
	uint8_t code[256];
};

struct fixture {
	struct boot_ram ram;
	struct kernel *file;
	struct boot_image image;
	char err[ERR_MAX];
};

static void write_kernel(struct kernel *k)
{
	memset(k, 0, sizeof(*k));
	memcpy(k->eh.e_ident, ELFMAG, SELFMAG);
	k->eh.e_ident[EI_CLASS] = ELFCLASS64;
	k->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	k->eh.e_type = ET_EXEC;
	k->eh.e_machine = EM_X86_64;
	k->eh.e_phoff = offsetof(struct kernel, text);
	k->eh.e_phentsize = sizeof(Elf64_Phdr);
	k->eh.e_phnum = 3;
	k->text = (Elf64_Phdr){.p_type = PT_LOAD,
			       .p_offset = offsetof(struct kernel, code),
			       .p_paddr = 2 * MIB,
			       .p_filesz = sizeof(k->code),
			       .p_memsz = sizeof(k->code)};
	k->bss = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = 3 * MIB, .p_memsz = MIB};
	k->notes = (Elf64_Phdr){.p_type = PT_NOTE,
				.p_offset = offsetof(struct kernel, other),
				.p_filesz = sizeof(k->other) + sizeof(k->pvh)};
	k->other = (struct note){{4, 8, 7}, "Xen", 0};
	k->pvh = (struct note){{4, 8, 18}, "Xen", 2 * MIB + 16};
	memset(k->code, 0x90, sizeof(k->code));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = (struct boot_ram){calloc(1, RAM_LEN), RAM_LEN, 0};
	f->file = malloc(sizeof(*f->file));
	write_kernel(f->file);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->ram.base);
	free(f->file);
	free(f);
	return 0;
}

static int load(struct fixture *f)
{
	return boot_load_kernel(&f->ram, (const uint8_t *)f->file, sizeof(*f->file), &f->image, f->err);
}

/* Loads, expects an error line with that word, and makes the file whole again. */
static void refused(struct fixture *f, const char *word)
{
	assert_int_equal(load(f), -1);
	if (!strstr(f->err, word))
		fail_msg("\"%s\" does not say \"%s\"", f->err, word);
	write_kernel(f->file);
}

static void loads_segments_and_finds_the_entry(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), 0);
	assert_int_equal(f->image.kind, BOOT_PVH);
	assert_int_equal(f->image.entry, 2 * MIB + 16);
	assert_int_equal(f->image.start, 2 * MIB);
	assert_int_equal(f->image.end, 4 * MIB);
	assert_memory_equal(f->ram.base + 2 * MIB, f->file->code, sizeof(f->file->code));
	f->file->pvh.head.n_descsz = 4; /* as 32-bit kernels and tiny guests write it */
	assert_int_equal(load(f), 0);
	assert_int_equal(f->image.entry, 2 * MIB + 16);
}

static void refuses_what_is_no_kernel(void **state)
{
	struct fixture *f = *state;

	memset(f->file, 'x', 512);
	refused(f, "neither a bzImage nor an ELF");
	f->file->eh.e_machine = EM_AARCH64;
	refused(f, "64-bit x86");
	f->file->eh.e_ident[EI_CLASS] = ELFCLASS32;
	refused(f, "64-bit x86");
	f->file->eh.e_type = ET_REL;
	refused(f, "no program");
	f->file->pvh.head.n_type = 17;
	refused(f, "PVH");
	f->file->pvh.name[0] = 'L';
	refused(f, "PVH");
	f->file->pvh.head.n_descsz = 2;
	refused(f, "PVH");
	f->file->pvh.entry = 0x1000;
	refused(f, "outside of the kernel");
	f->file->pvh.entry = UINT64_MAX;
	refused(f, "outside of the kernel");
	f->file->eh.e_phnum = 0;
	refused(f, "program header");
	f->file->eh.e_phentsize = 32;
	refused(f, "program header");
	assert_int_equal(boot_load_kernel(&f->ram, (const uint8_t *)f->file, 0, &f->image, f->err), -1);
	assert_non_null(strstr(f->err, "empty"));
}

static void survives_offsets_that_wrap(void **state)
{
	struct fixture *f = *state;

	f->file->eh.e_phoff = UINT64_MAX - 8;
	refused(f, "truncated");
	f->file->eh.e_phnum = 0xffff;
	refused(f, "program header");
	f->file->text.p_offset = UINT64_MAX;
	refused(f, "truncated");
	f->file->text.p_filesz = f->file->text.p_memsz = UINT64_MAX;
	refused(f, "truncated");
	f->file->text.p_memsz = 8; /* less than in the file */
	refused(f, "damaged");
	f->file->text.p_paddr = 0x9000; /* where our page tables go */
	refused(f, "1 MiB or above");
	f->file->text.p_paddr = UINT64_MAX - 64;
	refused(f, "memory too small");
	f->file->bss.p_memsz = UINT64_MAX - MIB;
	refused(f, "memory too small");
	f->file->bss.p_paddr = RAM_LEN - MIB + 1;
	refused(f, "memory too small");
	f->file->notes.p_offset = UINT64_MAX;
	refused(f, "PVH");
	f->file->notes.p_filesz = UINT64_MAX;
	refused(f, "PVH");
	f->file->other.head.n_namesz = 0xfffffffd;
	refused(f, "PVH");
	f->file->other.head.n_descsz = 0xffffffff;
	refused(f, "PVH");
}

static void survives_every_truncation(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 0; len < sizeof(*f->file); len++) {
		uint8_t *cut = malloc(len + 1);

		memcpy(cut + 1, f->file, len);
		assert_int_equal(boot_load_kernel(&f->ram, cut + 1, len, &f->image, f->err), -1);
		free(cut);
	}
}

static void survives_random_damage(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 7;

	for (int i = 0; i < 50000; i++) {
		write_kernel(f->file);
		for (int n = 0; n < 2; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			((uint8_t *)f->file)[(seed >> 33) % offsetof(struct kernel, code)] =
				(uint8_t)(seed >> 56);
		}
		if (load(f))
			continue;
		assert_in_range(f->image.start, MIB, RAM_LEN);
		assert_in_range(f->image.end, f->image.start, RAM_LEN);
		assert_in_range(f->image.entry, f->image.start, f->image.end - 1);
	}
}

static uint32_t word(const struct fixture *f, uint64_t gpa)
{
	uint32_t v;

	memcpy(&v, f->ram.base + gpa, sizeof(v));
	return v;
}

static void tells_the_kernel_everything(void **state)
{
	struct fixture *f = *state;
	uint8_t initrd[3] = {1, 2, 3};
	uint64_t info = LAYOUT_START_INFO, module, map;

	assert_int_equal(load(f), 0);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, 3, &f->image, f->err), 0);
	assert_int_equal(boot_load_cmdline(&f->ram, "x=1", &f->image, f->err), 0);
	boot_write_info(&f->ram, &f->image);
	assert_int_equal(word(f, info), 0x336ec578);
	assert_int_equal(word(f, info + 4), 1);
	assert_int_equal(word(f, info + 12), 1); /* modules */
	module = word(f, info + 16);
	assert_string_equal((char *)f->ram.base + word(f, info + 24), "x=1");
	assert_int_equal(word(f, info + 32), LAYOUT_ACPI);
	map = word(f, info + 40);
	assert_int_equal(word(f, info + 48), 3);
	assert_int_equal(word(f, module), RAM_LEN - 4096);
	assert_int_equal(word(f, module + 8), 3);
	assert_int_equal(word(f, map + 48), MIB); /* third range: RAM above 1 MiB */
	assert_int_equal(word(f, map + 56), RAM_LEN - MIB);
	assert_int_equal(word(f, map + 64), RAM_USABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads_segments_and_finds_the_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_offsets_that_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_every_truncation, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_random_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_the_kernel_everything, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
