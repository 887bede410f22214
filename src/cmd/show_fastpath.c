/*
 * show_fastpath.c - see show_fastpath.h
 *
 * Totals count a packet once, whichever way it took: those of the translator are its own counters plus what the programs have counted
 * since the process began (flow_totals()). Both begin at zero with it, so no sum falls while it lives. What the programs alone
 * have done stands in rows of its own beside that.
 */
#include "cmd/show_fastpath.h"

#include "ctl/reply.h"

#include <stdio.h>

static const struct {
	enum proto proto;
	const char *name;
} protos[FLOW_PROTO_COUNT] = {
	[FLOW_UDP] = { PROTO_UDP, "udp" },
	[FLOW_TCP] = { PROTO_TCP, "tcp" },
	[FLOW_ICMP] = { PROTO_ICMP, "icmp" },
};

static const struct {
	const char *name, *text;
} ups[FLOW_UP_COUNT] = {
	[FLOW_UP_OFF] = { "off", "the tables are off, or the configuration was changing" },
	[FLOW_UP_NO_ENTRY] = { "no_entry",
		"of no flow in the tables: its first packets, or there was no room" },
	[FLOW_UP_TCP_FLAGS] = { "tcp_flags", "TCP segments with SYN, FIN or RST" },
	[FLOW_UP_FRAGMENT] = { "fragment", "fragments" },
	[FLOW_UP_OPTIONS] = { "options", "with IPv4 options or IPv6 extension headers" },
	[FLOW_UP_HOP_LIMIT] = { "hop_limit", "whose hop limit is used up" },
	[FLOW_UP_PROTOCOL] = { "protocol", "of another protocol than TCP, UDP and echo" },
	[FLOW_UP_ICMP] = { "icmp", "ICMP errors and other messages" },
	[FLOW_UP_TOO_BIG] = { "too_big", "too long for the way out, or to be cut into fragments" },
	[FLOW_UP_CHECKSUM] = { "checksum", "UDP over IPv4 without a checksum" },
	[FLOW_UP_MALFORMED] = { "malformed", "with wrong lengths or a wrong IPv4 header checksum" },
	[FLOW_UP_ROUTE] = { "route", "for which no route or neighbour was found" },
	[FLOW_UP_ROOM] = { "room", "whose length the kernel could not change" },
};

static const char *const lefts[FLOW_LEAVE_COUNT] = {
	[FLOW_LEAVE_END] = "flows whose session ended",
	[FLOW_LEAVE_TCP] = "TCP connections that are not established any more",
	[FLOW_LEAVE_CONFIG] = "flows taken out because the configuration was changed; they come back",
	[FLOW_LEAVE_TRACE] = "flows that isthmus trace looks at",
	[FLOW_LEAVE_EVICTED] = "idle flows whose place was wanted",
};

void fastpath_sum(struct fastpath_sums *s, const struct nat64 *n)
{
	const struct flow_maps *m = nat64_flow_maps(n);
	const struct flowcache_counters c = nat64_flowcache_counters(n);
	struct flowcache_counters *to = &s->caches;

	if (!m)
		return;
	s->is_on = true;
	flow_totals(m, &s->tallies); /* the same at each worker, but newer */
	s->room = (m->sets64 < m->sets46 ? m->sets64 : m->sets46) * FLOW_WAYS;
	to->entered += c.entered;
	to->adopted += c.adopted;
	to->full += c.full;
	for (unsigned i = 0; i < FLOW_LEAVE_COUNT; i++)
		to->left[i] += c.left[i];
	to->pairs_entered += c.pairs_entered;
	to->pairs_left += c.pairs_left;
	to->pairs_full += c.pairs_full;
	to->flows += c.flows;
	to->pairs += c.pairs;
}

void fastpath_count(const struct fastpath_sums *s, struct nat64_counters *to)
{
	const struct flow_tallies *t = &s->tallies;

	for (unsigned d = 0; d < FLOW_DIRECTIONS; d++) {
		enum direction dir = d == FLOW_64 ? DIR_64 : DIR_46;

		for (unsigned k = 0; k < FLOW_PROTO_COUNT; k++) {
			to->pkts[dir][protos[k].proto] += t->pkts[d][k];
			to->bytes[dir][protos[k].proto] += t->bytes[d][k];
			to->stateless_pkts[dir][protos[k].proto] += t->stateless_pkts[d][k];
			to->stateless_bytes[dir][protos[k].proto] += t->stateless_bytes[d][k];
		}
		to->trains[dir] += t->trains[d];
	}
	to->hairpins += t->hairpins;
}

json_t *fastpath_status(const struct fastpath_sums *s)
{
	if (!s->is_on)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "flows", (json_int_t)s->caches.flows, "room", (json_int_t)s->room,
		"pairs", (json_int_t)s->caches.pairs);
}

static void row(struct reply *r, const char *group, const char *name, uint64_t value, const char *text)
{
	reply_row(r, json_pack("{s:s, s:s, s:I, s:s, s:s}", "group", group, "name", name, "value",
			     (json_int_t)value, "text", text, "spec", ""));
}

static void packet_rows(const struct flow_tallies *t, struct reply *r)
{
	static const char *const directions[FLOW_DIRECTIONS] = { [FLOW_64] = "64", [FLOW_46] = "46" };
	char name[32], text[96];

	for (unsigned d = 0; d < FLOW_DIRECTIONS; d++) {
		for (unsigned k = 0; k < FLOW_PROTO_COUNT; k++) {
			snprintf(name, sizeof(name), "pkts_%s_%s", directions[d], protos[k].name);
			snprintf(text, sizeof(text),
				"of all %s packets translated, those translated in the kernel",
				protos[k].name);
			row(r, "fastpath", name, t->pkts[d][k] + t->stateless_pkts[d][k], text);
			snprintf(name, sizeof(name), "bytes_%s_%s", directions[d], protos[k].name);
			snprintf(text, sizeof(text), "bytes of %s packets translated in the kernel",
				protos[k].name);
			row(r, "fastpath", name, t->bytes[d][k] + t->stateless_bytes[d][k], text);
		}
	}
	row(r, "fastpath", "redirected", t->redirected, "sent at once where the routing table says");
	row(r, "fastpath", "routed", t->routed,
		"given to the host's own routing, as if the translator had sent them");
	row(r, "fastpath", "up_by_ring", t->up_by_ring,
		"of what went to the translator, packets that XDP put into its memory");
	row(r, "fastpath", "told", t->told,
		"FINs that XDP has sent on, and told the translator of, which counts them");
}

void fastpath_rows(const struct fastpath_sums *s, struct reply *r)
{
	const struct flowcache_counters *c = &s->caches;
	char text[128];

	if (!s->is_on)
		return;
	packet_rows(&s->tallies, r);
	for (unsigned i = 0; i < FLOW_UP_COUNT; i++) {
		snprintf(text, sizeof(text), "packets that went to the translator: %s", ups[i].text);
		row(r, "fastpath_up", ups[i].name, s->tallies.up[i], text);
	}
	row(r, "fastpath", "entered", c->entered, "flows entered into the tables");
	row(r, "fastpath", "adopted", c->adopted, "flows taken over from the translator before this one");
	row(r, "fastpath", "full", c->full,
		"times that a flow found no place; it goes on through the translator");
	for (unsigned i = 0; i < FLOW_LEAVE_COUNT; i++)
		row(r, "fastpath_left", flow_leave_name(i), c->left[i], lefts[i]);
	row(r, "fastpath", "pairs_entered", c->pairs_entered,
		"pairs of addresses translated without state entered, one for each direction");
	row(r, "fastpath", "pairs_left", c->pairs_left,
		"such pairs taken out: idle, or another configuration");
	row(r, "fastpath", "pairs_full", c->pairs_full, "times that such a pair found no place");
}
