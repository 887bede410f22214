/* certificate.h - certificates made by the tests themselves, and a client that sees them */
#ifndef ISTHMUS_TESTS_CERTIFICATE_H
#define ISTHMUS_TESTS_CERTIFICATE_H

#include "harness.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct pem {
	char certificate[2048], key[1024];
	char both[4096];
};

static inline void pem_take(BIO *from, char *to, size_t room)
{
	char *text;
	long len = BIO_get_mem_data(from, &text);

	REQUIRE(len > 0 && (size_t)len < room);
	memcpy(to, text, (size_t)len);
	to[len] = '\0';
	BIO_free(from);
}

/* A certificate that signs itself, for @name. */
static inline void pem_make(struct pem *p, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *c = X509_new();
	char names[300];
	BIO *certificate = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());

	REQUIRE(key && c && certificate && secret);
	X509_set_version(c, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
	X509_gmtime_adj(X509_getm_notBefore(c), -60);
	X509_gmtime_adj(X509_getm_notAfter(c), 3600);
	X509_set_pubkey(c, key);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(c), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(c, X509_get_subject_name(c));
	snprintf(names, sizeof(names), "DNS:%s", name);
	X509_EXTENSION *more = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	REQUIRE(more && X509_add_ext(c, more, -1) == 1);
	X509_EXTENSION_free(more);
	REQUIRE(X509_sign(c, key, EVP_sha256()) > 0);
	REQUIRE(PEM_write_bio_X509(certificate, c) == 1);
	REQUIRE(PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1);
	pem_take(certificate, p->certificate, sizeof(p->certificate));
	pem_take(secret, p->key, sizeof(p->key));
	snprintf(p->both, sizeof(p->both), "%s%s", p->certificate, p->key);
	X509_free(c);
	EVP_PKEY_free(key);
}

/* A client on a connected, blocking socket; @alpn as in the message, or NULL. NULL if the handshake fails. */
static inline SSL *tls_client(int fd, const char *alpn)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = ctx ? SSL_new(ctx) : NULL;

	REQUIRE(tls && SSL_set_fd(tls, fd) == 1);
	SSL_CTX_free(ctx);
	if (alpn)
		SSL_set_alpn_protos(tls, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	if (SSL_connect(tls) == 1)
		return tls;
	SSL_free(tls);
	return NULL;
}

/* @len bytes from a blocking connection; false at its end. */
static inline bool tls_read_exactly(SSL *tls, uint8_t *to, size_t len)
{
	for (size_t have = 0; have < len;) {
		int n = SSL_read(tls, to + have, (int)(len - have));

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/* Whether the server showed this certificate. */
static inline bool tls_is_shown(SSL *tls, const struct pem *p)
{
	BIO *in = BIO_new_mem_buf(p->certificate, -1);
	X509 *want = PEM_read_bio_X509(in, NULL, NULL, NULL), *got = SSL_get1_peer_certificate(tls);
	bool is_same = want && got && X509_cmp(want, got) == 0;

	X509_free(want);
	X509_free(got);
	BIO_free(in);
	return is_same;
}

#endif
