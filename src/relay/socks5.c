/*
 * socks5.c - the service "socks5": a client names a destination of either family, and gets a connection or datagrams
 *
 * Life of a @struct_socks5_client:
 *
 *	GREETING --> LOGIN (JUDGED by users.h) --> REQUEST --CONNECT--> DIALLING --> RELAYING (pump.h)
 *	    |           |                                  |                    |
 *	    |           |                                  +--UDP ASSOCIATE--> ASSOCIATED (socks5_udp.h) until it hangs up
 *	    +-----------+------ refused -------------------+--------------------+--> LINGERING: the reply is sent, and what
 *	                                                                             comes is thrown away for LINGER_TIME
 *
 * A client may send what follows without waiting for answers: it stays in @in and is read in its turn; what is behind the
 * request goes to the destination. While a destination is dialled nobody reads from the client.
 *
 * Limits: timeouts.head from the first byte to the request, timeouts.connect for the dial, timeouts.idle of a connection,
 * timeouts.udp of an association without datagrams. BIND (RFC 1928 s4) is refused: hardly any client uses it, and it would
 * let strangers in.
 *
 * Standards: RFC 1928, RFC 1929. DEVIATION: GSSAPI, which s3 says compliant implementations MUST support, is not offered;
 * hardly any other server or client has it.
 */
#include "relay/dial.h"
#include "relay/pump.h"
#include "relay/services.h"
#include "relay/socks5_udp.h"
#include "relay/socks5_wire.h"
#include "relay/users.h"

#include "base/bytes.h"
#include "net/sockaddr.h"
#include "relay/buffers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINGER_TIME (2 * NSEC) /* RFC 1928 s6: at most 10 s until the connection ends */

enum stage { GREETING, LOGIN, REQUEST, JUDGED, DIALLING, RELAYING, ASSOCIATED, LINGERING };

struct socks5 {
	struct users *users;		      /* NULL: nobody is asked for a password */
	uint8_t scratch[ASSOCIATION_SCRATCH]; /* of all associations, between two events */
};

struct socks5_client {
	struct visit visit;
	enum stage stage;
	struct stream client, server;
	struct buffer *in; /* until the request is served */
	struct loop_watch *timer;
	struct relay_target to;
	struct dial *dial;
	struct pump *pump;
	struct association *association;
	struct users_question *question; /* of JUDGED */
};

/* --- the end --- */

/* Whoever is served holds no buffer, unless bytes wait in it. */
static void give_buffer(struct socks5_client *c)
{
	buffer_give(c->visit.service->lane->buffers, c->in);
	c->in = NULL;
}

static void client_free(struct socks5_client *c)
{
	users_forget(c->question);
	dial_cancel(c->dial);
	pump_cancel(c->pump);
	association_free(c->association);
	give_buffer(c);
	loop_unwatch(c->timer);
	stream_fini(&c->client);
	stream_fini(&c->server);
	visit_end(&c->visit);
	free(c);
}

/* Nothing sensible can be said to the client any more. */
static void client_break(struct socks5_client *c)
{
	SERVICE_ADD(c->visit.service, failed, 1);
	stream_reset(&c->client);
	client_free(c);
}

/* Bytes that nobody reads would turn the end of the connection into a reset, and the reply would be lost with it. */
static void linger(struct socks5_client *c)
{
	SERVICE_ADD(c->visit.service, failed, 1);
	give_buffer(c);
	stream_shut(&c->client);
	c->stage = LINGERING;
	loop_timer_set(c->timer, LINGER_TIME);
	stream_again(&c->client);
}

static void on_timer(void *ctx)
{
	struct socks5_client *c = ctx;

	if (c->stage == LINGERING) {
		client_free(c);
		return;
	}
	LANE_COUNT(c->visit.service->lane, head_timeout);
	client_break(c);
}

static void on_leave(struct visit *v)
{
}

static void on_end(struct visit *v)
{
	struct socks5_client *c = HOLDER_OF(v, struct socks5_client, visit);

	stream_reset(&c->client);
	stream_reset(&c->server);
	client_free(c);
}

/* --- what is said to the client --- */

/* Answers are shorter than any socket's buffer is empty: one that does not fit is a client that does not read. */
static bool say(struct socks5_client *c, const uint8_t *bytes, size_t len)
{
	return stream_write(&c->client, bytes, len) == (ssize_t)len;
}

static bool reply(struct socks5_client *c, enum socks5_reply code, const struct endpoint *bound)
{
	uint8_t bytes[SOCKS5_HEAD_MAX];

	return say(c, bytes, socks5_reply_write(code, bound, bytes));
}

static void refuse(struct socks5_client *c, enum socks5_reply code)
{
	struct endpoint none = { .is4 = true };

	if (reply(c, code, &none))
		linger(c);
	else
		client_break(c);
}

static enum socks5_reply reply_of(enum dial_fault f)
{
	static const enum socks5_reply replies[DIAL_FAULT_COUNT] = {
		[DIAL_OK] = SOCKS5_SUCCEEDED,
		[DIAL_NO_NAME] = SOCKS5_HOST_UNREACHABLE,
		[DIAL_NO_ANSWER] = SOCKS5_FAILURE,
		[DIAL_DENIED] = SOCKS5_NOT_ALLOWED,
		[DIAL_DENIED_PORT] = SOCKS5_NOT_ALLOWED,
		[DIAL_DENIED_OWN] = SOCKS5_NOT_ALLOWED,
		[DIAL_REFUSED] = SOCKS5_REFUSED,
		[DIAL_UNREACHABLE] = SOCKS5_NETWORK_UNREACHABLE,
		[DIAL_TIMEOUT] = SOCKS5_HOST_UNREACHABLE,
		[DIAL_FAILED] = SOCKS5_FAILURE,
	};

	return replies[f];
}

/* --- CONNECT --- */

static void on_pumped(void *ctx, enum pump_end how)
{
	struct socks5_client *c = ctx;

	c->pump = NULL;
	if (how == PUMP_CLIENT_BROKE)
		stream_reset(&c->server);
	if (how == PUMP_SERVER_BROKE)
		stream_reset(&c->client);
	client_free(c);
}

static int pump_begin(struct socks5_client *c)
{
	struct service *s = c->visit.service;
	struct pump_plan plan = {
		.client = &c->client,
		.server = &c->server,
		.visit = &c->visit,
		.idle = s->config->timeouts.idle,
		.early_up = c->in ? c->in->data + c->in->from : NULL,
		.early_up_len = c->in ? buffer_left(c->in) : 0,
		.done = on_pumped,
		.ctx = c,
	};
	int err = pump_start(&plan, &c->pump);

	give_buffer(c);
	loop_unwatch(c->timer);
	c->timer = NULL;
	c->stage = RELAYING;
	return err;
}

static struct endpoint local_of(int fd)
{
	union sockaddr_any a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) < 0)
		return (struct endpoint){ .is4 = true };
	return sockaddr_endpoint(&a);
}

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct socks5_client *c = ctx;

	c->dial = NULL;
	visit_to(&c->visit, c->to.host, c->to.at.port, peer);
	if (fault != DIAL_OK) {
		refuse(c, reply_of(fault));
		return;
	}
	struct endpoint bound = local_of(fd);

	if (stream_init(&c->server, c->visit.service->lane, fd, NULL) < 0)
		refuse(c, SOCKS5_FAILURE);
	else if (!reply(c, SOCKS5_SUCCEEDED, &bound) || pump_begin(c) < 0)
		client_break(c);
}

static void serve_connect(struct socks5_client *c, const struct socks5_request *q)
{
	const struct service *s = c->visit.service;
	struct dial_plan plan = {
		.kind = DIAL_STREAM,
		.to = &c->to,
		.access = &s->access,
		.family = s->config->family,
		.timeout = s->config->timeouts.connect,
		.client_prefix = s->config->has_client_prefix ? &s->config->client_prefix : NULL,
		.client = c->visit.client,
		.done = on_dialled,
		.ctx = c,
	};

	c->to = q->to;
	c->stage = DIALLING;
	if (buffer_left(c->in) == 0)
		give_buffer(c);
	if (dial_start(s->lane, &plan, &c->dial) < 0)
		refuse(c, SOCKS5_FAILURE);
}

/* --- UDP ASSOCIATE --- */

static void on_idle(void *ctx)
{
	struct socks5_client *c = ctx;

	LANE_COUNT(c->visit.service->lane, idle_timeout);
	client_free(c);
}

/* The client is told where to send to: the address at which it has reached us (RFC 1928 s6). The address that it says it
 * sends from is often none; its port counts if there is one. */
static void serve_associate(struct socks5_client *c, const struct socks5_request *q)
{
	struct socks5 *s = c->visit.service->state;
	struct association_plan plan = {
		.visit = &c->visit,
		.near = local_of(c->client.fd),
		.client_port = q->to.at.port,
		.scratch = s->scratch,
		.idle = on_idle,
		.ctx = c,
	};
	struct endpoint at;

	if (association_new(&plan, &c->association, &at) < 0) {
		refuse(c, SOCKS5_FAILURE);
		return;
	}
	c->stage = ASSOCIATED;
	give_buffer(c);
	if (!reply(c, SOCKS5_SUCCEEDED, &at))
		client_break(c);
	else
		stream_again(&c->client);
}

/* --- the client's messages; each returns false if it must come again with more, or if all is said --- */

static void consume(struct socks5_client *c, size_t len)
{
	c->in->from += (unsigned)len;
}

static bool is_malformed(struct socks5_client *c, enum socks5_progress p)
{
	if (p != SOCKS5_MALFORMED)
		return false;
	LANE_COUNT(c->visit.service->lane, head_malformed);
	client_break(c);
	return true;
}

static enum socks5_method method_for(const struct socks5_client *c, const struct socks5_greeting *g)
{
	if (c->visit.service->config->users[0])
		return g->offers_password ? SOCKS5_PASSWORD : SOCKS5_NO_METHOD;
	return g->offers_no_password ? SOCKS5_NO_PASSWORD : SOCKS5_NO_METHOD;
}

static bool take_greeting(struct socks5_client *c)
{
	struct socks5_greeting g;
	enum socks5_progress p = socks5_greeting_parse(c->in->data + c->in->from, buffer_left(c->in), &g);

	if (p != SOCKS5_WHOLE) {
		is_malformed(c, p);
		return false;
	}
	consume(c, g.len);
	enum socks5_method m = method_for(c, &g);
	uint8_t answer[2] = { SOCKS5_VERSION, (uint8_t)m };

	if (!say(c, answer, sizeof(answer))) {
		client_break(c);
		return false;
	}
	if (m == SOCKS5_NO_METHOD) {
		LANE_COUNT(c->visit.service->lane, auth_missing);
		linger(c);
		return false;
	}
	c->stage = m == SOCKS5_PASSWORD ? LOGIN : REQUEST;
	return true;
}

/* RFC 1929 s2; whoever is wrong is told, and gone. */
static void on_judged(void *ctx, enum users_verdict v)
{
	struct socks5_client *c = ctx;
	uint8_t answer[2] = { SOCKS5_LOGIN_VERSION, v == USERS_RIGHT ? 0 : 1 };

	c->question = NULL;
	if (v == USERS_WRONG)
		LANE_COUNT(c->visit.service->lane, auth_wrong);
	if (!say(c, answer, sizeof(answer))) {
		client_break(c);
	} else if (v == USERS_RIGHT) {
		c->stage = REQUEST;
		stream_again(&c->client); /* the request may be here already */
	} else {
		linger(c);
	}
}

static bool take_login(struct socks5_client *c)
{
	struct socks5 *s = c->visit.service->state;
	struct socks5_login l;
	enum socks5_progress p = socks5_login_parse(c->in->data + c->in->from, buffer_left(c->in), &l);

	if (p != SOCKS5_WHOLE) {
		is_malformed(c, p);
		return false;
	}
	consume(c, l.len);
	c->stage = JUDGED;
	users_ask_plain(s->users, l.user, l.password, on_judged, c, &c->question);
	explicit_bzero(&l, sizeof(l));
	return false;
}

static bool take_request(struct socks5_client *c)
{
	struct socks5_request q;
	enum socks5_progress p = socks5_request_parse(c->in->data + c->in->from, buffer_left(c->in), &q);

	if (p != SOCKS5_WHOLE) {
		is_malformed(c, p);
		return false;
	}
	consume(c, q.len);
	loop_timer_stop(c->timer);
	if (q.fault != SOCKS5_SUCCEEDED)
		refuse(c, q.fault);
	else if (q.command == SOCKS5_CONNECT)
		serve_connect(c, &q);
	else if (q.command == SOCKS5_UDP_ASSOCIATE)
		serve_associate(c, &q);
	else
		refuse(c, SOCKS5_NO_COMMAND);
	return false;
}

static void go_on(struct socks5_client *c)
{
	static bool (*const take[])(struct socks5_client * c) = {
		[GREETING] = take_greeting,
		[LOGIN] = take_login,
		[REQUEST] = take_request,
	};

	while (take[c->stage](c))
		;
}

/* --- the client's bytes --- */

/* Reads what fits; false: the client is gone, and so is @c. */
static bool fill(struct socks5_client *c)
{
	ssize_t n = 1;

	while (n > 0 && c->client.can_read && buffer_room(c->in) > 0) {
		n = stream_read(&c->client, c->in->data + c->in->to, buffer_room(c->in));
		if (n > 0)
			c->in->to += (unsigned)n;
	}
	if (n > 0 || n == -EAGAIN)
		return true;
	client_free(c);
	return false;
}

/* Reads and forgets; the end of the connection is what counts. */
static void drain(struct socks5_client *c)
{
	uint8_t bytes[1024];
	ssize_t n;

	for (unsigned i = 0; i < 16; i++) {
		n = stream_read(&c->client, bytes, sizeof(bytes));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			client_free(c);
			return;
		}
	}
	stream_again(&c->client);
}

static void on_ready(void *ctx)
{
	struct socks5_client *c = ctx;

	if (c->stage == ASSOCIATED || c->stage == LINGERING)
		drain(c);
	else if (c->stage < JUDGED && fill(c))
		go_on(c);
}

/* --- the service --- */

static int socks5_open(struct service *s, char *fault, size_t fault_size)
{
	const struct relay_service *c = s->config;
	struct socks5 *k = malloc(sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->users = NULL;
	int err = c->users[0] ? users_new(s->lane->loop, c->users_text.text, c->users_text.len, &k->users,
					fault, fault_size)
			      : 0;
	if (err < 0) {
		free(k);
		return err;
	}
	s->state = k;
	return 0;
}

static void socks5_close(struct service *s)
{
	struct socks5 *k = s->state;

	users_free(k->users);
	free(k);
}

static int client_init(struct socks5_client *c)
{
	struct lane *l = c->visit.service->lane;
	int err = loop_watch_timer(l->loop, on_timer, c, &c->timer);

	if (err < 0)
		return err;
	c->in = buffer_borrow(l->buffers);
	if (!c->in)
		return -ENOMEM;
	loop_timer_set(c->timer, c->visit.service->config->timeouts.head);
	stream_watch(&c->client, on_ready, c);
	return 0;
}

static void socks5_arrive(struct service *s, const struct arrival *a)
{
	struct socks5_client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(a->fd);
		return;
	}
	c->visit = (struct visit){ .client = a->client, .leave = on_leave, .end = on_end };
	if (visit_begin(&c->visit, s) < 0) {
		close(a->fd);
		free(c);
		return;
	}
	if (stream_init(&c->client, s->lane, a->fd, NULL) < 0 || client_init(c) < 0)
		client_break(c);
}

const struct service_ops socks5_service = {
	.type = RELAY_SOCKS5,
	.open = socks5_open,
	.arrive = socks5_arrive,
	.close = socks5_close,
};
