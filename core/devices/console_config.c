// SPDX-License-Identifier: BSD-2-Clause
/* The console's configuration space (5.3.4): size, number of ports, emergency writes. */
#include <stddef.h>

#include "devices/console_int.h"

void console_config_read(struct vdev *d, uint8_t *image)
{
	const struct console *c = console_of(d);
	bool size = console_offers(c, VIRTIO_CONSOLE_F_SIZE);
	struct virtio_console_config config = {
		.cols = size ? c->options.cols : 0,
		.rows = size ? c->options.rows : 0,
		.max_nr_ports = c->options.nports,
	};
	memcpy(image, &config, sizeof(config));
}

/* 5.3.4, con.init.1: at any time, whatever was negotiated. Only the lower byte counts (con.init.2), so a store
 * of any width will do. */
bool console_config_write(struct vdev *d, uint32_t off, const uint8_t *in, uint32_t n)
{
	struct console *c = console_of(d);
	if (!n || off != offsetof(struct virtio_console_config, emerg_wr) ||
	    !console_offers(c, VIRTIO_CONSOLE_F_EMERG_WRITE))
		return false;
	c->backend.emergency(c->backend.ctx, in[0]);
	return true;
}
