/* quota.c - see quota.h */
#include "state/quota.h"

/* A static binding may be in a block of another subscriber, and one by address is in none. */
static uint32_t subscriber_of(const struct state *s, uint32_t binding)
{
	const struct binding_slot *at = &s->bindings.at[binding];

	return at->b.is_static || at->b.proto == PROTO_OTHER ? subscriber_find(&s->subscribers, at->b.in)
							     : s->pool.blocks[at->block].owner;
}

enum drop_reason quota_refuses(const struct state *s, struct addr6 in)
{
	unsigned max = s->config.max_sessions_per_subscriber;
	uint32_t sub = max > 0 ? subscriber_find(&s->subscribers, in) : NONE;

	return sub != NONE && s->subscribers.at[sub].sessions >= max ? DROP_SUBSCRIBER_SESSIONS : DROP_NONE;
}

enum drop_reason quota_refuses_own(const struct state *s, struct addr6 in, nsec now)
{
	uint32_t sub = s->config.new_sessions_per_second > 0 ? subscriber_find(&s->subscribers, in) : NONE;

	return sub != NONE && s->subscribers.at[sub].rate_at > now + NSEC ? DROP_SUBSCRIBER_RATE
									  : quota_refuses(s, in);
}

/* rate_at is when all that was opened would have been opened at the limit's pace; it may be a second ahead. */
void quota_spend(struct state *s, struct addr6 in, nsec now)
{
	unsigned rate = s->config.new_sessions_per_second;

	if (rate == 0)
		return;
	struct subscriber *sub = &s->subscribers.at[subscriber_find(&s->subscribers, in)];

	sub->rate_at = (sub->rate_at > now ? sub->rate_at : now) + NSEC / rate;
}

void quota_count(struct state *s, uint32_t binding, int change)
{
	s->subscribers.at[subscriber_of(s, binding)].sessions += (uint32_t)change;
}
