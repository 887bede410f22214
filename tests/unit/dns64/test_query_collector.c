/* test_query_collector.c - frame streams to a collector: what is said, what it may say, and one that is gone or hangs */
#include "harness.h"

#include "dns64/query_collector.h"
#include "dns64/query_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Control frames, by hand from the description of frame streams: an empty length, the length, the type, the fields. */
#define TYPE "\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap"
#define TYPE_LEN 30
static const uint8_t accept_dnstap[] = "\0\0\0\0\0\0\0\x22\0\0\0\1" TYPE;
static const uint8_t accept_other[] = "\0\0\0\0\0\0\0\x22\0\0\0\1\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnsxxx";
static const uint8_t accept_all[] = "\0\0\0\0\0\0\0\4\0\0\0\1";
static const uint8_t finish[] = "\0\0\0\0\0\0\0\4\0\0\0\5";
static const uint8_t ready[] = "\0\0\0\0\0\0\0\x22\0\0\0\4" TYPE;
static const uint8_t start[] = "\0\0\0\0\0\0\0\x22\0\0\0\2" TYPE;
static const uint8_t stop[] = "\0\0\0\0\0\0\0\4\0\0\0\3";
#define LEN(frame) (sizeof(frame) - 1)

/* ends[0] is ours and never waits, ends[1] is the collector's. */
static void connect_to(int ends[2])
{
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
}

static void collector_says(int ends[2], const void *bytes, size_t len)
{
	REQUIRE(write(ends[1], bytes, len) == (ssize_t)len);
}

static void collector_hears(int ends[2], const void *want, size_t len)
{
	uint8_t got[4096];

	REQUIRE(len <= sizeof(got));
	CHECK_INT(read(ends[1], got, len), len);
	CHECK(memcmp(got, want, len) == 0);
}

static void collector_hears_no_more(int ends[2])
{
	uint8_t byte;

	CHECK_INT(read(ends[1], &byte, 1), 0);
	close(ends[1]);
}

static struct query_collector *met(int ends[2])
{
	struct query_collector *c = NULL;

	connect_to(ends);
	collector_says(ends, accept_dnstap, LEN(accept_dnstap));
	REQUIRE(query_collector_new(ends[0], &c) == 0);
	collector_hears(ends, ready, LEN(ready));
	collector_hears(ends, start, LEN(start));
	return c;
}

TEST(a_collector_is_greeted_given_frames_and_taken_leave_of)
{
	static const uint8_t frames[] = "\0\0\0\3abc\0\0\0\1d\0\0\0\2ef";
	size_t sent = 7; /* the first one was handed over before */
	int ends[2];
	struct query_collector *c = met(ends);

	CHECK_INT(query_collector_write(c, frames, LEN(frames), &sent), 0);
	CHECK_INT(sent, LEN(frames));
	collector_hears(ends, frames + 7, LEN(frames) - 7);
	collector_says(ends, finish, LEN(finish));
	query_collector_free(c);
	collector_hears(ends, stop, LEN(stop));
	collector_hears_no_more(ends);
}

TEST(a_collector_that_names_no_type_takes_any)
{
	struct query_collector *c = NULL;
	int ends[2];

	connect_to(ends);
	collector_says(ends, accept_all, LEN(accept_all));
	collector_says(ends, finish, LEN(finish));
	CHECK_INT(query_collector_new(ends[0], &c), 0);
	query_collector_free(c);
	close(ends[1]);
}

static int answer_to(const void *bytes, size_t len)
{
	struct query_collector *c = (struct query_collector *)8, *poison = c;
	int ends[2];

	connect_to(ends);
	collector_says(ends, bytes, len);
	REQUIRE(shutdown(ends[1], SHUT_WR) == 0);
	int err = query_collector_new(ends[0], &c);

	CHECK(err == 0 || c == poison);
	close(ends[1]);
	return err;
}

TEST(every_truncated_answer_is_refused)
{
	for (size_t len = 0; len < LEN(accept_dnstap); len++)
		CHECK_INT(answer_to(accept_dnstap, len), -EPIPE);
}

TEST(an_answer_that_is_none_is_refused)
{
	uint8_t lies[LEN(accept_dnstap)];

	CHECK_INT(answer_to(accept_other, LEN(accept_other)), -EPROTO);
	CHECK_INT(answer_to(finish, LEN(finish)), -EPROTO);
	CHECK_INT(answer_to("HTTP/1.1 200 OK\r\n\r\n", 19), -EPROTO);
	for (size_t at = 3; at < 20; at += 4) { /* each number of it, too small and far too big */
		for (unsigned value = 0; value < 256; value += 255) {
			bytes_copy(lies, accept_dnstap, sizeof(lies));
			lies[at] = (uint8_t)value;
			if (lies[at] != accept_dnstap[at])
				CHECK(answer_to(lies, sizeof(lies)) < 0);
		}
	}
}

TEST(a_collector_that_takes_nothing_is_given_up_in_time_and_has_whole_frames)
{
	static uint8_t frames[100 * 4004];
	size_t sent = 0, heard = 0;
	int ends[2];
	struct query_collector *c = met(ends);

	for (size_t at = 0; at < sizeof(frames); at += 4004)
		be32_put(frames + at, 4000);
	nsec before = clock_now();

	CHECK_INT(query_collector_write(c, frames, sizeof(frames), &sent), -ETIMEDOUT);
	query_collector_free(c); /* waits for nothing */
	CHECK(clock_now() - before >= COLLECTOR_PATIENCE && clock_now() - before < 2 * COLLECTOR_PATIENCE);
	CHECK(sent > 0 && sent < sizeof(frames) && sent % 4004 == 0);
	for (ssize_t n = 1; n > 0; heard += (size_t)n) {
		n = read(ends[1], frames, sizeof(frames));
		REQUIRE(n >= 0);
	}
	CHECK_INT(heard / 4004 * 4004, sent);
	close(ends[1]);
}

/* --- below the log --- */

static void put(struct query_log *l, uint16_t type, uint8_t *ret_frame, size_t *ret_len)
{
	struct dns64_query_log c = { .client = QUERY_CLIENT_FULL };
	uint8_t reply[] = { 0, (uint8_t)type };
	struct query_note n = { .over = OVER_UDP, .reply = reply, .reply_len = sizeof(reply) };

	CHECK(query_log_put(l, &c, &n));
	*ret_len = query_dnstap(&c, &n, ret_frame, QUERY_RECORD_MAX);
	REQUIRE(*ret_len > 0);
}

static void attach(struct query_log *l, int ends[2])
{
	connect_to(ends);
	collector_says(ends, accept_dnstap, LEN(accept_dnstap));
	query_log_attach(l, ends[0]);
}

TEST(a_collector_that_went_away_is_noticed_and_the_next_one_gets_what_waits_once)
{
	struct query_log *l = NULL;
	uint8_t frame[3][QUERY_RECORD_MAX];
	size_t len[3];
	int ends[2];

	REQUIRE(query_log_new(true, &l) == 0);
	attach(l, ends);
	put(l, 1, frame[0], &len[0]);
	CHECK(query_log_write(l));
	collector_hears(ends, ready, LEN(ready));
	collector_hears(ends, start, LEN(start));
	collector_hears(ends, frame[0], len[0]);
	close(ends[1]);
	put(l, 2, frame[1], &len[1]);
	CHECK(!query_log_write(l)); /* so the caller asks for another one */
	put(l, 3, frame[2], &len[2]);
	CHECK(!query_log_write(l));
	attach(l, ends);
	CHECK(query_log_write(l));
	collector_hears(ends, ready, LEN(ready));
	collector_hears(ends, start, LEN(start));
	collector_hears(ends, frame[1], len[1]);
	collector_hears(ends, frame[2], len[2]);
	collector_says(ends, finish, LEN(finish));
	query_log_free(l);
	collector_hears(ends, stop, LEN(stop));
	collector_hears_no_more(ends);
}

TEST(a_collector_that_does_not_want_dnstap_is_not_written_to)
{
	struct query_log *l = NULL;
	uint8_t frame[QUERY_RECORD_MAX];
	size_t len;
	int ends[2];

	REQUIRE(query_log_new(true, &l) == 0);
	connect_to(ends);
	collector_says(ends, accept_other, LEN(accept_other));
	query_log_attach(l, ends[0]);
	put(l, 1, frame, &len);
	CHECK(!query_log_write(l));
	collector_hears(ends, ready, LEN(ready));
	collector_hears_no_more(ends);
	query_log_free(l);
}
