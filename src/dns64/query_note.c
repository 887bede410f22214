/* query_note.c - what is logged of a query that was answered */
#include "dns64/serve.h"

#include "dns64/query_log.h"
#include "dns64/view.h"

#include <time.h>

static uint64_t unix_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

/* The address that was asked; it is known over UDP. */
static struct endpoint server_of(const struct reply_path *path, const struct endpoint *client)
{
	return (struct endpoint){ .is4 = client->is4, .a4 = path->local.a4, .a6 = path->local.a6 };
}

void query_note(struct resolver *r, const struct reply *reply, const struct reply_path *path, size_t len)
{
	struct endpoint client = sockaddr_endpoint(&path->peer);
	const uint8_t *bytes = r->reply;
	struct query_note n = { .unix_ns = unix_ns(),
		.client = client,
		.server = server_of(path, &client),
		.over = path->transport,
		.has_question = reply->query->has_question,
		.question = reply->query->ask.question,
		.view = view_of(&r->config, &client),
		.rcode = be16_at(bytes + 2) & DNS_RCODE,
		.records = be16_at(bytes + 6),
		.is_kept = reply->kept != NULL,
		.reply = bytes,
		.reply_len = len };
	bool is_said = query_log_put(r->query_log, &r->config.query_log, &n);

	r->counters.log_written += is_said;
	r->counters.log_lost += !is_said;
}
