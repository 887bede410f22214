/* Every fault of a configuration has a line of its own: file, line, key, what is wrong, what would be right.
 */
#include "base/bytes.h"
#include "conf/conf.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The text is poisoned behind its end by being copied into a block of its own size. */
static int parse(const char *text, struct conf **c, struct conf_errors *e)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);

	REQUIRE(copy != NULL);
	bytes_copy(copy, text, len);
	int r = conf_parse("f.yaml", copy, len, c, e);

	free(copy);
	return r;
}

static void join(const struct conf_errors *e, char *to, size_t size)
{
	size_t len = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < e->len && len < size; i++)
		len += (size_t)snprintf(to + len, size - len, "%s%s", i > 0 ? "\n" : "", e->lines[i]);
}

struct fault_case {
	const char *name, *text, *want;
};

static void check_case(const struct fault_case *f)
{
	struct conf *poison = (struct conf *)1, *c = poison;
	struct conf_errors e;
	char got[16384];

	test_row(f->name);
	CHECK_INT(parse(f->text, &c, &e), -EINVAL);
	CHECK(c == poison);
	join(&e, got, sizeof(got));
	CHECK_TEXT(got, f->want);
	conf_errors_fini(&e);
	CHECK_INT(e.len, 0);
	test_row(NULL);
}

#define CHECK_CASES(cases)                                                                                   \
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)                                                        \
	check_case(&(cases)[i])

static const struct fault_case section_cases[] = {
	{ "empty file", "",
		"f.yaml:1: file: there is nothing to do, write a section nat64:, siit:, dns64: or relay: (or "
		"start without a file for the defaults)" },
	{ "only a comment", "# nothing\n",
		"f.yaml:1: file: there is nothing to do, write a section nat64:, siit:, dns64: or relay: (or "
		"start without a file for the defaults)" },
	{ "neither nat64 nor dns64", "log:\n  level: info\n",
		"f.yaml:1: file: there is nothing to do, write a section nat64:, siit:, dns64: or relay: (or "
		"start without a file for the defaults)" },
	{ "a list", "- nat64\n",
		"f.yaml:1: file: the file is no mapping, write sections such as nat64: and dns64:" },
	{ "a word", "nat64\n",
		"f.yaml:1: file: the file is no mapping, write sections such as nat64: and dns64:" },
	{ "clat beside nat64", "nat64:\nclat:\n",
		"f.yaml:2: clat: one host cannot be a NAT64 and the client of one, remove the section nat64 "
		"or the "
		"section clat" },
	{ "relay without services", "nat64:\nrelay: {}\n",
		"f.yaml:2: relay.services: the key is missing, write services: and a list of { type, listen, "
		"... "
		"}" },
	{ "near section", "nat64:\ndns65:\n",
		"f.yaml:2: dns65: the section is not known, did you mean dns64?" },
	{ "far section", "nat64:\nrouting:\n",
		"f.yaml:2: routing: the section is not known, the sections are nat64, siit, dns64, dns46, "
		"clat, relay, tunnel, control and log" },
	{ "key at the outermost level", "nat64:\nlisten: [\"[::]:53\"]\n",
		"f.yaml:2: listen: a key stands where a section belongs, indent it under dns64:" },
	{ "section twice", "nat64:\ndns64:\nnat64:\n",
		"f.yaml:3: nat64: the section was written in line 1 already, keep one of them" },
	{ "section is a list", "nat64: [a]\n",
		"f.yaml:1: nat64: a list stands where a mapping belongs, write keys such as prefixes:" },
	{ "section is a value", "nat64: on\n",
		"f.yaml:1: nat64: a single value stands where a mapping belongs, write keys such as "
		"prefixes:" },
};

TEST(sections_that_do_not_exist_or_come_later_are_refused)
{
	CHECK_CASES(section_cases);
}

static const struct fault_case key_cases[] = {
	{ "near key", "nat64:\n  prefixs: [64:ff9b::/96]\n",
		"f.yaml:2: nat64.prefixs: the key is not known, did you mean prefixes?" },
	{ "swapped letters", "nat64:\n  wrokers: auto\n",
		"f.yaml:2: nat64.wrokers: the key is not known, did you mean workers?" },
	{ "key of another section", "nat64:\n  listen: []\n",
		"f.yaml:2: nat64.listen: the key is not known here, it belongs to the section dns64" },
	{ "far key", "control:\n  port: 1\nnat64:\n",
		"f.yaml:2: control.port: the key is not known, the keys here are socket, metrics" },
	{ "key twice", "nat64:\n  workers: auto\n  subscriber: 64\n  workers: 1\n",
		"f.yaml:4: nat64.workers: the key was written in line 2 already, keep one of them" },
	{ "no value", "nat64:\n  workers:\n",
		"f.yaml:2: nat64.workers: there is no value, write a number or remove the key" },
	{ "null", "dns64:\n  listen: ~\n",
		"f.yaml:2: dns64.listen: there is no value, write a list or remove the key" },
	{ "list for a value", "nat64:\n  workers: [1]\n",
		"f.yaml:2: nat64.workers: a list stands where one value belongs, write a number" },
	{ "mapping for a value", "log:\n  level: { a: b }\nnat64:\n",
		"f.yaml:2: log.level: a mapping stands where one value belongs, write error, warning, info, "
		"debug" },
	{ "mapping for a list", "nat64:\n  deny: { a: b }\n",
		"f.yaml:2: nat64.deny: a mapping stands where a list belongs, write a list" },
	{ "empty list", "nat64:\n  prefixes: []\n",
		"f.yaml:2: nat64.prefixes: the list is empty, write at least one entry, such as "
		"[64:ff9b::/96]" },
	{ "long list", "log:\n  to: [stderr, syslog, journal, stderr]\nnat64:\n",
		"f.yaml:2: log.to: the list has 4 entries, write at most 3" },
	{ "nested unknown key", "nat64:\n  pool:\n    - { adress: 192.0.2.1 }\n",
		"f.yaml:3: nat64.pool[0].adress: the key is not known, did you mean address?" },
	{ "two faults in one file", "nat64:\n  workers: many\ndns64:\n  dnssec: on\n",
		"f.yaml:2: nat64.workers: \"many\" is no number from 1 to 64, write 1 or auto\n"
		"f.yaml:4: dns64.dnssec: \"on\" is not known, write one of validate, off" },
};

TEST(unknown_double_and_misshapen_keys_are_named)
{
	CHECK_CASES(key_cases);
}

static const struct fault_case nat64_cases[] = {
	{ "no prefix", "nat64:\n  prefixes: [hello]\n",
		"f.yaml:2: nat64.prefixes[0]: \"hello\" is no IPv6 prefix, write one such as 2001:db8::/32" },
	{ "length 95", "nat64:\n  prefixes:\n    - 64:ff9b::/96\n    - 2001:db8::/95\n",
		"f.yaml:4: nat64.prefixes[1]: \"2001:db8::/95\" is no translation prefix: length must be 32, "
		"40, 48, 56, 64 or 96; write one such as 64:ff9b::/96" },
	{ "host bits", "nat64:\n  prefixes: [2001:db8::1/96]\n",
		"f.yaml:2: nat64.prefixes[0]: \"2001:db8::1/96\" has bits set beyond its length, write "
		"2001:db8::/96" },
	{ "prefix twice", "nat64:\n  prefixes: [64:ff9b::/96, 64:ff9b:0::/96]\n",
		"f.yaml:2: nat64.prefixes[1]: 64:ff9b:0::/96 is listed twice, keep one" },
	{ "prefix in prefix", "nat64:\n  prefixes: [2001:db8::/32, 2001:db8:1::/96]\n",
		"f.yaml:2: nat64.prefixes: 2001:db8:1::/96 lies inside 2001:db8::/32, keep one of them" },
	{ "no power of two", "nat64:\n  ports-per-block: 100\n",
		"f.yaml:2: nat64.ports-per-block: 100 is no power of two, write one such as 512" },
	{ "block too small", "nat64:\n  ports-per-block: 32\n",
		"f.yaml:2: nat64.ports-per-block: \"32\" is no number from 64 to 32768, write one such as "
		"512" },
	{ "subscriber 129", "nat64:\n  subscriber: 129\n",
		"f.yaml:2: nat64.subscriber: \"129\" is no number from 32 to 128, write one such as 64" },
	{ "no blocks", "nat64:\n  max-blocks-per-subscriber: 0\n",
		"f.yaml:2: nat64.max-blocks-per-subscriber: \"0\" is no number from 1 to 65535, write one "
		"such as 8" },
	{ "negative", "nat64:\n  max-sessions: -1\n",
		"f.yaml:2: nat64.max-sessions: \"-1\" is no number from 16 to 67108864, write one such as "
		"1000000" },
	{ "huge", "nat64:\n  max-sessions: 18446744073709551617\n",
		"f.yaml:2: nat64.max-sessions: \"18446744073709551617\" is no number from 16 to 67108864, "
		"write one such as 1000000" },
	{ "filtering", "nat64:\n  filtering: none\n",
		"f.yaml:2: nat64.filtering: \"none\" is not known, write one of endpoint-independent, "
		"address-dependent" },
	{ "too many workers", "nat64:\n  workers: 65\n",
		"f.yaml:2: nat64.workers: \"65\" is no number from 1 to 64, write 1 or auto" },
	{ "no workers", "nat64:\n  workers: 0\n",
		"f.yaml:2: nat64.workers: \"0\" is no number from 1 to 64, write 1 or auto" },
	{ "fastpath", "nat64:\n  fastpath: on\n",
		"f.yaml:2: nat64.fastpath: \"on\" is not known, write one of auto, off, tc, xdp" },
	{ "fastpath mode", "nat64:\n  fastpath-mode: bridge\n",
		"f.yaml:2: nat64.fastpath-mode: \"bridge\" is not known, write one of auto, redirect, "
		"route" },
	{ "no interface of the fast path", "nat64:\n  fastpath-interfaces: [eth0, \"a b\"]\n",
		"f.yaml:2: nat64.fastpath-interfaces[1]: \"a b\" is no name of an interface, write one such "
		"as eth0, of at most 15 characters" },
	{ "no flows", "nat64:\n  fastpath-flows: 0\n",
		"f.yaml:2: nat64.fastpath-flows: \"0\" is no number from 1 to 4194304, write 1 or auto" },
	{ "state file", "nat64:\n  state-file: off\n",
		"f.yaml:2: nat64.state-file: \"off\" is no absolute path, write one such as "
		"/var/lib/isthmus/sessions, or none" },
	{ "ftp-alg", "nat64:\n  ftp-alg: on\n",
		"f.yaml:2: nat64.ftp-alg: \"on\" is neither true nor false, write one of them" },
	{ "flag", "nat64:\n  allow-non-global: yes\n",
		"f.yaml:2: nat64.allow-non-global: \"yes\" is neither true nor false, write one of them" },
	{ "deny host bits", "nat64:\n  deny: [10.0.0.1/8]\n",
		"f.yaml:2: nat64.deny[0]: \"10.0.0.1/8\" has bits set beyond its length, write 10.0.0.0/8" },
	{ "deny IPv6", "nat64:\n  deny: [\"::/0\"]\n",
		"f.yaml:2: nat64.deny[0]: \"::/0\" is no IPv4 prefix, write one such as 203.0.113.0/24" },
};

TEST(nat64_values_are_checked)
{
	CHECK_CASES(nat64_cases);
}

static const struct fault_case lifetime_cases[] = {
	{ "udp", "nat64:\n  lifetimes: { udp: 30s }\n",
		"f.yaml:2: nat64.lifetimes.udp: 30s is less than the 2m that RFC 4787 REQ-5 demands, write "
		"2m or more" },
	{ "established", "nat64:\n  lifetimes: { tcp-established: 2h3m59s }\n",
		"f.yaml:2: nat64.lifetimes.tcp-established: 2h3m59s is less than the 2h4m that RFC 5382 "
		"REQ-5 demands, write 2h4m or more" },
	{ "transitory", "nat64:\n  lifetimes: { tcp-transitory: 239999ms }\n",
		"f.yaml:2: nat64.lifetimes.tcp-transitory: 239999ms is less than the 4m that RFC 5382 REQ-5 "
		"demands, write 4m or more" },
	{ "incoming syn", "nat64:\n  lifetimes: { tcp-incoming-syn: 5s }\n",
		"f.yaml:2: nat64.lifetimes.tcp-incoming-syn: 5s is less than the 6s that RFC 5382 REQ-4 "
		"demands, write 6s or more" },
	{ "icmp", "nat64:\n  lifetimes:\n    icmp: 59s\n",
		"f.yaml:3: nat64.lifetimes.icmp: 59s is less than the 1m that RFC 5508 REQ-2 demands, write "
		"1m or more" },
	{ "fragment", "nat64:\n  lifetimes: { fragment: 1s }\n",
		"f.yaml:2: nat64.lifetimes.fragment: 1s is less than the 2s that RFC 6146 s4 demands, write "
		"2s or more" },
	{ "too long", "nat64:\n  lifetimes: { fragment: 2m }\n",
		"f.yaml:2: nat64.lifetimes.fragment: 2m is too long, write 1m or less" },
	{ "a century and a day", "nat64:\n  lifetimes: { udp: 36500d1h }\n",
		"f.yaml:2: nat64.lifetimes.udp: \"36500d1h\" is no time, write numbers with the units d, h, "
		"m, s, ms, such as 5m" },
	{ "no unit", "nat64:\n  lifetimes: { udp: 300 }\n",
		"f.yaml:2: nat64.lifetimes.udp: \"300\" is no time, write numbers with the units d, h, m, s, "
		"ms, such as 5m" },
	{ "wrong order", "nat64:\n  lifetimes: { udp: 4m2h }\n",
		"f.yaml:2: nat64.lifetimes.udp: \"4m2h\" is no time, write numbers with the units d, h, m, "
		"s, ms, such as 5m" },
	{ "no digits", "nat64:\n  lifetimes: { udp: m }\n",
		"f.yaml:2: nat64.lifetimes.udp: \"m\" is no time, write numbers with the units d, h, m, s, "
		"ms, such as 5m" },
	{ "unknown", "nat64:\n  lifetimes: { tcp: 5m }\n",
		"f.yaml:2: nat64.lifetimes.tcp: the key is not known, the keys here are udp, "
		"tcp-established, tcp-transitory, tcp-incoming-syn, icmp, other, fragment" },
	{ "empty", "nat64:\n  lifetimes: { udp: \"\" }\n",
		"f.yaml:2: nat64.lifetimes.udp: \"\" is no time, write numbers with the units d, h, m, s, "
		"ms, such as 5m" },
};

TEST(lifetimes_have_the_minimums_of_the_rfcs)
{
	CHECK_CASES(lifetime_cases);
}

#define POOL "nat64:\n  pool:\n    - "
static const struct fault_case pool_cases[] = {
	{ "no address", POOL "{ ports: 1-1000 }\n",
		"f.yaml:3: nat64.pool[0]: the entry has no address, write address: 192.0.2.2 or interface: "
		"eth0" },
	{ "both", POOL "{ address: 192.0.2.2, interface: eth0 }\n",
		"f.yaml:3: nat64.pool[0]: the entry has both address and interface, keep one of them" },
	{ "shared interface", POOL "{ interface: eth0, shared: true }\n",
		"f.yaml:3: nat64.pool[0]: shared belongs to address, and an interface's address always is; "
		"remove it" },
	{ "shared prefix", POOL "{ address: 192.0.2.0/28, shared: true }\n",
		"f.yaml:3: nat64.pool[0]: a shared address is this host's own, write one address and no "
		"prefix" },
	{ "no mapping", POOL "192.0.2.2\n",
		"f.yaml:3: nat64.pool[0]: an entry is a mapping, write { address: 192.0.2.2, ports: "
		"1024-65535 }" },
	{ "no list", "nat64:\n  pool: 192.0.2.2\n",
		"f.yaml:2: nat64.pool: a single value stands where a list belongs, write - address: "
		"192.0.2.2" },
	{ "a mapping", "nat64:\n  pool: { address: 192.0.2.2 }\n",
		"f.yaml:2: nat64.pool: a mapping stands where a list belongs, write a list of { address, "
		"ports } or { interface, ports }" },
	{ "multicast", POOL "{ address: 224.0.0.1 }\n",
		"f.yaml:3: nat64.pool[0]: it is no unicast address, write an address that is routed to this "
		"host" },
	{ "loopback", POOL "{ address: 127.0.0.0/24 }\n",
		"f.yaml:3: nat64.pool[0]: it is no unicast address, write an address that is routed to this "
		"host" },
	{ "link-local", POOL "{ address: 169.254.1.1 }\n",
		"f.yaml:3: nat64.pool[0]: it is link-local, which routers do not forward, write an address "
		"that is routed to this host" },
	{ "huge", POOL "{ address: 10.0.0.0/15 }\n",
		"f.yaml:3: nat64.pool[0]: the prefix has more than 65536 addresses, write one of /16 or "
		"longer" },
	{ "no ports", POOL "{ address: 192.0.2.2, ports: 1024 }\n",
		"f.yaml:3: nat64.pool[0].ports: \"1024\" is no range of ports from 1 to 65535, write one "
		"such as 1024-65535" },
	{ "port 0", POOL "{ address: 192.0.2.2, ports: 0-65535 }\n",
		"f.yaml:3: nat64.pool[0].ports: \"0-65535\" is no range of ports from 1 to 65535, write one "
		"such as 1024-65535" },
	{ "port 65536", POOL "{ address: 192.0.2.2, ports: 1-65536 }\n",
		"f.yaml:3: nat64.pool[0].ports: \"1-65536\" is no range of ports from 1 to 65535, write one "
		"such as 1024-65535" },
	{ "backward", POOL "{ address: 192.0.2.2, ports: 2000-1024 }\n",
		"f.yaml:3: nat64.pool[0].ports: \"2000-1024\" begins above its end, write 1024-2000" },
	{ "less than a block", POOL "{ address: 192.0.2.2, ports: 1024-1500 }\n",
		"f.yaml:3: nat64.pool[0]: it has 477 ports, fewer than one block (nat64.ports-per-block is "
		"512), give it more ports" },
	{ "long interface", POOL "{ interface: abcdefghijklmnop }\n",
		"f.yaml:3: nat64.pool[0].interface: \"abcdefghijklmnop\" is no name of an interface, write "
		"one such as eth0, of at most 15 characters" },
	{ "overlap", POOL "{ address: 192.0.2.0/28 }\n    - { address: 192.0.2.15, ports: 60000-65535 }\n",
		"f.yaml:4: nat64.pool[1]: it shares addresses and ports with nat64.pool[0], keep them "
		"apart" },
	{ "too many blocks", "nat64:\n  ports-per-block: 64\n  pool: [{ address: 10.0.0.0/16 }]\n",
		"f.yaml:3: nat64.pool: it has 66060288 blocks, and at most 16777216 are possible, write "
		"fewer addresses or a larger nat64.ports-per-block" },
	{ "same interface", POOL "{ interface: eth0 }\n    - { interface: eth0, ports: 1024-49152 }\n",
		"f.yaml:4: nat64.pool[1]: it shares addresses and ports with nat64.pool[0], keep them "
		"apart" },
};

#define TWO                                                                                                  \
	"nat64:\n  pool:\n    - { address: 192.0.2.2, subscribers: [\"2001:db8:1::/48\", "                   \
	"\"2001:db8:2::/48\"] }\n    - "
static const struct fault_case subscribers_cases[] = {
	{ "a prefix in two pools", TWO "{ address: 192.0.2.3, subscribers: [\"2001:db8:2::/48\"] }\n",
		"f.yaml:4: nat64.pool[1]: 2001:db8:2::/48 is in the subscribers of nat64.pool[0], whose list "
		"is "
		"another, write the same list in both" },
	{ "a prefix too many",
		TWO "{ address: 192.0.2.3, subscribers: [\"2001:db8:3::/48\", \"2001:db8:2::/48\"] }\n",
		"f.yaml:4: nat64.pool[1]: 2001:db8:2::/48 is in the subscribers of nat64.pool[0], whose list "
		"is "
		"another, write the same list in both" },
	{ "a prefix twice",
		POOL "{ address: 192.0.2.3, subscribers: [\"2001:db8::/48\", \"2001:db8::/48\"] }\n",
		"f.yaml:3: nat64.pool[0].subscribers[1]: 2001:db8::/48 is listed twice, keep one" },
	{ "a part of a subscriber", POOL "{ address: 192.0.2.3, subscribers: [\"2001:db8::/65\"] }\n",
		"f.yaml:3: nat64.pool[0]: subscribers has 2001:db8::/65, a part of one subscriber "
		"(nat64.subscriber is "
		"64), write /64 or shorter" },
	{ "fixed blocks of nobody", POOL "{ address: 192.0.2.3, deterministic-blocks: 1 }\n",
		"f.yaml:3: nat64.pool[0]: deterministic-blocks needs to know whose blocks they are, write "
		"subscribers: "
		"[\"2001:db8::/48\"]" },
	{ "two numbers of fixed blocks",
		POOL "{ address: 192.0.2.2, subscribers: [\"2001:db8::/60\"], deterministic-blocks: 1 }\n    "
		     "- { address: "
		     "192.0.2.3, subscribers: [\"2001:db8::/60\"] }\n",
		"f.yaml:4: nat64.pool[1]: nat64.pool[0] has the same subscribers and deterministic-blocks: "
		"1, write the "
		"same in both" },
	{ "not enough room",
		POOL "{ address: 192.0.2.0/30, subscribers: [\"2001:db8::/55\"], deterministic-blocks: 2 }\n",
		"f.yaml:3: nat64.pool[0]: there is room for 252 subscribers with 2 blocks of 512 ports each "
		"(on 4 "
		"addresses, 63 on each), and subscribers names 512, write fewer of them, more addresses, or "
		"fewer or "
		"smaller blocks" },
	{ "more than one may have",
		POOL "{ address: 192.0.2.2, subscribers: [\"2001:db8::/62\"], deterministic-blocks: 9 }\n",
		"f.yaml:3: nat64.pool[0]: deterministic-blocks is 9, more than "
		"nat64.max-blocks-per-subscriber (8), write a "
		"number from 1 to that" },
	{ "a subscriber with two places",
		POOL "{ address: 192.0.2.2, subscribers: [\"2001:db8::/62\", \"2001:db8::/64\"], "
		     "deterministic-blocks: 1 }\n",
		"f.yaml:3: nat64.pool[0]: subscribers has 2001:db8::/64 inside 2001:db8::/62, and with "
		"deterministic-blocks each subscriber may be named once, keep one of them" },
	{ "a static binding in another pool",
		TWO "{ address: 192.0.2.3 }\n  static: [{ protocol: udp, outside: \"192.0.2.2:80\", inside: "
		    "\"[2001:db8:3::1]:80\" }]\n",
		"f.yaml:5: nat64.static[0]: outside 192.0.2.2 is in nat64.pool[0], which is not for the "
		"subscriber of its "
		"inside, write an address of that subscriber's entries" },
	{ "a static binding by address in another pool",
		TWO "{ address: 192.0.2.3 }\n  static: [{ protocol: gre, outside: \"192.0.2.2\", inside: "
		    "\"2001:db8:3::1\" }]\n",
		"f.yaml:5: nat64.static[0]: outside 192.0.2.2 is in nat64.pool[0], which is not for the "
		"subscriber of its "
		"inside, write an address of that subscriber's entries" },
	{ "a static binding in the own ports of another",
		POOL "{ address: 192.0.2.2, subscribers: [\"2001:db8::/62\"], deterministic-blocks: 1 }\n  "
		     "static: [{ "
		     "protocol: udp, outside: \"192.0.2.2:1600\", inside: \"[2001:db8::1]:80\" }]\n",
		"f.yaml:4: nat64.static[0]: outside port 1600 is in 1536-2047, the own ports of "
		"2001:db8:0:1::/64 "
		"(deterministic-blocks), write a port that is no other subscriber's" },
};

TEST(subscribers_of_pool_entries_are_checked)
{
	CHECK_CASES(subscribers_cases);
}

TEST(pool_entries_are_checked_alone_and_against_each_other)
{
	CHECK_CASES(pool_cases);
}

#define STATIC "nat64:\n  pool: [{ address: 192.0.2.2, ports: 1024-65535 }]\n  static:\n    - "
#define GOOD_STATIC "{ protocol: tcp, outside: \"192.0.2.2:8080\", inside: \"[2001:db8::5]:80\" }\n"
#define ONE(port)                                                                                            \
	"    - { protocol: tcp, outside: \"192.0.2.2:" port "\", inside: \"[2001:db8::5]:" port "\" }\n"
#define FOUR(tens) ONE(tens "1") ONE(tens "2") ONE(tens "3") ONE(tens "4")
#define SEVENTEEN FOUR("200") FOUR("201") FOUR("202") FOUR("203") ONE("2040")
static const struct fault_case static_cases[] = {
	{ "missing", STATIC "{ protocol: tcp }\n",
		"f.yaml:4: nat64.static[0].outside: the key is missing, write outside: and a value\n"
		"f.yaml:4: nat64.static[0].inside: the key is missing, write inside: and a value" },
	{ "protocol", STATIC "{ protocol: tpc, outside: \"192.0.2.2:8080\", inside: \"[2001:db8::5]:80\" }\n",
		"f.yaml:4: nat64.static[0].protocol: \"tpc\" is no protocol, write one of tcp, udp, icmp, "
		"sctp, "
		"dccp, gre, esp, udplite, or a number from 2 to 255" },
	{ "protocol that only IPv6 has",
		STATIC "{ protocol: 44, outside: \"192.0.2.2\", inside: \"2001:db8::5\" }\n",
		"f.yaml:4: nat64.static[0].protocol: \"44\" is no protocol, write one of tcp, udp, icmp, "
		"sctp, "
		"dccp, gre, esp, udplite, or a number from 2 to 255" },
	{ "ports of a protocol that has none",
		STATIC "{ protocol: gre, outside: \"192.0.2.2:8080\", inside: \"[2001:db8::5]:80\" }\n",
		"f.yaml:4: nat64.static[0].outside: this protocol is bound by address and has no ports here, "
		"write "
		"one such as \"192.0.2.2\"\n"
		"f.yaml:4: nat64.static[0].inside: this protocol is bound by address and has no ports here, "
		"write "
		"one such as \"2001:db8::5\"" },
	{ "inside without a port",
		STATIC "{ protocol: udp, outside: \"192.0.2.2:8080\", inside: \"2001:db8::5\" }\n",
		"f.yaml:4: nat64.static[0].inside: \"2001:db8::5\" is no IPv6 address with a port, write one "
		"such "
		"as \"[2001:db8::5]:2000\"" },
	{ "whole address outside of the pool",
		STATIC "{ protocol: gre, outside: 192.0.2.3, inside: \"2001:db8::5\" }\n",
		"f.yaml:4: nat64.static[0]: outside 192.0.2.3 is not in nat64.pool, and this protocol takes "
		"a whole "
		"address, write one of nat64.pool that is not shared" },
	{ "whole address of the host",
		"nat64:\n  pool: [{ address: 192.0.2.2, shared: true }]\n  static:\n    - { protocol: esp, "
		"outside: "
		"192.0.2.2, inside: \"2001:db8::5\" }\n",
		"f.yaml:4: nat64.static[0]: outside 192.0.2.2 is the host's own, and this protocol takes a "
		"whole "
		"address, write one of nat64.pool that is not shared" },
	{ "whole address twice",
		STATIC "{ protocol: gre, outside: 192.0.2.2, inside: \"2001:db8::5\" }\n"
		       "    - { protocol: 47, outside: 192.0.2.2, inside: \"2001:db8::6\" }\n",
		"f.yaml:5: nat64.static[1]: it has the outside of nat64.static[0], write another" },
	{ "list: a protocol with ports", "nat64:\n  protocols: [sctp, 17]\n",
		"f.yaml:2: nat64.protocols[1]: protocol 17 cannot be carried by address, as it has ports or "
		"is a "
		"header of IPv6, write one of sctp, dccp, gre, esp, udplite, or another number" },
	{ "list: no protocol", "nat64:\n  protocols: [ah, 256]\n",
		"f.yaml:2: nat64.protocols[0]: \"ah\" is no protocol, write one of sctp, dccp, gre, esp, "
		"udplite, or "
		"a number from 2 to 255\n"
		"f.yaml:2: nat64.protocols[1]: \"256\" is no protocol, write one of sctp, dccp, gre, esp, "
		"udplite, or "
		"a number from 2 to 255" },
	{ "no port of tcp",
		STATIC "{ protocol: tcp, outside: \"192.0.2.2:8080\", inside: \"2001:db8::5\" }\n",
		"f.yaml:4: nat64.static[0].inside: \"2001:db8::5\" is no IPv6 address with a port, write one "
		"such "
		"as \"[2001:db8::5]:2000\"" },
	{ "families swapped",
		STATIC "{ protocol: tcp, outside: \"[2001:db8::5]:80\", inside: \"192.0.2.2:80\" }\n",
		"f.yaml:4: nat64.static[0].outside: \"[2001:db8::5]:80\" is no IPv4 address with a port, "
		"write one such as \"192.0.2.2:2000\"\n"
		"f.yaml:4: nat64.static[0].inside: \"192.0.2.2:80\" is no IPv6 address with a port, write "
		"one such as \"[2001:db8::5]:2000\"" },
	{ "no port", STATIC "{ protocol: tcp, outside: 192.0.2.2, inside: \"[2001:db8::5]:80\" }\n",
		"f.yaml:4: nat64.static[0].outside: \"192.0.2.2\" is no IPv4 address with a port, write one "
		"such as \"192.0.2.2:2000\"" },
	{ "not in the pool",
		STATIC "{ protocol: tcp, outside: \"192.0.2.3:8080\", inside: \"[2001:db8::5]:80\" }\n",
		"f.yaml:4: nat64.static[0]: outside 192.0.2.3 is not in nat64.pool, write one of its "
		"addresses" },
	{ "too many", "nat64:\n  max-sessions: 16\n  pool: [{ address: 192.0.2.2 }]\n  static:\n" SEVENTEEN,
		"f.yaml:5: nat64.static: there are 17 bindings, more than nat64.max-sessions, write a larger "
		"nat64.max-sessions" },
	{ "inside a prefix",
		STATIC "{ protocol: tcp, outside: \"192.0.2.2:8080\", inside: \"[64:ff9b::1]:80\" }\n",
		"f.yaml:4: nat64.static[0]: inside 64:ff9b::1 lies in nat64.prefixes and so stands for an "
		"IPv4 address, write the address of an IPv6 host" },
	{ "inside link-local",
		STATIC "{ protocol: tcp, outside: \"192.0.2.2:8080\", inside: \"[fe80::1]:80\" }\n",
		"f.yaml:4: nat64.static[0]: inside fe80::1 is link-local, which routers do not forward, "
		"write the address of an IPv6 host" },
	{ "inside multicast",
		STATIC "{ protocol: tcp, outside: \"192.0.2.2:8080\", inside: \"[ff02::1]:80\" }\n",
		"f.yaml:4: nat64.static[0]: inside ff02::1 is no unicast address, write the address of an "
		"IPv6 host" },
	{ "outside twice",
		STATIC GOOD_STATIC
		"    - { protocol: tcp, outside: \"192.0.2.2:8080\", inside: \"[2001:db8::6]:80\" }\n",
		"f.yaml:5: nat64.static[1]: it has the outside of nat64.static[0], write another" },
	{ "inside twice",
		STATIC GOOD_STATIC
		"    - { protocol: tcp, outside: \"192.0.2.2:8081\", inside: \"[2001:db8::5]:80\" }\n",
		"f.yaml:5: nat64.static[1]: it has the inside of nat64.static[0], write another" },
};

TEST(static_bindings_are_checked_against_pool_and_prefixes)
{
	CHECK_CASES(static_cases);
}

#define UPSTREAM "dns64:\n  upstream: "
static const struct fault_case dns64_cases[] = {
	{ "fastpath nowhere", "dns64:\n  fastpath: auto\n",
		"f.yaml:2: dns64.fastpath: nothing says where, write the interfaces under "
		"dns64.fastpath-interfaces, such as "
		"[eth0]" },
	{ "fastpath in tc", "dns64:\n  fastpath: tc\n",
		"f.yaml:2: dns64.fastpath: \"tc\" is not known, write one of off, auto, xdp" },
	{ "no interface", "dns64:\n  fastpath-interfaces: [\"a b\"]\n",
		"f.yaml:2: dns64.fastpath-interfaces[0]: \"a b\" is no name of an interface, write one such "
		"as eth0, of at most "
		"15 characters" },
	{ "listen without port", "dns64:\n  listen: [\"[::]\"]\n",
		"f.yaml:2: dns64.listen[0]: \"[::]\" is no address with a port, write one such as "
		"\"[2001:db8::1]:53\" or \"192.0.2.1:53\"" },
	{ "listen port 0", "dns64:\n  listen: \"0.0.0.0:0\"\n",
		"f.yaml:2: dns64.listen: \"0.0.0.0:0\" is no address with a port, write one such as "
		"\"[2001:db8::1]:53\" or \"192.0.2.1:53\"" },
	{ "listen port 65536", "dns64:\n  listen: \"[::1]:65536\"\n",
		"f.yaml:2: dns64.listen: \"[::1]:65536\" is no address with a port, write one such as "
		"\"[2001:db8::1]:53\" or \"192.0.2.1:53\"" },
	{ "listen twice", "dns64:\n  listen: [\"[::0]:53\", \"[::]:53\"]\n",
		"f.yaml:2: dns64.listen[1]: [::]:53 is listed twice, keep one" },
	{ "allow nobody", "dns64:\n  allow: []\n",
		"f.yaml:2: dns64.allow: the list is empty, write at least one entry, such as [\"::1/128\", "
		"\"fc00::/7\", \"2001:db8::/32\", 127.0.0.0/8]" },
	{ "allow a name", "dns64:\n  allow: [localhost]\n",
		"f.yaml:2: dns64.allow[0]: \"localhost\" is no prefix, write one such as 2001:db8::/32 or "
		"192.0.2.0/24" },
	{ "allow host bits", "dns64:\n  allow: [\"2001:db8::1/32\"]\n",
		"f.yaml:2: dns64.allow[0]: \"2001:db8::1/32\" has bits set beyond its length, write "
		"2001:db8::/32" },
	{ "system beside another", UPSTREAM "[192.0.2.53, system]\n",
		"f.yaml:2: dns64.upstream[1]: system cannot stand beside other upstreams, keep it alone or "
		"remove it" },
	{ "a name", UPSTREAM "[dns.example.net]\n",
		"f.yaml:2: dns64.upstream[0]: \"dns.example.net\" is no upstream, write system, recursive, "
		"an address such as 192.0.2.53, or \"tls://9.9.9.9#dns.quad9.net\"" },
	{ "tls without a name", UPSTREAM "[\"tls://9.9.9.9\"]\n",
		"f.yaml:2: dns64.upstream[0]: \"tls://9.9.9.9\" lacks the name that the server's certificate "
		"must have, write one such as \"tls://9.9.9.9#dns.quad9.net\"" },
	{ "tls with a bad name", UPSTREAM "[\"tls://9.9.9.9#a..b\"]\n",
		"f.yaml:2: dns64.upstream[0]: \"tls://9.9.9.9#a..b\" has no host name after the #, write one "
		"such as \"tls://9.9.9.9#dns.quad9.net\"" },
	{ "tls without an address", UPSTREAM "[\"tls://#dns.quad9.net\"]\n",
		"f.yaml:2: dns64.upstream[0]: \"tls://#dns.quad9.net\" has no address between tls:// and #, "
		"write one such as \"tls://9.9.9.9#dns.quad9.net\"" },
	{ "multicast", UPSTREAM "[224.0.0.251]\n",
		"f.yaml:2: dns64.upstream[0]: \"224.0.0.251\" is not the address of one server (unspecified, "
		"link-local, multicast or reserved), write another" },
	{ "twice", UPSTREAM "[192.0.2.53, \"192.0.2.53:53\"]\n",
		"f.yaml:2: dns64.upstream[1]: 192.0.2.53:53 is listed twice, keep one" },
	{ "ourselves", UPSTREAM "[127.0.0.1]\n",
		"f.yaml:2: dns64.upstream: 127.0.0.1:53 is this resolver itself (it listens on 0.0.0.0:53), "
		"write the addresses of other servers to dns64.upstream" },
	{ "exclude-aaaa IPv4", "dns64:\n  exclude-aaaa: [10.0.0.0/8]\n",
		"f.yaml:2: dns64.exclude-aaaa[0]: \"10.0.0.0/8\" is no IPv6 prefix, write one such as "
		"2001:db8::/32" },
	{ "a range without a prefix", "dns64:\n  ranges: [10.0.0.0/8]\n",
		"f.yaml:2: dns64.ranges[0]: \"10.0.0.0/8\" is no range with its prefix, write one such as "
		"\"10.0.0.0/8 via 2001:db8:64::/96\"" },
	{ "a range that is none", "dns64:\n  ranges: [ten via 2001:db8:64::/96]\n",
		"f.yaml:2: dns64.ranges[0]: \"ten\" is no IPv4 prefix, write one such as 203.0.113.0/24" },
	{ "a range via /95", "dns64:\n  ranges: [10.0.0.0/8 via 2001:db8:64::/95]\n",
		"f.yaml:2: dns64.ranges[0]: \"2001:db8:64::/95\" is no translation prefix: length must "
		"be 32, 40, 48, 56, 64 or 96; write one such as 64:ff9b::/96" },
	{ "a range twice",
		"dns64:\n  ranges: [10.0.0.0/8 via 2001:db8:64::/96, 10.0.0.0/8 via 2001:db8:64:0::/96]\n",
		"f.yaml:2: dns64.ranges[1]: 10.0.0.0/8 via 2001:db8:64:0::/96 is listed twice, keep one" },
	{ "no domain", "dns64:\n  never-synthesize: [a..b]\n",
		"f.yaml:2: dns64.never-synthesize[0]: \"a..b\" is no domain, write one such as corp.example "
		"(letters, digits, - and _ in labels of at most 63), or \".\" for all names" },
	{ "a domain with blanks", "dns64:\n  always-synthesize: [a b]\n",
		"f.yaml:2: dns64.always-synthesize[0]: \"a b\" is no domain, write one such as corp.example "
		"(letters, digits, - and _ in labels of at most 63), or \".\" for all names" },
	{ "a domain twice", "dns64:\n  never-synthesize: [A.example, a.Example.]\n",
		"f.yaml:2: dns64.never-synthesize[1]: a.Example. is listed twice, keep one" },
	{ "a domain in both lists",
		"dns64:\n  never-synthesize: [A.example]\n  always-synthesize: a.example.\n",
		"f.yaml:1: dns64: a.example is in never-synthesize and in always-synthesize, keep one of "
		"them" },
	{ "a domain in both lists by way of a view",
		"dns64:\n  never-synthesize: [a.example]\n  views:\n  - clients: ::/0\n    "
		"always-synthesize: a.example\n",
		"f.yaml:4: dns64.views[0]: a.example is in never-synthesize and in always-synthesize, keep "
		"one of "
		"them" },
	{ "a domain with two entries",
		"dns64:\n  forward:\n  - { domain: a.example, to: 192.0.2.1 }\n  - { domain: A.example, to: "
		"192.0.2.2 }\n",
		"f.yaml:4: dns64.forward[1]: a.example has two entries, write all its servers into one" },
	{ "a domain without servers", "dns64:\n  forward: [{ domain: a.example }]\n",
		"f.yaml:2: dns64.forward[0].to: the key is missing, write to: and a list" },
	{ "a domain that is forwarded to ourselves", "dns64:\n  forward: [{ domain: a, to: 127.0.0.1 }]\n",
		"f.yaml:2: dns64.forward: 127.0.0.1:53 is this resolver itself (it listens on 0.0.0.0:53), "
		"write "
		"another server" },
	{ "a server of a domain over TLS without a name",
		"dns64:\n  forward: [{ domain: a, to: \"tls://9.9.9.9\" }]\n",
		"f.yaml:2: dns64.forward[0].to: \"tls://9.9.9.9\" lacks the name that the server's "
		"certificate "
		"must have, write one such as \"tls://9.9.9.9#dns.quad9.net\"" },
	{ "a server of a domain that is none", "dns64:\n  forward: [{ domain: a, to: recursive }]\n",
		"f.yaml:2: dns64.forward[0].to: \"recursive\" is not the address of one server, write one "
		"such as 192.0.2.53, \"[2001:db8::53]:5353\" or \"tls://192.0.2.53#dns.corp.example\"" },
	{ "DNS without TLS at the port of DNS over TLS (RFC 7858 s3.1)", "dns64:\n  listen: [\"[::]:853\"]\n",
		"f.yaml:2: dns64.listen[0]: \"[::]:853\" has the wrong port: 853 is for DNS over TLS only, "
		"and 53 "
		"for DNS without TLS" },
	{ "DNS over TLS at the port of DNS without it", "dns64:\n  tls: { listen: [\"[::]:53\"] }\n",
		"f.yaml:2: dns64.tls.listen[0]: \"[::]:53\" has the wrong port: 853 is for DNS over TLS "
		"only, and "
		"53 for DNS without TLS" },
	{ "an upstream over TLS at port 53", UPSTREAM "[\"tls://9.9.9.9:53#a.test\"]\n",
		"f.yaml:2: dns64.upstream[0]: \"tls://9.9.9.9:53#a.test\" has the wrong port: 853 is for DNS "
		"over "
		"TLS only, and 53 for DNS without TLS" },
	{ "an upstream without TLS at port 853", UPSTREAM "[\"9.9.9.9:853\"]\n",
		"f.yaml:2: dns64.upstream[0]: \"9.9.9.9:853\" has the wrong port: 853 is for DNS over TLS "
		"only, and "
		"53 for DNS without TLS" },
	{ "servers of a domain with and without TLS",
		"dns64:\n  forward: [{ domain: a, to: [\"tls://192.0.2.1#a.test\", 192.0.2.2] }]\n",
		"f.yaml:2: dns64.forward[0]: servers with and without TLS cannot be mixed, write one kind "
		"for "
		"all" },
	{ "upstreams with and without TLS", UPSTREAM "[\"tls://192.0.2.1#a.test\", 192.0.2.2]\n",
		"f.yaml:2: dns64.upstream: servers with and without TLS cannot be mixed, write one kind for "
		"all" },
	{ "a domain that is forwarded to ourselves over TLS",
		"dns64:\n  tls: { listen: \"[::1]:853\", certificate: /a.pem, key: /a.key }\n"
		"  forward: [{ domain: a, to: \"tls://[::1]:853#a.test\" }]\n",
		"f.yaml:3: dns64.forward: tls://[::1]:853#a.test is this resolver itself (it listens on "
		"[::1]:853), write another server" },
	{ "a domain with a quote", "dns64:\n  forward: [{ domain: 'a\"b', to: 192.0.2.1 }]\n",
		"f.yaml:2: dns64.forward[0].domain: \"a\"b\" is no domain, write one such as corp.example "
		"(letters, "
		"digits, - and _ in labels of at most 63), or \".\" for all names" },
	{ "a domain that is blocked in two ways",
		"dns64:\n  block:\n    nxdomain: [a.example]\n    refuse: [A.example]\n",
		"f.yaml:3: dns64.block: a.example is in nxdomain and in refuse, keep one of them" },
	{ "local names are a list", "dns64:\n  local: a.example\n",
		"f.yaml:2: dns64.local: a single value stands where a list belongs, write a list of { name, "
		"addresses }" },
	{ "a local name is a mapping", "dns64:\n  local: [a.example]\n",
		"f.yaml:2: dns64.local[0]: an entry is a mapping, write { name: ..., addresses: ... }" },
	{ "a local name without addresses", "dns64:\n  local: [{ name: a, addresses: [] }]\n",
		"f.yaml:2: dns64.local[0].addresses: the list is empty, write at least one entry, such as "
		"192.168.1.5" },
	{ "a local name with a loopback address", "dns64:\n  local: [{ name: a, addresses: \"::1\" }]\n",
		"f.yaml:2: dns64.local[0].addresses: \"::1\" is no address of a host, write one such as "
		"192.168.1.5 or "
		"\"2001:db8::5\"" },
	{ "a relative path of hosts", "dns64:\n  hosts-file: hosts\n",
		"f.yaml:2: dns64.hosts-file: \"hosts\" is no absolute path, write one such as /etc/hosts, or "
		"none" },
	{ "queries to nowhere", "dns64:\nlog:\n  queries: { to: [syslog] }\n",
		"f.yaml:3: log.queries.to[0]: \"syslog\" is not known, write one of file, collector" },
	{ "lines for a collector", "dns64:\nlog:\n  queries: { to: collector }\n",
		"f.yaml:3: log.queries: a collector takes dnstap only, write format: dnstap, or to: [file]" },
	{ "half of a client", "dns64:\nlog:\n  queries: { client: half }\n",
		"f.yaml:3: log.queries.client: \"half\" is not known, write one of full, prefix, none" },
	{ "stale for too long", "dns64:\n  serve-stale: { keep: 8d }\n",
		"f.yaml:2: dns64.serve-stale.keep: 8d is too long, write 7d or less" },
	{ "views are a list", "dns64:\n  views: all\n",
		"f.yaml:2: dns64.views: a single value stands where a list belongs, write a list of { "
		"clients, "
		"prefixes, ... }" },
	{ "a view is a mapping", "dns64:\n  views: [\"2001:db8:1::/48\"]\n",
		"f.yaml:2: dns64.views[0]: an entry is a mapping, write { clients: [\"2001:db8:1::/48\"], "
		"... }" },
	{ "a view for nobody", "dns64:\n  views: [{ prefixes: [] }]\n",
		"f.yaml:2: dns64.views[0].clients: the key is missing, write clients: and a list" },
	{ "a view with an unknown key", "dns64:\n  views:\n  - { clients: ::/0, prefixs: [] }\n",
		"f.yaml:3: dns64.views[0].prefixs: the key is not known, did you mean prefixes?" },
	{ "a client of two views",
		"dns64:\n  views:\n  - clients: [10.0.0.0/8, \"::/0\"]\n  - clients: [\"::1/128\", "
		"\"::/0\"]\n",
		"f.yaml:4: dns64.views[1]: ::/0 is in the clients of dns64.views[0] too, keep one of them" },
};

TEST(dns64_values_are_checked)
{
	CHECK_CASES(dns64_cases);
}

static const struct fault_case service_cases[] = {
	{ "relative socket", "nat64:\ncontrol: { socket: control.sock }\n",
		"f.yaml:2: control.socket: \"control.sock\" is no absolute path, write one such as "
		"/run/isthmus/control.sock" },
	{ "metrics without a port", "nat64:\ncontrol:\n  metrics: \"::1\"\n",
		"f.yaml:3: control.metrics: \"::1\" is no address with a port, write one such as "
		"\"[::1]:9964\", or off" },
	{ "metrics on", "nat64:\ncontrol: { metrics: on }\n",
		"f.yaml:2: control.metrics: \"on\" is no address with a port, write one such as "
		"\"[::1]:9964\", or off" },
	{ "metrics port 0", "nat64:\ncontrol: { metrics: \"[::1]:0\" }\n",
		"f.yaml:2: control.metrics: \"[::1]:0\" is no address with a port, write one such as "
		"\"[::1]:9964\", or off" },
	{ "several metrics", "nat64:\ncontrol: { metrics: [\"[::1]:9964\"] }\n",
		"f.yaml:2: control.metrics: a list stands where one value belongs, write it as text" },
	{ "level", "nat64:\nlog: { level: loud }\n",
		"f.yaml:2: log.level: \"loud\" is not known, write one of error, warning, info, debug" },
	{ "sink", "nat64:\nlog: { to: [stdout] }\n",
		"f.yaml:2: log.to[0]: \"stdout\" is not known, write one of stderr, syslog, journal" },
	{ "sink twice", "nat64:\nlog: { to: [syslog, syslog] }\n",
		"f.yaml:2: log.to[1]: syslog is listed twice, keep one" },
	{ "binding log to nowhere known", "nat64:\nlog:\n  bindings: { to: [disk] }\n",
		"f.yaml:3: log.bindings.to[0]: \"disk\" is not known, write one of file, syslog, ipfix" },
	{ "binding log without a collector", "nat64:\nlog:\n  bindings: { to: [file, ipfix] }\n",
		"f.yaml:3: log.bindings: ipfix needs a collector, write collector: with an address and port "
		"such as "
		"\"192.0.2.50:4739\"" },
	{ "a collector without a port", "nat64:\nlog:\n  bindings: { to: [ipfix], collector: 192.0.2.50 }\n",
		"f.yaml:3: log.bindings.collector: \"192.0.2.50\" is no address with a port, write one such "
		"as "
		"\"192.0.2.50:4739\", or none" },
	{ "binding log in a relative path", "nat64:\nlog:\n  bindings: { to: [file], path: b.log }\n",
		"f.yaml:3: log.bindings.path: \"b.log\" is no absolute path, write one such as "
		"/var/log/isthmus/bindings.log" },
	{ "binding log in great detail", "nat64:\nlog:\n  bindings: { to: [file], detail: packet }\n",
		"f.yaml:3: log.bindings.detail: \"packet\" is not known, write one of block, binding, "
		"session" },
	{ "binding log buffer", "nat64:\nlog:\n  bindings: { to: [file], buffer: 5000 }\n",
		"f.yaml:3: log.bindings.buffer: 5000 is no power of two, write one such as 65536" },
	{ "binding log over sctp",
		"nat64:\nlog:\n  bindings: { to: [ipfix], collector: \"192.0.2.50:4739\", transport: sctp "
		"}\n",
		"f.yaml:3: log.bindings.transport: \"sctp\" is not known, write one of udp, tcp" },
};

TEST(control_and_log_are_checked)
{
	CHECK_CASES(service_cases);
}

TEST(a_long_socket_path_is_refused_and_the_longest_taken)
{
	char text[400], path[140] = "/";
	struct conf *c;
	struct conf_errors e;

	for (size_t len = 1; len < 120; len++) {
		path[len] = 'x';
		path[len + 1] = '\0';
		snprintf(text, sizeof(text), "nat64:\ncontrol: { socket: %s }\n", path);
		int r = parse(text, &c, &e);

		CHECK_INT(r, len + 1 < sizeof(c->control.socket) ? 0 : -EINVAL);
		if (r == 0)
			CHECK_TEXT(c->control.socket, path);
		if (r == 0)
			conf_free(c);
		conf_errors_fini(&e);
	}
}

TEST(not_more_than_fifty_faults_are_listed)
{
	char text[4096] = "nat64:\n";
	struct conf *c;
	struct conf_errors e;

	for (int i = 0; i < 80; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "  unknown-thing-%d: 1\n", i);
	REQUIRE(parse(text, &c, &e) == -EINVAL);
	CHECK_INT(e.len, 51);
	CHECK_TEXT(
		e.lines[50], "f.yaml:52: nat64.unknown-thing-50: more faults follow, mend those above first");
	conf_errors_fini(&e);
}

TEST(messages_hold_no_control_characters)
{
	struct conf *c;
	struct conf_errors e;

	REQUIRE(parse("nat64:\n  \"a\\e[31m\\u0085\\n\": 1\n", &c, &e) == -EINVAL);
	REQUIRE(e.len == 1);
	for (const char *p = e.lines[0]; *p; p++)
		CHECK((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
	conf_errors_fini(&e);
}
