/*
 * tcp.c - the service "tcp": each connection goes to one of services.to, byte by byte
 *
 * Life of a @struct_carried: arrived (visit begun, client's socket a stream) -> a target is reached (reach.h) -> pumped ->
 * gone. Until one is reached nobody reads from the client: whatever it says waits in the kernel.
 */
#include "relay/proxy_head.h"
#include "relay/pump.h"
#include "relay/reach.h"
#include "relay/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tcp {
	struct target_group *targets;
};

struct carried {
	struct visit visit;
	struct stream client, server;
	struct endpoint local; /* where the client wanted to go */
	struct reach *reach;   /* NULL: not any more */
	struct target *target; /* NULL: not yet */
	struct pump *pump;     /* NULL: not yet */
};

/* --- the end --- */

static void carried_free(struct carried *c)
{
	reach_cancel(c->reach);
	pump_cancel(c->pump);
	if (c->target)
		target_give(c->target);
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

static void on_reached(
	void *ctx, enum dial_fault fault, int fd, struct target *target, const struct endpoint *peer)
{
	struct carried *c = ctx;

	c->reach = NULL;
	if (fault != DIAL_OK) {
		carried_fail(c);
		return;
	}
	c->target = target;
	visit_to(&c->visit, target_where(target)->host, target_where(target)->at.port, peer);
	if (stream_init(&c->server, c->visit.service->lane, fd, NULL) < 0 || pump_begin(c) < 0)
		carried_fail(c);
}

static int reach_begin(struct carried *c)
{
	const struct service *s = c->visit.service;
	const struct tcp *t = s->state;
	struct reach_plan plan = {
		.group = t->targets,
		.timeout = s->config->timeouts.connect,
		.client_prefix = s->config->has_client_prefix ? &s->config->client_prefix : NULL,
		.client = c->visit.client,
		.done = on_reached,
		.ctx = c,
	};

	return reach_start(s->lane, &plan, &c->reach);
}

/* --- the service --- */

static int tcp_open(struct service *s, char *fault, size_t fault_size)
{
	struct tcp *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	ASSERT(s->config->to_len > 0); /* conf/ wants at least one */
	struct target_group_plan plan = {
		.to = s->config->to,
		.to_len = s->config->to_len,
		.balance = s->config->balance,
		.health = &s->config->health,
		.family = s->config->family,
	};
	int err = target_group_open(s->lane, &plan, &t->targets);

	if (err < 0) {
		free(t);
		return err;
	}
	s->state = t;
	return 0;
}

static void tcp_close(struct service *s)
{
	struct tcp *t = s->state;

	target_group_close(t->targets);
	free(t);
}

static void tcp_arrive(struct service *s, const struct arrival *a)
{
	struct carried *c = calloc(1, sizeof(*c));

	if (!c) {
		close(a->fd);
		return;
	}
	c->visit = (struct visit){ .client = a->client, .leave = on_leave, .end = on_end };
	c->local = a->local;
	if (visit_begin(&c->visit, s) < 0) {
		close(a->fd);
		free(c);
		return;
	}
	if (stream_init(&c->client, s->lane, a->fd, NULL) < 0 || reach_begin(c) < 0)
		carried_fail(c);
}

const struct service_ops tcp_service = {
	.type = RELAY_TCP,
	.open = tcp_open,
	.arrive = tcp_arrive,
	.close = tcp_close,
};
