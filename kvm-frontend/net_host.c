// SPDX-License-Identifier: BSD-2-Clause
#include "net_host.h"
#include <string.h>

void net_host_describe(struct net_frame *f, const struct net_header *h, const uint8_t *bytes, uint32_t len)
{
	*f = (struct net_frame){.header = *h, .len = len};
	memcpy(f->head, bytes, len < NET_HEAD_MAX ? len : NET_HEAD_MAX);
}

void net_host_scatter(const struct net_io *io, const uint8_t *bytes)
{
	for (uint16_t i = 0; i < io->nspans; i++) {
		memcpy(io->span[i].base, bytes, io->span[i].len);
		bytes += io->span[i].len;
	}
}

void net_host_gather(const struct net_io *io, uint8_t *bytes)
{
	for (uint16_t i = 0; i < io->nspans; i++) {
		memcpy(bytes, io->span[i].base, io->span[i].len);
		bytes += io->span[i].len;
	}
}
