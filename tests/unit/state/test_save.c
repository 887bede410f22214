/* test_save.c - records as a stream: the same come out, and of what was cut, damaged or made up nothing wrong does */
#include "fixture.h"
#include "state/save.h"

#include <stdlib.h>

#define FILE_MAX (256 * 1024)
#define RECORDS 1100 /* three chunks */

struct file {
	uint8_t bytes[FILE_MAX];
	size_t len, at;
	size_t room;  /* what can be written */
	size_t piece; /* what one read gives at most */
};

static struct file file;
static struct save_writer writer;
static struct save_reader reader;

static int file_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct file *f = ctx;

	if (len > f->room - f->len)
		return -28;
	bytes_copy(f->bytes + f->len, bytes, len);
	f->len += len;
	return 0;
}

static long file_read(void *ctx, uint8_t *to, size_t len)
{
	struct file *f = ctx;
	size_t n = f->len - f->at;

	n = n < len ? n : len;
	n = n < f->piece ? n : f->piece;
	bytes_copy(to, f->bytes + f->at, n);
	f->at += n;
	return (long)n;
}

static struct save_head head_of_test(void)
{
	return (struct save_head){
		.written_ms = UINT64_C(1700000000123),
		.prefixes = { { { UINT64_C(0x64ff9b) << 32 << 8, 0 }, 96 },
			{ { UINT64_C(0x20010db800ff) << 16, 0 }, 64 } },
		.prefixes_len = 2,
	};
}

static struct state_record record_number(unsigned i)
{
	enum proto proto = (enum proto)(i % PROTO_KINDS);
	struct state_record r = {
		.proto = proto,
		.prefix = i % 2,
		.tcp = proto == PROTO_TCP ? (enum tcp_state)(TCP_V4_INIT + i % 7) : TCP_NONE,
		.guard = proto == PROTO_TCP ? (uint8_t)(i / 4 % 3) : GUARD_NONE,
		.is_static = proto != PROTO_TCP && i % 5 == 0,
		.in = { UINT64_C(0x20010db800000000) + i, ~(uint64_t)i },
		.in_port = (uint16_t)(i * 7 + 1),
		.out = { 0xc0000201 + i },
		.out_port = (uint16_t)(1024 + i),
		.remote = { 0xc6336400 + i },
		.remote_port = proto == PROTO_TCP || proto == PROTO_UDP ? (uint16_t)(1 + i) : 0,
		.left = (i + 1) * MSEC,
		.age = (uint64_t)i * NSEC,
		.pkts_64 = i,
		.pkts_46 = UINT64_MAX - i,
		.bytes_64 = (uint64_t)i << 33,
		.bytes_46 = 4711,
	};

	if (proto == PROTO_OTHER)
		r.in_port = r.out_port = 132;
	return r;
}

static void file_fill(unsigned records)
{
	const struct save_head h = head_of_test();

	file.len = file.at = 0;
	file.room = FILE_MAX;
	file.piece = FILE_MAX;
	writer = (struct save_writer){ .write = file_write, .ctx = &file };
	REQUIRE(save_begin(&writer, &h) == 0);
	for (unsigned i = 0; i < records; i++) {
		struct state_record r = record_number(i);

		REQUIRE(state_record_validate(&r));
		REQUIRE(save_put(&writer, &r) == 0);
	}
	REQUIRE(save_end(&writer) == 0);
}

static bool is_same(const struct state_record *a, const struct state_record *b)
{
	return a->proto == b->proto && a->prefix == b->prefix && a->is_static == b->is_static &&
	       a->guard == b->guard && a->tcp == b->tcp && addr6_eq(a->in, b->in) &&
	       a->in_port == b->in_port && addr4_eq(a->out, b->out) && a->out_port == b->out_port &&
	       addr4_eq(a->remote, b->remote) && a->remote_port == b->remote_port && a->left == b->left &&
	       a->age == b->age && a->pkts_64 == b->pkts_64 && a->pkts_46 == b->pkts_46 &&
	       a->bytes_64 == b->bytes_64 && a->bytes_46 == b->bytes_46;
}

/* What came of reading: whatever records come must be those that were written. */
struct outcome {
	enum save_find find;
	enum save_step end;
	unsigned right, wrong;
};

static struct outcome read_back(void)
{
	static struct state_record got[SAVE_CHUNK_RECORDS];
	struct save_head h = { .written_ms = 4711 };
	struct outcome o = { .end = SAVE_CUT };
	unsigned len = 0;

	file.at = 0;
	reader = (struct save_reader){ .read = file_read, .ctx = &file };
	o.find = save_open(&reader, &h);
	if (o.find != SAVE_FOUND) {
		CHECK_INT(h.written_ms, 4711);
		return o;
	}
	do {
		o.end = save_next(&reader, &h, got, &len);
		for (unsigned i = 0; o.end == SAVE_RECORDS && i < len; i++) {
			unsigned number = (unsigned)(reader.chunks - 1) * SAVE_CHUNK_RECORDS + i;
			struct state_record want = record_number(number);

			if (is_same(&got[i], &want))
				o.right++;
			else
				o.wrong++;
		}
	} while (o.end == SAVE_RECORDS || o.end == SAVE_REFUSED);
	return o;
}

TEST(records_come_out_as_they_went_in)
{
	static const unsigned lens[] = { 0, 1, SAVE_CHUNK_RECORDS - 1, SAVE_CHUNK_RECORDS,
		SAVE_CHUNK_RECORDS + 1, RECORDS };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		file_fill(lens[i]);
		struct outcome o = read_back();

		CHECK_INT(o.find, SAVE_FOUND);
		CHECK_INT(o.end, SAVE_WHOLE);
		CHECK_INT(o.right, lens[i]);
		CHECK_INT(o.wrong, 0);
		CHECK_INT(reader.records_written, lens[i]);
	}
}

TEST(the_head_comes_out_as_it_went_in)
{
	const struct save_head want = head_of_test();
	struct save_head h;

	file_fill(0);
	reader = (struct save_reader){ .read = file_read, .ctx = &file };
	REQUIRE(save_open(&reader, &h) == SAVE_FOUND);
	CHECK_INT(h.written_ms, want.written_ms);
	REQUIRE(h.prefixes_len == 2);
	for (unsigned i = 0; i < 2; i++)
		CHECK(h.prefixes[i].len == want.prefixes[i].len &&
			addr6_eq(h.prefixes[i].addr, want.prefixes[i].addr));
}

TEST(a_stream_that_comes_byte_by_byte_is_the_same)
{
	file_fill(3);
	file.piece = 1;
	struct outcome o = read_back();

	CHECK_INT(o.end, SAVE_WHOLE);
	CHECK_INT(o.right, 3);
}

TEST(of_every_truncation_whole_chunks_come_and_it_is_told)
{
	file_fill(SAVE_CHUNK_RECORDS + 3);
	size_t whole = file.len, first = SAVE_HEAD_BYTES + SAVE_CHUNK_BYTES;

	for (size_t len = 0; len < whole; len += len < 400 || len > first - 100 ? 1 : 97) {
		file.len = len;
		struct outcome o = read_back();

		CHECK_INT(o.find, len == 0		  ? SAVE_NOTHING
				  : len < SAVE_HEAD_BYTES ? SAVE_FOREIGN
							  : SAVE_FOUND);
		CHECK_INT(o.end, SAVE_CUT);
		CHECK_INT(o.wrong, 0);
		CHECK_INT(o.right, len < first				 ? 0
				   : len < whole - SAVE_CHUNK_HEAD_BYTES ? SAVE_CHUNK_RECORDS
									 : SAVE_CHUNK_RECORDS + 3);
	}
}

TEST(no_changed_byte_makes_a_wrong_record)
{
	file_fill(SAVE_CHUNK_RECORDS + 3);
	size_t second = SAVE_HEAD_BYTES + SAVE_CHUNK_BYTES;

	for (size_t at = 0; at < file.len; at += at < 400 || at > second ? 1 : 101) {
		file.bytes[at] ^= (uint8_t)(1u << at % 8);
		struct outcome o = read_back();

		file.bytes[at] ^= (uint8_t)(1u << at % 8);
		CHECK_INT(o.wrong, 0);
		CHECK(o.find != SAVE_FOUND || o.end == SAVE_CUT);
		CHECK(o.right == 0 || o.right == 3 || o.right == SAVE_CHUNK_RECORDS ||
			at >= file.len - SAVE_CHUNK_HEAD_BYTES);
		if (o.right == 3)
			CHECK_INT(reader.chunks_refused, 1);
	}
	CHECK_INT(read_back().end, SAVE_WHOLE);
}

TEST(a_damaged_chunk_costs_that_chunk_alone)
{
	file_fill(RECORDS);
	file.bytes[SAVE_HEAD_BYTES + SAVE_CHUNK_BYTES + 500] ^= 1;
	struct outcome o = read_back();

	CHECK_INT(o.right, RECORDS - SAVE_CHUNK_RECORDS);
	CHECK_INT(o.wrong, 0);
	CHECK_INT(o.end, SAVE_CUT);
	CHECK_INT(reader.chunks_refused, 1);
	CHECK_INT(reader.records_written, RECORDS);
}

TEST(chunks_in_another_order_or_of_another_file_are_refused)
{
	static uint8_t chunk[SAVE_CHUNK_BYTES];
	uint8_t *first = file.bytes + SAVE_HEAD_BYTES, *second = first + SAVE_CHUNK_BYTES;

	file_fill(RECORDS);
	bytes_copy(chunk, first, SAVE_CHUNK_BYTES);
	bytes_copy(first, second, SAVE_CHUNK_BYTES);
	bytes_copy(second, chunk, SAVE_CHUNK_BYTES);
	CHECK_INT(read_back().wrong, 0);
	CHECK_INT(reader.chunks_refused, 2);

	struct save_head other = head_of_test();

	file_fill(RECORDS);
	bytes_copy(chunk, second, SAVE_CHUNK_BYTES);
	other.written_ms++;
	file.len = 0;
	REQUIRE(save_begin(&writer, &other) == 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct state_record r = record_number(i);

		REQUIRE(save_put(&writer, &r) == 0);
	}
	REQUIRE(save_end(&writer) == 0);
	bytes_copy(second, chunk, SAVE_CHUNK_BYTES);
	CHECK_INT(read_back().right, RECORDS - SAVE_CHUNK_RECORDS);
	CHECK_INT(reader.chunks_refused, 1);
}

TEST(lengths_that_lie_end_the_reading)
{
	static const uint32_t lies[] = { 0, SAVE_CHUNK_RECORDS + 1, 0x7fffffff, 0xffffffff, 2 };

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		file_fill(5);
		be32_put(file.bytes + SAVE_HEAD_BYTES + 4, lies[i]);
		struct outcome o = read_back();

		CHECK_INT(o.right + o.wrong, 0);
		CHECK_INT(o.end, SAVE_CUT);
	}
}

TEST(another_version_and_another_kind_of_file_are_told_apart)
{
	file_fill(5);
	file.bytes[11]++;
	CHECK_INT(read_back().find, SAVE_VERSION);
	file_fill(5);
	file.bytes[0]++;
	CHECK_INT(read_back().find, SAVE_FOREIGN);
	file_fill(5);
	file.bytes[SAVE_HEAD_BYTES - 1]++;
	CHECK_INT(read_back().find, SAVE_FOREIGN);
}

TEST(what_follows_the_end_is_not_looked_at)
{
	file_fill(5);
	bytes_copy(file.bytes + file.len, "garbage", 7);
	file.len += 7;
	struct outcome o = read_back();

	CHECK_INT(o.end, SAVE_WHOLE);
	CHECK_INT(o.right, 5);
}

static void spoil_prefix(struct state_record *r)
{
	r->prefix = 2; /* the head has two */
}

static void spoil_state(struct state_record *r)
{
	r->tcp = TCP_ESTABLISHED;
}

static void spoil_port(struct state_record *r)
{
	r->out_port = 0;
}

static void spoil_guard(struct state_record *r)
{
	r->guard = GUARD_EXPECT;
}

static void spoil_remote(struct state_record *r)
{
	r->proto = PROTO_ICMP; /* which has no remote port */
}

static void spoil_protocol(struct state_record *r)
{
	r->proto = PROTO_KINDS;
}

TEST(a_sound_sum_does_not_make_an_unsound_record_welcome)
{
	static void (*const spoils[])(struct state_record * r) = { spoil_prefix, spoil_state, spoil_port,
		spoil_guard, spoil_remote, spoil_protocol };
	const struct save_head h = head_of_test();

	for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
		struct state_record r = record_number(1);

		spoils[i](&r);
		file_fill(0);
		file.len = 0;
		REQUIRE(save_begin(&writer, &h) == 0 && save_put(&writer, &r) == 0 && save_end(&writer) == 0);
		struct outcome o = read_back();

		CHECK_INT(o.right + o.wrong, 0);
		CHECK_INT(reader.chunks_refused, 1);
	}
}

TEST(a_writer_that_finds_no_room_says_so)
{
	const struct save_head h = head_of_test();
	int err = 0;

	file_fill(0);
	for (size_t room = 0; room < SAVE_HEAD_BYTES + SAVE_CHUNK_BYTES + SAVE_CHUNK_HEAD_BYTES;
		room += 4000) {
		file.len = 0;
		file.room = room;
		err = save_begin(&writer, &h);
		for (unsigned i = 0; err == 0 && i < SAVE_CHUNK_RECORDS; i++) {
			struct state_record r = record_number(i);

			err = save_put(&writer, &r);
		}
		if (err == 0)
			err = save_end(&writer);
		CHECK_INT(err, -28);
	}
}
