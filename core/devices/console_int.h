// SPDX-License-Identifier: BSD-2-Clause
/* console_int: what the two halves of the console share: queues and ports in console.c, the control protocol in
 * console_ctrl.c. */
#ifndef RINGSIDE_CONSOLE_INT_H
#define RINGSIDE_CONSOLE_INT_H

#include "devices/console.h"

#define CTRL_RX 2 /* queues: the driver's buffers for our messages */
#define CTRL_TX 3 /* the driver's messages */

static inline uint16_t rx_queue(uint16_t port)
{
	return (uint16_t)(port ? 2 * port + 2 : 0);
}

static inline uint16_t tx_queue(uint16_t port)
{
	return (uint16_t)(rx_queue(port) + 1);
}

/* Not for the control queues. */
static inline uint16_t port_of(uint16_t queue)
{
	return (uint16_t)(queue < CTRL_RX ? 0 : queue / 2 - 1);
}

static inline bool multiport(const struct console *c)
{
	return vdev_has(&c->vdev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* The chain is used, and published with the batch. */
void console_complete(struct console *, uint16_t queue, struct vq_tok, uint32_t written);
/* Takes the next receive buffer that has a writable byte. False: there is none, and the driver will kick for
 * one. */
bool console_pop_room(struct console *, uint16_t queue, struct vq_chain *);
/* The backend is called where it waits for room and there is some now. */
void console_offer_room(struct console *, uint16_t port);

/* Takes one control message of the driver's. */
bool ctrl_take(struct vdev *, uint16_t queue, const struct vq_chain *);
/* Tells the driver what is due, as far as it has posted buffers. */
void ctrl_tell(struct console *);
/* RESIZE is for a driver that knows of sizes, and for a terminal. */
bool ctrl_tells_size(const struct console *);
/* The driver's view of a port ends with it; there is one more thing to tell. */
void ctrl_forget(struct console *, uint16_t port);
/* Forgets how far the driver had got. */
void ctrl_reset(struct console *);

#endif
