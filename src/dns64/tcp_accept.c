/*
 * tcp_accept.c - how connections come and go: who is welcome, and when one is freed
 *
 * Beyond the limit a connection that nobody waits for gives way to a new one, the one that is idle for longest (RFC 7766
 * s6.2.3); if there is none, the new one is closed.
 *
 * A connection is closed at once when it has to be, and freed when nobody works with it any more (tcp_client_hold()): a
 * reply that cannot be sent closes it in the middle of reading.
 */
#include "dns64/doh.h"
#include "dns64/tcp_client.h"
#include "net/tls.h"

#include <stdlib.h>
#include <unistd.h>

#define ACCEPT_BURST 16

/* --- going --- */

static void client_unlink(struct tcp_client *c)
{
	struct resolver *r = c->resolver;

	if (c->prev)
		c->prev->next = c->next;
	else
		r->clients = c->next;
	if (c->next)
		c->next->prev = c->prev;
	r->clients_len--;
	r->strangers_len -= c->is_stranger;
	admit_give(r, c->client, CLIENT_CONNECTION);
}

void tcp_client_close(struct tcp_client *c)
{
	if (c->fd < 0)
		return;
	loop_unwatch(c->reading);
	loop_unwatch(c->writing);
	loop_unwatch(c->idle);
	c->reading = c->writing = c->idle = NULL;
	tls_end(c->tls);
	c->tls = NULL;
	close(c->fd);
	c->fd = -1;
	client_unlink(c);
}

void tcp_client_hold(struct tcp_client *c)
{
	c->holds++;
}

void tcp_client_unhold(struct tcp_client *c)
{
	if (--c->holds > 0 || c->fd >= 0)
		return;
	doh_free(c->http);
	free(c->out);
	free(c);
}

bool tcp_is_closed(const struct tcp_client *c)
{
	return c->fd < 0;
}

/* --- coming --- */

/* Closes the connection that has been idle for longest; false if none is. */
static bool make_room(struct resolver *r)
{
	struct tcp_client *idle = NULL;

	for (struct tcp_client *c = r->clients; c; c = c->next)
		if (c->queries == 0 && c->out_at == c->out_len && c->holds == 0 &&
			(!idle || c->busy < idle->busy))
			idle = c;
	if (!idle)
		return false;
	r->counters.tcp_idle_gave_way++;
	tcp_client_hold(idle);
	tcp_client_close(idle);
	tcp_client_unhold(idle);
	return true;
}

static bool is_full(struct resolver *r, bool is_stranger)
{
	if (is_stranger && r->strangers_len >= TCP_STRANGERS_MAX)
		return true;
	return r->clients_len >= resolver_connections_max(r) && (is_stranger || !make_room(r));
}

static void client_link(struct resolver *r, struct tcp_client *c)
{
	c->next = r->clients;
	if (c->next)
		c->next->prev = c;
	r->clients = c;
	r->clients_len++;
	r->strangers_len += c->is_stranger;
}

/* *ret is to be given back if this says so. */
static bool is_welcome(struct resolver *r, bool is_stranger, enum dns_transport t,
	const union sockaddr_any *peer, struct client **ret)
{
	if (is_stranger && t != OVER_TCP)
		r->counters.tls_refused_stranger++;
	else if (is_full(r, is_stranger))
		r->counters.tcp_refused_full++;
	else if (admit_take(r, peer, CLIENT_CONNECTION, ret) < 0)
		r->counters.tcp_refused_client_full++;
	else
		return true;
	return false;
}

static void client_new(const struct tcp_listener *l, int fd, const union sockaddr_any *peer)
{
	struct resolver *r = l->resolver;
	struct endpoint who = sockaddr_endpoint(peer);
	bool is_stranger = !resolver_allows(r, &who);
	struct client *client = NULL;
	bool is_taken = is_welcome(r, is_stranger, l->transport, peer, &client);
	struct tcp_client *c = is_taken ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		admit_give(r, client, CLIENT_CONNECTION);
		close(fd);
		return;
	}
	*c = (struct tcp_client){ .resolver = r,
		.client = client,
		.transport = l->transport,
		.fd = fd,
		.is_stranger = is_stranger,
		.peer = *peer };
	client_link(r, c);
	r->counters.tcp_accepted++;
	tcp_client_hold(c);
	if (tcp_client_begin(c))
		tcp_client_update(c);
	else
		tcp_client_close(c);
	tcp_client_unhold(c);
}

static void on_connection(void *ctx, unsigned ready)
{
	struct tcp_listener *l = ctx;

	for (unsigned i = 0; i < ACCEPT_BURST; i++) {
		union sockaddr_any peer;
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		client_new(l, fd, &peer);
	}
}

int tcp_start(struct resolver *r, enum dns_transport transport, int fd)
{
	ASSERT(r->listeners_len < ARRAY_LEN(r->listeners));
	struct tcp_listener *l = &r->listeners[r->listeners_len++];

	*l = (struct tcp_listener){ .resolver = r, .transport = transport, .fd = fd };
	return loop_watch_fd(r->loop, fd, LOOP_READ, on_connection, l, &l->watch);
}

void tcp_stop(struct resolver *r)
{
	for (unsigned i = 0; i < r->listeners_len; i++)
		loop_unwatch(r->listeners[i].watch);
	r->listeners_len = 0;
	while (r->clients) {
		struct tcp_client *c = r->clients;

		tcp_client_hold(c);
		tcp_client_close(c);
		tcp_client_unhold(c);
	}
}
