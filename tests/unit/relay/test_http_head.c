/* test_http_head.c - heads of HTTP/1.1: what is taken, and every doubt that is refused (RFC 9112) */
#include "harness.h"
#include "relay/http_head.h"

#include "base/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_head head;
static struct http_fault fault;

static enum http_progress request(const char *text)
{
	fault = (struct http_fault){ 0, NULL };
	return http_request_parse(text, strlen(text), &head, &fault);
}

#define H "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" H

/* status 0: taken, with this framing. */
static const struct {
	const char *name, *text;
	unsigned status;
	enum http_framing framing;
	uint64_t length;
} requests[] = {
	{ "shortest", "G / HTTP/1.0\r\n\r\n", 0, HTTP_BODY_NONE, 0 },
	{ "usual", GET H "\r\n", 0, HTTP_BODY_NONE, 0 },
	{ "an empty line before it (s2.2)", "\r\n" GET H "\r\n", 0, HTTP_BODY_NONE, 0 },
	{ "length", POST "Content-Length: 5\r\n\r\n", 0, HTTP_BODY_LENGTH, 5 },
	{ "length twice, equal", POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", 0, HTTP_BODY_LENGTH,
		5 },
	{ "chunked", POST "Transfer-Encoding: chunked\r\n\r\n", 0, HTTP_BODY_CHUNKED, 0 },
	{ "chunked in capitals", POST "TRANSFER-ENCODING:\t CHUNKED \r\n\r\n", 0, HTTP_BODY_CHUNKED, 0 },
	{ "CONNECT has no body", "CONNECT a:1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0, HTTP_BODY_NONE,
		5 },
	{ "a later minor version", "GET / HTTP/1.9\r\n" H "\r\n", 0, HTTP_BODY_NONE, 0 },
	{ "bytes above 127 in a value", GET H "X: \xc3\xa4\r\n\r\n", 0, HTTP_BODY_NONE, 0 },
	{ "an empty value", GET H "X:\r\n\r\n", 0, HTTP_BODY_NONE, 0 },
	/* smuggling: whose end of the body counts */
	{ "both lengths (s6.1)", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0, 0 },
	{ "both, the other way", POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400, 0, 0 },
	{ "two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, 0, 0 },
	{ "a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", 400, 0, 0 },
	{ "a signed length", POST "Content-Length: +5\r\n\r\n", 400, 0, 0 },
	{ "a negative length", POST "Content-Length: -5\r\n\r\n", 400, 0, 0 },
	{ "a hexadecimal length", POST "Content-Length: 0x5\r\n\r\n", 400, 0, 0 },
	{ "no length", POST "Content-Length:\r\n\r\n", 400, 0, 0 },
	{ "a length beyond numbers", POST "Content-Length: 18446744073709551617\r\n\r\n", 400, 0, 0 },
	{ "another coding", POST "Transfer-Encoding: gzip\r\n\r\n", 400, 0, 0 },
	{ "chunked not last", POST "Transfer-Encoding: chunked, identity\r\n\r\n", 400, 0, 0 },
	{ "chunked not alone", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, 0, 0 },
	{ "chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0,
		0 },
	{ "chunked misspelt", POST "Transfer-Encoding: xchunked\r\n\r\n", 400, 0, 0 },
	{ "chunked with something before it",
		POST "Transfer-Encoding: \x0b"
		     "chunked\r\n\r\n",
		400, 0, 0 },
	{ "chunked in quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400, 0, 0 },
	{ "chunked with a parameter (s7.1)", POST "Transfer-Encoding: chunked;a=b\r\n\r\n", 400, 0, 0 },
	{ "chunked before nothing", POST "Transfer-Encoding: br, chunked ,\r\n\r\n", 501, 0, 0 },
	{ "chunked in HTTP/1.0 (s6.1)", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0, 0 },
	/* lines */
	{ "a bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, 0, 0 },
	{ "a bare LF after a field", GET "Host: a\n\r\n", 400, 0, 0 },
	{ "an empty line of LF", GET H "\n", 400, 0, 0 },
	{ "a bare CR", GET "Host: a\rX: b\r\n\r\n", 400, 0, 0 },
	{ "CR CR LF", GET "Host: a\r\r\n\r\n", 400, 0, 0 },
	{ "folding (s5.2)", GET H "X: a\r\n b\r\n\r\n", 400, 0, 0 },
	{ "space before the first field", GET " Host: a\r\n\r\n", 400, 0, 0 },
	{ "space before the colon (s5.1)", GET "Host : a\r\n\r\n", 400, 0, 0 },
	{ "tab before the colon", GET H "Content-Length\t: 5\r\n\r\n", 400, 0, 0 },
	{ "no colon", GET H "X\r\n\r\n", 400, 0, 0 },
	{ "no name", GET H ": a\r\n\r\n", 400, 0, 0 },
	{ "a name of other characters", GET H "X(y): a\r\n\r\n", 400, 0, 0 },
	{ "a control character", GET H "X: a\x01\r\n\r\n", 400, 0, 0 },
	{ "DEL", GET H "X: a\x7f\r\n\r\n", 400, 0, 0 },
	/* Host */
	{ "no Host (s3.2)", GET "\r\n", 400, 0, 0 },
	{ "two Hosts", GET H "host: a\r\n\r\n", 400, 0, 0 },
	/* first lines */
	{ "two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400, 0, 0 },
	{ "a space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400, 0, 0 },
	{ "a space behind", "GET / HTTP/1.1 \r\n" H "\r\n", 400, 0, 0 },
	{ "a tab", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400, 0, 0 },
	{ "HTTP/0.9", "GET /\r\n", 400, 0, 0 },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", 505, 0, 0 },
	{ "small letters", "GET / http/1.1\r\n" H "\r\n", 400, 0, 0 },
	{ "bytes above 127 in a target", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400, 0, 0 },
	{ "no method", " / HTTP/1.1\r\n" H "\r\n", 400, 0, 0 },
	{ "TLS", "\x16\x03\x01\x02", 400, 0, 0 },
};

TEST(requests_are_taken_or_refused_as_rfc9112_says)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		test_row(requests[i].name);
		enum http_progress p = request(requests[i].text);

		CHECK_INT(p, requests[i].status ? HTTP_MALFORMED : HTTP_WHOLE);
		CHECK_INT(fault.status, requests[i].status);
		if (p != HTTP_WHOLE)
			continue;
		CHECK_INT(head.framing, requests[i].framing);
		CHECK_INT(head.length, requests[i].length);
		CHECK_INT(head.size, strlen(requests[i].text));
	}
	test_row(NULL);
}

/* In a block of just this size, so that the sanitizer sees a read beyond it. */
static enum http_progress parse_copy(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	REQUIRE(copy != NULL);
	memcpy(copy, text, len);
	enum http_progress p = http_request_parse(copy, len, &head, &fault);

	free(copy);
	return p;
}

TEST(every_truncation_of_a_good_head_wants_more)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		for (size_t n = 0; !requests[i].status && n < strlen(requests[i].text); n++)
			CHECK_INT(parse_copy(requests[i].text, n), HTTP_MORE);
}

TEST(what_follows_a_head_is_not_looked_at)
{
	CHECK_INT(request(GET H "\r\n\x01\n\r garbage"), HTTP_WHOLE);
	CHECK_INT(head.size, strlen(GET H "\r\n"));
}

TEST(nul_is_refused_in_every_part)
{
	static const char text[] = GET H "X: abc\r\n\r\n";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char copy[sizeof(text)];

		memcpy(copy, text, sizeof(text));
		copy[n] = '\0';
		CHECK_INT(http_request_parse(copy, sizeof(text) - 1, &head, &fault), HTTP_MALFORMED);
	}
}

TEST(a_head_that_fills_the_buffer_is_too_long)
{
	static char text[HTTP_HEAD_MAX];

	memset(text, 'a', sizeof(text));
	CHECK_INT(http_request_parse(text, sizeof(text) - 1, &head, &fault), HTTP_MORE);
	CHECK_INT(http_request_parse(text, sizeof(text), &head, &fault), HTTP_MALFORMED);
	CHECK_INT(fault.status, 414);
	memcpy(text, GET, strlen(GET));
	CHECK_INT(http_request_parse(text, sizeof(text), &head, &fault), HTTP_MALFORMED);
	CHECK_INT(fault.status, 431);
}

TEST(a_hundred_fields_are_taken_and_one_more_is_not)
{
	static char text[4096];
	int n = snprintf(text, sizeof(text), GET H);

	for (unsigned i = 1; i < HTTP_FIELDS_MAX; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "X: y\r\n");
	snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
	CHECK_INT(request(text), HTTP_WHOLE);
	CHECK_INT(head.fields_len, HTTP_FIELDS_MAX);
	snprintf(text + n, sizeof(text) - (size_t)n, "X: y\r\n\r\n");
	CHECK_INT(request(text), HTTP_MALFORMED);
	CHECK_INT(fault.status, 431);
}

static bool is_hop(const char *name)
{
	for (unsigned i = 0; i < head.fields_len; i++)
		if (http_text_is(head.fields[i].name, name))
			return head.fields[i].is_hop;
	test_abort();
	return false;
}

TEST(fields_that_connection_names_are_hop_by_hop_but_those_that_must_arrive)
{
	CHECK_INT(
		request(GET H "Connection: X-A , ,close,HOST, cookie\r\nX-a: 1\r\nX-B: 2\r\nTE: trailers\r\n"
			      "Cookie: c\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic x\r\n\r\n"),
		HTTP_WHOLE);
	CHECK(is_hop("connection") && is_hop("x-a") && is_hop("te") && is_hop("keep-alive"));
	CHECK(is_hop("proxy-authorization"));
	CHECK(!is_hop("x-b") && !is_hop("host") && !is_hop("cookie"));
	CHECK(!head.is_persistent);
}

static const struct {
	const char *text;
	bool is_persistent, has_upgrade, expects;
} meanings[] = {
	{ GET H "\r\n", true, false, false },
	{ "GET / HTTP/1.0\r\n\r\n", false, false, false },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false, false },
	{ GET H "Connection: keep-alive, close\r\n\r\n", false, false, false },
	{ GET H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", true, true, false },
	{ GET H "Upgrade: websocket\r\n\r\n", true, false, false },
	{ GET H "Connection: upgrade\r\n\r\n", true, false, false },
	{ GET H "Expect: 100-Continue\r\n\r\n", true, false, true },
	{ "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, false, false },
};

TEST(what_connection_upgrade_and_expect_mean)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		test_row(meanings[i].text);
		CHECK_INT(request(meanings[i].text), HTTP_WHOLE);
		CHECK_INT(head.is_persistent, meanings[i].is_persistent);
		CHECK_INT(head.has_upgrade, meanings[i].has_upgrade);
		CHECK_INT(head.expects_continue, meanings[i].expects);
	}
	test_row(NULL);
}

/* --- answers --- */

static const struct {
	const char *name, *text;
	enum http_asked asked;
	bool is_good;
	enum http_framing framing;
	bool is_persistent;
} answers[] = {
	{ "length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_LENGTH,
		true },
	{ "no reason", "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_LENGTH,
		true },
	{ "until the end", "HTTP/1.1 200 OK\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_CLOSE, false },
	{ "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_LENGTH,
		false },
	{ "to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_ASKED_HEAD, true, HTTP_BODY_NONE,
		true },
	{ "304", "HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_NONE, true },
	{ "204", "HTTP/1.1 204 x\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_NONE, true },
	{ "100", "HTTP/1.1 100 x\r\n\r\n", HTTP_ASKED, true, HTTP_BODY_NONE, true },
	{ "tunnel", "HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n", HTTP_ASKED_CONNECT, true, HTTP_BODY_NONE,
		true },
	{ "no tunnel", "HTTP/1.1 403 x\r\nContent-Length: 9\r\n\r\n", HTTP_ASKED_CONNECT, true,
		HTTP_BODY_LENGTH, true },
	{ "chunked", "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_ASKED, true,
		HTTP_BODY_CHUNKED, true },
	{ "both", "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", HTTP_ASKED,
		false, 0, 0 },
	{ "two lengths", "HTTP/1.1 200 x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", HTTP_ASKED,
		false, 0, 0 },
	{ "HTTP/2", "HTTP/2.0 200 x\r\n\r\n", HTTP_ASKED, false, 0, 0 },
	{ "ICY", "ICY 200 OK of music\r\n\r\n", HTTP_ASKED, false, 0, 0 },
	{ "status 99", "HTTP/1.1 099 x\r\n\r\n", HTTP_ASKED, false, 0, 0 },
	{ "status 1000", "HTTP/1.1 1000 x\r\n\r\n", HTTP_ASKED, false, 0, 0 },
	{ "short status", "HTTP/1.1 20\r\n\r\n", HTTP_ASKED, false, 0, 0 },
	{ "folding", "HTTP/1.1 200 x\r\nA: b\r\n c\r\n\r\n", HTTP_ASKED, false, 0, 0 },
};

TEST(answers_are_taken_or_refused_as_rfc9112_says)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		test_row(answers[i].name);
		enum http_progress p = http_answer_parse(
			answers[i].text, strlen(answers[i].text), answers[i].asked, &head, &fault);

		CHECK_INT(p, answers[i].is_good ? HTTP_WHOLE : HTTP_MALFORMED);
		if (p == HTTP_MALFORMED)
			CHECK_INT(fault.status, 502);
		if (p != HTTP_WHOLE)
			continue;
		CHECK_INT(head.framing, answers[i].framing);
		CHECK_INT(head.is_persistent, answers[i].is_persistent);
		for (size_t n = 0; n < strlen(answers[i].text); n++)
			CHECK_INT(http_answer_parse(answers[i].text, n, answers[i].asked, &head, &fault),
				HTTP_MORE);
	}
	test_row(NULL);
}

/* --- fields that come one by one --- */

static bool add(const char *name, const char *value)
{
	return http_head_add(&head, (struct http_text){ name, strlen(name) },
		(struct http_text){ value, strlen(value) }, &fault);
}

TEST(a_head_of_fields_is_judged_like_one_of_text)
{
	http_head_begin(&head);
	head.method = (struct http_text){ "POST", 4 };
	head.target = (struct http_text){ "/", 1 };
	CHECK(add("host", "a") && add("content-length", "7"));
	CHECK(!add("x", "a\r\nb") && !add("x y", "a") && !add("", "a"));
	CHECK(http_head_finish(&head, &fault));
	CHECK_INT(head.framing, HTTP_BODY_LENGTH);
	CHECK(add("content-length", "8"));
	CHECK(!http_head_finish(&head, &fault));
}
