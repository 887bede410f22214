/* test_pump.c - every byte of each side goes to the other, and so do their ends */
#include "service_box.h"
#include "relay/buffers.h"
#include "relay/pump.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const struct service_ops no_ops = { .type = RELAY_TCP };

/* A pump between two connections; the test has the far end of each. */
struct pump_box {
	struct service_box s;
	struct visit visit;
	struct stream client, server;
	struct pump *pump;
	int client_end, server_end;
	bool is_done;
	enum pump_end how;
};

static void on_done(void *ctx, enum pump_end how)
{
	struct pump_box *b = ctx;

	b->is_done = true;
	b->how = how;
	b->pump = NULL;
}

static void pump_box_connect(struct pump_box *b)
{
	int client[2], server[2];

	*b = (struct pump_box){ .is_done = false };
	box_ops = &no_ops;
	service_box_open(&b->s);
	b->visit.client = (struct endpoint){ .is4 = true };
	REQUIRE(visit_begin(&b->visit, b->s.service) == 0);
	box_tcp_pair(client);
	box_tcp_pair(server);
	b->client_end = client[1];
	b->server_end = server[1];
	REQUIRE(stream_init(&b->client, &b->s.lane, client[0], NULL) == 0);
	REQUIRE(stream_init(&b->server, &b->s.lane, server[0], NULL) == 0);
}

static void pump_box_start(struct pump_box *b, const char *early_up, const char *early_down, nsec idle)
{
	struct pump_plan plan = {
		.client = &b->client,
		.server = &b->server,
		.visit = &b->visit,
		.idle = idle,
		.early_up = early_up,
		.early_up_len = strlen(early_up),
		.early_down = early_down,
		.early_down_len = strlen(early_down),
		.done = on_done,
		.ctx = b,
	};

	REQUIRE(pump_start(&plan, &b->pump) == 0);
	CHECK(!b->is_done);
}

static void pump_box_open(struct pump_box *b)
{
	pump_box_connect(b);
	pump_box_start(b, "", "", 60 * NSEC);
}

static void pump_box_close(struct pump_box *b)
{
	pump_cancel(b->pump);
	stream_fini(&b->client);
	stream_fini(&b->server);
	visit_end(&b->visit);
	service_box_close(&b->s);
	close(b->client_end);
	close(b->server_end);
}

/* Turns the loop until the end has something to read; what read() says. */
static ssize_t read_from(struct pump_box *b, int fd, void *to, size_t room)
{
	nsec end = clock_now() + BOX_LIMIT;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, 0) == 0 && clock_now() < end)
		box_turn(&b->s.lane);
	CHECK(clock_now() < end);
	return read(fd, to, room);
}

static void expect(struct pump_box *b, int fd, const char *want)
{
	char got[100];
	size_t len = 0;

	while (len < strlen(want)) {
		ssize_t n = read_from(b, fd, got + len, sizeof(got) - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	CHECK_BYTES(got, len, want, strlen(want));
}

static void expect_end(struct pump_box *b, int fd)
{
	char got;

	CHECK_INT(read_from(b, fd, &got, 1), 0);
}

static void say(int fd, const char *text)
{
	CHECK_INT(write(fd, text, strlen(text)), (long)strlen(text));
}

static void reset(int *fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	REQUIRE(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
	close(*fd);
	*fd = -1;
}

TEST(bytes_and_half_closes_go_both_ways)
{
	struct pump_box b;

	pump_box_open(&b);
	say(b.client_end, "request");
	expect(&b, b.server_end, "request");
	say(b.server_end, "answer");
	expect(&b, b.client_end, "answer");
	shutdown(b.client_end, SHUT_WR);
	expect_end(&b, b.server_end);
	CHECK(!b.is_done);
	say(b.server_end, "rest");
	expect(&b, b.client_end, "rest");
	shutdown(b.server_end, SHUT_WR);
	CHECK(box_until(&b.s.lane, &b.is_done));
	CHECK_INT(b.how, PUMP_ENDED);
	stream_fini(&b.client); /* which says the last end */
	expect_end(&b, b.client_end);
	CHECK_INT(b.visit.bytes_up, 7);
	CHECK_INT(b.visit.bytes_down, 10);
	CHECK_INT(b.s.service->counters.bytes_down, 10);
	CHECK_INT(b.s.lane.counters.bytes_up, 7);
	pump_box_close(&b);
}

TEST(early_bytes_go_first)
{
	struct pump_box b;

	pump_box_connect(&b);
	say(b.client_end, " then");
	say(b.server_end, " back");
	pump_box_start(&b, "first", "hello", 60 * NSEC);
	expect(&b, b.server_end, "first then");
	expect(&b, b.client_end, "hello back");
	CHECK_INT(b.visit.bytes_up, 10);
	pump_box_close(&b);
}

TEST(early_bytes_may_be_more_than_a_buffer)
{
	struct pump_box b;
	size_t len = 3 * BUFFER_SIZE + 5, got = 0;
	char *bytes = malloc(len + 1), *back = malloc(len);

	REQUIRE(bytes && back);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + i % 23);
	bytes[len] = '\0';
	pump_box_connect(&b);
	pump_box_start(&b, bytes, "", 60 * NSEC);
	while (got < len) {
		ssize_t n = read_from(&b, b.server_end, back + got, len - got);

		REQUIRE(n > 0);
		got += (size_t)n;
	}
	CHECK(memcmp(bytes, back, len) == 0);
	pump_box_close(&b);
	free(bytes);
	free(back);
}

#define BULK ((size_t)8 * 1024 * 1024)

/* Writes without waiting, and reads what has come, until all is there; the pump turns in between. */
static void carry_bulk(struct pump_box *b, int from, int to)
{
	static uint8_t block[65536], got[65536];
	size_t sent = 0, seen = 0;
	nsec end = clock_now() + 4 * BOX_LIMIT;
	bool is_same = true;

	while (seen < BULK && clock_now() < end) {
		size_t n = BULK - sent < sizeof(block) ? BULK - sent : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = (uint8_t)((sent + i) % 251);
		ssize_t w = n > 0 ? send(from, block, n, MSG_DONTWAIT) : 0;

		sent += w > 0 ? (size_t)w : 0;
		box_turn(&b->s.lane);
		ssize_t r = recv(to, got, sizeof(got), MSG_DONTWAIT);

		for (ssize_t i = 0; i < r; i++)
			is_same &= got[i] == (uint8_t)((seen + (size_t)i) % 251);
		seen += r > 0 ? (size_t)r : 0;
	}
	CHECK_INT(seen, BULK);
	CHECK(is_same);
}

TEST(bulk_is_spliced_and_arrives_whole)
{
	struct pump_box b;

	pump_box_open(&b);
	carry_bulk(&b, b.server_end, b.client_end);
	CHECK_INT(b.visit.bytes_down, BULK);
	CHECK(b.s.lane.counters.bytes_spliced > BULK / 2);
	carry_bulk(&b, b.client_end, b.server_end);
	CHECK_INT(b.visit.bytes_up, BULK);
	shutdown(b.server_end, SHUT_WR);
	expect_end(&b, b.client_end);
	pump_box_close(&b);
}

TEST(small_answers_are_not_spliced)
{
	struct pump_box b;

	pump_box_open(&b);
	for (unsigned i = 0; i < 2000; i++) {
		say(b.server_end, "an answer of some fifty bytes, over and over again");
		expect(&b, b.client_end, "an answer of some fifty bytes, over and over again");
	}
	CHECK_INT(b.s.lane.counters.bytes_spliced, 0);
	pump_box_close(&b);
}

TEST(a_client_that_breaks_off_is_told_apart)
{
	struct pump_box b;

	pump_box_open(&b);
	reset(&b.client_end);
	CHECK(box_until(&b.s.lane, &b.is_done));
	CHECK_INT(b.how, PUMP_CLIENT_BROKE);
	CHECK_INT(b.s.lane.counters.ended_reset, 1);
	pump_box_close(&b);
}

TEST(a_server_that_breaks_off_in_the_middle_of_bulk_is_told_apart)
{
	static char block[65536];
	struct pump_box b;

	pump_box_open(&b);
	for (unsigned i = 0; i < 100; i++) {
		(void)!send(b.client_end, block, sizeof(block), MSG_DONTWAIT);
		box_turn(&b.s.lane);
	}
	reset(&b.server_end);
	CHECK(box_until(&b.s.lane, &b.is_done));
	CHECK_INT(b.how, PUMP_SERVER_BROKE);
	pump_box_close(&b);
}

/* As an HTTP server that says 413 and closes: its answer must arrive although nobody takes the request any more. */
TEST(the_last_words_of_a_server_that_closes_are_passed_on)
{
	struct pump_box b;

	pump_box_open(&b);
	say(b.client_end, "a long request");
	expect(&b, b.server_end, "a long request");
	say(b.server_end, "413 no more");
	shutdown(b.server_end, SHUT_RDWR);
	say(b.client_end, "more of it");
	expect(&b, b.client_end, "413 no more");
	pump_box_close(&b);
}

TEST(nothing_for_too_long_ends_it)
{
	struct pump_box b;
	nsec began;

	pump_box_connect(&b);
	pump_box_start(&b, "", "", 100 * MSEC);
	began = clock_now();
	while (clock_now() < began + 60 * MSEC)
		box_turn(&b.s.lane);
	say(b.client_end, "x"); /* alive */
	expect(&b, b.server_end, "x");
	CHECK(box_until(&b.s.lane, &b.is_done));
	CHECK_INT(b.how, PUMP_IDLE);
	CHECK(clock_now() - began >= 150 * MSEC);
	CHECK_INT(b.s.lane.counters.idle_timeout, 1);
	pump_box_close(&b);
}

TEST(whoever_had_ended_before_is_not_told_from_the_start)
{
	struct pump_box b;

	pump_box_connect(&b);
	shutdown(b.client_end, SHUT_WR);
	shutdown(b.server_end, SHUT_WR);
	box_turn(&b.s.lane);
	pump_box_start(&b, "a", "b", 60 * NSEC);
	CHECK(box_until(&b.s.lane, &b.is_done));
	CHECK_INT(b.how, PUMP_ENDED);
	expect(&b, b.server_end, "a");
	expect(&b, b.client_end, "b");
	pump_box_close(&b);
}
