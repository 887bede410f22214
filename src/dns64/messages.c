/*
 * messages.c - what upstreams said, kept while its TTLs last; see messages.h
 *
 * Structure. A hash table with chains, and all messages in one list in the order of their last use. A message is one
 * block of memory of its own size. When the bytes are more than allowed, the one that was not used for the longest time
 * goes. The table is as large as if messages were small, and is counted, too.
 *
 * Time is that of answers.c: whole seconds of one clock, and what is given always has a TTL of at least 1. A message whose
 * time is over is not given, and leaves when it is replaced or last in the order.
 *
 * Limits: bytes_max, by the sizes asked of malloc() and what malloc() adds to each; SCRUBBED_MAX for one message.
 *
 * Standards: RFC 1035 s7.4, RFC 2181 s8, RFC 2308 s5, RFC 4343.
 */
#include "dns64/messages.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>

#define NAME_WORDS ((DNS_NAME_MAX + 7) / 8)
#define MALLOC_BYTES 16	   /* what malloc() adds to a block, about */
#define SMALL_BYTES 256	   /* a message of usual size, with all that belongs to it */
#define TTLS_MAX UINT8_MAX /* records of a message */

struct message {
	struct message *chain;	       /* next of the same bucket */
	struct message *newer, *older; /* in the order of use; NULL at its ends */
	uint64_t hash;
	uint32_t born, dies; /* seconds of the clock; given while now < dies */
	uint16_t type;
	uint16_t len; /* of the message; 0: a mark */
	uint8_t name_len;
	uint8_t ttls_len;
	uint16_t ttl_at
		[]; /* offsets of all TTLs into the message; then the name in lower case, then the message */
};

struct messages {
	struct hash_key secret;
	struct message *oldest, *newest; /* of the order of use */
	size_t bytes, bytes_max;
	unsigned len;
	unsigned buckets_len; /* a power of two */
	struct message *buckets[];
};

static unsigned buckets_for(size_t bytes_max)
{
	unsigned n = 64;

	while (n < UINT32_MAX / 4 && (size_t)n * SMALL_BYTES < bytes_max)
		n *= 2;
	return n / 2; /* two messages in a bucket at most, when all are small */
}

int messages_new(size_t bytes_max, struct messages **ret)
{
	unsigned n = buckets_for(bytes_max);
	size_t own = sizeof(struct messages) + n * sizeof(struct message *);
	struct messages *m = calloc(1, own);

	if (!m)
		return -ENOMEM;
	m->buckets_len = n;
	m->bytes = own;
	m->bytes_max = bytes_max;
	int err = random_seed(&m->secret, sizeof(m->secret));

	if (err < 0) {
		free(m);
		return err;
	}
	*ret = m;
	return 0;
}

uint32_t messages_now(void)
{
	return (uint32_t)(clock_now() / NSEC);
}

unsigned messages_len(const struct messages *m)
{
	return m->len;
}

size_t messages_bytes(const struct messages *m)
{
	return m->bytes;
}

bool message_is_mark(const struct message *m)
{
	return m->len == 0;
}

/* --- one message --- */

static uint8_t *name_of(const struct message *m)
{
	return (uint8_t *)(m->ttl_at + m->ttls_len);
}

static uint8_t *bytes_of(const struct message *m)
{
	return name_of(m) + m->name_len;
}

static size_t size_of(unsigned ttls, size_t name_len, size_t len)
{
	return sizeof(struct message) + ttls * sizeof(uint16_t) + name_len + len;
}

static size_t cost_of(const struct message *m)
{
	return size_of(m->ttls_len, m->name_len, m->len) + MALLOC_BYTES;
}

size_t message_write(const struct message *m, uint32_t now, uint8_t out[static SCRUBBED_MAX])
{
	bytes_copy(out, bytes_of(m), m->len);
	for (unsigned i = 0; i < m->ttls_len; i++)
		be32_put(out + m->ttl_at[i], be32_at(out + m->ttl_at[i]) - (now - m->born));
	return m->len;
}

/* --- finding --- */

uint64_t messages_hash(const struct messages *m, const struct dns_question *q)
{
	uint64_t words[1 + NAME_WORDS];
	unsigned words_len = 1;
	uint64_t word = 0;

	words[0] = q->type;
	for (unsigned i = 0; i < q->name.len; i++) {
		word = word << 8 | dns_lower(q->name.wire[i]); /* lengths of labels are below 'A' */
		if (i % 8 == 7)
			words[words_len++] = word;
	}
	if (q->name.len % 8 != 0)
		words[words_len++] = word;
	return hash_words(&m->secret, words, words_len);
}

static bool is_for(const struct message *m, const struct dns_question *q, uint64_t hash)
{
	if (m->hash != hash || m->type != q->type || m->name_len != q->name.len)
		return false;
	const uint8_t *name = name_of(m);

	for (unsigned i = 0; i < m->name_len; i++)
		if (name[i] != dns_lower(q->name.wire[i]))
			return false;
	return true;
}

/* Where the message for @q hangs; *where is NULL if there is none. */
static struct message **place_of(struct messages *m, const struct dns_question *q, uint64_t hash)
{
	struct message **where = &m->buckets[hash & (m->buckets_len - 1)];

	while (*where && !is_for(*where, q, hash))
		where = &(*where)->chain;
	return where;
}

static void leave_order(struct messages *m, struct message *k)
{
	if (k->newer)
		k->newer->older = k->older;
	else
		m->newest = k->older;
	if (k->older)
		k->older->newer = k->newer;
	else
		m->oldest = k->newer;
}

static void enter_order(struct messages *m, struct message *k)
{
	k->newer = NULL;
	k->older = m->newest;
	if (k->older)
		k->older->newer = k;
	else
		m->oldest = k;
	m->newest = k;
}

const struct message *messages_find(
	struct messages *m, const struct dns_question *q, uint64_t hash, uint32_t now)
{
	struct message *k = *place_of(m, q, hash);

	if (!k || now >= k->dies)
		return NULL;
	leave_order(m, k);
	enter_order(m, k);
	return k;
}

/* --- going --- */

/* @where is the pointer of the bucket's chain that leads to it. */
static void drop(struct messages *m, struct message **where)
{
	struct message *k = *where;

	*where = k->chain;
	leave_order(m, k);
	m->len--;
	m->bytes -= cost_of(k);
	free(k);
}

static void drop_this(struct messages *m, const struct message *k)
{
	struct message **where = &m->buckets[k->hash & (m->buckets_len - 1)];

	while (*where != k)
		where = &(*where)->chain;
	drop(m, where);
}

void messages_forget(struct messages *m, const struct dns_name *by, enum name_scope scope)
{
	struct message *k = m->oldest, *next;
	struct dns_name name;

	for (; k; k = next) {
		next = k->newer;
		name.len = k->name_len;
		bytes_copy(name.wire, name_of(k), k->name_len);
		if (name_scope_holds(by, scope, &name))
			drop_this(m, k);
	}
}

void messages_free(struct messages *m)
{
	if (!m)
		return;
	while (m->oldest)
		drop_this(m, m->oldest);
	free(m);
}

/* Makes room; returns how many messages had to go before their time. */
static unsigned make_room(struct messages *m, size_t bytes, uint32_t now)
{
	unsigned lost = 0;

	while (m->bytes + bytes > m->bytes_max && m->oldest) {
		lost += now < m->oldest->dies && !message_is_mark(m->oldest);
		drop_this(m, m->oldest);
	}
	return lost;
}

/* --- keeping --- */

/* What of a message has to be known to keep it. */
struct shape {
	uint16_t ttl_at[TTLS_MAX];
	unsigned ttls_len;
	uint32_t ttl;  /* the lowest */
	bool has_data; /* of the type that was asked for */
	bool has_soa;
};

static bool take_record(
	const struct dns_msg *said, enum dns_section s, const struct dns_rr *rr, struct shape *ret)
{
	if (ret->ttls_len == TTLS_MAX)
		return false;
	/* RFC 1035 s3.2.1: before the data come the TTL, of four bytes, and the length, of two */
	ret->ttl_at[ret->ttls_len++] = (uint16_t)(rr->rdata_at - 6);
	ret->ttl = rr->ttl < ret->ttl ? rr->ttl : ret->ttl;
	ret->has_data |= s == SECTION_ANSWER && rr->type == said->question.type;
	ret->has_soa |= s == SECTION_AUTHORITY && rr->type == TYPE_SOA;
	return true;
}

/* False if the message cannot be kept. */
static bool read_shape(const struct dns_msg *said, struct shape *ret)
{
	struct dns_rr rr;

	ret->ttls_len = 0;
	ret->ttl = UINT32_MAX;
	ret->has_data = ret->has_soa = false;
	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(said, s);

		while (dns_walk_next(&w, &rr))
			if (!take_record(said, s, &rr, ret))
				return false;
	}
	return ret->ttls_len > 0 && ret->ttl > 0 && (ret->has_data || ret->has_soa) &&
	       said->len <= SCRUBBED_MAX;
}

/* A message, filled in but for the order, the bucket and the data; NULL without memory or room. */
static struct message *message_new(const struct dns_question *q, const struct shape *s, size_t len)
{
	struct message *k = malloc(size_of(s->ttls_len, q->name.len, len));

	if (!k)
		return NULL;
	k->type = q->type;
	k->len = (uint16_t)len;
	k->name_len = q->name.len;
	k->ttls_len = (uint8_t)s->ttls_len;
	bytes_copy(k->ttl_at, s->ttl_at, s->ttls_len * sizeof(k->ttl_at[0]));
	for (unsigned i = 0; i < q->name.len; i++)
		name_of(k)[i] = dns_lower(q->name.wire[i]);
	return k;
}

/* Takes @k, which lives from @now for @ttl seconds, in the place of what is there for @q. */
static unsigned put(
	struct messages *m, const struct dns_question *q, struct message *k, uint32_t now, uint32_t ttl)
{
	struct message **where = place_of(m, q, k->hash);

	k->born = now;
	k->dies = ttl < UINT32_MAX - now ? now + ttl : UINT32_MAX;
	if (*where)
		drop(m, where);
	unsigned lost = make_room(m, cost_of(k), now);

	where = &m->buckets[k->hash & (m->buckets_len - 1)];
	k->chain = *where;
	*where = k;
	enter_order(m, k);
	m->len++;
	m->bytes += cost_of(k);
	if (m->bytes > m->bytes_max)
		drop_this(m, k); /* there is room for none */
	return lost;
}

unsigned messages_keep(struct messages *m, const struct dns_msg *said, uint64_t hash, uint32_t now)
{
	struct shape s;
	struct message *k = read_shape(said, &s) ? message_new(&said->question, &s, said->len) : NULL;

	if (!k)
		return 0;
	k->hash = hash;
	bytes_copy(bytes_of(k), said->bytes, said->len);
	return put(m, &said->question, k, now, s.ttl);
}

void messages_mark(
	struct messages *m, const struct dns_question *q, uint64_t hash, uint32_t now, uint32_t seconds)
{
	struct shape s = { .ttls_len = 0 };
	struct message *k = message_new(q, &s, 0);

	if (!k)
		return;
	k->hash = hash;
	(void)put(m, q, k, now, seconds);
}
