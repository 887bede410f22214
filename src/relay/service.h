/*
 * service.h - what one line of relay.services is on one lane, and what a protocol brings to be one
 *
 * Life: service_open() for each service of a configuration on each lane; arrive() for each connection that passed the
 * checks that all have in common (allow, limits, PROXY header); when another configuration comes it is retired: no
 * arrive() any more, its visits are told (visit.h), and when the last one has ended it is closed and freed.
 */
#ifndef ISTHMUS_RELAY_SERVICE_H
#define ISTHMUS_RELAY_SERVICE_H

#include "base/compiler.h"
#include "relay/access.h"
#include "relay/lane.h"

#include <stdatomic.h>
#include <sys/types.h>

/* A client's connection that a service is given. */
struct arrival {
	int fd;			/* does not block; taken over */
	struct endpoint client; /* who it is: by the PROXY header, if there was one */
	struct endpoint
		local; /* where the client wanted to go: by the PROXY header, if there was one; of a transparent
				   listener the destination of the packets */
};

struct service;

struct service_ops {
	enum relay_type type;
	/** open() - make what the service needs on its lane; 0 or -errno with @fault filled; NULL: nothing */
	int (*open)(struct service *s, char *fault, size_t fault_size);
	/** arrive() - serve a connection; a->fd is the service's from here on */
	void (*arrive)(struct service *s, const struct arrival *a);
	/** listen() - of a datagram service: take over a bound socket, once for each; NULL: it listens to streams. 0 or -errno */
	int (*listen)(struct service *s, int fd, const struct endpoint *at);
	/** retire() - the configuration is gone: give up what waits for new clients; NULL: nothing */
	void (*retire)(struct service *s);
	/** close() - free what open() made; no visit is left */
	void (*close)(struct service *s);
};

/* What the operator sees of a service on one lane; read by others, like a lane's counters. */
struct service_counters {
	atomic_ulong visits, open, bytes_up, bytes_down, failed;
};

struct service {
	const struct service_ops *ops;
	struct lane *lane;
	const struct relay_service *config;
	struct access access;
	struct service_counters counters;
	unsigned held; /* by visits that are not over, and whoever else needs it */
	bool is_retired;
	void *state;		    /* of ops */
	struct service *next;	    /* of the lane's list */
	struct loop_watch *drained; /* timer: when visits of a retired service are ended */
	atomic_uint *holds;	    /* of the configuration; NULL: nobody counts */
};

/** SERVICE_ADD() - count so many of struct service_counters; the service's lane is the only writer */
#define SERVICE_ADD(service, name, n)                                                                        \
	atomic_store_explicit(&(service)->counters.name,                                                     \
		atomic_load_explicit(&(service)->counters.name, memory_order_relaxed) + (unsigned long)(n),  \
		memory_order_relaxed)

/** service_ops_of() - of a type; services.c has the table */
const struct service_ops *service_ops_of(enum relay_type type);

/**
 * service_open() - make a service on a lane
 * @c:		lives longer than the service
 *
 * Return: 0; -ENOMEM; -errno of ops->open() with @fault filled
 */
MUST_CHECK int service_open(struct lane *l, const struct relay_service *c, const struct relay_config *all,
	struct service **ret, char *fault, size_t fault_size);

/** service_retire() - no new visits; it is freed when the last one is over, maybe at once */
void service_retire(struct service *s);

/** service_hold(), service_unhold() - while somebody works with it, as visits do; the last one frees a retired service */
void service_hold(struct service *s);
void service_unhold(struct service *s);

#endif
