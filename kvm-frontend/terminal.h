// SPDX-License-Identifier: BSD-2-Clause
/*
 * Raw mode of the terminal on standard input: every key is the guest's. Where this process dies of a trap or
 * a fault, a handler restores the terminal first, so that nobody is left without echo.
 */
#ifndef KVM_TERMINAL_H
#define KVM_TERMINAL_H

#include <stdbool.h>

/* False: standard input is no terminal, and nothing was changed. */
bool terminal_raw(void);
void terminal_restore(void); /* harmless when it is not raw */

#endif
