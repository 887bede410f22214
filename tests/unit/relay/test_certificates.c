/* test_certificates.c - the same certificate is the same context, for as long as anybody has it */
#include "certificate.h"
#include "relay/certificates.h"

#include <errno.h>

static struct relay_text text_of(struct pem *p)
{
	return (struct relay_text){ p->both, strlen(p->both) };
}

TEST(the_same_text_is_the_same_context_and_another_one_another)
{
	struct certificates *c;
	struct ssl_ctx_st *first, *again, *other;
	struct pem a, b;
	char fault[200] = "";

	pem_make(&a, "a.test");
	pem_make(&b, "a.test");
	struct relay_text of_a = text_of(&a), of_b = text_of(&b);

	REQUIRE(certificates_new(&c) == 0);
	REQUIRE(certificates_take(c, &of_a, &first, fault, sizeof(fault)) == 0);
	REQUIRE(certificates_take(c, &of_b, &other, fault, sizeof(fault)) == 0);
	REQUIRE(certificates_take(c, &of_a, &again, fault, sizeof(fault)) == 0);
	CHECK(first == again);
	CHECK(first != other);
	certificates_give(c, first);
	certificates_give(c, other);
	REQUIRE(certificates_take(c, &of_a, &first, fault, sizeof(fault)) == 0);
	CHECK(first == again); /* it was still held */
	certificates_give(c, first);
	certificates_give(c, again);
	certificates_give(c, NULL);
	certificates_free(c);
	certificates_free(NULL);
}

TEST(what_is_shown_and_what_is_trusted_are_apart)
{
	struct certificates *c;
	struct ssl_ctx_st *shown, *trusted, *again, *any, *any_again, *none = NULL;
	struct pem a;
	char fault[200] = "";

	pem_make(&a, "a.test");
	struct relay_text text = text_of(&a), bad = { a.key, strlen(a.key) };

	REQUIRE(certificates_new(&c) == 0);
	REQUIRE(certificates_take(c, &text, &shown, fault, sizeof(fault)) == 0);
	REQUIRE(certificates_take_trusted(c, &text, &trusted, fault, sizeof(fault)) == 0);
	REQUIRE(certificates_take_trusted(c, &text, &again, fault, sizeof(fault)) == 0);
	REQUIRE(certificates_take_trusted(c, NULL, &any, fault, sizeof(fault)) == 0);
	REQUIRE(certificates_take_trusted(c, NULL, &any_again, fault, sizeof(fault)) == 0);
	CHECK(shown != trusted && trusted == again && any == any_again && any != trusted);
	CHECK(SSL_CTX_get_verify_mode(trusted) == SSL_VERIFY_PEER);
	CHECK(SSL_CTX_get_verify_mode(any) == SSL_VERIFY_NONE);
	CHECK_INT(certificates_take_trusted(c, &bad, &none, fault, sizeof(fault)), -EINVAL);
	CHECK_TEXT(fault, "it has no certificates of authorities (PEM)");
	CHECK(!none);
	certificates_give(c, shown);
	certificates_give(c, trusted);
	certificates_give(c, again);
	certificates_give(c, any);
	certificates_give(c, any_again);
	certificates_free(c);
}

TEST(what_is_no_certificate_is_refused_with_a_sentence_and_not_kept)
{
	struct certificates *c;
	struct ssl_ctx_st *ctx = NULL;
	struct pem a;
	char fault[200] = "";

	pem_make(&a, "a.test");
	struct relay_text bad = { a.certificate, strlen(a.certificate) };

	REQUIRE(certificates_new(&c) == 0);
	CHECK_INT(certificates_take(c, &bad, &ctx, fault, sizeof(fault)), -EINVAL);
	CHECK_TEXT(fault, "there is no private key without a password in it (PEM)");
	CHECK(!ctx);
	certificates_free(c); /* asserts that nothing is left */
}

/* A connection needs its context longer than the configuration that it came from. */
TEST(a_connection_outlives_its_certificate)
{
	struct certificates *c;
	struct ssl_ctx_st *ctx;
	struct pem a;
	char fault[200] = "";
	int null = 0;

	pem_make(&a, "a.test");
	struct relay_text text = text_of(&a);

	REQUIRE(certificates_new(&c) == 0);
	REQUIRE(certificates_take(c, &text, &ctx, fault, sizeof(fault)) == 0);
	SSL *tls = certificates_accept(c, ctx, null);

	REQUIRE(tls);
	certificates_give(c, ctx);
	CHECK(SSL_get_certificate(tls) != NULL);
	SSL_free(tls);
	certificates_free(c);
}
