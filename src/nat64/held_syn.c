/*
 * held_syn.c - SYNs from the IPv4 side that are not answered at once
 *
 * Two hosts may open a connection to each other at the same time, through translators on both sides. Each translator
 * sees the other's SYN before the own host's has opened the way. An error at this moment would end the attempt of the
 * other side; so RFC 5382 REQ-4 has the SYN wait for six seconds. If the own host's SYN comes meanwhile, the session is
 * there, the other side's repeated SYN gets through, and the one that waited is forgotten; else its sender is told
 * "port unreachable".
 *
 * The table is a queue: all wait equally long (LIFETIME_TCP_INCOMING_SYN), so the oldest is due first. It knows nothing
 * of sessions; when a SYN is due, the tables are asked whether its session exists. Bounded by HELD_SYNS_MAX and
 * HELD_SYN_BYTES each: beyond, SYNs are dropped in silence, which the RFC allows, so that a flood gains nothing. Sending
 * the error is subject to the budget of all ICMP errors.
 *
 * DEVIATION: a SYN for which there is no binding makes no session entry with an unspecified IPv6 side (RFC 6146
 * s3.5.2.2); what it is for, that the SYN is neither answered nor lost, the queue does.
 */
#include "nat64/held_syn.h"

#include "nat64/drops.h"
#include "nat64/recorder.h"

#include <errno.h>
#include <stdlib.h>

struct held_syn {
	nsec due;
	struct flow46 flow;
	struct offload off;
	uint32_t len;
	uint8_t bytes[HELD_SYN_BYTES];
};

struct held_syns {
	struct held_syn at[HELD_SYNS_MAX];
	unsigned first, len;
};

int held_syns_new(struct held_syns **ret)
{
	struct held_syns *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*ret = h;
	return 0;
}

void held_syns_free(struct held_syns *h)
{
	free(h);
}

static struct held_syn *held_at(struct held_syns *h, unsigned i)
{
	return &h->at[(h->first + i) % HELD_SYNS_MAX];
}

bool is_held_syn(const struct job *j, enum drop_reason reason)
{
	const struct view *v = &j->p->v;

	return (reason == DROP_46_NO_BINDING || reason == DROP_TCP_SYN46_FILTERED) && v->kind == L4_TCP &&
	       (v->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && !v->is_fragment;
}

static bool is_same(const struct flow46 *a, const struct flow46 *b)
{
	return addr4_eq(a->src, b->src) && addr4_eq(a->dst, b->dst) && a->sport == b->sport &&
	       a->dport == b->dport;
}

static bool is_kept(struct held_syns *h, const struct flow46 *f)
{
	for (unsigned i = 0; i < h->len; i++) {
		if (is_same(&held_at(h, i)->flow, f))
			return true;
	}
	return false;
}

enum verdict held_syn_keep(struct job *j, enum drop_reason reason)
{
	struct nat64 *n = j->n;
	struct held_syns *h = n->held_syns;
	const struct pkt *p = j->p;
	const struct flow46 f = {
		.proto = PROTO_TCP,
		.src = p->v.src4,
		.sport = p->v.sport,
		.dst = p->v.dst4,
		.dport = p->v.dport,
	};

	drop_count(&n->count, reason, drop_class_of_view(&p->v));
	TRACE(n, STEP_DROPPED, .n = reason);
	if (is_kept(h, &f))
		return VERDICT_DROP;
	if (h->len == HELD_SYNS_MAX || p->len > HELD_SYN_BYTES) {
		n->count.syns_not_held++;
		return VERDICT_DROP;
	}
	struct held_syn *s = held_at(h, h->len++);

	s->due = j->now + n->cfg.state.lifetime[LIFETIME_TCP_INCOMING_SYN];
	s->flow = f;
	s->off = p->off;
	s->len = p->len;
	bytes_copy(s->bytes, p->data, p->len);
	n->count.syns_held++;
	TRACE(n, STEP_SYN_HELD, .n = (uint32_t)(n->cfg.state.lifetime[LIFETIME_TCP_INCOMING_SYN] / MSEC));
	return VERDICT_HOLD;
}

static bool is_answered(const struct nat64 *n, const struct held_syn *s)
{
	struct mapping m;

	return state_find46(n->state, &s->flow, &m) && !m.session->is_filtered;
}

static void tell(struct nat64 *n, const struct held_syn *s, nsec now, const struct nat64_out *out)
{
	/* Room for the headers of the error, and of its translation if the sender is behind us. */
	uint8_t memory[2 * PKT_HEADROOM + HELD_SYN_BYTES + 2 * PKT_TAILROOM];
	struct pkt p = {
		.head = memory,
		.data = memory + 2 * PKT_HEADROOM,
		.len = s->len,
		.end = memory + sizeof(memory),
		.off = s->off,
	};
	struct job j = { .n = n, .p = &p, .now = now, .out = out };

	bytes_copy(p.data, s->bytes, s->len);
	if (pkt_parse(&p) == DROP_NONE)
		(void)job_tell(&j, ICMP_CAUSE_PORT_UNREACHABLE);
}

nsec held_syns_expire(struct nat64 *n, nsec now, const struct nat64_out *out)
{
	struct held_syns *h = n->held_syns;

	while (h->len > 0 && held_at(h, 0)->due <= now) {
		const struct held_syn *s = held_at(h, 0);

		h->first = (h->first + 1) % HELD_SYNS_MAX;
		h->len--;
		if (!is_answered(n, s))
			tell(n, s, now, out);
	}
	return h->len > 0 ? held_at(h, 0)->due : UINT64_MAX;
}
