/*
 * test_process.c - roles as the supervisor sees them: started, restarted, stopped
 *
 * The supervisor executes its own program as `role NAME`; here that is this test, which then plays a role.
 * What it plays is its name.
 */
#include "harness.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "cmd/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the roles that are played --- */

static void wait_message(struct channel_msg *m)
{
	struct pollfd p = { .fd = CHANNEL_FD, .events = POLLIN };

	if (poll(&p, 1, 20000) != 1 || channel_recv(CHANNEL_FD, m) < 0)
		_exit(10);
}

static void say(enum channel_type type, const char *text)
{
	if (channel_send(CHANNEL_FD, type, text, strlen(text), NULL, 0) < 0)
		_exit(11);
}

/* start_and_ready() - the beginning of every role that plays by the rules */
static void start_and_ready(struct channel_msg *m)
{
	char *text = NULL;
	size_t len;

	wait_message(m);
	if (m->type != CHANNEL_START || m->fds_len != 2 || channel_take_text(m->fds[0], &text, &len) < 0)
		_exit(12);
	if (strcmp(text, "the configuration") != 0)
		_exit(13);
	say(CHANNEL_READY, "");
	free(text);
}

/* die_of() - without a sanitizer's report, which would only fill the log */
static void die_of(int signo)
{
	signal(signo, SIG_DFL);
	raise(signo);
}

static void play_good(void)
{
	static struct channel_msg m;

	start_and_ready(&m);
	for (;;) {
		wait_message(&m);
		if (m.type == CHANNEL_STOP && m.fds_len == 1)
			_exit(write(m.fds[0], "last words", 10) == 10 ? 0 : 17);
		if (m.type == CHANNEL_STOP)
			_exit(0);
		if (m.type == CHANNEL_RELOAD)
			say(CHANNEL_RELOADED, m.fds_len == 1 ? "no, thank you" : "no descriptor");
		if (m.type == CHANNEL_REQUEST && strcmp(m.payload, "die") == 0)
			die_of(SIGSEGV);
		if (m.type == CHANNEL_REQUEST && m.fds_len == 1 && write(m.fds[0], m.payload, m.len) < 0)
			_exit(14);
	}
}

/* everything that it inherited: the test's own table of descriptors must be the standard ones, the channel,
 * nothing */
static void play_curious(void)
{
	static struct channel_msg m;

	for (int fd = CHANNEL_FD + 1; fd < 200; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			_exit(15);
	}
	char byte;
	if (read(STDIN_FILENO, &byte, 1) != 0)
		_exit(16);
	start_and_ready(&m);
	for (;;) {
		wait_message(&m);
		if (m.type == CHANNEL_STOP)
			_exit(0);
	}
}

static void play_stillborn(void)
{
	_exit(7);
}

static void play_deaf(void)
{
	static struct channel_msg m;

	start_and_ready(&m);
	for (;;)
		pause(); /* does not stop when told to */
}

static void play_mad(void)
{
	static struct channel_msg m;

	start_and_ready(&m);
	if (send(CHANNEL_FD, "\xff\xff\xff\xff", 4, 0) < 0)
		_exit(1);
	for (;;)
		pause(); /* not ended, but its message makes no sense */
}

/* asks as the monitor does: a line and one end of a connection; once without, and once with two */
static void play_asking(void)
{
	static struct channel_msg m;
	int ends[2];

	if (pipe(ends) < 0)
		_exit(17);
	start_and_ready(&m);
	say(CHANNEL_REQUEST, "without");
	if (channel_send(CHANNEL_FD, CHANNEL_REQUEST, "two", 3, ends, 2) < 0 ||
		channel_send(CHANNEL_FD, CHANNEL_REQUEST, "a line", 6, &ends[1], 1) < 0)
		_exit(18);
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*play)(void);
} plays[] = {
	{ "asking", play_asking },
	{ "good", play_good },
	{ "curious", play_curious },
	{ "stillborn", play_stillborn },
	{ "deaf", play_deaf },
	{ "mad", play_mad },
};

__attribute__((constructor)) static void be_a_role(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "role") != 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		if (strcmp(plays[i].name, argv[2]) == 0)
			plays[i].play();
	}
	_exit(1);
}

/* --- the bench --- */

struct bench {
	struct loop *loop;
	struct loop_watch *guard, *child, *pause;
	struct process *p;
	struct process_plan plan;
	int fds[1];
	enum process_state until; /* the loop stops when this state is reached */
	bool is_reloaded;
	char fault[64];
};

static void on_guard(void *ctx)
{
	CHECK(false && "the process did not come to the state that was waited for");
	loop_stop(((struct bench *)ctx)->loop);
}

static void on_child(void *ctx, int signo)
{
	process_reap(((struct bench *)ctx)->p);
}

static int config_fd(void *ctx)
{
	return channel_text_fd("the configuration", strlen("the configuration"));
}

static enum process_state state_of(const struct process *p)
{
	struct process_info i;

	process_info(p, &i);
	return i.state;
}

static void on_changed(void *ctx)
{
	struct bench *t = ctx;

	if (state_of(t->p) == t->until)
		loop_stop(t->loop);
}

static void on_reloaded(void *ctx, const char *name, const char *fault)
{
	struct bench *t = ctx;

	t->is_reloaded = true;
	snprintf(t->fault, sizeof(t->fault), "%s: %s", name, fault);
	loop_stop(t->loop);
}

static void bench_init(struct bench *t, const char *name)
{
	*t = (struct bench){ .until = PROCESS_READY };
	REQUIRE(loop_new(&t->loop) == 0);
	REQUIRE(loop_watch_timer(t->loop, on_guard, t, &t->guard) == 0);
	REQUIRE(loop_watch_signal(t->loop, SIGCHLD, on_child, t, &t->child) == 0);
	REQUIRE((t->fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0);
	t->plan = (struct process_plan){ .name = name,
		.fds = t->fds,
		.fds_len = 1,
		.config_fd = config_fd,
		.changed = on_changed,
		.reloaded = on_reloaded,
		.ctx = t };
	REQUIRE(process_new(t->loop, &t->plan, &t->p) == 0);
}

static void run_until(struct bench *t, enum process_state s)
{
	t->until = s;
	loop_timer_set(t->guard, 20 * NSEC);
	REQUIRE(loop_run(t->loop) == 0);
	loop_timer_stop(t->guard);
	CHECK_INT(state_of(t->p), s);
}

static void bench_fini(struct bench *t)
{
	process_free(t->p);
	loop_unwatch(t->guard);
	loop_unwatch(t->child);
	loop_free(t->loop);
	close(t->fds[0]);
}

TEST(a_role_becomes_ready_and_stops_when_told)
{
	struct bench t;
	struct process_info i;

	bench_init(&t, "good");
	CHECK_INT(state_of(t.p), PROCESS_WAITING);
	process_start(t.p);
	CHECK_INT(state_of(t.p), PROCESS_STARTING);
	run_until(&t, PROCESS_READY);
	process_info(t.p, &i);
	CHECK(i.pid > 0 && kill(i.pid, 0) == 0);
	CHECK_INT(i.restarts, 0);
	CHECK_TEXT(i.name, "good");
	process_stop(t.p, -1);
	run_until(&t, PROCESS_STOPPED);
	CHECK(kill(i.pid, 0) < 0);
	bench_fini(&t);
}

TEST(a_role_is_given_what_it_may_need_to_finish_and_ends_well_or_not)
{
	for (unsigned i = 0; i < 2; i++) {
		int ends[2];
		char words[16];
		struct bench t;
		struct process_info info;
		bool is_writable = i == 0;

		REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
		bench_init(&t, "good");
		process_start(t.p);
		run_until(&t, PROCESS_READY);
		process_info(t.p, &info);
		CHECK(!info.ended_well);
		process_stop(t.p, ends[is_writable ? 1 : 0]);
		run_until(&t, PROCESS_STOPPED);
		process_info(t.p, &info);
		CHECK_INT(info.ended_well, is_writable);
		close(ends[1]);
		CHECK_INT(read(ends[0], words, sizeof(words)), is_writable ? 10 : 0);
		close(ends[0]);
		bench_fini(&t);
	}
}

TEST(a_role_inherits_the_channel_and_an_empty_stdin_only)
{
	struct bench t;
	int secret = open("/etc/passwd", O_RDONLY); /* without close-on-exec, as a library might open it */

	REQUIRE(secret >= 0);
	bench_init(&t, "curious");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	process_stop(t.p, -1);
	run_until(&t, PROCESS_STOPPED);
	bench_fini(&t);
	close(secret);
}

TEST(a_killed_role_is_back_well_within_a_second_with_the_same_descriptors)
{
	struct bench t;
	struct process_info i;

	bench_init(&t, "good");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	process_info(t.p, &i);
	pid_t first = i.pid;
	nsec from = clock_now();
	REQUIRE(kill(first, SIGKILL) == 0);
	run_until(&t, PROCESS_WAITING);
	run_until(&t, PROCESS_READY);
	CHECK(clock_now() - from < NSEC);
	process_info(t.p, &i);
	CHECK(i.pid != first);
	CHECK_INT(i.restarts, 1);
	bench_fini(&t);
}

TEST(a_role_that_dies_again_and_again_is_started_after_growing_pauses)
{
	static const struct {
		unsigned failures;
		nsec want;
	} delays[] = {
		{ 0, 0 },
		{ 1, 250 * MSEC },
		{ 2, 500 * MSEC },
		{ 3, NSEC },
		{ 4, 2 * NSEC },
		{ 5, 4 * NSEC },
		{ 6, 5 * NSEC },
		{ 1000000, 5 * NSEC },
	};
	struct bench t;

	for (size_t i = 0; i < ARRAY_LEN(delays); i++)
		CHECK_INT(process_restart_delay(delays[i].failures), delays[i].want);
	bench_init(&t, "good");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	for (unsigned n = 0; n < 3; n++) {
		nsec from = clock_now();

		REQUIRE(process_send(t.p, CHANNEL_REQUEST, "die", 3, -1) == 0);
		run_until(&t, PROCESS_WAITING);
		run_until(&t, PROCESS_READY);
		CHECK(clock_now() - from >= process_restart_delay(n));
	}
	bench_fini(&t);
}

TEST(a_role_that_dies_before_it_was_ready_has_failed)
{
	struct bench t;

	bench_init(&t, "stillborn");
	process_start(t.p);
	run_until(&t, PROCESS_FAILED);
	CHECK_INT(process_send(t.p, CHANNEL_STOP, NULL, 0, -1), -ENOTCONN);
	bench_fini(&t);
}

TEST(a_role_that_talks_nonsense_is_killed_and_started_again)
{
	struct bench t;

	bench_init(&t, "mad");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	run_until(&t, PROCESS_WAITING);
	run_until(&t, PROCESS_READY);
	bench_fini(&t);
}

TEST(a_role_that_does_not_stop_can_be_killed)
{
	struct bench t;

	bench_init(&t, "deaf");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	process_stop(t.p, -1);
	CHECK_INT(state_of(t.p), PROCESS_STOPPING);
	process_kill(t.p);
	run_until(&t, PROCESS_STOPPED);
	bench_fini(&t);
}

TEST(freeing_kills_and_reaps)
{
	struct bench t;
	struct process_info i;

	bench_init(&t, "deaf");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	process_info(t.p, &i);
	bench_fini(&t);
	CHECK(kill(i.pid, 0) < 0 && errno == ESRCH);
	process_free(NULL);
}

TEST(requests_go_with_their_connection_and_answers_to_reload_come_back)
{
	struct bench t;
	int ends[2];
	char got[16] = "";

	bench_init(&t, "good");
	CHECK_INT(process_send(t.p, CHANNEL_REQUEST, "x", 1, -1), -ENOTCONN);
	process_start(t.p);
	CHECK_INT(process_send(t.p, CHANNEL_REQUEST, "x", 1, -1), -ENOTCONN);
	run_until(&t, PROCESS_READY);
	REQUIRE(pipe(ends) == 0);
	REQUIRE(process_send(t.p, CHANNEL_REQUEST, "hello", 5, ends[1]) == 0);
	CHECK_INT(read(ends[0], got, sizeof(got)), 5);
	CHECK_TEXT(got, "hello");
	int fd = config_fd(NULL);
	REQUIRE(process_send(t.p, CHANNEL_RELOAD, NULL, 0, fd) == 0);
	close(fd);
	loop_timer_set(t.guard, 20 * NSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK(t.is_reloaded);
	CHECK_TEXT(t.fault, "good: no, thank you");
	close(ends[0]);
	close(ends[1]);
	bench_fini(&t);
}

static void on_requested(void *ctx, const char *line, size_t len, int fd)
{
	struct bench *t = ctx;

	snprintf(t->fault, sizeof(t->fault), "%.*s", (int)len, line);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	close(fd);
	loop_stop(t->loop);
}

TEST(a_role_that_may_ask_is_heard_if_it_brings_one_connection)
{
	struct bench t;

	bench_init(&t, "asking");
	process_free(t.p);
	t.plan.requested = on_requested;
	REQUIRE(process_new(t.loop, &t.plan, &t.p) == 0);
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	loop_timer_set(t.guard, 20 * NSEC);
	if (t.fault[0] == '\0')
		REQUIRE(loop_run(t.loop) == 0);
	CHECK_TEXT(t.fault, "a line");
	bench_fini(&t);
}

static void on_pause_over(void *ctx)
{
	loop_stop(((struct bench *)ctx)->loop);
}

TEST(a_role_that_may_not_ask_is_not_heard_and_lives)
{
	struct bench t;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(before);
	bench_init(&t, "asking");
	process_start(t.p);
	run_until(&t, PROCESS_READY);
	REQUIRE(loop_watch_timer(t.loop, on_pause_over, &t, &t.pause) == 0);
	loop_timer_set(t.pause, 200 * MSEC);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(state_of(t.p), PROCESS_READY);
	loop_unwatch(t.pause);
	bench_fini(&t);
	/* What it sent was closed: the lowest free descriptor is the same as before. */
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_INT(after, before);
	close(after);
}

TEST(a_process_that_waits_stops_at_once)
{
	struct bench t;

	bench_init(&t, "good");
	process_stop(t.p, -1);
	CHECK_INT(state_of(t.p), PROCESS_STOPPED);
	bench_fini(&t);
}
