/* show_dns46.c - see show_dns46.h */
#include "cmd/show_dns46.h"

#include "cmd/role.h"
#include "ctl/reply.h"

#include <stdlib.h>

struct listing {
	const struct lent46 *table;
	nsec linger;
	uint32_t at;	  /* the address that comes next */
	json_int_t limit; /* rows left to show */
	bool has_target;
	struct prefix6 target;
};

static double seconds(nsec ns)
{
	return (double)(ns / MSEC) / 1000;
}

/* @used_s is missing if no packet was seen. */
static json_t *format(const struct listing *l, const struct lent46_binding *b, nsec now)
{
	char address[ADDR4_TEXT], target[ADDR6_TEXT];
	json_t *row = json_pack("{s:s, s:s, s:f, s:b}", "address", addr4_text(b->address, address), "target",
		addr6_text(b->target, target), "expires_s",
		b->expires > now ? seconds(b->expires - now) : 0.0, "free",
		lent46_is_free(b, now, l->linger));

	if (row && b->used > 0)
		json_object_set_new(row, "idle_s", json_real(b->used < now ? seconds(now - b->used) : 0.0));
	return row;
}

static void more(void *ctx, struct reply *r)
{
	struct listing *l = ctx;
	nsec now = clock_now();
	struct lent46_binding b;

	for (; l->at < l->table->len && l->limit > 0; l->at++) {
		if (!reply_has_room(r))
			return;
		if (!lent46_at(l->table, l->at, &b) ||
			(l->has_target && !prefix6_contains(l->target, b.target)))
			continue;
		l->limit--;
		reply_row(r, format(l, &b, now));
	}
	reply_end(r);
}

void show_dns46(const struct lent46 *t, nsec linger, struct loop *loop, const json_t *args, int fd)
{
	const char *target = json_string_value(json_object_get(args, "client"));
	const json_t *limit = json_object_get(args, "limit");
	struct listing *l = calloc(1, sizeof(*l));
	struct reply *r;

	if (!l) {
		role_refuse(loop, fd, "out of memory");
		return;
	}
	*l = (struct listing){ .table = t, .linger = linger, .has_target = target };
	l->limit = json_is_integer(limit) ? json_integer_value(limit) : INT64_MAX;
	if (target && prefix6_parse(target, &l->target) < 0) {
		role_refuse(loop, fd, "client must be an IPv6 address or prefix");
		free(l);
		return;
	}
	if (reply_start(loop, fd, more, free, l, &r) < 0)
		free(l);
}

void show_dns46_add(const struct lent46 *t, nsec linger, json_t *row)
{
	nsec now = clock_now();
	struct lent46_binding b;
	uint32_t lent = 0;

	for (uint32_t i = 0; i < t->len; i++)
		lent += lent46_at(t, i, &b) && !lent46_is_free(&b, now, linger);
	json_object_set_new(row, "dns46_addresses", json_integer(t->len));
	json_object_set_new(row, "dns46_addresses_lent", json_integer(lent));
}
