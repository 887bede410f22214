/* relay_service.c - relay.services: which keys each type has, and how an entry is read and printed; see relay.h */
#include "conf/relay.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#define OF(member) offsetof(struct relay_service, member)
#define CHOICES(rows) (&(const struct conf_choices){ rows, ARRAY_LEN(rows) })

/* --- words --- */

#define LATER(what) what " comes in a later version, remove the entry"

static const struct conf_choice type_words[] = {
	{ "http-forward", RELAY_HTTP_FORWARD, NULL },
	{ "socks5", RELAY_SOCKS5, NULL },
	{ "pac", RELAY_PAC, NULL },
	{ "http-reverse", RELAY_HTTP_REVERSE, NULL },
	{ "tcp", RELAY_TCP, NULL },
	{ "udp", RELAY_UDP, NULL },
	{ "transparent", RELAY_TRANSPARENT, NULL },
	{ "smtp", 0, LATER("the relay for mail (smtp)") },
	{ "imap", 0, LATER("the relay for mail boxes (imap)") },
	{ "sip", 0, LATER("the relay for telephony (sip)") },
	{ "ftp", 0, LATER("the relay for files (ftp)") },
};

static const struct conf_choice proxy_head_words[] = {
	{ "off", RELAY_PROXY_HEAD_OFF, NULL },
	{ "v1", RELAY_PROXY_HEAD_V1, NULL },
	{ "v2", RELAY_PROXY_HEAD_V2, NULL },
};

/* --- services --- */

static const struct conf_key service_tls_rows[] = {
	{ .path = "relay.services[].tls.certificate",
		.shape = &shape_relay_file,
		.at = OF(certificate),
		.standard = "none",
		.help = "The file (PEM) with the certificate and those of its issuers; none: clients come without TLS." },
	{ .path = "relay.services[].tls.key",
		.shape = &shape_relay_file,
		.at = OF(key),
		.standard = "none",
		.help = "The file (PEM) with the private key of that certificate." },
};
const struct conf_keys conf_relay_service_tls_keys = { service_tls_rows, ARRAY_LEN(service_tls_rows) };

#define ALL_TYPES ((1u << RELAY_TYPE_COUNT) - 1)
#define TYPE(t) (1u << RELAY_##t)
#define TO_NAMED (TYPE(TCP) | TYPE(UDP) | TYPE(HTTP_REVERSE))
#define TO_CHOSEN (TYPE(SOCKS5) | TYPE(HTTP_FORWARD) | TYPE(TRANSPARENT))

static const struct conf_key service_rows[] = {
	{ .path = "relay.services[].type",
		.shape = &shape_choice,
		.at = OF(type),
		.of = CHOICES(type_words),
		.is_required = true,
		.help = "What the service is: http-forward, socks5, pac, http-reverse, tcp, udp or "
			"transparent." },
	{ .path = "relay.services[].name",
		.shape = &shape_item,
		.at = OF(name),
		.of = &item_relay_name,
		.help = "Its name in the log, in isthmus status and in metrics; if not written, type and "
			"port, such "
			"as tcp-5432." },
	{ .path = "relay.services[].listen",
		.shape = &shape_owned,
		.at = OF(listen),
		.len_at = OF(listen_len),
		.min = 1,
		.max = RELAY_LISTEN_MAX,
		.of = &item_endpoint,
		.is_required = true,
		.standard = "\"[::]:3128\"",
		.help = "Address and port that it is reached at, or several." },
	{ .path = "relay.services[].allow",
		.shape = &shape_owned,
		.at = OF(clients),
		.len_at = OF(clients_len),
		.min = 1,
		.max = RELAY_PREFIXES_MAX,
		.of = &item_prefix,
		.help = "As relay.allow, for this service." },
	{ .path = "relay.services[].users",
		.shape = &shape_relay_file,
		.at = OF(users),
		.standard = "none",
		.help = "The file with names and passwords (htpasswd, bcrypt or SHA-crypt) of those who may "
			"use it; "
			"none: no password is asked." },
	{ .path = "relay.services[].tls",
		.shape = &shape_mapping,
		.of = &conf_relay_service_tls_keys,
		.help = "Clients come to the proxy over TLS, so that nobody on the way sees what they ask "
			"for, and may "
			"speak HTTP/2." },
	{ .path = "relay.services[].accept-proxy-protocol",
		.shape = &shape_owned,
		.at = OF(trusted),
		.len_at = OF(trusted_len),
		.max = RELAY_PREFIXES_MAX,
		.of = &item_prefix,
		.standard = "[]",
		.help = "Who begins each connection with a PROXY header (version 1 or 2) that says which "
			"client it "
			"is "
			"for: load balancers; all others are clients themselves." },
	{ .path = "relay.services[].to",
		.shape = &shape_owned,
		.at = OF(to),
		.len_at = OF(to_len),
		.min = 1,
		.max = RELAY_TARGETS_MAX,
		.of = &item_target,
		.is_required = true,
		.standard = "[\"[2001:db8::20]:5432\"]",
		.help = "The servers behind it, by address or name." },
	{ .path = "relay.services[].proxy-protocol",
		.shape = &shape_choice,
		.at = OF(proxy_head),
		.of = CHOICES(proxy_head_words),
		.standard = "off",
		.help = "Begin each connection to a server with a PROXY header that says who the client is: "
			"v1, v2, "
			"or off." },
	{ .path = "relay.services[].balance",
		.shape = &shape_choice,
		.at = OF(balance),
		.of = &conf_relay_balance_choices,
		.standard = "least",
		.help = "Which of several servers a client gets: the one with the fewest connections "
			"(least), or "
			"always the same by the client's address (hash)." },
	{ .path = "relay.services[].health",
		.shape = &shape_mapping,
		.at = OF(health),
		.of = &conf_relay_health_keys,
		.help = "As relay.health, for this service." },
	{ .path = "relay.services[].routes",
		.shape = &shape_relay_routes,
		.min = 1,
		.max = RELAY_ROUTES_MAX,
		.is_required = true,
		.standard = "[{ host: \"*\", to: \"10.0.0.10:80\" }]",
		.help = "Which servers answer for which host." },
	{ .path = "relay.services[].proxy",
		.shape = &shape_item,
		.at = OF(proxy),
		.of = &item_proxy_at,
		.is_required = true,
		.help = "The proxy that browsers are told to use, with its port, such as "
			"proxy.example.net:3128." },
	{ .path = "relay.services[].literal-zone",
		.shape = &shape_item,
		.at = OF(literal_zone),
		.of = &item_relay_zone,
		.standard = "none",
		.help = "Links to IPv4 addresses in plain HTTP pages become names below this domain, which "
			"the "
			"section "
			"dns64 then answers; or none." },
	{ .path = "relay.services[].family",
		.shape = &shape_choice,
		.at = OF(family),
		.of = &conf_relay_family_choices,
		.help = "As relay.family, for this service." },
	{ .path = "relay.services[].destinations",
		.shape = &shape_mapping,
		.at = OF(destinations),
		.of = &conf_relay_destination_keys,
		.help = "As relay.destinations, for this service." },
	{ .path = "relay.services[].timeouts",
		.shape = &shape_mapping,
		.at = OF(timeouts),
		.of = &conf_relay_timeout_keys,
		.help = "As relay.timeouts, for this service." },
	{ .path = "relay.services[].client-prefix",
		.shape = &shape_client_prefix,
		.at = OF(client_prefix),
		.len_at = OF(has_client_prefix),
		.help = "As relay.client-prefix, for this service." },
};
const struct conf_keys conf_relay_service_keys = { service_rows, ARRAY_LEN(service_rows) };

/* By row: the types that have the key. */
static const unsigned service_types[] = {
	ALL_TYPES,				      /* type */
	ALL_TYPES,				      /* name */
	ALL_TYPES,				      /* listen */
	ALL_TYPES,				      /* allow */
	TYPE(SOCKS5) | TYPE(HTTP_FORWARD),	      /* users */
	TYPE(HTTP_FORWARD), /* tls */
	ALL_TYPES & ~(TYPE(UDP) | TYPE(TRANSPARENT)), /* accept-proxy-protocol */
	TYPE(TCP) | TYPE(UDP),			      /* to */
	TYPE(TCP) | TYPE(HTTP_REVERSE),		      /* proxy-protocol */
	TO_NAMED,				      /* balance */
	TO_NAMED & ~TYPE(UDP),			      /* health */
	TYPE(HTTP_REVERSE),			      /* routes */
	TYPE(PAC),				      /* proxy */
	TYPE(HTTP_FORWARD) | TYPE(TRANSPARENT),	      /* literal-zone */
	ALL_TYPES & ~TYPE(PAC),			      /* family */
	TO_CHOSEN,				      /* destinations */
	ALL_TYPES,				      /* timeouts */
	ALL_TYPES & ~TYPE(PAC),			      /* client-prefix */
};
_Static_assert(ARRAY_LEN(service_types) == ARRAY_LEN(service_rows), "each key has its types");

/* The keys of one type. */
struct type_keys {
	struct conf_key rows[ARRAY_LEN(service_rows)];
	struct conf_keys keys;
};

static void pick_keys(enum relay_type t, struct type_keys *ret)
{
	unsigned len = 0;

	for (unsigned i = 0; i < ARRAY_LEN(service_rows); i++)
		if (service_types[i] & (1u << t))
			ret->rows[len++] = service_rows[i];
	ret->keys = (struct conf_keys){ ret->rows, len };
}

static bool copy_list(void *ret, const void *from, unsigned len, size_t size)
{
	void *to = NULL;

	if (len > 0) {
		to = calloc(len, size);
		if (!to)
			return false;
		bytes_copy(to, from, len * size);
	}
	bytes_copy(ret, &to, sizeof(to));
	return true;
}

/* Begin with what the section says for all services. */
static bool begin_service(struct relay_service *s, const struct relay_service *all, enum relay_type t)
{
	const struct relay_destinations *d = &all->destinations;

	*s = (struct relay_service){ .type = t,
		.family = all->family,
		.timeouts = all->timeouts,
		.health = all->health,
		.has_client_prefix = all->has_client_prefix,
		.client_prefix = all->client_prefix };
	if (!copy_list(&s->clients, all->clients, all->clients_len, sizeof(*s->clients)))
		return false;
	s->clients_len = all->clients_len;
	if (!(TO_CHOSEN & (1u << t)))
		return true;
	bool is_copied = copy_list(&s->destinations.allow, d->allow, d->allow_len, sizeof(*d->allow)) &&
			 copy_list(&s->destinations.deny, d->deny, d->deny_len, sizeof(*d->deny)) &&
			 copy_list(&s->destinations.ports, d->ports, d->ports_len, sizeof(*d->ports));

	if (is_copied) {
		s->destinations.allow_len = d->allow_len;
		s->destinations.deny_len = d->deny_len;
		s->destinations.ports_len = d->ports_len;
	}
	return is_copied;
}

static bool is_name_taken(const struct relay_config *c, const struct relay_service *s)
{
	for (unsigned i = 0; i < c->services_len; i++)
		if (&c->services[i] != s && strcmp(c->services[i].name, s->name) == 0)
			return true;
	return false;
}

static void make_name(const struct relay_config *c, struct relay_service *s)
{
	snprintf(s->name, sizeof(s->name), "%s-%u", relay_type_name(s->type), s->listen[0].port);
	for (unsigned i = 2; is_name_taken(c, s); i++)
		snprintf(
			s->name, sizeof(s->name), "%s-%u-%u", relay_type_name(s->type), s->listen[0].port, i);
}

/* The ports that a transparent service takes must be known. */
static void add_web_ports(struct conf_reading *r, struct relay_service *s)
{
	static const struct relay_ports web[] = { { 80, 80 }, { 443, 443 } };

	if (s->type != RELAY_TRANSPARENT || s->destinations.ports_len > 0)
		return;
	free(s->destinations.ports);
	s->destinations.ports = NULL;
	if (copy_list(&s->destinations.ports, web, ARRAY_LEN(web), sizeof(web[0])))
		s->destinations.ports_len = ARRAY_LEN(web);
	else
		r->is_nomem = true;
}

/* The type first, because it says which keys there are. */
static bool read_type(struct conf_reading *r, const struct conf_node *n, enum relay_type *ret)
{
	const struct conf_node *word = node_find(n, "type");
	unsigned before = r->faults;
	struct relay_service s = { .type = RELAY_TCP };
	size_t back = path_enter(r, "type");

	if (!word || node_is_empty(word))
		reading_fault(
			r, reading_line(r, n), "the key is missing, write one such as type: http-forward");
	else
		shape_choice.read(r, &service_rows[0], word, &s);
	path_leave(r, back);
	*ret = s.type;
	return r->faults == before;
}

/* A key that services have, but not those of this type. */
static void check_foreign(struct conf_reading *r, const struct conf_node *n, enum relay_type t)
{
	for (const struct conf_node *m = n->members; m; m = m->next)
		for (unsigned i = 0; i < ARRAY_LEN(service_rows); i++) {
			if ((service_types[i] & (1u << t)) || strcmp(m->key, key_name(&service_rows[i])) != 0)
				continue;
			size_t back = path_enter(r, m->key);

			reading_fault(r, m->key_line, "a service of type %s has no such key, remove it",
				relay_type_name(t));
			path_leave(r, back);
		}
}

static void read_service(struct conf_reading *r, const struct conf_node *n, struct relay_service *s)
{
	unsigned before = r->faults;
	struct type_keys t;
	enum relay_type type;

	if (n->kind != NODE_MAPPING) {
		reading_fault(r, reading_line(r, n),
			"an entry is a mapping, write { type: http-forward, listen: \"[::]:3128\" }");
		return;
	}
	if (read_type(r, n, &type))
		check_foreign(r, n, type);
	if (r->faults != before)
		return;
	if (!begin_service(s, &r->c->relay_standard, type)) {
		r->is_nomem = true;
		return;
	}
	pick_keys(type, &t);
	mapping_read(r, &t.keys, n, s);
	if (r->faults != before || r->is_nomem)
		return;
	if (type == RELAY_HTTP_REVERSE)
		relay_take_routes(r, node_find(n, "routes"), s);
	else
		relay_drop_health(&s->health, s->to_len, n);
	add_web_ports(r, s);
	if (!s->name[0])
		make_name(&r->c->relay, s);
}

void relay_take_services(struct conf_reading *r, const struct conf_node *n)
{
	const struct conf_node *list = node_find(n, "services");
	struct relay_config *c = &r->c->relay;

	if (!list || list->kind != NODE_LIST || list->members_len == 0 ||
		list->members_len > RELAY_SERVICES_MAX)
		return; /* said already */
	c->services = calloc(list->members_len, sizeof(*c->services));
	if (!c->services) {
		r->is_nomem = true;
		return;
	}
	size_t back = path_enter(r, "relay.services");
	bool was_inheriting = r->is_inheriting;

	r->is_inheriting = true;
	for (const struct conf_node *m = list->members; m; m = m->next) {
		size_t member = path_enter_member(r, c->services_len);

		read_service(r, m, &c->services[c->services_len++]);
		path_leave(r, member);
	}
	r->is_inheriting = was_inheriting;
	path_leave(r, back);
}

/* Only the form: the entries are read when what they take over is known. */
static void read_services(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	if (n->kind == NODE_SCALAR)
		reading_fault(r, reading_line(r, n), "a single value stands where a list belongs, write %s",
			k->shape->what);
	else
		(void)members_fit(r, k, n, n->members_len);
}

static void print_services(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct relay_config *c = &((const struct conf *)base)->relay;
	struct type_keys t;

	fputs("\n", to);
	for (unsigned i = 0; i < c->services_len; i++) {
		pick_keys(c->services[i].type, &t);
		fprintf(to, "%*s-\n", (int)indent + 2, "");
		mapping_print(&t.keys, &c->services[i], to, indent + 4);
	}
}

const struct conf_shape shape_relay_services = { "a list of { type, listen, ... }", read_services,
	print_services };
