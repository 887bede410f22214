/*
 * reverse.c - the service "http-reverse": a name that clients ask for leads to targets
 *
 * Structure. A @struct_reverse has, for each route of the file, what it needs on this lane: the @struct_reverse_way. route.h finds
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
#include "relay/reverse.h"

#include "relay/carried.h"
#include "relay/certificates.h"
#include "relay/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- clients --- */

static void end_tls(struct reverse *v, const struct arrival *a, struct ssl_ctx_st *certificate)
{
	struct ssl_st *tls = certificates_accept(v->service->lane->certificates, certificate, a->fd);

	if (tls) {
		http_serve(v->http, a, tls);
		return;
	}
	SERVICE_ADD(v->service, failed, 1);
	opening_refuse(a->fd, TLS_ALERT_INTERNAL_ERROR);
}

static void on_tls(void *ctx, const struct arrival *a, const struct clienthello *h)
{
	struct reverse *v = ctx;
	int number = route_find(v->table, ROUTE_TLS, h->host);

	if (number < 0) {
		LANE_COUNT(v->service->lane, no_route);
		SERVICE_ADD(v->service, failed, 1);
		opening_refuse(a->fd, TLS_ALERT_UNRECOGNIZED_NAME);
	} else if (v->ways[number].certificate) {
		end_tls(v, a, v->ways[number].certificate);
	} else {
		carried_begin(v->service, a, v->ways[number].targets);
	}
}

/* Where all routes are passthrough, nobody speaks HTTP. */
static void on_plain(void *ctx, const struct arrival *a)
{
	struct reverse *v = ctx;

	if (v->http) {
		http_serve(v->http, a, NULL);
		return;
	}
	LANE_COUNT(v->service->lane, no_route);
	SERVICE_ADD(v->service, failed, 1);
	close(a->fd);
}

static void reverse_arrive(struct service *s, const struct arrival *a)
{
	struct reverse *v = s->state;

	if (route_has_side(v->table, ROUTE_TLS))
		opening_begin(&v->opening, a);
	else
		http_serve(v->http, a, NULL);
}

/* --- the service --- */

static void reverse_free(struct reverse *v)
{
	http_free(v->http);
	for (unsigned i = 0; i < v->service->config->routes_len; i++) {
		struct reverse_way *w = &v->ways[i];

		target_group_close(w->targets);
		certificates_give(v->service->lane->certificates, w->certificate);
		certificates_give(v->service->lane->certificates, w->to_tls);
	}
	route_table_free(v->table);
	free(v);
}

static void reverse_close(struct service *s)
{
	reverse_free(s->state);
}

static void reverse_retire(struct service *s)
{
	const struct reverse *v = s->state;

	if (v->http)
		http_retire(v->http);
}

static int open_tls(const struct reverse *v, const struct relay_route *r, struct reverse_way *w, char *fault,
	size_t fault_size)
{
	char why[160];
	int err = 0;

	if (r->tls == RELAY_TLS_TERMINATE)
		err = certificates_take(
			v->service->lane->certificates, &r->pem, &w->certificate, why, sizeof(why));
	if (err < 0)
		snprintf(fault, fault_size, "%s: %s: %s", v->service->config->name, r->certificate, why);
	if (err < 0 || !r->to_tls)
		return err;
	err = certificates_take_trusted(v->service->lane->certificates, r->to_ca[0] ? &r->to_ca_pem : NULL,
		&w->to_tls, why, sizeof(why));
	if (err < 0)
		snprintf(fault, fault_size, "%s: %s: %s", v->service->config->name, r->to_ca, why);
	return err;
}

static int open_way(struct reverse *v, unsigned number, char *fault, size_t fault_size)
{
	const struct relay_route *r = &v->service->config->routes[number];
	struct reverse_way *w = &v->ways[number];
	int err = open_tls(v, r, w, fault, fault_size);
	const struct target_group_plan plan = {
		.to = r->to,
		.to_len = r->to_len,
		.balance = r->balance,
		.health = &r->health,
		.family = v->service->config->family,
		.tls = w->to_tls,
	};

	ASSERT(r->to_len > 0); /* conf/ wants at least one */
	return err < 0 ? err : target_group_open(v->service->lane, &plan, &w->targets);
}

static bool speaks_http(const struct reverse *v)
{
	return route_has_kind(v->table, RELAY_TLS_NONE) || route_has_kind(v->table, RELAY_TLS_TERMINATE);
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
	if (err == 0 && speaks_http(v))
		err = reverse_http_new(v);
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
	.retire = reverse_retire,
	.close = reverse_close,
};
