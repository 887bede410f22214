/*
 * show_relay.c - see show_relay.h
 *
 * Visits belong to the threads that serve them. For a list each thread copies what is to be seen (relay_each()), at most
 * ROWS_MAX of them, and goes on; the copy is formatted here, as fast as whoever asked reads.
 */
#include "cmd/show_relay.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cmd/role.h"
#include "ctl/reply.h"
#include "relay/targets.h"
#include "relay/visit.h"

#include <stdlib.h>

#define ROWS_MAX 100000
#define TO_TEXT 160 /* of where a visit goes; a longer name is cut */

/* --- services --- */

/* The sums of one service over all lanes; those that are retired are among them while they have visits. */
struct sum {
	char name[RELAY_NAME];
	enum relay_type type;
	char listen[2 * ENDPOINT6_TEXT + 8];
	unsigned long visits, open, bytes_up, bytes_down, failed;
};

struct sums {
	struct sum at[2 * RELAY_SERVICES_MAX];
	unsigned len;
	unsigned long visits; /* that are open */
};

static struct sum *find_sum(struct sums *all, const struct relay_service *s)
{
	struct sum *m = all->at;

	for (; m < all->at + all->len; m++)
		if (m->type == s->type && strcmp(m->name, s->name) == 0)
			return m;
	if (all->len == ARRAY_LEN(all->at))
		return NULL;
	*m = (struct sum){ .type = s->type };
	text_copy(m->name, sizeof(m->name), s->name);
	all->len++;
	return m;
}

static void write_listen(struct sum *m, const struct relay_service *s)
{
	char one[ENDPOINT6_TEXT];
	size_t len = 0;

	for (unsigned i = 0; i < s->listen_len && len < sizeof(m->listen); i++)
		len += (size_t)snprintf(m->listen + len, sizeof(m->listen) - len, "%s%s", i > 0 ? ", " : "",
			i < 2 ? endpoint_text(&s->listen[i], one) : "...");
}

#define READ(member) atomic_load_explicit(&s->counters.member, memory_order_relaxed)

static void add_lane(struct lane *l, void *ctx)
{
	struct sums *all = ctx;

	all->visits += l->visits_len;
	for (const struct service *s = l->services; s; s = s->next) {
		struct sum *m = find_sum(all, s->config);

		if (!m)
			continue;
		if (!s->is_retired)
			write_listen(m, s->config);
		m->visits += READ(visits);
		m->open += READ(open);
		m->bytes_up += READ(bytes_up);
		m->bytes_down += READ(bytes_down);
		m->failed += READ(failed);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sum *)a)->name, ((const struct sum *)b)->name);
}

static json_t *services_rows(struct sums *all)
{
	json_t *rows = json_array();

	qsort(all->at, all->len, sizeof(all->at[0]), by_name);
	for (unsigned i = 0; i < all->len; i++) {
		const struct sum *m = &all->at[i];

		json_array_append_new(
			rows, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "name", m->name, "type",
				      relay_type_name(m->type), "listen", m->listen, "visits",
				      (json_int_t)m->visits, "open", (json_int_t)m->open, "bytes_up",
				      (json_int_t)m->bytes_up, "bytes_down", (json_int_t)m->bytes_down,
				      "failed", (json_int_t)m->failed));
	}
	return rows;
}

/* --- targets --- */

static json_t *target_row(const struct target_row *t, nsec now)
{
	char text[TARGET_TEXT];

	return json_pack("{s:s, s:b, s:b, s:s, s:f, s:I, s:I, s:I}", "target", target_text(&t->where, text),
		"up", t->is_up, "checked", t->is_checked, "fault", t->why ? t->why : "", "since_s",
		now > t->since ? (double)((now - t->since) / MSEC) / 1000 : 0.0, "open", (json_int_t)t->open,
		"connections", (json_int_t)t->all, "failures", (json_int_t)t->failures);
}

static json_t *find_target(const json_t *rows, const json_t *like)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *r = json_array_get(rows, i);

		if (json_equal(json_object_get(r, "target"), json_object_get(like, "target")) &&
			json_equal(json_object_get(r, "checked"), json_object_get(like, "checked")))
			return r;
	}
	return NULL;
}

/* One that is looked after in two ways is two targets, but one server: it is up if it is so by both. */
static void join_target(json_t *row, const json_t *other)
{
	static const char *const numbers[] = { "open", "connections", "failures" };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_object_set_new(row, numbers[i],
			json_integer(json_integer_value(json_object_get(row, numbers[i])) +
				     json_integer_value(json_object_get(other, numbers[i]))));
	if (json_is_true(json_object_get(other, "up")))
		return;
	json_object_set(row, "up", json_object_get(other, "up"));
	json_object_set(row, "fault", json_object_get(other, "fault"));
	json_object_set(row, "since_s", json_object_get(other, "since_s"));
}

static json_t *targets_rows(const struct relay *all)
{
	struct targets *targets = relay_lane(all, 0)->targets;
	json_t *rows = json_array();
	nsec now = clock_now();
	struct target_row t;

	for (unsigned i = 0; targets_row_at(targets, i, &t); i++) {
		json_t *row = target_row(&t, now), *twin = find_target(rows, row);

		if (twin)
			join_target(twin, row);
		else
			json_array_append(rows, row);
		json_decref(row);
	}
	return rows;
}

/* --- counters --- */

/* The sum of one counter over all lanes; false if there is no such number. */
static bool counter_at(const struct relay *all, unsigned number, const char **ret_name, const char **ret_text,
	unsigned long *ret)
{
	unsigned long sum = 0, one;

	for (unsigned i = 0; i < relay_lanes(all); i++) {
		if (!lane_counter_at(relay_lane(all, i), number, ret_name, ret_text, &one))
			return false;
		sum += one;
	}
	*ret = sum;
	return true;
}

void show_relay_add(struct relay *all, json_t *row)
{
	struct sums *sums = calloc(1, sizeof(*sums));
	const char *name, *text;
	unsigned long value;

	if (!sums)
		return;
	relay_each(all, add_lane, sums);
	json_object_set_new(row, "threads", json_integer(relay_lanes(all)));
	json_object_set_new(row, "open", json_integer((json_int_t)sums->visits));
	json_object_set_new(row, "services", services_rows(sums));
	json_object_set_new(row, "targets", targets_rows(all));
	for (unsigned i = 0; counter_at(all, i, &name, &text, &value); i++)
		json_object_set_new(row, name, json_integer((json_int_t)value));
	free(sums);
}

void show_relay_counters(struct relay *all, struct reply *r)
{
	const char *name, *text;
	unsigned long value;

	for (unsigned i = 0; counter_at(all, i, &name, &text, &value); i++)
		reply_row(r, json_pack("{s:s, s:s, s:I, s:s}", "group", "relay", "name", name, "value",
				     (json_int_t)value, "text", text));
}

/* --- visits --- */

struct row {
	char service[RELAY_NAME], to[TO_TEXT];
	enum relay_type type;
	struct endpoint client;
	nsec age;
	unsigned long bytes_up, bytes_down;
};

struct listing {
	struct row *rows; /* owned */
	size_t len, room, at;
	size_t limit;
	bool has_client;
	struct prefix client;
	nsec now;
	bool is_nomem;
};

static bool has_room(struct listing *l)
{
	if (l->len < l->room)
		return true;
	size_t room = l->room > 0 ? 2 * l->room : 256;
	struct row *rows = realloc(l->rows, room * sizeof(*rows));

	if (!rows) {
		l->is_nomem = true;
		return false;
	}
	l->rows = rows;
	l->room = room;
	return true;
}

static void copy_visits(struct lane *lane, void *ctx)
{
	struct listing *l = ctx;

	for (const struct visit *v = lane->visits; v && l->len < l->limit; v = v->next) {
		if (l->has_client && !prefix_contains(&l->client, &v->client))
			continue;
		if (!has_room(l))
			return;
		struct row *r = &l->rows[l->len++];

		*r = (struct row){ .type = v->service->config->type,
			.client = v->client,
			.age = v->since < l->now ? l->now - v->since : 0,
			.bytes_up = v->bytes_up,
			.bytes_down = v->bytes_down };
		text_copy(r->service, sizeof(r->service), v->service->config->name);
		(void)text_copy(r->to, sizeof(r->to), v->to ? v->to : "");
	}
}

static json_t *format(const struct row *r)
{
	char client[ENDPOINT6_TEXT];

	return json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:I}", "service", r->service, "type",
		relay_type_name(r->type), "client", endpoint_text(&r->client, client), "to", r->to, "age_s",
		(double)(r->age / MSEC) / 1000, "bytes_up", (json_int_t)r->bytes_up, "bytes_down",
		(json_int_t)r->bytes_down);
}

static void more(void *ctx, struct reply *r)
{
	struct listing *l = ctx;

	for (; l->at < l->len; l->at++) {
		if (!reply_has_room(r))
			return;
		reply_row(r, format(&l->rows[l->at]));
	}
	reply_end(r);
}

static void listing_free(void *ctx)
{
	struct listing *l = ctx;

	free(l->rows);
	free(l);
}

static bool client_parse(const char *text, struct prefix *ret)
{
	struct prefix p = { .is4 = strchr(text, ':') == NULL };
	int err = p.is4 ? prefix4_parse(text, &p.p4) : prefix6_parse(text, &p.p6);

	if (err < 0)
		return false;
	*ret = p;
	return true;
}

void show_relay(struct relay *all, struct loop *loop, const json_t *args, int fd)
{
	const char *client = json_string_value(json_object_get(args, "client"));
	const json_t *limit = json_object_get(args, "limit");
	struct listing *l = calloc(1, sizeof(*l));
	struct reply *r;

	if (!l) {
		role_refuse(loop, fd, "out of memory");
		return;
	}
	*l = (struct listing){ .limit = ROWS_MAX, .has_client = client != NULL, .now = clock_now() };
	if (json_is_integer(limit) && json_integer_value(limit) >= 0 && json_integer_value(limit) < ROWS_MAX)
		l->limit = (size_t)json_integer_value(limit);
	if (client && !client_parse(client, &l->client)) {
		role_refuse(loop, fd, "client must be an address or a prefix");
		listing_free(l);
		return;
	}
	relay_each(all, copy_visits, l);
	if (l->is_nomem) {
		role_refuse(loop, fd, "out of memory");
		listing_free(l);
		return;
	}
	if (reply_start(loop, fd, more, listing_free, l, &r) < 0)
		listing_free(l);
}
