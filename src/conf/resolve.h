/* resolve.h - the pure part of conf_resolve(), which tests give a host of their own */
#ifndef ISTHMUS_CONF_RESOLVE_H
#define ISTHMUS_CONF_RESOLVE_H

#include "conf/conf.h"
#include "dataplane/host.h"

/* What a configuration may ask of the host. */
struct conf_host {
	int (*facts)(struct host_facts *ret);
	int (*interface_addr4)(const char *ifname, struct addr4 *ret);
	const char *resolv_name; /* of resolv.conf, for messages */
	const char *resolv_text; /* its text; NULL if it cannot be read */
	const char *hosts_text;	 /* that of dns64.hosts-file; NULL if it cannot be read, or there is none */
};

/** conf_resolve_with() - conf_resolve() on the host described by @h; see there */
MUST_CHECK int conf_resolve_with(struct conf *c, const struct conf_host *h, struct conf_errors *ret_errors);

#endif
