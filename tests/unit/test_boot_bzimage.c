// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/boot.h"
#include "boot/layout.h"

#define MIB       UINT64_C(0x100000)
#define RAM_LEN   (64 * MIB)
#define SECTS     2
#define CODE_OFF  ((SECTS + 1) * 512)
#define CODE_LEN  4096
#define FILE_LEN  (CODE_OFF + CODE_LEN)
#define PREF      (16 * MIB)
#define INIT_SIZE (20 * MIB)

struct fixture {
	struct boot_ram ram;
	uint8_t *file; /* exactly as long as file_len: a read past it is a fault under ASan */
	struct boot_image image;
	char err[ERR_MAX];
};

/* A file that is a kernel as far as a loader can tell; tests damage it. */
static void write_header(uint8_t *file)
{
	struct setup_header h = {
		.setup_sects = SECTS,
		.syssize = CODE_LEN / 16,
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH | CAN_USE_HEAP,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = PREF,
		.init_size = (uint32_t)INIT_SIZE,
	};

	h.jump = 0xeb | (0x1f1 + sizeof(h) - 0x202) << 8;
	memcpy(file + 0x1f1, &h, sizeof(h));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = (struct boot_ram){calloc(1, RAM_LEN), RAM_LEN, 0};
	f->file = malloc(FILE_LEN);
	memset(f->file, 0x90, FILE_LEN);
	write_header(f->file);
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

static struct setup_header *header(struct fixture *f)
{
	return (struct setup_header *)(void *)(f->file + 0x1f1);
}

static int load(struct fixture *f)
{
	return boot_load_kernel(&f->ram, f->file, FILE_LEN, &f->image, f->err);
}

static void refused(struct fixture *f, const char *word)
{
	assert_int_equal(load(f), -1);
	if (!strstr(f->err, word))
		fail_msg("\"%s\" does not say \"%s\"", f->err, word);
}

static void goes_to_its_preferred_address(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), 0);
	assert_int_equal(f->image.kind, BOOT_LINUX64);
	assert_int_equal(f->image.entry, PREF + 0x200);
	assert_int_equal(f->image.end, PREF + INIT_SIZE);
	assert_memory_equal(f->ram.base + PREF, f->file + CODE_OFF, CODE_LEN);
	assert_int_equal(f->ram.base[PREF + CODE_LEN], 0);
}

static void needs_memory_at_its_preferred_address(void **state)
{
	struct fixture *f = *state;

	f->ram.low_len = PREF + INIT_SIZE;
	assert_int_equal(load(f), 0);
	f->ram.low_len--;
	refused(f, "memory too small: the kernel needs 20 MiB at 16 MiB");
	f->ram.low_len = RAM_LEN;
	header(f)->pref_address = PREF + 1;
	assert_int_equal(load(f), 0);
	assert_int_equal(f->image.start, PREF + 0x200000); /* relocatable: aligned */
	header(f)->relocatable_kernel = 0;
	assert_int_equal(load(f), 0);
	assert_int_equal(f->image.start, PREF + 1);
}

static void zero_setup_sects_means_four(void **state)
{
	struct fixture *f = *state;

	header(f)->setup_sects = 0;
	header(f)->syssize = (FILE_LEN - 5 * 512) / 16;
	assert_int_equal(load(f), 0);
	assert_memory_equal(f->ram.base + PREF, f->file + 5 * 512, FILE_LEN - 5 * 512);
}

static void refuses_what_it_cannot_start(void **state)
{
	struct fixture *f = *state;

	header(f)->version = 0x0206;
	refused(f, "2.06 is too old");
	header(f)->version = 0x020f;
	header(f)->xloadflags = 0;
	refused(f, "64-bit");
	header(f)->xloadflags = XLF_KERNEL_64;
	header(f)->loadflags = 0;
	refused(f, "64-bit");
	header(f)->loadflags = LOADED_HIGH;
	header(f)->syssize++;
	refused(f, "truncated");
	header(f)->syssize = 0;
	refused(f, "no code");
	header(f)->syssize = 0xffffffff;
	refused(f, "truncated");
}

static void survives_addresses_that_wrap(void **state)
{
	struct fixture *f = *state;
	static const uint64_t bad[] = {UINT64_MAX, UINT64_MAX - INIT_SIZE + 1, 1ull << 63, RAM_LEN,
				       RAM_LEN - INIT_SIZE + 1};

	for (int relocatable = 0; relocatable < 2; relocatable++) {
		header(f)->relocatable_kernel = (uint8_t)relocatable;
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			header(f)->pref_address = bad[i];
			refused(f, "memory too small");
		}
		header(f)->pref_address = 0;
		refused(f, "damaged");
	}
	header(f)->kernel_alignment = 3;
	refused(f, "alignment 0x3");
	header(f)->kernel_alignment = 0;
	refused(f, "alignment 0x0");
	header(f)->kernel_alignment = 0x80000000;
	header(f)->pref_address = PREF;
	refused(f, "memory too small");
}

/* Every length that the file can be cut to: an error, and no byte is read past the end. */
static void survives_every_truncation(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 0; len < FILE_LEN; len++) {
		uint8_t *cut = malloc(len + 1); /* at least one byte, none of it beyond len is the file's */
		uint8_t *start = cut + 1;

		memcpy(start, f->file, len);
		assert_int_equal(boot_load_kernel(&f->ram, start, len, &f->image, f->err),
				 len + 15 >= FILE_LEN ? 0 : -1);
		free(cut);
	}
}

/* Headers of any content: no crash, and whatever is accepted lies within RAM. */
static void survives_random_headers(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		write_header(f->file);
		for (int n = 0; n < 3; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			f->file[0x1f1 + (seed >> 33) % sizeof(struct setup_header)] = (uint8_t)(seed >> 56);
		}
		if (load(f))
			continue;
		assert_in_range(f->image.start, MIB, RAM_LEN);
		assert_in_range(f->image.end, f->image.start, RAM_LEN);
	}
}

static void initrd_lies_as_high_as_allowed(void **state)
{
	struct fixture *f = *state;
	uint8_t initrd[5000];

	memset(initrd, 0x5a, sizeof(initrd));
	assert_int_equal(load(f), 0);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, sizeof(initrd), &f->image, f->err), 0);
	assert_int_equal(f->image.initrd_gpa, RAM_LEN - 8192);
	assert_memory_equal(f->ram.base + f->image.initrd_gpa, initrd, sizeof(initrd));
	header(f)->initrd_addr_max = 40 * MIB - 1;
	assert_int_equal(load(f), 0);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, sizeof(initrd), &f->image, f->err), 0);
	assert_int_equal(f->image.initrd_gpa, 40 * MIB - 8192);
}

static void initrd_that_does_not_fit(void **state)
{
	struct fixture *f = *state;
	uint64_t room = RAM_LEN - PREF - INIT_SIZE;
	uint8_t *initrd = calloc(1, RAM_LEN + 1);

	assert_int_equal(load(f), 0);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, room, &f->image, f->err), 0);
	assert_int_equal(f->image.initrd_gpa, f->image.end);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, room + 1, &f->image, f->err), -1);
	assert_non_null(strstr(f->err, "does not fit"));
	assert_int_equal(boot_load_initrd(&f->ram, initrd, RAM_LEN + 1, &f->image, f->err), -1);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, 0, &f->image, f->err), -1);
	assert_non_null(strstr(f->err, "empty"));
	f->image.initrd_end_max = 1;
	assert_int_equal(boot_load_initrd(&f->ram, initrd, 4096, &f->image, f->err), -1);
	free(initrd);
}

static void tells_the_kernel_everything(void **state)
{
	struct fixture *f = *state;
	struct boot_params *p = (void *)(f->ram.base + LAYOUT_BOOT_PARAMS);
	uint8_t initrd[1] = {1};

	f->ram.high_len = 3 * MIB;
	assert_int_equal(load(f), 0);
	assert_int_equal(boot_load_initrd(&f->ram, initrd, 1, &f->image, f->err), 0);
	assert_int_equal(boot_load_cmdline(&f->ram, "a b=c", &f->image, f->err), 0);
	boot_write_info(&f->ram, &f->image);
	assert_string_equal((char *)f->ram.base + p->hdr.cmd_line_ptr, "a b=c");
	assert_int_equal(p->hdr.ramdisk_image, RAM_LEN - 4096);
	assert_int_equal(p->hdr.ramdisk_size, 1);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.loadflags & CAN_USE_HEAP, 0);
	assert_int_equal(p->hdr.init_size, INIT_SIZE);
	assert_int_equal(p->acpi_rsdp_addr, LAYOUT_ACPI);
	assert_int_equal(p->e820_entries, 4);
	assert_int_equal(p->e820_table[0].addr, 0);
	assert_int_equal(p->e820_table[0].size, LAYOUT_LOW_END);
	assert_int_equal(p->e820_table[1].type, RAM_RESERVED);
	assert_int_equal(p->e820_table[2].addr, MIB);
	assert_int_equal(p->e820_table[2].size, RAM_LEN - MIB);
	assert_int_equal(p->e820_table[3].addr, 4096 * MIB);
	assert_int_equal(p->e820_table[3].size, 3 * MIB);
}

static void command_line_has_a_limit(void **state)
{
	struct fixture *f = *state;
	char line[2049];

	assert_int_equal(load(f), 0);
	memset(line, 'x', sizeof(line));
	line[2048] = 0;
	assert_int_equal(boot_load_cmdline(&f->ram, line, &f->image, f->err), -1);
	assert_non_null(strstr(f->err, "2047 at most"));
	line[2047] = 0;
	assert_int_equal(boot_load_cmdline(&f->ram, line, &f->image, f->err), 0);
	f->image.cmdline_max = UINT32_MAX; /* what a hostile header may say */
	char *huge = calloc(1, LAYOUT_CMDLINE_MAX + 1);
	memset(huge, 'x', LAYOUT_CMDLINE_MAX);
	assert_int_equal(boot_load_cmdline(&f->ram, huge, &f->image, f->err), -1);
	free(huge);
}

/* Walks the page tables as the processor would: the first 4 GiB are mapped one to one. */
static void page_tables_are_the_identity(void **state)
{
	struct fixture *f = *state;
	const uint64_t *pml4 = (void *)(f->ram.base + LAYOUT_PAGE_TABLES);

	assert_int_equal(load(f), 0);
	boot_write_info(&f->ram, &f->image);
	for (uint64_t gpa = 0; gpa < 4096 * MIB; gpa += 2 * MIB) {
		const uint64_t *pdpt = (void *)(f->ram.base + (pml4[gpa >> 39] & ~0xfffull));
		const uint64_t *directory = (void *)(f->ram.base + (pdpt[gpa >> 30 & 511] & ~0xfffull));

		assert_int_equal(pdpt[gpa >> 30 & 511] & 3, 3);
		assert_int_equal(directory[gpa >> 21 & 511], gpa | 0x83);
	}
	assert_int_equal(pml4[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_to_its_preferred_address, setup, teardown),
		cmocka_unit_test_setup_teardown(needs_memory_at_its_preferred_address, setup, teardown),
		cmocka_unit_test_setup_teardown(zero_setup_sects_means_four, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_it_cannot_start, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_addresses_that_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_every_truncation, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_random_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(initrd_lies_as_high_as_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(initrd_that_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_the_kernel_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(command_line_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(page_tables_are_the_identity, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
