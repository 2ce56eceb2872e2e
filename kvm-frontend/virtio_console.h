// SPDX-License-Identifier: BSD-2-Clause
/* virtio_console: the console of the machine: hvc0 and named ports, joined to the host by console_host.h. */
#ifndef KVM_VIRTIO_CONSOLE_H
#define KVM_VIRTIO_CONSOLE_H

#include "console_host.h"
#include "virtio_dev.h"

struct virtio_console {
	struct virtio_dev
		dev; /* first: a struct virtio_dev * of virtio_console_type is a struct virtio_console * */
	struct console con;
	struct console_host host;
	struct console_backend backend; /* what the device's requests go to, once they are recorded */
};

static inline struct virtio_console *virtio_console(struct virtio_dev *d)
{
	return (struct virtio_console *)d;
}

/* With the lock held; ctx: the struct virtio_dev. A request is answered; the host has n bytes for a port (console_input). */
void virtio_console_done(void *ctx, struct console_io *, uint32_t bytes);
uint32_t virtio_console_input(void *ctx, uint16_t port, uint32_t n);
/* Puts a named port in, or pulls it out, as the guest sees it. Takes the lock. False: this device has no such port.
 * err: set where it is so already. */
bool virtio_console_plug(struct virtio_dev *, const char *name, bool in, char err[ERR_MAX]);
/* The terminal may have another size now. Any device, but only a console heeds it. */
void virtio_console_resize(struct virtio_dev *);

#endif
