/*
 * test_flow_route.c - what the programs ask the routing table, and when an answer does not count for a packet
 *
 * The network of flow_box.c, with a second neighbour; which of them a frame is for says its destination address. Of the host's rules one
 * at a time is about a part of what the packet becomes. Skipped where the programs cannot be loaded.
 */
#include "flow_packets.h"

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#define LATE_MS 2000
#define SMALL_MTU 1300
#define EXIT_BYTES 32 /* of struct flow_exit (bpf/flow_write.bpf.h): lock, sequence, at, */
#define EXIT_AT 8     /* and from here on what it is, */
#define EXIT_IS 12    /* but for one byte */
#define EXIT_UNUSED 19

static const char second_neighbour[] =
	"set -e; exec 2>/dev/null; "
	"ip neigh add 198.18.0.3 lladdr 02:00:00:00:00:0a dev out0 nud permanent; "
	"ip neigh add 3fff::3 lladdr 02:00:00:00:00:0a dev out0 nud permanent; "
	"ip route add default via 198.18.0.3 table 100; "
	"ip -6 route add default via 3fff::3 table 100";

static const uint8_t second_mac[6] = { 2, 0, 0, 0, 0, 10 };

static uint32_t now_ms(void)
{
	struct timespec t;

	REQUIRE(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000) | 1;
}

/* The supervisor has just heard of a change, and listens. */
static void tell(struct box *b)
{
	b->host->exits_since = now_ms();
	while (now_ms() - b->host->exits_since < 20) /* the program's clock is a coarse one */
		continue;
}

static void ip(const char *command)
{
	char line[300];

	snprintf(line, sizeof(line), "ip %s 2>/dev/null", command);
	if (system(line) != 0)
		test_skip("the ip program cannot do it");
}

static struct box *box_with_neighbours(void)
{
	struct box *b = box_new();

	box_stand(b, STAND_TC_OUT);
	if (system(second_neighbour) != 0)
		test_skip("the ip program cannot do it");
	tell(b);
	return b;
}

/* --- packets --- */

struct packet {
	uint8_t bytes[2048];
	size_t len;
};

static struct packet packet_with(const struct ends *e, bool is_64, uint32_t payload, uint8_t tos)
{
	struct packet p;

	p.len = packet_of(p.bytes, e, is_64, payload);
	if (is_64) {
		p.bytes[0] = (uint8_t)(0x60 | tos >> 4);
		p.bytes[1] = (uint8_t)(tos << 4);
		return p;
	}
	p.bytes[1] = tos;
	header4_sum(p.bytes);
	return p;
}

enum to { TO_FIRST, TO_SECOND, TO_KERNEL, TO_NOBODY, TO_OTHER };

static enum to run_once(struct box *b, const struct packet *p)
{
	static const uint8_t nobody[6];
	static struct frame f;

	frame_of(&f, p->bytes, p->len);
	if (!box_run(b, &f))
		return TO_NOBODY;
	if (memcmp(f.bytes, nobody, 6) == 0)
		return TO_KERNEL;
	return memcmp(f.bytes, next_mac, 6) == 0     ? TO_FIRST
	       : memcmp(f.bytes, second_mac, 6) == 0 ? TO_SECOND
						     : TO_OTHER;
}

/* One packet a second to each neighbour goes by the kernel's own way, without an address yet; the next one does not. */
static enum to run(struct box *b, const struct packet *p)
{
	enum to to = run_once(b, p);

	return to == TO_KERNEL ? run_once(b, p) : to;
}

/* --- what is asked --- */

static const struct rule {
	const char *name, *rule;
	bool is_64;
	uint8_t proto, tos;
	enum to to;
} rules[] = {
	{ "IPv4 source", "rule add from 192.0.2.64 lookup 100", true, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "IPv4 destination", "rule add to 198.51.100.10 lookup 100", true, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "another destination", "rule add to 198.51.100.11 lookup 100", true, IPPROTO_UDP_NR, 0, TO_FIRST },
	{ "IPv4 type of service", "rule add tos 0x10 lookup 100", true, IPPROTO_UDP_NR, 0x10, TO_SECOND },
	{ "protocol UDP", "rule add ipproto udp lookup 100", true, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "protocol TCP", "rule add ipproto tcp lookup 100", true, IPPROTO_TCP_NR, 0, TO_SECOND },
	{ "another protocol", "rule add ipproto udp lookup 100", true, IPPROTO_TCP_NR, 0, TO_FIRST },
	{ "source port, the pool's", "rule add sport 36866 lookup 100", true, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "destination port", "rule add dport 2000 lookup 100", true, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "a port, and an echo that has it", "rule add sport 36866 lookup 100", true, IPPROTO4_ICMP, 0,
		TO_FIRST },
	{ "the TUN device", "rule add iif tun0 lookup 100", true, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "IPv6 source", "-6 rule add from 64:ff9b::c633:640a lookup 100", false, IPPROTO_UDP_NR, 0,
		TO_SECOND },
	{ "IPv6 destination", "-6 rule add to 2400::1 lookup 100", false, IPPROTO_UDP_NR, 0, TO_SECOND },
	{ "IPv6 traffic class", "-6 rule add tos 0x10 lookup 100", false, IPPROTO_UDP_NR, 0x10, TO_SECOND },
	{ "IPv6 protocol", "-6 rule add ipproto ipv6-icmp lookup 100", false, IPPROTO4_ICMP, 0, TO_SECOND },
	{ "IPv6 destination port", "-6 rule add dport 32769 lookup 100", false, IPPROTO_UDP_NR, 0,
		TO_SECOND },
	{ "the TUN device, IPv6", "-6 rule add iif tun0 lookup 100", false, IPPROTO_UDP_NR, 0, TO_SECOND },
};

static void delete_rule(const char *rule)
{
	char line[256];
	bool is_6 = rule[0] == '-';

	snprintf(line, sizeof(line), "%srule del %s", is_6 ? "-6 " : "", strstr(rule, "add ") + 4);
	ip(line);
}

TEST(each_part_of_what_a_packet_becomes_is_looked_at_by_the_rules)
{
	struct box *b = box_with_neighbours();

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];
		const struct ends e = ends_of(r->proto, r->is_64);
		const struct packet p = packet_with(&e, r->is_64, PAYLOAD, r->tos);

		test_row(r->name);
		box_clear(b);
		REQUIRE(r->is_64 ? box_enter64(b, &e) != NULL : box_enter46(b, &e) != NULL);
		CHECK_INT(run(b, &p), TO_FIRST);
		ip(r->rule);
		tell(b);
		CHECK_INT(run(b, &p), r->to);
		CHECK_INT(run(b, &p), r->to);
		delete_rule(r->rule);
		tell(b);
	}
	test_row(NULL);
	box_free(b);
}

/* --- which exit --- */

TEST(a_packet_that_is_too_long_for_the_exit_of_its_flow_goes_up_and_a_train_does_not)
{
	for (int is_pair = 0; is_pair < 2; is_pair++) {
		struct box *b = box_with_neighbours();
		const struct ends e = ends_of(IPPROTO_UDP_NR, true);
		const uint32_t most = SMALL_MTU - IP4_HDR_LEN - UDP_HDR_LEN;
		struct packet p = packet_with(&e, true, PAYLOAD, 0);

		ip("link set out0 mtu 1300");
		tell(b);
		b->head->has_pairs = (uint32_t)is_pair;
		REQUIRE(is_pair ? box_enter_pair(b, &e, false) != NULL : box_enter64(b, &e) != NULL);
		CHECK_INT(run(b, &p), TO_FIRST);
		p = packet_with(&e, true, most, 0);
		CHECK_INT(run(b, &p), TO_FIRST);
		p = packet_with(&e, true, most + 1, 0);
		CHECK_INT(run(b, &p), TO_NOBODY);
		CHECK_INT(UP(b, FLOW_UP_TOO_BIG), 1);
		b->gso_size = 500;
		CHECK_INT(run(b, &p), TO_FIRST);
		tell(b); /* it looks its way up, with the length of a segment */
		CHECK_INT(run(b, &p), TO_FIRST);
		CHECK_INT(UP(b, FLOW_UP_TOO_BIG), 1);
		box_free(b);
	}
}

/* An exit that is another one in any byte is not taken for the one that was looked up. */
TEST(each_part_of_an_exit_tells_it_from_others)
{
	struct box *b = box_with_neighbours();
	const struct ends e = ends_of(IPPROTO_UDP_NR, true);
	const struct packet p = packet_with(&e, true, PAYLOAD, 0);
	int map = bpf_map__fd(b->bpf->maps.exits);
	uint8_t was[EXIT_BYTES], now[EXIT_BYTES];

	REQUIRE(bpf_map__value_size(b->bpf->maps.exits) == EXIT_BYTES);
	struct flow64_slot *s = box_enter64(b, &e);

	CHECK_INT(run(b, &p), TO_FIRST);
	uint32_t exit = s->exit;

	REQUIRE(exit != 0);
	REQUIRE(bpf_map_lookup_elem(map, &exit, was) == 0);
	for (size_t i = EXIT_IS; i < EXIT_BYTES; i++) {
		if (i == EXIT_UNUSED)
			continue;
		memcpy(now, was, EXIT_BYTES);
		now[i] ^= 1;
		uint32_t at = now_ms();

		memcpy(now + EXIT_AT, &at, sizeof(at)); /* some flow uses it */
		REQUIRE(bpf_map_update_elem(map, &exit, now, BPF_ANY) == 0);
		s->exit = 0;
		CHECK_INT(run(b, &p), TO_FIRST);
		CHECK(s->exit != exit && s->exit != 0);
	}
	box_free(b);
}

static void exit_refresh(const struct box *b, uint32_t exit)
{
	uint8_t value[EXIT_BYTES];
	int map = bpf_map__fd(b->bpf->maps.exits);
	uint32_t at = now_ms() - 10;

	REQUIRE(bpf_map_lookup_elem(map, &exit, value) == 0);
	memcpy(value + EXIT_AT, &at, sizeof(at));
	REQUIRE(bpf_map_update_elem(map, &exit, value, BPF_ANY) == 0);
}

/* The supervisor's clock may be ahead of the programs', which is a coarse one; and a change in the very same millisecond counts. */
TEST(a_change_counts_however_close_the_clocks_are)
{
	struct box *b = box_with_neighbours();
	const struct ends e = ends_of(IPPROTO_UDP_NR, true);
	const struct packet p = packet_with(&e, true, PAYLOAD, 0);
	struct flow64_slot *s = box_enter64(b, &e);

	for (unsigned i = 0; i < 12; i++) {
		CHECK_INT(run(b, &p), i % 2 ? TO_SECOND : TO_FIRST);
		ip(i % 2 ? "route del 198.51.100.10" : "route add 198.51.100.10 via 198.18.0.3");
		CHECK(s->exit != 0);
		exit_refresh(b, s->exit);
		s->seen = now_ms();
		b->host->exits_since = i < 6 ? s->seen : s->seen + 40;
		CHECK_INT(run(b, &p), i % 2 ? TO_FIRST : TO_SECOND);
		while ((int32_t)(now_ms() - b->host->exits_since) < 20)
			continue;
	}
	box_free(b);
}

/* --- without state: the route is that of the pair and of its ports --- */

static struct ends with_ports(uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct ends e = ends_of(proto, true);

	be16_put(e.sport6, sport);
	be16_put(e.dport6, dport);
	return e;
}

static const struct pair_rule {
	const char *name, *rule;
	uint8_t proto[2], tos[2];
	uint16_t sport[2], dport[2];
} pair_rules[] = {
	{ "the ports, the other way round", "rule add dport 53 lookup 100",
		{ IPPROTO_UDP_NR, IPPROTO_UDP_NR }, { 0, 0 }, { 53, 1000 }, { 1000, 53 } },
	{ "the protocol", "rule add ipproto tcp lookup 100", { IPPROTO_UDP_NR, IPPROTO_TCP_NR }, { 0, 0 },
		{ 1000, 1000 }, { 2000, 2000 } },
	{ "the type of service", "rule add tos 0x10 lookup 100", { IPPROTO_UDP_NR, IPPROTO_UDP_NR },
		{ 0, 0x10 }, { 1000, 1000 }, { 2000, 2000 } },
};

TEST(packets_of_a_pair_go_by_the_route_of_their_own_ports_protocol_and_service)
{
	struct box *b = box_with_neighbours();
	const struct ends pair = ends_of(IPPROTO_UDP_NR, true);

	b->head->has_pairs = 1;
	REQUIRE(box_enter_pair(b, &pair, false));
	for (size_t i = 0; i < ARRAY_LEN(pair_rules); i++) {
		const struct pair_rule *r = &pair_rules[i];

		test_row(r->name);
		ip(r->rule);
		for (unsigned n = 0; n < 6; n++) {
			const struct ends e = with_ports(r->proto[n % 2], r->sport[n % 2], r->dport[n % 2]);
			const struct packet p = packet_with(&e, true, PAYLOAD, r->tos[n % 2]);

			CHECK_INT(run(b, &p), n % 2 ? TO_SECOND : TO_FIRST);
		}
		delete_rule(r->rule);
	}
	test_row(NULL);
	box_free(b);
}

TEST(pairs_do_not_take_each_others_routes_nor_those_that_were_in_their_place)
{
	struct box *b = box_with_neighbours();
	struct ends e = ends_of(IPPROTO_UDP_NR, true), other = e;

	ip("route add 198.51.100.11 via 198.18.0.3");
	other.src6[15] = 2;
	other.dst6[15] = other.dst4[3] = 11;
	b->head->has_pairs = 1;
	struct flow_pair *s = box_enter_pair(b, &e, false);

	s->sequence = 2; /* so that nothing but their places tells them apart */
	box_enter_pair(b, &other, false)->sequence = 2;
	const struct packet p = packet_with(&e, true, PAYLOAD, 0), q = packet_with(&other, true, PAYLOAD, 0);

	for (unsigned i = 0; i < 3; i++) {
		CHECK_INT(run(b, &p), TO_FIRST);
		CHECK_INT(run(b, &q), TO_SECOND);
	}
	CHECK_INT(run(b, &p), TO_FIRST);
	memcpy(&s->dst4, other.dst4, 4);
	s->sequence = 4;
	CHECK_INT(run(b, &p), TO_SECOND);
	box_free(b);
}

TEST(a_change_of_routes_moves_a_pair_soon)
{
	struct box *b = box_with_neighbours();
	const struct ends e = ends_of(IPPROTO_UDP_NR, true);
	const struct packet p = packet_with(&e, true, PAYLOAD, 0);

	b->head->has_pairs = 1;
	REQUIRE(box_enter_pair(b, &e, false));
	CHECK_INT(run(b, &p), TO_FIRST);
	ip("route add 198.51.100.10 via 198.18.0.3");
	uint32_t begin = now_ms();

	while (run(b, &p) != TO_SECOND && now_ms() - begin < LATE_MS)
		continue;
	CHECK_INT(run(b, &p), TO_SECOND);
	box_free(b);
}

/* --- the kernel's own packets to neighbours --- */

TEST(one_packet_a_second_to_each_neighbour_is_the_kernels)
{
	struct box *b = box_with_neighbours();
	const struct ends e = ends_of(IPPROTO_UDP_NR, true);
	struct ends other = e;
	unsigned kernels = 0;

	ip("route add 198.51.100.11 via 198.18.0.3");
	other.dst6[15] = other.dst4[3] = 11;
	REQUIRE(box_enter64(b, &e) && box_enter64(b, &other));
	const struct packet p = packet_with(&e, true, PAYLOAD, 0), q = packet_with(&other, true, PAYLOAD, 0);

	CHECK_INT(run_once(b, &p), TO_KERNEL);
	CHECK_INT(run_once(b, &p), TO_FIRST);
	CHECK_INT(run_once(b, &q), TO_KERNEL);
	CHECK_INT(run_once(b, &q), TO_SECOND);
	for (uint32_t begin = now_ms(); now_ms() - begin < 2500;)
		kernels += run_once(b, &p) == TO_KERNEL;
	CHECK(kernels >= 1 && kernels <= 3);
	/* One whose address shares a place with the other's. */
	ip("neigh replace 198.18.0.3 lladdr 02:00:00:00:00:0d dev out0 nud permanent");
	tell(b);
	CHECK_INT(run(b, &p), TO_FIRST);
	CHECK_INT(run_once(b, &q), TO_KERNEL);
	CHECK_INT(run_once(b, &q), TO_OTHER);
	box_free(b);
}
