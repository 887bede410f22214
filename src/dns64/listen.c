/* listen.c - opening the resolver's own sockets */
#include "dns64/listen.h"

#include "net/listen.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int resolver_sockets_open(const struct endpoint *at, unsigned len, struct resolver_socket *ret)
{
	int udp[DNS64_THREADS_MAX], tcp[DNS64_THREADS_MAX];

	ASSERT(len <= DNS64_THREADS_MAX);
	int err = listen_open_all(at, SOCK_DGRAM, len, udp);

	if (err < 0)
		return err;
	err = listen_open_all(at, SOCK_STREAM, len, tcp);
	for (unsigned i = 0; i < len; i++) {
		if (err < 0)
			close(udp[i]);
		else
			ret[i] = (struct resolver_socket){ .udp = udp[i], .tcp = tcp[i] };
	}
	return err;
}
