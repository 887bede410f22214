/*
 * direct_open.h - questions that are open at upstreams: sent, and answered or handed over (private to direct.c)
 */
#ifndef ISTHMUS_DNS64_DIRECT_OPEN_H
#define ISTHMUS_DNS64_DIRECT_OPEN_H

#include "dns64/direct.h"
#include "dns64/messages.h"

struct direct_open; /* opaque */

struct direct_open_plan {
	const struct dns64_config *config;
	const char *reserved; /* as of direct_new() */
	struct loop *loop;
	struct dns64_counters *counters;
	struct direct_owner owner;
	struct messages *messages; /* borrowed: answers are kept there, and what was handed over is marked */
};

MUST_CHECK int direct_open_new(const struct direct_open_plan *p, struct direct_open **ret); /* 0 or -errno */
void direct_open_free(struct direct_open *d); /* tells nobody; NULL is fine */

/**
 * direct_open_ask() - ask, or wait for the same question of somebody else
 * @hash:	messages_hash() of @q
 *
 * Return: DIRECT_ASKED; DIRECT_HANDED if it cannot be asked now.
 */
enum direct_way direct_open_ask(
	struct direct_open *d, const struct dns_question *q, uint64_t hash, struct direct_wait *w);

/** direct_open_outdate() - nobody joins what is open now, and its answers are not kept */
void direct_open_outdate(struct direct_open *d);

/** direct_open_generation() - changes with each direct_open_outdate(); never 0 */
unsigned direct_open_generation(const struct direct_open *d);

/** direct_open_upstream_at() - as direct_upstream_at() */
bool direct_open_upstream_at(const struct direct_open *d, unsigned i, struct direct_upstream *ret);

#endif
