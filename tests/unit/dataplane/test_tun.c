/* test_tun.c - the virtio-net header of the TUN device: every field, every lie, and reading and writing
 * frames */
#include "dataplane/tun.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void header_make(
	uint8_t h[static TUN_HEADER_BYTES], uint8_t flags, uint8_t gso, const uint16_t words[4])
{
	h[0] = flags;
	h[1] = gso;
	memcpy(h + 2, words, 8);
}

/* virtio 1.1 s5.1.6: flags 1 needs checksum, 2 verified; gso 1 TCPv4, 3 UFO, 4 TCPv6, 5 UDP, 0x80 ECN */
static const struct {
	const char *name;
	uint8_t flags, gso;
	uint16_t words[4]; /* hdr_len, gso_size, csum_start, csum_offset */
	enum drop_reason reason;
	struct offload want;
} decode_rows[] = {
	{ "plain", 0, 0, { 0 }, DROP_NONE, { 0 } },
	{ "verified", 2, 0, { 0 }, DROP_NONE, { .csum_valid = true } },
	{ "partial", 1, 0, { 0, 0, 20, 16 }, DROP_NONE,
		{ .csum_partial = true, .csum_start = 20, .csum_offset = 16 } },
	{ "stale offsets without the flag are not taken", 0, 0, { 9, 9, 9, 9 }, DROP_NONE, { 0 } },
	{ "tcp4 train", 1, 1, { 52, 1448, 20, 16 }, DROP_NONE,
		{ .csum_partial = true,
			.gso = GSO_TCP4,
			.gso_size = 1448,
			.csum_start = 20,
			.csum_offset = 16 } },
	{ "tcp6 train with CWR", 1, 0x84, { 72, 1428, 40, 16 }, DROP_NONE,
		{ .csum_partial = true,
			.gso_ecn = true,
			.gso = GSO_TCP6,
			.gso_size = 1428,
			.csum_start = 40,
			.csum_offset = 16 } },
	{ "udp train", 1, 5, { 28, 1200, 20, 6 }, DROP_NONE,
		{ .csum_partial = true,
			.gso = GSO_UDP,
			.gso_size = 1200,
			.csum_start = 20,
			.csum_offset = 6 } },
	{ "largest values", 3, 1, { 65535, 65535, 65535, 65535 }, DROP_NONE,
		{ .csum_partial = true,
			.csum_valid = true,
			.gso = GSO_TCP4,
			.gso_size = 65535,
			.csum_start = 65535,
			.csum_offset = 65535 } },
	{ "train of size zero", 1, 1, { 40, 0, 20, 16 }, DROP_OFFLOAD, { 0 } },
	{ "UFO was never asked for", 1, 3, { 28, 1400, 20, 6 }, DROP_OFFLOAD, { 0 } },
	{ "unknown gso type 2", 1, 2, { 28, 1400, 20, 6 }, DROP_OFFLOAD, { 0 } },
	{ "unknown gso type 0x7f", 1, 0x7f, { 28, 1400, 20, 6 }, DROP_OFFLOAD, { 0 } },
	{ "ECN without TCP", 1, 0x85, { 28, 1400, 20, 6 }, DROP_OFFLOAD, { 0 } },
	{ "ECN without a train", 0, 0x80, { 0 }, DROP_OFFLOAD, { 0 } },
	{ "unknown flag changes what fields mean", 4, 0, { 0 }, DROP_OFFLOAD, { 0 } },
	{ "unknown high flag", 0x81, 0, { 0, 0, 20, 16 }, DROP_OFFLOAD, { 0 } },
};

static void check_offload(const struct offload *got, const struct offload *want)
{
	CHECK_INT(got->csum_partial, want->csum_partial);
	CHECK_INT(got->csum_valid, want->csum_valid);
	CHECK_INT(got->gso_ecn, want->gso_ecn);
	CHECK_INT(got->gso, want->gso);
	CHECK_INT(got->gso_size, want->gso_size);
	CHECK_INT(got->csum_start, want->csum_start);
	CHECK_INT(got->csum_offset, want->csum_offset);
}

TEST(header_decode_takes_what_the_kernel_writes_and_refuses_the_rest)
{
	for (size_t i = 0; i < ARRAY_LEN(decode_rows); i++) {
		struct offload poison, got;
		uint8_t h[TUN_HEADER_BYTES];

		test_row(decode_rows[i].name);
		memset(&poison, 0x5a, sizeof(poison));
		got = poison;
		header_make(h, decode_rows[i].flags, decode_rows[i].gso, decode_rows[i].words);
		CHECK_INT(tun_header_decode(h, &got), decode_rows[i].reason);
		if (decode_rows[i].reason == DROP_NONE)
			check_offload(&got, &decode_rows[i].want);
		else
			CHECK(memcmp(&got, &poison, sizeof(got)) == 0);
	}
	test_row(NULL);
}

TEST(header_decode_survives_every_flag_and_type)
{
	for (unsigned v = 0; v < 65536; v++) {
		const uint16_t words[4] = { 1, 2, 3, 4 };
		uint8_t h[TUN_HEADER_BYTES];
		struct offload o;

		header_make(h, (uint8_t)(v >> 8), (uint8_t)v, words);
		enum drop_reason reason = tun_header_decode(h, &o);
		bool known_flags = (v >> 8) < 4;
		unsigned type = v & 0x7f;
		bool known_type = type == 0 || type == 1 || type == 4 || type == 5;
		bool ecn_fits = (v & 0x80) == 0 || type == 1 || type == 4;

		if ((reason == DROP_NONE) != (known_flags && known_type && ecn_fits))
			CHECK_INT(v, -1);
	}
}

/* A TCP header's 13th byte says how long it is; words of 4 bytes in the high half. */
static const struct {
	const char *name;
	struct offload off;
	uint32_t len;
	uint8_t tcp_words;
	uint8_t flags, gso;
	uint16_t words[4];
} encode_rows[] = {
	{ "plain", { 0 }, 100, 5, 0, 0, { 0 } },
	{ "verified", { .csum_valid = true }, 100, 5, 2, 0, { 0 } },
	{ "partial wins over verified",
		{ .csum_partial = true, .csum_valid = true, .csum_start = 40, .csum_offset = 6 }, 100, 5, 1,
		0, { 0, 0, 40, 6 } },
	{ "tcp4, no options",
		{ .csum_partial = true,
			.gso = GSO_TCP4,
			.gso_size = 1448,
			.csum_start = 20,
			.csum_offset = 16 },
		4000, 5, 1, 1, { 40, 1448, 20, 16 } },
	{ "tcp4, time stamps",
		{ .csum_partial = true,
			.gso = GSO_TCP4,
			.gso_size = 1448,
			.csum_start = 20,
			.csum_offset = 16 },
		4000, 8, 1, 1, { 52, 1448, 20, 16 } },
	{ "tcp6 with CWR",
		{ .csum_partial = true,
			.gso_ecn = true,
			.gso = GSO_TCP6,
			.gso_size = 1428,
			.csum_start = 40,
			.csum_offset = 16 },
		4000, 15, 1, 0x84, { 100, 1428, 40, 16 } },
	{ "udp",
		{ .csum_partial = true,
			.gso = GSO_UDP,
			.gso_size = 1200,
			.csum_start = 40,
			.csum_offset = 6 },
		4000, 5, 1, 5, { 48, 1200, 40, 6 } },
	{ "tcp header shorter than it can be: no hint",
		{ .csum_partial = true,
			.gso = GSO_TCP4,
			.gso_size = 1448,
			.csum_start = 20,
			.csum_offset = 16 },
		4000, 4, 1, 1, { 0, 1448, 20, 16 } },
	{ "tcp header beyond the packet: no hint",
		{ .csum_partial = true, .gso = GSO_TCP4, .gso_size = 8, .csum_start = 20, .csum_offset = 16 },
		60, 15, 1, 1, { 0, 8, 20, 16 } },
	{ "transport header beyond the packet: no hint",
		{ .csum_partial = true,
			.gso = GSO_TCP4,
			.gso_size = 8,
			.csum_start = 200,
			.csum_offset = 16 },
		60, 5, 1, 1, { 0, 8, 200, 16 } },
	{ "train whose checksum is whole: no hint", { .gso = GSO_TCP4, .gso_size = 1448 }, 4000, 5, 0, 1,
		{ 0, 1448, 0, 0 } },
};

TEST(header_encode_writes_what_the_kernel_takes)
{
	static uint8_t packet[4096];

	for (size_t i = 0; i < ARRAY_LEN(encode_rows); i++) {
		uint8_t want[TUN_HEADER_BYTES], got[TUN_HEADER_BYTES];
		struct pkt p = { .head = packet,
			.data = packet,
			.len = encode_rows[i].len,
			.end = packet + sizeof(packet) };

		test_row(encode_rows[i].name);
		p.off = encode_rows[i].off;
		memset(packet, 0, sizeof(packet));
		packet[p.off.csum_start + 12] = (uint8_t)(encode_rows[i].tcp_words << 4);
		memset(got, 0x5a, sizeof(got));
		header_make(want, encode_rows[i].flags, encode_rows[i].gso, encode_rows[i].words);
		tun_header_encode(&p, got);
		CHECK_BYTES(got, sizeof(got), want, sizeof(want));
	}
	test_row(NULL);
}

TEST(header_round_trip_keeps_every_offload_state)
{
	static uint8_t packet[200];

	for (size_t i = 0; i < ARRAY_LEN(decode_rows); i++) {
		struct pkt p = {
			.head = packet, .data = packet, .len = sizeof(packet), .end = packet + sizeof(packet)
		};
		uint8_t h[TUN_HEADER_BYTES];
		struct offload got;

		if (decode_rows[i].reason != DROP_NONE ||
			(decode_rows[i].want.csum_partial && decode_rows[i].want.csum_valid))
			continue;
		test_row(decode_rows[i].name);
		p.off = decode_rows[i].want;
		tun_header_encode(&p, h);
		CHECK_INT(tun_header_decode(h, &got), DROP_NONE);
		check_offload(&got, &decode_rows[i].want);
	}
	test_row(NULL);
}

/* A datagram socket pair keeps frames apart as the TUN device does. */
static void frames_open(int fd[2])
{
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) == 0);
}

TEST(read_puts_the_packet_behind_the_headroom)
{
	static uint8_t buf[TUN_BUFFER_BYTES];
	uint8_t frame[TUN_HEADER_BYTES + 40] = { 1, 1 };
	const uint16_t words[4] = { 40, 1448, 20, 16 };
	enum drop_reason reason = DROP_COUNT;
	struct pkt p;
	int fd[2];

	frames_open(fd);
	header_make(frame, 1, 1, words);
	for (uint8_t i = 0; i < 40; i++)
		frame[TUN_HEADER_BYTES + i] = i;
	REQUIRE(write(fd[0], frame, sizeof(frame)) == (ssize_t)sizeof(frame));
	memset(buf, 0x5a, sizeof(buf));
	CHECK_INT(tun_read(fd[1], buf, &p, &reason), 1);
	CHECK_INT(reason, DROP_NONE);
	CHECK(p.head == buf && p.data == buf + PKT_HEADROOM && p.end == buf + TUN_BUFFER_BYTES);
	CHECK_BYTES(p.data, p.len, frame + TUN_HEADER_BYTES, 40);
	CHECK_INT(p.off.gso, GSO_TCP4);
	CHECK_INT(p.off.gso_size, 1448);
	CHECK_INT(p.data[p.len], 0x5a);
	CHECK_INT(p.data[-TUN_HEADER_BYTES - 1], 0x5a);
}

TEST(read_says_when_nothing_waits)
{
	static uint8_t buf[TUN_BUFFER_BYTES];
	enum drop_reason reason = DROP_COUNT;
	struct pkt p;
	int fd[2];

	frames_open(fd);
	CHECK_INT(tun_read(fd[1], buf, &p, &reason), 0);
	CHECK_INT(tun_read(-1, buf, &p, &reason), -EBADF);
	CHECK_INT(reason, DROP_COUNT);
}

TEST(read_of_every_short_frame_is_malformed_and_counted)
{
	static uint8_t buf[TUN_BUFFER_BYTES];
	const uint8_t frame[TUN_HEADER_BYTES + 1] = { 0 };
	int fd[2];

	frames_open(fd);
	for (size_t len = 1; len <= sizeof(frame); len++) {
		enum drop_reason reason = DROP_COUNT;
		struct pkt p;

		REQUIRE(write(fd[0], frame, len) == (ssize_t)len);
		CHECK_INT(tun_read(fd[1], buf, &p, &reason), 1);
		CHECK_INT(reason, len > TUN_HEADER_BYTES ? DROP_NONE : DROP_TUN_READ_SHORT);
		CHECK_INT(p.len, len > TUN_HEADER_BYTES ? 1 : 0);
	}
}

TEST(read_of_a_lying_header_gives_an_empty_packet_and_its_reason)
{
	static uint8_t buf[TUN_BUFFER_BYTES];
	uint8_t frame[TUN_HEADER_BYTES + 20] = { 0, 3 };
	enum drop_reason reason = DROP_COUNT;
	struct pkt p;
	int fd[2];

	frames_open(fd);
	REQUIRE(write(fd[0], frame, sizeof(frame)) == (ssize_t)sizeof(frame));
	CHECK_INT(tun_read(fd[1], buf, &p, &reason), 1);
	CHECK_INT(reason, DROP_OFFLOAD);
	CHECK_INT(p.len, 0);
}

TEST(write_sends_header_and_packet_as_one_frame_and_touches_neither)
{
	uint8_t memory[PKT_HEADROOM + 40], before[sizeof(memory)], got[200];
	int fd[2];

	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)i;
	memcpy(before, memory, sizeof(memory));
	struct pkt p = {
		.head = memory, .data = memory + PKT_HEADROOM, .len = 40, .end = memory + sizeof(memory)
	};

	p.off = (struct offload){ .csum_partial = true, .csum_start = 20, .csum_offset = 6 };
	frames_open(fd);
	CHECK_INT(tun_write(fd[0], &p), 0);
	ssize_t n = read(fd[1], got, sizeof(got));
	REQUIRE(n == TUN_HEADER_BYTES + 40);
	const uint16_t words[4] = { 0, 0, 20, 6 };
	uint8_t want[TUN_HEADER_BYTES];

	header_make(want, 1, 0, words);
	CHECK_BYTES(got, TUN_HEADER_BYTES, want, sizeof(want));
	CHECK_BYTES(got + TUN_HEADER_BYTES, 40, memory + PKT_HEADROOM, 40);
	CHECK_BYTES(memory, sizeof(memory), before, sizeof(before));
	close(fd[0]);
	CHECK_INT(tun_write(fd[0], &p), -EBADF);
}

TEST(write_needs_no_room_before_the_packet)
{
	uint8_t memory[TUN_HEADER_BYTES + 30], got[200];
	int fd[2];

	memset(memory, 0x5a, sizeof(memory));
	for (size_t room = 0; room <= TUN_HEADER_BYTES; room++) {
		struct pkt p = { .head = memory + TUN_HEADER_BYTES - room,
			.data = memory + TUN_HEADER_BYTES,
			.len = 30,
			.end = memory + sizeof(memory) };

		frames_open(fd);
		CHECK_INT(tun_write(fd[0], &p), 0);
		CHECK_INT(read(fd[1], got, sizeof(got)), TUN_HEADER_BYTES + 30);
		CHECK_BYTES(got + TUN_HEADER_BYTES, 30, memory + TUN_HEADER_BYTES, 30);
		for (size_t i = 0; i < sizeof(memory); i++)
			CHECK_INT(memory[i], 0x5a);
		close(fd[0]);
		close(fd[1]);
	}
}

TEST(open_refuses_a_device_without_queues)
{
	char name[IFNAMSIZ] = "isth-test";
	unsigned offloads = 77;
	int fd = -1;

	CHECK(tun_open(name, 0, &fd, &offloads) < 0);
	CHECK_INT(offloads, 77);
	CHECK_INT(fd, -1);
}
