/* dns_socket.c - the resolver's sockets, opened while there is still the right to bind port 53 */
#include "cmd/supervisor.h"

#include "base/log.h"
#include "cmd/port_holder.h"
#include "dns64/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Programs that are often in the way, and what to do about them. */
static const struct {
	const char *name; /* as the kernel has it: 15 bytes at most */
	const char *remedy;
} known_holders[] = {
	{ "systemd-resolve", "set DNSStubListener=no in /etc/systemd/resolved.conf and restart "
			     "systemd-resolved, or list the addresses "
			     "to listen on under dns64.listen" },
};

static const char *remedy_for(const char *holder)
{
	for (size_t i = 0; i < ARRAY_LEN(known_holders); i++) {
		if (strcmp(known_holders[i].name, holder) == 0)
			return known_holders[i].remedy;
	}
	return "stop it, or list other addresses under dns64.listen";
}

static void log_failure(const struct dns_endpoint *e, int err)
{
	char text6[ENDPOINT6_TEXT], text4[ENDPOINT4_TEXT];
	const char *where =
		e->is4 ? endpoint4_text(e->a4, e->port, text4) : endpoint6_text(e->a6, e->port, text6);
	struct port_holder h;

	if (err == -EADDRINUSE && port_holder_find(e->port, &h))
		log_error("dns64.listen: %s is taken by %s (process %d): %s", where, h.name, (int)h.pid,
			remedy_for(h.name));
	else if (err == -EADDRINUSE)
		log_error("dns64.listen: %s is taken by another program: %s", where, remedy_for(""));
	else if (err == -EADDRNOTAVAIL)
		log_error("dns64.listen: no interface of this host has the address of %s", where);
	else
		log_error("dns64.listen: %s cannot be opened: %s", where, strerror(-err));
}

int dns_sockets_open(struct supervisor *s)
{
	const struct dns64_config *c = &s->conf->dns64;

	for (unsigned i = 0; i < c->listen_len; i++) {
		int err = resolver_socket_open(&c->listen[i], &s->sockets[i]);

		if (err < 0) {
			log_failure(&c->listen[i], err);
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
