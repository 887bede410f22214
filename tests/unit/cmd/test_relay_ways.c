/* test_relay_ways.c - which rules and prefixes a configuration with relays asks the host for */
#include "base/bytes.h"
#include "cmd/relay_ways.h"
#include "harness.h"

#include <stdio.h>

static struct conf *parse(const char *text)
{
	struct conf *c = NULL;
	struct conf_errors e;

	test_row(text);
	int r = conf_parse("f", text, strlen(text), &c, &e);

	if (r == -22)
		CHECK_TEXT(e.lines[0], "");
	REQUIRE(r == 0);
	return c;
}

TEST(without_transparent_services_there_are_no_rules)
{
	struct conf *c = parse("relay: { services: [{ type: socks5, listen: \"[::]:1\" }] }");
	struct relayway w;

	REQUIRE(relay_ways_make(c, &w) == 0);
	CHECK(w.rules == NULL && w.local_len == 0);
	relay_ways_fini(&w);
	conf_free(c);
}

TEST(each_prefix_of_clients_is_wanted_once)
{
	struct conf *c = parse("relay: { client-prefix: \"2001:db8:1::/96\", services: ["
			       "{ type: socks5, listen: \"[::]:1\" }, { type: socks5, listen: \"[::]:2\" },"
			       "{ type: socks5, listen: \"[::]:3\", client-prefix: \"2001:db8:2::/96\" },"
			       "{ type: socks5, listen: \"[::]:4\", client-prefix: none }] }");
	struct relayway w;

	REQUIRE(relay_ways_make(c, &w) == 0);
	CHECK_INT(w.local_len, 2);
	CHECK(w.local[0].addr.hi == UINT64_C(0x20010db800010000) &&
		w.local[1].addr.hi == UINT64_C(0x20010db800020000));
	relay_ways_fini(&w);
	conf_free(c);
}

#define TAKE "meta mark set meta mark & 0x00ffffff | 0x69000000 accept\n"

TEST(a_transparent_service_takes_its_ports_from_its_clients)
{
	static const char want[] =
		"table inet isthmus {\n"
		"\tchain take0 {\n"
		"\t\tip6 saddr 2001:db8::/32 meta l4proto tcp tproxy ip6 to :8480 " TAKE "\t}\n"
		"\tchain take1 {\n"
		"\t\tip saddr 10.0.0.0/8 meta l4proto tcp tproxy ip to 10.0.0.1:8480 " TAKE "\t}\n"
		"\tchain relays {\n"
		"\t\ttype filter hook prerouting priority mangle; policy accept;\n"
		"\t\tip6 daddr 64:ff9b::/96 tcp dport 25-25 jump take0\n"
		"\t\tip6 daddr 64:ff9b::/96 tcp dport 80-90 jump take0\n"
		"\t\tip6 daddr 2001:db8:46::/96 tcp dport 25-25 jump take0\n"
		"\t\tip6 daddr 2001:db8:46::/96 tcp dport 80-90 jump take0\n"
		"\t\tip daddr 198.18.0.0/16 tcp dport 25-25 jump take1\n"
		"\t\tip daddr 198.18.0.0/16 tcp dport 80-90 jump take1\n"
		"\t}\n"
		"}\n";
	struct conf *c = parse("dns64:\nsiit: { prefix: 2001:db8:46::/96 }\ndns46: { domains: [.] }\n"
			       "relay: { allow: [\"2001:db8::/32\", 10.0.0.0/8], services: ["
			       "{ type: transparent, listen: [\"[::]:8480\", \"10.0.0.1:8480\"],"
			       " destinations: { ports: [25, 80-90] } }] }");
	struct relayway w;

	REQUIRE(relay_ways_make(c, &w) == 0);
	CHECK_TEXT(w.rules ? w.rules : "", want);
	relay_ways_fini(&w);
	conf_free(c);
}
