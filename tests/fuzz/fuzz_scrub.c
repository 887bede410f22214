/*
 * fuzz_scrub.c - any bytes as the reply of an upstream that is asked directly
 *
 * What is taken must be a readable message with the same question, every record of which was in the reply and belongs to the
 * answer; taken once more, it must stay as it is. What is kept of it must be given with TTLs that are not over.
 */
#include "dns64/messages.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool is_signature_of(const struct dns_msg *m, const struct dns_rr *rr, uint16_t type)
{
	return rr->type == TYPE_RRSIG && be16_at(dns_rr_rdata(m, rr)) == type;
}

/* The answer section is a chain, and what was asked for at its end. */
static void check_answer(const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct dns_name at = m->question.name;
	uint16_t asked = m->question.type;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr)) {
		require(rr.ttl <= SCRUB_TTL_MAX && rr.class == CLASS_IN);
		if (!dns_rr_is_owned_by(m, &rr, &at)) {
			struct dns_walk back = dns_walk_section(m, SECTION_ANSWER);
			struct dns_rr before;
			bool led = false;

			while (dns_walk_next(&back, &before) && before.owner_at < rr.owner_at)
				if (before.type == TYPE_CNAME && dns_rr_is_owned_by(m, &before, &at)) {
					dns_rr_target(m, &before, &at);
					led = true;
					break;
				}
			require(led && dns_rr_is_owned_by(m, &rr, &at));
		}
		require(rr.type == asked || rr.type == TYPE_CNAME || is_signature_of(m, &rr, asked) ||
			is_signature_of(m, &rr, TYPE_CNAME));
	}
}

static void check_authority(const struct dns_msg *m)
{
	struct dns_walk w = dns_walk_section(m, SECTION_AUTHORITY);
	unsigned soas = 0;
	struct dns_rr rr;

	while (dns_walk_next(&w, &rr)) {
		require(rr.type == TYPE_SOA || rr.type == TYPE_RRSIG || rr.type == TYPE_NSEC ||
			rr.type == TYPE_NSEC3);
		require(rr.ttl <= SCRUB_TTL_MAX);
		soas += rr.type == TYPE_SOA;
	}
	require(soas <= 1 && m->count[SECTION_ADDITIONAL] == 0);
}

static void check_kept(const struct dns_msg *m)
{
	static uint8_t out[SCRUBBED_MAX];
	static struct messages *kept;
	struct dns_msg again;
	struct dns_rr rr;

	require(kept || messages_new(64 << 10, &kept) == 0);
	uint64_t hash = messages_hash(kept, &m->question);

	(void)messages_keep(kept, m, hash, 1000);
	const struct message *k = messages_find(kept, &m->question, hash, 1000);

	if (!k)
		return;
	for (uint32_t now = 1000; messages_find(kept, &m->question, hash, now); now += 1 + (now - 1000) * 2) {
		require(dns_msg_parse(out, message_write(k, now, out), &again));
		for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
			struct dns_walk w = dns_walk_section(&again, s);

			while (dns_walk_next(&w, &rr))
				require(rr.ttl >= 1 && rr.ttl <= SCRUB_TTL_MAX);
		}
	}
	messages_forget(kept, &m->question.name, SCOPE_NAME);
	require(messages_len(kept) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[SCRUBBED_MAX], second[SCRUBBED_MAX];
	size_t out_len = 0, second_len = 0;
	struct dns_msg m, s;

	if (!dns_msg_parse(data, len, &m) || scrub_reply(&m, out, &out_len) != SCRUB_TAKEN)
		return 0;
	require(dns_msg_parse(out, out_len, &s));
	require(s.question.type == m.question.type && dns_name_equal(&s.question.name, &m.question.name));
	require((s.flags & DNS_RCODE) == (m.flags & DNS_RCODE) && !(s.flags & DNS_TC));
	check_answer(&s);
	check_authority(&s);
	require(scrub_reply(&s, second, &second_len) == SCRUB_TAKEN);
	require(second_len == out_len && bytes_equal(out, second, out_len));
	check_kept(&s);
	return 0;
}
