/* relay_item.c - kinds of values that relays have: targets, ports, names, lists that are owned; see relay.h */
#include "conf/relay.h"

#include "base/bytes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN "%.80s" /* how much of a wrong value a message repeats */
#define NONE "none"

static void *place(void *base, size_t at)
{
	return (uint8_t *)base + at;
}

static const void *place_const(const void *base, size_t at)
{
	return (const uint8_t *)base + at;
}

static void write_text(const void *from, char text[static ITEM_TEXT])
{
	text_copy(text, ITEM_TEXT, from);
}

/* Names are compared as they are written, so all are in lower case (RFC 4343), without a final dot. */
static void copy_name(char *to, size_t size, const char *name, size_t len)
{
	size_t n = len > 0 && name[len - 1] == '.' ? len - 1 : len;

	ASSERT(n < size);
	for (size_t i = 0; i < n; i++)
		to[i] = (char)tolower((unsigned char)name[i]);
	to[n] = '\0';
}

/* --- targets --- */

/* What is made of digits and dots is an address that was mistyped, or one that some resolvers would guess. */
static bool is_name(const char *name)
{
	return host_name_is_valid(name) && name[strspn(name, "0123456789.")] != '\0';
}

static bool read_named_target(const char *text, struct relay_target *ret)
{
	const char *colon = strrchr(text, ':');
	char name[RELAY_HOST];
	uint64_t port;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || len >= sizeof(name) || !number_parse(colon + 1, UINT16_MAX, &port) || port == 0)
		return false;
	bytes_copy(name, text, len);
	name[len] = '\0';
	if (!is_name(name))
		return false;
	*ret = (struct relay_target){ .at.port = (uint16_t)port };
	copy_name(ret->host, sizeof(ret->host), name, len);
	return true;
}

static bool read_target(const char *text, void *to, char why[static ITEM_WHY])
{
	struct relay_target t = { .host = "" };

	if (!read_named_target(text, &t)) {
		if (!item_endpoint.read(text, &t.at, why) || endpoint_is_any(&t.at)) {
			snprintf(why, ITEM_WHY,
				"\"" SHOWN
				"\" is no destination, write an address or a name with a port, such as "
				"\"10.0.0.1:80\", "
				"\"[2001:db8::1]:443\" or \"host.example:80\"",
				text);
			return false;
		}
	}
	*(struct relay_target *)to = t;
	return true;
}

static void write_target(const void *from, char text[static ITEM_TEXT])
{
	const struct relay_target *t = from;

	if (t->host[0])
		snprintf(text, ITEM_TEXT, "%s:%u", t->host, t->at.port);
	else
		item_endpoint.write(&t->at, text);
}

const struct conf_item item_target = { sizeof(struct relay_target), read_target, write_target };

static bool read_proxy_at(const char *text, void *to, char why[static ITEM_WHY])
{
	struct relay_target t;
	char again[ITEM_TEXT];

	if (!read_target(text, &t, why))
		return false;
	write_target(&t, again);
	text_copy(to, RELAY_HOST, again);
	return true;
}

const struct conf_item item_proxy_at = { RELAY_HOST, read_proxy_at, write_text };

/* --- ports, names --- */

static bool read_port_range(const char *text, void *to, char why[static ITEM_WHY])
{
	const char *dash = strchr(text, '-');
	char first[8] = "";
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	uint64_t lo = 0, hi = 0;

	if (len < sizeof(first))
		bytes_copy(first, text, len);
	if (!number_parse(first, UINT16_MAX, &lo) ||
		!number_parse(dash ? dash + 1 : first, UINT16_MAX, &hi) || lo == 0 || lo > hi) {
		snprintf(why, ITEM_WHY,
			"\"" SHOWN "\" is no port and no range, write one such as 443 or 8000-8999", text);
		return false;
	}
	*(struct relay_ports *)to = (struct relay_ports){ (uint16_t)lo, (uint16_t)hi };
	return true;
}

static void write_port_range(const void *from, char text[static ITEM_TEXT])
{
	const struct relay_ports *p = from;

	if (p->first == p->last)
		snprintf(text, ITEM_TEXT, "%u", p->first);
	else
		snprintf(text, ITEM_TEXT, "%u-%u", p->first, p->last);
}

const struct conf_item item_port_range = { sizeof(struct relay_ports), read_port_range, write_port_range };

static bool read_relay_name(const char *text, void *to, char why[static ITEM_WHY])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len = strlen(text);

	if (len == 0 || len >= RELAY_NAME || text[strspn(text, plain)] != '\0') {
		snprintf(why, ITEM_WHY,
			"\"" SHOWN "\" is no name, write 1 to %d letters, digits, - _ and dots, such as web",
			text, RELAY_NAME - 1);
		return false;
	}
	text_copy(to, RELAY_NAME, text);
	return true;
}

const struct conf_item item_relay_name = { RELAY_NAME, read_relay_name, write_text };

static bool read_route_host(const char *text, void *to, char why[static ITEM_WHY])
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	bool is_any = strcmp(text, "*") == 0;

	if ((!is_any && !host_name_is_valid(name)) || strlen(text) >= RELAY_HOST) {
		snprintf(why, ITEM_WHY,
			"\"" SHOWN "\" is no host, write a name such as www.example.net, \"*.example.org\" "
			"for all names "
			"below, or "
			"\"*\" for all others",
			text);
		return false;
	}
	copy_name(to, RELAY_HOST, text, strlen(text));
	return true;
}

const struct conf_item item_route_host = { RELAY_HOST, read_route_host, write_text };

static bool read_zone(const char *text, void *to, char why[static ITEM_WHY])
{
	bool is_none = strcmp(text, NONE) == 0;

	if (!is_none && !is_name(text)) {
		snprintf(why, ITEM_WHY,
			"\"" SHOWN "\" is no domain, write one such as ip4.example.net, or none", text);
		return false;
	}
	copy_name(to, RELAY_HOST, is_none ? "" : text, is_none ? 0 : strlen(text));
	return true;
}

static void write_zone(const void *from, char text[static ITEM_TEXT])
{
	const char *zone = from;

	text_copy(text, ITEM_TEXT, zone[0] ? zone : NONE);
}

const struct conf_item item_relay_zone = { RELAY_HOST, read_zone, write_zone };

/* --- lists that are owned --- */

/* Reads the members into @items, which has room; how many were read without fault. */
static unsigned read_members(
	struct conf_reading *r, const struct conf_item *item, const struct conf_node *n, uint8_t *items)
{
	char text[ITEM_TEXT], other[ITEM_TEXT];
	unsigned len, at = 0, i = 0;

	for (const struct conf_node *m = members_begin(r, n, &len); m; m = m == n ? NULL : m->next, i++) {
		size_t back = m == n ? r->path_len : path_enter_member(r, i);
		uint8_t *value = items + at * item->size;
		unsigned same = 0;

		if (item_read(r, item, m, value)) {
			item->write(value, text);
			for (; same < at; same++) {
				item->write(items + same * item->size, other);
				if (strcmp(text, other) == 0)
					break;
			}
			if (same < at)
				reading_fault(
					r, reading_line(r, m), "%.80s is listed twice, keep one", m->text);
			else
				at++;
		}
		path_leave(r, back);
	}
	return at;
}

/* What was there before, such as a copy of what the section says for all, is replaced. */
static void read_owned(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	const struct conf_item *item = k->of;
	void *old, *items;
	unsigned len, *items_len = place(base, k->len_at);

	members_begin(r, n, &len);
	if (!members_fit(r, k, n, len))
		return;
	items = calloc(len > 0 ? len : 1, item->size);
	if (!items) {
		r->is_nomem = true;
		return;
	}
	bytes_copy(&old, place(base, k->at), sizeof(old));
	free(old);
	bytes_copy(place(base, k->at), &items, sizeof(items));
	*items_len = read_members(r, item, n, items);
}

static void print_owned(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf_item *item = k->of;
	unsigned len = *(const unsigned *)place_const(base, k->len_at);
	const uint8_t *items;

	bytes_copy(&items, place_const(base, k->at), sizeof(items));
	fputs(" [", to);
	for (unsigned i = 0; i < len; i++) {
		fputs(i > 0 ? ", " : "", to);
		item_print(item, items + i * item->size, to);
	}
	fputs("]\n", to);
}

const struct conf_shape shape_owned = { "a list", read_owned, print_owned };

/* --- files, the prefix of clients, resolvers --- */

/* A relative path is one beside the file that it is written in. */
static bool join_path(const struct conf_reading *r, const char *path, char to[static RELAY_FILE])
{
	const char *slash = strrchr(r->name, '/');
	int n;

	if (path[0] == '/' || !slash)
		n = snprintf(to, RELAY_FILE, "%s", path);
	else
		n = snprintf(to, RELAY_FILE, "%.*s/%s", (int)(slash - r->name), r->name, path);
	return n > 0 && n < RELAY_FILE;
}

static void read_file(struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	char path[RELAY_FILE] = "";

	if (n->kind != NODE_SCALAR)
		reading_fault(r, reading_line(r, n), "%s stands where a path belongs, write it as text",
			n->kind == NODE_LIST ? "a list" : "a mapping");
	else if (strcmp(n->text, NONE) != 0 && !join_path(r, n->text, path))
		reading_fault(r, reading_line(r, n), "the path is too long, write one of at most %d bytes",
			RELAY_FILE - 1);
	else
		text_copy(place(base, k->at), RELAY_FILE, path);
}

static const struct conf_item item_path = { RELAY_FILE, NULL, write_zone };

static void print_file(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	fputc(' ', to);
	item_print(&item_path, place_const(base, k->at), to);
	fputc('\n', to);
}

const struct conf_shape shape_relay_file = { "the path of a file", read_file, print_file };

static void read_client_prefix(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	bool *has = place(base, k->len_at);
	struct prefix6 p;

	if (n->kind == NODE_SCALAR && strcmp(n->text, NONE) == 0) {
		*has = false;
	} else if (item_read(r, &item_prefix6, n, &p)) {
		if (p.len != 96)
			reading_fault(r, reading_line(r, n),
				"the prefix has %u bits, write one of 96, behind which an IPv4 address fits",
				p.len);
		*(struct prefix6 *)place(base, k->at) = p;
		*has = true;
	}
}

static void print_client_prefix(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	if (*(const bool *)place_const(base, k->len_at)) {
		fputc(' ', to);
		item_print(&item_prefix6, place_const(base, k->at), to);
		fputc('\n', to);
	} else {
		fputs(" " NONE "\n", to);
	}
}

const struct conf_shape shape_client_prefix = { "a prefix, or none", read_client_prefix,
	print_client_prefix };

#define AUTO "auto"

static bool read_server(const char *text, void *to, char why[static ITEM_WHY])
{
	struct endpoint e;

	if (!server_parse(text, &e) || endpoint_is_any(&e)) {
		snprintf(why, ITEM_WHY,
			"\"" SHOWN "\" is no name server, write auto, or an address such as 192.0.2.53",
			text);
		return false;
	}
	*(struct endpoint *)to = e;
	return true;
}

static void write_server(const void *from, char text[static ITEM_TEXT])
{
	item_endpoint.write(from, text);
}

static const struct conf_item item_name_server = { sizeof(struct endpoint), read_server, write_server };

/* No servers stand for auto, until relay_resolve() has found some. */
static void read_resolver(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	struct relay_config *c = &r->c->relay;
	unsigned len;

	c->resolvers_len = 0;
	if (n->kind == NODE_SCALAR && strcmp(n->text, AUTO) == 0)
		return;
	members_begin(r, n, &len);
	if (members_fit(r, k, n, len))
		c->resolvers_len = read_members(r, &item_name_server, n, (uint8_t *)c->resolvers);
}

static void print_resolver(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct relay_config *c = &((const struct conf *)base)->relay;

	if (c->resolvers_len == 0) {
		fputs(" " AUTO "\n", to);
		return;
	}
	fputs(" [", to);
	for (unsigned i = 0; i < c->resolvers_len; i++) {
		fputs(i > 0 ? ", " : "", to);
		item_print(&item_endpoint, &c->resolvers[i], to);
	}
	fputs("]\n", to);
}

const struct conf_shape shape_relay_resolver = { "auto, or a list of name servers", read_resolver,
	print_resolver };
