/*
 * tun.c - the TUN device as a packet port
 *
 * A TUN device gives IP packets without any link header. IFF_VNET_HDR puts a struct virtio_net_hdr before
 * each, and TUNSETOFFLOAD tells the kernel that it may hand over trains of segments (TSO, USO) and packets
 * whose transport checksum is not computed yet. So a train of 64 KiB crosses the translator as one packet, and
 * a checksum that no NIC has to verify is never computed. What we write carries the same header, and the
 * kernel finishes the work at the last moment, most often in the NIC.
 *
 *	read:	[ PKT_HEADROOM - 10 free ][ virtio header, 10 ][ packet ... ][ PKT_TAILROOM free ]
 *		one read() into the buffer; after tun_header_decode() the header's bytes are headroom again
 *	write:	the same the other way: the header lies over the bytes before the packet for as long as one write() takes;
 *		writev() of both where there are no such bytes. Nothing but the packet is changed
 *
 * The header (linux/virtio_net.h; TUN uses the legacy layout in native byte order, 10 bytes):
 *
 *	 0 u8  flags		NEEDS_CSUM: the checksum field holds the pseudo-header's sum only; DATA_VALID:
 * verified 1 u8  gso_type		0, TCPV4, TCPV6, UDP_L4; or-ed with ECN 2 u16 hdr_len
 * IP and transport header; a hint of how much must lie in the first piece of memory 4 u16 gso_size
 * payload bytes per segment 6 u16 csum_start	from the first byte of the packet to the transport header 8
 * u16 csum_offset	from there to the checksum field
 *
 * Offloads are asked for in steps, since a kernel refuses the whole mask for one unknown bit: with USO
 * (Linux 6.2), else without. The older UFO (gso type 3, IP fragments made by the NIC) is never asked for and
 * never accepted.
 *
 * A queue descriptor is non-blocking. A device that is not persistent lives as long as its descriptors; so a
 * killed daemon leaves no device and no route through it behind. tun_open() refuses a device that somebody
 * else keeps open, and takes over a persistent one, which an administrator made for us.
 *
 * Standards: virtio 1.1 s5.1.6 (struct virtio_net_hdr); Linux Documentation/networking/tuntap.rst.
 */
#include "dataplane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Offload bits that the headers of Debian 12 do not have; Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6 0x40
#endif

#define VNET_NEEDS_CSUM 0x01
#define VNET_DATA_VALID 0x02
#define VNET_FLAGS_KNOWN (VNET_NEEDS_CSUM | VNET_DATA_VALID)
#define VNET_GSO_ECN 0x80

/* enum gso and its number in the header. */
static const uint8_t gso_numbers[] = { [GSO_NONE] = 0, [GSO_TCP4] = 1, [GSO_TCP6] = 4, [GSO_UDP] = 5 };

/* The longest packet that a 16-bit length field allows: an IPv6 header and 65535 bytes after it. */
#define PACKET_BYTES_MAX (IP6_HDR_LEN + 65535)

_Static_assert(PKT_HEADROOM >= TUN_HEADER_BYTES, "the virtio header is read into the headroom");
_Static_assert(PKT_HEADROOM + PACKET_BYTES_MAX + PKT_TAILROOM <= TUN_BUFFER_BYTES, "a whole packet fits");

/* The header's 16-bit fields are in native order, unlike everything else on the wire. */
static uint16_t native16_at(const uint8_t *p)
{
	uint16_t v;

	bytes_copy(&v, p, sizeof(v));
	return v;
}

static void native16_put(uint8_t *p, uint16_t v)
{
	bytes_copy(p, &v, sizeof(v));
}

static int gso_of_number(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(gso_numbers); i++)
		if (gso_numbers[i] == number)
			return (int)i;
	return -1;
}

enum drop_reason tun_header_decode(const uint8_t h[static TUN_HEADER_BYTES], struct offload *ret)
{
	int gso = gso_of_number(h[1] & (uint8_t)~VNET_GSO_ECN);
	bool ecn = (h[1] & VNET_GSO_ECN) != 0;
	struct offload o = { .csum_partial = (h[0] & VNET_NEEDS_CSUM) != 0,
		.csum_valid = (h[0] & VNET_DATA_VALID) != 0 };

	if ((h[0] & ~VNET_FLAGS_KNOWN) != 0 || gso < 0)
		return DROP_OFFLOAD;
	o.gso = (enum gso)gso;
	if (ecn && o.gso != GSO_TCP4 && o.gso != GSO_TCP6)
		return DROP_OFFLOAD;
	o.gso_ecn = ecn;
	if (o.gso != GSO_NONE) {
		o.gso_size = native16_at(h + 4);
		if (o.gso_size == 0)
			return DROP_OFFLOAD;
	}
	if (o.csum_partial) {
		o.csum_start = native16_at(h + 6);
		o.csum_offset = native16_at(h + 8);
	}
	*ret = o;
	return DROP_NONE;
}

/* The transport header of a packet whose transport header starts at @at; 0 if it does not lie in the packet.
 */
static uint32_t transport_header_len(const struct pkt *p, uint32_t at)
{
	uint32_t left = at < p->len ? p->len - at : 0;

	if (p->off.gso == GSO_UDP)
		return left >= UDP_HDR_LEN ? UDP_HDR_LEN : 0;
	if (left < TCP_HDR_LEN)
		return 0;
	uint32_t need = (uint32_t)(p->data[at + 12] >> 4) * 4;
	return need >= TCP_HDR_LEN && need <= left ? need : 0;
}

/**
 * header_len() - the header's hdr_len: bytes of IP and transport header of a train, or 0 for "no hint"
 *
 * The kernel puts at least that many bytes into the linear part of its buffer, and refuses a value beyond the
 * packet. A train knows where its transport header starts by csum_start; one without a partial checksum does
 * not, and a packet that is no train needs no hint.
 */
static uint16_t header_len(const struct pkt *p)
{
	if (p->off.gso == GSO_NONE || !p->off.csum_partial)
		return 0;
	uint32_t transport = transport_header_len(p, p->off.csum_start);
	uint32_t all = p->off.csum_start + transport;

	return transport > 0 && all <= UINT16_MAX ? (uint16_t)all : 0;
}

void tun_header_encode(const struct pkt *p, uint8_t ret_h[static TUN_HEADER_BYTES])
{
	const struct offload *o = &p->off;

	bytes_zero(ret_h, TUN_HEADER_BYTES);
	if (o->gso != GSO_NONE) {
		ret_h[1] = (uint8_t)(gso_numbers[o->gso] | (o->gso_ecn ? VNET_GSO_ECN : 0));
		native16_put(ret_h + 2, header_len(p));
		native16_put(ret_h + 4, o->gso_size);
	}
	if (o->csum_partial) {
		ret_h[0] = VNET_NEEDS_CSUM;
		native16_put(ret_h + 6, o->csum_start);
		native16_put(ret_h + 8, o->csum_offset);
		return;
	}
	ret_h[0] = o->csum_valid ? VNET_DATA_VALID : 0;
}

int tun_read(int fd, uint8_t *buf, struct pkt *ret, enum drop_reason *ret_reason)
{
	uint8_t *header = buf + PKT_HEADROOM - TUN_HEADER_BYTES;
	ssize_t n = read(fd, header, TUN_HEADER_BYTES + PACKET_BYTES_MAX);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	struct pkt p = { .head = buf, .data = buf + PKT_HEADROOM, .end = buf + TUN_BUFFER_BYTES };
	enum drop_reason reason = DROP_TUN_READ_SHORT;

	if (n > TUN_HEADER_BYTES)
		reason = tun_header_decode(header, &p.off);
	if (reason == DROP_NONE)
		p.len = (uint32_t)(n - TUN_HEADER_BYTES);
	*ret = p;
	*ret_reason = reason;
	return 1;
}

/* The header over the bytes before the packet, for as long as it takes; one part costs the kernel less than two. */
static ssize_t write_over(int fd, const struct pkt *p, const uint8_t header[static TUN_HEADER_BYTES])
{
	uint8_t *at = p->head + (p->data - p->head - TUN_HEADER_BYTES), before[TUN_HEADER_BYTES];

	bytes_copy(before, at, sizeof(before));
	bytes_copy(at, header, TUN_HEADER_BYTES);
	ssize_t n = write(fd, at, TUN_HEADER_BYTES + p->len);
	int err = errno;

	bytes_copy(at, before, sizeof(before));
	errno = err;
	return n;
}

/* An ICMP error may have grown until there is no room left before it. */
static ssize_t write_parts(int fd, const struct pkt *p, uint8_t header[static TUN_HEADER_BYTES])
{
	const struct iovec parts[2] = { { header, TUN_HEADER_BYTES }, { p->data, p->len } };

	return writev(fd, parts, 2);
}

int tun_write(int fd, const struct pkt *p)
{
	uint8_t header[TUN_HEADER_BYTES];
	ssize_t n;

	tun_header_encode(p, header);
	do
		n = p->data - p->head >= TUN_HEADER_BYTES ? write_over(fd, p, header)
							  : write_parts(fd, p, header);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* --- opening --- */

static const unsigned offload_masks[] = {
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
	TUN_F_CSUM,
	0,
};

static int offloads_set(int fd, unsigned *ret_offloads)
{
	for (size_t i = 0; i < ARRAY_LEN(offload_masks); i++) {
		if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)offload_masks[i]) == 0) {
			*ret_offloads = offload_masks[i];
			return 0;
		}
		if (errno != EINVAL)
			return -errno;
	}
	return -EINVAL;
}

static int queue_attach(const char *name, int extra_flags, int *ret_fd)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE |
						      extra_flags) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	text_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

bool tun_is_kept(int fd)
{
	struct ifreq request = { 0 };

	return ioctl(fd, TUNGETIFF, &request) == 0 && (request.ifr_flags & IFF_PERSIST) != 0;
}

/* The first queue makes the device, or joins a persistent one; a device kept by another program's descriptor
 * is busy. */
static int queue_first(const char *name, int *ret_fd)
{
	int fd = -1;
	int r = queue_attach(name, IFF_TUN_EXCL, &fd);

	if (r == -EBUSY) {
		r = queue_attach(name, 0, &fd);
		if (r == 0 && !tun_is_kept(fd)) {
			close(fd);
			return -EBUSY;
		}
	}
	if (r == 0)
		*ret_fd = fd;
	return r;
}

int tun_open(const char name[static IFNAMSIZ], unsigned queues, int *ret_fds, unsigned *ret_offloads)
{
	unsigned made = 0, offloads = 0;
	int r = 0;

	for (; made < queues && r == 0; made += r == 0)
		r = made == 0 ? queue_first(name, &ret_fds[0]) : queue_attach(name, 0, &ret_fds[made]);
	if (r == 0)
		r = queues > 0 ? offloads_set(ret_fds[0], &offloads) : -EINVAL;
	if (r < 0) {
		while (made > 0)
			close(ret_fds[--made]);
		return r;
	}
	*ret_offloads = offloads;
	return 0;
}

int tun_keep(int queue)
{
	return ioctl(queue, TUNSETPERSIST, 1UL) < 0 ? -errno : 0;
}

void tun_release(const char *name)
{
	int fd = -1;

	if (if_nametoindex(name) == 0 || queue_attach(name, 0, &fd) < 0)
		return;
	(void)!ioctl(fd, TUNSETPERSIST, 0UL);
	close(fd);
}
