/* datagrams.c - see datagrams.h */
#include "relay/datagrams.h"

#include <errno.h>

struct msghdr *datagrams_point(struct datagrams *d, unsigned i, void *bytes, size_t len)
{
	struct msghdr *m = &d->m[i].msg_hdr;

	d->io[i] = (struct iovec){ .iov_base = bytes, .iov_len = len };
	*m = (struct msghdr){ .msg_iov = &d->io[i], .msg_iovlen = 1 };
	return m;
}

/* An ICMP error of an earlier datagram is told instead of sending the next one, which is then sent again. */
static int send_some(struct lane *l, int fd, struct mmsghdr *m, unsigned n)
{
	int sent = sendmmsg(fd, m, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) {
		LANE_COUNT(l, udp_icmp_errors);
		sent = sendmmsg(fd, m, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	return sent;
}

unsigned datagrams_send(
	struct lane *l, int fd, struct datagrams *d, unsigned from, unsigned n, size_t *ret_bytes)
{
	unsigned end = from + n, lost = 0;

	for (unsigned at = from; at < end;) {
		int sent = send_some(l, fd, &d->m[at], end - at);

		lost += sent <= 0;
		for (int i = 0; i < sent; i++)
			*ret_bytes += d->io[at + (unsigned)i].iov_len;
		at += sent > 0 ? (unsigned)sent : 1;
	}
	LANE_ADD(l, udp_send_failed, lost);
	return n - lost;
}

int datagrams_receive(struct datagrams *d, uint8_t (*room)[DATAGRAMS_ROOM], int fd)
{
	for (unsigned i = 0; i < DATAGRAMS_BATCH; i++) {
		struct msghdr *m = datagrams_point(d, i, room[i], DATAGRAMS_ROOM);

		m->msg_name = &d->peer[i];
		m->msg_namelen = sizeof(d->peer[i]);
		m->msg_control = d->control[i].room;
		m->msg_controllen = sizeof(d->control[i].room);
	}
	int n = recvmmsg(fd, d->m, DATAGRAMS_BATCH, MSG_DONTWAIT, NULL);

	return n < 0 ? -errno : n;
}
