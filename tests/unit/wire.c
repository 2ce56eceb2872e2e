// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/wire.h"

struct wire wire;

static void on_violation(void *ctx, const struct violation *v)
{
	(void)ctx;
	wire.n++;
	wire.last = *v;
}

static void ready(bool up)
{
	for (int i = 0; i < 7; i++)
		wire.vdev.queue[i].ready = up;
}

void wire_live(uint64_t accepted)
{
	wire.vdev.accepted = accepted;
	wire.vdev.status = VIRTIO_CONFIG_S_DRIVER_OK;
	ready(true);
	frames_write_ends(wire.frames, VIRTIO_MMIO_STATUS);
}

void wire_reset(void)
{
	wire.vdev.status = 0;
	ready(false);
	frames_write_ends(wire.frames, VIRTIO_MMIO_STATUS);
}

int wire_setup(void **state)
{
	struct oracle_config c = {.nqueues = 7, .report = on_violation};
	const struct net_options o = {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .pairs = 3};
	for (int i = 0; i < 7; i++)
		c.queue_size_max[i] = 4;
	memset(&wire, 0, sizeof(wire));
	assert_true(ram_create(&wire.ram));
	wire.oracle = oracle_create(&c);
	wire.frames = calloc(1, sizeof(*wire.frames));
	wire.ops.nqueues = wire.vdev.nqueues = 7;
	wire.vdev.ops = &wire.ops;
	frames_init(wire.frames, wire.oracle, &wire.ram, &wire.vdev);
	frames_restart(wire.frames, &o);
	wire_live((uint64_t)(uintptr_t)*state);
	return 0;
}

int wire_teardown(void **state)
{
	(void)state;
	free(wire.frames);
	oracle_destroy(wire.oracle);
	ram_destroy(&wire.ram);
	return 0;
}

void wire_silent(void)
{
	if (wire.n)
		print_message("unexpected: %s\n", wire.last.what);
	assert_int_equal(wire.n, 0);
}

void wire_cries(const char *oracle, const char *clause)
{
	assert_int_equal(wire.n, 1);
	assert_string_equal(wire.last.oracle, oracle);
	assert_string_equal(wire.last.clause, clause);
	wire.n = 0;
}

/* -- sent ------------------------------------------------------------------------------------------------ */

uint16_t wire_post(const struct net_header *h, uint32_t len)
{
	uint8_t bytes[WIRE_HEADER] = {0};
	const struct frames_request q = {
		.kind = FRAMES_SEND, .queue = 1, .bytes = bytes, .bytes_len = sizeof(bytes), .data_len = len};
	memcpy(bytes, h, sizeof(*h));
	uint16_t slot = frames_posted(wire.frames, &q);
	assert_int_not_equal(slot, 0);
	frames_fill(wire.frames, slot, gpa(WIRE_TX), 0, len);
	assert_true(ram_read(&wire.ram, gpa(WIRE_TX), wire.out, len));
	return slot;
}

void wire_send(const struct net_header *h, uint32_t len)
{
	wire.io = (struct net_io){.type = NET_IO_TX, .len = len, .header = *h, .nspans = 2};
	wire.io.span[0] = (struct vspan){wire.out, len / 3};
	wire.io.span[1] = (struct vspan){wire.out + len / 3, len - len / 3};
	frames_sent(wire.frames, &wire.io);
}

/* -- received -------------------------------------------------------------------------------------------- */

uint16_t wire_room(uint32_t n, uint32_t len)
{
	const struct content_piece piece[2] = {{gpa(WIRE_RX + 0x1000ull * n), len / 2},
					       {gpa(WIRE_RX + 0x1000ull * n + len / 2), len - len / 2}};
	const struct frames_request q = {.kind = FRAMES_ROOM, .piece = piece, .npieces = 2};
	return frames_posted(wire.frames, &q);
}

struct frames_frame wire_frame(uint32_t len)
{
	return (struct frames_frame){++wire.narrived << 32,
				     {.len = len, .head = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0}}};
}

void wire_give(const struct frames_frame *f)
{
	wire.io = (struct net_io){.type = NET_IO_RX, .len = f->frame.len, .header = f->frame.header};
	frames_asked(wire.frames, &wire.io, f);
	frames_given(wire.frames, &wire.io, f, true, true);
}

void wire_header(uint32_t n, const struct net_header *h, uint16_t num_buffers)
{
	gpa_t at = gpa(WIRE_RX + 0x1000ull * n);
	assert_true(ram_write(&wire.ram, at, h, sizeof(*h)) &&
		    ram_write(&wire.ram, gpa_add(at, sizeof(*h)), &num_buffers, sizeof(num_buffers)));
}

void wire_store(uint32_t n, uint32_t skip, const struct frames_frame *f, uint32_t off, uint32_t len)
{
	uint8_t bytes[0x1000];
	frames_make(f, off, bytes, len);
	assert_true(ram_write(&wire.ram, gpa(WIRE_RX + 0x1000ull * n + skip), bytes, len));
}

void wire_receive(uint32_t n, uint16_t slot, const struct frames_frame *f)
{
	wire_header(n, &f->frame.header, 1);
	wire_store(n, WIRE_HEADER, f, 0, f->frame.len);
	frames_answered(wire.frames, slot, WIRE_HEADER + f->frame.len);
}
