/*
 * test_flow_live.c - packets with a partial checksum and trains of segments, sent through the program at tc from end to end
 *
 *	near0 --veth-- in0 [program] ... out0 --veth-- far0
 *	                            \__ tun0 __/
 *
 * Everything is in one network namespace. Vectors whose packet has offload state go in at near0 by a packet socket that speaks
 * virtio headers, and must come out at far0 with the bytes and the offload state that the vector says: once by the route's
 * interface, once by way of a TUN device and the host's own forwarding. BPF_PROG_TEST_RUN could make no such packets.
 * Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"
#include "flow_expect.h"

#include "slow_sum.h"
#include "vector.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define WAIT_MS 5000
#define TRAIN_MAX 65000
#define GSO_UDP_L4 5	   /* VIRTIO_NET_HDR_GSO_UDP_L4, Linux 6.2 */
#define IGNORE_OUTGOING 23 /* PACKET_IGNORE_OUTGOING */
#define SERVER_HOPS 1	   /* that the host's own forwarding takes */

static const char *const files[] = { "tcp_udp.vec", "echo.vec", "header.vec" };
static const uint8_t in_mac[6] = { 2, 0, 0, 0, 0, 7 };

static const char network[] =
	"set -e; exec 2>/dev/null; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
	"ip link add in0 address 02:00:00:00:00:07 mtu 65535 type veth peer name near0 mtu 65535; "
	"ip link add out0 address 02:00:00:00:00:08 mtu 65535 type veth peer name far0 mtu 65535; "
	"for i in in0 out0 tun0; do echo 0 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done; "
	"echo 1 > /proc/sys/net/ipv4/ip_forward; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
	"for i in lo in0 near0 out0 far0 tun0; do ip link set $i up; done; "
	"ip addr add 198.18.0.1/24 dev out0; "
	"ip addr add 3fff::1/64 dev out0 nodad; "
	"ip neigh add 198.18.0.2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip neigh add 3fff::2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip route add default via 198.18.0.2; "
	"ip -6 route add default via 3fff::2";

static struct vector vector;
static uint8_t memory[PACKET_MAX + 512];
static int near_fd, far_fd;

/* --- the network --- */

static void tun_make(void)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	memcpy(r.ifr_name, "tun0", 5);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		test_skip("there is no TUN device to be had");
	/* The descriptor stays open as long as the case lives, and with it the device. */
}

static int packet_socket(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface) };
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	REQUIRE(fd >= 0);
	REQUIRE(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0);
	REQUIRE(setsockopt(fd, SOL_PACKET, IGNORE_OUTGOING, &one, sizeof(one)) == 0);
	REQUIRE(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

static void network_make(struct box *b, uint32_t mode)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, program, .handle = 1, .priority = 1);

	if (unshare(CLONE_NEWNET) < 0)
		test_skip("there is no network namespace to be had");
	tun_make();
	if (system(network) != 0)
		test_skip("there is no ip program, or no veth");
	hook.ifindex = (int)if_nametoindex("in0");
	program.prog_fd = bpf_program__fd(b->bpf->progs.isthmus_flow);
	REQUIRE(bpf_tc_hook_create(&hook) == 0);
	REQUIRE(bpf_tc_attach(&hook, &program) == 0);
	*b->host = (struct flow_host){ .device = if_nametoindex("tun0"), .mode = mode };
	near_fd = packet_socket("near0");
	far_fd = packet_socket("far0");
}

/* --- offload state and virtio headers; offsets of the latter count from the frame --- */

static struct virtio_net_hdr header_of(const struct offload *off)
{
	static const uint8_t kinds[] = { VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4,
		VIRTIO_NET_HDR_GSO_TCPV6, GSO_UDP_L4 };
	struct virtio_net_hdr h = { .gso_type = kinds[off->gso], .gso_size = off->gso_size };

	if (off->gso_ecn)
		h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	if (off->csum_partial) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)(off->csum_start + ETHERNET);
		h.csum_offset = off->csum_offset;
	}
	return h;
}

static void check_offload(const struct virtio_net_hdr *got, const struct offload *off)
{
	struct virtio_net_hdr want = header_of(off);

	CHECK_INT(got->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, want.flags);
	CHECK_INT(got->gso_type, want.gso_type);
	CHECK_INT(got->gso_size, want.gso_size);
	if (want.flags) {
		CHECK_INT(got->csum_start, want.csum_start);
		CHECK_INT(got->csum_offset, want.csum_offset);
	}
}

/* Returns whether the kernel takes it. */
static bool put_in(void)
{
	const struct stack *in = &vector.in.outer;
	static struct frame f;
	struct virtio_net_hdr h = header_of(&vector.in.off);
	struct iovec parts[2] = { { &h, sizeof(h) }, { f.bytes, 0 } };

	frame_of(&f, in->bytes, in->len);
	memcpy(f.bytes, in_mac, 6);
	parts[1].iov_len = f.len;
	if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		h.hdr_len = (uint16_t)(h.csum_start + (h.csum_offset == 16 ? 20 : 8));
	return writev(near_fd, parts, 2) == (ssize_t)(sizeof(h) + f.len);
}

/* The next frame for the neighbour; false if there is none. */
static bool take_out(struct virtio_net_hdr *ret_h, struct frame *ret_f)
{
	struct iovec parts[2] = { { ret_h, sizeof(*ret_h) }, { ret_f->bytes, sizeof(ret_f->bytes) } };
	struct pollfd p = { .fd = far_fd, .events = POLLIN };

	while (poll(&p, 1, WAIT_MS) == 1) {
		ssize_t n = readv(far_fd, parts, 2);

		REQUIRE(n >= (ssize_t)sizeof(*ret_h) + ETHERNET);
		ret_f->len = (uint32_t)n - (uint32_t)sizeof(*ret_h);
		if (memcmp(ret_f->bytes, next_mac, 6) == 0)
			return true;
	}
	return false;
}

/* --- vectors --- */

/* The identification is the program's choice, and the host's forwarding takes hops. */
static void want_adapt(uint8_t *want, const uint8_t *got, unsigned hops)
{
	if (want[0] >> 4 == 6) {
		want[7] = (uint8_t)(want[7] - hops);
		return;
	}
	memcpy(want + 4, got + 4, 2);
	want[8] = (uint8_t)(want[8] - hops);
	memset(want + 10, 0, 2);
	be16_put(want + 10, (uint16_t)~slow_ones(slow_sum(want, IP4_HDR_LEN)));
}

static void ends_complete(struct ends *e)
{
	if (vector.direction == VECTOR_64) {
		addr4_put(e->src4, vector.to4.outer.src);
		addr4_put(e->dst4, vector.to4.outer.dst);
		be16_put(e->sport4, vector.to4.outer.sport);
		return;
	}
	addr6_put(e->src6, vector.to6.outer.src);
	addr6_put(e->dst6, vector.to6.outer.dst);
	be16_put(e->dport6, vector.to6.outer.dport);
}

static bool is_wanted(void)
{
	const struct offload *off = &vector.in.off;
	struct pkt p = assemble_pkt(&vector.in, memory, sizeof(memory), PKT_HEADROOM);

	if (vector.in.outer.len > TRAIN_MAX) /* the device would take it apart before */
		return false;
	if (vector.drop != DROP_NONE || (!off->csum_partial && off->gso == GSO_NONE))
		return false;
	return pkt_parse(&p) == DROP_NONE && is_plain(&p, false);
}

/* Returns whether the vector was looked at. */
static bool run_vector(struct box *b)
{
	static struct frame f;
	struct ends e = { 0 };
	struct virtio_net_hdr h;
	unsigned hops = b->host->mode == FLOW_MODE_ROUTE ? SERVER_HOPS : 0;

	if (!is_wanted() || !ends_read(&e, vector.in.outer.bytes, vector.in.outer.len))
		return false;
	ends_complete(&e);
	box_clear(b);
	box_prefix(b, vector.direction == VECTOR_64 ? e.dst6 : e.src6, 96);
	REQUIRE(vector.direction == VECTOR_64 ? box_enter64(b, &e) != NULL : box_enter46(b, &e) != NULL);
	if (!put_in()) {
		CHECK(vector.in.off.gso == GSO_UDP); /* Linux before 6.2 */
		return false;
	}
	if (!CHECK(take_out(&h, &f)))
		return true;
	want_adapt(vector.out.outer.bytes, f.bytes + ETHERNET, hops);
	CHECK_BYTES(f.bytes + ETHERNET, f.len - ETHERNET, vector.out.outer.bytes, vector.out.outer.len);
	CHECK_BYTES(f.bytes + 6, 6, out_mac, 6);
	check_offload(&h, &vector.out.off);
	CHECK_INT(box_tally(b, hops ? offsetof(struct flow_tallies, routed)
				    : offsetof(struct flow_tallies, redirected)),
		1);
	return true;
}

static void run_mode(uint32_t mode)
{
	struct box *b = box_new();
	unsigned seen = 0;

	network_make(b, mode);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct vector_file f;
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", VECTOR_DIR, files[i]);
		REQUIRE(vector_open(&f, path));
		while (vector_next(&f, &vector) > 0) {
			test_row(vector.name);
			seen += run_vector(b);
		}
		vector_close(&f);
	}
	test_row(NULL);
	printf("%u vectors with offload state\n", seen);
	CHECK(seen >= 10);
	box_free(b);
}

TEST(partial_checksums_and_trains_go_out_as_the_vectors_say)
{
	run_mode(FLOW_MODE_REDIRECT);
}

TEST(partial_checksums_and_trains_go_through_the_host_as_the_vectors_say)
{
	run_mode(FLOW_MODE_ROUTE);
}
