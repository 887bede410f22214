/* listen.c - see listen.h */
#include "net/listen.h"

#include "net/sockaddr.h"

#include <errno.h>
#include <unistd.h>

#define TCP_BACKLOG 4096     /* the host's net.core.somaxconn may be less */
#define UDP_BUFFER (1 << 20) /* bytes; a burst of datagrams waits here while the loop is busy */

static int enable(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* Of a socket for every address the destination of each query is needed, so that the reply can leave from it. */
static int set_options(int fd, const struct endpoint *at, int type, enum sharing sharing)
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
	if (!endpoint_is_any(at))
		return 0;
	return at->is4 ? enable(fd, IPPROTO_IP, IP_PKTINFO) : enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

int listen_open(const struct endpoint *at, int type, enum sharing sharing)
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

static int try_alone(const struct endpoint *at, int type)
{
	int fd = listen_open(at, type, BOUND_ALONE);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int listen_open_all(const struct endpoint *at, int type, unsigned len, int *ret_fds)
{
	enum sharing sharing = len > 1 ? BOUND_TOGETHER : BOUND_ALONE;
	int err = len > 1 ? try_alone(at, type) : 0;
	unsigned n = 0;

	while (err == 0 && n < len) {
		int fd = listen_open(at, type, sharing);

		if (fd < 0)
			err = fd;
		else
			ret_fds[n++] = fd;
	}
	while (err < 0 && n > 0)
		close(ret_fds[--n]);
	return err;
}
