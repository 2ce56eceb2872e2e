// SPDX-License-Identifier: BSD-2-Clause
#include "cpuid.h"
#include <stdint.h>
#include <string.h>

#define VENDOR_AMD          0x68747541 /* "Auth": what ebx of leaf 0 says */
#define VENDOR_HYGON        0x6f677948 /* "Hygo" */
#define CPUID1_X2APIC       (1u << 21) /* ecx */
#define CPUID1_TSC_DEADLINE (1u << 24)
#define CPUID1_HYPERVISOR   (1u << 31)
#define CPUID1_HTT          (1u << 28) /* edx */
#define CMP_LEGACY          (1u << 1)  /* AMD, leaf 0x80000001, ecx: the logical processors are cores */
#define CPUID_KVM_SIGNATURE 0x40000000
#define LEVEL_THREAD        1 /* leaves 0xb and 0x1f, ecx bits 8 to 15 */
#define LEVEL_CORE          2
#define LEVELS              3 /* thread, core, and the one that ends the list */

/* What the leaves are made of. */
struct place {
	unsigned id, cpus;
	unsigned id_bits; /* that tell one core from another */
	bool amd, tsc_deadline;
};

static unsigned bits_for(unsigned cpus)
{
	unsigned bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

static void fix_features(struct kvm_cpuid_entry2 *e, const struct place *p)
{
	e->ebx = (e->ebx & 0x0000ffff) | p->cpus << 16 | p->id << 24;
	e->edx = p->cpus > 1 ? e->edx | CPUID1_HTT : e->edx & ~CPUID1_HTT;
	/* The local APIC is KVM's, so both are there whatever the processor has. KVM tells the deadline timer
	 * by a capability of its own, as it depends on that. */
	e->ecx |= CPUID1_X2APIC | CPUID1_HYPERVISOR;
	if (p->tsc_deadline)
		e->ecx |= CPUID1_TSC_DEADLINE;
}

/* Ids that may share a cache, less one: the caches of the first two levels are a core's own. */
static uint32_t sharing(const struct kvm_cpuid_entry2 *e, const struct place *p)
{
	return (e->eax >> 5 & 7) >= 3 ? (1u << p->id_bits) - 1 : 0;
}

static void fix_leaf(struct kvm_cpuid_entry2 *e, const struct place *p)
{
	switch (e->function) {
	case 0x1:
		fix_features(e, p);
		break;
	case 0x4: /* Intel: threads that share a cache, and cores of the package, less one */
		e->eax = (e->eax & 0x3fff) | sharing(e, p) << 14;
		if (e->eax & 0x1f)
			e->eax |= ((1u << p->id_bits) - 1) << 26;
		break;
	case 0x80000001:
		if (p->amd)
			e->ecx = p->cpus > 1 ? e->ecx | CMP_LEGACY : e->ecx & ~CMP_LEGACY;
		break;
	case 0x80000008: /* AMD: number of cores, less one, and how many bits of an id tell them apart */
		e->ecx &= ~0xf0ffu;
		if (p->amd)
			e->ecx |= p->id_bits << 12 | (p->cpus - 1);
		break;
	case 0x8000001d: /* AMD: threads that share a cache, less one */
		e->eax = (e->eax & 0x3fff) | sharing(e, p) << 14;
		break;
	case 0x8000001e: /* AMD: APIC id, core id, and node id: there is one node */
		e->eax = e->ebx = p->id;
		e->ecx = 0;
		break;
	case 0x80000026: /* AMD: a third list of levels. None is valid: the other lists tell them */
		e->eax = e->ebx = e->ecx = 0;
		e->edx = p->id;
		break;
	default:
		break;
	}
}

/* Takes all entries of a function out of the table; answers whether there were any. */
static bool take_out(struct kvm_cpuid2 *c, uint32_t function)
{
	uint32_t kept = 0, before = c->nent;

	for (uint32_t i = 0; i < before; i++)
		if (c->entries[i].function != function)
			c->entries[kept++] = c->entries[i];
	c->nent = kept;
	return kept != before;
}

/* Writes the list of levels anew: how many of them KVM told is the host's affair. */
static bool put_levels(struct kvm_cpuid2 *c, uint32_t function, const struct place *p)
{
	static const uint32_t type[LEVELS] = {LEVEL_THREAD << 8, LEVEL_CORE << 8, 0};
	const uint32_t shift[LEVELS] = {0, p->id_bits, 0}, count[LEVELS] = {1, p->cpus, 0};

	if (!take_out(c, function))
		return true;
	if (c->nent + LEVELS > CPUID_MAX)
		return false;
	for (uint32_t i = 0; i < LEVELS; i++)
		c->entries[c->nent++] = (struct kvm_cpuid_entry2){
			.function = function,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = shift[i],
			.ebx = count[i],
			.ecx = type[i] | i,
			.edx = p->id,
		};
	return true;
}

static bool is_amd(const struct kvm_cpuid2 *c)
{
	for (uint32_t i = 0; i < c->nent; i++)
		if (c->entries[i].function == 0)
			return c->entries[i].ebx == VENDOR_AMD || c->entries[i].ebx == VENDOR_HYGON;
	return false;
}

bool cpuid_fix(struct kvm_cpuid2 *c, unsigned apic_id, unsigned cpus, bool tsc_deadline)
{
	const struct place p = {.id = apic_id,
				.cpus = cpus,
				.id_bits = bits_for(cpus),
				.amd = is_amd(c),
				.tsc_deadline = tsc_deadline};

	for (uint32_t i = 0; i < c->nent; i++)
		fix_leaf(&c->entries[i], &p);
	return put_levels(c, 0xb, &p) && put_levels(c, 0x1f, &p);
}

bool cpuid_has_kvm(const struct kvm_cpuid2 *c)
{
	for (uint32_t i = 0; i < c->nent; i++)
		if (c->entries[i].function == CPUID_KVM_SIGNATURE)
			return true;
	return false;
}
