/*
 * engine.h - questions put to the world: directly if that is enough, else through libunbound, which recurses and validates
 *
 * One engine, one thread, one event loop. The engine knows nothing of clients or of synthesis.
 */
#ifndef ISTHMUS_DNS64_ENGINE_H
#define ISTHMUS_DNS64_ENGINE_H

#include "dns64/direct.h"
#include "dns64/flushed.h"
#include "dns64/resolver.h"
#include "dns64/synth.h"
#include "loop/loop.h"

#define ENGINE_HELD_MAX                                                                                      \
	(64u << 20) /* bytes of answers that are kept for callers, over all questions and threads */
#define ENGINE_UNDER_WAY_MAX 20000  /* questions inside libunbound, abandoned ones included */

#define ENGINE_SPARES 8 /* how often everything can be forgotten */

struct engine;	 /* opaque */
struct question; /* opaque: what libunbound holds of a question */

/* One question; belongs to the caller, who zeroes it first and may not move it while it is open. */
struct engine_ask {
	struct lookup result; /* is_done once answered; its bytes live until engine_drop() */
	struct engine *engine;
	struct question *question; /* while libunbound works on it */
	struct direct_wait wait;   /* for a question that is asked directly */
	uint8_t *bytes;
	void (*done)(void *ctx);
	void *ctx;
	bool is_starting;		/* inside engine_start() */
	struct engine_ask *prev, *next; /* answered, waiting for done() to be called */
	bool is_ready;
};

/**
 * engine_new() - make a libunbound context and load everything that it will ever read from files
 * @threads:	how many engines share the memory that there is for caches; at least 1
 * @counters:	the engine adds to those that start with upstream_; must outlive it
 * @fault:	on failure, a sentence for the user
 *
 * Return: 0; -EINVAL if the upstreams cannot be used together; -ENOENT if the trust anchor is missing;
 *	-EIO if libunbound refuses.
 * Context: start-up; reads files.
 */
MUST_CHECK int engine_new(const struct dns64_config *c, unsigned threads, struct loop *l,
	struct dns64_counters *counters, struct engine **ret, char *fault, size_t fault_size);
void engine_free(struct engine *e); /* every ask must have been dropped */

/** engine_update_local() - replace the local names and blocked domains of @old by those of @new */
void engine_update_local(struct engine *e, const struct dns64_config *old, const struct dns64_config *new);

/**
 * engine_flush() - use no answer for a name that was had before now
 *
 * While it recurses, this forgets everything, as the next does.
 *
 * Return: 0; -ENOSPC if FLUSHED_MAX names are flushed already, or as the next.
 */
MUST_CHECK int engine_flush(struct engine *e, const struct dns_name *name, enum name_scope scope);

/**
 * engine_flush_all() - forget everything
 *
 * Questions under way are answered by what was known before.
 *
 * Return: 0; -ENOSPC after ENGINE_SPARES times.
 */
MUST_CHECK int engine_flush_all(struct engine *e);

/**
 * engine_start() - ask one question of class IN
 * @a:		zeroed
 * @done:	called from the loop, never from here, when the answer is there
 *
 * If the answer is known at once (cache), a->result.is_done is true on return and @done is not called.
 */
void engine_start(struct engine *e, struct engine_ask *a, const struct dns_question *q,
	void (*done)(void *ctx), void *ctx);

/** engine_direct() - the way without libunbound; NULL if there is none */
const struct direct *engine_direct(const struct engine *e);

/** engine_drop() - forget the question, answered or not, and its answer; a zeroed or dropped one is fine */
void engine_drop(struct engine_ask *a);

#endif
