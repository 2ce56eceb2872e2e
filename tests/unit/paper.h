// SPDX-License-Identifier: BSD-2-Clause
/* paper: a disk, or a source of entropy, that is nothing but bytes, and a driver that asks the oracle of
 * content about it: what a device did is what a test writes into `disk` and `out`. */
#ifndef RINGSIDE_TESTS_UNIT_PAPER_H
#define RINGSIDE_TESTS_UNIT_PAPER_H

#include <linux/virtio_blk.h>

#include "oracle_content.h"
#include "pattern.h"

#define PAPER_SECTORS 64u
#define PAPER_OUT     RAM_LOW
#define PAPER_IN      (RAM_LOW + 0x4000)
#define PAPER_ANSWER  (RAM_LOW + 0x7000)

struct paper {
	struct ram ram;
	struct oracle *oracle;
	struct content *content;
	struct vdev vdev;
	uint32_t n; /* violations */
	struct violation last;
	uint8_t wce;
	uint8_t disk[512 * PAPER_SECTORS];
	uint8_t out[512 * 8]; /* the payload of the latest write */
};

extern struct paper paper;

int paper_disk(void **state); /* set-up of a test */
int paper_entropy(void **state);
int paper_end(void **state);
void paper_silent(void);
void paper_cries(const char *clause);
/* Features of the disk besides FLUSH and CONFIG_WCE; those that the driver accepted. */
void paper_offer(uint32_t offered, uint32_t accepted);
uint16_t paper_post(uint32_t type, uint64_t sector, uint32_t nsectors, const void *ranges, uint32_t nranges);
void paper_answer(uint16_t slot, uint8_t status);
/* A write that is not on the disk yet. */
uint16_t begin_write(uint64_t sector, uint32_t n);
void write_sectors(uint64_t sector, uint32_t n);
uint16_t begin_read(uint64_t sector, uint32_t n);
void end_read(uint16_t slot, uint64_t sector, uint32_t n);
void read_sectors(uint64_t sector, uint32_t n);

#endif
