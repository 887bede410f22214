/* lender.c - see lender.h */
#include "dns64/lender.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define WARN_EVERY (60 * NSEC)

struct lender {
	pthread_mutex_t lock;
	struct lent46_writer writer;
	nsec warned;	       /* when the log was told; 0: never */
	unsigned long refused; /* hosts, since then */
};

int lender_new(const struct lent46 *t, nsec linger, struct lender **ret)
{
	struct lender *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL); /* cannot fail: no attributes */
	lent46_take(&l->writer, t, linger);
	*ret = l;
	return 0;
}

void lender_free(struct lender *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void warn(struct lender *l, nsec now)
{
	char pool[PREFIX4_TEXT];

	l->refused++;
	if (l->warned > 0 && now - l->warned < WARN_EVERY)
		return;
	log_warning(
		"dns46: no address of %s is free, so %lu more hosts could not be lent one; dns46.pool needs "
		"more addresses, or dns46.linger less time",
		prefix4_text(l->writer.table.pool, pool), l->refused);
	l->warned = now;
	l->refused = 0;
}

unsigned lender_lend(struct lender *l, struct synth_verdict *v, nsec now)
{
	nsec until = now + v->ttl_max * NSEC;
	unsigned lent = 0;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < v->loans_len; i++) {
		struct synth_loan *loan = &v->loans[i];

		loan->is_lent = lent46_lend(&l->writer, loan->target, now, until, &loan->address) == 0;
		lent += loan->is_lent;
		if (!loan->is_lent)
			warn(l, now);
	}
	pthread_mutex_unlock(&l->lock);
	return lent;
}

unsigned lender_look(struct lender *l, struct synth_verdict *v)
{
	unsigned lent = 0;

	for (unsigned i = 0; i < v->loans_len; i++) {
		struct synth_loan *loan = &v->loans[i];

		loan->is_lent =
			lent46_find6(&l->writer.table, loan->target, 0, &loan->address) == LENT46_FOUND;
		lent += loan->is_lent;
	}
	return lent;
}
