/* snapshot.c - what all processes of the gateway said about themselves at one moment */
#include "cmd/snapshot.h"

#include <string.h>

const char *snapshot_name(enum snapshot_id id)
{
	static const char *const names[SNAPSHOT_COUNT] = {
		[SNAPSHOT_SUPERVISOR] = "supervisor",
		[SNAPSHOT_TRANSLATOR] = "translator",
		[SNAPSHOT_RESOLVER] = "resolver",
		[SNAPSHOT_RELAY] = "relay",
		[SNAPSHOT_TUNNEL] = "tunnel",
	};

	return names[id];
}

static bool has_text(const json_t *row, const char *field, const char *text)
{
	const char *value = json_string_value(json_object_get(row, field));

	return value && strcmp(value, text) == 0;
}

json_int_t snapshot_counter(const struct snapshot_part *p, const char *group, const char *name)
{
	for (size_t i = 0; i < json_array_size(p->counters); i++) {
		const json_t *row = json_array_get(p->counters, i);

		if (has_text(row, "group", group) && has_text(row, "name", name))
			return json_integer_value(json_object_get(row, "value"));
	}
	return 0;
}

void snapshot_fini(struct snapshot *s)
{
	for (unsigned i = 0; i < SNAPSHOT_COUNT; i++) {
		json_decref(s->parts[i].status);
		json_decref(s->parts[i].counters);
	}
	*s = (struct snapshot){ 0 };
}
