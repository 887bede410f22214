/*
 * direct.h - questions to plain upstreams, without libunbound
 *
 * Beside libunbound, for what is simple: the upstream is a resolver that is asked over UDP, and nothing is validated. One
 * try; whatever is not a plain answer is left to libunbound. One thread, one loop.
 */
#ifndef ISTHMUS_DNS64_DIRECT_H
#define ISTHMUS_DNS64_DIRECT_H

#include "dns64/flushed.h"
#include "dns64/resolver.h"
#include "dns64/wire.h"

/* For an answer; libunbound waits 376 ms for a server that it does not know. */
#define DIRECT_PATIENCE (400 * MSEC)
#define DIRECT_OPEN_MAX 4096 /* questions that wait */

/* What is asked from one socket, and for how long; what may come to it that fits no question. */
#define DIRECT_LINE_QUESTIONS 64
#define DIRECT_LINE_TIME (10 * NSEC)
#define DIRECT_UNWANTED_MAX 8

struct direct;		/* opaque */
struct direct_question; /* opaque: open */

/* Somebody who waits; belongs to the caller, who zeroes it first and may not move it while it waits. */
struct direct_wait {
	struct direct_wait *prev, *next;
	struct direct_question *question; /* NULL: waits for nothing */
	void *ctx;			  /* the caller's */
};

/* Who is told what becomes of a question. */
struct direct_owner {
	/* The answer for @w, which waits no more; NULL: @q is to be asked by way of libunbound. May not call back here. */
	void (*answered)(void *ctx, struct direct_wait *w, const struct dns_question *q, const uint8_t *msg,
		size_t len);
	void (*settled)(void *ctx); /* some were told, from the loop; anything may be called */
	void (*soon)(void *ctx);    /* the same, from inside of direct_ask(): nothing may be called yet */
	void *ctx;
};

/**
 * direct_new() - nothing is asked yet
 * @c:		direct_is_possible() of it
 * @bytes:	memory for what is kept
 * @reserved:	the kernel's list of reserved ports, which are not asked from
 * @counters:	those that start with upstream_direct are added to; borrowed
 *
 * Return: 0; -errno
 */
MUST_CHECK int direct_new(const struct dns64_config *c, size_t bytes, const char *reserved, struct loop *l,
	struct dns64_counters *counters, struct direct_owner owner, struct direct **ret);
void direct_free(struct direct *d); /* tells nobody; NULL is fine */

/** direct_is_possible() - whether the configuration leaves everything simple: UDP to resolvers, nothing validated */
bool direct_is_possible(const struct dns64_config *c);

enum direct_way {
	DIRECT_NOT,    /* not a question for this: ask libunbound */
	DIRECT_HANDED, /* ask libunbound, and let direct_learn() know what it says */
	DIRECT_KEPT,   /* answered */
	DIRECT_ASKED,  /* owner.answered() will be called for @w */
};

/**
 * direct_ask() - ask, or wait for the same question of somebody else
 * @q:		of class IN
 * @w:		used by DIRECT_ASKED
 * @ret_msg:	DIRECT_KEPT: @ret_len bytes, until the next call
 */
enum direct_way direct_ask(struct direct *d, const struct dns_question *q, struct direct_wait *w,
	const uint8_t **ret_msg, size_t *ret_len);

/** direct_leave() - wait no more; fine if it does not wait. The question goes on, and its answer is kept */
void direct_leave(struct direct_wait *w);

/** direct_generation() - changes when something is forgotten; never 0 */
unsigned direct_generation(const struct direct *d);

/**
 * direct_learn() - keep what libunbound said to a question of DIRECT_HANDED
 * @generation:	when it was asked; nothing is kept if it is another one now
 */
void direct_learn(struct direct *d, unsigned generation, const uint8_t *msg, size_t len);

/** direct_forget() - use nothing that was had before now for @name and @scope */
void direct_forget(struct direct *d, const struct dns_name *name, enum name_scope scope);

/* One of the upstreams, for an operator. */
struct direct_upstream {
	struct endpoint to;
	nsec rtt;	 /* smoothed; 0: not known */
	bool is_resting; /* libunbound asks in its place */
};

/** direct_upstream_at() - upstream @i; false past the last */
bool direct_upstream_at(const struct direct *d, unsigned i, struct direct_upstream *ret);

/** direct_kept(), direct_kept_bytes() - how many answers are known, and the memory for them */
unsigned direct_kept(const struct direct *d);
size_t direct_kept_bytes(const struct direct *d);

/** direct_update_local() - other local names, blocked domains; without memory for them, libunbound is asked for all */
void direct_update_local(struct direct *d, const struct dns64_config *c);

#endif
