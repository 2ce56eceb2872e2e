// SPDX-License-Identifier: BSD-2-Clause
/*
 * control: a Unix socket through which a running machine takes commands (--control PATH).
 *
 * A command is a line of words. Its answer is lines of text, if any, and then `ok`, or `error: ` and why not. Whoever
 * may write to the socket's file may give commands: it is made for its owner alone. Several may be connected at
 * a time; all commands run on the loop's thread, one after the other. docs/devices.md tells what there is.
 */
#ifndef KVM_CONTROL_H
#define KVM_CONTROL_H

#include "boot/err.h"
#include "loop.h"

#define CONTROL_LINE_MAX     256 /* bytes of a command */
#define CONTROL_WORDS_MAX    8
#define CONTROL_COMMANDS_MAX 16
#define CONTROL_CLIENTS_MAX  4 /* more are turned away */

struct control;

/* words: how often a command and what follows it; word[0] is the command. 0, or -1 and why not. */
typedef int (*control_fn)(void *ctx, unsigned words, char *word[], char err[ERR_MAX]);

/* NULL and one clear line. The path must outlive it. A socket that nobody listens to any more is replaced. */
struct control *control_create(const char *path, struct loop *, char err[ERR_MAX]);
void control_destroy(struct control *); /* NULL is harmless */

/*
 * Before the loop runs. usage: the command as it is written, such as "link DEVICE up|down"; its first word is the
 * name. what: for `help`. NULL for a control is harmless, as where nobody asked for one.
 */
void control_add(struct control *, const char *usage, const char *what, control_fn, void *ctx);

#endif
