/* metrics_socket.c - the monitor's listening socket, which outlives every monitor */
#include "cmd/supervisor.h"

#include "cmd/listen_fault.h"
#include "net/sockaddr.h"

#include <errno.h>
#include <unistd.h>

#define BACKLOG 64

static const struct listen_key key = { "control.metrics",
	"stop it, or write another address or port to control.metrics, or off" };

static int set_options(int fd, const struct endpoint *at)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (!at->is4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static int listen_on(const struct endpoint *at)
{
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, at);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int err = set_options(fd, at);
	if (err == 0 && (bind(fd, &a.sa, len) < 0 || listen(fd, BACKLOG) < 0))
		err = -errno;
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int metrics_socket_open(struct supervisor *s)
{
	const struct conf_metrics *m = &s->conf->control.metrics;
	int fd = m->is_on ? listen_on(&m->at) : -1;

	if (!m->is_on)
		return 0;
	if (fd < 0) {
		listen_fault_log(&key, &m->at, fd);
		return fd;
	}
	s->metrics_socket = fd;
	s->has_metrics_socket = true;
	return 0;
}

void metrics_socket_close(struct supervisor *s)
{
	if (s->has_metrics_socket)
		close(s->metrics_socket);
	s->has_metrics_socket = false;
}
