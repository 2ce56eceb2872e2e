// SPDX-License-Identifier: BSD-2-Clause
/* fuzz_device compares split and packed rings, in a share of its runs that the inputs tell: a device that answers otherwise on
 * packed rings is found though no input offers any, and a legal one is not. That bug stands here: the linker sends vq_complete
 * through this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rand.h"
#include "target.h"
#include "tests/unit/child.h"
#include "trace/op.h"
#include "vq.h"

#define INPUTS 4096u /* some of them are tapes */
#define LEN    64u

static bool planted;

void __real_vq_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
void __wrap_vq_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);

void __wrap_vq_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	__real_vq_complete(q, m, tok, planted && q->packed && written ? written - 1 : written);
}

/* So many inputs, for a disk on a split ring. */
static void run_inputs(const void *inputs)
{
	for (uint32_t i = 0; i < *(const uint32_t *)inputs; i++) {
		/* For its disk a port of a console, which means nothing: the rest is its data. */
		uint8_t bytes[LEN] = {0, OP_PORT, 0, 0, 0, LEN - 6};
		struct rand r;
		rand_seed(&r, i);
		for (uint32_t k = 6; k < LEN; k++)
			bytes[k] = (uint8_t)rand_bits(&r, 8);
		LLVMFuzzerTestOneInput(bytes, sizeof(bytes));
	}
}

/* True: the target ended by itself. */
static bool ends(uint32_t inputs, char *said, size_t max)
{
	return child_returns(run_inputs, &inputs, said, max);
}

static void packed_rings_that_answer_otherwise_are_found(void **state)
{
	char said[4096];
	(void)state;
	planted = true;
	assert_false(ends(INPUTS, said, sizeof(said)));
	planted = false;
	assert_non_null(strstr(said, "ORACLE "));
	assert_non_null(strstr(said, "the input was a tape"));
}

static void a_device_without_a_bug_is_silent(void **state)
{
	char said[4096];
	(void)state;
	assert_true(ends(INPUTS, said, sizeof(said)));
	assert_string_equal(said, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_rings_that_answer_otherwise_are_found),
		cmocka_unit_test(a_device_without_a_bug_is_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
