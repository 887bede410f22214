/* craft.c - packets for tests; see craft.h */
#include "craft.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* One byte at a time, carry by carry: slow, and unlike the code under test. */
static unsigned slow_sum(unsigned sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (unsigned)p[i] << 8 : p[i];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

static unsigned pseudo_sum(const uint8_t *p, size_t l4_len, uint8_t proto)
{
	uint8_t tail[4] = { 0, proto, (uint8_t)(l4_len >> 8), (uint8_t)l4_len };
	bool is6 = p[0] >> 4 == 6;
	unsigned sum = is6 ? slow_sum(0, p + 8, 32) : slow_sum(0, p + 12, 8);

	return slow_sum(sum, tail, 4);
}

static size_t put_ip(struct craft *c, const struct craft_ip *ip, uint8_t proto, size_t l4_len)
{
	uint8_t *p = craft_data(c);
	bool is6 = strchr(ip->src, ':') != NULL;
	size_t header = is6 ? 40 : 20;
	uint8_t hops = ip->hop_limit ? ip->hop_limit : 64;

	if (header + l4_len > CRAFT_MAX - 2 * CRAFT_ROOM)
		abort();
	memset(p, 0, header);
	c->len = header + l4_len;
	if (is6) {
		p[0] = (uint8_t)(0x60 | ip->tos >> 4);
		p[1] = (uint8_t)(ip->tos << 4);
		put16(p + 4, (unsigned)l4_len);
		p[6] = proto;
		p[7] = hops;
		if (inet_pton(AF_INET6, ip->src, p + 8) != 1 || inet_pton(AF_INET6, ip->dst, p + 24) != 1)
			abort();
		return header;
	}
	p[0] = 0x45;
	p[1] = ip->tos;
	put16(p + 2, (unsigned)c->len);
	put16(p + 6, ip->no_df ? 0 : 0x4000);
	p[8] = hops;
	p[9] = proto;
	if (inet_pton(AF_INET, ip->src, p + 12) != 1 || inet_pton(AF_INET, ip->dst, p + 16) != 1)
		abort();
	put16(p + 10, 0xffff - slow_sum(0, p, 20));
	return header;
}

static void fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)i;
}

void craft_udp(struct craft *c, const struct craft_ip *ip, uint16_t sport, uint16_t dport, size_t payload_len)
{
	size_t l4_len = 8 + payload_len;
	uint8_t *p = craft_data(c);
	uint8_t *udp = p + put_ip(c, ip, 17, l4_len);

	put16(udp, sport);
	put16(udp + 2, dport);
	put16(udp + 4, (unsigned)l4_len);
	put16(udp + 6, 0);
	fill(udp + 8, payload_len);
	unsigned sum = 0xffff - slow_sum(pseudo_sum(p, l4_len, 17), udp, l4_len);
	put16(udp + 6, sum ? sum : 0xffff);
}

void craft_tcp(struct craft *c, const struct craft_ip *ip, uint16_t sport, uint16_t dport, uint8_t flags,
	size_t payload_len)
{
	size_t l4_len = 20 + payload_len;
	uint8_t *p = craft_data(c);
	uint8_t *tcp = p + put_ip(c, ip, 6, l4_len);

	memset(tcp, 0, 20);
	put16(tcp, sport);
	put16(tcp + 2, dport);
	put16(tcp + 6, 1000);
	tcp[12] = 0x50;
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	fill(tcp + 20, payload_len);
	put16(tcp + 16, 0xffff - slow_sum(pseudo_sum(p, l4_len, 6), tcp, l4_len));
}

void craft_tcp_sum(struct craft *c)
{
	uint8_t *p = craft_data(c);
	size_t header = p[0] >> 4 == 6 ? 40 : 20, l4_len = c->len - header;

	put16(p + header + 16, 0);
	put16(p + header + 16, 0xffff - slow_sum(pseudo_sum(p, l4_len, 6), p + header, l4_len));
}

static void finish_icmp(struct craft *c, uint8_t *icmp, size_t l4_len)
{
	uint8_t *p = craft_data(c);
	unsigned start = p[0] >> 4 == 6 ? pseudo_sum(p, l4_len, 58) : 0;

	put16(icmp + 2, 0);
	put16(icmp + 2, 0xffff - slow_sum(start, icmp, l4_len));
}

void craft_echo(struct craft *c, const struct craft_ip *ip, bool is_reply, uint16_t id, uint16_t seq,
	size_t payload_len)
{
	bool is6 = strchr(ip->src, ':') != NULL;
	size_t l4_len = 8 + payload_len;
	uint8_t *icmp = craft_data(c) + put_ip(c, ip, is6 ? 58 : 1, l4_len);

	icmp[0] = is6 ? (is_reply ? 129 : 128) : (is_reply ? 0 : 8);
	icmp[1] = 0;
	put16(icmp + 4, id);
	put16(icmp + 6, seq);
	fill(icmp + 8, payload_len);
	finish_icmp(c, icmp, l4_len);
}

void craft_error(struct craft *c, const struct craft_ip *ip, uint8_t type, uint8_t code, uint32_t rest,
	const uint8_t *inner, size_t inner_len)
{
	bool is6 = strchr(ip->src, ':') != NULL;
	size_t l4_len = 8 + inner_len;
	uint8_t *icmp = craft_data(c) + put_ip(c, ip, is6 ? 58 : 1, l4_len);

	icmp[0] = type;
	icmp[1] = code;
	put16(icmp + 4, rest >> 16);
	put16(icmp + 6, rest & 0xffff);
	memcpy(icmp + 8, inner, inner_len);
	finish_icmp(c, icmp, l4_len);
}

static bool transport_ok(const uint8_t *p, size_t header, size_t len, uint8_t proto)
{
	bool is6 = p[0] >> 4 == 6;
	size_t l4_len = len - header;

	if (proto == 17 && get16(p + header + 6) == 0)
		return !is6;
	if (proto == 6 || proto == 17 || proto == 58)
		return slow_sum(pseudo_sum(p, l4_len, proto), p + header, l4_len) == 0xffff;
	return slow_sum(0, p + header, l4_len) == 0xffff;
}

bool craft_checksums_ok(const uint8_t *p, size_t len)
{
	if (p[0] >> 4 == 6)
		return len == 40 + get16(p + 4) && transport_ok(p, 40, len, p[6]);
	size_t header = (size_t)(p[0] & 15) * 4;

	return len == get16(p + 2) && slow_sum(0, p, header) == 0xffff && transport_ok(p, header, len, p[9]);
}
