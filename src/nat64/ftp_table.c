/*
 * ftp_table.c - which control connections are followed
 *
 * A connection is here because its numbers may differ on the two sides, so it stays as long as its session does: one that
 * was forgotten too early would hang. Nothing tells this table when a session ends; a sweep, SWEEP_SLOTS a second, asks. A
 * connection that has closed goes after CLOSED_WAIT, for late repetitions.
 */
#include "nat64/ftp_table.h"

#include "state/adopt.h"

#include <errno.h>
#include <stdlib.h>

#define SWEEP_SLOTS 128
#define CLOSED_WAIT (60 * NSEC) /* TIME-WAIT as Linux has it */

int ftp_new(const struct hash_key *key, struct ftp **ret)
{
	struct ftp *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->key = *key;
	for (unsigned i = 0; i < FTP_BUCKETS; i++)
		f->buckets[i] = FTP_NONE;
	f->free = FTP_NONE;
	*ret = f;
	return 0;
}

void ftp_free(struct ftp *f)
{
	free(f);
}

static uint16_t *bucket_of(struct ftp *f, const struct ftp_key *k)
{
	const uint64_t w[3] = { k->client.hi, k->client.lo,
		(uint64_t)k->server.v << 32 | (uint32_t)k->prefix << 16 | k->port };

	return &f->buckets[hash_words(&f->key, w, 3) & (FTP_BUCKETS - 1)];
}

static uint16_t share_of(const struct nat64 *n, struct addr6 client)
{
	struct addr6 subscriber = addr6_truncate(client, n->cfg.state.subscriber_len);
	const uint64_t w[2] = { subscriber.hi, subscriber.lo };

	return (uint16_t)(hash_words(&n->ftp->key, w, 2) & (FTP_SHARES - 1));
}

static bool key_eq(const struct ftp_key *a, const struct ftp_key *b)
{
	return addr6_eq(a->client, b->client) && addr4_eq(a->server, b->server) && a->port == b->port &&
	       a->prefix == b->prefix;
}

struct ftp_session *ftp_find(struct ftp *f, const struct ftp_key *k)
{
	for (uint16_t id = *bucket_of(f, k); id != FTP_NONE; id = f->at[id].next) {
		if (key_eq(&f->at[id].key, k))
			return &f->at[id];
	}
	return NULL;
}

void ftp_forget(struct ftp *f, struct ftp_session *s)
{
	uint16_t id = (uint16_t)(s - f->at), *link = bucket_of(f, &s->key);

	while (*link != id)
		link = &f->at[*link].next;
	*link = s->next;
	f->shares[s->share]--;
	f->used--;
	s->is_used = false;
	s->next = f->free;
	f->free = id;
}

static bool is_gone(const struct nat64 *n, const struct ftp_session *s, nsec now)
{
	const struct flow64 f = {
		.proto = PROTO_TCP,
		.prefix = s->key.prefix,
		.src = s->key.client,
		.sport = s->key.port,
		.dst = s->key.server,
		.dport = FTP_PORT,
	};
	struct mapping m;

	return (s->is_closing && now - s->seen >= CLOSED_WAIT) || !state_find64(n->state, &f, &m);
}

static void sweep(struct nat64 *n, nsec now)
{
	struct ftp *f = n->ftp;

	for (unsigned i = 0; i < SWEEP_SLOTS && i < f->high; i++) {
		struct ftp_session *s = &f->at[f->cursor];

		f->cursor = (uint16_t)((f->cursor + 1) % f->high);
		if (s->is_used && is_gone(n, s, now))
			ftp_forget(f, s);
	}
	f->sweep_at = now + NSEC;
}

nsec ftp_expire(struct nat64 *n, nsec now)
{
	struct ftp *f = n->ftp;

	if (f->used == 0)
		return FTP_NEVER;
	if (f->sweep_at <= now)
		sweep(n, now);
	return f->sweep_at;
}

/* Slots that were never used come last: their memory is untouched. */
static uint16_t slot_take(struct ftp *f)
{
	uint16_t id = f->free;

	if (id == FTP_NONE)
		return f->high++;
	f->free = f->at[id].next;
	return id;
}

struct ftp_session *ftp_add(struct nat64 *n, const struct ftp_key *k, nsec now)
{
	struct ftp *f = n->ftp;
	uint16_t share = share_of(n, k->client);

	if (f->used == FTP_SESSIONS_MAX)
		sweep(n, now);
	if (f->used == FTP_SESSIONS_MAX || f->shares[share] == FTP_SUBSCRIBER_MAX) {
		n->count.ftp_not_followed++;
		return NULL;
	}
	uint16_t id = slot_take(f), *bucket = bucket_of(f, k);
	struct ftp_session *s = &f->at[id];

	bytes_zero(s, sizeof(*s));
	s->key = *k;
	s->next = *bucket;
	s->share = share;
	s->is_used = true;
	s->seen = now;
	*bucket = id;
	f->shares[share]++;
	f->used++;
	n->count.ftp_followed++;
	return s;
}

bool ftp_is_changed(struct ftp *f, const struct state_record *r)
{
	const struct ftp_key k = {
		.client = r->in, .server = r->remote, .port = r->in_port, .prefix = r->prefix
	};

	if (r->proto != PROTO_TCP || r->remote_port != FTP_PORT)
		return false;
	const struct ftp_session *s = ftp_find(f, &k);

	return s && !(ftp_stream_is_plain(&s->stream[DIR_64]) && ftp_stream_is_plain(&s->stream[DIR_46]));
}

unsigned ftp_followed(const struct ftp *f)
{
	return f->used;
}

bool ftp_validate(const struct ftp *f)
{
	unsigned used = 0, shares = 0, chained = 0;

	for (unsigned i = 0; i < f->high; i++) {
		const struct ftp_session *s = &f->at[i];

		used += s->is_used;
		if (s->is_used && (!ftp_stream_validate(&s->stream[DIR_64]) ||
					  !ftp_stream_validate(&s->stream[DIR_46]) ||
					  s->control.waiting_len > FTP_WAITING_MAX))
			return false;
	}
	for (unsigned i = 0; i < FTP_SHARES; i++)
		shares += f->shares[i];
	for (unsigned i = 0; i < FTP_BUCKETS; i++) {
		for (uint16_t id = f->buckets[i]; id != FTP_NONE && chained <= used; id = f->at[id].next)
			chained += f->at[id].is_used;
	}
	return f->high <= FTP_SESSIONS_MAX && used == f->used && shares == used && chained == used;
}
