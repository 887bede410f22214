/*
 * fuzz_dns_message.c - any bytes as a message: from a client, and from libunbound
 *
 * What the reader accepts must survive a copy: the same question, the same number of records in each section,
 * and the copy of the copy must be the same bytes. Replies to any query must be readable and no longer than
 * allowed.
 */
#include "dns64/carrier.h"
#include "dns64/reply.h"
#include "dns64/reverse.h"
#include "dns64/svcb.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static size_t copy_message(const struct dns_msg *m, uint8_t *out, size_t room)
{
	struct dns_wr d;
	struct dns_rr rr;

	dns_wr_begin(&d, out, room);
	dns_wr_question(&d, &m->question);
	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(m, s);

		while (dns_walk_next(&w, &rr) && !d.w.full)
			dns_wr_copy(&d, s, m, &rr, rr.ttl);
	}
	return d.w.full ? 0 : dns_wr_end(&d, m->id, m->flags);
}

/* A message that we wrote, as a reply to its own question: what is kept of it must be readable. */
static void check_kept(const struct dns_msg *m)
{
	static const struct synth_verdict v = { .kind = SYNTH_NATIVE };
	static uint8_t out[DNS_MESSAGE_MAX];
	static struct answers *cache;
	struct query q = { .ask.question = m->question, .has_question = true, .udp_size = 512 };
	struct answer_key k = { .ask = &q.ask };
	struct reply r = { .query = &q, .now = 11 };
	struct dns_msg again;
	bool cut;

	require(cache || answers_new(8, &cache) == 0);
	(void)answers_keep(cache, &k, &v, m->bytes, m->len, 10);
	r.kept = answers_find(cache, &k, r.now);
	if (r.kept) {
		size_t len = reply_build(&r, out, ANSWER_LEN_MAX, &cut);

		require(!cut && dns_msg_parse(out, len, &again));
	}
	(void)answers_forget(cache, &m->question.name, SCOPE_BELOW);
	require(answers_len(cache) == 0);
}

static void check_targets(const struct dns_msg *m)
{
	struct dns_name names[SVCB_TARGETS_MAX];
	unsigned n = svcb_targets(m, names);

	require(n <= SVCB_TARGETS_MAX && (n < 2 || !dns_name_equal(&names[0], &names[1])));
	for (unsigned i = 0; i < n; i++)
		require(names[i].len > 0 && names[i].wire[names[i].len - 1] == 0);
}

static void check_names(const struct dns_msg *m)
{
	char text[DNS_NAME_TEXT];
	struct dns_name end, again;
	struct reverse6 r;

	dns_msg_chain_end(m, &end);
	require(dns_name_is_under(&end, &end) && end.wire[end.len - 1] == 0);
	require(strlen(dns_name_text(&end, text)) < DNS_NAME_TEXT);
	if (dns_name_parse(text, &again) && !strchr(text, '\\'))
		require(dns_name_equal(&end, &again));
	check_targets(m);
	if (reverse6_read(&m->question.name, &r))
		require(r.nibbles <= REVERSE6_NIBBLES);
}

static void check_copy(const struct dns_msg *m)
{
	static uint8_t copy[DNS_MESSAGE_MAX], again[DNS_MESSAGE_MAX];
	struct dns_msg c;
	size_t len = copy_message(m, copy, sizeof(copy));

	if (len == 0)
		return; /* names that were compressed in ways that we do not use may need more room */
	require(dns_msg_parse(copy, len, &c));
	require(bytes_equal(m->count, c.count, sizeof(c.count)));
	require(dns_name_equal(&m->question.name, &c.question.name));
	size_t len2 = copy_message(&c, again, sizeof(again));

	require(len2 == len && bytes_equal(copy, again, len));
	check_kept(&c);
}

/* A padded query is the same query, and a multiple of 128 bytes. */
static void check_padding(const struct dns_msg *m)
{
	static uint8_t query[640];
	struct dns_msg c;

	if (m->len > sizeof(query))
		return;
	bytes_copy(query, m->bytes, m->len);
	size_t len = carrier_pad(m, query, sizeof(query));

	require(len == m->len || (len > m->len && len <= sizeof(query) && len % 128 == 0));
	require(dns_msg_parse(query, len, &c));
	require(bytes_equal(m->count, c.count, sizeof(c.count)));
	require(dns_name_equal(&m->question.name, &c.question.name));
}

static void check_query(const uint8_t *data, size_t len)
{
	uint8_t out[SERVER_UDP_MAX];
	enum dns_rcode code;
	struct dns_msg m;
	struct query q;
	bool cut;
	enum query_fault f = query_parse(data, len, &q);

	if (!query_is_answered(f, &code))
		return;
	struct reply r = { .query = &q, .rcode = (uint16_t)code };
	size_t limit = reply_limit(&q);
	size_t n = reply_build(&r, out, limit, &cut);

	require(!cut && n <= limit && n >= DNS_HEADER_LEN);
	require(dns_msg_parse(out, n, &m) == q.has_question);
	if (q.has_question)
		require(bytes_equal(&m.question.name, &q.ask.question.name, 1u + m.question.name.len));
	q.has_edns = false; /* as for strangers: never longer than what came */
	require(reply_build(&r, out, limit, &cut) <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dns_msg m;

	if (dns_msg_parse(data, len, &m)) {
		check_names(&m);
		check_copy(&m);
		check_padding(&m);
	}
	check_query(data, len);
	return 0;
}
