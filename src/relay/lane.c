/* lane.c - see lane.h */
#include "relay/lane.h"

#include "relay/buffers.h"
#include "relay/edges.h"
#include "relay/pipes.h"

#define BUFFERS_KEPT 64 /* 1 MiB */
#define PIPES_MOST 256	/* bulk in so many directions goes without a copy; the others are copied */
#define PIPES_KEPT 16

int lane_init(struct lane *l, unsigned number)
{
	l->number = number;
	int err = loop_new(&l->loop);

	if (err == 0)
		err = edges_new(l->loop, &l->edges);
	if (err == 0)
		err = buffers_new(BUFFERS_KEPT, &l->buffers);
	if (err == 0)
		err = pipes_new(PIPES_MOST, PIPES_KEPT, &l->pipes);
	return err;
}

void lane_fini(struct lane *l)
{
	pipes_free(l->pipes);
	buffers_free(l->buffers);
	edges_free(l->edges);
	loop_free(l->loop);
	l->pipes = NULL;
	l->buffers = NULL;
	l->edges = NULL;
	l->loop = NULL;
}

/* --- counters --- */

static const struct {
	const char *name, *text;
	size_t offset;
} counters[] = {
#define COUNTER(name, text) { #name, text, offsetof(struct lane_counters, name) },
#include "relay/counters.def"
#undef COUNTER
};

bool lane_counter_at(const struct lane *l, unsigned number, const char **ret_name, const char **ret_text,
	unsigned long *ret_value)
{
	if (number >= ARRAY_LEN(counters))
		return false;
	const void *at = (const char *)&l->counters + counters[number].offset;

	*ret_name = counters[number].name;
	*ret_text = counters[number].text;
	*ret_value = atomic_load_explicit((const atomic_ulong *)at, memory_order_relaxed);
	return true;
}
