/*
 * test_flow_vectors.c - the conformance vectors, through the programs of bpf/flow.bpf.c in the kernel
 *
 * A slot is made from the packet that goes in and the tuple that the result shall carry. Then the packet must come out as the
 * vector says, byte for byte, or unchanged and counted: which of both is said here from what parsing finds. Partial checksums
 * and trains of segments are in test_flow_live.c, as BPF_PROG_TEST_RUN makes none. Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"
#include "flow_expect.h"

#include "slow_sum.h"
#include "vector.h"

#include <stdio.h>
#include <string.h>

static const char *const files[] = { "tcp_udp.vec", "echo.vec", "header.vec", "protocol.vec", "fragment.vec",
	"icmp_types.vec", "icmp_error.vec" };

static struct vector vector;
static uint8_t memory[PACKET_MAX + 512];

enum expectation { TRANSLATED, LEFT_ALONE, STAYS_WRONG };

/* The other half of the ends: what the result shall carry. */
static void ends_complete(struct ends *e)
{
	if (vector.direction == VECTOR_64) {
		const struct tuple4 *t = &vector.to4.outer;

		addr4_put(e->src4, t->src);
		addr4_put(e->dst4, t->dst);
		be16_put(e->sport4, t->sport);
		be16_put(e->dport4, e->proto == IPPROTO4_ICMP ? t->sport : t->dport);
		return;
	}
	const struct tuple6 *t = &vector.to6.outer;

	addr6_put(e->src6, t->src);
	addr6_put(e->dst6, t->dst);
	be16_put(e->sport6, e->proto == IPPROTO4_ICMP ? t->dport : t->sport);
	be16_put(e->dport6, t->dport);
}

/* A flow keeps its far end: its address is that in the prefix, its port is the same in both families. */
static bool is_flow(const struct ends *e)
{
	bool is_64 = vector.direction == VECTOR_64;
	const uint8_t *far6 = is_64 ? e->dst6 : e->src6, *far4 = is_64 ? e->dst4 : e->src4;

	if (memcmp(far6 + 12, far4, 4) != 0)
		return false;
	if (e->proto == IPPROTO4_ICMP)
		return true;
	return is_64 ? memcmp(e->dport6, e->dport4, 2) == 0 : memcmp(e->sport6, e->sport4, 2) == 0;
}

/* What docs/fastpath.md says about what goes up. */
static enum expectation expected(struct pkt *p)
{
	enum drop_reason why = pkt_parse(p);
	const struct view *v = &p->v;

	if (why == DROP_ICMP_CHECKSUM && is_echo(p))
		return STAYS_WRONG;
	if (why != DROP_NONE || vector.drop != DROP_NONE)
		return LEFT_ALONE;
	if (vector.direction == VECTOR_64 && v->kind == L4_ICMP_QUERY && vector.to4.outer.sport == 0)
		return LEFT_ALONE; /* it may be one of nothing but zeros */
	return is_plain(p, false) ? TRANSLATED : LEFT_ALONE;
}

/* The identification is the program's own choice; all else of the header is not. */
static void expect_id(uint8_t *want, const uint8_t *got)
{
	if (want[0] >> 4 != 4)
		return;
	memcpy(want + 4, got + 4, 2);
	memset(want + 10, 0, 2);
	be16_put(want + 10, (uint16_t)~slow_ones(slow_sum(want, IP4_HDR_LEN)));
	if (be16_at(want + 6) & 0x4000)
		CHECK_INT(be16_at(got + 4), 0);
}

static unsigned by_kernel; /* packets whose Ethernet header the kernel is to make: one in a second */

static void check_ethernet(const struct box *b, const struct frame *f)
{
	static const uint8_t types[2][2] = { { 0x08, 0x00 }, { 0x86, 0xdd } };

	if (box_is_routed(b)) /* the kernel takes that header off */
		return;
	if (b->stand == STAND_TC_OUT && memcmp(f->bytes, next_mac, 6) != 0) {
		by_kernel++;
		return;
	}
	CHECK_BYTES(f->bytes + 12, 2, types[f->bytes[ETHERNET] >> 4 == 6], 2);
	CHECK_BYTES(f->bytes, 6, next_mac, 6);
	CHECK_BYTES(f->bytes + 6, 6, out_mac, 6);
}

static void check_translated(struct box *b, const struct frame *f)
{
	uint8_t *want = vector.out.outer.bytes;
	size_t len = vector.out.outer.len;

	expect_id(want, f->bytes + ETHERNET);
	CHECK_BYTES(f->bytes + ETHERNET, f->len - ETHERNET, want, len);
	check_ethernet(b, f);
	CHECK_INT(box_ups(b), 0);
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, routed)), box_is_routed(b));
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, redirected)), !box_is_routed(b));
}

static void check_left_alone(struct box *b, const struct frame *got, const struct frame *was)
{
	CHECK_BYTES(got->bytes, got->len, was->bytes, was->len);
	CHECK_INT(box_ups(b), box_counts_ups(b));
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, routed)), 0);
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, redirected)), 0);
}

/* The programs do not verify checksums of ICMP. */
static void check_stays_wrong(const struct frame *got)
{
	const uint8_t *ip = got->bytes + ETHERNET;
	uint32_t header = ip[0] >> 4 == 6 ? IP6_HDR_LEN : IP4_HDR_LEN;

	CHECK(!slow_transport_ok(ip, ip[0] >> 4 == 6 ? IPPROTO6_ICMP : IPPROTO4_ICMP, ip + header,
		got->len - ETHERNET - header));
}

static struct frame was, now;

static void run_with(struct box *b, const struct ends *e, enum expectation want)
{
	const struct stack *in = &vector.in.outer;

	box_clear(b);
	REQUIRE(vector.direction == VECTOR_64 ? box_enter64(b, e) != NULL : box_enter46(b, e) != NULL);
	frame_of(&was, in->bytes, in->len);
	now = was;
	bool is_sent = box_run(b, &now);

	CHECK_INT(is_sent, want != LEFT_ALONE);
	if (want == LEFT_ALONE)
		check_left_alone(b, &now, &was);
	else if (want == TRANSLATED)
		check_translated(b, &now);
	else
		check_stays_wrong(&now);
}

/* Returns whether the vector came out translated. */
static bool run_vector(struct box *b)
{
	const struct stack *in = &vector.in.outer;
	struct pkt p = assemble_pkt(&vector.in, memory, sizeof(memory), PKT_HEADROOM);
	struct ends e = { 0 };

	if (vector.drop == DROP_NO_HEADROOM) /* that is the kernel's to make */
		return false;
	if (vector.in.off.csum_partial || vector.in.off.gso != GSO_NONE || in->len < IP6_HDR_LEN)
		return false;
	if (!ends_read(&e, in->bytes, in->len))
		return false;
	ends_complete(&e);
	box_prefix(b, vector.direction == VECTOR_64 ? e.dst6 : e.src6, 96);
	enum expectation want = expected(&p);

	if (want == TRANSLATED && !is_flow(&e))
		return false;
	run_with(b, &e, want);
	return want == TRANSLATED;
}

static void run_files(struct box *b)
{
	unsigned translated = 0, all = 0;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct vector_file f;
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", VECTOR_DIR, files[i]);
		REQUIRE(vector_open(&f, path));
		while (vector_next(&f, &vector) > 0) {
			test_row(vector.name);
			translated += run_vector(b);
			all++;
		}
		vector_close(&f);
	}
	test_row(NULL);
	printf("%u of %u vectors were translated\n", translated, all);
	CHECK(translated >= 45);
	CHECK(by_kernel < translated / 2);
}

static void stand_and_run(enum stand at)
{
	struct box *b = box_new();

	box_stand(b, at);
	run_files(b);
	box_free(b);
}

TEST(every_vector_comes_out_of_tc_as_it_says_or_unchanged)
{
	stand_and_run(STAND_TC_ROUTE);
}

TEST(every_vector_whose_checksum_was_verified_comes_out_of_tc_the_same)
{
	stand_and_run(STAND_TC_VERIFIED);
}

TEST(every_vector_that_was_summed_up_comes_out_of_tc_with_the_right_sum)
{
	stand_and_run(STAND_TC_SUMMED);
}

TEST(every_vector_is_sent_out_by_tc_as_it_says_or_unchanged)
{
	stand_and_run(STAND_TC_OUT);
}

TEST(every_vector_is_sent_out_by_xdp_as_it_says_or_unchanged)
{
	stand_and_run(STAND_XDP);
}
