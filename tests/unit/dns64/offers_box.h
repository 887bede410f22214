/*
 * offers_box.h - the XDP program in the kernel, with the resolver's side of its table, and frames to run through it
 *
 * Checksums are made and verified by routines of this file.
 */
#ifndef ISTHMUS_TESTS_OFFERS_BOX_H
#define ISTHMUS_TESTS_OFFERS_BOX_H

#include "dnstext.h"

#include "abi.h"
#include "dns64/offers.h"
#include "dns64/reply.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "dns.skel.h"
#pragma GCC diagnostic pop

#define LOOPBACK_INDEX 1 /* where BPF_PROG_TEST_RUN says that packets come in */
#define PORT 53
#define CLIENT_PORT 4321
#define ETHERNET 14
#define UDP_BYTES 8
#define FRAME_MAX 2048

static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 1 }, client_mac[6] = { 2, 0, 0, 0, 0, 2 };
static const char host6[] = "2001:db8::1", host4[] = "192.0.2.1";

struct box {
	struct dns_bpf *bpf;
	struct offers *offers;
	struct answers *answers;
};

/* --- the program --- */

static inline int fd_of(const struct bpf_map *m)
{
	return bpf_map__fd(m);
}

static inline void put(int map, const void *key, const void *value)
{
	REQUIRE(bpf_map_update_elem(map, key, value, BPF_ANY) == 0);
}

static inline void put_local(const struct box *b, const char *addr, int family)
{
	struct dns_local_key key = { .port = htons(PORT), .family = family == AF_INET ? 4 : 6 };
	uint32_t one = 1;

	REQUIRE(inet_pton(family, addr, key.addr) == 1);
	put(fd_of(b->bpf->maps.locals), &key, &one);
}

/* @view: -1: not allowed */
static inline void put_client(const struct box *b, const char *addr, int family, unsigned len, int view)
{
	struct dns_client_key key = { .prefix_len = 32 + len, .family = htonl(family == AF_INET ? 4 : 6) };
	uint32_t value = (uint32_t)(view + 1);

	REQUIRE(inet_pton(family, addr, key.addr) == 1);
	put(fd_of(b->bpf->maps.clients), &key, &value);
}

static inline void box_open(struct box *b)
{
	struct dns_interface lo = { .mac = { 0 } };
	struct dns_head head = { .processors = (uint32_t)libbpf_num_possible_cpus() };
	uint32_t zero = 0, index = LOOPBACK_INDEX;

	if (!getenv("TEST_VERBOSE"))
		libbpf_set_print(NULL);
	b->bpf = dns_bpf__open();
	REQUIRE(b->bpf);
	b->bpf->rodata->ports[0] = htons(PORT);
	b->bpf->rodata->ports_len = 1;
	REQUIRE(bpf_map__set_max_entries(b->bpf->maps.tallies, head.processors) == 0);
	int r = dns_bpf__load(b->bpf);

	if (r == -EPERM || r == -ENOSYS) /* -EACCES is the verifier's */
		test_skip("the kernel does not load BPF programs for us");
	REQUIRE(r == 0);
	put(fd_of(b->bpf->maps.head), &zero, &head);
	memcpy(lo.mac, host_mac, sizeof(host_mac));
	put(fd_of(b->bpf->maps.interfaces), &index, &lo);
	put_local(b, host6, AF_INET6);
	put_local(b, host4, AF_INET);
	put_client(b, "2001:db8:1::", AF_INET6, 48, 0);
	put_client(b, "2001:db8:1:2::", AF_INET6, 64, 1);
	put_client(b, "2001:db8:1:3::", AF_INET6, 64, -1);
	put_client(b, "198.51.100.0", AF_INET, 24, 0);
	b->bpf->bss->is_on = 1;
	const int fds[OFFERS_FDS] = { fd_of(b->bpf->maps.slots), fd_of(b->bpf->maps.head),
		fd_of(b->bpf->maps.tallies) };

	REQUIRE(offers_new(fds, &b->offers) == 0);
	REQUIRE(answers_new(1024, &b->answers) == 0);
}

static inline void box_close(struct box *b)
{
	answers_free(b->answers);
	offers_free(b->offers);
	dns_bpf__destroy(b->bpf);
}

/* --- frames --- */

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

/* What a query is put into. */
struct wrapping {
	const char *from; /* IPv6 if it has a colon */
	bool has_vlan;
};

static inline uint32_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

static inline uint16_t slow_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum that a right UDP checksum makes 0xffff. */
static inline uint16_t udp_sum(const uint8_t *ip, size_t len)
{
	bool is6 = ip[0] >> 4 == 6;
	size_t head = is6 ? 40 : 20, addresses = is6 ? 32 : 8;

	return slow_fold(slow_sum(ip + (is6 ? 8 : 12), addresses) + 17 + (uint32_t)(len - head) +
			 slow_sum(ip + head, len - head));
}

static inline size_t ip_at(const struct frame *f)
{
	return be16_at(f->bytes + 12) == 0x8100 ? ETHERNET + 4 : ETHERNET;
}

static inline size_t dns_at(const struct frame *f)
{
	size_t ip = ip_at(f);

	return ip + (f->bytes[ip] >> 4 == 6 ? 40 : 20) + UDP_BYTES;
}

static inline void put_ip(uint8_t *ip, bool is6, const char *from, size_t udp_len)
{
	if (is6) {
		memset(ip, 0, 40);
		be32_put(ip, 0x60012345);
		be16_put(ip + 4, (uint16_t)udp_len);
		ip[6] = 17;
		ip[7] = 61;
		REQUIRE(inet_pton(AF_INET6, from, ip + 8) == 1 && inet_pton(AF_INET6, host6, ip + 24) == 1);
		return;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	be16_put(ip + 2, (uint16_t)(20 + udp_len));
	be16_put(ip + 4, 0x1234);
	ip[8] = 61;
	ip[9] = 17;
	REQUIRE(inet_pton(AF_INET, from, ip + 12) == 1 && inet_pton(AF_INET, host4, ip + 16) == 1);
	be16_put(ip + 10, (uint16_t)~slow_fold(slow_sum(ip, 20)));
}

static inline void wrap(struct frame *f, const struct wrapping *w, const uint8_t *msg, size_t len)
{
	bool is6 = strchr(w->from, ':');
	size_t at = ETHERNET;

	memcpy(f->bytes, host_mac, 6);
	memcpy(f->bytes + 6, client_mac, 6);
	if (w->has_vlan) {
		be16_put(f->bytes + 12, 0x8100);
		be16_put(f->bytes + 14, 7);
		at += 4;
	}
	be16_put(f->bytes + at - 2, is6 ? 0x86dd : 0x0800);
	put_ip(f->bytes + at, is6, w->from, UDP_BYTES + len);
	uint8_t *udp = f->bytes + at + (is6 ? 40 : 20);

	be16_put(udp, CLIENT_PORT);
	be16_put(udp + 2, PORT);
	be16_put(udp + 4, (uint16_t)(UDP_BYTES + len));
	be16_put(udp + 6, 0x5555); /* as a network card would complete it */
	memcpy(udp + UDP_BYTES, msg, len);
	f->len = (size_t)(udp - f->bytes) + UDP_BYTES + len;
}

/* Runs a frame through the program; what came out is in *f. */
static inline uint32_t run(const struct box *b, struct frame *f)
{
	struct frame in = *f;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_size_in = (uint32_t)in.len,
		.repeat = 1, .data_out = f->bytes, .data_size_out = sizeof(f->bytes));

	REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(b->bpf->progs.isthmus_dns), &options) == 0);
	f->len = options.data_size_out;
	if (options.retval == XDP_PASS)
		CHECK_BYTES(f->bytes, f->len, in.bytes, in.len);
	return options.retval;
}

/* Everything of a reply but the message. */
static inline void check_wrapping(const struct frame *reply, const struct frame *query)
{
	size_t at = ip_at(query), head = query->bytes[at] >> 4 == 6 ? 40 : 20;
	const uint8_t *ip = reply->bytes + at, *was = query->bytes + at, *udp = ip + head;
	size_t addr = head == 40 ? 16 : 4, from = head == 40 ? 8 : 12;

	CHECK_BYTES(reply->bytes, 6, client_mac, 6);
	CHECK_BYTES(reply->bytes + 6, 6, host_mac, 6);
	CHECK_BYTES(reply->bytes + 12, at - 12, query->bytes + 12, at - 12);
	CHECK_BYTES(ip + from, addr, was + from + addr, addr);
	CHECK_BYTES(ip + from + addr, addr, was + from, addr);
	CHECK_INT(be16_at(udp), PORT);
	CHECK_INT(be16_at(udp + 2), CLIENT_PORT);
	CHECK_INT(be16_at(udp + 4), reply->len - at - head);
	CHECK(be16_at(udp + 6) != 0);
	CHECK_INT(udp_sum(ip, reply->len - at), 0xffff);
	CHECK_INT(head == 40 ? ip[7] : ip[8], 64);
	CHECK_INT(head == 40 ? be16_at(ip + 4) + 40u : be16_at(ip + 2), reply->len - at);
	if (head == 20)
		CHECK_INT(slow_fold(slow_sum(ip, 20)), 0xffff);
}

#endif
