/* test_ipfix.c - libfixbuf, another implementation, reads what ours writes: every template, every field by its name */
#include "bindlog/ipfix.h"
#include "harness.h"

#include <fixbuf/public.h>
#include <stdlib.h>
#include <string.h>

#define NOW UINT64_C(1764079385007)
#define DOMAIN 7

static const struct ipfix_facts facts = {
	.domain = DOMAIN,
	.prefixes = { { { UINT64_C(0x0064ff9b00000000), 0 }, 96 } },
	.max_sessions = 1000000,
	.max_bindings = 900000,
	.max_subscribers = 800000,
	.max_per_subscriber = 4096,
	.max_fragments = 2730,
};

static const struct state_event event = {
	.in = { UINT64_C(0x20010db800000007), 5 },
	.in_port = 40000,
	.out = { 0xc0000202 },
	.out_port = 2050,
	.last_port = 2559,
	.remote = { 0xc6336407 },
	.remote_port = 443,
	.proto = PROTO_TCP,
	.subscriber_len = 64,
};

/* --- reading with libfixbuf --- */

/* Everything that any of our records may have, as libfixbuf is to lay it out; what a record lacks is zero. */
struct all {
	uint64_t time, lost;
	uint8_t source6[16], destination6[16];
	uint32_t post_source4, post_destination4, quota, max_sessions, max_bindings, max_user,
		max_subscribers;
	uint32_t pool, process, max_fragments, source4;
	uint16_t source_port, post_source_port, destination_port, post_destination_port, first, last;
	uint8_t event, protocol, prefix_len, padding[5];
};

static fbInfoElementSpec_t all_spec[] = { { "observationTimeMilliseconds", 8, 0 },
	{ "notSentFlowTotalCount", 8, 0 }, { "sourceIPv6Address", 16, 0 },
	{ "destinationIPv6Address", 16, 0 }, { "postNATSourceIPv4Address", 4, 0 },
	{ "postNATDestinationIPv4Address", 4, 0 }, { "natQuotaExceededEvent", 4, 0 },
	{ "maxSessionEntries", 4, 0 }, { "maxBIBEntries", 4, 0 }, { "maxEntriesPerUser", 4, 0 },
	{ "maxSubscribers", 4, 0 }, { "natPoolId", 4, 0 }, { "exportingProcessId", 4, 0 },
	{ "maxFragmentsPendingReassembly", 4, 0 }, { "sourceIPv4Address", 4, 0 },
	{ "sourceTransportPort", 2, 0 }, { "postNAPTSourceTransportPort", 2, 0 },
	{ "destinationTransportPort", 2, 0 }, { "postNAPTDestinationTransportPort", 2, 0 },
	{ "portRangeStart", 2, 0 }, { "portRangeEnd", 2, 0 }, { "natEvent", 1, 0 },
	{ "protocolIdentifier", 1, 0 }, { "sourceIPv6PrefixLength", 1, 0 }, { "paddingOctets", 5, 0 },
	FB_IESPEC_NULL };

struct reader {
	fbInfoModel_t *model;
	fBuf_t *buf;
	uint32_t sequence;
};

static struct reader reader_new(void)
{
	struct reader r = { .model = fbInfoModelAlloc() };
	fbSession_t *session = fbSessionAlloc(r.model);
	fbTemplate_t *t = fbTemplateAlloc(r.model);
	GError *err = NULL;

	REQUIRE(fbTemplateAppendSpecArray(t, all_spec, UINT32_MAX, &err));
	uint16_t id = fbSessionAddTemplate(session, TRUE, FB_TID_AUTO, t, &err);

	REQUIRE(id != 0);
	r.buf = fBufAllocForCollection(session, NULL);
	fBufSetAutomaticMode(r.buf, FALSE);
	REQUIRE(fBufSetInternalTemplate(r.buf, id, &err));
	return r;
}

static void reader_free(struct reader *r)
{
	fBufFree(r->buf);
	fbInfoModelFree(r->model);
}

/* Gives libfixbuf one message; returns how many records it found, at most @room of them in @ret. */
static unsigned read_message(struct reader *r, uint8_t *message, size_t len, struct all *ret, unsigned room)
{
	GError *err = NULL;
	unsigned n = 0;

	ipfix_number(message, r->sequence);
	fBufSetBuffer(r->buf, message, len);
	while (n < room) {
		size_t size = sizeof(*ret);

		memset(&ret[n], 0, sizeof(*ret));
		if (!fBufNext(r->buf, (uint8_t *)&ret[n], &size, &err))
			break;
		n++;
	}
	if (err && !g_error_matches(err, FB_ERROR_DOMAIN, FB_ERROR_EOM) &&
		!g_error_matches(err, FB_ERROR_DOMAIN, FB_ERROR_BUFSZ))
		CHECK_TEXT(err->message, "");
	g_clear_error(&err);
	r->sequence += n;
	return n;
}

/* The templates, then one message with the events. */
static unsigned read_events(const struct state_event *e, unsigned len, struct all *ret)
{
	struct reader r = reader_new();
	uint8_t templates[IPFIX_TEMPLATES_BYTES], bytes[IPFIX_MESSAGE_BYTES];
	struct ipfix_message m;
	size_t size = ipfix_templates(templates, DOMAIN, NOW);

	CHECK_INT(read_message(&r, templates, size, ret, 1), 0);
	ipfix_begin(&m, bytes, sizeof(bytes));
	for (unsigned i = 0; i < len; i++)
		CHECK_INT(ipfix_add(&m, &e[i], NOW, &facts), IPFIX_ADDED);
	size = ipfix_end(&m, DOMAIN, NOW);
	unsigned n = read_message(&r, bytes, size, ret, len + 1);

	reader_free(&r);
	return n;
}

/* --- records --- */

static const uint8_t source6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7, [15] = 5 };
static const uint8_t destination6[16] = { 0x00, 0x64, 0xff, 0x9b, [12] = 198, 51, 100, 7 };

TEST(rfc8158_s4_6_10_a_block_has_its_subscriber_and_its_ports)
{
	struct state_event e[2] = { event, event };
	struct all a[3];

	e[0].kind = STATE_BLOCK_LENT;
	e[1].kind = STATE_BLOCK_RETURNED;
	REQUIRE(read_events(e, 2, a) == 2);
	CHECK_INT(a[0].event, 16);
	CHECK_INT(a[1].event, 17);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_INT(a[i].time, NOW);
		CHECK_BYTES(a[i].source6, 16, source6, 16);
		CHECK_INT(a[i].prefix_len, 64);
		CHECK_INT(a[i].post_source4, 0xc0000202);
		CHECK_INT(a[i].first, 2050);
		CHECK_INT(a[i].last, 2559);
		CHECK_INT(a[i].source_port, 0);
	}
}

TEST(rfc8158_s4_6_4_a_binding_has_both_transport_addresses_and_no_destination)
{
	struct state_event e[2] = { event, event };
	struct all a[3];

	e[0].kind = STATE_BINDING_MADE;
	e[1].kind = STATE_BINDING_ENDED;
	REQUIRE(read_events(e, 2, a) == 2);
	CHECK_INT(a[0].event, 10);
	CHECK_INT(a[1].event, 11);
	CHECK_INT(a[0].time, NOW);
	CHECK_BYTES(a[0].source6, 16, source6, 16);
	CHECK_INT(a[0].source_port, 40000);
	CHECK_INT(a[0].post_source4, 0xc0000202);
	CHECK_INT(a[0].post_source_port, 2050);
	CHECK_INT(a[0].protocol, 6);
	CHECK_INT(a[0].post_destination4, 0);
	CHECK_INT(a[0].destination_port, 0);
}

TEST(rfc8158_s4_6_2_a_session_has_the_destination_on_both_sides_too)
{
	struct state_event e[4] = { event, event, event, event };
	struct all a[5];

	e[0].kind = STATE_SESSION_MADE;
	e[1].kind = STATE_SESSION_ENDED;
	e[2].kind = e[3].kind = STATE_SESSION_MADE;
	e[2].proto = PROTO_UDP;
	e[3].proto = PROTO_ICMP;
	REQUIRE(read_events(e, 4, a) == 4);
	CHECK_INT(a[0].event, 6);
	CHECK_INT(a[1].event, 7);
	CHECK_BYTES(a[0].source6, 16, source6, 16);
	CHECK_BYTES(a[0].destination6, 16, destination6, 16);
	CHECK_INT(a[0].post_destination4, 0xc6336407);
	CHECK_INT(a[0].destination_port, 443);
	CHECK_INT(a[0].post_destination_port, 443);
	CHECK_INT(a[0].post_source_port, 2050);
	CHECK_INT(a[0].protocol, 6);
	CHECK_INT(a[2].protocol, 17);
	CHECK_INT(a[3].protocol, 1);
}

static const struct {
	enum drop_reason reason;
	unsigned event, quota;
	uint32_t sessions, bindings, user, subscribers;
} limits[] = {
	{ DROP_POOL_EXHAUSTED, 3, 0, 0, 0, 0, 0 },	   /* RFC 8158 s4.6.5 */
	{ DROP_SESSIONS_FULL, 13, 1, 1000000, 0, 0, 0 },   /* s4.6.7.1 */
	{ DROP_BINDINGS_FULL, 13, 2, 0, 900000, 0, 0 },	   /* s4.6.7.2 */
	{ DROP_SUBSCRIBER_BLOCKS, 13, 3, 0, 0, 4096, 0 },  /* s4.6.7.3 */
	{ DROP_SUBSCRIBERS_FULL, 13, 4, 0, 0, 0, 800000 }, /* s4.6.7.4 */
};

TEST(rfc8158_s4_4_each_limit_has_its_event_and_its_number)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct state_event e = event;
		struct all a[2];

		test_row(drop_name(limits[i].reason));
		e.kind = STATE_LIMIT;
		e.reason = limits[i].reason;
		REQUIRE(read_events(&e, 1, a) == 1);
		CHECK_INT(a[0].time, NOW);
		CHECK_INT(a[0].event, limits[i].event);
		CHECK_INT(a[0].quota, limits[i].quota);
		CHECK_INT(a[0].max_sessions, limits[i].sessions);
		CHECK_INT(a[0].max_bindings, limits[i].bindings);
		CHECK_INT(a[0].max_user, limits[i].user);
		CHECK_INT(a[0].max_subscribers, limits[i].subscribers);
		CHECK_INT(a[0].pool, limits[i].reason == DROP_POOL_EXHAUSTED ? DOMAIN : 0);
		if (limits[i].reason == DROP_SUBSCRIBER_BLOCKS)
			CHECK_BYTES(a[0].source6, 16, source6, 16);
	}
}

TEST(rfc8158_s4_6_7_5_fragments_have_their_source_of_either_family)
{
	static const enum drop_reason reasons[] = { DROP_FRAGMENT_TABLE_FULL, DROP_FRAGMENT_SOURCE_LIMIT };

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		struct state_event e[2] = { event, event };
		struct all a[3];

		e[0].kind = e[1].kind = STATE_LIMIT;
		e[0].reason = e[1].reason = reasons[i];
		e[1].in = (struct addr6){ 0, UINT64_C(0xffffc6336407) };
		REQUIRE(read_events(e, 2, a) == 2);
		for (unsigned k = 0; k < 2; k++) {
			CHECK_INT(a[k].event, 13);
			CHECK_INT(a[k].quota, 5);
			CHECK_INT(a[k].max_fragments, 2730);
		}
		CHECK_BYTES(a[0].source6, 16, source6, 16);
		CHECK_INT(a[0].source4, 0);
		CHECK_INT(a[1].source4, 0xc6336407);
	}
}

TEST(rfc8158_s4_6_6_ports_of_an_address_have_it_and_the_protocol)
{
	struct state_event e = event;
	struct all a[2];

	e.kind = STATE_PORTS_EXHAUSTED;
	e.proto = PROTO_UDP;
	REQUIRE(read_events(&e, 1, a) == 1);
	CHECK_INT(a[0].event, 12);
	CHECK_INT(a[0].post_source4, 0xc0000202);
	CHECK_INT(a[0].protocol, 17);
	CHECK_INT(a[0].time, NOW);
}

TEST(rfc8158_s4_6_9_an_address_as_a_whole_has_both_addresses_and_the_protocol)
{
	struct state_event e[2] = { event, event };
	struct all a[3];

	e[0].kind = STATE_BINDING_MADE;
	e[1].kind = STATE_BINDING_ENDED;
	for (unsigned i = 0; i < 2; i++) {
		e[i].proto = PROTO_OTHER;
		e[i].in_port = e[i].out_port = 132;
	}
	REQUIRE(read_events(e, 2, a) == 2);
	CHECK_INT(a[0].event, 14);
	CHECK_INT(a[1].event, 15);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_BYTES(a[i].source6, 16, source6, 16);
		CHECK_INT(a[i].post_source4, 0xc0000202);
		CHECK_INT(a[i].protocol, 132);
		CHECK_INT(a[i].source_port, 0);
	}
}

TEST(what_is_no_event_of_rfc8158_is_not_sent)
{
	struct ipfix_message m;
	uint8_t bytes[IPFIX_MESSAGE_BYTES];
	struct state_event e = event;

	ipfix_begin(&m, bytes, sizeof(bytes));
	e.kind = STATE_BLOCK_HELD;
	CHECK_INT(ipfix_add(&m, &e, NOW, &facts), IPFIX_NOT_MINE);
	e.kind = STATE_LIMIT;
	e.reason = DROP_46_FILTERED;
	CHECK_INT(ipfix_add(&m, &e, NOW, &facts), IPFIX_NOT_MINE);
	CHECK_INT(m.records, 0);
}

TEST(rfc7011_s4_3_losses_are_an_options_record)
{
	struct reader r = reader_new();
	uint8_t templates[IPFIX_TEMPLATES_BYTES], bytes[IPFIX_MESSAGE_BYTES];
	struct ipfix_message m;
	struct all a[2];

	read_message(&r, templates, ipfix_templates(templates, DOMAIN, NOW), a, 1);
	ipfix_begin(&m, bytes, sizeof(bytes));
	CHECK_INT(ipfix_add_lost(&m, 1234567890123, NOW), IPFIX_ADDED);
	REQUIRE(read_message(&r, bytes, ipfix_end(&m, DOMAIN, NOW), a, 2) == 1);
	CHECK_INT(a[0].lost, 1234567890123);
	CHECK_INT(a[0].process, 1);
	CHECK_INT(a[0].time, NOW);
	reader_free(&r);
}

/* --- messages --- */

TEST(a_message_never_grows_beyond_its_room_and_every_record_that_was_added_is_read)
{
	struct state_event e[STATE_EVENT_COUNT];
	struct reader r = reader_new();
	static struct all a[100];
	uint8_t templates[IPFIX_TEMPLATES_BYTES], bytes[IPFIX_MESSAGE_BYTES + 16];
	unsigned kinds[] = { STATE_BLOCK_LENT, STATE_SESSION_MADE, STATE_BINDING_ENDED };

	read_message(&r, templates, ipfix_templates(templates, DOMAIN, NOW), a, 1);
	for (size_t room = 16 + 4 + 100; room <= IPFIX_MESSAGE_BYTES; room += 13) {
		struct ipfix_message m;
		unsigned n = 0;

		memset(bytes, 0xee, sizeof(bytes));
		ipfix_begin(&m, bytes, room);
		for (;; n++) {
			e[0] = event;
			e[0].kind = (uint8_t)kinds[n / 2 % 3];
			if (ipfix_add(&m, &e[0], NOW, &facts) != IPFIX_ADDED)
				break;
		}
		size_t len = ipfix_end(&m, DOMAIN, NOW);

		CHECK(n > 0 && len <= room);
		CHECK_INT(bytes[room], 0xee);
		CHECK_INT(be16_at(bytes + 2), len);
		CHECK_INT(m.records, n);
		CHECK_INT(read_message(&r, bytes, len, a, 100), n);
	}
	reader_free(&r);
}

TEST(rfc7011_s3_1_the_header_has_version_time_sequence_and_domain)
{
	uint8_t bytes[IPFIX_TEMPLATES_BYTES];
	size_t len = ipfix_templates(bytes, 0xfedcba98, NOW);

	ipfix_number(bytes, 0x01020304);
	CHECK(len < IPFIX_TEMPLATES_BYTES);
	CHECK_INT(be16_at(bytes), 10);
	CHECK_INT(be16_at(bytes + 2), len);
	CHECK_INT(be32_at(bytes + 4), NOW / 1000);
	CHECK_INT(be32_at(bytes + 8), 0x01020304);
	CHECK_INT(be32_at(bytes + 12), 0xfedcba98);
}
