/*
 * access.h - who may use a service, and what may be its destination
 *
 * An IPv6 address may be an IPv4 address in disguise (addr/unwrap.h): each address that it stands for is judged, and
 * one that is denied is enough. So 64:ff9b::127.0.0.1 is this host's loopback, wherever it came from.
 *
 * Built-in, and lifted only by relay.destinations.allow (then for exactly that prefix): unspecified, loopback,
 * link-local, multicast, reserved and broadcast addresses, and every address of this gateway itself (own.h). Where a
 * service of the relays listens is never a destination.
 */
#ifndef ISTHMUS_RELAY_ACCESS_H
#define ISTHMUS_RELAY_ACCESS_H

#include "relay/config.h"

struct own;

enum access_verdict {
	ACCESS_ALLOWED,
	ACCESS_DENIED, /* by relay.destinations.deny, or built-in */
	ACCESS_DENIED_PORT,
	ACCESS_DENIED_OWN, /* this gateway itself */
};

/* The rules of one service; everything is borrowed. */
struct access {
	const struct prefix *clients;
	unsigned clients_len;
	const struct relay_destinations *destinations;
	const struct prefix6 *translation; /* prefixes whose addresses stand for IPv4 addresses (RFC 6052) */
	unsigned translation_len;
	struct own *own;
};

/** access_client() - whether somebody may use the service */
bool access_client(const struct access *a, const struct endpoint *client);

/** access_destination() - whether a client may have this address and port as its destination */
enum access_verdict access_destination(const struct access *a, const struct endpoint *to);

#endif
