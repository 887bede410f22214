/*
 * reverse_http.c - requests to http-reverse: each goes to a target of its host's route
 *
 * The target whose turn it is gets it, over a connection that is kept or a new one; if that is not there in a moment, the others are
 * raced with it (reach.h), for whatever kind of request, as nothing of it has been sent yet. A try that broke before an answer
 * began is made again at the next one, if the request may be repeated (RFC 9110 s9.2.2). Only what could not be reached counts
 * as a failure of the target: a client can make a server break off a connection, and must not be able to have it taken out
 * for everybody.
 */
#include "relay/reverse.h"

#include <stdlib.h>

/* What is remembered of a request until its answer is over. */
struct asked {
	const struct reverse_way *way;
	struct endpoint client;
	uint64_t tried; /* target_choose() */
};

/* --- where to --- */

static int number_of(const struct reverse *v, const struct http_request *q)
{
	enum route_side side = q->is_tls ? ROUTE_TLS : ROUTE_PLAIN;
	char address[ADDR6_TEXT];

	if (q->to.host[0])
		return route_find(v->table, side, q->to.host);
	return route_find(
		v->table, side, endpoint_is_any(&q->to.at) ? "" : endpoint_address_text(&q->to.at, address));
}

/* RFC 9110 s15.5.20: what this connection cannot answer, another one may. */
static const struct http_refusal no_such_host = { .status = 421,
	.sentence = "This gateway has no server for the host that you ask for." };
static const struct http_refusal other_certificate = { .status = 421,
	.sentence = "The certificate of this connection is not the one of the host that you ask for: open "
		    "another "
		    "connection for it." };
static const struct http_refusal is_over_tls = { .status = 421,
	.sentence = "This host is served over TLS: ask again with https." };
static const struct http_refusal no_connect = { .status = 405,
	.sentence = "This gateway leads to servers of its own, not to others: it does not take CONNECT.",
	.field = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH" };
static const struct http_refusal no_memory = { .status = 503,
	.sentence = "This gateway has no memory left." };

/* NULL: it has a route, of the number *ret. */
static const struct http_refusal *find_way(
	const struct reverse *v, const struct http_request *q, const struct reverse_way **ret)
{
	if (q->is_connect)
		return &no_connect;
	int number = number_of(v, q);

	if (number < 0) {
		LANE_COUNT(v->service->lane, no_route);
		return q->is_tls || !route_has_side(v->table, ROUTE_TLS) ? &no_such_host : &is_over_tls;
	}
	if (q->context != v->ways[number].certificate) {
		LANE_COUNT(v->service->lane, misdirected);
		return &other_certificate;
	}
	*ret = &v->ways[number];
	return NULL;
}

/* False: all were tried. */
static bool go(const struct reverse *v, struct http_exchange *x, struct asked *a)
{
	char address[ADDR6_TEXT];
	unsigned number;
	struct target *t = target_choose(a->way->targets, &a->client, a->tried, &number);

	if (!t)
		return false;
	a->tried |= UINT64_C(1) << number;
	const struct http_way way = {
		.to = target_where(t),
		.family = v->service->config->family,
		.tls = a->way->to_tls,
		.tls_name = target_host_text(target_where(t), address),
		.target = t,
		.group = a->way->targets,
		.tried = &a->tried,
	};

	http_go(x, &way);
	return true;
}

static void on_request(void *ctx, struct http_exchange *x, const struct http_request *q)
{
	const struct reverse *v = ctx;
	const struct reverse_way *way;
	const struct http_refusal *no = find_way(v, q, &way);
	struct asked *a = no ? NULL : malloc(sizeof(*a));

	if (!a) {
		http_refuse(x, no ? no : &no_memory);
		return;
	}
	*a = (struct asked){ .way = way, .client = q->client };
	http_note(x, a);
	(void)go(v, x, a); /* a route has at least one target (conf/), and none was tried */
}

/* --- how it went --- */

/* One that was not reached is no target any more: all were tried that could be (reach.h). */
static void on_ended(void *ctx, struct http_exchange *x, void *target, enum http_end how, bool may_repeat)
{
	const struct reverse *v = ctx;
	struct asked *a = http_noted(x);

	if (target) {
		if (how == HTTP_END_ANSWERED)
			target_note(target, TARGET_WORKED, NULL);
		target_give(target);
	}
	if (may_repeat && how == HTTP_END_SERVER_BROKE && go(v, x, a)) {
		LANE_COUNT(v->service->lane, retried);
		return;
	}
	http_note(x, NULL);
	free(a);
}

int reverse_http_new(struct reverse *v)
{
	const struct http_user user = {
		.service = v->service,
		.role = HTTP_ROLE_REVERSE,
		.decide = on_request,
		.ended = on_ended,
		.ctx = v,
	};

	return http_new(&user, &v->http);
}
