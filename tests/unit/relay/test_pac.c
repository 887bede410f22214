/* test_pac.c - what browsers are told of the proxy, by the file and by the service that serves it */
#include "base/bytes.h"
#include "harness.h"
#include "relay/pac_text.h"

#include <stdio.h>
#include <stdlib.h>

static size_t ask(const char *request, const char *proxy, bool is4, char *to)
{
	struct http_head h;
	struct http_fault f;

	test_row(request);
	REQUIRE(http_request_parse(request, strlen(request), &h, &f) == HTTP_WHOLE);
	size_t len = pac_answer(&h, proxy, is4, to);

	REQUIRE(len < PAC_ANSWER_MAX);
	to[len] = '\0';
	return len;
}

static const struct {
	const char *request, *begins;
	bool has_file;
} answers[] = {
	{ "GET /wpad.dat HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 200 OK\r\n", true },
	{ "GET /proxy.pac HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 200 OK\r\n", true },
	{ "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", true },
	{ "GET /wpad.dat?a=b HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 200 OK\r\n", true },
	{ "HEAD /wpad.dat HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 200 OK\r\n", false },
	{ "GET /wpad.datx HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 404 ", false },
	{ "GET /etc/passwd HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 404 ", false },
	{ "POST /wpad.dat HTTP/1.1\r\nHost: wpad\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ", false },
	{ "OPTIONS * HTTP/1.1\r\nHost: wpad\r\n\r\n", "HTTP/1.1 405 ", false },
};

TEST(only_the_file_is_served)
{
	char text[PAC_ANSWER_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		ask(answers[i].request, "proxy.example.net:3128", false, text);
		CHECK(strncmp(text, answers[i].begins, strlen(answers[i].begins)) == 0);
		CHECK((strstr(text, "function FindProxyForURL") != NULL) == answers[i].has_file);
		CHECK(strstr(text, "\r\nConnection: close\r\n") != NULL);
	}
}

TEST(the_length_is_that_of_the_file_and_the_type_that_of_pac)
{
	char text[PAC_ANSWER_MAX + 1], line[64];

	ask("GET /wpad.dat HTTP/1.1\r\nHost: wpad\r\n\r\n", "p.example:1", false, text);
	const char *body = strstr(text, "\r\n\r\n") + 4;

	snprintf(line, sizeof(line), "\r\nContent-Length: %zu\r\n", strlen(body));
	CHECK(strstr(text, line) != NULL);
	CHECK(strstr(text, "\r\nContent-Type: application/x-ns-proxy-autoconfig\r\n") != NULL);
	CHECK(strstr(body, "\"PROXY p.example:1\"") != NULL);
	CHECK(strstr(body, "host == \"p.example\"") != NULL);
}

TEST(literals_of_the_clients_own_family_need_no_proxy)
{
	char six[PAC_ANSWER_MAX + 1], four[PAC_ANSWER_MAX + 1];

	ask("GET / HTTP/1.0\r\n\r\n", "[2001:db8::1]:3128", false, six);
	ask("GET / HTTP/1.0\r\n\r\n", "[2001:db8::1]:3128", true, four);
	CHECK(strstr(six, "// an IPv6 address\n    return \"DIRECT\";\n  if (/^[0-9.]+$/") != NULL);
	CHECK(strstr(six, "169\\.254)\\./.test(host) ? \"DIRECT\" : proxy;") != NULL);
	CHECK(strstr(four, "test(host) ? \"DIRECT\" : proxy;\n  if (/^[0-9.]+$/") != NULL);
	CHECK(strstr(four, "// an IPv4 address\n    return \"DIRECT\";\n") != NULL);
	CHECK(strstr(six, "host == \"2001:db8::1\"") != NULL);
}

TEST(the_longest_proxy_fits)
{
	char proxy[RELAY_HOST], text[PAC_ANSWER_MAX + 1];

	for (size_t i = 0; i < sizeof(proxy) - 1; i++)
		proxy[i] = 'a';
	proxy[sizeof(proxy) - 1] = '\0';
	ask("GET / HTTP/1.0\r\n\r\n", proxy, true, text);
	CHECK(strstr(text, proxy) != NULL);
}

TEST(what_is_no_request_is_told_why)
{
	char text[PAC_ANSWER_MAX + 1];
	struct http_fault f = { 400, "no" };

	text[pac_refusal(&f, text)] = '\0';
	CHECK(strncmp(text, "HTTP/1.1 400 ", 13) == 0);
	CHECK(strstr(text, "\r\n\r\nno") != NULL);
}
