/*
 * fragments.c - virtual reassembly: datagrams are followed, not put together
 *
 * Purpose. Only the first fragment of a datagram has ports, and fragments may come in any order (RFC 6146 s3.4 "MUST
 * handle fragments arriving out of order"). The table remembers what the first one said, so that later ones are
 * translated as they come; what overtakes the first one is stored until it is there.
 *
 * Structure. A @datagram has its place in three lists: the chain of its hash bucket, under (source, destination,
 * identification, and in IPv4 the protocol); the list of all by age, at whose old end time runs out; and the list of its
 * source by age. Sources have no table of their own: each hash value of a source has a @share, so two sources may share
 * one, about once in 4096; the hash is keyed, so nobody can arrange that.
 *
 *	shares[]  -> oldest ... newest of that source
 *	all       -> oldest ...................... newest
 *	buckets[] -> datagram -> datagram
 *			|
 *			stored_first -> fragment of 1..n chunks -> fragment ...
 *
 * Fragments are stored as whole IP packets in chunks of 1536 bytes that are chained; a fragment that is taken out is
 * put together in @scratch and parsed again, which is simpler than storing what parsing found.
 *
 * Life cycle of a datagram. Its first fragment to come makes it; each notes its piece; when the pieces make up the whole
 * it is forgotten, so that the next datagram with this identification starts afresh. Else it expires, measured from its
 * beginning, so a sender cannot keep it alive.
 *
 * Limits. When something is full (the table, the chunks, the share of a source), the oldest datagram there is given up
 * and not the newest refused: the fragments of an honest datagram follow each other within milliseconds, and so it
 * takes a whole table's worth of bogus ones in that time to displace it, not one every two milliseconds.
 *
 * Overlaps. Pieces are never merged, so an exact repetition is told from an overlap: the first is dropped alone (RFC 8200
 * s4.5 allows that), the second condemns the datagram (RFC 5722 s4), in IPv4 too, where nothing honest makes one. Since
 * the first fragment must hold the whole transport header, the attacks of RFC 1858 and RFC 3128 have no hold.
 *
 * Not done here. No ICMP Time Exceeded (fragment reassembly): the receiver sends it. A datagram's content is not kept:
 * what was translated is gone.
 *
 * Standards: RFC 6146 s3.4, RFC 4787 REQ-14, RFC 5722, RFC 8200 s4.5, RFC 1858, RFC 3128, RFC 4963.
 */
#include "nat64/fragments.h"

#include "nat64/drops.h"

#include <errno.h>
#include <stdlib.h>

#define NONE UINT16_MAX
#define BUCKETS 2048 /* power of two */
#define SHARES 4096  /* power of two */
#define PACKET_MAX (IP6_HDR_LEN + UINT16_MAX)

_Static_assert(FRAGMENT_DATAGRAMS_MAX < NONE && FRAGMENT_CHUNKS_MAX < NONE, "indices fit");
_Static_assert(FRAGMENT_PIECES_MAX + UINT16_MAX / FRAGMENT_CHUNK_BYTES + 1 < FRAGMENT_SOURCE_CHUNKS_MAX,
	"one datagram alone never fills the share of a source");
_Static_assert(FRAGMENT_CHUNK_BYTES % 2 == 0, "16-bit words do not straddle chunks");

/* A stored fragment is a chain of chunks; the first one has its length and knows the next fragment. */
struct chunk {
	uint32_t len;	      /* bytes of the whole packet; first chunk only */
	uint16_t next;	      /* of this packet, or free */
	uint16_t next_packet; /* first chunk only */
	uint8_t bytes[FRAGMENT_CHUNK_BYTES];
};

/* What one source has. */
struct share {
	uint16_t oldest, newest;
	uint16_t datagrams, chunks;
};

struct fragments {
	struct hash_key key;
	struct nat64_counters *count;
	uint16_t buckets[BUCKETS];
	struct share shares[SHARES];
	uint16_t oldest, newest;
	uint16_t free_datagram, free_chunk; /* returned ones, chained by bucket_next and next */
	uint16_t fresh_datagrams,
		fresh_chunks; /* those from here on were never used, so their pages are untouched */
	uint16_t datagrams_used, chunks_used;
	enum drop_reason displaced; /* see fragments_displaced() */
	struct datagram datagrams[FRAGMENT_DATAGRAMS_MAX];
	struct chunk chunks[FRAGMENT_CHUNKS_MAX];
	uint8_t scratch[PKT_HEADROOM + PACKET_MAX + PKT_TAILROOM];
};

int fragments_new(const struct hash_key *key, struct nat64_counters *count, struct fragments **ret)
{
	struct fragments *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->key = *key;
	f->count = count;
	f->oldest = f->newest = NONE;
	f->free_datagram = f->free_chunk = NONE;
	for (unsigned i = 0; i < BUCKETS; i++)
		f->buckets[i] = NONE;
	for (unsigned i = 0; i < SHARES; i++)
		f->shares[i] = (struct share){ NONE, NONE, 0, 0 };
	*ret = f;
	return 0;
}

void fragments_free(struct fragments *f)
{
	free(f);
}

static uint16_t index_of(const struct fragments *f, const struct datagram *d)
{
	return (uint16_t)(d - f->datagrams);
}

/* --- stored fragments --- */

static unsigned chunks_for(uint32_t len)
{
	return (len + FRAGMENT_CHUNK_BYTES - 1) / FRAGMENT_CHUNK_BYTES;
}

static void chunks_put_back(struct fragments *f, struct share *s, uint16_t first)
{
	while (first != NONE) {
		uint16_t next = f->chunks[first].next;

		f->chunks[first].next = f->free_chunk;
		f->free_chunk = first;
		f->chunks_used--;
		s->chunks--;
		first = next;
	}
}

/* Takes the first stored fragment out of the queue; NONE if there is none. Its chunks are the caller's then. */
static uint16_t stored_pop(struct fragments *f, struct datagram *d)
{
	uint16_t first = d->stored_first;

	if (first == NONE)
		return NONE;
	d->stored_first = f->chunks[first].next_packet;
	if (d->stored_first == NONE)
		d->stored_last = NONE;
	return first;
}

static void stored_push(struct fragments *f, struct datagram *d, uint16_t first, bool at_front)
{
	f->chunks[first].next_packet = at_front ? d->stored_first : NONE;
	if (d->stored_first == NONE)
		d->stored_first = d->stored_last = first;
	else if (at_front)
		d->stored_first = first;
	else {
		f->chunks[d->stored_last].next_packet = first;
		d->stored_last = first;
	}
}

static void stored_drop(struct fragments *f, struct datagram *d, enum drop_reason reason)
{
	uint16_t first;

	while ((first = stored_pop(f, d)) != NONE) {
		const struct chunk *c = &f->chunks[first];
		uint32_t len = c->len < FRAGMENT_CHUNK_BYTES ? c->len : FRAGMENT_CHUNK_BYTES;

		drop_count(f->count, reason, drop_class_of_bytes(c->bytes, len));
		chunks_put_back(f, &f->shares[d->source], first);
	}
}

/* --- the lists --- */

static void age_link(struct fragments *f, struct datagram *d)
{
	struct share *s = &f->shares[d->source];
	uint16_t i = index_of(f, d);

	d->older = f->newest;
	d->newer = NONE;
	*(f->newest == NONE ? &f->oldest : &f->datagrams[f->newest].newer) = i;
	f->newest = i;
	d->source_older = s->newest;
	d->source_newer = NONE;
	*(s->newest == NONE ? &s->oldest : &f->datagrams[s->newest].source_newer) = i;
	s->newest = i;
	s->datagrams++;
}

static void age_unlink(struct fragments *f, struct datagram *d)
{
	struct share *s = &f->shares[d->source];

	*(d->older == NONE ? &f->oldest : &f->datagrams[d->older].newer) = d->newer;
	*(d->newer == NONE ? &f->newest : &f->datagrams[d->newer].older) = d->older;
	*(d->source_older == NONE ? &s->oldest : &f->datagrams[d->source_older].source_newer) =
		d->source_newer;
	*(d->source_newer == NONE ? &s->newest : &f->datagrams[d->source_newer].source_older) =
		d->source_older;
	s->datagrams--;
}

static void bucket_unlink(struct fragments *f, struct datagram *d)
{
	uint16_t *at = &f->buckets[d->bucket], i = index_of(f, d);

	while (*at != i)
		at = &f->datagrams[*at].bucket_next;
	*at = d->bucket_next;
}

static void datagram_remove(struct fragments *f, struct datagram *d, enum drop_reason reason)
{
	stored_drop(f, d, reason);
	age_unlink(f, d);
	bucket_unlink(f, d);
	d->bucket_next = f->free_datagram;
	f->free_datagram = index_of(f, d);
	f->datagrams_used--;
}

static void give_up(struct fragments *f, struct datagram *d, enum drop_reason reason)
{
	f->count->datagrams_lost++;
	datagram_remove(f, d, reason);
}

static void displace(struct fragments *f, struct datagram *d, enum drop_reason reason)
{
	f->displaced = reason;
	give_up(f, d, reason);
}

enum drop_reason fragments_displaced(struct fragments *f)
{
	enum drop_reason reason = f->displaced;

	f->displaced = DROP_NONE;
	return reason;
}

void fragments_forget(struct fragments *f, struct datagram *d)
{
	ASSERT(d->stored_first == NONE);
	datagram_remove(f, d, DROP_FRAGMENT_EXPIRED);
}

nsec fragments_expire(struct fragments *f, nsec now)
{
	while (f->oldest != NONE && f->datagrams[f->oldest].expires <= now)
		give_up(f, &f->datagrams[f->oldest], DROP_FRAGMENT_EXPIRED);
	return f->oldest == NONE ? FRAGMENTS_NEVER : f->datagrams[f->oldest].expires;
}

void fragments_refuse(struct fragments *f, struct datagram *d, enum drop_reason reason)
{
	stored_drop(f, d, reason);
	d->refused = reason;
}

/* --- finding and making --- */

/*
 * In IPv6 the protocol is not part of the key: only the first fragment says it for certain (RFC 8200 s4.5). Its
 * place distinguishes the families, as no IPv4 fragment has protocol 255 + 1.
 */
static void key_of(const struct view *v, uint64_t ret[5])
{
	bool is6 = v->version == 6;

	ret[0] = is6 ? v->src6.hi : v->src4.v;
	ret[1] = is6 ? v->src6.lo : 0;
	ret[2] = is6 ? v->dst6.hi : v->dst4.v;
	ret[3] = is6 ? v->dst6.lo : 0;
	ret[4] = (uint64_t)(is6 ? 256 : v->next) << 32 | v->frag_id;
}

static bool keys_equal(const uint64_t a[5], const uint64_t b[5])
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

static uint32_t source_of(const struct fragments *f, const struct view *v, unsigned subscriber_len)
{
	struct addr6 a =
		v->version == 6 ? addr6_truncate(v->src6, subscriber_len) : (struct addr6){ 0, v->src4.v };
	uint64_t words[3] = { a.hi, a.lo, v->version };

	return (uint32_t)(hash_words(&f->key, words, 3) % SHARES);
}

static struct datagram *find(struct fragments *f, uint32_t bucket, const uint64_t key[5])
{
	for (uint16_t i = f->buckets[bucket]; i != NONE; i = f->datagrams[i].bucket_next)
		if (keys_equal(f->datagrams[i].key, key))
			return &f->datagrams[i];
	return NULL;
}

static void make_room(struct fragments *f, const struct share *s)
{
	if (s->datagrams >= FRAGMENT_SOURCE_DATAGRAMS_MAX)
		displace(f, &f->datagrams[s->oldest], DROP_FRAGMENT_SOURCE_LIMIT);
	else if (f->datagrams_used == FRAGMENT_DATAGRAMS_MAX)
		displace(f, &f->datagrams[f->oldest], DROP_FRAGMENT_TABLE_FULL);
}

static struct datagram *datagram_take(struct fragments *f)
{
	struct datagram *d;

	f->datagrams_used++;
	if (f->free_datagram == NONE)
		return &f->datagrams[f->fresh_datagrams++];
	d = &f->datagrams[f->free_datagram];
	f->free_datagram = d->bucket_next;
	return d;
}

static struct datagram *make(struct fragments *f, uint32_t bucket, uint32_t source, const uint64_t key[5])
{
	make_room(f, &f->shares[source]);

	struct datagram *d = datagram_take(f);

	d->head.is_known = false;
	d->total = d->covered = 0;
	d->sum = 0;
	d->refused = DROP_NONE;
	for (unsigned i = 0; i < ARRAY_LEN(d->key); i++)
		d->key[i] = key[i];
	d->bucket = bucket;
	d->source = source;
	d->stored_first = d->stored_last = NONE;
	d->pieces_len = 0;
	d->bucket_next = f->buckets[bucket];
	f->buckets[bucket] = index_of(f, d);
	age_link(f, d);
	return d;
}

/* --- pieces --- */

/* Whether this piece fits in with the length that the last fragment tells, be it known, told now, or not yet. */
static bool contradicts_length(const struct datagram *d, struct piece piece, bool is_last)
{
	if (d->total != 0)
		return is_last ? piece.end != d->total : piece.end > d->total;
	if (!is_last)
		return false;
	for (unsigned i = 0; i < d->pieces_len; i++)
		if (d->pieces[i].end > piece.end)
			return true;
	return false;
}

static enum drop_reason piece_check(const struct datagram *d, struct piece piece, bool is_last)
{
	for (unsigned i = 0; i < d->pieces_len; i++) {
		struct piece has = d->pieces[i];

		if (piece.start == has.start && piece.end == has.end)
			return is_last == (has.end == d->total) ? DROP_FRAGMENT_DUPLICATE
								: DROP_FRAGMENT_OVERLAP;
		if (piece.start < has.end && has.start < piece.end)
			return DROP_FRAGMENT_OVERLAP;
	}
	if (contradicts_length(d, piece, is_last))
		return DROP_FRAGMENT_OVERLAP;
	return d->pieces_len == FRAGMENT_PIECES_MAX ? DROP_FRAGMENT_PIECES : DROP_NONE;
}

static void piece_add(struct datagram *d, struct piece piece, bool is_last)
{
	d->pieces[d->pieces_len++] = piece;
	d->covered += piece.end - piece.start;
	if (is_last)
		d->total = piece.end;
}

static void head_take(struct datagram *d, const struct pkt *p)
{
	const struct view *v = &p->v;

	d->head = (struct fragment_head){
		.is_known = true,
		.kind = v->kind,
		.next = v->next,
		.sport = v->sport,
		.dport = v->dport,
		.tcp_flags = v->tcp_flags,
		.icmp_type = v->icmp_type,
		.icmp_code = v->icmp_code,
	};
	if (v->kind == L4_UDP) {
		const uint8_t *udp = p->data + v->l4_off;

		d->head.udp_len = be16_at(udp + 4);
		d->head.lacks_checksum = v->version == 4 && be16_at(udp + 6) == 0;
	}
}

enum drop_reason fragments_enter(struct fragments *f, const struct pkt *p, unsigned subscriber_len, nsec now,
	nsec lifetime, struct datagram **ret)
{
	const struct view *v = &p->v;
	uint64_t key[5];
	bool is_last = !v->more_fragments;

	fragments_expire(f, now);
	key_of(v, key);
	uint32_t bucket = (uint32_t)(hash_words(&f->key, key, 5) % BUCKETS);
	struct datagram *d = find(f, bucket, key);
	if (!d) {
		d = make(f, bucket, source_of(f, v, subscriber_len), key);
		d->expires = now + lifetime;
	}
	if (d->refused != DROP_NONE)
		return d->refused;

	/* Parsing has seen to it that both ends fit, and that no piece is empty. */
	struct piece piece = { v->frag_offset, (uint16_t)(v->frag_offset + v->l4_len) };
	enum drop_reason reason = piece_check(d, piece, is_last);

	if (reason == DROP_FRAGMENT_DUPLICATE)
		return reason;
	if (reason != DROP_NONE) {
		fragments_refuse(f, d, reason);
		return reason;
	}
	piece_add(d, piece, is_last);
	if (v->frag_offset == 0)
		head_take(d, p);
	*ret = d;
	return DROP_NONE;
}

/* --- storing --- */

/* The oldest of a list that is not @d itself; there always is one if something is full. */
static struct datagram *victim(struct fragments *f, uint16_t oldest, const struct datagram *d, bool of_source)
{
	struct datagram *v = &f->datagrams[oldest];

	if (v != d)
		return v;
	return &f->datagrams[of_source ? d->source_newer : d->newer];
}

static void make_chunks(struct fragments *f, const struct datagram *d, unsigned needed)
{
	const struct share *s = &f->shares[d->source];

	while (s->chunks + needed > FRAGMENT_SOURCE_CHUNKS_MAX)
		displace(f, victim(f, s->oldest, d, true), DROP_FRAGMENT_SOURCE_LIMIT);
	while (f->chunks_used + needed > FRAGMENT_CHUNKS_MAX)
		displace(f, victim(f, f->oldest, d, false), DROP_FRAGMENT_TABLE_FULL);
}

static uint16_t chunk_take(struct fragments *f, struct share *s)
{
	uint16_t c = f->free_chunk;

	ASSERT(f->chunks_used < FRAGMENT_CHUNKS_MAX);
	if (c == NONE)
		c = f->fresh_chunks++;
	else
		f->free_chunk = f->chunks[c].next;
	f->chunks[c].next = NONE;
	f->chunks_used++;
	s->chunks++;
	return c;
}

static uint16_t chunks_fill(struct fragments *f, struct share *s, const uint8_t *from, uint32_t len)
{
	uint16_t first = NONE, *at = &first;

	for (uint32_t done = 0; done < len; done += FRAGMENT_CHUNK_BYTES) {
		uint32_t left = len - done;

		*at = chunk_take(f, s);
		bytes_copy(f->chunks[*at].bytes, from + done,
			left < FRAGMENT_CHUNK_BYTES ? left : FRAGMENT_CHUNK_BYTES);
		at = &f->chunks[*at].next;
	}
	f->chunks[first].len = len;
	return first;
}

void fragments_store(struct fragments *f, struct datagram *d, const struct pkt *p)
{
	const struct view *v = &p->v;

	make_chunks(f, d, chunks_for(p->len));
	stored_push(f, d, chunks_fill(f, &f->shares[d->source], p->data, p->len), v->frag_offset == 0);
	if (v->version == 4 && v->next == IPPROTO_UDP_NR)
		d->sum += csum_bytes(p->data + v->l4_off, v->l4_len);
	f->count->fragments_held++;
}

bool fragments_next(struct fragments *f, struct datagram *d, struct pkt *ret)
{
	uint16_t first = stored_pop(f, d);

	if (first == NONE)
		return false;

	uint32_t len = f->chunks[first].len, done = 0;
	uint8_t *data = f->scratch + PKT_HEADROOM;

	for (uint16_t c = first; c != NONE; c = f->chunks[c].next) {
		uint32_t left = len - done;
		uint32_t part = left < FRAGMENT_CHUNK_BYTES ? left : FRAGMENT_CHUNK_BYTES;

		bytes_copy(data + done, f->chunks[c].bytes, part);
		done += part;
	}
	chunks_put_back(f, &f->shares[d->source], first);
	*ret = (struct pkt){
		.head = f->scratch,
		.data = data,
		.len = len,
		.end = f->scratch + sizeof(f->scratch),
	};
	enum drop_reason reason = pkt_parse(ret);

	ASSERT(reason == DROP_NONE); /* it was parsed before it was stored */
	return true;
}

/* --- invariants --- */

static bool pieces_hold(const struct datagram *d)
{
	uint32_t covered = 0;
	bool has_first = false, has_last = false;

	for (unsigned i = 0; i < d->pieces_len; i++) {
		struct piece a = d->pieces[i];

		if (a.start >= a.end || (d->total != 0 && a.end > d->total))
			return false;
		for (unsigned k = 0; k < i; k++)
			if (a.start < d->pieces[k].end && d->pieces[k].start < a.end)
				return false;
		covered += a.end - a.start;
		has_first = has_first || a.start == 0;
		has_last = has_last || a.end == d->total;
	}
	return covered == d->covered && has_first == d->head.is_known && (has_last || d->total == 0);
}

/* How many chunks are stored of @d; more than there are at all if the chain is broken. */
static unsigned chunks_of(const struct fragments *f, const struct datagram *d)
{
	unsigned n = 0;
	uint16_t last = NONE;

	for (uint16_t p = d->stored_first; p != NONE && n <= FRAGMENT_CHUNKS_MAX;
		p = f->chunks[p].next_packet) {
		for (uint16_t c = p; c != NONE && n <= FRAGMENT_CHUNKS_MAX; c = f->chunks[c].next)
			n++;
		last = p;
	}
	return last == d->stored_last ? n : UINT32_MAX;
}

static bool shares_hold(const struct fragments *f)
{
	unsigned datagrams = 0, chunks = 0;

	for (unsigned i = 0; i < SHARES; i++) {
		const struct share *s = &f->shares[i];
		unsigned d_len = 0, c_len = 0;

		for (uint16_t d = s->oldest; d != NONE; d = f->datagrams[d].source_newer, d_len++) {
			if (d_len == FRAGMENT_DATAGRAMS_MAX || f->datagrams[d].source != i)
				return false;
			c_len += chunks_of(f, &f->datagrams[d]);
		}
		if (d_len != s->datagrams || c_len != s->chunks || d_len > FRAGMENT_SOURCE_DATAGRAMS_MAX ||
			c_len > FRAGMENT_SOURCE_CHUNKS_MAX)
			return false;
		datagrams += d_len;
		chunks += c_len;
	}
	return datagrams == f->datagrams_used && chunks == f->chunks_used;
}

static bool ages_hold(const struct fragments *f)
{
	unsigned n = 0;
	uint16_t older = NONE;

	for (uint16_t i = f->oldest; i != NONE; i = f->datagrams[i].newer, n++) {
		const struct datagram *d = &f->datagrams[i];

		if (n == FRAGMENT_DATAGRAMS_MAX || d->older != older || !pieces_hold(d))
			return false;
		if (d->refused != DROP_NONE && d->stored_first != NONE)
			return false;
		older = i;
	}
	return n == f->datagrams_used && older == f->newest;
}

bool fragments_validate(const struct fragments *f)
{
	unsigned free_datagrams = FRAGMENT_DATAGRAMS_MAX - f->fresh_datagrams;
	unsigned free_chunks = FRAGMENT_CHUNKS_MAX - f->fresh_chunks;

	for (uint16_t i = f->free_datagram; i != NONE; i = f->datagrams[i].bucket_next)
		if (++free_datagrams > FRAGMENT_DATAGRAMS_MAX)
			return false;
	for (uint16_t i = f->free_chunk; i != NONE; i = f->chunks[i].next)
		if (++free_chunks > FRAGMENT_CHUNKS_MAX)
			return false;
	return free_datagrams + f->datagrams_used == FRAGMENT_DATAGRAMS_MAX &&
	       free_chunks + f->chunks_used == FRAGMENT_CHUNKS_MAX && ages_hold(f) && shares_hold(f);
}
