/*
 * fuzz_http_request.c - any bytes as the head of an HTTP request
 *
 * Whatever arrives, it arrives in pieces: a head that is malformed stays so whatever follows, one that is whole
 * is the same in any longer text, and before that it asks for more. The path is one that a page could have.
 */
#include "cmd/http_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_request(const struct http_request *r)
{
	size_t len = strnlen(r->path, sizeof(r->path));

	require(len < sizeof(r->path));
	require(len == 0 || r->path[0] == '/');
	require(r->method == HTTP_GET || r->method == HTTP_HEAD || r->method == HTTP_OTHER);
	for (size_t i = 0; i < len; i++)
		require((unsigned char)r->path[i] > ' ' && r->path[i] != 0x7f && r->path[i] != '?');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *head = (const char *)data;
	enum http_progress before = HTTP_MORE;
	struct http_request first, r;

	if (size > 1024)
		return 0;
	for (size_t len = 0; len <= size; len++) {
		enum http_progress now = page_request_parse(head, len, &r);

		require(before == HTTP_MORE || now == before);
		if (now == HTTP_WHOLE && before == HTTP_MORE)
			first = r;
		if (now == HTTP_WHOLE) {
			check_request(&r);
			require(strcmp(r.path, first.path) == 0 && r.method == first.method);
		}
		before = now;
	}
	return 0;
}
