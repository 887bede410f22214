/*
 * listener.c - connections come
 *
 * Structure. A @struct_listener takes up to BURST connections in a turn. Options of the connections are set on the
 * listening socket, from which Linux copies them, so that they cost no call each.
 * A connection of a peer in services.trusted is a @struct_head until its PROXY header is whole; the header is looked at
 * (MSG_PEEK) and then read to its last byte, so what follows is still in the socket when the service gets it.
 *
 * Limits. HEADS_MAX connections may be heads at once; each has timeouts.head. All others are limited by visits.
 * Without descriptors or memory for another connection, the listener looks again after PAUSE; connections wait in the
 * kernel meanwhile.
 */
#include "relay/listener.h"

#include "base/log.h"
#include "net/sockaddr.h"
#include "relay/edges.h"
#include "relay/proxy_head.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BURST 32
#define HEADS_MAX 1024
#define PAUSE (100 * MSEC)
#define COMPLAIN_EVERY (10 * NSEC)
#define KEEPALIVE_IDLE 60 /* seconds; the host's default of two hours is longer than any idle timeout */
#define KEEPALIVE_EVERY 15

struct head {
	struct edge edge;
	struct listener *listener;
	struct head *next, *prev;
	struct loop_watch *timer;
	int fd;
	struct endpoint peer;
};

struct listener {
	struct service *service;
	struct lane *lane;
	int fd;
	struct endpoint at;
	struct edge edge;
	struct loop_watch *pause; /* timer */
	nsec complained;
	struct head *heads;
	unsigned heads_len;
};

/* --- to the service --- */

static bool find_local(const struct listener *l, int fd, struct endpoint *ret)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	if (!endpoint_is_any(&l->at)) {
		*ret = l->at;
		return true;
	}
	if (getsockname(fd, &a.sa, &len) < 0)
		return false;
	*ret = sockaddr_endpoint(&a);
	return true;
}

static void hand_over(struct listener *l, const struct arrival *a)
{
	if (!access_client(&l->service->access, &a->client)) {
		LANE_COUNT(l->lane, refused_client);
		close(a->fd);
		return;
	}
	l->service->ops->arrive(l->service, a);
}

static void arrive_plain(struct listener *l, int fd, const struct endpoint *peer)
{
	struct arrival a = { .fd = fd, .client = *peer };

	if (find_local(l, fd, &a.local))
		hand_over(l, &a);
	else
		close(fd);
}

/* --- PROXY headers --- */

static void link_head(struct head *h, struct listener *l)
{
	h->listener = l;
	h->prev = NULL;
	h->next = l->heads;
	if (h->next)
		h->next->prev = h;
	l->heads = h;
	l->heads_len++;
}

static void unlink_head(struct head *h)
{
	struct listener *l = h->listener;

	if (h->prev)
		h->prev->next = h->next;
	else
		l->heads = h->next;
	if (h->next)
		h->next->prev = h->prev;
	l->heads_len--;
}

/* The descriptor is the caller's. */
static void head_free(struct head *h)
{
	unlink_head(h);
	loop_unwatch(h->timer);
	free(h);
}

static void head_refuse(struct head *h)
{
	edges_forget(h->listener->lane->edges, h->fd);
	close(h->fd);
	head_free(h);
}

static void head_is_whole(struct head *h, const struct proxy_head *p)
{
	struct listener *l = h->listener;
	struct arrival a = { .fd = h->fd, .client = p->client, .local = p->local };
	struct endpoint peer = h->peer;
	char rest[PROXY_HEAD_MAX];

	if (recv(h->fd, rest, p->len, 0) != (ssize_t)p->len) {
		head_refuse(h);
		return;
	}
	edges_drop(l->lane->edges, h->fd);
	head_free(h);
	if (p->is_local)
		arrive_plain(l, a.fd, &peer);
	else
		hand_over(l, &a);
}

/* Looks at what has come; the head may be gone afterwards. */
static void head_look(struct head *h)
{
	uint8_t bytes[PROXY_HEAD_MAX];
	struct proxy_head p;
	ssize_t n = recv(h->fd, bytes, sizeof(bytes), MSG_PEEK);
	enum proxy_head_progress now = PROXY_HEAD_MALFORMED;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		now = proxy_head_parse(bytes, (size_t)n, &p);
	if (now == PROXY_HEAD_WHOLE) {
		head_is_whole(h, &p);
	} else if (now == PROXY_HEAD_MALFORMED) {
		LANE_COUNT(h->listener->lane, proxy_malformed);
		head_refuse(h);
	}
}

static void on_head(struct edge *w, unsigned events)
{
	struct head *h = HOLDER_OF(w, struct head, edge);

	/* The end of a peer that has not said all is an edge too, and peeking at the same bytes does not show it. */
	if (events & EDGE_END) {
		struct listener *l = h->listener;
		unsigned before = l->heads_len;

		head_look(h);
		if (l->heads_len == before) {
			LANE_COUNT(l->lane, proxy_malformed);
			head_refuse(h);
		}
		return;
	}
	head_look(h);
}

static void on_head_timeout(void *ctx)
{
	struct head *h = ctx;

	LANE_COUNT(h->listener->lane, head_timeout);
	head_refuse(h);
}

static int head_begin(struct head *h, struct listener *l)
{
	struct lane *lane = l->lane;
	int err = loop_watch_timer(lane->loop, on_head_timeout, h, &h->timer);

	if (err == 0)
		err = edges_add(lane->edges, h->fd, &h->edge);
	if (err == 0)
		loop_timer_set(h->timer, l->service->config->timeouts.head);
	return err;
}

static void head_new(struct listener *l, int fd, const struct endpoint *peer)
{
	struct head *h = l->heads_len < HEADS_MAX ? calloc(1, sizeof(*h)) : NULL;

	if (!h) {
		LANE_COUNT(l->lane, refused_limit);
		close(fd);
		return;
	}
	*h = (struct head){ .edge = { .fn = on_head }, .fd = fd, .peer = *peer };
	link_head(h, l);
	if (head_begin(h, l) < 0)
		head_refuse(h);
	else
		head_look(h); /* it is often there already */
}

/* --- accepting --- */

static bool is_trusted(const struct relay_service *c, const struct endpoint *peer)
{
	for (unsigned i = 0; i < c->trusted_len; i++)
		if (prefix_contains(&c->trusted[i], peer))
			return true;
	return false;
}

/* Takes one connection for @to; 0, or -errno of accept4(). */
static int accept_one(struct listener *l, struct listener *to)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);
	int fd = accept4(l->fd, &a.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	struct endpoint peer = sockaddr_endpoint(&a);

	LANE_COUNT(l->lane, accepted);
	if (is_trusted(to->service->config, &peer))
		head_new(to, fd, &peer);
	else
		arrive_plain(to, fd, &peer);
	return 0;
}

static void pause_for(struct listener *l, int err)
{
	char at[ENDPOINT6_TEXT];
	nsec now = clock_now();

	loop_timer_set(l->pause, PAUSE);
	if (l->complained != 0 && now - l->complained < COMPLAIN_EVERY)
		return;
	l->complained = now;
	log_warning("relay: %s: %s takes no connections for a moment: %s", l->service->config->name,
		endpoint_text(&l->at, at), strerror(-err));
}

/* Whether a failure is the system's, and not that of the one connection (accept(2) names the others). */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

/* The edge is told once for all that wait, so whoever stops before the last must come back by himself. */
static void accept_burst(struct listener *l)
{
	int err = 0;

	for (unsigned i = 0; i < BURST && err != -EAGAIN; i++) {
		err = accept_one(l, l);
		if (is_shortage(err)) {
			pause_for(l, err);
			return;
		}
	}
	if (err != -EAGAIN)
		edges_again(l->lane->edges, &l->edge);
}

static void on_connection(struct edge *w, unsigned events)
{
	accept_burst(HOLDER_OF(w, struct listener, edge));
}

static void on_pause_over(void *ctx)
{
	accept_burst(ctx);
}

/* --- life --- */

static void set_options(int fd)
{
	const int on = 1, idle = KEEPALIVE_IDLE, every = KEEPALIVE_EVERY;

	/* Without them a connection is slower, or is held until its idle timeout when the peer has vanished. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
}

static void listener_free(struct listener *l)
{
	while (l->heads)
		head_refuse(l->heads);
	edges_remove(l->lane->edges,
		l->fd); /* it may be open elsewhere too: a reload has another descriptor of it */
	loop_unwatch(l->pause);
	close(l->fd);
	free(l);
}

int listener_new(struct service *s, int fd, const struct endpoint *at, struct listener **ret)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	*l = (struct listener){
		.service = s, .lane = s->lane, .fd = fd, .at = *at, .edge = { .fn = on_connection }
	};
	set_options(fd);
	int err = loop_watch_timer(l->lane->loop, on_pause_over, l, &l->pause);

	if (err == 0)
		err = edges_add(l->lane->edges, fd, &l->edge);
	if (err < 0) {
		listener_free(l);
		return err;
	}
	*ret = l;
	return 0;
}

static void move_heads(struct listener *l, struct listener *heir)
{
	while (l->heads) {
		struct head *h = l->heads;

		unlink_head(h);
		link_head(h, heir);
	}
}

void listener_close(struct listener *l, struct listener *heir)
{
	if (heir) {
		while (accept_one(l, heir) == 0)
			;
		move_heads(l, heir);
	}
	listener_free(l);
}
