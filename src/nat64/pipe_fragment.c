/*
 * pipe_fragment.c - a fragment goes through the pipeline with the ports of its datagram (RFC 6146 s3.4)
 *
 * What the first fragment says (ports, flags, type) is filled into the view of the others, and then each of them takes
 * the way of a whole packet through pipe_64() or pipe_46(): the same session, the same rules, the same hairpin, the same
 * decision that it is the host's. Nothing else is remembered, so nothing can disagree. That the TCP machine sees the
 * flags once for each fragment does no harm; it sees as much when a segment is repeated.
 *
 * A fragment waits
 *
 *	until the first one is there,			always
 *	until the last one has told the length,		of an echo message: ICMPv6's pseudo-header has it
 *	until all are there,				of a UDP datagram over IPv4 without checksum: IPv6 wants one
 */
#include "nat64/drops.h"
#include "nat64/fragments.h"
#include "nat64/recorder.h"

/* Whether a checksum has to be made for this datagram, rather than it be dropped (RFC 7915 s4.5). */
static bool is_computed(const struct job *j, const struct datagram *d)
{
	enum udp_zero policy = j->is_stateless ? j->n->cfg.siit.udp_zero : j->n->cfg.udp_zero;

	return d->head.lacks_checksum && policy == UDP_ZERO_COMPUTE;
}

static bool is_ready(const struct job *j, const struct datagram *d)
{
	if (!d->head.is_known)
		return false;
	if (d->head.kind == L4_ICMP_QUERY)
		return d->total != 0;
	return !is_computed(j, d) || datagram_is_complete(d);
}

static void view_adopt(struct view *v, const struct datagram *d)
{
	const struct fragment_head *h = &d->head;

	v->datagram_len = d->total;
	if (v->frag_offset == 0)
		return;
	v->kind = h->kind;
	v->next = h->next;
	v->sport = h->sport;
	v->dport = h->dport;
	v->tcp_flags = h->tcp_flags;
	v->icmp_type = h->icmp_type;
	v->icmp_code = h->icmp_code;
}

static enum verdict forward(struct job *j, const struct datagram *d)
{
	enum direction dir = j->p->v.version == 6 ? DIR_64 : DIR_46;

	view_adopt(&j->p->v, d);
	if (j->p->v.frag_offset != 0)
		TRACE(j->n, STEP_FRAGMENT_JOINED, .n = d->head.sport, .m = d->head.dport);
	j->datagram = d;
	j->is_settled = false; /* its block is known only now */
	enum verdict verdict = dir == DIR_64 ? pipe_64(j) : pipe_46(j);

	j->n->count.fragments[dir] += verdict == VERDICT_SEND;
	return verdict;
}

static void release(const struct job *j, struct datagram *d)
{
	struct pkt stored;

	while (fragments_next(j->n->fragments, d, &stored)) {
		struct job waiting = { .n = j->n, .p = &stored, .now = j->now, .out = j->out };

		(void)forward(&waiting, d);
	}
}

/* Everything but this last fragment was summed when it was stored. */
static enum drop_reason sum_finish(struct datagram *d, const struct pkt *p)
{
	if (d->head.udp_len != d->total)
		return DROP_UDP_LENGTH;
	d->sum += csum_bytes(p->data + p->v.l4_off, p->v.l4_len);
	return DROP_NONE;
}

/* RFC 8158 s4.6.7.5: the source of the fragment that took the room of others. */
static void tell_displaced(const struct job *j)
{
	const struct view *v = &j->p->v;
	enum drop_reason reason = fragments_displaced(j->n->fragments);

	if (UNLIKELY(reason != DROP_NONE))
		state_tell_limit(j->n->state, reason, (enum proto)drop_class_of_view(v).proto,
			v->version == 6 ? v->src6 : (struct addr6){ 0, UINT64_C(0xffff00000000) | v->src4.v },
			j->now);
}

enum verdict pipe_fragment(struct job *j)
{
	struct nat64 *n = j->n;
	const struct state_config *c = &n->cfg.state;
	bool is_first = j->p->v.frag_offset == 0;
	struct datagram *d;

	/* Stateless translation knows no owners until a fragment cannot be translated by itself. */
	if (UNLIKELY(job_is_foreign(j)))
		return job_hand_over(j);
	enum drop_reason reason = fragments_enter(
		n->fragments, j->p, c->subscriber_len, j->now, c->lifetime[LIFETIME_FRAGMENT], &d);

	tell_displaced(j);
	if (reason != DROP_NONE)
		return job_drop(j, reason);
	if (!is_ready(j, d)) {
		fragments_store(n->fragments, d, j->p);
		tell_displaced(j);
		TRACE(n, STEP_FRAGMENT_HELD, .n = 0);
		return VERDICT_HOLD;
	}
	if (is_computed(j, d) && (reason = sum_finish(d, j->p)) != DROP_NONE) {
		fragments_refuse(n->fragments, d, reason);
		return job_drop(j, reason);
	}
	/* The first fragment goes first, for the sake of whoever translates or filters further on. */
	if (!is_first)
		release(j, d);
	enum verdict verdict = forward(j, d);

	if (is_first)
		release(j, d);
	if (datagram_is_complete(d)) {
		n->count.datagrams++;
		fragments_forget(n->fragments, d);
	}
	return verdict;
}

void fragment_checksum_supply(struct job *j)
{
	struct view *v = &j->p->v;
	const struct datagram *d = j->datagram;

	if (!d->head.lacks_checksum || v->frag_offset != 0)
		return;
	csum sum = d->sum + csum_pseudo4(v->src4, v->dst4, IPPROTO_UDP_NR, d->total);
	uint16_t field = (uint16_t)~csum_fold(sum);

	be16_put(j->p->data + v->l4_off + UDP_CSUM_AT, field == 0 ? UINT16_MAX : field);
}
