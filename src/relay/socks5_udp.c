/*
 * socks5_udp.c - the datagrams of one client of SOCKS 5; see socks5_udp.h
 *
 * Structure. An @struct_association has a list of destinations, the last used first, each under what the client calls it: a
 * name or an address, and a port. The first datagram to a destination begins a dial of kind DIAL_DATAGRAM, which judges it
 * and finds the address; until that is known, the datagram is held, and more of them are dropped.
 *
 * Life of a @struct_destination:
 *
 *	first datagram --> DIALLED --address--> KNOWN --DESTINATIONS_MAX others are used later--> gone
 *	                      |                 (after a failure it is REFUSED, and asked again after REFUSED_TIME)
 *
 * Every address is judged once for each destination: rules that a reload changes count for new associations, as they do
 * for connections.
 *
 * Limits: DESTINATIONS_MAX destinations, one held datagram of each, BURST datagrams of a socket in a turn of the loop.
 *
 * Filtering. From outside only addresses are let in that the client has sent to, whatever their port: RFC 4787 s5 calls
 * this address-dependent. Towards the client the address stands that it has written itself, if it has written one, although
 * it may have been dialled as another (dial.c).
 *
 * Standards: RFC 1928 s7; fragments are dropped, which it allows.
 */
#include "relay/socks5_udp.h"

#include "addr/embed.h"
#include "base/bytes.h"
#include "net/sockaddr.h"
#include "relay/dial.h"
#include "relay/dial_socket.h"
#include "relay/socks5_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESTINATIONS_MAX 64
#define BURST 64
#define REFUSED_TIME (2 * NSEC)
#define DATAGRAM_MAX 65535

enum destination_state { DIALLED, KNOWN, REFUSED };

struct destination {
	struct destination *next;
	struct association *association;
	struct relay_target called; /* by the client */
	enum destination_state state;
	struct endpoint at; /* of KNOWN */
	nsec since;	    /* of REFUSED */
	struct dial *dial;  /* of DIALLED */
	uint8_t *held;	    /* of DIALLED; owned */
	size_t held_len;
};

/* A socket of an association. */
struct end {
	struct association *association;
	int fd; /* -1: not open */
	struct loop_watch *watch;
};

enum far { FAR_IPV6, FAR_IPV4, FAR_COUNT };

struct association {
	struct association_plan plan;
	struct lane *lane;
	struct service *service;
	struct end near, far[FAR_COUNT];
	struct endpoint client; /* where datagrams to it go; port 0: not yet known */
	struct destination *destinations;
	unsigned destinations_len;
	struct loop_watch *timer;
	nsec last; /* datagram in either direction */
};

/* --- destinations --- */

static bool same_target(const struct relay_target *a, const struct relay_target *b)
{
	return endpoint_equal(&a->at, &b->at) && strcasecmp(a->host, b->host) == 0;
}

static void destination_free(struct destination *d)
{
	dial_cancel(d->dial);
	free(d->held);
	free(d);
}

/* Moves the one that is found to the front. */
static struct destination *destination_find(struct association *a, const struct relay_target *called)
{
	for (struct destination **p = &a->destinations; *p; p = &(*p)->next) {
		struct destination *d = *p;

		if (!same_target(&d->called, called))
			continue;
		*p = d->next;
		d->next = a->destinations;
		a->destinations = d;
		return d;
	}
	return NULL;
}

static void destination_drop_last(struct association *a)
{
	struct destination **p = &a->destinations;

	while ((*p)->next)
		p = &(*p)->next;
	destination_free(*p);
	*p = NULL;
	a->destinations_len--;
}

static struct destination *destination_new(struct association *a, const struct relay_target *called)
{
	struct destination *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	if (a->destinations_len == DESTINATIONS_MAX)
		destination_drop_last(a);
	*d = (struct destination){ .next = a->destinations, .association = a, .called = *called };
	a->destinations = d;
	a->destinations_len++;
	return d;
}

static const struct destination *destination_at(const struct association *a, const struct endpoint *at)
{
	const struct destination *d = a->destinations;

	while (d && (d->state != KNOWN || !endpoint_same_address(&d->at, at)))
		d = d->next;
	return d;
}

/* --- sockets --- */

static void touch(struct association *a)
{
	a->last = clock_now();
}

static void end_close(struct end *e)
{
	loop_unwatch(e->watch);
	if (e->fd >= 0)
		close(e->fd);
	e->watch = NULL;
	e->fd = -1;
}

/* end_open() - a bound socket that is watched; with @is_client_prefix @at is not this host's address */
static int end_open(struct end *e, const struct endpoint *at, bool is_client_prefix,
	void (*ready)(void *ctx, unsigned ready))
{
	int fd = socket(at->is4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1,
	    err = 0;
	union sockaddr_any a;
	socklen_t len = sockaddr_put(&a, at);

	if (fd < 0)
		return -errno;
	if (!at->is4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		err = -errno;
	if (err == 0 && is_client_prefix)
		err = dial_socket_bind_free(fd);
	if (err == 0 && bind(fd, &a.sa, len) < 0)
		err = -errno;
	if (err == 0)
		err = loop_watch_fd(e->association->lane->loop, fd, LOOP_READ, ready, e, &e->watch);
	if (err < 0)
		close(fd);
	else
		e->fd = fd;
	return err;
}

static void on_far(void *ctx, unsigned ready);

/* The socket of a family towards everybody, opened when the first datagram goes there. */
static struct end *far_of(struct association *a, bool is4)
{
	const struct relay_service *c = a->service->config;
	bool is_client_prefix = !is4 && c->has_client_prefix && a->plan.visit->client.is4;
	struct end *e = &a->far[is4 ? FAR_IPV4 : FAR_IPV6];
	struct endpoint any = { .is4 = is4 };

	if (is_client_prefix)
		any.a6 = embed_addr(c->client_prefix, a->plan.visit->client.a4);
	if (e->fd < 0 && end_open(e, &any, is_client_prefix, on_far) < 0)
		return NULL;
	return e;
}

static bool send_to(int fd, const struct endpoint *to, const uint8_t *bytes, size_t len)
{
	union sockaddr_any a;
	socklen_t a_len = sockaddr_put(&a, to);

	return sendto(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, &a.sa, a_len) == (ssize_t)len;
}

/* --- from the client --- */

static void send_far(struct association *a, const struct destination *d, const uint8_t *bytes, size_t len)
{
	const struct end *e = far_of(a, d->at.is4);

	if (e && send_to(e->fd, &d->at, bytes, len))
		visit_bytes(a->plan.visit, len, 0);
	else
		LANE_COUNT(a->lane, udp_send_failed);
}

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct destination *d = ctx;
	struct association *a = d->association;

	d->dial = NULL;
	if (fd >= 0)
		close(fd); /* it has shown that there is a way; far_of() has the socket for all destinations */
	d->state = fault == DIAL_OK ? KNOWN : REFUSED;
	d->since = clock_now();
	d->at = *peer;
	if (fault == DIAL_OK) {
		visit_to(a->plan.visit, d->called.host, d->called.at.port, peer);
		send_far(a, d, d->held, d->held_len);
	}
	free(d->held);
	d->held = NULL;
}

/* Without memory the datagram is lost, as any may be. */
static int destination_dial(struct destination *d, const uint8_t *bytes, size_t len)
{
	const struct service *s = d->association->service;
	struct dial_plan plan = {
		.kind = DIAL_DATAGRAM,
		.to = &d->called,
		.access = &s->access,
		.family = s->config->family,
		.timeout = s->config->timeouts.connect,
		.done = on_dialled,
		.ctx = d,
	};
	int err = dial_start(s->lane, &plan, &d->dial);

	if (err < 0)
		return err;
	d->state = DIALLED;
	d->held = malloc(len > 0 ? len : 1);
	if (d->held)
		bytes_copy(d->held, bytes, len);
	d->held_len = d->held ? len : 0;
	return 0;
}

static void send_up(struct association *a, const struct relay_target *to, const uint8_t *bytes, size_t len)
{
	struct destination *d = destination_find(a, to);
	bool is_new = !d || (d->state == REFUSED && clock_now() - d->since >= REFUSED_TIME);

	if (!d)
		d = destination_new(a, to);
	if (d && is_new && destination_dial(d, bytes, len) == 0)
		return;
	if (d && is_new) {
		d->state = REFUSED;
		d->since = clock_now();
	}
	if (d && d->state == KNOWN)
		send_far(a, d, bytes, len);
	else
		LANE_COUNT(a->lane, udp_dropped_waiting);
}

/* Whether a datagram is the client's: of its address, and of the port that it has said or begun with (RFC 1928 s7). */
static bool is_clients(struct association *a, const struct endpoint *from)
{
	if (!endpoint_same_address(&a->client, from))
		return false;
	if (a->client.port == 0)
		a->client.port = from->port;
	return a->client.port == from->port;
}

static void take_near(struct association *a, const uint8_t *bytes, size_t len)
{
	struct socks5_datagram d;

	if (socks5_datagram_parse(bytes, len, &d) != SOCKS5_WHOLE || d.fragment != 0 || d.to.at.port == 0) {
		LANE_COUNT(a->lane, udp_malformed);
		return;
	}
	touch(a);
	LANE_COUNT(a->lane, udp_from_clients);
	send_up(a, &d.to, bytes + d.len, len - d.len);
}

static ssize_t receive(int fd, uint8_t *to, struct endpoint *ret_from)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);
	ssize_t n = recvfrom(fd, to, DATAGRAM_MAX, MSG_DONTWAIT, &a.sa, &len);

	if (n >= 0)
		*ret_from = sockaddr_endpoint(&a);
	return n;
}

static void on_near(void *ctx, unsigned ready)
{
	struct end *e = ctx;
	struct association *a = e->association;
	struct endpoint from;
	ssize_t n;

	for (unsigned i = 0; i < BURST && (n = receive(e->fd, a->plan.scratch, &from)) >= 0; i++)
		if (is_clients(a, &from))
			take_near(a, a->plan.scratch, (size_t)n);
		else
			LANE_COUNT(a->lane, udp_unasked);
}

/* --- to the client --- */

/* @bytes has room for the header before it. */
static void send_down(struct association *a, const struct destination *d, const struct endpoint *from,
	uint8_t *bytes, size_t len)
{
	struct endpoint shown = *from;
	uint8_t head[SOCKS5_HEAD_MAX];

	if (d->called.host[0] == '\0')
		shown = d->called.at;
	shown.port = from->port;
	size_t head_len = socks5_datagram_write(&shown, head);

	bytes_copy(bytes - head_len, head, head_len);
	if (send_to(a->near.fd, &a->client, bytes - head_len, head_len + len))
		visit_bytes(a->plan.visit, 0, len);
	else
		LANE_COUNT(a->lane, udp_send_failed);
	LANE_COUNT(a->lane, udp_to_clients);
	touch(a);
}

static void on_far(void *ctx, unsigned ready)
{
	struct end *e = ctx;
	struct association *a = e->association;
	uint8_t *bytes = a->plan.scratch + SOCKS5_HEAD_MAX;
	struct endpoint from;
	ssize_t n;

	for (unsigned i = 0; i < BURST && (n = receive(e->fd, bytes, &from)) >= 0; i++) {
		const struct destination *d = destination_at(a, &from);

		if (d)
			send_down(a, d, &from, bytes, (size_t)n);
		else
			LANE_COUNT(a->lane, udp_unasked);
	}
}

/* --- life --- */

static void on_timer(void *ctx)
{
	struct association *a = ctx;
	nsec limit = a->service->config->timeouts.udp, age = clock_now() - a->last;

	if (age < limit) {
		loop_timer_set(a->timer, limit - age);
		return;
	}
	a->plan.idle(a->plan.ctx);
}

static int open_near(struct association *a, struct endpoint *ret_at)
{
	union sockaddr_any at;
	socklen_t len = sizeof(at);
	int err = end_open(&a->near, &a->plan.near, false, on_near);

	if (err < 0)
		return err;
	if (getsockname(a->near.fd, &at.sa, &len) < 0)
		return -errno;
	*ret_at = sockaddr_endpoint(&at);
	return 0;
}

int association_new(const struct association_plan *plan, struct association **ret, struct endpoint *ret_at)
{
	struct association *a = calloc(1, sizeof(*a));
	struct endpoint at;

	if (!a)
		return -ENOMEM;
	a->plan = *plan;
	a->plan.near.port = 0;
	a->service = plan->visit->service;
	a->lane = a->service->lane;
	a->client = plan->visit->client;
	a->client.port = plan->client_port;
	a->near = a->far[FAR_IPV6] = a->far[FAR_IPV4] = (struct end){ .association = a, .fd = -1 };
	touch(a);
	int err = open_near(a, &at);
	if (err == 0)
		err = loop_watch_timer(a->lane->loop, on_timer, a, &a->timer);
	if (err < 0) {
		association_free(a);
		return err;
	}
	loop_timer_set(a->timer, a->service->config->timeouts.udp);
	*ret = a;
	*ret_at = at;
	return 0;
}

void association_free(struct association *a)
{
	if (!a)
		return;
	while (a->destinations)
		destination_drop_last(a);
	end_close(&a->near);
	for (unsigned i = 0; i < FAR_COUNT; i++)
		end_close(&a->far[i]);
	loop_unwatch(a->timer);
	free(a);
}
