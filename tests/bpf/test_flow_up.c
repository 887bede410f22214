/*
 * test_flow_up.c - what the XDP program puts into a worker's ring is what the host would have handed to the TUN device
 *
 *	far0 --veth-- out0 ... tun0 --> [translator]
 *
 * Each packet goes two ways: as a frame at out0, which the host forwards to the TUN device, where it is read; and through the
 * program, with BPF_PROG_TEST_RUN, and out of the ring. Both must be the same, to the byte, or the program must have passed it.
 * Everything is in one network namespace. Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"

#include "base/bytes.h"
#include "dataplane/flowpath_parts.h"
#include "dataplane/upring.h"
#include "slow_sum.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MTU 1600
#define WAIT_MS 1000
#define NOTHING_MS 30 /* until nothing comes any more; the host forwards at once */
#define FIN 0x11
#define RST 0x14
#define SYN 0x02

static const char network[] =
	"set -e; exec 2>/dev/null; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
	"ip link add out0 address 02:00:00:00:00:08 mtu 1600 type veth peer name far0 mtu 1600; "
	"for i in out0 tun0 lo; do echo 0 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done; "
	"echo 1 > /proc/sys/net/ipv4/ip_forward; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
	"for i in all out0; do echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter; done; "
	"ip link set tun0 mtu 1600; "
	"for i in lo out0 far0 tun0; do ip link set $i up; done; "
	"ip addr add 198.18.0.1/24 dev out0; "
	"ip addr add 3fff::1/64 dev out0 nodad; "
	"ip neigh add 198.18.0.2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip neigh add 3fff::2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip route add default via 198.18.0.2; "
	"ip -6 route add default via 3fff::2; "
	"ip route add 203.0.113.0/24 dev tun0; "
	"ip -6 route add 64:ff9b::/96 dev tun0; "
	"ip -6 route add 64:ff9b::c000:200/120 via 3fff::2; "
	"ip -6 route add blackhole 64:ff9b::c612:0/112";

enum by { BY_NOBODY, BY_HOST, BY_PROGRAM };

/* A packet; hops 0: 64, proto 0: UDP. */
static const struct row {
	const char *name;
	const char *src, *dst;
	enum by by;
	uint16_t len;
	uint8_t hops, tos, proto;
	uint8_t flags;	 /* of TCP */
	uint8_t type;	 /* of ICMP */
	uint8_t options; /* words of IPv4 options */
	uint8_t excess;	 /* bytes behind the packet */
	int8_t lie;	 /* its length says so many bytes more */
	bool is_broken;	 /* the IPv4 header's checksum is wrong */
	bool is_known;	 /* there is a flow of it */
} rows[] = {
	{ "SYN", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 80, .proto = 6, .flags = SYN },
	{ "SYN with a class", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 80, .proto = 6,
		.flags = SYN, .tos = 0xb9 },
	{ "FIN", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 60, .proto = 6, .flags = FIN },
	{ "RST", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 60, .proto = 6, .flags = RST },
	{ "a segment of nobody", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 60, .proto = 6,
		.flags = 0x10 },
	{ "UDP", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 61 },
	{ "echo", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 104, .proto = IPPROTO6_ICMP,
		.type = 128 },
	{ "echo reply", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 104, .proto = IPPROTO6_ICMP,
		.type = 129 },
	{ "padded", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 48, .excess = 6 },
	{ "short", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = FLOW_UP_SHORT },
	{ "no more short", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = FLOW_UP_SHORT + 1 },
	{ "long", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = FLOW_UP_LONG },
	{ "too long", "3fff:2::9", "64:ff9b::c633:6407", BY_HOST, .len = FLOW_UP_LONG + 1 },
	{ "the last hop but one", "3fff:2::9", "64:ff9b::c633:6407", BY_PROGRAM, .len = 60, .hops = 2 },
	{ "the last hop", "3fff:2::9", "64:ff9b::c633:6407", BY_NOBODY, .len = 60, .hops = 1 },
	{ "an ICMP error", "3fff:2::9", "64:ff9b::c633:6407", BY_HOST, .len = 104, .proto = IPPROTO6_ICMP,
		.type = 1 },
	{ "a fragment", "3fff:2::9", "64:ff9b::c633:6407", BY_HOST, .len = 104, .proto = IPPROTO_FRAGMENT },
	{ "another protocol", "3fff:2::9", "64:ff9b::c633:6407", BY_HOST, .len = 104, .proto = 47 },
	{ "shorter than it says", "3fff:2::9", "64:ff9b::c633:6407", BY_NOBODY, .len = 60, .lie = 1 },
	{ "from one link", "fe80::9", "64:ff9b::c633:6407", BY_NOBODY, .len = 60 },
	{ "from a group", "ff0e::9", "64:ff9b::c633:6407", BY_NOBODY, .len = 60 },
	{ "from the loopback", "::1", "64:ff9b::c633:6407", BY_NOBODY, .len = 60 },
	{ "from a mapped address", "::ffff:198.51.100.1", "64:ff9b::c633:6407", BY_HOST, .len = 60 },
	{ "to a part of the prefix that is somebody else's", "3fff:2::9", "64:ff9b::c000:207", BY_NOBODY,
		.len = 60 },
	{ "to a part of the prefix that is nobody's", "3fff:2::9", "64:ff9b::c612:7", BY_NOBODY, .len = 60 },
	{ "to no prefix", "3fff:2::9", "3fff:3::9", BY_NOBODY, .len = 60 },
	{ "IPv4, FIN", "198.51.100.7", "203.0.113.1", BY_PROGRAM, .len = 40, .proto = 6, .flags = FIN,
		.is_known = true },
	{ "IPv4, RST with a TOS", "198.51.100.7", "203.0.113.1", BY_PROGRAM, .len = 40, .proto = 6,
		.flags = RST, .tos = 0xb9, .is_known = true },
	{ "IPv4, FIN, padded", "198.51.100.7", "203.0.113.1", BY_PROGRAM, .len = 40, .proto = 6, .flags = FIN,
		.excess = 6, .is_known = true },
	{ "IPv4, SYN that nobody awaits", "198.51.100.7", "203.0.113.1", BY_PROGRAM, .len = 60, .proto = 6,
		.flags = SYN, .is_known = true },
	{ "IPv4, the last hop but one", "198.51.100.7", "203.0.113.1", BY_PROGRAM, .len = 40, .proto = 6,
		.flags = FIN, .hops = 2, .is_known = true },
	{ "IPv4, the last hop", "198.51.100.7", "203.0.113.1", BY_NOBODY, .len = 40, .proto = 6, .flags = FIN,
		.hops = 1, .is_known = true },
	{ "IPv4, FIN with options", "198.51.100.7", "203.0.113.1", BY_HOST, .len = 44, .proto = 6,
		.flags = FIN, .options = 1, .is_known = true },
	{ "IPv4, FIN with a broken sum", "198.51.100.7", "203.0.113.1", BY_NOBODY, .len = 40, .proto = 6,
		.flags = FIN, .is_broken = true, .is_known = true },
	{ "IPv4, FIN of no flow", "198.51.100.7", "203.0.113.1", BY_HOST, .len = 40, .proto = 6,
		.flags = FIN },
	{ "IPv4, SYN of no flow", "198.51.100.7", "203.0.113.1", BY_HOST, .len = 40, .proto = 6,
		.flags = SYN },
	{ "IPv4, UDP of no flow", "198.51.100.7", "203.0.113.1", BY_HOST, .len = 60 },
	{ "IPv4, not to the device", "198.51.100.7", "198.18.0.9", BY_NOBODY, .len = 40, .proto = 6,
		.flags = FIN, .is_known = true },
};

static int tun_fd, far_fd;

struct table {
	struct box *b;
	struct flowpath_up up;
	struct flow_up_bell *bells;
	struct upring *rings[BOX_WORKERS];
};

static uint8_t buffers[64][TUN_BUFFER_BYTES];

/* --- the network --- */

static void network_make(struct box *b)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const struct flow_interface here = { .is_on = 1 };
	uint32_t index = LOOPBACK_INDEX;

	if (unshare(CLONE_NEWNET) < 0)
		test_skip("there is no network namespace to be had");
	tun_fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	memcpy(r.ifr_name, "tun0", 5);
	if (tun_fd < 0 || ioctl(tun_fd, TUNSETIFF, &r) < 0)
		test_skip("there is no TUN device to be had");
	if (system(network) != 0)
		test_skip("there is no ip program, or no veth");
	far_fd = socket(AF_PACKET, SOCK_RAW, 0);
	at.sll_ifindex = (int)if_nametoindex("far0");
	REQUIRE(far_fd >= 0);
	REQUIRE(bind(far_fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	REQUIRE(bpf_map_update_elem(bpf_map__fd(b->bpf->maps.interfaces), &index, &here, BPF_ANY) == 0);
	b->host->device = if_nametoindex("tun0");
	b->host->mode = FLOW_MODE_REDIRECT;
	b->host->has_say = 0;
}

static void rings_make(struct table *s)
{
	REQUIRE(flowpath_up_begin(s->b->bpf, BOX_WORKERS, &s->up) == 0);
	CHECK_INT(s->up.len, BOX_WORKERS);
	s->bells = mmap(NULL, BOX_WORKERS * sizeof(*s->bells), PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(s->b->bpf->maps.up_bells), 0);
	REQUIRE(s->bells != MAP_FAILED);
	for (unsigned i = 0; i < BOX_WORKERS; i++) {
		CHECK(upring_is(s->up.rings[i]));
		REQUIRE(upring_new(s->up.rings[i], &s->bells[i], &s->rings[i]) == 0);
	}
	CHECK(!upring_is(bpf_map__fd(s->b->bpf->maps.up_bells)) && !upring_is(0));
}

static void table_make(struct table *s)
{
	*s = (struct table){ .b = box_new() };
	if (!s->b->bpf->rodata->has_up_rings)
		test_skip("the kernel has no bpf_xdp_load_bytes()");
	rings_make(s);
	network_make(s->b);
}

static void table_end(struct table *s)
{
	for (unsigned i = 0; i < BOX_WORKERS; i++)
		upring_free(s->rings[i]);
	flowpath_up_end(&s->up);
	box_free(s->b);
}

/* --- packets --- */

static void put_ip4(uint8_t *d, const struct row *r)
{
	uint32_t header = IP4_HDR_LEN + r->options * 4u;

	d[0] = (uint8_t)(0x40 | header / 4);
	d[1] = r->tos;
	be16_put(d + 2, (uint16_t)(r->len + r->lie));
	d[8] = r->hops ? r->hops : 64;
	d[9] = r->proto ? r->proto : IPPROTO_UDP;
	REQUIRE(inet_pton(AF_INET, r->src, d + 12) == 1 && inet_pton(AF_INET, r->dst, d + 16) == 1);
	memset(d + IP4_HDR_LEN, 1, r->options * 4u); /* no operation, RFC 791 s3.1 */
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

static void put_transport(uint8_t *d, const struct row *r, uint16_t len)
{
	if (r->proto == 6) {
		d[12] = 5 << 4;
		d[13] = r->flags;
	} else if (r->proto == 0) {
		be16_put(d + 4, len);
	} else if (r->proto == IPPROTO6_ICMP) {
		d[0] = r->type;
		d[1] = 0;
	} else if (r->proto == IPPROTO_FRAGMENT) {
		d[0] = 6;
		d[1] = 0;
		be16_put(d + 2, 8 << 3);
	}
}

static void packet_make(const struct row *r, struct frame *ret)
{
	uint8_t d[MTU + 200] = { 0 };
	bool is_6 = strchr(r->src, ':') != NULL;
	uint16_t header = (uint16_t)(is_6 ? IP6_HDR_LEN : IP4_HDR_LEN + r->options * 4u);

	for (uint16_t i = header; i < r->len + r->excess; i++)
		d[i] = (uint8_t)(i * 7 + 1);
	(is_6 ? put_ip6 : put_ip4)(d, r);
	put_transport(d + header, r, (uint16_t)(r->len - header));
	frame_of(ret, d, r->len + r->excess);
}

static void flow_enter(struct box *b, const struct frame *f)
{
	struct ends e = { 0 };

	REQUIRE(ends_read(&e, f->bytes + ETHERNET, f->len - ETHERNET));
	CHECK(box_enter46(b, &e) != NULL);
}

/* --- both ways --- */

/* What comes out of the TUN device for that destination; the host itself sends there, too. */
static size_t tun_take(const struct frame *f, uint8_t ret[static 2 * MTU], int wait_ms)
{
	bool is_6 = f->bytes[ETHERNET] >> 4 == 6;
	size_t at = is_6 ? 24 : 16, len = is_6 ? 16 : 4;
	struct pollfd p = { .fd = tun_fd, .events = POLLIN };

	while (poll(&p, 1, wait_ms) == 1) {
		ssize_t n = read(tun_fd, ret, 2 * MTU);

		if (n > 0 && ret[0] >> 4 == f->bytes[ETHERNET] >> 4 &&
			memcmp(ret + at, f->bytes + ETHERNET + at, len) == 0)
			return (size_t)n;
	}
	return 0;
}

static size_t by_host(const struct frame *f, uint8_t ret[static 2 * MTU], int wait_ms)
{
	struct frame there = *f;

	memcpy(there.bytes, out_mac, 6);
	REQUIRE(send(far_fd, there.bytes, there.len, 0) == (ssize_t)there.len);
	return tun_take(f, ret, wait_ms);
}

static uint32_t run(const struct box *b, const struct frame *f)
{
	static uint8_t out[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len, .data_out = out,
		.data_size_out = sizeof(out), .repeat = 1);

	REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(b->bpf->progs.isthmus_flow_xdp), &o) == 0);
	CHECK(o.retval == XDP_PASS || o.retval == XDP_DROP);
	if (o.retval == XDP_PASS)
		CHECK_BYTES(out, o.data_size_out, f->bytes, f->len);
	return o.retval;
}

static void check_row(struct table *s, const struct row *r)
{
	static struct frame f;
	static uint8_t want[2 * MTU];
	struct pkt got[2];

	test_row(r->name);
	packet_make(r, &f);
	box_clear(s->b);
	if (r->is_known)
		flow_enter(s->b, &f);
	size_t want_len = by_host(&f, want, r->by == BY_NOBODY ? NOTHING_MS : WAIT_MS);

	CHECK_INT(want_len > 0, r->by != BY_NOBODY);
	CHECK_INT(run(s->b, &f), r->by == BY_PROGRAM ? XDP_DROP : XDP_PASS);
	unsigned n = upring_take(s->rings[0], buffers, got, 2);

	CHECK_INT(n, r->by == BY_PROGRAM);
	CHECK_INT(box_tally(s->b, offsetof(struct flow_tallies, up_by_ring)), n);
	CHECK_INT(box_ups(s->b), n);
	if (n == 0)
		return;
	CHECK_BYTES(got[0].data, got[0].len, want, want_len);
	CHECK(!got[0].is_sent);
	bool is_flag = r->flags == RST || r->flags == SYN || (r->flags == FIN && r->is_known);

	CHECK_INT(UP(s->b, is_flag ? FLOW_UP_TCP_FLAGS : FLOW_UP_NO_ENTRY), 1);
}

TEST(what_the_ring_has_is_what_the_tun_device_would_have)
{
	struct table s;

	table_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&s, &rows[i]);
	table_end(&s);
}

/* --- what is sent besides --- */

/* Those of the box, where translated packets have a way out. */
static void told_make(struct table *s)
{
	*s = (struct table){ .b = box_new() };
	if (!s->b->bpf->rodata->has_up_rings)
		test_skip("the kernel has no bpf_xdp_load_bytes()");
	box_stand(s->b, STAND_XDP);
	rings_make(s);
}

static uint32_t run_on(const struct box *b, struct frame *f)
{
	static uint8_t out[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len, .data_out = out,
		.data_size_out = sizeof(out), .repeat = 1);

	REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(b->bpf->progs.isthmus_flow_xdp), &o) == 0);
	memcpy(f->bytes, out, o.data_size_out);
	f->len = o.data_size_out;
	return o.retval;
}

static void flow_enter_both(struct box *b, const char *server)
{
	struct ends e = { .proto = 6 };

	REQUIRE(inet_pton(AF_INET6, "3fff:2::9", e.src6) == 1 &&
		inet_pton(AF_INET, "203.0.113.1", e.src4) == 1);
	REQUIRE(inet_pton(AF_INET, server, e.dst4) == 1);
	REQUIRE(inet_pton(AF_INET6, "64:ff9b::c633:6407", e.dst6) == 1);
	be16_put(e.sport6, 5000);
	be16_put(e.sport4, 6000);
	be16_put(e.dport6, 80);
	be16_put(e.dport4, 80);
	CHECK(box_enter64(b, &e) != NULL);
	memcpy(e.src4, e.dst4, 4);
	REQUIRE(inet_pton(AF_INET, "203.0.113.1", e.dst4) == 1);
	memcpy(e.dst6, e.src6, 16);
	REQUIRE(inet_pton(AF_INET6, "64:ff9b::c633:6407", e.src6) == 1);
	be16_put(e.sport4, 80);
	be16_put(e.dport4, 6000);
	be16_put(e.sport6, 80);
	be16_put(e.dport6, 5000);
	CHECK(box_enter46(b, &e) != NULL);
}

/* A segment that ends nothing is translated the same way, but for its flags, and what IPv4 draws by lot. */
static void check_told(struct table *s, struct row r, uint16_t sport, uint16_t dport)
{
	static struct frame in, fin, data;
	struct pkt got[2];
	size_t header = strchr(r.src, ':') ? IP6_HDR_LEN : IP4_HDR_LEN,
	       other = IP6_HDR_LEN + IP4_HDR_LEN - header;

	test_row(r.name);
	r.flags = FIN;
	packet_make(&r, &in);
	be16_put(in.bytes + ETHERNET + header, sport);
	be16_put(in.bytes + ETHERNET + header + 2, dport);
	fin = data = in;
	data.bytes[ETHERNET + header + 13] = 0x10;
	uint32_t verdict = run_on(s->b, &data); /* one a second goes by the kernel's own way */

	if (verdict == XDP_PASS) {
		data = in;
		data.bytes[ETHERNET + header + 13] = 0x10;
		verdict = run_on(s->b, &data);
	}
	REQUIRE(verdict == XDP_REDIRECT);
	memset(s->b->tallies, 0, s->b->processors * sizeof(*s->b->tallies));
	CHECK_INT(run_on(s->b, &fin), XDP_REDIRECT);
	CHECK_INT(upring_take(s->rings[0], buffers, got, 2), 1);
	CHECK(got[0].is_sent);
	CHECK_INT(fin.bytes[ETHERNET + other + 13], FIN);
	fin.bytes[ETHERNET + other + 13] = 0x10;
	if (other == IP4_HDR_LEN) {
		memset(fin.bytes + ETHERNET + 4, 0, 2);
		memset(data.bytes + ETHERNET + 4, 0, 2);
		memset(fin.bytes + ETHERNET + 10, 0, 2);
		memset(data.bytes + ETHERNET + 10, 0, 2);
	}
	CHECK_BYTES(fin.bytes, fin.len, data.bytes, data.len);
	in.bytes[ETHERNET + (header == IP6_HDR_LEN ? 7 : 8)]--;
	if (header == IP4_HDR_LEN) {
		memset(in.bytes + ETHERNET + 10, 0, 2);
		be16_put(in.bytes + ETHERNET + 10,
			(uint16_t)~slow_ones(slow_sum(in.bytes + ETHERNET, IP4_HDR_LEN)));
	}
	CHECK_BYTES(got[0].data, got[0].len, in.bytes + ETHERNET, in.len - ETHERNET);
	CHECK_INT(box_tally(s->b, offsetof(struct flow_tallies, told)), 1);
	CHECK_INT(box_tally(s->b, offsetof(struct flow_tallies, redirected)), 1);
	CHECK_INT(box_tally(s->b, offsetof(struct flow_tallies, pkts[FLOW_64][FLOW_TCP])) +
			  box_tally(s->b, offsetof(struct flow_tallies, pkts[FLOW_46][FLOW_TCP])),
		0);
	CHECK_INT(box_ups(s->b), 0);
}

TEST(a_fin_goes_its_way_and_the_translator_is_told)
{
	static const struct row rows6 = { "IPv6", "3fff:2::9", "64:ff9b::c633:6407", BY_NOBODY, .len = 72,
		.proto = 6 };
	static const struct row rows4 = { "IPv4", "198.51.100.7", "203.0.113.1", BY_NOBODY, .len = 52,
		.proto = 6 };
	struct table s;

	told_make(&s);
	flow_enter_both(s.b, "198.51.100.7");
	check_told(&s, rows6, 5000, 80);
	check_told(&s, rows4, 80, 6000);
	table_end(&s);
}

/* Whatever may begin the connection anew for the TCP machine, or cannot be told, is the translator's own to send. */
TEST(what_the_translator_cannot_be_told_of_it_sends_itself)
{
	static const struct {
		const char *name;
		uint8_t flags;
		uint16_t len;
		bool has_say;
		uint32_t verdict;
	} odd[] = {
		{ "RST", RST, 60, false, XDP_DROP },
		{ "FIN and RST", FIN | RST, 60, false, XDP_DROP },
		{ "FIN and SYN", FIN | SYN, 60, false, XDP_DROP },
		{ "FIN with more than a short record takes", FIN, FLOW_UP_SHORT + 1, false, XDP_DROP },
		{ "FIN where the host has a say", FIN, 60, true, XDP_PASS },
	};
	static struct frame f;
	struct pkt got[2];
	struct table s;

	told_make(&s);
	REQUIRE(system("ip -6 route add 64:ff9b::/96 dev tun0") == 0);
	flow_enter_both(s.b, "198.51.100.7");
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct row r = { odd[i].name, "3fff:2::9", "64:ff9b::c633:6407", BY_NOBODY, .proto = 6 };

		test_row(r.name);
		r.flags = odd[i].flags;
		r.len = odd[i].len;
		s.b->host->has_say = odd[i].has_say;
		packet_make(&r, &f);
		be16_put(f.bytes + ETHERNET + IP6_HDR_LEN, 5000);
		be16_put(f.bytes + ETHERNET + IP6_HDR_LEN + 2, 80);
		CHECK_INT(run_on(s.b, &f), odd[i].verdict);
		unsigned n = upring_take(s.rings[0], buffers, got, 2);

		CHECK_INT(n, odd[i].verdict == XDP_DROP);
		CHECK(n == 0 || !got[0].is_sent);
	}
	table_end(&s);
}

/* --- when there is no ring for it --- */

static void check_all_pass(struct table *s)
{
	static struct frame f;
	struct pkt got;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].name);
		packet_make(&rows[i], &f);
		box_clear(s->b);
		if (rows[i].is_known)
			flow_enter(s->b, &f);
		CHECK_INT(run(s->b, &f), XDP_PASS);
		CHECK_INT(upring_take(s->rings[0], buffers, &got, 1), 0);
	}
}

TEST(the_hosts_rules_see_first_packets)
{
	struct table s;

	table_make(&s);
	s.b->host->has_say = 1;
	check_all_pass(&s);
	s.b->host->has_say = 0;
	s.b->host->mode = FLOW_MODE_ROUTE;
	check_all_pass(&s);
	s.b->host->mode = FLOW_MODE_REDIRECT;
	s.b->host->device = 0;
	check_all_pass(&s);
	table_end(&s);
}

TEST(nothing_goes_up_while_no_translator_has_begun)
{
	struct table s;

	table_make(&s);
	s.b->head->epoch = 0;
	check_all_pass(&s);
	table_end(&s);
}

TEST(frames_for_others_pass)
{
	static const struct flow_interface other = { .mac = { 2, 0, 0, 0, 0, 7 }, .is_on = 1 };
	uint32_t index = LOOPBACK_INDEX;
	struct table s;

	table_make(&s);
	REQUIRE(bpf_map_update_elem(bpf_map__fd(s.b->bpf->maps.interfaces), &index, &other, BPF_ANY) == 0);
	check_all_pass(&s);
	table_end(&s);
}

TEST(every_truncation_passes)
{
	static struct frame f;
	struct table s;
	struct pkt got;

	table_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].by != BY_PROGRAM || rows[i].excess > 0)
			continue;
		test_row(rows[i].name);
		packet_make(&rows[i], &f);
		box_clear(s.b);
		if (rows[i].is_known)
			flow_enter(s.b, &f);
		while (--f.len >= ETHERNET)
			CHECK_INT(run(s.b, &f), XDP_PASS);
		CHECK_INT(upring_take(s.rings[0], buffers, &got, 1), 0);
	}
	table_end(&s);
}

/* --- the ring --- */

static void frame_number(struct frame *f, unsigned n)
{
	be16_put(f->bytes + f->len - 2, (uint16_t)n);
}

static unsigned number_of(const struct pkt *p)
{
	return be16_at(p->data + p->len - 2);
}

TEST(a_full_ring_passes_and_keeps_what_it_has_in_order)
{
	static struct frame f;
	struct pkt got[64];
	unsigned put = 0, taken = 0, n;
	struct table s;

	table_make(&s);
	packet_make(&rows[0], &f);
	for (unsigned round = 0; round < 3; round++) {
		for (;; put++) {
			frame_number(&f, put);
			if (run(s.b, &f) == XDP_PASS)
				break;
			REQUIRE(put - taken < FLOW_UP_RING_BYTES / FLOW_UP_SHORT);
		}
		CHECK(put - taken > 5000);
		while ((n = upring_take(s.rings[0], buffers, got, 64)) > 0)
			for (unsigned i = 0; i < n; i++)
				CHECK_INT(number_of(&got[i]), (uint16_t)taken++);
		CHECK_INT(taken, put);
	}
	table_end(&s);
}

TEST(what_stands_in_a_ring_from_before_is_forgotten)
{
	static struct frame f;
	struct table s;
	struct pkt got;

	table_make(&s);
	packet_make(&rows[0], &f);
	CHECK_INT(run(s.b, &f), XDP_DROP);
	upring_free(s.rings[0]);
	REQUIRE(upring_new(s.up.rings[0], &s.bells[0], &s.rings[0]) == 0);
	CHECK_INT(upring_take(s.rings[0], buffers, &got, 1), 0);
	CHECK_INT(run(s.b, &f), XDP_DROP);
	CHECK_INT(upring_take(s.rings[0], buffers, &got, 1), 1);
	table_end(&s);
}

/* --- the bell --- */

struct sleeper {
	struct upring *ring;
	int events;
};

static void *sleep_on(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = { .fd = upring_fd(s->ring), .events = POLLIN };

	s->events = poll(&p, 1, 4 * WAIT_MS) == 1 ? p.revents : 0;
	return NULL;
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(a_worker_that_sleeps_is_woken)
{
	static struct frame f;
	struct sleeper it = { 0 };
	struct pkt got[2];
	struct table s;
	pthread_t thread;

	table_make(&s);
	packet_make(&rows[0], &f);
	it.ring = s.rings[0];
	upring_doze(s.rings[0]);
	CHECK_INT(s.bells[0].is_awake, 0);
	double begin = seconds_now();

	REQUIRE(pthread_create(&thread, NULL, sleep_on, &it) == 0);
	usleep(50000);
	CHECK_INT(run(s.b, &f), XDP_DROP);
	CHECK_INT(s.bells[0].is_awake, 1);
	CHECK_INT(run(s.b, &f), XDP_DROP);
	pthread_join(thread, NULL);
	CHECK(seconds_now() - begin < 2);
	CHECK_INT(it.events, POLLIN);
	CHECK_INT(upring_take(s.rings[0], buffers, got, 2), 2);
	table_end(&s);
}

/* --- several workers --- */

static void word_put(struct box *b, uint32_t at, uint64_t value)
{
	REQUIRE(bpf_map_update_elem(bpf_map__fd(b->bpf->maps.words), &at, &value, BPF_ANY) == 0);
}

TEST(each_worker_has_what_is_its_own)
{
	static struct frame f;
	unsigned counts[BOX_WORKERS] = { 0 };
	struct pkt got[64];
	struct table s;

	table_make(&s);
	word_put(s.b, QUEUE_WORD_TABLE_LEN, BOX_WORDS);
	word_put(s.b, QUEUE_WORD_OWNERS, BOX_WORKERS);
	word_put(s.b, QUEUE_WORD_BLOCK_SHIFT, 8);
	word_put(s.b, QUEUE_WORD_MASK_HI, UINT64_MAX);
	word_put(s.b, QUEUE_WORD_MASK_LO, 0);
	packet_make(&rows[0], &f);
	for (unsigned host = 0; host < 64; host++) {
		f.bytes[ETHERNET + 8 + 7] = (uint8_t)(host / 2); /* two hosts of each /64 */
		f.bytes[ETHERNET + 8 + 15] = (uint8_t)host;
		CHECK_INT(run(s.b, &f), XDP_DROP);
	}
	for (unsigned w = 0; w < BOX_WORKERS; w++) {
		counts[w] = upring_take(s.rings[w], buffers, got, 64);
		for (unsigned i = 0; i + 1 < counts[w]; i += 2)
			CHECK_INT(got[i].data[8 + 7], got[i + 1].data[8 + 7]);
	}
	CHECK_INT(counts[0] + counts[1], 64);
	CHECK(counts[0] > 10 && counts[1] > 10);

	/* Neighbouring blocks of an address are different workers'. */
	const struct row *fin = &rows[26];

	REQUIRE(fin->is_known);
	for (uint8_t block = 0; block < 2; block++) {
		box_clear(s.b);
		packet_make(fin, &f);
		f.bytes[ETHERNET + IP4_HDR_LEN + 2] = (uint8_t)(0x40 + block);
		flow_enter(s.b, &f);
		CHECK_INT(run(s.b, &f), XDP_DROP);
	}
	for (unsigned w = 0; w < BOX_WORKERS; w++)
		CHECK_INT(upring_take(s.rings[w], buffers, got, 64), 1);
	table_end(&s);
}
