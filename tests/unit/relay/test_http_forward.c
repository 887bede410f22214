/* test_http_forward.c - the HTTP engine as a forward proxy: what a server gets, what a client gets, and who may */
#include "relay_box.h"

#include <stdio.h>

static char name[64]; /* the server's authority */

static void forward_prepare(struct box *b)
{
	box_prepare(b, RELAY_HTTP_FORWARD);
	b->service.destinations.allow_len = 1;
	b->service.timeouts.keep_alive = 2 * NSEC;
	snprintf(name, sizeof(name), "127.0.0.1:%u", b->to.port);
}

static void forward_open(struct box *b)
{
	forward_prepare(b);
	box_start(b);
}

/* Everything up to and with @end. */
static const char *read_to(int fd, const char *end)
{
	static char text[70000];
	size_t len = 0;

	text[0] = '\0';
	while (len < sizeof(text) - 1 && !strstr(text, end) && is_ready(fd)) {
		ssize_t n = read(fd, text + len, 1);

		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
	}
	CHECK(strstr(text, end) != NULL);
	return text;
}

static bool has(const char *text, const char *part)
{
	bool ok = strstr(text, part) != NULL;

	if (!ok)
		fprintf(stderr, "not in it: %s\n--\n%s\n--\n", part, text);
	return ok;
}

/* Send a request with the server's name in place of @, and return what the client reads up to @end. */
static void ask(int fd, const char *request)
{
	char text[4096];
	size_t n = 0;

	for (const char *c = request; *c; c++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, *c == '@' ? "%s" : "%.1s", *c == '@' ? name : c);
	say(fd, text);
}

#define OK                                                                                                   \
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y: z\r\nKeep-Alive: a\r\nConnection: "                    \
	"keep-alive\r\n\r\nhello"

TEST(a_get_is_passed_on_and_answered_over_connections_that_are_kept)
{
	struct box b;

	forward_open(&b);
	int c = client(&b), s = -1;

	for (unsigned i = 0; i < 3; i++) {
		ask(c, "GET http://@/a?b HTTP/1.1\r\nHost: @\r\nX-Hop: 1\r\nX-A: 2\r\nConnection: X-Hop\r\n"
		       "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\n\r\n");
		if (s < 0)
			s = server_accept(&b);
		const char *got = read_to(s, "\r\n\r\n");

		CHECK(strncmp(got, "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1", 34) == 0);
		CHECK(has(got, "\r\nX-A: 2\r\n") && has(got, "\r\nVia: 1.1 isthmus-"));
		CHECK(has(got, "\r\nForwarded: for=\"[::1]\";proto=http\r\n"));
		CHECK(!strstr(got, "X-Hop") && !strstr(got, "Proxy-") && !strstr(got, "Connection"));
		say(s, OK);
		got = read_to(c, "hello");
		CHECK(has(got, "HTTP/1.1 200 OK\r\nX-Y: z\r\nContent-Length: 5\r\nVia: 1.1 isthmus-"));
		CHECK(!strstr(got, "Keep-Alive") && !strstr(got, "Connection"));
	}
	CHECK_INT(sum_of(&b, "dials"), 1);
	close(c);
	close(s);
	expect_visits(&b, 0);
	box_close(&b);
}

TEST(a_kept_connection_that_is_dead_is_replaced)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	say(s, OK);
	read_to(c, "hello");
	ask(c, "GET http://@/2 HTTP/1.1\r\nHost: @\r\n\r\n");
	read_to(s, "\r\n\r\n");
	close(s); /* just when it has been asked */
	s = server_accept(&b);
	CHECK(has(read_to(s, "\r\n\r\n"), "GET /2 "));
	say(s, OK);
	read_to(c, "hello");
	close(c);
	close(s);
	box_close(&b);
}

TEST(a_post_is_never_sent_twice)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	say(s, OK);
	read_to(c, "hello");
	ask(c, "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\n\r\nabc");
	int s2 = server_accept(&b); /* a new one, because the kept one may be dead */

	CHECK(has(read_to(s2, "\r\n\r\n"), "Content-Length: 3\r\n"));
	expect(s2, "abc");
	close(s2);
	CHECK(has(read_to(c, "</html>"), "HTTP/1.1 502 Bad Gateway"));
	close(c);
	close(s);
	box_close(&b);
}

TEST(chunks_and_trailers_are_passed_on_both_ways)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
	       "3;ext=1\r\nabc\r\n");
	int s = server_accept(&b);

	CHECK(has(read_to(s, "\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
	expect(s, "3\r\nabc\r\n");
	say(c, "2\r\nde\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\n");
	expect(s, "2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
	say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-U: 2\r\n\r\n");
	CHECK(has(read_to(c, "\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
	expect(c, "2\r\nhi\r\n0\r\nX-U: 2\r\n\r\n");
	close(c);
	close(s);
	box_close(&b);
}

TEST(a_field_for_one_connection_is_said_anew_on_the_next)
{
	struct box b;

	forward_prepare(&b);
	b.service.proxy_head = RELAY_PROXY_HEAD_V1; /* a connection for each request */
	box_start(&b);
	for (unsigned i = 0; i < 2; i++) {
		int c = client(&b);

		ask(c, i == 0 ? "GET http://@/ HTTP/1.1\r\nHost: @\r\nTE: gzip, trailers\r\n\r\n"
			      : "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
		int s = server_accept(&b);
		const char *got = read_to(s, "\r\n\r\n");

		if (i == 0)
			CHECK(has(got, "\r\nTE: trailers\r\nConnection: close, TE\r\n"));
		else
			CHECK(has(got, "\r\nConnection: close\r\n") && !strstr(got, "TE:"));
		say(s, OK);
		CHECK(!strstr(read_to(c, "hello"), "Connection: close"));
		expect_end(s);
		close(s);
		close(c);
	}
	box_close(&b);
}

/* What is said behind an answer, or after "close", is none to the next request. */
TEST(an_answer_that_is_the_last_of_its_connection_is_followed_by_a_new_connection)
{
	static const char *const last[] = {
		OK "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"HTTP/1.1 200\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
		"HTTP/1.0 200\r\nContent-Length: 5\r\n\r\nhello",
	};
	struct box b;

	forward_open(&b);
	int c = client(&b);

	for (unsigned i = 0; i < ARRAY_LEN(last); i++) {
		ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
		int s = server_accept(&b);

		read_to(s, "\r\n\r\n");
		say(s, last[i]);
		CHECK(has(read_to(c, "hello"), i == 0 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 200 \r\n"));
		expect_end(s);
		close(s);
	}
	close(c);
	box_close(&b);
}

TEST(a_uri_without_a_path_asks_for_the_root_or_for_the_server)
{
	static const char *const asked[][2] = {
		{ "GET http://@ HTTP/1.1\r\nHost: @\r\n\r\n", "GET / HTTP/1.1\r\n" },
		{ "GET http://@?a HTTP/1.1\r\nHost: @\r\n\r\n", "GET /?a HTTP/1.1\r\n" },
		{ "OPTIONS http://@ HTTP/1.1\r\nHost: @\r\n\r\n", "OPTIONS * HTTP/1.1\r\n" },
	};
	struct box b;

	forward_open(&b);
	int c = client(&b), s = -1;

	for (unsigned i = 0; i < ARRAY_LEN(asked); i++) {
		ask(c, asked[i][0]);
		if (s < 0)
			s = server_accept(&b);
		CHECK(has(read_to(s, "\r\n\r\n"), asked[i][1]));
		say(s, OK);
		read_to(c, "hello");
	}
	close(c);
	close(s);
	box_close(&b);
}

TEST(a_client_of_http10_has_one_answer_of_a_proxy)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.0\r\nHost: @\r\nConnection: keep-alive\r\n\r\n");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	say(s, OK);
	CHECK(has(read_to(c, "hello"), "\r\nConnection: close\r\n"));
	expect_end(c);
	close(c);
	close(s);
	box_close(&b);
}

TEST(an_answer_that_is_malformed_becomes_502)
{
	static const char *const bad[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nab",
	};
	struct box b;

	forward_open(&b);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		int c = client(&b);

		ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
		int s = server_accept(&b);

		read_to(s, "\r\n\r\n");
		say(s, bad[i]);
		CHECK(has(read_to(c, "</html>"), "HTTP/1.1 502 Bad Gateway\r\n"));
		close(s);
		close(c);
	}
	box_close(&b);
}

TEST(a_body_without_length_becomes_chunks_or_the_end_of_the_connection)
{
	static const char *const versions[] = { "1.1", "1.0" };
	struct box b;

	forward_open(&b);
	for (unsigned i = 0; i < 2; i++) {
		char request[200];
		int c = client(&b);

		snprintf(request, sizeof(request), "GET http://@/ HTTP/%s\r\nHost: @\r\n\r\n", versions[i]);
		ask(c, request);
		int s = server_accept(&b);

		read_to(s, "\r\n\r\n");
		say(s, "HTTP/1.0 200 OK\r\n\r\nhello");
		CHECK(has(
			read_to(c, "\r\n\r\n"), i == 0 ? "Transfer-Encoding: chunked" : "Connection: close"));
		expect(c, i == 0 ? "5\r\nhello\r\n" : "hello");
		close(s);
		if (i == 0)
			expect(c, "0\r\n\r\n");
		else
			expect_end(c);
		close(c);
	}
	box_close(&b);
}

TEST(continue_is_passed_on_before_the_body)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "PUT http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	int s = server_accept(&b);

	CHECK(has(read_to(s, "\r\n\r\n"), "Expect: 100-continue\r\n"));
	say(s, "HTTP/1.1 100 Continue\r\n\r\n");
	CHECK(has(read_to(c, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n"));
	say(c, "abc");
	expect(s, "abc");
	say(s, OK);
	CHECK(has(read_to(c, "hello"), "HTTP/1.1 200 OK\r\n"));
	close(c);
	close(s);
	box_close(&b);
}

TEST(an_answer_before_the_body_ends_the_connection_afterwards)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "PUT http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 300000\r\n\r\nabc");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	expect(s, "abc");
	say(s, "HTTP/1.1 413 Too much\r\nContent-Length: 5\r\n\r\nhello");
	CHECK(has(read_to(c, "hello"), "Connection: close"));
	expect_end(c);
	close(c);
	close(s);
	box_close(&b);
}

TEST(a_tunnel_carries_bytes_as_they_are_and_half_closes)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "CONNECT @ HTTP/1.1\r\nHost: @\r\n\r\nearly");
	int s = server_accept(&b);

	expect(s, "early");
	read_to(c, "HTTP/1.1 200 Connection established\r\n\r\n");
	say(s, "down");
	expect(c, "down");
	shutdown(c, SHUT_WR);
	expect_end(s);
	say(s, "last");
	expect(c, "last");
	close(s);
	expect_end(c);
	close(c);
	expect_visits(&b, 0);
	box_close(&b);
}

TEST(an_upgrade_to_websocket_becomes_a_tunnel)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ws HTTP/1.1\r\nHost: @\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	       "Sec-WebSocket-Key: k\r\n\r\n");
	int s = server_accept(&b);
	const char *got = read_to(s, "\r\n\r\n");

	CHECK(has(got, "Connection: Upgrade\r\nUpgrade: websocket\r\n") &&
		has(got, "Sec-WebSocket-Key: k\r\n"));
	say(s, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
	       "a\r\n\r\nfirst");
	got = read_to(c, "first");
	CHECK(has(got, "HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: a\r\nConnection: Upgrade\r\n"));
	say(c, "\x81\x02hi");
	expect(s, "\x81\x02hi");
	close(c);
	expect_end(s);
	close(s);
	box_close(&b);
}

TEST(pipelined_requests_are_answered_in_order)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/1 HTTP/1.1\r\nHost: @\r\n\r\nGET http://@/2 HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);

	for (unsigned i = 1; i <= 2; i++) {
		char want[20];

		snprintf(want, sizeof(want), "GET /%u ", i);
		CHECK(has(read_to(s, "\r\n\r\n"), want));
		say(s, OK);
		read_to(c, "hello");
	}
	close(c);
	close(s);
	box_close(&b);
}

TEST(links_to_addresses_in_a_page_become_names)
{
	struct box b;

	forward_prepare(&b);
	snprintf(b.service.literal_zone, sizeof(b.service.literal_zone), "v4.example");
	box_start(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\nAccept-Encoding: gzip\r\n\r\n");
	int s = server_accept(&b);

	CHECK(has(read_to(s, "\r\n\r\n"), "Accept-Encoding: identity\r\n"));
	say(s, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 28\r\n\r\n<a "
	       "href='http://192.0.2.1/'>");
	const char *got = read_to(c, ">\r\n0\r\n\r\n");

	CHECK(has(got, "Transfer-Encoding: chunked\r\n") && !strstr(got, "Content-Length"));
	CHECK(has(got, "<a href='http://192-0-2-1.v4.example/'"));
	close(c);
	close(s);
	box_close(&b);
}

/* --- refusals --- */

static const struct {
	const char *name, *request, *status;
	bool is_last; /* of its connection: nobody knows where the next one begins */
} refused[] = {
	{ "smuggling",
		"POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 1\r\nTransfer-Encoding: "
		"chunked\r\n\r\n",
		"400", true },
	{ "Host is another", "GET http://@/ HTTP/1.1\r\nHost: other\r\n\r\n", "400", false },
	{ "origin form", "GET / HTTP/1.1\r\nHost: @\r\n\r\n", "400", false },
	{ "https", "GET https://@/ HTTP/1.1\r\nHost: @\r\n\r\n", "400", false },
	{ "ftp", "GET ftp://@/ HTTP/1.1\r\nHost: @\r\n\r\n", "501", false },
	{ "a literal of another form", "GET http://0x7f.1/ HTTP/1.1\r\nHost: 0x7f.1\r\n\r\n", "400", false },
	{ "TRACE", "TRACE http://@/ HTTP/1.1\r\nHost: @\r\n\r\n", "405", false },
	{ "the last hop", "OPTIONS http://@ HTTP/1.1\r\nHost: @\r\nMax-Forwards: 0\r\n\r\n", "200", false },
	{ "loopback of IPv6", "GET http://[::1]:9/ HTTP/1.1\r\nHost: [::1]:9\r\n\r\n", "403", false },
	{ "link-local inside NAT64",
		"CONNECT [64:ff9b::a9fe:1]:9 HTTP/1.1\r\nHost: [64:ff9b::a9fe:1]:9\r\n\r\n", "403", false },
	{ "nobody listens", "GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", "502", false },
	{ "a tunnel to nobody", "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", "502", false },
	{ "a bad chunk", "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"400", true },
	{ "no end of the body",
		"POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: gzip\r\n\r\nGET / x", "400", true },
};

TEST(what_is_not_passed_on_is_answered_with_a_reason)
{
	struct box b;

	forward_open(&b);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		int c = client(&b);
		char want[20];

		test_row(refused[i].name);
		ask(c, refused[i].request);
		snprintf(want, sizeof(want), "HTTP/1.1 %s ",
			strcmp(refused[i].name, "https") ? refused[i].status : "501");
		const char *got = read_to(c, "</html>\n");

		CHECK(has(got, want));
		if (refused[i].is_last) {
			CHECK(has(got, "\r\nConnection: close\r\n"));
			expect_end(c);
		}
		close(c);
	}
	test_row(NULL);
	expect_visits(&b, 0);
	box_close(&b);
}

TEST(a_request_that_has_been_here_is_a_loop)
{
	struct box b;
	char via[60] = "", request[400];

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);
	const char *at = strstr(read_to(s, "\r\n\r\n"), "Via: ");

	REQUIRE(at);
	snprintf(via, sizeof(via), "%.*s", (int)strcspn(at, "\r"), at);
	say(s, OK);
	read_to(c, "hello");
	snprintf(request, sizeof(request), "GET http://@/ HTTP/1.1\r\nHost: @\r\n%s, 1.1 x\r\n\r\n", via);
	ask(c, request);
	CHECK(has(read_to(c, "</html>"), "HTTP/1.1 508 "));
	CHECK_INT(sum_of(&b, "denied_loop"), 1);
	close(c);
	close(s);
	box_close(&b);
}

TEST(a_slow_head_is_answered_with_408)
{
	struct box b;

	forward_open(&b);
	int c = client(&b), silent = client(&b);

	say(c, "GET http");
	CHECK(has(read_to(c, "</html>"), "HTTP/1.1 408 "));
	expect_end(silent);
	CHECK_INT(sum_of(&b, "head_timeout"), 2);
	close(c);
	close(silent);
	box_close(&b);
}

TEST(a_server_that_breaks_off_breaks_off_the_client)
{
	struct box b;

	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	say(s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
	read_to(c, "hello");
	close(s);
	expect_end(c);
	close(c);
	expect_visits(&b, 0);
	box_close(&b);
}

TEST(a_client_that_leaves_ends_its_question)
{
	static const char *const points[] = { "GET ht", "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n",
		"POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 10\r\n\r\nabc",
		"POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"CONNECT @ HTTP/1.1\r\nHost: @\r\n\r\n" };
	struct box b;

	forward_open(&b);
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		int c = client(&b);

		test_row(points[i]);
		ask(c, points[i]);
		int s = i > 0 ? server_accept(&b) : -1;

		if (i > 0 && i < 4)
			read_to(s, "\r\n\r\n");
		close(c);
		if (s >= 0) {
			char rest[100];

			while (is_ready(s) && read(s, rest, sizeof(rest)) > 0)
				;
			close(s);
		}
		expect_visits(&b, 0);
	}
	box_close(&b);
}

TEST(a_big_body_arrives_whole_past_a_slow_client)
{
	enum { SIZE = 3000000 };
	struct box b;
	char *bytes = malloc(SIZE);
	size_t sent = 0, got = 0;

	REQUIRE(bytes);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	forward_open(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	say(s, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
	while (got < SIZE) {
		char part[10000];
		ssize_t n = sent < SIZE ? send(s, bytes + sent, SIZE - sent, MSG_DONTWAIT) : 0;

		sent += n > 0 ? (size_t)n : 0;
		if (got == 0)
			read_to(c, "\r\n\r\n");
		n = read(c, part, sizeof(part));
		REQUIRE(n > 0 && memcmp(part, bytes + got, (size_t)n) == 0);
		got += (size_t)n;
	}
	/* They are counted when they are gone. */
	for (unsigned i = 0; sum_of(&b, "bytes_down") != SIZE && i < LIMIT_MS; i++)
		usleep(1000);
	CHECK_INT(sum_of(&b, "bytes_down"), SIZE);
	free(bytes);
	close(c);
	close(s);
	box_close(&b);
}

/* --- users --- */

#define AUTH "GET http://@/ HTTP/1.1\r\nHost: @\r\nProxy-Authorization: Basic "

TEST(users_are_asked_for_and_their_passwords_checked)
{
	/* SHA ("one", "secret") and bcrypt of cost 4 ("two", "secret"). */
	static const char file[] = "one:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
				   "two:$2y$04$pi3RxzCeqmRUBzNx7dEYSe9sntIeMC7UosDyJXt3YVx18HZ2xqpX6\n";
	struct box b;

	forward_prepare(&b);
	snprintf(b.service.users, sizeof(b.service.users), "users");
	b.service.users_text.text = strdup(file);
	b.service.users_text.len = strlen(file);
	box_start(&b);
	int c = client(&b);

	ask(c, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	CHECK(has(read_to(c, "</html>"), "Proxy-Authenticate: Basic realm=\"Isthmus\""));
	ask(c, AUTH "b25lOndyb25n\r\n\r\n"); /* one:wrong */
	CHECK(has(read_to(c, "</html>"), "HTTP/1.1 407 "));
	ask(c, AUTH "dHdvOndyb25n\r\n\r\n"); /* two:wrong */
	CHECK(has(read_to(c, "</html>"), "HTTP/1.1 407 "));
	ask(c, AUTH "b25lOnNlY3JldA==\r\n\r\n"); /* one:secret */
	int s = server_accept(&b);

	CHECK(!strstr(read_to(s, "\r\n\r\n"), "Proxy-Authorization"));
	say(s, OK);
	read_to(c, "hello");
	ask(c, AUTH "dHdvOnNlY3JldA==\r\n\r\n"); /* two:secret */
	read_to(s, "\r\n\r\n");
	say(s, OK);
	read_to(c, "hello");
	CHECK_INT(sum_of(&b, "auth_missing"), 1);
	CHECK_INT(sum_of(&b, "auth_wrong"), 2);
	close(c);
	close(s);
	box_close(&b);
}

/* --- another configuration --- */

TEST(a_reload_ends_idle_clients_and_lets_answers_finish)
{
	struct box b;
	char fault[200];

	forward_open(&b);
	b.service.timeouts.drain = 5 * NSEC;
	int idle = client(&b), busy = client(&b);

	ask(idle, "GET http://@/ HTTP/1.1\r\nHost: @\r\n\r\n");
	int s = server_accept(&b);

	read_to(s, "\r\n\r\n");
	say(s, OK);
	read_to(idle, "hello");
	ask(busy, "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 0\r\n\r\n");
	int s2 = is_ready(s) ? s : server_accept(&b);

	(void)s2;
	CHECK_INT(box_update(&b, fault, sizeof(fault)), 0);
	expect_end(idle);
	close(idle);
	close(busy);
	close(s);
	box_close(&b);
}
