/* visit.c - see visit.h */
#include "relay/visit.h"

#include "relay/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void link_visit(struct visit *v, struct lane *l)
{
	v->prev = NULL;
	v->next = l->visits;
	if (v->next)
		v->next->prev = v;
	l->visits = v;
	l->visits_len++;
}

static void unlink_visit(struct visit *v, struct lane *l)
{
	if (v->prev)
		v->prev->next = v->next;
	else
		l->visits = v->next;
	if (v->next)
		v->next->prev = v->prev;
	l->visits_len--;
}

int visit_begin(struct visit *v, struct service *s)
{
	struct lane *l = s->lane;

	v->counted = NULL;
	switch (limits_take(l->limits, &v->client, &v->counted)) {
	case LIMITS_WITHIN:
		break;
	case LIMITS_TOTAL:
		LANE_COUNT(l, refused_limit);
		return -EDQUOT;
	case LIMITS_CLIENT:
		LANE_COUNT(l, refused_client_limit);
		return -EDQUOT;
	}
	v->service = s;
	v->to = NULL;
	v->since = clock_now();
	v->bytes_up = v->bytes_down = 0;
	link_visit(v, l);
	service_hold(s);
	SERVICE_ADD(s, visits, 1);
	SERVICE_ADD(s, open, 1);
	return 0;
}

void visit_to(struct visit *v, const char *host, uint16_t port, const struct endpoint *peer)
{
	char at[ENDPOINT6_TEXT], text[RELAY_HOST + sizeof(":65535 ") + sizeof(at)];

	endpoint_text(peer, at);
	if (host[0])
		snprintf(text, sizeof(text), "%s:%u %s", host, port, at);
	char *to = strdup(host[0] ? text : at);

	if (!to)
		return;
	free(v->to);
	v->to = to;
}

void visit_bytes(struct visit *v, size_t up, size_t down)
{
	struct service *s = v->service;

	v->bytes_up += up;
	v->bytes_down += down;
	SERVICE_ADD(s, bytes_up, up);
	SERVICE_ADD(s, bytes_down, down);
	LANE_ADD(s->lane, bytes_up, up);
	LANE_ADD(s->lane, bytes_down, down);
}

void visit_move(struct visit *v, struct service *to)
{
	struct service *from = v->service;

	service_hold(to);
	SERVICE_ADD(from, open, -1);
	SERVICE_ADD(to, open, 1);
	v->service = to;
	service_unhold(from);
}

void visit_end(struct visit *v)
{
	struct service *s = v->service;

	unlink_visit(v, s->lane);
	limits_give(s->lane->limits, v->counted);
	free(v->to);
	v->to = NULL;
	SERVICE_ADD(s, open, -1);
	service_unhold(s);
}
