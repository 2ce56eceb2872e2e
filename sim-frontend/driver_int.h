// SPDX-License-Identifier: BSD-2-Clause
/* The model driver's state, and what each ring layout must be able to do; shared by driver*.c alone. */
#ifndef RINGSIDE_DRIVER_INT_H
#define RINGSIDE_DRIVER_INT_H

#include <linux/virtio_ring.h>

#include "driver.h"
#include "judges.h"

#define CHAIN_MAX 192                /* descriptors of one request */
#define BYTES_MAX FILTER_COMMAND_MAX /* header and ranges, or a network device's command */

/* A request that was published and not yet used. */
struct posted {
	uint32_t generation; /* of the queue: another one means none is there */
	uint32_t type;
	uint16_t ndesc;    /* of the ring */
	struct heap *heap; /* NULL: no buffers of ours */
	gpa_t block, status;
	uint32_t block_len, write_len;
	bool has_status;
	uint16_t content; /* its number for the oracle of its data; 0: none */
};

/*
 * Positions in the ring are of 16 bits. Split: free-running indices. Packed: the slot, and above it the wrap
 * counter, as the device has them.
 */
struct driver_queue {
	bool up, packed, in_order;
	bool hidden; /* packed: a chain's first flags are held back (BREAK_SILENT), and with them all later
			ones */
	uint16_t size;
	uint16_t avail, kicked, used; /* positions: to publish next, when last notified, to take next */
	uint16_t room;                /* entries of the ring that are free */
	uint16_t fresh, nfree;        /* ids never used yet; given back */
	uint16_t oldest;              /* IN_ORDER: where order[] starts; it has nposted entries */
	uint16_t hidden_at, hidden_flags;
	uint32_t since, unseen; /* packed: entries made available since the last notification; held back */
	enum driver_wish wish;
	uint16_t ahead;
	uint32_t generation, nposted;
	struct heap *heap;
	gpa_t area; /* all three parts of the ring, one behind the other */
	uint32_t area_len;
	gpa_t gpa[3];
	uint8_t *host[3];
	/* By id (split: a chain's first descriptor). */
	uint16_t free[VQ_SIZE_MAX], next[VQ_SIZE_MAX], order[VQ_SIZE_MAX];
	struct posted posted[VQ_SIZE_MAX];
};

/* A console's half of the control protocol (driver_console.c). */
struct driver_console {
	bool begun;                           /* with it, on control queues that stand since */
	uint8_t known, owes_ready, owes_open; /* bit per port: it was told of it; it is yet to say so */
	uint32_t spent;                       /* control buffers that it is to post again */
	uint32_t turns;                       /* messages so far, both ways */
};

struct driver {
	struct sim_device *device;
	const struct driver_type *type;
	struct ram *ram;
	bool negotiated, live, early, config_known;
	uint64_t features;
	uint32_t generation; /* of the configuration that was read */
	uint64_t capacity;   /* of a disk, in sectors, as last read */
	uint32_t how, at;    /* of the next post */
	uint64_t value;
	uint64_t filled; /* parts of payloads so far: what the next is filled with depends on it */
	struct driver_console console;
	struct driver_queue queue[VDEV_QUEUES_MAX];
};

/* A request on its way into memory. Readable pieces first. */
struct plan {
	uint32_t nread, npieces;
	struct content_piece piece[CHAIN_MAX];
	uint32_t bytes_len; /* header and ranges, the beginning of what is readable */
	uint8_t bytes[BYTES_MAX];
	uint32_t len, write_len; /* in all; of what is writable */
	bool has_status;
	uint16_t content;        /* its number for the oracle of its data; 0: none */
	enum frames_kind frames; /* of a network device */
	struct filter_command command;
	/* its place */
	struct heap *heap;
	gpa_t block;
	uint32_t block_len;
	gpa_t table;
	/* its descriptors: those in the table (or the ring), and those in the ring alone when there is a
	 * table */
	bool indirect;
	uint32_t ndirect; /* the first so many pieces are in the ring although there is a table */
	uint16_t id;
	uint16_t index[CHAIN_MAX + 1]; /* split: the table's descriptors that are taken */
	uint32_t nindex;               /* entries of the ring */
};

/* What a request says beyond header and ranges. */
struct wording {
	uint32_t read_data, write_data; /* bytes; the latter without the status */
};

/* What differs between the types of devices; a struct sim_type names its own. */
struct driver_type {
	/* What a request says. False: nothing that can be posted now. */
	bool (*say)(struct driver *, struct plan *, uint16_t queue, const struct driver_request *,
		    struct wording *);
	/*
	 * The oracle of its data. A chain on its way gets a number for the calls below, 0: none; n bytes of what
	 * the driver sends, from `off` on; the chain was used (status: -1 where it has none), or a reset came first.
	 */
	uint16_t (*posted)(struct driver *, uint16_t queue, const struct plan *);
	void (*fill)(struct driver *, uint16_t content, gpa_t, uint32_t off, uint32_t n);
	void (*answered)(struct driver *, uint16_t content, uint32_t used_len, int status);
	void (*dropped)(struct driver *, uint16_t content);
	/*
	 * All NULL, or: driver and device talk to each other beside the requests. begin: what has to be said ahead of
	 * the first one, once live (due: it has not been); after used entries of a queue were taken; a queue, or
	 * all that was agreed, is forgotten. converse: false when all is said.
	 */
	bool (*due)(const struct driver *);
	void (*begin)(struct driver *);
	void (*reaped)(struct driver *, uint16_t queue);
	void (*forget_queue)(struct driver *, uint16_t queue);
	void (*forget)(struct driver *);
	bool (*converse)(struct driver *);
};

/*
 * Sixteen bytes (a descriptor, a header) in one store. Made of parts they would reach the cache one by one,
 * and whoever loads them as a whole meanwhile waits for that (5 ns each).
 */
typedef uint64_t pair __attribute__((vector_size(16)));

static inline void put_pair(void *to, uint64_t low, uint64_t high)
{
	pair v = {low, high};
	memcpy(to, &v, sizeof(v));
}

static inline bool driver_has(const struct driver *g, unsigned feature)
{
	return g->features >> feature & 1;
}

/* Stores into a ring: all of it is in one region, and marked since it was set up. */
static inline void ring_put(struct driver_queue *q, int area, uint32_t off, const void *p, uint32_t n)
{
	memcpy(q->host[area] + off, p, n);
}

static inline uint16_t ring_get16(const struct driver_queue *q, int area, uint32_t off)
{
	uint16_t v;
	memcpy(&v, q->host[area] + off, sizeof(v));
	return v;
}

void driver_note(struct driver *, const char *);
uint32_t driver_kick_value(const struct driver *, uint16_t queue);
/* driver_request.c: what is to be said, and cut how */
/* driver_post.c: a request as it should be, on a queue that stands; whatever is to be broken waits */
void driver_post_plain(struct driver *, uint16_t queue, const struct driver_request *);
bool plan_request(struct driver *, struct plan *, uint16_t queue, const struct driver_request *);
/* driver_break.c: breaks descriptors; ring: the descriptors in the ring, table: those of an indirect table */
void break_chain(const struct driver *, const struct plan *, struct vring_desc *ring,
		 struct vring_desc *table);

/* -- a layout: driver_split.c, driver_packed.c ----------------------------------------------------------- */

struct used {
	uint32_t id, len;
};

/* Offsets of the three parts, as close together as the alignments allow; returns the length of all. apart: two bytes of
 * nobody's are ahead of the available ring. */
uint32_t driver_split_areas(const struct driver *, uint16_t size, bool apart, uint32_t at[3]);
uint32_t driver_packed_areas(uint16_t size, uint32_t at[3]);
/* Memory and positions of an empty ring. */
void driver_split_wind(struct driver *, struct driver_queue *);
void driver_split_start(struct driver *, struct driver_queue *);
void driver_packed_start(struct driver_queue *);
/* Takes n entries, which are there, and an id. */
void driver_split_take(struct driver_queue *, struct plan *, uint32_t n);
void driver_packed_take(struct driver_queue *, struct plan *, uint32_t n);
/* Writes the chain, then makes it available. Packed: `next` of a descriptor in the ring is its id. */
void driver_split_publish(struct driver *, struct driver_queue *, const struct plan *,
			  const struct vring_desc *ring, const struct vring_desc *table);
void driver_packed_publish(struct driver *, struct driver_queue *, const struct plan *,
			   struct vring_desc *ring, const struct vring_desc *table);
/* The chain was used: its entries are free again, and the position moves on. */
void driver_split_release(struct driver_queue *, uint32_t id, uint16_t ndesc);
void driver_packed_release(struct driver_queue *, uint32_t id, uint16_t ndesc);
/* The next position. */
uint16_t driver_packed_next(const struct driver_queue *, uint16_t pos);
/* False: nothing is used that was not taken yet. */
bool driver_split_peek(const struct driver_queue *, struct used *);
bool driver_packed_peek(const struct driver_queue *, struct used *);
/* The device wants to hear of what was published since the last notification. */
bool driver_split_wants_kick(const struct driver *, const struct driver_queue *);
bool driver_packed_wants_kick(const struct driver *, const struct driver_queue *);
/* Tells the device what we want to hear of. */
void driver_split_put_wish(struct driver *, struct driver_queue *);
void driver_packed_put_wish(struct driver *, struct driver_queue *);
/* driver_chain: so many entries are ours, and the answer is to be taken like any other; 0: not so. */
uint32_t driver_split_raw(struct driver_queue *, uint16_t head, const uint8_t *desc, uint32_t ndesc);
uint32_t driver_packed_raw(struct driver_queue *, uint16_t id, const uint8_t *desc, uint32_t ndesc);
/* driver_publish */
void driver_split_again(struct driver_queue *, uint16_t head, uint16_t advance);
void driver_packed_again(struct driver_queue *, uint16_t id, uint16_t advance);

/* An id between fresh and size becomes ours; those below it are free. */
static inline void claim_id(struct driver_queue *q, uint16_t id, uint16_t n)
{
	for (; q->fresh < id; q->fresh++)
		q->free[q->nfree++] = q->fresh;
	q->fresh = (uint16_t)(q->fresh + n);
}

#endif
