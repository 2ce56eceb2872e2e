// SPDX-License-Identifier: BSD-2-Clause
/*
 * The model driver of a console: what its requests say, and its half of the control protocol. The queue decides
 * which a request is:
 *   receive    a buffer of len bytes (0: 64)
 *   transmit   len bytes (0: 64) of the port's output
 *   control    receive: a buffer, of 64 bytes unless told otherwise; transmit: a message: type 0 PORT_OPEN,
 *              1 PORT_READY, 2 DEVICE_READY, above them the event's number; sector is the port, and an odd len
 *              makes its value 0. Of ports that it was never told of a driver says nothing.
 * Some breaks mean other things here: TYPE: the message's event; SECTOR: its port, from max_nr_ports on.
 *
 * With MULTIPORT it posts control buffers and says DEVICE_READY ahead of its first request, answers what it is told
 * (a port that is added it takes and opens), and gives control buffers back at once.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "driver_int.h"
#include "sim_console.h"

#define CTRL_RX      2
#define CTRL_TX      3
#define CTRL_BUFFERS 4u /* that it posts at first */
#define DEFAULT_LEN  64u

/* What a type number of a program says on the control queue. */
enum { SAY_OPEN, SAY_READY, SAY_DEVICE_READY, SAYS };
static const uint16_t events[SAYS] = {VIRTIO_CONSOLE_PORT_OPEN, VIRTIO_CONSOLE_PORT_READY,
				      VIRTIO_CONSOLE_DEVICE_READY};

static bool multiport(const struct driver *g)
{
	return driver_has(g, VIRTIO_CONSOLE_F_MULTIPORT);
}

static struct control *control_of(const struct driver *g)
{
	return &g->device->judges->control;
}

static uint16_t nports(const struct driver *g)
{
	return sim_console_options(g->device)->nports;
}

/* Whose bytes the queue carries. */
static uint8_t stream_of(const struct driver *g, uint16_t queue)
{
	uint16_t port = (uint16_t)(queue < CTRL_RX ? 0 : queue / 2 - 1);
	bool used = queue < CTRL_RX || (queue > CTRL_TX && multiport(g) && port < nports(g));
	return used ? (uint8_t)port : STREAM_NONE;
}

/* -- requests -------------------------------------------------------------------------------------------- */

/* Ports that it was told of: others it says nothing about, unless it is to break the rules. */
static bool may_say(const struct driver *g, uint16_t event, uint32_t id)
{
	bool any = event == VIRTIO_CONSOLE_DEVICE_READY || g->how;
	return any || (id < CONSOLE_PORTS_MAX && g->console.known >> id & 1);
}

static bool say_message(struct driver *g, struct plan *p, const struct driver_request *q)
{
	uint16_t event = q->type < SAYS ? events[q->type] : (uint16_t)q->type;
	struct virtio_console_control m = {q->sector % nports(g), event, !(q->len & 1)};
	if (!may_say(g, m.event, m.id))
		return false;
	if (g->how == BREAK_TYPE)
		m.event = (uint16_t)g->value;
	else if (g->how == BREAK_SECTOR)
		m.id = nports(g) + (uint32_t)g->value;
	memcpy(p->bytes, &m, sizeof(m));
	p->bytes_len = sizeof(m);
	return true;
}

static bool say(struct driver *g, struct plan *p, uint16_t queue, const struct driver_request *q,
		struct wording *c)
{
	uint32_t n = q->len ? 1 + (q->len - 1) % DRIVER_DATA_MAX : DEFAULT_LEN;
	bool extra = g->how == BREAK_EXTRA_READ;
	if (queue == CTRL_TX && multiport(g))
		return say_message(g, p, q);
	if (queue & 1) {
		c->read_data = n;
		c->write_data = extra ? 8 : 0;
	} else {
		c->write_data = n;
		memset(p->bytes, 0, 8);
		p->bytes_len = extra ? 8 : 0;
	}
	return true;
}

/* -- what the oracles must know of it -------------------------------------------------------------------- */

static void sends_message(struct driver *g, const struct plan *p)
{
	struct virtio_console_control m;
	bool broken = g->how >= BREAK_ADDR && g->how != BREAK_SILENT;
	if (p->bytes_len < sizeof(m) || broken)
		return;
	memcpy(&m, p->bytes, sizeof(m));
	control_says(control_of(g), &m);
}

static void sends_output(struct driver *g, const struct plan *p, uint16_t queue, uint8_t port)
{
	struct stream *s = &g->device->judges->stream;
	bool there = sim_console_options(g->device)->port[port].there;
	bool idle = g->queue[queue].nposted == 0;
	stream_begin(s, port, there && !p->bytes_len, idle);
}

static uint16_t posted(struct driver *g, uint16_t queue, const struct plan *p)
{
	uint8_t port = stream_of(g, queue);
	if (queue == CTRL_TX && multiport(g))
		sends_message(g, p);
	else if (queue & 1 && port != STREAM_NONE)
		sends_output(g, p, queue, port);
	return stream_posted(&g->device->judges->stream, queue, port, p->piece + p->nread,
			     p->npieces - p->nread);
}

static void fill(struct driver *g, uint16_t content, gpa_t a, uint32_t off, uint32_t n)
{
	struct stream *s = &g->device->judges->stream;
	(void)off;
	if (s->slot[content].port != STREAM_NONE)
		stream_send(s, s->slot[content].port, a, n);
}

/* -- the control protocol -------------------------------------------------------------------------------- */

static bool due(const struct driver *g)
{
	return multiport(g) && !g->console.begun;
}

static bool has_room(const struct driver *g, uint16_t queue)
{
	const struct driver_queue *q = &g->queue[queue];
	return q->up && q->room && q->nposted < q->size;
}

static bool tell(struct driver *g, uint32_t type, uint32_t id)
{
	const struct driver_request r = {.type = type, .sector = id};
	uint32_t before = g->queue[CTRL_TX].nposted;
	if (has_room(g, CTRL_TX))
		driver_post_plain(g, CTRL_TX, &r);
	bool said = g->queue[CTRL_TX].nposted != before;
	g->console.turns += said;
	return said;
}

/* What it could not say before, for want of room. */
static void catch_up(struct driver *g)
{
	struct driver_console *c = &g->console;
	uint32_t before = c->turns;
	for (uint32_t i = 0; i < CONSOLE_PORTS_MAX; i++) {
		uint8_t bit = (uint8_t)(1u << i);
		if (c->owes_ready & bit && tell(g, SAY_READY, i))
			c->owes_ready &= (uint8_t)~bit;
		if (c->owes_open & ~c->owes_ready & bit && tell(g, SAY_OPEN, i))
			c->owes_open &= (uint8_t)~bit;
	}
	if (c->turns != before)
		driver_kick(g, CTRL_TX);
}

/* As many buffers as it took, or owes from before. */
static void give_room(struct driver *g)
{
	static const struct driver_request room;
	uint32_t owed = g->console.spent, before;
	if (!owed)
		return;
	for (before = UINT32_MAX; g->console.spent && has_room(g, CTRL_RX) && before != g->console.spent;) {
		uint32_t nposted = g->queue[CTRL_RX].nposted;
		before = g->console.spent;
		driver_post_plain(g, CTRL_RX, &room);
		g->console.spent -= g->queue[CTRL_RX].nposted - nposted;
	}
	if (g->console.spent == owed)
		return;
	g->console.turns++; /* what waits for room comes now */
	driver_kick(g, CTRL_RX);
}

static void begin(struct driver *g)
{
	if (!due(g) || !g->live)
		return;
	g->console.begun = true;
	for (uint16_t q = CTRL_RX; q <= CTRL_TX; q++)
		if (!g->queue[q].up && !driver_set_up(g, q, DRIVER_QUEUE_SIZE))
			return;
	g->console.spent = CTRL_BUFFERS;
	give_room(g);
	if (tell(g, SAY_DEVICE_READY, 0))
		driver_kick(g, CTRL_TX);
	for (int round = 0; round < 4; round++) { /* mostly all is said and heard then */
		driver_reap(g, CTRL_TX);
		driver_reap(g, CTRL_RX);
	}
}

static void hear(struct driver *g, const struct virtio_console_control *m)
{
	struct driver_console *c = &g->console;
	uint8_t bit = (uint8_t)(m->id < CONSOLE_PORTS_MAX ? 1u << m->id : 0);
	if (m->event == VIRTIO_CONSOLE_PORT_ADD) {
		c->known |= bit;
		c->owes_ready |= bit;
		c->owes_open |= bit;
	} else if (m->event == VIRTIO_CONSOLE_PORT_REMOVE) {
		c->known &= (uint8_t)~bit;
		c->owes_ready &= (uint8_t)~bit;
		c->owes_open &= (uint8_t)~bit;
	} else if (m->event == VIRTIO_CONSOLE_CONSOLE_PORT) {
		c->owes_open |= bit; /* drv.con.mport.2 */
	}
}

static void take_message(struct driver *g, uint16_t slot, uint32_t len)
{
	uint8_t bytes[CONTROL_LEN_MAX + 1];
	struct virtio_console_control m;
	uint32_t n = len < sizeof(bytes) ? len : (uint32_t)sizeof(bytes);
	g->console.spent++;
	if (!stream_bytes(&g->device->judges->stream, slot, bytes, n)) {
		control_lost(control_of(g));
		return;
	}
	control_hears(control_of(g), bytes, n);
	if (n < sizeof(m))
		return;
	memcpy(&m, bytes, sizeof(m));
	hear(g, &m);
}

static void answered(struct driver *g, uint16_t content, uint32_t used_len, int status)
{
	struct stream *s = &g->device->judges->stream;
	uint16_t queue = s->slot[content].queue;
	(void)status;
	if (!content)
		return;
	g->console.turns++; /* whatever it is, there is room again for what is to be said */
	if (multiport(g) && queue == CTRL_RX)
		take_message(g, content, used_len);
	stream_got(s, content, used_len);
}

static void dropped(struct driver *g, uint16_t content)
{
	stream_dropped(&g->device->judges->stream, content);
}

static void reaped(struct driver *g, uint16_t queue)
{
	if (!multiport(g) || (queue != CTRL_RX && queue != CTRL_TX))
		return;
	give_room(g);
	catch_up(g);
}

static bool converse(struct driver *g)
{
	uint32_t before = g->console.turns;
	if (!multiport(g))
		return false;
	begin(g);
	for (uint16_t q = 0; q < g->device->vdev->nqueues; q++)
		if (g->queue[q].up) /* the others too: messages need room */
			driver_reap(g, q);
	return g->console.turns != before;
}

bool driver_listens(const struct driver *g)
{
	const struct driver_console *c = &g->console;
	return multiport(g) && c->begun && !c->owes_ready && !c->owes_open && g->queue[CTRL_RX].up &&
	       g->queue[CTRL_TX].up && g->queue[CTRL_RX].nposted && !g->queue[CTRL_TX].nposted;
}

/* -- ends ------------------------------------------------------------------------------------------------ */

/* What is on its way on a control queue is lost, so both begin anew. */
static void forget_queue(struct driver *g, uint16_t queue)
{
	uint8_t port = stream_of(g, queue);
	if (port != STREAM_NONE)
		stream_reset(&g->device->judges->stream, port, queue & 1);
	if (!multiport(g) || (queue != CTRL_RX && queue != CTRL_TX))
		return;
	control_lost(control_of(g));
	g->console.begun = false;
}

static void forget(struct driver *g)
{
	g->console = (struct driver_console){0};
	control_forget(control_of(g));
}

const struct driver_type driver_console = {
	.say = say,
	.posted = posted,
	.fill = fill,
	.answered = answered,
	.dropped = dropped,
	.due = due,
	.begin = begin,
	.reaped = reaped,
	.forget_queue = forget_queue,
	.forget = forget,
	.converse = converse,
};
