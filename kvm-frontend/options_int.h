// SPDX-License-Identifier: BSD-2-Clause
/* Between the parts of options: options.c has the table, options_device.c what makes devices (options_net.c networks,
 * options_console.c consoles), options_help.c the text of --help. */
#ifndef KVM_OPTIONS_INT_H
#define KVM_OPTIONS_INT_H

#include <stddef.h>
#include "options.h"

/* Where none is given; and what stands in for console=ttyS0, or after it, where there is an hvc0. */
#define OPTIONS_CMDLINE     "console=ttyS0 reboot=acpi panic=-1"
#define OPTIONS_CMDLINE_HVC "console=hvc0 reboot=acpi panic=-1"

/* A number of bytes with K, M, G or T after it; name: of the option, for the message. */
int options_size(const char *name, const char *text, uint64_t *out, char err[ERR_MAX]);
/* A whole number from 1 to max, len characters. */
bool options_count(const char *text, size_t len, unsigned max, unsigned *out);

/* Rings' and transports' features: what is offered where nothing is said; and FEATURE=on or FEATURE=off, len
 * characters. 0: something else; -1: a feature, but neither on nor off. */
uint64_t options_default_offer(void);
int options_feature(const char *text, size_t len, uint64_t *offer);

int options_disk(struct options *, const char *text, char err[ERR_MAX]);
int options_rng(struct options *, const char *text, char err[ERR_MAX]); /* text: NULL for none */
int options_net(struct options *, const char *text, char err[ERR_MAX]);
int options_nets_differ(const struct options *, char err[ERR_MAX]); /* in their addresses */
int options_console(struct options *, const char *text, char err[ERR_MAX]);
int options_port(struct options *, const char *text, char err[ERR_MAX]);
/* When all is read: where the consoles and the kernel's messages go that nothing was said of. */
int options_consoles_settle(struct options *, char err[ERR_MAX]);

#endif
