/* views.c - dns64.views, and the kinds of values that synthesis has; see dns64.h */
#include "conf/dns64.h"

#include "base/bytes.h"
#include "conf/key.h"

#include <stdio.h>

/* --- values --- */

#define VIA " via "

static bool read_range(const char *text, void *to, char why[static ITEM_WHY])
{
	const char *via = strstr(text, VIA);
	char ipv4[ITEM_TEXT];
	struct dns64_range range;

	if (!via || (size_t)(via - text) >= sizeof(ipv4)) {
		snprintf(why, ITEM_WHY,
			"\"%.80s\" is no range with its prefix, write one such as \"10.0.0.0/8 via "
			"2001:db8:64::/96\"",
			text);
		return false;
	}
	bytes_copy(ipv4, text, (size_t)(via - text));
	ipv4[via - text] = '\0';
	if (!item_prefix4.read(ipv4, &range.ipv4, why) ||
		!item_translation_prefix.read(via + strlen(VIA), &range.prefix, why))
		return false;
	*(struct dns64_range *)to = range;
	return true;
}

static void write_range(const void *from, char text[static ITEM_TEXT])
{
	const struct dns64_range *range = from;
	char v4[PREFIX4_TEXT], v6[PREFIX6_TEXT];

	snprintf(text, ITEM_TEXT, "%s" VIA "%s", prefix4_text(range->ipv4, v4),
		prefix6_text(range->prefix, v6));
}

const struct conf_item item_range = { sizeof(struct dns64_range), read_range, write_range };

static bool read_domain(const char *text, void *to, char why[static ITEM_WHY])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (text[strspn(text, plain)] == '\0' && dns_name_parse(text, to))
		return true;
	snprintf(why, ITEM_WHY,
		"\"%.80s\" is no domain, write one such as corp.example (letters, digits, - and _ in labels "
		"of at "
		"most 63), or \".\" for all names",
		text);
	return false;
}

/* In lower case, so that what differs in case only counts as listed twice. */
static void write_domain(const void *from, char text[static ITEM_TEXT])
{
	char whole[DNS_NAME_TEXT];
	size_t len = strlen(dns_name_text(from, whole));

	for (size_t i = 0; i < len; i++)
		whole[i] = (char)dns_lower((uint8_t)whole[i]);
	if (len > 1)
		whole[len - 1] = '\0'; /* the final dot says nothing here */
	text_copy(text, ITEM_TEXT, whole);
}

const struct conf_item item_domain = { sizeof(struct dns_name), read_domain, write_domain };

/* --- the key --- */

/* Only the form: the entries are read by views_take(), when the values that they take over are known. */
static void read_views(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	if (n->kind == NODE_SCALAR)
		reading_fault(r, reading_line(r, n), "a single value stands where a list belongs, write %s",
			k->shape->what);
	else
		(void)members_fit(r, k, n, n->members_len);
}

static void print_views(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct dns64_config *d = &((const struct conf *)base)->dns64;

	fputs(d->views_len > 0 ? "\n" : " []\n", to);
	for (unsigned i = 0; i < d->views_len; i++) {
		fprintf(to, "%*s-\n", (int)indent + 2, "");
		mapping_print(&conf_view_keys, &d->views[i], to, indent + 4);
	}
}

const struct conf_shape shape_views = { "a list of { clients, prefixes, ... }", read_views, print_views };

/* --- across keys --- */

/* A domain in both lists has no longest match. */
static void check_domains(struct conf_reading *r, const struct dns64_policy *p, unsigned line)
{
	char text[ITEM_TEXT];

	for (unsigned i = 0; i < p->never_len; i++)
		for (unsigned j = 0; j < p->always_len; j++) {
			if (!dns_name_equal(&p->never[i], &p->always[j]))
				continue;
			write_domain(&p->never[i], text);
			reading_fault(r, line,
				"%.100s is in never-synthesize and in always-synthesize, keep one of them",
				text);
		}
}

static bool same_client(const struct prefix *a, const struct prefix *b)
{
	if (a->is4 != b->is4)
		return false;
	return a->is4 ? a->p4.len == b->p4.len && addr4_eq(a->p4.addr, b->p4.addr)
		      : a->p6.len == b->p6.len && addr6_eq(a->p6.addr, b->p6.addr);
}

/* The longest prefix decides, so no two views may have the same one. */
static void check_client(struct conf_reading *r, unsigned view, const struct prefix *client, unsigned line)
{
	const struct dns64_config *d = &r->c->dns64;
	char text[ITEM_TEXT];

	for (unsigned v = 0; v < view; v++)
		for (unsigned i = 0; i < d->views[v].clients_len; i++) {
			if (!same_client(&d->views[v].clients[i], client))
				continue;
			item_prefix.write(client, text);
			reading_fault(r, line,
				"%s is in the clients of dns64.views[%u] too, keep one of them", text, v);
		}
}

static bool holds(const struct prefix *outer, const struct prefix *inner)
{
	if (outer->is4 != inner->is4)
		return false;
	return outer->is4 ? prefix4_contains(outer->p4, inner->p4.addr)
			  : prefix6_contains(outer->p6, inner->p6.addr);
}

static void warn_refused(struct conf_reading *r, const struct prefix *client, unsigned line)
{
	const struct dns64_config *d = &r->c->dns64;
	char text[ITEM_TEXT];

	for (unsigned i = 0; i < d->allow_len; i++)
		if (holds(&d->allow[i], client) || holds(client, &d->allow[i]))
			return;
	item_prefix.write(client, text);
	reading_warning(
		r, line, "%s is not in dns64.allow, so these clients are refused, add it there", text);
}

static void take_view(struct conf_reading *r, const struct conf_node *n, unsigned i)
{
	struct dns64_view *v = &r->c->dns64.views[i];
	unsigned before = r->faults, line = reading_line(r, n);

	*v = (struct dns64_view){ .policy = r->c->dns64.policy };
	if (n->kind != NODE_MAPPING) {
		reading_fault(
			r, line, "an entry is a mapping, write { clients: [\"2001:db8:1::/48\"], ... }");
		return;
	}
	mapping_read(r, &conf_view_keys, n, v);
	if (r->faults != before)
		return;
	check_domains(r, &v->policy, line);
	for (unsigned k = 0; k < v->clients_len; k++) {
		check_client(r, i, &v->clients[k], line);
		warn_refused(r, &v->clients[k], line);
	}
}

void views_take(struct conf_reading *r, const struct conf_node *n)
{
	const struct conf_node *list = node_find(n, "views");
	size_t back = path_enter(r, "dns64");
	unsigned i = 0;

	check_domains(r, &r->c->dns64.policy, n ? n->key_line : 0);
	path_enter(r, "views");
	if (list && list->kind == NODE_LIST && list->members_len <= DNS64_VIEWS_MAX)
		for (const struct conf_node *m = list->members; m; m = m->next, i++) {
			size_t member = path_enter_member(r, i);

			take_view(r, m, i);
			path_leave(r, member);
		}
	r->c->dns64.views_len = i;
	path_leave(r, back);
}
