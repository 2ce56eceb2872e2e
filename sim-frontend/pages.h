// SPDX-License-Identifier: BSD-2-Clause
/*
 * Zeroed memory for the harness's large tables, of which a run uses little: it costs what is touched, under sanitizers
 * too, which write to all that malloc gives and takes. They do not guard what lies around it, so what is under test does
 * not belong here.
 */
#ifndef RINGSIDE_PAGES_H
#define RINGSIDE_PAGES_H

#include <stddef.h>

void *pages_take(size_t bytes);        /* NULL: there are none */
void pages_give(void *, size_t bytes); /* as many as were taken; NULL is no pages */

#endif
