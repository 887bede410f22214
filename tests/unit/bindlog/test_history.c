/* test_history.c - who had it: a log as lines, a moment, and the answer */
#include "bindlog/history.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS 0xc0000202 /* 192.0.2.2 */
#define PORT 2050
#define BLOCK "address=192.0.2.2 ports=2048-2559"
#define SUB7 "subscriber=2001:db8:0:7::/64 " BLOCK
#define SUB8 "subscriber=2001:db8:0:8::/64 " BLOCK
#define BIND5 "proto=udp client=[2001:db8:0:7::5]:40000 via=192.0.2.2:2050"
#define SESS5 "proto=tcp client=[2001:db8:0:7::5]:40000 via=192.0.2.2:2050 remote=198.51.100.7:443"
#define SESS6 "proto=tcp client=[2001:db8:0:7::5]:40000 via=192.0.2.2:2050 remote=198.51.100.8:443"

/* Lines begin with the minute and second of one hour: "03:05 alive". */
static void feed(struct history *h, const char *log)
{
	while (*log) {
		size_t len = strcspn(log, "\n");
		char line[RECORD_TEXT];
		struct record r;

		snprintf(line, sizeof(line), "2025-11-25T14:%.5s.000Z%.*s", log, (int)(len - 5), log + 5);
		if (!CHECK_INT(record_read(line, strlen(line), &r), RECORD_TAKEN))
			printf("  %s\n", line);
		else
			history_take(h, &r);
		log += len + (log[len] == '\n');
	}
}

static unix_ms moment(const char *at)
{
	char text[UNIX_MS_TEXT];
	unix_ms t = 0;

	snprintf(text, sizeof(text), "2025-11-25T14:%s.000Z", at);
	REQUIRE(unix_ms_parse(text, strlen(text), &t));
	return t;
}

/* The answer in short: kind, who, from, to. */
static void describe(const struct history *h, char *to, size_t room)
{
	static const char ends[] = {
		[HISTORY_OPEN] = '~', [HISTORY_ENDED] = '.', [HISTORY_CUT] = '!', [HISTORY_REPLACED] = '?'
	};
	struct history_row row;
	size_t len = 0;

	to[0] = '\0';
	for (unsigned i = 0; history_row(h, i, &row) && len < room; i++) {
		char text[ADDR6_TEXT], start[UNIX_MS_TEXT], end[UNIX_MS_TEXT];
		bool is_block = row.kind == RECORD_BLOCK_LENT;

		len += (size_t)snprintf(to + len, room - len, "%s%s%s %.5s-%.5s%c", i > 0 ? ", " : "",
			is_block			  ? ""
			: row.kind == RECORD_BINDING_MADE ? "b:"
							  : "s:",
			addr6_text(is_block ? row.record.subscriber.addr : row.record.client, text),
			row.has_start ? unix_ms_text(row.start, start) + 14 : "     ",
			row.how == HISTORY_OPEN ? "     " : unix_ms_text(row.end, end) + 14, ends[row.how]);
	}
}

#define RESTART                                                                                              \
	"00:00 start detail=block\n01:00 block-lent " SUB7 "\n03:00 stop\n04:00 start detail=block\n"        \
	"05:00 block-held " SUB7 "\n09:00 block-returned " SUB7

static const struct {
	const char *name, *log, *at, *want;
} cases[] = {
	{ "lent and returned",
		"00:00 start detail=block\n01:00 block-lent " SUB7 "\n09:00 block-returned " SUB7, "05:00",
		"2001:db8:0:7:: 01:00-09:00." },
	{ "at the very second of its beginning", "01:00 block-lent " SUB7 "\n09:00 block-returned " SUB7,
		"01:00", "2001:db8:0:7:: 01:00-09:00." },
	{ "at the very second of its end", "01:00 block-lent " SUB7 "\n09:00 block-returned " SUB7, "09:00",
		"2001:db8:0:7:: 01:00-09:00." },
	{ "before it was lent",
		"00:00 start detail=block\n01:00 block-lent " SUB7 "\n09:00 block-returned " SUB7, "00:30",
		"" },
	{ "after it was returned", "01:00 block-lent " SUB7 "\n09:00 block-returned " SUB7 "\n30:00 alive",
		"10:00", "" },
	{ "it is still lent", "01:00 block-lent " SUB7 "\n30:00 alive", "10:00",
		"2001:db8:0:7:: 01:00-     ~" },
	{ "first one, then another",
		"01:00 block-lent " SUB7 "\n02:00 block-returned " SUB7 "\n03:00 block-lent " SUB8, "04:00",
		"2001:db8:0:8:: 03:00-     ~" },
	{ "the later one does not answer for the time before",
		"01:00 block-lent " SUB7 "\n02:00 block-returned " SUB7 "\n03:00 block-lent " SUB8
		"\n04:00 block-returned " SUB8,
		"02:30", "" },
	{ "another port of the address",
		"01:00 block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2560-3071", "04:00",
		"" },
	{ "another address",
		"01:00 block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.3 ports=2048-2559", "04:00",
		"" },
	{ "the last port of a block",
		"01:00 block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2040-2050", "04:00",
		"2001:db8:0:7:: 01:00-     ~" },
	{ "the first port of a block",
		"01:00 block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2050-2060", "04:00",
		"2001:db8:0:7:: 01:00-     ~" },
	{ "an end without a beginning: it began before the log", "05:00 alive\n09:00 block-returned " SUB7,
		"06:00", "2001:db8:0:7::      -09:00." },
	{ "restored after a restart", RESTART, "06:00", "2001:db8:0:7:: 04:00-09:00." },
	{ "before the restart", RESTART, "02:00", "2001:db8:0:7:: 01:00-03:00." },
	{ "while it was down", RESTART, "03:30", "" },
	{ "at the start, before it was told", RESTART, "04:00", "2001:db8:0:7:: 04:00-09:00." },
	{ "restored after a crash, of which nobody knows when",
		"00:00 start detail=block\n01:00 block-lent " SUB7
		"\n04:00 start detail=block\n05:00 block-held " SUB7,
		"02:00", "2001:db8:0:7:: 01:00-01:00!" },
	{ "held when the file began", "05:00 block-held " SUB7 "\n09:00 block-returned " SUB7, "06:00",
		"2001:db8:0:7::      -09:00." },
	{ "told again in the next file",
		"01:00 block-lent " SUB7 "\n05:00 block-held " SUB7 "\n09:00 block-returned " SUB7, "06:00",
		"2001:db8:0:7:: 01:00-09:00." },
	{ "a crash: it ended between the last record and the new start",
		"01:00 block-lent " SUB7 "\n02:00 alive\n09:00 start detail=block", "01:30",
		"2001:db8:0:7:: 01:00-02:00!" },
	{ "a crash, and the time in between",
		"01:00 block-lent " SUB7 "\n02:00 alive\n09:00 start detail=block", "05:00",
		"2001:db8:0:7:: 01:00-02:00!" },
	{ "after the new start nobody has it",
		"01:00 block-lent " SUB7 "\n02:00 alive\n09:00 start detail=block", "10:00", "" },
	{ "an orderly end", "01:00 block-lent " SUB7 "\n08:00 stop\n09:00 start detail=block", "05:00",
		"2001:db8:0:7:: 01:00-08:00." },
	{ "after an orderly end", "01:00 block-lent " SUB7 "\n08:00 stop\n09:00 start detail=block", "08:30",
		"" },
	{ "its end was lost, and another has it",
		"01:00 block-lent " SUB7
		"\n02:00 lost count=5 since=2025-11-25T14:01:30.000Z\n03:00 block-lent " SUB8,
		"02:30", "2001:db8:0:7:: 01:00-03:00?" },
	{ "the same, but later", "01:00 block-lent " SUB7 "\n03:00 block-lent " SUB8, "05:00",
		"2001:db8:0:8:: 03:00-     ~" },
	{ "a binding in the block",
		"01:00 block-lent " SUB7 "\n02:00 binding-made " BIND5 "\n04:00 binding-ended " BIND5,
		"03:00", "2001:db8:0:7:: 01:00-     ~, b:2001:db8:0:7::5 02:00-04:00." },
	{ "sessions that overlap",
		"01:00 block-lent " SUB7 "\n02:00 session-made " SESS5 "\n02:10 session-made " SESS6
		"\n04:00 session-ended " SESS5,
		"03:00",
		"2001:db8:0:7:: 01:00-     ~, s:2001:db8:0:7::5 02:00-04:00., s:2001:db8:0:7::5 02:10-     "
		"~" },
	{ "a session that began later",
		"01:00 block-lent " SUB7 "\n04:00 session-made " SESS5 "\n05:00 session-ended " SESS5,
		"03:00", "2001:db8:0:7:: 01:00-     ~" },
	{ "a block that is lent later and told again",
		"00:00 start detail=block\n04:00 block-lent " SUB7 "\n05:00 block-held " SUB7, "03:00", "" },
	{ "a block that was lent and returned later, before the log began",
		"04:00 block-lent " SUB7 "\n05:00 block-held " SUB7 "\n06:00 block-returned " SUB7, "03:00",
		"" },
};

TEST(the_answer_is_what_the_log_says_and_no_more)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct history *h = NULL;
		char got[512];

		test_row(cases[i].name);
		REQUIRE(history_new((struct addr4){ ADDRESS }, PORT, moment(cases[i].at), &h) == 0);
		feed(h, cases[i].log);
		describe(h, got, sizeof(got));
		CHECK_TEXT(got, cases[i].want);
		history_free(h);
	}
}

#define GRE5 "proto=other client=[2001:db8:0:7::5]:47 via=192.0.2.2:47"
#define GRE6 "proto=other client=[2001:db8:0:7::6]:47 via=192.0.2.2:47"
#define SCTP6 "proto=other client=[2001:db8:0:7::6]:132 via=192.0.2.2:132"
#define SCTP_SESS6 SCTP6 " remote=198.51.100.8:0"

static const struct {
	const char *name, *log, *want; /* at 05:00, of the address as a whole */
} wholes[] = {
	{ "two protocols, two hosts", "01:00 binding-made " GRE5 "\n02:00 binding-made " SCTP6,
		"b:2001:db8:0:7::5 01:00-     ~, b:2001:db8:0:7::6 02:00-     ~" },
	{ "one that had ended", "01:00 binding-made " GRE5 "\n02:00 binding-ended " GRE5, "" },
	{ "another host, and no end of the one before",
		"01:00 binding-made " GRE5 "\n02:00 binding-made " GRE6 "\n06:00 alive",
		"b:2001:db8:0:7::6 02:00-     ~" },
	{ "a session", "01:00 session-made " SCTP_SESS6, "s:2001:db8:0:7::6 01:00-     ~" },
	{ "ports are another question", "01:00 block-lent " SUB7 "\n01:00 binding-made " BIND5, "" },
	{ "another address", "01:00 binding-made proto=other client=[2001:db8::5]:47 via=192.0.2.3:47", "" },
};

TEST(who_had_the_address_as_a_whole_is_said_for_each_protocol)
{
	for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
		struct history *h = NULL;
		char got[512];

		test_row(wholes[i].name);
		REQUIRE(history_new((struct addr4){ ADDRESS }, HISTORY_NO_PORT, moment("05:00"), &h) == 0);
		feed(h, wholes[i].log);
		describe(h, got, sizeof(got));
		CHECK_TEXT(got, wholes[i].want);
		history_free(h);
	}
	test_row(NULL);
}

TEST(a_protocols_number_is_no_port)
{
	struct history *h = NULL;
	struct history_row row;

	REQUIRE(history_new((struct addr4){ ADDRESS }, 47, moment("05:00"), &h) == 0);
	feed(h, "01:00 binding-made " GRE5);
	CHECK(!history_row(h, 0, &row));
	history_free(h);
}

static struct history_cover cover_of(const char *log, const char *at)
{
	struct history *h = NULL;
	struct history_cover c;

	REQUIRE(history_new((struct addr4){ ADDRESS }, PORT, moment(at), &h) == 0);
	feed(h, log);
	history_cover(h, &c);
	history_free(h);
	return c;
}

TEST(the_log_says_what_it_cannot_know)
{
	CHECK(!cover_of("", "05:00").has_records);
	CHECK(cover_of("06:00 alive", "05:00").is_before);
	CHECK(cover_of("04:00 alive", "05:00").is_after);
	CHECK(!cover_of("04:00 alive\n06:00 alive", "05:00").is_before);
	CHECK(!cover_of("04:00 alive\n06:00 alive", "05:00").is_after);
	CHECK(!cover_of("04:00 alive\n06:00 alive", "05:00").is_down);
	CHECK(cover_of("04:00 stop\n06:00 start detail=block", "05:00").is_down);
	CHECK_INT(cover_of("04:00 alive\n06:00 start detail=block", "05:00").down_since, moment("04:00"));
	CHECK(!cover_of("04:00 stop\n04:30 start detail=block\n05:30 alive", "05:00").is_down);
	/* A death after the moment does not concern it. */
	CHECK(!cover_of("04:00 alive\n05:30 alive\n09:00 start detail=block", "05:00").is_down);
}

#define LOST "lost count=5 since=2025-11-25T14:01:30.000Z"

TEST(losses_before_the_moment_are_told_those_of_other_runs_and_later_ones_are_not)
{
	struct history_cover c = cover_of("00:00 start detail=block\n02:00 " LOST "\n09:00 alive", "05:00");

	CHECK_INT(c.lost, 5);
	CHECK_INT(c.lost_since, moment("01:30"));
	CHECK_INT(c.lost_until, moment("02:00"));
	CHECK_INT(cover_of("02:00 " LOST "\n03:00 start detail=block\n09:00 alive", "05:00").lost, 0);
	CHECK_INT(cover_of("00:00 start detail=block\n02:00 " LOST, "01:00").lost, 0);
	CHECK_INT(cover_of("00:00 start detail=block\n02:00 " LOST, "01:40").lost, 5);
}

TEST(more_rows_than_there_is_room_for_are_left_out_and_said_so)
{
	struct history *h = NULL;
	struct history_cover c;

	REQUIRE(history_new((struct addr4){ ADDRESS }, PORT, moment("05:00"), &h) == 0);
	for (uint32_t i = 0; i <= HISTORY_ROWS_MAX; i++) {
		struct record r = {
			.kind = RECORD_SESSION_MADE,
			.when = moment("01:00"),
			.address = { ADDRESS },
			.port = PORT,
			.last_port = PORT,
			.proto = PROTO_UDP,
			.remote = { i },
		};

		history_take(h, &r);
		history_cover(h, &c);
		CHECK_INT(c.is_cut, i == HISTORY_ROWS_MAX);
	}
	history_free(h);
}
