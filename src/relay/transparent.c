/*
 * transparent.c - the service "transparent": connections that were on their way to somewhere else (TPROXY)
 *
 * The rules of dataplane/relayway.h bring a client's connection here although it is to another address, which the socket
 * has as its own (arrival.local). Over IPv6 that address lies under a NAT64 prefix, and the IPv4 address inside it is
 * dialled; over IPv4 it is one that DNS46 has lent to an IPv6 host, which is dialled (lent46.h). Everything else is
 * nobody's and is reset.
 *
 * What the client says decides nothing: the destination is the address that it sent to. A name in it (TLS server_name,
 * Host) may be any, so it is only shown (isthmus relay). It is looked at without being taken: when the destination is
 * connected, whoever speaks first ends the waiting for it, and NAME_PATIENCE does at the latest.
 *
 * With literal-zone what comes to port 80 is HTTP, and the engine of http.h serves it, which changes the links in pages.
 *
 * Life of a @struct_taken: dialling -> listening for the first word -> relaying (pump.h). While a destination is dialled nobody
 * reads from the client.
 *
 * Limits: timeouts.connect and timeouts.idle; the destination is the client's choice, so relay.destinations hold.
 *
 * Not done: to a client over IPv6 the connection is accepted before its destination is, so one that cannot be reached is
 * seen as reset, not as refused.
 */
#include "addr/embed.h"
#include "addr/lent46.h"
#include "base/bytes.h"
#include "relay/clienthello.h"
#include "relay/dial.h"
#include "relay/http.h"
#include "relay/http_authority.h"
#include "relay/pump.h"
#include "relay/services.h"
#include "relay/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_PORT 80
#define PEEK_BYTES 2048		   /* of the first message, for its name */
#define NAME_PATIENCE (100 * MSEC) /* how long that is waited for, if nobody speaks */

struct taken {
	struct visit visit;
	struct stream client, server;
	struct relay_target to;
	struct dial *dial;
	struct pump *pump;
	struct loop_watch *patience; /* until somebody has spoken */
	struct endpoint peer;
};

static void taken_free(struct taken *t)
{
	dial_cancel(t->dial);
	pump_cancel(t->pump);
	loop_unwatch(t->patience);
	stream_fini(&t->client);
	stream_fini(&t->server);
	visit_end(&t->visit);
	free(t);
}

static void taken_break(struct taken *t)
{
	SERVICE_ADD(t->visit.service, failed, 1);
	stream_reset(&t->client);
	taken_free(t);
}

static void on_leave(struct visit *v)
{
}

static void on_end(struct visit *v)
{
	struct taken *t = HOLDER_OF(v, struct taken, visit);

	stream_reset(&t->client);
	stream_reset(&t->server);
	taken_free(t);
}

/* --- where to --- */

static bool find64(const struct service *s, const struct endpoint *local, struct endpoint *ret)
{
	const struct access *a = &s->access;

	for (unsigned i = 0; i < a->translation_len; i++)
		if (embed_extract(a->translation[i], local->a6, &ret->a4) == 0) {
			ret->is4 = true;
			return true;
		}
	return false;
}

static bool find46(const struct service *s, const struct endpoint *local, struct endpoint *ret)
{
	const struct lent46 *t = s->lane->lent;

	ret->is4 = false;
	return t && lent46_find4(t, local->a4, clock_now(), &ret->a6) == LENT46_FOUND;
}

/* The destination in the other family; false: the address stands for none. */
static bool find_destination(const struct service *s, const struct endpoint *local, struct endpoint *ret)
{
	ret->port = local->port;
	return local->is4 ? find46(s, local, ret) : find64(s, local, ret);
}

/* --- what the client says, for the operator --- */

static void copy_host(const char *bytes, size_t len, char to[static RELAY_HOST])
{
	struct clienthello hello;
	struct http_head head;
	struct http_fault fault;
	struct relay_target at;

	to[0] = '\0';
	if (clienthello_parse(bytes, len, &hello) == CLIENTHELLO_WHOLE)
		text_copy(to, RELAY_HOST, hello.host);
	else if (http_request_parse(bytes, len, &head, &fault) == HTTP_WHOLE && head.host.at &&
		 http_authority_parse(head.host, 80, &at))
		text_copy(to, RELAY_HOST, at.host);
}

static void note_destination(struct taken *t)
{
	char bytes[PEEK_BYTES], host[RELAY_HOST] = "";
	ssize_t n = recv(t->client.fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		copy_host(bytes, (size_t)n, host);
	visit_to(&t->visit, host, t->peer.port, &t->peer);
}

/* --- there --- */

static void on_pumped(void *ctx, enum pump_end how)
{
	struct taken *t = ctx;

	t->pump = NULL;
	if (how == PUMP_CLIENT_BROKE)
		stream_reset(&t->server);
	if (how == PUMP_SERVER_BROKE)
		stream_reset(&t->client);
	taken_free(t);
}

static void relay_begin(struct taken *t)
{
	struct pump_plan plan = { .client = &t->client,
		.server = &t->server,
		.visit = &t->visit,
		.idle = t->visit.service->config->timeouts.idle,
		.done = on_pumped,
		.ctx = t };

	loop_unwatch(t->patience);
	t->patience = NULL;
	note_destination(t);
	if (pump_start(&plan, &t->pump) < 0)
		taken_break(t);
}

/* Bytes, the end or an error: all of them are something to say. */
static bool has_spoken(const struct stream *s)
{
	char byte;

	return recv(s->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void on_word(void *ctx)
{
	struct taken *t = ctx;

	if (has_spoken(&t->client) || has_spoken(&t->server))
		relay_begin(t);
}

static void on_silence(void *ctx)
{
	relay_begin(ctx);
}

/* Without memory for a timer nobody is waited for. */
static void listen_begin(struct taken *t)
{
	if (has_spoken(&t->client) ||
		loop_watch_timer(t->visit.service->lane->loop, on_silence, t, &t->patience) < 0) {
		relay_begin(t);
		return;
	}
	loop_timer_set(t->patience, NAME_PATIENCE);
	stream_watch(&t->client, on_word, t);
	stream_watch(&t->server, on_word, t);
}

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct taken *t = ctx;
	struct service *s = t->visit.service;

	t->dial = NULL;
	if (fault != DIAL_OK) {
		taken_break(t);
		return;
	}
	stream_init_dialled(&t->server, s->lane, fd, NULL);
	t->peer = *peer;
	listen_begin(t);
}

static int dial(struct taken *t)
{
	struct service *s = t->visit.service;
	struct dial_plan plan = { .to = &t->to,
		.access = &s->access,
		.family = s->config->family,
		.timeout = s->config->timeouts.connect,
		.client_prefix = s->config->has_client_prefix ? &s->config->client_prefix : NULL,
		.client = t->visit.client,
		.done = on_dialled,
		.ctx = t };

	return dial_start(s->lane, &plan, &t->dial);
}

/* --- pages whose links are changed (literal-zone) --- */

static void decide(void *ctx, struct http_exchange *x, const struct http_request *q)
{
	static const struct http_refusal nowhere = { .status = 502,
		.sentence = "this address stands for no server" };
	struct service *s = ctx;
	struct relay_target to = { .host = "" };
	const struct http_way way = { .to = &to,
		.access = &s->access,
		.family = s->config->family,
		.literal_zone = s->config->literal_zone };

	if (find_destination(s, &q->local, &to.at))
		http_go(x, &way);
	else
		http_refuse(x, &nowhere);
}

static void ended(void *ctx, struct http_exchange *x, void *target, enum http_end how, bool may_repeat)
{
}

static int transparent_open(struct service *s, char *fault, size_t fault_size)
{
	const struct http_user user = {
		.service = s, .role = HTTP_ROLE_TRANSPARENT, .decide = decide, .ended = ended, .ctx = s
	};
	struct http *h = NULL;
	int err = s->config->literal_zone[0] ? http_new(&user, &h) : 0;

	s->state = h;
	return err;
}

static void transparent_retire(struct service *s)
{
	if (s->state)
		http_retire(s->state);
}

static void transparent_close(struct service *s)
{
	http_free(s->state);
}

/* --- arrivals --- */

static void transparent_arrive(struct service *s, const struct arrival *a)
{
	if (s->state && a->local.port == HTTP_PORT) {
		http_serve(s->state, a, NULL);
		return;
	}
	struct taken *t = calloc(1, sizeof(*t));

	if (!t) {
		close(a->fd);
		return;
	}
	t->visit = (struct visit){ .client = a->client, .leave = on_leave, .end = on_end };
	if (visit_begin(&t->visit, s) < 0) {
		close(a->fd);
		free(t);
		return;
	}
	if (stream_init(&t->client, s->lane, a->fd, NULL) < 0 || !find_destination(s, &a->local, &t->to.at) ||
		dial(t) < 0)
		taken_break(t);
}

const struct service_ops transparent_service = { .type = RELAY_TRANSPARENT,
	.open = transparent_open,
	.arrive = transparent_arrive,
	.retire = transparent_retire,
	.close = transparent_close };
