/* domains.c - dns64.forward, dns64.local, dns64.block and dns64.serve-stale; see domains.h */
#include "conf/domains.h"

#include "base/bytes.h"
#include "conf/shape.h"
#include "conf/upstream.h"

#include <stdio.h>
#include <stdlib.h>

#define AT(member) offsetof(struct conf, dns64.member)
#define FORWARD_AT(member) offsetof(struct dns64_forward, member)
#define LOCAL_AT(member) offsetof(struct local_draft, member)

/* --- the address of a local name --- */

static bool read_address(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e = { .is4 = strchr(text, ':') == NULL };

	if (!(e.is4 ? item_address4.read(text, &e.a4, why) : item_address6.read(text, &e.a6, why))) {
		snprintf(why, ITEM_WHY,
			"\"%.80s\" is no address of a host, write one such as 192.168.1.5 or \"2001:db8::5\"",
			text);
		return false;
	}
	*(struct endpoint *)to = e;
	return true;
}

static void write_address(const void *from, char text[static ITEM_TEXT])
{
	const struct endpoint *e = from;

	if (e->is4)
		item_address4.write(&e->a4, text);
	else
		item_address6.write(&e->a6, text);
}

const struct conf_item item_local_address = { sizeof(struct endpoint), read_address, write_address };

/* --- the keys --- */

static const struct conf_choice dnssec_words[] = {
	{ "validate", true, NULL },
	{ "off", false, NULL },
};
static const struct conf_choices dnssec_choices = { dnssec_words, ARRAY_LEN(dnssec_words) };

static const struct conf_key forward_rows[] = {
	{ .path = "dns64.forward[].domain",
		.shape = &shape_item,
		.at = FORWARD_AT(domain),
		.of = &item_domain,
		.is_required = true,
		.change = CONF_CHANGE_RESTART,
		.help = "The domain; all names below it belong to it." },
	{ .path = "dns64.forward[].to",
		.shape = &shape_list,
		.at = FORWARD_AT(to),
		.len_at = FORWARD_AT(to_len),
		.min = 1,
		.max = DNS64_FORWARD_TO_MAX,
		.of = &item_server,
		.standard = "192.0.2.53",
		.is_required = true,
		.change = CONF_CHANGE_RESTART,
		.help = "The servers that are asked, as in dns64.upstream; they must be resolvers, or know "
			"the whole domain." },
	{ .path = "dns64.forward[].dnssec",
		.shape = &shape_switch,
		.at = FORWARD_AT(is_validated),
		.of = &dnssec_choices,
		.standard = "validate",
		.change = CONF_CHANGE_RESTART,
		.help = "off believes these servers, where the public tree says that the domain is another "
			"one or does not exist; validate is as dns64.dnssec says." },
};
const struct conf_keys conf_dns64_forward_keys = { forward_rows, ARRAY_LEN(forward_rows) };

static const struct conf_key local_rows[] = {
	{ .path = "dns64.local[].name",
		.shape = &shape_item,
		.at = LOCAL_AT(name),
		.of = &item_domain,
		.is_required = true,
		.help = "The name; names below it are not local for that." },
	{ .path = "dns64.local[].addresses",
		.shape = &shape_list,
		.at = LOCAL_AT(addresses),
		.len_at = LOCAL_AT(addresses_len),
		.min = 1,
		.max = DNS64_LOCAL_ADDRESSES_MAX,
		.of = &item_local_address,
		.standard = "192.168.1.5",
		.is_required = true,
		.help = "Its IPv4 and IPv6 addresses; without an IPv6 address, AAAA records are synthesized "
			"as "
			"for any other name." },
};
const struct conf_keys conf_dns64_local_keys = { local_rows, ARRAY_LEN(local_rows) };

static const struct conf_key block_rows[] = {
	{ .path = "dns64.block.nxdomain",
		.shape = &shape_list,
		.at = AT(block.nxdomain),
		.len_at = AT(block.nxdomain_len),
		.max = DNS64_BLOCK_MAX,
		.of = &item_domain,
		.standard = "[]",
		.help = "Domains that do not exist for our clients: NXDOMAIN." },
	{ .path = "dns64.block.refuse",
		.shape = &shape_list,
		.at = AT(block.refuse),
		.len_at = AT(block.refuse_len),
		.max = DNS64_BLOCK_MAX,
		.of = &item_domain,
		.standard = "[]",
		.help = "Domains that our clients are refused: REFUSED." },
};
const struct conf_keys conf_dns64_block_keys = { block_rows, ARRAY_LEN(block_rows) };

static const struct conf_key stale_rows[] = {
	{ .path = "dns64.serve-stale.keep",
		.shape = &shape_duration,
		.at = AT(stale.keep),
		.max = 7 * 86400,
		.standard = "0s",
		.change = CONF_CHANGE_RESTART,
		.help = "How long after its time an answer may be given, such as 1d; 0s: never." },
	{ .path = "dns64.serve-stale.answer-after",
		.shape = &shape_duration,
		.at = AT(stale.answer_after),
		.max = 5,
		.standard = "1s800ms",
		.change = CONF_CHANGE_RESTART,
		.help = "How long a client waits for a fresh answer before it gets an old one." },
};
const struct conf_keys conf_dns64_stale_keys = { stale_rows, ARRAY_LEN(stale_rows) };

/* --- lists of mappings --- */

/* Whether @n may be a list of entries; if not, a fault. */
static bool is_list(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n)
{
	if (n->kind != NODE_SCALAR)
		return members_fit(r, k, n, n->members_len);
	reading_fault(r, reading_line(r, n), "a single value stands where a list belongs, write %s",
		k->shape->what);
	return false;
}

/* Reads an entry by its keys; false after a fault. */
static bool entry_read(
	struct conf_reading *r, const struct conf_keys *keys, const struct conf_node *m, void *base)
{
	unsigned before = r->faults;

	if (m->kind != NODE_MAPPING) {
		reading_fault(r, reading_line(r, m), "an entry is a mapping, write { %s: ..., %s: ... }",
			key_name(&keys->rows[0]), key_name(&keys->rows[1]));
		return false;
	}
	mapping_read(r, keys, m, base);
	return r->faults == before;
}

/* A domain that an entry before has, too, is a fault. */
static void check_domain(struct conf_reading *r, unsigned i, unsigned line)
{
	const struct dns64_config *d = &r->c->dns64;
	char text[ITEM_TEXT];

	for (unsigned j = 0; j < i; j++)
		if (dns_name_equal(&d->forward[j].domain, &d->forward[i].domain)) {
			item_domain.write(&d->forward[i].domain, text);
			reading_fault(
				r, line, "%.100s has two entries, write all its servers into one", text);
		}
}

static void read_forwards(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	struct dns64_config *d = &r->c->dns64;
	unsigned i = 0;

	r->c->origin.forward_line = reading_line(r, n);
	d->forward_len = 0;
	if (!is_list(r, k, n))
		return;
	for (const struct conf_node *m = n->members; m; m = m->next, i++) {
		size_t back = path_enter_member(r, i);

		struct dns64_forward *f = &d->forward[d->forward_len];

		if (entry_read(r, &conf_dns64_forward_keys, m, f)) {
			upstream_check_kind(r, f->to, f->to_len, reading_line(r, m));
			check_domain(r, d->forward_len++, reading_line(r, m));
		}
		path_leave(r, back);
	}
}

static void print_forwards(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct dns64_config *d = &((const struct conf *)base)->dns64;

	fputs(d->forward_len > 0 ? "\n" : " []\n", to);
	for (unsigned i = 0; i < d->forward_len; i++) {
		fprintf(to, "%*s-\n", (int)indent + 2, "");
		mapping_print(&conf_dns64_forward_keys, &d->forward[i], to, indent + 4);
	}
}

const struct conf_shape shape_forwards = { "a list of { domain, to, dnssec }", read_forwards,
	print_forwards };

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
	if (a->is4 != b->is4)
		return false;
	return a->is4 ? addr4_eq(a->a4, b->a4) : addr6_eq(a->a6, b->a6);
}

enum locals_outcome locals_add(struct conf *c, const struct dns_name *name, const struct endpoint *address)
{
	struct dns64_config *d = &c->dns64;

	for (unsigned i = 0; i < d->local_len; i++)
		if (same_address(&c->locals[i].address, address) && dns_name_equal(&c->locals[i].name, name))
			return LOCALS_KNOWN;
	if (d->local_len == DNS64_LOCAL_MAX)
		return LOCALS_FULL;
	/* Room is had in powers of two. */
	if ((d->local_len & (d->local_len - 1)) == 0) {
		size_t room = d->local_len > 0 ? 2 * (size_t)d->local_len : 1;
		struct dns64_local *more = reallocarray(c->locals, room, sizeof(*more));

		if (!more)
			return LOCALS_NOMEM;
		c->locals = more;
		d->local = more;
	}
	c->locals[d->local_len++] = (struct dns64_local){ .name = *name, .address = *address };
	return LOCALS_ADDED;
}

static void take_local(struct conf_reading *r, const struct local_draft *l, unsigned line)
{
	for (unsigned i = 0; i < l->addresses_len; i++)
		switch (locals_add(r->c, &l->name, &l->addresses[i])) {
		case LOCALS_ADDED:
		case LOCALS_KNOWN:
			break;
		case LOCALS_FULL:
			reading_fault(
				r, line, "there are more than %d addresses, write fewer", DNS64_LOCAL_MAX);
			return;
		case LOCALS_NOMEM:
			r->is_nomem = true;
			return;
		}
}

static void read_locals(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	unsigned i = 0;

	if (!is_list(r, k, n))
		return;
	for (const struct conf_node *m = n->members; m; m = m->next, i++) {
		size_t back = path_enter_member(r, i);
		struct local_draft draft = { .addresses_len = 0 };

		if (entry_read(r, &conf_dns64_local_keys, m, &draft))
			take_local(r, &draft, reading_line(r, m));
		path_leave(r, back);
	}
}

/* One entry for each address, as they are kept. */
static void print_locals(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf *c = base;

	fputs(c->dns64.local_len > 0 ? "\n" : " []\n", to);
	for (unsigned i = 0; i < c->dns64.local_len; i++) {
		fprintf(to, "%*s- { name: ", (int)indent + 2, "");
		item_print(&item_domain, &c->locals[i].name, to);
		fputs(", addresses: [", to);
		item_print(&item_local_address, &c->locals[i].address, to);
		fputs("] }\n", to);
	}
}

const struct conf_shape shape_locals = { "a list of { name, addresses }", read_locals, print_locals };

/* --- the name of the file of hosts --- */

#define NONE "none"

static void read_hosts_file(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	struct dns64_config *d = &r->c->dns64;

	d->hosts_file[0] = '\0';
	r->c->origin.hosts_line = reading_line(r, n);
	if (n->kind == NODE_SCALAR && strcmp(n->text, NONE) == 0)
		return;
	if (n->kind == NODE_SCALAR && n->text[0] != '/') {
		reading_fault(r, reading_line(r, n),
			"\"%.80s\" is no absolute path, write one such as /etc/hosts, or " NONE, n->text);
		return;
	}
	if (!item_read(r, &item_pem_path, n, d->hosts_file))
		d->hosts_file[0] = '\0';
}

static void print_hosts_file(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct dns64_config *d = &((const struct conf *)base)->dns64;

	fputc(' ', to);
	if (d->hosts_file[0])
		item_print(&item_pem_path, d->hosts_file, to);
	else
		fputs(NONE, to);
	fputc('\n', to);
}

const struct conf_shape shape_hosts = { "the path of a file, or none", read_hosts_file, print_hosts_file };

/* --- across keys --- */

static void check_servers(struct conf_reading *r, const struct dns64_forward *f, const struct addr4 *host4)
{
	char text[ITEM_TEXT], own[ITEM_TEXT];

	for (unsigned k = 0; k < f->to_len; k++) {
		const struct endpoint *listen = upstream_own_listen(&r->c->dns64, &f->to[k], host4);

		if (!listen)
			continue;
		item_server.write(&f->to[k], text);
		item_endpoint.write(listen, own);
		reading_fault(r, r->c->origin.forward_line,
			"%.100s is this resolver itself (it listens on %.100s), write another server", text,
			own);
	}
}

struct tls_servers {
	const struct upstream *at[DNS64_TLS_SERVERS_MAX];
	unsigned len; /* one more than there is room for: too many */
};

static void count_tls(struct tls_servers *s, const struct upstream *u)
{
	unsigned i = 0;

	while (i < s->len && i < ARRAY_LEN(s->at) && !upstream_equal(s->at[i], u))
		i++;
	if (!u->tls || i < s->len)
		return;
	if (i < ARRAY_LEN(s->at))
		s->at[i] = u;
	s->len = i + 1;
}

/* Each has a connection and a socket of its own in each thread. */
static void check_tls_servers(struct conf_reading *r)
{
	const struct dns64_config *d = &r->c->dns64;
	struct tls_servers s = { .len = 0 };

	for (unsigned i = 0; i < d->upstream_len; i++)
		count_tls(&s, &d->upstream[i]);
	for (unsigned i = 0; i < d->forward_len; i++)
		for (unsigned k = 0; k < d->forward[i].to_len; k++)
			count_tls(&s, &d->forward[i].to[k]);
	if (s.len > DNS64_TLS_SERVERS_MAX)
		reading_fault(r, r->c->origin.forward_line,
			"more than %u different servers are asked over TLS (dns64.upstream counts, too), "
			"write fewer",
			DNS64_TLS_SERVERS_MAX);
}

void domains_check(struct conf_reading *r, const struct addr4 *host4)
{
	size_t back = path_enter(r, "dns64.forward");

	for (unsigned i = 0; i < r->c->dns64.forward_len; i++)
		check_servers(r, &r->c->dns64.forward[i], host4);
	check_tls_servers(r);
	path_leave(r, back);
}

void domains_check_block(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base)
{
	const struct dns64_block *b = &r->c->dns64.block;
	char text[ITEM_TEXT];

	for (unsigned i = 0; i < b->nxdomain_len; i++)
		for (unsigned j = 0; j < b->refuse_len; j++) {
			if (!dns_name_equal(&b->nxdomain[i], &b->refuse[j]))
				continue;
			item_domain.write(&b->refuse[j], text);
			reading_fault(r, reading_line(r, n),
				"%.100s is in nxdomain and in refuse, keep one of them", text);
		}
}
