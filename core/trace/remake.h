// SPDX-License-Identifier: BSD-2-Clause
/* remake: how a device that a trace's head describes was made, so that a fresh one behaves the same. */
#ifndef RINGSIDE_TRACE_REMAKE_H
#define RINGSIDE_TRACE_REMAKE_H

#include "devices/blk.h"
#include "trace/file.h"

/* Fills the options, and of the backend what it can and its size. False: no disk can be made like that. */
bool remake_blk(const struct trace_device *, struct blk_options *, struct blk_backend *);
/* After blk_init or rng_init: features and queue limits. False: this build has no such device. */
bool remake_limits(const struct trace_device *, struct vdev *);

#endif
