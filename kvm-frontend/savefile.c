// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "savefile.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "state.h"
#include "trace/op.h"

#define MAGIC        "ringside-saved\n" /* and a version of one byte */
#define MAGIC_LEN    15u
#define PREAMBLE_LEN 16u
#define HEAD_LEN     32u
#define FLAG_ZSTD    1u
#define ZSTD_LEVEL   1
#define SMALL        512u /* bytes: what is shorter is not worth it */

/* A part's head: what stands in the file, but for its own checksum, which comes last. */
struct head {
	uint32_t part, index, seq, flags, len, stored_len, crc;
};

_Static_assert(sizeof(struct head) == HEAD_LEN - 4, "the checksum is the rest");

static void put_head(uint8_t out[HEAD_LEN], const struct head *h)
{
	const uint32_t v[] = {h->part, h->index, h->seq, h->flags, h->len, h->stored_len, h->crc};
	struct state_out o = {out, HEAD_LEN, 0};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		state_put_u32(&o, v[i]);
	state_put_u32(&o, crc32c(0, out, HEAD_LEN - 4));
}

/* False: its checksum is wrong. */
static bool get_head(const uint8_t in[HEAD_LEN], struct head *h)
{
	struct state_in i = {.buf = in, .len = HEAD_LEN};
	uint32_t *const v[] = {&h->part, &h->index, &h->seq, &h->flags, &h->len, &h->stored_len, &h->crc};

	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++)
		*v[k] = state_get_u32(&i);
	return state_get_u32(&i) == crc32c(0, in, HEAD_LEN - 4);
}

/* -- writing --------------------------------------------------------------------------------------------- */

struct savefile_out {
	int fd, error; /* errno of the first call that failed */
	uint32_t seq;
	uint64_t len;
	ZSTD_CCtx *zstd;
	size_t room;
	uint8_t *packed; /* room bytes */
};

static void free_out(struct savefile_out *o)
{
	ZSTD_freeCCtx(o->zstd);
	free(o->packed);
	free(o);
}

static void write_all(struct savefile_out *o, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n && !o->error) {
		ssize_t done = write(o->fd, p, n);

		if (done < 0 && errno != EINTR)
			o->error = errno;
		if (done <= 0)
			continue;
		p += done;
		n -= (size_t)done;
		o->len += (size_t)done;
	}
}

struct savefile_out *savefile_begin(int fd)
{
	struct savefile_out *o = calloc(1, sizeof(*o));
	uint8_t preamble[PREAMBLE_LEN] = MAGIC;

	if (!o)
		return NULL;
	o->fd = fd;
	o->room = ZSTD_compressBound(SAVEFILE_PART_MAX);
	o->packed = malloc(o->room);
	o->zstd = ZSTD_createCCtx();
	if (!o->packed || !o->zstd) {
		free_out(o);
		return NULL;
	}
	preamble[MAGIC_LEN] = SAVEFILE_VERSION;
	write_all(o, preamble, sizeof(preamble));
	return o;
}

void savefile_put(struct savefile_out *o, enum savefile_part part, uint32_t index, const void *bytes,
		  size_t n)
{
	struct head h = {.part = part, .index = index, .seq = o->seq++, .len = (uint32_t)n};
	const void *stored = bytes;
	size_t stored_len = n;
	uint8_t head[HEAD_LEN];

	if (o->error)
		return;
	if (n >= SMALL) {
		size_t packed = ZSTD_compressCCtx(o->zstd, o->packed, o->room, bytes, n, ZSTD_LEVEL);

		if (!ZSTD_isError(packed) && packed < n) {
			stored = o->packed;
			stored_len = packed;
			h.flags = FLAG_ZSTD;
		}
	}
	h.stored_len = (uint32_t)stored_len;
	h.crc = crc32c(0, stored, stored_len);
	put_head(head, &h);
	write_all(o, head, sizeof(head));
	write_all(o, stored, stored_len);
}

int savefile_finish(struct savefile_out *o, uint64_t *len)
{
	int error;

	savefile_put(o, SAVEFILE_END, 0, NULL, 0);
	error = o->error;
	*len = o->len;
	free_out(o);
	return error;
}

/* -- reading --------------------------------------------------------------------------------------------- */

int savefile_damaged(const struct savefile_in *in, const char *what, char err[ERR_MAX])
{
	return err_set(err, "--restore: %.150s is damaged: %s", in->path, what);
}

/* How many bytes there were; negative: errno. */
static ssize_t read_all(int fd, void *out, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (uint8_t *)out + done, n - done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -errno;
		done += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)done;
}

/* 0, or -1: cut off, or the host can not read it. */
static int fetch(const struct savefile_in *in, void *out, size_t n, char err[ERR_MAX])
{
	ssize_t got = read_all(in->fd, out, n);

	if (got < 0)
		return err_set(err, "--restore: %.150s: %s", in->path, strerror((int)-got));
	return (size_t)got == n ? 0 : savefile_damaged(in, "its end is missing", err);
}

int savefile_open(struct savefile_in *in, const char *path, char err[ERR_MAX])
{
	struct flock fl = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	uint8_t preamble[PREAMBLE_LEN];
	struct stat st;

	*in = (struct savefile_in){.path = path,
				   .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
	if (in->fd < 0 || fstat(in->fd, &st))
		return err_set(err, "--restore: %.150s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, "--restore: %.150s is no regular file", path);
	fcntl(in->fd, F_OFD_SETLK, &fl); /* so that --record, given the same file, leaves it alone */
	if (read_all(in->fd, preamble, sizeof(preamble)) != PREAMBLE_LEN ||
	    memcmp(preamble, MAGIC, MAGIC_LEN) != 0)
		return err_set(err, "--restore: %.150s is no machine that was saved with --save-on", path);
	if (preamble[MAGIC_LEN] != SAVEFILE_VERSION)
		return err_set(err, "--restore: %.150s is of version %u, and this build reads version %u",
			       path, preamble[MAGIC_LEN], SAVEFILE_VERSION);
	in->bytes = malloc(SAVEFILE_PART_MAX);
	in->stored = malloc(SAVEFILE_PART_MAX);
	return in->bytes && in->stored ? 0 : err_set(err, "out of memory");
}

/* Nothing stands behind the last part. */
static int at_end(const struct savefile_in *in, char err[ERR_MAX])
{
	uint8_t byte;

	return read_all(in->fd, &byte, 1) == 0 ? 0 : savefile_damaged(in, "something follows its end", err);
}

static int unpack(struct savefile_in *in, const struct head *h, char err[ERR_MAX])
{
	if (!(h->flags & FLAG_ZSTD)) {
		memcpy(in->bytes, in->stored, h->len);
		return 0;
	}
	if (ZSTD_decompress(in->bytes, h->len, in->stored, h->stored_len) != h->len)
		return savefile_damaged(in, "a part can not be unpacked", err);
	return 0;
}

int savefile_next(struct savefile_in *in, char err[ERR_MAX])
{
	uint8_t bytes[HEAD_LEN];
	struct head h;
	bool packed, fits;

	if (fetch(in, bytes, sizeof(bytes), err))
		return -1;
	if (!get_head(bytes, &h))
		return savefile_damaged(in, "the checksum of a part's head is wrong", err);
	packed = h.flags & FLAG_ZSTD;
	fits = h.len <= SAVEFILE_PART_MAX && (packed ? h.stored_len < h.len : h.stored_len == h.len);
	if (h.seq != in->seq || (h.flags & ~FLAG_ZSTD) || !fits || h.part < SAVEFILE_MACHINE ||
	    h.part > SAVEFILE_END)
		return savefile_damaged(in, "a part is missing, or stands in another place", err);
	if (fetch(in, in->stored, h.stored_len, err))
		return -1;
	if (crc32c(0, in->stored, h.stored_len) != h.crc)
		return savefile_damaged(in, "the checksum of a part is wrong", err);
	in->seq++;
	in->part = (enum savefile_part)h.part;
	in->index = h.index;
	in->len = h.len;
	if (unpack(in, &h, err))
		return -1;
	return in->part == SAVEFILE_END ? at_end(in, err) : 0;
}

void savefile_close(struct savefile_in *in)
{
	if (in->fd >= 0)
		close(in->fd);
	free(in->bytes);
	free(in->stored);
	*in = (struct savefile_in){.fd = -1};
}
