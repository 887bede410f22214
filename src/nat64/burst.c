/*
 * burst.c - packets that came together: what they need from the tables is fetched for all before the first is translated
 *
 * The tables of a million sessions do not fit into a cache, and a packet waits for them twice in a row, longer than all
 * the rest of its translation takes (docs/performance.md). The processor can wait for many lines at once, but sees only
 * one packet at a time; so each step is done for the whole burst before the next.
 */
#include "nat64/pipeline.h"

#define STRIDE 4 /* packets; about ten lines on their way at once are what a processor keeps track of */

/* Of each packet of a burst: how parsing ended, and what was looked up for it. */
struct ahead {
	enum drop_reason parsed;
	bool has_look;
	struct state_ahead look;
};

static bool is_plain(const struct view *v)
{
	return (v->kind == L4_TCP || v->kind == L4_UDP || v->kind == L4_ICMP_QUERY) && !v->is_fragment;
}

static struct state_ahead look64(const struct nat64 *n, const struct view *v)
{
	struct flow64 f = { .proto = view_proto(v), .src = v->src6, .sport = v->sport };

	while (f.prefix + 1u < n->cfg.prefixes_len && !prefix6_contains(n->cfg.prefixes[f.prefix], v->dst6))
		f.prefix++;
	return state_look_ahead64(n->state, &f);
}

static struct state_ahead look46(const struct nat64 *n, const struct view *v)
{
	struct flow46 f = { .proto = view_proto(v), .dst = v->dst4, .dport = v->dport };

	return state_look_ahead46(n->state, &f);
}

static void look(const struct nat64 *n, struct pkt *p, struct ahead *a)
{
	a->parsed = pkt_parse(p);
	a->has_look = a->parsed == DROP_NONE && is_plain(&p->v);
	if (a->has_look)
		a->look = p->v.version == 6 ? look64(n, &p->v) : look46(n, &p->v);
}

/* Step i of the loop translates packet i, fetches for the one STRIDE later, and looks at the one after another STRIDE. */
void nat64_burst(struct nat64 *n, struct pkt *p, unsigned len, nsec now, const struct nat64_out *out)
{
	struct ahead ahead[NAT64_BURST_MAX];
	unsigned looked = 0, fetched = 0;

	ASSERT(len <= NAT64_BURST_MAX);
	for (unsigned i = 0; i < len; i++) {
		for (; looked < len && looked <= i + 2 * STRIDE; looked++)
			look(n, &p[looked], &ahead[looked]);
		for (; fetched < len && fetched <= i + STRIDE; fetched++) {
			if (ahead[fetched].has_look)
				state_fetch_ahead(n->state, &ahead[fetched].look);
		}
		(void)nat64_take(n, &p[i], ahead[i].parsed, now, out);
	}
}
