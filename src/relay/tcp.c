/* tcp.c - the service "tcp": each connection goes to one of services.to, byte by byte (carried.h) */
#include "relay/carried.h"
#include "relay/services.h"

static int tcp_open(struct service *s, char *fault, size_t fault_size)
{
	const struct target_group_plan plan = {
		.to = s->config->to,
		.to_len = s->config->to_len,
		.balance = s->config->balance,
		.health = &s->config->health,
		.family = s->config->family,
	};
	struct target_group *g = NULL;

	ASSERT(plan.to_len > 0); /* conf/ wants at least one */
	int err = target_group_open(s->lane, &plan, &g);

	s->state = g;
	return err;
}

static void tcp_close(struct service *s)
{
	target_group_close(s->state);
}

static void tcp_arrive(struct service *s, const struct arrival *a)
{
	carried_begin(s, a, s->state);
}

const struct service_ops tcp_service = {
	.type = RELAY_TCP,
	.open = tcp_open,
	.arrive = tcp_arrive,
	.close = tcp_close,
};
