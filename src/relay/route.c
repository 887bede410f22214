/* route.c - see route.h */
#include "relay/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A host as it stands in the file; wildcards, too, so that "*.example.org" is found under that name. */
struct entry {
	const char *host;
	enum route_side side;
	int number;
};

struct route_table {
	const struct relay_route *routes;
	struct entry *sorted;
	unsigned len;
};

static int by_side_and_host(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->side != y->side ? (x->side > y->side) - (x->side < y->side) : strcmp(x->host, y->host);
}

static bool has_twins(const struct route_table *t)
{
	for (unsigned i = 1; i < t->len; i++)
		if (by_side_and_host(&t->sorted[i - 1], &t->sorted[i]) == 0)
			return true;
	return false;
}

int route_table_new(const struct relay_route *routes, unsigned len, struct route_table **ret)
{
	struct route_table *t = calloc(1, sizeof(*t));

	if (t)
		t->sorted = calloc(len > 0 ? len : 1, sizeof(*t->sorted));
	if (!t || !t->sorted) {
		route_table_free(t);
		return -ENOMEM;
	}
	t->routes = routes;
	t->len = len;
	for (unsigned i = 0; i < len; i++)
		t->sorted[i] = (struct entry){ routes[i].host,
			routes[i].tls == RELAY_TLS_NONE ? ROUTE_PLAIN : ROUTE_TLS, (int)i };
	qsort(t->sorted, len, sizeof(*t->sorted), by_side_and_host);
	if (has_twins(t)) {
		route_table_free(t);
		return -EEXIST;
	}
	*ret = t;
	return 0;
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	free(t->sorted);
	free(t);
}

static int find_exactly(const struct route_table *t, enum route_side side, const char *host)
{
	const struct entry wanted = { .host = host, .side = side },
			   *e = bsearch(&wanted, t->sorted, t->len, sizeof(*t->sorted), by_side_and_host);

	return e ? e->number : -1;
}

/* At each dot of the host, from the left: what is before it is the star's. */
static int find_wildcard(const struct route_table *t, enum route_side side, const char *host)
{
	for (const char *dot = strchr(host, '.'); dot; dot = strchr(dot + 1, '.')) {
		char wildcard[RELAY_HOST + 1];
		size_t len = strlen(dot);

		if (dot == host || len >= RELAY_HOST)
			return -1;
		wildcard[0] = '*';
		for (size_t i = 0; i <= len; i++)
			wildcard[1 + i] = dot[i];
		int number = find_exactly(t, side, wildcard);

		if (number >= 0)
			return number;
	}
	return -1;
}

int route_find(const struct route_table *t, enum route_side side, const char *host)
{
	/* A star in a host that a client sent is not one of ours. */
	int number = strchr(host, '*') ? -1 : find_exactly(t, side, host);

	if (number < 0)
		number = find_wildcard(t, side, host);
	return number >= 0 ? number : find_exactly(t, side, "*");
}

bool route_has_side(const struct route_table *t, enum route_side side)
{
	for (unsigned i = 0; i < t->len; i++)
		if (t->sorted[i].side == side)
			return true;
	return false;
}

bool route_has_kind(const struct route_table *t, enum relay_tls tls)
{
	for (unsigned i = 0; i < t->len; i++)
		if (t->routes[i].tls == tls)
			return true;
	return false;
}
