// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_frames: the network device's part of the content oracle: what is sent is what the backend gets, and what
 * the backend gives is what the driver finds.
 *
 *   sent       each frame at most once, whole, in the order of its queue, with the offloads that its header
 *              asked for and no others; a frame with a good header is used only after it was sent (but with
 *              the cable out, or where the host could not lend it)
 *   received   in the order in which the backend completed them (in that of the buffers, with IN_ORDER), whole,
 *              none twice and none lost; num_buffers is how many there are; of the header only what was
 *              negotiated
 *   filters    what the driver does not want does not come, and what it wants is not dropped ahead of a look at
 *              the ring; by a model of what the control commands have set (oracle_filter.h)
 *
 * Every byte of a frame follows from its number, so nothing is kept to compare with. A guest that changes memory
 * behind the driver's back is not followed.
 *
 * Legal, though odd: failed receptions, whose buffers come back empty; buffers that can hold no frame, likewise;
 * frames dropped for want of buffers that are large enough; a header's hints.
 */
#ifndef RINGSIDE_ORACLE_FRAMES_H
#define RINGSIDE_ORACLE_FRAMES_H

#include "devices/net.h"
#include "oracle.h"
#include "oracle_content.h"
#include "oracle_filter.h"
#include "ram.h"

#define FRAMES_SLOTS_MAX  2048 /* chains that the driver has posted, all queues; 0 is none */
#define FRAMES_PIECES_MAX 12
#define FRAMES_GIVEN_MAX  256 /* of a pair, on their way to the driver */
#define FRAMES_QUEUES     (2 * NET_PAIRS_MAX + 1)
#define FRAMES_ROOM_MAX   256 /* buffers that a queue can have posted */

enum frames_kind { FRAMES_OTHER, FRAMES_SEND, FRAMES_ROOM, FRAMES_COMMAND };

/* A chain on its way, as the driver made it. */
struct frames_request {
	enum frames_kind kind;
	uint16_t queue;
	const uint8_t *bytes; /* of a frame its header; of a command all of it */
	uint32_t bytes_len;
	uint32_t data_len;                 /* readable bytes beyond those */
	const struct content_piece *piece; /* readable ones first */
	uint32_t nread, npieces;
	struct filter_command command;
};

struct frames_slot {
	uint8_t kind; /* enum frames_kind */
	bool good;    /* SEND: nothing is wrong with it */
	bool sent;
	uint16_t queue;
	uint32_t era; /* 0: not judged */
	uint32_t len; /* SEND: of the frame; ROOM: of the buffer */
	uint32_t nrefused, nlinks;
	uint64_t serial;
	struct net_header header; /* SEND */
	struct filter_command command;
	gpa_t ack;
	uint16_t npieces; /* ROOM */
	struct content_piece piece[FRAMES_PIECES_MAX];
};

/* A frame that the backend gives. */
struct frames_frame {
	uint64_t serial;
	struct net_frame frame;
};

struct frames_given {
	bool done; /* IN_ORDER: else it is not there yet */
	struct frames_frame f;
};

/* One receive queue: what the driver has to find there, and what it has found of the next frame. */
struct frames_rx {
	uint32_t head, ngiven; /* of given[], round and round */
	struct frames_given given[FRAMES_GIVEN_MAX];
	uint32_t left, at;              /* buffers to come; bytes found */
	bool lost;                      /* not followed until the queue begins anew */
	uint32_t nposted;               /* buffers since then */
	uint32_t room[FRAMES_ROOM_MAX]; /* their lengths, round and round */
};

struct frames {
	struct oracle *oracle;
	struct ram *ram;
	const struct vdev *vdev;
	bool trusted;
	bool unsure;  /* since the latest reset it was not trusted at times: frames may be of then */
	bool settled; /* DRIVER_OK was seen */
	uint32_t era;
	uint32_t nrefused;            /* how often the host could not lend */
	uint32_t nlinks;              /* how often the link changed */
	uint64_t serial;              /* of frames sent */
	uint64_t last[FRAMES_QUEUES]; /* sent */
	struct filter filter;
	struct frames_rx rx[NET_PAIRS_MAX];
	uint16_t nfree, fresh;
	uint16_t free[FRAMES_SLOTS_MAX];
	struct frames_slot slot[FRAMES_SLOTS_MAX];
};

/* The memory is zeroed. */
void frames_init(struct frames *, struct oracle *, struct ram *, const struct vdev *);
void frames_restart(struct frames *, const struct net_options *); /* a fresh device */
void frames_distrust(struct frames *);
void frames_trust(struct frames *);
/* A register write is over: DRIVER_OK, resets, queues that are not ready any more. */
void frames_write_ends(struct frames *, uint64_t off);

/* -- the driver ------------------------------------------------------------------------------------------ */
/* Returns a number for the calls below; 0: none. */
uint16_t frames_posted(struct frames *, const struct frames_request *);
/* Bytes of a frame that is sent, from `off` on. */
void frames_fill(struct frames *, uint16_t slot, gpa_t, uint32_t off, uint32_t n);
void frames_answered(struct frames *, uint16_t slot, uint32_t used_len);
void frames_dropped(struct frames *, uint16_t slot); /* a reset came first */

/* -- the backend ----------------------------------------------------------------------------------------- */
/* n bytes of a frame that the backend gives, from `off` on. */
void frames_make(const struct frames_frame *, uint32_t off, uint8_t *, uint32_t n);
/* A request reaches the backend. */
void frames_sent(struct frames *, const struct net_io *);
void frames_asked(struct frames *, const struct net_io *, const struct frames_frame *);
/* A reception ends; wanted: the device still has the buffers. */
void frames_given(struct frames *, const struct net_io *, const struct frames_frame *, bool ok, bool wanted);
/* What the device said to a frame for a pair; looked: it took some buffer for that. */
void frames_answer(struct frames *, uint16_t pair, const struct net_frame *, enum net_answer, bool looked);
/* The device has stored a status byte. */
void frames_acked(struct frames *, gpa_t, uint8_t status);
void frames_link(struct frames *, bool up);
/* The host asks for an announcement: true where the driver must hear of that. */
bool frames_announce(struct frames *);
/* The backend is told what the driver has set. */
void frames_told(struct frames *, const struct net_tuning *);

/* Enough buffers are available for a frame that waits for this pair. */
bool frames_room(const struct frames *, uint16_t pair, uint32_t len);
/* Nothing is under way, and the driver has looked: all that was given has arrived. */
void frames_quiet(struct frames *);

#endif
