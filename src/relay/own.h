/*
 * own.h - what belongs to this gateway itself: its addresses, and where its services listen
 *
 * A destination here would be the gateway talking to itself on a stranger's behalf: a loop, or a way past the firewall to
 * its management. Addresses that the host got after the list was made are noticed when a connection to them is made: its
 * two ends are the same address.
 */
#ifndef ISTHMUS_RELAY_OWN_H
#define ISTHMUS_RELAY_OWN_H

#include "addr/endpoint.h"
#include "base/compiler.h"

struct own; /* opaque; shared by all threads */

/** own_new() - list the addresses of all interfaces, before the sandbox is entered; 0, -errno */
MUST_CHECK int own_new(struct own **ret);
void own_free(struct own *o);

/** own_listens() - a service listens here (an unspecified address: on every address with this port); start-up, or a reload. */
MUST_CHECK int own_listens(struct own *o, const struct endpoint *at);
/** own_listens_no_more() - no service listens here any more; an unknown address is fine */
void own_listens_no_more(struct own *o, const struct endpoint *at);
/** own_notice() - an address has turned out to be this host's: a connection to it has the same address at both ends. Any thread */
void own_notice(struct own *o, const struct endpoint *at);

/** own_prefix() - every address of a prefix is this host's: what stands for its clients (client-prefix); until the end. 0, -ENOMEM */
MUST_CHECK int own_prefix(struct own *o, struct prefix6 p);

/** own_has() - whether an address is this host's, or is one that every host has (loopback) */
bool own_has(struct own *o, const struct endpoint *at);
/** own_is_listener() - whether a service of ours listens at this address and port of this host */
bool own_is_listener(struct own *o, const struct endpoint *at);

#endif
