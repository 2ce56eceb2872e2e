// SPDX-License-Identifier: BSD-2-Clause
#include "lift_break.h"

#include <linux/virtio_ids.h>

#include "driver.h"
#include "host.h"

#define NOWHERE   0xfffffffffffff000ull
#define TYPE_IN   0u
#define DISCARD   4u
#define LAST      255u /* of its descriptors */
#define TABLE     (1u << SHAPE_TABLE_SHIFT)
#define TWO_PARTS (SHAPE_UNEVEN | 1u)

struct way {
	uint8_t how, at;
	bool table; /* the chain is a table's */
	uint64_t value;
};

static const struct way ways[OFFENCE_COUNT] = {
	[OFFENCE_AVAIL_JUMP] = {.how = BREAK_JUMP},
	[OFFENCE_RING_OVERRUN] = {.how = BREAK_JUMP},
	[OFFENCE_HEAD_RANGE] = {.how = BREAK_HEAD},
	[OFFENCE_ID_RANGE] = {.how = BREAK_HEAD},
	[OFFENCE_HEAD_IN_FLIGHT] = {.how = BREAK_TWICE},
	[OFFENCE_ID_IN_FLIGHT] = {.how = BREAK_TWICE},
	[OFFENCE_NEXT_RANGE] = {.how = BREAK_NEXT, .at = LAST, .value = 0xffff},
	[OFFENCE_CHAIN_LOOP] = {.how = BREAK_LOOP},
	[OFFENCE_CHAIN_SEGMENTS] = {.how = BREAK_SEGMENTS},
	[OFFENCE_READ_AFTER_WRITE] = {.how = BREAK_FLAGS, .at = LAST},
	[OFFENCE_BUFFER_RANGE] = {.how = BREAK_ADDR, .at = LAST, .value = NOWHERE},
	[OFFENCE_LIST_TORN] = {.how = BREAK_FLAGS, .at = LAST, .value = 0x80},
	[OFFENCE_INDIRECT_FEATURE] = {.how = BREAK_INDIRECT},
	[OFFENCE_INDIRECT_LIST] = {.how = BREAK_TABLE_NEXT, .table = true},
	[OFFENCE_INDIRECT_NESTED] = {.how = BREAK_TABLE_NESTED, .table = true},
	[OFFENCE_INDIRECT_NEXT] = {.how = BREAK_TABLE_NEXT, .table = true},
	[OFFENCE_INDIRECT_LENGTH] = {.how = BREAK_TABLE_LEN, .table = true, .value = 8},
	[OFFENCE_INDIRECT_RANGE] = {.how = BREAK_TABLE_ADDR, .table = true, .value = NOWHERE},
	[OFFENCE_BLK_HEADER] = {.how = BREAK_HEADER, .value = 1},
	[OFFENCE_BLK_NO_STATUS] = {.how = BREAK_NO_STATUS},
	[OFFENCE_BLK_DATA_SIZE] = {.how = BREAK_SIZE},
	[OFFENCE_BLK_RANGE] = {.how = BREAK_SECTOR},
	[OFFENCE_BLK_SEGMENTS] = {.how = BREAK_RANGES},
	[OFFENCE_BLK_FLAGS] = {.how = BREAK_RANGE_FLAGS, .value = 0x80},
	[OFFENCE_RNG_READABLE] = {.how = BREAK_EXTRA_READ},
};

static bool sends(uint16_t id, uint16_t queue)
{
	return (id == VIRTIO_ID_NET || id == VIRTIO_ID_CONSOLE) && queue & 1;
}

/* A request of some descriptors, for what the device saw nothing of but them. */
static struct op plain(uint16_t id, const struct lift_chain *c)
{
	struct op post = {.code = OP_POST, .arg = {c->queue, TYPE_IN, 0, 512, TWO_PARTS}};
	if (id == VIRTIO_ID_CONSOLE)
		post.arg[1] = !(c->queue & 1);
	if (id == VIRTIO_ID_BLOCK)
		post.arg[4] = 0;
	return post;
}

/* Of the plain request; of others the driver takes it modulo their number. */
static uint64_t last_of(uint16_t id)
{
	return id == VIRTIO_ID_BLOCK ? 2 : 1;
}

bool lift_break(uint16_t id, uint64_t offence, const struct lift_chain *c, bool told, struct op *post,
		struct op *brk)
{
	if (offence >= OFFENCE_COUNT || !ways[offence].how)
		return false;
	const struct way *w = &ways[offence];
	uint64_t at = w->at == LAST ? last_of(id) : w->at;
	if (!told || w->how >= BREAK_ADDR)
		*post = plain(id, c);
	if (w->table)
		post->arg[4] |= TABLE;
	if (offence == OFFENCE_READ_AFTER_WRITE && sends(id, c->queue))
		at = 0;
	*brk = (struct op){.code = OP_BREAK, .arg = {w->how, at, w->value}};
	if (offence == OFFENCE_BLK_RANGE && post->arg[1] >= DISCARD)
		*brk = (struct op){.code = OP_BREAK, .arg = {BREAK_RANGE_SECTOR, 0, NOWHERE}};
	if ((offence == OFFENCE_BLK_SEGMENTS || offence == OFFENCE_BLK_FLAGS) && post->arg[1] < DISCARD)
		post->arg[1] = DISCARD;
	return true;
}
