// SPDX-License-Identifier: BSD-2-Clause
/*
 * The mutator of programs as AFL++ loads it (AFL_CUSTOM_MUTATOR_LIBRARY=build/afl/mutator.so): changes and splices
 * op by op, trims by leaving ops out. Beside it AFL++ goes on with its own changes, byte by byte.
 * RINGSIDE_FUZZ_TARGET tells for which target: its devices have ops of their own, and its programs may begin with the
 * byte that tells their machine. RINGSIDE_FUZZ_MAX_LEN is what afl-fuzz was told by -G: it does not tell, but cuts off
 * what is longer behind our back, so that the next time the same program is cut once more and runs differently.
 */
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

#define SPLICE_OFTEN 4 /* one program in so many takes ops of another one */
#define CHANGES_LOG  4 /* the others are changed once, twice, four times, eight times */

struct afl;

struct mutator {
	uint64_t seed, calls;
	size_t max;
	struct mutate_trim trim;
	uint8_t out[MUTATE_BYTES_MAX], trimmed[MUTATE_BYTES_MAX];
};

void *afl_custom_init(struct afl *, unsigned seed);
void afl_custom_deinit(void *);
size_t afl_custom_fuzz(void *, uint8_t *, size_t, uint8_t **out, uint8_t *other, size_t nother, size_t max);
const char *afl_custom_describe(void *, size_t max);
int32_t afl_custom_init_trim(void *, uint8_t *, size_t);
size_t afl_custom_trim(void *, uint8_t **out);
int32_t afl_custom_post_trim(void *, uint8_t same);
size_t afl_custom_post_process(void *, uint8_t *, size_t, uint8_t **out);

static void mutate_for_target(const char *name)
{
	static const struct {
		const char *name;
		uint16_t id;
	} device[] = {
#define DEVICE(name, id) {#name, id},
#include "devices/list.def"
#undef DEVICE
	};
	for (size_t i = 0; i < sizeof(device) / sizeof(device[0]); i++)
		if (!strcmp(name, device[i].name))
			mutate_for(device[i].id);
	if (!strcmp(name, "device"))
		mutate_for_chosen();
}

void *afl_custom_init(struct afl *afl, unsigned seed)
{
	const char *target = getenv("RINGSIDE_FUZZ_TARGET"), *max_len = getenv("RINGSIDE_FUZZ_MAX_LEN");
	struct mutator *m = calloc(1, sizeof(*m));
	if (target)
		mutate_for_target(target);
	(void)afl;
	if (!m)
		return NULL;
	m->seed = seed;
	m->max = max_len ? strtoul(max_len, NULL, 10) : MUTATE_BYTES_MAX;
	return m;
}

void afl_custom_deinit(void *data)
{
	free(data);
}

size_t afl_custom_fuzz(void *data, uint8_t *bytes, size_t n, uint8_t **out, uint8_t *other, size_t nother,
		       size_t max)
{
	struct mutator *m = data;
	uint64_t seed = m->seed << 32 ^ ++m->calls;
	max = max < m->max ? max : m->max;
	max = max < sizeof(m->out) ? max : sizeof(m->out);
	*out = m->out;
	if (other && nother && m->calls % SPLICE_OFTEN == 0)
		return mutate_cross(bytes, n, other, nother, m->out, max, seed);
	n = n < max ? n : max;
	memcpy(m->out, bytes, n);
	for (uint64_t changes = 1ull << m->calls / SPLICE_OFTEN % CHANGES_LOG; changes; changes--)
		n = mutate_program(m->out, n, max, seed ^ changes << 56);
	return n;
}

const char *afl_custom_describe(void *data, size_t max)
{
	(void)data;
	(void)max;
	return "ops";
}

/* One step as AFL++ counts them: it is over when post_trim says 1. */
int32_t afl_custom_init_trim(void *data, uint8_t *bytes, size_t n)
{
	struct mutator *m = data;
	if (n > sizeof(m->trim.best))
		return 0;
	mutate_trim_begin(&m->trim, bytes, n);
	return !mutate_trim_done(&m->trim);
}

size_t afl_custom_trim(void *data, uint8_t **out)
{
	struct mutator *m = data;
	size_t n = mutate_trim_next(&m->trim, m->trimmed);
	*out = m->trimmed;
	if (!n) /* AFL++ wants a byte */
		m->trimmed[n++] = 0;
	return n;
}

int32_t afl_custom_post_trim(void *data, uint8_t same)
{
	struct mutator *m = data;
	mutate_trim_tell(&m->trim, same);
	return mutate_trim_done(&m->trim);
}

/* Of a program that was cut off in the middle of an op, that op is not run. */
size_t afl_custom_post_process(void *data, uint8_t *bytes, size_t n, uint8_t **out)
{
	const struct mutator *m = data;
	*out = bytes;
	return mutate_whole(bytes, n, m->max);
}
