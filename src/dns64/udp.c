/* udp.c - queries and replies over UDP; a reply leaves from the address that was asked */
#include "dns64/serve.h"

#include <errno.h>
#include <sys/uio.h>

#define BURST 64 /* queries taken before the loop looks at other sockets again */

/* Room for the one control message that we use, of either family, aligned for it. */
union control {
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct cmsghdr align;
};

static void read_local4(const struct cmsghdr *c, struct reply_path *path)
{
	struct in_pktinfo info;

	bytes_copy(&info, CMSG_DATA(c), sizeof(info));
	path->local4 = (struct addr4){ ntohl(info.ipi_spec_dst.s_addr) };
}

static void read_local6(const struct cmsghdr *c, struct reply_path *path)
{
	struct in6_pktinfo info;

	bytes_copy(&info, CMSG_DATA(c), sizeof(info));
	path->local6 = addr6_at(info.ipi6_addr.s6_addr);
	/* Other addresses are found by the routing table, which may know a better way back than the way here.
	 */
	path->interface = path->local6.hi >> 54 == 0xfe80 >> 6 ? (int)info.ipi6_ifindex : 0;
}

static bool read_local(struct msghdr *m, struct reply_path *path)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			read_local4(c, path);
			return true;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			read_local6(c, path);
			return true;
		}
	}
	return false;
}

static void put_control(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c;

	m->msg_controllen = CMSG_SPACE(len);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	bytes_copy(CMSG_DATA(c), data, len);
}

static void write_local(struct msghdr *m, const struct reply_path *path)
{
	if (path->peer.sa.sa_family == AF_INET) {
		struct in_pktinfo info = { .ipi_spec_dst = { htonl(path->local4.v) } };

		put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
		return;
	}
	struct in6_pktinfo info = { .ipi6_ifindex = (unsigned)path->interface };

	addr6_put(info.ipi6_addr.s6_addr, path->local6);
	put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

bool udp_send(const struct reply_path *path, const uint8_t *bytes, size_t len)
{
	union control control = { .room = { 0 } };
	union sockaddr_any peer = path->peer;
	struct iovec io = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr m = {
		.msg_name = &peer,
		.msg_namelen = sockaddr_len(&peer),
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.room,
	};

	write_local(&m, path);
	return sendmsg(path->udp->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

/* Takes one datagram; false if there is none. */
static bool take_one(struct udp_socket *s)
{
	struct reply_path path = { .udp = s };
	union control control;
	uint8_t bytes[QUERY_LEN_MAX];
	struct iovec io = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr m = {
		.msg_name = &path.peer,
		.msg_namelen = sizeof(path.peer),
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT);

	if (n < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK; /* an ICMP error of an earlier reply: go on */
	struct dns_endpoint client = sockaddr_endpoint(&path.peer);

	/* Port 0 cannot be answered. A message that was cut (MSG_TRUNC) fails to parse by itself. */
	if (client.port == 0 || !read_local(&m, &path))
		return true;
	if (resolver_allows(s->resolver, &client))
		serve_message(s->resolver, bytes, (size_t)n, &path);
	else
		serve_stranger(s->resolver, bytes, (size_t)n, &path);
	return true;
}

static void on_readable(void *ctx, unsigned ready)
{
	for (unsigned i = 0; i < BURST && take_one(ctx); i++)
		;
}

int udp_start(struct resolver *r, struct udp_socket *s, int fd)
{
	s->resolver = r;
	s->fd = fd;
	return loop_watch_fd(r->loop, fd, LOOP_READ, on_readable, s, &s->watch);
}

void udp_stop(struct udp_socket *s)
{
	loop_unwatch(s->watch);
	s->watch = NULL;
}
