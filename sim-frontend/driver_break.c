// SPDX-License-Identifier: BSD-2-Clause
/* Breaking a chain's descriptors on request (enum driver_break tells what each means). */
#include "driver_int.h"

static void break_one(struct vring_desc *d, uint32_t how, uint64_t value)
{
	if (how == BREAK_ADDR)
		d->addr = value;
	else if (how == BREAK_LEN)
		d->len = (uint32_t)value;
	else if (how == BREAK_FLAGS)
		d->flags ^= value ? (uint16_t)value : VRING_DESC_F_WRITE;
	else if (how == BREAK_INDIRECT)
		d->flags = VRING_DESC_F_INDIRECT;
	if (how == BREAK_NEXT) {
		d->next = (uint16_t)value;
		d->flags |= VRING_DESC_F_NEXT;
	}
}

/* The ring's descriptor that names the table. */
static void break_table(struct vring_desc *d, uint32_t how, uint64_t value)
{
	if (how == BREAK_TABLE_NEXT)
		d->flags |= VRING_DESC_F_NEXT;
	else if (how == BREAK_TABLE_LEN)
		d->len = (uint32_t)value;
	else if (how == BREAK_TABLE_ADDR)
		d->addr = value;
}

static void break_loop(const struct plan *p, struct vring_desc *ring, struct vring_desc *table)
{
	struct vring_desc *last = p->indirect ? &table[p->npieces - p->ndirect - 1] : &ring[p->nindex - 1];
	last->flags |= VRING_DESC_F_NEXT;
	last->next = p->indirect ? 0 : p->index[0];
}

void break_chain(const struct driver *g, const struct plan *p, struct vring_desc *ring,
		 struct vring_desc *table)
{
	uint32_t ntable = p->indirect ? p->npieces - p->ndirect : 0;
	if (g->how == BREAK_LOOP)
		break_loop(p, ring, table);
	else if (g->how == BREAK_TABLE_NESTED && p->indirect)
		table[g->at % ntable].flags |= VRING_DESC_F_INDIRECT;
	else if (g->how >= BREAK_TABLE_NEXT && g->how <= BREAK_TABLE_ADDR && p->indirect)
		break_table(&ring[p->nindex - 1], g->how, g->value);
	else if (g->how == BREAK_INDIRECT || !p->indirect)
		break_one(&ring[g->at % p->nindex], g->how, g->value);
	else
		break_one(&table[g->at % ntable], g->how, g->value);
}
