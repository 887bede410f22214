/*
 * direct_servers.h - the upstreams that are asked directly, and what the log says of them (private to direct_open.c)
 */
#ifndef ISTHMUS_DNS64_DIRECT_SERVERS_H
#define ISTHMUS_DNS64_DIRECT_SERVERS_H

#include "dns64/direct_server.h"

struct direct_servers {
	struct direct_server at[DNS64_UPSTREAM_MAX];
	unsigned len;
	nsec told[DNS64_UPSTREAM_MAX];	  /* when the log last said that it does not work; 0: never */
	bool is_down[DNS64_UPSTREAM_MAX]; /* so the log says */
};

void direct_servers_init(struct direct_servers *s, const struct dns64_config *c);

/** direct_servers_answered() - server @i has answered, whatever */
void direct_servers_answered(struct direct_servers *s, unsigned i, nsec rtt);

/** direct_servers_failed() - server @i has not; @why follows its name in the log */
void direct_servers_failed(struct direct_servers *s, unsigned i, const char *why);

/** direct_servers_unasked() - there is no socket to server @i, or no memory; @err is a negative errno */
void direct_servers_unasked(struct direct_servers *s, unsigned i, int err);

#endif
