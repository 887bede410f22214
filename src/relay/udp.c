/*
 * udp.c - the service "udp": datagrams of a client go to one of services.to, and what comes back to the client
 *
 * Structure. A @struct_udp has the sockets where clients send to, and a table of associations. A @struct_association is a
 * client, the address that it has written to, and a connected socket to a target, of either family; it is found by
 * client, socket and address. What comes back leaves from the address that the client has written to, else the client
 * would not know it.
 *
 * Life of an association: its first datagram (visit begun, dialled) -> connected -> nothing for timeouts.udp -> gone.
 * Datagrams that come while the name is asked for wait, up to WAITING_MAX of one association.
 *
 * Batches. A call takes up to DATAGRAMS_BATCH datagrams (datagrams.h). Those in a row that belong to one association leave with
 * one call too.
 *
 * A new configuration. Associations go on in the service of the same name, with the same socket and target, so that what
 * runs over UDP and knows of connections (QUIC, WireGuard, DTLS) does not notice; see adopt_all().
 *
 * ICMP errors. A connected socket is told of them by its next call: counted, and nothing else, since a datagram may
 * be lost at any time. A datagram that is too big for the way (EMSGSIZE) is one of them: the kernel sends no fragments
 * where it knows that they would be needed (RFC 8085 s3.2), and the client's own path MTU discovery notices the loss.
 *
 * Deliberately not done: PROXY headers, which datagrams have no place for; segmentation offloads.
 */

#include "base/hash.h"
#include "base/random.h"
#include "net/sockaddr.h"
#include "relay/datagrams.h"
#include "relay/dial.h"
#include "relay/edges.h"
#include "relay/services.h"
#include "relay/targets.h"
#include "relay/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURNS 4	      /* batches of one socket before others have theirs */
#define WAITING_MAX 8 /* datagrams of one association, until it is connected */
#define SLOTS 4096    /* of the table; power of two */

struct udp_socket {
	struct service *service;
	unsigned number; /* of services.listen */
	int fd;
	struct endpoint at;
	bool has_address; /* bound to one, and no pktinfo is needed */
	struct loop_watch *watch;
};

/* A datagram that waits. */
struct waiting {
	struct waiting *next;
	size_t len;
	uint8_t bytes[];
};

struct association {
	struct visit visit;
	struct edge edge;	  /* of @fd */
	struct association *next; /* of its slot */
	struct udp_socket *socket;
	struct pktinfo local; /* what the client has written to, if the socket has not one address */
	unsigned slot;
	struct dial *dial; /* NULL: not any more */
	int fd;		   /* -1: not yet */
	struct target *target;
	struct loop_watch *timer;
	nsec active;
	bool has_more; /* more has come back than was taken in a turn */
	struct waiting *waiting;
	unsigned waiting_len;
};

struct udp {
	struct udp_socket sockets[RELAY_LISTEN_MAX];
	unsigned sockets_len;
	struct hash_key key;
	struct target_group *targets;
	struct datagrams in, out;
	struct association *table[SLOTS];
	uint8_t (*room)[DATAGRAMS_ROOM]; /* DATAGRAMS_BATCH of them */
};

static struct udp *udp_of(const struct association *a)
{
	return a->visit.service->state;
}

/* --- the table --- */

static unsigned slot_of(const struct udp *u, const struct endpoint *client, const struct udp_socket *socket,
	const struct pktinfo *local)
{
	const uint64_t words[] = {
		client->is4 ? client->a4.v : client->a6.hi,
		client->is4 ? 0 : client->a6.lo,
		(uint64_t)client->port << 32 | socket->number,
		local->a6.hi,
		local->a6.lo ^ local->a4.v,
	};

	return (unsigned)hash_words(&u->key, words, ARRAY_LEN(words)) & (SLOTS - 1);
}

static struct association *association_find(const struct udp *u, unsigned slot, const struct endpoint *client,
	const struct udp_socket *socket, const struct pktinfo *local)
{
	struct association *a = u->table[slot];

	while (a && !(a->socket == socket && endpoint_equal(&a->visit.client, client) &&
			    addr4_eq(a->local.a4, local->a4) && addr6_eq(a->local.a6, local->a6)))
		a = a->next;
	return a;
}

static void link_association(struct udp *u, struct association *a)
{
	a->next = u->table[a->slot];
	u->table[a->slot] = a;
}

static void unlink_association(struct udp *u, struct association *a)
{
	struct association **at = &u->table[a->slot];

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
}

/* --- the end --- */

static void drop_waiting(struct association *a)
{
	while (a->waiting) {
		struct waiting *w = a->waiting;

		a->waiting = w->next;
		free(w);
	}
	a->waiting_len = 0;
}

static void association_free(struct association *a)
{
	struct lane *l = a->visit.service->lane;

	unlink_association(udp_of(a), a);
	dial_cancel(a->dial);
	edges_forget(l->edges, a->fd);
	if (a->fd >= 0)
		close(a->fd);
	loop_unwatch(a->timer);
	drop_waiting(a);
	target_give(a->target);
	visit_end(&a->visit);
	free(a);
}

static struct association *association_of(struct visit *v)
{
	return HOLDER_OF(v, struct association, visit);
}

/* Whoever is left over by a new configuration goes on until it is quiet. */
static void on_leave(struct visit *v)
{
}

static void on_end(struct visit *v)
{
	association_free(association_of(v));
}

/* --- to the client --- */

static void send_back(struct association *a, unsigned n)
{
	struct udp *u = udp_of(a);
	union sockaddr_any client;
	socklen_t len = sockaddr_put(&client, &a->visit.client);

	if (a->local.interface)
		client.v6.sin6_scope_id = (uint32_t)a->local.interface;
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *m = datagrams_point(&u->out, i, u->room[i], u->in.m[i].msg_len);

		m->msg_name = &client;
		m->msg_namelen = len;
		if (a->socket->has_address)
			continue;
		m->msg_control = u->out.control[i].room;
		m->msg_controllen = sizeof(u->out.control[i].room);
		pktinfo_write(m, a->visit.client.is4, &a->local);
	}
	struct lane *l = a->visit.service->lane;
	size_t bytes = 0;
	unsigned sent = datagrams_send(l, a->socket->fd, &u->out, 0, n, &bytes);

	LANE_ADD(l, udp_to_clients, sent);
	visit_bytes(&a->visit, 0, bytes);
}

/* Edges come only once, so what is left after TURNS batches is taken in the next turn of the loop. */
static void take_answers(struct association *a)
{
	struct udp *u = udp_of(a);
	struct lane *l = a->visit.service->lane;

	for (unsigned i = 0; i < TURNS; i++) {
		int n = datagrams_receive(&u->in, u->room, a->fd);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			LANE_COUNT(l, udp_icmp_errors);
			continue;
		}
		a->active = clock_now();
		send_back(a, (unsigned)n);
	}
	a->has_more = true;
	loop_timer_set(a->timer, 0);
}

static void on_answer(struct edge *w, unsigned events)
{
	take_answers(HOLDER_OF(w, struct association, edge));
}

static void on_timer(void *ctx)
{
	struct association *a = ctx;
	nsec quiet = clock_now() - a->active, patience = a->visit.service->config->timeouts.udp;

	if (quiet >= patience) {
		association_free(a);
		return;
	}
	loop_timer_set(a->timer, patience - quiet);
	if (a->has_more) {
		a->has_more = false;
		take_answers(a);
	}
}

/* --- to the target --- */

static void send_waiting(struct association *a)
{
	size_t sum = 0;

	for (struct waiting *w = a->waiting; w; w = w->next) {
		if (send(a->fd, w->bytes, w->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)w->len)
			sum += w->len;
		else
			LANE_COUNT(a->visit.service->lane, udp_send_failed);
	}
	drop_waiting(a);
	visit_bytes(&a->visit, sum, 0);
}

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct association *a = ctx;

	a->dial = NULL;
	a->fd = fd;
	if (fault != DIAL_OK && fault != DIAL_FAILED)
		target_note(a->target, TARGET_FAILED, dial_fault_text(fault));
	if (fault != DIAL_OK || edges_add(a->visit.service->lane->edges, fd, &a->edge) < 0) {
		SERVICE_ADD(a->visit.service, failed, 1);
		association_free(a);
		return;
	}
	target_note(a->target, TARGET_WORKED, NULL);
	visit_to(&a->visit, target_where(a->target)->host, target_where(a->target)->at.port, peer);
	send_waiting(a);
}

static int dial_begin(struct association *a)
{
	const struct service *s = a->visit.service;
	struct dial_plan plan = {
		.kind = DIAL_DATAGRAM,
		.to = target_where(a->target),
		.access = NULL, /* the operator has named it */
		.family = s->config->family,
		.timeout = s->config->timeouts.connect,
		.client_prefix = s->config->has_client_prefix ? &s->config->client_prefix : NULL,
		.client = a->visit.client,
		.done = on_dialled,
		.ctx = a,
	};

	return dial_start(s->lane, &plan, &a->dial);
}

static struct association *association_new(
	struct udp_socket *socket, unsigned slot, const struct endpoint *client, const struct pktinfo *local)
{
	struct service *s = socket->service;
	struct udp *u = s->state;
	struct association *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->visit = (struct visit){ .client = *client, .leave = on_leave, .end = on_end };
	a->edge.fn = on_answer;
	a->socket = socket;
	a->local = *local;
	a->slot = slot;
	a->fd = -1;
	if (visit_begin(&a->visit, s) < 0) {
		free(a);
		return NULL;
	}
	unsigned number;

	a->target = target_choose(u->targets, client, 0, &number);
	ASSERT(a->target); /* nobody has been tried */
	link_association(u, a);
	if (loop_watch_timer(s->lane->loop, on_timer, a, &a->timer) < 0 || dial_begin(a) < 0) {
		association_free(a);
		return NULL;
	}
	loop_timer_set(a->timer, s->config->timeouts.udp);
	return a;
}

static void wait_for_dial(struct association *a, const uint8_t *bytes, size_t len)
{
	struct waiting *w = a->waiting_len < WAITING_MAX ? malloc(sizeof(*w) + len) : NULL,
		       **end = &a->waiting;

	if (!w) {
		LANE_COUNT(a->visit.service->lane, udp_dropped_waiting);
		return;
	}
	w->next = NULL;
	w->len = len;
	bytes_copy(w->bytes, bytes, len);
	while (*end)
		end = &(*end)->next;
	*end = w;
	a->waiting_len++;
}

/* Whose datagram is in a slot; NULL: nobody's who is served. */
static struct association *sender(struct udp_socket *s, unsigned i)
{
	struct udp *u = s->service->state;
	struct endpoint client = sockaddr_endpoint(&u->in.peer[i]);
	struct pktinfo local = { .interface = 0 };

	if (!s->has_address && !pktinfo_read(&u->in.m[i].msg_hdr, &local))
		return NULL;
	if (client.port == 0) /* cannot be answered */
		return NULL;
	unsigned slot = slot_of(u, &client, s, &local);
	struct association *a = association_find(u, slot, &client, s, &local);

	if (a)
		return a;
	if (!access_client(&s->service->access, &client)) {
		LANE_COUNT(s->service->lane, refused_client);
		return NULL;
	}
	return association_new(s, slot, &client, &local);
}

/* Sends what is in @n slots from @from on, all of one association. */
static void send_on(struct association *a, unsigned from, unsigned n)
{
	struct udp *u = udp_of(a);

	a->active = clock_now();
	if (a->fd < 0) {
		for (unsigned i = from; i < from + n; i++)
			wait_for_dial(a, u->room[i], u->in.m[i].msg_len);
		return;
	}
	for (unsigned i = from; i < from + n; i++)
		(void)datagrams_point(&u->out, i, u->room[i], u->in.m[i].msg_len);
	size_t bytes = 0;

	(void)datagrams_send(a->visit.service->lane, a->fd, &u->out, from, n, &bytes);
	visit_bytes(&a->visit, bytes, 0);
}

static void take_batch(struct udp_socket *s, unsigned n)
{
	struct association *a = NULL;
	unsigned from = 0;

	LANE_ADD(s->service->lane, udp_from_clients, n);
	for (unsigned i = 0; i < n; i++) {
		struct association *next = sender(s, i);

		if (next == a)
			continue;
		if (a)
			send_on(a, from, i - from);
		a = next;
		from = i;
	}
	if (a)
		send_on(a, from, n - from);
}

static void on_datagrams(void *ctx, unsigned ready)
{
	struct udp_socket *s = ctx;

	for (unsigned i = 0; i < TURNS; i++) {
		struct udp *u = s->service->state;
		int n = datagrams_receive(&u->in, u->room, s->fd);

		/* An error is the ICMP error of an earlier answer, or there was nothing: the loop comes back. */
		if (n <= 0)
			return;
		take_batch(s, (unsigned)n);
		if (n < DATAGRAMS_BATCH)
			return;
	}
}

/* --- a new configuration --- */

static struct udp_socket *same_socket(struct udp *u, const struct udp_socket *old)
{
	for (unsigned i = 0; i < u->sockets_len; i++)
		if (endpoint_equal(&u->sockets[i].at, &old->at))
			return &u->sockets[i];
	return NULL;
}

static bool has_target(const struct relay_service *c, const struct relay_target *to)
{
	for (unsigned i = 0; i < c->to_len; i++)
		if (strcmp(c->to[i].host, to->host) == 0 && endpoint_equal(&c->to[i].at, &to->at))
			return true;
	return false;
}

/* Takes an association over, if all that matters to it is the same as before. */
static void adopt(struct service *s, struct association *a)
{
	struct udp *u = s->state;
	struct udp_socket *socket = same_socket(u, a->socket);
	bool is_same = socket && has_target(s->config, target_where(a->target)) &&
		       access_client(&s->access, &a->visit.client);

	if (!is_same || a->fd < 0 ||
		s->config->has_client_prefix != a->visit.service->config->has_client_prefix)
		return;
	unlink_association(udp_of(a), a);
	visit_move(&a->visit, s);
	a->socket = socket;
	a->slot = slot_of(u, &a->visit.client, socket, &a->local);
	link_association(u, a);
}

/* Called when all sockets are here: the service before is not retired yet, and is its lane's other one of this name. */
static void adopt_all(struct service *s)
{
	struct service *old = s->lane->services;

	while (old && (old == s || old->is_retired || old->ops != s->ops ||
			      strcmp(old->config->name, s->config->name) != 0))
		old = old->next;
	if (!old)
		return;
	struct udp *u = old->state;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct association *next;

		for (struct association *a = u->table[i]; a; a = next) {
			next = a->next;
			adopt(s, a);
		}
	}
}

/* --- the service --- */

static void udp_close(struct service *s)
{
	struct udp *u = s->state;

	for (unsigned i = 0; i < u->sockets_len; i++)
		close(u->sockets[i].fd);
	target_group_close(u->targets);
	free(u->room);
	free(u);
}

static int open_targets(struct service *s, struct udp *u)
{
	struct target_group_plan plan = {
		.to = s->config->to,
		.to_len = s->config->to_len,
		.balance = s->config->balance,
		.health = &s->config->health,
		.family = s->config->family,
	};

	return target_group_open(s->lane, &plan, &u->targets);
}

static int udp_open(struct service *s, char *fault, size_t fault_size)
{
	struct udp *u = calloc(1, sizeof(*u));
	int err = u ? random_seed(&u->key, sizeof(u->key)) : -ENOMEM;

	ASSERT(s->config->to_len > 0); /* conf/ wants at least one */
	if (err == 0) {
		u->room = malloc(
			sizeof(u->room[0]) * DATAGRAMS_BATCH); /* touched as far as datagrams are long */
		err = u->room ? 0 : -ENOMEM;
	}
	if (err == 0)
		err = open_targets(s, u);
	if (err < 0) {
		snprintf(fault, fault_size, "%s: %s", s->config->name, strerror(-err));
		if (u)
			free(u->room);
		free(u);
		return err;
	}
	s->state = u;
	return 0;
}

static int udp_listen(struct service *s, int fd, const struct endpoint *at)
{
	struct udp *u = s->state;
	struct udp_socket *k = &u->sockets[u->sockets_len];

	ASSERT(u->sockets_len < RELAY_LISTEN_MAX);
	*k = (struct udp_socket){ .service = s, .number = u->sockets_len, .fd = fd, .at = *at };
	k->has_address = !endpoint_is_any(at);
	u->sockets_len++;
	if (u->sockets_len == s->config->listen_len)
		adopt_all(s);
	return loop_watch_fd(s->lane->loop, fd, LOOP_READ, on_datagrams, k, &k->watch);
}

/* The sockets stay open: what is left of associations answers from them. */
static void udp_retire(struct service *s)
{
	struct udp *u = s->state;

	for (unsigned i = 0; i < u->sockets_len; i++) {
		loop_unwatch(u->sockets[i].watch);
		u->sockets[i].watch = NULL;
	}
}

const struct service_ops udp_service = {
	.type = RELAY_UDP,
	.open = udp_open,
	.listen = udp_listen,
	.retire = udp_retire,
	.close = udp_close,
};
