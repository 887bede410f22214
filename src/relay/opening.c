/* opening.c - see opening.h */
#include "relay/opening.h"

#include "relay/edges.h"
#include "relay/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct opening {
	struct visit visit; /* so that it counts for the limits */
	const struct opening_user *user;
	struct arrival arrival;
	struct edge edge;
	struct loop_watch *timer;
};

/* The socket is the caller's again. */
static void opening_free(struct opening *o)
{
	edges_drop(o->visit.service->lane->edges, o->arrival.fd);
	loop_unwatch(o->timer);
	visit_end(&o->visit);
	free(o);
}

static void turn_away(struct opening *o)
{
	int fd = o->arrival.fd;

	SERVICE_ADD(o->visit.service, failed, 1);
	opening_free(o);
	close(fd);
}

/*
 * What a client has sent is read before the socket is closed: with bytes that nobody reads, the kernel sends RST instead of
 * FIN, which may overtake the alert.
 */
void opening_refuse(int fd, enum tls_alert why)
{
	const uint8_t alert[7] = { 21, 3, 3, 0, 2, 2, (uint8_t)why }; /* a fatal one (RFC 8446 s6) */
	uint8_t rest[CLIENTHELLO_MAX];

	(void)!recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
	(void)!send(fd, alert, sizeof(alert), MSG_NOSIGNAL | MSG_DONTWAIT); /* who is gone needs none */
	close(fd);
}

/* --- looking --- */

static void is_plain(struct opening *o)
{
	const struct opening_user *user = o->user;
	struct service *s = o->visit.service;
	struct arrival a = o->arrival;

	service_hold(s); /* the visit may have been its last one */
	opening_free(o);
	user->plain(user->ctx, &a);
	service_unhold(s);
}

static void is_tls(struct opening *o, const struct clienthello *h)
{
	const struct opening_user *user = o->user;
	struct service *s = o->visit.service;
	struct arrival a = o->arrival;

	service_hold(s);
	opening_free(o);
	user->tls(user->ctx, &a, h);
	service_unhold(s);
}

static void is_malformed(struct opening *o)
{
	int fd = o->arrival.fd;

	LANE_COUNT(o->visit.service->lane, head_malformed);
	SERVICE_ADD(o->visit.service, failed, 1);
	opening_free(o);
	opening_refuse(fd, TLS_ALERT_DECODE_ERROR);
}

/* Whether it goes on; if not, the opening is gone. */
static bool look(struct opening *o)
{
	uint8_t bytes[CLIENTHELLO_MAX];
	struct clienthello h;
	ssize_t n;

	do
		n = recv(o->arrival.fd, bytes, sizeof(bytes), MSG_PEEK);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0) {
		turn_away(o);
		return false;
	}
	switch (clienthello_parse(bytes, (size_t)n, &h)) {
	case CLIENTHELLO_MORE:
		return true;
	case CLIENTHELLO_WHOLE:
		is_tls(o, &h);
		return false;
	case CLIENTHELLO_NOT_TLS:
		is_plain(o);
		return false;
	case CLIENTHELLO_MALFORMED:
		is_malformed(o);
	}
	return false;
}

static void on_edge(struct edge *w, unsigned events)
{
	struct opening *o = HOLDER_OF(w, struct opening, edge);

	/* Whoever has ended says no more, and peeking at the same bytes does not show that. */
	if (look(o) && (events & (EDGE_END | EDGE_BROKEN)))
		turn_away(o);
}

static void on_late(void *ctx)
{
	struct opening *o = ctx;

	LANE_COUNT(o->visit.service->lane, head_timeout);
	turn_away(o);
}

/* --- life --- */

/* What it will say may be a request on its way, which is not lost because of a reload. */
static void on_leave(struct visit *v)
{
}

static void on_end(struct visit *v)
{
	turn_away(HOLDER_OF(v, struct opening, visit));
}

static int watch(struct opening *o)
{
	struct lane *l = o->visit.service->lane;
	int err = loop_watch_timer(l->loop, on_late, o, &o->timer);

	if (err < 0)
		return err;
	loop_timer_set(o->timer, o->visit.service->config->timeouts.head);
	return edges_add(l->edges, o->arrival.fd, &o->edge);
}

void opening_begin(const struct opening_user *user, const struct arrival *a)
{
	struct opening *o = calloc(1, sizeof(*o));

	if (!o) {
		close(a->fd);
		return;
	}
	o->user = user;
	o->arrival = *a;
	o->edge.fn = on_edge;
	o->visit = (struct visit){ .client = a->client, .leave = on_leave, .end = on_end };
	if (visit_begin(&o->visit, user->service) < 0) {
		close(a->fd);
		free(o);
		return;
	}
	if (watch(o) < 0)
		turn_away(o);
}
