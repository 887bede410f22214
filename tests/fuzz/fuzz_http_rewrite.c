/*
 * fuzz_http_rewrite.c - a page in pieces of any size becomes what it becomes whole, and nothing is written outside
 *
 * Pieces, and the room for what they become, are of sizes that follow from the page. The room is allocated anew for each
 * piece, so that the sanitizer sees a byte too many. Beyond that: without the name that stands for an address nothing
 * changes, so what has no "//" comes out as it went in.
 */
#include "relay/http_rewrite.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define ZONE "v4.example"
#define PAGE_MAX 4096
#define PIECE_MAX 40

struct page {
	char bytes[PAGE_MAX * (HTTP_REWRITE_ROOM + 1)];
	size_t len;
};

static size_t some(uint32_t *seed, size_t at_most)
{
	*seed = *seed * 1664525 + 1013904223;
	return 1 + (*seed >> 16) % at_most;
}

static void put(struct page *p, const char *from, size_t len)
{
	ASSERT(p->len + len <= sizeof(p->bytes));
	bytes_copy(p->bytes + p->len, from, len);
	p->len += len;
}

/* One piece of exactly @len bytes into exactly @room; how many were taken. */
static size_t take(struct http_rewrite *w, const char *from, size_t len, size_t room, struct page *to)
{
	char *piece = malloc(len), *out = malloc(room);
	size_t wrote = SIZE_MAX;

	ASSERT(piece && out);
	bytes_copy(piece, from, len);
	size_t taken = http_rewrite_take(w, piece, len, out, room, &wrote);

	ASSERT(taken > 0 && taken <= len && wrote <= room);
	ASSERT(w->held_len <= HTTP_REWRITE_HELD && (w->is_holding || w->held_len == 0));
	put(to, out, wrote);
	free(piece);
	free(out);
	return taken;
}

/* @piece_max: 0: whole, as far as there is room */
static void run(const char *bytes, size_t len, uint32_t seed, size_t piece_max, struct page *to)
{
	char last[HTTP_REWRITE_ROOM];
	struct http_rewrite w;

	to->len = 0;
	http_rewrite_begin(&w, ZONE);
	for (size_t at = 0; at < len;) {
		size_t piece = piece_max > 0 ? some(&seed, piece_max) : len;
		size_t room = piece_max > 0 ? HTTP_REWRITE_ROOM - 1 + some(&seed, PIECE_MAX)
					    : (len + 1) * HTTP_REWRITE_ROOM;

		at += take(&w, bytes + at, piece < len - at ? piece : len - at, room, to);
	}
	size_t n = http_rewrite_end(&w, last);

	ASSERT(n <= sizeof(last));
	put(to, last, n);
}

static bool is_same(const struct page *p, const char *bytes, size_t len)
{
	return p->len == len && (len == 0 || memcmp(p->bytes, bytes, len) == 0);
}

/* In front of each name stands a link's beginning, so a page that has none is as it was. */
static void check_unchanged(const struct page *p, const char *bytes, size_t len)
{
	if (!memmem(bytes, len, "//", 2))
		ASSERT(is_same(p, bytes, len));
	ASSERT(p->len >= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct page whole, cut;
	const char *bytes = (const char *)data;
	uint32_t seed = (uint32_t)len;

	if (len > PAGE_MAX)
		return 0;
	for (size_t i = 0; i < len; i++)
		seed = seed * 31 + data[i];
	run(bytes, len, 0, 0, &whole);
	check_unchanged(&whole, bytes, len);
	run(bytes, len, seed, 1, &cut);
	ASSERT(is_same(&cut, whole.bytes, whole.len));
	run(bytes, len, seed, PIECE_MAX, &cut);
	ASSERT(is_same(&cut, whole.bytes, whole.len));
	run(bytes, len, seed, PAGE_MAX, &cut); /* more than there is room for */
	ASSERT(is_same(&cut, whole.bytes, whole.len));
	return 0;
}
