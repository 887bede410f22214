/*
 * direct_socket.h - sockets to an upstream, each at a port that nobody should know (private to direct_open.c)
 */
#ifndef ISTHMUS_DNS64_DIRECT_SOCKET_H
#define ISTHMUS_DNS64_DIRECT_SOCKET_H

#include "base/random.h"
#include "dns64/direct.h"
#include "dns64/scrub.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define DIRECT_PORT_MIN                                                                                      \
	10240 /* below are ports of services, which a socket of ours would keep from starting */

/* Ports that nothing is asked from: one bit each. */
struct port_set {
	uint64_t bits[65536 / 64];
};

/** port_set_read() - add the ports of a list such as "8080,49152-65535", as the kernel writes it; what is no number is passed over */
void port_set_read(struct port_set *s, const char *text);

static inline bool port_set_has(const struct port_set *s, uint16_t port)
{
	return (s->bits[port / 64] >> (port % 64)) & 1;
}

/**
 * direct_socket_open() - a UDP socket, bound to a random port that is free and not in @avoid, and connected to @to
 * @ret_fd:	close it
 *
 * Spec:   RFC 5452 s9.2
 * Return: 0; -EADDRINUSE if no port was found; -EIO without randomness; another -errno.
 */
MUST_CHECK int direct_socket_open(
	const struct endpoint *to, const struct port_set *avoid, struct random_stock *random, int *ret_fd);

/** direct_socket_send() - send a question of identifier @id; false if the network does not take it */
MUST_CHECK bool direct_socket_send(int fd, const struct dns_question *q, uint16_t id);

/** direct_socket_is_worn() - whether a socket at which @asked questions were asked since @age is for no more of them */
static inline bool direct_socket_is_worn(unsigned asked, nsec age)
{
	return asked >= DIRECT_LINE_QUESTIONS || age >= DIRECT_LINE_TIME;
}

#define DIRECT_BATCH 8 /* datagrams that a system call takes */

/* What came with one of them. */
struct direct_batch {
	struct mmsghdr heads[DIRECT_BATCH]; /* msg_len is the length */
	struct iovec io[DIRECT_BATCH];
	uint8_t bytes[DIRECT_BATCH][SCRUBBED_MAX]; /* what was longer is cut, and cannot be read then */
};

/** direct_socket_receive() - take what is there, DIRECT_BATCH at most; how many, or -1 with errno */
MUST_CHECK int direct_socket_receive(int fd, struct direct_batch *b);

#endif
