// SPDX-License-Identifier: BSD-2-Clause
/*
 * proto: writes protocol buffers, as far as traces for Perfetto need them: numbers, strings and messages within
 * messages, into a bounded buffer.
 */
#ifndef RINGSIDE_PROTO_H
#define RINGSIDE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_MAX 4096 /* bytes of a message, at most; its strings are shorter than that by far */

struct proto {
	size_t len;
	bool full; /* something did not fit */
	uint8_t buf[PROTO_MAX];
};

void proto_number(struct proto *, uint32_t field, uint64_t);
void proto_string(struct proto *, uint32_t field, const char *);
void proto_message(struct proto *, uint32_t field, const struct proto *);

#endif
