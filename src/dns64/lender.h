/*
 * lender.h - who lends addresses to IPv6 hosts: the one writer of DNS46's table, shared by all threads of the resolver
 */
#ifndef ISTHMUS_DNS64_LENDER_H
#define ISTHMUS_DNS64_LENDER_H

#include "addr/lent46.h"
#include "dns64/synth.h"

struct lender; /* opaque */

/**
 * lender_new() - become the writer of the table
 * @t:		copied; its memory outlives the lender
 * @linger:	see struct lent46_writer
 */
MUST_CHECK int lender_new(const struct lent46 *t, nsec linger, struct lender **ret); /* 0 or -ENOMEM */
void lender_free(struct lender *l);						     /* NULL is fine */

/**
 * lender_lend() - lend each host of a verdict an address, or say again which it has, for as long as the records last
 *
 * An empty pool is told in the log, once a minute.
 *
 * Return: how many have one now; the verdict says which.
 */
unsigned lender_lend(struct lender *l, struct synth_verdict *v, nsec now);

/** lender_look() - the same, but lend nothing and count nothing as use */
unsigned lender_look(struct lender *l, struct synth_verdict *v);

#endif
