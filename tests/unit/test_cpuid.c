// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpuid.h"

#define HTT         (1u << 28)
#define CMP_LEGACY  (1u << 1)
#define CACHE(t, l) ((t) | (l) << 5)

static struct kvm_cpuid2 *table;

static int setup(void **state)
{
	(void)state;
	table = calloc(1, sizeof(*table) + CPUID_MAX * sizeof(table->entries[0]));
	return !table;
}

static int teardown(void **state)
{
	(void)state;
	free(table);
	return 0;
}

static void add(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	table->entries[table->nent++] = (struct kvm_cpuid_entry2){
		.function = function, .index = index, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx};
}

/* What such a host of 16 threads says: garbage, as far as our guest is concerned. */
static void host(bool amd)
{
	table->nent = 0;
	add(0, 0, 0x1f, amd ? 0x68747541 : 0x756e6547, amd ? 0x444d4163 : 0x6c65746e,
	    amd ? 0x69746e65 : 0x49656e69);
	add(1, 0, 0x800f12, 0x0b10081b, 0, HTT | 1);
	for (uint32_t i = 0; i < 4; i++)
		add(amd ? 0x8000001d : 4, i, 0xffffc100 | CACHE(1, i), 0x1c0003f, 63, 0);
	add(amd ? 0x8000001d : 4, 4, 0, 0, 0, 0);
	add(0xb, 0, 1, 2, 0x100, 11);
	add(0xb, 1, 4, 16, 0x201, 11);
	add(0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
	add(0x80000001, 0, 0, 0, 0, 0);
	add(0x80000008, 0, 0x3030, 0, amd ? 0x400f : 0, 0);
	if (!amd) {
		add(0x1f, 0, 1, 2, 0x100, 11);
		return;
	}
	add(0x8000001e, 0, 11, 0x105, 0x303, 0);
	add(0x80000026, 0, 1, 2, 0x100, 11);
}

static const struct kvm_cpuid_entry2 *find(uint32_t function, uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = NULL;

	for (uint32_t i = 0; i < table->nent; i++)
		if (table->entries[i].function == function && table->entries[i].index == index) {
			assert_null(found);
			found = &table->entries[i];
		}
	assert_non_null(found);
	return found;
}

/* One level of leaf 0xb or 0x1f. */
static void level_is(uint32_t function, uint32_t index, uint32_t shift, uint32_t count, uint32_t type,
		     uint32_t id)
{
	const struct kvm_cpuid_entry2 *e = find(function, index);

	assert_int_equal(e->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	assert_int_equal(e->eax, shift);
	assert_int_equal(e->ebx, count);
	assert_int_equal(e->ecx, type << 8 | index);
	assert_int_equal(e->edx, id);
}

static void levels_are(uint32_t function, uint32_t shift, uint32_t count, uint32_t id)
{
	level_is(function, 0, 0, 1, 1, id);
	level_is(function, 1, shift, count, 2, id);
	level_is(function, 2, 0, 0, 0, id);
}

static void one_processor_is_alone(void **state)
{
	(void)state;
	host(false);
	assert_true(cpuid_fix(table, 0, 1, false));
	assert_int_equal(find(1, 0)->ebx, 0x0001081b);
	assert_int_equal(find(1, 0)->edx, 1); /* no hyper-threading */
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(find(4, i)->eax, 0x100 | CACHE(1, i));
	levels_are(0xb, 0, 1, 0);
	levels_are(0x1f, 0, 1, 0);
}

static void intel_tells_cores(void **state)
{
	(void)state;
	host(false);
	assert_true(cpuid_fix(table, 5, 6, false));
	assert_int_equal(find(1, 0)->ebx, 0x0506081b);
	assert_int_equal(find(1, 0)->edx, HTT | 1);
	levels_are(0xb, 3, 6, 5);
	levels_are(0x1f, 3, 6, 5);
	assert_int_equal(find(4, 1)->eax, 7u << 26 | 0x100 | CACHE(1, 1));            /* a core's own */
	assert_int_equal(find(4, 3)->eax, 7u << 26 | 7u << 14 | 0x100 | CACHE(1, 3)); /* shared by all */
	assert_int_equal(find(4, 4)->eax, 0); /* the end of the list */
	assert_int_equal(find(0x80000008, 0)->ecx, 0);
	assert_int_equal(find(0x80000001, 0)->ecx, 0);
}

static void amd_tells_cores(void **state)
{
	(void)state;
	host(true);
	assert_true(cpuid_fix(table, 2, 3, false));
	assert_int_equal(find(1, 0)->ebx, 0x0203081b);
	assert_int_equal(find(0x80000001, 0)->ecx, CMP_LEGACY);
	assert_int_equal(find(0x80000008, 0)->ecx, 0x2002);
	assert_int_equal(find(0x8000001d, 2)->eax, 0x100 | CACHE(1, 2));
	assert_int_equal(find(0x8000001d, 3)->eax, 3u << 14 | 0x100 | CACHE(1, 3));
	assert_int_equal(find(0x8000001e, 0)->eax, 2);
	assert_int_equal(find(0x8000001e, 0)->ebx, 2); /* core 2, one thread */
	assert_int_equal(find(0x8000001e, 0)->ecx, 0);
	levels_are(0xb, 2, 3, 2);
	assert_int_equal(find(0x80000026, 0)->ebx, 0); /* no level */
	assert_int_equal(find(0x80000026, 0)->edx, 2);
}

/* Each processor of the largest machine says another id, in every leaf that has one. */
static void ids_differ(void **state)
{
	(void)state;
	for (unsigned id = 0; id < 64; id++) {
		host(true);
		assert_true(cpuid_fix(table, id, 64, true));
		assert_int_equal(find(1, 0)->ebx >> 24, id);
		assert_int_equal(find(1, 0)->ebx >> 16 & 0xff, 64);
		assert_int_equal(find(0x8000001e, 0)->eax, id);
		levels_are(0xb, 6, 64, id);
	}
}

static void local_apic_is_kvms(void **state)
{
	(void)state;
	host(false);
	assert_true(cpuid_has_kvm(table));
	assert_true(cpuid_fix(table, 0, 1, false));
	assert_int_equal(find(1, 0)->ecx, 1u << 31 | 1u << 21);
	host(false);
	assert_true(cpuid_fix(table, 0, 1, true));
	assert_int_equal(find(1, 0)->ecx, 1u << 31 | 1u << 24 | 1u << 21);
	table->nent = 1;
	assert_false(cpuid_has_kvm(table));
}

/* A processor without a list of levels gets none; one whose table is full is refused. */
static void levels_need_room(void **state)
{
	(void)state;
	table->nent = 0;
	add(0, 0, 7, 0x756e6547, 0, 0);
	assert_true(cpuid_fix(table, 0, 4, false));
	assert_int_equal(table->nent, 1);
	add(0xb, 0, 0, 0, 0, 0);
	while (table->nent < CPUID_MAX - 2)
		add(0x50000000, table->nent, 0, 0, 0, 0);
	assert_true(cpuid_fix(table, 0, 4, false)); /* one goes, three come: full */
	assert_int_equal(table->nent, CPUID_MAX);
	table->nent = 0;
	add(0xb, 0, 0, 0, 0, 0);
	while (table->nent < CPUID_MAX - 1)
		add(0x50000000, table->nent, 0, 0, 0, 0);
	assert_false(cpuid_fix(table, 0, 4, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_processor_is_alone), cmocka_unit_test(intel_tells_cores),
		cmocka_unit_test(amd_tells_cores),        cmocka_unit_test(ids_differ),
		cmocka_unit_test(local_apic_is_kvms),     cmocka_unit_test(levels_need_room),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
