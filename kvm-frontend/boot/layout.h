// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where things lie in the guest's physical address space, and on its I/O ports. The one place for such
 * numbers.
 *
 *   0x0000_0500  GDT
 *   0x0000_6000  PVH start info, its module list and memory map
 *   0x0000_7000  boot_params ("zero page") of the 64-bit Linux boot protocol
 *   0x0000_9000  identity page tables: PML4, PDPT, four page directories (2 MiB pages, the first 4 GiB)
 *   0x0002_0000  kernel command line
 *   0x000a_0000  no RAM for the guest up to 1 MiB
 *   0x000e_0000  ACPI tables, where old code looks for the RSDP
 *   0x0010_0000  RAM: kernel, and the initrd at its top
 *   0xc000_0000  the hole for devices; RAM that is left over goes on at 4 GiB
 *   0xd000_0000  virtio-mmio windows
 *   0xfec0_0000  I/O APIC
 *   0xfee0_0000  local APIC
 *   0xfffb_c000  four pages that KVM on Intel wants for itself
 */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

#include <stdint.h>

#define LAYOUT_GDT         UINT64_C(0x500)
#define LAYOUT_START_INFO  UINT64_C(0x6000)
#define LAYOUT_BOOT_PARAMS UINT64_C(0x7000)
#define LAYOUT_PAGE_TABLES UINT64_C(0x9000)
#define LAYOUT_CMDLINE     UINT64_C(0x20000)
#define LAYOUT_CMDLINE_MAX UINT64_C(0x10000)
#define LAYOUT_LOW_END     UINT64_C(0x9fc00)
#define LAYOUT_ACPI        UINT64_C(0xe0000)
#define LAYOUT_ACPI_MAX    UINT64_C(0x1fff0)
#define LAYOUT_BIOS_RESET  UINT64_C(0xffff0)
#define LAYOUT_BIOS_LEN    UINT64_C(0x10)
#define LAYOUT_HIGH_MEM    UINT64_C(0x100000)
#define LAYOUT_HOLE        UINT64_C(0xc0000000)
#define LAYOUT_HOLE_END    UINT64_C(0x100000000)
#define LAYOUT_MMIO        UINT64_C(0xd0000000)
#define LAYOUT_MMIO_STEP   UINT64_C(0x1000)
/*
 * With --guest-program, what makes the vCPU do what the program says (guest_code.c), out of the devices'
 * sight: page tables that map the first 8 GiB as they are, code, and a mailbox.
 */
#define LAYOUT_INTERPRETER       LAYOUT_HOLE
#define LAYOUT_INTERPRETER_REACH (UINT64_C(8) << 30)
#define LAYOUT_IOAPIC            UINT64_C(0xfec00000)
#define LAYOUT_LAPIC             UINT64_C(0xfee00000)
#define LAYOUT_KVM_IDENTITY      UINT64_C(0xfffbc000)
#define LAYOUT_KVM_TSS           UINT64_C(0xfffbd000)

/* Least memory with which anything can start: the first MiB is ours and the firmware's, a kernel needs some
 * more. */
#define LAYOUT_MEMORY_MIN UINT64_C(0x200000)
#define LAYOUT_MEMORY_MAX (UINT64_C(1) << 40)

/* vCPUs; their APIC ids are 0 to 63: what Intel's CPUID leaf 4 can count, and far from 255, which is all. */
#define LAYOUT_CPUS_MAX 64

#define LAYOUT_PORT_COM1          0x3f8
#define LAYOUT_PORT_COM1_LEN      8
#define LAYOUT_PORT_SLEEP_CONTROL 0x600
#define LAYOUT_PORT_SLEEP_STATUS  0x601
#define LAYOUT_PORT_RESET         0x602
#define LAYOUT_RESET_VALUE        1
#define LAYOUT_PORT_INTERPRETER   0x608
#define LAYOUT_SLP_TYP_S5         5

/* Interrupts: one I/O APIC with 24 pins. Each device has a GSI of its own, nothing is shared. */
#define LAYOUT_GSI_COM1         4
#define LAYOUT_GSI_VIRTIO_FIRST 5
#define LAYOUT_GSI_COUNT        24
#define LAYOUT_VIRTIO_MAX       (LAYOUT_GSI_COUNT - LAYOUT_GSI_VIRTIO_FIRST)

/* Selectors of the GDT that boot_write_tables makes; the 64-bit boot protocol names 0x10 and 0x18. */
#define LAYOUT_SEL_CODE64 0x10
#define LAYOUT_SEL_DATA   0x18
#define LAYOUT_SEL_CODE32 0x20
#define LAYOUT_SEL_TSS    0x28

#endif
