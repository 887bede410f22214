/* test_certificates.c - how long certificates are good, as status tells it */
#include "cmd/certificates.h"
#include "harness.h"

#define DAY 86400

static const struct {
	const char *what;
	int64_t left; /* seconds */
	int64_t days;
} rows[] = {
	{ "a year", 365 * DAY, 365 },
	{ "a day", DAY, 1 },
	{ "a second less", DAY - 1, 0 },
	{ "this second", 0, 0 },
	{ "a second ago", -1, -1 },
	{ "a day ago", -DAY, -1 },
	{ "longer", -DAY - 1, -2 },
};

TEST(days_are_whole_and_an_expired_certificate_has_less_than_none)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].what);
		CHECK_INT(certificate_days(1700000000 + rows[i].left, 1700000000), rows[i].days);
	}
	test_row(NULL);
}

static void check_row(const json_t *row, const char *over, const char *listen, int days)
{
	CHECK_TEXT(json_string_value(json_object_get(row, "over")), over);
	CHECK_TEXT(json_string_value(json_array_get(json_object_get(row, "listen"), 0)), listen);
	CHECK_INT(json_integer_value(json_object_get(row, "certificate_days")), days);
}

TEST(only_what_is_served_has_a_row)
{
	static struct dns64_config c = { .tls = { .listen_len = 0 } };
	struct dns_certificates *k = NULL;
	struct loop *l = NULL;

	REQUIRE(loop_new(&l) == 0);
	REQUIRE(dns_certificates_new(l, &k) == 0);
	json_t *none = dns_certificates_rows(k, &c);

	CHECK_INT(json_array_size(none), 0);
	json_decref(none);
	c.https.listen[0] = (struct endpoint){ .a6 = { 0, 1 }, .port = 443 };
	c.https.listen_len = 1;
	dns_certificates_set(k, 1, time(NULL) + 20 * DAY + 60);
	json_t *one = dns_certificates_rows(k, &c);

	CHECK_INT(json_array_size(one), 1);
	check_row(json_array_get(one, 0), "https", "[::1]:443", 20);
	json_decref(one);
	c.tls.listen[0] = (struct endpoint){ .is4 = true, .a4 = { 0xc0000235 }, .port = 853 };
	c.tls.listen_len = 1;
	dns_certificates_set(k, 0, time(NULL) - 60);
	json_t *two = dns_certificates_rows(k, &c);

	CHECK_INT(json_array_size(two), 2);
	check_row(json_array_get(two, 0), "tls", "192.0.2.53:853", -1);
	check_row(json_array_get(two, 1), "https", "[::1]:443", 20);
	json_decref(two);
	dns_certificates_free(k);
	loop_free(l);
}
