/*
 * test_flow_first.c - what the program at the TUN device does to a packet is what the host would have done
 *
 *	[translator] --> tun0 [program] ... out0 --veth-- far0
 *
 * Each packet is written to the TUN device twice: the host alone forwards it, then the program may. The frames that come out at far0
 * must be the same, to the byte. Who has forwarded is told by the host's own counters. Everything is in one network namespace.
 * Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"

#include "base/bytes.h"
#include "slow_sum.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU 1400
#define WAIT_MS 1000
#define NOTHING_MS 50	   /* until nothing comes any more; the host forwards at once */
#define IGNORE_OUTGOING 23 /* PACKET_IGNORE_OUTGOING */

static const char network[] =
	"set -e; exec 2>/dev/null; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
	"ip link add out0 address 02:00:00:00:00:08 mtu 1400 type veth peer name far0 mtu 1400; "
	"for i in out0 tun0; do echo 0 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done; "
	"echo 1 > /proc/sys/net/ipv4/ip_forward; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
	"for i in lo out0 far0 tun0; do ip link set $i up; done; "
	"ip addr add 198.18.0.1/24 dev out0; "
	"ip addr add 3fff::1/64 dev out0 nodad; "
	"ip neigh add 198.18.0.2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip neigh add 3fff::2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip route add 203.0.113.0/24 dev tun0; "
	"ip route add blackhole 192.0.2.0/24; "
	"ip route add 198.51.101.0/24 via 198.18.0.2 mtu lock 1000; "
	"ip route add default via 198.18.0.2; "
	"ip -6 route add 3fff:1::/32 dev tun0; "
	"ip -6 route add default via 3fff::2";

enum by { BY_NOBODY, BY_HOST, BY_PROGRAM };

/* A packet to write; hops 0: 64. */
static const struct row {
	const char *name;
	const char *src, *dst;
	enum by by; /* if the program may */
	uint16_t len;
	uint8_t hops, tos, proto;
	uint16_t check; /* IPv4: its header has this checksum */
	uint8_t options; /* words of IPv4 options */
	bool are_empty;	 /* they end at once, and add nothing to the checksum */
	int8_t lie;	 /* IPv4 and IPv6: its length says so many bytes more */
	bool is_broken;	 /* the header's checksum is wrong */
} rows[] = {
	{ "UDP", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60 },
	{ "the shortest", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 20 },
	{ "TCP with a TOS", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60, .tos = 0xb9, .proto = 6 },
	{ "as long as can be", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 1280 },
	{ "long", "203.0.113.1", "198.51.100.7", BY_HOST, .len = 1281 },
	{ "as long as a route takes", "203.0.113.1", "198.51.101.7", BY_PROGRAM, .len = 1000 },
	{ "too long for a route", "203.0.113.1", "198.51.101.7", BY_HOST, .len = 1001 },
	{ "too long, without DF", "203.0.113.1", "198.51.100.7", BY_HOST, .len = MTU + 1 },
	{ "the last hop but one", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60, .hops = 2 },
	{ "the last hop", "203.0.113.1", "198.51.100.7", BY_NOBODY, .len = 60, .hops = 1 },
	{ "a broken sum", "203.0.113.1", "198.51.100.7", BY_NOBODY, .len = 60, .is_broken = true },
	{ "a sum before the carry", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60, .check = 0xfefe },
	{ "a sum that becomes 0xffff", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60,
		.check = 0xfeff },
	{ "a sum with a carry", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60, .check = 0xff00 },
	{ "a sum of zero", "203.0.113.1", "198.51.100.7", BY_PROGRAM, .len = 60, .check = 0x0000 },
	{ "options", "203.0.113.1", "198.51.100.7", BY_HOST, .len = 60, .options = 1 },
	{ "options that are none", "203.0.113.1", "198.51.100.7", BY_HOST, .len = 60, .options = 1,
		.are_empty = true },
	{ "shorter than it says", "203.0.113.1", "198.51.100.7", BY_NOBODY, .len = 60, .lie = 1 },
	{ "longer than it says", "203.0.113.1", "198.51.100.7", BY_HOST, .len = 60, .lie = -1 },
	{ "for the host", "203.0.113.1", "198.18.0.1", BY_NOBODY, .len = 60 },
	{ "for a neighbour that is not known", "203.0.113.1", "198.18.0.77", BY_HOST, .len = 60 },
	{ "for nobody", "203.0.113.1", "192.0.2.1", BY_NOBODY, .len = 60 },
	{ "back to the device", "198.51.100.7", "203.0.113.9", BY_HOST, .len = 60 },
	{ "for all", "203.0.113.1", "198.18.0.255", BY_NOBODY, .len = 60 },
	{ "for a group", "203.0.113.1", "224.0.1.1", BY_NOBODY, .len = 60 },
	{ "IPv6", "64:ff9b::c633:6407", "3fff:2::9", BY_PROGRAM, .len = 80 },
	{ "IPv6, the shortest", "64:ff9b::c633:6407", "3fff:2::9", BY_PROGRAM, .len = 40 },
	{ "IPv6, TCP with a class", "64:ff9b::c633:6407", "3fff:2::9", BY_PROGRAM, .len = 80, .tos = 0xb9,
		.proto = 6 },
	{ "IPv6, as long as can be", "64:ff9b::c633:6407", "3fff:2::9", BY_PROGRAM, .len = 1280 },
	{ "IPv6, long", "64:ff9b::c633:6407", "3fff:2::9", BY_HOST, .len = 1281 },
	{ "IPv6, too long", "64:ff9b::c633:6407", "3fff:2::9", BY_HOST, .len = MTU + 1 },
	{ "IPv6, the last hop but one", "64:ff9b::c633:6407", "3fff:2::9", BY_PROGRAM, .len = 80, .hops = 2 },
	{ "IPv6, the last hop", "64:ff9b::c633:6407", "3fff:2::9", BY_NOBODY, .len = 80, .hops = 1 },
	{ "IPv6, shorter than it says", "64:ff9b::c633:6407", "3fff:2::9", BY_NOBODY, .len = 80, .lie = 1 },
	{ "IPv6, longer than it says", "64:ff9b::c633:6407", "3fff:2::9", BY_HOST, .len = 80, .lie = -1 },
	{ "IPv6, for a group", "64:ff9b::c633:6407", "ff0e::9", BY_NOBODY, .len = 80 },
	{ "IPv6, for one link", "64:ff9b::c633:6407", "fe80::9", BY_HOST, .len = 80 },
	{ "IPv6, for the host", "64:ff9b::c633:6407", "3fff::1", BY_NOBODY, .len = 80 },
	{ "IPv6, back to the device", "64:ff9b::c633:6407", "3fff:1::9", BY_HOST, .len = 80 },
};

static int tun_fd, far_fd;

/* --- the network --- */

static void tun_make(void)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	tun_fd = open("/dev/net/tun", O_RDWR);
	memcpy(r.ifr_name, "tun0", 5);
	if (tun_fd < 0 || ioctl(tun_fd, TUNSETIFF, &r) < 0)
		test_skip("there is no TUN device to be had");
}

static void far_open(void)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int one = 1;

	far_fd = socket(AF_PACKET, SOCK_RAW, 0);
	at.sll_ifindex = (int)if_nametoindex("far0");
	REQUIRE(far_fd >= 0);
	REQUIRE(setsockopt(far_fd, SOL_PACKET, IGNORE_OUTGOING, &one, sizeof(one)) == 0);
	REQUIRE(bind(far_fd, (struct sockaddr *)&at, sizeof(at)) == 0);
}

static void network_make(struct box *b, uint32_t mode, uint32_t has_say)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);

	if (unshare(CLONE_NEWNET) < 0)
		test_skip("there is no network namespace to be had");
	tun_make();
	if (system(network) != 0)
		test_skip("there is no ip program, or no veth");
	hook.ifindex = (int)if_nametoindex("tun0");
	REQUIRE(bpf_tc_hook_create(&hook) == 0);
	*b->host = (struct flow_host){ .device = if_nametoindex("tun0"), .mode = mode, .has_say = has_say };
	far_open();
}

static void program_is(struct box *b, bool is_there)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, program, .handle = 1, .priority = 1);

	hook.ifindex = (int)if_nametoindex("tun0");
	if (!is_there) {
		(void)bpf_tc_detach(&hook, &program);
		return;
	}
	program.prog_fd = bpf_program__fd(b->bpf->progs.isthmus_first);
	REQUIRE(bpf_tc_attach(&hook, &program) == 0);
}

/* As if no neighbour had had a packet before. */
static void neighbours_forget(struct box *b)
{
	static const uint8_t none[64];

	REQUIRE(bpf_map__value_size(b->bpf->maps.neighbours) <= sizeof(none));
	for (uint32_t i = 0; i < bpf_map__max_entries(b->bpf->maps.neighbours); i++)
		REQUIRE(bpf_map_update_elem(bpf_map__fd(b->bpf->maps.neighbours), &i, none, BPF_ANY) == 0);
}

/* Packets that the host has forwarded so far, of both families. */
static unsigned long host_forwarded(void)
{
	static const char count[] = "awk '$1 == \"Ip:\" && $2 ~ /^[0-9]/ { n += $7 } "
				    "$1 == \"Ip6OutForwDatagrams\" { n += $2 } END { print n }' "
				    "/proc/net/snmp /proc/net/snmp6";
	FILE *p = popen(count, "r");
	unsigned long n = 0;

	REQUIRE(p && fscanf(p, "%lu", &n) == 1);
	pclose(p);
	return n;
}

/* --- packets --- */

static void put_ip4(uint8_t *d, const struct row *r)
{
	uint32_t header = IP4_HDR_LEN + r->options * 4u, sum = r->check;

	d[0] = (uint8_t)(0x40 | header / 4);
	d[1] = r->tos;
	be16_put(d + 2, (uint16_t)(r->len + r->lie));
	d[8] = r->hops ? r->hops : 64;
	d[9] = r->proto ? r->proto : IPPROTO_UDP;
	REQUIRE(inet_pton(AF_INET, r->src, d + 12) == 1 && inet_pton(AF_INET, r->dst, d + 16) == 1);
	memset(d + IP4_HDR_LEN, r->are_empty ? 0 : 1, r->options * 4u); /* or no operation, RFC 791 s3.1 */
	/* The identification is what makes the checksum the one that is asked for. */
	if (sum > 0 || strstr(r->name, "zero"))
		be16_put(d + 4, (uint16_t)~slow_ones(slow_sum(d, header) + sum));
	be16_put(d + 10, (uint16_t)(~slow_ones(slow_sum(d, header)) ^ r->is_broken));
}

static void put_ip6(uint8_t *d, const struct row *r)
{
	be16_put(d, (uint16_t)(6 << 12 | r->tos << 4));
	be16_put(d + 4, (uint16_t)(r->len - IP6_HDR_LEN + r->lie));
	d[6] = r->proto ? r->proto : IPPROTO_UDP;
	d[7] = r->hops ? r->hops : 64;
	REQUIRE(inet_pton(AF_INET6, r->src, d + 8) == 1 && inet_pton(AF_INET6, r->dst, d + 24) == 1);
}

static void packet_write(const struct row *r)
{
	uint8_t d[MTU + 100] = { 0 };

	for (uint16_t i = 0; i < r->len; i++)
		d[i] = (uint8_t)(i * 7 + 1);
	memset(d, 0, IP6_HDR_LEN);
	if (strchr(r->src, ':'))
		put_ip6(d, r);
	else
		put_ip4(d, r);
	CHECK_INT(write(tun_fd, d, r->len), r->len);
}

/* All frames for the neighbour that come now, one after the other; nothing but those. */
static size_t frames_take(uint8_t ret[static 4 * MTU], int wait_ms)
{
	struct pollfd p = { .fd = far_fd, .events = POLLIN };
	size_t len = 0;

	while (poll(&p, 1, len > 0 ? 0 : wait_ms) == 1) {
		ssize_t n = recv(far_fd, ret + len, 2 * MTU, 0);

		REQUIRE(n >= ETHERNET);
		if (memcmp(ret + len, next_mac, 6) == 0)
			len += (size_t)n;
		REQUIRE(len <= 2 * MTU);
	}
	return len;
}

static void check_row(struct box *b, const struct row *r, enum by by)
{
	static const struct row first = { "", "203.0.113.1", "198.51.100.7", BY_HOST, .len = 60 };
	static uint8_t want[4 * MTU], got[4 * MTU];
	bool is_seen = by == BY_PROGRAM;

	test_row(r->name);
	program_is(b, false);
	packet_write(r);
	size_t want_len = frames_take(want, is_seen ? WAIT_MS : NOTHING_MS);

	CHECK(want_len > 0 || !is_seen);
	program_is(b, true);
	neighbours_forget(b);
	packet_write(&first);
	CHECK(frames_take(got, WAIT_MS) > 0);
	unsigned long before = host_forwarded();

	packet_write(r);
	size_t got_len = frames_take(got, want_len > 0 ? WAIT_MS : NOTHING_MS);

	CHECK_BYTES(got, got_len, want, want_len);
	CHECK_INT(host_forwarded() - before, by == BY_HOST);
}

TEST(what_the_program_forwards_is_what_the_host_would_have)
{
	struct box *b = box_new();

	network_make(b, FLOW_MODE_REDIRECT, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(b, &rows[i], rows[i].by);
	box_free(b);
}

static void host_forwards_all(uint32_t mode, uint32_t has_say)
{
	struct box *b = box_new();

	network_make(b, mode, has_say);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(b, &rows[i], rows[i].by == BY_PROGRAM ? BY_HOST : rows[i].by);
	box_free(b);
}

TEST(where_packets_are_routed_the_host_forwards_all)
{
	host_forwards_all(FLOW_MODE_ROUTE, 0);
}

TEST(where_the_host_has_a_say_it_forwards_all)
{
	host_forwards_all(FLOW_MODE_REDIRECT, 1);
}

TEST(the_first_packet_of_a_second_to_a_neighbour_is_the_hosts)
{
	static const struct row r = { "", "203.0.113.1", "198.51.100.7", BY_HOST, .len = 60 };
	uint8_t got[4 * MTU];
	struct box *b = box_new();

	network_make(b, FLOW_MODE_REDIRECT, 0);
	program_is(b, true);
	neighbours_forget(b);
	unsigned long before = host_forwarded();

	packet_write(&r);
	CHECK(frames_take(got, WAIT_MS) > 0);
	CHECK_INT(host_forwarded() - before, 1);
	packet_write(&r);
	CHECK(frames_take(got, WAIT_MS) > 0);
	CHECK_INT(host_forwarded() - before, 1);
	box_free(b);
}
