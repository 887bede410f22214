/* endpoint.h - addresses and prefixes of either family: who listens, who asks, who is let in */
#ifndef ISTHMUS_ADDR_ENDPOINT_H
#define ISTHMUS_ADDR_ENDPOINT_H

#include "addr/addr.h"

/* An address of either family with a port. IPv4-mapped IPv6 addresses are none of these: sockets are of one family. */
struct endpoint {
	bool is4;
	struct addr4 a4;
	struct addr6 a6;
	uint16_t port; /* host order */
};

/* A prefix of either family. */
struct prefix {
	bool is4;
	struct prefix4 p4;
	struct prefix6 p6;
};

/** endpoint_is_any() - whether its address is the unspecified one, which stands for every address of the host */
static inline bool endpoint_is_any(const struct endpoint *e)
{
	return e->is4 ? e->a4.v == 0 : (e->a6.hi | e->a6.lo) == 0;
}

/** endpoint_same_address() - whether both have the same address, whatever their ports */
static inline bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b)
{
	if (a->is4 != b->is4)
		return false;
	return a->is4 ? addr4_eq(a->a4, b->a4) : addr6_eq(a->a6, b->a6);
}

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && endpoint_same_address(a, b);
}

/** prefix_contains() - whether a prefix holds an address, which must be of its family */
static inline bool prefix_contains(const struct prefix *p, const struct endpoint *a)
{
	if (p->is4 != a->is4)
		return false;
	return p->is4 ? prefix4_contains(p->p4, a->a4) : prefix6_contains(p->p6, a->a6);
}

/** endpoint_text() - "192.0.2.1:53" or "[2001:db8::1]:53"; returns @buf */
const char *endpoint_text(const struct endpoint *e, char buf[static ENDPOINT6_TEXT]);

/** endpoint_address_text() - the address alone, without brackets: "192.0.2.1", "2001:db8::1"; returns @buf */
const char *endpoint_address_text(const struct endpoint *e, char buf[static ADDR6_TEXT]);

#endif
