// SPDX-License-Identifier: BSD-2-Clause
#include "textfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <linux/virtio_ids.h>

static bool wrong_at(struct textfile *t, size_t column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool wrong_at(struct textfile *t, size_t column, const char *format, ...)
{
	va_list args;
	int n = snprintf(t->error, sizeof(t->error), "%s:%" PRIu64 ":%zu: ", t->path, t->line_number, column);

	va_start(args, format);
	if (n >= 0 && (size_t)n < sizeof(t->error))
		vsnprintf(t->error + n, sizeof(t->error) - (size_t)n, format, args);
	va_end(args);
	return false;
}

/* What is wrong, and the word that is. */
static bool wrong_word(struct textfile *t, size_t column, const char *what)
{
	const char *word = column && column <= t->line_len ? t->line + column - 1 : "";
	size_t n = 0;

	while (word[n] > ' ' && word[n] != '=' && n < 40)
		n++;
	return wrong_at(t, column, "%s%s%.*s", what, n ? ": " : "", (int)n, word);
}

#define LINE_MAX_LEN OP_TEXT_MAX(TRACE_CHUNK_MAX)

/* As getline does, but reads no more of a line than it needs to know that it is too long. -1: no line, or an error. */
static ssize_t get_line(struct textfile *t)
{
	size_t n = 0;
	int c = 0;

	while (c != '\n' && n <= LINE_MAX_LEN + 1 && (c = getc_unlocked(t->file)) != EOF) {
		if (n + 1 >= t->line_max) {
			size_t max = t->line_max ? 2 * t->line_max : 128;
			char *line = realloc(t->line, max);
			if (!line)
				return -1;
			t->line = line;
			t->line_max = max;
		}
		t->line[n++] = (char)c;
		t->line[n] = 0;
	}
	return n && !ferror(t->file) ? (ssize_t)n : -1;
}

static bool read_line(struct textfile *t)
{
	ssize_t n;

	if (t->held) {
		t->held = false;
		return true;
	}
	errno = 0;
	n = get_line(t);
	if (n < 0) {
		if (!feof(t->file))
			snprintf(t->error, sizeof(t->error), "%s: cannot read: %s", t->path, strerror(errno));
		return false;
	}
	t->line_len = (size_t)n;
	if (n && t->line[n - 1] == '\n')
		t->line_len--;
	if (t->line_number++ == 0 && sscanf(t->line, "# VIOLATION %23[a-z-] ", t->found) != 1)
		sscanf(t->line, "# %23[a-z-] ", t->found);
	if (t->line_len <= LINE_MAX_LEN)
		return true;
	return wrong_at(t, 1, "line too long: is this a text file?");
}

/* A line of n characters holds at most n / 2 bytes of data. */
static bool reserve_data(struct textfile *t)
{
	size_t n = t->line_max / 2;
	uint8_t *data = n <= t->data_max ? t->data : realloc(t->data, n);

	if (!data)
		return wrong_at(t, 1, "out of memory");
	t->data = data;
	t->data_max = n > t->data_max ? n : t->data_max;
	return true;
}

/* Fills op from the current line; *none when it holds none. */
static bool parse_op(struct textfile *t, struct op *op, bool *none)
{
	const char *wrong;
	size_t at;

	if (!reserve_data(t))
		return false;
	wrong = op_parse(t->line, t->line_len, t->ids, t->text.head.ndevices, op, t->data, t->data_max, none,
			 &at);
	return wrong ? wrong_word(t, at, wrong) : true;
}

static bool check_program(struct textfile *t, const struct op *op)
{
	const struct op_info *info = op_info(op->code);
	int beyond = op_beyond(op);

	if (info->class == OP_CLASS_OUT)
		return wrong_at(t, 1, "%s is an output: it stands in traces only", info->text);
	if (beyond >= 0)
		return wrong_at(t, 1, "%s must be below %" PRIu64 " in a program", info->field[beyond].name,
				info->field[beyond].bound);
	if (op->len > OP_PROGRAM_DATA_MAX)
		return wrong_at(t, 1, "an op of a program has at most %u bytes of data", OP_PROGRAM_DATA_MAX);
	return true;
}

static bool check_op(struct textfile *t, const struct op *op)
{
	const struct op_info *info = op_info(op->code);

	if (!t->text.trace)
		return check_program(t, op);
	if (info->class == OP_CLASS_DRV)
		return wrong_at(t, 1, "%s is an op of programs: a trace has none", info->text);
	if (op->len > TRACE_CHUNK_MAX - OP_ENCODED_MAX)
		return wrong_at(t, 1, "data does not fit a chunk");
	return true;
}

/* Without declarations a program is about one block device. */
static bool finish_head(struct textfile *t)
{
	struct trace_head *h = &t->text.head;

	if (!h->ndevices && !t->text.trace) {
		h->ndevices = 1;
		h->device[0].id = VIRTIO_ID_BLOCK;
	}
	if (h->ndevices > OP_PROGRAM_DEV_MAX && !t->text.trace)
		return wrong_at(t, 1, "a program has at most %d devices", OP_PROGRAM_DEV_MAX);
	for (uint32_t i = 0; i < h->ndevices; i++)
		t->ids[i] = h->device[i].id;
	return true;
}

/* Takes a head or end line; *taken false: it is another. */
static bool parse_head(struct textfile *t, bool *taken)
{
	size_t at;
	const char *wrong = trace_parse_head(t->line, t->line_len, &t->text, taken, &at);

	return wrong ? wrong_word(t, at, wrong) : true;
}

/* A line with nothing but blanks and a comment. */
static bool is_blank(const struct textfile *t)
{
	size_t i = 0;

	while (i < t->line_len && (t->line[i] == ' ' || t->line[i] == '\t' || t->line[i] == '\r'))
		i++;
	return i == t->line_len || t->line[i] == '#';
}

/* The first line of a trace is all of its magic. */
static bool is_trace(const struct textfile *t)
{
	return t->line_number == 1 && t->line_len + 1 == sizeof(TRACE_MAGIC) - 1 &&
	       !memcmp(t->line, TRACE_MAGIC, t->line_len);
}

static bool read_head(struct textfile *t)
{
	bool taken = true;

	while (taken && !t->text.ended) {
		if (!read_line(t))
			return !*t->error && finish_head(t);
		if (is_trace(t)) {
			snprintf(t->error, sizeof(t->error),
				 "%s: is a trace, not a text: ringside replay or ringside show takes it",
				 t->path);
			return false;
		}
		if (!parse_head(t, &taken))
			return false;
		taken = taken || is_blank(t);
	}
	t->held = !taken;
	return finish_head(t);
}

bool textfile_take(struct textfile *t, const char *path, FILE *file)
{
	memset(t, 0, sizeof(*t));
	t->path = path;
	t->file = file;
	if (read_head(t))
		return true;
	textfile_close(t);
	return false;
}

bool textfile_open(struct textfile *t, const char *path)
{
	FILE *file = fopen(path, "r");

	if (file)
		return textfile_take(t, path, file);
	memset(t, 0, sizeof(*t));
	snprintf(t->error, sizeof(t->error), "%s: cannot open: %s", path, strerror(errno));
	return false;
}

bool textfile_next(struct textfile *t, struct op *op)
{
	bool none;

	while (read_line(t)) {
		if (is_blank(t))
			continue;
		if (t->text.ended)
			return wrong_at(t, 1, "nothing stands behind the end line");
		if (!parse_head(t, &none))
			return false;
		if (none && t->text.ended)
			continue;
		if (none)
			return wrong_at(t, 1, "this line must stand before the first op");
		return parse_op(t, op, &none) && check_op(t, op);
	}
	return false;
}

void textfile_close(struct textfile *t)
{
	if (t->file)
		fclose(t->file);
	free(t->line);
	free(t->data);
	t->file = NULL;
	t->line = NULL;
	t->data = NULL;
}
