// SPDX-License-Identifier: BSD-2-Clause
/*
 * driver: the model driver, the guest's side of one device. Good by default: it negotiates, sets queues up at
 * legal addresses, never gives away a descriptor or a buffer that is in flight, notifies only where the
 * device asked for it, and tells what it is notified of. What it does wrong it was told to do (driver_break),
 * so a fuzzer reaches the code behind the checks.
 *
 * What a request looks like in memory is told by 16 bits, `shape`; 0 is the plainest (header, data, status,
 * in three descriptors of the ring, at the lowest free address):
 *
 *   bits 0-2    number of data segments less one
 *   bits 3-4    header: 0 a segment of its own, 1 in two, 2 in sixteen of one byte,
 *               3 in one with the data that follows
 *   bit 5       the status byte is in one segment with the data before it
 *   bits 6-7    0 in the ring, 1 and 2 in an indirect table, 3 the first segment in the ring and
 *               the rest in an indirect table (where INDIRECT_DESC is negotiated; else in the ring)
 *   bits 8-9    the indirect table's address: a multiple of 16, plus 0, 1, 2, 8; with 1 and 8 the descriptor that
 *               refers to it in a split ring has WRITE, too, which the device ignores
 *   bits 10-11  where the buffers are: 0 first free, 1 at the very end of region 1, 2 across the
 *               seam of regions 0 and 1, 3 in region 2, across 4 GiB or up to its end
 *   bit 12      justified to the right: the last byte is the last of its 64-byte block, so that
 *               the first is unaligned
 *   bit 13      an empty segment ahead of the data
 *   bit 14      segments in memory in the opposite order
 *   bit 15      data cut into uneven pieces (no multiples of 512)
 */
#ifndef RINGSIDE_DRIVER_H
#define RINGSIDE_DRIVER_H

#include "machine.h"

enum driver_shape {
	SHAPE_SEGS = 7,
	SHAPE_HEADER_SHIFT = 3,
	SHAPE_STATUS_JOINED = 1 << 5,
	SHAPE_TABLE_SHIFT = 6,
	SHAPE_ALIGN_SHIFT = 8,
	SHAPE_PLACE_SHIFT = 10,
	SHAPE_RIGHT = 1 << 12,
	SHAPE_EMPTY = 1 << 13,
	SHAPE_REVERSE = 1 << 14,
	SHAPE_UNEVEN = 1 << 15,
};

/*
 * How the next request is broken (programs hold the numbers: append only); `at` counts descriptors of the
 * chain, or ranges (modulo their number), value is what it says. Those before BREAK_ADDR change what the
 * request says, the others how it is laid out. In a packed ring `next` is the buffer id; FLAGS may also
 * invert AVAIL (0x80) and USED (0x8000), so that a list appears before all of it is there or with a wrong
 * wrap counter.
 */
enum driver_break {
	BREAK_NOTHING = 0,
	BREAK_TYPE = 1,      /* block: header.type = value */
	BREAK_SECTOR = 2,    /* block: header.sector = capacity + value */
	BREAK_SIZE = 3,      /* block: the data is one byte longer than a multiple of 512, and value more */
	BREAK_HEADER = 4,    /* only value % 16 bytes of header, and no data from the driver */
	BREAK_NO_STATUS = 5, /* no device-writable descriptor */
	BREAK_RANGES = 6,    /* block: value % 20 ranges in a discard or write-zeroes request */
	BREAK_RANGE_SECTOR = 7,  /* block: that range begins at value */
	BREAK_RANGE_LENGTH = 8,  /* block: that range is value sectors long */
	BREAK_RANGE_FLAGS = 9,   /* block: flags of that range = value */
	BREAK_EXTRA_READ = 10,   /* a device-readable descriptor where the request has none (entropy) */
	BREAK_ADDR = 11,         /* descriptor's address = value */
	BREAK_LEN = 12,          /* length = value */
	BREAK_FLAGS = 13,        /* flags ^= value, or WRITE where value is 0 */
	BREAK_NEXT = 14,         /* next = value, and NEXT is set */
	BREAK_LOOP = 15,         /* the last descriptor's next is the first; packed: NEXT is set on it */
	BREAK_TABLE_NEXT = 16,   /* the descriptor of the indirect table has NEXT set */
	BREAK_TABLE_LEN = 17,    /* its length = value */
	BREAK_TABLE_ADDR = 18,   /* its address = value */
	BREAK_TABLE_NESTED = 19, /* the descriptor `at` in the table is INDIRECT */
	BREAK_INDIRECT = 20,     /* INDIRECT is set on a descriptor in the ring, whatever was negotiated */
	BREAK_HEAD = 21,         /* the head published is size + value; packed: the id */
	BREAK_TWICE = 22,        /* the head is published twice; packed: its last descriptor, the id too */
	BREAK_JUMP =
		23, /* the available index goes size + 1 + value too far; packed: a list around the ring */
	BREAK_SEGMENTS = 24, /* a table of VQ_SEGS_MAX + 1 + value % 16 segments */
	BREAK_SILENT =
		25, /* nothing is broken: published, but the index stays; a later post publishes both */
	BREAK_COUNT
};

#define DRIVER_DATA_MAX 8192u /* bytes of one request; a larger len is taken modulo that */

/* Entries of a queue that is set up because a request needs it: what walks a whole ring should not take long.
 */
#define DRIVER_QUEUE_SIZE 32u

struct driver;

extern const struct driver_type driver_blk, driver_rng, driver_net, driver_console; /* driver_int.h */

struct driver *driver_create(struct sim_device *); /* NULL: no memory */
void driver_destroy(struct driver *);
void driver_restart(struct driver *); /* a new run */
/* The device was reset (or is another): nothing is negotiated, in flight or set up. */
void driver_forget(struct driver *);
void driver_forget_queue(struct driver *, uint16_t queue);

/* Resets, and accepts all that is offered but `without`. True: FEATURES_OK stayed. */
bool driver_negotiate(struct driver *, uint64_t without);
/*
 * Sets a queue up, packed where that is negotiated, disabling it first where it is in use. size: at most that
 * many entries, for a split ring a power of two of them; 0: the largest. Where that leaves some of them out, the
 * available ring stands at an address that is just even.
 */
bool driver_set_up(struct driver *, uint16_t queue, uint32_t size);
/* By its register, where RING_RESET is negotiated; the queue can be set up again at once. */
void driver_reset_queue(struct driver *, uint16_t queue);
/* A live split queue that was not used yet goes on from index n. False: it is no such queue. */
bool driver_wind(struct driver *, uint16_t queue, uint16_t n);
void driver_ok(struct driver *);
/* Sloppy: posts come before DRIVER_OK, which is left to the next driver_ok. */
void driver_early(struct driver *);
void driver_reset(struct driver *);

struct driver_request {
	uint32_t type, sector, len, shape;
};

/* Does first what is not done yet: reset where the device asks for it, negotiation, queue, DRIVER_OK. */
void driver_post(struct driver *, uint16_t queue, const struct driver_request *);
/* The next post is broken. */
void driver_break(struct driver *, uint32_t how, uint32_t at, uint64_t value);
/*
 * Raw descriptors (struct vring_desc) into the table from head on; head is published. Packed: descriptors
 * (struct vring_packed_desc) into the next slots; head is the id of the last. Their AVAIL and USED are what
 * they should be where they are 0 here, and the opposite where they are 1.
 */
void driver_chain(struct driver *, uint16_t queue, uint16_t head, const void *desc, uint32_t ndesc);
/*
 * Writes head into the available ring and moves the index by `advance`: 0 by one; up to the ring's size
 * modulo 8; more: a jump. Packed: what stands in the next slots (as many, modulo 8) becomes available, the
 * first one with head as its id.
 */
void driver_publish(struct driver *, uint16_t queue, uint16_t head, uint16_t advance);
/* Notifies where the device wants to hear of what was published since the last time. */
void driver_kick(struct driver *, uint16_t queue);
/* One more request, and a notification where that is wanted. False: there is no room for it. */
bool driver_feed(struct driver *, uint16_t queue, const struct driver_request *);
/* Takes what is used and acknowledges the interrupt. */
void driver_reap(struct driver *, uint16_t queue);
/* Split: the flag, or an event index; packed: enable or the event at the next entry, disable, the event. */
enum driver_wish { WISH_ALL, WISH_NONE, WISH_AHEAD };
void driver_wish(struct driver *, uint16_t queue, enum driver_wish, uint16_t ahead);
/* What driver and device have to tell each other beside the requests goes on. False: all is said. */
bool driver_converse(struct driver *);
/* A console's: buffers for messages are posted, and all that the driver had to say was taken. */
bool driver_listens(const struct driver *);
bool driver_is_told(const struct driver *); /* a break waits for the next post */
bool driver_is_live(const struct driver *); /* DRIVER_OK was written */
/* A post on this queue needs no register first: all is negotiated, set up and live. */
bool driver_is_ready(const struct driver *, uint16_t queue);
bool driver_is_up(const struct driver *, uint16_t queue);

#endif
