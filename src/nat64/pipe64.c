/* pipe64.c - an IPv6 packet becomes an IPv4 packet: RFC 6146 s3.4 to s3.8 */
#include "nat64/flowworker.h"
#include "nat64/ftp.h"
#include "nat64/recorder.h"
#include "nat64/stateless.h"

#include "addr/embed.h"
#include "addr/special.h"

#include <errno.h>

/* The prefix that holds @a, with the IPv4 address taken out. */
static enum drop_reason extract_from_prefixes(
	const struct nat64 *n, struct addr6 a, uint8_t *ret_prefix, struct addr4 *ret)
{
	for (unsigned i = 0; i < n->cfg.prefixes_len; i++) {
		if (!prefix6_contains(n->cfg.prefixes[i], a))
			continue;
		if (embed_extract(n->cfg.prefixes[i], a, ret) < 0)
			return DROP_64_SUFFIX;
		*ret_prefix = (uint8_t)i;
		return DROP_NONE;
	}
	return DROP_64_NOT_OUR_PREFIX;
}

static bool is_in_any_prefix(const struct nat64 *n, struct addr6 a)
{
	for (unsigned i = 0; i < n->cfg.prefixes_len; i++) {
		if (prefix6_contains(n->cfg.prefixes[i], a))
			return true;
	}
	return false;
}

static bool is_denied(const struct nat64 *n, struct addr4 a)
{
	for (unsigned i = 0; i < n->cfg.deny_len; i++) {
		if (prefix4_contains(n->cfg.deny[i], a))
			return true;
	}
	return false;
}

/* RFC 6052 s3.1: the well-known prefix must not stand for an IPv4 address that is not global. */
static inline bool is_forbidden_non_global(const struct nat64 *n, uint8_t prefix, struct addr4 a)
{
	if (n->cfg.allow_non_global || !addr6_eq(n->cfg.prefixes[prefix].addr, WELL_KNOWN_PREFIX.addr))
		return false;
	/* The pool's own addresses are hairpins (RFC 6146 s3.8), whatever addresses the operator has. */
	return !special4_is_global(a) && !state_pool_has_address(n->state, a);
}

COLD bool nat64_admits(const struct nat64 *n, struct addr6 src, uint8_t prefix, struct addr4 dst)
{
	return !is_in_any_prefix(n, src) && !is_denied(n, dst) && !is_forbidden_non_global(n, prefix, dst);
}

/* Which packets a NAT64 processes at all, and to which IPv4 address they want to go (RFC 6146 s3.5). */
static enum drop_reason admit_64(const struct job *j, struct flow64 *ret_f)
{
	const struct nat64 *n = j->n;
	const struct view *v = &j->p->v;
	enum drop_reason reason = extract_from_prefixes(n, v->dst6, &ret_f->prefix, &ret_f->dst);

	if (reason != DROP_NONE)
		return reason;
	if (is_in_any_prefix(n, v->src6))
		return DROP_64_SOURCE_IN_PREFIX;
	if (v->hop_limit < 2)
		return DROP_HOP_LIMIT;
	if (is_denied(n, ret_f->dst))
		return DROP_64_DENIED;
	if (is_forbidden_non_global(n, ret_f->prefix, ret_f->dst))
		return DROP_64_NON_GLOBAL;
	return v->refused;
}

enum verdict job_finish64(struct job *j, const struct xlat_to4 *to)
{
	bool is_train = j->p->off.gso != GSO_NONE;
	enum drop_reason reason = xlat_64(j->p, to, (uint16_t)rng_next(&j->n->rng));

	if (reason != DROP_NONE)
		return job_drop(j, reason);
	j->n->count.trains[DIR_64] += is_train;
	return job_send4(j);
}

/*
 * A packet to the host's own address that is no hairpin would reach the host's services with the host itself as the
 * source, past every rule that trusts the host: a client must not get there (design.md section 5).
 */
static bool is_own_host(const struct nat64 *n, const struct flow64 *f, const struct view *v)
{
	return is_shared_address(n, f->dst) && !is_pool_tuple(n, f->dst, v, f->dport);
}

static enum verdict flow_64(struct job *j, struct flow64 *f)
{
	struct nat64 *n = j->n;
	struct pkt *p = j->p;
	struct mapping m;
	unsigned segments = train_segments(p);
	uint32_t bytes = p->len;

	f->proto = view_proto(&p->v);
	f->tcp_flags = p->v.tcp_flags;
	f->src = p->v.src6;
	f->sport = session_port(&p->v, p->v.sport);
	f->dport = session_port(&p->v, p->v.dport);

	if (is_own_host(n, f, &p->v))
		return job_drop(j, DROP_64_OWN_HOST);
	enum drop_reason reason = UNLIKELY(n->tracing) ? recorder_take64(n->tracing, f, &p->v, &m)
						       : state_take64(n->state, f, j->now, &m);
	if (reason != DROP_NONE)
		return job_drop(j, reason);
	m.session->pkts_64 += segments;
	m.session->bytes_64 += bytes;
	n->count.pkts[DIR_64][f->proto] += segments;
	n->count.bytes[DIR_64][f->proto] += bytes;
	if (UNLIKELY(n->flows != NULL) && !j->datagram)
		flowcache_see(n->flows, &m, j->now);

	struct xlat_to4 to = {
		.outer = {
			.src = m.binding->out,
			.sport = m.binding->out_port,
			.dst = f->dst,
			.dport = f->proto == PROTO_ICMP ? m.binding->out_port : f->dport,
		},
	};
	if (UNLIKELY(f->dport == FTP_PORT) && f->proto == PROTO_TCP &&
		(reason = ftp_64(j, f, &m)) != DROP_NONE)
		return job_drop(j, reason);
	return job_finish64(j, &to);
}

/* An ICMPv6 error about a packet that we translated to IPv6: the inner packet names the session (RFC 6146
 * s3.4). */
static enum verdict error_64(struct job *j, struct flow64 *f)
{
	const struct view *in = &j->p->in;
	struct mapping m;
	struct addr4 inner_src;
	uint8_t inner_prefix;

	if (!names_session(in))
		return job_drop(j, DROP_64_NO_SESSION);
	enum drop_reason reason = extract_from_prefixes(j->n, in->src6, &inner_prefix, &inner_src);
	if (reason != DROP_NONE)
		return job_drop(j, reason);

	/* The roles swap: what the inner packet was sent to is our client. */
	f->proto = view_proto(in);
	f->prefix = inner_prefix;
	f->src = in->dst6;
	f->sport = session_port(in, in->dport);
	f->dst = inner_src;
	f->dport = session_port(in, in->sport);
	if (!state_find64(j->n->state, f, &m))
		return job_drop(j, DROP_64_NO_SESSION);
	if (UNLIKELY(j->n->tracing))
		recorder_session(j->n->tracing, &m);

	uint16_t inner_sport = f->proto == PROTO_ICMP ? m.binding->out_port : in->sport;
	struct xlat_to4 to = {
		.outer = { .src = m.binding->out, .dst = inner_src },
		.inner = { .src = inner_src,
			.sport = inner_sport,
			.dst = m.binding->out,
			.dport = m.binding->out_port },
	};
	j->n->count.errors[DIR_64]++;
	return job_finish64(j, &to);
}

COLD static enum verdict refuse_64(struct job *j, const struct flow64 *f, enum drop_reason reason)
{
	if (UNLIKELY(j->n->tracing))
		recorder_admitted64(j->n->tracing, &j->p->v, f, reason);
	return job_drop(j, reason);
}

enum verdict pipe_64(struct job *j)
{
	struct flow64 f = { 0 };
	enum verdict verdict;

	if (siit_is_on(&j->n->cfg.siit) && stateless_take64(j, &verdict))
		return verdict;
	enum drop_reason reason = admit_64(j, &f);

	if (reason != DROP_NONE)
		return refuse_64(j, &f, reason);
	if (UNLIKELY(job_is_foreign(j)))
		return job_hand_over(j);
	if (needs_datagram(j))
		return pipe_fragment(j);
	switch (j->p->v.kind) {
	case L4_TCP:
	case L4_UDP:
	case L4_ICMP_QUERY:
		return flow_64(j, &f);
	case L4_ICMP_ERROR:
		return error_64(j, &f);
	case L4_ICMP_OTHER:
		return job_drop(j, icmp_other_reason(&j->p->v));
	case L4_OTHER:
		if (state_carries(j->n->state, j->p->v.next))
			return flow_64(j, &f);
		break;
	}
	return job_drop(j, DROP_PROTOCOL);
}

/* RFC 6146 s3.8 */
COLD static enum verdict turn_around(struct job *j)
{
	j->is_hairpin = true;
	j->is_settled = false;
	j->n->count.hairpins++;
	TRACE(j->n, STEP_HAIRPIN, .a4 = j->p->v.dst4, .port = { j->p->v.dport });
	return pipe_46(j);
}

bool is_pool_tuple(const struct nat64 *n, struct addr4 dst, const struct view *v, uint16_t port)
{
	if (v->kind == L4_OTHER)
		return state_carries(n->state, v->next) && state_binds_address(n->state, dst);
	return state_pool_find(n->state, dst, port) >= 0;
}

enum verdict job_send4(struct job *j)
{
	const struct view *v = &j->p->v;
	bool is_ours;

	/* An ICMP error carries no port of its own; the inner source, which is the outer destination, has
	 * one. */
	if (v->kind == L4_ICMP_ERROR)
		is_ours = j->p->has_inner && is_pool_tuple(j->n, v->dst4, &j->p->in, j->p->in.sport);
	else
		is_ours = is_pool_tuple(j->n, v->dst4, v, v->dport);
	is_ours = is_ours || stateless_turns(j);
	if (!is_ours || j->is_hairpin) {
		j->out->send(j->out->ctx, j->p);
		return VERDICT_SEND;
	}
	return turn_around(j);
}
