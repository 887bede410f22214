/*
 * test_flow_slots.c - which slots count for the programs, and for which reason a packet goes up that none is made for
 *
 * One packet of each kind whose slot is in the tables, so that it is translated; then one thing about slot, head or packet is
 * changed. Skipped where the programs cannot be loaded.
 */
#include "flow_packets.h"

#define LONG_PAYLOAD 1300 /* IPv6 longer than IP6_MIN_MTU */

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

/* Takes a slot out of where it is, and puts it into a way of the second set of its hash. */
#define MOVE(sets, hash, from, way_)                                                                         \
	do {                                                                                                 \
		__typeof__(*(from)) slot = *(from);                                                          \
		uint64_t hash_ = (hash);                                                                     \
		memset(from, 0, sizeof(slot));                                                               \
		(sets)[flow_set_at(hash_, 1) & (SETS - 1)].way[way_] = slot;                                 \
	} while (0)

TEST(a_flow_in_any_place_of_its_second_set_counts)
{
	for (unsigned way = 0; way < FLOW_WAYS; way++) {
		struct box *b = box_new();
		struct ends e64 = ends_of(IPPROTO_UDP_NR, true), e46 = ends_of(IPPROTO_UDP_NR, false);

		box_stand(b, STAND_TC_ROUTE);
		struct flow64_slot *s = box_enter64(b, &e64);
		struct flow46_slot *t = box_enter46(b, &e46);

		MOVE(b->flows64, flow64_hash(b->head->key, s), s, way);
		MOVE(b->flows46, flow46_hash(b->head->key, t), t, way);
		CHECK(is_standard_sent(b, IPPROTO_UDP_NR, true));
		CHECK(is_standard_sent(b, IPPROTO_UDP_NR, false));
		box_free(b);
	}
}

TEST(a_pair_in_any_place_of_its_second_set_counts)
{
	for (unsigned n = 0; n < 2 * FLOW_WAYS; n++) {
		struct box *b = box_new();
		bool is_64 = n % 2;
		struct ends e = ends_of(IPPROTO_UDP_NR, is_64);

		box_stand(b, STAND_TC_ROUTE);
		b->head->has_pairs = 1;
		struct flow_pair *s = box_enter_pair(b, &e, !is_64);

		MOVE(b->pairs, flow_pair_hash(b->head->key, s), s, n / 2);
		CHECK(is_standard_sent(b, IPPROTO_UDP_NR, is_64));
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

/* --- checksums --- */

static uint16_t *sum_of(uint8_t *l4, uint8_t proto)
{
	return (uint16_t *)(l4 + (proto == IPPROTO_TCP_NR ? 16 : proto == IPPROTO_UDP_NR ? 6 : 2));
}

/* The checksum that the packet gets if it has this one. */
static uint16_t sum_after(struct box *b, uint8_t proto, uint16_t before)
{
	static struct frame f;
	struct ends e = ends_of(proto, true);
	uint8_t ip[256];
	size_t len = packet_of(ip, &e, true, PAYLOAD);

	be16_put((uint8_t *)sum_of(ip + IP6_HDR_LEN, proto), before);
	frame_of(&f, ip, len);
	CHECK(box_run(b, &f));
	return be16_at((uint8_t *)sum_of(f.bytes + ETHERNET + IP4_HDR_LEN, proto));
}

/* Which makes it one of zero: the field grows by what the sums of the slot say (RFC 1624 eqn. 3). */
static void check_zero(struct box *b, uint8_t proto)
{
	const uint16_t some = 0x1234;
	uint16_t makes_zero = slow_ones((uint64_t)some + (uint16_t)~sum_after(b, proto, some));

	CHECK_INT(sum_after(b, proto, makes_zero), proto == IPPROTO_UDP_NR ? 0xffff : 0);
}

TEST(a_sum_of_zero_is_said_otherwise_in_udp_alone_rfc768)
{
	static const uint8_t protos[] = { IPPROTO_UDP_NR, IPPROTO_TCP_NR, IPPROTO4_ICMP };
	static const enum stand stands[] = { STAND_TC_ROUTE, STAND_TC_VERIFIED };

	for (size_t i = 0; i < ARRAY_LEN(protos) * ARRAY_LEN(stands); i++) {
		struct box *b = box_with(protos[i / 2], true);

		box_stand(b, stands[i % 2]);
		check_zero(b, protos[i / 2]);
		box_free(b);
	}
}
