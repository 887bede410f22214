/*
 * tcp.c - the service "tcp": each connection goes to one of services.to, byte by byte
 *
 * Life of a @struct_carried: arrived (visit begun, client's socket a stream) -> dialled -> pumped -> gone. While it is
 * dialled nobody reads from the client: whatever it says waits in the kernel. A target that is not reached gives its
 * place to the next one, until all have been tried.
 */
#include "relay/dial.h"
#include "relay/proxy_head.h"
#include "relay/pump.h"
#include "relay/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tcp {
	unsigned turn; /* whose turn it is, of services.to */
};

struct carried {
	struct visit visit;
	struct stream client, server;
	struct endpoint local; /* where the client wanted to go */
	struct dial *dial;     /* NULL: not any more */
	struct pump *pump;     /* NULL: not yet */
	unsigned target, tries;
};

/* --- the end --- */

static void carried_free(struct carried *c)
{
	dial_cancel(c->dial);
	pump_cancel(c->pump);
	stream_fini(&c->client);
	stream_fini(&c->server);
	visit_end(&c->visit);
	free(c);
}

static void carried_fail(struct carried *c)
{
	SERVICE_ADD(c->visit.service, failed, 1);
	stream_reset(&c->client);
	carried_free(c);
}

/* A side whose bytes did not all arrive must not take the rest for the whole. */
static void on_pumped(void *ctx, enum pump_end how)
{
	struct carried *c = ctx;

	c->pump = NULL;
	if (how == PUMP_CLIENT_BROKE)
		stream_reset(&c->server);
	if (how == PUMP_SERVER_BROKE)
		stream_reset(&c->client);
	carried_free(c);
}

/* A connection has no moment between two requests that could be known from outside: it goes on until it ends. */
static void on_leave(struct visit *v)
{
}

static void on_end(struct visit *v)
{
	struct carried *c = (struct carried *)((char *)v - offsetof(struct carried, visit));

	stream_reset(&c->client);
	stream_reset(&c->server);
	carried_free(c);
}

/* --- to the target --- */

static const struct relay_target *target_of(const struct carried *c)
{
	return &c->visit.service->config->to[c->target];
}

static int pump_begin(struct carried *c)
{
	const struct relay_service *s = c->visit.service->config;
	unsigned char head[PROXY_HEAD_WRITE_MAX];
	struct pump_plan plan = {
		.client = &c->client,
		.server = &c->server,
		.visit = &c->visit,
		.idle = s->timeouts.idle,
		.early_up = head,
		.early_up_len = proxy_head_write(s->proxy_head, &c->visit.client, &c->local, head),
		.done = on_pumped,
		.ctx = c,
	};

	return pump_start(&plan, &c->pump);
}

static int dial_begin(struct carried *c);

static void on_dialled(void *ctx, enum dial_fault fault, int fd, const struct endpoint *peer)
{
	struct carried *c = ctx;
	const struct relay_target *to = target_of(c);

	c->dial = NULL;
	if (fault != DIAL_OK) {
		c->tries++;
		c->target = (c->target + 1) % c->visit.service->config->to_len;
		if (c->tries == c->visit.service->config->to_len || dial_begin(c) < 0)
			carried_fail(c);
		return;
	}
	visit_to(&c->visit, to->host, to->at.port, peer);
	if (stream_init(&c->server, c->visit.service->lane, fd, NULL) < 0 || pump_begin(c) < 0)
		carried_fail(c);
}

static int dial_begin(struct carried *c)
{
	const struct service *s = c->visit.service;
	const struct relay_service *config = s->config;
	struct dial_plan plan = {
		.kind = DIAL_STREAM,
		.to = target_of(c),
		.access = NULL, /* the operator has named it */
		.family = config->family,
		.timeout = config->timeouts.connect,
		.client_prefix = config->has_client_prefix ? &config->client_prefix : NULL,
		.client = c->visit.client,
		.done = on_dialled,
		.ctx = c,
	};

	return dial_start(s->lane, &plan, &c->dial);
}

/* --- the service --- */

static int tcp_open(struct service *s, char *fault, size_t fault_size)
{
	struct tcp *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	ASSERT(s->config->to_len > 0); /* conf/ wants at least one */
	t->turn = s->lane->number;
	s->state = t;
	return 0;
}

static void tcp_close(struct service *s)
{
	free(s->state);
}

static void tcp_arrive(struct service *s, const struct arrival *a)
{
	struct tcp *t = s->state;
	struct carried *c = calloc(1, sizeof(*c));

	if (!c) {
		close(a->fd);
		return;
	}
	c->visit = (struct visit){ .client = a->client, .leave = on_leave, .end = on_end };
	c->local = a->local;
	c->target = t->turn++ % s->config->to_len;
	if (visit_begin(&c->visit, s) < 0) {
		close(a->fd);
		free(c);
		return;
	}
	if (stream_init(&c->client, s->lane, a->fd, NULL) < 0 || dial_begin(c) < 0)
		carried_fail(c);
}

const struct service_ops tcp_service = {
	.type = RELAY_TCP,
	.open = tcp_open,
	.arrive = tcp_arrive,
	.close = tcp_close,
};
