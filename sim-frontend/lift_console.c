// SPDX-License-Identifier: BSD-2-Clause
#include "lift_console.h"

#include <linux/virtio_console.h>
#include <string.h>

#include "driver.h"
#include "sim_console.h"

#define PORTS    3u /* of the simulator's console */
#define CTRL_RX  2u
#define CTRL_TX  3u
#define SAY_OPEN 0u /* driver_console.c */

struct op lift_console_make(const struct trace_device *t)
{
	uint64_t flags = t->features >> VIRTIO_CONSOLE_F_MULTIPORT & 1 ? PORTS : 1;
	flags |= t->features >> VIRTIO_CONSOLE_F_SIZE & 1 ? 0 : CONSOLE_FLAG_NO_SIZE;
	flags |= t->features >> VIRTIO_CONSOLE_F_EMERG_WRITE & 1 ? 0 : CONSOLE_FLAG_NO_EMERGENCY;
	return (struct op){.code = OP_MAKE, .arg = {flags}};
}

bool lift_console_has(uint64_t port)
{
	return port < PORTS;
}

/* What a message says beyond what the model driver says by itself: that a port is closed, and open again. */
static bool post_message(const struct lift_chain *c, uint32_t *closed, struct op *post)
{
	struct virtio_console_control m;
	if (c->header_len < sizeof(m))
		return false;
	memcpy(&m, c->header, sizeof(m));
	if (m.event != VIRTIO_CONSOLE_PORT_OPEN || m.id >= PORTS || m.value == !(*closed >> m.id & 1))
		return false;
	*closed ^= 1u << m.id;
	post->arg[1] = SAY_OPEN;
	post->arg[2] = m.id;
	post->arg[3] = !m.value; /* odd: its value is 0 */
	return true;
}

static uint64_t shape(const struct lift_chain *c)
{
	uint64_t s = c->indirect ? 1u << SHAPE_TABLE_SHIFT : 0;
	if (c->nsegs > 1)
		s |= SHAPE_UNEVEN | (c->nsegs - 1 < SHAPE_SEGS ? c->nsegs - 1 : SHAPE_SEGS);
	return s;
}

bool lift_console_post(const struct lift_options *o, uint64_t accepted, const struct lift_chain *c,
		       uint32_t *closed, struct op *post)
{
	bool multiport = accepted >> VIRTIO_CONSOLE_F_MULTIPORT & 1, receives = !(c->queue & 1);
	uint64_t len = receives ? c->write_len : c->read_len;
	*post = (struct op){.code = OP_POST, .arg = {c->queue}};
	if (multiport && c->queue == CTRL_TX)
		return post_message(c, closed, post);
	if (c->queue >= CTRL_RX && (!multiport || c->queue == CTRL_RX || c->queue / 2u > PORTS))
		return false;
	post->arg[1] = receives;
	post->arg[3] = len < o->data_max ? len : o->data_max;
	post->arg[4] = shape(c);
	return len > 0;
}
