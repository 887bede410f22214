/* show_translator.h - what the translator's process answers on the control socket (rows: docs/control.md) */
#ifndef ISTHMUS_CMD_SHOW_TRANSLATOR_H
#define ISTHMUS_CMD_SHOW_TRANSLATOR_H

#include "cmd/discovery.h"
#include "conf/conf.h"
#include "dataplane/crew.h"
#include "dataplane/flowmemory.h"
#include "loop/loop.h"

#include <jansson.h>

#define TRANSLATOR_WORKERS_MAX 64

struct translator_log; /* opaque */
struct pool_watch;     /* opaque */
struct restored;       /* translator_state.h */

/* The control side of the translator's process. */
struct translator {
	struct loop *loop;
	const struct conf *conf; /* the one in force; see role.h for how long it lives */
	nsec since;		 /* when the process started */
	unsigned workers_len;
	struct crew *crew;
	struct worker *workers[TRANSLATOR_WORKERS_MAX]; /* of the crew; once they run */
	struct discovery *discovery;			/* NULL: no section clat */
	struct nat64_config *config; /* what the workers have: that of @conf, and what was found; owned */
	struct eam *mappings;	     /* of @config, for clat; owned */
	struct lent46 lent;	     /* of DNS46, if it is on */
	int saved;		     /* descriptor of saved sessions; -1: there is none */
	struct restored
		*restored; /* what came of it; owned; NULL before that, and if nothing had been saved */
	struct flowmemory flows;     /* the tables of the flow programs, if there are any */
	struct upring *ups
		[TRANSLATOR_WORKERS_MAX]; /* owned; what their XDP program hands to each worker; NULL: nothing */
	uint64_t flows_adopted, flows_refused; /* of what a translator before this one had left there */
	struct translator_log *log;  /* NULL: the binding log is off */
	struct pool_watch *pools;    /* once the workers run */
};

/* Durations in rows are in seconds, to the millisecond. */
static inline double show_seconds(nsec ns)
{
	return (double)(ns / MSEC) / 1000;
}

/* Commands: @ctx is a struct translator; see struct role_command. */
void show_status(void *ctx, const json_t *args, int fd);
void show_counters(void *ctx, const json_t *args, int fd);
void show_sessions(void *ctx, const json_t *args, int fd);
void show_bib(void *ctx, const json_t *args, int fd);
void show_pool(void *ctx, const json_t *args, int fd);
void show_who(void *ctx, const json_t *args, int fd);

/**
 * show_read_protocol() - read an argument `proto`: a kind of protocols ("other" are all that are bound by address), or one of
 * the latter
 * @ret_number:	its IANA number; 0 if a kind is meant
 *
 * Return: false with the results untouched if it is neither; SHOW_PROTOCOL_WANTED says what would be right.
 */
MUST_CHECK bool show_read_protocol(const char *text, enum proto *ret, uint8_t *ret_number);
#define SHOW_PROTOCOL_WANTED "proto must be tcp, udp, icmp, other, or a protocol as in nat64.protocols"

/** translator_take() - all workers take another configuration, or none does and @fault says why */
struct role_fault;
MUST_CHECK int translator_take(struct translator *t, const struct nat64_config *c, struct role_fault *fault);

#endif
