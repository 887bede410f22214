/* test_restore.c - a translator's sessions for the one after it: prefixes, clocks, rules, and the FTP ALG */
#include "ftp_peers.h"

#include "nat64/restore.h"

#define WRITTEN UINT64_C(1700000000000)
#define SECOND 1000 /* ms */

static struct state_record records[SAVE_CHUNK_RECORDS];

/* All records of a translator that has few. */
static unsigned save(struct bench *b, uint64_t *ret_left_out)
{
	struct nat64_saving at = { .next = 0 };
	unsigned len = 0;

	while (at.next != STATE_END && len == 0)
		len = nat64_save(b->n, &at, b->now, records);
	if (ret_left_out)
		*ret_left_out = at.left_out;
	return len;
}

static struct nat64_restoring restoring_at(struct bench *b, const struct save_head *h, uint64_t now_ms)
{
	struct nat64 *all[1] = { b->n };
	struct nat64_restoring r;

	nat64_restore_begin(&r, all, 1, h, now_ms);
	return r;
}

/* A session that was saved: UDP, with five minutes left. */
static struct save_head saved_session(void)
{
	struct bench *b = bench_new();

	open_udp(b, 40000);
	REQUIRE(save(b, NULL) == 1);
	struct save_head h = nat64_save_head(b->n, WRITTEN);

	bench_free(b);
	return h;
}

static uint32_t sessions_of(const struct bench *b)
{
	struct state_stats s;

	state_stats(nat64_state(b->n), &s);
	return s.sessions[PROTO_UDP];
}

TEST(a_flow_goes_on_in_both_directions)
{
	const struct save_head h = saved_session();
	struct bench *b = bench_new();
	struct nat64_restoring r = restoring_at(b, &h, WRITTEN + 2 * SECOND);

	CHECK_INT(nat64_restore(&r, &records[0], b->now), ADOPTION_DONE);
	craft_udp(&b->in, &to_pool, 53, records[0].out_port, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].dport, 40000);
	CHECK_INT(open_udp(b, 40000), records[0].out_port);
	bench_free(b);
}

TEST(the_break_counts_and_a_clock_that_went_back_makes_it_unknown)
{
	static const struct {
		const char *name;
		uint64_t now_ms;
		enum adoption want;
		unsigned left_s;
	} rows[] = {
		{ "at once", WRITTEN, ADOPTION_DONE, 300 },
		{ "after a minute", WRITTEN + 60 * SECOND, ADOPTION_DONE, 240 },
		{ "just in time", WRITTEN + 299 * SECOND, ADOPTION_DONE, 1 },
		{ "too late", WRITTEN + 300 * SECOND, ADOPTION_EXPIRED, 0 },
		{ "years later", WRITTEN * 2, ADOPTION_EXPIRED, 0 },
		{ "at the end of all clocks", UINT64_MAX, ADOPTION_EXPIRED, 0 },
		{ "before it was written", WRITTEN - 1, ADOPTION_DONE, 240 },
		{ "at the beginning of all clocks", 0, ADOPTION_DONE, 240 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct save_head h = saved_session();
		struct bench *b = bench_new();
		struct nat64_restoring r = restoring_at(b, &h, rows[i].now_ms);

		test_row(rows[i].name);
		CHECK_INT(r.is_clock_odd, rows[i].now_ms < WRITTEN);
		CHECK_INT(nat64_restore(&r, &records[0], b->now), rows[i].want);
		if (rows[i].want == ADOPTION_DONE && save(b, NULL) == 1)
			CHECK_INT(records[0].left, rows[i].left_s * NSEC);
		CHECK_INT(sessions_of(b), rows[i].want == ADOPTION_DONE);
		bench_free(b);
	}
}

TEST(sessions_find_their_prefix_wherever_it_stands_now)
{
	const struct save_head h = saved_session();
	struct bench *b = bench_config();

	b->cfg.prefixes[1] = b->cfg.prefixes[0];
	REQUIRE(prefix6_parse("2001:db8:64::/96", &b->cfg.prefixes[0]) == 0);
	b->cfg.prefixes_len = 2;
	bench_start(b);
	struct nat64_restoring r = restoring_at(b, &h, WRITTEN);

	CHECK_INT(nat64_restore(&r, &records[0], b->now), ADOPTION_DONE);
	CHECK_INT(open_udp(b, 40000), records[0].out_port);
	CHECK_INT(sessions_of(b), 1);
	records[0].is_static = true; /* those are of the first prefix only */
	CHECK_INT(nat64_restore(&r, &records[0], b->now), ADOPTION_PREFIX);
	bench_free(b);
}

static void another_prefix(struct bench *b)
{
	REQUIRE(prefix6_parse("2001:db8:64::/96", &b->cfg.prefixes[0]) == 0);
}

static void same_bits_other_length(struct bench *b)
{
	REQUIRE(prefix6_parse("64:ff9b::/64", &b->cfg.prefixes[0]) == 0);
}

static void denied(struct bench *b)
{
	REQUIRE(prefix4_parse("198.51.100.0/24", &b->cfg.deny[0]) == 0);
	b->cfg.deny_len = 1;
}

static void only_global(struct bench *b)
{
	b->cfg.allow_non_global = false;
}

static void client_in_prefix(struct bench *b)
{
	b->cfg.prefixes_len = 2;
	REQUIRE(prefix6_parse("2001:db8:1::/96", &b->cfg.prefixes[1]) == 0);
}

TEST(what_is_not_translated_any_more_ends)
{
	static const struct {
		const char *name;
		void (*change)(struct bench *b);
		enum adoption want;
	} rows[] = {
		{ "another prefix", another_prefix, ADOPTION_PREFIX },
		{ "the same bits, another length", same_bits_other_length, ADOPTION_PREFIX },
		{ "a denied destination", denied, ADOPTION_ADDRESS },
		{ "one that is not global (RFC 6052 s3.1)", only_global, ADOPTION_ADDRESS },
		{ "a host inside a prefix (RFC 6146 s3.5)", client_in_prefix, ADOPTION_ADDRESS },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct save_head h = saved_session();
		struct bench *b = bench_config();

		test_row(rows[i].name);
		rows[i].change(b);
		bench_start(b);
		struct nat64_restoring r = restoring_at(b, &h, WRITTEN);

		CHECK_INT(nat64_restore(&r, &records[0], b->now), rows[i].want);
		CHECK_INT(sessions_of(b), 0);
		bench_free(b);
	}
}

TEST(a_number_that_the_head_does_not_have_is_no_prefix)
{
	struct save_head h = saved_session();
	struct bench *b = bench_new();

	h.prefixes_len = 0;
	struct nat64_restoring r = restoring_at(b, &h, WRITTEN);

	CHECK_INT(nat64_restore(&r, &records[0], b->now), ADOPTION_PREFIX);
	records[0].prefix = UINT8_MAX;
	CHECK_INT(nat64_restore(&r, &records[0], b->now), ADOPTION_PREFIX);
	bench_free(b);
}

TEST(an_ftp_control_connection_goes_on_unless_its_numbers_differ)
{
	static const struct exchange grows = { "EPSV", "EPSV\r\n", "PASV\r\n", "227 (1,2,3,4,5,6)\r\n",
		"229 Entering Extended Passive Mode (|||1286|)\r\n" };
	struct ftp_lab *l = ftp_lab_greeted();
	uint64_t left_out = 4711;

	CHECK_INT(save(l->b, &left_out), 1);
	CHECK_INT(left_out, 0);
	CHECK_INT(records[0].remote_port, 21);
	check_exchange(l, &grows);
	CHECK_INT(save(l->b, &left_out), 0);
	CHECK_INT(left_out, 1);
	ftp_lab_free(l);
}

/* --- flows that were left to the kernel's programs --- */

static struct nat64_adopting adopting_by(struct bench *b)
{
	struct nat64 *all[1] = { b->n };
	struct nat64_adopting a;

	nat64_adopt_left(&a, all, 1, b->now); /* there are no tables */
	a.worker = 0;
	return a;
}

static struct flow_left left_of_test(const struct bench *b)
{
	struct flow_left f = { .proto = PROTO_TCP,
		.in_port = 40000,
		.out_port = 2000,
		.remote_port = 443,
		.used = b->now - 100 * NSEC,
		.pkts_64 = 7 };

	REQUIRE(addr6_parse(CLIENT, &f.in) && addr4_parse(POOL, &f.out) && addr4_parse(SERVER, &f.remote));
	return f;
}

TEST(a_connection_that_was_left_to_the_programs_goes_on_as_established)
{
	struct bench *b = bench_new();
	struct nat64_adopting a = adopting_by(b);
	struct flow_left f = left_of_test(b);
	uint32_t id = 4711;

	CHECK_INT(nat64_adopt_flow(&a, &f, &id), FLOW_ADOPT_TAKEN);
	CHECK_INT(a.adopted[ADOPTION_DONE], 1);
	const struct session *e = state_session(nat64_state(b->n), id);

	REQUIRE(e != NULL);
	CHECK_INT(e->tcp, TCP_ESTABLISHED);
	CHECK_INT(e->pkts_64, 7);
	CHECK_INT(e->expires, f.used + b->cfg.state.lifetime[LIFETIME_TCP_ESTABLISHED]);
	craft_tcp(&b->in, &to_pool, 443, 2000, TCP_ACK, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].dport, 40000);
	bench_free(b);
}

TEST(a_flow_of_a_saved_session_keeps_its_figures)
{
	struct bench *b = bench_new();
	struct nat64_adopting a = adopting_by(b);
	struct flow_left f = left_of_test(b);
	uint32_t first = 4711, second = 4712;

	CHECK_INT(nat64_adopt_flow(&a, &f, &first), FLOW_ADOPT_TAKEN);
	CHECK_INT(nat64_adopt_flow(&a, &f, &second), FLOW_ADOPT_TAKEN);
	CHECK_INT(first, second);
	CHECK_INT(state_session(nat64_state(b->n), first)->pkts_64, 7);
	bench_free(b);
}

TEST(a_flow_that_is_not_allowed_any_more_is_refused_and_counted)
{
	struct bench *b = bench_new();
	struct nat64_adopting a = adopting_by(b);
	struct flow_left old = left_of_test(b), stranger = old, denied = old;
	uint32_t id = 4711;

	old.proto = PROTO_UDP;
	old.used = b->now - 301 * NSEC;
	CHECK_INT(nat64_adopt_flow(&a, &old, &id), FLOW_ADOPT_REFUSED);
	CHECK_INT(a.adopted[ADOPTION_EXPIRED], 1);
	stranger.out.v++;
	CHECK_INT(nat64_adopt_flow(&a, &stranger, &id), FLOW_ADOPT_REFUSED);
	CHECK_INT(a.adopted[ADOPTION_POOL], 1);
	REQUIRE(addr6_parse(SERVER6, &denied.in));
	CHECK_INT(nat64_adopt_flow(&a, &denied, &id), FLOW_ADOPT_REFUSED);
	CHECK_INT(a.adopted[ADOPTION_ADDRESS], 1);
	CHECK_INT(id, 4711);
	bench_free(b);
}
