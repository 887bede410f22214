/* reply.c - header, question, sections, OPT */
#include "dns64/reply.h"

/* RFC 8914 s4: extended errors that we know the reason for. */
#define EDE_NONE (-1)
#define EDE_OTHER 0
#define EDE_DNSSEC_BOGUS 6
#define EDE_NSEC_MISSING 12

size_t reply_limit(const struct query *q)
{
	return q->udp_size < SERVER_UDP_MAX ? q->udp_size : SERVER_UDP_MAX;
}

static int ede_of(const struct reply *r)
{
	if (!r->verdict)
		return EDE_NONE;
	if (r->verdict->kind == SYNTH_BOGUS)
		return EDE_DNSSEC_BOGUS;
	if (r->verdict->kind == SYNTH_UNLENT)
		return EDE_OTHER;
	return r->verdict->kind == SYNTH_UNPROVEN ? EDE_NSEC_MISSING : EDE_NONE;
}

static uint16_t flags_of(const struct reply *r, uint16_t rcode)
{
	const struct synth_verdict *v = r->verdict;
	unsigned flags = DNS_QR | DNS_RA | (rcode & DNS_RCODE);

	flags |= r->query->flags & (DNS_OPCODE | DNS_RD | DNS_CD);
	if (v ? v->is_authentic : r->kept && r->kept->is_authentic)
		flags |= DNS_AD;
	if (v && v->is_authoritative)
		flags |= DNS_AA;
	return (uint16_t)flags;
}

static uint16_t rcode_of(const struct reply *r)
{
	if (r->kept)
		return r->kept->rcode;
	return r->verdict ? r->verdict->rcode : r->rcode;
}

static void write_sections(const struct reply *r, struct dns_wr *d)
{
	if (r->kept)
		answer_write(r->kept, r->now, d);
	else if (r->verdict)
		synth_write(r->in, r->verdict, d);
}

static void begin(const struct reply *r, struct dns_wr *d, uint8_t *buf, size_t limit)
{
	dns_wr_begin(d, buf, limit);
	if (r->query->has_question)
		dns_wr_question(d, &r->query->ask.question);
}

#define PAD_BLOCK 468 /* RFC 8467 s4.1, bytes */

/* Pads up to the next multiple of a block, as far as there is room. */
static void pad(struct dns_opt *opt, size_t len, size_t limit)
{
	size_t whole = (len + OPTION_HEAD + PAD_BLOCK - 1) / PAD_BLOCK * PAD_BLOCK;

	whole = whole < limit ? whole : limit;
	opt->is_padded = whole >= len + OPTION_HEAD;
	opt->padding = opt->is_padded ? (uint16_t)(whole - len - OPTION_HEAD) : 0;
}

size_t reply_build(const struct reply *r, uint8_t *buf, size_t limit, bool *ret_cut)
{
	uint16_t rcode = rcode_of(r);
	struct dns_opt opt = {
		.udp_size = SERVER_UDP_MAX,
		.rcode = rcode,
		.dnssec_ok = r->query->ask.dnssec_ok,
		.ede = ede_of(r),
		.cookie = r->query->cookie,
		.cookie_len = r->query->cookie_len,
		.keepalive = r->query->wants_keepalive ? r->keepalive : 0,
	};
	size_t opt_len = r->query->has_edns ? dns_opt_len(&opt) : 0;
	struct dns_wr d;

	begin(r, &d, buf, limit - opt_len);
	write_sections(r, &d);
	*ret_cut = d.w.full || r->is_cut;
	if (d.w.full)
		begin(r, &d, buf, limit - opt_len);
	d.w.end = buf + limit;
	if (opt_len > 0 && r->is_confidential && r->query->wants_padding)
		pad(&opt, wr_len(&d.w) + opt_len, limit);
	if (opt_len > 0)
		dns_wr_opt(&d, &opt);
	return dns_wr_end(&d, r->query->id, (uint16_t)(flags_of(r, rcode) | (*ret_cut ? DNS_TC : 0)));
}
