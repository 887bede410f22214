/*
 * service.c - a service's life on one lane, which is the same for all of them
 *
 * Structure. A service is in its lane's list from service_open() until it is freed. Whoever works with it holds it:
 * service.c itself until it is retired, each of its visits until it ends. The last one frees it.
 *
 * Retiring. Its visits are asked to leave, which those that wait for a next request do at once; the others end by
 * themselves, or are ended when timeouts.drain is over. Either may end other visits too, so the lane's list, in which
 * they all are, is looked through from its start whenever more has changed than the one visit.
 */
#include "relay/service.h"

#include "relay/own.h"
#include "relay/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- life --- */

static void unlink_service(struct service *s)
{
	struct service **at = &s->lane->services;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

static void service_free(struct service *s)
{
	unlink_service(s);
	loop_unwatch(s->drained);
	if (s->ops->close)
		s->ops->close(s);
	if (s->holds)
		atomic_fetch_sub_explicit(s->holds, 1, memory_order_release);
	free(s);
}

void service_hold(struct service *s)
{
	s->held++;
}

void service_unhold(struct service *s)
{
	ASSERT(s->held > 0);
	if (--s->held == 0)
		service_free(s);
}

static struct service *service_new(
	struct lane *l, const struct relay_service *c, const struct relay_config *all)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = service_ops_of(c->type);
	s->lane = l;
	s->config = c;
	s->access = (struct access){
		.clients = c->clients,
		.clients_len = c->clients_len,
		.destinations = &c->destinations,
		.translation = all->translation,
		.translation_len = all->translation_len,
		.own = l->own,
	};
	s->holds = all->holds;
	s->held = 1;
	return s;
}

int service_open(struct lane *l, const struct relay_service *c, const struct relay_config *all,
	struct service **ret, char *fault, size_t fault_size)
{
	struct service *s = service_new(l, c, all);

	snprintf(fault, fault_size, "out of memory");
	if (!s)
		return -ENOMEM;
	int err = c->has_client_prefix ? own_prefix(l->own, c->client_prefix) : 0;

	if (err == 0 && !s->ops)
		err = -EOPNOTSUPP;
	if (err == -EOPNOTSUPP)
		snprintf(fault, fault_size, "%s: %s is not in this build", c->name, relay_type_name(c->type));
	else if (err == 0 && s->ops->open)
		err = s->ops->open(s, fault, fault_size);
	if (err < 0) {
		free(s);
		return err;
	}
	s->next = l->services;
	l->services = s;
	if (s->holds)
		atomic_fetch_add_explicit(s->holds, 1, memory_order_relaxed);
	*ret = s;
	return 0;
}

/* --- its end --- */

static void ask_to_leave(struct visit *v)
{
	v->leave(v);
}

static void end_now(struct visit *v)
{
	LANE_COUNT(v->service->lane, ended_drained);
	v->end(v);
}

/* Calls @fn, which may end visits, for each visit of the service. One that stays may be called more than once. */
static void each_visit(struct service *s, void (*fn)(struct visit *v))
{
	struct lane *l = s->lane;
	struct visit *v = l->visits;

	while (v) {
		struct visit *next = v->next;
		unsigned len = l->visits_len;

		if (v->service == s)
			fn(v);
		v = l->visits_len + 1 >= len ? next : l->visits;
	}
}

static void on_drained(void *ctx)
{
	struct service *s = ctx;

	service_hold(s);
	each_visit(s, end_now);
	service_unhold(s);
}

void service_retire(struct service *s)
{
	ASSERT(!s->is_retired);
	s->is_retired = true;
	if (s->ops->retire)
		s->ops->retire(s);
	each_visit(s, ask_to_leave);
	if (s->held > 1) {
		if (loop_watch_timer(s->lane->loop, on_drained, s, &s->drained) == 0)
			loop_timer_set(s->drained, s->config->timeouts.drain);
		else
			on_drained(s); /* without memory for patience there is none */
	}
	service_unhold(s);
}
