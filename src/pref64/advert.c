/* advert.c - router advertisements that tell the NAT64 prefix; see advert.h */
#include "pref64/advert.h"

#include "addr/embed.h"
#include "pref64/wka.h"

#define ICMP6_ROUTER_ADVERTISEMENT 134
#define ADVERT_HEADER_BYTES 16 /* RFC 4861 s4.2 */
#define OPTION_UNIT_BYTES 8    /* RFC 4861 s4.6: unit of an option's length */
#define OPTION_PREF64 38
#define PREF64_UNITS 2 /* RFC 8781 s4: any other length is ignored */
#define HOP_LIMIT_OF_NEIGHBOUR 255
#define LIFETIME_UNIT_S 8 /* RFC 8781 s4.1 */

/* RFC 8781 s4: the prefix length code; 6 and 7 are not defined. */
static const uint8_t prefix_lengths[] = { 96, 64, 56, 48, 40, 32 };

static bool is_link_local(struct addr6 a)
{
	return a.hi >> 54 == 0xfe80 >> 6;
}

/* @p: a PREF64 option of the right length; false if its content is nothing that we could use. */
static bool offer_read(const uint8_t *p, struct advert_offer *ret)
{
	uint16_t scaled = be16_at(p + 2);
	unsigned code = scaled & 7;
	struct addr6 bits = { be64_at(p + 4), (uint64_t)be32_at(p + 12) << 32 };

	if (code >= ARRAY_LEN(prefix_lengths))
		return false;
	struct prefix6 prefix = { addr6_truncate(bits, prefix_lengths[code]), prefix_lengths[code] };

	if (!pref64_is_usable(prefix))
		return false;
	*ret = (struct advert_offer){ prefix, (uint32_t)(scaled >> 3) * LIFETIME_UNIT_S };
	return true;
}

/* RFC 4861 s6.1.2: an option without length makes the whole message invalid, and so does one that is cut. */
static bool options_read(struct rd *r, struct advert *ret)
{
	while (rd_left(r) > 0) {
		const uint8_t *head = r->at;
		size_t bytes = rd_left(r) < 2 ? 0 : (size_t)head[1] * OPTION_UNIT_BYTES;

		if (bytes == 0 || !rd_take(r, bytes))
			return false;
		if (head[0] == OPTION_PREF64 && head[1] == PREF64_UNITS && ret->len < ADVERT_OFFERS_MAX &&
			offer_read(head, &ret->offers[ret->len]))
			ret->len++;
	}
	return true;
}

enum advert_result advert_parse(
	const uint8_t *bytes, size_t len, const struct advert_origin *origin, struct advert *ret)
{
	struct rd r = rd_of(bytes, len);
	struct advert advert = { .len = 0 };

	if (len < 1)
		return ADVERT_MALFORMED;
	if (bytes[0] != ICMP6_ROUTER_ADVERTISEMENT)
		return ADVERT_NOT_MINE;
	const uint8_t *header = rd_take(&r, ADVERT_HEADER_BYTES);

	if (!header || header[1] != 0 || origin->hop_limit != HOP_LIMIT_OF_NEIGHBOUR ||
		!is_link_local(origin->source) || !options_read(&r, &advert))
		return ADVERT_MALFORMED;
	*ret = advert;
	return ADVERT_TAKEN;
}
