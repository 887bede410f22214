/* traffic.c - see traffic.h */
#include "traffic.h"

#include "addr/embed.h"
#include "base/bytes.h"
#include "state/pool.h"

#include <string.h>

#define FIRST_REMOTE 0x17000000u /* 23.0.0.0; the packets go nowhere */
#define REMOTE_BITS 24
#define SCATTER 2654435761u /* odd, so that multiplying by it modulo a power of two is one to one */
#define FIRST_SPORT 32768
#define DPORT 443

static const uint8_t ip_proto[PROTO_COUNT][2] = {
	[PROTO_TCP] = { IPPROTO_TCP_NR, IPPROTO_TCP_NR },
	[PROTO_UDP] = { IPPROTO_UDP_NR, IPPROTO_UDP_NR },
	[PROTO_ICMP] = { IPPROTO4_ICMP, IPPROTO6_ICMP },
};

struct flow64 traffic_flow64(const struct shape *s, uint32_t i)
{
	uint32_t binding = i / s->per_binding;
	uint32_t subscriber = binding / BINDINGS_PER_SUBSCRIBER;
	uint32_t host = binding % BINDINGS_PER_SUBSCRIBER / BINDINGS_PER_HOST;
	uint16_t sport = (uint16_t)(FIRST_SPORT + binding % BINDINGS_PER_HOST * 1000 + subscriber % 1000);

	return (struct flow64){
		.proto = s->proto,
		.tcp_flags = s->tcp_flags,
		.src = { UINT64_C(0x20010db800000000) | subscriber, host + 1 },
		.sport = sport,
		.dst = { FIRST_REMOTE | (i * SCATTER & ((1u << REMOTE_BITS) - 1)) },
		.dport = s->proto == PROTO_ICMP ? sport : DPORT,
	};
}

struct flow46 traffic_flow46(const struct shape *s, uint32_t i, struct outside o)
{
	struct flow64 f = traffic_flow64(s, i);

	return (struct flow46){
		.proto = s->proto,
		.tcp_flags = s->tcp_flags,
		.src = f.dst,
		.sport = s->proto == PROTO_ICMP ? o.port : f.dport,
		.dst = o.addr,
		.dport = o.port,
	};
}

static uint32_t sum_of(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		sum += be16_at(p + i);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

/* The transport header at @off; @pseudo: sum of the pseudo-header. */
static void put_transport(
	const struct shape *s, uint8_t *h, uint16_t sport, uint16_t dport, uint8_t echo, uint32_t pseudo)
{
	static const unsigned length[PROTO_COUNT] = { TCP_HDR_LEN, UDP_HDR_LEN, ICMP_HDR_LEN };
	static const unsigned checksum[PROTO_COUNT] = { 16, 6, 2 };

	if (s->proto == PROTO_ICMP) {
		h[0] = echo;
		be16_put(h + 4, sport);
	} else {
		be16_put(h, sport);
		be16_put(h + 2, dport);
	}
	if (s->proto == PROTO_UDP)
		be16_put(h + 4, s->l4_len);
	if (s->proto == PROTO_TCP) {
		h[12] = TCP_HDR_LEN / 4 << 4;
		h[13] = s->tcp_flags;
		be16_put(h + 14, 65535);
	}
	uint16_t sum = fold(s->is_train ? pseudo : sum_of(pseudo, h, length[s->proto]));

	bool is_zero =
		sum == 0xffff && s->proto == PROTO_UDP; /* zero would say that there is none (RFC 768) */

	be16_put(h + checksum[s->proto], s->is_train || is_zero ? sum : (uint16_t)~sum);
}

void traffic_frame64(const struct shape *s, uint32_t i, struct frame *ret)
{
	struct flow64 f = traffic_flow64(s, i);
	uint8_t *p = ret->at, proto = ip_proto[s->proto][1];

	memset(p, 0, FRAME_BYTES);
	p[0] = 0x60;
	be16_put(p + 4, s->l4_len);
	p[6] = proto;
	p[7] = 64;
	addr6_put(p + 8, f.src);
	addr6_put(p + 24, embed_addr(WELL_KNOWN_PREFIX, f.dst));
	put_transport(
		s, p + IP6_HDR_LEN, f.sport, f.dport, 128, sum_of((uint32_t)s->l4_len + proto, p + 8, 32));
}

void traffic_frame46(const struct shape *s, uint32_t i, struct outside o, struct frame *ret)
{
	struct flow46 f = traffic_flow46(s, i, o);
	uint8_t *p = ret->at, proto = ip_proto[s->proto][0];

	memset(p, 0, FRAME_BYTES);
	p[0] = 0x45;
	be16_put(p + 2, (uint16_t)(IP4_HDR_LEN + s->l4_len));
	be16_put(p + 6, 0x4000); /* DF: a long packet is not cut */
	p[8] = 64;
	p[9] = proto;
	addr4_put(p + 12, f.src);
	addr4_put(p + 16, f.dst);
	be16_put(p + 10, (uint16_t)~fold(sum_of(0, p, IP4_HDR_LEN)));
	uint32_t pseudo = s->proto == PROTO_ICMP ? 0 : sum_of((uint32_t)s->l4_len + proto, p + 12, 8);

	put_transport(s, p + IP4_HDR_LEN, s->proto == PROTO_ICMP ? f.dport : f.sport, f.dport, 0, pseudo);
}

#define OTHERS UINT64_C(0x20010db900000000) /* their subscribers; the traffic's are below 2001:db8::/32 */

uint32_t traffic_others(const struct state_config *c, uint32_t left, struct static_binding *ret)
{
	const struct pool_entry *e = &c->pool[0];
	uint32_t blocks = (uint32_t)pool_blocks(c), addresses = UINT32_C(1) << (32 - e->prefix.len), n = 0;

	for (uint32_t i = 0; i < blocks; i++) {
		uint16_t port = (uint16_t)(e->lo + i % (blocks / addresses) * c->ports_per_block);

		if ((uint64_t)i * left / blocks != (uint64_t)(i + 1) * left / blocks)
			continue;
		ret[n++] = (struct static_binding){
			.proto = PROTO_TCP,
			.out = { e->prefix.addr.v + i / (blocks / addresses) },
			.out_port = port,
			.in = { OTHERS | i, 1 },
			.in_port = port,
		};
	}
	return n;
}
