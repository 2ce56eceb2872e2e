// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/queue.h"

struct guest g;
struct vq q;
struct vq_chain c;
struct taplog *tap;

int queue_setup(void **state)
{
	(void)state;
	guest_init(&g);
	memset(&q, 0, sizeof(q));
	q.size_max = VQ_SIZE_MAX;
	return 0;
}

int queue_setup_tapped(void **state)
{
	queue_setup(state);
	tap = taplog_new(&g, 0);
	return 0;
}

int queue_teardown(void **state)
{
	(void)state;
	if (tap)
		taplog_free(tap);
	tap = NULL;
	guest_free(&g);
	return 0;
}

void pop_ok(void)
{
	enum vq_err e = vq_pop(&q, &g.mem, &c);
	if (e != VQ_OK)
		fail_msg("popped %d: %s", e, offence_info(q.offence)->name);
}

void pop_offence(enum offence o)
{
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OFFENCE);
	assert_string_equal(offence_info(q.offence)->name, offence_info(o)->name);
}
