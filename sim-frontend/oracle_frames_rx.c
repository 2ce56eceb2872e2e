// SPDX-License-Identifier: BSD-2-Clause
/* What the driver finds in its receive buffers, held against what the backend gave. */
#include "oracle_frames_int.h"

/* Up to n bytes of a buffer, from `at` on; fewer: in pieces. NULL: there are none. */
static const uint8_t *bytes_at(const struct frames *f, const struct frames_slot *s, uint32_t at, uint32_t *n)
{
	for (uint16_t i = 0; i < s->npieces; i++) {
		if (at >= s->piece[i].len) {
			at -= s->piece[i].len;
			continue;
		}
		if (*n > s->piece[i].len - at)
			*n = s->piece[i].len - at;
		return ram_at(f->ram, gpa_add(s->piece[i].at, at), n);
	}
	return NULL;
}

static bool copy_out(const struct frames *f, const struct frames_slot *s, uint8_t *out, uint32_t n)
{
	for (uint32_t at = 0, part; at < n; at += part) {
		part = n - at;
		const uint8_t *p = bytes_at(f, s, at, &part);
		if (!p)
			return false;
		memcpy(out + at, p, part);
	}
	return true;
}

/* What differs from the header that the backend gave, where that says something. */
bool frames_header_says(const struct net_header *h, const struct net_header *given)
{
	uint8_t csum = given->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, type = given->gso_type & 0x7f;
	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != csum || (type && h->gso_type != given->gso_type) ||
	    (!type && h->gso_type))
		return false;
	return (!csum || (h->csum_start == given->csum_start && h->csum_offset == given->csum_offset)) &&
	       (!type || h->gso_size == given->gso_size);
}

static const char *wrong_header(const struct frames *f, const struct virtio_net_hdr_v1 *v,
				const struct frames_given *g, const char **clause)
{
	struct net_header h;
	memcpy(&h, v, sizeof(h));
	*clause = f->filter.usable >> VIRTIO_NET_F_MRG_RXBUF & 1 ? "net.rx.2" : "net.rx.1";
	if (!v->num_buffers || v->num_buffers > MERGED_MAX ||
	    (!(f->filter.usable >> VIRTIO_NET_F_MRG_RXBUF & 1) && v->num_buffers != 1))
		return "num_buffers is wrong";
	*clause = "net.rx.5";
	if (h.flags && !(f->filter.usable >> VIRTIO_NET_F_GUEST_CSUM & 1))
		return "flags are set without GUEST_CSUM";
	*clause = "net.rx.24";
	if (h.flags & ~(VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
		return "flags are set that mean nothing";
	*clause = h.gso_type ? "net.rx.21" : "";
	return frames_header_says(&h, &g->f.frame.header) ? NULL : "it does not say what the backend said";
}

/* The first buffer of a frame. False: it is not followed any more. */
static bool begin_frame(struct frames *f, struct frames_rx *x, const struct frames_slot *s, uint32_t len)
{
	struct virtio_net_hdr_v1 v;
	const char *clause, *wrong;
	if (!x->ngiven || !x->given[x->head].done) {
		CRY(f, "", "queue %u: a buffer of %u bytes was used, and no frame was given", s->queue, len);
		return false;
	}
	if (len < HEADER_LEN || !copy_out(f, s, (uint8_t *)&v, HEADER_LEN)) {
		CRY(f, "", "queue %u: a frame begins in a buffer of %u bytes", s->queue, len);
		return false;
	}
	wrong = wrong_header(f, &v, &x->given[x->head], &clause);
	if (wrong)
		CRY(f, clause,
		    "queue %u: the header of a received frame (flags 0x%x, gso_type 0x%x, num_buffers %u): "
		    "%s",
		    s->queue, v.flags, v.gso_type, v.num_buffers, wrong);
	x->left = v.num_buffers;
	x->at = 0;
	return !wrong;
}

static bool bytes_follow(struct frames *f, struct frames_rx *x, const struct frames_slot *s, uint32_t skip,
			 uint32_t len)
{
	const struct frames_frame *g = &x->given[x->head].f;
	for (uint32_t part; skip < len; skip += part, x->at += part) {
		part = len - skip;
		const uint8_t *p = bytes_at(f, s, skip, &part);
		if (!p || x->at + part > g->frame.len || !frames_is(g, x->at, p, part)) {
			CRY(f, "",
			    "queue %u: bytes from %u on of a received frame of %u bytes are not the frame's",
			    s->queue, x->at, g->frame.len);
			return false;
		}
	}
	return true;
}

static void end_frame(struct frames *f, struct frames_rx *x, const struct frames_slot *s)
{
	uint32_t len = x->given[x->head].f.frame.len;
	if (x->at != len) {
		CRY(f, "net.rx.2", "queue %u: of a received frame of %u bytes there are %u", s->queue, len,
		    x->at);
		x->lost = true;
	}
	x->head = (x->head + 1) % FRAMES_GIVEN_MAX;
	x->ngiven--;
}

/* All buffers but a frame's last are filled (net.rx.3). One that comes back empty ahead of a frame is none of it. */
void frames_receive(struct frames *f, const struct frames_slot *s, uint32_t len)
{
	struct frames_rx *x = &f->rx[s->queue / 2];
	bool first = x->left == 0;
	if (x->lost || (first && !len))
		return;
	if (first && !begin_frame(f, x, s, len)) {
		x->lost = true;
		return;
	}
	x->left--;
	if (x->left && len != s->len)
		CRY(f, "net.rx.3",
		    "queue %u: %u of a buffer of %u bytes were used, and the frame goes on in another",
		    s->queue, len, s->len);
	if (!bytes_follow(f, x, s, first ? HEADER_LEN : 0, len))
		x->lost = true;
	else if (!x->left)
		end_frame(f, x, s);
}
