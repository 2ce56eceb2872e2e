// SPDX-License-Identifier: BSD-2-Clause
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "simrecord.h"
#include "trace/remake.h"

extern void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

#define BUFFER_LEN (RECORDER_RECORD_MAX + 65536u)

/* Hands the records on to the file, one by one: it cuts chunks at records. */
static void on_full(struct recorder *r, size_t need)
{
	struct simrecord *s = r->ctx;
	size_t at = 0, used;
	struct op op;
	(void)need;
	while (!s->failed && at < r->len && op_decode(r->buf + at, r->len - at, &op, &used) == OP_DECODED) {
		s->failed = !trace_write(&s->writer, &op);
		at += used;
	}
	r->len = 0;
	r->stopped |= s->failed;
}

bool simrecord_start(struct simrecord *s, struct machine *m, const char *path)
{
	struct trace_head head = {.build = "ringside " RINGSIDE_VERSION, .payload = TRACE_PAYLOAD_FULL};
	memset(s, 0, sizeof(*s));
	head.nregions = m->ram.map.nregions;
	for (uint32_t i = 0; i < head.nregions; i++) {
		head.region[i].gpa = m->ram.map.region[i].gpa;
		head.region[i].len = m->ram.map.region[i].len;
	}
	head.ndevices = m->ndevices;
	for (uint32_t i = 0; i < m->ndevices; i++)
		remake_describe(m->device[i].vdev, &head.device[i]);
	if (!trace_create(&s->writer, path, &head))
		return false;
	s->recorder = (struct recorder){.buf = malloc(BUFFER_LEN),
					.max = BUFFER_LEN,
					.full_payload = true,
					.full = on_full,
					.ctx = s};
	bool made = s->recorder.buf && guestlog_create(&s->guestlog, &m->ram);
	m->guestlog = &s->guestlog;
	for (uint32_t i = 0; made && i < m->ndevices; i++) {
		s->device[i] = (struct recorder_dev){.rec = &s->recorder, .dev = (uint8_t)i};
		m->device[i].recorder = &s->device[i];
		machine_choose_tap(&m->device[i]);
	}
	return made;
}

bool simrecord_finish(struct simrecord *s, struct machine *m)
{
	for (uint32_t i = 0; i < m->ndevices; i++) {
		recorder_state(&s->device[i], mmio_hash(&m->device[i].mmio));
		m->device[i].recorder = NULL;
		machine_choose_tap(&m->device[i]);
	}
	on_full(&s->recorder, 0);
	m->guestlog = NULL;
	guestlog_destroy(&s->guestlog);
	free(s->recorder.buf);
	if (s->failed) {
		trace_abandon(&s->writer);
		return false;
	}
	return trace_finish(&s->writer, TRACE_END_DONE);
}

bool simrecord_rescue(struct simrecord *s)
{
	on_full(&s->recorder, 0);
	if (!s->failed)
		return trace_finish(&s->writer, TRACE_END_ERROR);
	trace_abandon(&s->writer);
	return false;
}

/* -- death ----------------------------------------------------------------------------------------------- */

static struct simrecord *guarded;
static int told_to;

static void on_death(void)
{
	struct simrecord *s = guarded;
	guarded = NULL; /* once */
	if (s && !simrecord_rescue(s))
		dprintf(told_to, "%s\n", s->writer.error);
}

static void on_signal(int number)
{
	on_death();
	signal(number, SIG_DFL);
	raise(number);
}

void simrecord_guard(struct simrecord *s, int told)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGALRM};
	guarded = s;
	told_to = told;
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(on_death);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (!__sanitizer_set_death_callback || deadly[i] == SIGALRM)
			signal(deadly[i], s ? on_signal : SIG_DFL);
}
