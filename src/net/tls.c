/* tls.c - see tls.h */
#include "net/tls.h"

#include "base/compiler.h"
#include "net/tls_socket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <time.h>

/* RFC 9325 s4.1, s4.2: forward secrecy and authenticated encryption; what TLS 1.3 has is all like that. */
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define CHAIN_MAX 8 /* certificates above the server's own; more is a mistake */

/* --- certificate and key --- */

/* Without this, OpenSSL would ask the terminal for the password of a key. */
static int no_password(char *buf, int size, int is_writing, void *ctx)
{
	return 0;
}

static const char *add_chain(SSL_CTX *ctx, BIO *in)
{
	for (unsigned i = 0; i <= CHAIN_MAX; i++) {
		X509 *c = PEM_read_bio_X509(in, NULL, no_password, NULL);

		if (!c)
			return NULL;
		if (SSL_CTX_add1_chain_cert(ctx, c) != 1) {
			X509_free(c);
			return "a certificate after the first cannot be used";
		}
		X509_free(c);
	}
	return "it has more certificates than a chain can have";
}

static const char *add_certificates(SSL_CTX *ctx, BIO *in)
{
	X509 *own = PEM_read_bio_X509(in, NULL, no_password, NULL);
	const char *why = NULL;

	if (!own)
		return "there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)";
	if (SSL_CTX_use_certificate(ctx, own) != 1)
		why = "the certificate cannot be used: its key is too weak, or its kind is not known";
	else
		why = add_chain(ctx, in);
	X509_free(own);
	return why;
}

static const char *add_key(SSL_CTX *ctx, BIO *in)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
	const char *why = NULL;

	if (!key)
		return "there is no private key without a password in it (PEM)";
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		why = "the private key does not belong to the certificate";
	EVP_PKEY_free(key);
	return why;
}

/* Each kind of thing is looked for from the start of the text. */
static const char *add_from_text(
	SSL_CTX *ctx, const char *pem, size_t len, const char *(*add)(SSL_CTX *ctx, BIO *in))
{
	BIO *in = BIO_new_mem_buf(pem, (int)len);
	const char *why = in ? add(ctx, in) : "out of memory";

	BIO_free(in);
	return why;
}

/* --- settings --- */

/* Lists of protocols as they stand in the message: a length and a name, and so on (RFC 7301 s3.1). */
static const struct protocols {
	const char *text;
	unsigned len;
	const uint8_t *list;
} known_protocols[] = {
	{ "", 0, NULL },
	{ "h2", 3, (const uint8_t *)"\2h2" },
	{ "h2 http/1.1", 12, (const uint8_t *)"\2h2\10http/1.1" },
};

static const char *const protocol_names[] = { "h2", "http/1.1" };

/* The first of ours that the client has, or none. RFC 7301 s3.2: no_application_protocol if there is none in common. */
static int select_protocol(SSL *tls, const unsigned char **ret, unsigned char *ret_len,
	const unsigned char *offered, unsigned offered_len, void *arg)
{
	const struct protocols *ours = arg;
	unsigned char *out;

	if (SSL_select_next_proto(&out, ret_len, ours->list, ours->len, offered, offered_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = out;
	return SSL_TLSEXT_ERR_OK;
}

static void set_protocols(SSL_CTX *ctx, const char *text)
{
	for (unsigned i = 0; i < ARRAY_LEN(known_protocols); i++)
		if (known_protocols[i].len > 0 && strcmp(known_protocols[i].text, text) == 0)
			SSL_CTX_set_alpn_select_cb(
				ctx, select_protocol, (void *)(uintptr_t)&known_protocols[i]);
}

static void set_up(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_cipher_list(ctx, CIPHERS_TLS12); /* cannot fail: OpenSSL knows some of them */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets resume without memory of ours */
	SSL_CTX_set_num_tickets(ctx, 1);
}

int tls_context_new(const char *pem, size_t len, const char *protocols, struct ssl_ctx_st **ret, char *fault,
	size_t fault_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	set_up(ctx);
	set_protocols(ctx, protocols);
	const char *why = add_from_text(ctx, pem, len, add_certificates);

	if (!why)
		why = add_from_text(ctx, pem, len, add_key);
	ERR_clear_error();
	if (why) {
		snprintf(fault, fault_size, "%s", why);
		SSL_CTX_free(ctx);
		return -EINVAL;
	}
	*ret = ctx;
	return 0;
}

void tls_context_free(struct ssl_ctx_st *ctx)
{
	SSL_CTX_free(ctx);
}

int64_t tls_context_expires(const struct ssl_ctx_st *ctx)
{
	const X509 *own = SSL_CTX_get0_certificate(ctx);
	struct tm tm;

	/* Without seconds or zone a time is no time of a certificate (RFC 5280 s4.1.2.5); OpenSSL reads the others. */
	return own && ASN1_TIME_to_tm(X509_get0_notAfter(own), &tm) == 1 ? timegm(&tm) : 0;
}

void tls_context_read_ahead(struct ssl_ctx_st *ctx)
{
	SSL_CTX_set_read_ahead(ctx, 1);
}

struct ssl_ctx_st *tls_context_share(struct ssl_ctx_st *ctx)
{
	SSL_CTX_up_ref(ctx); /* cannot fail for one that exists */
	return ctx;
}

/* --- connections --- */

struct ssl_st *tls_accept(struct ssl_ctx_st *ctx, int fd)
{
	SSL *tls = SSL_new(ctx);

	if (tls && tls_socket_attach(tls, fd)) {
		SSL_set_accept_state(tls);
		return tls;
	}
	SSL_free(tls);
	ERR_clear_error();
	return NULL;
}

void tls_end(struct ssl_st *tls)
{
	if (tls && SSL_is_init_finished(tls))
		(void)SSL_shutdown(tls); /* fails after a fatal error, which needs no farewell */
	SSL_free(tls);
	ERR_clear_error();
}

void tls_drop(struct ssl_st *tls)
{
	SSL_free(tls);
}

int tls_shut(struct ssl_st *tls)
{
	bool must_wait = false;

	if (SSL_is_init_finished(tls)) {
		int r = SSL_shutdown(tls); /* 0: said, but the peer has not said it yet */

		must_wait = r < 0 && SSL_get_error(tls, r) == SSL_ERROR_WANT_WRITE;
	}
	ERR_clear_error();
	return must_wait ? -EAGAIN : 0;
}

/* What a call that moved nothing means to the caller. */
static ssize_t outcome(const SSL *tls, int r)
{
	int system = errno;

	switch (SSL_get_error(tls, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return system ? -system : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

ssize_t tls_read(struct ssl_st *tls, void *to, size_t room)
{
	ERR_clear_error();
	errno = 0;
	tls_socket_forget(tls);
	int r = SSL_read(tls, to, (int)room);
	ssize_t n = r > 0 ? r : outcome(tls, r);

	ERR_clear_error();
	return n;
}

ssize_t tls_write(struct ssl_st *tls, const void *from, size_t len)
{
	ERR_clear_error();
	errno = 0;
	int r = SSL_write(tls, from, len > INT32_MAX ? INT32_MAX : (int)len);
	ssize_t n = r > 0 ? r : outcome(tls, r);

	ERR_clear_error();
	return n;
}

bool tls_wants_write(const struct ssl_st *tls)
{
	return SSL_want_write(tls);
}

bool tls_has_pending(const struct ssl_st *tls)
{
	return SSL_has_pending(tls);
}

bool tls_is_drained(const struct ssl_st *tls)
{
	return tls_socket_is_empty(tls) && !SSL_has_pending(tls);
}

bool tls_is_established(const struct ssl_st *tls)
{
	return SSL_is_init_finished(tls);
}

const char *tls_protocol(const struct ssl_st *tls)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(tls, &name, &len);
	for (unsigned i = 0; i < ARRAY_LEN(protocol_names); i++)
		if (strlen(protocol_names[i]) == len && bytes_equal(protocol_names[i], name, len))
			return protocol_names[i];
	return "";
}

const struct ssl_ctx_st *tls_context_of(const struct ssl_st *tls)
{
	return SSL_get_SSL_CTX(tls);
}
