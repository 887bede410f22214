/* test_access.c - who may use a service, what may be its destination, and what is this gateway's own */
#include "harness.h"
#include "net/sockaddr.h"
#include "relay/access.h"
#include "relay/own.h"

#include <ifaddrs.h>
#include <string.h>

static struct endpoint endpoint_of(const char *text, uint16_t port)
{
	struct endpoint e = { .port = port };

	e.is4 = addr4_parse(text, &e.a4);
	REQUIRE(e.is4 || addr6_parse(text, &e.a6));
	return e;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p = { .is4 = !strchr(text, ':') };

	REQUIRE((p.is4 ? prefix4_parse(text, &p.p4) : prefix6_parse(text, &p.p6)) == 0);
	return p;
}

struct box {
	struct own *own;
	struct prefix clients[2], deny[2], allow[3];
	struct prefix6 translation;
	struct relay_ports ports[2];
	struct relay_destinations destinations;
	struct access access;
};

static void box_init(struct box *b)
{
	struct endpoint listener = endpoint_of("::", 3128), other = endpoint_of("203.0.113.7", 1080);

	*b = (struct box){
		.clients = { prefix_of("2001:db8:1::/64"), prefix_of("192.0.2.0/24") },
		.deny = { prefix_of("10.0.0.0/8"), prefix_of("2001:db8:bad::/48") },
		.translation = prefix_of("2001:db8:64::/96").p6,
	};
	b->destinations.deny = b->deny;
	b->destinations.deny_len = 2;
	b->access = (struct access){ .clients = b->clients,
		.clients_len = 2,
		.destinations = &b->destinations,
		.translation = &b->translation,
		.translation_len = 1 };
	REQUIRE(own_new(&b->own) == 0);
	REQUIRE(own_listens(b->own, &listener) == 0);
	REQUIRE(own_listens(b->own, &other) == 0);
	struct endpoint address = endpoint_of("203.0.113.7", 0), address6 = endpoint_of("2001:db8:9::9", 0);

	own_notice(b->own, &address); /* as if an interface had them */
	own_notice(b->own, &address6);
	b->access.own = b->own;
}

static enum access_verdict verdict_of(const struct box *b, const char *address, uint16_t port)
{
	struct endpoint to = endpoint_of(address, port);

	return access_destination(&b->access, &to);
}

TEST(only_listed_clients_are_served)
{
	struct box b;

	box_init(&b);
	struct endpoint in6 = endpoint_of("2001:db8:1::5", 1), out6 = endpoint_of("2001:db8:2::5", 1);
	struct endpoint in4 = endpoint_of("192.0.2.9", 1), out4 = endpoint_of("198.51.100.9", 1);

	CHECK(access_client(&b.access, &in6) && access_client(&b.access, &in4));
	CHECK(!access_client(&b.access, &out6) && !access_client(&b.access, &out4));
	own_free(b.own);
}

TEST(destinations_are_judged_by_every_address_that_they_stand_for)
{
	static const struct {
		const char *address;
		enum access_verdict want;
	} rows[] = {
		{ "198.51.100.1", ACCESS_ALLOWED },
		{ "2001:db8:5::1", ACCESS_ALLOWED },
		{ "64:ff9b::198.51.100.1", ACCESS_ALLOWED },
		{ "192.168.1.1", ACCESS_ALLOWED }, /* private use is the operator's to deny */
		/* denied by the file, in every form */
		{ "10.1.2.3", ACCESS_DENIED },
		{ "::ffff:10.1.2.3", ACCESS_DENIED },
		{ "::10.1.2.3", ACCESS_DENIED },
		{ "64:ff9b::10.1.2.3", ACCESS_DENIED },
		{ "64:ff9b:1::10.1.2.3", ACCESS_DENIED },
		{ "2001:db8:64::10.1.2.3", ACCESS_DENIED }, /* our own prefix */
		{ "2002:a01:203::1", ACCESS_DENIED },
		{ "2001:db8:5::5efe:10.1.2.3", ACCESS_DENIED },
		{ "2001:0:c633:6401::f5fe:fdfc", ACCESS_DENIED }, /* Teredo's client is 10.1.2.3 */
		{ "2001:db8:bad::1", ACCESS_DENIED },
		/* built in */
		{ "127.0.0.1", ACCESS_DENIED_OWN },
		{ "127.255.0.9", ACCESS_DENIED_OWN },
		{ "0.0.0.0", ACCESS_DENIED_OWN },
		{ "::1", ACCESS_DENIED_OWN },
		{ "::", ACCESS_DENIED_OWN },
		{ "64:ff9b::127.0.0.1", ACCESS_DENIED_OWN },
		{ "::ffff:127.0.0.1", ACCESS_DENIED_OWN },
		{ "2001:db8:64::127.0.0.1", ACCESS_DENIED_OWN },
		{ "0.1.2.3", ACCESS_DENIED },
		{ "169.254.169.254", ACCESS_DENIED },
		{ "64:ff9b::169.254.169.254", ACCESS_DENIED },
		{ "224.0.0.1", ACCESS_DENIED },
		{ "240.0.0.1", ACCESS_DENIED },
		{ "255.255.255.255", ACCESS_DENIED },
		{ "fe80::1", ACCESS_DENIED },
		{ "fec0::1", ACCESS_DENIED },
		{ "ff02::1", ACCESS_DENIED },
		/* this gateway's own */
		{ "203.0.113.7", ACCESS_DENIED_OWN },
		{ "2001:db8:9::9", ACCESS_DENIED_OWN },
		{ "64:ff9b::203.0.113.7", ACCESS_DENIED_OWN },
		{ "2002:cb00:7107::1", ACCESS_DENIED_OWN },
	};
	struct box b;

	box_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].address);
		CHECK_INT(verdict_of(&b, rows[i].address, 80), rows[i].want);
	}
	test_row(NULL);
	own_free(b.own);
}

TEST(allow_lifts_what_is_built_in_for_that_prefix_only)
{
	struct box b;

	box_init(&b);
	b.allow[0] = prefix_of("127.0.0.1/32");
	b.allow[1] = prefix_of("2001:db8:9::9/128");
	b.allow[2] = prefix_of("10.0.0.0/8");
	b.destinations.allow = b.allow;
	b.destinations.allow_len = 3;
	CHECK_INT(verdict_of(&b, "127.0.0.1", 80), ACCESS_ALLOWED);
	CHECK_INT(verdict_of(&b, "64:ff9b::127.0.0.1", 80), ACCESS_ALLOWED);
	CHECK_INT(verdict_of(&b, "127.0.0.2", 80), ACCESS_DENIED_OWN);
	CHECK_INT(verdict_of(&b, "::1", 80), ACCESS_DENIED_OWN);
	CHECK_INT(verdict_of(&b, "2001:db8:9::9", 80), ACCESS_ALLOWED);
	CHECK_INT(verdict_of(&b, "2001:db8:9::9", 3128), ACCESS_DENIED_OWN); /* a service listens there */
	CHECK_INT(verdict_of(&b, "10.1.1.1", 80), ACCESS_DENIED);	     /* deny is stronger */
	own_free(b.own);
}

TEST(ports_are_denied_unless_listed)
{
	struct box b;

	box_init(&b);
	CHECK_INT(verdict_of(&b, "198.51.100.1", 25), ACCESS_ALLOWED);
	b.ports[0] = (struct relay_ports){ 80, 80 };
	b.ports[1] = (struct relay_ports){ 8000, 8999 };
	b.destinations.ports = b.ports;
	b.destinations.ports_len = 2;
	CHECK_INT(verdict_of(&b, "198.51.100.1", 25), ACCESS_DENIED_PORT);
	CHECK_INT(verdict_of(&b, "198.51.100.1", 80), ACCESS_ALLOWED);
	CHECK_INT(verdict_of(&b, "198.51.100.1", 7999), ACCESS_DENIED_PORT);
	CHECK_INT(verdict_of(&b, "198.51.100.1", 8000), ACCESS_ALLOWED);
	CHECK_INT(verdict_of(&b, "198.51.100.1", 8999), ACCESS_ALLOWED);
	CHECK_INT(verdict_of(&b, "198.51.100.1", 9000), ACCESS_DENIED_PORT);
	CHECK_INT(verdict_of(&b, "127.0.0.1", 25), ACCESS_DENIED_OWN);
	own_free(b.own);
}

TEST(listeners_are_found_by_family_port_and_address)
{
	static const struct {
		const char *address;
		uint16_t port;
		bool is;
	} rows[] = {
		{ "::1", 3128, true }, /* [::] listens on every address of its family */
		{ "2001:db8:9::9", 3128, true },
		{ "::", 3128, true },
		{ "127.0.0.1", 3128, false },	  /* and on none of the other one */
		{ "2001:db8:5::1", 3128, false }, /* somebody else's address */
		{ "::1", 3129, false },
		{ "203.0.113.7", 1080, true },
		{ "127.0.0.1", 1080, false },
		{ "0.0.0.0", 1080, true },
	};
	struct box b;

	box_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct endpoint at = endpoint_of(rows[i].address, rows[i].port);

		test_row(rows[i].address);
		CHECK_INT(own_is_listener(b.own, &at), rows[i].is);
	}
	test_row(NULL);
	own_free(b.own);
}

TEST(every_address_of_an_interface_is_this_host_and_so_is_its_subnets_anycast_address)
{
	struct ifaddrs *all;
	struct own *own;

	REQUIRE(own_new(&own) == 0 && getifaddrs(&all) == 0);
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		const union sockaddr_any *a = (const void *)i->ifa_addr, *mask = (const void *)i->ifa_netmask;

		if (!a || (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6))
			continue;
		struct endpoint at = sockaddr_endpoint(a);

		CHECK(own_has(own, &at));
		if (at.is4)
			continue;
		struct addr6 m = addr6_at(mask->v6.sin6_addr.s6_addr);

		at.a6 = (struct addr6){ at.a6.hi & m.hi, at.a6.lo & m.lo };
		CHECK(own_has(own, &at));
	}
	freeifaddrs(all);
	own_free(own);
}

TEST(what_stands_for_clients_is_this_host)
{
	struct box b;

	box_init(&b);
	CHECK_INT(verdict_of(&b, "2001:db8:46::192.0.2.1", 22), ACCESS_ALLOWED);
	CHECK_INT(own_prefix(b.own, prefix_of("2001:db8:46::/96").p6), 0);
	CHECK_INT(own_prefix(b.own, prefix_of("2001:db8:46::/96").p6), 0);
	CHECK_INT(verdict_of(&b, "2001:db8:46::192.0.2.1", 22), ACCESS_DENIED_OWN);
	CHECK_INT(verdict_of(&b, "2001:db8:46:0:0:1::1", 22), ACCESS_ALLOWED);
	own_free(b.own);
}

TEST(a_listener_is_known_once_until_it_is_given_up)
{
	struct endpoint at = endpoint_of("203.0.113.7", 1080), other = endpoint_of("203.0.113.7", 1081);
	struct box b;

	box_init(&b);
	REQUIRE(own_listens(b.own, &at) == 0); /* again, by the next configuration */
	own_listens_no_more(b.own, &other);
	CHECK(own_is_listener(b.own, &at));
	own_listens_no_more(b.own, &at);
	CHECK(!own_is_listener(b.own, &at));
	own_listens_no_more(b.own, &at);
	own_free(b.own);
}
