/* clat.c - the section clat: its values, its keys and its checks; see clat.h */
#include "conf/clat.h"

#include "addr/embed.h"
#include "addr/special.h"
#include "base/bytes.h"
#include "conf/shape.h"
#include "conf/upstream.h"
#include "pref64/wka.h"

#include <stdio.h>

#define AT(member) offsetof(struct conf, clat.member)
#define LAN_AT(member) offsetof(struct eam, member)
#define CHOICES(rows) (&(const struct conf_choices){ rows, ARRAY_LEN(rows) })
#define AUTO "auto"
#define SYSTEM "system"
#define SHOWN "%.80s" /* how much of a wrong value a message repeats */

/* --- values that are one piece of text --- */

static bool is_link_local(struct addr6 a)
{
	return a.hi >> 54 == 0xfe80 >> 6;
}

static bool read_auto_addr6(const char *text, void *to, char why[static ITEM_WHY])
{
	struct conf_auto_addr6 a = { .is_auto = strcmp(text, AUTO) == 0 };

	if (a.is_auto || (addr6_parse(text, &a.value) && special6_is_unicast_source(a.value) &&
				 !is_link_local(a.value))) {
		*(struct conf_auto_addr6 *)to = a;
		return true;
	}
	snprintf(why, ITEM_WHY,
		"\"" SHOWN "\" is no IPv6 address that is routed to this host, write auto, or one such as "
		"2001:db8::464",
		text);
	return false;
}

static void write_auto_addr6(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_auto_addr6 *a = from;

	if (a->is_auto)
		text_copy(text, ITEM_TEXT, AUTO);
	else
		addr6_text(a->value, text);
}

static bool read_auto_prefix6(const char *text, void *to, char why[static ITEM_WHY])
{
	struct conf_auto_prefix6 p = { .is_auto = strcmp(text, AUTO) == 0 };

	if (!p.is_auto && !item_translation_prefix.read(text, &p.value, why))
		return false;
	if (p.is_auto || pref64_is_usable(p.value)) {
		*(struct conf_auto_prefix6 *)to = p;
		return true;
	}
	snprintf(why, ITEM_WHY,
		"\"" SHOWN
		"\" cannot lead to a translator, write auto, or the prefix of one, such as 64:ff9b::/96",
		text);
	return false;
}

static void write_auto_prefix6(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_auto_prefix6 *p = from;

	if (p->is_auto)
		text_copy(text, ITEM_TEXT, AUTO);
	else
		prefix6_text(p->value, text);
}

/* Cuts the "%2" out of an address, in place; false if something else follows the percent sign. */
static bool take_scope(char *text, unsigned *ret_scope)
{
	char *percent = strchr(text, '%'), number[11];
	size_t digits = percent ? strspn(percent + 1, "0123456789") : 0;
	uint64_t scope = 0;

	if (!percent) {
		*ret_scope = 0;
		return true;
	}
	if (digits >= sizeof(number))
		return false;
	bytes_copy(number, percent + 1, digits);
	number[digits] = '\0';
	if (!number_parse(number, INT32_MAX, &scope) || scope == 0)
		return false;
	*ret_scope = (unsigned)scope;
	bytes_move(percent, percent + 1 + digits, strlen(percent + 1 + digits) + 1);
	return true;
}

static bool read_resolver(const char *text, void *to, char why[static ITEM_WHY])
{
	struct conf_resolver server = { .is_system = strcmp(text, SYSTEM) == 0 };
	char copy[ENDPOINT6_TEXT + 12];
	bool is_read =
		server.is_system || (text_copy(copy, sizeof(copy), text) && take_scope(copy, &server.scope) &&
					    server_parse(copy, &server.at));

	if (is_read && (!server.at.is4 && is_link_local(server.at.a6)) == (server.scope > 0)) {
		*(struct conf_resolver *)to = server;
		return true;
	}
	snprintf(why, ITEM_WHY,
		"\"" SHOWN
		"\" is no name server, write system, an address such as 2001:db8::53, or one such as "
		"\"[fe80::1%%2]:53\" with the number of its interface",
		text);
	return false;
}

static void write_resolver(const void *from, char text[static ITEM_TEXT])
{
	const struct conf_resolver *s = from;
	char address[ADDR6_TEXT];

	if (s->is_system)
		text_copy(text, ITEM_TEXT, SYSTEM);
	else if (s->scope > 0)
		snprintf(text, ITEM_TEXT, "[%s%%%u]:%u", addr6_text(s->at.a6, address), s->scope, s->at.port);
	else
		item_endpoint.write(&s->at, text);
}

static const struct conf_item item_auto_addr6 = { sizeof(struct conf_auto_addr6), read_auto_addr6,
	write_auto_addr6 };
static const struct conf_item item_auto_prefix6 = { sizeof(struct conf_auto_prefix6), read_auto_prefix6,
	write_auto_prefix6 };
static const struct conf_item item_resolver = { sizeof(struct conf_resolver), read_resolver, write_resolver };

/* --- the servers of resolv.conf --- */

struct resolvers {
	unsigned (*index_of)(const char *interface);
	struct conf_resolver *at;
	unsigned len;
};

/* A link-local server is written with the name of its interface. */
static void take_server(void *ctx, const char *word)
{
	struct resolvers *v = ctx;
	char text[CONF_POOL_IFNAME + ENDPOINT6_TEXT + 16], why[ITEM_WHY];
	const char *percent = strchr(word, '%');
	unsigned index = percent ? v->index_of(percent + 1) : 0;
	int n = percent ? snprintf(text, sizeof(text), "%.*s%%%u", (int)(percent - word), word, index)
			: snprintf(text, sizeof(text), "%s", word);

	if (n < 0 || n >= (int)sizeof(text) || v->len == CONF_CLAT_RESOLVERS_MAX || strcmp(text, SYSTEM) == 0)
		return;
	if (item_resolver.read(text, &v->at[v->len], why))
		v->len++;
}

unsigned clat_take_resolv(const char *text, unsigned (*index_of)(const char *interface),
	struct conf_resolver ret[static CONF_CLAT_RESOLVERS_MAX])
{
	struct resolvers v = { index_of, ret, 0 };

	resolv_each(text, take_server, &v);
	return v.len;
}

/* --- networks behind the translator --- */

static void read_lan(struct conf_reading *r, const struct conf_node *n, struct eam *ret)
{
	struct eam lan = { .hosts = EAM_HOSTS_IPV4 };
	unsigned before = r->faults;

	if (n->kind != NODE_MAPPING) {
		reading_fault(r, reading_line(r, n),
			"an entry is a mapping, write { ipv4: 192.168.1.0/24, ipv6: \"2001:db8:a::/64\" }");
		return;
	}
	mapping_read(r, &conf_clat_lan_keys, n, &lan);
	if (r->faults != before)
		return;
	if (!special4_is_unicast_source(lan.v4.addr) || !special6_is_unicast_source(lan.v6.addr))
		reading_fault(
			r, reading_line(r, n), "these are no addresses of hosts, write prefixes of unicast");
	else if (eam_fault(&lan))
		reading_fault(r, reading_line(r, n),
			"the IPv4 prefix has more addresses than the IPv6 prefix, write an IPv6 prefix of "
			"/%d or shorter",
			96 + lan.v4.len);
	*ret = lan;
}

static void read_lans(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	struct conf_clat *c = &((struct conf *)base)->clat;
	unsigned len, i = 0;
	const struct conf_node *m = members_begin(r, n, &len);

	if (n->kind == NODE_SCALAR) {
		reading_fault(r, reading_line(r, n),
			"a single value stands where a list belongs, write - ipv4: "
			"192.168.1.0/24");
		return;
	}
	if (!members_fit(r, k, n, len))
		return;
	for (; m; m = m->next, i++) {
		size_t back = path_enter_member(r, i);

		read_lan(r, m, &c->lan[i]);
		path_leave(r, back);
	}
	c->lan_len = i;
}

static void print_lans(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf_clat *c = &((const struct conf *)base)->clat;

	if (c->lan_len == 0)
		fputs(" []", to);
	fputs("\n", to);
	for (unsigned i = 0; i < c->lan_len; i++) {
		fprintf(to, "%*s- { ipv4: ", (int)indent + 2, "");
		item_print(&item_prefix4, &c->lan[i].v4, to);
		fputs(", ipv6: ", to);
		item_print(&item_prefix6, &c->lan[i].v6, to);
		fputs(" }\n", to);
	}
}

static const struct conf_shape shape_lans = { "a list of pairs of prefixes", read_lans, print_lans };

/* --- keys --- */

static const struct conf_choice discover_words[] = {
	{ "ra", CONF_DISCOVER_ADVERT, NULL },
	{ "dns", CONF_DISCOVER_DNS, NULL },
};

static const struct conf_key lan_rows[] = {
	{ .path = "clat.lan[].ipv4",
		.shape = &shape_item,
		.at = LAN_AT(v4),
		.of = &item_prefix4,
		.is_required = true,
		.help = "An IPv4 network whose hosts have this host as their IPv4 router." },
	{ .path = "clat.lan[].ipv6",
		.shape = &shape_item,
		.at = LAN_AT(v6),
		.of = &item_prefix6,
		.is_required = true,
		.help = "The IPv6 prefix that its hosts appear under, routed to this host: each address of "
			"the one has "
			"its own in the other (RFC 7757)." },
};
const struct conf_keys conf_clat_lan_keys = { lan_rows, ARRAY_LEN(lan_rows) };

const struct conf_key conf_clat_rows[CONF_CLAT_KEYS] = {
	{ .path = "clat.prefix",
		.shape = &shape_item,
		.at = AT(prefix),
		.of = &item_auto_prefix6,
		.standard = AUTO,
		.help = "The prefix of the NAT64 that the network has, or auto: learned from the network." },
	{ .path = "clat.address",
		.shape = &shape_item,
		.at = AT(address),
		.of = &item_address4,
		.standard = "192.0.0.1",
		.change = CONF_CHANGE_RESTART,
		.help = "The IPv4 address that programs on this host get; nobody else sees it (RFC 7335)." },
	{ .path = "clat.ipv6",
		.shape = &shape_item,
		.at = AT(ipv6),
		.of = &item_auto_addr6,
		.standard = AUTO,
		.help = "The IPv6 address that stands for it on the network, used for nothing else; auto: "
			"one in the "
			"/64 of the uplink, which stays the same while that does." },
	{ .path = "clat.uplink",
		.shape = &shape_item,
		.at = AT(uplink),
		.of = &item_interface,
		.standard = AUTO,
		.help = "The interface towards the NAT64; auto is the interface of the IPv6 default route." },
	{ .path = "clat.lan",
		.shape = &shape_lans,
		.max = CONF_CLAT_LANS_MAX,
		.standard = "[]",
		.change = CONF_CHANGE_RESTART,
		.help = "IPv4 networks behind this host, which is then their router, and the IPv6 prefixes "
			"that stand for "
			"them." },
	{ .path = "clat.discover",
		.shape = &shape_words,
		.at = AT(discover),
		.min = 1,
		.max = 2,
		.of = CHOICES(discover_words),
		.standard = "[ra, dns]",
		.help = "How the prefix is learned: ra from router advertisements (RFC 8781), dns from the "
			"answer about "
			"ipv4only.arpa (RFC 7050), which is used while no advertisement has one." },
	{ .path = "clat.resolvers",
		.shape = &shape_list,
		.at = AT(resolvers),
		.len_at = AT(resolvers_len),
		.max = CONF_CLAT_RESOLVERS_MAX,
		.of = &item_resolver,
		.standard = "[system]",
		.help = "Whom to ask for ipv4only.arpa: system (the name servers of the host's resolv.conf), "
			"or "
			"addresses." },
	{ .path = "clat.allow-non-global",
		.shape = &shape_flag,
		.at = AT(allow_non_global),
		.standard = "false",
		.help = "Let 64:ff9b::/96 stand for private and documentation IPv4 addresses too, which RFC "
			"6052 s3.1 "
			"forbids; other prefixes always may." },
	{ .path = "clat.fastpath",
		.shape = &shape_choice,
		.at = AT(fastpath),
		.of = CHOICES(conf_fastpath_words),
		.standard = "auto",
		.help = "As nat64.fastpath: where packets between known pairs of addresses are translated by "
			"an eBPF "
			"program, or off." },
};
const struct conf_keys conf_clat_keys = { conf_clat_rows, CONF_CLAT_KEYS };

/* --- checks --- */

static bool meet4(struct prefix4 a, struct prefix4 b)
{
	return prefix4_contains(a, b.addr) || prefix4_contains(b, a.addr);
}

static bool meet6(struct prefix6 a, struct prefix6 b)
{
	return prefix6_contains(a, b.addr) || prefix6_contains(b, a.addr);
}

/* The line of a key, or of the section that lacks it. */
static unsigned line_of(const struct conf_node *section, const char *key)
{
	const struct conf_node *n = node_find(section, key);

	return n ? n->key_line : section ? section->key_line : 0;
}

static void check_ipv6(struct conf_reading *r, const struct conf_node *n)
{
	const struct conf_clat *c = &r->c->clat;
	size_t back = path_enter(r, "ipv6");
	char text[PREFIX6_TEXT];

	if (!c->ipv6.is_auto && !c->prefix.is_auto && prefix6_contains(c->prefix.value, c->ipv6.value))
		reading_fault(r, line_of(n, "ipv6"),
			"it lies inside clat.prefix %s, write an address of this host",
			prefix6_text(c->prefix.value, text));
	path_leave(r, back);
}

static void check_lan(struct conf_reading *r, const struct conf_node *n, unsigned i)
{
	const struct conf_clat *c = &r->c->clat;
	const struct eam *lan = &c->lan[i];
	unsigned line = line_of(n, "lan");

	if (prefix4_contains(lan->v4, c->address))
		reading_fault(
			r, line, "it holds clat.address, which needs no entry, write another clat.address");
	if (!c->ipv6.is_auto && prefix6_contains(lan->v6, c->ipv6.value))
		reading_fault(r, line, "it holds clat.ipv6, write another clat.ipv6");
	if (!c->prefix.is_auto && meet6(lan->v6, c->prefix.value))
		reading_fault(
			r, line, "its IPv6 prefix and clat.prefix overlap, write a prefix of this network");
	for (unsigned k = 0; k < i; k++)
		if (meet4(lan->v4, c->lan[k].v4) || meet6(lan->v6, c->lan[k].v6))
			reading_fault(r, line, "it overlaps with entry %u, keep one of them", k);
}

static void check_lans(struct conf_reading *r, const struct conf_node *n)
{
	size_t back = path_enter(r, "lan");

	for (unsigned i = 0; i < r->c->clat.lan_len; i++) {
		size_t member = path_enter_member(r, i);

		check_lan(r, n, i);
		path_leave(r, member);
	}
	path_leave(r, back);
}

void clat_check(struct conf_reading *r, const struct conf_node *n)
{
	size_t back = path_enter(r, "clat");

	if (r->c->has_nat64)
		reading_fault(r, n ? n->key_line : 0,
			"one host cannot be a NAT64 and the client of one, remove the section nat64 or the "
			"section clat");
	if (r->c->has_siit)
		reading_fault(r, n ? n->key_line : 0,
			"siit and clat would both say what is translated without state, keep one of the "
			"sections");
	if (r->faults == 0) {
		check_ipv6(r, n);
		check_lans(r, n);
	}
	r->c->flowpath.fastpath = r->c->clat.fastpath;
	path_leave(r, back);
}
