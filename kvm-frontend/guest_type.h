// SPDX-License-Identifier: BSD-2-Clause
/* guest_type: what of a program's backend is one type of device's own (guest_run.h). All with the lock held. */
#ifndef KVM_GUEST_TYPE_H
#define KVM_GUEST_TYPE_H

#include "guest_run.h"

struct guest_type {
	const struct virtio_type *type;
	/* The device's requests come to guest_submit, and its drains to guest_drain. */
	void (*join)(struct guest_dev *);
	/* Answers a request as the trace says; delivers: with the bytes that it holds. False: it can not be. */
	bool (*done)(struct guest_dev *, void *io, const struct op *, bool delivers);
	uint64_t lost; /* the result of a request that the trace leaves in flight when it is drained */
	/* Anything else that comes from the host, recorded as ever. False: nothing of the kind can come. */
	bool (*input)(struct guest_dev *, const struct op *);
};

/* NULL: a program can not have such a device. */
const struct guest_type *guest_type_of(const struct virtio_dev *);

/* guest_back.c, for the types */
void guest_submit(struct guest_dev *, uint16_t id, void *io);
void guest_drain(void *ctx); /* ctx: struct guest_dev *; leaves nothing in flight */
void guest_drain_some(struct guest_dev *, bool (*is_one)(const void *io, uint16_t of), uint16_t of);
/* What the backend delivered stands in the unpins that follow the completion, span by span. */
void guest_fill(struct guest_dev *, const struct vspan *, uint32_t nspans);

#endif
