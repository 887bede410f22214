/* reverse.h - the insides of http-reverse: what its two files know of each other */
#ifndef ISTHMUS_RELAY_REVERSE_H
#define ISTHMUS_RELAY_REVERSE_H

#include "relay/http.h"
#include "relay/opening.h"
#include "relay/route.h"
#include "relay/targets.h"

/* One route on one lane. */
struct reverse_way {
	struct target_group *targets;
	struct ssl_ctx_st *certificate; /* certificates.h; NULL: TLS does not end here */
	struct ssl_ctx_st *to_tls;	/* net/tls.h; NULL: targets are spoken to without TLS */
};

struct reverse {
	struct service *service;
	struct route_table *table;
	struct opening_user opening;
	struct http *http;	   /* NULL: all routes are passthrough */
	struct reverse_way ways[]; /* as many as the service has routes */
};

/** reverse_http_new() - make the engine; 0; -ENOMEM */
MUST_CHECK int reverse_http_new(struct reverse *v);

#endif
