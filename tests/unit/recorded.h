// SPDX-License-Identifier: BSD-2-Clause
/*
 * recorded: a small block guest in process, with a recorder at its device's doors: for tests of what replays it. Its backend
 * answers in submit, or holds what it gets (hold).
 */
#ifndef TEST_RECORDED_H
#define TEST_RECORDED_H

#include "tracefile.h"
#include "transport/mmio.h"
#include "trace/recorder.h"

#define RECORDED_RAM_LEN 0x10000u

struct recorded {
	_Alignas(16) uint8_t ram[RECORDED_RAM_LEN];
	uint8_t ops[1 << 20], lent[1 << 16];
	struct vmem_map map;
	struct vmem mem;
	struct blk blk;
	struct mmio mmio;
	struct arena arena;
	struct recorder rec;
	struct recorder_dev dev;
	struct blk_io *held[16];
	int nheld;
	bool hold;
	struct trace_head head;
};

/* A fresh device and its memory; nothing was recorded yet. Release it with free. */
struct recorded *recorded_create(bool full_payload);
/* Another one that goes on from where this one is now, and is recorded from there on. */
struct recorded *recorded_restore(const struct recorded *, bool full_payload);
void recorded_done(struct recorded *, struct blk_io *); /* answers a request */
void recorded_reg(struct recorded *, uint32_t off, uint32_t value);
uint32_t recorded_get(struct recorded *, uint32_t off);
void recorded_start(struct recorded *); /* the driver comes up */
void recorded_kick(struct recorded *);
/* A request of 512 bytes in one of two slots. */
void recorded_post(struct recorded *, uint32_t type, uint64_t sector, uint16_t slot);
/* Writes the recorded ops to a file, and tells how many; change, if not 0, is the number of an op whose first byte or field is
 * flipped. */
uint64_t recorded_write(const struct recorded *, const char *path, uint64_t change, bool *was_output);

#endif
