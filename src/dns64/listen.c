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

/* Whether other sockets of ours are bound to the same address; a thread each. */
enum sharing { BOUND_ALONE, BOUND_TOGETHER };

/* Of a socket for every address the destination of each query is needed, so that the reply can leave from it. */
static int set_options(int fd, const struct dns_endpoint *at, int type, enum sharing sharing)
{
	int bytes = UDP_BUFFER;
	int r = enable(fd, SOL_SOCKET, SO_REUSEADDR);

	if (r == 0 && sharing == BOUND_TOGETHER)
		r = enable(fd, SOL_SOCKET, SO_REUSEPORT);
	if (r == 0 && !at->is4)
		r = enable(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (r < 0 || type != SOCK_DGRAM)
		return r;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* less is enough for a start */
	if (!dns_endpoint_is_any(at))
		return 0;
	return at->is4 ? enable(fd, IPPROTO_IP, IP_PKTINFO) : enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

static int open_bound(const struct dns_endpoint *at, int type, enum sharing sharing)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, at);
	int fd = socket(a.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int r = set_options(fd, at, type, sharing);

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

static int open_pair(const struct dns_endpoint *at, enum sharing sharing, struct resolver_socket *ret)
{
	int udp = open_bound(at, SOCK_DGRAM, sharing);

	if (udp < 0)
		return udp;
	int tcp = open_bound(at, SOCK_STREAM, sharing);

	if (tcp < 0) {
		close(udp);
		return tcp;
	}
	*ret = (struct resolver_socket){ .udp = udp, .tcp = tcp };
	return 0;
}

static void close_pair(const struct resolver_socket *s)
{
	close(s->udp);
	close(s->tcp);
}

/*
 * With SO_REUSEPORT, a bind() beside another program's that has it too works, and the kernel gives each a part of the
 * queries. So the address is first bound without, which fails if anybody is there.
 */
static int try_alone(const struct dns_endpoint *at)
{
	struct resolver_socket alone;
	int err = open_pair(at, BOUND_ALONE, &alone);

	if (err == 0)
		close_pair(&alone);
	return err;
}

static int try_stream_alone(const struct dns_endpoint *at)
{
	int fd = open_bound(at, SOCK_STREAM, BOUND_ALONE);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int resolver_sockets_open(const struct dns_endpoint *at, unsigned len, struct resolver_socket *ret)
{
	enum sharing sharing = len > 1 ? BOUND_TOGETHER : BOUND_ALONE;
	int err = len > 1 ? try_alone(at) : 0;
	struct resolver_socket made[DNS64_THREADS_MAX];
	unsigned n = 0;

	ASSERT(len <= DNS64_THREADS_MAX);
	while (err == 0 && n < len) {
		err = open_pair(at, sharing, &made[n]);
		n += err == 0;
	}
	for (unsigned i = 0; i < n; i++) {
		if (err < 0)
			close_pair(&made[i]);
		else
			ret[i] = made[i];
	}
	return err;
}

int resolver_streams_open(const struct dns_endpoint *at, unsigned len, int *ret_fds)
{
	enum sharing sharing = len > 1 ? BOUND_TOGETHER : BOUND_ALONE;
	int err = len > 1 ? try_stream_alone(at) : 0;
	int made[DNS64_THREADS_MAX];
	unsigned n = 0;

	ASSERT(len <= DNS64_THREADS_MAX);
	while (err == 0 && n < len) {
		made[n] = open_bound(at, SOCK_STREAM, sharing);
		err = made[n] < 0 ? made[n] : 0;
		n += err == 0;
	}
	for (unsigned i = 0; i < n; i++) {
		if (err < 0)
			close(made[i]);
		else
			ret_fds[i] = made[i];
	}
	return err;
}
