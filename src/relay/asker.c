/*
 * asker.c - questions to name servers, on the loop; see asker.h
 *
 * Structure. c-ares says for each of its sockets what it waits for (on_socket_state()), and how long at most (set_again());
 * a @struct_asker_socket is one of them on the loop. Each question is a @struct_query until c-ares has done with it.
 *
 * c-ares opens a socket when it asks and closes it when nothing is open any more, so that ports change. In its calls it may
 * reply, and must not be destroyed; settled() is called behind them.
 */
#include "relay/asker.h"

#include "base/bytes.h"
#include "loop/loop.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <stdlib.h>

#define ASK_AGAIN_MS 1000 /* when a server has not answered; c-ares doubles it */
#define ASK_TRIES 3	  /* of each server */
#define EDNS_SIZE 1232	  /* as edns-buffer-size of dns64/engine_config.c */
#define TTL_MAX_S 3600
#define NONE_S 10  /* what the resolver says is not there may be there soon */
#define FAILED_S 2 /* RFC 2308 s7: a server that has failed is not asked at once again */

/* A socket of c-ares. */
struct asker_socket {
	struct asker_socket *next;
	struct asker *asker;
	int fd;
	unsigned events;
	struct loop_watch *watch;
};

struct query {
	struct asker *asker;
	enum names_family family;
	void *question;
};

struct asker {
	struct asker_plan plan;
	ares_channel channel;
	struct asker_socket *sockets;
	struct loop_watch *again; /* when c-ares wants to be called although no socket is ready */
	unsigned servers_len;
	bool is_silent; /* what c-ares gives up is nobody's business */
};

/* --- replies --- */

/* One address more; its TTL counts if it is the shortest. */
static void take_address4(struct names_answer *a, unsigned *seconds, const struct ares_addrttl *from)
{
	if ((unsigned)from->ttl < *seconds)
		*seconds = (unsigned)from->ttl;
	a->a4[a->len++] = addr4_at((const uint8_t *)&from->ipaddr);
}

static void take_address6(struct names_answer *a, unsigned *seconds, const struct ares_addr6ttl *from)
{
	if ((unsigned)from->ttl < *seconds)
		*seconds = (unsigned)from->ttl;
	a->a6[a->len++] = addr6_at((const uint8_t *)&from->ip6addr);
}

/* read_reply() - what a reply says; the number of seconds that it holds */
static unsigned read_reply(
	enum names_family family, const unsigned char *reply, int len, struct names_answer *a)
{
	struct ares_addrttl list4[NAMES_ADDRESSES_MAX];
	struct ares_addr6ttl list6[NAMES_ADDRESSES_MAX];
	int found = NAMES_ADDRESSES_MAX;
	int status = family == NAMES_IPV4 ? ares_parse_a_reply(reply, len, NULL, list4, &found)
					  : ares_parse_aaaa_reply(reply, len, NULL, list6, &found);
	unsigned seconds = TTL_MAX_S;

	if (status != ARES_SUCCESS && status != ARES_ENODATA) {
		a->status = NAMES_FAILED;
		return FAILED_S;
	}
	for (int i = 0; status == ARES_SUCCESS && i < found; i++)
		if (family == NAMES_IPV4)
			take_address4(a, &seconds, &list4[i]);
		else
			take_address6(a, &seconds, &list6[i]);
	a->status = a->len > 0 ? NAMES_OK : NAMES_NONE;
	return a->len > 0 ? seconds : NONE_S;
}

static void on_reply(void *ctx, int status, int timeouts, unsigned char *reply, int len)
{
	struct query q = *(struct query *)ctx;
	struct names_answer a = { .status = NAMES_FAILED };
	unsigned seconds = FAILED_S;

	free(ctx);
	if (q.asker->is_silent)
		return;
	if (status == ARES_SUCCESS) {
		seconds = read_reply(q.family, reply, len, &a);
	} else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
		a.status = NAMES_NONE;
		seconds = NONE_S;
	}
	q.asker->plan.replied(q.question, &a, seconds);
}

/* --- c-ares and the loop --- */

static void set_again(struct asker *a)
{
	struct timeval at, *tv = ares_timeout(a->channel, NULL, &at);

	if (tv)
		loop_timer_set(a->again, (nsec)tv->tv_sec * NSEC + (nsec)tv->tv_usec * 1000);
	else
		loop_timer_stop(a->again);
}

static void on_again(void *ctx)
{
	struct asker *a = ctx;

	ares_process_fd(a->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_again(a);
	a->plan.settled(a->plan.ctx);
}

static void on_socket(void *ctx, unsigned ready)
{
	struct asker_socket *s = ctx;
	struct asker *a = s->asker;
	int fd = s->fd; /* the socket may be gone when c-ares returns */

	ares_process_fd(a->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD,
		ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	set_again(a);
	a->plan.settled(a->plan.ctx);
}

static void socket_forget(struct asker *a, int fd)
{
	for (struct asker_socket **p = &a->sockets; *p; p = &(*p)->next)
		if ((*p)->fd == fd) {
			struct asker_socket *s = *p;

			*p = s->next;
			loop_unwatch(s->watch);
			free(s);
			return;
		}
}

/* c-ares says what it waits for on a socket; neither: it is about to be closed. If the socket cannot be watched, the
 * question is asked again when its time is over, and fails at last. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct asker *a = ctx;
	unsigned events = (readable ? LOOP_READ : 0U) | (writable ? LOOP_WRITE : 0U);
	struct asker_socket *s;

	for (s = a->sockets; s && s->fd != fd; s = s->next)
		;
	if (s && s->events == events)
		return;
	socket_forget(a, fd);
	if (events == 0)
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->asker = a;
	s->fd = fd;
	s->events = events;
	if (loop_watch_fd(a->plan.loop, fd, events, on_socket, s, &s->watch) < 0) {
		free(s);
		return;
	}
	s->next = a->sockets;
	a->sockets = s;
}

void asker_ask(struct asker *a, const char *host, enum names_family family, void *question)
{
	static const struct names_answer failed = { .status = NAMES_FAILED };
	struct query *q = a->servers_len > 0 ? malloc(sizeof(*q)) : NULL;

	if (!q) { /* c-ares 1.18 loses memory when there are no servers */
		a->plan.replied(question, &failed, FAILED_S);
		return;
	}
	*q = (struct query){ a, family, question };
	ares_query(a->channel, host, C_IN, family == NAMES_IPV4 ? T_A : T_AAAA, on_reply, q);
	set_again(a);
}

/* --- life --- */

/* Everything that c-ares would otherwise read from files is said here, so it reads none (the sandbox has none). */
static int channel_new(struct asker *a)
{
	static char lookups[] = "b";
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = ASK_AGAIN_MS,
		.tries = ASK_TRIES,
		.ndots = 1,
		.lookups = lookups,
		.ednspsz = EDNS_SIZE,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = a,
	};
	int said = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
		   ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ |
		   ARES_OPT_SOCK_STATE_CB;

	return ares_init_options(&a->channel, &o, said) == ARES_SUCCESS ? 0 : -ENOMEM;
}

int asker_new(const struct asker_plan *plan, struct asker **ret)
{
	struct asker *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->plan = *plan;
	int err = loop_watch_timer(plan->loop, on_again, a, &a->again);
	if (err == 0)
		err = channel_new(a);
	if (err < 0) {
		asker_free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void asker_free(struct asker *a)
{
	if (!a)
		return;
	a->is_silent = true;
	if (a->channel)
		ares_destroy(a->channel);
	while (a->sockets)
		socket_forget(a, a->sockets->fd);
	loop_unwatch(a->again);
	free(a);
}

int asker_set_servers(struct asker *a, const struct endpoint *servers, unsigned len)
{
	struct ares_addr_port_node nodes[RELAY_RESOLVERS_MAX] = { { .next = NULL } };

	ASSERT(len <= RELAY_RESOLVERS_MAX);
	a->servers_len = 0;
	a->is_silent = true; /* c-ares takes no other servers while it waits for the old ones */
	ares_cancel(a->channel);
	a->is_silent = false;
	for (unsigned i = 0; i < len; i++) {
		struct ares_addr_port_node *s = &nodes[i];

		s->next = i + 1 < len ? s + 1 : NULL;
		s->family = servers[i].is4 ? AF_INET : AF_INET6;
		s->udp_port = s->tcp_port = servers[i].port;
		if (servers[i].is4)
			addr4_put((uint8_t *)&s->addr.addr4, servers[i].a4);
		else
			addr6_put((uint8_t *)&s->addr.addr6, servers[i].a6);
	}
	if (ares_set_servers_ports(a->channel, len > 0 ? nodes : NULL) != ARES_SUCCESS)
		return -ENOMEM;
	a->servers_len = len;
	return 0;
}
