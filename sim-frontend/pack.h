// SPDX-License-Identifier: BSD-2-Clause
/* pack: text on its way into a page: deflated (zlib's format, which browsers unpack), and as base64. */
#ifndef RINGSIDE_PACK_H
#define RINGSIDE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

struct pack {
	FILE *out;
	z_stream z;
	uint8_t left[3]; /* of the compressed bytes, not yet a whole group */
	uint32_t nleft;
	bool failed; /* zlib: out of memory */
	uint8_t chunk[4096];
};

void pack_begin(struct pack *, FILE *out);
void pack_text(struct pack *, const char *, size_t n);
/* Ends it. False: it failed. Whether `out` took all is told by ferror. */
bool pack_end(struct pack *);

#endif
