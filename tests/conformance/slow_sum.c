/* slow_sum.c - see slow_sum.h */
#include "slow_sum.h"

#define ICMP4 1
#define TCP 6
#define UDP 17
#define DCCP 33
#define ICMP6 58
#define UDPLITE 136

uint64_t slow_sum(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? p[i] * UINT64_C(256) : p[i];
	return sum;
}

uint16_t slow_ones(uint64_t sum)
{
	return sum == 0 ? 0 : (uint16_t)((sum - 1) % 65535 + 1);
}

uint64_t slow_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	if (ip[0] >> 4 == 6)
		return slow_sum(ip + 8, 32) + proto + len;
	return proto == ICMP4 ? 0 : slow_sum(ip + 12, 8) + proto + len;
}

/* RFC 4340 s9.2, RFC 3828 s3.1: how much of @len bytes the checksum covers; what cannot be is taken as all. */
static uint32_t covered(uint8_t proto, const uint8_t *l4, uint32_t len)
{
	uint32_t want = 0;

	if (proto == DCCP && (l4[5] & 15) != 0)
		want = l4[4] * 4u + ((l4[5] & 15u) - 1u) * 4u;
	if (proto == UDPLITE)
		want = (uint32_t)l4[4] << 8 | l4[5];
	return want < 8 || want > len ? len : want;
}

bool slow_transport_ok(const uint8_t *ip, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	bool is_partly = proto == DCCP || proto == UDPLITE;

	if (is_partly && len >= 8)
		return !(proto == UDPLITE && l4[6] == 0 && l4[7] == 0) &&
		       slow_ones(slow_pseudo(ip, proto, len) + slow_sum(l4, covered(proto, l4, len))) ==
			       65535;
	if (proto != TCP && proto != UDP && proto != ICMP4 && proto != ICMP6)
		return true;
	if (proto == UDP) {
		uint32_t claimed = (uint32_t)l4[4] << 8 | l4[5];

		if (claimed > len)
			return false;
		len = claimed;
		if (l4[6] == 0 && l4[7] == 0)
			return ip[0] >> 4 == 4;
	}
	return slow_ones(slow_pseudo(ip, proto, len) + slow_sum(l4, len)) == 65535;
}

bool slow_header4_ok(const uint8_t *ip)
{
	return slow_ones(slow_sum(ip, (ip[0] & 15u) * 4u)) == 65535;
}
