// SPDX-License-Identifier: BSD-2-Clause
/* taps: a network namespace of a test's own, and tap interfaces in it. */
#ifndef TESTS_TAPS_H
#define TESTS_TAPS_H

#include <stdint.h>

#define TAPS_WHY_MAX 128

/* For this process, before it has threads. why_not stays "" where taps can be made. */
void taps_enter_namespace(char why_not[TAPS_WHY_MAX]);
/* flags: IFF_TAP or IFF_TUN, IFF_MULTI_QUEUE. With an address, and up; mac: the host's end of a tap. */
void taps_make(const char *name, short flags, uint32_t ip, uint8_t mac[6]);
void taps_remove(const char *name, short flags);
/* Whoever has it open or not. */
void taps_delete(const char *name);
/* IFF_UP, or 0. */
void taps_set_flags(const char *name, short flags);

#endif
