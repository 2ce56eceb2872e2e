// SPDX-License-Identifier: BSD-2-Clause
/* For oracle_frames*.c alone. */
#ifndef RINGSIDE_ORACLE_FRAMES_INT_H
#define RINGSIDE_ORACLE_FRAMES_INT_H

#include "oracle_frames.h"
#include "oracle_int.h"

#define HEADER_LEN 12u
#define MERGED_MAX 64u /* buffers of one frame */

#define CRY(f, clause, ...) oracle_cry((f)->oracle, ORACLE_CONTENT, clause, __VA_ARGS__)

/* n bytes at p are the frame's, from `off` on. */
bool frames_is(const struct frames_frame *, uint32_t off, const uint8_t *p, uint32_t n);
/* A header says what another one says, where that says something. */
bool frames_header_says(const struct net_header *, const struct net_header *given);
/* A receive buffer was used. */
void frames_receive(struct frames *, const struct frames_slot *, uint32_t len);

#endif
