/* test_record.c - lines of the binding log: written, read back, and everything that is no line */
#include "bindlog/record.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

/* --- time --- */

static const struct {
	unix_ms t;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 951782399999, "2000-02-28T23:59:59.999Z" },
	{ 951782400000, "2000-02-29T00:00:00.000Z" }, /* a leap year by the rule of 400 */
	{ 951868800000, "2000-03-01T00:00:00.000Z" },
	{ 1709164800123, "2024-02-29T00:00:00.123Z" },
	{ 1764079385007, "2025-11-25T14:03:05.007Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" }, /* no leap year */
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
};

TEST(times_are_written_as_rfc3339_has_them_and_read_back)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		char text[UNIX_MS_TEXT];
		unix_ms t = 1;

		test_row(times[i].text);
		CHECK_TEXT(unix_ms_text(times[i].t, text), times[i].text);
		CHECK(unix_ms_parse(times[i].text, strlen(times[i].text), &t));
		CHECK_INT(t, times[i].t);
	}
}

static const char *const no_times[] = { "", "2025-11-25T14:03:05.007", "2025-11-25 14:03:05.007Z",
	"2025-11-25T14:03:05.007Zx", "2025-02-29T00:00:00.000Z", "2100-02-29T00:00:00.000Z",
	"2025-04-31T00:00:00.000Z", "2025-00-10T00:00:00.000Z", "2025-13-10T00:00:00.000Z",
	"2025-11-00T00:00:00.000Z", "2025-11-25T24:00:00.000Z", "2025-11-25T23:60:00.000Z",
	"2025-11-25T23:00:60.000Z", "1969-12-31T23:59:59.999Z", "2025-11-25T14:03:05,007Z",
	"20x5-11-25T14:03:05.007Z" };

TEST(what_is_no_time_is_refused_and_the_result_untouched)
{
	for (size_t i = 0; i < ARRAY_LEN(no_times); i++) {
		unix_ms t = 77;

		test_row(no_times[i]);
		CHECK(!unix_ms_parse(no_times[i], strlen(no_times[i]), &t));
		CHECK_INT(t, 77);
	}
}

/* --- lines --- */

#define T "2025-11-25T14:03:05.007Z "

/* One line of each kind, as docs/binding-log.md shows them. */
static const struct {
	enum record_kind kind;
	const char *line;
} lines[] = {
	{ RECORD_START, T "start detail=session version=" ISTHMUS_VERSION },
	{ RECORD_STOP, T "stop" },
	{ RECORD_ALIVE, T "alive" },
	{ RECORD_LOST, T "lost count=1234 since=2025-11-25T14:03:04.000Z" },
	{ RECORD_BLOCK_LENT, T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2048-2559" },
	{ RECORD_BLOCK_RETURNED,
		T "block-returned subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2048-2559" },
	{ RECORD_BLOCK_HELD, T "block-held subscriber=2001:db8::/128 address=192.0.2.2 ports=0-65535" },
	{ RECORD_BINDING_MADE, T "binding-made proto=udp client=[2001:db8:0:7::5]:40000 via=192.0.2.2:2050" },
	{ RECORD_BINDING_MADE,
		T "binding-made proto=icmp client=[2001:db8::5]:0 via=192.0.2.2:0 static=yes" },
	{ RECORD_BINDING_MADE, T "binding-made proto=other client=[2001:db8::5]:47 via=192.0.2.2:47" },
	{ RECORD_BINDING_ENDED, T "binding-ended proto=tcp client=[::1]:1 via=255.255.255.255:65535" },
	{ RECORD_SESSION_MADE, T "session-made proto=tcp client=[2001:db8:0:7::5]:40000 via=192.0.2.2:2050 "
				 "remote=198.51.100.7:443" },
	{ RECORD_SESSION_ENDED,
		T "session-ended proto=icmp client=[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 "
		  "via=192.0.2.200:65535 remote=198.51.100.200:0" },
	{ RECORD_LIMIT, T "limit proto=udp host=2001:db8:0:7::5 reason=POOL_EXHAUSTED count=17" },
	{ RECORD_LIMIT, T "limit proto=udp host=::ffff:198.51.100.7 reason=FRAGMENT_TABLE_FULL count=1" },
	{ RECORD_PORTS_EXHAUSTED,
		T "ports-exhausted proto=udp host=2001:db8:0:7:: address=192.0.2.2 count=3" },
};

TEST(each_kind_of_line_is_read_and_written_back_the_same)
{
	bool has_kind[RECORD_COUNT] = { false };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct record r;
		char text[RECORD_TEXT], want[RECORD_TEXT];

		test_row(lines[i].line);
		snprintf(want, sizeof(want), "%s\n", lines[i].line);
		if (!CHECK_INT(record_read(lines[i].line, strlen(lines[i].line), &r), RECORD_TAKEN))
			continue;
		CHECK_INT(r.kind, lines[i].kind);
		CHECK_INT(r.when, 1764079385007);
		CHECK_INT(record_write(&r, text), strlen(want));
		CHECK_TEXT(text, want);
		has_kind[r.kind] = true;
	}
	for (unsigned k = 0; k < RECORD_COUNT; k++)
		CHECK(has_kind[k]);
}

TEST(every_beginning_of_a_line_is_refused_or_a_line_and_reads_no_further)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		size_t len = strlen(lines[i].line);

		test_row(lines[i].line);
		for (size_t cut = 0; cut < len; cut++) {
			char copy[RECORD_TEXT];
			struct record r = { .count = 99 };

			/* What follows would make it another line, if it were read. */
			memset(copy, 'x', sizeof(copy));
			memcpy(copy, lines[i].line, cut);
			if (record_read(copy, cut, &r) != RECORD_TAKEN)
				CHECK_INT(r.count, 99);
		}
	}
}

static const char *const malformed[] = {
	"",
	" ",
	"alive",
	T "",
	"2025-11-25T14:03:05.007Z",
	"2025-11-25T14:03:05.007Z  alive",
	T "alive ",
	T "alive x",
	T "alive =x",
	T "lost since=2025-11-25T14:03:04.000Z", /* no count */
	T "lost count=-1 since=2025-11-25T14:03:04.000Z",
	T "lost count=9223372036854775808 since=2025-11-25T14:03:04.000Z",
	T "lost count=1 count=2 since=2025-11-25T14:03:04.000Z",
	T "start detail=everything",
	T "block-lent subscriber=2001:db8:0:7::1/64 address=192.0.2.2 "
	  "ports=2048-2559", /* bits beyond the length */
	T "block-lent subscriber=2001:db8:0:7::/129 address=192.0.2.2 ports=2048-2559",
	T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2 ports=2048-2559",
	T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2048",
	T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2559-2048",
	T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2048-65536",
	T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=",
	T "binding-made proto=sctp7 client=[2001:db8::5]:1 via=192.0.2.2:1",
	T "binding-made proto=udp client=2001:db8::5:1 via=192.0.2.2:1",
	T "binding-made proto=udp client=[2001:db8::5] via=192.0.2.2:1",
	T "binding-made proto=udp client=[2001:db8::5]:65536 via=192.0.2.2:1",
	T "binding-made proto=udp client=[2001:db8::5]:1 via=192.0.2.2",
	T "binding-made proto=udp client=[2001:db8::5]:1 via=192.0.2.2:1 static=maybe",
	T "session-made proto=udp client=[2001:db8::5]:1 via=192.0.2.2:1",
};

TEST(what_is_no_line_is_refused_and_the_result_untouched)
{
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		struct record r = { .count = 99, .kind = RECORD_COUNT };

		test_row(malformed[i]);
		CHECK_INT(record_read(malformed[i], strlen(malformed[i]), &r), RECORD_MALFORMED);
		CHECK_INT(r.count, 99);
		CHECK_INT(r.kind, RECORD_COUNT);
	}
}

TEST(later_versions_may_add_kinds_and_keys)
{
	static const char unknown[] = T "pool-changed what=ever";
	static const char more[] = T "alive workers=4";
	struct record r = { .count = 99 };

	CHECK_INT(record_read(unknown, strlen(unknown), &r), RECORD_UNKNOWN);
	CHECK_INT(r.count, 99);
	CHECK_INT(record_read(more, strlen(more), &r), RECORD_TAKEN);
	CHECK_INT(r.kind, RECORD_ALIVE);
}

TEST(a_line_of_any_length_or_with_a_zero_byte_is_refused)
{
	static char text[100000];
	struct record r;

	memset(text, 'x', sizeof(text));
	memcpy(text, T "alive", strlen(T "alive"));
	CHECK_INT(record_read(text, sizeof(text), &r), RECORD_MALFORMED);
	text[strlen(T "alive")] = '\0';
	CHECK_INT(record_read(text, strlen(T "alive") + 1, &r), RECORD_MALFORMED);
}

TEST(the_longest_record_fits)
{
	const struct addr6 all = { UINT64_MAX, UINT64_MAX };
	struct record r = {
		.kind = RECORD_SESSION_ENDED,
		.when = 253402300799999,
		.address = { UINT32_MAX },
		.port = UINT16_MAX,
		.last_port = UINT16_MAX,
		.proto = PROTO_ICMP,
		.client = all,
		.client_port = UINT16_MAX,
		.is_static = true,
		.remote = { UINT32_MAX },
		.remote_port = UINT16_MAX,
	};
	char text[RECORD_TEXT];

	CHECK(record_write(&r, text) < RECORD_TEXT);
	r = (struct record){ .kind = RECORD_LIMIT, .client = all, .proto = PROTO_ICMP, .count = UINT64_MAX };
	for (enum drop_reason d = DROP_NONE; d < DROP_COUNT; d++) {
		r.reason = d;
		CHECK(record_write(&r, text) < RECORD_TEXT);
	}
}

/* --- events --- */

TEST(an_event_becomes_the_record_of_its_kind)
{
	const struct state_event block = {
		.kind = STATE_BLOCK_LENT,
		.in = { UINT64_C(0x20010db800000007), 0 },
		.subscriber_len = 64,
		.out = { 0xc0000202 },
		.out_port = 2048,
		.last_port = 2559,
	};
	const struct state_event session = {
		.kind = STATE_SESSION_MADE,
		.proto = PROTO_TCP,
		.in = { UINT64_C(0x20010db800000007), 5 },
		.subscriber_len = 64,
		.in_port = 40000,
		.out = { 0xc0000202 },
		.out_port = 2050,
		.remote = { 0xc6336407 },
		.remote_port = 443,
	};
	const struct state_event limit = {
		.kind = STATE_LIMIT,
		.proto = PROTO_UDP,
		.in = { UINT64_C(0x20010db800000007), 5 },
		.reason = DROP_POOL_EXHAUSTED,
		.count = 17,
	};
	struct record r = record_of_event(&block, 1764079385007);
	char text[RECORD_TEXT];

	record_write(&r, text);
	CHECK_TEXT(text, T "block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2048-2559\n");
	r = record_of_event(&session, 1764079385007);
	record_write(&r, text);
	CHECK_TEXT(text, T "session-made proto=tcp client=[2001:db8:0:7::5]:40000 via=192.0.2.2:2050 "
			   "remote=198.51.100.7:443\n");
	r = record_of_event(&limit, 1764079385007);
	record_write(&r, text);
	CHECK_TEXT(text, T "limit proto=udp host=2001:db8:0:7::5 reason=POOL_EXHAUSTED count=17\n");
	struct state_event exhausted = limit;

	exhausted.kind = STATE_PORTS_EXHAUSTED;
	exhausted.in = (struct addr6){ UINT64_C(0x20010db800000007), 0 };
	exhausted.out = (struct addr4){ 0xc0000202 };
	r = record_of_event(&exhausted, 1764079385007);
	record_write(&r, text);
	CHECK_TEXT(text, T "ports-exhausted proto=udp host=2001:db8:0:7:: address=192.0.2.2 count=17\n");
}
