/* test_http_request.c - heads of HTTP requests: right, wrong, cut, and what is asked */
#include "harness.h"

#include "cmd/http_request.h"

#include <stdio.h>
#include <string.h>

#define H "Host: x\r\n"

static const struct {
	const char *head;
	enum http_progress want;
	enum http_method method;
	const char *path, *spec;
} heads[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "/", "RFC 9112 s3" },
	{ "GET /metrics HTTP/1.1\r\n" H "A: b\r\n\r\nmore", HTTP_WHOLE, HTTP_GET, "/metrics", "RFC 9112 s3" },
	{ "HEAD /a HTTP/1.0\r\n\r\n", HTTP_WHOLE, HTTP_HEAD, "/a", "RFC 9112 s3" },
	{ "get / HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_OTHER, "/",
		"RFC 9110 s9.1: methods are case-sensitive" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_OTHER, "", "RFC 9112 s3.2.4" },
	{ "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_OTHER, "", "RFC 9112 s3.2.3" },
	{ "GET /a?b=/c HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "/a", "RFC 9112 s3.2.1" },
	{ "GET http://h:1/a?b HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "/a", "RFC 9112 s3.2.2" },
	{ "GET HTTP://h HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "/", "RFC 9112 s3.2.2" },
	{ "GET http://h?q HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "/", "RFC 9112 s3.2.2" },
	{ "GET ?/a HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "", "no path" },
	{ "GET / HTTP/1.1\n"
	  "Host: x\n\n",
		HTTP_WHOLE, HTTP_GET, "/", "RFC 9112 s2.2: line feeds alone" },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", HTTP_WHOLE, HTTP_GET, "/", "RFC 9112 s2.2: empty lines" },
	{ "GET / HTTP/1.1\r\nhOST:\r\n\r\n", HTTP_WHOLE, HTTP_GET, "/", "RFC 9110 s5.1" },
	{ "GET / HTTP/1.1\r\n" H "A: \xc3\xa4\t\r\n\r\n", HTTP_WHOLE, HTTP_GET, "/",
		"RFC 9110 s5.5: obs-text" },
	{ "", HTTP_MORE, HTTP_GET, NULL, "" },
	{ "GET / HTTP/1.1\r\n" H, HTTP_MORE, HTTP_GET, NULL, "" },
	{ "GET / HTTP/1.1\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s3.2: no Host" },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s3.2: two Hosts" },
	{ "GET / HTTP/1.0\r\n" H H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s3.2: two Hosts" },
	{ "GET / HTTP/1.1\r\nHost : x\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s5.1" },
	{ "GET / HTTP/1.1\r\n" H " folded\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s5.2" },
	{ "GET / HTTP/1.1\r\n" H ": b\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s5" },
	{ "GET / HTTP/1.1\r\n" H "A\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s5" },
	{ "GET / HTTP/1.1\r\n" H "A: \rb\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s2.2: bare CR" },
	{ "GET /\r\n\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "HTTP/0.9" },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s3: one space" },
	{ "GET / a HTTP/1.1\r\n" H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s3.2" },
	{ "GET /\x7f HTTP/1.1\r\n" H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 3986 s2" },
	{ " GET / HTTP/1.1\r\n" H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s3" },
	{ "G(T / HTTP/1.1\r\n" H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9110 s5.6.2" },
	{ "GET / FTP/1.1\r\n" H "\r\n", HTTP_MALFORMED, HTTP_GET, NULL, "RFC 9112 s2.3" },
	{ "\x16\x03\x01\n", HTTP_MALFORMED, HTTP_GET, NULL, "TLS" },
	{ "PRI * HTTP/2.0\r\n\r\n", HTTP_VERSION, HTTP_GET, NULL, "RFC 9112 s2.3" },
	{ "GET / HTTP/1.2\r\n" H "\r\n", HTTP_VERSION, HTTP_GET, NULL, "RFC 9112 s2.3" },
	{ "GET / HTTP/1.1 \r\n" H "\r\n", HTTP_VERSION, HTTP_GET, NULL, "RFC 9112 s2.3" },
};

static const struct http_request poison = { HTTP_OTHER, "poison" };

TEST(heads_are_read_as_rfc_9112_says)
{
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct http_request r = poison;

		test_row(heads[i].head);
		CHECK_INT(page_request_parse(heads[i].head, strlen(heads[i].head), &r), heads[i].want);
		if (heads[i].want != HTTP_WHOLE) {
			CHECK_TEXT(r.path, "poison");
			continue;
		}
		CHECK_INT(r.method, heads[i].method);
		CHECK_TEXT(r.path, heads[i].path);
	}
}

TEST(every_truncation_of_a_good_head_waits_for_more)
{
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		if (heads[i].want != HTTP_WHOLE)
			continue;
		test_row(heads[i].head);
		size_t whole = strlen(heads[i].head);
		if (strstr(heads[i].head, "more"))
			whole -= 4;
		for (size_t len = 0; len < whole; len++) {
			char cut[128];
			struct http_request r = poison;

			memcpy(cut, heads[i].head, len);
			CHECK_INT(page_request_parse(cut, len, &r), HTTP_MORE);
			CHECK_TEXT(r.path, "poison");
		}
	}
}

TEST(a_zero_byte_is_no_end_of_text)
{
	static const char in_field[] = "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n";
	static const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char in_method[] = "GE\0T / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct http_request r = poison;

	CHECK_INT(page_request_parse(in_field, sizeof(in_field) - 1, &r), HTTP_MALFORMED);
	CHECK_INT(page_request_parse(in_target, sizeof(in_target) - 1, &r), HTTP_MALFORMED);
	CHECK_INT(page_request_parse(in_method, sizeof(in_method) - 1, &r), HTTP_MALFORMED);
}

TEST(a_path_has_a_limit_and_a_longer_one_is_no_page)
{
	char head[300], path[HTTP_PATH_MAX + 1];
	struct http_request r;

	for (size_t len = HTTP_PATH_MAX - 1; len <= HTTP_PATH_MAX; len++) {
		memset(path, 'a', len);
		path[0] = '/';
		path[len] = '\0';
		snprintf(head, sizeof(head), "GET %s HTTP/1.0\r\n\r\n", path);
		REQUIRE(page_request_parse(head, strlen(head), &r) == HTTP_WHOLE);
		CHECK_TEXT(r.path, len < HTTP_PATH_MAX ? path : "");
	}
}
