/* direct_servers.c - the upstreams that are asked directly; see direct_servers.h */
#include "dns64/direct_servers.h"

#include "base/log.h"
#include "dns64/listen.h"

#include <stdio.h>

#define LOG_PAUSE (60 * NSEC) /* at least, between two warnings about a server */

void direct_servers_init(struct direct_servers *s, const struct dns64_config *c)
{
	ASSERT(c->upstream_len >= 1 && c->upstream_len <= DNS64_UPSTREAM_MAX);
	*s = (struct direct_servers){ .len = c->upstream_len };
	for (unsigned i = 0; i < c->upstream_len; i++)
		s->at[i].to = c->upstream[i].to;
}

void direct_servers_failed(struct direct_servers *s, unsigned i, const char *why)
{
	char text[ENDPOINT6_TEXT];
	nsec now = clock_now();

	if (!direct_server_failed(&s->at[i], now) || (s->told[i] > 0 && now - s->told[i] < LOG_PAUSE))
		return;
	log_warning("dns64: the upstream %s %s: for %u s and until it answers, libunbound asks",
		endpoint_text(&s->at[i].to, text), why, (unsigned)((s->at[i].rests_until - now) / NSEC));
	s->told[i] = now;
	s->is_down[i] = true;
}

void direct_servers_unasked(struct direct_servers *s, unsigned i, int err)
{
	char why[128];

	snprintf(why, sizeof(why), "cannot be asked (%s)", strerror(-err));
	direct_servers_failed(s, i, why);
}

void direct_servers_answered(struct direct_servers *s, unsigned i, nsec rtt)
{
	char text[ENDPOINT6_TEXT];

	if (!direct_server_answered(&s->at[i], rtt) || !s->is_down[i])
		return;
	log_info("dns64: the upstream %s answers again", endpoint_text(&s->at[i].to, text));
	s->is_down[i] = false;
}
