/* view.c - which policy a client gets; see view.h */
#include "dns64/view.h"

#include "addr/embed.h"

bool dns_prefix_contains(const struct dns_prefix *p, const struct dns_endpoint *a)
{
	if (p->is4 != a->is4)
		return false;
	return p->is4 ? prefix4_contains(p->p4, a->a4) : prefix6_contains(p->p6, a->a6);
}

static unsigned length_of(const struct dns_prefix *p)
{
	return p->is4 ? p->p4.len : p->p6.len;
}

unsigned view_of(const struct dns64_config *c, const struct dns_endpoint *client)
{
	unsigned best = 0, best_len = 0;

	for (unsigned v = 0; v < c->views_len; v++)
		for (unsigned i = 0; i < c->views[v].clients_len; i++) {
			const struct dns_prefix *p = &c->views[v].clients[i];

			if (!dns_prefix_contains(p, client) || (best > 0 && length_of(p) <= best_len))
				continue;
			best = v + 1;
			best_len = length_of(p);
		}
	return best;
}

static const char *policy_fault(const struct dns64_policy *p)
{
	const char *why = NULL;

	if (p->prefixes_len > DNS64_PREFIX_MAX || p->ranges_len > DNS64_RANGES_MAX ||
		p->exclude_aaaa_len > DNS64_EXCLUDE_MAX || p->exclude_a_len > DNS64_EXCLUDE_MAX ||
		p->never_len > DNS64_DOMAINS_MAX || p->always_len > DNS64_DOMAINS_MAX)
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
