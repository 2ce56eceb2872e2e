// SPDX-License-Identifier: BSD-2-Clause
/*
 * A load that may be saved and go on elsewhere at any moment: writes, reads of what was written before, several in
 * flight, entropy, and interrupts for all of it. It keeps in its own memory what must stand on the disk, and
 * counts aloud.
 */
#include "tests/guest/tiny_blk.h"

#define SECTORS 8192u /* that it writes to, one after the other, round and round */
#define BACK    512u  /* sectors: those that are read were written so many before */
#define BATCH   16u   /* writes, and as many reads, in flight at a time */
#define ALOUD   8u    /* a line for so many rounds */

struct work {
	struct blk b;
	struct virtio_blk_outhdr *header; /* 2 * BATCH of each */
	uint8_t *status, *data;
	uint32_t *seed; /* of what each sector holds; 0: not written yet */
	struct ring entropy;
};

static void begin(struct work *w)
{
	blk_open(&w->b, F_EVENT, 128);
	w->header = alloc(2 * BATCH * sizeof(*w->header));
	w->status = alloc(2 * BATCH);
	w->data = alloc(2 * BATCH * SECTOR_LEN);
	w->seed = alloc(SECTORS * sizeof(*w->seed));
	ring_open(&w->entropy, dev_find(VIRTIO_ID_RNG, 0), F_VERSION, 8);
}

static void post(struct work *w, uint32_t i, uint32_t sector, bool write)
{
	struct seg s[3] = {{&w->header[i], sizeof(*w->header), false},
			   {w->data + SECTOR_LEN * i, SECTOR_LEN, !write},
			   {&w->status[i], 1, true}};
	w->header[i] = (struct virtio_blk_outhdr){.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
						  .sector = sector};
	w->status[i] = UNWRITTEN;
	ring_add(&w->b.ring, s, 3);
}

static uint32_t old_sector(uint32_t sector)
{
	return (sector + SECTORS - BACK) % SECTORS;
}

static void disk_round(struct work *w, uint32_t first)
{
	struct dev *d = w->b.ring.dev;
	d->causes = 0;
	for (uint32_t i = 0; i < BATCH; i++) {
		uint32_t sector = (first + i) % SECTORS;
		w->seed[sector] = first + i + 1;
		pattern_fill(w->data + SECTOR_LEN * i, SECTOR_LEN, w->seed[sector]);
		post(w, i, sector, true);
	}
	for (uint32_t i = BATCH; i < 2 * BATCH; i++)
		post(w, i, old_sector((first + i - BATCH) % SECTORS), false);
	ring_set_used_event(&w->b.ring, (uint16_t)(w->b.ring.used_idx + 2 * BATCH - 1)); /* the last one's */
	ring_kick(&w->b.ring);
	ring_wait(&w->b.ring, 2 * BATCH);
	dev_wait_irq(d, IRQ_USED);
	for (uint32_t i = 0; i < 2 * BATCH; i++)
		ring_reap(&w->b.ring);
	for (uint32_t i = 0; i < 2 * BATCH; i++) {
		uint32_t seed = w->seed[old_sector((first + i - BATCH) % SECTORS)];
		EXPECT_EQ(w->status[i], VIRTIO_BLK_S_OK);
		if (i >= BATCH && seed)
			pattern_expect(w->data + SECTOR_LEN * i, SECTOR_LEN, seed);
	}
}

static void entropy_round(struct work *w)
{
	struct seg s = {w->data, 64, true};
	EXPECT(ring_run(&w->entropy, ring_add(&w->entropy, &s, 1)) > 0);
}

void work(void)
{
	struct work w;
	begin(&w);
	for (uint32_t round = 0; round < option("work", 0); round++) {
		context("round", round);
		if (round % ALOUD == 0) {
			put_text("round ");
			put_dec(round);
			put_text("\n");
		}
		disk_round(&w, round * BATCH);
		entropy_round(&w);
	}
	put_text("ok work\n");
}
