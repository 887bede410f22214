/*
 * ipfix.c - see ipfix.h
 *
 * A template is a list of elements, and an element knows its number, its length and how to write its value. So the
 * template record and the data record come from the same row, and cannot differ.
 *
 * RFC 8158 wants a session's destination only where it must be logged, and where sessions are told bindings are not
 * (s4.6.1); both follow from log.bindings.detail. Blocks that are told again for a new log file are nothing to a collector.
 *
 * Elements beyond those that RFC 8158 demands: sourceIPv6PrefixLength of a block, since the source address is the
 * subscriber's prefix.
 *
 * Standards: RFC 7011 s3, s4.3, s8.1, s10.3.3; RFC 8158 s4.2, s4.3, s4.4, s4.6.
 */
#include "bindlog/ipfix.h"

#include "addr/embed.h"

#define VERSION 10 /* RFC 7011 s3.1 */
#define HEADER_BYTES 16
#define SET_BYTES 4
#define SET_TEMPLATES 2 /* RFC 7011 s3.3.2 */
#define SET_OPTIONS_TEMPLATES 3
#define ELEMENTS_MAX 12

/* What a record is made of. */
struct source {
	const struct state_event *e;
	const struct ipfix_facts *f;
	unix_ms when;
	uint64_t lost;
};

/* --- elements --- */

/* RFC 8158 s4.3 */
enum nat_event {
	NAT_ADDRESSES_EXHAUSTED = 3,
	NAT64_SESSION_CREATE = 6,
	NAT64_SESSION_DELETE = 7,
	NAT64_BIB_CREATE = 10,
	NAT64_BIB_DELETE = 11,
	NAT_PORTS_EXHAUSTED = 12,
	NAT_QUOTA_EXCEEDED = 13,
	NAT_ADDRESS_BINDING_CREATE = 14,
	NAT_ADDRESS_BINDING_DELETE = 15,
	NAT_BLOCK_ALLOCATION = 16,
	NAT_BLOCK_DEALLOCATION = 17,
};

static const uint8_t nat_events[STATE_EVENT_COUNT] = {
	[STATE_BLOCK_LENT] = NAT_BLOCK_ALLOCATION,
	[STATE_BLOCK_RETURNED] = NAT_BLOCK_DEALLOCATION,
	[STATE_BINDING_MADE] = NAT64_BIB_CREATE,
	[STATE_BINDING_ENDED] = NAT64_BIB_DELETE,
	[STATE_SESSION_MADE] = NAT64_SESSION_CREATE,
	[STATE_SESSION_ENDED] = NAT64_SESSION_DELETE,
	[STATE_LIMIT] = NAT_QUOTA_EXCEEDED,
	[STATE_PORTS_EXHAUSTED] = NAT_PORTS_EXHAUSTED,
};

/* RFC 8158 s4.4; what is not listed is no quota. */
static const uint8_t quotas[DROP_COUNT] = {
	[DROP_SESSIONS_FULL] = 1,
	[DROP_BINDINGS_FULL] = 2,
	[DROP_SUBSCRIBER_BLOCKS] = 3,
	[DROP_SUBSCRIBERS_FULL] = 4,
	[DROP_FRAGMENT_TABLE_FULL] = 5,
	[DROP_FRAGMENT_SOURCE_LIMIT] = 5,
};

/* The protocol of the IPv4 side, as IANA numbers it; one without ports has its number in their place (addr/tuple.h). */
static const uint8_t protocols[PROTO_COUNT] = { [PROTO_TCP] = 6, [PROTO_UDP] = 17, [PROTO_ICMP] = 1 };

static void put64(struct wr *w, uint64_t v)
{
	uint8_t *at = wr_room(w, 8);

	if (at)
		be64_put(at, v);
}

static void put_addr6(struct wr *w, struct addr6 a)
{
	uint8_t *at = wr_room(w, 16);

	if (at)
		addr6_put(at, a);
}

static void put_time(struct wr *w, const struct source *s)
{
	put64(w, s->when);
}

static void put_event(struct wr *w, const struct source *s)
{
	bool is_pool = s->e->kind == STATE_LIMIT && s->e->reason == DROP_POOL_EXHAUSTED;

	wr_u8(w, is_pool ? NAT_ADDRESSES_EXHAUSTED : nat_events[s->e->kind]);
}

static void put_address_event(struct wr *w, const struct source *s)
{
	wr_u8(w, s->e->kind == STATE_BINDING_MADE ? NAT_ADDRESS_BINDING_CREATE : NAT_ADDRESS_BINDING_DELETE);
}

/* Of a limit that an IPv4 host has met. */
static bool is_of_ipv4(const struct state_event *e)
{
	return e->in.hi == 0 && e->in.lo >> 32 == 0xffff;
}

static void put_source4(struct wr *w, const struct source *s)
{
	wr_be32(w, (uint32_t)s->e->in.lo);
}

static void put_max_fragments(struct wr *w, const struct source *s)
{
	wr_be32(w, s->f->max_fragments);
}

static void put_source6(struct wr *w, const struct source *s)
{
	put_addr6(w, s->e->in);
}

static void put_prefix_len(struct wr *w, const struct source *s)
{
	wr_u8(w, s->e->subscriber_len);
}

static void put_source_port(struct wr *w, const struct source *s)
{
	wr_be16(w, s->e->in_port);
}

static void put_post_source4(struct wr *w, const struct source *s)
{
	wr_be32(w, s->e->out.v);
}

/* Of a binding the port, of a block the first one. */
static void put_post_source_port(struct wr *w, const struct source *s)
{
	wr_be16(w, s->e->out_port);
}

static void put_last_port(struct wr *w, const struct source *s)
{
	wr_be16(w, s->e->last_port);
}

static void put_protocol(struct wr *w, const struct source *s)
{
	wr_u8(w, s->e->proto == PROTO_OTHER ? (uint8_t)s->e->in_port : protocols[s->e->proto]);
}

static void put_destination6(struct wr *w, const struct source *s)
{
	put_addr6(w, embed_addr(s->f->prefixes[s->e->prefix % IPFIX_PREFIXES_MAX], s->e->remote));
}

static void put_post_destination4(struct wr *w, const struct source *s)
{
	wr_be32(w, s->e->remote.v);
}

static void put_destination_port(struct wr *w, const struct source *s)
{
	wr_be16(w, s->e->remote_port);
}

/* All addresses are one pool to whoever asks for a port. */
static void put_pool(struct wr *w, const struct source *s)
{
	wr_be32(w, s->f->domain);
}

static void put_quota(struct wr *w, const struct source *s)
{
	wr_be32(w, quotas[s->e->reason]);
}

static void put_max_sessions(struct wr *w, const struct source *s)
{
	wr_be32(w, s->f->max_sessions);
}

static void put_max_bindings(struct wr *w, const struct source *s)
{
	wr_be32(w, s->f->max_bindings);
}

static void put_max_per_subscriber(struct wr *w, const struct source *s)
{
	wr_be32(w, s->f->max_per_subscriber);
}

static void put_max_subscribers(struct wr *w, const struct source *s)
{
	wr_be32(w, s->f->max_subscribers);
}

static void put_process(struct wr *w, const struct source *s)
{
	wr_be32(w, 1); /* there is one exporting process to a domain */
}

static void put_lost(struct wr *w, const struct source *s)
{
	put64(w, s->lost);
}

struct element {
	uint16_t number, bytes;
	void (*put)(struct wr *w, const struct source *s);
};

#define TIME_STAMP                                                                                           \
	{                                                                                                    \
		323, 8, put_time                                                                             \
	} /* observationTimeMilliseconds */
#define NAT_EVENT                                                                                            \
	{                                                                                                    \
		230, 1, put_event                                                                            \
	}
#define SOURCE_IPV6                                                                                          \
	{                                                                                                    \
		27, 16, put_source6                                                                          \
	}
#define POST_NAT_SOURCE_IPV4                                                                                 \
	{                                                                                                    \
		225, 4, put_post_source4                                                                     \
	}
#define QUOTA_EVENT                                                                                          \
	{                                                                                                    \
		466, 4, put_quota                                                                            \
	}

/* --- templates --- */

enum template {
	TEMPLATE_BLOCK,
	TEMPLATE_BINDING,
	TEMPLATE_SESSION,
	TEMPLATE_ADDRESSES_EXHAUSTED,
	TEMPLATE_MAX_SESSIONS,
	TEMPLATE_MAX_BINDINGS,
	TEMPLATE_MAX_PER_SUBSCRIBER,
	TEMPLATE_MAX_SUBSCRIBERS,
	TEMPLATE_ADDRESS,
	TEMPLATE_PORTS_EXHAUSTED,
	TEMPLATE_MAX_FRAGMENTS6,
	TEMPLATE_MAX_FRAGMENTS4,
	TEMPLATE_LOST,
	TEMPLATE_COUNT
};

#define TEMPLATE_ID(t) ((uint16_t)(256 + (t))) /* RFC 7011 s3.4.1: below 256 are sets of other kinds */

static const struct {
	struct element elements[ELEMENTS_MAX];
	uint16_t len, scope; /* elements; of options: how many of them are the scope */
} templates[TEMPLATE_COUNT] = {
	[TEMPLATE_BLOCK] = { { TIME_STAMP, NAT_EVENT, SOURCE_IPV6, { 29, 1, put_prefix_len },
				     POST_NAT_SOURCE_IPV4, { 361, 2, put_post_source_port },
				     { 362, 2, put_last_port } },
		7, 0 }, /* RFC 8158 s4.6.10 */
	[TEMPLATE_BINDING] = { { TIME_STAMP, NAT_EVENT, SOURCE_IPV6, POST_NAT_SOURCE_IPV4,
				       { 4, 1, put_protocol }, { 7, 2, put_source_port },
				       { 227, 2, put_post_source_port } },
		7, 0 }, /* s4.6.4 */
	[TEMPLATE_SESSION] = { { TIME_STAMP, NAT_EVENT, SOURCE_IPV6, POST_NAT_SOURCE_IPV4,
				       { 4, 1, put_protocol }, { 7, 2, put_source_port },
				       { 227, 2, put_post_source_port }, { 28, 16, put_destination6 },
				       { 226, 4, put_post_destination4 }, { 11, 2, put_destination_port },
				       { 228, 2, put_destination_port } },
		11, 0 }, /* s4.6.2 */
	[TEMPLATE_ADDRESSES_EXHAUSTED] = { { TIME_STAMP, NAT_EVENT, { 283, 4, put_pool } }, 3,
		0 }, /* s4.6.5 */
	[TEMPLATE_MAX_SESSIONS] = { { TIME_STAMP, NAT_EVENT, QUOTA_EVENT, { 471, 4, put_max_sessions } }, 4,
		0 }, /* s4.6.7.1 */
	[TEMPLATE_MAX_BINDINGS] = { { TIME_STAMP, NAT_EVENT, QUOTA_EVENT, { 472, 4, put_max_bindings } }, 4,
		0 }, /* s4.6.7.2 */
	[TEMPLATE_MAX_PER_SUBSCRIBER] = { { TIME_STAMP, NAT_EVENT, QUOTA_EVENT,
						  { 473, 4, put_max_per_subscriber }, SOURCE_IPV6 },
		5, 0 }, /* s4.6.7.3 */
	[TEMPLATE_MAX_SUBSCRIBERS] = { { TIME_STAMP, NAT_EVENT, QUOTA_EVENT,
					       { 474, 4, put_max_subscribers } },
		4, 0 }, /* s4.6.7.4 */
	[TEMPLATE_ADDRESS] = { { TIME_STAMP, { 230, 1, put_address_event }, SOURCE_IPV6, POST_NAT_SOURCE_IPV4,
				       { 4, 1, put_protocol } },
		5, 0 }, /* s4.6.9; and for which protocol */
	[TEMPLATE_PORTS_EXHAUSTED] = { { TIME_STAMP, NAT_EVENT, POST_NAT_SOURCE_IPV4,
					       { 4, 1, put_protocol } },
		4, 0 }, /* s4.6.6 */
	[TEMPLATE_MAX_FRAGMENTS6] = { { TIME_STAMP, NAT_EVENT, QUOTA_EVENT, { 475, 4, put_max_fragments },
					      SOURCE_IPV6 },
		5, 0 }, /* s4.6.7.5, from IPv6 to IPv4 */
	[TEMPLATE_MAX_FRAGMENTS4] = { { TIME_STAMP, NAT_EVENT, QUOTA_EVENT, { 475, 4, put_max_fragments },
					      { 8, 4, put_source4 } },
		5, 0 }, /* the same, the other way */
	[TEMPLATE_LOST] = { { { 144, 4, put_process }, TIME_STAMP, { 166, 8, put_lost } }, 3,
		1 }, /* RFC 7011 s4.3: exportingProcessId, notSentFlowTotalCount */
};

static enum template limit_template(const struct state_event *e)
{
	static const uint8_t of_quota[] = { TEMPLATE_COUNT, TEMPLATE_MAX_SESSIONS, TEMPLATE_MAX_BINDINGS,
		TEMPLATE_MAX_PER_SUBSCRIBER, TEMPLATE_MAX_SUBSCRIBERS, TEMPLATE_MAX_FRAGMENTS6 };
	enum template t = (enum template)of_quota[quotas[e->reason]];

	if (e->reason == DROP_POOL_EXHAUSTED)
		return TEMPLATE_ADDRESSES_EXHAUSTED;
	return t == TEMPLATE_MAX_FRAGMENTS6 && is_of_ipv4(e) ? TEMPLATE_MAX_FRAGMENTS4 : t;
}

/* A binding by address has no ports to tell, so it is none of the BIB's to a collector. */
static enum template binding_template(const struct state_event *e)
{
	return e->proto == PROTO_OTHER ? TEMPLATE_ADDRESS : TEMPLATE_BINDING;
}

static enum template template_of(const struct state_event *e)
{
	static const uint8_t of_kind[STATE_EVENT_COUNT] = {
		[STATE_BLOCK_LENT] = TEMPLATE_BLOCK,
		[STATE_BLOCK_RETURNED] = TEMPLATE_BLOCK,
		[STATE_BLOCK_HELD] = TEMPLATE_COUNT,
		[STATE_BINDING_MADE] = TEMPLATE_BINDING,
		[STATE_BINDING_ENDED] = TEMPLATE_BINDING,
		[STATE_SESSION_MADE] = TEMPLATE_SESSION,
		[STATE_SESSION_ENDED] = TEMPLATE_SESSION,
		[STATE_PORTS_EXHAUSTED] = TEMPLATE_PORTS_EXHAUSTED,
	};
	enum template t = (enum template)of_kind[e->kind];

	if (e->kind == STATE_LIMIT)
		return limit_template(e);
	return t == TEMPLATE_BINDING ? binding_template(e) : t;
}

/* --- sets and messages --- */

static void set_close(struct ipfix_message *m)
{
	if (m->set)
		be16_put(m->set + 2, (uint16_t)(m->w.at - m->set));
	m->set = NULL;
}

static void set_open(struct ipfix_message *m, uint16_t id)
{
	set_close(m);
	m->set = wr_room(&m->w, SET_BYTES);
	m->template = id;
	if (m->set)
		be16_put(m->set, id);
}

void ipfix_begin(struct ipfix_message *m, uint8_t *at, size_t room)
{
	*m = (struct ipfix_message){ .w = wr_of(at, room) };
	(void)wr_room(&m->w, HEADER_BYTES);
}

static size_t record_bytes(enum template t)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < templates[t].len; i++)
		bytes += templates[t].elements[i].bytes;
	return bytes;
}

static enum ipfix_added add(struct ipfix_message *m, enum template t, const struct source *s)
{
	bool is_same_set = m->set && m->template == TEMPLATE_ID(t);
	size_t need = record_bytes(t) + (is_same_set ? 0 : SET_BYTES);

	if (need > (size_t)(m->w.end - m->w.at))
		return IPFIX_FULL;
	if (!is_same_set)
		set_open(m, TEMPLATE_ID(t));
	for (unsigned i = 0; i < templates[t].len; i++)
		templates[t].elements[i].put(&m->w, s);
	m->records++;
	return IPFIX_ADDED;
}

enum ipfix_added ipfix_add(
	struct ipfix_message *m, const struct state_event *e, unix_ms when, const struct ipfix_facts *f)
{
	const struct source s = { .e = e, .f = f, .when = when };
	enum template t = template_of(e);

	return t == TEMPLATE_COUNT ? IPFIX_NOT_MINE : add(m, t, &s);
}

enum ipfix_added ipfix_add_lost(struct ipfix_message *m, uint64_t lost, unix_ms when)
{
	const struct source s = { .when = when, .lost = lost };

	return add(m, TEMPLATE_LOST, &s);
}

size_t ipfix_end(struct ipfix_message *m, uint32_t domain, unix_ms now)
{
	uint8_t *h = m->w.start;

	ASSERT(!m->w.full);
	set_close(m);
	be16_put(h, VERSION);
	be16_put(h + 2, (uint16_t)wr_len(&m->w));
	be32_put(h + 4, (uint32_t)(now / 1000));
	be32_put(h + 8, 0);
	be32_put(h + 12, domain);
	return wr_len(&m->w);
}

void ipfix_number(uint8_t *message, uint32_t sequence)
{
	be32_put(message + 8, sequence);
}

static void put_template(struct wr *w, enum template t)
{
	wr_be16(w, TEMPLATE_ID(t));
	wr_be16(w, templates[t].len);
	if (templates[t].scope > 0)
		wr_be16(w, templates[t].scope);
	for (unsigned i = 0; i < templates[t].len; i++) {
		wr_be16(w, templates[t].elements[i].number);
		wr_be16(w, templates[t].elements[i].bytes);
	}
}

size_t ipfix_templates(uint8_t at[static IPFIX_TEMPLATES_BYTES], uint32_t domain, unix_ms now)
{
	struct ipfix_message m;

	ipfix_begin(&m, at, IPFIX_TEMPLATES_BYTES);
	set_open(&m, SET_TEMPLATES);
	for (enum template t = 0; t < TEMPLATE_LOST; t++)
		put_template(&m.w, t);
	set_open(&m, SET_OPTIONS_TEMPLATES);
	put_template(&m.w, TEMPLATE_LOST);
	return ipfix_end(&m, domain, now);
}
