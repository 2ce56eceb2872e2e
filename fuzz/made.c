// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include <linux/virtio_mmio.h>

#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "devices/rng.h"
#include "made.h"
#include "must.h"
#include "poison.h"
#include "trace/remake.h"
#include "twin.h"

#define ZONE 64u /* behind a device, bytes that nobody may touch */

static struct console console;

static void nobody(void *ctx, uint16_t which)
{
	(void)ctx;
	(void)which;
}

static const struct twin_doors doors = {.host = {.interrupt = nobody, .again = nobody}};

void made_device(const struct trace_device *t)
{
	static const struct twin_type *const types[] = {&twin_blk, &twin_rng, &twin_console, &twin_net};
	static struct twin twin = {.doors = &doors};
	static struct trace_device again;
	static struct {
		union {
			struct blk blk;
			struct rng rng;
			struct console console;
			struct net net;
		} device;
		uint8_t zone[ZONE];
	} room;
	for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct twin_device d = {.twin = &twin, .type = types[i], .vdev = (void *)&room};
		uint8_t *behind = (uint8_t *)&room + types[i]->size;
		must(types[i]->size <= sizeof(room.device));
		poison(behind, ZONE);
		vmem_init(&d.mem, &twin.map);
		if (t->id == types[i]->id && types[i]->make(&d, t) && remake_limits(t, d.vdev)) {
			remake_describe(d.vdev, &again);
			must(again.features == t->features && again.nqueues == t->nqueues);
			must(!memcmp(again.queue_size_max, t->queue_size_max, t->nqueues * sizeof(uint16_t)));
		}
		unpoison(behind, ZONE);
	}
}

void made_memory(const struct trace_head *h)
{
	struct vmem_map map = {.nregions = h->nregions};
	struct vmem mem;
	uint64_t end = 0;
	for (uint32_t i = 0; i < h->nregions; i++)
		map.region[i] = (struct vmem_region){h->region[i].gpa, h->region[i].len, NULL};
	if (!vmem_map_valid(&map))
		return;
	vmem_init(&mem, &map);
	for (uint32_t i = 0; i < map.nregions; i++) {
		end = map.region[i].gpa + map.region[i].len;
		must(vmem_covers(&mem, gpa(end - 1), 1) &&
		     vmem_covers(&mem, gpa(map.region[i].gpa), map.region[i].len));
	}
	must(!vmem_covers(&mem, gpa(end), 1) && !vmem_covers(&mem, gpa(end - 1), 2) &&
	     vmem_covers(&mem, gpa(end), 0));
}

void made_begin(void)
{
	static struct vmem_map map;
	static struct vmem mem;
	vmem_init(&mem, &map);
	console_init(&console, &mem, &doors.host, NULL, &(struct console_backend){0},
		     &(struct console_options){.nports = 2});
}

/* A reset takes everything back, and bytes that are no state do nothing else. */
static void load(const struct op *op)
{
	struct mmio mmio;
	mmio_init(&mmio, &console.vdev);
	mmio_write(&mmio, VIRTIO_MMIO_STATUS, 4, 0);
	uint64_t before = mmio_hash(&mmio);
	if (mmio_load(&mmio, op->data, op->len))
		mmio_write(&mmio, VIRTIO_MMIO_STATUS, 4, 0);
	else
		must(mmio_hash(&mmio) == before);
}

void made_input(const struct op *op)
{
	uint8_t data[REMAKE_FRAME_MAX];
	if (op->code == OP_PORT && remake_port(&console, op))
		must(console.options.port[op->arg[0]].there == (op->arg[1] != PORT_REMOVED) ||
		     op->arg[1] > PORT_ADDED);
	must(console.options.port[0].there);
	if (op->code == OP_RESTORED)
		load(op);
	if (op->code != OP_FRAME)
		return;
	struct net_frame f = remake_frame(op);
	must(remake_frame_data(&f, data) <= sizeof(data));
}
