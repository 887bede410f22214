/*
 * test_flow_slots.c - which slots count for the programs, and for which reason a packet goes up that none is made for
 *
 * One packet of each kind whose slot is in the tables, so that it is translated; then one thing about slot, head or packet is
 * changed. Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"

#include "slow_sum.h"

#include <string.h>

#define PAYLOAD 8
#define LONG_PAYLOAD 1300 /* IPv6 longer than IP6_MIN_MTU */

static const struct ends standard = { .src6 = { 0x24, [15] = 1 },
	.dst6 = { 0, 0x64, 0xff, 0x9b, [12] = 198, 51, 100, 10 },
	.src4 = { 192, 0, 2, 64 },
	.dst4 = { 198, 51, 100, 10 },
	.sport6 = { 0x80, 1 },
	.dport6 = { 7, 0xd0 },
	.sport4 = { 0x90, 2 },
	.dport4 = { 7, 0xd0 } };

/* Ends of a flow from IPv6, or of its answers: then the pool's side is the destination. */
static struct ends ends_of(uint8_t proto, bool is_64)
{
	struct ends e = standard;

	e.proto = proto;
	if (proto == IPPROTO4_ICMP) {
		memcpy(e.dport6, e.sport6, 2);
		memcpy(e.dport4, e.sport4, 2);
	}
	if (is_64)
		return e;
	struct ends back = { .proto = proto };

	memcpy(back.src4, e.dst4, 4);
	memcpy(back.dst4, e.src4, 4);
	memcpy(back.src6, e.dst6, 16);
	memcpy(back.dst6, e.src6, 16);
	memcpy(back.sport4, e.dport4, 2);
	memcpy(back.dport4, e.sport4, 2);
	memcpy(back.sport6, e.dport6, 2);
	memcpy(back.dport6, e.sport6, 2);
	return back;
}

static void put_transport(uint8_t *l4, const struct ends *e, bool is_64, uint32_t len)
{
	memset(l4, 0, len);
	memcpy(l4, is_64 ? e->sport6 : e->sport4, 2);
	memcpy(l4 + 2, is_64 ? e->dport6 : e->dport4, 2);
	be16_put(l4 + 4, (uint16_t)len);
	be16_put(l4 + 6, 0x1234); /* a checksum is nothing that the programs look into */
	if (e->proto == IPPROTO_TCP_NR) {
		l4[12] = 5 << 4;
		l4[13] = TCP_ACK;
	}
	if (e->proto == IPPROTO4_ICMP) {
		l4[0] = is_64 ? 128 : 8;
		l4[1] = 0;
		memcpy(l4 + 4, is_64 ? e->sport6 : e->sport4, 2);
	}
}

static void header4_sum(uint8_t *ip)
{
	be16_put(ip + 10, 0);
	be16_put(ip + 10, (uint16_t)~slow_ones(slow_sum(ip, (ip[0] & 15u) * 4u)));
}

static size_t packet_of(uint8_t *ip, const struct ends *e, bool is_64, uint32_t payload)
{
	uint32_t header = is_64 ? IP6_HDR_LEN : IP4_HDR_LEN;
	uint32_t l4 = payload + (e->proto == IPPROTO_TCP_NR ? TCP_HDR_LEN : UDP_HDR_LEN);

	memset(ip, 0, header);
	put_transport(ip + header, e, is_64, l4);
	if (is_64) {
		ip[0] = 6 << 4;
		be16_put(ip + 4, (uint16_t)l4);
		ip[6] = e->proto == IPPROTO4_ICMP ? IPPROTO6_ICMP : e->proto;
		ip[7] = 64;
		memcpy(ip + 8, e->src6, 16);
		memcpy(ip + 24, e->dst6, 16);
	} else {
		ip[0] = 0x45;
		be16_put(ip + 2, (uint16_t)(header + l4));
		ip[8] = 64;
		ip[9] = e->proto;
		memcpy(ip + 12, e->src4, 4);
		memcpy(ip + 16, e->dst4, 4);
		header4_sum(ip);
	}
	return header + l4;
}

static struct box *box_with(uint8_t proto, bool is_64)
{
	struct box *b = box_new();
	struct ends e = ends_of(proto, is_64);

	box_stand(b, STAND_TC_ROUTE);
	REQUIRE(is_64 ? box_enter64(b, &e) != NULL : box_enter46(b, &e) != NULL);
	return b;
}

/* Runs the packet; true if it was translated, else it must be as it was. */
static bool is_sent(struct box *b, const uint8_t *ip, size_t len)
{
	static struct frame f, before;

	frame_of(&f, ip, len);
	before = f;
	if (box_run(b, &f))
		return true;
	CHECK_BYTES(f.bytes, f.len, before.bytes, before.len);
	return false;
}

static bool is_standard_sent(struct box *b, uint8_t proto, bool is_64)
{
	uint8_t ip[256];
	struct ends e = ends_of(proto, is_64);

	return is_sent(b, ip, packet_of(ip, &e, is_64, PAYLOAD));
}

/* --- reasons --- */

enum summed { SUM_AGAIN, SUM_STAYS };

static const struct {
	const char *name;
	bool is_64;
	uint8_t proto;
	uint32_t payload, at; /* one byte of the IP packet, if it is not 0, */
	uint8_t value;	      /* becomes this */
	enum summed sum;      /* of the IPv4 header */
	enum flow_up why;
} up_cases[] = {
	{ "SYN", true, IPPROTO_TCP_NR, PAYLOAD, IP6_HDR_LEN + 13, TCP_SYN, SUM_AGAIN, FLOW_UP_TCP_FLAGS },
	{ "FIN", true, IPPROTO_TCP_NR, PAYLOAD, IP6_HDR_LEN + 13, TCP_FIN, SUM_AGAIN, FLOW_UP_TCP_FLAGS },
	{ "RST", false, IPPROTO_TCP_NR, PAYLOAD, IP4_HDR_LEN + 13, TCP_RST, SUM_AGAIN, FLOW_UP_TCP_FLAGS },
	{ "another port", true, IPPROTO_UDP_NR, PAYLOAD, IP6_HDR_LEN + 1, 9, SUM_AGAIN, FLOW_UP_NO_ENTRY },
	{ "another port", false, IPPROTO_UDP_NR, PAYLOAD, IP4_HDR_LEN + 3, 9, SUM_AGAIN, FLOW_UP_NO_ENTRY },
	{ "fragment header", true, IPPROTO_UDP_NR, PAYLOAD, 6, 44, SUM_AGAIN, FLOW_UP_FRAGMENT },
	{ "more fragments", false, IPPROTO_UDP_NR, PAYLOAD, 6, 0x20, SUM_AGAIN, FLOW_UP_FRAGMENT },
	{ "a later fragment", false, IPPROTO_UDP_NR, PAYLOAD, 7, 1, SUM_AGAIN, FLOW_UP_FRAGMENT },
	{ "hop-by-hop options", true, IPPROTO_UDP_NR, PAYLOAD, 6, 0, SUM_AGAIN, FLOW_UP_OPTIONS },
	{ "IPv4 options", false, IPPROTO_UDP_NR, PAYLOAD, 0, 0x46, SUM_AGAIN, FLOW_UP_OPTIONS },
	{ "hop limit", true, IPPROTO_UDP_NR, PAYLOAD, 7, 1, SUM_AGAIN, FLOW_UP_HOP_LIMIT },
	{ "time to live", false, IPPROTO_UDP_NR, PAYLOAD, 8, 1, SUM_AGAIN, FLOW_UP_HOP_LIMIT },
	{ "SCTP", true, IPPROTO_UDP_NR, PAYLOAD, 6, 132, SUM_AGAIN, FLOW_UP_PROTOCOL },
	{ "SCTP", false, IPPROTO_UDP_NR, PAYLOAD, 9, 132, SUM_AGAIN, FLOW_UP_PROTOCOL },
	{ "an ICMPv6 error", true, IPPROTO4_ICMP, PAYLOAD, IP6_HDR_LEN, 1, SUM_AGAIN, FLOW_UP_ICMP },
	{ "an ICMP error", false, IPPROTO4_ICMP, PAYLOAD, IP4_HDR_LEN, 3, SUM_AGAIN, FLOW_UP_ICMP },
	{ "to be cut", false, IPPROTO_UDP_NR, LONG_PAYLOAD, 1, 0, SUM_AGAIN, FLOW_UP_TOO_BIG },
	{ "header checksum", false, IPPROTO_UDP_NR, PAYLOAD, 11, 0xee, SUM_STAYS, FLOW_UP_MALFORMED },
	{ "longer than the frame", false, IPPROTO_UDP_NR, PAYLOAD, 2, 7, SUM_AGAIN, FLOW_UP_MALFORMED },
	{ "longer than the packet", true, IPPROTO_UDP_NR, PAYLOAD, IP6_HDR_LEN + 4, 7, SUM_AGAIN,
		FLOW_UP_MALFORMED },
};

TEST(what_goes_up_is_counted_by_its_reason)
{
	static uint8_t ip[2048];

	for (size_t i = 0; i < ARRAY_LEN(up_cases); i++) {
		bool is_64 = up_cases[i].is_64;
		struct box *b = box_with(up_cases[i].proto, is_64);
		struct ends e = ends_of(up_cases[i].proto, is_64);

		test_row(up_cases[i].name);
		CHECK(is_standard_sent(b, up_cases[i].proto, is_64));
		CHECK_INT(box_ups(b), 0);
		size_t len = packet_of(ip, &e, is_64, up_cases[i].payload);

		ip[up_cases[i].at] = up_cases[i].value;
		if (!is_64 && up_cases[i].sum == SUM_AGAIN)
			header4_sum(ip);
		CHECK(!is_sent(b, ip, len));
		CHECK_INT(UP(b, up_cases[i].why), 1);
		CHECK_INT(box_ups(b), 1);
		box_free(b);
	}
	test_row(NULL);
}

TEST(a_datagram_without_checksum_goes_up)
{
	struct box *b = box_with(IPPROTO_UDP_NR, false);
	struct ends e = ends_of(IPPROTO_UDP_NR, false);
	uint8_t ip[256];
	size_t len = packet_of(ip, &e, false, PAYLOAD);

	be16_put(ip + IP4_HDR_LEN + 6, 0);
	CHECK(!is_sent(b, ip, len));
	CHECK_INT(UP(b, FLOW_UP_CHECKSUM), 1);
	box_free(b);
}

/* --- slots and the head --- */

TEST(without_an_epoch_everything_goes_up)
{
	struct box *b = box_with(IPPROTO_UDP_NR, true);

	b->head->epoch = 0;
	CHECK(!is_standard_sent(b, IPPROTO_UDP_NR, true));
	CHECK_INT(UP(b, FLOW_UP_OFF), 1);
	box_free(b);
}

TEST(a_slot_of_another_epoch_does_not_count)
{
	struct box *b = box_with(IPPROTO_UDP_NR, true);

	b->head->epoch++;
	CHECK(!is_standard_sent(b, IPPROTO_UDP_NR, true));
	CHECK_INT(UP(b, FLOW_UP_NO_ENTRY), 1);
	b->head->epoch--;
	CHECK(is_standard_sent(b, IPPROTO_UDP_NR, true));
	box_free(b);
}

TEST(a_slot_that_somebody_writes_does_not_count)
{
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct box *b = box_new();
		struct ends e = ends_of(IPPROTO_UDP_NR, is_64);

		box_stand(b, STAND_TC_ROUTE);
		uint32_t *sequence = is_64 ? &box_enter64(b, &e)->sequence : &box_enter46(b, &e)->sequence;

		for (uint32_t n = 0; n < 5; n++) {
			*sequence = n;
			CHECK(is_standard_sent(b, IPPROTO_UDP_NR, is_64) == (n % 2 == 0));
		}
		CHECK_INT(UP(b, FLOW_UP_NO_ENTRY), 2);
		box_free(b);
	}
}

TEST(what_is_not_the_pools_is_left_alone_and_not_counted)
{
	struct box *b = box_with(IPPROTO_UDP_NR, false);

	memcpy(&b->head->pool, (const uint8_t[]){ 192, 0, 2, 64 }, 4);
	memcpy(&b->head->pool_mask, (const uint8_t[]){ 255, 255, 255, 192 }, 4);
	CHECK(is_standard_sent(b, IPPROTO_UDP_NR, false));
	memcpy(&b->head->pool, (const uint8_t[]){ 192, 0, 2, 128 }, 4);
	CHECK(!is_standard_sent(b, IPPROTO_UDP_NR, false));
	CHECK_INT(box_ups(b), 0);
	box_free(b);
}
