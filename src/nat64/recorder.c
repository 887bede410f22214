/*
 * recorder.c - the steps of a packet that somebody follows: what the pipeline tells, and what is found by looking
 *
 * The pipeline runs as it always does. Around it the recorder compares the packet with the filters, puts itself between the
 * pipeline and the one who sends, and hands the steps over at the end. What the tables decided is told by what was there
 * before and what is there after, so that the tables need not know that anybody looks.
 */
#include "nat64/recorder.h"

#include "addr/embed.h"

#define MSEC_OF(ns) ((uint32_t)((ns) / MSEC))

void recorder_add(struct recorder *r, const struct step *s)
{
	if (r->len < ARRAY_LEN(r->steps))
		r->steps[r->len++] = *s;
}

/* --- who the packet is between --- */

static bool has_ports(const struct view *v)
{
	return v->kind == L4_TCP || v->kind == L4_UDP || v->kind == L4_ICMP_QUERY;
}

/* Bound by address. Of a packet that could not be parsed the protocol is not known. */
static bool is_whole(const struct view *v)
{
	return v->kind == L4_OTHER && v->next != 0;
}

static void party_proto(struct party *p, const struct view *v)
{
	p->has_ports = has_ports(v);
	p->has_proto = p->has_ports || is_whole(v);
	if (!p->has_proto)
		return;
	p->proto = view_proto(v);
	p->number = p->proto == PROTO_OTHER ? v->next : 0;
}

/* The IPv4 address that an IPv6 address stands for, if it is in one of our prefixes. */
static bool extract(const struct nat64 *n, struct addr6 a, struct addr4 *ret)
{
	for (unsigned i = 0; i < n->cfg.prefixes_len; i++) {
		if (prefix6_contains(n->cfg.prefixes[i], a))
			return embed_extract(n->cfg.prefixes[i], a, ret) == 0;
	}
	return false;
}

static void party_bind(struct party *p, const struct binding *b)
{
	p->has_client = p->has_address = true;
	p->client = b->in;
	p->client_port = b->in_port;
	p->address = b->out;
	p->port = b->out_port;
}

/* Who has that address and port of the pool, if anybody has; @v says the protocol. */
static void party_lookup(const struct nat64 *n, struct party *p)
{
	const struct flow46 f = {
		.proto = p->proto,
		.dst = p->address,
		.dport = p->proto == PROTO_OTHER ? p->number : p->port,
	};
	const struct binding *b = p->has_proto ? state_binding_of46(n->state, &f) : NULL;

	if (b)
		party_bind(p, b);
}

/* A packet from the client; or, with @is_back, one to it (inside an ICMP error from it). */
static struct party party_of6(const struct nat64 *n, const struct view *v, bool is_back)
{
	struct party p = {
		.has_client = true,
		.client = is_back ? v->dst6 : v->src6,
		.client_port = is_back ? v->dport : v->sport,
		.remote_port = is_back ? v->sport : v->dport,
	};

	party_proto(&p, v);
	p.has_remote = extract(n, is_back ? v->src6 : v->dst6, &p.remote);
	return p;
}

static struct party party_of4(const struct nat64 *n, const struct view *v, bool is_back)
{
	struct party p = {
		.has_address = true,
		.address = is_back ? v->src4 : v->dst4,
		.port = is_back ? v->sport : v->dport,
		.has_remote = true,
		.remote = is_back ? v->dst4 : v->src4,
		.remote_port = is_back ? v->dport : v->sport,
	};

	party_proto(&p, v);
	party_lookup(n, &p);
	return p;
}

/* Of a packet from one client to the address of another: what it is once it has turned around (RFC 6146 s3.8). */
static struct party party_turned(const struct nat64 *n, const struct party *first)
{
	struct party p = {
		.has_address = first->has_remote && state_pool_has_address(n->state, first->remote),
		.address = first->remote,
		.port = first->remote_port,
		.has_ports = first->has_ports,
		.has_proto = first->has_proto,
		.proto = first->proto,
		.number = first->number,
	};

	if (p.has_address)
		party_lookup(n, &p);
	return p;
}

/* What the addresses alone say; of a packet that is no whole one. */
static struct party party_of_bytes(const struct nat64 *n, const struct pkt *p)
{
	struct rd r = rd_of(p->data, p->len);
	const uint8_t *h = rd_take(&r, 1);

	if (h && h[0] >> 4 == 6 && p->len >= IP6_HDR_LEN) {
		struct view v = { .src6 = addr6_at(h + 8), .dst6 = addr6_at(h + 24), .kind = L4_OTHER };

		return party_of6(n, &v, false);
	}
	if (h && h[0] >> 4 == 4 && p->len >= IP4_HDR_LEN) {
		struct view v = { .src4 = addr4_at(h + 12), .dst4 = addr4_at(h + 16), .kind = L4_OTHER };

		return party_of4(n, &v, false);
	}
	return (struct party){ .has_client = false };
}

static struct party party_of(const struct nat64 *n, const struct pkt *p, bool has_view)
{
	if (!has_view)
		return party_of_bytes(n, p);
	const struct view *v = p->has_inner ? &p->in : &p->v;

	return p->v.version == 6 ? party_of6(n, v, p->has_inner) : party_of4(n, v, p->has_inner);
}

static unsigned candidates_of(const struct recorder *r)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < r->n->traces_len; i++) {
		const struct trace *t = r->n->traces[i];

		if (trace_may_match(t, &r->first) ||
			(r->second.has_address && trace_may_match(t, &r->second)))
			mask |= 1U << i;
	}
	return mask;
}

/* Now that more is known: which of the candidates it is for. */
static void note_party(struct recorder *r, const struct party *p)
{
	r->is_bound = true;
	for (unsigned i = 0; i < r->n->traces_len; i++) {
		if ((r->candidates & 1U << i) && trace_matches(r->n->traces[i], p))
			r->matched |= 1U << i;
	}
}

static void note_binding(
	struct recorder *r, const struct binding *b, struct addr4 remote, uint16_t remote_port)
{
	struct party p = {
		.has_proto = true,
		.proto = b->proto,
		.number = b->proto == PROTO_OTHER ? (uint8_t)b->out_port : 0,
		.has_ports = b->proto != PROTO_OTHER,
		.has_remote = true,
		.remote = remote,
		.remote_port = remote_port,
	};

	party_bind(&p, b);
	note_party(r, &p);
}

/* --- packets in steps --- */

static struct step packet_step(enum step_id id, const struct view *v, uint32_t len)
{
	return (struct step){
		.id = (uint8_t)id,
		.version = v->version,
		.proto = v->next,
		.kind = (uint8_t)v->kind,
		.flags = v->tcp_flags,
		.len = v->hop_limit,
		.x = v->icmp_type,
		.y = v->icmp_code,
		.port = { v->sport, v->dport },
		.n = len,
		.m = v->is_fragment,
		.a4 = v->src4,
		.b4 = v->dst4,
		.a6 = v->src6,
		.b6 = v->dst6,
	};
}

static void tell_packet(struct recorder *r, enum step_id id, const struct view *v, uint32_t len)
{
	struct step s = packet_step(id, v, len);

	recorder_add(r, &s);
}

static void tell_arrival(struct recorder *r, const struct pkt *p)
{
	const struct view *v = &p->v;

	if (!r->has_view) {
		TRACE(r->n, STEP_NOT_PARSED, .n = p->len, .x = p->len > 0 ? p->data[0] >> 4 : 0);
		return;
	}
	tell_packet(r, STEP_PARSED, v, p->len);
	if (p->has_inner)
		tell_packet(r, STEP_INNER, &p->in, p->in.l4_off - p->in.l3_off + p->in.l4_full_len);
	if (p->off.gso != GSO_NONE)
		TRACE(r->n, STEP_TRAIN, .n = train_segments(p), .m = p->off.gso_size);
	if (p->off.csum_partial)
		TRACE(r->n, STEP_PARTIAL, .n = 0);
	if (v->is_fragment)
		TRACE(r->n, STEP_FRAGMENT, .n = v->frag_offset, .m = v->frag_offset + v->l4_len);
}

static bool is_first_part(const struct view *v)
{
	return v->frag_offset == 0;
}

/* How the checksum of a packet that was translated came about. */
static void tell_checksum(struct recorder *r)
{
	const struct pkt *came = &r->came;

	if (came->v.kind == L4_ICMP_ERROR)
		TRACE(r->n, STEP_ERROR_REWRITTEN, .n = 0);
	else if (!has_ports(&came->v) || !is_first_part(&came->v))
		return;
	else if (came->off.csum_partial)
		TRACE(r->n, STEP_CHECKSUM_PARTIAL, .n = 0);
	else if (r->lacks_checksum)
		TRACE(r->n, STEP_CHECKSUM_MADE, .n = 0);
	else
		TRACE(r->n, STEP_CHECKSUM_UPDATED, .n = 0);
}

/* Stands between the pipeline and the one who sends. */
static void on_send(void *ctx, const struct pkt *p)
{
	struct recorder *r = ctx;

	if (r->sending == SENDING_PACKET) {
		if (!r->has_sent)
			tell_checksum(r);
		r->has_sent = true;
	}
	if (r->sending != SENDING_HOSTS_OWN)
		tell_packet(r, r->sending == SENDING_ERROR ? STEP_TOLD : STEP_SENT, &p->v, p->len);
	r->sending = SENDING_PACKET;
	r->out->send(r->out->ctx, p);
}

static bool on_hand_over(
	void *ctx, unsigned worker, const struct pkt *p, const struct nat64_handover *h)
{
	struct recorder *r = ctx;
	bool is_taken = r->out->hand_over(r->out->ctx, worker, p, h);

	if (is_taken)
		TRACE(r->n, STEP_HANDED_OVER, .n = worker);
	return is_taken;
}

/* --- a whole packet --- */

static bool lacks_checksum(const struct pkt *p)
{
	const struct view *v = &p->v;

	return v->kind == L4_UDP && v->version == 4 && is_first_part(v) && !p->off.csum_partial &&
	       be16_at(p->data + v->l4_off + 6) == 0; /* RFC 768 */
}

bool recorder_begin(struct nat64 *n, const struct pkt *p, enum drop_reason parsed, nsec now,
	const struct nat64_out *out)
{
	struct recorder *r = n->recorder;

	r->n = n;
	r->now = now;
	r->has_view = parsed == DROP_NONE;
	r->first = party_of(n, p, r->has_view);
	r->second = r->first.has_client ? party_turned(n, &r->first) : (struct party){ .has_client = false };
	r->candidates = candidates_of(r);
	if (r->candidates == 0)
		return false;
	r->out = out;
	r->tee = (struct nat64_out){ .send = on_send, .hand_over = on_hand_over, .ctx = r };
	r->matched = 0;
	r->is_bound = r->has_sent = false;
	r->sending = SENDING_PACKET;
	r->len = 0;
	r->came = *p;
	r->lacks_checksum = r->has_view && lacks_checksum(p);
	n->tracing = r;
	tell_arrival(r, p);
	return true;
}

/* Of a packet that met no binding, what is known from its bytes must do. */
static bool is_match(const struct recorder *r, unsigned i)
{
	const struct trace *t = r->n->traces[i];

	if (r->is_bound)
		return r->matched & 1U << i;
	return (r->candidates & 1U << i) &&
	       (trace_matches_addresses(t, &r->first) ||
		       (r->second.has_address && trace_matches_addresses(t, &r->second)));
}

void recorder_end(struct nat64 *n, enum verdict verdict)
{
	struct recorder *r = n->recorder;

	n->tracing = NULL;
	/* Who takes over a packet tells all of it again, unless something has been done with it already. */
	if (verdict == VERDICT_HANDED && !r->is_bound)
		return;
	for (unsigned i = 0; i < n->traces_len; i++) {
		if (is_match(r, i))
			trace_put(n->traces[i], r->now, r->steps, r->len);
	}
}

enum verdict recorder_take(
	struct nat64 *n, struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out)
{
	if (!recorder_begin(n, p, parsed, now, out))
		return nat64_take_unseen(n, p, parsed, now, out);
	enum verdict verdict = nat64_take_unseen(n, p, parsed, now, &n->recorder->tee);

	recorder_end(n, verdict);
	return verdict;
}

/* --- whether it may --- */

void recorder_admitted64(
	struct recorder *r, const struct view *v, const struct flow64 *f, enum drop_reason reason)
{
	const struct nat64_config *c = &r->n->cfg;
	struct prefix6 prefix = c->prefixes[f->prefix];

	if (reason == DROP_64_NOT_OUR_PREFIX || reason == DROP_64_SUFFIX)
		return;
	TRACE(r->n, STEP_PREFIX, .a6 = prefix.addr, .len = prefix.len, .a4 = f->dst);
	if (reason == DROP_64_SOURCE_IN_PREFIX)
		return;
	TRACE(r->n, STEP_SOURCE_OK, .n = 0);
	if (reason == DROP_HOP_LIMIT)
		return;
	TRACE(r->n, STEP_HOPS_OK, .x = v->hop_limit, .version = v->version);
	if (reason == DROP_64_DENIED)
		return;
	if (c->deny_len > 0)
		TRACE(r->n, STEP_NOT_DENIED, .a4 = f->dst, .n = c->deny_len);
	if (reason == DROP_NONE)
		TRACE(r->n, STEP_GLOBAL_OK, .a4 = f->dst);
}

/* --- the tables --- */

/* What was there before the tables were asked. */
struct before {
	bool has_binding, has_session;
	struct session session; /* if there is one */
};

/* What a step about a binding is called if that is of an address as a whole. */
static const uint8_t whole_step[STEP_COUNT] = {
	[STEP_BINDING_FOUND] = STEP_ADDRESS_FOUND,
	[STEP_BINDING_STATIC] = STEP_ADDRESS_STATIC,
	[STEP_BINDING_MADE] = STEP_ADDRESS_MADE,
	[STEP_ERROR_SESSION] = STEP_ERROR_ADDRESS,
};

static void tell_binding(struct recorder *r, enum step_id id, const struct binding *b)
{
	if (b->proto == PROTO_OTHER)
		TRACE(r->n, whole_step[id], .a6 = b->in, .b4 = b->out, .proto = (uint8_t)b->out_port);
	else
		TRACE(r->n, id, .a6 = b->in, .b4 = b->out, .port = { b->in_port, b->out_port });
}

static void tell_no_binding(struct recorder *r, const struct flow46 *f)
{
	if (f->proto == PROTO_OTHER)
		TRACE(r->n, STEP_NO_ADDRESS, .b4 = f->dst, .proto = (uint8_t)f->dport);
	else
		TRACE(r->n, STEP_NO_BINDING, .b4 = f->dst, .port = { 0, f->dport });
}

static bool is_same_range(uint16_t a, uint16_t b)
{
	return (a < 1024) == (b < 1024); /* RFC 4787 REQ-3 */
}

static enum step_id port_step(uint16_t wanted, uint16_t got)
{
	if (wanted == got)
		return STEP_PORT_KEPT;
	if (!is_same_range(wanted, got))
		return STEP_PORT_ANY;
	return wanted % 2 == got % 2 ? STEP_PORT_PARITY : STEP_PORT_RANGE;
}

static void tell_made_binding(struct recorder *r, const struct binding *b)
{
	enum step_id why = port_step(b->in_port, b->out_port);
	struct state_lease lease;

	tell_binding(r, STEP_BINDING_MADE, b);
	if (b->proto == PROTO_OTHER)
		return; /* it has neither a block nor a port */
	if (state_lease_at(r->n->state, b->out, b->out_port, &lease))
		TRACE(r->n, STEP_BLOCK, .a6 = lease.subscriber.addr, .len = lease.subscriber.len,
			.n = lease.lo, .m = lease.hi);
	TRACE(r->n, why, .n = b->in_port, .m = b->out_port);
}

static void tell_session(struct recorder *r, enum step_id id, const struct session *s)
{
	uint32_t left = s->expires > r->now ? MSEC_OF(s->expires - r->now) : 0;

	TRACE(r->n, id, .a4 = s->remote, .port = { s->remote_port }, .n = left);
}

/* A session that filtering held back is not found by looking, but it was there: it is older than this packet. */
static void tell_tcp(
	struct recorder *r, const struct before *was, const struct session *is, const struct view *v)
{
	enum tcp_state from = was->has_session ? was->session.tcp : TCP_CLOSED;

	if (!was->has_session && is->created < r->now)
		from = TCP_V4_INIT;
	TRACE(r->n, from == is->tcp ? STEP_TCP_STAYED : STEP_TCP_MOVED, .x = (uint8_t)from,
		.y = (uint8_t)is->tcp, .flags = v->tcp_flags, .version = v->version);
}

static void tell_filtering(struct recorder *r, struct addr4 remote)
{
	if (r->n->cfg.state.filtering == FILTER_ADDRESS_DEPENDENT)
		TRACE(r->n, STEP_FILTER_ADDRESS, .a4 = remote);
	else
		TRACE(r->n, STEP_FILTER_INDEPENDENT, .n = 0);
}

static void tell_mapping(
	struct recorder *r, const struct before *was, const struct mapping *m, const struct view *v)
{
	const struct session *s = m->session;

	if (!was->has_binding)
		tell_made_binding(r, m->binding);
	else
		tell_binding(r, m->binding->is_static ? STEP_BINDING_STATIC : STEP_BINDING_FOUND, m->binding);
	if (v->version == 4 && !was->has_session)
		tell_filtering(r, s->remote);
	if (m->binding->proto == PROTO_TCP && s->tcp == TCP_CLOSED) {
		TRACE(r->n, STEP_SESSION_LOOSE, .n = 0);
		return;
	}
	if (was->has_session)
		tell_session(r, STEP_SESSION_FOUND, &was->session);
	if (m->binding->proto == PROTO_TCP)
		tell_tcp(r, was, s, v);
	tell_session(r, was->has_session ? STEP_SESSION_REFRESHED : STEP_SESSION_MADE, s);
}

enum drop_reason recorder_take64(
	struct recorder *r, const struct flow64 *f, const struct view *v, struct mapping *ret)
{
	struct state *s = r->n->state;
	const struct binding *b = state_binding_of64(s, f);
	struct mapping old;
	struct before was = { .has_binding = b, .has_session = state_find64(s, f, &old) };

	recorder_admitted64(r, v, f, DROP_NONE);
	if (was.has_session)
		was.session = *old.session;
	if (b)
		note_binding(r, b, f->dst, f->dport);
	enum drop_reason reason = state_take64(s, f, r->now, ret);

	if (reason == DROP_NONE) {
		note_binding(r, ret->binding, f->dst, f->dport);
		tell_mapping(r, &was, ret, v);
	} else if (b) {
		tell_binding(r, STEP_BINDING_FOUND, b);
	}
	return reason;
}

enum drop_reason recorder_take46(
	struct recorder *r, const struct flow46 *f, const struct view *v, struct mapping *ret)
{
	struct state *s = r->n->state;
	const struct binding *b = state_binding_of46(s, f);
	struct mapping old;
	struct before was = { .has_binding = b, .has_session = state_find46(s, f, &old) };

	TRACE(r->n, STEP_POOL_ADDRESS, .a4 = f->dst);
	TRACE(r->n, STEP_HOPS_OK, .x = v->hop_limit, .version = v->version);
	if (was.has_session)
		was.session = *old.session;
	if (b)
		note_binding(r, b, f->src, f->sport);
	else
		tell_no_binding(r, f);
	enum drop_reason reason = state_take46(s, f, r->now, ret);

	if (reason == DROP_NONE)
		tell_mapping(r, &was, ret, v);
	else if (b)
		tell_binding(r, STEP_BINDING_FOUND, b);
	return reason;
}

void recorder_session(struct recorder *r, const struct mapping *m)
{
	note_binding(r, m->binding, m->session->remote, m->session->remote_port);
	tell_binding(r, STEP_ERROR_SESSION, m->binding);
}

/* --- without state --- */

static void tell_end(struct recorder *r, struct addr6 a6, struct addr4 a4, enum siit_rule rule)
{
	enum step_id step = rule == SIIT_EAM	? STEP_BY_MAPPING
			    : rule == SIIT_LENT ? STEP_BY_LENDING
						: STEP_BY_PREFIX;

	TRACE(r->n, step, .a6 = a6, .a4 = a4);
}

void recorder_stateless(struct recorder *r, const struct pkt *p, const struct ends *e)
{
	/* In an ICMP error the packet inside went the other way. */
	const struct view *v = p->has_inner ? &p->in : &p->v;
	bool is_from_host = (p->v.version == 6) != p->has_inner;
	struct party party = {
		.has_client = true,
		.client = e->host6,
		.client_port = is_from_host ? v->sport : v->dport,
		.has_address = true,
		.address = e->host4,
		.has_remote = true,
		.remote = e->peer4,
		.remote_port = is_from_host ? v->dport : v->sport,
	};

	party_proto(&party, v);
	party.port = party.client_port;
	note_party(r, &party);
	TRACE(r->n, STEP_STATELESS, .n = 0);
	tell_end(r, e->host6, e->host4, e->host_rule);
	tell_end(r, e->peer6, e->peer4, e->peer_rule);
}
