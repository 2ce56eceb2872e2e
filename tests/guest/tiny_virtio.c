// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guest/tiny_virtio.h"

#define MAGIC        0x74726976u
#define VECTOR_FIRST 0x30u

struct dev devices[DEVICES_MAX];
unsigned ndevices;

/* -- registers ------------------------------------------------------------------------------------------ */

uint32_t reg_read(const struct dev *d, uint32_t off)
{
	return *(volatile uint32_t *)(d->base + off);
}

void reg_write(const struct dev *d, uint32_t off, uint32_t value)
{
	*(volatile uint32_t *)(d->base + off) = value;
}

uint8_t status_read(const struct dev *d)
{
	return (uint8_t)reg_read(d, VIRTIO_MMIO_STATUS);
}

void status_add(const struct dev *d, uint32_t bits)
{
	reg_write(d, VIRTIO_MMIO_STATUS, status_read(d) | bits);
}

uint64_t features_read(const struct dev *d)
{
	reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	uint64_t high = reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
	reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return high << 32 | reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

void features_write(const struct dev *d, uint64_t features)
{
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
}

/* -- devices -------------------------------------------------------------------------------------------- */

/* Where ringside-vmm has its windows (kvm-frontend/boot/layout.h), unless the command line says otherwise. */
void dev_probe(void)
{
	uint32_t base = option("windows", 0xd0000000), step = option("step", 0x1000), gsi = option("gsi", 5);
	for (uint32_t i = 0; ndevices < DEVICES_MAX && i < option("count", DEVICES_MAX); i++) {
		struct dev *d = &devices[ndevices];
		d->base = base + i * step;
		d->gsi = gsi + i;
		d->vector = (uint8_t)(VECTOR_FIRST + ndevices);
		if (reg_read(d, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
			return;
		if (reg_read(d, VIRTIO_MMIO_DEVICE_ID) == 0)
			continue;
		irq_route(d->gsi, d->vector);
		ndevices++;
	}
}

struct dev *dev_find(uint32_t id, unsigned n)
{
	for (unsigned i = 0; i < ndevices; i++)
		if (reg_read(&devices[i], VIRTIO_MMIO_DEVICE_ID) == id && n-- == 0)
			return &devices[i];
	FAIL("no such device");
}

void on_vector(uint32_t vector);
void on_vector(uint32_t vector)
{
	unsigned i = vector - VECTOR_FIRST;
	if (i >= ndevices) {
		put_text("exception ");
		put_dec(vector);
		put_text("\n");
		power_off();
	}
	uint32_t causes = reg_read(&devices[i], VIRTIO_MMIO_INTERRUPT_STATUS);
	reg_write(&devices[i], VIRTIO_MMIO_INTERRUPT_ACK, causes);
	devices[i].causes |= causes;
	devices[i].irqs += causes != 0; /* none: an edge from before a reset, that came late */
	irq_done();
}

void dev_forget_irqs(struct dev *d)
{
	irq_on();
	idle();
	irq_off();
	d->irqs = d->causes = 0;
}

void dev_wait_irq(struct dev *d, uint32_t cause)
{
	patience_begin();
	irq_on();
	while (!(d->causes & cause))
		if (patience_over())
			FAIL("no interrupt in time");
	irq_off();
}

void dev_reset(const struct dev *d)
{
	reg_write(d, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_STATUS), 0);
}

void dev_negotiate(const struct dev *d, uint64_t features)
{
	dev_reset(d);
	status_add(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	status_add(d, VIRTIO_CONFIG_S_DRIVER);
	features_write(d, features);
	status_add(d, VIRTIO_CONFIG_S_FEATURES_OK);
	EXPECT(status_read(d) & VIRTIO_CONFIG_S_FEATURES_OK);
}

/* -- rings ---------------------------------------------------------------------------------------------- */

void ring_alloc(struct ring *r, struct dev *d, uint16_t queue, uint16_t size)
{
	*r = (struct ring){.dev = d, .queue = queue, .size = size};
	r->desc = alloc(16u * size);
	r->avail = alloc(6u + 2u * size);
	r->used = alloc(6u + 8u * size);
}

bool ring_enable(const struct ring *r)
{
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_SEL, r->queue);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_NUM, r->size);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)r->desc);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)r->avail);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)r->used);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_READY, 1);
	return reg_read(r->dev, VIRTIO_MMIO_QUEUE_READY) == 1;
}

void ring_open(struct ring *r, struct dev *d, uint64_t features, uint16_t size)
{
	dev_negotiate(d, features);
	ring_alloc(r, d, 0, size);
	r->event_idx = features & F_EVENT;
	r->notify_data = features & F_DATA;
	EXPECT(ring_enable(r));
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	EXPECT_EQ(status_read(d), 15);
}

static volatile uint16_t *used_event_at(const struct ring *r)
{
	return &r->avail->ring[r->size];
}

uint16_t ring_used_event(const struct ring *r)
{
	return *used_event_at(r);
}

void ring_set_used_event(struct ring *r, uint16_t v)
{
	*used_event_at(r) = v;
}

uint16_t ring_avail_event(const struct ring *r)
{
	return *(volatile uint16_t *)&r->used->ring[r->size];
}

void desc_set(volatile struct vring_desc *d, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	d->addr = addr;
	d->len = len;
	d->flags = flags;
	d->next = next;
}

void desc_chain(volatile struct vring_desc *table, uint16_t first, const struct seg *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t next = (uint16_t)(first + i + 1);
		uint16_t flags = s[i].out ? VRING_DESC_F_WRITE : 0;
		if (i + 1 < n)
			flags |= VRING_DESC_F_NEXT;
		desc_set(&table[first + i], (uint32_t)s[i].addr, s[i].len, flags, next);
	}
}

/* n descriptors in a row. */
static uint16_t ring_take(struct ring *r, unsigned n)
{
	uint16_t first = r->next;
	EXPECT(first + n <= r->size);
	r->next = (uint16_t)(first + n);
	return first;
}

void ring_post(struct ring *r, uint16_t head)
{
	r->avail->ring[r->avail_idx & (r->size - 1)] = head;
	r->avail_idx++;
}

uint16_t ring_add(struct ring *r, const struct seg *s, unsigned n)
{
	uint16_t head = ring_take(r, n);
	desc_chain(r->desc, head, s, n);
	ring_post(r, head);
	return head;
}

uint16_t ring_add_indirect(struct ring *r, void *table, const struct seg *s, unsigned n)
{
	uint16_t head = ring_take(r, 1);
	desc_chain(table, 0, s, n);
	desc_set(&r->desc[head], (uint32_t)table, 16 * n, VRING_DESC_F_INDIRECT, 0);
	ring_post(r, head);
	return head;
}

/* x86 keeps stores in order; the compiler is told to by volatile. */
void ring_publish(struct ring *r)
{
	barrier();
	r->avail->idx = r->avail_idx;
}

void ring_notify(const struct ring *r)
{
	reg_write(r->dev, VIRTIO_MMIO_QUEUE_NOTIFY,
		  r->queue | (r->notify_data ? (uint32_t)r->avail_idx << 16 : 0));
}

void ring_kick(struct ring *r)
{
	ring_publish(r);
	ring_notify(r);
}

/* The index must be visible before we look at what the device wants: a locked instruction between store and
 * load. */
bool ring_kick_if_wanted(struct ring *r)
{
	uint16_t before = r->avail->idx;
	ring_publish(r);
	__sync_synchronize();
	bool wanted = r->event_idx ? vring_need_event(ring_avail_event(r), r->avail_idx, before)
				   : !(r->used->flags & VRING_USED_F_NO_NOTIFY);
	if (wanted)
		ring_notify(r);
	return wanted;
}

void ring_wait(struct ring *r, uint16_t n)
{
	patience_begin();
	while ((uint16_t)(r->used->idx - r->used_idx) < n)
		if (patience_over())
			FAIL("no answer in time");
	EXPECT((uint16_t)(r->used->idx - r->used_idx) <= (uint16_t)(r->avail_idx - r->used_idx));
	barrier();
}

struct vring_used_elem ring_reap(struct ring *r)
{
	volatile struct vring_used_elem *e = (volatile void *)&r->used->ring[r->used_idx & (r->size - 1)];
	struct vring_used_elem copy = {e->id, e->len};
	if (++r->used_idx == r->avail_idx)
		r->next = 0;
	return copy;
}

uint32_t ring_run(struct ring *r, uint16_t head)
{
	ring_kick(r);
	ring_wait(r, 1);
	struct vring_used_elem e = ring_reap(r);
	EXPECT_EQ(e.id, head);
	EXPECT_EQ(r->used->idx, r->used_idx);
	return e.len;
}
