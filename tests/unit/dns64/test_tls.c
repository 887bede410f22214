/* test_tls.c - DNS over TLS (RFC 7858): certificates, and the resolver with a client of OpenSSL's own */
#include "certificate.h"
#include "net/tls.h"
#include "lab.h"
#include "net/listen.h"

#include <signal.h>

static const struct script zone[] = {
	{ .name = "aonly.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 3600 A 203.0.114.9" },
	{ .name = "drop.r.test", .type = "AAAA", .code = "drop" },
	{ .name = "drop.r.test", .type = "A", .answer = "drop.r.test 60 A 203.0.114.9" },
};

static struct pem first, second;
static int listener;
static struct sockaddr_in at;

static struct ssl_ctx_st *context_of(const struct pem *p)
{
	struct ssl_ctx_st *ctx = NULL;
	char fault[200] = "";

	REQUIRE(tls_context_new(p->both, strlen(p->both), "", &ctx, fault, sizeof(fault)) == 0);
	CHECK_TEXT(fault, "");
	return ctx;
}

static void listen_for_tls(struct lab *lab)
{
	struct endpoint here = { .is4 = true, .a4 = { INADDR_LOOPBACK } };
	socklen_t len = sizeof(at);

	signal(SIGPIPE, SIG_IGN); /* as the role does */
	pem_make(&first, "first.test");
	pem_make(&second, "second.test");
	REQUIRE(listen_open_all(&here, SOCK_STREAM, 1, &listener) == 0);
	REQUIRE(listener >= 0 && getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	REQUIRE(resolver_serve_tls(lab->resolver, OVER_TLS, context_of(&first), &listener, 1) == 0);
}

static void start(struct lab *lab)
{
	lab_defaults(lab, zone, ARRAY_LEN(zone));
	lab->prepare = listen_for_tls;
	lab_start(lab);
}

static void end(struct lab *lab)
{
	lab_free(lab);
	close(listener);
}

static int connect_tcp(void)
{
	struct timeval patience = { .tv_sec = 14 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* One message; 0 at the end of the connection. */
static size_t read_message(SSL *tls, uint8_t *to)
{
	uint8_t prefix[2];

	if (!tls_read_exactly(tls, prefix, 2))
		return 0;
	size_t len = be16_at(prefix);

	return tls_read_exactly(tls, to, len) ? len : 0;
}

static size_t put_query(uint8_t *to, const char *name, uint16_t id)
{
	struct lab_query q = { .name = name, .type = "AAAA" };
	size_t len = lab_write_query(to + 2, &q, id);

	be16_put(to, (uint16_t)len);
	return len + 2;
}

static const char *ask(SSL *tls, const char *name)
{
	static uint8_t reply[65535];
	uint8_t query[512];
	size_t len = put_query(query, name, 7);

	REQUIRE(SSL_write(tls, query, (int)len) == (int)len);
	len = read_message(tls, reply);
	return len == 0 ? "nothing" : message_to_text(reply, len);
}

/* The TTL may have counted down by one meanwhile. */
static bool is_answered(SSL *tls)
{
	const char *text = ask(tls, "aonly.r.test");

	return strstr(text, "NOERROR: aonly.r.test. ") == text && strstr(text, " AAAA 64:ff9b::cb00:7209");
}

TEST(a_query_over_tls_is_answered_and_counted)
{
	struct lab lab;

	start(&lab);
	int fd = connect_tcp();
	SSL *tls = tls_client(fd, "\003dot");

	REQUIRE(tls != NULL);
	CHECK(tls_is_shown(tls, &first));
	CHECK(is_answered(tls));
	CHECK(is_answered(tls));
	SSL_free(tls);
	close(fd);
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->queries_over_tls, 2);
	CHECK_INT(c->queries_tcp, 0);
	CHECK_INT(c->tcp_accepted, 1);
	CHECK_INT(c->tls_failed, 0);
	end(&lab);
}

/* One record of TLS holds 16 KiB, the resolver's buffer a quarter of it: what OpenSSL keeps must not be forgotten, not
 * even while the client is paused because 64 of its queries are open. */
TEST(rfc7766_s6_2_1_many_queries_in_one_record_are_all_answered)
{
	static uint8_t record[16384], reply[65535];
	struct lab lab;
	size_t len = 0;
	unsigned asked = 0, answered = 0;

	start(&lab);
	int fd = connect_tcp();
	SSL *tls = tls_client(fd, NULL);

	REQUIRE(tls != NULL);
	for (; len + 64 < sizeof(record); asked++)
		len += put_query(record + len, asked < 100 ? "drop.r.test" : "aonly.r.test", (uint16_t)asked);
	REQUIRE(asked > 300);
	REQUIRE(SSL_write(tls, record, (int)len) == (int)len);
	while (answered < asked && read_message(tls, reply) > 0)
		answered++;
	CHECK_INT(answered, asked);
	SSL_free(tls);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->queries_over_tls, asked);
	end(&lab);
}

TEST(a_new_certificate_is_for_new_connections_and_the_old_ones_go_on)
{
	struct lab lab;

	start(&lab);
	int old = connect_tcp(), new;
	SSL *before = tls_client(old, NULL);

	REQUIRE(before != NULL);
	CHECK(is_answered(before));
	lab_stop(&lab);
	resolver_renew_tls(lab.resolver, OVER_TLS, context_of(&second));
	REQUIRE(read(lab.stop[0], &(char){ 0 }, 1) == 1);
	REQUIRE(pthread_create(&lab.thread, NULL, lab_run, &lab) == 0);

	CHECK(is_answered(before));
	new = connect_tcp();
	SSL *after = tls_client(new, NULL);

	REQUIRE(after != NULL);
	CHECK(tls_is_shown(after, &second));
	CHECK(is_answered(after));
	SSL_free(before);
	SSL_free(after);
	close(old);
	close(new);
	lab_stop(&lab);
	end(&lab);
}

TEST(what_is_no_tls_ends_the_connection_and_nothing_else)
{
	static const char *const noise[] = { "", "\x16", "\x16\x03\x01", "\x16\x03\x01\xff\xff\xff\xff\xff",
		"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" };
	struct lab lab;
	char byte;

	start(&lab);
	for (size_t i = 0; i < ARRAY_LEN(noise); i++) {
		int fd = connect_tcp();

		REQUIRE(send(fd, noise[i], strlen(noise[i]), MSG_NOSIGNAL) == (ssize_t)strlen(noise[i]));
		shutdown(fd, SHUT_WR);
		while (recv(fd, &byte, 1, 0) > 0)
			; /* an alert, perhaps */
		close(fd);
	}
	int fd = connect_tcp();
	SSL *tls = tls_client(fd, NULL);

	REQUIRE(tls != NULL);
	CHECK(is_answered(tls));
	SSL_free(tls);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->tls_failed, ARRAY_LEN(noise));
	CHECK_INT(resolver_counters(lab.resolver)->queries_over_tls, 1);
	end(&lab);
}

TEST(rfc9325_s3_1_1_tls_below_1_2_is_refused)
{
	struct lab lab;

	start(&lab);
	int fd = connect_tcp();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = SSL_new(ctx);

	SSL_CTX_free(ctx);
	SSL_set_security_level(tls, 0);
	SSL_set_min_proto_version(tls, TLS1_VERSION);
	SSL_set_max_proto_version(tls, TLS1_1_VERSION);
	SSL_set_fd(tls, fd);
	CHECK(SSL_connect(tls) <= 0);
	SSL_free(tls);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->tls_failed, 1);
	end(&lab);
}

TEST(strangers_are_closed_before_the_handshake)
{
	struct lab lab;
	char byte;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.allow[0] = (struct prefix){ .is4 = true, .p4 = { { 0x0a000000 }, 8 } };
	lab.prepare = listen_for_tls;
	lab_start(&lab);
	int fd = connect_tcp();

	CHECK_INT(recv(fd, &byte, 1, 0), 0);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->tls_refused_stranger, 1);
	CHECK_INT(resolver_counters(lab.resolver)->tcp_accepted, 0);
	end(&lab);
}

static void refused(const char *pem, size_t len, const char *why)
{
	struct ssl_ctx_st *poison = (struct ssl_ctx_st *)&first, *ctx = poison;
	char fault[200] = "";

	CHECK_INT(tls_context_new(pem, len, "", &ctx, fault, sizeof(fault)), -EINVAL);
	CHECK(ctx == poison);
	if (!CHECK(strstr(fault, why) != NULL))
		fprintf(stderr, "     %s\n", fault);
}

TEST(a_certificate_says_until_when_it_is_good)
{
	struct ssl_ctx_st *ctx, *other;
	struct pem pem;

	pem_make(&pem, "dns.example.net"); /* for an hour */
	ctx = context_of(&pem);
	int64_t left = tls_context_expires(ctx) - time(NULL);

	CHECK(left > 3500 && left <= 3600);
	other = tls_context_share(ctx);
	tls_context_free(ctx);
	CHECK(tls_context_expires(other) - time(NULL) == left ||
		tls_context_expires(other) - time(NULL) == left - 1);
	tls_context_free(other);
}

TEST(certificates_that_cannot_be_used_are_refused_with_a_sentence)
{
	char text[8192];

	pem_make(&first, "first.test");
	pem_make(&second, "second.test");
	refused("", 0, "there is no certificate");
	refused(first.key, strlen(first.key), "there is no certificate");
	refused(first.certificate, strlen(first.certificate), "there is no private key");
	snprintf(text, sizeof(text), "%s%s", first.certificate, second.key);
	refused(text, strlen(text), "does not belong");
	snprintf(text, sizeof(text), "%s-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n", first.certificate);
	refused(text, strlen(text), "there is no private key");
	/* Each of the two is whole or missing, wherever the text ends. */
	for (size_t len = 0; len + 2 < strlen(first.both); len++)
		refused(first.both, len, "there is no ");
	/* The order is free, and a chain is taken along. */
	snprintf(text, sizeof(text), "%s%s%s", first.key, first.certificate, second.certificate);
	struct pem mixed = first;

	memcpy(mixed.both, text, sizeof(mixed.both));
	tls_context_free(context_of(&mixed));
}
