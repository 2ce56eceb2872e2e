// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>

#include "hash.h"
#include "oracle_control.h"
#include "oracle_int.h"

#define CRY(c, clause, ...)  oracle_cry((c)->oracle, ORACLE_CONTENT, clause, __VA_ARGS__)
#define CRY_DUE(c, ...)      oracle_cry((c)->oracle, ORACLE_LIVENESS, "", __VA_ARGS__)
#define CRY_BYTE(c, cl, ...) oracle_cry((c)->oracle, ORACLE_BACKEND, cl, __VA_ARGS__)
#define HEADER_LEN           ((uint32_t)sizeof(struct virtio_console_control))

static bool has(const struct control *c, unsigned feature)
{
	return c->vdev->accepted >> feature & 1;
}

static uint64_t hash_name(const void *name, uint32_t n)
{
	return hash_bytes(HASH_SEED, name, n);
}

static uint32_t name_len(const char *name)
{
	uint32_t n = 0;
	while (n < CONSOLE_NAME_MAX && name[n])
		n++;
	return n;
}

static void remember_name(struct control_port *p)
{
	p->name[p->nnames++ % CONTROL_NAMES_MAX] = hash_name(p->host.name, name_len(p->host.name));
}

void control_init(struct control *c, struct oracle *o, const struct vdev *v)
{
	*c = (struct control){.oracle = o, .vdev = v};
}

void control_restart(struct control *c, const struct console_options *o)
{
	control_init(c, c->oracle, c->vdev);
	c->nports = o->nports;
	c->cols = o->cols;
	c->rows = o->rows;
	c->rows_first = o->rows_first;
	for (uint16_t i = 0; i < o->nports; i++) {
		c->port[i].host = o->port[i];
		remember_name(&c->port[i]);
	}
}

void control_trust(struct control *c, bool trusted)
{
	c->distrusted = !trusted;
}

/* -- the host, the device -------------------------------------------------------------------------------- */

void control_terminal(struct control *c, uint16_t cols, uint16_t rows)
{
	c->cols = cols;
	c->rows = rows;
}

void control_port(struct control *c, uint16_t port, enum port_change what,
		  const struct console_port_options *o)
{
	struct control_port *p = &c->port[port];
	if (what == PORT_ADDED) {
		p->host = *o;
		remember_name(p);
	}
	if (what == PORT_ADDED || what == PORT_REMOVED) {
		p->host.there = what == PORT_ADDED;
		p->opened = false;
	} else {
		p->host.open = what == PORT_OPENED;
	}
}

void control_opened(struct control *c, uint16_t port, bool open)
{
	c->port[port].opened = open;
}

void control_emergency(struct control *c, uint8_t byte)
{
	if (!c->emergency_due)
		CRY_BYTE(c, "", "an emergency byte 0x%02x comes out that nobody wrote", byte);
	else if (byte != c->emergency)
		CRY_BYTE(c, "con.init.2", "0x%02x was written to emerg_wr, and 0x%02x comes out",
			 c->emergency, byte);
	c->emergency_due = false;
}

void control_write_begins(struct control *c, uint64_t off, uint32_t n, uint64_t value)
{
	bool offered = c->vdev->offered >> VIRTIO_CONSOLE_F_EMERG_WRITE & 1;
	uint64_t at = offsetof(struct virtio_console_config, emerg_wr);
	c->emergency_due = offered && off == at && n >= 1 && n <= 4;
	c->emergency = (uint8_t)value;
}

void control_write_ends(struct control *c)
{
	if (c->emergency_due)
		CRY_BYTE(c, "con.init.1", "0x%02x was written to emerg_wr, and nothing comes out",
			 c->emergency);
	c->emergency_due = false;
}

/* -- the driver ------------------------------------------------------------------------------------------ */

static void unheard(struct control_port *p)
{
	p->heard_open = p->heard_terminal = p->heard_name = p->heard_size = false;
}

/* The driver begins with the port, or has done with it. */
static void begin(struct control_port *p, bool known)
{
	p->known = known;
	p->ready = p->open = false;
	unheard(p);
}

void control_forget(struct control *c)
{
	c->began = c->driver_ready = c->lost = false;
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++) {
		begin(&c->port[i], false);
		c->port[i].ever_ready = false;
	}
}

void control_lost(struct control *c)
{
	c->lost = true;
}

/* With PORT_READY the driver asks to hear all of the port, once more if need be. */
void control_says(struct control *c, const struct virtio_console_control *m)
{
	if (m->event == VIRTIO_CONSOLE_DEVICE_READY) {
		c->driver_ready = m->value;
		c->began |= c->driver_ready;
	}
	if (m->id >= c->nports)
		return;
	struct control_port *p = &c->port[m->id];
	if (m->event == VIRTIO_CONSOLE_PORT_READY && m->value) /* of what it has not heard yet, too */
		p->ever_ready = true;
	if (!p->known)
		return;
	if (m->event == VIRTIO_CONSOLE_PORT_READY) {
		p->ready = m->value;
		p->open &= p->ready;
		unheard(p);
	} else if (m->event == VIRTIO_CONSOLE_PORT_OPEN) {
		p->open = m->value;
	}
}

static bool had_name(const struct control_port *p, const uint8_t *name, uint32_t n)
{
	uint64_t h = hash_name(name, n);
	bool had = p->nnames > CONTROL_NAMES_MAX; /* more than we know */
	for (uint32_t i = 0; i < p->nnames && i < CONTROL_NAMES_MAX; i++)
		had |= p->name[i] == h;
	return had;
}

static void hears_size(struct control *c, struct control_port *p, const uint8_t *more)
{
	uint16_t size[2];
	memcpy(size, more, sizeof(size));
	c->heard_cols = size[c->rows_first];
	c->heard_rows = size[!c->rows_first];
	p->heard_size = true;
	if (!has(c, VIRTIO_CONSOLE_F_SIZE))
		CRY(c, "", "the driver is told of a size, and SIZE was not negotiated");
}

static void hears_name(struct control *c, struct control_port *p, uint32_t id, const uint8_t *name,
		       uint32_t n)
{
	p->heard_name = true;
	if (!had_name(p, name, n))
		CRY(c, "", "port %u: a name of %u bytes is told that it never had", id, n);
}

static void hears_of(struct control *c, const struct virtio_console_control *m, const uint8_t *more,
		     uint32_t n)
{
	struct control_port *p = &c->port[m->id];
	bool bare = n == 0;
	if (!p->known || !p->ever_ready)
		CRY(c, "", "port %u: event %u is told to a driver that %s", m->id, m->event,
		    p->known ? "has not said PORT_READY" : "does not know it");
	if (m->event == VIRTIO_CONSOLE_CONSOLE_PORT && bare)
		p->heard_terminal = true;
	else if (m->event == VIRTIO_CONSOLE_PORT_OPEN && bare)
		p->heard_open = m->value;
	else if (m->event == VIRTIO_CONSOLE_RESIZE && n == 4)
		hears_size(c, p, more);
	else if (m->event == VIRTIO_CONSOLE_PORT_NAME && n <= CONSOLE_NAME_MAX)
		hears_name(c, p, m->id, more, n);
	else
		CRY(c, "", "port %u: event %u with %u bytes behind it is nothing that a device tells", m->id,
		    m->event, n);
}

static void hears_port(struct control *c, const struct virtio_console_control *m, bool added)
{
	struct control_port *p = &c->port[m->id];
	if (added && p->known)
		CRY(c, "con.mport.1", "port %u is added, and the driver has it", m->id);
	else if (!added && !p->known)
		CRY(c, "con.mport.2", "port %u is removed that was not added", m->id);
	begin(p, added);
}

/* A buffer that was too small comes back empty. */
void control_hears(struct control *c, const uint8_t *bytes, uint32_t n)
{
	struct virtio_console_control m;
	bool add, remove;
	if (!n || c->distrusted || c->lost)
		return;
	if (n < HEADER_LEN) {
		CRY(c, "", "a control message of %u bytes", n);
		return;
	}
	memcpy(&m, bytes, sizeof(m));
	add = m.event == VIRTIO_CONSOLE_PORT_ADD;
	remove = m.event == VIRTIO_CONSOLE_PORT_REMOVE;
	if (!c->began)
		CRY(c, "", "event %u is told to a driver that has not said DEVICE_READY", m.event);
	if (m.id >= c->nports)
		CRY(c, "con.mport.1", "event %u is told of port %u, but there are at most %u", m.event, m.id,
		    c->nports);
	else if ((add || remove) && n == HEADER_LEN)
		hears_port(c, &m, add);
	else
		hears_of(c, &m, bytes + HEADER_LEN, n - HEADER_LEN);
}

/* -- in the end ------------------------------------------------------------------------------------------ */

static bool told_size(const struct control *c, const struct control_port *p)
{
	return p->heard_size && c->heard_cols == c->cols && c->heard_rows == c->rows;
}

/* What the driver does not know of a port that it is ready for; NULL: nothing. */
static const char *untold(const struct control *c, uint32_t i)
{
	const struct control_port *p = &c->port[i];
	if (p->known != p->host.there)
		return p->host.there ? "that it is there" : "that it is gone";
	if (!p->known || !p->ready)
		return NULL;
	if (p->heard_open != p->host.open)
		return p->host.open ? "that it is open" : "that it is closed";
	if (p->host.console && !p->heard_terminal)
		return "that it is a terminal";
	if (p->host.name[0] && !p->heard_name)
		return "its name";
	if (i == 0 && p->host.console && has(c, VIRTIO_CONSOLE_F_SIZE) && !told_size(c, p))
		return "its size";
	return NULL;
}

void control_quiet(struct control *c)
{
	if (c->distrusted || c->lost || !c->driver_ready || !has(c, VIRTIO_CONSOLE_F_MULTIPORT))
		return;
	for (uint32_t i = 0; i < c->nports; i++) {
		const struct control_port *p = &c->port[i];
		const char *what = untold(c, i);
		if (what)
			CRY_DUE(c, "port %u: the driver was never told %s", i, what);
		else if (p->known && p->opened != p->open)
			CRY_DUE(c, "port %u: the guest has %s it, and the backend was not told", i,
				p->open ? "opened" : "closed");
	}
}
