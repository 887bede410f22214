/* listen.c - opening the resolver's own sockets */
#include "dns64/listen.h"

#include "dns64/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#define TCP_BACKLOG 256
#define UDP_BUFFER (1 << 20) /* bytes; a burst of queries waits here while the loop is busy */

socklen_t sockaddr_put(union sockaddr_any *a, const struct dns_endpoint *e)
{
	*a = (union sockaddr_any){ .v6 = { .sin6_port = 0 } };
	if (e->is4) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(e->port);
		a->v4.sin_addr.s_addr = htonl(e->a4.v);
	} else {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(e->port);
		addr6_put(a->v6.sin6_addr.s6_addr, e->a6);
	}
	return sockaddr_len(a);
}

struct dns_endpoint sockaddr_endpoint(const union sockaddr_any *a)
{
	if (a->sa.sa_family == AF_INET)
		return (struct dns_endpoint){
			.is4 = true,
			.a4 = { ntohl(a->v4.sin_addr.s_addr) },
			.port = ntohs(a->v4.sin_port),
		};
	return (struct dns_endpoint){ .a6 = addr6_at(a->v6.sin6_addr.s6_addr),
		.port = ntohs(a->v6.sin6_port) };
}

const char *dns_endpoint_text(const struct dns_endpoint *e, char buf[static ENDPOINT6_TEXT])
{
	return e->is4 ? endpoint4_text(e->a4, e->port, buf) : endpoint6_text(e->a6, e->port, buf);
}

static int enable(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* The destination of each query is needed, so that the reply can leave from it. */
static int set_options(int fd, const struct dns_endpoint *at, int type)
{
	int bytes = UDP_BUFFER;
	int r = enable(fd, SOL_SOCKET, SO_REUSEADDR);

	if (r == 0 && !at->is4)
		r = enable(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (r < 0 || type != SOCK_DGRAM)
		return r;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* less is enough for a start */
	return at->is4 ? enable(fd, IPPROTO_IP, IP_PKTINFO) : enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

static int open_bound(const struct dns_endpoint *at, int type)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, at);
	int fd = socket(a.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int r = set_options(fd, at, type);

	if (r == 0 && bind(fd, &a.sa, len) < 0)
		r = -errno;
	if (r == 0 && type == SOCK_STREAM && listen(fd, TCP_BACKLOG) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int resolver_stream_open(const struct dns_endpoint *at)
{
	return open_bound(at, SOCK_STREAM);
}

int resolver_socket_open(const struct dns_endpoint *at, struct resolver_socket *ret)
{
	int udp = open_bound(at, SOCK_DGRAM);

	if (udp < 0)
		return udp;
	int tcp = open_bound(at, SOCK_STREAM);

	if (tcp < 0) {
		close(udp);
		return tcp;
	}
	*ret = (struct resolver_socket){ .udp = udp, .tcp = tcp };
	return 0;
}
