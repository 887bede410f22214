/*
 * test_carrier.c - upstreams over TLS: a client on the loopback, the carrier, and servers of OpenSSL's own
 *
 *	test (as libunbound) --UDP--> carrier (loop, own thread) --TLS--> server (own thread)
 */
#include "certificate.h"
#include "dns64/carrier.h"
#include "net/sockaddr.h"
#include "dnstext.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum manner {
	ANSWERS,
	IN_PAIRS,     /* waits for two queries and answers the second first */
	BYTE_BY_BYTE, /* each byte in a record of its own */
	WITH_STRAYS,  /* before each reply some to queries that nobody asked, and one without a header */
	ONE_EACH,     /* waits for all queries of three that it has not answered; one reply, and the end */
	HANGS_UP,     /* ends the connection after the first query */
	MUTE,	      /* reads, and says nothing */
	NO_TLS,	      /* speaks something else */
};

struct server {
	enum manner manner;
	int listener;
	SSL_CTX *tls;
	pthread_t thread;
	unsigned connections, queries, unpadded;
	uint16_t port;
};

struct fixture {
	struct loop *loop;
	struct carrier *carrier;
	struct dns64_counters counters;
	struct loop_watch *stop;
	int stop_pipe[2], client;
	pthread_t thread;
	char authorities[64];
	struct pem pem;
	struct server server;
};

/* --- the server --- */

static void write_all(struct server *s, SSL *tls, const uint8_t *from, size_t len)
{
	size_t step = s->manner == BYTE_BY_BYTE ? 1 : len;

	for (size_t at = 0; at < len; at += step)
		REQUIRE(SSL_write(tls, from + at, (int)step) > 0);
}

/* A query as it came, made into its reply. */
static void reply_to(struct server *s, SSL *tls, uint8_t *frame, size_t len)
{
	if (s->manner == WITH_STRAYS) {
		static const uint8_t strays[] = { 0, 0, 0, 3, 1, 2, 3 };
		uint16_t id = be16_at(frame + 2);

		write_all(s, tls, strays, sizeof(strays));
		be16_put(frame + 2, (uint16_t)(id ^ 0x8000)); /* the same slot, an earlier turn */
		write_all(s, tls, frame, len);
		be16_put(frame + 2, id);
		frame[15] = 'x'; /* the first letter of another name */
		write_all(s, tls, frame, len);
		frame[15] = 'w';
		frame[2 + 12 + 13] ^= 1; /* its class */
		write_all(s, tls, frame, len);
		frame[2 + 12 + 13] ^= 1;
		frame[15] = 'W'; /* the same name */
	}
	be16_put(frame + 4, 0x8180);
	write_all(s, tls, frame, len);
}

static void serve(struct server *s, SSL *tls)
{
	static _Thread_local uint8_t frames[2][1024];
	size_t lens[2];
	unsigned held = 0, seen = 0;

	while (tls_read_exactly(tls, frames[held], 2)) {
		lens[held] = 2u + be16_at(frames[held]);
		REQUIRE(lens[held] <= sizeof(frames[0]) &&
			tls_read_exactly(tls, frames[held] + 2, lens[held] - 2));
		__atomic_fetch_add(&s->queries, 1, __ATOMIC_SEQ_CST);
		s->unpadded += (lens[held] - 2) % 128 != 0;
		if (s->manner == HANGS_UP)
			return;
		if (s->manner == MUTE)
			continue;
		/* Else the end might come before a query, which would then be asked for the first time only afterwards. */
		if (s->manner == ONE_EACH && ++seen + s->connections <= 3) {
			held = 1;
			continue;
		}
		if (s->manner == ONE_EACH) {
			reply_to(s, tls, frames[0], lens[0]);
			return;
		}
		if (s->manner == IN_PAIRS && held == 0) {
			held = 1;
			continue;
		}
		for (unsigned i = held + 1; i-- > 0;)
			reply_to(s, tls, frames[i], lens[i]);
		held = 0;
	}
}

static void *run_server(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		SSL *tls = SSL_new(s->tls);

		__atomic_fetch_add(&s->connections, 1, __ATOMIC_SEQ_CST);
		SSL_set_fd(tls, fd);
		if (s->manner == NO_TLS)
			CHECK_INT(write(fd, "220 smtp.example.net\r\n", 22), 22);
		else if (SSL_accept(tls) == 1)
			serve(s, tls);
		SSL_free(tls);
		close(fd);
	}
	return NULL;
}

static void start_server(struct server *s, const struct pem *p, uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)
	};
	socklen_t len = sizeof(a);
	int one = 1;
	BIO *in = BIO_new_mem_buf(p->both, -1);
	X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

	s->tls = SSL_CTX_new(TLS_server_method());
	REQUIRE(SSL_CTX_use_certificate(s->tls, certificate) == 1 &&
		SSL_CTX_use_PrivateKey(s->tls, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	BIO_free(in);
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	REQUIRE(bind(s->listener, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s->listener, 8) == 0);
	REQUIRE(getsockname(s->listener, (struct sockaddr *)&a, &len) == 0);
	s->port = ntohs(a.sin_port);
	REQUIRE(pthread_create(&s->thread, NULL, run_server, s) == 0);
}

static void stop_server(struct server *s)
{
	if (s->listener <= 0)
		return;
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	SSL_CTX_free(s->tls);
	s->listener = 0;
}

/* --- the carrier, and who asks it --- */

static void on_stop(void *ctx, unsigned ready)
{
	loop_stop(((struct fixture *)ctx)->loop);
}

static void *run_loop(void *arg)
{
	CHECK_INT(loop_run(((struct fixture *)arg)->loop), 0);
	return NULL;
}

static void write_authorities(struct fixture *f)
{
	snprintf(f->authorities, sizeof(f->authorities), "/tmp/isthmus-carrier-XXXXXX");
	int fd = mkstemp(f->authorities);
	size_t len = strlen(f->pem.certificate);

	REQUIRE(fd >= 0 && write(fd, f->pem.certificate, len) == (ssize_t)len);
	close(fd);
}

/* One upstream at @port that must have @name, whose certificate is for server.test. */
static void start(struct fixture *f, const char *name, uint16_t port)
{
	struct timeval patience = { .tv_sec = 14 };
	struct upstream u = { .tls = true, .to = { .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = port } };
	static struct dns64_config c;
	char fault[300] = "";

	REQUIRE(text_copy(u.tls_name, sizeof(u.tls_name), name));
	REQUIRE(loop_new(&f->loop) == 0 && pipe(f->stop_pipe) == 0);
	REQUIRE(loop_watch_fd(f->loop, f->stop_pipe[0], LOOP_READ, on_stop, f, &f->stop) == 0);
	c = (struct dns64_config){ .upstream = { u }, .upstream_len = 1 };
	REQUIRE(text_copy(c.upstream_ca, sizeof(c.upstream_ca), f->authorities));
	int err = carrier_new(&c, f->loop, &f->counters, &f->carrier, fault, sizeof(fault));

	CHECK_TEXT(fault, "");
	REQUIRE(err == 0);
	union sockaddr_any to;
	socklen_t len = sockaddr_put(
		&to, &(struct endpoint){
			     .is4 = true, .a4 = { INADDR_LOOPBACK }, .port = carrier_port(f->carrier, &u) });

	f->client = socket(AF_INET, SOCK_DGRAM, 0);
	REQUIRE(connect(f->client, &to.sa, len) == 0);
	setsockopt(f->client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	REQUIRE(pthread_create(&f->thread, NULL, run_loop, f) == 0);
}

static void begin(struct fixture *f, enum manner manner)
{
	signal(SIGPIPE, SIG_IGN); /* as the role does */
	*f = (struct fixture){ .server.manner = manner };
	pem_make(&f->pem, "server.test");
	write_authorities(f);
	start_server(&f->server, &f->pem, 0);
}

static void end(struct fixture *f)
{
	CHECK_INT(write(f->stop_pipe[1], "", 1), 1);
	pthread_join(f->thread, NULL);
	carrier_free(f->carrier);
	loop_unwatch(f->stop);
	loop_free(f->loop);
	close(f->stop_pipe[0]);
	close(f->stop_pipe[1]);
	close(f->client);
	stop_server(&f->server);
	unlink(f->authorities);
}

static size_t put_query(uint8_t *to, uint16_t id, bool has_opt)
{
	static const uint8_t rest[] = { 3, 'w', 'w', 'w', 4, 't', 'e', 's', 't', 0, 0, 28, 0, 1, 0, 0, 41, 4,
		0xd0, 0, 0, 0x80, 0, 0, 0 };
	size_t len = has_opt ? sizeof(rest) : sizeof(rest) - DNS_OPT_LEN;

	memset(to, 0, 12);
	be16_put(to, id);
	be16_put(to + 2, 0x0110);
	be16_put(to + 4, 1);
	be16_put(to + 10, has_opt);
	memcpy(to + 12, rest, len);
	return 12 + len;
}

static void ask(struct fixture *f, uint16_t id)
{
	uint8_t query[64];
	size_t len = put_query(query, id, true);

	CHECK_INT(send(f->client, query, len, 0), len);
}

/* Identifier and response code of the next reply; "none" if none comes. */
static const char *next(struct fixture *f)
{
	static char text[64];
	uint8_t reply[1024];
	struct dns_msg m;
	ssize_t n = recv(f->client, reply, sizeof(reply), 0);

	if (n < 0)
		return "none";
	if (!dns_msg_parse(reply, (size_t)n, &m))
		return "unsound";
	snprintf(text, sizeof(text), "%u %s%s", m.id, m.flags & DNS_QR ? "" : "no reply ",
		(m.flags & DNS_RCODE) == RCODE_SERVFAIL ? "SERVFAIL" : "NOERROR");
	return text;
}

static const char *ask_one(struct fixture *f, uint16_t id)
{
	ask(f, id);
	return next(f);
}

TEST(rfc7858_s3_4_many_queries_share_one_connection)
{
	struct fixture f;
	char want[32];

	begin(&f, ANSWERS);
	start(&f, "server.test", f.server.port);
	for (uint16_t id = 1; id <= 2000; id++) {
		snprintf(want, sizeof(want), "%u NOERROR", id);
		CHECK_TEXT(ask_one(&f, id), want);
	}
	end(&f);
	CHECK_INT(f.server.connections, 1);
	CHECK_INT(f.server.queries, 2000);
	CHECK_INT(f.server.unpadded, 0);
	CHECK_INT(f.counters.upstream_tls_asked, 2000);
	CHECK_INT(f.counters.upstream_tls_connections, 1);
	CHECK_INT(
		f.counters.upstream_tls_lost + f.counters.upstream_tls_stray + f.counters.upstream_tls_failed,
		0);
}

TEST(rfc7766_s7_replies_find_their_query_in_any_order)
{
	struct fixture f;

	begin(&f, IN_PAIRS);
	start(&f, "server.test", f.server.port);
	ask(&f, 1);
	ask(&f, 2);
	CHECK_TEXT(next(&f), "2 NOERROR");
	CHECK_TEXT(next(&f), "1 NOERROR");
	end(&f);
}

TEST(replies_that_come_in_pieces_are_put_together)
{
	struct fixture f;

	begin(&f, BYTE_BY_BYTE);
	start(&f, "server.test", f.server.port);
	CHECK_TEXT(ask_one(&f, 7), "7 NOERROR");
	CHECK_TEXT(ask_one(&f, 8), "8 NOERROR");
	end(&f);
}

TEST(replies_to_nothing_are_counted_and_dropped)
{
	struct fixture f;

	begin(&f, WITH_STRAYS);
	start(&f, "server.test", f.server.port);
	CHECK_TEXT(ask_one(&f, 7), "7 NOERROR");
	CHECK_TEXT(ask_one(&f, 8), "8 NOERROR");
	end(&f);
	CHECK_INT(f.counters.upstream_tls_stray, 2 * 5);
}

TEST(rfc7766_s6_2_4_queries_of_a_connection_that_ends_are_asked_again)
{
	struct fixture f;

	begin(&f, ONE_EACH);
	start(&f, "server.test", f.server.port);
	ask(&f, 1);
	ask(&f, 2);
	ask(&f, 3);
	CHECK_TEXT(next(&f), "1 NOERROR");
	CHECK_TEXT(next(&f), "2 NOERROR");
	CHECK_TEXT(next(&f), "3 SERVFAIL"); /* once, not for ever */
	end(&f);
	CHECK_INT(f.server.connections, 2);
	CHECK_INT(f.counters.upstream_tls_failed, 0);
}

/* @queries: how many the server may have seen. */
static void check_fails(enum manner manner, const char *name, unsigned queries)
{
	struct fixture f;

	begin(&f, manner);
	start(&f, name, f.server.port);
	ask(&f, 1);
	ask(&f, 2);
	CHECK_TEXT(next(&f), "1 SERVFAIL");
	CHECK_TEXT(next(&f), "2 SERVFAIL");
	CHECK_TEXT(ask_one(&f, 3), "3 SERVFAIL"); /* at once: it rests */
	end(&f);
	CHECK_INT(f.server.queries, queries);
	CHECK_INT(f.counters.upstream_tls_connections, 1);
	CHECK_INT(f.counters.upstream_tls_failed, 1);
	CHECK_INT(f.counters.upstream_tls_lost, 3);
}

TEST(rfc8310_s5_a_server_that_does_not_prove_its_name_is_asked_nothing)
{
	check_fails(ANSWERS, "other.test", 0);
	check_fails(ANSWERS, "127.0.0.1", 0);
}

TEST(a_server_that_hangs_up_has_failed)
{
	check_fails(HANGS_UP, "server.test", 1);
}

TEST(a_server_without_tls_has_failed)
{
	check_fails(NO_TLS, "server.test", 0);
}

TEST(a_server_that_says_nothing_has_failed_after_a_while)
{
	struct fixture f;

	begin(&f, MUTE);
	start(&f, "server.test", f.server.port);
	CHECK_TEXT(ask_one(&f, 1), "1 SERVFAIL");
	end(&f);
	CHECK_INT(f.server.queries, 1);
	CHECK_INT(f.counters.upstream_tls_failed, 1);
}

TEST(an_authority_that_is_not_trusted_certifies_nothing)
{
	struct fixture f;
	struct pem other;

	begin(&f, ANSWERS);
	stop_server(&f.server);
	pem_make(&other, "server.test");
	start_server(&f.server, &other, 0);
	start(&f, "server.test", f.server.port);
	CHECK_TEXT(ask_one(&f, 1), "1 SERVFAIL");
	end(&f);
	CHECK_INT(f.server.queries, 0);
}

TEST(a_server_that_comes_back_is_asked_after_a_pause)
{
	struct fixture f;
	uint16_t port, id = 2;

	begin(&f, ANSWERS);
	port = f.server.port;
	stop_server(&f.server);
	start(&f, "server.test", port);
	CHECK_TEXT(ask_one(&f, 1), "1 SERVFAIL");
	start_server(&f.server, &f.pem, port);
	while (id < 100 && !strstr(ask_one(&f, id), "NOERROR")) {
		usleep(100000);
		id++;
	}
	CHECK(id > 2 && id < 100);
	end(&f);
	CHECK_INT(f.counters.upstream_tls_connections, 2);
}

TEST(messages_that_are_no_queries_are_counted_and_dropped)
{
	struct fixture f;
	uint8_t bytes[1024];
	size_t len = put_query(bytes, 1, true);

	begin(&f, ANSWERS);
	start(&f, "server.test", f.server.port);
	for (size_t n = 0; n < len; n++)
		CHECK_INT(send(f.client, bytes, n, 0), n);
	CHECK_INT(send(f.client, bytes, sizeof(bytes), 0), sizeof(bytes));
	CHECK_TEXT(ask_one(&f, 5), "5 NOERROR");
	end(&f);
	CHECK_INT(f.counters.upstream_tls_stray, len + 1);
	CHECK_INT(f.server.queries, 1);
}

TEST(authorities_that_cannot_be_read_are_said)
{
	static struct dns64_config config = { .upstream = { { .tls = true, .tls_name = "a.test" } },
		.upstream_len = 1 };
	static const char *const paths[] = { "/nonexistent.pem", "/dev/null" };
	struct dns64_counters counters = { 0 };
	struct carrier *c = NULL;
	struct loop *l;
	char fault[300], want[300];

	REQUIRE(loop_new(&l) == 0);
	for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
		REQUIRE(text_copy(config.upstream_ca, sizeof(config.upstream_ca), paths[i]));
		CHECK_INT(carrier_new(&config, l, &counters, &c, fault, sizeof(fault)), -22);
		snprintf(want, sizeof(want),
			"%s has no certificates of authorities (PEM) that can be read: upstreams with tls:// "
			"need it "
			"(package ca-certificates, or dns64.upstream-ca)",
			paths[i]);
		CHECK_TEXT(fault, want);
	}
	loop_free(l);
}

static struct upstream server_at(uint16_t port, const char *name)
{
	struct upstream u = { .to = { .is4 = true, .a4 = { 0xc0000201 }, .port = port }, .tls = *name != 0 };

	REQUIRE(text_copy(u.tls_name, sizeof(u.tls_name), name));
	return u;
}

TEST(each_different_server_over_tls_has_one_port)
{
	static struct dns64_config config;
	struct dns64_counters counters = { 0 };
	struct upstream a = server_at(853, "a.test"), b = server_at(853, "b.test"), plain = server_at(53, "");
	struct carrier *c = NULL;
	struct pem pem;
	struct fixture f;
	char fault[300] = "";
	struct loop *l;

	REQUIRE(loop_new(&l) == 0);
	pem_make(&pem, "server.test");
	f.pem = pem;
	write_authorities(&f);
	config = (struct dns64_config){ .upstream = { a }, .upstream_len = 1, .forward_len = 2 };
	config.forward[0] = (struct dns64_forward){ .to = { plain }, .to_len = 1 };
	config.forward[1] = (struct dns64_forward){ .to = { b, a }, .to_len = 2 };
	REQUIRE(text_copy(config.upstream_ca, sizeof(config.upstream_ca), f.authorities));
	CHECK_INT(carrier_new(&config, l, &counters, &c, fault, sizeof(fault)), 0);
	CHECK_TEXT(fault, "");
	CHECK(carrier_port(c, &a) != 0 && carrier_port(c, &b) != 0);
	CHECK(carrier_port(c, &a) != carrier_port(c, &b));
	CHECK_INT(carrier_port(c, &plain), 0);
	carrier_free(c);
	c = NULL;
	config.forward_len = DNS64_FORWARD_MAX;
	for (unsigned i = 0; i < DNS64_TLS_SERVERS_MAX + 1; i++) {
		struct dns64_forward *to = &config.forward[i / DNS64_FORWARD_TO_MAX];

		to->to[i % DNS64_FORWARD_TO_MAX] = server_at((uint16_t)(1000 + i), "a.test");
		to->to_len = i % DNS64_FORWARD_TO_MAX + 1;
	}
	config.upstream_len = 0;
	CHECK_INT(carrier_new(&config, l, &counters, &c, fault, sizeof(fault)), -ENOSPC);
	CHECK_TEXT(fault, "cannot open a way to an upstream over TLS: there are too many of them");
	CHECK(c == NULL);
	unlink(f.authorities);
	loop_free(l);
}

TEST(rfc8467_s4_1_queries_are_padded_to_128_bytes)
{
	uint8_t query[512] = { 0 };
	struct dns_msg m;
	struct dns_rr rr;

	size_t len = put_query(query, 1, true);
	REQUIRE(dns_msg_parse(query, len, &m));
	CHECK_INT(carrier_pad(&m, query, 127), len); /* no room */
	CHECK_INT(carrier_pad(&m, query, 128), 128);
	REQUIRE(dns_msg_parse(query, 128, &m));
	struct dns_walk w = dns_walk_section(&m, SECTION_ADDITIONAL);
	REQUIRE(dns_walk_next(&w, &rr) && rr.type == TYPE_OPT);
	CHECK_INT(rr.rdata_len, 128 - len);
	CHECK_INT(be16_at(dns_rr_rdata(&m, &rr)), 12);
	CHECK_INT(be16_at(dns_rr_rdata(&m, &rr) + 2), 128 - len - 4);
	for (unsigned i = 4; i < rr.rdata_len; i++)
		CHECK_INT(dns_rr_rdata(&m, &rr)[i], 0);
	CHECK_INT(carrier_pad(&m, query, sizeof(query)), 256); /* a whole block does not hold a header more */
	len = put_query(query, 1, false);
	REQUIRE(dns_msg_parse(query, len, &m));
	CHECK_INT(carrier_pad(&m, query, sizeof(query)), len); /* no OPT record */
}
