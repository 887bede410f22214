/* routes.h - packets with a route that is not used up: a source route, or a routing header */
#ifndef ISTHMUS_TESTS_NAT64_ROUTES_H
#define ISTHMUS_TESTS_NAT64_ROUTES_H

#include "bench.h"

#include <string.h>

static inline void routes_sum4(uint8_t *ip)
{
	uint32_t sum = 0;

	be16_put(ip + 10, 0);
	for (size_t i = 0; i < (ip[0] & 15u) * 4u; i += 2)
		sum += be16_at(ip + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	be16_put(ip + 10, (uint16_t)(0xffff - sum));
}

/* Puts a loose source route at its first hop behind the IPv4 header (RFC 791 s3.1). */
static inline void add_source_route(struct craft *c)
{
	static const uint8_t option[8] = { 131, 7, 4, 203, 0, 113, 9, 0 };
	uint8_t *p = craft_data(c);

	memmove(p + 28, p + 20, c->len - 20);
	memcpy(p + 20, option, sizeof(option));
	c->len += sizeof(option);
	p[0] = 0x47;
	be16_put(p + 2, (uint16_t)c->len);
	routes_sum4(p);
}

/* Puts a routing header with one segment left behind the IPv6 header (RFC 8200 s4.4). */
static inline void add_routing_header(struct craft *c)
{
	static const uint8_t header[8] = { 0, 0, 253, 1 };
	uint8_t *p = craft_data(c);

	memmove(p + 48, p + 40, c->len - 40);
	memcpy(p + 40, header, sizeof(header));
	c->len += sizeof(header);
	p[40] = p[6];
	p[6] = 43;
	be16_put(p + 4, (uint16_t)(c->len - 40));
}

#endif
