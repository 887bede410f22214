/* wire_write.c - writing DNS messages, with compression of names (RFC 1035 s4.1.4) */
#include "dns64/rdata.h"

#define POINTER 0xc000
#define POINTER_REACH 0x4000 /* a pointer holds 14 bits */

void dns_wr_begin(struct dns_wr *d, void *buf, size_t room)
{
	*d = (struct dns_wr){ .w = wr_of(buf, room) };
	(void)wr_room(&d->w, DNS_HEADER_LEN);
}

/* Whether the name that was written at offset @at is @name, a run of labels that ends with the root label. */
static bool is_written_at(const struct dns_wr *d, size_t at, const uint8_t *name)
{
	const uint8_t *out = d->w.start;

	for (;;) {
		while ((out[at] & 0xc0) == 0xc0) /* our own pointers always lead back */
			at = be16_at(out + at) & 0x3fff;
		if (out[at] != *name)
			return false;
		if (*name == 0)
			return true;
		for (unsigned i = 1; i <= *name; i++)
			if (dns_lower(out[at + i]) != dns_lower(name[i]))
				return false;
		at += 1u + *name;
		name += 1u + *name;
	}
}

static int find_target(const struct dns_wr *d, const uint8_t *name)
{
	for (unsigned i = 0; i < d->targets_len; i++)
		if (is_written_at(d, d->targets[i], name))
			return d->targets[i];
	return -1;
}

/* The label about to be written may be pointed to; its name is complete once dns_wr's caller has finished
 * writing it. */
static void remember(struct dns_wr *d, size_t at)
{
	if (d->targets_len < DNS_COMPRESS_MAX)
		d->targets[d->targets_len++] = (uint16_t)at;
}

static void put_name(struct dns_wr *d, const struct dns_name *n, enum rdata_style style)
{
	uint16_t fresh[DNS_LABELS_MAX];
	unsigned fresh_len = 0;
	const uint8_t *at = n->wire;

	for (; *at != 0; at += 1u + *at) {
		int target = style == RDATA_COMPRESS ? find_target(d, at) : -1;

		if (target >= 0) {
			wr_be16(&d->w, (uint16_t)(POINTER | target));
			break;
		}
		if (wr_len(&d->w) < POINTER_REACH)
			fresh[fresh_len++] = (uint16_t)wr_len(&d->w);
		wr_bytes(&d->w, at, 1u + *at);
	}
	if (*at == 0)
		wr_u8(&d->w, 0);
	for (unsigned i = 0; i < fresh_len && !d->w.full; i++)
		remember(d, fresh[i]);
}

void dns_wr_question(struct dns_wr *d, const struct dns_question *q)
{
	put_name(d, &q->name, RDATA_COMPRESS);
	wr_be16(&d->w, q->type);
	wr_be16(&d->w, q->class);
	d->count[SECTION_QUESTION]++;
}

/* Everything of a record before its data; returns where the length of the data goes, NULL if there is no
 * room. */
static uint8_t *put_head(
	struct dns_wr *d, const struct dns_name *owner, uint16_t type, uint16_t class, uint32_t ttl)
{
	put_name(d, owner, RDATA_COMPRESS);
	wr_be16(&d->w, type);
	wr_be16(&d->w, class);
	wr_be32(&d->w, ttl);
	return wr_room(&d->w, 2);
}

static void close_rr(struct dns_wr *d, enum dns_section s, uint8_t *length)
{
	if (d->w.full || !length)
		return;
	be16_put(length, (uint16_t)(d->w.at - (length + 2)));
	d->count[s]++;
}

void dns_wr_copy(
	struct dns_wr *d, enum dns_section s, const struct dns_msg *m, const struct dns_rr *rr, uint32_t ttl)
{
	const struct rdata_layout *l = rdata_layout_of(rr->type);
	struct rdata_field f = { .at = rr->rdata_at };
	size_t end = rr->rdata_at + rr->rdata_len;
	struct dns_name owner;

	dns_rr_owner(m, rr, &owner);
	uint8_t *length = put_head(d, &owner, rr->type, rr->class, ttl);

	for (const char *c = l->fields; *c; c++) {
		bool sound = rdata_step(m->bytes, end, *c, &f);

		ASSERT(sound); /* dns_msg_parse() took the same steps */
		if (f.is_name)
			put_name(d, &f.name, l->style);
		else
			wr_bytes(&d->w, m->bytes + f.start, f.at - f.start);
	}
	close_rr(d, s, length);
}

void dns_wr_data(struct dns_wr *d, enum dns_section s, const struct dns_name *owner, uint16_t type,
	uint32_t ttl, struct rd data)
{
	uint8_t *length = put_head(d, owner, type, CLASS_IN, ttl);

	wr_bytes(&d->w, data.at, rd_left(&data));
	close_rr(d, s, length);
}

void dns_wr_target(struct dns_wr *d, enum dns_section s, const struct dns_name *owner, uint16_t type,
	uint32_t ttl, const struct dns_name *target)
{
	uint8_t *length = put_head(d, owner, type, CLASS_IN, ttl);

	put_name(d, target, RDATA_COMPRESS);
	close_rr(d, s, length);
}

void dns_wr_soa(struct dns_wr *d, enum dns_section s, const struct dns_name *zone, uint32_t ttl)
{
	/* The mailbox that nobody reads; RFC 6303 s3 uses the same one for zones that exist only locally. */
	static const struct dns_name nobody = { 16, "\006nobody\007invalid" };
	static const uint32_t timers[] = { 1 /* serial */, 3600, 1200, 604800 }; /* RFC 6303 s3 */
	uint8_t *length = put_head(d, zone, TYPE_SOA, CLASS_IN, ttl);

	put_name(d, zone, RDATA_COMPRESS);
	put_name(d, &nobody, RDATA_COMPRESS);
	for (size_t i = 0; i < ARRAY_LEN(timers); i++)
		wr_be32(&d->w, timers[i]);
	wr_be32(&d->w, ttl);
	close_rr(d, s, length);
}

static uint16_t options_len(const struct dns_opt *o)
{
	size_t len = 0;

	if (o->ede >= 0)
		len += OPTION_HEAD + 2;
	if (o->cookie_len > 0)
		len += OPTION_HEAD + (size_t)o->cookie_len;
	if (o->keepalive > 0)
		len += OPTION_HEAD + 2;
	if (o->is_padded)
		len += OPTION_HEAD + (size_t)o->padding;
	return (uint16_t)len;
}

size_t dns_opt_len(const struct dns_opt *o)
{
	return DNS_OPT_LEN + (size_t)options_len(o);
}

void dns_wr_opt(struct dns_wr *d, const struct dns_opt *o)
{
	wr_u8(&d->w, 0); /* owner: the root */
	wr_be16(&d->w, TYPE_OPT);
	wr_be16(&d->w, o->udp_size);
	wr_u8(&d->w, (uint8_t)(o->rcode >> 4));
	wr_u8(&d->w, 0); /* version */
	wr_be16(&d->w, o->dnssec_ok ? DNS_OPT_DO : 0);
	wr_be16(&d->w, options_len(o));
	if (o->ede >= 0) {
		wr_be16(&d->w, OPTION_EDE); /* RFC 8914 s2: OPTION-CODE, then length and INFO-CODE */
		wr_be16(&d->w, 2);
		wr_be16(&d->w, (uint16_t)o->ede);
	}
	if (o->cookie_len > 0) {
		wr_be16(&d->w, OPTION_COOKIE);
		wr_be16(&d->w, o->cookie_len);
		wr_bytes(&d->w, o->cookie, o->cookie_len);
	}
	if (o->keepalive > 0) {
		wr_be16(&d->w, OPTION_KEEPALIVE);
		wr_be16(&d->w, 2);
		wr_be16(&d->w, o->keepalive);
	}
	if (o->is_padded) {
		wr_be16(&d->w, OPTION_PADDING);
		wr_be16(&d->w, o->padding);
		for (unsigned i = 0; i < o->padding; i++)
			wr_u8(&d->w, 0);
	}
	if (!d->w.full)
		d->count[SECTION_ADDITIONAL]++;
}

size_t dns_wr_end(struct dns_wr *d, uint16_t id, uint16_t flags)
{
	uint8_t *h = d->w.start;

	ASSERT(!d->w.full);
	be16_put(h, id);
	be16_put(h + 2, flags);
	for (unsigned s = 0; s < SECTION_COUNT; s++)
		be16_put(h + 4 + 2 * (size_t)s, d->count[s]);
	return wr_len(&d->w);
}
