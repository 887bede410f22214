/* Memory that runs out: the Nth allocation fails, for every N, until none does; nothing leaks, nothing is
 * written. */
#include "base/bytes.h"
#include "conf/conf.h"
#include "conf/resolve.h"
#include "harness.h"

#include <errno.h>
#include <stdlib.h>

/* The linker sends the module's own calls here (-Wl,--wrap); libyaml's are its own. */
static long left = -1; /* allocations until one fails; below 0: none does */

static bool is_failing(void)
{
	return left >= 0 && left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_failing() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_failing() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return is_failing() ? NULL : __real_strdup(s);
}

static const struct {
	const char *text;
	int outcome;
} texts[] = {
	{ "nat64:\n  pool: [{ address: 192.0.2.2 }]\n  static: [{ protocol: tcp, outside: \"192.0.2.2:1\", "
	  "inside: \"[2001:db8::1]:1\" }]\n"
	  "dns64: { allow: [::1, ::2], prefixes: [2001:db8::/96] }\n",
		0 },
	{ "nat64: { workers: 7, subscribr: 1 }\nrelay:\n", -EINVAL },
	{ "relay:\n  allow: [::1, ::2]\n  destinations: { allow: [::3], deny: [10.0.0.0/8], ports: [80, 443] "
	  "}\n"
	  "  services:\n"
	  "  - { type: socks5, listen: \"[::]:1080\", allow: 192.0.2.0/24, users: u }\n"
	  "  - { type: transparent, listen: \"[::]:8080\", destinations: { ports: [] } }\n"
	  "  - type: http-reverse\n    listen: \"[::]:80\"\n    accept-proxy-protocol: 10.0.0.7\n"
	  "    routes: [{ host: a, to: \"b:1\" }, { host: \"*\", to: [\"c:1\", \"10.0.0.1:1\"] }]\n",
		0 },
};

static void fail_each(const char *text, int outcome)
{
	for (long n = 0;; n++) {
		struct conf *poison = (struct conf *)1, *c = poison;
		struct conf_errors e = { 0 };

		REQUIRE(n < 5000);
		left = n;
		int r = conf_parse("f.yaml", text, strlen(text), &c, &e);
		bool has_failed = left < 0;

		left = -1;
		if (!has_failed) {
			CHECK_INT(r, outcome);
			CHECK(n > 20);
			if (r == 0)
				conf_free(c);
			conf_errors_fini(&e);
			return;
		}
		CHECK_INT(r, -ENOMEM);
		CHECK(c == poison && e.len == 0);
	}
}

TEST(parsing_survives_the_failure_of_each_allocation)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		fail_each(texts[i].text, texts[i].outcome);
}

TEST(the_built_in_configuration_survives_the_failure_of_each_allocation)
{
	for (long n = 0;; n++) {
		struct conf *c = NULL;

		REQUIRE(n < 5000);
		left = n;
		int r = conf_default(&c);
		bool has_failed = left < 0;

		left = -1;
		CHECK_INT(r, has_failed ? -ENOMEM : 0);
		if (r == 0)
			conf_free(c);
		if (!has_failed)
			return;
	}
}

static int no_facts(struct host_facts *ret)
{
	*ret = (struct host_facts){ .has_route4 = false };
	return 0;
}

static int no_interface(const char *ifname, struct addr4 *ret)
{
	return -ENODEV;
}

TEST(resolving_survives_the_failure_of_each_allocation)
{
	struct conf_host host = { no_facts, no_interface, "resolv.conf",
		"nameserver fe80::1%a\nnameserver 127.0.0.1\n", "192.0.2.1 a b c\nx\n" };

	for (long n = 0;; n++) {
		struct conf *c = NULL;
		struct conf_errors e;

		REQUIRE(n < 100 && conf_default(&c) == 0);
		left = n;
		int r = conf_resolve_with(c, &host, &e);
		bool has_failed = left < 0;

		left = -1;
		CHECK_INT(r, has_failed ? -ENOMEM : -EINVAL);
		CHECK_INT(e.len, has_failed ? 0 : 2);
		conf_errors_fini(&e);
		conf_free(c);
		if (!has_failed)
			return;
	}
}
