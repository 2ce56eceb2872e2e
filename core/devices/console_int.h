// SPDX-License-Identifier: BSD-2-Clause
/* console_int: inside the console device, for console*.c only: queues and ports in console.c, the control
 * protocol in console_ctrl.c. */
#ifndef RINGSIDE_CONSOLE_INT_H
#define RINGSIDE_CONSOLE_INT_H

#include "devices/console.h"

#define CTRL_RX 2 /* queues: the driver's buffers for our messages */
#define CTRL_TX 3 /* the driver's messages */

static inline struct console *console_of(struct vdev *d)
{
	return (struct console *)(void *)d;
}

static inline bool console_offers(const struct console *c, unsigned feature)
{
	return c->vdev.offered >> feature & 1;
}

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

/* Lends what is under the cursor, as much of n bytes as can be lent now, and moves on. False: nothing. */
bool console_pin(struct console *, struct console_req *, struct vq_cursor *, uint32_t n);
void console_unpin(struct console *, struct console_req *, uint32_t stored);
/* The queue found no room: the next completion runs it again, or soon somebody, where none is out. */
void console_stall(struct console *, uint16_t queue);

/* console_config.c */
void console_config_read(struct vdev *, uint8_t *image);
bool console_config_write(struct vdev *, uint32_t off, const uint8_t *, uint32_t n);

/* console_state.c */
void console_save(const struct vdev *, struct state_out *);
void console_load(struct vdev *, struct state_in *);
void console_resume(struct vdev *);
/* What was loaded may be refused yet: the options are the loader's own again. */
void console_unload(struct console *);
/* Lends and submits what was loaded and is not at the backend yet, oldest first, as far as there is room. */
void console_send(struct console *);
/* Of these queues (bit each): they will not be sent any more. */
void console_forget_unsent(struct console *, uint32_t queues);

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
