// SPDX-License-Identifier: BSD-2-Clause
/* tracemem: the guest memory that a trace's head tells of, made afresh: zeroes, to be filled as the trace goes. */
#ifndef RINGSIDE_TRACEMEM_H
#define RINGSIDE_TRACEMEM_H

#include "trace/file.h"
#include "vmem.h"

/* Reserves the address space; only pages that are touched become real. False: err tells why not; destroy it all the
 * same. */
bool tracemem_create(struct vmem_map *, const struct trace_head *, char *err, size_t max);
void tracemem_destroy(struct vmem_map *);
/* Memory at an address, or NULL when [a, a+n) does not lie in one region. */
uint8_t *tracemem_at(const struct vmem_map *, gpa_t, uint32_t n);
/* Stores the bytes; those that have no place in memory are left out. Regions may touch, so a range may cross. */
void tracemem_put(const struct vmem_map *, gpa_t, const uint8_t *, uint32_t n);

#endif
