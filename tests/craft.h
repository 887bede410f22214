/*
 * craft.h - packets for tests, built field by field, with checksums from an independent slow routine
 *
 * Nothing here uses the code under test: bytes are laid out and summed one by one.
 */
#ifndef ISTHMUS_TESTS_CRAFT_H
#define ISTHMUS_TESTS_CRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRAFT_ROOM 256 /* bytes before and after every packet */
#define CRAFT_MAX (65575 + 2 * CRAFT_ROOM)

/* A packet and its memory. */
struct craft {
	uint8_t memory[CRAFT_MAX];
	size_t len; /* bytes of packet, from craft_data() */
};

static inline uint8_t *craft_data(struct craft *c)
{
	return c->memory + CRAFT_ROOM;
}

/* What all builders need; addresses in text form. */
struct craft_ip {
	const char *src, *dst; /* both IPv4 or both IPv6 decide the version */
	uint8_t hop_limit;     /* 0: 64 */
	uint8_t tos;
	bool no_df; /* IPv4: leave DF clear */
};

/** craft_udp(), craft_tcp(), craft_echo() - a whole packet with @payload_len bytes 0, 1, 2, ... and right
 * checksums */
void craft_udp(
	struct craft *c, const struct craft_ip *ip, uint16_t sport, uint16_t dport, size_t payload_len);
void craft_tcp(struct craft *c, const struct craft_ip *ip, uint16_t sport, uint16_t dport, uint8_t flags,
	size_t payload_len);
/** craft_tcp_sum() - put the right checksum into a TCP packet that was changed; IPv4 options are not expected */
void craft_tcp_sum(struct craft *c);
void craft_echo(struct craft *c, const struct craft_ip *ip, bool is_reply, uint16_t id, uint16_t seq,
	size_t payload_len);
/** craft_error() - an ICMP error with @inner_len bytes of @inner inside; @rest is the word after the checksum
 */
void craft_error(struct craft *c, const struct craft_ip *ip, uint8_t type, uint8_t code, uint32_t rest,
	const uint8_t *inner, size_t inner_len);

/** craft_checksums_ok() - whether every checksum of a packet (IPv4 header, TCP, UDP, ICMP) is right, added
 * byte by byte */
bool craft_checksums_ok(const uint8_t *p, size_t len);

#endif
