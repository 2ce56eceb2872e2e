// SPDX-License-Identifier: BSD-2-Clause
/*
 * savefile: the file that a whole machine is saved to.
 *
 *   magic and version, 16 bytes; then parts: a head of 32 bytes (what it is, of which number, how long, which of
 *   the file's parts it is, checksums of the head and of what follows) and its bytes, which may be compressed;
 *   the last part says that it is the last
 *
 * A file is whole or it is refused: no part can be damaged, missing, twice or in another place without being seen.
 *
 * Where it is written, and how it takes an older file's place, is saver.h's.
 */
#ifndef KVM_SAVEFILE_H
#define KVM_SAVEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "boot/err.h"

#define SAVEFILE_VERSION  1u
#define SAVEFILE_PART_MAX (4u << 20) /* bytes, not compressed */

/* In the order in which they stand in a file, which begins with MACHINE. */
enum savefile_part {
	SAVEFILE_MACHINE = 1, /* sizes: what must be the same in the machine that goes on */
	SAVEFILE_SERIAL,
	SAVEFILE_DEVICE, /* one for each */
	SAVEFILE_MEMORY, /* up to 2 MiB each; what is left out is zero */
	SAVEFILE_CPU,    /* each vCPU has several (vcpu_save.h) */
	SAVEFILE_CHIP,   /* interrupt controllers, 0 to 2 */
	SAVEFILE_CLOCK,
	SAVEFILE_END,
};

/* -- writing --------------------------------------------------------------------------------------------- */

struct savefile_out;

/* fd: empty, open for writing, and the caller's. NULL: no memory. */
struct savefile_out *savefile_begin(int fd);
/* n at most SAVEFILE_PART_MAX. An error sticks until the end. */
void savefile_put(struct savefile_out *, enum savefile_part, uint32_t index, const void *, size_t n);
/* Ends it. 0, and how long it is; or the errno of the first call that failed. */
int savefile_finish(struct savefile_out *, uint64_t *len);

/* -- reading --------------------------------------------------------------------------------------------- */

struct savefile_in {
	const char *path;
	int fd;
	uint32_t seq; /* of the part that comes next */
	/* the part at hand */
	enum savefile_part part;
	uint32_t index;
	size_t len;
	uint8_t *bytes; /* SAVEFILE_PART_MAX of room */
	uint8_t *stored;
};

/* The file begins as it should. -1 and a line: not there, no snapshot, of another version. */
int savefile_open(struct savefile_in *, const char *path, char err[ERR_MAX]);
/* The next part. After SAVEFILE_END nothing may follow. */
int savefile_next(struct savefile_in *, char err[ERR_MAX]);
void savefile_close(struct savefile_in *); /* also after a failed open */
/* "FILE: the snapshot is damaged (WHAT)" */
int savefile_damaged(const struct savefile_in *, const char *what, char err[ERR_MAX]);

#endif
