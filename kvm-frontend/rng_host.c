// SPDX-License-Identifier: BSD-2-Clause
#include "rng_host.h"
#include <errno.h>
#include <sys/random.h>

static void submit(void *ctx, struct rng_io *io)
{
	struct rng_host *r = ctx;
	uint8_t *out = io->span.base;
	size_t n = 0;

	while (n < io->span.len) {
		ssize_t got = getrandom(out + n, io->span.len - n, 0);

		if (got > 0)
			n += (size_t)got;
		else if (got == 0 || errno != EINTR)
			break;
	}
	r->done(r->ctx, io, (uint32_t)n);
}

bool rng_host_ready(void)
{
	uint8_t byte;

	return getrandom(&byte, 1, 0) == 1;
}

static void drain(void *ctx)
{
	(void)ctx; /* nothing is ever in flight */
}

struct rng_backend rng_host_backend(struct rng_host *r)
{
	return (struct rng_backend){.submit = submit, .drain = drain, .ctx = r};
}
