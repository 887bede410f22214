/* pool.c - reading and printing nat64.pool and nat64.static; see pool.h */
#include "conf/pool.h"

#include "addr/special.h"
#include "base/bytes.h"
#include "conf/shape.h"

#include <stdio.h>
#include <stdlib.h>

/* --- pool --- */

static const struct prefix4 link_local4 = { { 0xa9fe0000 }, 16 }; /* RFC 3927 */

const char *pool_address_fault(struct addr4 a)
{
	if (!special4_is_unicast_source(a))
		return "is no unicast address";
	return prefix4_contains(link_local4, a) ? "is link-local, which routers do not forward" : NULL;
}

static struct addr4 last_of(struct prefix4 p)
{
	return (struct addr4){ p.addr.v | ~mask4(p.len) };
}

static bool is_usable_prefix(struct conf_reading *r, const struct conf_node *n, const struct pool_draft *d)
{
	const char *fault = pool_address_fault(d->prefix.addr);
	unsigned line = reading_line(r, n);

	if (!fault)
		fault = pool_address_fault(last_of(d->prefix));
	if (fault)
		reading_fault(r, line, "it %s, write an address that is routed to this host", fault);
	else if (d->prefix.len < CONF_POOL_LEN_MIN)
		reading_fault(r, line, "the prefix has more than 65536 addresses, write one of /%d or longer",
			CONF_POOL_LEN_MIN);
	else if (d->is_shared && d->prefix.len < 32)
		reading_fault(
			r, line, "a shared address is this host's own, write one address and no prefix");
	else
		return true;
	return false;
}

/* The keys of an entry make sense together. */
static bool is_usable_entry(struct conf_reading *r, const struct conf_node *n, const struct pool_draft *d)
{
	const struct conf_node *address = node_find(n, "address"), *shared = node_find(n, "shared");
	bool has_interface = d->interface[0] != '\0';
	unsigned line = reading_line(r, n);

	if (!address && !has_interface) {
		reading_fault(
			r, line, "the entry has no address, write address: 192.0.2.2 or interface: eth0");
		return false;
	}
	if (address && has_interface) {
		reading_fault(r, line, "the entry has both address and interface, keep one of them");
		return false;
	}
	if (shared && has_interface) {
		reading_fault(r, reading_line(r, shared),
			"shared belongs to address, and an interface's address always is; remove it");
		return false;
	}
	return has_interface || is_usable_prefix(r, address, d);
}

static void read_entry(struct conf_reading *r, const struct conf_node *n, unsigned i)
{
	struct pool_draft d = { 0 };
	struct pool_entry *e = &r->c->nat64.state.pool[i];
	unsigned before = r->faults;
	uint8_t pool = 0;

	*e = (struct pool_entry){ .lo = 1, .hi = 0 };
	r->c->pool_source[i] = (struct conf_pool_source){ .line = reading_line(r, n) };
	if (n->kind != NODE_MAPPING)
		reading_fault(r, reading_line(r, n),
			"an entry is a mapping, write { address: 192.0.2.2, ports: 1024-65535 }");
	else
		mapping_read(r, &conf_pool_keys, n, &d);
	if (r->faults != before || !is_usable_entry(r, n, &d) ||
		!pool_take_subscribers(r, &d, reading_line(r, n), &pool))
		return;
	bool is_shared = d.is_shared || d.interface[0] != '\0';

	if (d.ports.lo == 0)
		d.ports = is_shared ? CONF_PORTS_SHARED : CONF_PORTS_OWN;
	*e = (struct pool_entry){
		.prefix = d.prefix, .lo = d.ports.lo, .hi = d.ports.hi, .is_shared = is_shared, .pool = pool
	};
	text_copy(r->c->pool_source[i].interface, CONF_POOL_IFNAME, d.interface);
}

static void read_pool(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	unsigned len, i = 0;
	const struct conf_node *m = members_begin(r, n, &len);

	if (n->kind == NODE_SCALAR) {
		reading_fault(r, reading_line(r, n),
			"a single value stands where a list belongs, write - address: 192.0.2.2");
		return;
	}
	if (!members_fit(r, k, n, len))
		return;
	for (; m; m = m->next, i++) {
		size_t back = path_enter_member(r, i);

		r->c->nat64.state.pool_len = i; /* those before */
		read_entry(r, m, i);
		path_leave(r, back);
	}
	r->c->nat64.state.pool_len = i;
}

static void print_entry(
	const struct state_config *c, const struct conf_pool_source *s, const struct pool_entry *e, FILE *to)
{
	struct conf_ports ports = { e->lo, e->hi };
	char text[PREFIX4_TEXT];

	if (s->interface[0]) {
		fputs("{ interface: ", to);
		item_print(&item_interface, s->interface, to);
	} else if (e->prefix.len == 32) {
		fprintf(to, "{ address: %s", addr4_text(e->prefix.addr, text));
	} else {
		fprintf(to, "{ address: %s", prefix4_text(e->prefix, text));
	}
	fputs(e->is_shared && !s->interface[0] ? ", shared: true, ports: " : ", ports: ", to);
	item_print(&item_ports, &ports, to);
	pool_print_subscribers(c, e->pool, to);
	fputs(" }\n", to);
}

static void print_pool(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf *c = base;

	fputc('\n', to);
	for (unsigned i = 0; i < c->nat64.state.pool_len; i++) {
		if (c->pool_source[i].is_implied)
			continue;
		fprintf(to, "%*s- ", (int)indent + 2, "");
		print_entry(&c->nat64.state, &c->pool_source[i], &c->nat64.state.pool[i], to);
	}
}

const struct conf_shape shape_pool = { "a list of { address, ports } or { interface, ports }", read_pool,
	print_pool };

/* --- static bindings --- */

/* A protocol with ports needs them, and one without cannot have them. */
static void check_place(
	struct conf_reading *r, const struct conf_node *n, const char *key, const struct static_draft *d)
{
	const struct conf_node *at = node_find(n, key);
	bool is_outside = strcmp(key, "outside") == 0, has_ports = d->proto.proto != PROTO_OTHER;
	size_t back = path_enter(r, key);

	if ((is_outside ? d->outside.port : d->inside.port) == 0 && has_ports)
		reading_fault(r, reading_line(r, at),
			"\"%.80s\" is no %s address with a port, write one such as %s", at->text,
			is_outside ? "IPv4" : "IPv6",
			is_outside ? "\"192.0.2.2:2000\"" : "\"[2001:db8::5]:2000\"");
	else if ((is_outside ? d->outside.port : d->inside.port) != 0 && !has_ports)
		reading_fault(r, reading_line(r, at),
			"this protocol is bound by address and has no ports here, write one such as %s",
			is_outside ? "\"192.0.2.2\"" : "\"2001:db8::5\"");
	path_leave(r, back);
}

static void read_static(struct conf_reading *r, const struct conf_node *n, unsigned i)
{
	struct static_draft d = { 0 };
	unsigned before = r->faults;

	r->c->origin.static_lines[i] = reading_line(r, n);
	if (n->kind != NODE_MAPPING)
		reading_fault(r, reading_line(r, n),
			"an entry is a mapping, write { protocol: tcp, outside: \"192.0.2.2:80\", inside: "
			"\"[2001:db8::5]:80\" }");
	else
		mapping_read(r, &conf_static_keys, n, &d);
	if (r->faults != before)
		return;
	check_place(r, n, "outside", &d);
	check_place(r, n, "inside", &d);
	if (r->faults != before)
		return;
	bool is_other = d.proto.proto == PROTO_OTHER;

	r->c->statics[i] = (struct static_binding){ .proto = d.proto.proto,
		.out = d.outside.a4,
		.out_port = is_other ? d.proto.number : d.outside.port,
		.in = d.inside.a6,
		.in_port = is_other ? d.proto.number : d.inside.port };
}

static bool make_statics(struct conf_reading *r, unsigned len)
{
	r->c->statics = calloc(len, sizeof(*r->c->statics));
	r->c->origin.static_lines = calloc(len, sizeof(*r->c->origin.static_lines));
	if (!r->c->statics || !r->c->origin.static_lines) {
		r->is_nomem = true;
		return false;
	}
	r->c->nat64.state.statics = r->c->statics;
	return true;
}

static void read_statics(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	const struct conf_entries entries = { make_statics, read_static };

	r->c->nat64.state.statics_len = entries_read(r, k, n, &entries);
}

static void print_static(const struct static_binding *b, FILE *to)
{
	char outside[ENDPOINT4_TEXT], inside[ENDPOINT6_TEXT], name[PROTOCOL_TEXT];

	if (b->proto == PROTO_OTHER) {
		fprintf(to, "{ protocol: %s, outside: \"%s\", inside: \"%s\" }\n",
			protocol_text((uint8_t)b->out_port, name), addr4_text(b->out, outside),
			addr6_text(b->in, inside));
		return;
	}

	fprintf(to, "{ protocol: %s, outside: \"%s\", inside: \"%s\" }\n", proto_name(b->proto),
		endpoint4_text(b->out, b->out_port, outside), endpoint6_text(b->in, b->in_port, inside));
}

static void print_statics(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf *c = base;

	fputs(c->nat64.state.statics_len > 0 ? "\n" : " []\n", to);
	for (unsigned i = 0; i < c->nat64.state.statics_len; i++) {
		fprintf(to, "%*s- ", (int)indent + 2, "");
		print_static(&c->nat64.state.statics[i], to);
	}
}

const struct conf_shape shape_statics = { "a list of { protocol, outside, inside }", read_statics,
	print_statics };
