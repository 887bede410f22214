/*
 * packet_input.h - packets that somebody typed, pasted or captured
 *
 * Two forms. Text: hexadecimal digits, as they are, or as tcpdump -x, xxd and Wireshark print them. A blank line, a line
 * that begins with offset 0 and a caption of tcpdump begin a new packet; # begins a comment. Or a capture file of tcpdump
 * (pcap) with IP packets, Ethernet frames or Linux cooked frames.
 */
#ifndef ISTHMUS_CMD_PACKET_INPUT_H
#define ISTHMUS_CMD_PACKET_INPUT_H

#include "base/clock.h"
#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define INPUT_PACKET_MAX 65575 /* an IPv6 header and 65535 bytes */
#define INPUT_WHY 160

struct input_sink {
	/** packet() - one packet, from its IP header on; @at: since the first of a capture, else 0 */
	void (*packet)(void *ctx, const uint8_t *bytes, size_t len, nsec at);
	void *ctx;
};

/**
 * packet_input_read() - find the packets in some input
 * @data:	@len bytes, untrusted
 * @ret_why:	on failure: what is wrong, and where
 *
 * Frames of a capture that hold no IP packet are left out. What was found before a fault has been handed on.
 *
 * Return: number of packets; -EINVAL; -EFBIG if a packet is longer than INPUT_PACKET_MAX.
 */
MUST_CHECK int packet_input_read(
	const uint8_t *data, size_t len, const struct input_sink *sink, char ret_why[static INPUT_WHY]);

#endif
