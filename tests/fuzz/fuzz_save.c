/*
 * fuzz_save.c - whatever stands in a file of saved sessions, the tables stay sound, and a sound record comes back as it was
 *
 * The first byte chooses. An even one: the rest is the file, and what it holds is adopted. An odd one: the rest are the fields
 * of records, which no sum protects; they are adopted too, saved, and read back.
 */
#include "base/bytes.h"
#include "state/owner.h"
#include "state/save.h"

#include <stdlib.h>

#define WORKERS 2
#define NOW (1000 * NSEC)
#define WORDS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct static_binding statics[] = {
	{ PROTO_TCP, { 0xc0000201 }, 1030, { UINT64_C(0x20010db800000001), 1 }, 80 },
};

static _Atomic uint64_t words[WORDS_MAX];

struct box {
	struct state_config c;
	struct owners owners;
	struct state *s[WORKERS];
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void box_make(struct box *b)
{
	static const uint8_t seed[32] = { 1, [16] = 7 };

	state_config_default(&b->c);
	b->c.pool[0] = (struct pool_entry){ .prefix = { { 0xc0000200 }, 30 }, .lo = 1024, .hi = 4095 };
	b->c.pool_len = 1;
	b->c.ports_per_block = 64;
	b->c.max_sessions = 64;
	b->c.protocols[0] = 132;
	b->c.protocols_len = 1;
	b->c.statics = statics;
	b->c.statics_len = 1;
	for (size_t i = 0; i < WORDS_MAX; i++)
		atomic_store_explicit(&words[i], 0, memory_order_relaxed);
	check(owners_table_len(&b->c) <= WORDS_MAX);
	check(owners_init(&b->owners, &b->c, WORKERS,
		      &(struct owners_table){ words, owners_table_len(&b->c) }) == 0);
	b->c.owners = &b->owners;
	for (unsigned i = 0; i < WORKERS; i++) {
		b->c.worker = i;
		check(state_new(&b->c, seed, NOW, &b->s[i]) == 0);
	}
}

static void box_end(struct box *b)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		check(state_validate(b->s[i]));
		state_free(b->s[i]);
	}
	owners_fini(&b->owners);
}

/* What was adopted is found by the packets of both sides, at one worker. */
static void adopt(struct box *b, const struct state_record *r)
{
	enum adoption a = state_adopt_among(b->s, WORKERS, r, NOW);

	check(a < ADOPTION_COUNT && adoption_text(a) != NULL);
	if (a != ADOPTION_DONE)
		return;
	unsigned at = r->proto == PROTO_OTHER ? owner_of_protocol(&b->owners, (uint8_t)r->out_port)
					      : owner_of_subscriber(&b->owners, r->in);

	check(r->proto == PROTO_OTHER || owner_of_block(&b->owners, r->out, r->out_port) == at);
	check(state_record_session(b->s[at], r) != STATE_END);
}

static long read_some(void *ctx, uint8_t *to, size_t len)
{
	struct rd *from = ctx;
	size_t n = rd_left(from) < len ? rd_left(from) : len;

	bytes_copy(to, rd_take(from, n), n);
	return (long)n;
}

static void take_file(struct box *b, struct rd in)
{
	static struct save_reader r;
	static struct state_record got[SAVE_CHUNK_RECORDS];
	enum save_step step = SAVE_RECORDS;
	struct save_head h;
	unsigned len;

	r = (struct save_reader){ .read = read_some, .ctx = &in };
	if (save_open(&r, &h) != SAVE_FOUND)
		return;
	while (step == SAVE_RECORDS || step == SAVE_REFUSED) {
		step = save_next(&r, &h, got, &len);
		for (unsigned i = 0; step == SAVE_RECORDS && i < len; i++)
			adopt(b, &got[i]);
	}
}

/* --- made-up fields --- */

struct memory_file {
	uint8_t bytes[2 * SAVE_CHUNK_BYTES];
	size_t len;
};

static int write_all(void *ctx, const uint8_t *bytes, size_t len)
{
	struct memory_file *f = ctx;

	check(len <= sizeof(f->bytes) - f->len);
	bytes_copy(f->bytes + f->len, bytes, len);
	f->len += len;
	return 0;
}

/* 20 bytes each; numbers are small, so that records meet each other. */
static bool record_take(struct rd *in, struct state_record *ret)
{
	const uint8_t *p = rd_take(in, 20);

	if (!p)
		return false;
	*ret = (struct state_record){
		.proto = (enum proto)(p[0] & 7),
		.prefix = p[1] & 15,
		.tcp = (enum tcp_state)(p[2] & 15),
		.guard = p[3] & 3,
		.is_static = p[3] & 4,
		.in = { UINT64_C(0x20010db800000000) | p[4], p[5] },
		.in_port = be16_at(p + 6),
		.out = { 0xc0000200 | (p[8] & 7) },
		.out_port = be16_at(p + 9),
		.remote = { 0xc6336400 | p[11] },
		.remote_port = be16_at(p + 12),
		.left = (nsec)be16_at(p + 14) * NSEC,
		.age = (nsec)be16_at(p + 16) * NSEC,
		.pkts_64 = p[18],
		.bytes_46 = p[19],
	};
	return true;
}

static void take_records(struct box *b, struct rd in)
{
	static struct save_writer w;
	static struct memory_file f;
	const struct save_head h = { .prefixes_len = STATE_PREFIXES_MAX };
	struct state_record r;
	unsigned sound = 0;

	f.len = 0;
	w = (struct save_writer){ .write = write_all, .ctx = &f };
	check(save_begin(&w, &h) == 0);
	while (sound < SAVE_CHUNK_RECORDS && record_take(&in, &r)) {
		adopt(b, &r);
		if (!state_record_validate(&r))
			continue;
		sound++;
		check(save_put(&w, &r) == 0);
	}
	check(save_end(&w) == 0);
	static struct save_reader back;
	static struct state_record got[SAVE_CHUNK_RECORDS];
	struct rd written = rd_of(f.bytes, f.len);
	struct save_head head;
	unsigned len = 0;

	back = (struct save_reader){ .read = read_some, .ctx = &written };
	check(save_open(&back, &head) == SAVE_FOUND);
	check(sound == 0 || (save_next(&back, &head, got, &len) == SAVE_RECORDS && len == sound));
	check(save_next(&back, &head, got, &len) == SAVE_WHOLE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct box b = { .owners = { .len = 0 } };

	if (len < 1)
		return 0;
	box_make(&b);
	if (data[0] % 2 == 0)
		take_file(&b, rd_of(data + 1, len - 1));
	else
		take_records(&b, rd_of(data + 1, len - 1));
	box_end(&b);
	return 0;
}
