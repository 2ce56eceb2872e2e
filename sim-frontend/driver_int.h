// SPDX-License-Identifier: BSD-2-Clause
/* The model driver's state; shared by driver*.c alone. */
#ifndef RINGSIDE_DRIVER_INT_H
#define RINGSIDE_DRIVER_INT_H

#include <linux/virtio_ring.h>

#include "driver.h"

#define CHAIN_MAX 192 /* descriptors of one request */
#define BYTES_MAX 384 /* header and ranges */

/* A request that was published and not yet used. */
struct posted {
	uint32_t generation; /* of the queue: another one means none is there */
	uint32_t type;
	uint16_t ndesc;    /* of the ring */
	struct heap *heap; /* NULL: no buffers of ours */
	gpa_t block, status;
	uint32_t block_len;
	bool has_status;
};

struct driver_queue {
	bool up;
	uint16_t size;
	uint16_t avail, kicked, used; /* indices: published, when last notified, taken */
	uint16_t fresh, nfree;        /* descriptors never used yet; given back */
	enum driver_wish wish;
	uint16_t ahead;
	uint32_t generation, nposted;
	struct heap *heap;
	gpa_t area; /* all three rings, one behind the other */
	uint32_t area_len;
	gpa_t gpa[3];
	uint8_t *host[3];
	uint16_t free[VQ_SIZE_MAX], next[VQ_SIZE_MAX];
	struct posted posted[VQ_SIZE_MAX]; /* by head */
};

struct driver {
	struct sim_device *device;
	struct ram *ram;
	bool negotiated, live, config_known;
	uint64_t features;
	uint32_t generation; /* of the configuration that was read */
	uint64_t capacity;   /* of a disk, in sectors, as last read */
	uint32_t how, at;    /* of the next post */
	uint64_t value;
	uint64_t filled; /* bytes of payload so far: what the next is filled with depends on it */
	struct driver_queue queue[VDEV_QUEUES_MAX];
};

/* A request on its way into memory. Readable pieces first. */
struct plan {
	uint32_t nread, npieces;
	struct {
		gpa_t at;
		uint32_t len;
	} piece[CHAIN_MAX];
	uint32_t bytes_len; /* header and ranges, the beginning of what is readable */
	uint8_t bytes[BYTES_MAX];
	uint32_t read_len, write_len; /* in all */
	bool has_status;
	/* its place */
	struct heap *heap;
	gpa_t block;
	uint32_t block_len;
	gpa_t table;
	/* its descriptors: those in the table (or the ring), and those in the ring alone when there is a
	 * table */
	bool indirect;
	uint32_t ndirect; /* the first so many pieces are in the ring although there is a table */
	uint16_t index[CHAIN_MAX + 1]; /* the ring's descriptors that are taken */
	uint32_t nindex;
};

static inline bool driver_has(const struct driver *g, unsigned feature)
{
	return g->features >> feature & 1;
}

/* Stores into a ring (all of it in one region). */
static inline void ring_put(struct driver *g, struct driver_queue *q, int area, uint32_t off, const void *p,
			    uint32_t n)
{
	memcpy(q->host[area] + off, p, n);
	ram_touch(g->ram, gpa_add(q->gpa[area], off), n);
}

static inline uint16_t ring_get16(const struct driver_queue *q, int area, uint32_t off)
{
	uint16_t v;
	memcpy(&v, q->host[area] + off, sizeof(v));
	return v;
}

void driver_note(struct driver *, const char *);
/* driver_request.c: what is to be said, and cut how */
bool plan_request(struct driver *, struct plan *, const struct driver_request *);
/* driver_post.c */
void driver_publish_head(struct driver *, struct driver_queue *, uint16_t head, bool silent);
/* driver_break.c: breaks descriptors; ring: the descriptors in the ring, table: those of an indirect table */
void break_chain(const struct driver *, const struct plan *, struct vring_desc *ring,
		 struct vring_desc *table);

#endif
