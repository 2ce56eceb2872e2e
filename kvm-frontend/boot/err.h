// SPDX-License-Identifier: BSD-2-Clause
/*
 * One clear line for a person: what is wrong, where, and what to do about it.
 *
 * Every function of this frontend that can fail because of the outside (a file, an option, the host) takes a
 * `char err[ERR_MAX]`, answers 0 or -1, and has filled err when it answers -1. The line has no newline and no
 * program name; main() adds both. Pure: no I/O, so fuzzers may link it.
 */
#ifndef BOOT_ERR_H
#define BOOT_ERR_H

#define ERR_MAX 256

/* Formats the line and answers -1, so that a caller may write `return err_set(err, ...)`. */
int err_set(char err[ERR_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
