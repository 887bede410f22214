/* test_doh.c - DNS over HTTPS (RFC 8484): requests without sockets, by a client of nghttp2's, and the whole way once */
#include "certificate.h"
#include "dns64/doh.h"
#include "dns64/query.h"
#include "net/tls.h"
#include "lab.h"
#include "net/listen.h"

#include <nghttp2/nghttp2.h>
#include <signal.h>

/* --- pure --- */

static const struct {
	const char *text, *hex;
	int len;
} encoded[] = {
	/* RFC 4648 s10, without padding; then what is no base64url. */
	{ "", "", 0 },
	{ "Zg", "66", 1 },
	{ "Zm8", "666f", 2 },
	{ "Zm9v", "666f6f", 3 },
	{ "Zm9vYg", "666f6f62", 4 },
	{ "Zm9vYmE", "666f6f6261", 5 },
	{ "Zm9vYmFy", "666f6f626172", 6 },
	{ "-_8", "fbff", 2 },
	{ "Z", NULL, -1 },
	{ "Zm9vY", NULL, -1 },
	{ "Zg==", NULL, -1 },
	{ "Zm+v", NULL, -1 },
	{ "Zm/v", NULL, -1 },
	{ "Zm v", NULL, -1 },
	{ "Zm9vYmFyZg", NULL, -1 /* longer than the room */ },
};

TEST(rfc4648_s5_base64url_is_decoded_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(encoded); i++) {
		uint8_t to[6], want[6], *at = want;

		test_row(encoded[i].text);
		CHECK_INT(
			doh_decode(encoded[i].text, strlen(encoded[i].text), to, sizeof(to)), encoded[i].len);
		if (encoded[i].len < 0)
			continue;
		put_hex(&at, encoded[i].hex);
		CHECK_BYTES(to, (size_t)encoded[i].len, want, (size_t)encoded[i].len);
	}
	test_row(NULL);
}

TEST(rfc8484_s5_1_the_lowest_ttl_of_the_answer_is_the_age)
{
	static const struct {
		const char *answer, *authority;
		uint32_t age;
	} rows[] = {
		{ "a.test 60 A 192.0.2.1", NULL, 60 },
		{ "a.test 60 CNAME b.test; b.test 7 A 192.0.2.1", "test 3 SOA 2", 7 },
		{ "a.test 0 A 192.0.2.1", NULL, 0 },
		{ NULL, "test 3600 SOA 30", 30 },
		{ NULL, "test 20 SOA 30", 20 },
		{ NULL, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text_message t = { .name = "a.test",
			.type = "A",
			.flags = 0x8180,
			.answer = rows[i].answer,
			.authority = rows[i].authority };
		uint8_t buf[512];

		CHECK_INT(doh_max_age(buf, message_from_text(buf, &t)), rows[i].age);
	}
	CHECK_INT(doh_max_age((const uint8_t *)"xyz", 3), 0);
}

/* --- requests --- */

/* A client and the server, whose bytes are carried by hand. */
struct pair {
	nghttp2_session *client;
	struct doh *server;
	bool is_silent; /* the server does not reply by itself */
	int32_t stream; /* of the last query */
	uint8_t query[4096];
	size_t query_len;
	unsigned served, refused;
	char status[8], type[40], age[40];
	uint8_t body[DNS_MESSAGE_MAX];
	size_t body_len;
};

static const uint8_t big[60000] = { 1 };

static void serve(void *ctx, int32_t stream, const uint8_t *msg, size_t len)
{
	struct pair *p = ctx;

	p->served++;
	p->stream = stream;
	memcpy(p->query, msg, len);
	p->query_len = len;
	if (!p->is_silent)
		CHECK(doh_reply(p->server, stream, big, sizeof(big)));
}

static void count_refused(void *ctx)
{
	((struct pair *)ctx)->refused++;
}

static int take_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct pair *p = user;

	if (strcmp((const char *)name, ":status") == 0)
		snprintf(p->status, sizeof(p->status), "%s", (const char *)value);
	if (strcmp((const char *)name, "content-type") == 0)
		snprintf(p->type, sizeof(p->type), "%s", (const char *)value);
	if (strcmp((const char *)name, "cache-control") == 0)
		snprintf(p->age, sizeof(p->age), "%s", (const char *)value);
	return 0;
}

static int take_body(
	nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct pair *p = user;

	REQUIRE(len <= sizeof(p->body) - p->body_len);
	memcpy(p->body + p->body_len, data, len);
	p->body_len += len;
	return 0;
}

static nghttp2_session *new_client(void *user)
{
	nghttp2_session_callbacks *c;
	nghttp2_session *s;

	REQUIRE(nghttp2_session_callbacks_new(&c) == 0);
	nghttp2_session_callbacks_set_on_header_callback(c, take_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, take_body);
	REQUIRE(nghttp2_session_client_new(&s, c, user) == 0);
	nghttp2_session_callbacks_del(c);
	REQUIRE(nghttp2_submit_settings(s, 0, NULL, 0) == 0);
	return s;
}

static void begin(struct pair *p)
{
	struct doh_user u = { .path = "/dns-query", .serve = serve, .refused = count_refused, .ctx = p };

	memset(p, 0, sizeof(*p));
	p->client = new_client(p);
	REQUIRE(doh_new(&u, &p->server) == 0);
}

static void end(struct pair *p)
{
	nghttp2_session_del(p->client);
	doh_free(p->server);
}

/* Carries bytes both ways until nobody has any. */
static void carry(struct pair *p)
{
	const uint8_t *bytes;
	ssize_t n;
	size_t len;

	do {
		n = nghttp2_session_mem_send(p->client, &bytes);
		REQUIRE(n >= 0);
		if (n > 0)
			REQUIRE(doh_take(p->server, bytes, (size_t)n));
		len = doh_give(p->server, &bytes);
		if (len > 0)
			REQUIRE(nghttp2_session_mem_recv(p->client, bytes, len) == (ssize_t)len);
	} while (n > 0 || len > 0);
}

struct body {
	const uint8_t *at;
	size_t left;
};

static ssize_t give_body(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct body *b = source->ptr;
	size_t n = b->left < room ? b->left : room;

	memcpy(to, b->at, n);
	b->at += n;
	b->left -= n;
	if (b->left == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(name, value)                                                                                      \
	(nghttp2_nv)                                                                                         \
	{                                                                                                    \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),    \
			NGHTTP2_NV_FLAG_NONE                                                                 \
	}

static int32_t request(
	struct pair *p, const char *method, const char *path, const char *type, struct body *body)
{
	nghttp2_nv nv[5] = { NV(":method", method), NV(":scheme", "https"), NV(":authority", "dns.test"),
		NV(":path", path) };
	nghttp2_data_provider from = { .source = { .ptr = body }, .read_callback = give_body };

	if (type)
		nv[4] = NV("content-type", type);
	return nghttp2_submit_request(p->client, NULL, nv, type ? 5 : 4, body ? &from : NULL, NULL);
}

#define MESSAGE "application/dns-message"
/* RFC 8484 s4.1.1: www.example.com, A. */
#define EXAMPLE "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"

static const struct {
	const char *what, *method, *path, *type;
	size_t body_len; /* of zeros, a header at least */
	const char *status;
} requests[] = {
	{ "RFC 8484 s4.1.1, GET", "GET", "/dns-query?dns=" EXAMPLE, NULL, 0, "200" },
	{ "with other variables", "GET", "/dns-query?a=b&dns=" EXAMPLE "&c", NULL, 0, "200" },
	{ "RFC 8484 s4.1.1, POST", "POST", "/dns-query", MESSAGE, 33, "200" },
	{ "POST of the longest query", "POST", "/dns-query", MESSAGE, QUERY_LEN_MAX, "200" },
	{ "POST of a longer one", "POST", "/dns-query", MESSAGE, QUERY_LEN_MAX + 1, "413" },
	{ "POST of a very long one", "POST", "/dns-query", MESSAGE, 200000, "413" },
	{ "POST of less than a header", "POST", "/dns-query", MESSAGE, 11, "400" },
	{ "POST of another type", "POST", "/dns-query", "text/plain", 33, "415" },
	{ "POST without a type", "POST", "/dns-query", NULL, 33, "415" },
	{ "POST without a body", "POST", "/dns-query", MESSAGE, 0, "400" },
	{ "GET without a query", "GET", "/dns-query", NULL, 0, "400" },
	{ "GET of nothing", "GET", "/dns-query?dns=", NULL, 0, "400" },
	{ "GET with padding", "GET", "/dns-query?dns=" EXAMPLE "A==", NULL, 0, "400" },
	{ "GET of a response", "GET", "/dns-query?dns=AACBgAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB", NULL, 0,
		"400" },
	{ "another variable", "GET", "/dns-query?dnsx=" EXAMPLE, NULL, 0, "400" },
	{ "another path", "GET", "/dns-query2?dns=" EXAMPLE, NULL, 0, "404" },
	{ "a shorter path", "GET", "/dns?dns=" EXAMPLE, NULL, 0, "404" },
	{ "PUT", "PUT", "/dns-query?dns=" EXAMPLE, NULL, 0, "405" },
};

TEST(rfc8484_s4_1_requests_get_the_status_that_they_deserve)
{
	static uint8_t zeros[200000];

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct body b = { zeros, requests[i].body_len };
		static struct pair p;
		bool is_good = strcmp(requests[i].status, "200") == 0;

		test_row(requests[i].what);
		begin(&p);
		REQUIRE(request(&p, requests[i].method, requests[i].path, requests[i].type,
				requests[i].body_len > 0 ? &b : NULL) > 0);
		carry(&p);
		CHECK_TEXT(p.status, requests[i].status);
		CHECK_INT(p.served, is_good);
		CHECK_INT(p.refused, !is_good);
		CHECK_INT(p.body_len, is_good ? sizeof(big) : 0);
		if (is_good) {
			CHECK_TEXT(p.type, MESSAGE);
			CHECK_TEXT(p.age, "max-age=0");
			CHECK(memcmp(p.body, big, sizeof(big)) == 0);
		}
		end(&p);
	}
	test_row(NULL);
}

TEST(a_query_is_what_was_sent_and_a_reply_to_a_stream_that_is_gone_is_refused)
{
	static struct pair p;
	uint8_t want[64], *at = want;

	begin(&p);
	p.is_silent = true;
	int32_t id = request(&p, "GET", "/dns-query?dns=" EXAMPLE, NULL, NULL);

	carry(&p);
	put_hex(&at, "00000100000100000000000003777777076578616d706c6503636f6d0000010001");
	CHECK_BYTES(p.query, p.query_len, want, (size_t)(at - want));
	REQUIRE(nghttp2_submit_rst_stream(p.client, 0, id, NGHTTP2_CANCEL) == 0);
	carry(&p);
	CHECK(!doh_reply(p.server, p.stream, big, 100));
	CHECK(!doh_reply(p.server, 12345, big, 100));
	/* One that is open when the connection ends is freed with it, as the address sanitizer sees. */
	request(&p, "GET", "/dns-query?dns=" EXAMPLE, NULL, NULL);
	carry(&p);
	CHECK_INT(p.served, 2);
	CHECK(doh_reply(p.server, p.stream, big, 100));
	CHECK(!doh_reply(p.server, p.stream, big, 100));
	end(&p);
}

TEST(no_more_than_64_requests_are_open)
{
	static struct pair p;

	begin(&p);
	p.is_silent = true;
	carry(&p);
	for (unsigned i = 0; i < 100; i++)
		request(&p, "GET", "/dns-query?dns=" EXAMPLE, NULL, NULL);
	carry(&p);
	CHECK_INT(p.served, DOH_STREAMS_MAX);
	end(&p);
}

TEST(what_is_no_http2_is_refused)
{
	static struct pair p;

	begin(&p);
	CHECK(!doh_take(p.server, (const uint8_t *)"GET / HTTP/1.1\r\nHost: dns.test\r\n\r\n", 34));
	end(&p);
}

/* --- the whole way --- */

static const struct script zone[] = {
	{ .name = "aonly.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 3600 A 203.0.114.9" },
};

static struct pem pem;
static int listener;
static struct sockaddr_in here;

static void listen_for_https(struct lab *lab)
{
	struct endpoint at = { .is4 = true, .a4 = { INADDR_LOOPBACK } };
	struct ssl_ctx_st *ctx;
	socklen_t len = sizeof(here);
	char fault[200];

	signal(SIGPIPE, SIG_IGN); /* as the role does */
	pem_make(&pem, "dns.test");
	REQUIRE(listen_open_all(&at, SOCK_STREAM, 1, &listener) == 0);
	REQUIRE(listener >= 0 && getsockname(listener, (struct sockaddr *)&here, &len) == 0);
	REQUIRE(tls_context_new(pem.both, strlen(pem.both), "h2", &ctx, fault, sizeof(fault)) == 0);
	REQUIRE(resolver_serve_tls(lab->resolver, OVER_HTTPS, ctx, &listener, 1) == 0);
}

static int connect_here(void)
{
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&here, sizeof(here)) == 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

TEST(a_query_over_https_is_answered_and_counted)
{
	static struct pair p;
	uint8_t query[512], in[16384];
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA" };
	struct body b = { query, lab_write_query(query, &q, 0) };
	const uint8_t *bytes;
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.prepare = listen_for_https;
	lab_start(&lab);
	/* HTTP/1.1 alone is refused in the handshake (RFC 7301 s3.2). */
	int fd = connect_here();

	CHECK(tls_client(fd, "\010http/1.1") == NULL);
	close(fd);
	fd = connect_here();
	SSL *tls = tls_client(fd, "\002h2\010http/1.1");

	REQUIRE(tls != NULL);
	memset(&p, 0, sizeof(p));
	p.client = new_client(&p);
	REQUIRE(request(&p, "POST", "/dns-query", MESSAGE, &b) > 0);
	while (p.body_len == 0) {
		ssize_t len;

		while ((len = nghttp2_session_mem_send(p.client, &bytes)) > 0)
			REQUIRE(SSL_write(tls, bytes, (int)len) == len);
		int n = SSL_read(tls, in, sizeof(in));

		REQUIRE(n > 0 && nghttp2_session_mem_recv(p.client, in, (size_t)n) == n);
	}
	CHECK_TEXT(p.status, "200");
	CHECK_TEXT(p.age, "max-age=30");
	CHECK_TEXT(message_to_text(p.body, p.body_len), "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209");
	nghttp2_session_del(p.client);
	SSL_free(tls);
	close(fd);
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->queries_over_https, 1);
	CHECK_INT(c->tls_failed, 1);
	CHECK_INT(c->https_refused, 0);
	lab_free(&lab);
	close(listener);
}
