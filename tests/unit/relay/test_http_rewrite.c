/* test_http_rewrite.c - links to IPv4 addresses become names, and nothing else changes */
#include "harness.h"
#include "relay/http_rewrite.h"

#include "base/compiler.h"

#include <string.h>

#define ZONE "v4.example"

static const struct {
	const char *from, *to; /* NULL: as it was */
} rows[] = {
	{ "<a href=\"http://192.0.2.1/x\">", "<a href=\"http://192-0-2-1." ZONE "/x\">" },
	{ "<a href=\"HTTP://192.0.2.1\">", "<a href=\"HTTP://192-0-2-1." ZONE "\">" },
	{ "<a href='http://192.0.2.1:8080/'>", "<a href='http://192-0-2-1." ZONE ":8080/'>" },
	{ "<a href=http://192.0.2.1>", "<a href=http://192-0-2-1." ZONE ">" },
	{ "<img src=\"//10.0.0.255/a.png\">", "<img src=\"//10-0-0-255." ZONE "/a.png\">" },
	{ "url(//255.255.255.255)", "url(//255-255-255-255." ZONE ")" },
	{ "fetch('http://1.2.3.4?a')", "fetch('http://1-2-3-4." ZONE "?a')" },
	{ "content=\"0;url=http://1.2.3.4\"", "content=\"0;url=http://1-2-3-4." ZONE "\"" },
	{ "http://1.2.3.4", "http://1-2-3-4." ZONE },
	{ "http://1.2.3.4 http://5.6.7.8/", "http://1-2-3-4." ZONE " http://5-6-7-8." ZONE "/" },
	{ "https://192.0.2.1/", NULL },
	{ "http://192.0.2.1.example/", NULL },
	{ "http://192.0.2.1a/", NULL },
	{ "http://192.0.2.1-a/", NULL },
	{ "http://192.0.2.1@host/", NULL },
	{ "http://192.0.2/", NULL },
	{ "http://192.0.2.256/", NULL },
	{ "http://192.0.2.01/", NULL },
	{ "http://192.0.2.1./", NULL },
	{ "http://1921.0.2.1000000000/", NULL },
	{ "http://www.example/", NULL },
	{ "http://[2001:db8::1]/", NULL },
	{ "a//192.0.2.1/", NULL },
	{ "ftp://192.0.2.1/", NULL },
	{ "192.0.2.1", NULL },
	{ "http:/192.0.2.1", NULL },
	{ "http:// 192.0.2.1", NULL },
	{ "http://", NULL },
	{ "http://1.2", NULL },
};

static size_t run(const char *from, size_t part, char *to, size_t room)
{
	struct http_rewrite w;
	size_t len = strlen(from), at = 0, n = 0;

	http_rewrite_begin(&w, ZONE);
	while (at < len) {
		size_t wrote, piece = len - at < part ? len - at : part;
		size_t taken = http_rewrite_take(&w, from + at, piece, to + n, HTTP_REWRITE_ROOM, &wrote);

		REQUIRE(taken > 0 && wrote <= HTTP_REWRITE_ROOM);
		at += taken;
		n += wrote;
		REQUIRE(n + HTTP_REWRITE_ROOM <= room);
	}
	return n + http_rewrite_end(&w, to + n);
}

TEST(links_become_names_however_the_page_is_cut)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t part = 1; part <= strlen(rows[i].from); part++) {
			char got[2000];
			const char *want = rows[i].to ? rows[i].to : rows[i].from;

			test_row(rows[i].from);
			CHECK_BYTES(got, run(rows[i].from, part, got, sizeof(got)), want, strlen(want));
		}
	test_row(NULL);
}

TEST(every_other_byte_stays)
{
	char all[257], got[2000];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)(i + 1);
	all[255] = '\xff';
	all[256] = '\0';
	CHECK_BYTES(got, run(all, 7, got, sizeof(got)), all, strlen(all));
}

static const struct {
	const char *answer;
	bool wants;
} answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", true },
	{ "HTTP/1.1 404 No\r\nContent-Type: Text/HTML; charset=x\r\nContent-Length: 9\r\n\r\n", true },
	{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n", false },
	{ "HTTP/1.1 206 OK\r\nContent-Type: text/html\r\n\r\n", false },
	{ "HTTP/1.1 304 OK\r\nContent-Type: text/html\r\n\r\n", false },
	{ "HTTP/1.1 200 OK\r\nContent-Type: text/htmlx\r\n\r\n", false },
	{ "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", false },
	{ "HTTP/1.1 200 OK\r\n\r\n", false },
};

TEST(only_plain_pages_are_changed)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct http_head h;
		struct http_fault f;

		test_row(answers[i].answer);
		REQUIRE(http_answer_parse(answers[i].answer, strlen(answers[i].answer), HTTP_ASKED, &h, &f) ==
			HTTP_WHOLE);
		CHECK_INT(http_rewrite_wants(&h), answers[i].wants);
	}
	test_row(NULL);
}
