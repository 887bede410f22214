/*
 * handover.c - of several workers, the one that owns a packet translates it
 *
 * The kernel is asked to bring each packet to its owner (bpf/queue.bpf.c), but that is a hint: it may not be there, or may
 * not look as far as parsing does. So every worker looks for itself, where state/ is about to be asked for the first time,
 * and hands over what is another's. What needs no tables (stateless translation, a denied destination, an address outside
 * the pool) is settled by whoever has the packet.
 *
 *	IPv6 packet			owner of the source's subscriber
 *	ICMPv6 error			owner of the subscriber that the packet inside was for: any router may send it
 *	IPv4 packet			owner of the block that the destination port or identifier is in
 *	ICMPv4 error			the same of the packet inside, which we sent
 *	protocol without ports		owner of the protocol, both ways, and for errors about it
 *	IPv4 fragment			owner of the datagram: it finds out the ports; then owner of the block
 *	packet that turns around	as an IPv4 packet, which it has just become (RFC 6146 s3.8)
 *
 * Who takes over a packet settles it, and hands it over once more only if it turns around or an error about it does; so
 * it ends. The packet goes as it was parsed, with what was found out about its datagram, and is not parsed again.
 */
#include "nat64/fragments.h"
#include "nat64/recorder.h"

#include "state/owner.h"

static unsigned owner_64(const struct owners *o, const struct pkt *p)
{
	bool is_error = p->v.kind == L4_ICMP_ERROR && p->has_inner;
	const struct view *named = is_error ? &p->in : &p->v;

	if (named->kind == L4_OTHER)
		return owner_of_protocol(o, named->next);
	return owner_of_subscriber(o, is_error ? p->in.dst6 : p->v.src6);
}

static unsigned owner_46(const struct nat64 *n, const struct job *j)
{
	const struct owners *o = n->cfg.state.owners;
	const struct view *v = &j->p->v;

	if (needs_datagram(j))
		return owner_of_datagram(o, v->src4, v->dst4, v->frag_id, v->next);
	switch (v->kind) {
	case L4_TCP:
	case L4_UDP:
	case L4_ICMP_QUERY:
		return owner_of_block(o, v->dst4, v->dport);
	case L4_ICMP_ERROR:
		if (j->p->has_inner && j->p->in.kind == L4_OTHER)
			return owner_of_protocol(o, j->p->in.next);
		if (j->p->has_inner && names_session(&j->p->in))
			return owner_of_block(o, j->p->in.src4, j->p->in.sport);
		break;
	case L4_OTHER:
		return owner_of_protocol(o, v->next);
	case L4_ICMP_OTHER:
		break;
	}
	return n->cfg.state.worker;
}

static unsigned owner_of(const struct job *j)
{
	return j->p->v.version == 6 ? owner_64(j->n->cfg.state.owners, j->p) : owner_46(j->n, j);
}

bool job_is_foreign(const struct job *j)
{
	const struct state_config *c = &j->n->cfg.state;

	return c->owners && !j->is_settled && owner_of(j) != c->worker;
}

enum verdict job_hand_over(struct job *j)
{
	struct nat64_handover h = {
		.is_hairpin = j->is_hairpin,
		.is_stateless = j->is_stateless,
		.is_by_mapping = j->is_by_mapping,
	};

	if (j->datagram)
		h.datagram = (struct nat64_datagram){ .is_known = true,
			.lacks_checksum = j->datagram->head.lacks_checksum,
			.total = j->datagram->total,
			.sum = j->datagram->sum };
	if (!j->out->hand_over(j->out->ctx, owner_of(j), j->p, &h))
		return job_drop(j, DROP_HANDOVER_FULL);
	j->n->count.handed_over++;
	return VERDICT_HANDED;
}

enum verdict nat64_take_over(
	struct nat64 *n, struct pkt *p, const struct nat64_handover *h, nsec now, const struct nat64_out *out)
{
	struct datagram d = { .head = { .lacks_checksum = h->datagram.lacks_checksum },
		.total = h->datagram.total,
		.sum = h->datagram.sum };
	struct job j = {
		.n = n,
		.p = p,
		.now = now,
		.out = out,
		.is_hairpin = h->is_hairpin,
		.is_stateless = h->is_stateless,
		.is_by_mapping = h->is_by_mapping,
		.is_settled = true,
		.datagram = h->datagram.is_known ? &d : NULL,
	};

	n->count.taken_over++;
	if (UNLIKELY(n->traces_len > 0) && recorder_begin(n, p, DROP_NONE, now, out))
		j.out = &n->recorder->tee;
	enum verdict verdict = p->v.version == 6 ? pipe_64(&j) : pipe_46(&j);

	if (h->datagram.is_known)
		n->count.fragments[h->is_hairpin ? DIR_64 : DIR_46] += verdict == VERDICT_SEND;
	if (UNLIKELY(n->tracing))
		recorder_end(n, verdict);
	return verdict;
}
