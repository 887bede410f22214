/* flow_packets.h - a flow of each kind, a packet of it, and its slot in the tables; for tests that change one thing about it */
#ifndef ISTHMUS_TESTS_FLOW_PACKETS_H
#define ISTHMUS_TESTS_FLOW_PACKETS_H

#include "flow_box.h"

#include "slow_sum.h"

#include <string.h>

#define PAYLOAD 8

static const struct ends standard = { .src6 = { 0x24, [15] = 1 },
	.dst6 = { 0, 0x64, 0xff, 0x9b, [12] = 198, 51, 100, 10 },
	.src4 = { 192, 0, 2, 64 },
	.dst4 = { 198, 51, 100, 10 },
	.sport6 = { 0x80, 1 },
	.dport6 = { 7, 0xd0 },
	.sport4 = { 0x90, 2 },
	.dport4 = { 7, 0xd0 } };

/* Ends of a flow from IPv6, or of its answers: then the pool's side is the destination. */
static inline struct ends ends_of(uint8_t proto, bool is_64)
{
	struct ends e = standard;

	e.proto = proto;
	if (proto == IPPROTO4_ICMP) {
		memcpy(e.dport6, e.sport6, 2);
		memcpy(e.dport4, e.sport4, 2);
	}
	if (is_64)
		return e;
	struct ends back = { .proto = proto };

	memcpy(back.src4, e.dst4, 4);
	memcpy(back.dst4, e.src4, 4);
	memcpy(back.src6, e.dst6, 16);
	memcpy(back.dst6, e.src6, 16);
	memcpy(back.sport4, e.dport4, 2);
	memcpy(back.dport4, e.sport4, 2);
	memcpy(back.sport6, e.dport6, 2);
	memcpy(back.dport6, e.sport6, 2);
	return back;
}

static inline void put_transport(uint8_t *l4, const struct ends *e, bool is_64, uint32_t len)
{
	memset(l4, 0, len);
	memcpy(l4, is_64 ? e->sport6 : e->sport4, 2);
	memcpy(l4 + 2, is_64 ? e->dport6 : e->dport4, 2);
	be16_put(l4 + 4, (uint16_t)len);
	be16_put(l4 + 6, 0x1234); /* a checksum is nothing that the programs look into */
	if (e->proto == IPPROTO_TCP_NR) {
		l4[12] = 5 << 4;
		l4[13] = TCP_ACK;
	}
	if (e->proto == IPPROTO4_ICMP) {
		l4[0] = is_64 ? 128 : 8;
		l4[1] = 0;
		memcpy(l4 + 4, is_64 ? e->sport6 : e->sport4, 2);
	}
}

static inline void header4_sum(uint8_t *ip)
{
	be16_put(ip + 10, 0);
	be16_put(ip + 10, (uint16_t)~slow_ones(slow_sum(ip, (ip[0] & 15u) * 4u)));
}

static inline size_t packet_of(uint8_t *ip, const struct ends *e, bool is_64, uint32_t payload)
{
	uint32_t header = is_64 ? IP6_HDR_LEN : IP4_HDR_LEN;
	uint32_t l4 = payload + (e->proto == IPPROTO_TCP_NR ? TCP_HDR_LEN : UDP_HDR_LEN);

	memset(ip, 0, header);
	put_transport(ip + header, e, is_64, l4);
	if (is_64) {
		ip[0] = 6 << 4;
		be16_put(ip + 4, (uint16_t)l4);
		ip[6] = e->proto == IPPROTO4_ICMP ? IPPROTO6_ICMP : e->proto;
		ip[7] = 64;
		memcpy(ip + 8, e->src6, 16);
		memcpy(ip + 24, e->dst6, 16);
	} else {
		ip[0] = 0x45;
		be16_put(ip + 2, (uint16_t)(header + l4));
		ip[8] = 64;
		ip[9] = e->proto;
		memcpy(ip + 12, e->src4, 4);
		memcpy(ip + 16, e->dst4, 4);
		header4_sum(ip);
	}
	return header + l4;
}

static inline struct box *box_with(uint8_t proto, bool is_64)
{
	struct box *b = box_new();
	struct ends e = ends_of(proto, is_64);

	box_stand(b, STAND_TC_ROUTE);
	REQUIRE(is_64 ? box_enter64(b, &e) != NULL : box_enter46(b, &e) != NULL);
	return b;
}

/* Runs the packet; true if it was translated, else it must be as it was. */
static inline bool is_sent(struct box *b, const uint8_t *ip, size_t len)
{
	static struct frame f, before;

	frame_of(&f, ip, len);
	before = f;
	if (box_run(b, &f))
		return true;
	CHECK_BYTES(f.bytes, f.len, before.bytes, before.len);
	return false;
}

static inline bool is_standard_sent(struct box *b, uint8_t proto, bool is_64)
{
	uint8_t ip[256];
	struct ends e = ends_of(proto, is_64);

	return is_sent(b, ip, packet_of(ip, &e, is_64, PAYLOAD));
}

#endif
