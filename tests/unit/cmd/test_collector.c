/* test_collector.c - asking everybody for figures: answers whole, wrong, cut, endless, late, and asked at once */
#include "harness.h"

#include "cmd/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT_MAX 16

struct bench {
	struct loop *loop;
	struct loop_watch *guard;
	struct collector *c;
	const char *
		counters; /* what the resolver answers to `counters`; NULL: nothing, and the connection stays open */
	int refuse_from; /* from this question on the supervisor takes none */
	int questions;
	int kept[KEPT_MAX], kept_len;
	unsigned done;
	bool is_up, has_counters;
	char status[256];
};

static void answer(int fd, const char *text)
{
	CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* ask() - the supervisor, as the test plays it */
static int ask(void *ctx, const char *line, size_t len, int fd)
{
	struct bench *t = ctx;

	CHECK_INT(strlen(line), len);
	if (t->questions++ >= t->refuse_from)
		return -EAGAIN;
	if (strcmp(line, "{\"cmd\":\"status\",\"role\":\"resolver\"}") == 0) {
		answer(fd, "{\"role\":\"resolver\",\"pid\":5}\n{\"end\":true}\n");
	} else if (strcmp(line, "{\"cmd\":\"counters\",\"role\":\"resolver\"}") == 0) {
		if (t->counters)
			answer(fd, t->counters);
		else
			t->kept[t->kept_len++] = dup(fd);
	} else {
		CHECK_TEXT(line, "{\"cmd\":\"status\",\"role\":\"supervisor\"}");
		answer(fd, "{\"version\":\"1\"}\n{\"end\":true}\n");
	}
	return 0;
}

static void on_done(void *ctx, const struct snapshot *s)
{
	struct bench *t = ctx;
	const struct snapshot_part *p = &s->parts[SNAPSHOT_RESOLVER];
	char *text = json_dumps(p->status, JSON_COMPACT);

	t->done++;
	t->is_up = p->is_up;
	t->has_counters = json_array_size(p->counters) > 0;
	snprintf(t->status, sizeof(t->status), "%s", text ? text : "");
	free(text);
	CHECK(!s->parts[SNAPSHOT_TRANSLATOR].is_wanted && !s->parts[SNAPSHOT_TRANSLATOR].is_up);
	loop_stop(t->loop);
}

static void on_guard(void *ctx)
{
	CHECK(false && "no figures came");
	loop_stop(((struct bench *)ctx)->loop);
}

static void bench_init(struct bench *t, const char *counters)
{
	struct collector_plan plan = { .wants = { [SNAPSHOT_SUPERVISOR] = true, [SNAPSHOT_RESOLVER] = true },
		.ask = ask,
		.done = on_done,
		.ctx = t };

	*t = (struct bench){ .counters = counters, .refuse_from = 1000 };
	REQUIRE(loop_new(&t->loop) == 0);
	REQUIRE(loop_watch_timer(t->loop, on_guard, t, &t->guard) == 0);
	loop_timer_set(t->guard, 20 * NSEC);
	REQUIRE(collector_new(t->loop, &plan, &t->c) == 0);
}

static void bench_fini(struct bench *t)
{
	collector_free(t->c);
	loop_unwatch(t->guard);
	loop_free(t->loop);
	for (int i = 0; i < t->kept_len; i++)
		close(t->kept[i]);
}

#define ROW "{\"group\":\"dns64\",\"name\":\"a\",\"value\":1}\n"
#define END "{\"end\":true}\n"

static const struct {
	const char *answer;
	bool is_up;
} answers[] = {
	{ ROW END, true },
	{ ROW ROW ROW END, true },
	{ END, true },
	{ "{\"error\":\"it is being started\"}\n", false },
	{ ROW "{\"error\":\"out of memory\"}\n", false },
	{ ROW, false },
	{ "", false },
	{ ROW "{\"end\":true}", false }, /* cut before the newline */
	{ "{\"group\":\n", false },
	{ "[]\n" END, false },
	{ "\n" END, false },
	{ "{\"a\":1,\"a\":2}\n" END, false },
	{ "\xff\n", false },
};

TEST(an_answer_is_whole_or_the_process_is_down)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct bench t;

		test_row(answers[i].answer);
		bench_init(&t, answers[i].answer);
		collector_ask(t.c);
		REQUIRE(loop_run(t.loop) == 0);
		CHECK_INT(t.done, 1);
		CHECK_INT(t.questions, 3);
		CHECK_INT(t.is_up, answers[i].is_up);
		if (answers[i].is_up)
			CHECK_TEXT(t.status, "{\"role\":\"resolver\",\"pid\":5}");
		bench_fini(&t);
	}
}

TEST(an_answer_without_end_is_cut_off)
{
	static char chunk[65536];
	struct bench t;
	int fd;

	memset(chunk, ' ', sizeof(chunk));
	bench_init(&t, NULL);
	nsec from = clock_now();
	collector_ask(t.c);
	fd = t.kept[0];
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		int flags = fcntl(fd, F_GETFL);

		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
		while (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	close(fd);
	t.kept_len = 0;
	REQUIRE(loop_run(t.loop) == 0);
	CHECK(!t.is_up);
	CHECK(clock_now() - from < 2 * NSEC); /* it was the size that ended it, not the time */
	kill(pid, SIGKILL);		      /* it has inherited our end too, so nothing ends it */
	REQUIRE(waitpid(pid, NULL, 0) == pid);
	bench_fini(&t);
}

TEST(one_who_does_not_answer_is_waited_for_two_seconds_and_is_down)
{
	struct bench t;

	bench_init(&t, NULL);
	nsec from = clock_now();
	collector_ask(t.c);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK(!t.is_up);
	CHECK(clock_now() - from >= 2 * NSEC);
	CHECK(clock_now() - from < 6 * NSEC);
	bench_fini(&t);
}

TEST(a_supervisor_that_takes_no_question_is_no_deadlock)
{
	for (int from = 0; from < 3; from++) {
		struct bench t;

		bench_init(&t, ROW END);
		t.refuse_from = from;
		collector_ask(t.c);
		CHECK_INT(t.done, 0); /* the answer comes from the loop */
		REQUIRE(loop_run(t.loop) == 0);
		CHECK_INT(t.done, 1);
		CHECK(!t.is_up);
		bench_fini(&t);
	}
}

TEST(those_who_ask_at_once_share_a_round_and_its_result_stays_for_a_moment)
{
	struct bench t;

	bench_init(&t, ROW END);
	for (unsigned i = 0; i < 10; i++)
		collector_ask(t.c);
	CHECK_INT(t.questions, 3);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(t.done, 1);
	collector_ask(t.c);
	CHECK_INT(t.done, 2);
	CHECK_INT(t.questions, 3);
	CHECK(t.is_up && t.has_counters);
	usleep((useconds_t)(COLLECTOR_FRESH / 1000) + 20000);
	t.counters = "{\"error\":\"gone\"}\n";
	collector_ask(t.c);
	REQUIRE(loop_run(t.loop) == 0);
	CHECK_INT(t.done, 3);
	CHECK_INT(t.questions, 6);
	CHECK(!t.is_up);
	bench_fini(&t);
}

TEST(a_round_can_be_given_up)
{
	struct bench t;

	bench_init(&t, NULL);
	collector_ask(t.c);
	bench_fini(&t);
	collector_free(NULL);
}
