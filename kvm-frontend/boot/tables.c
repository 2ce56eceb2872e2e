// SPDX-License-Identifier: BSD-2-Clause
#include "tables.h"
#include "layout.h"
#include <string.h>

#define PAGE_LEN       UINT64_C(4096)
#define ENTRIES        512
#define DIRECTORIES    4
#define PTE_PRESENT_RW UINT64_C(0x03)
#define PTE_LARGE      UINT64_C(0x80)
#define LARGE_LEN      UINT64_C(0x200000)

static void store64(const struct boot_ram *ram, uint64_t gpa, uint64_t value)
{
	memcpy(ram->base + gpa, &value, sizeof(value));
}

/* Flat descriptors: base 0, limit 4 GiB. The accessed bit is set, so that the processor need not write it. */
static void write_gdt(const struct boot_ram *ram)
{
	store64(ram, LAYOUT_GDT + LAYOUT_SEL_CODE64, UINT64_C(0x00af9b000000ffff));
	store64(ram, LAYOUT_GDT + LAYOUT_SEL_DATA, UINT64_C(0x00cf93000000ffff));
	store64(ram, LAYOUT_GDT + LAYOUT_SEL_CODE32, UINT64_C(0x00cf9b000000ffff));
	store64(ram, LAYOUT_GDT + LAYOUT_SEL_TSS, UINT64_C(0x00008b0000000067));
}

/*
 * Linux takes a hardware-reduced machine for an EFI one, finds no EFI, and then reboots by a jump to the
 * BIOS, unless told reboot=acpi. There it must find the way to the reset register, or it runs through zeros
 * for ever.
 */
static void write_bios(const struct boot_ram *ram)
{
	static const uint8_t code[] = {
		0xba,
		LAYOUT_PORT_RESET & 0xff,
		LAYOUT_PORT_RESET >> 8, /* mov dx, port */
		0xb0,
		LAYOUT_RESET_VALUE, /* mov al, value */
		0xee,               /* out dx, al */
		0xf4,
		0xeb,
		0xfd, /* hlt, and again */
	};

	_Static_assert(sizeof(code) <= LAYOUT_BIOS_LEN, "the BIOS ends at 1 MiB");
	memcpy(ram->base + LAYOUT_BIOS_RESET, code, sizeof(code));
}

void tables_write(const struct boot_ram *ram)
{
	uint64_t pdpt = LAYOUT_PAGE_TABLES + PAGE_LEN, directories = pdpt + PAGE_LEN;

	write_gdt(ram);
	write_bios(ram);
	store64(ram, LAYOUT_PAGE_TABLES, pdpt | PTE_PRESENT_RW);
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		store64(ram, pdpt + i * 8, (directories + i * PAGE_LEN) | PTE_PRESENT_RW);
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		store64(ram, directories + i * 8, i * LARGE_LEN | PTE_PRESENT_RW | PTE_LARGE);
}
