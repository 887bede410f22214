/* sixinfour.c - see sixinfour.h */
#include "dataplane/sixinfour.h"

#include "base/bytes.h"

#include <netinet/in.h>

#define IP4_HEADER_MIN 20
#define IP6_HEADER 40
#define ECN_MASK 3u /* RFC 3168 s5 */
#define ECN_NONE 0u
#define ECN_CE 3u

static const struct {
	const char *name, *text;
} drops[SIXINFOUR_DROP_COUNT] = {
	[SIXINFOUR_OK] = { "", "" },
	[SIXINFOUR_MALFORMED] = { "malformed",
		"packets that are no whole IPv6 packet in a whole IPv4 packet" },
	[SIXINFOUR_SOURCE] = { "wrong_source", "packets whose IPv4 source is not tunnel.remote" },
	[SIXINFOUR_IPV6_SOURCE] = { "wrong_ipv6_source",
		"packets whose IPv6 source is multicast, loopback or an IPv4 address" },
	[SIXINFOUR_CONGESTED] = { "congested",
		"packets marked for congestion whose senders do not know of marks" },
};

const char *sixinfour_drop_name(enum sixinfour_drop d)
{
	return drops[d].name;
}

const char *sixinfour_drop_text(enum sixinfour_drop d)
{
	return drops[d].text;
}

/* --- IPv6 header --- */

static uint8_t traffic_class(const uint8_t *ip6)
{
	return (uint8_t)(ip6[0] << 4 | ip6[1] >> 4);
}

static void mark_congestion(uint8_t *ip6)
{
	ip6[1] |= ECN_CE << 4;
}

/* RFC 4213 s3.6: multicast, loopback, IPv4-compatible but for the unspecified address, and IPv4-mapped. */
static bool is_source(struct addr6 a)
{
	if (a.hi >> 56 == 0xff)
		return false;
	if (a.hi != 0)
		return true;
	if (a.lo >> 32 == 0)
		return a.lo == 0;
	return a.lo >> 32 != 0xffff;
}

/* The whole packet that begins here, or 0. */
static size_t ip6_length(const uint8_t *ip6, size_t left)
{
	if (IP6_HEADER > left || ip6[0] >> 4 != 6)
		return 0;
	size_t payload = be16_at(ip6 + 4);

	return payload > left - IP6_HEADER ? 0 : IP6_HEADER + payload;
}

/* --- in and out --- */

/* Where the payload of an IPv4 packet of protocol 41 begins, and where it ends; false: it is none. */
static bool ip4_payload(const uint8_t *p, size_t len, size_t *ret_from, size_t *ret_to)
{
	if (IP4_HEADER_MIN > len || p[0] >> 4 != 4 || p[9] != IPPROTO_IPV6)
		return false;
	size_t header = (size_t)(p[0] & 0xf) * 4, total = be16_at(p + 2);

	if (header < IP4_HEADER_MIN || header > total || total > len)
		return false;
	*ret_from = header;
	*ret_to = total;
	return true;
}

enum sixinfour_drop sixinfour_decapsulate(
	uint8_t *packet, size_t len, struct addr4 remote, size_t *ret_at, size_t *ret_len)
{
	size_t from, to;

	if (!ip4_payload(packet, len, &from, &to))
		return SIXINFOUR_MALFORMED;
	if (!addr4_eq(addr4_at(packet + 12), remote))
		return SIXINFOUR_SOURCE;
	uint8_t *ip6 = packet + from;
	size_t inner = ip6_length(ip6, to - from);

	if (inner == 0)
		return SIXINFOUR_MALFORMED;
	if (!is_source(addr6_at(ip6 + 8)))
		return SIXINFOUR_IPV6_SOURCE;
	if ((packet[1] & ECN_MASK) == ECN_CE) {
		if ((traffic_class(ip6) & ECN_MASK) == ECN_NONE)
			return SIXINFOUR_CONGESTED;
		mark_congestion(ip6);
	}
	*ret_at = from;
	*ret_len = inner;
	return SIXINFOUR_OK;
}

enum sixinfour_drop sixinfour_encapsulate(const uint8_t *packet, size_t len, uint8_t *ret_tos)
{
	if (ip6_length(packet, len) != len || len == 0)
		return SIXINFOUR_MALFORMED;
	*ret_tos = traffic_class(packet);
	return SIXINFOUR_OK;
}
