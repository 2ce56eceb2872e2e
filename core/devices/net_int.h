// SPDX-License-Identifier: BSD-2-Clause
/*
 * net_int: inside the network device, for net*.c only.
 *
 *   net.c         one device: features, configuration, requests in flight, completion, reset
 *   net_header.c  the header that goes with a frame: is that what was negotiated?
 *   net_tx.c      transmission     net_rx.c  reception
 *   net_ctrl.c    the control queue     net_filter.c  which frames the driver wants
 *   net_state.c   saving and loading
 */
#ifndef RINGSIDE_NET_INT_H
#define RINGSIDE_NET_INT_H

#include "devices/net.h"

#define NET_BIT(feature) (1ull << VIRTIO_NET_F_##feature)
#define NET_HEADER_LEN   12u /* struct virtio_net_hdr_v1: always, as VERSION_1 is */
#define NET_ETH_LEN      14u /* addresses and type */
#define NET_VLAN_LEN     4u

_Static_assert(sizeof(struct virtio_net_hdr_v1) == NET_HEADER_LEN && sizeof(struct net_header) == 10,
	       "wire structs");

/* Offloads that the driver may switch in received frames; bits of features and of the command are the same. */
#define NET_GUEST_OFFLOADS                                                                      \
	(NET_BIT(GUEST_CSUM) | NET_BIT(GUEST_TSO4) | NET_BIT(GUEST_TSO6) | NET_BIT(GUEST_ECN) | \
	 NET_BIT(GUEST_USO4) | NET_BIT(GUEST_USO6))

static inline struct net *net_of(struct vdev *d)
{
	return (struct net *)(void *)d;
}

static inline bool net_can_use(const struct net *n, uint64_t feature_bit)
{
	return n->usable & feature_bit;
}

static inline uint16_t net_rx_queue(uint16_t pair)
{
	return (uint16_t)(2 * pair);
}

/* -- features (net.c): those of a set whose requirements are in it too (feat.1, 5.1.3.1) ---------------- */
uint64_t net_consistent(uint64_t features);
/* What follows from what the driver has accepted, up to what it may set later. */
void net_settle(struct net *);
/* Tells the backend what the driver has set. */
void net_tune(struct net *);

/* -- requests in flight (net.c) -------------------------------------------------------------------------- */
/*
 * A free slot with no spans, or NULL: the lowest, so that a device which is never deep in flight touches
 * little memory. Whoever does not submit it drops it.
 */
static inline struct net_req *net_slot_get(struct net *n, enum net_io_type type)
{
	uint32_t word = 0;
	while (n->busy[word] == UINT64_MAX)
		if (++word == NET_INFLIGHT_MAX / 64)
			return NULL;
	uint32_t id = 64 * word + (uint32_t)__builtin_ctzll(~n->busy[word]);
	struct net_req *r = &n->req[id];
	n->busy[word] |= 1ull << (id % 64);
	r->io.id = (uint16_t)id;
	r->io.type = (uint8_t)type;
	r->io.nspans = r->ntoks = 0;
	return r;
}

void net_slot_drop(struct net *, struct net_req *);
/*
 * Lends one range behind what is lent already: for VMEM_LOAD where the request is a transmission, VMEM_STORE
 * where it is a reception. False: not now, or more pieces than fit.
 */
static inline bool net_pin_range(struct net *n, struct net_req *r, enum vmem_kind kind, gpa_t at,
				 uint32_t len)
{
	for (uint32_t got; len; len -= got, at = gpa_add(at, got)) {
		uint16_t i = r->io.nspans;
		if (i == NET_SPANS_MAX)
			return false;
		r->span_gpa[i] = at;
		got = vmem_pin(n->vdev.mem, kind, at, len, &r->io.span[i]);
		if (!got)
			return false;
		r->io.nspans++;
	}
	return true;
}

bool net_pin_pieces(struct net *, struct net_req *, enum vmem_kind, struct vq_cursor *, uint32_t len);
/* The same for the next len bytes under the cursor, which has so many. */
static inline bool net_pin(struct net *n, struct net_req *r, enum vmem_kind kind, struct vq_cursor *cur,
			   uint32_t len)
{
	if (cur->seg < cur->end && len <= cur->seg->len - cur->off) /* nearly always all in one */
		return net_pin_range(n, r, kind, gpa_add(cur->seg->addr, cur->off), len);
	return net_pin_pieces(n, r, kind, cur, len);
}

/* No pin can have failed because of others: "later" would be never. */
static inline bool net_idle(const struct net *n)
{
	return n->inflight == n->nunsent;
}
void net_slot_put(struct net *, const struct net_req *); /* its spans are nobody's */
void net_submit(struct net *, struct net_req *);
/* Stages a used entry. */
static inline void net_answer_chain(struct net *n, uint16_t queue, struct vq_tok tok, uint32_t written)
{
	vdev_complete(&n->vdev, queue, tok, written);
	n->staged |= 1u << queue;
}

/* -- headers (net_header.c) ------------------------------------------------------------------------------ */
/* Whose offloads: of frames that the driver sends, or that it receives. */
enum net_way { NET_SENT, NET_RECEIVED };
/*
 * The header of a frame of len bytes: NONE where all that it asks for is among `have` (feature bits) and makes
 * sense. What it says beyond that, as hints or in fields that mean nothing then, is cleared.
 */
enum offence net_check_offloads(struct net_header *, uint32_t len, uint64_t have, enum net_way);

static inline enum offence net_check_header(struct net_header *h, uint32_t len, uint64_t have,
					    enum net_way way)
{
	if (h->flags | h->gso_type)
		return net_check_offloads(h, len, have, way);
	*h = (struct net_header){0};
	return OFFENCE_NONE;
}

/* -- the queues ------------------------------------------------------------------------------------------ */
bool net_start_tx(struct vdev *, uint16_t queue, const struct vq_chain *);
bool net_start_ctrl(struct vdev *, uint16_t queue, const struct vq_chain *);
/* The driver has posted receive buffers. */
void net_kick_rx(struct net *, uint16_t pair);
/* What the backend was told may have changed: it tries again all that waits. */
void net_wake_all(struct net *);
void net_wake_pairs(struct net *, uint32_t pairs);

/* -- frames: the first bytes of one that has arrived ----------------------------------------------------- */
#define NET_TYPE_AT 12u
#define NET_TAG_AT  14u

static inline bool net_frame_tagged(const struct net_frame *f)
{
	return f->head[NET_TYPE_AT] == 0x81 && f->head[NET_TYPE_AT + 1] == 0 &&
	       f->len >= NET_ETH_LEN + NET_VLAN_LEN;
}

/* -- filters (net_filter.c) ------------------------------------------------------------------------------ */
void net_filter_reset(struct net *);
bool net_filter_passes(const struct net *, const struct net_frame *);
uint64_t net_filter_hash(const struct net_filter *, uint64_t h);

/* -- saving (net_state.c) -------------------------------------------------------------------------------- */
void net_save(const struct vdev *, struct state_out *);
void net_load(struct vdev *, struct state_in *);
void net_resume(struct vdev *);
/* Lends and submits what was loaded and is not at the backend yet, oldest first, as far as there is room. */
void net_send_unsent(struct net *);
void net_tell_room(struct net *); /* a completion has made room: whoever found none is woken */
/* Bit of the queue that the oldest of them is of, or 0. */
uint32_t net_unsent_queue(const struct net *);
/* Of these queues (bit each): they will not be submitted any more, nor answered. */
void net_forget_unsent(struct net *, uint32_t queues);

#endif
