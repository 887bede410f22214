/*
 * fuzz_conf.c - any bytes as a configuration: refused with lines that name the fault, or taken; and what is
 * taken is printed, reads back the same, resolves on a made-up host, and suits the translator
 */
#include "base/bytes.h"
#include "base/compiler.h"
#include "conf/resolve.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int made_up_facts(struct host_facts *ret)
{
	*ret = (struct host_facts){
		.has_route4 = true, .uplink4 = "wan0", .addr4.v = 0xc6336407, .has_addr4 = true
	};
	return 0;
}

static int made_up_interface(const char *ifname, struct addr4 *ret)
{
	if (strcmp(ifname, "none") == 0)
		return -ENODEV;
	ret->v = 0x0a000000 + (uint32_t)strlen(ifname);
	return 0;
}

static void check_lines(const struct conf_errors *e, int outcome)
{
	ASSERT(outcome == 0 || outcome == -EINVAL);
	ASSERT((outcome == 0) == (e->len == 0));
	for (unsigned i = 0; i < e->len; i++) {
		ASSERT(strncmp(e->lines[i], "fuzz:", 5) == 0);
		ASSERT(!strpbrk(e->lines[i], "\n\r\t\033\177"));
	}
}

static char *print(const struct conf *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	ASSERT(f != NULL);
	ASSERT(conf_print(c, f) == 0);
	fclose(f);
	return text;
}

static void check_reads_back(const struct conf *c)
{
	struct conf_errors e;
	struct conf *again = NULL;
	size_t len, again_len;
	char *text = print(c, &len);
	int r = conf_parse("fuzz", text, len, &again, &e);

	ASSERT(r == 0);
	char *again_text = print(again, &again_len);

	ASSERT(len == again_len && bytes_equal(text, again_text, len));
	ASSERT(conf_changes_needing_restart(c, again) == NULL);
	conf_free(again);
	free(again_text);
	free(text);
}

static void resolve(struct conf *c, const char *resolv)
{
	struct conf_host host = { made_up_facts, made_up_interface, "resolv.conf", resolv, resolv };
	struct conf_errors e;
	int r = conf_resolve_with(c, &host, &e);

	check_lines(&e, r);
	conf_errors_fini(&e);
	if (r < 0)
		return;
	ASSERT(!c->has_nat64 || state_config_validate(&c->nat64.state));
	ASSERT(c->dns64.upstream_mode != UPSTREAM_SYSTEM || !c->has_dns64);
	check_reads_back(c);
}

#define RESOLV_MAX 512 /* a resolv.conf longer than this has nothing new to say */

/* The same bytes are a resolv.conf too: nameserver lines are looked for in them. */
static void take_as_resolv(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	struct conf *c = NULL;

	ASSERT(text && conf_default(&c) == 0);
	bytes_copy(text, data, len);
	text[len] = '\0';
	free(c->origin.name);
	c->origin.name = strdup("fuzz");
	resolve(c, text);
	conf_free(c);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf_errors e;
	struct conf *c = NULL;
	int r = conf_parse("fuzz", (const char *)data, len, &c, &e);

	check_lines(&e, r);
	conf_errors_fini(&e);
	if (r == 0) {
		check_reads_back(c);
		resolve(c, "nameserver 192.0.2.53\n");
		conf_free(c);
	}
	if (len <= RESOLV_MAX)
		take_as_resolv(data, len);
	return 0;
}
