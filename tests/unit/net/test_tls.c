/* test_tls.c - TLS of both sides: protocols, tickets on several contexts, servers that prove who they are and others */
#include "certificate.h"
#include "base/compiler.h"
#include "net/tls.h"
#include "net/tls_tickets.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define H2 "\2h2"
#define HTTP1 "\10http/1.1"
#define IMAP "\4imap"

static const unsigned char scope[32] = { 1 }, other_scope[32] = { 2 };

/* Both ends of one connection, which are moved by turns. */
struct pair {
	int fds[2];
	struct ssl_st *server, *client;
	bool is_refused;
};

static struct ssl_ctx_st *server_context(const struct pem *p, const char *protocols)
{
	struct ssl_ctx_st *ctx = NULL;
	char fault[200] = "";

	REQUIRE(tls_context_new(p->both, strlen(p->both), protocols, &ctx, fault, sizeof(fault)) == 0);
	return ctx;
}

static void pair_open(struct pair *p, struct ssl_ctx_st *server)
{
	*p = (struct pair){ .is_refused = false };
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds) == 0);
	p->server = tls_accept(server, p->fds[0]);
	REQUIRE(p->server);
}

/* One try to read at an end does what the handshake needs. */
static bool is_going_on(struct ssl_st *tls)
{
	char c;
	ssize_t n = tls_read(tls, &c, 1);

	return n == -EAGAIN;
}

/* Until both are done, the client's tickets included; or one has given up. */
static void pair_shake(struct pair *p)
{
	for (unsigned i = 0; i < 10 && !p->is_refused; i++)
		p->is_refused = !is_going_on(p->client) || !is_going_on(p->server);
	CHECK(p->is_refused || (tls_is_established(p->client) && tls_is_established(p->server)));
}

static void pair_close(struct pair *p)
{
	tls_end(p->client);
	tls_end(p->server);
	close(p->fds[0]);
	close(p->fds[1]);
}

static SSL *client_of(SSL_CTX *ctx, int fd)
{
	SSL *tls = SSL_new(ctx);

	REQUIRE(tls && SSL_set_fd(tls, fd) == 1);
	SSL_set_connect_state(tls);
	return tls;
}

TEST(the_best_protocol_of_both_is_chosen)
{
	static const struct {
		const char *name, *ours, *theirs, *want; /* NULL: refused */
	} cases[] = {
		{ "both", "h2 http/1.1", HTTP1 H2, "h2" },
		{ "the second", "h2 http/1.1", IMAP HTTP1, "http/1.1" },
		{ "RFC 7301 s3.2: nothing in common", "h2 http/1.1", IMAP, NULL },
		{ "the client says nothing", "h2 http/1.1", NULL, "" },
		{ "h2 alone", "h2", HTTP1 H2, "h2" },
		{ "h2 alone, which the client has not", "h2", HTTP1, NULL },
		{ "nothing is asked for", "", H2, "" },
	};
	struct pem pem;

	pem_make(&pem, "a.test");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ssl_ctx_st *ctx = server_context(&pem, cases[i].ours);
		SSL_CTX *any = SSL_CTX_new(TLS_client_method());
		struct pair p;

		test_row(cases[i].name);
		pair_open(&p, ctx);
		p.client = client_of(any, p.fds[1]);
		if (cases[i].theirs)
			SSL_set_alpn_protos(p.client, (const unsigned char *)cases[i].theirs,
				(unsigned)strlen(cases[i].theirs));
		pair_shake(&p);
		CHECK_INT(p.is_refused, !cases[i].want);
		if (cases[i].want)
			CHECK_TEXT(tls_protocol(p.server), cases[i].want);
		CHECK(tls_context_of(p.server) == ctx);
		pair_close(&p);
		SSL_CTX_free(any);
		tls_context_free(ctx);
	}
	test_row(NULL);
}

TEST(ciphers_without_forward_secrecy_or_authentication_are_refused)
{
	static const struct {
		const char *cipher;
		bool is_good;
	} cases[] = {
		{ "ECDHE-ECDSA-AES128-GCM-SHA256", true },
		{ "ECDHE-ECDSA-CHACHA20-POLY1305", true },
		{ "ECDHE-ECDSA-AES128-SHA", false },
		{ "ECDHE-ECDSA-AES256-SHA384", false },
	};
	struct pem pem;

	pem_make(&pem, "a.test");
	struct ssl_ctx_st *ctx = server_context(&pem, "");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		SSL_CTX *old = SSL_CTX_new(TLS_client_method());
		struct pair p;

		test_row(cases[i].cipher);
		SSL_CTX_set_max_proto_version(old, TLS1_2_VERSION);
		REQUIRE(SSL_CTX_set_cipher_list(old, cases[i].cipher) == 1);
		pair_open(&p, ctx);
		p.client = client_of(old, p.fds[1]);
		pair_shake(&p);
		CHECK_INT(p.is_refused, !cases[i].is_good);
		pair_close(&p);
		SSL_CTX_free(old);
	}
	test_row(NULL);
	tls_context_free(ctx);
}

/* --- tickets --- */

struct visitor {
	SSL_CTX *ctx;
	SSL_SESSION *session; /* the newest that it got */
};

static int keep_session(SSL *tls, SSL_SESSION *s)
{
	struct visitor *v = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

	SSL_SESSION_free(v->session);
	v->session = s;
	return 1;
}

static void visitor_init(struct visitor *v, int version)
{
	*v = (struct visitor){ SSL_CTX_new(TLS_client_method()), NULL };
	SSL_CTX_set_app_data(v->ctx, v);
	SSL_CTX_set_max_proto_version(v->ctx, version);
	SSL_CTX_set_session_cache_mode(v->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(v->ctx, keep_session);
}

static void visitor_fini(struct visitor *v)
{
	SSL_SESSION_free(v->session);
	SSL_CTX_free(v->ctx);
}

/* OpenSSL marks a session when it is used, so each use has its own. */
static void visitor_remember(struct visitor *v, SSL_SESSION *s)
{
	SSL_SESSION_free(v->session);
	v->session = SSL_SESSION_dup(s);
	REQUIRE(v->session);
}

/* Whether the server took the session that the client had. */
static bool is_resumed_at(struct visitor *v, struct ssl_ctx_st *server)
{
	struct pair p;

	pair_open(&p, server);
	p.client = client_of(v->ctx, p.fds[1]);
	if (v->session)
		SSL_set_session(p.client, v->session);
	pair_shake(&p);
	CHECK(!p.is_refused);
	bool is_resumed = SSL_session_reused(p.client);

	if (SSL_version(p.client) ==
		TLS1_2_VERSION) /* of a ticket that comes with a resumption, nobody is told */
		visitor_remember(v, SSL_get0_session(p.client));
	pair_close(&p);
	return is_resumed;
}

static struct ssl_ctx_st *ticket_context(
	const struct pem *pem, struct tls_tickets *t, const unsigned char *of)
{
	struct ssl_ctx_st *ctx = server_context(pem, "");

	REQUIRE(tls_tickets_use(t, ctx, of) == 0);
	return ctx;
}

TEST(a_session_is_resumed_at_any_context_of_its_scope_until_its_key_is_gone)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct pem pem;

	pem_make(&pem, "a.test");
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct tls_tickets *t;
		struct visitor v;
		SSL_SESSION *first;

		test_row(i == 0 ? "TLS 1.2" : "TLS 1.3");
		REQUIRE(tls_tickets_new(100, &t) == 0);
		struct ssl_ctx_st *a = ticket_context(&pem, t, scope), *b = ticket_context(&pem, t, scope),
				  *c = ticket_context(&pem, t, other_scope);

		visitor_init(&v, versions[i]);
		CHECK(!is_resumed_at(&v, a));
		REQUIRE(v.session);
		first = SSL_SESSION_dup(v.session);
		CHECK(is_resumed_at(&v, a));
		CHECK(is_resumed_at(&v, b));
		CHECK(!is_resumed_at(&v, c));

		tls_tickets_tick(t, 100 + TICKETS_LIFE - 1);
		tls_tickets_tick(t, 100 + TICKETS_LIFE);
		visitor_remember(&v, first);
		CHECK(is_resumed_at(&v, b)); /* by the key before, and gets a ticket of the new one */
		tls_tickets_tick(t, 100 + 2 * TICKETS_LIFE);
		CHECK(is_resumed_at(&v, b));
		visitor_remember(&v, first);
		CHECK(!is_resumed_at(&v, b));
		SSL_SESSION_free(first);

		visitor_fini(&v);
		tls_context_free(a);
		tls_context_free(b);
		tls_context_free(c);
		tls_tickets_free(t);
	}
	test_row(NULL);
	tls_tickets_free(NULL);
}

TEST(after_a_long_time_without_clients_both_keys_are_new)
{
	struct tls_tickets *t;
	struct visitor v;
	struct pem pem;

	pem_make(&pem, "a.test");
	REQUIRE(tls_tickets_new(0, &t) == 0);
	struct ssl_ctx_st *ctx = ticket_context(&pem, t, scope);

	visitor_init(&v, TLS1_3_VERSION);
	CHECK(!is_resumed_at(&v, ctx));
	tls_tickets_tick(t, 2 * TICKETS_LIFE);
	CHECK(!is_resumed_at(&v, ctx));
	visitor_fini(&v);
	tls_context_free(ctx);
	tls_tickets_free(t);
}

/* --- the client's side --- */

static bool is_reached(struct ssl_ctx_st *server, struct ssl_ctx_st *client, const char *name)
{
	struct pair p;

	pair_open(&p, server);
	p.client = tls_connect(client, p.fds[1], name);
	REQUIRE(p.client);
	pair_shake(&p);
	bool is_good = !p.is_refused;

	CHECK_INT(tls_refusal(p.client) == NULL || is_good, is_good || false);
	if (is_good)
		CHECK_TEXT(tls_protocol(p.client), "http/1.1");
	pair_close(&p);
	return is_good;
}

TEST(a_server_proves_who_it_is_unless_nobody_asks)
{
	struct ssl_ctx_st *checking, *trusting;
	char fault[200] = "";
	struct pem good, bad;

	pem_make(&good, "good.test");
	pem_make(&bad, "bad.test");
	struct ssl_ctx_st *server = server_context(&good, "h2 http/1.1"),
			  *stranger = server_context(&bad, "h2 http/1.1");

	REQUIRE(tls_client_context_new_of(good.certificate, strlen(good.certificate), "http/1.1", &checking,
			fault, sizeof(fault)) == 0);
	REQUIRE(tls_client_context_new_of(NULL, 0, "http/1.1", &trusting, fault, sizeof(fault)) == 0);
	CHECK(is_reached(server, checking, "good.test"));
	CHECK(!is_reached(server, checking, "other.test"));
	CHECK(!is_reached(server, checking, "192.0.2.1"));
	CHECK(!is_reached(stranger, checking, "bad.test"));
	CHECK(is_reached(server, trusting, "other.test"));
	CHECK(is_reached(stranger, trusting, "2001:db8::1"));
	tls_context_free(checking);
	tls_context_free(trusting);
	tls_context_free(server);
	tls_context_free(stranger);
}

/* RFC 9112 s9.8: somebody on the way may have cut what ends like this. */
TEST(an_end_that_the_server_did_not_announce_is_told_from_one_that_it_did)
{
	struct ssl_ctx_st *client = NULL;
	char fault[200] = "", c;
	struct pem pem;

	signal(SIGPIPE, SIG_IGN); /* as in every process that has TLS: an alert for a socket that is shut */
	pem_make(&pem, "a.test");
	struct ssl_ctx_st *server = server_context(&pem, "");

	REQUIRE(tls_client_context_new_of(NULL, 0, "", &client, fault, sizeof(fault)) == 0);
	for (unsigned is_announced = 0; is_announced < 2; is_announced++) {
		struct pair p;

		pair_open(&p, server);
		p.client = tls_connect(client, p.fds[1], "a.test");
		REQUIRE(p.client);
		pair_shake(&p);
		CHECK_INT(tls_write(p.server, "x", 1), 1);
		if (is_announced)
			CHECK_INT(tls_shut(p.server), 0);
		REQUIRE(shutdown(p.fds[0], SHUT_WR) == 0);
		CHECK_INT(tls_read(p.client, &c, 1), 1);
		CHECK_INT(tls_read(p.client, &c, 1), is_announced ? 0 : -EPROTO);
		pair_close(&p);
	}
	tls_context_free(client);
	tls_context_free(server);
}

/* To say so too early would be a connection that waits for ever: the socket tells of bytes once. */
TEST(a_socket_is_drained_when_nothing_is_left_in_it_or_of_what_it_brought)
{
	SSL_CTX *any = SSL_CTX_new(TLS_client_method());
	struct pem pem;
	struct pair p;
	char got[10];

	pem_make(&pem, "a.test");
	struct ssl_ctx_st *server = server_context(&pem, "");

	tls_context_read_ahead(server);
	pair_open(&p, server);
	p.client = client_of(any, p.fds[1]);
	pair_shake(&p);
	CHECK_INT(tls_write(p.client, "one", 3), 3);
	CHECK_INT(tls_write(p.client, "two", 3), 3);
	CHECK_INT(tls_read(p.server, got, 1), 1);
	CHECK(!tls_is_drained(p.server)); /* of a part of a record */
	CHECK_INT(tls_read(p.server, got, 10), 2);
	CHECK(!tls_is_drained(p.server)); /* the second record has been read ahead */
	CHECK_INT(tls_write(p.client, "three", 5), 5);
	CHECK_INT(tls_read(p.server, got, 10), 3);
	CHECK(!tls_is_drained(p.server)); /* nothing is left of it, but more has come since */
	CHECK_INT(tls_read(p.server, got, 10), 5);
	CHECK(tls_is_drained(p.server));
	CHECK_INT(tls_read(p.server, got, 10), -EAGAIN);
	pair_close(&p);
	SSL_CTX_free(any);
	tls_context_free(server);
}

TEST(a_text_without_authorities_is_refused)
{
	struct ssl_ctx_st *ctx = NULL;
	char fault[200] = "";
	struct pem p;

	pem_make(&p, "a.test");
	CHECK_INT(tls_client_context_new_of(p.key, strlen(p.key), "", &ctx, fault, sizeof(fault)), -EINVAL);
	CHECK_TEXT(fault, "it has no certificates of authorities (PEM)");
	CHECK_INT(tls_client_context_new_of("", 0, "", &ctx, fault, sizeof(fault)), -EINVAL);
	CHECK(!ctx);
}
