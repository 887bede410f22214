/* test_reverse.c - the service http-reverse on a thread of its own: names lead to servers, and others are turned away */
#include "certificate.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "net/listen.h"
#include "net/sockaddr.h"
#include "relay/relay.h"
#include "relay/targets.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define LIMIT_MS 5000 /* nothing may take longer */
#define A "a.test"
#define B "b.test"

static const struct endpoint loopback4 = { .is4 = true, .a4 = { 0x7f000001 } },
			     loopback6 = { .a6 = { 0, 1 } };

/* A relay with one lane that listens on ::1, and an IPv4 and an IPv6 server of the test. */
struct box {
	struct loop *loop;
	struct relay *relay;
	struct endpoint at;
	int listener; /* a copy, for other configurations */
	int servers[2];
	struct relay_route routes[4]; /* of the test; their targets are copied */
	unsigned routes_len;
};

static struct endpoint bound_to(int fd)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	REQUIRE(getsockname(fd, &a.sa, &len) == 0);
	return sockaddr_endpoint(&a);
}

static void *list_of(const void *from, size_t size)
{
	void *to = malloc(size);

	REQUIRE(to);
	bytes_copy(to, from, size);
	return to;
}

static struct relay_target target_of(int server)
{
	return (struct relay_target){ .at = bound_to(server) };
}

static void add_route(struct box *b, const char *host, enum relay_tls tls, int server)
{
	struct relay_route *r = &b->routes[b->routes_len++];
	const struct relay_target t = target_of(server);

	*r = (struct relay_route){ .to = list_of(&t, sizeof(t)), .to_len = 1, .tls = tls };
	r->health = (struct relay_health){ .fall = 1, .rise = 1 };
	REQUIRE(text_copy(r->host, sizeof(r->host), host));
}

static void box_prepare(struct box *b)
{
	signal(SIGPIPE, SIG_IGN);
	*b = (struct box){ .listener = -1 };
	REQUIRE(loop_new(&b->loop) == 0);
	b->servers[0] = listen_open(&loopback4, SOCK_STREAM, BOUND_ALONE);
	b->servers[1] = listen_open(&loopback6, SOCK_STREAM, BOUND_ALONE);
	REQUIRE(b->servers[0] >= 0 && b->servers[1] >= 0);
}

static struct relay_route *routes_of(const struct box *b)
{
	struct relay_route *routes = list_of(b->routes, b->routes_len * sizeof(b->routes[0]));

	for (unsigned i = 0; i < b->routes_len; i++) {
		struct relay_route *r = &routes[i];

		r->to = list_of(r->to, r->to_len * sizeof(*r->to));
		if (r->pem.text)
			r->pem.text = list_of(r->pem.text, r->pem.len + 1);
	}
	return routes;
}

static struct relay_config config_of(const struct box *b)
{
	const struct prefix all[2] = { { .is4 = true }, { .is4 = false } };
	struct relay_service s = { .type = RELAY_HTTP_REVERSE,
		.name = "web",
		.listen = list_of(&b->at, sizeof(b->at)),
		.listen_len = 1,
		.clients = list_of(all, sizeof(all)),
		.clients_len = 2,
		.routes = routes_of(b),
		.routes_len = b->routes_len,
		.timeouts = { .connect = 2 * NSEC,
			.idle = 60 * NSEC,
			.head = 300 * MSEC,
			.keep_alive = 60 * NSEC,
			.drain = 300 * MSEC } };

	return (struct relay_config){ .connections = 100,
		.connections_per_client = 100,
		.services = list_of(&s, sizeof(s)),
		.services_len = 1 };
}

static int box_start_try(struct box *b, char *fault, size_t fault_size)
{
	int listener = listen_open(&loopback6, SOCK_STREAM, BOUND_ALONE);

	REQUIRE(listener >= 0);
	b->at = bound_to(listener);
	b->listener = dup(listener);
	struct relay_config c = config_of(b);
	const struct relay_plan plan = {
		.config = &c, .loop = b->loop, .threads = 1, .sockets = &listener, .sockets_len = 1
	};
	int err = relay_new(&plan, &b->relay, fault, fault_size);

	relay_config_fini(&c); /* of no effect after success */
	return err;
}

static void box_start(struct box *b)
{
	char fault[200] = "";

	if (!CHECK_INT(box_start_try(b, fault, sizeof(fault)), 0))
		CHECK_TEXT(fault, "");
	REQUIRE(b->relay && relay_start(b->relay) == 0);
}

/* As the supervisor does it: another descriptor of the same socket. */
static void box_update(struct box *b)
{
	struct relay_config c = config_of(b);
	int listener = dup(b->listener);
	const struct relay_plan plan = {
		.config = &c, .loop = b->loop, .threads = 1, .sockets = &listener, .sockets_len = 1
	};
	char fault[200] = "";

	CHECK_INT(relay_update(b->relay, &plan, fault, sizeof(fault)), 0);
	relay_config_fini(&c);
}

static void box_close(struct box *b)
{
	if (b->relay)
		relay_free(b->relay);
	for (unsigned i = 0; i < b->routes_len; i++) {
		free(b->routes[i].to);
		free(b->routes[i].pem.text);
	}
	close(b->listener);
	loop_free(b->loop);
	close(b->servers[0]);
	close(b->servers[1]);
}

static unsigned long count_of(const struct box *b, const char *counter)
{
	const char *name, *text;
	unsigned long value;

	for (unsigned n = 0; lane_counter_at(relay_lane(b->relay, 0), n, &name, &text, &value); n++)
		if (strcmp(name, counter) == 0)
			return value;
	return 77777;
}

/* --- clients and servers --- */

static int client(const struct box *b)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, &b->at);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	REQUIRE(fd >= 0 && connect(fd, &a.sa, len) == 0);
	return fd;
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, LIMIT_MS) == 1;
}

static int server_accept(int server)
{
	REQUIRE(is_ready(server));
	int fd = accept(server, NULL, NULL);

	REQUIRE(fd >= 0);
	return fd;
}

static size_t read_all(int fd, uint8_t *to, size_t want)
{
	size_t have = 0;

	while (have < want && is_ready(fd)) {
		ssize_t n = read(fd, to + have, want - have);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

static void expect(int fd, const void *want, size_t len)
{
	uint8_t got[4096];

	REQUIRE(len <= sizeof(got));
	CHECK_BYTES(got, read_all(fd, got, len), want, len);
}

static void expect_end(int fd)
{
	char c;

	CHECK(is_ready(fd));
	CHECK(read(fd, &c, 1) <= 0);
	close(fd);
}

struct hello {
	uint8_t bytes[2048];
	size_t len;
};

/* What OpenSSL sends first. */
static void hello_make(struct hello *h, const char *host)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem()), *in = BIO_new(BIO_s_mem());

	SSL_set_bio(tls, in, out);
	if (host)
		SSL_set_tlsext_host_name(tls, host);
	SSL_connect(tls);
	int n = BIO_read(out, h->bytes, sizeof(h->bytes));

	REQUIRE(n > 0);
	h->len = (size_t)n;
	SSL_free(tls);
	SSL_CTX_free(ctx);
}

static void say(int fd, const void *bytes, size_t len)
{
	CHECK_INT(send(fd, bytes, len, 0), (long long)len);
}

/* --- passthrough --- */

TEST(a_name_leads_to_its_server_with_all_that_was_said)
{
	static const char *const hosts[2] = { A, B };
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[0]);
	add_route(&b, "*." B, RELAY_TLS_PASSTHROUGH, b.servers[0]);
	add_route(&b, "*", RELAY_TLS_PASSTHROUGH, b.servers[1]);
	box_start(&b);
	for (unsigned i = 0; i < 2; i++) {
		struct hello h;

		test_row(hosts[i]);
		hello_make(&h, hosts[i]);
		int c = client(&b);

		say(c, h.bytes, h.len);
		int s = server_accept(b.servers[i]);

		expect(s, h.bytes, h.len);
		say(s, "server hello", 12);
		expect(c, "server hello", 12);
		close(s);
		expect_end(c);
	}
	test_row(NULL);
	box_close(&b);
}

TEST(a_hello_may_come_in_pieces)
{
	struct hello h;
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[1]);
	box_start(&b);
	hello_make(&h, A);
	int c = client(&b);

	for (size_t at = 0; at < h.len; at += 50) {
		say(c, h.bytes + at, h.len - at < 50 ? h.len - at : 50);
		usleep(1000);
	}
	int s = server_accept(b.servers[1]);

	expect(s, h.bytes, h.len);
	close(s);
	expect_end(c);
	box_close(&b);
}

TEST(who_has_no_route_hears_that_the_name_is_not_known)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 112 };
	static const char *const names[] = { "other.test", "b." A, NULL };
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[0]);
	box_start(&b);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct hello h;

		hello_make(&h, names[i]);
		int c = client(&b);

		say(c, h.bytes, h.len);
		expect(c, alert, sizeof(alert));
		expect_end(c);
	}
	CHECK_INT(count_of(&b, "no_route"), ARRAY_LEN(names));
	box_close(&b);
}

TEST(what_makes_no_sense_and_who_says_nothing_is_turned_away)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 50 }, bad[] = { 22, 3, 1, 0, 4, 1, 0, 0, 0 };
	struct hello h;
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[0]);
	box_start(&b);
	hello_make(&h, A);
	int malformed = client(&b), silent = client(&b), half = client(&b), gone = client(&b);

	say(malformed, bad, sizeof(bad));
	expect(malformed, alert, sizeof(alert));
	expect_end(malformed);
	say(half, h.bytes, h.len / 2);
	say(gone, h.bytes, h.len / 2);
	shutdown(gone, SHUT_WR);
	expect_end(gone);
	expect_end(silent);
	expect_end(half);
	CHECK_INT(count_of(&b, "head_malformed"), 1);
	CHECK_INT(count_of(&b, "head_timeout"), 2);
	CHECK_INT(count_of(&b, "dials"), 0);
	box_close(&b);
}

TEST(the_next_target_is_tried_when_one_refuses)
{
	struct hello h;
	struct box b;

	box_prepare(&b);
	int dead = listen_open(&loopback4, SOCK_STREAM, BOUND_ALONE);
	const struct relay_target both[2] = { target_of(dead), target_of(b.servers[1]) };

	close(dead);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[0]);
	free(b.routes[0].to);
	b.routes[0].to = list_of(both, sizeof(both));
	b.routes[0].to_len = 2;
	box_start(&b);
	hello_make(&h, A);
	for (unsigned i = 0; i < 3; i++) {
		int c = client(&b);

		say(c, h.bytes, h.len);
		int s = server_accept(b.servers[1]);

		expect(s, h.bytes, h.len);
		close(s);
		expect_end(c);
	}
	CHECK_INT(count_of(&b, "dial_refused"), 1); /* after that it is known to be down */
	box_close(&b);
}

/* --- HTTP --- */

static const struct relay_text *certificate_of(const char *name, struct pem *p)
{
	static struct relay_text t;

	pem_make(p, name);
	t = (struct relay_text){ list_of(p->both, strlen(p->both) + 1), strlen(p->both) };
	return &t;
}

static void end_tls_here(struct box *b, unsigned route, const struct relay_text *pem)
{
	b->routes[route].tls = RELAY_TLS_TERMINATE;
	REQUIRE(text_copy(b->routes[route].certificate, RELAY_FILE, "a.pem"));
	REQUIRE(text_copy(b->routes[route].key, RELAY_FILE, "a.key"));
	b->routes[route].pem = *pem;
}

/* A request, as a server got it, up to the end of its head. */
static const char *head_at(int fd, char *to, size_t room)
{
	size_t len = 0;

	to[0] = '\0';
	while (len < room - 1 && !strstr(to, "\r\n\r\n") && is_ready(fd)) {
		ssize_t n = read(fd, to + len, room - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
		to[len] = '\0';
	}
	return to;
}

static void say_text(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

TEST(a_request_goes_to_the_server_of_its_host_and_says_whose_it_is)
{
	char head[2000];
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_NONE, b.servers[0]);
	add_route(&b, "*." B, RELAY_TLS_NONE, b.servers[1]);
	box_start(&b);
	int c = client(&b);

	say_text(c, "GET /x?y HTTP/1.1\r\nHost: A.test\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n");
	int s = server_accept(b.servers[0]);

	head_at(s, head, sizeof(head));
	CHECK(strncmp(head, "GET /x?y HTTP/1.1\r\n", 19) == 0);
	CHECK(strstr(head, "for=\"[::1]") || strstr(head, "for=\"[::1"));
	CHECK(strstr(head, "X-Forwarded-For: "));
	CHECK(strstr(head, "::1\r\n"));
	say_text(s, ANSWER);
	CHECK(strstr(head_at(c, head, sizeof(head)), "200"));

	/* In HTTP/1.0 the URI may say what Host does not (RFC 9112 s3.2.2). */
	int old = client(&b);

	say_text(old, "GET http://A.test/x HTTP/1.0\r\n\r\n");
	CHECK(strstr(head_at(s, head, sizeof(head)), "Host: a.test\r\n"));
	say_text(s, ANSWER);
	CHECK(strstr(head_at(old, head, sizeof(head)), "200"));
	close(old);

	/* The same connection of the client, another host, another family. */
	say_text(c, "GET / HTTP/1.1\r\nHost: www.b.test\r\n\r\n");
	int t = server_accept(b.servers[1]);

	CHECK(strstr(head_at(t, head, sizeof(head)), "Host: www.b.test\r\n"));
	say_text(t, ANSWER);
	CHECK(strstr(head_at(c, head, sizeof(head)), "200"));
	close(s);
	close(t);
	close(c);
	box_close(&b);
}

TEST(a_host_without_a_route_is_misdirected)
{
	static const struct {
		const char *request, *status;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: c.test\r\n\r\n", "HTTP/1.1 421" },
		{ "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "HTTP/1.1 421" },
		{ "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n", "HTTP/1.1 405" },
	};
	char head[2000];
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_NONE, b.servers[0]);
	box_start(&b);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		int c = client(&b);

		test_row(cases[i].request);
		say_text(c, cases[i].request);
		head_at(c, head, sizeof(head));
		CHECK(strncmp(head, cases[i].status, 12) == 0);
		close(c);
	}
	test_row(NULL);
	CHECK_INT(count_of(&b, "no_route"), 2);
	CHECK_INT(count_of(&b, "dials"), 0);
	box_close(&b);
}

/* A client that speaks TLS with the relay, on a connection of its own. */
static SSL *tls_client_of(const struct box *b, const char *name, const char *alpn)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = SSL_new(ctx);

	REQUIRE(tls && SSL_set_fd(tls, client(b)) == 1);
	SSL_CTX_free(ctx);
	SSL_set_tlsext_host_name(tls, name);
	if (alpn)
		SSL_set_alpn_protos(tls, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	REQUIRE(SSL_connect(tls) == 1);
	return tls;
}

static void tls_client_end(SSL *tls)
{
	int fd = SSL_get_fd(tls);

	SSL_free(tls);
	close(fd);
}

static void tls_say(SSL *tls, const char *text)
{
	CHECK_INT(SSL_write(tls, text, (int)strlen(text)), (long long)strlen(text));
}

/* Whether @want is in the next record: SSL_read() reads no more than one. */
static bool tls_hears_at_once(SSL *tls, const char *want)
{
	char got[4000];
	int n = SSL_read(tls, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return strstr(got, want) != NULL;
}

/* Reads until @want has come. */
static bool tls_hears(SSL *tls, const char *want)
{
	char got[4000];
	size_t len = 0;

	got[0] = '\0';
	while (!strstr(got, want) && len < sizeof(got) - 1) {
		int n = SSL_read(tls, got + len, (int)(sizeof(got) - 1 - len));

		if (n <= 0)
			break;
		len += (size_t)n;
		got[len] = '\0';
	}
	return strstr(got, want) != NULL;
}

TEST(tls_ends_here_with_the_certificate_of_the_name_beside_routes_where_it_does_not)
{
	char head[2000];
	struct pem of_a, of_b;
	struct hello h;
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_TERMINATE, b.servers[0]);
	end_tls_here(&b, 0, certificate_of(A, &of_a));
	add_route(&b, B, RELAY_TLS_TERMINATE, b.servers[1]);
	end_tls_here(&b, 1, certificate_of(B, &of_b));
	add_route(&b, "c.test", RELAY_TLS_PASSTHROUGH, b.servers[1]);
	add_route(&b, A, RELAY_TLS_NONE, b.servers[1]);
	box_start(&b);

	SSL *tls = tls_client_of(&b, B, "\10http/1.1");

	CHECK(tls_is_shown(tls, &of_b));
	tls_say(tls, "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
	int s = server_accept(b.servers[1]);

	head_at(s, head, sizeof(head));
	CHECK(strstr(head, "proto=https"));
	CHECK(strstr(head, "X-Forwarded-Proto: https\r\n"));
	say_text(s, ANSWER);
	CHECK(tls_hears_at_once(tls, "hi"));

	/* RFC 9110 s15.5.20: the certificate is not that of the other host, and c.test is nobody's here. */
	tls_say(tls, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
	CHECK(tls_hears(tls, "HTTP/1.1 421"));
	CHECK_INT(count_of(&b, "misdirected"), 1);
	tls_client_end(tls);
	close(s);

	tls = tls_client_of(&b, A, NULL);
	CHECK(tls_is_shown(tls, &of_a));
	tls_client_end(tls);

	hello_make(&h, "c.test");
	int c = client(&b);

	say(c, h.bytes, h.len);
	s = server_accept(b.servers[1]);
	expect(s, h.bytes, h.len);
	close(s);
	close(c);

	c = client(&b);
	say_text(c, "GET /plain HTTP/1.1\r\nHost: a.test\r\n\r\n");
	s = server_accept(b.servers[1]);
	CHECK(strstr(head_at(s, head, sizeof(head)), "GET /plain"));
	say_text(s, ANSWER);
	CHECK(strstr(head_at(c, head, sizeof(head)), "200"));
	close(s);
	close(c);
	box_close(&b);
}

static struct relay_target *two_targets(struct box *b, int first, int second)
{
	const struct relay_target both[2] = { target_of(first), target_of(second) };

	free(b->routes[0].to);
	b->routes[0].to_len = 2;
	return list_of(both, sizeof(both));
}

TEST(a_request_that_may_be_repeated_goes_to_the_next_target)
{
	char head[2000];
	struct box b;

	box_prepare(&b);
	int dead = listen_open(&loopback4, SOCK_STREAM, BOUND_ALONE);

	add_route(&b, A, RELAY_TLS_NONE, b.servers[0]);
	b.routes[0].to = two_targets(&b, dead, b.servers[1]);
	close(dead);
	box_start(&b);
	int c = client(&b);

	say_text(c, "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
	int s = server_accept(b.servers[1]);

	CHECK(strstr(head_at(s, head, sizeof(head)), "GET /1"));
	CHECK_INT(count_of(&b, "retried"), 1);
	say_text(s, ANSWER);
	CHECK(strstr(head_at(c, head, sizeof(head)), "200"));
	close(s);
	close(c);
	box_close(&b);
}

/* A server that breaks off is not down because of it, as a client might have made it do so. */
TEST(a_request_whose_server_breaks_off_goes_to_the_next_one_only_if_it_may_be_repeated)
{
	static const struct {
		const char *request;
		bool is_repeated;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", true },
		{ "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx", false },
	};
	char head[2000];

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct box b;

		test_row(cases[i].request);
		box_prepare(&b);
		add_route(&b, A, RELAY_TLS_NONE, b.servers[0]);
		b.routes[0].to = two_targets(&b, b.servers[0], b.servers[1]);
		box_start(&b);
		int c = client(&b);

		say_text(c, cases[i].request);
		int s = server_accept(b.servers[0]);

		head_at(s, head, sizeof(head));
		close(s);
		if (cases[i].is_repeated) {
			s = server_accept(b.servers[1]);
			head_at(s, head, sizeof(head));
			say_text(s, ANSWER);
			CHECK(strstr(head_at(c, head, sizeof(head)), "200 OK"));
			close(s);
		} else {
			CHECK(strncmp(head_at(c, head, sizeof(head)), "HTTP/1.1 502", 12) == 0);
		}
		close(c);
		box_close(&b);
	}
	test_row(NULL);
}

/* The target has one connection less then, whoever was at fault. */
TEST(a_request_whose_body_makes_no_sense_is_given_up)
{
	struct target_row row;
	char head[2000];
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_NONE, b.servers[0]);
	box_start(&b);
	int c = client(&b);

	say_text(c, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
	int s = server_accept(b.servers[0]);

	head_at(s, head, sizeof(head));
	say_text(c, "x\r\n");
	CHECK(strncmp(head_at(c, head, sizeof(head)), "HTTP/1.1 400", 12) == 0);
	expect_end(s);
	REQUIRE(targets_row_at(relay_lane(b.relay, 0)->targets, 0, &row));
	CHECK_INT(row.open, 0);
	CHECK_INT(row.failures, 0);
	close(s);
	close(c);
	box_close(&b);
}

/* RFC 9112 s9.6: a client that is idle when the configuration changes may have sent a request already. */
TEST(a_request_on_its_way_to_another_configuration_is_answered_and_the_last_one)
{
	char head[2000];
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_NONE, b.servers[0]);
	box_start(&b);
	int c = client(&b), idle = client(&b);

	for (unsigned i = 0; i < 2; i++) {
		int s;

		say_text(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
		s = server_accept(b.servers[0]);
		head_at(s, head, sizeof(head));
		say_text(s, ANSWER);
		head_at(c, head, sizeof(head));
		CHECK(strstr(head, "200 OK"));
		CHECK_INT(strstr(head, "Connection: close") != NULL, i > 0);
		if (i > 0)
			expect_end(c);
		else
			box_update(&b);
		close(s);
	}
	say_text(idle, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); /* its first, to the old configuration */
	int s = server_accept(b.servers[0]);

	head_at(s, head, sizeof(head));
	say_text(s, ANSWER);
	CHECK(strstr(head_at(idle, head, sizeof(head)), "200 OK"));
	close(s);
	close(idle);
	box_close(&b);
}

TEST(a_certificate_that_cannot_be_used_is_refused_with_its_path)
{
	char fault[200] = "";
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_TERMINATE, b.servers[0]);
	end_tls_here(&b, 0, &(struct relay_text){ list_of("x", 2), 1 });
	CHECK(box_start_try(&b, fault, sizeof(fault)) < 0);
	CHECK_TEXT(fault, "web: a.pem: there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)");
	box_close(&b);
}

TEST(two_routes_of_one_host_are_refused)
{
	char fault[200] = "";
	struct box b;

	box_prepare(&b);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[0]);
	add_route(&b, A, RELAY_TLS_PASSTHROUGH, b.servers[1]);
	CHECK(box_start_try(&b, fault, sizeof(fault)) < 0);
	CHECK_TEXT(fault, "web: a host has two routes");
	box_close(&b);
}
