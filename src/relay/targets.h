/*
 * targets.h - where a service may send its clients: which targets are up, and whose turn it is
 *
 * What is known of a target (up or down, how many connections it has) is common to all lanes and outlives a
 * configuration: it belongs to the host and port, and to how they are looked after (health.h). Whoever wants to be
 * connected with one of several uses reach.h, which comes here.
 */
#ifndef ISTHMUS_RELAY_TARGETS_H
#define ISTHMUS_RELAY_TARGETS_H

#include "base/compiler.h"
#include "relay/dial.h"

struct targets;	     /* opaque: all of the process; common to all lanes */
struct target;	     /* opaque: one of them; common to all lanes */
struct target_group; /* opaque: those of a service or of a route, as one lane sees them */

MUST_CHECK int targets_new(struct targets **ret);
void targets_free(struct targets *t); /* no group is left; NULL is fine */

struct target_group_plan {
	const struct relay_target *to; /* borrowed, like health; in the order of the file */
	unsigned to_len;	       /* RELAY_TARGETS_MAX */
	enum relay_balance balance;
	const struct relay_health *health;
	enum relay_family family;
	struct ssl_ctx_st *tls; /* checks are made over TLS (net/tls.h); NULL: not */
};

/** target_group_open() - on the lane's thread, or before it runs; lane 0 looks after the targets. 0; -ENOMEM */
MUST_CHECK int target_group_open(
	struct lane *l, const struct target_group_plan *plan, struct target_group **ret);
void target_group_close(struct target_group *g); /* NULL is fine */

/** target_group_family() - the family policy of its targets; target_group_untried(): how many are left */
enum relay_family target_group_family(const struct target_group *g);
unsigned target_group_untried(const struct target_group *g, uint64_t tried);

/**
 * target_choose() - whose turn it is
 * @client:	the same client comes to the same target with RELAY_BALANCE_HASH
 * @tried:	bit n: the target of number n in the file is not wanted (it failed)
 * @ret_number:	of the one that is chosen
 *
 * Targets that are down have their turn after all that are up: better one that may fail than none.
 *
 * Return: one that has a connection more now, until target_give(); NULL: all were tried
 */
struct target *target_choose(
	struct target_group *g, const struct endpoint *client, uint64_t tried, unsigned *ret_number);
void target_give(struct target *t);

/** target_where() - its host or address, and port; lives as long as it is held, or its group is open */
const struct relay_target *target_where(const struct target *t);

/* What a connection has found, or a check (health.h). */
enum target_news {
	TARGET_WORKED,
	TARGET_FAILED,
	TARGET_OVERTAKEN, /* another one was connected before it (reach.h) */
	TARGET_PASSED_CHECK,
	TARGET_FAILED_CHECK
};

/**
 * target_note() - tell what was found; any lane
 * @why:	of a failure, a text that is not freed: "connection refused"
 *
 * A target is down after @fall failures in a row, of whatever kind. One that is checked comes up again by @rise checks that it
 * passes; one that is not has its turn again after TARGET_REST, and is up when that works. One that was overtaken has its turn
 * after the others, until one client has tried it after TARGET_REST and it worked; only if it is not checked does that count as
 * a failure, too.
 */
void target_note(struct target *t, enum target_news news, const char *why);

#define TARGET_REST (10 * NSEC)

/* A target as the operator sees it. */
struct target_row {
	struct relay_target where;
	bool is_up;
	bool is_checked;   /* by health.h; else only connections tell */
	const char *why;   /* of its last failure; NULL: none */
	nsec since;	   /* it is up or down; base/clock.h */
	unsigned open;	   /* connections now */
	unsigned long all; /* connections in all */
	unsigned long failures;
};

/** target_host_text() - its host or address alone, as a certificate has it */
const char *target_host_text(const struct relay_target *w, char address[static ADDR6_TEXT]);

#define TARGET_TEXT (RELAY_HOST + 8) /* with a port */

/** target_text() - "host:port", "192.0.2.1:80", "[2001:db8::1]:80"; returns @to */
const char *target_text(const struct relay_target *w, char to[static TARGET_TEXT]);

/** targets_row_at() - the target of a number, from 0; false if there is none. Any thread; numbers may move */
bool targets_row_at(struct targets *t, unsigned number, struct target_row *ret);

#endif
