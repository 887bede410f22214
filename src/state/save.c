/*
 * save.c - see save.h
 *
 * All numbers are big-endian. Everything is a multiple of eight bytes, so that the sums run over words. A sum is a chain of
 * hashes with a known key: any change shows, unless it was made on purpose. That of a chunk starts from the head's sum and the
 * chunk's number, so a chunk of another file, or in another place, is no chunk of this one.
 *
 * Times are in milliseconds: what is left and the age are counted from when the head was written.
 */
#include "state/save.h"

#include "base/bytes.h"
#include "base/hash.h"

#define MAGIC UINT64_C(0x697374686d757373) /* "isthmuss" */
#define VERSION 1
#define CHUNK_MAGIC 0x72656373u			  /* "recs" */
#define END_MAGIC 0x646f6e65u			  /* "done" */
#define MS_MAX ((uint64_t)366 * 24 * 3600 * 1000) /* no lifetime is longer, and no sum with one overflows */
#define AGE_MAX_MS ((uint64_t)1 << 42)		  /* 139 years */

/* Two bytes of a record: protocol and prefix; TCP state, guard, and whether the binding is static. */
#define HIGH_SHIFT 4
#define LOW_BITS 0x0fu
#define GUARD_BITS 0x03u
#define FLAG_STATIC 0x40u
#define FLAGS_UNUSED 0x80u

_Static_assert(SAVE_HEAD_BYTES % 8 == 0 && SAVE_RECORD_BYTES % 8 == 0 && SAVE_CHUNK_HEAD_BYTES % 8 == 0,
	"sums run over words");

static uint64_t sum(uint64_t seed, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += 8) {
		const uint64_t w[1] = { be64_at(bytes + at) };

		seed = hash_words(&(struct hash_key){ seed, at }, w, 1);
	}
	return seed;
}

/* --- the head --- */

#define HEAD_SUMMED (SAVE_HEAD_BYTES - 8)

static void head_put(uint8_t *to, const struct save_head *h)
{
	struct wr w = wr_of(to, SAVE_HEAD_BYTES);

	bytes_zero(to, SAVE_HEAD_BYTES);
	be64_put(wr_room(&w, 8), MAGIC);
	wr_be32(&w, VERSION);
	wr_be32(&w, SAVE_RECORD_BYTES);
	be64_put(wr_room(&w, 8), h->written_ms);
	wr_be32(&w, h->prefixes_len);
	for (unsigned i = 0; i < STATE_PREFIXES_MAX; i++)
		wr_u8(&w, i < h->prefixes_len ? h->prefixes[i].len : 0);
	wr_be32(&w, 0);
	for (unsigned i = 0; i < h->prefixes_len; i++) {
		be64_put(wr_room(&w, 8), h->prefixes[i].addr.hi);
		be64_put(wr_room(&w, 8), h->prefixes[i].addr.lo);
	}
	be64_put(to + HEAD_SUMMED, sum(MAGIC, to, HEAD_SUMMED));
}

#define AT_VERSION 8
#define AT_RECORD_BYTES 12
#define AT_WRITTEN 16
#define AT_PREFIXES_LEN 24
#define AT_PREFIX_BITS 28
#define AT_PREFIXES 40

_Static_assert(AT_PREFIXES + 16 * STATE_PREFIXES_MAX == HEAD_SUMMED, "the head has no hole");

static bool head_read(const uint8_t *at, struct save_head *ret)
{
	struct save_head h = { .written_ms = be64_at(at + AT_WRITTEN),
		.prefixes_len = be32_at(at + AT_PREFIXES_LEN) };

	if (be64_at(at + HEAD_SUMMED) != sum(MAGIC, at, HEAD_SUMMED) || h.prefixes_len > STATE_PREFIXES_MAX ||
		be32_at(at + AT_RECORD_BYTES) != SAVE_RECORD_BYTES)
		return false;
	for (unsigned i = 0; i < h.prefixes_len; i++) {
		const uint8_t *p = at + AT_PREFIXES + (size_t)16 * i;

		h.prefixes[i] = (struct prefix6){ { be64_at(p), be64_at(p + 8) }, at[AT_PREFIX_BITS + i] };
		if (!prefix6_validate(h.prefixes[i]))
			return false;
	}
	*ret = h;
	return true;
}

/* --- records --- */

static uint64_t ms_of(nsec t, uint64_t most)
{
	return t / MSEC < most ? t / MSEC : most;
}

/* What is left is rounded up: a session that is not due yet has a millisecond. */
static void record_put(uint8_t *to, const struct state_record *r)
{
	struct wr w = wr_of(to, SAVE_RECORD_BYTES);
	const uint64_t numbers[] = { r->in.hi, r->in.lo, ms_of(r->left + MSEC - 1, MS_MAX),
		ms_of(r->age, AGE_MAX_MS), r->pkts_64, r->pkts_46, r->bytes_64, r->bytes_46 };

	wr_u8(&w, (uint8_t)((unsigned)r->proto | (unsigned)r->prefix << HIGH_SHIFT));
	wr_u8(&w, (uint8_t)((unsigned)r->tcp | (unsigned)r->guard << HIGH_SHIFT |
			    (r->is_static ? FLAG_STATIC : 0)));
	wr_be16(&w, r->in_port);
	wr_be32(&w, r->out.v);
	wr_be32(&w, r->remote.v);
	wr_be16(&w, r->out_port);
	wr_be16(&w, r->remote_port);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		be64_put(wr_room(&w, 8), numbers[i]);
	ASSERT(wr_len(&w) == SAVE_RECORD_BYTES);
}

static bool record_read(const uint8_t *at, const struct save_head *h, struct state_record *ret)
{
	uint64_t left = be64_at(at + 32), age = be64_at(at + 40);
	struct state_record r = {
		.proto = (enum proto)(at[0] & LOW_BITS),
		.prefix = at[0] >> HIGH_SHIFT,
		.tcp = (enum tcp_state)(at[1] & LOW_BITS),
		.guard = at[1] >> HIGH_SHIFT & GUARD_BITS,
		.is_static = at[1] & FLAG_STATIC,
		.in_port = be16_at(at + 2),
		.out = { be32_at(at + 4) },
		.remote = { be32_at(at + 8) },
		.out_port = be16_at(at + 12),
		.remote_port = be16_at(at + 14),
		.in = { be64_at(at + 16), be64_at(at + 24) },
		.left = left * MSEC,
		.age = age * MSEC,
		.pkts_64 = be64_at(at + 48),
		.pkts_46 = be64_at(at + 56),
		.bytes_64 = be64_at(at + 64),
		.bytes_46 = be64_at(at + 72),
	};

	if (left > MS_MAX || age > AGE_MAX_MS || at[1] & FLAGS_UNUSED || r.prefix >= h->prefixes_len ||
		!state_record_validate(&r))
		return false;
	*ret = r;
	return true;
}

/* --- chunks --- */

#define AT_CHUNK_LEN 4
#define AT_CHUNK_NUMBER 8
#define AT_CHUNK_SUM 16

static uint64_t chunk_sum(const uint8_t *at, size_t len, uint64_t seed)
{
	uint64_t head = sum(seed, at, AT_CHUNK_SUM);

	return sum(head, at + SAVE_CHUNK_HEAD_BYTES, len - SAVE_CHUNK_HEAD_BYTES);
}

static int chunk_write(struct save_writer *w, uint32_t magic, uint32_t count, uint64_t number)
{
	size_t len = SAVE_CHUNK_HEAD_BYTES + (size_t)w->len * SAVE_RECORD_BYTES;

	be32_put(w->bytes, magic);
	be32_put(w->bytes + AT_CHUNK_LEN, count);
	be64_put(w->bytes + AT_CHUNK_NUMBER, number);
	be64_put(w->bytes + AT_CHUNK_SUM, chunk_sum(w->bytes, len, w->seed));
	w->len = 0;
	return w->write(w->ctx, w->bytes, len);
}

static int records_write(struct save_writer *w)
{
	return w->len == 0 ? 0 : chunk_write(w, CHUNK_MAGIC, w->len, w->chunks++);
}

int save_begin(struct save_writer *w, const struct save_head *h)
{
	w->chunks = w->records = 0;
	w->len = 0;
	head_put(w->bytes, h);
	w->seed = be64_at(w->bytes + HEAD_SUMMED);
	return w->write(w->ctx, w->bytes, SAVE_HEAD_BYTES);
}

int save_put(struct save_writer *w, const struct state_record *r)
{
	record_put(w->bytes + SAVE_CHUNK_HEAD_BYTES + (size_t)w->len * SAVE_RECORD_BYTES, r);
	w->records++;
	return ++w->len == SAVE_CHUNK_RECORDS ? records_write(w) : 0;
}

int save_end(struct save_writer *w)
{
	int err = records_write(w);

	return err < 0 ? err : chunk_write(w, END_MAGIC, 0, w->records);
}

/* --- reading --- */

/* Whether all of it came. */
static bool read_all(struct save_reader *r, uint8_t *to, size_t len)
{
	while (len > 0) {
		long n = r->read(r->ctx, to, len);

		if (n <= 0 || (size_t)n > len)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

enum save_find save_open(struct save_reader *r, struct save_head *ret)
{
	r->chunks = r->chunks_refused = r->records = r->records_written = 0;
	long first = r->read(r->ctx, r->bytes, 1);

	if (first == 0)
		return SAVE_NOTHING;
	if (first != 1 || !read_all(r, r->bytes + 1, AT_VERSION + 4 - 1) || be64_at(r->bytes) != MAGIC)
		return SAVE_FOREIGN;
	if (be32_at(r->bytes + AT_VERSION) != VERSION)
		return SAVE_VERSION;
	if (!read_all(r, r->bytes + AT_VERSION + 4, SAVE_HEAD_BYTES - AT_VERSION - 4) ||
		!head_read(r->bytes, ret))
		return SAVE_FOREIGN;
	r->seed = be64_at(r->bytes + HEAD_SUMMED);
	return SAVE_FOUND;
}

/* The end says how many records there were. What comes after it is not looked at. */
static enum save_step end_read(struct save_reader *r)
{
	const uint8_t *at = r->bytes;

	if (be64_at(at + AT_CHUNK_SUM) != chunk_sum(at, SAVE_CHUNK_HEAD_BYTES, r->seed) ||
		be32_at(at + AT_CHUNK_LEN) != 0)
		return SAVE_CUT;
	r->records_written = be64_at(at + AT_CHUNK_NUMBER);
	return r->records_written == r->records ? SAVE_WHOLE : SAVE_CUT;
}

static bool records_read(const struct save_reader *r, const struct save_head *h, uint64_t number,
	struct state_record *ret, unsigned len)
{
	const uint8_t *at = r->bytes;
	size_t bytes = SAVE_CHUNK_HEAD_BYTES + (size_t)len * SAVE_RECORD_BYTES;

	if (be64_at(at + AT_CHUNK_SUM) != chunk_sum(at, bytes, r->seed) ||
		be64_at(at + AT_CHUNK_NUMBER) != number)
		return false;
	for (unsigned i = 0; i < len; i++) {
		if (!record_read(at + SAVE_CHUNK_HEAD_BYTES + (size_t)i * SAVE_RECORD_BYTES, h, &ret[i]))
			return false;
	}
	return true;
}

enum save_step save_next(struct save_reader *r, const struct save_head *h,
	struct state_record ret[static SAVE_CHUNK_RECORDS], unsigned *ret_len)
{
	if (!read_all(r, r->bytes, SAVE_CHUNK_HEAD_BYTES))
		return SAVE_CUT;
	uint32_t magic = be32_at(r->bytes), len = be32_at(r->bytes + AT_CHUNK_LEN);

	if (magic == END_MAGIC)
		return end_read(r);
	/* Where the next chunk would begin cannot be known then. */
	if (magic != CHUNK_MAGIC || len == 0 || len > SAVE_CHUNK_RECORDS ||
		!read_all(r, r->bytes + SAVE_CHUNK_HEAD_BYTES, (size_t)len * SAVE_RECORD_BYTES))
		return SAVE_CUT;
	uint64_t number = r->chunks++;

	if (!records_read(r, h, number, ret, len)) {
		r->chunks_refused++;
		return SAVE_REFUSED;
	}
	r->records += len;
	*ret_len = len;
	return SAVE_RECORDS;
}
