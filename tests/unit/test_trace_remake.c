// SPDX-License-Identifier: BSD-2-Clause
/* What a trace's head tells of a console, and the console that is made of it again. (Disks: test_replay.c.) */
#include "tests/unit/tty.h"
#include "trace/remake.h"

/* Describes a console that is made with these options, and makes the options of that. */
static bool again(const struct console_options *o, struct trace_device *t, struct console_options *back)
{
	static const struct console_backend none;
	static struct console con;
	struct guest g;
	guest_init(&g);
	console_init(&con, &g.mem, &guest_host, &g, &none, o);
	remake_describe(&con.vdev, t);
	bool made = remake_console(t, back);
	if (made) {
		console_init(&con, &g.mem, &guest_host, &g, &none, back);
		made = remake_limits(t, &con.vdev);
	}
	guest_free(&g);
	return made;
}

static void same(const struct console_options *a, const struct console_options *b)
{
	assert_int_equal(a->cols, b->cols);
	assert_int_equal(a->rows, b->rows);
	assert_int_equal(a->nports, b->nports);
	assert_int_equal(a->rows_first, b->rows_first);
	for (int i = 0; i < a->nports; i++) {
		assert_int_equal(i == 0 || a->port[i].there, b->port[i].there);
		assert_int_equal(a->port[i].console, b->port[i].console);
		assert_int_equal(a->port[i].open, b->port[i].open);
		assert_string_equal(a->port[i].name, b->port[i].name);
	}
}

static void consoles_are_made_again(void **state)
{
	struct console_options many = tty_multi, back;
	struct trace_device t;
	(void)state;
	many.nports = CONSOLE_PORTS_MAX;
	many.rows_first = true;
	many.queue_size = 8;
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++)
		memset(many.port[i].name, 'a' + i, CONSOLE_NAME_MAX - 1);
	assert_true(again(&tty_single, &t, &back));
	same(&tty_single, &back);
	assert_true(again(&tty_multi, &t, &back));
	same(&tty_multi, &back);
	assert_true(again(&many, &t, &back));
	same(&many, &back);
	assert_int_equal(t.queue_size_max[15], 8);
	many.without = BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
	assert_true(again(&many, &t, &back));
	assert_int_equal(t.features & 7, BIT(VIRTIO_CONSOLE_F_MULTIPORT));
}

static void what_is_no_console(void **state)
{
	struct console_options back;
	struct trace_device t;
	(void)state;
	assert_true(again(&tty_multi, &t, &back));
	const uint8_t whole = t.ident_len;
	for (t.ident_len = 0; t.ident_len < whole; t.ident_len++)
		assert_false(remake_console(&t, &back)); /* broken off */
	t.ident_len = whole + 1;
	assert_false(remake_console(&t, &back));
	t.ident_len = whole;
	assert_true(remake_console(&t, &back));
	for (uint16_t n = 0; n <= TRACE_QUEUES_MAX; n++) {
		t.nqueues = n;
		assert_int_equal(remake_console(&t, &back), n == 8);
	}
	t.nqueues = 8;
	t.ident[5] = 0; /* the first letter of port 1's name */
	assert_int_equal(t.ident[4], 3);
	assert_false(remake_console(&t, &back));
	t.ident[4] = CONSOLE_NAME_MAX;
	assert_false(remake_console(&t, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consoles_are_made_again),
		cmocka_unit_test(what_is_no_console),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
