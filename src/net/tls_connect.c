/* tls_connect.c - the client's side of TLS; see tls.h */
#include "net/tls.h"

#include "net/tls_socket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* Without this, OpenSSL would ask the terminal for the password of what is encrypted. */
static char no_password[] = "";

static SSL_CTX *context_new(char *fault, size_t fault_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx) {
		snprintf(fault, fault_size, "out of memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

int tls_client_context_new(const char *authorities, struct ssl_ctx_st **ret, char *fault, size_t fault_size)
{
	SSL_CTX *ctx = context_new(fault, fault_size);

	if (!ctx)
		return -ENOMEM;
	if (SSL_CTX_load_verify_file(ctx, authorities) != 1) {
		ERR_clear_error();
		SSL_CTX_free(ctx);
		snprintf(fault, fault_size,
			"%s has no certificates of authorities (PEM) that can be read: upstreams with tls:// "
			"need "
			"it (package ca-certificates, or dns64.upstream-ca)",
			authorities);
		return -EINVAL;
	}
	*ret = ctx;
	return 0;
}

/* How many certificates of a text are trusted now. */
static unsigned add_authorities(SSL_CTX *ctx, const char *pem, size_t len)
{
	BIO *in = BIO_new_mem_buf(pem, (int)len);
	unsigned taken = 0;

	for (X509 *c; in && (c = PEM_read_bio_X509(in, NULL, NULL, no_password)); X509_free(c))
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), c) == 1)
			taken++;
	BIO_free(in);
	return taken;
}

static bool offer_protocol(SSL_CTX *ctx, const char *name)
{
	uint8_t list[32];
	size_t len = strlen(name);

	if (len == 0)
		return true;
	ASSERT(len < sizeof(list));
	list[0] = (uint8_t)len;
	bytes_copy(list + 1, name, len);
	return SSL_CTX_set_alpn_protos(ctx, list, (unsigned)len + 1) == 0; /* 0 is success, of this one */
}

int tls_client_context_new_of(const char *authorities, size_t len, const char *protocol,
	struct ssl_ctx_st **ret, char *fault, size_t fault_size)
{
	SSL_CTX *ctx = context_new(fault, fault_size);

	if (!ctx)
		return -ENOMEM;
	if (!authorities)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	bool is_trusting = !authorities || add_authorities(ctx, authorities, len) > 0,
	     is_done = is_trusting && offer_protocol(ctx, protocol);

	ERR_clear_error();
	if (is_done) {
		*ret = ctx;
		return 0;
	}
	SSL_CTX_free(ctx);
	snprintf(fault, fault_size, "%s",
		is_trusting ? "out of memory" : "it has no certificates of authorities (PEM)");
	return is_trusting ? -ENOMEM : -EINVAL;
}

/*
 * A certificate names addresses or hosts, in its subjectAltName and nowhere else (RFC 8310 s8.1); a host's name is told
 * to the server, too (RFC 6066 s3).
 */
static bool expect_name(SSL *tls, const char *name)
{
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name) == 1)
		return true;
	SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set1_host(tls, name) == 1 && SSL_set_tlsext_host_name(tls, name) == 1;
}

struct ssl_st *tls_connect(struct ssl_ctx_st *ctx, int fd, const char *name)
{
	SSL *tls = SSL_new(ctx);

	if (tls && tls_socket_attach(tls, fd) && expect_name(tls, name)) {
		SSL_set_connect_state(tls);
		ERR_clear_error();
		return tls;
	}
	SSL_free(tls);
	ERR_clear_error();
	return NULL;
}

const char *tls_refusal(const struct ssl_st *tls)
{
	long r = SSL_get_verify_result(tls);

	return r == X509_V_OK ? NULL : X509_verify_cert_error_string(r);
}
