/* view.c - which policy a client gets; see view.h */
#include "dns64/view.h"

#include "addr/embed.h"

#include <limits.h>

static unsigned length_of(const struct prefix *p)
{
	return p->is4 ? p->p4.len : p->p6.len;
}

/* The clients in question: one, or all in a prefix. */
struct who {
	struct endpoint first;
	unsigned len; /* bits that they have in common */
};

static bool holds(const struct prefix *p, const struct who *w)
{
	return length_of(p) <= w->len && prefix_contains(p, &w->first);
}

static unsigned view_of_all(const struct dns64_config *c, const struct who *w)
{
	unsigned best = 0, best_len = 0;

	for (unsigned v = 0; v < c->views_len; v++)
		for (unsigned i = 0; i < c->views[v].clients_len; i++) {
			const struct prefix *p = &c->views[v].clients[i];

			if (!holds(p, w) || (best > 0 && length_of(p) <= best_len))
				continue;
			best = v + 1;
			best_len = length_of(p);
		}
	return best;
}

unsigned view_of(const struct dns64_config *c, const struct endpoint *client)
{
	const struct who w = { *client, UINT_MAX };

	return view_of_all(c, &w);
}

static struct who who_in(const struct prefix *p)
{
	return (struct who){ { .is4 = p->is4, .a4 = p->p4.addr, .a6 = p->p6.addr }, length_of(p) };
}

unsigned view_of_prefix(const struct dns64_config *c, const struct prefix *clients)
{
	const struct who w = who_in(clients);

	return view_of_all(c, &w);
}

bool view_allows_prefix(const struct dns64_config *c, const struct prefix *clients)
{
	const struct who w = who_in(clients);

	for (unsigned i = 0; i < c->allow_len; i++)
		if (holds(&c->allow[i], &w))
			return true;
	return false;
}

static const char *policy_fault(const struct dns64_policy *p)
{
	const char *why = NULL;

	if (p->prefixes_len > DNS64_PREFIX_MAX || p->ranges_len > DNS64_RANGES_MAX ||
		p->exclude_aaaa_len > DNS64_EXCLUDE_MAX || p->exclude_a_len > DNS64_EXCLUDE_MAX ||
		p->never_len > DNS64_DOMAINS_MAX || p->always_len > DNS64_DOMAINS_MAX ||
		p->lend_len > DNS64_DOMAINS_MAX)
		return "too many entries in a list";
	for (unsigned i = 0; !why && i < p->prefixes_len; i++)
		why = embed_prefix_fault(p->prefixes[i]);
	for (unsigned i = 0; !why && i < p->ranges_len; i++)
		why = embed_prefix_fault(p->ranges[i].prefix);
	return why;
}

const char *view_fault(const struct dns64_config *c)
{
	const char *why = policy_fault(&c->policy);

	if (c->views_len > DNS64_VIEWS_MAX)
		return "too many views";
	for (unsigned v = 0; !why && v < c->views_len; v++)
		why = c->views[v].clients_len > DNS64_VIEW_CLIENTS_MAX ? "too many clients in a view"
								       : policy_fault(&c->views[v].policy);
	return why;
}
