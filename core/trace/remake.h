// SPDX-License-Identifier: BSD-2-Clause
/*
 * remake: what a trace's head tells of a device, and how a fresh one that behaves the same is made of it.
 *
 * Beyond features, queues and configuration a device is made with (trace_device.ident):
 *   blk      the 20 bytes of GET_ID
 *   rng      nothing
 *   net      a byte, 1: the cable is out
 *   console  a byte, 1: RESIZE has rows first; then for each port flags (1 a terminal, 2 open on the host's side, 4 there), the length of its name, the name
 */
#ifndef RINGSIDE_TRACE_REMAKE_H
#define RINGSIDE_TRACE_REMAKE_H

#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "trace/file.h"

/* OP_PORT: what happens to the port, and the flags of one that is added. */
enum port_change { PORT_REMOVED, PORT_ADDED, PORT_CLOSED, PORT_OPENED };
enum port_flags { PORT_TERMINAL = 1, PORT_OPEN = 2 };

/* Describes a device of any of our types, as it is before the guest runs. */
void remake_describe(struct vdev *, struct trace_device *);
/* Fills the options, and of the backend what it can and its size. False: no disk can be made like that. */
bool remake_blk(const struct trace_device *, struct blk_options *, struct blk_backend *);
/* False: no console can be made like that. */
bool remake_console(const struct trace_device *, struct console_options *);
/* Of a port that an OP_PORT adds. */
struct console_port_options remake_port_options(const struct op *);
/* Does to a console what an OP_PORT tells. False: it can not be done to this one. */
bool remake_port(struct console *, const struct op *);
/* False: no network device can be made like that. unplugged: net_set_link it, after net_init. */
bool remake_net(const struct trace_device *, struct net_options *, struct net_backend *, bool *unplugged);
/* A frame that arrives, as the data of an OP_FRAME: its header and its first bytes; and the frame of such an op. What
 * is missing there is zero. */
#define REMAKE_FRAME_MAX (sizeof(struct net_header) + NET_HEAD_MAX)
uint32_t remake_frame_data(const struct net_frame *, uint8_t *data);
struct net_frame remake_frame(const struct op *);
/* The OP_SUBMIT of a request; its data is the request's own. */
void remake_net_submit(const struct net_io *, struct op *);
/* After the init of its type: features and queue limits. False: this build has no such device. */
bool remake_limits(const struct trace_device *, struct vdev *);

#endif
