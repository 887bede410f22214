/*
 * test_flow_exit.c - where the programs send a known flow: exits that flows share, and what they do when routes change
 *
 * The network of flow_box.c, with a second neighbour. Which of them a frame is for says its destination address. Some cases must not
 * take longer than an exit counts without a look-up; if the machine was too slow for that, they are tried again.
 */
#include "flow_box.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_MS 100 /* of bpf/flow_write.bpf.h */
#define SOON_MS (EXIT_MS / 2)
#define LATE_MS 2000 /* within this everything must have been seen */
#define TRIES 20
#define EXIT_WORDS                                                                                           \
	8 /* of an exit, see struct flow_exit there: lock, sequence, at, interface, then the rest */
#define EXIT_AT 2
#define EXIT_INTERFACE 3

static const char second_neighbour[] =
	"set -e; exec 2>/dev/null; "
	"ip neigh add 198.18.0.3 lladdr 02:00:00:00:00:0a dev out0 nud permanent; "
	"ip neigh add 3fff::3 lladdr 02:00:00:00:00:0a dev out0 nud permanent";

static const uint8_t first[6] = { 2, 0, 0, 0, 0, 9 }, second[6] = { 2, 0, 0, 0, 0, 10 },
		     third[6] = { 2, 0, 0, 0, 0, 11 };

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
	char line[256];

	snprintf(line, sizeof(line), "ip %s 2>/dev/null", command);
	if (system(line) != 0)
		test_skip("the ip program cannot do it");
}

/* --- flows: the last byte of the host's and of the server's address is their number --- */

static struct ends ends_of(uint8_t number)
{
	return (struct ends){
		.src6 = { 0x20, 1, 0xd, 0xb8, [15] = number },
		.dst6 = { 0, 0x64, 0xff, 0x9b, [12] = 203, 0, 113, number },
		.src4 = { 192, 0, 2, 1 },
		.dst4 = { 203, 0, 113, number },
		.sport6 = { 0x20, number },
		.dport6 = { 0, 53 },
		.sport4 = { 0x30, number },
		.dport4 = { 0, 53 },
		.proto = 17,
	};
}

static struct flow64_slot *flow_enter(struct box *b, uint8_t number)
{
	const struct ends e = ends_of(number);
	struct flow64_slot *s = box_enter64(b, &e);

	REQUIRE(s);
	return s;
}

/* From the server to the host; ends are those of the packet. */
static struct flow46_slot *flow_enter46(struct box *b, uint8_t number)
{
	struct ends e = ends_of(number), f = e;

	memcpy(f.src4, e.dst4, 4);
	memcpy(f.dst4, e.src4, 4);
	memcpy(f.src6, e.dst6, 16);
	memcpy(f.dst6, e.src6, 16);
	memcpy(f.sport4, e.dport4, 2);
	memcpy(f.dport4, e.sport4, 2);
	memcpy(f.dport6, e.sport6, 2);
	struct flow46_slot *s = box_enter46(b, &f);

	REQUIRE(s);
	return s;
}

/* One packet a second to each neighbour goes by the kernel's own way, without an address yet; the next one does not. */
static void run(struct box *b, struct frame *f)
{
	static const uint8_t nobody[6];
	static struct frame again;

	again = *f;
	CHECK(box_run(b, f));
	if (memcmp(f->bytes, nobody, 6) != 0)
		return;
	*f = again;
	CHECK(box_run(b, f));
}

/* Runs a packet of the flow to its server; returns the frame that it becomes. */
static const uint8_t *send(struct box *b, uint8_t number, uint8_t tos)
{
	static struct frame f;
	const struct ends e = ends_of(number);
	uint8_t ip6[IP6_HDR_LEN + 20] = { (uint8_t)(0x60 | tos >> 4), (uint8_t)(tos << 4), [5] = 20, 17, 64 };

	memcpy(ip6 + 8, e.src6, 16);
	memcpy(ip6 + 24, e.dst6, 16);
	memcpy(ip6 + 40, e.sport6, 2);
	memcpy(ip6 + 42, e.dport6, 2);
	ip6[45] = 20;
	ip6[46] = 0x12; /* some checksum */
	frame_of(&f, ip6, sizeof(ip6));
	run(b, &f);
	CHECK_INT(f.bytes[ETHERNET], 0x45);
	return f.bytes;
}

/* The same from its server. */
static const uint8_t *send46(struct box *b, uint8_t number)
{
	static struct frame f;
	const struct ends e = ends_of(number);
	uint8_t ip4[IP4_HDR_LEN + 20] = { 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 17 };
	uint32_t sum = 0;

	memcpy(ip4 + 12, e.dst4, 4);
	memcpy(ip4 + 16, e.src4, 4);
	memcpy(ip4 + 20, e.dport4, 2);
	memcpy(ip4 + 22, e.sport4, 2);
	ip4[25] = 20;
	ip4[26] = 0x12;
	for (unsigned i = 0; i < IP4_HDR_LEN; i += 2)
		sum += (uint32_t)ip4[i] << 8 | ip4[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	ip4[10] = (uint8_t)(~sum >> 8);
	ip4[11] = (uint8_t)~sum;
	frame_of(&f, ip4, sizeof(ip4));
	run(b, &f);
	CHECK_INT(f.bytes[ETHERNET] >> 4, 6);
	return f.bytes;
}

static bool goes_to(const uint8_t *frame, const uint8_t *mac)
{
	return memcmp(frame, mac, 6) == 0;
}

/* As if another flow had just looked it up. */
static void exit_refresh(const struct box *b, uint32_t exit)
{
	uint32_t value[EXIT_WORDS];
	int map = bpf_map__fd(b->bpf->maps.exits);

	REQUIRE(bpf_map__value_size(b->bpf->maps.exits) == sizeof(value));
	REQUIRE(bpf_map_lookup_elem(map, &exit, value) == 0);
	value[EXIT_AT] = now_ms() - EXIT_MS / 4; /* not in the future of a coarse clock */
	REQUIRE(bpf_map_update_elem(map, &exit, value, BPF_ANY) == 0);
}

/*
 * Whether packets of flow 2 go there before it is late; @fresh: an exit that other flows keep fresh, or 0.
 * @ret_is_sure:	no exit was too old for the packet that went there first, only because the machine is slow
 */
static bool comes_to(struct box *b, const uint8_t *mac, uint32_t fresh, bool *ret_is_sure)
{
	uint32_t begin = now_ms();

	for (;;) {
		uint32_t sent = now_ms();

		if (fresh)
			exit_refresh(b, fresh);
		bool is_there = goes_to(send(b, 2, 0), mac);

		*ret_is_sure = now_ms() - sent < SOON_MS;
		if (is_there)
			return true;
		if (now_ms() - begin > LATE_MS)
			return false;
	}
}

static struct box *box_at(enum stand at)
{
	struct box *b = box_new();

	box_stand(b, at);
	if (system(second_neighbour) != 0)
		test_skip("the ip program cannot do it");
	tell(b);
	return b;
}

/* --- cases, for both stands --- */

static void case_shared(enum stand at)
{
	struct box *b = box_at(at);
	struct flow64_slot *s = flow_enter(b, 1), *t = flow_enter(b, 2);
	struct flow46_slot *u = flow_enter46(b, 3);

	CHECK_INT(s->exit, 0);
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(goes_to(send(b, 2, 0), first));
	CHECK(goes_to(send46(b, 3), first));
	CHECK(s->exit != 0);
	CHECK_INT(t->exit, s->exit);
	CHECK_INT(u->exit, s->exit); /* one neighbour, one MTU */
	CHECK_INT(t->pkts, 1);
	CHECK_INT(u->pkts, 1);
	box_free(b);
}

/* Flow 2 gets a route of its own, of which nobody tells at first. */
static bool untold_then_told(struct box *b, const __u16 *exit)
{
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(goes_to(send(b, 2, 0), first));
	ip("route replace 203.0.113.2 via 198.18.0.3");
	uint32_t begin = now_ms();

	exit_refresh(b, *exit);
	bool is_old = goes_to(send(b, 2, 0), first), is_quick = now_ms() - begin < SOON_MS;

	if (is_quick)
		CHECK(is_old); /* or there is no use of exits */
	tell(b);
	CHECK(goes_to(send(b, 2, 0), second));
	CHECK(goes_to(send(b, 2, 0), second));
	CHECK(goes_to(send(b, 1, 0), first));
	ip("route del 203.0.113.2");
	tell(b);
	CHECK(goes_to(send(b, 2, 0), first));
	return is_quick;
}

static void case_told(enum stand at)
{
	struct box *b = box_at(at);
	unsigned tries = 0;

	struct flow64_slot *s = flow_enter(b, 1);

	flow_enter(b, 2);
	while (!untold_then_told(b, &s->exit) && tries < TRIES)
		tries++;
	CHECK(tries < TRIES);
	box_free(b);
}

static void case_unheard(enum stand at)
{
	struct box *b = box_at(at);

	b->host->exits_since = now_ms() - FLOW_HEARD_MS - 1;
	struct flow64_slot *s = flow_enter(b, 1);

	flow_enter(b, 2);
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(goes_to(send(b, 2, 0), first));
	bool is_sure = false, is_back = true;

	for (unsigned tries = 0; !is_sure && is_back && tries < TRIES; tries++) {
		bool is_sure_back;

		ip("route replace 203.0.113.2 via 198.18.0.3");
		CHECK(comes_to(b, second, s->exit, &is_sure));
		CHECK(goes_to(send(b, 2, 0), second));
		CHECK(goes_to(send(b, 1, 0), first));
		ip("route del 203.0.113.2");
		is_back = CHECK(comes_to(b, first, s->exit, &is_sure_back));
	}
	CHECK(is_sure);
	box_free(b);
}

static void case_neighbour(enum stand at)
{
	struct box *b = box_at(at);

	flow_enter(b, 1);
	flow_enter(b, 2);
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(goes_to(send(b, 2, 0), first));
	ip("neigh replace 198.18.0.2 lladdr 02:00:00:00:00:0b dev out0 nud permanent");
	bool is_sure;

	CHECK(comes_to(b, third, 0, &is_sure));
	CHECK(goes_to(send(b, 1, 0), third));
	box_free(b);
}

static void case_tos(enum stand at)
{
	struct box *b = box_at(at);

	flow_enter(b, 1);
	ip("route add default via 198.18.0.3 table 100");
	ip("rule add tos 0x10 lookup 100");
	tell(b);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(goes_to(send(b, 1, 0), first));
		CHECK(goes_to(send(b, 1, 0x10), second));
		CHECK(goes_to(send(b, 1, 0x13), second)); /* with marks of RFC 3168 */
	}
	box_free(b);
}

/* All exits are other ones, last confirmed then. */
static void exits_fill(const struct box *b, uint32_t at)
{
	uint32_t value[EXIT_WORDS] = { [EXIT_AT] = at, [EXIT_INTERFACE] = 77 };
	int map = bpf_map__fd(b->bpf->maps.exits);

	REQUIRE(bpf_map__value_size(b->bpf->maps.exits) == sizeof(value));
	for (uint32_t i = 0; i < bpf_map__max_entries(b->bpf->maps.exits); i++)
		REQUIRE(bpf_map_update_elem(map, &i, value, BPF_ANY) == 0);
}

/* An exit that some flow may still name, though nobody has used it of late, is not made another one. */
static void case_full(enum stand at)
{
	struct box *b = box_at(at);
	struct flow64_slot *s = flow_enter(b, 1);

	exits_fill(b, b->host->exits_since);
	while (now_ms() - b->host->exits_since < 2 * EXIT_MS)
		continue;
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK_INT(s->exit, 0);
	tell(b);
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(s->exit != 0);
	box_free(b);
}

/* The time of a flow whose look-up was not kept must not make an exit count that it had before. */
static void case_without(enum stand at)
{
	struct box *b = box_at(at);
	struct flow64_slot *s = flow_enter(b, 1);

	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(s->exit != 0);
	uint16_t before = s->exit;

	exits_fill(b, now_ms() + 10 * EXIT_MS); /* not its exit any more, and fresh */
	tell(b);
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK_INT(s->exit, 0);
	CHECK(goes_to(send(b, 1, 0), first));
	CHECK(s->exit != before);
	box_free(b);
}

#define AT_BOTH(name, body)                                                                                  \
	TEST(name##_at_tc)                                                                                   \
	{                                                                                                    \
		body(STAND_TC_OUT);                                                                          \
	}                                                                                                    \
	TEST(name##_at_xdp)                                                                                  \
	{                                                                                                    \
		body(STAND_XDP);                                                                             \
	}

AT_BOTH(flows_with_one_next_hop_share_an_exit, case_shared)
AT_BOTH(a_change_of_routes_that_was_told_moves_the_next_packet, case_told)
AT_BOTH(a_change_of_routes_that_nobody_hears_of_moves_packets_soon, case_unheard)
AT_BOTH(a_neighbour_with_another_address_is_seen_without_being_told, case_neighbour)
AT_BOTH(packets_of_one_flow_go_by_the_route_of_their_type_of_service, case_tos)
AT_BOTH(an_exit_becomes_another_only_when_no_flow_names_it, case_full)
AT_BOTH(a_flow_without_an_exit_forgets_the_one_it_had, case_without)
