/* test_loop.c - the event loop: descriptors, timers, signals, and watches that unwatch each other */
#include "harness.h"
#include "loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct bench {
	struct loop *loop;
	struct loop_watch *a, *b, *guard;
	int pipe[2];
	unsigned calls_a, calls_b;
	unsigned ready;
};

static void on_guard(void *ctx)
{
	struct bench *t = ctx;

	CHECK(false && "the loop waited for something that did not come");
	loop_stop(t->loop);
}

static void bench_init(struct bench *t)
{
	*t = (struct bench){ .calls_a = 0 };
	REQUIRE(loop_new(&t->loop) == 0);
	REQUIRE(pipe(t->pipe) == 0);
	REQUIRE(loop_watch_timer(t->loop, on_guard, t, &t->guard) == 0);
	loop_timer_set(t->guard, 20 * NSEC);
}

static void bench_fini(struct bench *t)
{
	loop_unwatch(t->a);
	loop_unwatch(t->b);
	loop_unwatch(t->guard);
	loop_free(t->loop);
	close(t->pipe[0]);
	close(t->pipe[1]);
}

static void take_byte_and_stop(void *ctx, unsigned ready)
{
	struct bench *t = ctx;
	char c;

	t->calls_a++;
	t->ready = ready;
	CHECK_INT(read(t->pipe[0], &c, 1), 1);
	if (c == 'z')
		loop_stop(t->loop);
}

TEST(a_readable_descriptor_calls_until_it_is_read)
{
	struct bench t;

	bench_init(&t);
	REQUIRE(write(t.pipe[1], "abz", 3) == 3);
	REQUIRE(loop_watch_fd(t.loop, t.pipe[0], LOOP_READ, take_byte_and_stop, &t, &t.a) == 0);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.calls_a, 3);
	CHECK_INT(t.ready, LOOP_READ);
	bench_fini(&t);
}

static void note_and_stop(void *ctx, unsigned ready)
{
	struct bench *t = ctx;

	t->ready = ready;
	loop_stop(t->loop);
}

TEST(a_writable_descriptor_says_write_only)
{
	struct bench t;

	bench_init(&t);
	REQUIRE(loop_watch_fd(t.loop, t.pipe[1], LOOP_WRITE, note_and_stop, &t, &t.a) == 0);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.ready, LOOP_WRITE);
	bench_fini(&t);
}

static void stop_loop(void *ctx)
{
	struct bench *t = ctx;

	loop_stop(t->loop);
}

static void count_edge(void *ctx, unsigned ready)
{
	struct bench *t = ctx;

	t->calls_a++;
	t->ready = ready;
}

TEST(an_edge_is_told_once_for_both_directions)
{
	struct bench t;
	int pair[2];

	bench_init(&t);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	REQUIRE(loop_watch_fd(t.loop, pair[0], LOOP_READ | LOOP_WRITE | LOOP_EDGE, count_edge, &t, &t.a) ==
		0);
	REQUIRE(write(pair[1], "x", 1) == 1);
	REQUIRE(loop_watch_timer(t.loop, stop_loop, &t, &t.b) == 0);
	loop_timer_set(t.b, 20 * MSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(t.ready, LOOP_READ | LOOP_WRITE);
	CHECK_INT(t.calls_a, 1); /* although nobody has read */
	REQUIRE(write(pair[1], "y", 1) == 1);
	loop_timer_set(t.b, 20 * MSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(t.calls_a, 2);
	close(pair[0]);
	close(pair[1]);
	bench_fini(&t);
}

TEST(watching_a_bad_descriptor_fails_and_leaves_the_result_untouched)
{
	struct bench t;
	struct loop_watch *poison = (struct loop_watch *)&t;

	bench_init(&t);
	t.a = poison;
	CHECK_INT(loop_watch_fd(t.loop, 9999, LOOP_READ, note_and_stop, &t, &t.a), -EBADF);
	CHECK(t.a == poison);
	t.a = NULL;
	bench_fini(&t);
}

static void unwatch_itself(void *ctx, unsigned ready)
{
	struct bench *t = ctx;

	t->calls_a++;
	loop_unwatch(t->a);
	t->a = NULL;
}

static void count_and_stop(void *ctx)
{
	struct bench *t = ctx;

	t->calls_b++;
	loop_stop(t->loop);
}

TEST(a_callback_may_unwatch_itself)
{
	struct bench t;

	bench_init(&t);
	REQUIRE(write(t.pipe[1], "a", 1) == 1);
	REQUIRE(loop_watch_fd(t.loop, t.pipe[0], LOOP_READ, unwatch_itself, &t, &t.a) == 0);
	REQUIRE(loop_watch_timer(t.loop, count_and_stop, &t, &t.b) == 0);
	loop_timer_set(t.b, 20 * MSEC);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.calls_a, 1);
	CHECK_INT(t.calls_b, 1);
	bench_fini(&t);
}

/* Two watches that are ready in the same turn: whichever comes first removes the other. */
static void remove_b(void *ctx, unsigned ready)
{
	struct bench *t = ctx;

	t->calls_a++;
	loop_unwatch(t->b);
	t->b = NULL;
	loop_stop(t->loop);
}

static void remove_a(void *ctx, unsigned ready)
{
	struct bench *t = ctx;

	t->calls_b++;
	loop_unwatch(t->a);
	t->a = NULL;
	loop_stop(t->loop);
}

TEST(a_callback_may_unwatch_another_that_is_ready_too)
{
	struct bench t;
	int other[2];

	bench_init(&t);
	REQUIRE(pipe(other) == 0);
	REQUIRE(write(t.pipe[1], "a", 1) == 1 && write(other[1], "b", 1) == 1);
	REQUIRE(loop_watch_fd(t.loop, t.pipe[0], LOOP_READ, remove_b, &t, &t.a) == 0);
	REQUIRE(loop_watch_fd(t.loop, other[0], LOOP_READ, remove_a, &t, &t.b) == 0);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.calls_a + t.calls_b, 1);
	bench_fini(&t);
	close(other[0]);
	close(other[1]);
}

static void timer_three_times(void *ctx)
{
	struct bench *t = ctx;

	if (++t->calls_a == 3)
		loop_stop(t->loop);
	else
		loop_timer_set(t->a, 0);
}

TEST(a_timer_fires_once_per_setting_and_may_set_itself)
{
	struct bench t;

	bench_init(&t);
	REQUIRE(loop_watch_timer(t.loop, timer_three_times, &t, &t.a) == 0);
	loop_timer_set(t.a, 0);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.calls_a, 3);
	bench_fini(&t);
}

TEST(a_timer_waits_at_least_as_long_as_asked)
{
	struct bench t;
	nsec from = clock_now();

	bench_init(&t);
	REQUIRE(loop_watch_timer(t.loop, count_and_stop, &t, &t.a) == 0);
	loop_timer_set(t.a, 30 * MSEC);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK(clock_now() - from >= 29 * MSEC);
	bench_fini(&t);
}

TEST(a_stopped_timer_does_not_fire)
{
	struct bench t;

	bench_init(&t);
	REQUIRE(loop_watch_timer(t.loop, timer_three_times, &t, &t.a) == 0);
	REQUIRE(loop_watch_timer(t.loop, count_and_stop, &t, &t.b) == 0);
	loop_timer_set(t.a, 5 * MSEC);
	loop_timer_stop(t.a);
	loop_timer_set(t.b, 30 * MSEC);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.calls_a, 0);
	CHECK_INT(t.calls_b, 1);
	bench_fini(&t);
}

static void on_signal(void *ctx, int signo)
{
	struct bench *t = ctx;

	t->calls_a++;
	CHECK_INT(signo, SIGUSR1);
	loop_unwatch(t->a); /* a signal's callback may unwatch itself, too */
	t->a = NULL;
	loop_stop(t->loop);
}

TEST(a_signal_calls_on_the_loop)
{
	struct bench t;

	bench_init(&t);
	REQUIRE(loop_watch_signal(t.loop, SIGUSR1, on_signal, &t, &t.a) == 0);
	REQUIRE(raise(SIGUSR1) == 0);
	CHECK_INT(t.calls_a, 0);
	CHECK_INT(loop_run(t.loop), 0);
	CHECK_INT(t.calls_a, 1);
	bench_fini(&t);
}

TEST(the_base_is_there_for_libraries)
{
	struct bench t;

	bench_init(&t);
	CHECK(loop_base(t.loop) != NULL);
	bench_fini(&t);
}

TEST(freeing_nothing_is_fine)
{
	loop_unwatch(NULL);
	loop_free(NULL);
	CHECK(true);
}
