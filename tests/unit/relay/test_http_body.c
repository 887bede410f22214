/* test_http_body.c - bodies of HTTP/1.1: chunks, lengths, trailers, and every way to be none (RFC 9112 s7.1) */
#include "harness.h"
#include "relay/http_body.h"

#include "base/compiler.h"

#include <stdlib.h>
#include <string.h>

struct result {
	enum http_step step; /* the last one */
	size_t used;
	char data[256], trailers[256];
	size_t data_len;
};

/* Give the bytes as they would come, @part at a time, each time in a block of just their size. */
static struct result run(struct http_body b, const char *text, size_t len, size_t part)
{
	struct result r = { .step = HTTP_STEP_MORE };
	size_t there = 0;

	for (;;) {
		struct http_piece p;
		char *copy = malloc(there - r.used + 1);

		REQUIRE(copy != NULL);
		memcpy(copy, text + r.used, there - r.used);
		r.step = http_body_next(&b, copy, there - r.used, &p);
		REQUIRE(p.skip + p.len <= there - r.used);
		r.used += p.skip;
		if (r.step == HTTP_STEP_DATA) {
			REQUIRE(r.data_len + p.len <= sizeof(r.data));
			memcpy(r.data + r.data_len, copy + p.skip, p.len);
			r.data_len += p.len;
			http_body_took(&b, p.len);
			r.used += p.len;
		}
		if (r.step == HTTP_STEP_END)
			memcpy(r.trailers, p.trailers.at ? p.trailers.at : "", p.trailers.len);
		free(copy);
		if (r.step == HTTP_STEP_END || r.step == HTTP_STEP_MALFORMED)
			return r;
		if (r.step == HTTP_STEP_MORE && there == len)
			return r;
		if (r.step == HTTP_STEP_MORE)
			there = there + part < len ? there + part : len;
	}
}

static const struct {
	const char *name, *text;
	enum http_step step;
	const char *data, *trailers, *rest;
} rows[] = {
	{ "nothing", "0\r\n\r\n", HTTP_STEP_END, "", "", "" },
	{ "one", "5\r\nhello\r\n0\r\n\r\nGET", HTTP_STEP_END, "hello", "", "GET" },
	{ "two", "1\r\na\r\n0a\r\n0123456789\r\n00\r\n\r\n", HTTP_STEP_END, "a0123456789", "", "" },
	{ "an extension", "1;a=\"b\";c\r\nx\r\n0;z\r\n\r\n", HTTP_STEP_END, "x", "", "" },
	{ "trailers", "1\r\nx\r\n0\r\nX-A: b\r\nY: c\r\n\r\n", HTTP_STEP_END, "x", "X-A: b\r\nY: c\r\n", "" },
	{ "no size", "\r\nx", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a bare LF", "1\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a bare LF after data", "1\r\nx\n", HTTP_STEP_MALFORMED, "x", "", "" },
	{ "data longer than said", "1\r\nxy\r\n", HTTP_STEP_MALFORMED, "x", "", "" },
	{ "0x", "0x1\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a sign", "+1\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a space before", " 1\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a space behind", "1 \r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "sixteen digits", "0000000000000001\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "more than 64 bits", "10000000000000001\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "CR in an extension", "1;a\rb\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "LF in an extension", "1;a\nb\r\nx\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a bad trailer", "0\r\nX : b\r\n\r\n", HTTP_STEP_MALFORMED, "", "", "" },
	{ "a folded trailer", "0\r\nX: b\r\n c\r\n\r\n", HTTP_STEP_MALFORMED, "", "", "" },
};

TEST(chunks_are_found_however_they_are_cut)
{
	static const struct http_body chunked = { .framing = HTTP_BODY_CHUNKED };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t part = 1; part <= strlen(rows[i].text); part++) {
			test_row(rows[i].name);
			struct result r = run(chunked, rows[i].text, strlen(rows[i].text), part);

			CHECK_INT(r.step, rows[i].step);
			CHECK_BYTES(r.data, r.data_len, rows[i].data, strlen(rows[i].data));
			CHECK_TEXT(r.trailers, rows[i].trailers);
			if (r.step == HTTP_STEP_END)
				CHECK_TEXT(rows[i].text + r.used, rows[i].rest);
		}
	test_row(NULL);
}

TEST(every_truncation_of_a_chunked_body_wants_more)
{
	static const struct http_body chunked = { .framing = HTTP_BODY_CHUNKED };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 0;
			rows[i].step == HTTP_STEP_END && n < strlen(rows[i].text) - strlen(rows[i].rest); n++)
			CHECK_INT(run(chunked, rows[i].text, n, n + 1).step, HTTP_STEP_MORE);
}

TEST(a_chunks_line_is_bounded)
{
	char text[HTTP_CHUNK_LINE_MAX + 3];
	static const struct http_body chunked = { .framing = HTTP_BODY_CHUNKED };

	memset(text, 'a', sizeof(text));
	text[0] = '1';
	text[1] = ';';
	CHECK_INT(run(chunked, text, HTTP_CHUNK_LINE_MAX - 1, 300).step, HTTP_STEP_MORE);
	CHECK_INT(run(chunked, text, HTTP_CHUNK_LINE_MAX, 300).step, HTTP_STEP_MALFORMED);
}

TEST(a_length_ends_where_it_says)
{
	struct http_head h = { .framing = HTTP_BODY_LENGTH, .length = 3 };
	struct http_body b;

	http_body_begin(&b, &h);
	struct result r = run(b, "abcdef", 6, 2);

	CHECK_INT(r.step, HTTP_STEP_END);
	CHECK_BYTES(r.data, r.data_len, "abc", 3);
	CHECK_INT(run(b, "ab", 2, 2).step, HTTP_STEP_MORE);
	CHECK(!http_body_ended(&b));
	h.length = 0;
	http_body_begin(&b, &h);
	CHECK(b.is_over);
}

TEST(only_a_body_without_length_ends_with_its_connection)
{
	struct http_head h = { .framing = HTTP_BODY_CLOSE };
	struct http_body b;

	http_body_begin(&b, &h);
	CHECK_INT(run(b, "abc", 3, 3).data_len, 3);
	CHECK(!b.is_over && http_body_ended(&b) && b.is_over);
	h.framing = HTTP_BODY_CHUNKED;
	http_body_begin(&b, &h);
	CHECK(!http_body_ended(&b));
}
