/* flow_tables.h - the ways that a packet can take through the programs of bpf/flow.bpf.c, and tables that let it, for flow_cost.c */
#ifndef ISTHMUS_BENCH_FLOW_TABLES_H
#define ISTHMUS_BENCH_FLOW_TABLES_H

#include "flow_again.h"

#include <stdint.h>

struct flow_bpf;

#define TABLES_PAYLOAD 18 /* bytes; an IPv4 frame of 64 with its own checksum */

enum path_kind {
	PATH_FLOW,    /* of a known flow */
	PATH_HAIRPIN, /* of one to a pool address, which another flow has (RFC 6146 s3.8) */
	PATH_PAIR,    /* translated without state */
	PATH_MISSING, /* for the translator, and of no known flow: it goes up */
	PATH_FOREIGN, /* nothing to do with the translator */
};

struct path {
	const char *name;
	enum path_kind kind;
	int is_6, is_tcp, is_xdp;
};

/**
 * tables_size() - make the maps fit @flows flows, before they are loaded: half full
 * @b:		open, not loaded
 * @flows:	a power of two
 */
void tables_size(struct flow_bpf *b, const struct path *p, uint32_t flows);

/**
 * tables_fill() - enter @flows flows, as the translator does, and what the supervisor says
 * @b:		loaded; in a network namespace that bench/flow has made
 * @ret_placed:	the numbers of those that found a place, room for @flows
 *
 * Return: how many that are.
 */
uint32_t tables_fill(struct flow_bpf *b, const struct path *p, uint32_t flows, uint32_t *ret_placed);

/* What was looked up before is void, as it is at a change of routes; good for FLOW_HEARD_MS. */
void tables_hear(struct flow_bpf *b);

/**
 * frame_make() - a packet of flow number 0
 *
 * Return: its length, TABLES_PAYLOAD bytes of which come after the headers.
 */
uint32_t frame_make(const struct path *p, uint8_t frame[static AGAIN_FRONT_MAX + TABLES_PAYLOAD]);

/* Says what failed, and ends the program. */
_Noreturn void die(const char *what);

#endif
