// SPDX-License-Identifier: BSD-2-Clause
/*
 * net: the virtio network device (virtio 1.4, 5.1): receive and transmit queue pairs and, where CTRL_VQ is
 * offered, a control queue.
 *
 * Payload is never touched here: buffers are lent to a backend, and offloads (checksums, segmentation) travel
 * in the header that goes with each frame. What the backend can not do (`can`) is not offered.
 *
 * Transmission: a chain becomes one NET_IO_TX, which the backend may keep as long as it likes (that is the
 * back-pressure: at most NET_INFLIGHT_MAX are out, then the queue waits for a completion).
 *
 * Reception: the backend has a frame and asks net_receive for buffers. It gets them lent as one NET_IO_RX,
 * nested in that call, fills them and completes. Where none are posted the answer is NET_LATER: the frame
 * waits at the backend, whose `wake` is called once the driver has posted more. Nobody polls.
 *
 * A frontend makes a backend, embeds struct net, calls net_init, and then net_io_done for every request that
 * was submitted, from inside of submit or drain or later, and net_publish after a batch of later ones.
 */
#ifndef RINGSIDE_NET_H
#define RINGSIDE_NET_H

#include <linux/virtio_net.h>

#include "vdev.h"

#define NET_PAIRS_MAX    7 /* of queues; queue 2n receives, 2n + 1 transmits, the control queue is the last */
#define NET_QUEUE_SIZE   256
#define NET_CTRL_SIZE    64
#define NET_INFLIGHT_MAX 256 /* requests at the backend, all queues together */
#define NET_TX_MAX       192 /* of them transmissions, so that a backend which sends nothing can still receive */
#define NET_RX_MAX       (NET_INFLIGHT_MAX - NET_TX_MAX) /* receptions: one that keeps them all can still send */
/* Bytes of one frame without its virtio header: a segment of 64 KiB with an Ethernet header, and a VLAN tag. */
#define NET_FRAME_MAX   65554u
#define NET_HEAD_MAX    18u /* bytes of a frame that filters look at: addresses, VLAN tag */
#define NET_BUFFERS_MAX 64  /* that one frame may be merged from; one that needs more is dropped */
#define NET_MACS_MAX    64  /* of each of the two filter tables; more: everything of that kind passes */
#define NET_SPANS_MAX   (VQ_SEGS_MAX + VMEM_REGIONS_MAX)

/* What a backend is asked to do; the order is part of the trace format. */
enum net_io_type { NET_IO_TX, NET_IO_RX };

/* How it ends. A failed transmission is a frame lost on the wire: the driver is not told. A failed reception
 * gives the buffers back unused, or empty. */
enum net_result { NET_DONE, NET_FAILED, NET_RESULTS };

/* The header without num_buffers, which is not the backend's business; little-endian as on the wire. */
struct net_header {
	uint8_t flags, gso_type; /* VIRTIO_NET_HDR_* */
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

struct net_io {
	uint16_t id;              /* 0 .. NET_INFLIGHT_MAX-1, unique among requests in flight */
	uint8_t type;             /* enum net_io_type */
	uint16_t pair;            /* of queues, one in use; what comes from others goes as of pair 0 */
	uint32_t len;             /* bytes of the frame, the sum of all spans */
	struct net_header header; /* TX: only what was negotiated; RX: as it was given to net_receive */
	uint16_t nspans;
	struct vspan span[NET_SPANS_MAX]; /* TX: to be sent; RX: to be filled, all of them */
};

/* What the driver has set, for backends that act on it; complete each time. */
struct net_tuning {
	uint16_t pairs;    /* in use, 1 .. */
	uint32_t offloads; /* enum net_can: what the driver takes in received frames by now */
	bool announced;    /* the driver has acknowledged the latest net_announce */
};

/* Offloads of a backend. TX: it takes such frames; RX: it may deliver such frames. */
enum net_can {
	NET_CAN_TX_CSUM = 1,
	NET_CAN_TX_TSO4 = 2,
	NET_CAN_TX_TSO6 = 4,
	NET_CAN_TX_ECN = 8,
	NET_CAN_TX_USO = 16,
	NET_CAN_RX_CSUM = 32,
	NET_CAN_RX_TSO4 = 64,
	NET_CAN_RX_TSO6 = 128,
	NET_CAN_RX_ECN = 256,
	NET_CAN_RX_USO4 = 512,
	NET_CAN_RX_USO6 = 1024,
};

struct net_backend {
	void (*submit)(void *ctx, struct net_io *);
	void (*drain)(void *ctx); /* returns when every submitted request has been answered by net_io_done */
	void (*wake)(void *ctx,
		     uint16_t pair); /* after NET_LATER: try that pair again, soon but not from inside */
	void (*tune)(void *ctx, const struct net_tuning *); /* at DRIVER_OK, and when the driver changed it */
	uint32_t can;                                       /* enum net_can */
	void *ctx;
};

struct net_options {
	uint8_t mac[6];      /* all zero: MAC is not offered */
	uint16_t mtu;        /* bytes; 0: MTU is not offered */
	uint16_t pairs;      /* 1 .. NET_PAIRS_MAX; above 1 offers MQ */
	uint16_t queue_size; /* 0: NET_QUEUE_SIZE */
	uint32_t speed_mbit; /* SPEED_DUPLEX; 0: not offered */
	uint64_t without;    /* feature bits not to offer (and none that need them) */
};

/* A frame that has arrived. head: its first bytes, all of it where it is shorter. */
struct net_frame {
	struct net_header
		header; /* offloads that the driver did not accept: the backend's mistake, dropped */
	uint32_t len;   /* bytes, 14 .. NET_FRAME_MAX */
	uint8_t head[NET_HEAD_MAX];
};

enum net_answer {
	NET_TAKEN,   /* lent out as a NET_IO_RX, which may be done already */
	NET_LATER,   /* not enough buffers, or no driver yet: keep it; wake comes */
	NET_DROPPED, /* filtered, too long for the driver, link down: forget it */
};

/* A request in flight: what the backend sees, and what is needed to answer. */
struct net_req {
	struct net_io io;
	gpa_t span_gpa[NET_SPANS_MAX];
	uint16_t queue;
	uint64_t nr;    /* among all requests of the device, in their order */
	uint16_t ntoks; /* RX: buffers, in the order of the frame's bytes */
	struct vq_tok tok[NET_BUFFERS_MAX];
	uint32_t used[NET_BUFFERS_MAX]; /* bytes of each, the header included */
};

/* One of the two tables that the driver sets; all: it was too long. */
struct net_macs {
	uint16_t n;
	bool all;
	uint8_t mac[NET_MACS_MAX][6];
};

/* Which frames the driver wants (5.1.6.5.1, .2, .3). */
struct net_filter {
	uint8_t mac[6];
	bool mac_known; /* the driver knows that this is its address, or has set it */
	uint8_t modes;  /* bit per VIRTIO_NET_CTRL_RX_* that is on */
	struct net_macs unicast, multicast;
	uint64_t vlan[4096 / 64]; /* bit per tag that passes */
};

struct net {
	struct vdev vdev; /* first: a struct vdev * of this type is a struct net * */
	struct net_backend backend;
	struct net_options options;
	uint64_t usable;   /* accepted features whose requirements were accepted too; 0 before DRIVER_OK */
	uint64_t offloads; /* those of received frames (VIRTIO_NET_F_GUEST_*) that are on */
	uint16_t pairs;    /* in use */
	uint16_t control;  /* the control queue; 0: none */
	bool unplugged, announce, announced;
	bool loaded, link_before;   /* not resumed yet; `unplugged` as it was before */
	uint32_t own_waiting;       /* and the pairs for which our backend waited */
	uint32_t inflight, sending; /* requests at the backend or unsent, and those of them to be sent */
	uint32_t nunsent;           /* requests that were loaded, and are not lent nor at the backend yet */
	uint32_t staged;            /* bit per queue: has completions to publish */
	uint32_t stalled;           /* bit per transmit queue: waits for a completion */
	uint32_t waiting;           /* bit per pair: the backend has a frame, and waits for buffers */
	uint32_t starved;           /* bit per pair: the same, and it waits for a completion */
	uint32_t armed; /* bit per pair: the kick of its receive queue was asked for last at armed_at */
	vq_pos armed_at[NET_PAIRS_MAX];
	bool freed;        /* a completion made room since stalled and starved ones were last woken */
	uint64_t nsubmits; /* requests, in the device's life */
	struct net_filter filter;
	uint64_t unsent[NET_INFLIGHT_MAX / 64]; /* bit per slot */
	uint64_t busy[NET_INFLIGHT_MAX / 64];   /* bit per slot */
	struct net_req req[NET_INFLIGHT_MAX];   /* not initialised where not busy */
};

/* The backend's table is copied. Options are the host's own and must be right. */
void net_init(struct net *, struct vmem *, const struct host *, void *host_ctx, const struct net_backend *,
	      const struct net_options *);
/* RX: bytes is io->len where the result is NET_DONE. */
void net_io_done(struct net *, struct net_io *, enum net_result);
/* After a batch of net_io_done outside of submit: publishes used entries, interrupts, wakes stalled queues. */
void net_publish(struct net *);
/* A frame has arrived for a pair of queues (one that is not in use: the device takes another). Publishes. */
enum net_answer net_receive(struct net *, uint16_t pair, const struct net_frame *);
/* The cable: STATUS with its configuration interrupt; while it is out nothing is received or sent. */
void net_set_link(struct net *, bool up);
/* Asks the driver to announce itself (GUEST_ANNOUNCE), after a migration or a new link. */
void net_announce(struct net *);

#endif
