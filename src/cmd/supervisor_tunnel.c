/* supervisor_tunnel.c - the device and the socket of the section tunnel, made while there is the right to */
#include "cmd/supervisor.h"

#include "base/log.h"
#include "dataplane/tunnel_device.h"

#include <unistd.h>

int tunnel_up(struct supervisor *s)
{
	const struct conf_tunnel *c = &s->conf->tunnel;
	struct tunnel_plan plan = { .remote = c->remote,
		.local = c->local,
		.address = c->address.addr,
		.address_len = c->address.len,
		.mtu = c->mtu,
		.ttl = c->ttl,
		.routes = c->routes,
		.routes_len = c->routes_len };
	char fault[512] = "";
	const struct fault f = { fault, sizeof(fault) };

	if (!s->conf->has_tunnel)
		return 0;
	int err = tunnel_device_up(&plan, s->fds[ROLE_TUNNEL], &f);

	if (err < 0)
		log_error("%s", fault);
	else
		s->fds_len[ROLE_TUNNEL] = 2;
	return err;
}

/* The device goes with its descriptor, and address and routes with it. */
void tunnel_down(struct supervisor *s)
{
	for (unsigned i = 0; i < s->fds_len[ROLE_TUNNEL]; i++)
		close(s->fds[ROLE_TUNNEL][i]);
	s->fds_len[ROLE_TUNNEL] = 0;
}
