// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/provoke.h"

#define NX VRING_DESC_F_NEXT
#define IN VRING_DESC_F_INDIRECT

static void boot(struct machine *m)
{
	vdev_offer(&m->blk.vdev, BIT(VIRTIO_F_RING_PACKED));
	machine_boot_packed(m, 0, 3);
}

/* Makes one slot available. */
static void slot(struct machine *m, uint16_t pos, uint16_t id, uint16_t flags)
{
	packed_desc(&m->packed, pos, LOW, 1, id, flags | packed_avail(pos));
}

static void ring_overrun(struct machine *m)
{
	boot(m);
	for (uint16_t i = 0; i < 3; i++)
		slot(m, POS_WRAP | i, 0, NX);
	kick(m, 0);
}

static void list_torn(struct machine *m)
{
	boot(m);
	slot(m, POS_WRAP, 0, NX);
	kick(m, 0);
}

static void id_range(struct machine *m)
{
	boot(m);
	slot(m, POS_WRAP, 3, 0);
	kick(m, 0);
}

static void id_in_flight(struct machine *m)
{
	boot(m);
	m->disk.hold = true;
	uint16_t id = post_packed(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	slot(m, m->packed.next, id, 0);
	kick(m, 0);
}

static void indirect_list(struct machine *m)
{
	boot(m);
	slot(m, POS_WRAP | 1, 0, IN);
	slot(m, POS_WRAP, 0, NX);
	kick(m, 0);
}

void (*const provoke[OFFENCE_COUNT])(struct machine *) = {
	[OFFENCE_RING_OVERRUN] = ring_overrun,
	[OFFENCE_LIST_TORN] = list_torn,
	[OFFENCE_ID_RANGE] = id_range,
	[OFFENCE_ID_IN_FLIGHT] = id_in_flight,
	[OFFENCE_INDIRECT_LIST] = indirect_list,
	[OFFENCE_CONSOLE_READABLE] = provoke_console_readable,
	[OFFENCE_CONSOLE_WRITABLE] = provoke_console_writable,
	[OFFENCE_CONSOLE_EMPTY] = provoke_console_empty,
	[OFFENCE_CONSOLE_ROOM] = provoke_console_room,
	[OFFENCE_CONSOLE_SHORT] = provoke_console_short,
	[OFFENCE_CONSOLE_EVENT] = provoke_console_event,
	[OFFENCE_CONSOLE_PORT] = provoke_console_port,
};
