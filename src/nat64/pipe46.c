/* pipe46.c - an IPv4 packet becomes an IPv6 packet: RFC 6146 s3.4 to s3.7 */
#include "nat64/flowworker.h"
#include "nat64/fragments.h"
#include "nat64/ftp.h"
#include "nat64/held_syn.h"
#include "nat64/recorder.h"
#include "nat64/stateless.h"

#include "addr/embed.h"

/*
 * The pool entry's address is the host's own, and the packet turned out not to be for a binding: it is the
 * host's. A packet that we have turned around is never the host's.
 */
static bool belongs_to_host(const struct job *j)
{
	return !j->is_hairpin && is_shared_address(j->n, j->p->v.dst4);
}

static enum verdict drop_or_pass(struct job *j, enum drop_reason reason)
{
	bool is_unbound = reason == DROP_46_NO_BINDING || reason == DROP_46_NO_SESSION ||
			  reason == DROP_46_NOT_OUR_POOL || reason == DROP_PROTOCOL ||
			  reason == DROP_ICMP_TYPE || reason == DROP_FRAGMENT_ICMP_ERROR;

	if (is_unbound && belongs_to_host(j))
		return job_pass(j);
	if (UNLIKELY(is_held_syn(j, reason)))
		return held_syn_keep(j, reason);
	return job_drop(j, reason);
}

static void send_fragment(void *ctx, struct pkt *fragment)
{
	const struct nat64_out *out = ctx;

	out->send(out->ctx, fragment);
}

static void send(struct job *j, const struct pkt *p)
{
	j->out->send(j->out->ctx, p);
}

/* RFC 7915 s4: what every IPv6 link on the way takes, as far as the operator knows. */
static unsigned lowest_mtu(const struct job *j)
{
	unsigned mtu = j->is_stateless ? j->n->cfg.siit.lowest_ipv6_mtu : j->n->cfg.lowest_ipv6_mtu;

	return mtu > 0 ? mtu : IP6_MIN_MTU;
}

/* Whether a packet, or each segment of a train, is short enough for every IPv6 link. */
static bool fits_any_link(const struct job *j, const struct pkt *p)
{
	uint32_t len = p->len;

	if (p->off.gso == GSO_UDP && len > (uint32_t)p->v.l4_off + UDP_HDR_LEN + p->off.gso_size)
		len = (uint32_t)p->v.l4_off + UDP_HDR_LEN + p->off.gso_size;
	return len <= lowest_mtu(j);
}

COLD static void send_split(struct job *j, struct pkt *p)
{
	struct nat64_out out = *j->out;

	j->n->count.split++;
	TRACE(j->n, STEP_SPLIT, .n = p->len);
	xlat_split6(p, (uint32_t)rng_next(&j->n->rng), lowest_mtu(j), send_fragment, &out);
}

static void send_fitting(struct job *j, struct pkt *p)
{
	if (fits_any_link(j, p))
		send(j, p);
	else
		send_split(j, p);
}

static void send_datagram(void *ctx, struct pkt *datagram)
{
	send_fitting(ctx, datagram);
}

static void shorten_segments(const struct job *j, struct pkt *p)
{
	unsigned tcp_header = (unsigned)(p->data[p->v.l4_off + 12] >> 4) * 4;
	unsigned room = lowest_mtu(j) - p->v.l4_off - tcp_header;

	if (p->off.gso_size > room)
		p->off.gso_size = (uint16_t)room;
}

/*
 * RFC 7915 s4: without DF the sender has left fragmenting to the network, and IPv6 routers do not do it; so
 * the translator cuts to lowest_mtu(). A TCP train needs no fragments: its segments are made smaller, which the
 * receiver cannot tell from a sender that chose so. Of a UDP train each datagram is cut by itself.
 */
static enum verdict send_6(struct job *j, bool may_fragment)
{
	struct pkt *p = j->p;

	if (may_fragment && p->off.gso == GSO_TCP6)
		shorten_segments(j, p);
	if (!may_fragment || p->off.gso == GSO_TCP6)
		send(j, p);
	else if (p->off.gso == GSO_UDP && !fits_any_link(j, p))
		xlat_cut_train6(p, send_datagram, j);
	else
		send_fitting(j, p);
	return VERDICT_SEND;
}

enum verdict job_finish46(struct job *j, const struct xlat_to6 *to)
{
	bool may_fragment = !j->p->v.df;
	bool is_train = j->p->off.gso != GSO_NONE;

	if (j->datagram)
		fragment_checksum_supply(j);
	enum drop_reason reason = xlat_46(j->p, to);

	if (reason != DROP_NONE)
		return job_drop(j, reason);
	j->n->count.trains[DIR_46] += is_train;
	return send_6(j, may_fragment);
}

/* RFC 7915 s4.5; of a fragment its first one has said it. */
static bool lacks_checksum(const struct job *j)
{
	const struct pkt *p = j->p;

	if (j->datagram)
		return j->datagram->head.lacks_checksum;
	return p->v.kind == L4_UDP && !p->off.csum_partial &&
	       be16_at(p->data + p->v.l4_off + UDP_CSUM_AT) == 0;
}

static struct flow46 flow_of(const struct view *v)
{
	return (struct flow46){
		.proto = view_proto(v),
		.tcp_flags = v->tcp_flags,
		.src = v->src4,
		.sport = session_port(v, v->sport),
		.dst = v->dst4,
		.dport = session_port(v, v->dport),
	};
}

static enum verdict flow_46(struct job *j)
{
	struct nat64 *n = j->n;
	struct pkt *p = j->p;
	struct mapping m;
	unsigned segments = train_segments(p);
	uint32_t bytes = p->len;
	struct flow46 f = flow_of(&p->v);

	if (p->v.hop_limit < 2 && !(belongs_to_host(j) && !state_find46(n->state, &f, &m)))
		return job_drop(j, DROP_HOP_LIMIT);
	enum drop_reason reason = UNLIKELY(n->tracing) ? recorder_take46(n->tracing, &f, &p->v, &m)
						       : state_take46(n->state, &f, j->now, &m);
	if (reason != DROP_NONE)
		return drop_or_pass(j, reason);
	if (lacks_checksum(j) && n->cfg.udp_zero == UDP_ZERO_DROP)
		return job_drop(j, DROP_UDP46_CHECKSUM_ZERO);
	m.session->pkts_46 += segments;
	m.session->bytes_46 += bytes;
	n->count.pkts[DIR_46][f.proto] += segments;
	n->count.bytes[DIR_46][f.proto] += bytes;
	if (UNLIKELY(n->flows != NULL) && !j->datagram)
		flowcache_see(n->flows, &m, j->now);

	struct xlat_to6 to = {
		.outer = {
			.src = embed_addr(n->cfg.prefixes[m.binding->prefix], f.src),
			.sport = f.proto == PROTO_ICMP ? m.binding->in_port : f.sport,
			.dst = m.binding->in,
			.dport = m.binding->in_port,
		},
	};
	if (UNLIKELY(f.sport == FTP_PORT) && f.proto == PROTO_TCP &&
		(reason = ftp_46(j, &f, &m)) != DROP_NONE)
		return job_drop(j, reason);
	return job_finish46(j, &to);
}

/* The packet inside an ICMPv4 error went the other way, so the roles swap. */
static struct flow46 flow_of_quoted(const struct view *in)
{
	return (struct flow46){
		.proto = view_proto(in),
		.src = in->dst4,
		.sport = session_port(in, in->dport),
		.dst = in->src4,
		.dport = session_port(in, in->sport),
	};
}

/* An ICMPv4 error about a packet that we translated to IPv4: the inner packet names the session (RFC 6146
 * s3.4). */
static enum verdict error_46(struct job *j)
{
	const struct nat64 *n = j->n;
	const struct view *in = &j->p->in;
	struct mapping m;

	if (!names_session(in))
		return drop_or_pass(j, DROP_46_NO_SESSION);
	struct flow46 f = flow_of_quoted(in);
	if (!state_find46(n->state, &f, &m))
		return drop_or_pass(j, DROP_46_NO_SESSION);
	if (UNLIKELY(n->tracing))
		recorder_session(n->tracing, &m);
	if (j->p->v.hop_limit < 2)
		return job_drop(j, DROP_HOP_LIMIT);

	struct prefix6 prefix = n->cfg.prefixes[m.binding->prefix];
	struct xlat_to6 to = {
		.outer = { .src = embed_addr(prefix, j->p->v.src4), .dst = m.binding->in },
		.inner = {
			.src = m.binding->in,
			.sport = m.binding->in_port,
			.dst = embed_addr(prefix, in->dst4),
			.dport = f.proto == PROTO_ICMP ? m.binding->in_port : in->dport,
		},
	};
	j->n->count.errors[DIR_46]++;
	return job_finish46(j, &to);
}

/* Whether the packet, or the one inside an ICMP error, belongs to a session. */
static bool has_session(const struct job *j)
{
	bool is_error = j->p->v.kind == L4_ICMP_ERROR;
	const struct view *named = is_error ? &j->p->in : &j->p->v;
	struct mapping m;

	if (!names_session(named))
		return false;
	struct flow46 f = is_error ? flow_of_quoted(named) : flow_of(named);

	return state_find46(j->n->state, &f, &m);
}

/*
 * RFC 7915 s4.1: an unexpired source route. On a shared address only a session makes it ours. A fragment there may be
 * with a worker that has not got the session, and no later fragment says whose it is; the host is free to refuse them.
 */
COLD static enum verdict refuse_46(struct job *j)
{
	if (belongs_to_host(j) && !has_session(j))
		return job_pass(j);
	return job_drop(j, j->p->v.refused);
}

enum verdict pipe_46(struct job *j)
{
	const struct view *v = &j->p->v;
	enum verdict verdict;

	if (siit_is_on(&j->n->cfg.siit) && stateless_take46(j, &verdict))
		return verdict;
	if (!state_pool_has_address(j->n->state, v->dst4))
		return drop_or_pass(j, DROP_46_NOT_OUR_POOL);
	if (UNLIKELY(job_is_foreign(j)))
		return job_hand_over(j);
	if (UNLIKELY(v->refused != DROP_NONE))
		return refuse_46(j);
	if (needs_datagram(j))
		return pipe_fragment(j);
	switch (v->kind) {
	case L4_TCP:
	case L4_UDP:
	case L4_ICMP_QUERY:
		return flow_46(j);
	case L4_ICMP_ERROR:
		return error_46(j);
	case L4_ICMP_OTHER:
		return drop_or_pass(j, icmp_other_reason(v));
	case L4_OTHER:
		if (is_pool_tuple(j->n, v->dst4, v, 0))
			return flow_46(j);
		break;
	}
	return drop_or_pass(j, DROP_PROTOCOL);
}
