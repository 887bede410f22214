/* test_flowadopt.c - flows that a translator has left in the tables, and what the next one makes of them */
#include "flowtest.h"

struct adopter {
	struct fast f;
	unsigned asked;
	enum flow_adopt says;
	struct flow_left last;
};

/* Makes the session by a packet of it, as good as any other way. */
static enum flow_adopt adopt(void *ctx, const struct flow_left *l, uint32_t *ret)
{
	struct adopter *a = ctx;
	uint32_t next;

	a->asked++;
	a->last = *l;
	if (a->says != FLOW_ADOPT_TAKEN)
		return a->says;
	craft_udp(&a->f.b->in, &to_server, l->in_port, l->remote_port, 20);
	CHECK_INT(send_plain(a->f.b), VERDICT_SEND);
	*ret = state_next_session(nat64_state(a->f.b->n), 0, &next);
	return FLOW_ADOPT_TAKEN;
}

/* The only flow's slots. */
struct left {
	struct flow64_slot *s;
	struct flow46_slot *t;
};

static struct left only_slots(struct fast f)
{
	struct left l = { 0 };

	for (uint32_t i = 0; i < SETS * FLOW_WAYS; i++) {
		struct flow64_slot *s = &f.m->maps.flows64[i / FLOW_WAYS].way[i % FLOW_WAYS];
		struct flow46_slot *t = &f.m->maps.flows46[i / FLOW_WAYS].way[i % FLOW_WAYS];

		l.s = s->epoch ? s : l.s;
		l.t = t->epoch ? t : l.t;
	}
	REQUIRE(l.s && l.t);
	return l;
}

/* A change that is made to them while nobody lives. */
typedef void (*tamper_fn)(const struct left *l);

/* A translator is gone and has left a flow; another one begins with the tables. */
static struct adopter restarted_after(
	enum flow_adopt says, const struct nat64_config *other, tamper_fn tamper)
{
	struct adopter a = { .f = fast_new(), .says = says };
	struct bench *b = a.f.b;
	uint8_t seed[32] = { 1, 2, 3 };

	(void)udp_entered(a.f);
	nat64_leave_flows(b->n);
	nat64_free(b->n);
	flow_claims_free(&a.f.m->maps);
	CHECK(udp_out((struct fast){ b, a.f.m })); /* nobody lives, and packets pass */
	const struct left l = only_slots(a.f);

	if (tamper)
		tamper(&l);
	REQUIRE(flow_claims_new(&a.f.m->maps, FLOW_START_ADOPT) == 0);
	if (other) {
		b->cfg = *other;
		b->cfg.flows = &a.f.m->maps;
	}
	REQUIRE(nat64_new(&b->cfg, seed, b->now, &b->n) == 0);
	nat64_adopt_flows(b->n, b->now, adopt, &a);
	nat64_adopt_flows(
		b->n, b->now, adopt, &a); /* as another worker: what has an owner is not told again */
	flow_claims_settle(&a.f.m->maps);
	b->now += NSEC;
	tick(a.f);
	return a;
}

static struct adopter restarted(enum flow_adopt says, const struct nat64_config *other)
{
	return restarted_after(says, other, NULL);
}

TEST(a_flow_that_was_left_is_adopted_and_counted_on)
{
	struct adopter a = restarted(FLOW_ADOPT_TAKEN, NULL);
	struct session s;
	bool cached;

	CHECK_INT(a.asked, 1);
	CHECK_INT(a.last.proto, PROTO_UDP);
	CHECK_INT(a.last.in_port, 40000);
	CHECK_INT(a.last.remote_port, 53);
	check_addr6(a.last.in, CLIENT);
	check_addr4(a.last.out, POOL);
	check_addr4(a.last.remote, SERVER);
	CHECK_INT(a.last.pkts_64, 3);
	CHECK_INT(a.last.pkts_46, 3);
	CHECK(a.last.used > 0 && a.last.used <= a.f.b->now);
	CHECK_INT(count(a.f).adopted, 1);
	CHECK_INT(count(a.f).flows, 1);
	CHECK(udp_out(a.f));
	REQUIRE(only_session(a.f, &cached, &s));
	CHECK(cached);
	CHECK_INT(s.pkts_64, 1 + 1); /* one made it, one passed; the three before are the adopter's to add */
	CHECK_INT(s.bytes_64, 2 * 68);
	CHECK_INT(s.pkts_46, 0);
	CHECK_INT(s.bytes_46, 0);
	fast_free(a.f);
}

TEST(a_flow_that_is_refused_ends)
{
	struct adopter a = restarted(FLOW_ADOPT_REFUSED, NULL);

	CHECK_INT(a.asked, 1);
	CHECK_INT(count(a.f).flows, 0);
	CHECK(!udp_out(a.f));
	fast_free(a.f);
}

TEST(a_flow_that_nobody_takes_ends_when_all_have_looked)
{
	struct adopter a = restarted(FLOW_ADOPT_FOREIGN, NULL);

	CHECK_INT(a.asked, 2); /* by both */
	CHECK(!udp_out(a.f));
	fast_free(a.f);
}

TEST(with_other_prefixes_the_slots_count_no_more_but_are_told)
{
	struct bench *b = bench_config();
	struct nat64_config c = b->cfg;

	free(b);
	c.prefixes[1] = c.prefixes[0];
	REQUIRE(prefix6_parse("2001:db8:64::/96", &c.prefixes[0]) == 0);
	c.prefixes_len = 2;
	struct adopter a = restarted(FLOW_ADOPT_TAKEN, &c);

	CHECK_INT(a.asked, 1);
	CHECK_INT(a.last.prefix, 1);
	CHECK_INT(count(a.f).flows, 0);
	CHECK(!udp_out(a.f));
	fast_free(a.f);
}

/* --- slots that are not what they should be --- */

#define TAMPER(name, change)                                                                                 \
	static void name(const struct left *l)                                                               \
	{                                                                                                    \
		change;                                                                                      \
	}

TAMPER(other_epoch46, l->t->epoch++)
TAMPER(other_remote, l->t->remote ^= 1)
TAMPER(other_out, l->t->out ^= 1)
TAMPER(other_remote_port, l->t->remote_port ^= 1)
TAMPER(other_out_port, l->t->out_port ^= 1)
TAMPER(other_proto, l->t->proto = IPPROTO_TCP_NR)
TAMPER(other_prefix, l->t->prefix = 1)
TAMPER(other_in_port, l->t->in_port ^= 1)
TAMPER(other_in, l->t->in[15] ^= 1)
TAMPER(odd46, l->t->sequence++)
TAMPER(odd64, l->s->sequence++)
TAMPER(both_old, l->s->epoch = l->t->epoch = (uint16_t)(l->s->epoch + 1))
TAMPER(unknown_proto, l->s->proto = l->t->proto = 132)
TAMPER(no_prefix, l->s->prefix = l->t->prefix = 1)
TAMPER(impossible_prefix, l->s->prefix = l->t->prefix = 200)
TAMPER(awaits64, l->s->flags = FLOW_AWAITS_SYN)
TAMPER(awaits46, l->t->flags = FLOW_AWAITS_SYN)
TAMPER(wrong_sum64, l->s->sum_addrs ^= 1)
TAMPER(wrong_sum46, l->t->sum_addrs ^= 1)
TAMPER(hairpin, l->s->flags = FLOW_HAIRPIN)
TAMPER(was_answered, l->s->flags = FLOW_AWAITS_SYN | FLOW_SAW_SYN)

static const struct {
	const char *name;
	tamper_fn tamper;
	unsigned asked, flows;
} tampered[] = {
	{ "nothing", NULL, 1, 1 },
	{ "the epoch of one half", other_epoch46, 0, 0 },
	{ "the remote address", other_remote, 0, 0 },
	{ "the pool's address", other_out, 0, 0 },
	{ "the remote port", other_remote_port, 0, 0 },
	{ "the pool's port", other_out_port, 0, 0 },
	{ "the protocol", other_proto, 0, 0 },
	{ "the prefix", other_prefix, 0, 0 },
	{ "the client's port", other_in_port, 0, 0 },
	{ "the client's address", other_in, 0, 0 },
	{ "half of it was being written", odd46, 0, 0 },
	{ "... the other half", odd64, 0, 0 },
	{ "the epoch of both", both_old, 0, 0 },
	{ "a protocol that has no flows", unknown_proto, 0, 0 },
	{ "a prefix that there was not", no_prefix, 0, 0 },
	{ "a prefix that cannot be", impossible_prefix, 0, 0 },
	{ "a SYN is awaited from IPv6", awaits64, 0, 0 },
	{ "a SYN is awaited from IPv4", awaits46, 0, 0 },
	{ "a SYN was awaited, and came", was_answered, 1, 1 },
	{ "a sum", wrong_sum64, 1, 0 },
	{ "the other sum", wrong_sum46, 1, 0 },
	{ "it would turn around", hairpin, 1, 0 },
};

TEST(a_flow_goes_on_only_if_its_slots_say_what_they_should)
{
	for (size_t i = 0; i < ARRAY_LEN(tampered); i++) {
		test_row(tampered[i].name);
		struct adopter a = restarted_after(FLOW_ADOPT_TAKEN, NULL, tampered[i].tamper);

		CHECK_INT(a.asked, tampered[i].asked);
		CHECK_INT(count(a.f).flows, tampered[i].flows);
		CHECK_INT(udp_out(a.f), tampered[i].flows > 0);
		fast_free(a.f);
	}
	test_row(NULL);
}

TAMPER(unused_from_6, l->s->seen -= 5000)
TAMPER(unused_from_4, l->t->seen -= 5000)

TEST(a_flow_was_used_when_the_later_of_its_halves_was)
{
	static const tamper_fn earlier[] = { unused_from_6, unused_from_4 };

	for (size_t i = 0; i < ARRAY_LEN(earlier); i++) {
		struct adopter a = restarted_after(FLOW_ADOPT_REFUSED, NULL, earlier[i]);

		CHECK(a.last.used + NSEC >= a.f.b->now - NSEC);
		fast_free(a.f);
	}
}

TEST(a_prefix_is_found_by_address_and_length)
{
	static const struct {
		const char *prefix;
		unsigned asked;
	} now[] = { { "64:ff9b::/96", 1 }, { "64:ff9b:0:1::/96", 0 }, { "64:ff9b::/64", 0 } };

	for (size_t i = 0; i < ARRAY_LEN(now); i++) {
		struct bench *b = bench_config();
		struct nat64_config c = b->cfg;

		free(b);
		REQUIRE(prefix6_parse(now[i].prefix, &c.prefixes[0]) == 0);
		struct adopter a = restarted(FLOW_ADOPT_FOREIGN, &c);

		test_row(now[i].prefix);
		CHECK_INT(a.asked, 2 * now[i].asked);
		fast_free(a.f);
	}
	test_row(NULL);
}

TEST(an_adopted_flow_leaves_as_any_other)
{
	struct adopter a = restarted(FLOW_ADOPT_TAKEN, NULL);

	CHECK_INT(count(a.f).flows, 1);
	CHECK_INT(nat64_update(a.f.b->n, &a.f.b->cfg), 0);
	tick(a.f);
	CHECK_INT(count(a.f).flows, 0);
	CHECK_INT(count(a.f).left[FLOW_LEAVE_CONFIG], 1);
	fast_free(a.f);
}
