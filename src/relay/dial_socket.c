/* dial_socket.c - see dial_socket.h */
#include "relay/dial_socket.h"

#include "net/sockaddr.h"
#include "relay/own.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78 /* linux/in6.h since 4.15; the C library's header may be older */
#endif

static const struct {
	int err;
	enum dial_fault fault;
} faults[] = {
	{ 0, DIAL_OK },
	{ ECONNREFUSED, DIAL_REFUSED },
	{ ECONNRESET, DIAL_REFUSED },
	{ ETIMEDOUT, DIAL_TIMEOUT },
	{ ENETUNREACH, DIAL_UNREACHABLE },
	{ EHOSTUNREACH, DIAL_UNREACHABLE },
	{ ENETDOWN, DIAL_UNREACHABLE },
	{ EHOSTDOWN, DIAL_UNREACHABLE },
	{ ENONET, DIAL_UNREACHABLE },
	{ EACCES,
		DIAL_UNREACHABLE },  /* ICMPv6: prohibited; a route of type "prohibit"; a broadcast address */
	{ EPERM, DIAL_UNREACHABLE }, /* this host's own packet filter */
	{ EPROTO, DIAL_UNREACHABLE },	    /* ICMPv6: parameter problem */
	{ ENOPROTOOPT, DIAL_UNREACHABLE },  /* ICMP: protocol unreachable */
	{ EINVAL, DIAL_UNREACHABLE },	    /* a route of type "blackhole" */
	{ EAFNOSUPPORT, DIAL_UNREACHABLE }, /* a kernel without IPv6 */
	{ EOPNOTSUPP, DIAL_UNREACHABLE },
};

/* What is not in the table is our own want: EMFILE, ENOMEM, EADDRNOTAVAIL (no port is free), ... */
enum dial_fault dial_socket_fault(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i].err == err)
			return faults[i].fault;
	return DIAL_FAILED;
}

enum dial_fault dial_socket_judge(struct own *own, const struct access *access, const struct endpoint *at)
{
	static const enum dial_fault of_verdict[] = {
		[ACCESS_ALLOWED] = DIAL_OK,
		[ACCESS_DENIED] = DIAL_DENIED,
		[ACCESS_DENIED_PORT] = DIAL_DENIED_PORT,
		[ACCESS_DENIED_OWN] = DIAL_DENIED_OWN,
	};

	if (access)
		return of_verdict[access_destination(access, at)];
	return own_is_listener(own, at) ? DIAL_DENIED_OWN : DIAL_OK;
}

/* Options that an attempt needs to be one; TCP_NODELAY can do no harm if it fails. */
static int set_options(int fd, enum dial_kind kind, const struct endpoint *to)
{
	int one = 1;

	if (kind == DIAL_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!to->is4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

int dial_socket_bind_free(int fd)
{
	int one = 1;

	return setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)) < 0 ? -errno : 0;
}

/* The port is chosen by connect(), which can use one for many destinations (IP_BIND_ADDRESS_NO_PORT). */
static int bind_to(int fd, const struct endpoint *from)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, from);
	int one = 1, err = dial_socket_bind_free(fd);

	if (err < 0)
		return err;
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) < 0)
		return -errno;
	return bind(fd, &a.sa, len) < 0 ? -errno : 0;
}

static int connect_to(int fd, const struct endpoint *to)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, to);

	return connect(fd, &a.sa, len) < 0 && errno != EINPROGRESS ? -errno : 0;
}

int dial_socket_open(enum dial_kind kind, const struct endpoint *to, const struct endpoint *from, int *ret_fd)
{
	int type = kind == DIAL_STREAM ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(to->is4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int err = set_options(fd, kind, to);
	if (err == 0 && from)
		err = bind_to(fd, from);
	if (err == 0)
		err = connect_to(fd, to);
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

enum dial_fault dial_socket_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	return dial_socket_fault(err);
}

enum dial_fault dial_socket_check(
	int fd, const struct endpoint *to, struct own *own, const struct access *access)
{
	union sockaddr_any self;
	socklen_t len = sizeof(self);

	if (getsockname(fd, &self.sa, &len) < 0)
		return dial_socket_fault(errno);
	struct endpoint here = sockaddr_endpoint(&self);

	if (endpoint_equal(to, &here))
		return DIAL_DENIED_OWN; /* TCP's simultaneous open with itself */
	if (endpoint_same_address(to, &here))
		own_notice(own, to);
	return dial_socket_judge(own, access, to);
}
