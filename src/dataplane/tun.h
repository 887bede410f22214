/* tun.h - the TUN device as a packet port: virtio-net header, segments kept whole */
#ifndef ISTHMUS_DATAPLANE_TUN_H
#define ISTHMUS_DATAPLANE_TUN_H

#include "base/verdict.h"
#include "xlat/pkt.h"

#include <net/if.h>

/* Room for the largest packet that the kernel hands over, with what translation adds. */
#define TUN_BUFFER_BYTES (PKT_HEADROOM + 65536 + PKT_TAILROOM + 64)

/**
 * tun_open() - make (or attach to) a TUN device with IFF_VNET_HDR | IFF_NO_PI | IFF_MULTI_QUEUE and open its queues
 * @name:	interface name
 * @queues:	how many descriptors to fill in @ret_fds
 * @ret_offloads: mask of TUN_F_* that the kernel granted (TSO4, TSO6, ECN, USO where it has them)
 *
 * Return: 0; -errno (ENOENT: no /dev/net/tun; EPERM: CAP_NET_ADMIN is missing; EBUSY: somebody else has it).
 * Context: start-up; needs CAP_NET_ADMIN.
 */
MUST_CHECK int tun_open(
	const char name[static IFNAMSIZ], unsigned queues, int *ret_fds, unsigned *ret_offloads);

/**
 * tun_read() - read one packet
 * @fd:		a queue, non-blocking
 * @buf:	TUN_BUFFER_BYTES bytes
 * @ret:	head, data, len, end and off set; the rest not
 *
 * Return: 1 with a packet; 0 when none waits; -errno. *ret_reason is set, and 1 returned with ret->len 0, if the frame
 * was malformed.
 */
MUST_CHECK int tun_read(int fd, uint8_t *buf, struct pkt *ret, enum drop_reason *ret_reason);

/**
 * tun_write() - write one packet with its offload state
 *
 * Return: 0; -errno as the kernel said (EINVAL: it did not like the packet; EIO: the device is down).
 */
MUST_CHECK int tun_write(int fd, const struct pkt *p);

/** tun_header_decode(), tun_header_encode() - struct virtio_net_hdr (10 bytes, native order) from and to offload state */
#define TUN_HEADER_BYTES 10
MUST_CHECK enum drop_reason tun_header_decode(const uint8_t h[static TUN_HEADER_BYTES], struct offload *ret);
void tun_header_encode(const struct pkt *p, uint8_t ret_h[static TUN_HEADER_BYTES]);

/** tun_is_kept(), tun_keep() - whether the device stays when its last queue is closed, and have it stay; 0 or -errno */
bool tun_is_kept(int queue);
MUST_CHECK int tun_keep(int queue);

/** tun_release() - let a device that tun_keep() kept go with its last queue: now, if it has none */
void tun_release(const char *name);

#endif
