/*
 * test_direct.c - questions to an upstream on loopback that does as it is told
 *
 *	test --direct_ask()--> direct.c --UDP--> upstream
 *	  '------------------- one loop -------------'
 */
#include "dnstext.h"

#include "base/log.h"
#include "dns64/direct.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#define ASKS 256
#define PORTS 65536

enum manner {
	ANSWERS,
	MUTE,
	LATE, /* after the patience is over, and then as it should */
	SERVFAIL,
	REFUSES,
	FORMERR, /* a header alone, as servers without EDNS say it */
	CUTS,
	REFERS,
	TRUNCATED, /* the reply's first f->cut bytes */
	TWICE,
	WRONG_ID_FIRST,
	WRONG_NAME_FIRST,
	WRONG_TYPE_FIRST,
	QUERY_FIRST, /* the right id and question, but no reply */
	OTHER_PORT_FIRST,
	FLOODS,	      /* many with other ids, and then as it should */
	FLOODS_LATER, /* one with another id; a moment later seven more, and with them the reply */
	HOLDS,	      /* the replies to two, the second first */
};

struct ask {
	struct direct_wait wait;
	bool is_told;
	char said[512];
};

struct fixture {
	struct loop *loop;
	struct direct *direct;
	struct dns64_counters counters;
	struct loop_watch *upstream_watch, *guard, *late;
	int upstream, other;
	enum manner manner;
	size_t cut;
	bool is_gone; /* the upstream's socket is closed */
	unsigned waiting;
	struct ask asks[ASKS];
	unsigned asks_len;
	/* what the upstream saw */
	unsigned asked;
	uint16_t ids[4096];
	uint16_t ports[4096];
	uint8_t held[4096];
	size_t held_len;
	struct sockaddr_in peer, held_peer;
	uint8_t query[512];
	size_t query_len;
	const char *answer; /* NULL: an A record of the name */
};

/* --- the upstream --- */

static size_t write_reply(struct fixture *f, const struct dns_msg *q, uint8_t *out)
{
	char name[DNS_NAME_TEXT], answer[DNS_NAME_TEXT + 64];
	static const uint16_t codes[] = { [SERVFAIL] = 2, [REFUSES] = 5, [CUTS] = 0x0200, [HOLDS] = 0 };

	dns_name_text(&q->question.name, name);
	snprintf(answer, sizeof(answer), "%s 60 A 192.0.2.1", name);
	struct text_message t = {
		.name = name,
		.type = type_to_text(q->question.type),
		.id = q->id,
		.flags = (uint16_t)(0x8180 | codes[f->manner > CUTS ? ANSWERS : f->manner]),
		.answer = f->answer ? f->answer : answer,
	};

	if (f->manner == REFERS) {
		t.answer = NULL;
		t.authority = "example 60 NS ns.example";
	}
	return message_from_text(out, &t);
}

static void say(struct fixture *f, int fd, const uint8_t *bytes, size_t len)
{
	(void)sendto(fd, bytes, len, 0, (struct sockaddr *)&f->peer, sizeof(f->peer));
}

static void say_wrong(struct fixture *f, uint8_t *reply, size_t len)
{
	size_t type_at = DNS_HEADER_LEN;

	while (reply[type_at] != 0)
		type_at += 1u + reply[type_at];
	switch (f->manner) {
	case WRONG_ID_FIRST:
	case FLOODS_LATER:
		reply[1] ^= 1;
		say(f, f->upstream, reply, len);
		reply[1] ^= 1;
		return;
	case WRONG_NAME_FIRST:
		reply[13] ^= 1;
		say(f, f->upstream, reply, len);
		reply[13] ^= 1;
		return;
	case WRONG_TYPE_FIRST:
		reply[type_at + 2] ^= 4;
		say(f, f->upstream, reply, len);
		reply[type_at + 2] ^= 4;
		return;
	case QUERY_FIRST:
		reply[2] ^= 0x80;
		say(f, f->upstream, reply, len);
		reply[2] ^= 0x80;
		return;
	case OTHER_PORT_FIRST:
		say(f, f->other, reply, len);
		return;
	case FLOODS:
		for (unsigned i = 1; i < 100; i++) {
			be16_put(reply, (uint16_t)(be16_at(reply) + 1));
			say(f, f->upstream, reply, len);
		}
		be16_put(reply, (uint16_t)(be16_at(reply) - 99));
		return;
	default:
		return;
	}
}

static void say_late(void *ctx)
{
	struct fixture *f = ctx;

	f->peer = f->held_peer;
	for (unsigned i = 1; i < DIRECT_UNWANTED_MAX && f->manner == FLOODS_LATER; i++) {
		f->held[0] ^= 0x80;
		say(f, f->upstream, f->held, f->held_len);
		f->held[0] ^= 0x80;
	}
	say(f, f->upstream, f->held, f->held_len);
}

static void reply(struct fixture *f, const struct dns_msg *q)
{
	static uint8_t out[4096];
	size_t len = write_reply(f, q, out);

	say_wrong(f, out, len);
	if (f->manner == MUTE)
		return;
	if (f->manner == LATE || f->manner == FLOODS_LATER || (f->manner == HOLDS && f->held_len == 0)) {
		memcpy(f->held, out, len);
		f->held_len = len;
		f->held_peer = f->peer;
		if (f->manner == LATE)
			loop_timer_set(f->late, DIRECT_PATIENCE + 50 * MSEC);
		if (f->manner == FLOODS_LATER)
			loop_timer_set(f->late, 20 * MSEC);
		return;
	}
	if (f->manner == FORMERR) {
		be16_put(out + 2, 0x8181);
		memset(out + 4, 0, 8);
		len = 12;
	}
	say(f, f->upstream, out, f->manner == TRUNCATED ? f->cut : len);
	if (f->manner == TWICE)
		say(f, f->upstream, out, len);
	if (f->manner == HOLDS)
		say_late(f);
}

static bool take_query(struct fixture *f)
{
	socklen_t len = sizeof(f->peer);
	struct dns_msg m;
	ssize_t n = recvfrom(
		f->upstream, f->query, sizeof(f->query), MSG_DONTWAIT, (struct sockaddr *)&f->peer, &len);

	if (n < 0)
		return false;
	f->query_len = (size_t)n;
	REQUIRE(dns_msg_parse(f->query, f->query_len, &m));
	if (f->asked < ARRAY_LEN(f->ids)) {
		f->ids[f->asked] = m.id;
		f->ports[f->asked] = ntohs(f->peer.sin_port);
	}
	f->asked++;
	reply(f, &m);
	return true;
}

static void on_query(void *ctx, unsigned ready)
{
	while (take_query(ctx))
		;
}

/* --- the asker --- */

static void answered(
	void *ctx, struct direct_wait *w, const struct dns_question *q, const uint8_t *msg, size_t len)
{
	struct ask *a = w->ctx;
	struct fixture *f = ctx;

	CHECK(!a->is_told && w->question == NULL && q->class == CLASS_IN);
	a->is_told = true;
	snprintf(a->said, sizeof(a->said), "%s", msg ? message_to_text(msg, len) : "libunbound");
	f->waiting--;
}

static void settled(void *ctx)
{
	struct fixture *f = ctx;

	if (f->waiting == 0)
		loop_stop(f->loop);
}

static void soon(void *ctx)
{
}

static void out_of_time(void *ctx)
{
	struct fixture *f = ctx;

	CHECK_TEXT("nobody was told in time", "");
	loop_stop(f->loop);
}

static void done_waiting(void *ctx)
{
	loop_stop(((struct fixture *)ctx)->loop);
}

static int bound_socket(struct endpoint *ret)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	REQUIRE(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*ret = (struct endpoint){ .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = ntohs(a.sin_port) };
	return fd;
}

static void start(struct fixture *f, const char *reserved)
{
	static struct dns64_config c;
	struct endpoint other;

	memset(f, 0, sizeof(*f));
	memset(&c, 0, sizeof(c));
	REQUIRE(log_open("test", LOG_LEVEL_ERROR, LOG_TO_STDERR) == 0);
	REQUIRE(loop_new(&f->loop) == 0);
	c.upstream_mode = UPSTREAM_FORWARD;
	c.upstream_len = 1;
	f->upstream = bound_socket(&c.upstream[0].to);
	f->other = bound_socket(&other);
	REQUIRE(direct_is_possible(&c));
	REQUIRE(direct_new(&c, 1u << 20, reserved, f->loop, &f->counters,
			(struct direct_owner){ answered, settled, soon, f }, &f->direct) == 0);
	REQUIRE(loop_watch_fd(f->loop, f->upstream, LOOP_READ, on_query, f, &f->upstream_watch) == 0);
	REQUIRE(loop_watch_timer(f->loop, out_of_time, f, &f->guard) == 0);
	REQUIRE(loop_watch_timer(f->loop, say_late, f, &f->late) == 0);
}

static void finish(struct fixture *f)
{
	direct_free(f->direct);
	loop_unwatch(f->upstream_watch);
	loop_unwatch(f->guard);
	loop_unwatch(f->late);
	if (!f->is_gone)
		close(f->upstream);
	close(f->other);
	loop_free(f->loop);
}

static struct dns_question question_of(const char *name, const char *type)
{
	struct dns_question q = { .type = type_from_text(type), .class = CLASS_IN };

	REQUIRE(dns_name_parse(name, &q.name));
	return q;
}

/* Asks, and does not wait. */
static struct ask *ask_now(struct fixture *f, const char *name, const char *type)
{
	struct dns_question q = question_of(name, type);
	struct ask *a = &f->asks[f->asks_len++ % ASKS];
	const uint8_t *msg = NULL;
	size_t len = 0;

	memset(a, 0, sizeof(*a));
	a->wait.ctx = a;
	switch (direct_ask(f->direct, &q, &a->wait, &msg, &len)) {
	case DIRECT_NOT:
		memcpy(a->said, "not", 4);
		break;
	case DIRECT_HANDED:
		memcpy(a->said, "handed", 7);
		break;
	case DIRECT_KEPT:
		snprintf(a->said, sizeof(a->said), "kept %s", message_to_text(msg, len));
		if (strstr(a->said, " 59 ")) /* a second may have begun since */
			memcpy(strstr(a->said, " 59 "), " 60 ", 4);
		break;
	case DIRECT_ASKED:
		f->waiting++;
	}
	return a;
}

static void wait_for_all(struct fixture *f)
{
	if (f->waiting == 0)
		return;
	loop_timer_set(f->guard, 5 * NSEC);
	REQUIRE(loop_run(f->loop) == 0);
	loop_timer_stop(f->guard);
}

static const char *ask(struct fixture *f, const char *name, const char *type)
{
	struct ask *a = ask_now(f, name, type);

	wait_for_all(f);
	return a->said;
}

static void pass_time(struct fixture *f, nsec time)
{
	struct loop_watch *w;

	REQUIRE(loop_watch_timer(f->loop, done_waiting, f, &w) == 0);
	loop_timer_set(w, time);
	REQUIRE(loop_run(f->loop) == 0);
	loop_unwatch(w);
}

static struct fixture f;

#define WWW "NOERROR: www.example. 60 A 192.0.2.1"

TEST(a_question_is_sent_as_libunbound_sends_it_and_its_answer_is_kept)
{
	static const uint8_t want[] = { 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1, 3, 'w', 'w', 'w', 7, 'e', 'x',
		'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0 };

	start(&f, "");
	CHECK_TEXT(ask(&f, "www.example", "A"), WWW);
	CHECK_BYTES(f.query + 2, f.query_len - 2, want, sizeof(want));
	CHECK_TEXT(ask(&f, "WWW.example", "A"), "kept " WWW);
	CHECK_INT(f.asked, 1);
	CHECK_INT(f.counters.upstream_direct, 1);
	CHECK_INT(f.counters.upstream_direct_answered, 1);
	CHECK_INT(f.counters.upstream_direct_kept, 1);
	finish(&f);
}

/* Each is one try; what becomes of it, and which counter says so. */
static const struct {
	const char *what;
	enum manner manner;
	const char *want;
	size_t counter;
	unsigned unwanted;
} manners[] = {
#define COUNTER(name) offsetof(struct dns64_counters, upstream_direct_##name)
	{ "no answer", MUTE, "libunbound", COUNTER(timeout), 0 },
	{ "SERVFAIL", SERVFAIL, "libunbound", COUNTER(failed), 0 },
	{ "REFUSED", REFUSES, "libunbound", COUNTER(refused), 0 },
	{ "FORMERR without a question", FORMERR, "libunbound", COUNTER(refused), 0 },
	{ "TC", CUTS, "libunbound", COUNTER(cut), 0 },
	{ "a referral", REFERS, "libunbound", COUNTER(odd), 0 },
	{ "twice the same", TWICE, WWW, COUNTER(answered), 1 },
	{ "RFC 5452 s9.1: another id", WRONG_ID_FIRST, WWW, COUNTER(answered), 1 },
	{ "RFC 5452 s9.1: another name", WRONG_NAME_FIRST, WWW, COUNTER(answered), 1 },
	{ "RFC 5452 s9.1: another type", WRONG_TYPE_FIRST, WWW, COUNTER(answered), 1 },
	{ "no reply but a query", QUERY_FIRST, WWW, COUNTER(answered), 1 },
	{ "RFC 5452 s9.1: from another port", OTHER_PORT_FIRST, WWW, COUNTER(answered), 0 },
	{ "RFC 5452 s9.1: a flood of other ids", FLOODS, "libunbound", COUNTER(flooded),
		DIRECT_UNWANTED_MAX },
	{ "the guess after the last one allowed is right", FLOODS_LATER, "libunbound", COUNTER(flooded),
		DIRECT_UNWANTED_MAX },
};

static unsigned long counter_at(size_t offset)
{
	unsigned long value;

	memcpy(&value, (const uint8_t *)&f.counters + offset, sizeof(value));
	return value;
}

TEST(rfc5452_s9_1_only_the_answer_to_the_question_counts_and_one_try_is_all)
{
	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		test_row(manners[i].what);
		start(&f, "");
		f.manner = manners[i].manner;
		CHECK_TEXT(ask(&f, "www.example", "A"), manners[i].want);
		pass_time(&f, 20 * MSEC);
		CHECK_INT(f.asked, 1);
		CHECK_INT(counter_at(manners[i].counter), 1);
		CHECK_INT(f.counters.upstream_direct_unwanted, manners[i].unwanted);
		/* What failed is not tried again at once; what was answered is kept. */
		f.manner = ANSWERS;
		CHECK_TEXT(ask(&f, "www.example", "A"),
			strcmp(manners[i].want, WWW) == 0 ? "kept " WWW : "handed");
		CHECK_TEXT(ask(&f, "other.example", "A"), "NOERROR: other.example. 60 A 192.0.2.1");
		finish(&f);
	}
	test_row(NULL);
}

/* What is shorter than a header has no identifier, so it is waited for the rest. */
TEST(no_truncation_of_a_reply_is_taken)
{
	const size_t whole = DNS_HEADER_LEN + 13 + 4 + 13 + 10 + 4; /* the question, and a record */

	start(&f, "");
	for (f.cut = 0; f.cut <= whole; f.cut = f.cut == 0 ? DNS_HEADER_LEN - 1 : f.cut + 1) {
		char name[32];

		snprintf(name, sizeof(name), "n%02zu.example", f.cut);
		f.manner = TRUNCATED;
		const char *said = ask(&f, name, "A");

		CHECK_INT(strcmp(said, "libunbound") == 0, f.cut < whole);
		f.manner = ANSWERS; /* so that the server does not rest */
		snprintf(name, sizeof(name), "a%02zu.example", f.cut);
		CHECK(strstr(ask(&f, name, "A"), " A 192.0.2.1") != NULL);
	}
	CHECK_INT(f.cut, whole + 1);
	finish(&f);
}

TEST(rfc5452_s5_the_same_question_is_open_once)
{
	struct ask *a, *b, *c;

	start(&f, "");
	a = ask_now(&f, "www.example", "A");
	b = ask_now(&f, "www.EXAMPLE", "A");
	c = ask_now(&f, "www.example", "AAAA");
	f.answer = "www.example 60 A 192.0.2.1; www.example 60 AAAA 2001:db8::1";
	wait_for_all(&f);
	CHECK_TEXT(a->said, WWW);
	CHECK_TEXT(b->said, WWW);
	CHECK_TEXT(c->said, "NOERROR: www.example. 60 AAAA 2001:db8::1");
	CHECK_INT(f.asked, 2);
	CHECK_INT(f.counters.upstream_direct_joined, 1);
	finish(&f);
}

TEST(answers_come_in_any_order)
{
	struct ask *a, *b;

	start(&f, "");
	f.manner = HOLDS;
	a = ask_now(&f, "a.example", "A");
	b = ask_now(&f, "b.example", "A");
	wait_for_all(&f);
	CHECK_TEXT(a->said, "NOERROR: a.example. 60 A 192.0.2.1");
	CHECK_TEXT(b->said, "NOERROR: b.example. 60 A 192.0.2.1");
	finish(&f);
}

TEST(a_late_answer_finds_its_port_closed)
{
	start(&f, "");
	f.manner = LATE;
	CHECK_TEXT(ask(&f, "www.example", "A"), "libunbound");
	CHECK_INT(f.counters.upstream_direct_timeout, 1);
	pass_time(&f, 100 * MSEC);
	CHECK_INT(f.counters.upstream_direct_answered, 0);
	CHECK_INT(f.counters.upstream_direct_unwanted, 0);
	CHECK_TEXT(ask(&f, "www.example", "A"), "handed");
	finish(&f);
}

TEST(one_who_leaves_is_not_told_and_the_answer_is_kept)
{
	start(&f, "");
	struct ask *a = ask_now(&f, "www.example", "A"), *b = ask_now(&f, "www.example", "A");

	direct_leave(&a->wait);
	f.waiting--;
	wait_for_all(&f);
	CHECK(!a->is_told);
	CHECK_TEXT(b->said, WWW);
	a = ask_now(&f, "b.example", "A");
	direct_leave(&a->wait);
	direct_leave(&a->wait);
	f.waiting--;
	pass_time(&f, 50 * MSEC);
	CHECK(!a->is_told);
	CHECK_TEXT(ask(&f, "b.example", "A"), "kept NOERROR: b.example. 60 A 192.0.2.1");
	finish(&f);
}

TEST(a_server_that_does_not_answer_rests_and_libunbound_asks_in_its_place)
{
	start(&f, "");
	f.manner = MUTE;
	for (unsigned i = 0; i < 3; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		(void)ask_now(&f, name, "A");
	}
	wait_for_all(&f);
	f.manner = ANSWERS;
	CHECK_TEXT(ask(&f, "www.example", "A"), "handed");
	CHECK_INT(f.counters.upstream_direct_resting, 1);
	pass_time(&f, 1100 * MSEC);
	CHECK_TEXT(ask(&f, "www.example", "A"), WWW);
	finish(&f);
}

TEST(a_server_that_is_not_there_is_known_at_once)
{
	nsec before = clock_now();

	start(&f, "");
	loop_unwatch(f.upstream_watch);
	f.upstream_watch = NULL;
	close(f.upstream);
	f.is_gone = true;
	struct ask *a = ask_now(&f, "www.example", "A");

	wait_for_all(&f);
	CHECK_TEXT(a->said[0] ? a->said : "nothing", "libunbound");
	CHECK_INT(f.counters.upstream_direct_unreachable, 1);
	(void)ask(&f, "b.example", "A");
	(void)ask(&f, "c.example", "A");
	CHECK_INT(f.counters.upstream_direct_timeout, 0);
	CHECK_TEXT(ask(&f, "d.example", "A"), "handed");
	CHECK_INT(f.counters.upstream_direct_resting, 1);
	CHECK(clock_now() - before < 2 * NSEC);
	finish(&f);
}

static unsigned distinct(const uint16_t *of, unsigned len)
{
	static bool seen[65536];
	unsigned n = 0;

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < len; i++) {
		n += !seen[of[i]];
		seen[of[i]] = true;
	}
	return n;
}

TEST(rfc5452_s9_2_ports_and_ids_are_many_and_a_port_is_used_for_a_while_only)
{
	static unsigned uses[PORTS];
	char name[32];
	unsigned most = 0;

	start(&f, "10240-29999,65000-65535");
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		(void)ask(&f, name, "A");
	}
	CHECK_INT(f.asked, 4000);
	for (unsigned i = 0; i < 4000; i++) {
		CHECK(f.ports[i] >= 30000 && f.ports[i] < 65000);
		most = ++uses[f.ports[i]] > most ? uses[f.ports[i]] : most;
	}
	/* 4000 of 65536 ids: 3880 different ones are expected; of 35000 ports, 16 at once, 62 to 78 in all. */
	CHECK(distinct(f.ids, 4000) > 3800);
	CHECK(distinct(f.ports, 4000) >= 4000 / DIRECT_LINE_QUESTIONS);
	CHECK(most <= 2 * DIRECT_LINE_QUESTIONS); /* the same port may be drawn again */
	CHECK(distinct(f.ports, 200) >= 12);
	CHECK(f.counters.upstream_direct_sockets >= 62 && f.counters.upstream_direct_sockets < 90);
	finish(&f);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Of 3000 open at 16 ports and their successors, some would have the same id at the same port in most runs. */
TEST(no_two_open_questions_have_the_same_port_and_id)
{
	static uint32_t seen[3000];
	char name[32];

	start(&f, "");
	f.manner = MUTE;
	for (unsigned i = 0; i < ARRAY_LEN(seen); i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		direct_leave(&ask_now(&f, name, "A")->wait);
		f.waiting = 1; /* so that the loop goes on until it is stopped */
		if (i % 100 == 99)
			pass_time(&f, 0);
	}
	pass_time(&f, MSEC);
	CHECK(f.asked > ARRAY_LEN(seen) / 2); /* less those after a rest, on a slow machine */
	for (unsigned i = 0; i < f.asked; i++)
		seen[i] = (uint32_t)f.ports[i] << 16 | f.ids[i];
	qsort(seen, f.asked, sizeof(seen[0]), by_number);
	for (unsigned i = 1; i < f.asked && f.counters.upstream_direct_timeout == 0; i++)
		CHECK(seen[i] != seen[i - 1]);
	finish(&f);
}

TEST(types_and_names_of_libunbound_are_left_to_it)
{
	static const char *const types[] = { "ANY", "DS", "RRSIG", "NSEC", "DNAME", "TYPE48", "AXFR",
		"TYPE128", "OPT", "TYPE0", "TYPE249" };
	struct dns_question q = question_of("www.example", "A");
	const uint8_t *msg;
	size_t len;

	start(&f, "");
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		test_row(types[i]);
		CHECK_TEXT(ask(&f, "www.example", types[i]), "not");
	}
	test_row(NULL);
	CHECK_TEXT(ask(&f, "localhost", "A"), "not");
	q.class = 3;
	CHECK_INT(direct_ask(f.direct, &q, &f.asks[0].wait, &msg, &len), DIRECT_NOT);
	CHECK_INT(f.asked, 0);
	finish(&f);
}

TEST(local_names_count_as_soon_as_they_are_configured)
{
	static const struct dns64_local local = { .name = { 13, "\003www\007example" },
		.address = { .is4 = true } };
	struct dns64_config c = { .local = &local, .local_len = 1 };

	start(&f, "");
	CHECK_TEXT(ask(&f, "www.example", "A"), WWW);
	direct_update_local(f.direct, &c);
	CHECK_TEXT(ask(&f, "www.example", "A"), "not");
	c.local_len = 0;
	direct_update_local(f.direct, &c);
	CHECK_TEXT(ask(&f, "www.example", "A"), "kept " WWW);
	finish(&f);
}

static void learn(unsigned generation, const char *answer)
{
	uint8_t bytes[4096];
	struct text_message t = { "www.example", "A", .flags = 0x8180, .answer = answer };

	direct_learn(f.direct, generation, bytes, message_from_text(bytes, &t));
}

TEST(what_libunbound_says_is_learned_unless_something_was_forgotten_meanwhile)
{
	struct dns_name www;

	REQUIRE(dns_name_parse("www.example", &www));
	start(&f, "");
	f.manner = SERVFAIL;
	CHECK_TEXT(ask(&f, "www.example", "A"), "libunbound");
	CHECK_TEXT(ask(&f, "www.example", "A"), "handed");
	unsigned before = direct_generation(f.direct);

	learn(before, "www.example 60 A 192.0.2.1; other.example 60 A 192.0.2.2");
	CHECK_TEXT(ask(&f, "www.example", "A"), "kept " WWW);
	direct_forget(f.direct, &www, SCOPE_NAME);
	learn(before, "www.example 60 A 192.0.2.1");
	f.manner = ANSWERS;
	CHECK_TEXT(ask(&f, "www.example", "A"), WWW);
	CHECK_INT(f.asked, 2);
	finish(&f);
}

TEST(an_answer_to_a_question_of_before_a_flush_is_given_but_not_kept)
{
	const struct dns_name root = { .len = 1 };

	start(&f, "");
	struct ask *a = ask_now(&f, "www.example", "A");

	direct_forget(f.direct, &root, SCOPE_BELOW);
	struct ask *b = ask_now(&f, "www.example", "A"); /* does not wait for what was asked before */

	wait_for_all(&f);
	CHECK_TEXT(a->said, WWW);
	CHECK_TEXT(b->said, WWW);
	CHECK_INT(f.asked, 2);
	CHECK_TEXT(ask(&f, "www.example", "A"), "kept " WWW); /* that of the second */
	a = ask_now(&f, "b.example", "A");
	direct_forget(f.direct, &root, SCOPE_BELOW);
	wait_for_all(&f);
	CHECK_TEXT(ask(&f, "b.example", "A"), "NOERROR: b.example. 60 A 192.0.2.1");
	CHECK_INT(f.asked, 4);
	finish(&f);
}

TEST(questions_are_open_when_all_ends)
{
	start(&f, "");
	f.manner = MUTE;
	for (unsigned i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		(void)ask_now(&f, name, "A");
	}
	pass_time(&f, 10 * MSEC);
	finish(&f);
	CHECK(f.asks[0].wait.question == NULL);
}

static const struct {
	const char *what;
	struct dns64_config config;
	bool is_possible;
} configs[] = {
	{ "plain upstreams", { .upstream_mode = UPSTREAM_FORWARD, .upstream_len = 2 }, true },
	{ "recursion", { .upstream_mode = UPSTREAM_RECURSIVE }, false },
	{ "validation", { .upstream_mode = UPSTREAM_FORWARD, .upstream_len = 2, .dnssec_validate = true },
		false },
	{ "random case", { .upstream_mode = UPSTREAM_FORWARD, .upstream_len = 2, .random_case = true },
		false },
	{ "answers beyond their time",
		{ .upstream_mode = UPSTREAM_FORWARD, .upstream_len = 2, .stale = { 1, 1 } }, false },
	{ "TLS", { .upstream_mode = UPSTREAM_FORWARD, .upstream_len = 1, .upstream = { { .tls = true } } },
		false },
};

TEST(what_only_libunbound_can_do_leaves_all_to_it)
{
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		test_row(configs[i].what);
		CHECK_INT(direct_is_possible(&configs[i].config), configs[i].is_possible);
	}
	test_row(NULL);
}

/* 192.0.2.1 has no route in a network namespace of its own; neither has a host whose link is down. */
TEST(a_server_without_a_route_is_left_to_libunbound_and_rests)
{
	struct dns64_config c = { .upstream_mode = UPSTREAM_FORWARD, .upstream_len = 1 };
	struct direct *d;

	if (unshare(CLONE_NEWNET) < 0)
		test_skip("needs root, for a network namespace");
	start(&f, "");
	c.upstream[0].to = (struct endpoint){ .is4 = true, .a4 = { 0xc0000201 }, .port = 53 };
	REQUIRE(direct_new(&c, 1u << 20, "", f.loop, &f.counters,
			(struct direct_owner){ answered, settled, soon, &f }, &d) == 0);
	for (unsigned i = 0; i < 4; i++) {
		struct dns_question q = question_of("www.example", "A");
		struct direct_wait w = { .question = NULL };
		const uint8_t *msg;
		size_t len;

		CHECK_INT(direct_ask(d, &q, &w, &msg, &len), DIRECT_HANDED);
	}
	CHECK_INT(f.counters.upstream_direct_full, 3);
	CHECK_INT(f.counters.upstream_direct_resting, 1);
	direct_free(d);
	finish(&f);
}
