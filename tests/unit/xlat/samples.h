/* samples.h - one valid packet of each kind, and what each test checks of a translated one */
#ifndef ISTHMUS_TESTS_XLAT_SAMPLES_H
#define ISTHMUS_TESTS_XLAT_SAMPLES_H

#include "assemble.h"
#include "harness.h"
#include "slow_sum.h"
#include "xlat/xlat.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENT6 "2001:db8:1::100"
#define SERVER6 "64:ff9b::c633:6407"
#define POOL4 "192.0.2.1"
#define SERVER4 "198.51.100.7"

struct sample {
	const char *name, *text;
};

static const struct sample samples[] = {
	{ "tcp6", "ip6 src=" CLIENT6 " dst=" SERVER6
		  "\n tcp sport=1024 dport=80 options=020405a0\n data len=11" },
	{ "udp6", "ip6 src=" CLIENT6 " dst=" SERVER6 "\n udp sport=1024 dport=80\n data len=8" },
	{ "udp6 partial", "ip6 src=" CLIENT6 " dst=" SERVER6
			  "\n udp sport=1024 dport=80\n data len=8\n offload partial" },
	{ "tcp6 train", "ip6 src=" CLIENT6 " dst=" SERVER6 "\n tcp sport=1024 dport=80\n data len=99\n"
			"offload partial gso=tcp6 size=40" },
	{ "extensions6",
		"ip6 src=" CLIENT6 " dst=" SERVER6 "\n hopopts\n routing\n frag id=7\n dstopts size=16\n"
		"udp sport=1024 dport=80\n data len=5" },
	{ "echo6", "ip6 src=" CLIENT6 " dst=" SERVER6 "\n icmp6 type=128 id=1024 seq=9\n data len=7" },
	{ "error6 udp", "ip6 src=2001:db8:2::1 dst=" SERVER6 "\n icmp6 type=1 code=4\n"
			"quote ip6 src=" SERVER6 " dst=" CLIENT6
			"\n quote udp sport=80 dport=1024\n quote data len=40" },
	{ "error6 tcp cut", "ip6 src=2001:db8:2::1 dst=" SERVER6 "\n icmp6 type=2 mtu=1400\n"
			    "quote ip6 src=" SERVER6 " dst=" CLIENT6
			    "\n quote tcp sport=80 dport=1024\n quote data len=1400\n quote cut=70" },
	{ "error6 extensions",
		"ip6 src=2001:db8:2::1 dst=" SERVER6 "\n icmp6 type=3 length=16\n"
		"quote ip6 src=" SERVER6 " dst=" CLIENT6 "\n quote dstopts\n"
		"quote icmp6 type=129 id=1024 seq=9\n quote pad=128\n hex bytes=2000cafe00080101ffffffff" },
	{ "tcp4", "ip4 src=" SERVER4 " dst=" POOL4
		  " df\n tcp sport=80 dport=40000 options=020405a0\n data len=11" },
	{ "udp4", "ip4 src=" SERVER4 " dst=" POOL4 "\n udp sport=80 dport=40000\n data len=8" },
	{ "udp4 no checksum",
		"ip4 src=" SERVER4 " dst=" POOL4 "\n udp sport=80 dport=40000 csum=0\n data len=9" },
	{ "tcp4 train", "ip4 src=" SERVER4 " dst=" POOL4 " df\n tcp sport=80 dport=40000\n data len=99\n"
			"offload partial gso=tcp4 size=40" },
	{ "options4", "ip4 src=" SERVER4 " dst=" POOL4 " options=94040000070704c0000201"
		      "00\n udp sport=80 dport=40000\n data len=5" },
	{ "echo4", "ip4 src=" SERVER4 " dst=" POOL4 "\n icmp4 type=0 id=40000 seq=9\n data len=7" },
	{ "error4 udp",
		"ip4 src=203.0.113.9 dst=" POOL4 "\n icmp4 type=3 code=3\n"
		"quote ip4 src=" POOL4 " dst=" SERVER4 " options=01010101\n quote udp sport=40000 dport=80\n"
		"quote data len=40" },
	{ "error4 tcp cut", "ip4 src=203.0.113.9 dst=" POOL4 "\n icmp4 type=3 code=4 mtu=0\n"
			    "quote ip4 src=" POOL4 " dst=" SERVER4
			    "\n quote tcp sport=40000 dport=80\n quote data len=1460\n quote cut=28" },
	{ "error4 extensions",
		"ip4 src=203.0.113.9 dst=" POOL4 "\n icmp4 type=11 length=32\n"
		"quote ip4 src=" POOL4 " dst=" SERVER4 " mf\n quote icmp4 type=8 id=40000 seq=9\n"
		"quote pad=128\n hex bytes=2000cafe00080101ffffffff" },
};

static inline struct addr4 a4(const char *text)
{
	struct addr4 a = { 0 };

	REQUIRE(addr4_parse(text, &a));
	return a;
}

static inline struct addr6 a6(const char *text)
{
	struct addr6 a = { 0, 0 };

	REQUIRE(addr6_parse(text, &a));
	return a;
}

/* What a NAT64 with the binding [CLIENT6]:1024 - POOL4:40000 would say to the samples. */
static inline struct xlat_to4 sample_to4(void)
{
	struct tuple4 outer = { a4(POOL4), a4(SERVER4), 40000, 80 };

	return (struct xlat_to4){ outer, { outer.dst, outer.src, 80, 40000 }, .names_router = true };
}

static inline struct xlat_to6 sample_to6(void)
{
	struct tuple6 outer = { a6(SERVER6), a6(CLIENT6), 80, 1024 };

	return (struct xlat_to6){ outer, { outer.dst, outer.src, 1024, 80 } };
}

static inline enum drop_reason sample_translate(struct pkt *p)
{
	struct xlat_to4 to4 = sample_to4();
	struct xlat_to6 to6 = sample_to6();

	return p->v.version == 6 ? xlat_64(p, &to4, 0x1234) : xlat_46(p, &to6);
}

/* Everything that must hold of any translated packet whose checksums were right before. */
static inline void check_sums(const struct pkt *p)
{
	const uint8_t *ip = p->data;

	if (ip[0] >> 4 == 4)
		CHECK(slow_header4_ok(ip));
	if (!p->off.csum_partial)
		CHECK(slow_transport_ok(ip, p->v.next, ip + p->v.l4_off, p->v.l4_len));
	if (p->has_inner && p->in.version == 4)
		CHECK(slow_header4_ok(ip + p->in.l3_off));
}

#endif
