/* datagrams.h - batches of datagrams: many with one system call, each with the addresses of both ends */
#ifndef ISTHMUS_RELAY_DATAGRAMS_H
#define ISTHMUS_RELAY_DATAGRAMS_H

#include "net/pktinfo.h"
#include "net/sockaddr.h"
#include "relay/lane.h"

#include <sys/socket.h>

#define DATAGRAMS_BATCH 16
#define DATAGRAMS_ROOM 65536 /* bytes; no datagram is longer */

/* What the kernel is told of, or tells of, each datagram of a batch. */
struct datagrams {
	struct mmsghdr m[DATAGRAMS_BATCH];
	struct iovec io[DATAGRAMS_BATCH];
	union sockaddr_any peer[DATAGRAMS_BATCH];
	union pktinfo_control control[DATAGRAMS_BATCH];
};

/** datagrams_point() - point number @i at @len bytes; the kernel changes the lengths, so this is done for every call. Its
 * message, without name and control */
struct msghdr *datagrams_point(struct datagrams *d, unsigned i, void *bytes, size_t len);

/**
 * datagrams_send() - send @n datagrams; one that is not taken is lost and counted, and the others go on
 * @ret_bytes:	grows by the bytes that went
 *
 * Return: how many went
 */
unsigned datagrams_send(
	struct lane *l, int fd, struct datagrams *d, unsigned from, unsigned n, size_t *ret_bytes);

/** datagrams_receive() - take a batch, number i into @room[i]; how many, or -errno */
int datagrams_receive(struct datagrams *d, uint8_t (*room)[DATAGRAMS_ROOM], int fd);

#endif
