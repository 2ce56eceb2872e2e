// SPDX-License-Identifier: BSD-2-Clause
/*
 * The I/O ports: COM1, and the ACPI sleep and reset registers. Everything else reads all ones and ignores
 * writes, as on a bus where nothing answers; kernels probe for a lot that is not there.
 */
#ifndef KVM_PIO_H
#define KVM_PIO_H

#include <stdint.h>

struct vmm;

/* One byte; wider accesses are one byte per port, as on the ISA bus. On any vCPU's thread. */
uint8_t pio_read(struct vmm *, uint16_t port);
void pio_write(struct vmm *, uint16_t port, uint8_t value);

#endif
