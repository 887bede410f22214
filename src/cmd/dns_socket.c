/* dns_socket.c - the resolver's sockets, opened while there is still the right to bind port 53 */
#include "cmd/supervisor.h"

#include "cmd/listen_fault.h"
#include "dns64/listen.h"

#include <unistd.h>

static const struct listen_key key = { "dns64.listen",
	"stop it, or list other addresses under dns64.listen" };

int dns_sockets_open(struct supervisor *s)
{
	const struct dns64_config *c = &s->conf->dns64;

	for (unsigned i = 0; i < c->listen_len; i++) {
		int err = resolver_socket_open(&c->listen[i], &s->sockets[i]);

		if (err < 0) {
			listen_fault_log(&key, &c->listen[i], err);
			return err;
		}
		s->sockets_len++;
	}
	return 0;
}

void dns_sockets_close(struct supervisor *s)
{
	for (unsigned i = 0; i < s->sockets_len; i++) {
		close(s->sockets[i].udp);
		close(s->sockets[i].tcp);
	}
	s->sockets_len = 0;
}
