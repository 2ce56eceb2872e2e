// SPDX-License-Identifier: BSD-2-Clause
/*
 * The trace file (.vtrace): pure functions over buffers; who compresses, reads and writes files stands in the
 * frontends.
 *
 *   file   = magic "RVTRACE\n" (8 bytes), u32 version, u32 0, then chunks
 *   chunk  = u32 type, u32 flags (1: zstd), u32 stored length, u32 plain length, u64 sequence,
 *            u32 crc32c of the stored payload, u32 crc32c of the 28 bytes before, stored payload;
 *            all little-endian
 *   types  = HEAD (the first: struct trace_head encoded as varints)
 *            OPS (op records, whole ones only)
 *            END (recording ended on purpose; its payload tells why: one enum trace_end byte)
 *
 * Sequence counts chunks from 0. A recorder killed at any point leaves a readable prefix: a chunk that is not
 * whole at the end of the file is a truncation, a damaged one before it is an error. The header has a crc of
 * its own, or a damaged length would pass for a truncation. Unknown chunk types are skipped; nothing follows
 * END. Versions 1 and 2 are frozen (docs/trace-format.md); another version is refused. Version 2 has one thing more: the
 * devices may begin with saved states (OP_RESTORED), each ahead of all other records of its device.
 */
#ifndef RINGSIDE_TRACE_FILE_H
#define RINGSIDE_TRACE_FILE_H

#include "trace/op.h"
#include "vmem.h"

#define TRACE_MAGIC   "RVTRACE\n"
#define TRACE_VERSION 1u
/* The devices' saved states come first: what reads version 1 alone must not pass them over. */
#define TRACE_VERSION_LAST 2u
#define TRACE_PREAMBLE_LEN 16u
#define TRACE_CHUNK_LEN    32u /* chunk header, bytes */
/* Payload of one chunk, plain and stored alike, at most; so of one op record, data in full included. */
#define TRACE_CHUNK_MAX (8u << 20)

enum trace_chunk_type { TRACE_HEAD = 1, TRACE_OPS = 2, TRACE_END = 3 };
enum trace_flags { TRACE_ZSTD = 1 };
enum trace_end { TRACE_END_DONE = 0, TRACE_END_LIMIT = 1, TRACE_END_ERROR = 2 };
enum trace_payload { TRACE_PAYLOAD_HASH = 0, TRACE_PAYLOAD_FULL = 1 };

#define TRACE_CONFIG_MAX 256
#define TRACE_QUEUES_MAX 16

/* One device of a trace: enough to make a fresh one that behaves the same. */
struct trace_device {
	uint16_t id;        /* virtio device id */
	uint16_t transport; /* 0: virtio-mmio */
	uint64_t features;  /* offered */
	uint16_t nqueues;
	uint16_t queue_size_max[TRACE_QUEUES_MAX];
	uint16_t config_len;
	uint8_t config[TRACE_CONFIG_MAX]; /* configuration space at creation */
	uint8_t ident_len;
	uint8_t ident[UINT8_MAX]; /* what the device was made with beyond that (remake.c) */
};

struct trace_head {
	bool restored;   /* version 2; told by the preamble, so not by trace_get_head */
	char build[64];  /* of the recorder, NUL-terminated */
	uint8_t payload; /* enum trace_payload */
	uint32_t nregions;
	struct {
		uint64_t gpa, len;
	} region[VMEM_REGIONS_MAX];
	uint32_t ndevices;
	struct trace_device device[OP_DEV_MAX];
};

struct trace_chunk {
	uint32_t type, flags, stored_len, plain_len;
	uint64_t seq;
	const uint8_t *payload; /* stored bytes */
};

enum trace_read {
	TRACE_OK,
	TRACE_EOF,
	TRACE_TRUNCATED,
	TRACE_DAMAGED,
	TRACE_NOT_A_TRACE,
	TRACE_OTHER_VERSION
};

size_t trace_put_preamble(uint8_t *out, const struct trace_head *); /* TRACE_PREAMBLE_LEN bytes */
/* TRACE_TRUNCATED: fewer bytes than a preamble, all of them right (an empty file was cut at once). */
enum trace_read trace_get_preamble(const uint8_t *in, size_t n, uint32_t *version);
/* Writes the header of a chunk whose stored payload is given; TRACE_CHUNK_LEN bytes. */
void trace_put_chunk(uint8_t *out, const struct trace_chunk *);
/*
 * Reads the chunk at in; *used is its whole size. Checks crcs, lengths and sequence (want_seq).
 * TRACE_EOF: n is 0. TRACE_TRUNCATED: more bytes are needed, *used in all; where the header is there, the
 * chunk is filled in but for the payload.
 */
enum trace_read trace_get_chunk(const uint8_t *in, size_t n, uint64_t want_seq, struct trace_chunk *,
				size_t *used);

#define TRACE_HEAD_LEN_MAX 16384                                            /* any head fits */
size_t trace_put_head(uint8_t *out, size_t max, const struct trace_head *); /* 0: does not fit */
bool trace_get_head(const uint8_t *in, size_t n, struct trace_head *); /* false: damaged or out of bounds */

#endif
