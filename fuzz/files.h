// SPDX-License-Identifier: BSD-2-Clause
/* files: reads program files, given by name or as whole directories, for everything that runs without a
 * fuzzer. */
#ifndef RINGSIDE_FUZZ_FILES_H
#define RINGSIDE_FUZZ_FILES_H

#include <stddef.h>
#include <stdint.h>

#define FILES_BYTES_MAX 65536u /* of one program */

/*
 * Calls each(ctx, path, bytes, n) for the file, or for the files of the directory in the order of their
 * names. Returns how many there were; negative: something could not be read, and a line on standard error
 * told what.
 */
int files_each(const char *path, void (*each)(void *ctx, const char *path, const uint8_t *, size_t),
	       void *ctx);

#endif
