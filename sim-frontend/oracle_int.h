// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the oracles know of a device; shared by oracle*.c alone.
 *
 *   oracle.c         names, reports, queues coming and going, entries into the device
 *   oracle_regs.c    what the driver wrote to the registers
 *   oracle_split.c   which access of which ring this is, and what it says: the only two files
 *   oracle_packed.c  that know a layout. They tell the files below what happened.
 *   oracle_chain.c   chains as they are loaded, taken, given back; headers (fetch-once)
 *   oracle_own.c     whose bytes are stored (ownership)
 *   oracle_used.c    chains that are completed (used-ring)
 *   oracle_notify.c  who was told what, and must be (notification, liveness)
 */
#ifndef RINGSIDE_ORACLE_INT_H
#define RINGSIDE_ORACLE_INT_H

#include <linux/virtio_ring.h>

#include "oracle.h"

#define SEGS_MAX   160  /* a chain of more is not judged by its bytes */
#define HEADER_MAX 320  /* header and range list: as many bytes are watched */
#define GAPS_MAX   4    /* pieces stored out of order that are remembered */
#define LOOSE_MAX  16   /* stores outside of pins whose chain is not known yet */
#define TABLE_MAX  4096 /* indirect entries that are watched */
#define AREAS      3    /* enum vq_area */

struct range {
	uint32_t from, to;
};

/* A chain that the device loads or has, as it read like when it was loaded. */
struct chain {
	uint64_t serial; /* of all chains ever, from 1 */
	uint64_t entry;  /* into the device, in which it was taken */
	uint32_t turn;   /* so many were taken from the queue before it */
	bool live;       /* taken, and not given back */
	bool failed;     /* what the device asked for it has */
	bool refused;    /* memory of it could not be pinned in that entry: it may be given back */
	bool unsure;     /* more or odder than we keep account of: its bytes are not judged */
	uint16_t queue, id;
	uint16_t ndesc; /* entries of the ring; split: 1 */
	uint16_t hint;  /* the segment of the latest pin */
	int16_t status; /* the status byte stored, or -1 */
	uint16_t nread, nwrite, ngaps;
	uint32_t read_len, write_len;
	uint32_t prefix;                  /* so many leading writable bytes were stored */
	struct range gap[GAPS_MAX];       /* beyond prefix */
	uint64_t header[HEADER_MAX / 64]; /* readable bytes loaded as header */
	struct {
		uint64_t addr;
		uint32_t len, at; /* at: in its half of the chain */
	} seg[SEGS_MAX];          /* readable ones first */
};

/* Who loaded a descriptor last. */
struct stamp {
	uint64_t serial;
	const struct chain *chain;
};

/* Packed: a used entry that the driver does not see yet; its id and length are there. */
struct staged {
	uint16_t span; /* entries up to the next one; 0: none starts here */
	uint16_t pos;
	uint32_t len;
	bool flags; /* are there too */
	bool blank; /* its chain has no byte that the device may store */
};

/* When the driver is to notify, by what the device stored. */
enum kicks { KICKS_UNKNOWN, KICKS_NEVER, KICKS_ALWAYS, KICKS_AT };

/*
 * A position in a ring is a number below `round`, modulo that: split: the 16-bit index; packed: the slot in
 * the first round and the slot plus size in the second, when the wrap counter is 0.
 */
typedef uint16_t ring_pos;

struct ring {
	bool ready;
	uint16_t size, size_max;
	uint32_t round;
	uint64_t at[AREAS];
	uint32_t len[AREAS]; /* bytes; 0 while the queue is not ready */

	/* chains */
	struct chain *pool;   /* size_max + 1 */
	struct chain **chain; /* by id */
	struct chain *spare;  /* of the pool, none of chain[] */
	struct chain *latest; /* the one taken last; NULL: none, or not taken */
	struct stamp *stamp;  /* by descriptor */
	uint16_t *order;      /* IN_ORDER: ids in the order in which they were taken, round and round */
	uint16_t oldest;      /* where order[] starts; it has nowned entries */
	uint32_t nowned;
	uint32_t ntaken;                  /* in all, without those given back */
	uint64_t owned[VQ_SIZE_MAX / 64]; /* by id */

	/* how far it is */
	ring_pos taken;     /* the next available entry */
	ring_pos reach;     /* where it was before chains went back to the ring */
	ring_pos stored;    /* the next used entry */
	ring_pos published; /* the used entry that the driver waits for */
	uint8_t elem_mask;  /* bytes of the entry at `stored` that are there */
	uint8_t elem[8];
	struct staged *staged; /* by slot */

	bool unavailable; /* packed: the chain loaded last was not: nothing may be done with it */

	/* split: the available entry and index that were loaded last; packed: the flags, and of which slot */
	bool any_slot;
	uint16_t slot, seen;
	uint64_t slot_entry; /* the entry into the device in which slot was loaded */

	/* used buffer notifications */
	bool irq_due, sampled; /* sampled: the driver's wish was loaded since the latest publication */
	bool refused;          /* by flags, since then */
	bool covered;          /* when it published, an interrupt was unacknowledged: it tells of this, too */
	uint64_t fences_shown; /* oracle.fences at the latest publication */
	ring_pos asked;        /* published, when the driver's wish was loaded last */
	uint8_t wish_loaded;   /* packed: bytes of the driver's wish loaded since then */
	uint8_t wish[4];
	/* available buffer notifications */
	enum kicks kicks;
	ring_pos kick_at;
	uint64_t fences_asked; /* oracle.fences when kicks were asked for last */
	bool must_look; /* the device asked for kicks: one that was left out just before does not come */
	bool looked;    /* ... and looked at the ring after that, behind a fence */
	bool starved; /* since then a chain was given back for want of memory, of which the device will hear */
	bool again;   /* it asked to be run again */
};

struct pin {
	struct chain *chain; /* NULL: not known */
	uint64_t serial;
	uint64_t addr;
	uint32_t at, n; /* at: in the writable half */
	bool live, store;
};

/* The walk over the chain that is being loaded: where the next descriptor must be. */
struct walk {
	struct chain *chain; /* NULL: none under way */
	enum vmem_for what;
	uint64_t table;
	uint32_t index, entries;
	uint16_t need; /* bytes of the descriptor that are still to be loaded, all at once: 16, or 14 */
	uint16_t mask; /* those loaded so far */
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
	uint64_t area[VDEV_QUEUES_MAX][AREAS];
	uint16_t size[VDEV_QUEUES_MAX];
	bool was_tangled; /* before QueueReady was written last */
};

/* What a layout is asked. Accesses are of the kinds that its rings have. */
struct layout {
	void (*set_up)(struct ring *); /* len, round, from size */
	void (*load)(struct oracle *, enum vmem_for, uint64_t a, uint32_t n, const uint8_t *);
	void (*store)(struct oracle *, enum vmem_for, uint64_t a, uint32_t n, const uint8_t *);
	/* A descriptor at a is loaded, that no walk expects. True: a walk expects it now. */
	bool (*begin)(struct oracle *, uint64_t a, uint32_t n, const uint8_t *);
	/* Some of it was loaded. True: all that matters. */
	bool (*whole)(const struct walk *);
	/* It was loaded: where does the chain go on? */
	void (*step)(struct oracle *);
	/* The word at gpa (oracle_watch) says that something is available. */
	uint64_t (*watch)(const struct ring *);
	bool (*waiting)(const struct ring *, uint16_t word);
	/* The latest look at it said so. */
	bool (*seen_waiting)(const struct ring *);
};

extern const struct layout oracle_split, oracle_packed;

struct oracle {
	struct oracle_config config;
	const struct layout *layout;
	uint32_t off; /* bit per oracle */
	uint64_t features;
	bool event_idx, in_order, packed;
	uint64_t serial, entry, wasted;
	uint64_t fences;
	uint64_t steps, steps_max;
	uint32_t depth;  /* of entries: a guest's step may run inside of the device's work */
	bool tangled;    /* the guest made it so that nobody could tell what is whose: nothing is judged */
	bool worked;     /* the work oracle spoke in this entry */
	bool unacked;    /* a used buffer notification that the driver did not acknowledge yet */
	bool config_due; /* the configuration changed */
	bool config_unacked; /* a configuration interrupt that the driver did not acknowledge yet tells of this change, too */
	uint32_t touched; /* bit per queue: published, or asked for kicks, in this entry */
	uint32_t npins;
	uint16_t nloose;
	struct chain *newest; /* taken last, on any queue; NULL: none in this entry */
	struct ring *near[AREAS];
	struct ring ring[VDEV_QUEUES_MAX];
	struct walk walk;
	struct registers regs;
	struct loose loose[LOOSE_MAX];
	struct pin pin[ORACLE_PINS_MAX];
	uint64_t table_stamp[TABLE_MAX]; /* by indirect entry: serial of the chain that loaded it */
};

void oracle_cry(struct oracle *, enum oracle_kind, const char *clause, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));
/* Where one message tells of many things: the same failure is told by `check` (struct violation). */
void oracle_cry_of(struct oracle *, enum oracle_kind, const char *check, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

/* -- places ---------------------------------------------------------------------------------------------- */

static inline uint16_t ring_number(const struct oracle *o, const struct ring *r)
{
	return (uint16_t)(r - o->ring);
}

bool oracle_any_ready(const struct oracle *);
/* The features are settled: ready queues begin, in the layout that was negotiated. */
void oracle_lay_out(struct oracle *);
struct ring *oracle_find_ring(struct oracle *, enum vq_area, uint64_t a);

/* The ready ring that has a in that area, or NULL. */
static inline struct ring *oracle_ring_at(struct oracle *o, enum vq_area area, uint64_t a)
{
	struct ring *r = o->near[area];
	return a - r->at[area] < r->len[area] ? r : oracle_find_ring(o, area, a);
}

static inline ring_pos ring_add(const struct ring *r, ring_pos p, uint32_t n)
{
	uint32_t to = p + n;
	return (ring_pos)(to < r->round ? to : to - r->round);
}

static inline uint32_t ring_distance(const struct ring *r, ring_pos from, ring_pos to)
{
	return to >= from ? (uint32_t)to - from : to + r->round - from;
}

/* -- chains (oracle_chain.c) ----------------------------------------------------------------------------- */

static inline bool oracle_owns(const struct ring *r, uint32_t id)
{
	return id < r->size && r->owned[id / 64] >> (id % 64) & 1;
}

/* True: the chain is still the one of that serial, and the device's. */
static inline bool oracle_lives(const struct chain *c, uint64_t serial)
{
	return c->serial == serial && c->live;
}

/* The walk over a new chain begins, with n bytes of its first descriptor to be loaded. */
struct chain *oracle_chain_begin(struct oracle *, struct ring *, uint32_t index, uint16_t n);
void oracle_chain_buffer(struct chain *, uint64_t addr, uint32_t len, bool writable);
void oracle_chain_table(struct walk *, uint64_t addr, uint32_t len);
/* Its id and ndesc are known: from now on the device has it. False: the device has to refuse it. */
bool oracle_chain_taken(struct oracle *, struct chain *);
/* The device has it no more: completed, or (the latest) given back unread. */
void oracle_chain_drop(struct ring *, struct chain *);
void oracle_chain_unpop(struct ring *);
/* What is available on the queue is a debt. */
static inline bool oracle_owes(const struct oracle *o, const struct ring *r)
{
	return !o->config.owes || o->config.owes(o->config.ctx, (uint16_t)(r - o->ring));
}
void oracle_desc_load(struct oracle *, enum vmem_for, uint64_t a, uint32_t n, const uint8_t *);
void oracle_header_load(struct oracle *, uint64_t a, uint32_t n);

/* -- whose bytes are stored (oracle_own.c) --------------------------------------------------------------- */
void oracle_loose_store(struct oracle *, enum vmem_for, uint64_t a, uint32_t n, const uint8_t *);
void oracle_loose_flush(struct oracle *);                  /* every loose store must be some chain's */
void oracle_loose_settle(struct oracle *, struct chain *); /* those that are this chain's count for it */
/* Where a ring is expected there is none that is ready. */
void oracle_no_ring(struct oracle *, const char *what, uint64_t a) __attribute__((cold));

/* -- used entries (oracle_used.c) ------------------------------------------------------------------------ */
/* A used entry is there. Returns how many entries it covers, itself included. */
uint16_t oracle_used(struct oracle *, struct ring *, uint32_t id, uint32_t len);

/* -- notifications (oracle_notify.c) --------------------------------------------------------------------- */
/* The driver sees all used entries before this one. */
void oracle_publish(struct oracle *, struct ring *, ring_pos);
/* A load of the driver's wish counts: none did since the latest publication, and a fence stands between. */
static inline bool oracle_wish_counts(const struct oracle *o, const struct ring *r)
{
	return !r->sampled && o->fences != r->fences_shown;
}
/* The driver's wish was loaded. */
void oracle_wish(struct ring *, bool due, bool by_flags);
/* The device looked whether something is available. */
static inline void oracle_looks(const struct oracle *o, struct ring *r)
{
	r->looked |= o->fences != r->fences_asked;
}
/* kicks or kick_at were stored. */
void oracle_kicks(struct oracle *, struct ring *);
/* An entry into the device has ended that touched the ring. */
void oracle_notified(struct oracle *, struct ring *);
void oracle_config_told(struct oracle *); /* ... in which the configuration changed */

#endif
