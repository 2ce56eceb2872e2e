// SPDX-License-Identifier: BSD-2-Clause
/* Preamble, chunks, head and crc32c: damage is always noticed, a cut always leaves a prefix. */
#include "trace/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The definition of the crc, bit by bit. */
static uint32_t slow_crc(const uint8_t *p, size_t n)
{
	uint32_t c = ~0u;

	while (n--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
	}
	return ~c;
}

static void crc_of_known_texts(void **state)
{
	uint8_t buf[100] = {0};

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, buf, 32), 0x8a9136aa); /* RFC 3720, B.4 */
	memset(buf, 0xff, 32);
	assert_int_equal(crc32c(0, buf, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, buf, 0), 0);
}

static void crc_of_any_length_and_in_pieces(void **state)
{
	uint8_t buf[100];

	(void)state;
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 37 + 11);
	for (size_t n = 0; n <= sizeof(buf); n++) {
		assert_int_equal(crc32c(0, buf, n), slow_crc(buf, n));
		for (size_t cut = 0; cut <= n; cut++)
			assert_int_equal(crc32c(crc32c(0, buf, cut), buf + cut, n - cut), slow_crc(buf, n));
	}
}

static void preamble(void **state)
{
	struct trace_head head = {.restored = true};
	uint8_t buf[TRACE_PREAMBLE_LEN];
	uint32_t version = 9;

	(void)state;
	assert_int_equal(trace_put_preamble(buf, &head), TRACE_PREAMBLE_LEN);
	assert_int_equal(trace_get_preamble(buf, sizeof(buf), &version), TRACE_OK);
	assert_int_equal(version, 2);
	for (buf[8] = 0; buf[8] < 4; buf[8] += 3)
		assert_int_equal(trace_get_preamble(buf, sizeof(buf), &version), TRACE_OTHER_VERSION);
	head.restored = false;
	trace_put_preamble(buf, &head);
	assert_int_equal(trace_get_preamble(buf, sizeof(buf), &version), TRACE_OK);
	assert_int_equal(version, 1);
	for (size_t n = 0; n < sizeof(buf); n++)
		assert_int_equal(trace_get_preamble(buf, n, &version), TRACE_TRUNCATED);
	for (size_t i = 0; i < sizeof(buf); i++) {
		buf[i] ^= 0x10;
		assert_int_equal(trace_get_preamble(buf, sizeof(buf), &version), i < 8 ? TRACE_NOT_A_TRACE
										 : i < 12
											 ? TRACE_OTHER_VERSION
											 : TRACE_DAMAGED);
		buf[i] ^= 0x10;
	}
}

static size_t make_chunk(uint8_t *out, uint64_t seq, const char *text)
{
	const struct trace_chunk c = {.type = TRACE_OPS,
				      .stored_len = (uint32_t)strlen(text),
				      .plain_len = (uint32_t)strlen(text),
				      .seq = seq,
				      .payload = (const uint8_t *)text};

	trace_put_chunk(out, &c);
	memcpy(out + TRACE_CHUNK_LEN, text, c.stored_len);
	return TRACE_CHUNK_LEN + (size_t)c.stored_len;
}

static void a_chunk_comes_back(void **state)
{
	uint8_t buf[100];
	size_t n = make_chunk(buf, 0x123456789a, "payload"), used;
	struct trace_chunk c;

	(void)state;
	assert_int_equal(trace_get_chunk(buf, n, 0x123456789a, &c, &used), TRACE_OK);
	assert_int_equal(used, n);
	assert_int_equal(c.type, TRACE_OPS);
	assert_int_equal(c.flags, 0);
	assert_int_equal(c.plain_len, 7);
	assert_memory_equal(c.payload, "payload", 7);
	assert_int_equal(trace_get_chunk(buf, 0, 0, &c, &used), TRACE_EOF);
}

static void every_damaged_bit_of_a_chunk_is_noticed(void **state)
{
	uint8_t buf[100];
	size_t n = make_chunk(buf, 3, "payload"), used;
	struct trace_chunk c;

	(void)state;
	for (size_t bit = 0; bit < n * 8; bit++) {
		buf[bit / 8] = (uint8_t)(buf[bit / 8] ^ 1u << bit % 8);
		assert_int_equal(trace_get_chunk(buf, n, 3, &c, &used), TRACE_DAMAGED);
		buf[bit / 8] = (uint8_t)(buf[bit / 8] ^ 1u << bit % 8);
	}
	assert_int_equal(trace_get_chunk(buf, n, 3, &c, &used), TRACE_OK);
	assert_int_equal(trace_get_chunk(buf, n, 4, &c, &used), TRACE_DAMAGED); /* one is missing */
}

static void every_cut_of_a_chunk_is_a_truncation(void **state)
{
	uint8_t buf[100];
	size_t n = make_chunk(buf, 0, "payload"), used;
	struct trace_chunk c;

	(void)state;
	for (size_t i = 1; i < n; i++) {
		uint8_t *exact = malloc(i);

		memcpy(exact, buf, i);
		assert_int_equal(trace_get_chunk(exact, i, 0, &c, &used), TRACE_TRUNCATED);
		assert_int_equal(used, i < TRACE_CHUNK_LEN ? TRACE_CHUNK_LEN : n);
		free(exact);
	}
}

static enum trace_read get_header(struct trace_chunk c)
{
	uint8_t buf[TRACE_CHUNK_LEN + 8] = {0};
	struct trace_chunk back;
	size_t used;
	uint32_t stored = c.stored_len, crc;

	c.payload = buf + TRACE_CHUNK_LEN;
	c.stored_len = 8;
	trace_put_chunk(buf, &c);
	for (int i = 0; i < 4; i++)
		buf[8 + i] = (uint8_t)(stored >> 8 * i);
	crc = crc32c(0, buf, 28);
	for (int i = 0; i < 4; i++)
		buf[28 + i] = (uint8_t)(crc >> 8 * i);
	return trace_get_chunk(buf, sizeof(buf), 0, &back, &used);
}

/* Lengths that a reader would allocate or trust, under a right checksum. */
static void lengths_out_of_bounds_are_refused(void **state)
{
	(void)state;
	assert_int_equal(get_header((struct trace_chunk){.stored_len = 8, .plain_len = 8}), TRACE_OK);
	assert_int_equal(get_header((struct trace_chunk){.stored_len = 8, .plain_len = 9}), TRACE_DAMAGED);
	assert_int_equal(
		get_header((struct trace_chunk){.stored_len = 8, .plain_len = 9, .flags = TRACE_ZSTD}),
		TRACE_OK);
	assert_int_equal(get_header((struct trace_chunk){.stored_len = 8, .plain_len = 8, .flags = 2}),
			 TRACE_DAMAGED);
	assert_int_equal(get_header((struct trace_chunk){.stored_len = 9, .plain_len = 9}), TRACE_TRUNCATED);
	assert_int_equal(get_header((struct trace_chunk){.stored_len = TRACE_CHUNK_MAX + 1,
							 .plain_len = TRACE_CHUNK_MAX + 1}),
			 TRACE_DAMAGED);
	assert_int_equal(get_header((struct trace_chunk){
				 .stored_len = 8, .plain_len = UINT32_MAX, .flags = TRACE_ZSTD}),
			 TRACE_DAMAGED);
}

/* As large as a head gets. */
static void fill_head(struct trace_head *h)
{
	memset(h, 0, sizeof(*h));
	memset(h->build, 'b', sizeof(h->build) - 1);
	h->payload = TRACE_PAYLOAD_FULL;
	h->nregions = VMEM_REGIONS_MAX;
	h->ndevices = OP_DEV_MAX;
	for (int i = 0; i < VMEM_REGIONS_MAX; i++)
		h->region[i].gpa = h->region[i].len = UINT64_MAX - (unsigned)i;
	for (int i = 0; i < OP_DEV_MAX; i++) {
		struct trace_device *d = &h->device[i];

		d->id = d->transport = UINT16_MAX;
		d->features = UINT64_MAX;
		d->nqueues = TRACE_QUEUES_MAX;
		memset(d->queue_size_max, 0xff, sizeof(d->queue_size_max));
		d->config_len = TRACE_CONFIG_MAX;
		memset(d->config, i, sizeof(d->config));
		d->ident_len = sizeof(d->ident);
		memset(d->ident, 0xee, sizeof(d->ident));
	}
}

static void the_largest_head_comes_back(void **state)
{
	static struct trace_head h, back;
	static uint8_t buf[TRACE_HEAD_LEN_MAX];
	size_t n;

	(void)state;
	fill_head(&h);
	n = trace_put_head(buf, sizeof(buf), &h);
	assert_true(n > 5000);
	assert_true(trace_get_head(buf, n, &back));
	assert_memory_equal(&h, &back, sizeof(h));
	for (size_t i = 0; i < n; i++) {
		assert_false(trace_get_head(buf, i, &back));
		assert_int_equal(trace_put_head(buf, i, &h), 0);
		n = trace_put_head(buf, sizeof(buf), &h);
	}
	buf[n] = 0;
	assert_false(trace_get_head(buf, n + 1, &back)); /* a byte too many */
}

static void the_empty_head_comes_back(void **state)
{
	static struct trace_head h, back;
	uint8_t buf[64];
	size_t n = trace_put_head(buf, sizeof(buf), &h);

	(void)state;
	assert_int_equal(n, 4);
	memset(&back, 0xff, sizeof(back));
	assert_true(trace_get_head(buf, n, &back));
	assert_memory_equal(&h, &back, sizeof(h));
}

static void a_head_out_of_bounds_is_refused(void **state)
{
	static struct trace_head h;
	static uint8_t buf[TRACE_HEAD_LEN_MAX];

	(void)state;
	h.nregions = VMEM_REGIONS_MAX + 1;
	assert_int_equal(trace_put_head(buf, sizeof(buf), &h), 0);
	h.nregions = 0;
	h.ndevices = OP_DEV_MAX + 1;
	assert_int_equal(trace_put_head(buf, sizeof(buf), &h), 0);
	h.ndevices = 1;
	h.device[0].config_len = TRACE_CONFIG_MAX + 1;
	assert_int_equal(trace_put_head(buf, sizeof(buf), &h), 0);
	/* And the same on the way in: build, payload, regions, devices. */
	assert_true(trace_get_head((uint8_t[]){0, 0, 0, 0}, 4, &h));
	assert_false(trace_get_head((uint8_t[]){0, 2, 0, 0}, 4, &h));
	assert_false(trace_get_head((uint8_t[]){0, 0, VMEM_REGIONS_MAX + 1, 0}, 4, &h));
	assert_false(trace_get_head((uint8_t[]){0, 0, 0, OP_DEV_MAX + 1}, 4, &h));
	assert_false(trace_get_head((uint8_t[]){0, 0, 0, 1, 2, 0, 0, TRACE_QUEUES_MAX + 1, 0, 0}, 10, &h));
	assert_true(trace_get_head((uint8_t[]){0, 0, 0, 1, 2, 0, 0, 0, 0, 0}, 10, &h));
	assert_false(trace_get_head((uint8_t[]){0, 0, 0, 1, 2, 0, 0, 0, 0, 33}, 10, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_of_known_texts),
		cmocka_unit_test(crc_of_any_length_and_in_pieces),
		cmocka_unit_test(preamble),
		cmocka_unit_test(a_chunk_comes_back),
		cmocka_unit_test(every_damaged_bit_of_a_chunk_is_noticed),
		cmocka_unit_test(every_cut_of_a_chunk_is_a_truncation),
		cmocka_unit_test(lengths_out_of_bounds_are_refused),
		cmocka_unit_test(the_largest_head_comes_back),
		cmocka_unit_test(the_empty_head_comes_back),
		cmocka_unit_test(a_head_out_of_bounds_is_refused),
	};

	return cmocka_run_group_tests_name("trace_file", tests, NULL, NULL);
}
