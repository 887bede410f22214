/* tunnel_device.h - the device of a tunnel, and the socket that its packets leave by */
#ifndef ISTHMUS_DATAPLANE_TUNNEL_DEVICE_H
#define ISTHMUS_DATAPLANE_TUNNEL_DEVICE_H

#include "addr/addr.h"
#include "dataplane/fault.h"

#define TUNNEL_DEVICE "isthmus6"

struct tunnel_plan {
	struct addr4 remote, local; /* local 0: as the host chooses */
	struct addr6 address;
	unsigned address_len;
	unsigned mtu, ttl;
	const struct prefix6 *routes;
	unsigned routes_len;
};

/**
 * tunnel_device_up() - make the device, with its address and its routes, and open the socket
 * @ret_fds:	the device (IP packets as they are), and a raw socket of protocol 41, connected to the other end; both do
 *		not block. The device, its address and its routes go when the first of them is closed by everybody.
 *
 * Return: 0; -errno with a sentence in @f.
 * Context: CAP_NET_ADMIN, CAP_NET_RAW
 */
MUST_CHECK int tunnel_device_up(const struct tunnel_plan *p, int ret_fds[static 2], const struct fault *f);

#endif
