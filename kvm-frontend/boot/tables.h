// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the processor itself reads at the start: a flat GDT (selectors in layout.h) and page tables that map
 * the first 4 GiB one to one with 2 MiB pages.
 */
#ifndef BOOT_TABLES_H
#define BOOT_TABLES_H

#include "ram.h"

#define TABLES_GDT_LEN 56 /* seven entries; the TSS descriptor takes two */

void tables_write(const struct boot_ram *);

#endif
