/*
 * context.h - libunbound's contexts, each with a cache of its own; private to the engine
 *
 * Everything that a context will ever read from files it reads here.
 */
#ifndef ISTHMUS_DNS64_CONTEXT_H
#define ISTHMUS_DNS64_CONTEXT_H

#include "dns64/carrier.h"
#include "dns64/config.h"
#include "loop/loop.h"

#include <stdio.h>

struct ub_ctx; /* unbound.h */

enum context_cache {
	CACHE_LASTING,
	CACHE_NONE, /* answers of servers that are forwarded to are asked for anew each time */
};

struct context_plan {
	const struct dns64_config *config;
	unsigned threads;	 /* that share the configured memory */
	unsigned cache_percent;	 /* of it that is for libunbound */
	struct carrier *carrier; /* NULL without upstreams over TLS */
	struct loop *loop;
	FILE *log; /* where libunbound writes its messages */
};

/**
 * context_new() - make a context that answers
 * @fault:	on failure, a sentence for the user
 *
 * Return: 0; -ENOMEM; -EIO if libunbound refuses.
 * Context: start-up; reads files.
 */
MUST_CHECK int context_new(const struct context_plan *p, enum context_cache cache, struct ub_ctx **ret,
	char *fault, size_t fault_size);

#define RESERVED_PORTS_TEXT 4096 /* bytes */

/** context_reserved_ports() - the kernel's list of ports that are not to be bound, such as "8080,49152-65535"; "" if it has none */
void context_reserved_ports(char buf[static RESERVED_PORTS_TEXT]);

#endif
