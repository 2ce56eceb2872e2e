// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zstd.h>

#define ZSTD_LEVEL 1
#define END_LEN    (TRACE_CHUNK_LEN + 1u) /* bytes of the END chunk */

/* -- chunks ---------------------------------------------------------------------------------------------- */

/* Appends n bytes of r->chunk; false with errno, and then the file may end in the middle of them. */
static bool append(struct record *r, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = r->write(r->fd, r->chunk + done, n - done, (off_t)(r->good + done));

		if (put < 0 && errno != EINTR)
			return false;
		done += put < 0 ? 0 : (size_t)put; /* the rest of a short one tells why */
	}
	r->good += n;
	r->seq++;
	return true;
}

/* Builds a chunk behind its header; n bytes of payload, which may lie there already. Answers its whole
 * length. */
static size_t build(struct record *r, enum trace_chunk_type type, const uint8_t *payload, size_t n)
{
	struct trace_chunk c = {
		.type = type, .plain_len = (uint32_t)n, .seq = r->seq, .payload = r->chunk + TRACE_CHUNK_LEN};
	size_t stored = ZSTD_compressCCtx(r->zstd, r->chunk + TRACE_CHUNK_LEN, r->chunk_max - TRACE_CHUNK_LEN,
					  payload, n, ZSTD_LEVEL);

	if (ZSTD_isError(stored) || stored >= n) {
		memcpy(r->chunk + TRACE_CHUNK_LEN, payload, n);
		stored = n;
	} else {
		c.flags = TRACE_ZSTD;
	}
	c.stored_len = (uint32_t)stored;
	trace_put_chunk(r->chunk, &c);
	return TRACE_CHUNK_LEN + stored;
}

/* A trace that ends because it must still says so, where the file takes those few bytes. */
static void put_end(struct record *r, enum trace_end why)
{
	uint8_t reason = (uint8_t)why;
	size_t n = build(r, TRACE_END, &reason, sizeof(reason));

	if (!append(r, n) && ftruncate(r->fd, (off_t)r->good))
		fprintf(stderr, "ringside-vmm: --record %s: %s; its last bytes are not whole\n", r->path,
			strerror(errno));
}

/* The guest goes on; nothing more is recorded. */
static void give_up(struct record *r, enum trace_end why, const char *what)
{
	r->rec.stopped = true;
	r->rec.len = 0;
	fprintf(stderr, "ringside-vmm: warning: recording to %s ends here: %s; the guest goes on\n", r->path,
		what);
	if (ftruncate(r->fd, (off_t)r->good))
		return; /* a reader takes the rest for a truncation */
	put_end(r, why);
}

void record_save(struct record *r)
{
	size_t n;

	if (r->rec.stopped || r->rec.len == 0)
		return;
	n = build(r, TRACE_OPS, r->rec.buf, r->rec.len);
	if (r->limit && r->good + n + END_LEN > r->limit)
		give_up(r, TRACE_END_LIMIT, "--record-limit is reached");
	else if (!append(r, n))
		give_up(r, TRACE_END_ERROR, strerror(errno));
	r->rec.len = 0;
}

_Static_assert(RECORD_BUFFER_LEN <= TRACE_CHUNK_MAX, "a chunk has room for any record");

static void on_full(struct recorder *rec, size_t need)
{
	(void)need;
	record_save(rec->ctx);
}

/* -- the timer ------------------------------------------------------------------------------------------- */

void record_touch(struct record *r)
{
	const struct itimerspec soon = {.it_value.tv_nsec = RECORD_PERIOD_NS};

	if (r->timer_armed || r->rec.len == 0)
		return;
	r->timer_armed = !timerfd_settime(r->timer_fd, 0, &soon, NULL);
}

static void on_timer(void *ctx)
{
	struct record *r = ctx;
	uint64_t times;

	if (read(r->timer_fd, &times, sizeof(times)) != sizeof(times))
		return;
	pthread_mutex_lock(&r->lock);
	r->timer_armed = false;
	record_save(r);
	pthread_mutex_unlock(&r->lock);
}

/* -- life ------------------------------------------------------------------------------------------------ */

/*
 * A trace holds what a guest did, so it is nobody else's to read. It is emptied only once it is locked: a
 * disk that is in use, given here by mistake, stays as it is.
 */
static int open_file(struct record *r, char err[ERR_MAX])
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;

	r->fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	if (r->fd < 0)
		return err_set(err, "--record %.120s: cannot be created: %s", r->path, strerror(errno));
	if (fstat(r->fd, &st) || !S_ISREG(st.st_mode))
		return err_set(err, "--record %.120s: is no regular file", r->path);
	if (fcntl(r->fd, F_OFD_SETLK, &fl) && (errno == EAGAIN || errno == EACCES))
		return err_set(err,
			       "--record %.120s: is in use: a disk, another recording, or what is restored",
			       r->path);
	if (ftruncate(r->fd, 0))
		return err_set(err, "--record %.120s: cannot be emptied: %s", r->path, strerror(errno));
	return 0;
}

static int make_buffers(struct record *r, char err[ERR_MAX])
{
	r->chunk_max = TRACE_CHUNK_LEN + ZSTD_compressBound(RECORD_BUFFER_LEN);
	r->chunk = malloc(r->chunk_max);
	r->rec.buf = malloc(RECORD_BUFFER_LEN);
	r->zstd = ZSTD_createCCtx();
	return r->chunk && r->rec.buf && r->zstd ? 0 : err_set(err, "--record: out of memory");
}

static int make_timer(struct record *r, char err[ERR_MAX])
{
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->timer_fd >= 0)
		r->watch = loop_add_fd(r->loop, r->timer_fd, on_timer, r);
	return r->watch ? 0 : err_set(err, "--record: timerfd: %s", strerror(errno));
}

static void release(struct record *r)
{
	if (r->watch)
		loop_remove_fd(r->loop, r->watch);
	if (r->timer_fd >= 0)
		close(r->timer_fd);
	if (r->fd >= 0)
		close(r->fd);
	ZSTD_freeCCtx(r->zstd);
	free(r->rec.buf);
	free(r->chunk);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct record *record_create(const char *path, bool full_payload, uint64_t limit, struct loop *loop,
			     char err[ERR_MAX])
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(err, "--record: out of memory");
		return NULL;
	}
	*r = (struct record){
		.path = path, .fd = -1, .timer_fd = -1, .limit = limit, .loop = loop, .write = pwrite};
	r->rec = (struct recorder){
		.max = RECORD_BUFFER_LEN, .full_payload = full_payload, .full = on_full, .ctx = r};
	pthread_mutex_init(&r->lock, NULL);
	if (!open_file(r, err) && !make_buffers(r, err) && !make_timer(r, err))
		return r;
	release(r);
	return NULL;
}

int record_head(struct record *r, const struct trace_head *head, char err[ERR_MAX])
{
	uint8_t payload[TRACE_HEAD_LEN_MAX];
	size_t n = trace_put_head(payload, sizeof(payload), head);
	size_t preamble = trace_put_preamble(r->chunk, head);

	if (n == 0)
		return err_set(err, "--record %.120s: these devices do not fit into a trace's head", r->path);
	if (r->limit && r->limit < TRACE_PREAMBLE_LEN + TRACE_CHUNK_LEN + n + END_LEN)
		return err_set(err, "--record-limit: %llu bytes have no room for a trace",
			       (unsigned long long)r->limit);
	if (!append(r, preamble))
		return err_set(err, "--record %.120s: cannot be written: %s", r->path, strerror(errno));
	r->seq = 0; /* the preamble is no chunk */
	if (!append(r, build(r, TRACE_HEAD, payload, n)))
		return err_set(err, "--record %.120s: cannot be written: %s", r->path, strerror(errno));
	return 0;
}

void record_destroy(struct record *r)
{
	if (!r)
		return;
	record_save(r);
	if (!r->rec.stopped && r->seq)
		put_end(r, TRACE_END_DONE);
	release(r);
}

/* -- arenas ---------------------------------------------------------------------------------------------- */

/* The pages become resident as they are first lent. */
struct arena *record_arena_create(void)
{
	struct arena *a = malloc(sizeof(*a));
	void *base = mmap(NULL, RECORD_ARENA_LEN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (a && base != MAP_FAILED) {
		arena_init(a, base, RECORD_ARENA_BLOCK, RECORD_ARENA_LEN / RECORD_ARENA_BLOCK);
		return a;
	}
	free(a);
	if (base != MAP_FAILED)
		munmap(base, RECORD_ARENA_LEN);
	return NULL;
}

void record_arena_destroy(struct arena *a)
{
	if (!a)
		return;
	munmap(a->base, RECORD_ARENA_LEN);
	free(a);
}
