/* routes.c - see routes.h */
#include "dataplane/routes.h"

#include <errno.h>
#include <stdlib.h>

static bool is_same4(struct prefix4 a, struct prefix4 b)
{
	return a.len == b.len && addr4_eq(a.addr, b.addr);
}

static bool is_same6(struct prefix6 a, struct prefix6 b)
{
	return a.len == b.len && addr6_eq(a.addr, b.addr);
}

bool routes_have4(const struct routes *s, struct prefix4 p)
{
	unsigned i = 0;

	while (i < s->v4_len && !is_same4(s->v4[i], p))
		i++;
	return i < s->v4_len;
}

bool routes_have6(const struct routes *s, struct prefix6 p)
{
	unsigned i = 0;

	while (i < s->v6_len && !is_same6(s->v6[i], p))
		i++;
	return i < s->v6_len;
}

int routes_want4(struct routes *s, struct prefix4 p)
{
	if (routes_have4(s, p))
		return 0;
	struct prefix4 *more = realloc(s->v4, (s->v4_len + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->v4 = more;
	s->v4[s->v4_len++] = p;
	return 0;
}

int routes_want6(struct routes *s, struct prefix6 p)
{
	if (routes_have6(s, p))
		return 0;
	struct prefix6 *more = realloc(s->v6, (s->v6_len + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->v6 = more;
	s->v6[s->v6_len++] = p;
	return 0;
}

void routes_free(struct routes *s)
{
	free(s->v4);
	free(s->v6);
	*s = (struct routes){ 0 };
}

static int fault_of_route(const struct routes_device *d, const struct fault *f, int r, const char *prefix)
{
	if (r == -EEXIST)
		return fault_say(f, r,
			"there is a route for %s already, and it does not lead to %s: remove it first (`ip "
			"route del %s`)",
			prefix, d->name, prefix);
	return fault_say(f, r, "cannot route %s to %s: %s", prefix, d->name, strerror(-r));
}

/* The set learns of a route before the kernel does, so that none can be made that nobody remembers. */
static int add4(const struct routes_device *d, struct routes *have, struct prefix4 p, const struct fault *f)
{
	char text[PREFIX4_TEXT];
	int r = routes_want4(have, p);

	if (r < 0)
		return fault_of_route(d, f, r, prefix4_text(p, text));
	r = netlink_route4_add(d->netlink, d->index, p);
	if (r < 0) {
		have->v4_len--;
		return fault_of_route(d, f, r, prefix4_text(p, text));
	}
	return 0;
}

static int add6(const struct routes_device *d, struct routes *have, struct prefix6 p, const struct fault *f)
{
	char text[PREFIX6_TEXT];
	int r = routes_want6(have, p);

	if (r < 0)
		return fault_of_route(d, f, r, prefix6_text(p, text));
	r = netlink_route6_add(d->netlink, d->index, p);
	if (r < 0) {
		have->v6_len--;
		return fault_of_route(d, f, r, prefix6_text(p, text));
	}
	return 0;
}

int routes_widen(
	const struct routes_device *d, struct routes *have, const struct routes *want, const struct fault *f)
{
	int r = 0;

	for (unsigned i = 0; i < want->v6_len && r == 0; i++)
		r = routes_have6(have, want->v6[i]) ? 0 : add6(d, have, want->v6[i], f);
	for (unsigned i = 0; i < want->v4_len && r == 0; i++)
		r = routes_have4(have, want->v4[i]) ? 0 : add4(d, have, want->v4[i], f);
	return r;
}

void routes_narrow(const struct routes_device *d, struct routes *have, const struct routes *want)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < have->v6_len; i++) {
		if (routes_have6(want, have->v6[i]))
			have->v6[kept++] = have->v6[i];
		else
			(void)!netlink_route6_del(d->netlink, d->index, have->v6[i]);
	}
	have->v6_len = kept;
	kept = 0;
	for (unsigned i = 0; i < have->v4_len; i++) {
		if (routes_have4(want, have->v4[i]))
			have->v4[kept++] = have->v4[i];
		else
			(void)!netlink_route4_del(d->netlink, d->index, have->v4[i]);
	}
	have->v4_len = kept;
}
