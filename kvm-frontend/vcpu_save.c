// SPDX-License-Identifier: BSD-2-Clause
#include "vcpu_save.h"
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "cpuid.h"
#include "vmm.h"

#define MSRS_MAX         1024
#define MSR_TSC_DEADLINE 0x6e0u

/* What kinds of memory there are (MTRRs): KVM has them, and does not list them. */
static const uint16_t unlisted[] = {
	0x2ff, 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, 0x200, 0x201,
	0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
};
#define UNLISTED   (sizeof(unlisted) / sizeof(unlisted[0]))
#define XSAVE_MAX  65536u
#define NESTED_MAX 65536u

/* A piece of it: how many bytes, or -1 with errno. Those whose size varies have functions of their own. */
struct piece {
	const char *name;
	unsigned long get, set;
	size_t size;
	ssize_t (*get_it)(const struct vcpu *, uint8_t *out);
	int (*set_it)(const struct vcpu *, const uint8_t *in, size_t n, char err[ERR_MAX]);
};

/* -- what the processor can do ---------------------------------------------------------------------------- */

static size_t cpuid_len(uint32_t nent)
{
	return sizeof(struct kvm_cpuid2) + nent * sizeof(struct kvm_cpuid_entry2);
}

static ssize_t get_cpuid(const struct vcpu *v, uint8_t *out)
{
	struct kvm_cpuid2 *c = (void *)out;

	memset(c, 0, sizeof(*c));
	c->nent = CPUID_MAX;
	return ioctl(v->fd, KVM_GET_CPUID2, c) ? -1 : (ssize_t)cpuid_len(c->nent);
}

/* Bits that the guest itself switches, by a register. */
static uint32_t fixed_bits(uint32_t function, bool ecx)
{
	if (function == 1)
		return ecx ? ~(1u << 27 | 1u << 3) : ~(1u << 9); /* OSXSAVE, MONITOR; APIC */
	if (function == 7 && ecx)
		return ~(1u << 4); /* OSPKE */
	return UINT32_MAX;
}

/* Features that the saved processor has in a leaf, and this one has not. */
static bool lacks(const struct kvm_cpuid_entry2 *saved, const struct kvm_cpuid2 *here)
{
	uint32_t f = saved->function;

	if (f != 1 && f != 7 && f != 0x80000001)
		return false;
	for (uint32_t i = 0; i < here->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &here->entries[i];

		if (e->function != f || e->index != saved->index)
			continue;
		return (f == 7 && (saved->ebx & ~e->ebx)) || (saved->ecx & ~e->ecx & fixed_bits(f, true)) ||
		       (saved->edx & ~e->edx & fixed_bits(f, false));
	}
	return saved->ecx | saved->edx;
}

static int set_cpuid(const struct vcpu *v, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	struct kvm_cpuid2 *here = calloc(1, cpuid_len(CPUID_MAX));
	const struct kvm_cpuid2 *c = (const void *)in;
	bool good = n >= sizeof(*c) && c->nent <= CPUID_MAX && n == cpuid_len(c->nent), same = here;

	if (here && good && get_cpuid(v, (uint8_t *)here) >= 0)
		for (uint32_t i = 0; i < c->nent; i++)
			same &= !lacks(&c->entries[i], here);
	free(here);
	if (!good)
		return err_set(err, "its features are not whole");
	if (!same || ioctl(v->fd, KVM_SET_CPUID2, c))
		return err_set(err, "this host's processor lacks features that the saved machine's has");
	return 0;
}

static ssize_t get_tsc_khz(const struct vcpu *v, uint8_t *out)
{
	int khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	uint32_t value = khz > 0 ? (uint32_t)khz : 0;

	memcpy(out, &value, sizeof(value));
	return khz < 0 && errno != EIO ? -1 : (ssize_t)sizeof(value);
}

static int set_tsc_khz(const struct vcpu *v, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	uint32_t khz;

	if (n != sizeof(khz))
		return err_set(err, "its clock's speed is not whole");
	memcpy(&khz, in, sizeof(khz));
	if (!khz || ioctl(v->fd, KVM_GET_TSC_KHZ, 0) == (int)khz || !ioctl(v->fd, KVM_SET_TSC_KHZ, khz))
		return 0;
	return err_set(err, "this host can not run its time stamp counter at %u kHz", khz);
}

/* -- registers that only some processors have, or in several sizes -------------------------------------------- */

static size_t xsave_len(const struct vcpu *v)
{
	int n = ioctl(v->vmm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	return n > (int)sizeof(struct kvm_xsave) ? (size_t)n : sizeof(struct kvm_xsave);
}

static ssize_t get_xsave(const struct vcpu *v, uint8_t *out)
{
	size_t n = xsave_len(v);

	if (n > XSAVE_MAX) {
		errno = E2BIG;
		return -1;
	}
	return ioctl(v->fd, n > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, out) ? -1
												: (ssize_t)n;
}

static int set_xsave(const struct vcpu *v, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	if (n != xsave_len(v) || ioctl(v->fd, KVM_SET_XSAVE, in))
		return err_set(err, "this host's processor has other vector registers");
	return 0;
}

static bool can_nest(const struct vcpu *v, size_t *max)
{
	int n = ioctl(v->vmm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);

	*max = n > 0 ? (size_t)n : 0;
	return n >= (int)sizeof(struct kvm_nested_state) && n <= (int)NESTED_MAX;
}

/* Nothing, where this KVM nests no machines. */
static ssize_t get_nested(const struct vcpu *v, uint8_t *out)
{
	struct kvm_nested_state *s = (void *)out;
	size_t max;

	if (!can_nest(v, &max))
		return 0;
	memset(s, 0, max);
	s->size = (uint32_t)max;
	return ioctl(v->fd, KVM_GET_NESTED_STATE, s) ? -1 : (ssize_t)s->size;
}

static int set_nested(const struct vcpu *v, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	const struct kvm_nested_state *s = (const void *)in;
	size_t max;

	if (n == 0)
		return 0;
	if (n < sizeof(*s) || s->size != n || !can_nest(v, &max) || n > max ||
	    ioctl(v->fd, KVM_SET_NESTED_STATE, s))
		return err_set(err, "this host can not run the machine that runs in it");
	return 0;
}

/* -- model-specific registers ------------------------------------------------------------------------------- */

static size_t msrs_len(uint32_t n)
{
	return sizeof(struct kvm_msrs) + n * sizeof(struct kvm_msr_entry);
}

/* Their numbers, into the entries. The timer's deadline comes last: it counts from what others say. */
static int list_msrs(const struct vcpu *v, struct kvm_msrs *m)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + MSRS_MAX * sizeof(list->indices[0]));
	bool deadline = false;

	m->nmsrs = 0;
	if (!list)
		return -1;
	list->nmsrs = MSRS_MAX - 1 - (uint32_t)UNLISTED;
	if (ioctl(v->vmm->kvm_fd, KVM_GET_MSR_INDEX_LIST, list)) {
		free(list);
		return -1;
	}
	for (uint32_t i = 0; i < list->nmsrs; i++) {
		deadline |= list->indices[i] == MSR_TSC_DEADLINE;
		if (list->indices[i] != MSR_TSC_DEADLINE)
			m->entries[m->nmsrs++].index = list->indices[i];
	}
	for (size_t i = 0; i < UNLISTED; i++)
		m->entries[m->nmsrs++].index = unlisted[i];
	if (deadline)
		m->entries[m->nmsrs++].index = MSR_TSC_DEADLINE;
	free(list);
	return 0;
}

/* One by one: KVM stops at the first that this processor does not have. */
static int msr(const struct vcpu *v, unsigned long request, struct kvm_msr_entry *e)
{
	union {
		struct kvm_msrs m;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} u;
	int done;

	memset(&u, 0, sizeof(u));
	u.m.nmsrs = 1;
	u.m.entries[0] = *e;
	done = ioctl(v->fd, request, &u.m);
	e->data = u.m.entries[0].data;
	return done == 1 ? 0 : -1;
}

static ssize_t get_msrs(const struct vcpu *v, uint8_t *out)
{
	struct kvm_msrs *m = (void *)out;
	uint32_t n = 0;

	memset(m, 0, msrs_len(MSRS_MAX));
	if (list_msrs(v, m))
		return -1;
	for (uint32_t i = 0; i < m->nmsrs; i++) {
		struct kvm_msr_entry e = {.index = m->entries[i].index};

		if (!msr(v, KVM_GET_MSRS, &e))
			m->entries[n++] = e;
	}
	m->nmsrs = n;
	return (ssize_t)msrs_len(n);
}

/* Some can only be read; they say here what they said there. */
static int set_msr(const struct vcpu *v, const struct kvm_msr_entry *e, char err[ERR_MAX])
{
	struct kvm_msr_entry here = *e;

	if (!msr(v, KVM_SET_MSRS, &here))
		return 0;
	here = *e;
	if (!msr(v, KVM_GET_MSRS, &here) && here.data == e->data)
		return 0;
	return err_set(err, "this host's processor does not take 0x%llx in its register 0x%x",
		       (unsigned long long)e->data, e->index);
}

static int set_msrs(const struct vcpu *v, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	const struct kvm_msrs *m = (const void *)in;
	int rc = 0;

	if (n < sizeof(*m) || m->nmsrs > MSRS_MAX || n != msrs_len(m->nmsrs))
		return err_set(err, "its registers are not whole");
	for (uint32_t i = 0; !rc && i < m->nmsrs; i++)
		rc = set_msr(v, &m->entries[i], err);
	return rc;
}

/* -- all of it ---------------------------------------------------------------------------------------------- */

#define FIXED(what, type)                                                       \
	{                                                                       \
#what, KVM_GET_##what, KVM_SET_##what, sizeof(type), NULL, NULL \
	}

/*
 * Features first, all else depends on them; the local APIC's mode is in SREGS, the deadline needs that and the
 * time stamp counter; events last, since other sets may clear them. It is read in the opposite sense: MP_STATE
 * first, as that delivers what is pending.
 */
static const struct piece pieces[] = {
	{"CPUID", 0, 0, 0, get_cpuid, set_cpuid},
	{"TSC_KHZ", 0, 0, 0, get_tsc_khz, set_tsc_khz},
	FIXED(MP_STATE, struct kvm_mp_state),
	FIXED(REGS, struct kvm_regs),
	FIXED(SREGS, struct kvm_sregs),
	FIXED(XCRS, struct kvm_xcrs),
	{"XSAVE", 0, 0, 0, get_xsave, set_xsave},
	FIXED(DEBUGREGS, struct kvm_debugregs),
	FIXED(LAPIC, struct kvm_lapic_state),
	{"MSRS", 0, 0, 0, get_msrs, set_msrs},
	{"NESTED_STATE", 0, 0, 0, get_nested, set_nested},
	FIXED(VCPU_EVENTS, struct kvm_vcpu_events),
};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

/* Room for the largest piece. */
#define ROOM (XSAVE_MAX + NESTED_MAX)

int vcpu_save(const struct vcpu *v, struct savefile_out *out, char err[ERR_MAX])
{
	uint8_t *bytes = malloc(ROOM);
	int rc = 0;

	if (!bytes)
		return err_set(err, "out of memory");
	for (size_t i = 0; !rc && i < PIECES; i++) {
		const struct piece *p = &pieces[i];
		ssize_t n = p->get_it                     ? p->get_it(v, bytes)
			    : ioctl(v->fd, p->get, bytes) ? -1
							  : (ssize_t)p->size;

		if (n < 0)
			rc = err_set(err, "vCPU %u: KVM_GET_%s: %s", v->nr, p->name, strerror(errno));
		else
			savefile_put(out, SAVEFILE_CPU, v->nr, bytes, (size_t)n);
	}
	free(bytes);
	return rc;
}

static int set_piece(const struct vcpu *v, const struct piece *p, const struct savefile_in *in,
		     char err[ERR_MAX])
{
	char why[ERR_MAX];

	if (p->set_it && p->set_it(v, in->bytes, in->len, why))
		return err_set(err, "--restore: %.100s: vCPU %u: %.120s", in->path, v->nr, why);
	if (!p->set_it && in->len != p->size)
		return savefile_damaged(in, "a vCPU's part is not whole", err);
	if (!p->set_it && ioctl(v->fd, p->set, in->bytes))
		return err_set(err, "--restore: %.100s: vCPU %u: KVM_SET_%s: %s", in->path, v->nr, p->name,
			       strerror(errno));
	return 0;
}

int vcpu_restore(struct vcpu *v, struct savefile_in *in, char err[ERR_MAX])
{
	for (size_t i = 0; i < PIECES; i++) {
		if (in->part != SAVEFILE_CPU || in->index != v->nr)
			return savefile_damaged(in, "a vCPU's part is missing", err);
		if (set_piece(v, &pieces[i], in, err) || savefile_next(in, err))
			return -1;
	}
	return 0;
}

void vcpu_was_paused(const struct vcpu *v)
{
	ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0); /* refused where the guest has no such clock */
}
