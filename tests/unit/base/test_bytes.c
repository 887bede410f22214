/* test_bytes.c - bounded reading and writing */
#include "base/bytes.h"
#include "harness.h"

TEST(fields_are_big_endian_on_the_wire)
{
	const uint8_t wire[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88 };
	uint8_t out[8];

	CHECK_INT(be16_at(wire), 0x0182);
	CHECK_INT(be32_at(wire), 0x01820384);
	CHECK(be64_at(wire) == UINT64_C(0x0182038405860788));
	be64_put(out, be64_at(wire));
	CHECK_BYTES(out, 8, wire, 8);
	be32_put(out, 0xdeadbeef);
	be16_put(out + 4, 0x1234);
	CHECK_BYTES(out, 6, "\xde\xad\xbe\xef\x12\x34", 6);
}

TEST(reader_gives_what_is_there_and_nothing_more)
{
	const uint8_t wire[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct rd r = rd_of(wire, sizeof(wire));
	uint8_t a = 0xaa;
	uint16_t b = 0xaaaa;
	uint32_t c = 0xaaaaaaaa;

	CHECK(rd_u8(&r, &a) && a == 1);
	CHECK(rd_be16(&r, &b) && b == 0x0203);
	CHECK(rd_be32(&r, &c) && c == 0x04050607);
	CHECK_INT(rd_left(&r), 0);
	a = 0xaa;
	CHECK(!rd_u8(&r, &a));
	CHECK_INT(a, 0xaa);
}

TEST(short_read_consumes_and_writes_nothing)
{
	const uint8_t wire[] = { 1, 2, 3 };
	struct rd r = rd_of(wire, sizeof(wire));
	uint32_t c = 0xaaaaaaaa;

	CHECK(!rd_be32(&r, &c));
	CHECK(c == 0xaaaaaaaa);
	CHECK(!rd_take(&r, SIZE_MAX));
	CHECK_INT(rd_left(&r), 3);
	CHECK(rd_take(&r, 3) == wire);
	CHECK(rd_take(&r, 0) == wire + 3);
}

TEST(trim_only_ever_shrinks)
{
	const uint8_t wire[4] = { 0 };
	struct rd r = rd_of(wire, sizeof(wire));

	rd_trim(&r, 5);
	CHECK_INT(rd_left(&r), 4);
	rd_trim(&r, 2);
	CHECK_INT(rd_left(&r), 2);
	rd_trim(&r, 0);
	CHECK_INT(rd_left(&r), 0);
}

TEST(writer_that_is_full_stays_full_and_leaves_memory_alone)
{
	uint8_t out[6] = { 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 };
	struct wr w = wr_of(out, 5);

	wr_be16(&w, 0x0102);
	wr_u8(&w, 3);
	wr_be32(&w, 0xffffffff); /* one byte too many */
	CHECK(w.full);
	wr_u8(&w, 4); /* would fit, but the message is already broken */
	CHECK_INT(wr_len(&w), 3);
	CHECK_BYTES(out, 6, "\x01\x02\x03\x55\x55\x55", 6);
}

TEST(writer_takes_exactly_its_room)
{
	uint8_t out[7];
	struct wr w = wr_of(out, sizeof(out));

	wr_bytes(&w, "ab", 2);
	wr_be32(&w, 0x63646566);
	wr_u8(&w, 'g');
	wr_bytes(&w, NULL, 0);
	CHECK(!w.full);
	CHECK_BYTES(out, wr_len(&w), "abcdefg", 7);
}

TEST(text_copy_always_terminates)
{
	char to[4] = "zzz";

	CHECK(text_copy(to, sizeof(to), "abc"));
	CHECK_TEXT(to, "abc");
	CHECK(!text_copy(to, sizeof(to), "defg"));
	CHECK_TEXT(to, "def");
	CHECK(!text_copy(to, 1, "x"));
	CHECK_TEXT(to, "");
	CHECK(text_copy(to, 1, ""));
}
