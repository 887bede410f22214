/*
 * reverse.c - the service "http-reverse": a name that clients ask for leads to targets
 *
 * Structure. A @struct_reverse has, for each route of the file, what it needs on this lane: the @struct_way. route.h finds
 * the number of a host's route.
 *
 *	arrival --- no route over TLS ---------------------------------------------> HTTP
 *	   |
 *	opening.h: looks at the first bytes --- no TLS -----------------------------> HTTP
 *	   | server_name
 *	route --- passthrough --> carried.h: the target has the certificate, and nothing is decrypted
 *	   +----- terminate ----> TLS with the route's certificate ------------------> HTTP
 *	   +----- none ---------> an alert: unrecognized_name (RFC 6066 s3)
 *
 * Limits: those of visits; timeouts.head until it is known what a client wants.
 */
#include "relay/carried.h"
#include "relay/opening.h"
#include "relay/route.h"
#include "relay/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One route on one lane. */
struct way {
	struct target_group *targets;
};

struct reverse {
	struct service *service;
	struct route_table *table;
	struct opening_user opening;
	struct way ways[]; /* as many as the service has routes */
};

/* --- clients --- */

static void on_tls(void *ctx, const struct arrival *a, const struct clienthello *h)
{
	struct reverse *v = ctx;
	int number = route_find(v->table, ROUTE_TLS, h->host);

	if (number < 0) {
		LANE_COUNT(v->service->lane, no_route);
		SERVICE_ADD(v->service, failed, 1);
		opening_refuse(a->fd, TLS_ALERT_UNRECOGNIZED_NAME);
		return;
	}
	carried_begin(v->service, a, v->ways[number].targets);
}

static void on_plain(void *ctx, const struct arrival *a)
{
	struct reverse *v = ctx;

	LANE_COUNT(v->service->lane, no_route);
	SERVICE_ADD(v->service, failed, 1);
	close(a->fd);
}

static void reverse_arrive(struct service *s, const struct arrival *a)
{
	struct reverse *v = s->state;

	opening_begin(&v->opening, a);
}

/* --- the service --- */

static void reverse_free(struct reverse *v)
{
	for (unsigned i = 0; i < v->service->config->routes_len; i++)
		target_group_close(v->ways[i].targets);
	route_table_free(v->table);
	free(v);
}

static void reverse_close(struct service *s)
{
	reverse_free(s->state);
}

static int open_way(struct reverse *v, unsigned number, char *fault, size_t fault_size)
{
	const struct relay_route *r = &v->service->config->routes[number];
	const struct target_group_plan plan = {
		.to = r->to,
		.to_len = r->to_len,
		.balance = r->balance,
		.health = &r->health,
		.family = v->service->config->family,
	};

	if (r->tls != RELAY_TLS_PASSTHROUGH) {
		snprintf(fault, fault_size, "%s: routes other than passthrough are not in this build",
			v->service->config->name);
		return -EOPNOTSUPP;
	}
	return target_group_open(v->service->lane, &plan, &v->ways[number].targets);
}

static int reverse_open(struct service *s, char *fault, size_t fault_size)
{
	const struct relay_service *c = s->config;
	struct reverse *v = calloc(1, sizeof(*v) + c->routes_len * sizeof(v->ways[0]));

	if (!v)
		return -ENOMEM;
	v->service = s;
	v->opening = (struct opening_user){ .service = s, .plain = on_plain, .tls = on_tls, .ctx = v };
	int err = route_table_new(c->routes, c->routes_len, &v->table);

	if (err == -EEXIST)
		snprintf(fault, fault_size, "%s: a host has two routes", c->name);
	for (unsigned i = 0; err == 0 && i < c->routes_len; i++)
		err = open_way(v, i, fault, fault_size);
	if (err < 0) {
		reverse_free(v);
		return err;
	}
	s->state = v;
	return 0;
}

const struct service_ops http_reverse_service = {
	.type = RELAY_HTTP_REVERSE,
	.open = reverse_open,
	.arrive = reverse_arrive,
	.close = reverse_close,
};
