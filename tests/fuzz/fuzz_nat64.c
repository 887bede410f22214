/*
 * fuzz_nat64.c - a conversation with the whole translator: packets of both families, with offload state, and
 * time
 *
 * Input: records of a header byte, a byte of offload flags, a length or time of 16 bits, and the packet. Header byte:
 * bits 0-1 are 3 for time, else a packet; 2: leave its addresses; 3: aim at the pool; 4: make it a fragment of one of four
 * datagrams. Of time: 2: the kernel's programs translate a packet of every flow in the tables first; 3: a reload. Bit 7 of the first one: the pool is shared with the host; bit 6: two of the four hosts have mappings, and are
 * aimed at instead of every other remote, and a third one is lent an address by DNS46; bit 5: missing checksums are computed for them.
 */
#include "addr/embed.h"
#include "base/bytes.h"
#include "nat64/flowcache.h"
#include "xlat/checksum.h"
#include "xlat/header.h"

#include <stdlib.h>

#define PACKET_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned sink;

static void look(void *ctx, const struct pkt *p)
{
	(void)ctx;
	if (!pkt_validate(p))
		abort();
	for (uint32_t i = 0; i < p->len; i++)
		sink += p->data[i];
}

#define FIRST_SHARED 0x80
#define FIRST_SIIT 0x40
#define FIRST_COMPUTE 0x20

#define MAPPED4 0xcb007100u /* 203.0.113.0 and .1 */

static const struct eam mapping = {
	.v4 = { { MAPPED4 }, 31 },
	.v6 = { { UINT64_C(0x20010db800000000), 0 }, 127 },
};

#define LENT4 (MAPPED4 + 2)

/* 203.0.113.2 is lent to the third host, and 203.0.113.3 to nobody. */
static struct lent46 *lent_table(void)
{
	static uint64_t memory[24];
	static struct lent46 t;
	const struct prefix4 pool = { { LENT4 }, 31 };
	const struct hash_key key = { 1, 2 };
	struct lent46_writer w;
	struct addr4 a;

	bytes_zero(memory, sizeof(memory));
	lent46_make(memory, pool, &key);
	if (sizeof(memory) < lent46_bytes(pool) || !lent46_attach(&t, pool, memory))
		abort();
	lent46_take(&w, &t, NSEC);
	if (lent46_lend(&w, (struct addr6){ UINT64_C(0x20010db800000000), 2 }, NSEC, NSEC, &a) < 0)
		abort();
	return &t;
}

static void add_siit(struct nat64_config *c, uint8_t first)
{
	c->siit = (struct siit_config){
		.prefixes = { WELL_KNOWN_PREFIX },
		.prefixes_len = 1,
		.mappings = &mapping,
		.mappings_len = 1,
		.allow_non_global = true,
		.udp_zero = first & FIRST_COMPUTE ? UDP_ZERO_COMPUTE : UDP_ZERO_DROP,
		.lent = lent_table(),
	};
}

#define FLOW_SETS 2 /* soon full */

static struct flow64_set flows64[FLOW_SETS];
static struct flow46_set flows46[FLOW_SETS];
static struct flow_pair_set pairs[FLOW_SETS];
static struct flow_head head;

static struct flow_maps maps = { .flows64 = flows64,
	.sets64 = FLOW_SETS,
	.flows46 = flows46,
	.sets46 = FLOW_SETS,
	.pairs = pairs,
	.pair_sets = FLOW_SETS,
	.head = &head };

static void flows_begin(void)
{
	bytes_zero(flows64, sizeof(flows64));
	bytes_zero(flows46, sizeof(flows46));
	bytes_zero(pairs, sizeof(pairs));
	head = (struct flow_head){ .key = { 0x9e3779b97f4a7c15u, 5 } };
	if (flow_claims_new(&maps, FLOW_START_EMPTY) < 0)
		abort();
}

/* As the programs do it. */
static void flows_pass(nsec now)
{
	for (unsigned i = 0; i < FLOW_SETS * FLOW_WAYS; i++) {
		struct flow64_slot *s = &flows64[i / FLOW_WAYS].way[i % FLOW_WAYS];
		struct flow46_slot *t = &flows46[i / FLOW_WAYS].way[i % FLOW_WAYS];

		if (s->epoch == head.epoch) {
			s->seen = (uint32_t)(now / MSEC);
			s->pkts++;
		}
		if (t->epoch == head.epoch) {
			t->seen = (uint32_t)(now / MSEC);
			t->pkts++;
		}
	}
}

static struct nat64 *translator(nsec now, uint8_t first, struct nat64_config *ret)
{
	bool is_shared = first & FIRST_SHARED;
	struct nat64_config c = {
		.prefixes = { WELL_KNOWN_PREFIX }, .prefixes_len = 1, .allow_non_global = true
	};
	uint8_t seed[32] = { 7 };
	struct nat64 *n;

	state_config_default(&c.state);
	c.state.max_sessions = 64;
	c.state.ports_per_block = 64;
	c.state.pool[0] = (struct pool_entry){ { { 0xc0000240 }, 31 }, 1024, 2047, is_shared, 0 };
	c.state.pool_len = 1;
	if (first & FIRST_SIIT)
		add_siit(&c, first);
	flows_begin();
	c.flows = &maps;
	*ret = c;
	if (nat64_new(&c, seed, now, &n) < 0)
		abort();
	return n;
}

/* Puts a fragment header over the first 8 bytes behind the IPv6 header, with the offset that stands there. */
static void aim_fragment6(uint8_t *p, size_t len)
{
	uint8_t next = p[6];

	if (len < 56)
		return;
	p[6] = IPPROTO6_FRAGMENT;
	fragment6_put(p + 40, next, be16_at(p + 42) & 0xf8, p[43] & 1, p[47] & 3);
}

static void aim_fragment4(uint8_t *p)
{
	be16_put(p + 4, p[5] & 3);
	be16_put(p + 6, be16_at(p + 6) & 0x601f);
}

/* Addresses that make sense most of the time, so that inputs get past the first checks. */
static void aim(uint8_t *p, size_t len, uint8_t mode, uint8_t first)
{
	uint32_t remote = first & FIRST_SIIT && len > 39 && p[39] & 4 ? MAPPED4 : 0xc6336400u;

	if (mode & 4)
		return;
	if (p[0] >> 4 == 6 && len >= 40) {
		addr6_put(p + 8, (struct addr6){ UINT64_C(0x20010db800000000), p[23] & 3 });
		addr6_put(p + 24, embed_addr(WELL_KNOWN_PREFIX,
					  (struct addr4){ (mode & 8) ? 0xc0000240 : remote + (p[39] & 3u) }));
		if (mode & 16)
			aim_fragment6(p, len);
	} else if (p[0] >> 4 == 4 && len >= 20) {
		addr4_put(p + 12, (struct addr4){ 0xc6336400u + (p[15] & 3u) });
		addr4_put(p + 16,
			(struct addr4){ first & FIRST_SIIT && !(mode & 8) ? MAPPED4 + (p[19] & 3u)
									  : 0xc0000240u + (p[19] & 1u) });
		size_t header = (size_t)(p[0] & 15) * 4;

		if (mode & 16)
			aim_fragment4(p);
		if (header >= 20 && header <= len) {
			be16_put(p + 10, 0);
			be16_put(p + 10, (uint16_t)~csum_fold(csum_bytes(p, header)));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t memory[PKT_HEADROOM + PACKET_MAX + PKT_TAILROOM + 1280];
	struct rd r = rd_of(data, len);
	struct nat64_out out = { .send = look, .ctx = NULL };
	nsec now = 1000 * NSEC;
	uint8_t first = len > 0 ? data[0] : 0;
	struct nat64_config config;
	struct nat64 *n = translator(now, first, &config);
	uint8_t mode, flags;
	uint16_t size;

	while (rd_u8(&r, &mode) && rd_u8(&r, &flags) && rd_be16(&r, &size)) {
		if ((mode & 3) == 3) {
			if (mode & 4)
				flows_pass(now);
			if (mode & 8 && nat64_update(n, &config) < 0)
				abort();
			now += (nsec)size * NSEC;
			nat64_tick(n, now, &out);
			continue;
		}
		size_t take = size % PACKET_MAX < rd_left(&r) ? size % PACKET_MAX : rd_left(&r);
		const uint8_t *from = rd_take(&r, take);
		struct pkt p = { .head = memory,
			.data = memory + PKT_HEADROOM,
			.len = (uint32_t)take,
			.end = memory + sizeof(memory) };

		bytes_copy(p.data, from, take);
		if (take > 0)
			aim(p.data, take, mode, first);
		if (flags & 1)
			p.off = (struct offload){ .csum_partial = true,
				.csum_start = p.len > 0 && p.data[0] >> 4 == 6 ? 40 : 20,
				.csum_offset = flags & 2 ? 16 : 6 };
		if (flags & 4) {
			p.off.gso = flags & 8 ? GSO_TCP6 : flags & 16 ? GSO_TCP4 : GSO_UDP;
			p.off.gso_size = (uint16_t)(flags * 8);
		}
		(void)nat64_packet(n, &p, now, &out);
	}
	if (!nat64_validate(n))
		abort();
	nat64_free(n);
	flow_claims_free(&maps);
	return 0;
}
