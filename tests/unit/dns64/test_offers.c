/*
 * test_offers.c - the XDP program gives what the resolver would give, byte for byte, or passes
 *
 * Answers are put into the program's table by the resolver's own code, and queries run through the program in the kernel
 * (BPF_PROG_TEST_RUN). What it says is compared with query_parse() and reply_build(). Skipped where the program cannot be loaded.
 */
#include "offers_box.h"

#include "base/random.h"

#include <pthread.h>
#include <sys/mman.h>

#define TRIES 5 /* a second may end while we compare */

/* --- answers --- */

struct given {
	const char *name, *type;
	bool dnssec_ok, checking_disabled;
	unsigned view;
	struct synth_verdict verdict;
	const char *answer, *authority;
	uint16_t rcode;
};

static const struct given table[] = {
	{ .name = "www.example",
		.type = "AAAA",
		.verdict = { .kind = SYNTH_SYNTHESIZED, .is_authentic = true },
		.answer = "www.example 60 CNAME end.example; end.example 30 AAAA 64:ff9b::1" },
	{ .name = "www.example",
		.type = "AAAA",
		.view = 1,
		.verdict = { .kind = SYNTH_SYNTHESIZED },
		.answer = "www.example 60 AAAA 2001:db8:64::1" },
	{ .name = "www.example",
		.type = "AAAA",
		.dnssec_ok = true,
		.verdict = { .kind = SYNTH_NATIVE, .is_authentic = true },
		.answer = "www.example 60 AAAA 2001:db8::7; www.example 60 RRSIG AAAA" },
	{ .name = "www.example",
		.type = "AAAA",
		.dnssec_ok = true,
		.checking_disabled = true,
		.verdict = { .kind = SYNTH_NODATA, .note = NOTE_CHECKING_DISABLED },
		.authority = "example 60 SOA 60" },
	{ .name = "www.example",
		.type = "A",
		.checking_disabled = true,
		.verdict = { .kind = SYNTH_NATIVE },
		.answer = "www.example 60 A 192.0.2.7" },
	{ .name = "nothing.example",
		.type = "AAAA",
		.verdict = { .kind = SYNTH_NXDOMAIN, .rcode = RCODE_NXDOMAIN },
		.authority = "example 60 SOA 60",
		.rcode = RCODE_NXDOMAIN },
	{ .name = "a.b",
		.type = "TXT",
		.verdict = { .kind = SYNTH_NATIVE, .has_excluded = true },
		.answer = "a.b 3600 TXT 0161" },
	{ .name = "bb.c",
		.type = "TYPE99",
		.verdict = { .kind = SYNTH_NATIVE },
		.answer = "bb.c 3600 TYPE99 00" },
	{ .name = ".",
		.type = "NS",
		.verdict = { .kind = SYNTH_NATIVE },
		.answer = ". 3600 NS a.root; . 3600 NS b.root" },
	{ .name = "1.0.0.127.in-addr.arpa",
		.type = "PTR",
		.verdict = { .kind = SYNTH_PTR },
		.answer = "1.0.0.127.in-addr.arpa 60 PTR localhost" },
	{ .name = "long-label-of-a-name-that-takes-many-words-of-the-hash-and-more.and-another-one-behind-it-"
		  "which-is-longer-"
		  "still-and-has.numbers0123456789.numbers0123456789.numbers0123456789.numbers0123456789."
		  "numbers0123456789.n",
		.type = "HTTPS",
		.verdict = { .kind = SYNTH_NATIVE },
		.answer = "example 3600 HTTPS 000100" },
};

static const struct answer *keep(struct box *b, const struct given *g, uint32_t born)
{
	struct synth_query q = { .dnssec_ok = g->dnssec_ok, .checking_disabled = g->checking_disabled };
	struct answer_key k = { .ask = &q, .view = g->view };
	struct text_message t = { .name = g->name,
		.type = g->type,
		.flags = (uint16_t)(0x8180 | g->rcode),
		.answer = g->answer,
		.authority = g->authority };
	uint8_t bytes[DNS_MESSAGE_MAX];

	REQUIRE(dns_name_parse(g->name, &q.question.name));
	q.question.type = type_from_text(g->type);
	q.question.class = CLASS_IN;
	(void)answers_keep(b->answers, &k, &g->verdict, bytes, message_from_text(bytes, &t), born);
	const struct answer *a = answers_find(b->answers, &k, born);

	REQUIRE(a);
	return a;
}

static void offer_all(struct box *b, uint32_t born)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		offers_put(b->offers, offers_epoch(b->offers), keep(b, &table[i], born));
}

/* What is asked. */
struct asked {
	const char *name, *type;
	uint16_t flags; /* of the header, beside RD */
	int edns;	/* size; -1: no OPT */
	bool dnssec_ok;
};

static size_t query_write(const struct asked *a, uint8_t *buf)
{
	struct dns_question q = { .type = type_from_text(a->type), .class = CLASS_IN };
	struct dns_opt opt = { .udp_size = (uint16_t)a->edns, .dnssec_ok = a->dnssec_ok, .ede = -1 };
	struct dns_wr d;

	REQUIRE(dns_name_parse(a->name, &q.name));
	dns_wr_begin(&d, buf, 1024);
	dns_wr_question(&d, &q);
	if (a->edns >= 0)
		dns_wr_opt(&d, &opt);
	return dns_wr_end(&d, 0xabcd, (uint16_t)(DNS_RD | a->flags));
}

/* What the resolver says to a message at a moment; 0 if not from the cache, or not whole. */
static size_t expected(
	struct box *b, const uint8_t *msg, size_t len, unsigned view, uint32_t now, uint8_t *ret)
{
	struct query q;
	bool is_cut;

	if (query_parse(msg, len, &q) != QUERY_OK || !(q.flags & DNS_RD))
		return 0;
	struct answer_key k = { .ask = &q.ask, .view = view };
	struct reply reply = { .query = &q, .kept = answers_find(b->answers, &k, now), .now = now };

	if (!reply.kept)
		return 0;
	size_t n = reply_build(&reply, ret, reply_limit(&q), &is_cut);

	return is_cut ? 0 : n;
}

enum must { MAY_PASS, MUST_ANSWER };

/* Runs a message, and checks the reply or that it was passed; returns the verdict. */
static uint32_t ask(struct box *b, const struct wrapping *w, const uint8_t *msg, size_t len, unsigned view,
	enum must must)
{
	for (int i = 0; i < TRIES; i++) {
		uint8_t want[DNS_MESSAGE_MAX];
		struct frame query, reply;
		uint32_t now = answers_now();
		size_t want_len = expected(b, msg, len, view, now, want);

		wrap(&query, w, msg, len);
		reply = query;
		uint32_t verdict = run(b, &reply);

		if (answers_now() != now)
			continue;
		CHECK(verdict == XDP_PASS || verdict == XDP_TX);
		if (must == MUST_ANSWER)
			CHECK_INT(verdict, XDP_TX);
		if (verdict == XDP_TX && CHECK(want_len > 0)) {
			CHECK_BYTES(reply.bytes + dns_at(&reply), reply.len - dns_at(&reply), want, want_len);
			check_wrapping(&reply, &query);
		}
		return verdict;
	}
	CHECK(!"no second is long enough");
	return 0;
}

static const struct wrapping v6 = { "2001:db8:1:1::9", false }, v6_view = { "2001:db8:1:2::9", false },
			     v4 = { "198.51.100.9", false }, vlan6 = { "2001:db8:1:1::9", true },
			     vlan4 = { "198.51.100.9", true }, stranger6 = { "2001:db8:2::9", false },
			     barred6 = { "2001:db8:1:3::9", false }, stranger4 = { "203.0.113.9", false };

/* --- what is answered --- */

static const struct asked answered[] = {
	{ .name = "www.example", .type = "AAAA", .edns = -1 },
	{ .name = "WWW.eXample", .type = "AAAA", .edns = -1 },
	{ .name = "www.example", .type = "AAAA", .edns = 1232, .flags = DNS_AD },
	{ .name = "www.example", .type = "AAAA", .edns = 0 },
	{ .name = "www.example", .type = "AAAA", .edns = 65535, .dnssec_ok = true },
	{ .name = "www.Example", .type = "AAAA", .edns = 4096, .dnssec_ok = true, .flags = DNS_CD },
	{ .name = "www.example", .type = "A", .edns = -1, .flags = DNS_CD | DNS_AD },
	{ .name = "nothing.example", .type = "AAAA", .edns = 512 },
	{ .name = "A.b", .type = "TXT", .edns = -1 },
	{ .name = "a.b", .type = "TXT", .edns = 1400 },
	{ .name = "bb.c", .type = "TYPE99", .edns = 1400 },
	{ .name = ".", .type = "NS", .edns = 1400 },
	{ .name = ".", .type = "NS", .edns = -1 },
	{ .name = "1.0.0.127.IN-ADDR.arpa", .type = "PTR", .edns = -1 },
	{ .name = "long-label-of-a-name-that-takes-many-words-of-the-hash-and-more.and-another-one-behind-it-"
		  "which-is-longer-"
		  "still-and-has.numbers0123456789.numbers0123456789.NUMBERS0123456789.numbers0123456789."
		  "numbers0123456789.n",
		.type = "HTTPS",
		.edns = 1232 },
};

TEST(replies_are_the_same_bytes_as_the_resolver_would_send)
{
	struct box b;
	uint8_t msg[1024];

	box_open(&b);
	offer_all(&b, answers_now());
	for (size_t i = 0; i < ARRAY_LEN(answered); i++) {
		size_t len = query_write(&answered[i], msg);

		test_row(answered[i].name);
		ask(&b, &v6, msg, len, 0, MUST_ANSWER);
		ask(&b, &v4, msg, len, 0, MUST_ANSWER);
		ask(&b, &vlan6, msg, len, 0, MUST_ANSWER);
		ask(&b, &vlan4, msg, len, 0, MUST_ANSWER);
	}
	test_row(NULL);
	box_close(&b);
}

TEST(ttls_are_counted_down_and_an_answer_ends_with_the_lowest)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = -1 };
	struct box b;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);

	for (uint32_t age = 0; age < 40; age += 7) {
		box_open(&b);
		offer_all(&b, answers_now() - age);
		uint32_t verdict = ask(&b, &v6, msg, len, 0, MAY_PASS);

		if (age < 28) /* a second may pass */
			CHECK_INT(verdict, XDP_TX);
		if (age > 30)
			CHECK_INT(verdict, XDP_PASS);
		box_close(&b);
	}
}

TEST(clients_get_the_answers_of_their_view_and_strangers_none)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = -1 },
				  only_first = { .name = "a.b", .type = "TXT", .edns = -1 };
	struct box b;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);

	box_open(&b);
	offer_all(&b, answers_now());
	ask(&b, &v6, msg, len, 0, MUST_ANSWER);
	ask(&b, &v6_view, msg, len, 1, MUST_ANSWER);
	CHECK_INT(ask(&b, &stranger6, msg, len, 0, MAY_PASS), XDP_PASS);
	CHECK_INT(ask(&b, &barred6, msg, len, 0, MAY_PASS), XDP_PASS);
	CHECK_INT(ask(&b, &stranger4, msg, len, 0, MAY_PASS), XDP_PASS);
	len = query_write(&only_first, msg);
	CHECK_INT(ask(&b, &v6_view, msg, len, 1, MAY_PASS), XDP_PASS);
	box_close(&b);
}

/* --- what is passed --- */

static void check_passed(const struct box *b, const struct frame *f, const char *what)
{
	struct frame copy = *f;

	test_row(what);
	CHECK_INT(run(b, &copy), XDP_PASS);
	test_row(NULL);
}

/* One byte of a frame of IPv6 or IPv4 that must not be another one. */
static const struct {
	const char *what;
	const struct wrapping *w;
	size_t at;
	uint8_t to;
} altered[] = {
	{ "another station", &v6, 5, 9 },
	{ "broadcast", &v6, 0, 0xff },
	{ "no IP", &v6, 13, 0x06 },
	{ "IPv6: version", &v6, 14, 0x40 },
	{ "IPv6: extension header", &v6, 14 + 6, 0 },
	{ "IPv6: fragment", &v6, 14 + 6, 44 },
	{ "IPv6: TCP", &v6, 14 + 6, 6 },
	{ "IPv6: length", &v6, 14 + 5, 20 },
	{ "IPv6: forwarded", &v6, 14 + 39, 2 },
	{ "IPv6: multicast source", &v6, 14 + 8, 0xff },
	{ "IPv4: options", &v4, 14, 0x46 },
	{ "IPv4: fragment", &v4, 14 + 6, 0x20 },
	{ "IPv4: later fragment", &v4, 14 + 7, 1 },
	{ "IPv4: checksum", &v4, 14 + 10, 0 },
	{ "IPv4: forwarded", &v4, 14 + 19, 2 },
	{ "another port", &v6, 14 + 40 + 3, 54 },
	{ "UDP length, longer", &v6, 14 + 40 + 5, 200 },
	{ "UDP length, shorter", &v6, 14 + 40 + 5, 20 },
	{ "response", &v6, 14 + 48 + 2, 0x81 },
	{ "opcode", &v6, 14 + 48 + 2, 0x09 },
	{ "no RD", &v6, 14 + 48 + 2, 0x00 },
	{ "TC", &v6, 14 + 48 + 2, 0x03 },
	{ "RA", &v6, 14 + 48 + 3, 0x80 },
	{ "Z", &v6, 14 + 48 + 3, 0x40 },
	{ "no question", &v6, 14 + 48 + 5, 0 },
	{ "two questions", &v6, 14 + 48 + 5, 2 },
	{ "an answer", &v6, 14 + 48 + 7, 1 },
	{ "an authority", &v6, 14 + 48 + 9, 1 },
	{ "two additional records", &v6, 14 + 48 + 11, 2 },
	{ "an additional record that is not there", &v6, 14 + 48 + 11, 1 },
	{ "another label", &v6, 14 + 48 + 12, 4 },
	{ "a pointer", &v6, 14 + 48 + 12, 0xc0 },
	{ "another name", &v6, 14 + 48 + 13, 'v' },
	{ "an upper length", &v6, 14 + 48 + 12, 3 | 0x40 },
	{ "another type", &v6, 14 + 48 + 12 + 14, 29 },
	{ "another class", &v6, 14 + 48 + 12 + 16, 3 },
};

TEST(whatever_is_not_plain_is_passed_unchanged)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = -1 };
	struct box b;
	struct frame f;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);

	box_open(&b);
	offer_all(&b, answers_now());
	for (size_t i = 0; i < ARRAY_LEN(altered); i++) {
		wrap(&f, altered[i].w, msg, len);
		f.bytes[altered[i].at] = altered[i].to;
		check_passed(&b, &f, altered[i].what);
	}
	wrap(&f, &v6, msg, len);
	be16_put(f.bytes + 14 + 40, 0);
	check_passed(&b, &f, "from port 0");
	wrap(&f, &v6, msg, len);
	be16_put(f.bytes + 14 + 46, 0);
	check_passed(&b, &f, "IPv6: no checksum");
	wrap(&f, &v6, msg, len);
	b.bpf->bss->is_on = 0;
	check_passed(&b, &f, "switched off");
	b.bpf->bss->is_on = 1;
	ask(&b, &v6, msg, len, 0, MUST_ANSWER);
	box_close(&b);
}

/* OPT records with something in them, each passed; the byte is counted from the record's start. */
TEST(an_opt_record_that_is_not_plain_is_passed)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = 1232 };
	static const struct {
		size_t at;
		uint8_t to;
	} cases[] = { { 0, 1 }, { 1, 1 }, { 2, 42 }, { 5, 1 }, { 6, 1 }, { 7, 0x40 }, { 8, 1 }, { 9, 1 },
		{ 10, 1 } };
	struct box b;
	struct frame f;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);

	box_open(&b);
	offer_all(&b, answers_now());
	ask(&b, &v6, msg, len, 0, MUST_ANSWER);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		wrap(&f, &v6, msg, len);
		f.bytes[f.len - DNS_OPT_LEN + cases[i].at] = cases[i].to;
		check_passed(&b, &f, "OPT");
	}
	static const uint8_t cookie[] = { 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 };

	memcpy(msg + len, cookie, sizeof(cookie));
	msg[len - 1] = sizeof(cookie);
	wrap(&f, &v6, msg, len + sizeof(cookie));
	check_passed(&b, &f, "a cookie");
	box_close(&b);
}

/* Every frame that ends early, whatever its headers say; and every message that ends early, in a frame that fits it. */
TEST(no_truncated_query_is_answered_wrongly)
{
	struct box b;
	uint8_t msg[1024];

	box_open(&b);
	offer_all(&b, answers_now());
	for (size_t i = 0; i < ARRAY_LEN(answered); i++) {
		size_t len = query_write(&answered[i], msg);
		struct frame whole;

		test_row(answered[i].name);
		for (size_t n = 0; n < len; n++)
			ask(&b, n % 2 ? &v6 : &v4, msg, n, 0, MAY_PASS);
		wrap(&whole, i % 2 ? &v6 : &vlan4, msg, len);
		for (size_t n = ETHERNET; n < whole.len; n++) {
			struct frame cut = { .len = n };

			memcpy(cut.bytes, whole.bytes, n);
			CHECK_INT(run(&b, &cut), XDP_PASS);
		}
	}
	test_row(NULL);
	box_close(&b);
}

TEST(random_changes_of_a_query_get_what_the_resolver_says_or_are_passed)
{
	struct box b;
	struct rng g;
	uint8_t msg[1024];
	unsigned answers = 0;

	rng_init(&g, test_seed());
	box_open(&b);
	offer_all(&b, answers_now());
	for (unsigned i = 0; i < 4000; i++) {
		size_t len = query_write(&answered[rng_below(&g, ARRAY_LEN(answered))], msg);

		for (unsigned n = rng_below(&g, 3); n > 0; n--)
			msg[rng_below(&g, (uint32_t)len)] ^= (uint8_t)(1u << rng_below(&g, 8));
		answers += ask(&b, rng_below(&g, 2) ? &v6 : &v4, msg, len, 0, MAY_PASS) == XDP_TX;
	}
	CHECK(answers > 500);
	box_close(&b);
}

/* What a reply to a frame of IPv6 must be, whatever was changed in the frame on its way. */
static void check_reply(struct box *b, const struct frame *reply, const struct frame *query, uint32_t now)
{
	uint8_t want[2][DNS_MESSAGE_MAX];
	size_t at = dns_at(query), len = be16_at(query->bytes + at - 4) - (size_t)UDP_BYTES;
	bool is_right = false;

	if (!CHECK(at + len <= query->len))
		return;
	for (unsigned view = 0; view < 2; view++) {
		size_t n = expected(b, query->bytes + at, len, view, now, want[view]);

		is_right |= n > 0 && reply->len == at + n && memcmp(reply->bytes + at, want[view], n) == 0;
	}
	CHECK(is_right);
	check_wrapping(reply, query);
}

TEST(random_changes_of_a_frame_get_a_right_reply_or_are_passed)
{
	struct box b;
	struct rng g;
	uint8_t msg[1024];
	unsigned answers = 0;

	rng_init(&g, test_seed());
	box_open(&b);
	offer_all(&b, answers_now());
	for (unsigned i = 0; i < 20000; i++) {
		struct frame query, reply;
		uint32_t now = answers_now();

		wrap(&query, rng_below(&g, 2) ? &v6 : &v4, msg,
			query_write(&answered[rng_below(&g, ARRAY_LEN(answered))], msg));
		/* All of the frame but the client's hardware address and port, which are the client's own affair. */
		for (unsigned n = 1 + rng_below(&g, 3); n > 0; n--) {
			uint32_t at = rng_below(&g, (uint32_t)query.len);

			if ((at < 6 || at >= 12) &&
				(at < dns_at(&query) - UDP_BYTES || at >= dns_at(&query) - 6))
				query.bytes[at] ^= (uint8_t)(1u << rng_below(&g, 8));
		}
		if (rng_below(&g, 8) == 0)
			query.len -= rng_below(&g, (uint32_t)query.len - ETHERNET);
		reply = query;
		uint32_t verdict = run(&b, &reply);

		CHECK(verdict == XDP_PASS || verdict == XDP_TX);
		if (verdict == XDP_TX && answers_now() == now) {
			check_reply(&b, &reply, &query, now);
			answers++;
		}
	}
	CHECK(answers > 500);
	box_close(&b);
}

TEST(an_answer_longer_than_the_client_takes_is_passed)
{
	static const struct asked plain = { .name = "many2.example", .type = "AAAA", .edns = -1 },
				  edns = { .name = "many2.example", .type = "AAAA", .edns = 1232 };
	char text[2048] = "";
	struct given many = {
		.name = "many2.example", .type = "AAAA", .answer = text, .verdict = { .kind = SYNTH_NATIVE }
	};
	struct box b;
	uint8_t msg[1024];

	/* Records of 15 + 10 + 16 bytes: 12 are longer than 512 bytes with the header, and fit into a slot. */
	for (unsigned i = 0; i < 12; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"%smany2.example 60 AAAA 2001:db8::%u", i ? "; " : "", i);
	box_open(&b);
	offers_put(b.offers, offers_epoch(b.offers), keep(&b, &many, answers_now()));
	size_t len = query_write(&plain, msg);

	CHECK_INT(ask(&b, &v6, msg, len, 0, MAY_PASS), XDP_PASS);
	len = query_write(&edns, msg);
	ask(&b, &v6, msg, len, 0, MUST_ANSWER);
	box_close(&b);
}

/* --- the table --- */

TEST(what_is_cleared_or_forgotten_is_passed_and_an_old_configuration_offers_nothing)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = -1 },
				  other = { .name = "a.b", .type = "TXT", .edns = -1 };
	struct box b;
	uint8_t msg[1024], msg2[1024];
	size_t len = query_write(&a, msg), len2 = query_write(&other, msg2);
	struct dns_name zone;

	box_open(&b);
	uint32_t old = offers_epoch(b.offers);

	offer_all(&b, answers_now());
	offers_clear(b.offers);
	CHECK_INT(ask(&b, &v6, msg, len, 0, MAY_PASS), XDP_PASS);
	offers_put(b.offers, old, keep(&b, &table[0], answers_now()));
	CHECK_INT(ask(&b, &v6, msg, len, 0, MAY_PASS), XDP_PASS);
	offer_all(&b, answers_now());
	ask(&b, &v6, msg, len, 0, MUST_ANSWER);
	REQUIRE(dns_name_parse("example", &zone));
	offers_forget(b.offers, &zone);
	CHECK_INT(ask(&b, &v6, msg, len, 0, MAY_PASS), XDP_PASS);
	ask(&b, &v6, msg2, len2, 0, MUST_ANSWER);
	box_close(&b);
}

static struct dns_slot *slots_of(const struct box *b)
{
	void *at = mmap(NULL, DNS_SLOTS * sizeof(struct dns_slot), PROT_READ | PROT_WRITE, MAP_SHARED,
		fd_of(b->bpf->maps.slots), 0);

	REQUIRE(at != MAP_FAILED);
	return at;
}

static struct dns_slot *used_slot(struct dns_slot *slots)
{
	for (unsigned i = 0; i < DNS_SLOTS; i++)
		if (slots[i].dies > 0)
			return &slots[i];
	REQUIRE(!"a slot is used");
	return NULL;
}

TEST(a_slot_that_its_writer_left_half_written_is_passed_and_written_again)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = -1 };
	struct box b;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);

	box_open(&b);
	struct dns_slot *slots = slots_of(&b);

	offers_put(b.offers, offers_epoch(b.offers), keep(&b, &table[0], answers_now()));
	used_slot(slots)->sequence |= 1;
	CHECK_INT(ask(&b, &v6, msg, len, 0, MAY_PASS), XDP_PASS);
	offers_put(b.offers, offers_epoch(b.offers), keep(&b, &table[0], answers_now()));
	CHECK_INT(used_slot(slots)->sequence & 1, 0);
	ask(&b, &v6, msg, len, 0, MUST_ANSWER);
	munmap(slots, DNS_SLOTS * sizeof(*slots));
	box_close(&b);
}

/* A resolver that was taken over may write anything into its table: the program stays within its bounds. */
TEST(a_slot_full_of_nonsense_does_no_harm)
{
	static const struct asked a = { .name = "www.example", .type = "AAAA", .edns = 1232 };
	struct box b;
	struct rng g;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);

	rng_init(&g, test_seed());
	box_open(&b);
	struct dns_slot *slots = slots_of(&b);

	offers_put(b.offers, offers_epoch(b.offers), keep(&b, &table[0], answers_now()));
	struct dns_slot *s = used_slot(slots), sound = *s;

	for (unsigned i = 0; i < 2000; i++) {
		struct frame f;

		*s = sound;
		s->body_len = (uint16_t)rng_next(&g);
		s->ttls_len = (uint8_t)rng_next(&g);
		s->kind = s->note = s->group = (uint8_t)rng_next(&g);
		s->rcode = (uint8_t)rng_next(&g);
		if (i % 3 == 0)
			s->body_len &= 511;
		for (unsigned k = 0; k < DNS_TTLS_MAX; k++)
			s->ttl_at[k] = (uint16_t)rng_next(&g);
		wrap(&f, &v6, msg, len);
		size_t before = f.len;
		uint32_t verdict = run(&b, &f);

		CHECK(verdict == XDP_PASS || (verdict == XDP_TX && f.len <= before + DNS_BODY_MAX));
	}
	munmap(slots, DNS_SLOTS * sizeof(*slots));
	box_close(&b);
}

struct rewriting {
	struct box *b;
	struct answer *of[2];
	bool is_over;
};

static void *rewrite(void *ctx)
{
	struct rewriting *w = ctx;

	for (unsigned i = 0; !__atomic_load_n(&w->is_over, __ATOMIC_RELAXED); i++) {
		w->of[i % 2]->born = i; /* so that it is not taken for what is there already */
		offers_put(w->b->offers, offers_epoch(w->b->offers), w->of[i % 2]);
	}
	return NULL;
}

/* The answer without its TTLs, so that its body is given as it is. */
static struct answer *copy_of(const struct answer *a)
{
	size_t rest = a->name_len + (size_t)a->body_len;
	struct answer *copy = malloc(sizeof(*a) + rest);

	REQUIRE(copy);
	*copy = *a;
	copy->dies = UINT32_MAX;
	copy->ttls_len = 0;
	memcpy(copy->ttl_at, a->ttl_at + a->ttls_len, rest);
	return copy;
}

/* The bytes of one answer or of the other, never of both. */
TEST(an_answer_that_is_written_while_it_is_read_is_whole_or_passed)
{
	static const struct asked a = { .name = "a.b", .type = "AAAA", .edns = -1 };
	char text[2][2048] = { "", "" };
	struct given g[2] = { { .name = "a.b", .type = "AAAA", .answer = text[0] },
		{ .name = "a.b", .type = "AAAA", .answer = text[1] } };
	struct rewriting w = { 0 };
	struct box b;
	uint8_t msg[1024];
	size_t len = query_write(&a, msg);
	unsigned seen[2] = { 0 }, passed = 0;
	pthread_t thread;

	for (unsigned i = 0; i < 12; i++) {
		snprintf(text[0] + strlen(text[0]), 100,
			"%sa.b 60 AAAA 1111:1111:1111:1111:1111:1111:1111:1111", i ? "; " : "");
		snprintf(text[1] + strlen(text[1]), 100,
			"%sa.b 60 AAAA 2222:2222:2222:2222:2222:2222:2222:2222", i ? "; " : "");
	}
	box_open(&b);
	w.b = &b;
	for (unsigned i = 0; i < 2; i++)
		w.of[i] = copy_of(keep(&b, &g[i], answers_now()));
	REQUIRE(pthread_create(&thread, NULL, rewrite, &w) == 0);
	for (unsigned i = 0; i < 300000 || seen[0] == 0 || seen[1] == 0; i++) {
		struct frame f;

		wrap(&f, &v6, msg, len);
		if (run(&b, &f) != XDP_TX) {
			passed++;
			continue;
		}
		uint8_t which = f.bytes[f.len - 1];
		unsigned others = 0;

		CHECK(which == 0x11 || which == 0x22);
		seen[which == 0x22]++;
		for (size_t k = dns_at(&f) + 12; k < f.len; k++)
			others += f.bytes[k] == (which ^ 0x33);
		CHECK_INT(others, 0);
		CHECK_INT(udp_sum(f.bytes + ETHERNET, f.len - ETHERNET), 0xffff);
	}
	__atomic_store_n(&w.is_over, true, __ATOMIC_RELAXED);
	REQUIRE(pthread_join(thread, NULL) == 0);
	printf("%u of one, %u of the other, %u passed\n", seen[0], seen[1], passed);
	free(w.of[0]);
	free(w.of[1]);
	box_close(&b);
}

TEST(more_questions_than_ways_in_a_set_do_not_spoil_each_other)
{
	struct box b;
	unsigned answers = 0;
	uint8_t msg[1024];

	box_open(&b);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 30000; i++) {
			char name[32], text[64];
			struct given g = { .name = name, .type = "AAAA", .answer = text };
			struct asked a = { .name = name, .type = "AAAA", .edns = -1 };

			snprintf(name, sizeof(name), "n%u.example", i);
			snprintf(text, sizeof(text), "n%u.example 600 AAAA 2001:db8::%x", i, i % 65536);
			if (round == 0)
				offers_put(b.offers, offers_epoch(b.offers), keep(&b, &g, answers_now()));
			else if (i % 16 == 0) {
				(void)keep(&b, &g, answers_now());
				struct frame f;

				wrap(&f, &v6, msg, query_write(&a, msg));
				if (run(&b, &f) == XDP_TX) {
					answers++;
					CHECK_INT(be16_at(f.bytes + f.len - 2), i % 65536);
				}
			}
		}
	}
	CHECK(answers > 30000 / 16 / 4);
	box_close(&b);
}

TEST(what_the_program_does_is_counted)
{
	struct box b;
	uint8_t msg[1024];
	struct dns64_counters before = { 0 }, c = { 0 };

	box_open(&b);
	offer_all(&b, answers_now());
	offers_count(b.offers, &before);
	CHECK_INT(before.xdp_answered, 0);
	for (size_t i = 0; i < ARRAY_LEN(answered); i++)
		ask(&b, &v6, msg, query_write(&answered[i], msg), 0, MUST_ANSWER);
	ask(&b, &stranger6, msg, query_write(&answered[0], msg), 0, MAY_PASS);
	msg[13] ^= 1;
	ask(&b, &v6, msg, query_write(&answered[0], msg) - 1, 0, MAY_PASS);
	offers_count(b.offers, &c);
	/* A second that ends makes a question be asked again. */
	CHECK(c.xdp_answered >= ARRAY_LEN(answered) && c.xdp_answered <= ARRAY_LEN(answered) + TRIES);
	CHECK_INT(c.queries_udp, c.xdp_answered);
	CHECK_INT(c.answered, c.xdp_answered);
	CHECK_INT(c.cache_hits, c.xdp_answered);
	CHECK_INT(c.queries_a + c.queries_aaaa + c.queries_ptr + c.queries_https + c.queries_other,
		c.xdp_answered);
	CHECK_INT(c.answers_native + c.answers_synthesized + c.answers_nodata + c.answers_nxdomain +
			  c.answers_ptr,
		c.xdp_answered);
	CHECK(c.queries_dnssec_ok >= 2 && c.queries_checking_disabled >= 2);
	CHECK(c.unsynthesized_checking_disabled >= 1 && c.excluded_aaaa >= 2);
	CHECK(c.xdp_passed_client >= 1 && c.xdp_passed_shape >= 1);
	box_close(&b);
}
