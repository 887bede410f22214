/*
 * test_flow_keys.c - which slot, prefix and pool a packet belongs to: each part of a key counts, and nothing but the key
 *
 * The slot lies in the set of the packet's hash, so that only the comparison of the programs tells whether it is the packet's. Then
 * one byte of it is another one. Skipped where the programs cannot be loaded.
 */
#include "flow_packets.h"

#include <stddef.h>

enum table { FLOWS64, FLOWS46, PAIRS6, PAIRS4, TABLES };

#define SLOT_BYTES 64

static bool is_from_6(enum table t)
{
	return t == FLOWS64 || t == PAIRS6;
}

/* The slot of the standard UDP flow, which is in the table. */
static uint8_t *enter(struct box *b, enum table t)
{
	const struct ends e = ends_of(IPPROTO_UDP_NR, is_from_6(t));

	b->head->has_pairs = t == PAIRS6 || t == PAIRS4;
	void *slot = t == FLOWS64   ? (void *)box_enter64(b, &e)
		     : t == FLOWS46 ? (void *)box_enter46(b, &e)
				    : (void *)box_enter_pair(b, &e, t == PAIRS4);

	REQUIRE(slot);
	return slot;
}

static bool is_found(struct box *b, enum table t)
{
	return is_standard_sent(b, IPPROTO_UDP_NR, is_from_6(t));
}

#define ROW(table, type, field, byte)                                                                        \
	{                                                                                                    \
		table, #type "." #field, offsetof(struct type, field) + (byte), 1                            \
	}

static const struct {
	enum table table;
	const char *name;
	size_t at;
	uint8_t change; /* of the byte there */
} parts[] = {
	ROW(FLOWS64, flow64_slot, in, 0),
	ROW(FLOWS64, flow64_slot, in, 7),
	ROW(FLOWS64, flow64_slot, in, 8),
	ROW(FLOWS64, flow64_slot, in, 15),
	ROW(FLOWS64, flow64_slot, dst, 0),
	ROW(FLOWS64, flow64_slot, dst, 3),
	ROW(FLOWS64, flow64_slot, sport, 0),
	ROW(FLOWS64, flow64_slot, sport, 1),
	ROW(FLOWS64, flow64_slot, dport, 0),
	ROW(FLOWS64, flow64_slot, dport, 1),
	ROW(FLOWS64, flow64_slot, proto, 0),
	ROW(FLOWS64, flow64_slot, prefix, 0),
	ROW(FLOWS64, flow64_slot, epoch, 0),
	ROW(FLOWS64, flow64_slot, epoch, 1),
	ROW(FLOWS64, flow64_slot, sequence, 0),
	ROW(FLOWS46, flow46_slot, remote, 0),
	ROW(FLOWS46, flow46_slot, remote, 3),
	ROW(FLOWS46, flow46_slot, out, 0),
	ROW(FLOWS46, flow46_slot, out, 3),
	ROW(FLOWS46, flow46_slot, remote_port, 0),
	ROW(FLOWS46, flow46_slot, remote_port, 1),
	ROW(FLOWS46, flow46_slot, out_port, 0),
	ROW(FLOWS46, flow46_slot, out_port, 1),
	ROW(FLOWS46, flow46_slot, proto, 0),
	ROW(FLOWS46, flow46_slot, epoch, 0),
	ROW(FLOWS46, flow46_slot, epoch, 1),
	ROW(FLOWS46, flow46_slot, sequence, 0),
	ROW(PAIRS6, flow_pair, src6, 0),
	ROW(PAIRS6, flow_pair, src6, 15),
	ROW(PAIRS6, flow_pair, dst6, 0),
	ROW(PAIRS6, flow_pair, dst6, 15),
	ROW(PAIRS6, flow_pair, is_46, 0),
	ROW(PAIRS6, flow_pair, epoch, 0),
	ROW(PAIRS6, flow_pair, sequence, 0),
	ROW(PAIRS4, flow_pair, src4, 0),
	ROW(PAIRS4, flow_pair, src4, 3),
	ROW(PAIRS4, flow_pair, dst4, 0),
	ROW(PAIRS4, flow_pair, dst4, 3),
	ROW(PAIRS4, flow_pair, is_46, 0),
	ROW(PAIRS4, flow_pair, epoch, 0),
	ROW(PAIRS4, flow_pair, sequence, 0),
};

TEST(each_part_of_a_key_counts)
{
	struct box *b = box_new();

	box_stand(b, STAND_TC_ROUTE);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		test_row(parts[i].name);
		box_clear(b);
		uint8_t *slot = enter(b, parts[i].table);

		CHECK(is_found(b, parts[i].table));
		slot[parts[i].at] ^= parts[i].change;
		uint64_t ups = UP(b, FLOW_UP_NO_ENTRY);

		CHECK(!is_found(b, parts[i].table));
		CHECK_INT(UP(b, FLOW_UP_NO_ENTRY) - ups, 1);
		slot[parts[i].at] ^= parts[i].change;
		CHECK(is_found(b, parts[i].table));
	}
	test_row(NULL);
	box_free(b);
}

TEST(a_slot_is_found_in_any_way_of_its_set_and_in_no_other_set)
{
	struct box *b = box_new();
	uint8_t copy[SLOT_BYTES];

	box_stand(b, STAND_TC_ROUTE);
	for (enum table t = 0; t < TABLES; t++) {
		box_clear(b);
		uint8_t *slot = enter(b, t);
		uint8_t *first = slot - (uintptr_t)slot % (FLOW_WAYS * SLOT_BYTES);
		uint8_t *next = first + FLOW_WAYS * SLOT_BYTES * ((uintptr_t)first % 4096 == 0 ? 1 : -1);

		memcpy(copy, slot, SLOT_BYTES);
		for (unsigned way = 0; way < FLOW_WAYS; way++) {
			memset(first, 0, FLOW_WAYS * SLOT_BYTES);
			memcpy(first + way * SLOT_BYTES, copy, SLOT_BYTES);
			CHECK(is_found(b, t));
		}
		memset(first, 0, FLOW_WAYS * SLOT_BYTES);
		memcpy(next, copy, SLOT_BYTES);
		CHECK(!is_found(b, t));
	}
	box_free(b);
}

/* --- prefixes and the pool --- */

static const struct flow_prefix well_known = { .addr = { 0, 0x64, 0xff, 0x9b }, .len = 96 };

TEST(a_flow_is_one_of_its_own_prefix_whichever_of_eight_it_is)
{
	static struct frame f;
	struct box *b = box_new();
	struct ends e6 = ends_of(IPPROTO_UDP_NR, true), e4 = ends_of(IPPROTO_UDP_NR, false);
	uint8_t ip[256];

	box_stand(b, STAND_TC_ROUTE);
	for (uint8_t i = 0; i < FLOW_PREFIXES_MAX; i++) {
		box_clear(b);
		for (uint8_t k = 0; k < FLOW_PREFIXES_MAX; k++)
			b->head->prefixes[k] = (struct flow_prefix){ .addr = { 0x20, 1, k }, .len = 96 };
		b->head->prefixes[i] = well_known;
		struct flow64_slot *s = box_enter64(b, &e6), moved = *s;

		moved.prefix = i;
		s->epoch = 0;
		b->flows64[flow64_hash(b->head->key, &moved) & (SETS - 1)].way[0] = moved;
		CHECK(is_standard_sent(b, IPPROTO_UDP_NR, true));
		box_enter46(b, &e4)->prefix = i;
		frame_of(&f, ip, packet_of(ip, &e4, false, PAYLOAD));
		CHECK(box_run(b, &f));
		CHECK_BYTES(f.bytes + ETHERNET + 8, 16, e4.src6, 16);
	}
	box_free(b);
}

TEST(of_prefixes_that_overlap_the_first_counts_as_in_the_translator)
{
	struct box *b = box_with(IPPROTO_UDP_NR, true);

	b->head->prefixes[1] = well_known;
	b->head->prefixes[1].len = 64;
	CHECK(is_standard_sent(b, IPPROTO_UDP_NR, true));
	b->head->prefixes[0].len = 64;
	b->head->prefixes[1].len = 96;
	CHECK(!is_standard_sent(b, IPPROTO_UDP_NR, true));
	box_free(b);
}

TEST(a_prefix_that_there_is_not_makes_no_packet)
{
	struct box *b = box_new();
	struct ends e = ends_of(IPPROTO_UDP_NR, false);

	box_stand(b, STAND_TC_ROUTE);
	struct flow46_slot *s = box_enter46(b, &e);

	for (unsigned prefix = 0; prefix < 256; prefix++) {
		s->prefix = (uint8_t)prefix;
		CHECK_INT(is_standard_sent(b, IPPROTO_UDP_NR, false), prefix < FLOW_PREFIXES_MAX);
	}
	box_free(b);
}

/* An IPv6 destination; which of the reasons its packet is counted by, or FLOW_UP_COUNT: it is nobody's. */
static const struct {
	const char *name;
	uint8_t prefix[16];
	uint32_t len;
	uint8_t dst[16];
	enum flow_up why;
} destinations[] = {
	{ "in no prefix", { 0, 0x64, 0xff, 0x9b }, 96, { 0x20, 2 }, FLOW_UP_COUNT },
	{ "in none by a bit", { 0, 0x64, 0xff, 0x9b }, 96, { 0, 0x64, 0xff, 0x9b, [11] = 1, [12] = 198 },
		FLOW_UP_COUNT },
	{ "of zeros, as prefixes that there are not", { 0x20, 1 }, 64, { [12] = 198, 51, 100, 10 },
		FLOW_UP_COUNT },
	{ "with a suffix", { 0x20, 1 }, 64, { 0x20, 1, [9] = 198, 51, 100, 10, 7 }, FLOW_UP_NO_ENTRY },
	{ "with a u octet", { 0x20, 1 }, 64, { 0x20, 1, [8] = 1, 198, 51, 100, 10 }, FLOW_UP_NO_ENTRY },
	{ "not known", { 0x20, 1 }, 64, { 0x20, 1, [9] = 198, 51, 100, 10 }, FLOW_UP_NO_ENTRY },
};

TEST(destinations_are_told_apart_by_prefix_suffix_and_u_octet_rfc6052_s2_2)
{
	uint8_t ip[256];
	struct ends e = ends_of(IPPROTO_UDP_NR, true);

	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		struct box *b = box_new();

		test_row(destinations[i].name);
		box_stand(b, STAND_TC_ROUTE);
		box_prefix(b, destinations[i].prefix, destinations[i].len);
		memcpy(e.dst6, destinations[i].dst, 16);
		CHECK(!is_sent(b, ip, packet_of(ip, &e, true, PAYLOAD)));
		CHECK_INT(box_ups(b), destinations[i].why != FLOW_UP_COUNT);
		if (destinations[i].why != FLOW_UP_COUNT)
			CHECK_INT(UP(b, destinations[i].why), 1);
		box_free(b);
	}
	test_row(NULL);
}

TEST(the_pool_is_told_by_the_bits_that_its_addresses_have_in_common)
{
	struct box *b = box_with(IPPROTO_UDP_NR, false);

	memcpy(&b->head->pool, (const uint8_t[]){ 192, 0, 2, 0 }, 4);
	memcpy(&b->head->pool_mask, (const uint8_t[]){ 255, 255, 255, 0 }, 4);
	CHECK(is_standard_sent(b, IPPROTO_UDP_NR, false));
	memcpy(&b->head->pool_mask, (const uint8_t[]){ 255, 255, 255, 64 }, 4);
	CHECK(!is_standard_sent(b, IPPROTO_UDP_NR, false));
	CHECK_INT(box_ups(b), 0);
	box_free(b);
}

/* Both addresses of its packets are in no prefix and not the pool's. */
static void pairs_do_not_count(enum table t)
{
	static const uint8_t elsewhere[16] = { 0x20, 1 };
	struct box *b = box_new();

	box_stand(b, STAND_TC_ROUTE);
	(void)enter(b, t);
	box_prefix(b, elsewhere, 96);
	memcpy(&b->head->pool, (const uint8_t[]){ 10, 0, 0, 0 }, 4);
	memcpy(&b->head->pool_mask, (const uint8_t[]){ 255, 0, 0, 0 }, 4);
	CHECK(is_found(b, t));
	b->head->has_pairs = 0;
	CHECK(!is_found(b, t));
	CHECK_INT(box_ups(b), 0);
	box_free(b);
}

TEST(pairs_count_only_while_the_head_says_that_there_are_some)
{
	pairs_do_not_count(PAIRS6);
	pairs_do_not_count(PAIRS4);
}
