/* drops.c - counting drops: under their reason, and by what is known of the packet */
#include "nat64/drops.h"

#include "base/bytes.h"

#define IP4_PROTOCOL_AT 9 /* RFC 791 s3.1 */
#define IP6_NEXT_AT 6	  /* RFC 8200 s3 */

static unsigned proto_of_number(uint8_t version, uint8_t number)
{
	if (number == IPPROTO_TCP_NR)
		return PROTO_TCP;
	if (number == IPPROTO_UDP_NR)
		return PROTO_UDP;
	return number == (version == 6 ? IPPROTO6_ICMP : IPPROTO4_ICMP) ? (unsigned)PROTO_ICMP : PROTO_OTHER;
}

static unsigned dir_of_version(uint8_t version)
{
	return version == 6 ? (unsigned)DIR_64 : (unsigned)DIR_46;
}

struct drop_class drop_class_of_view(const struct view *v)
{
	return (struct drop_class){ dir_of_version(v->version), proto_of_number(v->version, v->next) };
}

static uint8_t byte_at(const uint8_t *data, uint32_t len, uint32_t at)
{
	return at < len ? data[at] : IPPROTO6_NONE;
}

struct drop_class drop_class_of_bytes(const uint8_t *data, uint32_t len)
{
	uint8_t version = len > 0 ? data[0] >> 4 : 0;

	if (version != 4 && version != 6)
		return drop_class_unknown();
	uint8_t number = byte_at(data, len, version == 4 ? IP4_PROTOCOL_AT : IP6_NEXT_AT);

	if (version == 6 && number == IPPROTO6_FRAGMENT)
		number = byte_at(data, len, IP6_HDR_LEN);
	return (struct drop_class){ dir_of_version(version), proto_of_number(version, number) };
}

void drop_count(struct nat64_counters *c, enum drop_reason reason, struct drop_class k)
{
	ASSERT(reason > DROP_NONE && reason < DROP_COUNT);
	c->drop[reason][k.dir][k.proto]++;
}

uint64_t nat64_drops(const struct nat64_counters *c, enum drop_reason reason)
{
	uint64_t sum = 0;

	for (unsigned dir = 0; dir < DROP_DIRS; dir++) {
		for (unsigned proto = 0; proto < DROP_PROTOS; proto++)
			sum += c->drop[reason][dir][proto];
	}
	return sum;
}
