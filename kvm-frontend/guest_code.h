// SPDX-License-Identifier: BSD-2-Clause
/*
 * guest_code: a guest of a few dozen instructions that does what a mailbox says: copy bytes into memory,
 * write a register, read one. After each it writes to a port, and the host puts the next into the mailbox. So
 * stores and register accesses are a real processor's, one after the other, and everything between them is
 * the host's.
 *
 * It lies in memory of its own at LAYOUT_INTERPRETER, which the devices do not know.
 */
#ifndef KVM_GUEST_CODE_H
#define KVM_GUEST_CODE_H

#include <stdint.h>
#include "boot/err.h"
#include "vmm.h"

#define GUEST_COPY_MAX 0x20000u /* bytes of one copy */

enum guest_what { GUEST_COPY, GUEST_WRITE, GUEST_READ };

struct guest_mail {
	uint64_t what; /* enum guest_what */
	uint64_t addr;
	uint64_t len;   /* COPY: bytes of data; WRITE, READ: 1, 2, 4 or 8 */
	uint64_t value; /* WRITE: in; READ: out */
	uint8_t data[GUEST_COPY_MAX];
};

/* Puts it into a VM and the vCPU at its begin. The mailbox is the answer's; NULL and err. */
struct guest_mail *guest_code_create(struct vmm *, char err[ERR_MAX]);
void guest_code_destroy(struct guest_mail *); /* once the VM is gone; NULL is harmless */

#endif
