/* test_health.c - what a check asks, what answers mean, and targets that say nothing */
#include "lane_box.h"

#include "base/compiler.h"
#include "relay/health.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- instead of dial.c: the other end of each connection is the test's --- */

static enum dial_fault next_fault;
static int server = -1;
static unsigned dials, cancelled;
static struct dial_plan dialled;
static struct loop_watch *soon;
static bool must_hang;

static void dial_over(void *ctx)
{
	int fds[2] = { -1, -1 };

	if (next_fault == DIAL_OK)
		REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	server = fds[1];
	dialled.done(dialled.ctx, next_fault, fds[0], &(struct endpoint){ .port = 80 });
}

int dial_start(struct lane *l, const struct dial_plan *plan, struct dial **ret)
{
	dials++;
	dialled = *plan;
	if (!soon)
		REQUIRE(loop_watch_timer(l->loop, dial_over, NULL, &soon) == 0);
	if (!must_hang)
		loop_timer_set(soon, 0);
	*ret = (struct dial *)&dialled;
	return 0;
}

void dial_cancel(struct dial *d)
{
	if (d)
		cancelled++;
}

const char *dial_fault_text(enum dial_fault f)
{
	return f == DIAL_REFUSED ? "connection refused" : "no answer";
}

/* --- a lane with one target --- */

static struct lane lane;
static struct target_group *group;

static void open_group(const struct relay_target *to, const struct relay_health *care)
{
	const struct target_group_plan plan = { .to = to, .to_len = 1, .health = care };

	box_open(&lane);
	REQUIRE(targets_new(&lane.targets) == 0);
	REQUIRE(target_group_open(&lane, &plan, &group) == 0);
}

static void end(void)
{
	target_group_close(group);
	targets_free(lane.targets);
	loop_unwatch(soon);
	soon = NULL;
	if (server >= 0)
		close(server);
	server = -1;
	lane_fini(&lane);
}

static struct target_row row(void)
{
	struct target_row r;

	REQUIRE(targets_row_at(lane.targets, 0, &r));
	return r;
}

static bool until_dials(unsigned n)
{
	nsec limit = clock_now() + BOX_LIMIT;

	while (dials < n && clock_now() < limit)
		box_turn(&lane);
	return dials >= n;
}

static bool until_failures(unsigned long n)
{
	nsec limit = clock_now() + BOX_LIMIT;

	while (row().failures < n && clock_now() < limit)
		box_turn(&lane);
	return row().failures >= n;
}

static const struct relay_target web = { .host = "a.example", .at = { .port = 8080 } };
static const struct relay_target literal = { .at = { .a6 = { 0x20010db800000000, 1 }, .port = 80 } };
static const struct relay_health asking = {
	.interval = 20 * MSEC, .timeout = 60 * MSEC, .fall = 1, .rise = 1, .path = "/up?x=1"
};
static const struct relay_health connecting = {
	.interval = 20 * MSEC, .timeout = 60 * MSEC, .fall = 1, .rise = 1
};

/* What was asked, and the answer to it. */
static void answer(const char *want, const char *with)
{
	char got[600];
	nsec limit = clock_now() + BOX_LIMIT;
	ssize_t n;

	while ((n = recv(server, got, sizeof(got) - 1, MSG_DONTWAIT)) < 0 && clock_now() < limit)
		box_turn(&lane);
	REQUIRE(n >= 0);
	got[n] = '\0';
	if (want)
		CHECK_TEXT(got, want);
	if (with)
		CHECK_INT(send(server, with, strlen(with), 0), strlen(with));
	close(server);
	server = -1;
}

TEST(the_beginning_of_an_answer_is_judged_as_soon_as_it_can_be)
{
	static const struct {
		const char *bytes;
		bool is_known;
		unsigned status;
	} cases[] = {
		{ "", false, 0 },
		{ "H", false, 0 },
		{ "HTTP/1.1 20", false, 0 },
		{ "HTTP/1.1 200", true, 200 },
		{ "HTTP/1.0 404 Not Found\r\n", true, 404 },
		{ "HTTP/2.0 200", true, 0 },
		{ "SSH-2.0", true, 0 },
		{ "HTTP/1.x", true, 0 },
		{ "HTTP/1.1 2x0", true, 0 },
		{ "HTTP/1.1  200", true, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned status = 77;

		test_row(cases[i].bytes);
		CHECK_INT(health_judge(cases[i].bytes, strlen(cases[i].bytes), &status), cases[i].is_known);
		CHECK_INT(status, cases[i].is_known ? cases[i].status : 77);
	}
	test_row(NULL);
}

TEST(a_request_is_made_and_its_status_counts)
{
	static const struct {
		const char *answer;
		const char *why; /* NULL: it is good */
	} cases[] = {
		{ "HTTP/1.1 204 No Content\r\n\r\n", NULL },
		{ "HTTP/1.1 500 No\r\n\r\n", "the answer is a bad status" },
		{ "HTTP/1.1 302 Elsewhere\r\n\r\n", NULL },
		{ "220 mail ESMTP\r\n", "the answer is no HTTP" },
		{ "HTTP/1.1 200 OK\r\n\r\n", NULL },
		{ "HTTP/1.1 404 No\r\n\r\n", "the answer is a bad status" },
		{ NULL, "the connection ended without an answer" },
		{ "HTTP/1.1", "the connection ended without an answer" },
	};
	unsigned failures = 0;

	open_group(&web, &asking);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		test_row(cases[i].answer ? cases[i].answer : "nothing");
		REQUIRE(until_dials(i + 1));
		while (server < 0)
			box_turn(&lane);
		CHECK_TEXT(dialled.to->host, "a.example");
		CHECK_INT(dialled.timeout, 60 * MSEC);
		CHECK(!dialled.access);
		answer("GET /up?x=1 HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: isthmus-health\r\n"
		       "Connection: close\r\n\r\n",
			cases[i].answer);
		REQUIRE(until_dials(i + 2));
		failures += cases[i].why != NULL;
		CHECK_INT(row().failures, failures);
		CHECK_INT(row().is_up, cases[i].why == NULL);
		if (cases[i].why)
			CHECK_TEXT(row().why, cases[i].why);
	}
	test_row(NULL);
	end();
}

TEST(an_address_is_named_as_one_in_the_request)
{
	open_group(&literal, &asking);
	REQUIRE(until_dials(1));
	while (server < 0)
		box_turn(&lane);
	answer("GET /up?x=1 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nUser-Agent: isthmus-health\r\n"
	       "Connection: close\r\n\r\n",
		NULL);
	end();
}

TEST(a_connection_is_enough_without_a_path)
{
	open_group(&web, &connecting);
	next_fault = DIAL_REFUSED;
	REQUIRE(until_dials(2));
	CHECK(!row().is_up);
	CHECK_TEXT(row().why, "connection refused");
	next_fault = DIAL_OK;
	REQUIRE(until_dials(4));
	CHECK(row().is_up);
	char c;

	CHECK_INT(recv(server, &c, 1, MSG_DONTWAIT), 0); /* and it is closed at once */
	end();
}

TEST(a_target_that_says_nothing_has_failed_when_patience_ends)
{
	open_group(&web, &asking);
	REQUIRE(until_failures(1));
	CHECK_TEXT(row().why, "no answer in time");
	CHECK(!row().is_up);
	must_hang = true;
	REQUIRE(until_failures(3)); /* the second check may have begun before */
	CHECK_TEXT(row().why, "no answer");
	CHECK(cancelled > 0);
	end();
}

TEST(a_check_can_be_given_up_at_any_moment)
{
	open_group(&web, &asking);
	REQUIRE(until_dials(1));
	while (server < 0)
		box_turn(&lane);
	end(); /* while it asks */
	dials = 0;
	must_hang = true;
	open_group(&web, &asking);
	REQUIRE(until_dials(1));
	end(); /* while it dials */
	CHECK_INT(cancelled, 1);
	open_group(&web, &asking);
	end(); /* before anything */
	CHECK_INT(dials, 1);
}
