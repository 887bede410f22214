/* tls_connect.c - the client's side of TLS; see tls.h */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

int tls_client_context_new(const char *authorities, struct ssl_ctx_st **ret, char *fault, size_t fault_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
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

	if (tls && SSL_set_fd(tls, fd) == 1 && expect_name(tls, name)) {
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
