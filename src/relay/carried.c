/*
 * carried.c - a client's connection that goes, byte by byte, to one of several targets
 *
 * Life of a @struct_carried: arrived (visit begun, client's socket a stream) -> reached (reach.h finds a target) -> pumped ->
 * gone. While it is being reached nobody reads from the client.
 */
#include "relay/carried.h"

#include "relay/proxy_head.h"
#include "relay/pump.h"
#include "relay/reach.h"
#include "relay/visit.h"

#include <stdlib.h>
#include <unistd.h>

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
	stream_fini(&c->client);
	stream_fini(&c->server);
	if (c->target)
		target_give(c->target);
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
	struct carried *c = HOLDER_OF(v, struct carried, visit);

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
	stream_init_dialled(&c->server, c->visit.service->lane, fd, NULL);
	if (pump_begin(c) < 0)
		carried_fail(c);
}

static int reach_begin(struct carried *c, struct target_group *group)
{
	const struct service *s = c->visit.service;
	const struct reach_plan plan = {
		.group = group,
		.timeout = s->config->timeouts.connect,
		.client_prefix = s->config->has_client_prefix ? &s->config->client_prefix : NULL,
		.client = c->visit.client,
		.done = on_reached,
		.ctx = c,
	};

	return reach_start(s->lane, &plan, &c->reach);
}

void carried_begin(struct service *s, const struct arrival *a, struct target_group *group)
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
	if (stream_init(&c->client, s->lane, a->fd, NULL) < 0 || reach_begin(c, group) < 0)
		carried_fail(c);
}
