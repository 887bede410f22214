/* explain.h - one query, asked for an operator: everything that decides what a client would be answered */
#ifndef ISTHMUS_DNS64_EXPLAIN_H
#define ISTHMUS_DNS64_EXPLAIN_H

#include "dns64/resolver.h"
#include "dns64/synth.h"

struct dns_explain; /* opaque: a query under way */

/* What was found; all of it borrowed for the call. */
struct dns_explained {
	bool is_allowed;	      /* else nothing more is filled in */
	unsigned view;		      /* 0: none */
	const struct synth_input *in; /* policy, plan and lookups; lookups not done took too long */
	const struct synth_verdict *verdict;
	struct dns_msg reply; /* what a client that takes 1232 bytes gets; has no OPT */
	bool is_cut;
};

/**
 * dns_explain_start() - ask what a client would ask
 * @client:	whose policy counts; the port does not
 * @q:		class IN, RD set
 * @done:	called once from the loop when all is known, after 10 seconds at most; frees the query itself with
 *		dns_explain_free(), or later
 *
 * Both lookups are waited for, whatever the first says, so that both can be shown. Nothing is kept or counted as
 * a client's query, and no address is lent: of DNS46 the answer has those that are lent already.
 *
 * Return: 0; -ENOMEM.
 */
MUST_CHECK int dns_explain_start(struct resolver *r, const struct endpoint *client,
	const struct synth_query *q, void (*done)(void *ctx, const struct dns_explained *found), void *ctx,
	struct dns_explain **ret);
/** dns_explain_kept() - seconds that this resolver goes on giving a kept answer to a query of a view's clients; 0: none
 * is kept */
uint32_t dns_explain_kept(struct resolver *r, const struct synth_query *q, unsigned view);

void dns_explain_free(struct dns_explain *x); /* before or after done(); NULL is fine */

#endif
