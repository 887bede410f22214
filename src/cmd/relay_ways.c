/*
 * relay_ways.c - see relay_ways.h
 *
 * A transparent service takes TCP connections to its ports (relay.destinations.ports) that clients in its allow list have on
 * their way: over IPv6 to what a NAT64 prefix stands for, over IPv4 to an address that DNS46 has lent. In nftables that is a
 * chain for each listen address, which is jumped to by destination and port, and takes by client: so no set is needed,
 * in which prefixes that lie in each other could not stand.
 */
#include "cmd/relay_ways.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- prefixes of clients --- */

static bool has_prefix(const struct prefix6 *all, unsigned len, struct prefix6 p)
{
	for (unsigned i = 0; i < len; i++)
		if (addr6_eq(all[i].addr, p.addr) && all[i].len == p.len)
			return true;
	return false;
}

static int make_local(const struct relay_config *c, struct relayway *w)
{
	struct prefix6 *all = calloc(c->services_len + 1, sizeof(*all));
	unsigned len = 0;

	if (!all)
		return -ENOMEM;
	for (unsigned i = 0; i < c->services_len; i++)
		if (c->services[i].has_client_prefix && !has_prefix(all, len, c->services[i].client_prefix))
			all[len++] = c->services[i].client_prefix;
	w->local = all;
	w->local_len = len;
	return 0;
}

/* --- rules --- */

static const char *prefix_text(const struct prefix *p, char buf[static PREFIX6_TEXT])
{
	return p->is4 ? prefix4_text(p->p4, buf) : prefix6_text(p->p6, buf);
}

/* The jumps to one chain: @to is a prefix of destinations. */
static void write_jumps(FILE *f, const struct relay_service *s, const struct prefix *to, unsigned chain)
{
	char text[PREFIX6_TEXT];

	for (unsigned i = 0; i < s->destinations.ports_len; i++)
		fprintf(f, "\t\t%s daddr %s tcp dport %u-%u jump take%u\n", to->is4 ? "ip" : "ip6",
			prefix_text(to, text), s->destinations.ports[i].first, s->destinations.ports[i].last,
			chain);
}

static void write_all_jumps(
	FILE *f, const struct conf *c, const struct relay_service *s, bool is4, unsigned chain)
{
	for (unsigned i = 0; !is4 && i < c->relay.translation_len; i++)
		write_jumps(f, s, &(struct prefix){ .p6 = c->relay.translation[i] }, chain);
	if (is4 && c->has_dns46)
		write_jumps(f, s, &(struct prefix){ .is4 = true, .p4 = c->nat64.siit.lent_pool }, chain);
}

static void write_takes(FILE *f, const struct relay_service *s, const struct endpoint *at)
{
	const char *family = at->is4 ? "ip" : "ip6";
	char client[PREFIX6_TEXT], where[ENDPOINT6_TEXT];

	if (endpoint_is_any(at))
		snprintf(where, sizeof(where), ":%u", at->port);
	else
		endpoint_text(at, where);
	for (unsigned i = 0; i < s->clients_len; i++)
		if (s->clients[i].is4 == at->is4)
			fprintf(f,
				"\t\t%s saddr %s meta l4proto tcp tproxy %s to %s meta mark set meta mark & "
				"0x%08x | "
				"0x%08x accept\n",
				family, prefix_text(&s->clients[i], client), family, where,
				~RELAYWAY_MARK_MASK, RELAYWAY_MARK);
}

static void each_listen(const struct conf *c, FILE *f,
	void (*write)(FILE *f, const struct conf *c, const struct relay_service *s, const struct endpoint *at,
		unsigned chain))
{
	unsigned chain = 0;

	for (unsigned i = 0; i < c->relay.services_len; i++) {
		const struct relay_service *s = &c->relay.services[i];

		for (unsigned k = 0; s->type == RELAY_TRANSPARENT && k < s->listen_len; k++)
			write(f, c, s, &s->listen[k], chain++);
	}
}

static void write_chain(FILE *f, const struct conf *c, const struct relay_service *s,
	const struct endpoint *at, unsigned chain)
{
	fprintf(f, "\tchain take%u {\n", chain);
	write_takes(f, s, at);
	fputs("\t}\n", f);
}

static void write_entry(FILE *f, const struct conf *c, const struct relay_service *s,
	const struct endpoint *at, unsigned chain)
{
	write_all_jumps(f, c, s, at->is4, chain);
}

static bool has_transparent(const struct relay_config *c)
{
	for (unsigned i = 0; i < c->services_len; i++)
		if (c->services[i].type == RELAY_TRANSPARENT)
			return true;
	return false;
}

static int make_rules(const struct conf *c, struct relayway *w)
{
	char *text = NULL;
	size_t len = 0;

	if (!has_transparent(&c->relay))
		return 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	fputs("table inet " RELAYWAY_TABLE " {\n", f);
	each_listen(c, f, write_chain);
	fputs("\tchain relays {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n", f);
	each_listen(c, f, write_entry);
	fputs("\t}\n}\n", f);
	bool is_whole = !ferror(f);

	if (fclose(f) != 0 || !is_whole) {
		free(text);
		return -ENOMEM;
	}
	w->rules = text;
	return 0;
}

int relay_ways_make(const struct conf *c, struct relayway *ret)
{
	struct relayway w = { .local = NULL };
	int err = make_local(&c->relay, &w);

	if (err == 0)
		err = make_rules(c, &w);
	if (err < 0) {
		relay_ways_fini(&w);
		return err;
	}
	*ret = w;
	return 0;
}

void relay_ways_fini(struct relayway *w)
{
	free((void *)(uintptr_t)w->local);
	free((void *)(uintptr_t)w->rules);
	*w = (struct relayway){ .local = NULL };
}
