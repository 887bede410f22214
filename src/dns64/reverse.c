/* reverse.c - addresses from names of the reverse tree, and back */
#include "dns64/reverse.h"

#include <stdio.h>

static const struct dns_name ip6_arpa = { 10, "\003ip6\004arpa" };

static int nibble_of(const struct dns_name *n, unsigned at)
{
	uint8_t c = dns_lower(n->wire[at + 1]);

	if (n->wire[at] != 1)
		return -1;
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void set_nibble(struct addr6 *a, unsigned i, uint64_t v)
{
	if (i < 16)
		a->hi |= v << (60 - 4 * i);
	else
		a->lo |= v << (60 - 4 * (i - 16));
}

static unsigned nibble_at(struct addr6 a, unsigned i)
{
	uint64_t half = i < 16 ? a.hi >> (60 - 4 * i) : a.lo >> (60 - 4 * (i - 16));

	return (unsigned)(half & 0xf);
}

bool reverse6_read(const struct dns_name *n, struct reverse6 *ret)
{
	uint8_t labels[DNS_LABELS_MAX];
	struct reverse6 r = { .nibbles = 0 };

	if (!dns_name_is_under(n, &ip6_arpa))
		return false;
	unsigned left = dns_name_labels(n, labels) - 2; /* without "ip6" and "arpa" */

	for (; left > 0 && r.nibbles < REVERSE6_NIBBLES; left--) {
		int v = nibble_of(n, labels[left - 1]);

		if (v < 0)
			break;
		set_nibble(&r.addr, r.nibbles++, (uint64_t)v);
	}
	r.has_more = left > 0;
	*ret = r;
	return true;
}

void reverse6_zone(struct prefix6 p, struct dns_name *ret)
{
	static const char hex[] = "0123456789abcdef";
	bool fits = true;

	ret->len = 0;
	for (unsigned i = p.len / 4; i > 0; i--)
		fits = fits && dns_name_push(ret, &hex[nibble_at(p.addr, i - 1)], 1);
	fits = fits && dns_name_push(ret, "ip6", 3) && dns_name_push(ret, "arpa", 4);
	ASSERT(fits); /* 74 bytes at most */
	dns_name_close(ret);
}

void reverse4_name(struct addr4 a, struct dns_name *ret)
{
	char text[sizeof("255.255.255.255.in-addr.arpa")];

	snprintf(text, sizeof(text), "%u.%u.%u.%u.in-addr.arpa", a.v & 0xff, a.v >> 8 & 0xff,
		a.v >> 16 & 0xff, a.v >> 24);
	bool fits = dns_name_parse(text, ret);

	ASSERT(fits);
}
