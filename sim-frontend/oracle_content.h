// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_content: what was written is what is read. A model of the disk as its driver may know it: for each
 * sector, the versions that it can hold by now. Each write has a version of its own, from which every byte of
 * its payload follows, so nothing needs to be kept to compare with.
 *
 * What the specification leaves open stays open: writes that overlap in time may end in either order, and a
 * read at the same time may see either (byte by byte); a write that failed, or was dropped by a reset, may
 * have happened; a discarded sector is as it was or zero; what was not flushed may be lost in a power cut.
 * What a read has shown is settled.
 *
 * Entropy: the bytes that a request got are some that the source gave, each once, and the rest of the buffer
 * was not touched.
 *
 * A guest that changes memory behind the driver's back, or publishes what the driver did not make, is not
 * followed: content_distrust. After that every sector may hold anything until it is written again.
 */
#ifndef RINGSIDE_ORACLE_CONTENT_H
#define RINGSIDE_ORACLE_CONTENT_H

#include "oracle.h"
#include "ram.h"
#include "simdisk.h"

#define CONTENT_ALTS_MAX   6
#define CONTENT_PIECES_MAX 12
#define CONTENT_RANGES_MAX 16
#define CONTENT_SLOTS_MAX  1056 /* requests in flight, all queues; 0 is none */
#define CONTENT_CHUNKS_MAX 128
#define CONTENT_IDENT_LEN  20

struct content_piece {
	gpa_t at;
	uint32_t len;
};

/* A request on its way, as the driver made it; nothing of its data is in memory yet. */
struct content_request {
	const uint8_t *bytes; /* header and ranges */
	uint32_t bytes_len;
	const struct content_piece *piece; /* readable ones first */
	uint32_t nread, npieces;
	bool has_status;
};

/* One thing that a sector may hold. Stamps count events of the driver, from 1. */
struct content_alt {
	uint32_t version;
	uint32_t over; /* when its write ended, UINT32_MAX: in flight */
	uint32_t gone; /* when another took its place; 0: it may be there */
	bool for_good; /* that one was written through: it does not come back */
};

struct content_sector {
	uint32_t era;
	uint32_t forgot;      /* the latest `gone` of a version that is not remembered */
	uint8_t nlive, nalts; /* those that may be there come first */
	bool was_cut;
	struct content_alt alt[CONTENT_ALTS_MAX];
};

struct content_range {
	uint64_t sector;
	uint32_t n;
};

struct content_slot {
	uint32_t era, version, posted;
	uint8_t kind;
	uint16_t older, newer; /* among the reads */
	uint32_t data_len;
	uint16_t npieces, nranges; /* pieces: what the device writes; ranges: sectors, of a transfer one */
	struct content_piece piece[CONTENT_PIECES_MAX];
	struct content_range range[CONTENT_RANGES_MAX];
};

struct content_chunk {
	uint64_t at;
	uint32_t n;
};

struct content {
	struct oracle *oracle;
	struct ram *ram;
	const struct vdev *vdev;
	bool disk, trusted;
	bool unknown; /* the disk as it was made: no longer known */
	uint32_t era, now, version;
	uint32_t stable;    /* what ended before is on stable storage */
	uint32_t cache_set; /* when the driver last wrote to the configuration */
	uint32_t nwrites;   /* in flight */
	uint32_t quiet;     /* all of them were posted later */
	uint32_t doubted;   /* when the guest was last distrusted */
	uint64_t shrunk;    /* the smallest size so far, in sectors */
	uint32_t top;       /* touched sectors end here */
	uint16_t nfree, fresh, oldest_read, newest_read;
	uint16_t free[CONTENT_SLOTS_MAX];
	uint8_t ident[CONTENT_IDENT_LEN];
	uint32_t ident_len;
	uint32_t nchunks;
	struct content_chunk chunk[CONTENT_CHUNKS_MAX];
	struct content_slot slot[CONTENT_SLOTS_MAX];
	struct content_sector sector[SIMDISK_SECTORS_KEPT];
};

/* The memory is zeroed. */
void content_init(struct content *, struct oracle *, struct ram *, const struct vdev *, bool disk);
/* A fresh device with a fresh disk. Costs nothing. */
void content_restart(struct content *, uint64_t sectors);

/* -- the driver ------------------------------------------------------------------------------------------ */
/*
 * Returns a number for the calls below, 0: none. Poisons what the device is to write. The pieces were marked
 * (ram_touch) by the driver.
 */
uint16_t content_posted(struct content *, const struct content_request *);
/* The payload of a write: its n bytes from `off` on. */
void content_fill(struct content *, uint16_t slot, gpa_t, uint32_t off, uint32_t n);
/* status: -1 where the request has none. */
void content_answered(struct content *, uint16_t slot, uint32_t used_len, int status);
/* Never answered: a reset came first. */
void content_dropped(struct content *, uint16_t slot);
/* The guest does what is not followed; and no longer does. */
void content_distrust(struct content *);
void content_trust(struct content *);

/* -- the host -------------------------------------------------------------------------------------------- */
void content_resized(struct content *, uint64_t sectors);
void content_config_written(struct content *); /* the driver may have switched the cache */
/* What was not flushed or written through may be lost, sector by sector. Requests in flight are dropped by
 * the driver. */
void content_power_cut(struct content *);
/* The source of entropy gave n bytes, from `at` of all that it gives on. */
void content_source(struct content *, uint64_t at, uint32_t n);

#endif
