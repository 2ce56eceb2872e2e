// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory_save: guest memory as parts of a snapshot, one for each 2 MiB that are not all zero; of those the pages
 * that are zero are left out, too.
 *
 *   address u64 | one bit for each of its 512 pages | the pages whose bit is set, 4 KiB each
 */
#ifndef KVM_MEMORY_SAVE_H
#define KVM_MEMORY_SAVE_H

#include "savefile.h"
#include "vmem.h"

int memory_save(const struct vmem_map *, struct savefile_out *, char err[ERR_MAX]);
/* Into memory that is all zero. The first part is at hand; afterwards the one that follows the last is. */
int memory_restore(const struct vmem_map *, struct savefile_in *, char err[ERR_MAX]);

#endif
