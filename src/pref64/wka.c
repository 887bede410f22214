/* wka.c - the prefix in a synthesized address; see wka.h */
#include "pref64/wka.h"

#include "addr/embed.h"

/* RFC 7050 s2.2: 192.0.0.170 and 192.0.0.171 */
static const struct addr4 well_known[] = { { 0xc00000aa }, { 0xc00000ab } };

static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 }; /* RFC 6052 s2.2 */

bool pref64_is_usable(struct prefix6 p)
{
	bool is_multicast = p.addr.hi >> 56 == 0xff;
	bool is_link_local = p.addr.hi >> 54 == 0xfe80 >> 6;

	return !embed_prefix_fault(p) && !is_multicast && !is_link_local && p.addr.hi >> 32 != 0;
}

/* The value as four octets in a row, at any octet. */
static unsigned count_in_a_row(struct addr6 a, struct addr4 value)
{
	uint8_t b[16];
	unsigned count = 0;

	addr6_put(b, a);
	for (unsigned at = 0; at + 4 <= sizeof(b); at++)
		count += be32_at(b + at) == value.v;
	return count;
}

/* Whether a prefix of this length would have put the octets in a row, not on both sides of bits 64 to 71. */
static bool is_in_a_row(uint8_t len)
{
	return len == 32 || len >= 64;
}

static bool find_value(struct addr6 a, struct addr4 value, struct prefix6 *ret)
{
	unsigned count = count_in_a_row(a, value);
	bool has_place = false;
	struct prefix6 found = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct prefix6 p = { addr6_truncate(a, lengths[i]), lengths[i] };
		struct addr4 inside;

		if (embed_prefix_fault(p) || embed_extract(p, a, &inside) < 0 || !addr4_eq(inside, value))
			continue;
		count += !is_in_a_row(p.len);
		has_place = true;
		found = p;
	}
	if (count != 1 || !has_place || !pref64_is_usable(found))
		return false;
	*ret = found;
	return true;
}

bool wka_find_prefix(struct addr6 a, struct prefix6 *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(well_known); i++)
		if (find_value(a, well_known[i], ret))
			return true;
	return false;
}
