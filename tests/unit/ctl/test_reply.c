/* test_reply.c - answers on a control connection: lines, flow control, clients that leave */
#include "harness.h"

#include "loop/loop.h"

/* The code under test asks for seconds and gets hundredths: its patience is tested without having it. */
static nsec asked_ns; /* the last time asked for */

static void hasty_timer_set(struct loop_watch *w, nsec after_ns)
{
	asked_ns = after_ns;
	loop_timer_set(w, after_ns / 100);
}
#define loop_timer_set hasty_timer_set
#include "ctl/reply.c"
#undef loop_timer_set

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct bench {
	struct loop *loop;
	struct loop_watch *guard, *client;
	int fd; /* the client's end */
	char *got;
	size_t got_len, got_size;
	unsigned done, more;
	unsigned rows_wanted, rows_made;
	unsigned rows_at_a_time;
	size_t stop_reading_at; /* bytes; 0: never */
};

static void on_guard(void *ctx)
{
	struct bench *t = ctx;

	CHECK(false && "the answer did not end");
	loop_stop(t->loop);
}

static void on_done(void *ctx)
{
	struct bench *t = ctx;

	t->done++;
}

static void on_client(void *ctx, unsigned ready)
{
	struct bench *t = ctx;

	if (t->got_size - t->got_len < 4096) {
		t->got_size = 2 * t->got_size + 65536;
		t->got = realloc(t->got, t->got_size);
		REQUIRE(t->got != NULL);
	}
	ssize_t n = read(t->fd, t->got + t->got_len, 4096);
	if (n <= 0) {
		loop_stop(t->loop);
		return;
	}
	t->got_len += (size_t)n;
	t->got[t->got_len] = '\0';
}

/* bench_init() - a connection; returns the daemon's end */
static int bench_init(struct bench *t)
{
	int pair[2];
	int small = 4096;

	*t = (struct bench){ .rows_at_a_time = 1 };
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0);
	t->fd = pair[1];
	REQUIRE(loop_new(&t->loop) == 0);
	REQUIRE(loop_watch_timer(t->loop, on_guard, t, &t->guard) == 0);
	loop_timer_set(t->guard, 40 * NSEC);
	REQUIRE(loop_watch_fd(t->loop, t->fd, LOOP_READ, on_client, t, &t->client) == 0);
	return pair[0];
}

static void bench_fini(struct bench *t)
{
	loop_unwatch(t->client);
	loop_unwatch(t->guard);
	loop_free(t->loop);
	if (t->fd >= 0)
		close(t->fd);
	free(t->got);
}

TEST(rows_then_the_last_line)
{
	struct bench t;
	struct reply *r;
	int fd = bench_init(&t);

	REQUIRE(reply_start(t.loop, fd, NULL, on_done, &t, &r) == 0);
	reply_row(r, json_pack("{s:i}", "a", 1));
	reply_row(r, json_pack("{s:s}", "b", "line\nbreak"));
	reply_end(r);
	reply_end(r);					 /* said once */
	reply_row(r, json_pack("{s:i}", "too late", 1)); /* and nothing after it */
	reply_error(r, "too late");
	CHECK_INT(t.done, 0); /* never closed but from the loop */
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_TEXT(t.got, "{\"a\":1}\n{\"b\":\"line\\nbreak\"}\n{\"end\":true}\n");
	CHECK_INT(t.done, 1);
	bench_fini(&t);
}

TEST(an_error_is_the_last_line)
{
	struct bench t;
	struct reply *r;
	int fd = bench_init(&t);

	REQUIRE(reply_start(t.loop, fd, NULL, on_done, &t, &r) == 0);
	reply_error(r, "no %s", "\"luck\"");
	reply_end(r);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_TEXT(t.got, "{\"error\":\"no \\\"luck\\\"\"}\n");
	CHECK_INT(t.done, 1);
	bench_fini(&t);
}

TEST(an_error_text_that_is_not_utf8_is_still_an_error)
{
	struct bench t;
	struct reply *r;
	int fd = bench_init(&t);

	REQUIRE(reply_start(t.loop, fd, NULL, on_done, &t, &r) == 0);
	reply_error(r, "bad \xff byte");
	REQUIRE(loop_run(t.loop) == 0);
	REQUIRE(t.got != NULL);
	CHECK(strstr(t.got, "{\"error\":") == t.got);
	bench_fini(&t);
}

TEST(a_row_that_could_not_be_made_is_an_error)
{
	struct bench t;
	struct reply *r;
	int fd = bench_init(&t);

	REQUIRE(reply_start(t.loop, fd, NULL, on_done, &t, &r) == 0);
	reply_row(r, NULL);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_TEXT(t.got, "{\"error\":\"out of memory\"}\n");
	bench_fini(&t);
}

static void make_rows(void *ctx, struct reply *r)
{
	struct bench *t = ctx;

	t->more++;
	CHECK(reply_has_room(r));
	while (t->rows_made < t->rows_wanted && reply_has_room(r)) {
		char text[101];

		memset(text, 'x', 100);
		text[100] = '\0';
		reply_row(r, json_pack("{s:i, s:s}", "n", t->rows_made++, "text", text));
	}
	if (t->rows_made == t->rows_wanted)
		reply_end(r);
}

TEST(a_long_listing_arrives_whole_and_in_order)
{
	struct bench t;
	struct reply *r;
	int fd = bench_init(&t);
	unsigned n = 0;

	t.rows_wanted = 20000;
	REQUIRE(reply_start(t.loop, fd, make_rows, on_done, &t, &r) == 0);
	REQUIRE(loop_run(t.loop) == 0);
	for (char *line = strtok(t.got, "\n"); line; line = strtok(NULL, "\n")) {
		json_t *row = json_loads(line, 0, NULL);

		REQUIRE(row != NULL);
		if (n < t.rows_wanted)
			CHECK_INT(json_integer_value(json_object_get(row, "n")), n);
		else
			CHECK(json_is_true(json_object_get(row, "end")));
		n++;
		json_decref(row);
	}
	CHECK_INT(n, t.rows_wanted + 1);
	CHECK(t.more > 10); /* in portions, not at once */
	CHECK_INT(t.done, 1);
	bench_fini(&t);
}

static void stop(void *ctx)
{
	struct bench *t = ctx;

	loop_stop(t->loop);
}

TEST(a_client_that_does_not_read_stops_the_making_of_rows)
{
	struct bench t;
	struct reply *r;
	struct loop_watch *timer;
	int fd = bench_init(&t);

	loop_unwatch(t.client);
	t.client = NULL;
	t.rows_wanted = 1000000;
	REQUIRE(reply_start(t.loop, fd, make_rows, on_done, &t, &r) == 0);
	REQUIRE(loop_watch_timer(t.loop, stop, &t, &timer) == 0);
	loop_timer_set(timer, 100 * MSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK(t.rows_made > 0);
	CHECK(t.rows_made < 5000); /* a buffer of 64 KiB and the socket's own, not the whole listing */
	unsigned more = t.more;
	CHECK(more < 20);
	/* It leaves: the reply is closed and freed. */
	close(t.fd);
	t.fd = -1;
	loop_timer_set(timer, 100 * MSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(t.done, 1);
	CHECK_INT(t.more, more);
	loop_unwatch(timer);
	bench_fini(&t);
}

TEST(a_client_that_does_not_read_for_thirty_seconds_is_cut_off)
{
	struct bench t;
	struct reply *r;
	struct loop_watch *timer;
	int fd = bench_init(&t);
	nsec from = clock_now();

	loop_unwatch(t.client);
	t.client = NULL;
	t.rows_wanted = 1000000;
	REQUIRE(reply_start(t.loop, fd, make_rows, on_done, &t, &r) == 0);
	REQUIRE(loop_watch_timer(t.loop, stop, &t, &timer) == 0);
	loop_timer_set(timer, NSEC);
	while (t.done == 0 && clock_now() - from < NSEC) {
		struct loop_watch *tick;

		REQUIRE(loop_watch_timer(t.loop, stop, &t, &tick) == 0);
		loop_timer_set(tick, 20 * MSEC);
		REQUIRE(loop_run(t.loop) == 0);
		loop_unwatch(tick);
	}
	CHECK_INT(t.done, 1);
	CHECK_INT(asked_ns, 30 * NSEC);
	CHECK(clock_now() - from >= 290 * MSEC);
	loop_unwatch(timer);
	bench_fini(&t);
}

TEST(a_client_that_is_gone_already_is_noticed)
{
	struct bench t;
	struct reply *r;
	int fd = bench_init(&t);
	struct loop_watch *timer;

	loop_unwatch(t.client);
	t.client = NULL;
	close(t.fd);
	t.fd = -1;
	REQUIRE(reply_start(t.loop, fd, NULL, on_done, &t, &r) == 0);
	reply_row(r, json_pack("{s:i}", "a", 1));
	reply_end(r);
	REQUIRE(loop_watch_timer(t.loop, stop, &t, &timer) == 0);
	loop_timer_set(timer, 50 * MSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(t.done, 1);
	loop_unwatch(timer);
	bench_fini(&t);
}

static void add_later(void *ctx)
{
	reply_row(ctx, json_pack("{s:i}", "late", 1));
	reply_end(ctx);
}

TEST(an_owner_without_more_may_add_rows_later_and_the_loop_does_not_spin)
{
	struct bench t;
	struct reply *r;
	struct loop_watch *timer;
	int fd = bench_init(&t);

	REQUIRE(reply_start(t.loop, fd, NULL, on_done, &t, &r) == 0);
	REQUIRE(loop_watch_timer(t.loop, add_later, r, &timer) == 0);
	loop_timer_set(timer, 60 * MSEC);
	clock_t before = clock();
	REQUIRE(loop_run(t.loop) == 0);
	CHECK((double)(clock() - before) / CLOCKS_PER_SEC < 0.04);
	CHECK_TEXT(t.got, "{\"late\":1}\n{\"end\":true}\n");
	loop_unwatch(timer);
	bench_fini(&t);
}
