/*
 * answers.c - replies kept as bytes
 *
 * Purpose. libunbound's cache holds what the world said; from there to a reply it is a question to libunbound, a check
 * of its message, synthesis and writing. Most queries repeat one of a moment ago, so the written reply is kept here.
 *
 * Structure. @struct_set holds up to WAYS answers whose hash leads to it, so that a look costs one line of tags, and no
 * answer ever moves. The hash is keyed: clients choose names. A set that is full gives up an answer whose time is over,
 * else the one that was not given for the longest time. An answer is one block of memory of its own size.
 *
 * Time. An answer dies with its lowest TTL. TTLs are counted down by whole seconds of one clock, from the second in
 * which the reply was written: 0.1 s across a second's edge counts as one, so nobody is ever told more than is left.
 * What is given always has a TTL of at least 1.
 *
 * Life cycle: answers_keep() replaces the answer of the same key; answers_find() passes over one whose time is over;
 * answers_forget() drops by name. A new configuration makes a new cache: the policies behind the views change.
 *
 * Limits. The number of answers is fixed at the start, and each is at most ANSWER_LEN_MAX bytes.
 *
 * Deliberately not done: failures (libunbound keeps them for seconds), answers made without asking (ipv4only.arpa),
 * answers beyond their time (RFC 8767), turning the order of the records of a set, asking anew shortly before an answer dies
 * (libunbound's prefetch is a part of its server, which its library does not have: ub_resolve_event() gives what is in the
 * cache until the last second).
 *
 * Standards: RFC 1035 s7.4, RFC 2181 s8, RFC 2308 s5, RFC 4343.
 */
#include "dns64/answers.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>

#define WAYS 8
#define KEY_WORDS ((DNS_NAME_MAX + 7) / 8)

struct set {
	uint32_t tag[WAYS]; /* upper half of the hash; means nothing without an answer */
	struct answer *at[WAYS];
};

struct answers {
	struct hash_key secret;
	unsigned len;
	unsigned sets_len;
	struct set sets[];
};

/* A key in the form that is hashed and compared: the name in lower case, and the rest in a word. */
struct folded {
	uint64_t words[1 + KEY_WORDS];
	unsigned words_len;
	uint8_t name[DNS_NAME_MAX + 1];
};

int answers_new(unsigned max, struct answers **ret)
{
	unsigned sets_len = max < WAYS ? 1 : max / WAYS;
	struct answers *a = calloc(1, sizeof(*a) + (size_t)sets_len * sizeof(a->sets[0]));

	if (!a)
		return -ENOMEM;
	a->sets_len = sets_len;
	int err = random_seed(&a->secret, sizeof(a->secret));

	if (err < 0) {
		free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void answers_free(struct answers *a)
{
	if (!a)
		return;
	for (unsigned s = 0; s < a->sets_len; s++)
		for (unsigned w = 0; w < WAYS; w++)
			free(a->sets[s].at[w]);
	free(a);
}

uint32_t answers_now(void)
{
	return (uint32_t)(clock_now() / NSEC);
}

unsigned answers_len(const struct answers *a)
{
	return a->len;
}

/* --- keys --- */

static void fold(const struct answer_key *k, struct folded *ret)
{
	const struct dns_name *name = &k->ask->question.name;
	uint64_t word = 0;

	ret->words[0] = (uint64_t)k->ask->question.type << 32 | (uint64_t)(k->view & 0xffff) << 2 |
			(k->ask->dnssec_ok ? 2 : 0) | (k->ask->checking_disabled ? 1 : 0);
	ret->words_len = 1;
	for (unsigned i = 0; i < name->len; i++) {
		ret->name[i] = dns_lower(name->wire[i]); /* lengths of labels are below 'A' */
		word = word << 8 | ret->name[i];
		if (i % 8 == 7)
			ret->words[ret->words_len++] = word;
	}
	if (name->len % 8 != 0)
		ret->words[ret->words_len++] = word;
}

static const uint8_t *name_of(const struct answer *a)
{
	return (const uint8_t *)(a->ttl_at + a->ttls_len);
}

const uint8_t *answer_body(const struct answer *a)
{
	return name_of(a) + a->name_len;
}

static bool is_for(const struct answer *a, const struct answer_key *k, const struct folded *f, uint64_t hash)
{
	const struct synth_query *q = k->ask;

	return a->hash == hash && a->type == q->question.type && a->view == k->view &&
	       a->dnssec_ok == q->dnssec_ok && a->checking_disabled == q->checking_disabled &&
	       a->name_len == q->question.name.len && bytes_equal(name_of(a), f->name, a->name_len);
}

static struct set *set_of(struct answers *a, uint64_t hash)
{
	return &a->sets[(hash & UINT32_MAX) * a->sets_len >> 32];
}

static int way_of(const struct set *s, const struct answer_key *k, const struct folded *f, uint64_t hash)
{
	for (int w = 0; w < WAYS; w++)
		if (s->tag[w] == hash >> 32 && s->at[w] && is_for(s->at[w], k, f, hash))
			return w;
	return -1;
}

const struct answer *answers_find(struct answers *a, const struct answer_key *k, uint32_t now)
{
	struct folded f;

	fold(k, &f);
	uint64_t hash = hash_words(&a->secret, f.words, f.words_len);
	struct set *s = set_of(a, hash);
	int w = way_of(s, k, &f, hash);

	if (w < 0 || now >= s->at[w]->dies)
		return NULL;
	s->at[w]->used = now;
	s->at[w]->given++;
	return s->at[w];
}

/* --- keeping --- */

/* What of a reply is kept: its records but OPT, and where their TTLs are. */
struct body {
	size_t start, end;
	size_t additional; /* where that section starts */
	uint16_t count[SECTION_COUNT];
	uint16_t ttl_at[UINT8_MAX];
	unsigned ttls_len;
	uint32_t ttl; /* the lowest */
};

static bool take_record(const struct dns_rr *rr, enum dns_section s, struct body *b)
{
	if (b->ttls_len == ARRAY_LEN(b->ttl_at))
		return false;
	/* RFC 1035 s3.2.1: before the data come the TTL, of four bytes, and the length, of two */
	b->ttl_at[b->ttls_len++] = (uint16_t)(rr->rdata_at - 6 - b->start);
	b->ttl = rr->ttl < b->ttl ? rr->ttl : b->ttl;
	b->count[s]++;
	return true;
}

/* False if the reply cannot be kept. */
static bool read_body(const struct dns_msg *m, struct body *b)
{
	struct dns_rr rr;

	*b = (struct body){ .start = m->start[SECTION_ANSWER],
		.end = m->len,
		.additional = m->start[SECTION_ADDITIONAL],
		.ttl = UINT32_MAX };
	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(m, s);

		while (dns_walk_next(&w, &rr)) {
			if (b->end != m->len)
				return false; /* a record behind OPT: not as reply_build() writes them */
			if (rr.type == TYPE_OPT)
				b->end = rr.owner_at;
			else if (!take_record(&rr, s, b))
				return false;
		}
	}
	return b->ttls_len > 0 && b->ttl > 0 && b->end + DNS_OPT_LEN <= ANSWER_LEN_MAX;
}

static struct answer *answer_new(const struct answer_key *k, const struct folded *f,
	const struct synth_verdict *v, const uint8_t *reply, const struct body *b)
{
	uint8_t name_len = k->ask->question.name.len;
	size_t body_len = b->end - b->start;
	struct answer *a = malloc(sizeof(*a) + b->ttls_len * sizeof(a->ttl_at[0]) + name_len + body_len);

	if (!a)
		return NULL;
	*a = (struct answer){
		.type = k->ask->question.type,
		.view = (uint16_t)k->view,
		.dnssec_ok = k->ask->dnssec_ok,
		.checking_disabled = k->ask->checking_disabled,
		.is_authentic = v->is_authentic,
		.has_excluded = v->has_excluded,
		.rcode = v->rcode,
		.kind = v->kind,
		.note = v->note,
		.name_len = name_len,
		.ttls_len = (uint8_t)b->ttls_len,
		.body_len = (uint16_t)body_len,
		.additional_at = (uint16_t)(b->additional - b->start),
	};
	bytes_copy(a->count, b->count, sizeof(a->count));
	bytes_copy(a->ttl_at, b->ttl_at, b->ttls_len * sizeof(a->ttl_at[0]));
	uint8_t *bytes = (uint8_t *)(a->ttl_at + a->ttls_len);

	bytes_copy(bytes, f->name, name_len);
	bytes_copy(bytes + name_len, reply + b->start, body_len);
	return a;
}

static bool is_better_victim(const struct answer *a, const struct answer *than, uint32_t now)
{
	bool is_over = now >= a->dies;

	if (is_over != (now >= than->dies))
		return is_over;
	return a->used < than->used;
}

/* The way that a new answer takes: that of the same key, an empty one, or that of the answer that is missed least. */
static int way_for(
	const struct set *s, const struct answer_key *k, const struct folded *f, uint64_t hash, uint32_t now)
{
	int w = way_of(s, k, f, hash), victim = 0;

	if (w >= 0)
		return w;
	for (w = 0; w < WAYS; w++) {
		if (!s->at[w])
			return w;
		if (is_better_victim(s->at[w], s->at[victim], now))
			victim = w;
	}
	return victim;
}

bool answers_keep(struct answers *a, const struct answer_key *k, const struct synth_verdict *v,
	const uint8_t *reply, size_t len, uint32_t now)
{
	struct dns_msg m;
	struct folded f;
	struct body b;

	if (!dns_msg_parse(reply, len, &m) || !read_body(&m, &b))
		return false;
	fold(k, &f);
	struct answer *n = answer_new(k, &f, v, reply, &b);

	if (!n)
		return false;
	n->hash = hash_words(&a->secret, f.words, f.words_len);
	n->born = n->used = now;
	n->dies = b.ttl < UINT32_MAX - now ? now + b.ttl : UINT32_MAX;
	struct set *s = set_of(a, n->hash);
	int w = way_for(s, k, &f, n->hash, now);
	struct answer *old = s->at[w];
	bool is_lost = old && now < old->dies && !is_for(old, k, &f, n->hash);

	s->at[w] = n;
	s->tag[w] = (uint32_t)(n->hash >> 32);
	a->len += !old;
	free(old);
	return is_lost;
}

/* --- by name --- */

void answer_name(const struct answer *a, struct dns_name *ret)
{
	ret->len = a->name_len;
	bytes_copy(ret->wire, name_of(a), a->name_len);
}

static bool is_meant(const struct answer *a, const struct dns_name *by, enum name_scope scope)
{
	struct dns_name name;

	answer_name(a, &name);
	return name_scope_holds(by, scope, &name);
}

unsigned answers_forget(struct answers *a, const struct dns_name *by, enum name_scope scope)
{
	unsigned before = a->len;

	for (unsigned s = 0; s < a->sets_len; s++) {
		for (unsigned w = 0; w < WAYS; w++) {
			struct answer **at = &a->sets[s].at[w];

			if (!*at || !is_meant(*at, by, scope))
				continue;
			free(*at);
			*at = NULL;
			a->len--;
		}
	}
	return before - a->len;
}

void answers_visit(const struct answers *a, const struct dns_name *name, uint32_t now,
	void (*fn)(void *ctx, const struct answer *answer, uint32_t now), void *ctx)
{
	for (unsigned s = 0; s < a->sets_len; s++) {
		for (unsigned w = 0; w < WAYS; w++) {
			const struct answer *at = a->sets[s].at[w];

			if (at && now < at->dies && is_meant(at, name, SCOPE_BELOW))
				fn(ctx, at, now);
		}
	}
}

/* --- giving --- */

void answer_write(const struct answer *a, uint32_t now, struct dns_wr *d)
{
	uint32_t age = now - a->born;
	bool is_whole = (size_t)(d->w.end - d->w.at) >= a->body_len;
	size_t len = is_whole ? a->body_len : a->additional_at;
	uint8_t *to = wr_room(&d->w, len);

	if (!to)
		return;
	bytes_copy(to, answer_body(a), len);
	for (unsigned i = 0; i < a->ttls_len && a->ttl_at[i] < len; i++) {
		uint8_t *ttl = to + a->ttl_at[i];

		be32_put(ttl, be32_at(ttl) - age);
	}
	for (unsigned s = SECTION_ANSWER; s < (is_whole ? SECTION_COUNT : SECTION_ADDITIONAL); s++)
		d->count[s] = (uint16_t)(d->count[s] + a->count[s]);
}
