/* test_query_log.c - the log of queries: lines, dnstap's messages, privacy, and a file that takes nothing */
#include "harness.h"

#include "dns64/query_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t reply[] = { 0, 7, 0x81, 0x80 };

static struct query_note note(void)
{
	struct query_note n = { .unix_ns = UINT64_C(1700000000) * NSEC + 123 * MSEC,
		.client = { .a6 = { UINT64_C(0x20010db800010002), 3 }, .port = 4444 },
		.server = { .a6 = { UINT64_C(0x20010db800000000), 1 }, .port = 53 },
		.over = OVER_TLS,
		.has_question = true,
		.question = { .type = 28, .class = 1 },
		.view = 2,
		.rcode = 3,
		.records = 4,
		.is_kept = true,
		.reply = reply,
		.reply_len = sizeof(reply) };

	REQUIRE(dns_name_parse("www.example", &n.question.name));
	return n;
}

static const struct {
	struct dns64_query_log c;
	bool is4;
	const char *want;
} lines[] = {
	{ { .client = QUERY_CLIENT_FULL }, false,
		"2023-11-14T22:13:20.123Z client=2001:db8:1:2::3 over=tls view=2 name=www.example. type=28 "
		"code=3 "
		"records=4 kept=yes\n" },
	{ { .client = QUERY_CLIENT_PREFIX }, false,
		"2023-11-14T22:13:20.123Z client=2001:db8:1::/48 over=tls view=2 name=www.example. type=28 "
		"code=3 "
		"records=4 kept=yes\n" },
	{ { .client = QUERY_CLIENT_PREFIX }, true,
		"2023-11-14T22:13:20.123Z client=192.0.2.0/24 over=tls view=2 name=www.example. type=28 "
		"code=3 "
		"records=4 kept=yes\n" },
	{ { .client = QUERY_CLIENT_NONE, .hides_names = true }, false,
		"2023-11-14T22:13:20.123Z client=- over=tls view=2 name=- type=28 code=3 records=4 "
		"kept=yes\n" },
};

TEST(a_line_says_what_it_may)
{
	char text[QUERY_RECORD_MAX];

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct query_note n = note();

		n.client.is4 = lines[i].is4;
		n.client.a4.v = 0xc0000263;
		size_t len = query_text(&lines[i].c, &n, text, sizeof(text));

		CHECK_TEXT(text, lines[i].want);
		CHECK_INT(len, strlen(lines[i].want));
		CHECK_INT(query_text(&lines[i].c, &n, text, len), 0);
		CHECK_INT(query_text(&lines[i].c, &n, text, len + 1), len);
	}
}

TEST(the_longest_name_fits_into_a_line)
{
	struct dns64_query_log c = { .client = QUERY_CLIENT_FULL };
	struct query_note n = note();
	char text[QUERY_RECORD_MAX];
	uint8_t label[63];

	memset(label, 0xff, sizeof(label));
	n.question.name.len = 0;
	while (n.question.name.len + 65u < DNS_NAME_MAX)
		REQUIRE(dns_name_push(&n.question.name, label, 63));
	REQUIRE(dns_name_push(&n.question.name, label, DNS_NAME_MAX - 2u - n.question.name.len));
	dns_name_close(&n.question.name);
	CHECK_INT(n.question.name.len, DNS_NAME_MAX);
	CHECK(query_text(&c, &n, text, sizeof(text)) > 0);
}

/* By hand from dnstap.proto and the encoding of protocol buffers. */
static const char full[] = "00000053"
			   "120d697374686d757320302e312e30"
			   "7240"
			   "0806"
			   "1002"
			   "1803"
			   "221020010db8000100020000000000000003"
			   "2a1020010db8000000000000000000000001"
			   "30dc22"
			   "3835"
			   "6080e2cfaa06"
			   "6dc0d45407"
			   "720400078180"
			   "7801";
static const char least[] = "00000038"
			    "120d697374686d757320302e312e30"
			    "7225"
			    "0806"
			    "1002"
			    "1803"
			    "2a1020010db8000000000000000000000001"
			    "3835"
			    "6080e2cfaa06"
			    "6dc0d45407"
			    "7801";

static void check_hex(const uint8_t *bytes, size_t len, const char *want)
{
	char text[2 * QUERY_RECORD_MAX + 1] = "";

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	CHECK_TEXT(text, want);
}

TEST(a_dnstap_frame_says_what_it_may)
{
	struct dns64_query_log c = { .client = QUERY_CLIENT_FULL };
	struct query_note n = note();
	uint8_t buf[QUERY_RECORD_MAX];
	size_t len = query_dnstap(&c, &n, buf, sizeof(buf));

	check_hex(buf, len, full);
	for (size_t room = 4; room < len; room++)
		CHECK_INT(query_dnstap(&c, &n, buf, room), 0);
	c = (struct dns64_query_log){ .client = QUERY_CLIENT_NONE, .hides_names = true };
	check_hex(buf, query_dnstap(&c, &n, buf, sizeof(buf)), least);
	n.reply_len = 65535; /* not looked at */
	c.hides_names = false;
	check_hex(buf, query_dnstap(&c, &n, buf, sizeof(buf)), least);
}

static size_t file_size(int fd)
{
	return (size_t)lseek(fd, 0, SEEK_END);
}

static int open_scratch(void)
{
	char path[] = "/tmp/isthmus-query-log-XXXXXX";
	int fd = mkstemp(path);

	REQUIRE(fd >= 0);
	unlink(path);
	return fd;
}

TEST(a_file_gets_whole_records_and_a_dnstap_file_begins_with_its_head_once)
{
	struct dns64_query_log c = { .client = QUERY_CLIENT_FULL };
	struct query_note n = note();
	struct query_log *l = NULL;
	int fd = open_scratch(), look = dup(fd), again = dup(fd);
	uint8_t head[DNSTAP_START_LEN], got[DNSTAP_START_LEN];

	REQUIRE(query_log_new(true, &l) == 0);
	CHECK(query_log_put(l, &c, &n));
	CHECK(!query_log_write(l));
	query_log_attach(l, fd);
	CHECK(query_log_write(l));
	CHECK_INT(query_dnstap_start(head), DNSTAP_START_LEN);
	CHECK_INT(file_size(look), DNSTAP_START_LEN + (sizeof(full) - 1) / 2);
	CHECK_INT(pread(look, got, sizeof(got), 0), sizeof(got));
	CHECK(memcmp(got, head, sizeof(got)) == 0);
	query_log_attach(l, again); /* as at a reload, when nobody rotated it */
	CHECK(query_log_put(l, &c, &n));
	CHECK(query_log_write(l));
	CHECK_INT(file_size(look), DNSTAP_START_LEN + sizeof(full) - 1);
	query_log_free(l);
	close(look);
}

TEST(what_a_slow_file_does_not_take_is_lost_and_said_to_be)
{
	struct dns64_query_log c = { .client = QUERY_CLIENT_FULL };
	struct query_note n = note();
	struct query_log *l = NULL;
	unsigned taken = 0, lost = 0, len = (unsigned)strlen(lines[0].want), lines_read = 0;
	int ends[2];
	char byte;

	REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
	REQUIRE(query_log_new(false, &l) == 0);
	query_log_attach(l, ends[1]);
	for (unsigned i = 0; i < 40000; i++) {
		bool fits = query_log_put(l, &c, &n);

		taken += fits;
		lost += !fits;
		if (i % 100 == 0)
			CHECK(query_log_write(l));
	}
	CHECK(lost > 0 && taken * len >= QUERY_LOG_BYTES);
	for (unsigned tries = 0; tries < 3; tries++) { /* each of them empties the pipe */
		CHECK(query_log_write(l));
		while (read(ends[0], &byte, 1) == 1)
			lines_read += byte == '\n';
	}
	while (lines_read < taken) {
		unsigned before = lines_read;

		CHECK(query_log_write(l));
		while (read(ends[0], &byte, 1) == 1)
			lines_read += byte == '\n';
		if (lines_read == before)
			break;
	}
	CHECK_INT(lines_read, taken);
	query_log_free(l);
	close(ends[0]);
}
