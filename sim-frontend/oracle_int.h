// SPDX-License-Identifier: BSD-2-Clause
/* What the oracles know of a device; shared by oracle*.c alone. */
#ifndef RINGSIDE_ORACLE_INT_H
#define RINGSIDE_ORACLE_INT_H

#include "oracle.h"

#define SEGS_MAX   160  /* a chain of more is not judged by its bytes */
#define HEADER_MAX 320  /* header and range list: as many bytes are watched */
#define GAPS_MAX   4    /* pieces stored out of order that are remembered */
#define LOOSE_MAX  16   /* stores outside of pins whose chain is not known yet */
#define TABLE_MAX  4096 /* indirect entries that are watched */

struct range {
	uint32_t from, to;
};

/* A chain that the device took, as it read like when it was loaded. */
struct chain {
	uint64_t serial; /* of all chains ever, from 1 */
	uint16_t queue, head;
	bool unsure;    /* more or odder than we keep account of: its bytes are not judged */
	int16_t status; /* the status byte stored, or -1 */
	uint16_t nread, nwrite, ngaps;
	uint32_t read_len, write_len;
	uint32_t prefix;                  /* so many leading writable bytes were stored */
	struct range gap[GAPS_MAX];       /* beyond prefix */
	uint16_t hint;                    /* the segment of the latest pin */
	uint64_t header[HEADER_MAX / 64]; /* readable bytes loaded as header */
	struct {
		uint64_t addr;
		uint32_t len, at; /* at: in its half of the chain */
	} seg[SEGS_MAX];          /* readable ones first */
};

/* Who loaded a descriptor last. */
struct stamp {
	uint64_t serial;
	uint32_t head;
};

struct ring {
	bool ready, irq_due, sampled; /* sampled: the driver's wish was loaded since the latest index store */
	bool any_slot;
	uint64_t desc, driver, device;
	uint16_t size, size_max;
	uint16_t slot;      /* the available entry loaded last */
	uint16_t taken;     /* available entries, modulo 2^16 */
	uint16_t stored;    /* used elements, modulo 2^16 */
	uint16_t published; /* used index */
	uint16_t asked;     /* used index when the driver's wish was loaded last */
	uint16_t elem_mask; /* bytes of the element at `stored` that are there */
	uint8_t elem[8];
	uint64_t slot_entry;  /* the entry into the device in which slot was loaded */
	struct chain *latest; /* NULL: none, or not taken */
	uint32_t nowned;
	uint64_t owned[VQ_SIZE_MAX / 64]; /* by head */
	struct chain *chain;              /* by head, size_max */
	struct stamp *stamp;              /* by descriptor, size_max */
};

struct pin {
	struct chain *chain; /* NULL: not known */
	uint64_t serial;
	uint64_t addr;
	uint32_t at, n; /* at: in the writable half */
	bool live, store;
};

/* The walk over the chain taken last: where the next descriptor must be. */
struct walk {
	struct chain *chain; /* NULL: none under way */
	enum vmem_for what;
	uint64_t table;
	uint32_t index, entries;
	uint16_t mask; /* bytes of the descriptor loaded so far */
	uint8_t desc[16];
	uint64_t indirect, indirect_len; /* of the latest chain that has one */
	uint64_t indirect_serial;
};

struct loose {
	uint64_t addr;
	uint32_t n;
	uint8_t first;
	bool status;
};

/* What the driver wrote to the registers. */
struct registers {
	uint32_t queue_sel, feature_sel;
	uint64_t area[VDEV_QUEUES_MAX][3];
	uint16_t size[VDEV_QUEUES_MAX];
};

struct oracle {
	struct oracle_config config;
	uint32_t off; /* bit per oracle */
	uint64_t features;
	uint64_t serial, entry;
	uint64_t steps, steps_max;
	bool tangled;     /* rings on top of each other: nobody could tell whose they are */
	bool worked;      /* the work oracle spoke in this entry */
	uint32_t touched; /* bit per queue: published in this entry */
	uint32_t npins;
	uint16_t nloose;
	struct chain *newest; /* taken last, on any queue; NULL: none in this entry */
	struct ring ring[VDEV_QUEUES_MAX];
	struct walk walk;
	struct registers regs;
	struct loose loose[LOOSE_MAX];
	struct pin pin[ORACLE_PINS_MAX];
	uint64_t table_stamp[TABLE_MAX]; /* by indirect entry: serial of the chain that loaded it */
};

void oracle_cry(struct oracle *, enum oracle_kind, const char *clause, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

static inline bool oracle_owns(const struct ring *r, uint32_t head)
{
	return head < r->size && r->owned[head / 64] >> (head % 64) & 1;
}

static inline void oracle_own(struct ring *r, uint32_t head, bool on)
{
	r->owned[head / 64] ^= 1ull << (head % 64);
	r->nowned += on ? 1u : UINT32_MAX;
}

/* True: the chain is still the one of that serial, and the device's. */
static inline bool oracle_lives(const struct oracle *o, const struct chain *c, uint64_t serial)
{
	return c->serial == serial && oracle_owns(&o->ring[c->queue], c->head);
}

/* Not yet: rings on top of each other, and packed ones. */
static inline bool oracle_judges(const struct oracle *o)
{
	return !o->tangled && !(o->features >> 34 & 1); /* VIRTIO_F_RING_PACKED */
}

static inline bool oracle_event_idx(const struct oracle *o)
{
	return o->features >> 29 & 1; /* VIRTIO_RING_F_EVENT_IDX */
}

/* oracle_own.c: whose bytes are stored */
void oracle_loose_store(struct oracle *, enum vmem_for, uint64_t a, uint32_t n, const uint8_t *);
void oracle_loose_flush(struct oracle *);                  /* every loose store must be some chain's */
void oracle_loose_settle(struct oracle *, struct chain *); /* those that are this chain's count for it */
/* oracle_used.c */
void oracle_used_entry(struct oracle *, uint64_t a, uint32_t n, const uint8_t *);
void oracle_used_index(struct oracle *, uint64_t a, uint32_t n, const uint8_t *);
void oracle_event_store(struct oracle *, uint64_t a, uint32_t n, const uint8_t *);
void oracle_event_load(struct oracle *, uint64_t a, const uint8_t *);

#endif
