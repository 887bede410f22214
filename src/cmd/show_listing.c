/*
 * show_listing.c - rows of the tables: sessions, bindings, the pool, and who has an address
 *
 * A listing is made in steps. In each, one worker copies at most LISTING_ROWS rows from where it stopped,
 * between two packets; then they are formatted and written as the client reads. So a listing of a million
 * sessions never holds up packets for longer than a step, and needs no memory of its own size. What changes
 * during the listing may show or not.
 */
#include "cmd/show_translator.h"

#include "cmd/who.h"
#include "ctl/reply.h"
#include "nat64/flowcache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTING_ROWS 128   /* rows copied per step */
#define LISTING_LOOKS 1024 /* rows that a step looks at, taken by the filter or not */
#define LISTING_SCANS 8	   /* empty stretches of 4096 slots that a step walks over */

#define AT_WANTED "at must be an IPv4 address, with a port such as 192.0.2.2:2000 or without"
#define PROTOCOL_NUMBERS 256

struct row {
	struct binding binding;
	struct prefix6 prefix;	  /* of the binding */
	struct session session;	  /* sessions only */
	bool is_cached;		  /* of a session: the kernel translates its packets */
	struct pool_row pool;	  /* pool only */
	struct state_lease lease; /* who only; its bindings are not valid here */
	bool is_lease;		  /* the block's row; else the row of @binding */
};

struct filter {
	bool has_proto;
	enum proto proto;
	uint8_t number; /* of PROTO_OTHER: this protocol; 0: all of them */
	bool has_client;
	struct prefix6 client;
	struct addr4 address; /* who only */
	uint32_t port;	      /* who only; HISTORY_NO_PORT: the address as a whole */
	json_int_t limit;     /* rows left to show; 0 or more */
};

struct listing {
	struct translator *t;
	void (*copy)(void *ctx, struct nat64 *n);
	void (*add)(void *ctx, struct nat64 *n); /* NULL: rows of different workers are different rows */
	const struct nat64 *nat64;		 /* of the worker being asked; on its thread only */
	json_t *(*format)(const struct listing *l, const struct row *r);
	struct filter filter;
	nsec now;
	unsigned worker; /* the one being asked */
	uint32_t first;	 /* of what is summed up: number of the first row of the step */
	uint32_t cursor; /* where it goes on; STATE_END when it is done */
	struct row rows[LISTING_ROWS];
	unsigned rows_len;
};

static bool filter_takes(const struct filter *f, const struct binding *b)
{
	if (f->has_proto && (f->proto != b->proto || (f->number != 0 && f->number != b->out_port)))
		return false;
	return !f->has_client || prefix6_contains(f->client, b->in);
}

/* --- on the worker's thread --- */

/* Adds row @id to l->rows if the filter takes it. */
static void copy_session(struct listing *l, const struct state *s, uint32_t id)
{
	const struct session *session = state_session(s, id);
	const struct binding *binding = state_binding(s, session->binding);

	if (!filter_takes(&l->filter, binding))
		return;
	struct row *row = &l->rows[l->rows_len++];

	*row = (struct row){ .binding = *binding, .prefix = nat64_prefix(l->nat64, binding->prefix) };
	row->is_cached = nat64_session_now(l->nat64, session, l->now, &row->session);
}

static void copy_binding(struct listing *l, const struct state *s, uint32_t id)
{
	const struct binding *binding = state_binding(s, id);

	if (filter_takes(&l->filter, binding))
		l->rows[l->rows_len++] = (struct row){
			.binding = *binding,
			.prefix = nat64_prefix(l->nat64, binding->prefix),
		};
}

static void copy_ids(struct listing *l, const struct state *s,
	uint32_t (*next)(const struct state *s, uint32_t from, uint32_t *ret_next),
	void (*copy)(struct listing *l, const struct state *s, uint32_t id))
{
	unsigned looks = 0;

	while (l->rows_len < LISTING_ROWS && l->cursor != STATE_END && looks < LISTING_LOOKS) {
		uint32_t id = next(s, l->cursor, &l->cursor);

		if (id == STATE_END) {
			looks += LISTING_LOOKS / LISTING_SCANS;
			continue;
		}
		looks++;
		copy(l, s, id);
	}
}

static void copy_sessions(void *ctx, struct nat64 *n)
{
	struct listing *l = ctx;

	l->nat64 = n;
	copy_ids(l, nat64_state(n), state_next_session, copy_session);
}

static void copy_bindings(void *ctx, struct nat64 *n)
{
	struct listing *l = ctx;

	l->nat64 = n;
	copy_ids(l, nat64_state(n), state_next_binding, copy_binding);
}

/* The first worker says which rows there are; add_pool() adds what the others have of them. */
static void copy_pool(void *ctx, struct nat64 *n)
{
	struct listing *l = ctx;

	l->first = l->cursor;
	while (l->rows_len < LISTING_ROWS && l->cursor != STATE_END) {
		if (state_pool_row(nat64_state(n), l->cursor, &l->rows[l->rows_len].pool)) {
			l->rows_len++;
			l->cursor++;
		} else {
			l->cursor = STATE_END;
		}
	}
}

static void add_pool(void *ctx, struct nat64 *n)
{
	struct listing *l = ctx;
	struct pool_row row;

	for (unsigned i = 0; i < l->rows_len; i++) {
		struct pool_row *to = &l->rows[i].pool;

		/* A worker that a reload has not reached yet may have other rows. */
		if (!state_pool_row(nat64_state(n), l->first + i, &row) || !addr4_eq(row.addr, to->addr) ||
			row.lo != to->lo || row.hi != to->hi)
			continue;
		to->blocks += row.blocks;
		to->blocks_lent += row.blocks_lent;
		for (enum proto p = 0; p < PROTO_COUNT; p++)
			to->ports_used[p] += row.ports_used[p];
	}
}

/* The bindings of the address as a whole: one for each protocol, and a worker owns a protocol. */
static void copy_whole(struct listing *l, const struct state *s)
{
	for (; l->cursor < PROTOCOL_NUMBERS && l->rows_len < LISTING_ROWS; l->cursor++) {
		const struct flow46 f = {
			.proto = PROTO_OTHER, .dst = l->filter.address, .dport = (uint16_t)l->cursor
		};
		const struct binding *b = state_binding_of46(s, &f);

		if (b)
			l->rows[l->rows_len++] = (struct row){ .binding = *b };
	}
	if (l->cursor == PROTOCOL_NUMBERS)
		l->cursor = STATE_END;
}

/* The block, and below it the bindings of the very port. */
static void copy_lease(struct listing *l, const struct state *s)
{
	struct state_lease lease;

	l->cursor = STATE_END;
	if (!state_lease_at(s, l->filter.address, (uint16_t)l->filter.port, &lease))
		return;
	l->rows[l->rows_len++] = (struct row){ .lease = lease, .is_lease = true };
	for (enum proto p = 0; p < PROTO_COUNT; p++) {
		if (lease.use[p])
			l->rows[l->rows_len++] = (struct row){ .binding = *lease.use[p], .lease = lease };
	}
}

static void copy_who(void *ctx, struct nat64 *n)
{
	struct listing *l = ctx;

	if (l->cursor == STATE_END)
		return;
	if (l->filter.port == HISTORY_NO_PORT)
		copy_whole(l, nat64_state(n));
	else
		copy_lease(l, nat64_state(n));
}

/* --- formatting --- */

#define END_TEXT (ENDPOINT6_TEXT > ENDPOINT4_TEXT ? ENDPOINT6_TEXT : ENDPOINT4_TEXT)

/* What a binding is about, as text: a protocol that is bound by address has a name of its own, and no ports. */
struct ends {
	const char *proto;
	char name[PROTOCOL_TEXT], client[END_TEXT], via[END_TEXT];
};

static void ends_format(const struct binding *b, struct ends *ret)
{
	if (b->proto == PROTO_OTHER) {
		ret->proto = protocol_text((uint8_t)b->out_port, ret->name);
		addr6_text(b->in, ret->client);
		addr4_text(b->out, ret->via);
		return;
	}
	ret->proto = proto_name(b->proto);
	endpoint6_text(b->in, b->in_port, ret->client);
	endpoint4_text(b->out, b->out_port, ret->via);
}

static json_t *format_binding(const struct listing *l, const struct row *r)
{
	const struct binding *b = &r->binding;
	char prefix[PREFIX6_TEXT];
	struct ends ends;

	ends_format(b, &ends);
	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:s}", "proto", ends.proto, "client", ends.client, "via",
		ends.via, "static", b->is_static, "sessions", (json_int_t)b->sessions, "prefix",
		prefix6_text(r->prefix, prefix));
}

static json_t *format_session(const struct listing *l, const struct row *r)
{
	const struct binding *b = &r->binding;
	const struct session *s = &r->session;
	char remote[ENDPOINT4_TEXT], prefix[PREFIX6_TEXT];
	nsec left = s->expires > l->now ? s->expires - l->now : 0;
	struct ends ends;

	ends_format(b, &ends);
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:f, s:f, s:I, s:I, s:I, s:I, s:s, s:s}", "proto",
		ends.proto, "client", ends.client, "via", ends.via, "remote",
		b->proto >= PROTO_ICMP ? addr4_text(s->remote, remote)
				       : endpoint4_text(s->remote, s->remote_port, remote),
		"state", s->tcp == TCP_NONE ? NULL : tcp_state_name(s->tcp), "expires_s", show_seconds(left),
		"age_s", show_seconds(l->now - s->created), "pkts_64", (json_int_t)s->pkts_64, "pkts_46",
		(json_int_t)s->pkts_46, "bytes_64", (json_int_t)s->bytes_64, "bytes_46",
		(json_int_t)s->bytes_46, "prefix", prefix6_text(r->prefix, prefix), "path",
		r->is_cached ? "kernel" : "translator");
}

static json_t *format_pool(const struct listing *l, const struct row *r)
{
	const struct pool_row *p = &r->pool;
	char address[ADDR4_TEXT], ports[16];

	snprintf(ports, sizeof(ports), "%u-%u", p->lo, p->hi);
	return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "address", addr4_text(p->addr, address),
		"ports", ports, "shared", p->is_shared, "blocks", (json_int_t)p->blocks, "blocks_lent",
		(json_int_t)p->blocks_lent, "tcp", (json_int_t)p->ports_used[PROTO_TCP], "udp",
		(json_int_t)p->ports_used[PROTO_UDP], "icmp", (json_int_t)p->ports_used[PROTO_ICMP]);
}

/* --- the steps of a listing --- */

static bool listing_step(struct listing *l)
{
	l->rows_len = 0;
	l->now = clock_now();
	worker_call(l->t->workers[l->worker], l->copy, l);
	for (unsigned i = 1; l->add && i < l->t->workers_len; i++)
		worker_call(l->t->workers[i], l->add, l);
	if (l->cursor == STATE_END && l->rows_len == 0) {
		l->worker = l->add ? l->t->workers_len : l->worker + 1;
		l->cursor = 0;
	}
	return l->worker < l->t->workers_len;
}

static void listing_more(void *ctx, struct reply *r)
{
	struct listing *l = ctx;

	while (reply_has_room(r)) {
		if (l->filter.limit == 0 || !listing_step(l)) {
			reply_end(r);
			return;
		}
		for (unsigned i = 0; i < l->rows_len && l->filter.limit > 0; i++, l->filter.limit--)
			reply_row(r, l->format(l, &l->rows[i]));
	}
}

bool show_read_protocol(const char *text, enum proto *ret, uint8_t *ret_number)
{
	uint8_t number;

	for (enum proto p = 0; p < PROTO_KINDS; p++) {
		if (strcmp(text, proto_name(p)) == 0) {
			*ret = p;
			*ret_number = 0;
			return true;
		}
	}
	if (!protocol_parse(text, &number) || !state_can_carry(number))
		return false;
	*ret = PROTO_OTHER;
	*ret_number = number;
	return true;
}

/* filter_parse() - the arguments of a listing; a sentence fragment about what is wrong, or NULL */
static const char *filter_parse(const json_t *args, struct filter *ret)
{
	const char *proto = json_string_value(json_object_get(args, "proto"));
	const char *client = json_string_value(json_object_get(args, "client"));
	const json_t *limit = json_object_get(args, "limit");

	*ret = (struct filter){ .limit = INT64_MAX };
	ret->has_proto = proto;
	if (proto && !show_read_protocol(proto, &ret->proto, &ret->number))
		return SHOW_PROTOCOL_WANTED;
	if (client && prefix6_parse(client, &ret->client) < 0)
		return "client must be an IPv6 address or prefix";
	ret->has_client = client;
	if (limit && (!json_is_integer(limit) || json_integer_value(limit) < 0))
		return "limit must be a number of rows";
	if (limit)
		ret->limit = json_integer_value(limit);
	return NULL;
}

static json_t *who_row(const struct listing *l, const char *ports, struct prefix6 subscriber,
	const struct ends *ends, bool is_static)
{
	char address[ADDR4_TEXT], prefix[PREFIX6_TEXT];

	return json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:b}", "address",
		addr4_text(l->filter.address, address), "ports", ports, "subscriber",
		prefix6_text(subscriber, prefix), "proto", ends ? ends->proto : NULL, "client",
		ends ? ends->client : NULL, "static", is_static);
}

static json_t *format_who(const struct listing *l, const struct row *r)
{
	const struct binding *b = &r->binding;
	char ports[sizeof("65535-65535")];
	unsigned len = l->t->conf->nat64.state.subscriber_len;
	struct ends ends;

	if (r->is_lease) {
		snprintf(ports, sizeof(ports), "%u-%u", r->lease.lo, r->lease.hi);
		return who_row(l, ports, r->lease.subscriber, NULL, false);
	}
	ends_format(b, &ends);
	if (b->proto == PROTO_OTHER)
		return who_row(l, NULL, (struct prefix6){ addr6_truncate(b->in, len), (uint8_t)len }, &ends,
			b->is_static);
	snprintf(ports, sizeof(ports), "%u", l->filter.port);
	return who_row(l, ports, r->lease.subscriber, &ends, b->is_static);
}

/* at_read() - whom `who` asks about; a sentence fragment about what is wrong, or NULL */
static const char *at_read(const char *text, struct filter *ret)
{
	return text && who_at_parse(text, &ret->address, &ret->port) ? NULL : AT_WANTED;
}

static void listing_start(struct translator *t, const json_t *args, int fd,
	void (*copy)(void *, struct nat64 *), json_t *(*format)(const struct listing *, const struct row *))
{
	struct listing *l = calloc(1, sizeof(*l));
	struct reply *r;

	if (!l) {
		close(fd);
		return;
	}
	l->t = t;
	l->copy = copy;
	l->add = copy == copy_pool ? add_pool : NULL;
	l->format = format;
	const char *wrong = filter_parse(args, &l->filter);
	if (!wrong && copy == copy_who)
		wrong = at_read(json_string_value(json_object_get(args, "at")), &l->filter);
	if (wrong) {
		free(l);
		if (reply_start(t->loop, fd, NULL, NULL, NULL, &r) == 0)
			reply_error(r, "%s", wrong);
		return;
	}
	if (reply_start(t->loop, fd, listing_more, free, l, &r) < 0)
		free(l);
}

void show_sessions(void *ctx, const json_t *args, int fd)
{
	listing_start(ctx, args, fd, copy_sessions, format_session);
}

void show_bib(void *ctx, const json_t *args, int fd)
{
	listing_start(ctx, args, fd, copy_bindings, format_binding);
}

void show_pool(void *ctx, const json_t *args, int fd)
{
	listing_start(ctx, args, fd, copy_pool, format_pool);
}

void show_who(void *ctx, const json_t *args, int fd)
{
	listing_start(ctx, args, fd, copy_who, format_who);
}
