/* errors.c - drops, and which of them the sender is told about */
#include "nat64/drops.h"
#include "nat64/recorder.h"
#include "nat64/stateless.h"

#include "addr/embed.h"
#include "addr/special.h"

/*
 * Reasons that are answered by an ICMP error; all others are silent. The RFC lets a NAT64 be silent about no
 * binding (s3.5.1.2 "MAY"); Isthmus speaks, so that a peer gives up at once and not after its timeout.
 */
static const struct {
	bool is_told;
	enum icmp_cause cause;
} told[DROP_COUNT] = {
	[DROP_HOP_LIMIT] = { true, ICMP_CAUSE_HOP_LIMIT },	       /* RFC 7915 s4.1, s5.1 */
	[DROP_PROTOCOL] = { true, ICMP_CAUSE_PROTO_UNREACHABLE },      /* RFC 6146 s3.4 */
	[DROP_IP4_SOURCE_ROUTE] = { true, ICMP_CAUSE_ROUTE },	       /* RFC 7915 s4.1 */
	[DROP_IP6_ROUTING_SEGMENTS_LEFT] = { true, ICMP_CAUSE_ROUTE }, /* RFC 7915 s5.1 */
	[DROP_64_DENIED] = { true, ICMP_CAUSE_PROHIBITED },	       /* configuration */
	[DROP_64_OWN_HOST] = { true, ICMP_CAUSE_PROHIBITED },	       /* pipe64.c says why */
	[DROP_64_NON_GLOBAL] = { true, ICMP_CAUSE_PROHIBITED },	       /* RFC 6052 s3.1 */
	[DROP_64_NO_MAPPING] = { true, ICMP_CAUSE_PROHIBITED },	       /* RFC 4443 s3.1 code 1 */
	[DROP_46_NO_MAPPING] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },  /* RFC 1812 s5.2.7.1 */
	[DROP_46_NOT_LENT] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },    /* the same */
	[DROP_46_NO_BINDING] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },  /* RFC 6146 s3.5.1, s3.5.3 */
	[DROP_46_FILTERED] = { true, ICMP_CAUSE_PROHIBITED },	       /* RFC 6146 s3.5.1, s3.5.3 */
	[DROP_POOL_EXHAUSTED] = { true, ICMP_CAUSE_ADDR_UNREACHABLE }, /* RFC 6146 s3.5.1.1 */
	[DROP_NO_POOL] = { true, ICMP_CAUSE_PROHIBITED },	       /* configuration */
	[DROP_PROTOCOL_NO_ADDRESS] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },
	[DROP_PROTOCOL_HOSTS] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },
	[DROP_SUBSCRIBER_BLOCKS] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },
	[DROP_SUBSCRIBER_SESSIONS] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },
	[DROP_SESSIONS_FULL] = { true, ICMP_CAUSE_ADDR_UNREACHABLE }, /* RFC 6146 s3.5.1 */
	[DROP_BINDINGS_FULL] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },
	[DROP_SUBSCRIBERS_FULL] = { true, ICMP_CAUSE_ADDR_UNREACHABLE },
};

static bool take_icmp_token(struct nat64 *n, nsec now)
{
	nsec passed_us = (now - n->icmp_at) / 1000;
	uint64_t full = ICMP_BURST * 1000;

	if (passed_us > 0) {
		/* ICMP_PER_SECOND tokens a second are ICMP_PER_SECOND thousandths of a token a millisecond.
		 */
		uint64_t earned = passed_us < NSEC / 1000 ? passed_us * ICMP_PER_SECOND / 1000 : full;

		n->icmp_tokens = n->icmp_tokens + earned < full ? n->icmp_tokens + earned : full;
		n->icmp_at = now;
	}
	if (n->icmp_tokens < 1000)
		return false;
	n->icmp_tokens -= 1000;
	return true;
}

/* The translator's own IPv6 address towards this sender: its IPv4 address in the prefix that the packet was
 * for. */
static struct addr6 own6(const struct job *j)
{
	struct nat64 *n = j->n;
	const struct pkt *p = j->p;

	if (j->is_stateless) {
		struct addr6 source = stateless_source6(n);

		/* Without a prefix the destination has a mapping, and stands for somebody behind us. */
		return special6_is_unicast_source(source) ? source : p->v.dst6;
	}
	for (unsigned i = 0; i < n->cfg.prefixes_len; i++) {
		if (prefix6_contains(n->cfg.prefixes[i], p->v.dst6))
			return embed_addr(n->cfg.prefixes[i], n->own4);
	}
	/* Its destination is none of ours, so no address of ours is better than another. */
	return n->cfg.prefixes_len > 0 ? embed_addr(n->cfg.prefixes[0], n->own4) : p->v.dst6;
}

/* The address that an IPv4 sender wrote to, if it is ours; so that its firewall knows the answer. */
static struct addr4 own4(const struct job *j)
{
	struct nat64 *n = j->n;
	const struct pkt *p = j->p;

	if (j->is_stateless)
		return stateless_source4(n);
	return state_pool_has_address(n->state, p->v.dst4) ? p->v.dst4 : n->own4;
}

static enum verdict tell_not(struct nat64 *n, enum drop_reason reason, struct drop_class about)
{
	drop_count(&n->count, reason, about);
	TRACE(n, STEP_NOT_TOLD, .n = reason);
	return VERDICT_DROP;
}

enum verdict job_tell(struct job *j, enum icmp_cause cause)
{
	struct nat64 *n = j->n;
	struct pkt *p = j->p;
	enum direction dir = p->v.version == 6 ? DIR_64 : DIR_46;
	struct drop_class about = drop_class_of_view(&p->v);
	enum drop_reason reason;

	if (!icmp_error_allowed(p))
		return tell_not(n, DROP_ICMP_NOT_ALLOWED, about);
	if (!take_icmp_token(n, j->now))
		return tell_not(n, DROP_ICMP_RATE_LIMIT, about);
	if (dir == DIR_64)
		reason = icmp6_error(p, cause, own6(j), 0);
	else
		reason = icmp4_error(p, cause, own4(j), 0);
	if (reason != DROP_NONE)
		return tell_not(n, reason, about);
	n->count.icmp_sent[dir]++;
	recorder_sending(n, SENDING_ERROR);
	if (dir == DIR_64) {
		j->out->send(j->out->ctx, p);
		return VERDICT_ICMP;
	}
	/*
	 * The sender may itself be behind us, so the error may turn around even if the packet did. This ends: nothing
	 * is ever told about an error.
	 */
	j->is_by_mapping =
		!j->is_hairpin; /* what was not turned around has an IPv4 sender: RFC 7757 s4.2.2, B2 */
	j->is_hairpin = false;
	(void)job_send4(j);
	return VERDICT_ICMP;
}

enum verdict job_drop(struct job *j, enum drop_reason reason)
{
	drop_count(&j->n->count, reason, drop_class_of_view(&j->p->v));
	TRACE(j->n, STEP_DROPPED, .n = reason);
	return told[reason].is_told ? job_tell(j, told[reason].cause) : VERDICT_DROP;
}

enum verdict job_pass(struct job *j)
{
	j->n->count.passed++;
	TRACE(j->n, STEP_PASSED, .n = 0);
	recorder_sending(j->n, SENDING_HOSTS_OWN);
	j->out->send(j->out->ctx, j->p);
	return VERDICT_PASS;
}
