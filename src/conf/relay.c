/* relay.c - the section relay, but for its services; see relay.h */
#include "conf/relay.h"

#include "base/bytes.h"
#include "conf/upstream.h"

#include <stdio.h>
#include <stdlib.h>

#define AT(member) offsetof(struct conf, member)
#define OF_DESTINATIONS(member) offsetof(struct relay_destinations, member)
#define OF_TIMEOUTS(member) offsetof(struct relay_timeouts, member)
#define DAYS(n) ((n)*86400u)

static const struct conf_number thread_count = { .zero_word = "auto" };

static const struct conf_choice family_words[] = {
	{ "any", RELAY_FAMILY_ANY, NULL },
	{ "ipv4-first", RELAY_FAMILY_IPV4_FIRST, NULL },
	{ "ipv6-only", RELAY_FAMILY_IPV6_ONLY, NULL },
	{ "ipv4-only", RELAY_FAMILY_IPV4_ONLY, NULL },
};
const struct conf_choices conf_relay_family_choices = { family_words, ARRAY_LEN(family_words) };

static const struct conf_key destination_rows[] = {
	{ .path = "relay.destinations.allow",
		.shape = &shape_owned,
		.at = OF_DESTINATIONS(allow),
		.len_at = OF_DESTINATIONS(allow_len),
		.max = RELAY_PREFIXES_MAX,
		.of = &item_prefix,
		.standard = "[]",
		.help = "Destinations that clients may have although they are special or this host's own: "
			"loopback, "
			"link-local and multicast addresses, and whatever listens here." },
	{ .path = "relay.destinations.deny",
		.shape = &shape_owned,
		.at = OF_DESTINATIONS(deny),
		.len_at = OF_DESTINATIONS(deny_len),
		.max = RELAY_PREFIXES_MAX,
		.of = &item_prefix,
		.standard = "[]",
		.help = "Destinations that clients may not have, such as the network's own servers; an IPv4 "
			"prefix "
			"denies its addresses inside IPv6 addresses too." },
	{ .path = "relay.destinations.ports",
		.shape = &shape_owned,
		.at = OF_DESTINATIONS(ports),
		.len_at = OF_DESTINATIONS(ports_len),
		.max = RELAY_PORTS_MAX,
		.of = &item_port_range,
		.standard = "[]",
		.help = "The ports that destinations may have; none written: all. Of a transparent service: "
			"the "
			"ports "
			"that it takes, 80 and 443 if none is written." },
};
const struct conf_keys conf_relay_destination_keys = { destination_rows, ARRAY_LEN(destination_rows) };

static const struct conf_key timeout_rows[] = {
	{ .path = "relay.timeouts.connect",
		.shape = &shape_duration,
		.at = OF_TIMEOUTS(connect),
		.min = 1,
		.max = 300,
		.of = "a slow network",
		.standard = "10s",
		.help = "How long a destination may take to be connected, all its addresses together." },
	{ .path = "relay.timeouts.idle",
		.shape = &shape_duration,
		.at = OF_TIMEOUTS(idle),
		.min = 1,
		.max = DAYS(30),
		.of = "a conversation",
		.standard = "2h4m",
		.help = "How long a relayed connection may be silent in both directions." },
	{ .path = "relay.timeouts.head",
		.shape = &shape_duration,
		.at = OF_TIMEOUTS(head),
		.min = 1,
		.max = 600,
		.of = "a slow network",
		.standard = "10s",
		.help = "How long a client may take to say what it wants: the head of a request, a "
			"handshake, a "
			"PROXY header." },
	{ .path = "relay.timeouts.keep-alive",
		.shape = &shape_duration,
		.at = OF_TIMEOUTS(keep_alive),
		.min = 1,
		.max = 3600,
		.of = "a second request",
		.standard = "1m",
		.help = "How long an HTTP connection is kept open between two requests." },
	{ .path = "relay.timeouts.drain",
		.shape = &shape_duration,
		.at = OF_TIMEOUTS(drain),
		.max = DAYS(30),
		.standard = "1d",
		.help = "How long connections go on that began under a configuration that is no longer in "
			"force." },
	{ .path = "relay.timeouts.udp",
		.shape = &shape_duration,
		.at = OF_TIMEOUTS(udp),
		.min = 1,
		.max = DAYS(1),
		.of = "a question and its answer",
		.standard = "2m",
		.help = "How long a UDP client is remembered after the last packet." },
};
const struct conf_keys conf_relay_timeout_keys = { timeout_rows, ARRAY_LEN(timeout_rows) };

const struct conf_key conf_relay_rows[CONF_RELAY_ROWS] = {
	{ .path = "relay.allow",
		.shape = &shape_owned,
		.at = AT(relay_standard.clients),
		.len_at = AT(relay_standard.clients_len),
		.min = 1,
		.max = RELAY_PREFIXES_MAX,
		.of = &item_prefix,
		.standard = "[\"::1/128\", \"fc00::/7\", \"2001:db8::/32\", 127.0.0.0/8, 10.0.0.0/8, "
			    "172.16.0.0/12, "
			    "192.168.0.0/16]",
		.help = "Clients that are served; all others are turned away." },
	{ .path = "relay.threads",
		.shape = &shape_number,
		.at = AT(relay.threads),
		.min = 1,
		.max = RELAY_THREADS_MAX,
		.of = &thread_count,
		.standard = "auto",
		.change = CONF_CHANGE_RESTART,
		.help = "How many threads serve; auto is one for each processor, at most 16." },
	{ .path = "relay.connections",
		.shape = &shape_number,
		.at = AT(relay.connections),
		.min = 16,
		.max = 1u << 20,
		.standard = "20000",
		.help = "Connections that clients may have at once, of all services together; each needs two "
			"descriptors." },
	{ .path = "relay.connections-per-client",
		.shape = &shape_number,
		.at = AT(relay.connections_per_client),
		.min = 1,
		.max = 1u << 20,
		.standard = "1000",
		.help = "Connections that one client may have at once: an IPv4 address, or an IPv6 prefix of "
			"64 "
			"bits." },
	{ .path = "relay.resolver",
		.shape = &shape_relay_resolver,
		.min = 1,
		.max = RELAY_RESOLVERS_MAX,
		.standard = "auto",
		.help = "Whom to ask for the addresses of names: auto is the section dns64 if there is one, "
			"else "
			"the "
			"name servers of the host's resolv.conf; or name servers such as 192.0.2.53." },
	{ .path = "relay.family",
		.shape = &shape_choice,
		.at = AT(relay_standard.family),
		.of = &conf_relay_family_choices,
		.standard = "any",
		.help = "How destinations of both families are reached: any races them, IPv6 first (RFC "
			"8305); "
			"ipv4-first; ipv6-only; ipv4-only." },
	{ .path = "relay.destinations",
		.shape = &shape_mapping,
		.at = AT(relay_standard.destinations),
		.of = &conf_relay_destination_keys,
		.standard = "{}",
		.help = "What clients may have as their destination; a target that is written here is none "
			"of their "
			"choice." },
	{ .path = "relay.timeouts",
		.shape = &shape_mapping,
		.at = AT(relay_standard.timeouts),
		.of = &conf_relay_timeout_keys,
		.standard = "{}",
		.help = "How long things may take." },
	{ .path = "relay.client-prefix",
		.shape = &shape_client_prefix,
		.at = AT(relay_standard.client_prefix),
		.len_at = AT(relay_standard.has_client_prefix),
		.standard = "none",
		.help = "An IPv6 prefix of 96 bits that is routed to this host: an IPv6 server sees an IPv4 "
			"client "
			"as "
			"this prefix with the client's address behind it; or none." },
	{ .path = "relay.health",
		.shape = &shape_mapping,
		.at = AT(relay_standard.health),
		.of = &conf_relay_health_keys,
		.standard = "{}",
		.help = "How targets are looked after, where there are several." },
	{ .path = "relay.services",
		.shape = &shape_relay_services,
		.min = 1,
		.max = RELAY_SERVICES_MAX,
		.is_required = true,
		.standard = "[{ type: socks5, listen: \"[::]:1080\" }]",
		.help = "What is relayed, one entry for each service." },
};
const struct conf_keys conf_relay_keys = { conf_relay_rows, CONF_RELAY_ROWS };

/* --- what concerns other sections --- */

static bool has_translation(const struct relay_config *c, struct prefix6 p)
{
	for (unsigned i = 0; i < c->translation_len; i++)
		if (addr6_eq(c->translation[i].addr, p.addr) && c->translation[i].len == p.len)
			return true;
	return false;
}

static void add_translation(struct conf_reading *r, const struct prefix6 *p, unsigned len)
{
	struct relay_config *c = &r->c->relay;
	struct prefix6 *all = realloc(c->translation, (c->translation_len + len) * sizeof(*all));

	if (!all && c->translation_len + len > 0) {
		r->is_nomem = true;
		return;
	}
	c->translation = all;
	for (unsigned i = 0; i < len; i++)
		if (!has_translation(c, p[i]))
			all[c->translation_len++] = p[i];
}

/* The prefixes under which IPv4 addresses may be hidden: those of this gateway, and the one that everybody knows. */
static void take_translation(struct conf_reading *r)
{
	static const struct prefix6 well_known = { { 0x0064ff9b00000000, 0 }, 96 }; /* RFC 6052 s2.1 */
	const struct conf *c = r->c;

	add_translation(r, &well_known, 1);
	if (c->has_nat64 && c->nat64.prefixes_len > 0)
		add_translation(r, c->nat64.prefixes, c->nat64.prefixes_len);
	if (c->has_dns64 && c->dns64.policy.prefixes_len > 0)
		add_translation(r, c->dns64.policy.prefixes, c->dns64.policy.prefixes_len);
	if (c->has_siit && c->nat64.siit.prefixes_len > 0)
		add_translation(r, c->nat64.siit.prefixes, c->nat64.siit.prefixes_len);
	if (c->has_clat && !c->clat.prefix.is_auto)
		add_translation(r, &c->clat.prefix.value, 1);
}

static void add_literals(struct dns64_policy *p, const struct dns_name *zone)
{
	for (unsigned i = 0; i < p->literals_len; i++)
		if (dns_name_equal(&p->literals[i], zone))
			return;
	if (p->literals_len < DNS64_LITERALS_MAX)
		p->literals[p->literals_len++] = *zone;
}

/* What is written into pages, the resolver has to know (dns64/synth_plan.c), whichever view a client has. */
static void take_literals(struct conf_reading *r)
{
	struct dns64_config *d = &r->c->dns64;
	struct dns_name zone;

	for (unsigned i = 0; i < r->c->relay.services_len; i++) {
		const struct relay_service *s = &r->c->relay.services[i];

		if (!s->literal_zone[0] || !dns_name_parse(s->literal_zone, &zone))
			continue;
		add_literals(&d->policy, &zone);
		for (unsigned v = 0; v < d->views_len; v++)
			add_literals(&d->views[v].policy, &zone);
	}
}

void relay_finish(struct conf_reading *r, const struct conf_node *n)
{
	unsigned before = r->faults;
	const struct conf_node *list = node_find(n, "services");

	take_translation(r);
	relay_take_services(r, n);
	take_literals(r);
	if (r->faults == before && !r->is_nomem)
		relay_check(r, list);
}

/* --- whom to ask --- */

#define LOOPBACK4 0x7f000001u

static struct endpoint loopback_of(const struct endpoint *listen)
{
	struct endpoint at = *listen;

	if (at.is4 && at.a4.v == 0)
		at.a4.v = LOOPBACK4;
	else if (!at.is4 && endpoint_is_any(&at))
		at.a6.lo = 1;
	return at;
}

static void take_own_resolver(struct conf *c)
{
	for (unsigned i = 0; i < c->dns64.listen_len && c->relay.resolvers_len < RELAY_RESOLVERS_MAX; i++)
		c->relay.resolvers[c->relay.resolvers_len++] = loopback_of(&c->dns64.listen[i]);
}

/* Servers with an interface (link-local ones) are left out: an endpoint has none. */
static void take_server(void *ctx, const char *word)
{
	struct relay_config *c = ctx;
	struct endpoint at;

	if (c->resolvers_len < RELAY_RESOLVERS_MAX && server_parse(word, &at))
		c->resolvers[c->resolvers_len++] = at;
}

static bool has_names(const struct relay_config *c)
{
	for (unsigned i = 0; i < c->services_len; i++) {
		enum relay_type t = c->services[i].type;

		if (t == RELAY_HTTP_FORWARD || t == RELAY_SOCKS5)
			return true;
		for (unsigned k = 0; k < c->services[i].to_len; k++)
			if (c->services[i].to[k].host[0])
				return true;
	}
	return false;
}

void relay_resolve(struct conf_reading *r, const char *resolv_text)
{
	struct conf *c = r->c;

	if (c->relay.resolvers_len > 0)
		return;
	if (c->has_dns64)
		take_own_resolver(c);
	else
		resolv_each(resolv_text, take_server, &c->relay);
	if (c->relay.resolvers_len > 0 || !has_names(&c->relay))
		return;
	size_t back = path_enter(r, "relay.resolver");

	reading_warning(r, 0,
		"the host's resolv.conf names no server, so that names cannot be resolved; write one such as "
		"192.0.2.53");
	path_leave(r, back);
}
