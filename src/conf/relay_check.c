/* relay_check.c - services that do not go together, or with other sections; see relay.h */
#include "conf/relay.h"

#include "base/bytes.h"

#include <stdio.h>
#include <sys/socket.h>

/* Whether sockets at both places cannot be there at once, or would share the clients. */
static bool clashes(const struct endpoint *a, const struct endpoint *b)
{
	if (a->is4 != b->is4 || a->port != b->port)
		return false;
	return endpoint_same_address(a, b) || endpoint_is_any(a) || endpoint_is_any(b);
}

static bool is_datagrams(const struct relay_service *s)
{
	return s->type == RELAY_UDP;
}

/* --- with other services --- */

static void check_listen_with(struct conf_reading *r, const struct relay_service *s, unsigned line,
	const struct relay_service *other)
{
	char text[ENDPOINT6_TEXT];

	for (unsigned i = 0; i < s->listen_len; i++)
		for (unsigned k = 0; k < other->listen_len; k++) {
			if (is_datagrams(s) != is_datagrams(other) ||
				!clashes(&s->listen[i], &other->listen[k]))
				continue;
			reading_fault(r, line,
				"the service %s listens at %s already, write another address or port",
				other->name, endpoint_text(&other->listen[k], text));
			return;
		}
}

static void check_alone(struct conf_reading *r, const struct relay_service *s, unsigned line)
{
	char text[ENDPOINT6_TEXT];

	for (unsigned i = 0; i < s->listen_len; i++)
		for (unsigned k = 0; k < i; k++)
			if (clashes(&s->listen[i], &s->listen[k]))
				reading_fault(r, line,
					"%s holds the other address of that port, keep one of them",
					endpoint_text(endpoint_is_any(&s->listen[i]) ? &s->listen[i]
										     : &s->listen[k],
						text));
}

/* --- with other sections --- */

struct taken {
	const struct endpoint *at;
	unsigned len;
	bool datagrams, streams;
	const char *key;
};

static void check_taken(struct conf_reading *r, const struct relay_service *s, unsigned line)
{
	const struct conf *c = r->c;
	const struct taken all[] = {
		{ c->dns64.listen, c->has_dns64 ? c->dns64.listen_len : 0, true, true, "dns64.listen" },
		{ c->dns64.tls.listen, c->has_dns64 ? c->dns64.tls.listen_len : 0, false, true,
			"dns64.tls.listen" },
		{ c->dns64.https.listen, c->has_dns64 ? c->dns64.https.listen_len : 0, false, true,
			"dns64.https.listen" },
		{ &c->control.metrics.at, c->control.metrics.is_on ? 1 : 0, false, true, "control.metrics" },
	};
	char text[ENDPOINT6_TEXT];

	for (unsigned t = 0; t < ARRAY_LEN(all); t++) {
		if (is_datagrams(s) ? !all[t].datagrams : !all[t].streams)
			continue;
		for (unsigned i = 0; i < all[t].len; i++)
			for (unsigned k = 0; k < s->listen_len; k++)
				if (clashes(&s->listen[k], &all[t].at[i]))
					reading_fault(r, line,
						"%s is in %s too, write another address or port",
						endpoint_text(&s->listen[k], text), all[t].key);
	}
}

/* Replies to an address of ours would go to the translator instead. */
static void check_client_prefix(struct conf_reading *r, const struct relay_service *s, unsigned line)
{
	const struct conf *c = r->c;

	for (unsigned i = 0; s->has_client_prefix && c->has_nat64 && i < c->nat64.prefixes_len; i++)
		if (prefix6_contains(c->nat64.prefixes[i], s->client_prefix.addr)) {
			reading_fault(r, line,
				"client-prefix lies in nat64.prefixes, write a prefix of its own such as "
				"2001:db8:46::/96");
			return;
		}
	for (unsigned i = 0; s->has_client_prefix && c->has_siit && i < c->nat64.siit.prefixes_len; i++)
		if (prefix6_contains(c->nat64.siit.prefixes[i], s->client_prefix.addr)) {
			reading_fault(r, line,
				"client-prefix lies in siit.prefix, write a prefix of its own such as "
				"2001:db8:47::/96");
			return;
		}
}

/* --- a service by itself --- */

static void check_to(struct conf_reading *r, const struct relay_service *s, const struct relay_target *to,
	unsigned to_len, unsigned line)
{
	char text[ENDPOINT6_TEXT];

	for (unsigned i = 0; i < to_len; i++)
		for (unsigned k = 0; k < s->listen_len; k++)
			if (!to[i].host[0] && endpoint_equal(&to[i].at, &s->listen[k]))
				reading_fault(r, line,
					"%s is where the service listens itself, write the address of the "
					"server",
					endpoint_text(&to[i].at, text));
}

static void check_routes(struct conf_reading *r, const struct relay_service *s, unsigned line)
{
	for (unsigned i = 0; i < s->routes_len; i++) {
		const struct relay_route *route = &s->routes[i];

		check_to(r, s, route->to, route->to_len, line);
		if (route->to_tls && route->tls == RELAY_TLS_PASSTHROUGH)
			reading_fault(r, line,
				"the route of %s passes TLS through, so that it is TLS to the servers too; "
				"remove "
				"to-tls",
				route->host);
		for (unsigned k = 0; k < i; k++)
			if (strcmp(route->host, s->routes[k].host) == 0 &&
				(route->tls == RELAY_TLS_NONE) == (s->routes[k].tls == RELAY_TLS_NONE))
				reading_fault(r, line, "%s has two routes, write their servers to one",
					route->host);
	}
}

static bool is_everybody(const struct prefix *p)
{
	return p->is4 ? p->p4.len == 0 : p->p6.len == 0;
}

static void check_tls(struct conf_reading *r, const struct relay_service *s, unsigned line)
{
	if (!s->certificate[0] != !s->key[0])
		reading_fault(r, line, "tls has a %s, but no %s; write both", s->key[0] ? "key" : "certificate",
			s->key[0] ? "certificate" : "key");
}

/* An open proxy is found within hours, and used. */
static void warn_open(struct conf_reading *r, const struct relay_service *s, unsigned line)
{
	if ((s->type != RELAY_SOCKS5 && s->type != RELAY_HTTP_FORWARD) || s->users[0])
		return;
	for (unsigned i = 0; i < s->clients_len; i++)
		if (is_everybody(&s->clients[i])) {
			reading_warning(r, line,
				"everybody on the internet may use this proxy, without a password; write the "
				"prefixes of "
				"its clients to allow, or users");
			return;
		}
}

static void check_service(struct conf_reading *r, unsigned number, unsigned line)
{
	const struct relay_service *s = &r->c->relay.services[number];

	for (unsigned i = 0; i < number; i++) {
		const struct relay_service *other = &r->c->relay.services[i];

		check_listen_with(r, s, line, other);
		if (strcmp(s->name, other->name) == 0)
			reading_fault(r, line, "the name %s is taken by another service, write another one",
				s->name);
	}
	check_alone(r, s, line);
	check_taken(r, s, line);
	check_client_prefix(r, s, line);
	check_to(r, s, s->to, s->to_len, line);
	check_routes(r, s, line);
	check_tls(r, s, line);
	warn_open(r, s, line);
}

void relay_check(struct conf_reading *r, const struct conf_node *list)
{
	const struct conf_node *n = list ? list->members : NULL;
	size_t back = path_enter(r, "relay.services");
	unsigned listens = 0;

	for (unsigned i = 0; i < r->c->relay.services_len; i++, n = n ? n->next : NULL) {
		size_t member = path_enter_member(r, i);

		listens += r->c->relay.services[i].listen_len;
		check_service(r, i, n ? reading_line(r, n) : 0);
		path_leave(r, member);
	}
	if (listens > CONF_RELAY_LISTENS_MAX)
		reading_fault(r, list ? reading_line(r, list) : 0,
			"the services listen at %u addresses in all, write at most %d", listens,
			CONF_RELAY_LISTENS_MAX);
	path_leave(r, back);
}
