// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/net_guest.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 10

static void enter(void *ctx)
{
	struct net_guest *g = ctx;

	pthread_mutex_lock(&g->lock);
	g->entered++;
}

static void leave(void *ctx)
{
	struct net_guest *g = ctx;

	g->host.poll(g->host.backend.ctx);
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

/* cmocka's assertions belong to the main thread. */
static void must(bool ok)
{
	if (!ok)
		abort();
}

static void done(void *ctx, struct net_io *io, enum net_result result)
{
	struct net_guest *g = ctx;

	if (io->type == NET_IO_RX && result == NET_FAILED) {
		g->refused++;
		return;
	}
	if (io->type == NET_IO_RX) {
		g->answered += io->len;
		return;
	}
	must(io >= g->io && io < g->io + NET_INFLIGHT_MAX);
	g->sent += result == NET_DONE;
	g->lost += result == NET_FAILED;
}

/* Lends two pieces, and one that is empty. */
static enum net_answer receive(void *ctx, uint16_t pair, const struct net_frame *f)
{
	struct net_guest *g = ctx;
	struct guest_frame *to = &g->frame[g->frames];
	struct net_io io = {.type = NET_IO_RX, .pair = 0, .len = f->len, .header = f->header, .nspans = 3};
	uint32_t before = g->answered, half = f->len / 3;

	g->asked++;
	must(f->len >= NET_HOST_FRAME_MIN && f->len <= NET_FRAME_MAX);
	if (g->no_room)
		return NET_LATER;
	must(g->frames < GUEST_FRAMES_MAX);
	*to = (struct guest_frame){pair, f->len, f->header, malloc(f->len)};
	must(to->bytes != NULL);
	io.span[0] = (struct vspan){to->bytes, half};
	io.span[1] = (struct vspan){to->bytes + half, 0};
	io.span[2] = (struct vspan){to->bytes + half, f->len - half};
	g->host.backend.submit(g->host.backend.ctx, &io);
	must(g->answered == before + f->len);
	must(!memcmp(f->head, to->bytes, f->len < NET_HEAD_MAX ? f->len : NET_HEAD_MAX));
	g->frames++;
	return NET_TAKEN;
}

void net_guest_init(struct net_guest *g)
{
	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	assert_int_equal(loop_create(&g->loop), 0);
}

struct net_side net_guest_side(struct net_guest *g)
{
	return (struct net_side){enter, leave, done, receive, g};
}

static void *run(void *ctx)
{
	struct net_guest *g = ctx;
	char err[ERR_MAX];

	if (g->needs)
		must(!sandbox_prepare(err) && !sandbox_enter(SANDBOX_MAIN, g->needs, "main", err));
	loop_run(&g->loop);
	return NULL;
}

void net_guest_run(struct net_guest *g)
{
	enter(g);
	leave(g);
	assert_int_equal(pthread_create(&g->thread, NULL, run, g), 0);
	g->running = true;
}

void net_guest_end(struct net_guest *g)
{
	if (g->running) {
		loop_stop(&g->loop);
		pthread_join(g->thread, NULL);
	}
	if (g->host.destroy)
		g->host.destroy(g->host.backend.ctx);
	for (unsigned i = 0; i < g->frames; i++)
		free(g->frame[i].bytes);
	loop_destroy(&g->loop);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

void net_guest_send(struct net_guest *g, uint16_t pair, const struct net_header *h, const void *bytes,
		    uint32_t len, uint32_t piece)
{
	struct net_io *io = &g->io[g->next++ % NET_INFLIGHT_MAX];
	uint8_t *from =
		(uint8_t *)(uintptr_t)bytes; /* a span may be written to, but no end writes to these */

	enter(g);
	*io = (struct net_io){.type = NET_IO_TX, .pair = pair, .len = len};
	if (h)
		io->header = *h;
	if (!piece)
		piece = len;
	for (uint32_t at = 0; at < len; at += piece)
		io->span[io->nspans++] = (struct vspan){from + at, len - at < piece ? len - at : piece};
	g->host.backend.submit(g->host.backend.ctx, io);
	leave(g);
}

unsigned net_guest_wake(struct net_guest *g, uint16_t pair)
{
	unsigned frames;

	enter(g);
	g->no_room = false;
	g->host.backend.wake(g->host.backend.ctx, pair);
	frames = g->frames;
	leave(g);
	return frames;
}

unsigned net_guest_claim(struct net_guest *g, uint32_t len)
{
	struct net_io io = {.type = NET_IO_RX, .len = len, .nspans = 1};
	void *bytes = malloc(len);
	unsigned refused;

	must(bytes != NULL);
	io.span[0] = (struct vspan){bytes, len};
	enter(g);
	g->host.backend.submit(g->host.backend.ctx, &io);
	refused = g->refused;
	leave(g);
	free(bytes);
	return refused;
}

void net_guest_tune(struct net_guest *g, uint16_t pairs, uint32_t offloads)
{
	struct net_tuning t = {.pairs = pairs, .offloads = offloads};

	enter(g);
	g->host.backend.tune(g->host.backend.ctx, &t);
	leave(g);
}

void net_guest_await(struct net_guest *g, unsigned n)
{
	struct timespec until;
	int timed_out = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&g->lock);
	while (g->frames < n && !timed_out)
		timed_out = pthread_cond_timedwait(&g->changed, &g->lock, &until);
	pthread_mutex_unlock(&g->lock);
	if (g->frames < n)
		fail_msg("%u frames came in %d s, not %u", g->frames, PATIENCE_S, n);
}

unsigned net_guest_frames(struct net_guest *g)
{
	unsigned n;

	pthread_mutex_lock(&g->lock);
	n = g->frames;
	pthread_mutex_unlock(&g->lock);
	return n;
}
