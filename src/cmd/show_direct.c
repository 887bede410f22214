/* show_direct.c - what the resolver's status says of upstreams that are asked directly; see show_direct.h */
#include "cmd/show_direct.h"

#include "dns64/direct.h"

/* Sums over all threads, each of which has found out about the upstreams for itself. */
struct sums {
	struct direct_upstream upstreams[DNS64_UPSTREAM_MAX];
	unsigned resting[DNS64_UPSTREAM_MAX]; /* threads */
	unsigned upstreams_len;
	unsigned long kept, kept_bytes;
};

static void add_upstream(struct sums *s, unsigned i, const struct direct_upstream *u)
{
	s->resting[i] += u->is_resting;
	if (i == s->upstreams_len) {
		s->upstreams[i] = *u;
		s->upstreams_len++;
	} else if (s->upstreams[i].rtt == 0) {
		s->upstreams[i].rtt = u->rtt;
	}
}

static void add_thread(struct resolver *r, void *ctx)
{
	const struct direct *d = resolver_direct(r);
	struct direct_upstream u;
	struct sums *s = ctx;

	for (unsigned i = 0; d && direct_upstream_at(d, i, &u); i++)
		add_upstream(s, i, &u);
	if (d) {
		s->kept += direct_kept(d);
		s->kept_bytes += direct_kept_bytes(d);
	}
}

void show_direct_add(struct resolvers *all, json_t *row)
{
	struct sums s = { .kept = 0 };
	json_t *upstreams = json_array();
	char text[ENDPOINT6_TEXT];

	resolvers_each(all, add_thread, &s);
	for (unsigned i = 0; i < s.upstreams_len; i++)
		json_array_append_new(upstreams,
			json_pack("{s:s, s:i, s:i}", "address", endpoint_text(&s.upstreams[i].to, text),
				"answers_after_us", (int)(s.upstreams[i].rtt / 1000), "threads_resting",
				(int)s.resting[i]));
	if (s.upstreams_len > 0)
		json_object_set_new(row, "direct",
			json_pack("{s:O, s:I, s:I}", "upstreams", upstreams, "kept", (json_int_t)s.kept,
				"kept_bytes", (json_int_t)s.kept_bytes));
	json_decref(upstreams);
}
