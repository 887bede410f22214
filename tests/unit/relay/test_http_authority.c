/* test_http_authority.c - hosts and ports of requests: literals of both families, and forms that are refused */
#include "harness.h"
#include "relay/http_authority.h"

#include "base/compiler.h"

#include <string.h>

static struct http_text text_of(const char *s)
{
	return (struct http_text){ s, strlen(s) };
}

/* want: as http_authority_text() writes it; NULL: refused. */
static const struct {
	const char *text, *want;
} rows[] = {
	{ "a", "a" },
	{ "www.Example.NET", "www.example.net" },
	{ "www.example.net.", "www.example.net" },
	{ "www.example.net:80", "www.example.net" },
	{ "www.example.net:8080", "www.example.net:8080" },
	{ "www.example.net:", "www.example.net" },
	{ "a_b-c.example", "a_b-c.example" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "1.example", "1.example" },
	{ "192.0.2.1", "192.0.2.1" },
	{ "192.0.2.1.", "192.0.2.1" },
	{ "192.0.2.1:443", "192.0.2.1:443" },
	{ "[2001:DB8:0::1]", "[2001:db8::1]" },
	{ "[2001:db8::1]:8080", "[2001:db8::1]:8080" },
	{ "[::ffff:192.0.2.1]", "192.0.2.1" },
	{ "[::ffff:c000:201]:81", "192.0.2.1:81" },
	{ "[64:ff9b::192.0.2.1]", "[64:ff9b::c000:201]" },
	{ "", NULL },
	{ ":80", NULL },
	{ ".", NULL },
	{ "a..b", NULL },
	{ ".a", NULL },
	{ "a:0", NULL },
	{ "a:65536", NULL },
	{ "a:99999999999", NULL },
	{ "a:8o", NULL },
	{ "a:80:80", NULL },
	{ "user@a", NULL },
	{ "user:secret@a", NULL },
	{ "a b", NULL },
	{ "a%2eb", NULL },
	{ "b\xc3\xbc", NULL },
	/* what only some readers take for an address */
	{ "2130706433", NULL },
	{ "0x7f.1", NULL },
	{ "0x7f000001", NULL },
	{ "127.1", NULL },
	{ "017.0.0.1", NULL },
	{ "127.0.0.01", NULL },
	{ "1.2.3.4.5", NULL },
	{ "256.1.1.1", NULL },
	{ "a.127.0.0.1", NULL },
	{ "a.0x7f", NULL },
	{ "2001:db8::1", NULL },
	{ "[2001:db8::1", NULL },
	{ "[2001:db8::1]x", NULL },
	{ "[2001:db8::1]]", NULL },
	{ "[fe80::1%25eth0]", NULL },
	{ "[fe80::1%eth0]", NULL },
	{ "[v1.a]", NULL },
	{ "[]", NULL },
	{ "[192.0.2.1]", NULL },
	{ "[1:2:3:4:5:6:7:8:9]", NULL },
};

TEST(authorities_are_read_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct relay_target t;
		char text[300] = "";

		test_row(rows[i].text);
		bool ok = http_authority_parse(text_of(rows[i].text), 80, &t);

		CHECK_INT(ok, rows[i].want != NULL);
		if (ok && http_authority_text(&t, 80, text, sizeof(text)))
			CHECK_TEXT(text, rows[i].want);
	}
	test_row(NULL);
}

TEST(a_tunnel_needs_a_port)
{
	struct relay_target t;

	CHECK(!http_authority_parse(text_of("a"), 0, &t));
	CHECK(!http_authority_parse(text_of("a:"), 0, &t));
	CHECK(http_authority_parse(text_of("a:443"), 0, &t));
	CHECK_INT(t.at.port, 443);
}

TEST(names_are_bounded)
{
	char label[65], name[300] = "";
	struct relay_target t;

	memset(label, 'a', 64);
	label[64] = '\0';
	CHECK(!http_authority_parse(text_of(label), 80, &t));
	label[63] = '\0';
	CHECK(http_authority_parse(text_of(label), 80, &t));
	memset(name, 'a', 253);
	for (unsigned i = 50; i < 253; i += 50)
		name[i] = '.';
	CHECK(http_authority_parse(text_of(name), 80, &t));
	name[253] = 'a';
	CHECK(!http_authority_parse(text_of(name), 80, &t));
}

static const struct {
	const char *text, *scheme, *authority, *path; /* scheme NULL: refused */
} uris[] = {
	{ "http://a", "http", "a", "" },
	{ "http://a/", "http", "a", "/" },
	{ "HTTPS://a:1/b?c", "HTTPS", "a:1", "/b?c" },
	{ "http://a?c/d", "http", "a", "?c/d" },
	{ "http://[::1]:80/x", "http", "[::1]:80", "/x" },
	{ "http://a/#f", NULL, NULL, NULL },
	{ "http:///x", NULL, NULL, NULL },
	{ "://a/", NULL, NULL, NULL },
	{ "http:/a", NULL, NULL, NULL },
	{ "/a", NULL, NULL, NULL },
	{ "a:80", NULL, NULL, NULL },
};

TEST(uris_have_their_parts)
{
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct http_uri u;

		test_row(uris[i].text);
		bool ok = http_uri_parse(text_of(uris[i].text), &u);

		CHECK_INT(ok, uris[i].scheme != NULL);
		if (!ok || !uris[i].scheme)
			continue;
		CHECK_BYTES(u.scheme.at, u.scheme.len, uris[i].scheme, strlen(uris[i].scheme));
		CHECK_BYTES(u.authority.at, u.authority.len, uris[i].authority, strlen(uris[i].authority));
		CHECK_BYTES(u.path.at, u.path.len, uris[i].path, strlen(uris[i].path));
	}
	test_row(NULL);
}
