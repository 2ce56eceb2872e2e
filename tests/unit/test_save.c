// SPDX-License-Identifier: BSD-2-Clause
/*
 * Saving the block device anywhere and going on with a fresh one: nothing that the guest or the disk sees is
 * any different. A tale is a long row of drawn steps; it is told once as it is, and again with a device that
 * was saved and loaded after one of the steps, or after each.
 */
#include <stdlib.h>

#include "hash.h"
#include "tests/unit/disk.h"

#define DATA  0x20000ull
#define STEPS 48

struct kind {
	bool packed;
	uint64_t without;
	uint16_t size;
	uint32_t lend; /* blocks of lent copies; 0: guest memory itself */
};

static struct machine *m;
static struct taplog *t;
static const struct kind *kind;
static uint64_t tape;
static uint32_t posted;

static uint32_t draw(uint32_t n)
{
	tape = tape * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(tape >> 33) % n;
}

/* -- saving ---------------------------------------------------------------------------------------------- */

static uint8_t *saved(size_t *n)
{
	*n = mmio_save(&m->mmio, NULL, 0);
	uint8_t *bytes = malloc(*n);
	assert_non_null(bytes);
	assert_in_range(*n, 1, STATE_LEN_MAX);
	assert_int_equal(mmio_save(&m->mmio, bytes, *n), *n);
	return bytes;
}

static void assert_saves_as(const uint8_t *bytes, size_t n)
{
	size_t again;
	uint8_t *b = saved(&again);
	assert_int_equal(again, n);
	assert_memory_equal(b, bytes, n);
	free(b);
}

/* The old device ends: what it lent comes back as it is. */
static void unlend(void)
{
	for (uint32_t i = 0; i < m->disk.nheld; i++) {
		const struct blk_req *r = &m->blk.req[m->disk.held[i]->id];
		for (uint16_t k = 0; k < r->io.nspans; k++)
			vmem_unpin(&m->g.mem, r->io.type == BLK_IO_READ ? VMEM_STORE : VMEM_LOAD,
				   r->span_gpa[k], r->io.span[k], 0);
	}
	m->disk.nheld = 0;
}

static void fresh_device(void)
{
	const struct blk_options o = m->blk.options;
	const struct blk_backend backend = m->blk.backend;
	uint64_t more = m->blk.vdev.offered & VDEV_FEATURES_MORE;
	memset(&m->blk, 0xa5, sizeof(m->blk));
	blk_init(&m->blk, &m->g.mem, &guest_host, &m->g, &backend, &o);
	vdev_offer(&m->blk.vdev, more);
	memset(&m->mmio, 0xa5, sizeof(m->mmio));
	mmio_init(&m->mmio, &m->blk.vdev);
}

static void replace(void)
{
	size_t n;
	uint8_t *bytes = saved(&n);
	uint64_t hash = mmio_hash(&m->mmio);
	bool hold = m->disk.hold;
	unlend();
	fresh_device();
	assert_true(mmio_load(&m->mmio, bytes, n));
	assert_int_equal(mmio_hash(&m->mmio), hash);
	assert_saves_as(bytes, n);
	m->disk.hold = true; /* what was held is held again */
	vdev_resume(&m->blk.vdev);
	m->disk.hold = hold;
	assert_int_equal(mmio_hash(&m->mmio), hash);
	assert_saves_as(bytes, n);
	free(bytes);
}

/* -- a tale ---------------------------------------------------------------------------------------------- */

static void boot(void)
{
	if (kind->packed)
		machine_boot_packed(m, kind->without, kind->size);
	else
		machine_boot(m, kind->without | BIT(VIRTIO_F_RING_PACKED), kind->size);
}

static void begin(const struct kind *k, uint64_t seed)
{
	const struct blk_options o = {.nqueues = 2, .ident = "saved"};
	kind = k;
	tape = seed;
	posted = 0;
	m = machine_new(&o, CAN_ALL);
	vdev_offer(&m->blk.vdev,
		   BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_RING_RESET));
	t = k->lend ? taplog_new(&m->g, k->lend) : NULL;
	boot();
}

static void end(void)
{
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	if (t)
		taplog_free(t);
	machine_free(m);
}

static void post_some(void)
{
	static const uint32_t type[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
					VIRTIO_BLK_T_DISCARD};
	for (uint32_t n = 1 + draw(3); n; n--) {
		uint32_t what = type[draw(4)], sector = draw(SECTORS - 4), slot = posted++ % 96;
		/* Lent copies are all of one size: else those of the fresh device lie closer together, and what fits
		 * beside them is another thing. */
		uint32_t len = what == VIRTIO_BLK_T_FLUSH ? 0 : kind->lend ? 512 : 512 * (1 + draw(3));
		if (what == VIRTIO_BLK_T_DISCARD) {
			put64(&m->g, DATA + 2048 * slot, sector);
			put64(&m->g, DATA + 2048 * slot + 8, 1 + draw(3));
			len = 16;
		}
		if (kind->packed)
			post_packed(m, what, sector, DATA + 2048 * slot, len);
		else
			post(m, (uint16_t)draw(2), what, sector, DATA + 2048 * slot, len);
	}
}

static void finish_some(void)
{
	for (uint32_t n = draw(4); n && m->disk.nheld; n--)
		disk_finish(m, draw(m->disk.nheld), draw(5) ? BLK_DONE : BLK_IO_ERROR);
}

static void step(void)
{
	switch (draw(12)) {
	case 0:
	case 1:
	case 2:
		post_some();
		break;
	case 3:
	case 4:
		m->disk.hold = draw(4);
		kick(m, kind->packed ? 0 : (uint16_t)draw(2));
		break;
	case 5:
	case 6:
		finish_some(); /* staged, and not published yet */
		break;
	case 7:
		blk_publish(&m->blk);
		break;
	case 8:
		m->g.again ? run_again(&m->g, &m->blk.vdev) : vdev_run(&m->blk.vdev, 0);
		break;
	case 9:
		set(&m->mmio, VIRTIO_MMIO_INTERRUPT_ACK, draw(4));
		set(&m->mmio, VIRTIO_MMIO_QUEUE_SEL, draw(2));
		set(&m->mmio, VIRTIO_MMIO_DEVICE_FEATURES_SEL, draw(2));
		break;
	case 10:
		mmio_write(&m->mmio, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1,
			   draw(2));
		break;
	default:
		if (!draw(3))
			blk_resize(&m->blk, SECTORS - draw(4));
		else if (!draw(3))
			boot();
	}
}

static uint64_t look(uint64_t h)
{
	h = hash_u64(h, mmio_hash(&m->mmio));
	h = hash_u64(h, (uint64_t)m->g.config_irqs << 32 | m->g.irqs[0] << 16 | m->g.irqs[1]);
	h = hash_u64(h, (uint64_t)m->g.again << 32 | m->g.offences_all);
	for (uint32_t i = 0; i < m->disk.nheld; i++)
		h = hash_u64(h, m->disk.held[i]->id);
	return h;
}

static uint64_t memory(uint64_t h)
{
	for (uint32_t i = 0; i < m->g.map.nregions; i++)
		h = hash_bytes(h, m->g.map.region[i].host, m->g.map.region[i].len);
	return hash_bytes(h, m->disk.data, 512 * SECTORS);
}

/* save_at: after that step; STEPS: never; -1: after each. */
static uint64_t tell(const struct kind *k, uint64_t seed, int save_at)
{
	uint64_t h = HASH_SEED;
	begin(k, seed);
	for (int i = 0; i < STEPS; i++) {
		step();
		if (save_at == i || save_at < 0)
			replace();
		h = look(h);
	}
	h = memory(h);
	end();
	return h;
}

static void saved_anywhere(const struct kind *k)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		uint64_t want = tell(k, seed, STEPS);
		for (int at = -1; at < STEPS; at++)
			assert_int_equal(tell(k, seed, at), want);
	}
}

#define NO_EVENT BIT(VIRTIO_RING_F_EVENT_IDX)
#define NO_ORDER BIT(VIRTIO_F_IN_ORDER)

static void split_saved_anywhere(void **state)
{
	(void)state;
	saved_anywhere(&(struct kind){.without = NO_ORDER, .size = 16});
	saved_anywhere(&(struct kind){.without = NO_ORDER | NO_EVENT, .size = 64});
	saved_anywhere(&(struct kind){.without = NO_ORDER, .size = 16, .lend = 12});
}

static void split_in_order_saved_anywhere(void **state)
{
	(void)state;
	saved_anywhere(&(struct kind){.size = 16});
	saved_anywhere(&(struct kind){.without = NO_EVENT, .size = 64, .lend = 9});
}

static void packed_saved_anywhere(void **state)
{
	(void)state;
	saved_anywhere(&(struct kind){.packed = true, .without = NO_ORDER, .size = 23});
	saved_anywhere(&(struct kind){.packed = true, .without = NO_ORDER | NO_EVENT, .size = 64});
	saved_anywhere(&(struct kind){.packed = true, .without = NO_ORDER, .size = 16, .lend = 12});
}

static void packed_in_order_saved_anywhere(void **state)
{
	(void)state;
	saved_anywhere(&(struct kind){.packed = true, .size = 23});
	saved_anywhere(&(struct kind){.packed = true, .without = NO_EVENT, .size = 64, .lend = 9});
}

/* -- what a loader can not do at once --------------------------------------------------------------------- */

static const struct kind plain = {.without = NO_ORDER, .size = 64};

static void hold_reads(uint16_t n)
{
	m->disk.hold = true;
	for (uint16_t i = 0; i < n; i++)
		post(m, 0, VIRTIO_BLK_T_IN, i, DATA + 2048u * i, 1024);
	kick(m, 0);
	assert_int_equal(m->disk.nheld, n);
}

/* Saved where nobody lends copies, loaded where few can be lent: the rest waits its turn, and a request that is
 * larger than all of them fails. */
static void loaded_where_less_can_be_lent(void **state)
{
	(void)state;
	uint32_t id, len, good = 0, failed = 0;
	size_t n;
	begin(&plain, 1);
	hold_reads(6);
	post(m, 0, VIRTIO_BLK_T_IN, 0, DATA + 0x4000, 4096);
	kick(m, 0);
	uint8_t *bytes = saved(&n);
	m->disk.nheld = 0;
	fresh_device();
	t = taplog_new(&m->g, 5);
	assert_true(mmio_load(&m->mmio, bytes, n));
	vdev_resume(&m->blk.vdev);
	assert_int_equal(m->disk.nheld, 2);
	assert_int_equal(m->blk.nunsent, 5);
	replace(); /* all of it is in flight still */
	assert_int_equal(m->disk.nheld, 2);
	assert_int_equal(m->blk.nunsent, 5);
	while (m->disk.nheld) {
		disk_finish(m, 0, BLK_DONE);
		blk_publish(&m->blk);
		run_again(&m->g, &m->blk.vdev);
		while (ring_take(&m->ring[0], &id, &len))
			*at(&m->g, status_at(0, (uint16_t)id)) ? failed++ : good++;
	}
	assert_int_equal(good, 6);
	assert_int_equal(failed, 1);
	assert_int_equal(m->blk.inflight, 0);
	free(bytes);
	end();
}

/* Loaded, and reset before it was resumed, or while some wait: nothing is left of them. */
static void reset_before_all_were_sent(void **state)
{
	(void)state;
	for (int resumed = 0; resumed < 2; resumed++) {
		size_t n;
		begin(&plain, 1);
		hold_reads(6);
		uint8_t *bytes = saved(&n);
		m->disk.nheld = 0;
		fresh_device();
		t = taplog_new(&m->g, 5);
		assert_true(mmio_load(&m->mmio, bytes, n));
		if (resumed)
			vdev_resume(&m->blk.vdev);
		set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(m->blk.inflight, 0);
		assert_int_equal(t->arena.free, 5);
		boot();
		m->disk.hold = false;
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, NULL), VIRTIO_BLK_S_OK);
		free(bytes);
		end();
	}
}

/* The other queue's requests stay, when one queue is reset while both wait to be sent. */
static void queue_reset_before_all_were_sent(void **state)
{
	(void)state;
	size_t n;
	begin(&plain, 1);
	hold_reads(4);
	post(m, 1, VIRTIO_BLK_T_OUT, 0, DATA, 512);
	kick(m, 1);
	uint8_t *bytes = saved(&n);
	m->disk.nheld = 0;
	fresh_device();
	assert_true(mmio_load(&m->mmio, bytes, n));
	set(&m->mmio, VIRTIO_MMIO_QUEUE_SEL, 0);
	set(&m->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(m->blk.inflight, 1);
	vdev_resume(&m->blk.vdev);
	assert_int_equal(m->disk.nheld, 1);
	disk_finish_all(m);
	assert_int_equal(ring_used_idx(&m->ring[0]), 0);
	assert_int_equal(ring_used_idx(&m->ring[1]), 1);
	free(bytes);
	end();
}

/* IN_ORDER: an answer that is staged and claims less than it could is not skipped by the next one. */
static void staged_answer_is_not_skipped(void **state)
{
	(void)state;
	uint32_t id, len;
	begin(&(struct kind){.size = 64}, 1);
	hold_reads(2);
	disk_finish(m, 0, BLK_IO_ERROR);
	replace();
	disk_finish(m, 0, BLK_DONE);
	blk_publish(&m->blk);
	assert_true(ring_take(&m->ring[0], &id, &len));
	assert_int_equal(id, 0);
	assert_int_equal(len, 0);
	assert_true(ring_take(&m->ring[0], &id, &len));
	assert_int_equal(id, 3);
	assert_int_equal(len, 1025);
	end();
}

/* A device that the guest broke stays broken, and what was in flight ends unpublished. */
static void broken_device_stays_broken(void **state)
{
	(void)state;
	begin(&plain, 1);
	hold_reads(3);
	ring_publish(&m->ring[0], 999);
	kick(m, 0);
	disk_finish(m, 1, BLK_DONE);
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_STATUS), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	replace();
	assert_int_equal(m->disk.nheld, 2);
	disk_finish_all(m);
	assert_int_equal(ring_used_idx(&m->ring[0]), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_saved_anywhere),
		cmocka_unit_test(split_in_order_saved_anywhere),
		cmocka_unit_test(packed_saved_anywhere),
		cmocka_unit_test(packed_in_order_saved_anywhere),
		cmocka_unit_test(loaded_where_less_can_be_lent),
		cmocka_unit_test(reset_before_all_were_sent),
		cmocka_unit_test(queue_reset_before_all_were_sent),
		cmocka_unit_test(staged_answer_is_not_skipped),
		cmocka_unit_test(broken_device_stays_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
