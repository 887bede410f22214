/* tunnel_device.c - see tunnel_device.h */
#include "dataplane/tunnel_device.h"

#include "dataplane/netlink_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (4 << 20) /* bytes of a burst */

/* --- the device --- */

static int open_device(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	text_copy(request.ifr_name, sizeof(request.ifr_name), TUNNEL_DEVICE);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int add_address(struct netlink *n, unsigned index, struct addr6 a, unsigned len)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct ifaddrmsg h = { .ifa_family = AF_INET6,
		.ifa_prefixlen = (uint8_t)len,
		.ifa_flags = IFA_F_NODAD, /* there is nobody on the device but the other end */
		.ifa_index = index };
	struct nlmsghdr *m = netlink_message(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof(h));
	uint8_t bytes[16];

	addr6_put(bytes, a);
	mnl_attr_put(m, IFA_LOCAL, sizeof(bytes), bytes);
	mnl_attr_put(m, IFA_ADDRESS, sizeof(bytes), bytes);
	return netlink_ask(n, m);
}

static int dress_device(struct netlink *n, const struct tunnel_plan *p, const struct fault *f)
{
	unsigned index = if_nametoindex(TUNNEL_DEVICE);
	char text[PREFIX6_TEXT];
	int err =
		netlink_link_set(n, index, p->mtu, true, LINK_AUTO6_KEEP); /* RFC 4213 s3.7: link-local too */

	if (err < 0)
		return fault_say(f, err, "the device %s cannot be set up: %s", TUNNEL_DEVICE, strerror(-err));
	err = add_address(n, index, p->address, p->address_len);
	if (err < 0)
		return fault_say(f, err, "the device %s cannot have the address %s: %s", TUNNEL_DEVICE,
			addr6_text(p->address, text), strerror(-err));
	for (unsigned i = 0; err == 0 && i < p->routes_len; i++) {
		err = netlink_route6_add(n, index, p->routes[i]);
		if (err < 0)
			fault_say(f, err, "the route to %s cannot lead into the tunnel: %s",
				prefix6_text(p->routes[i], text),
				err == -EEXIST ? "there is one already" : strerror(-err));
	}
	return err;
}

/* --- the socket --- */

static struct sockaddr_in address_of(struct addr4 a)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(a.v) };
}

/* RFC 4213 s3.2.1: packets of a static MTU may be fragmented on their way. */
static int set_options(int fd, const struct tunnel_plan *p)
{
	int ttl = (int)p->ttl, dont = IP_PMTUDISC_DONT, bytes = SOCKET_BUFFER;

	/* When it is full, Linux answers with "protocol unreachable", and the other end may give up. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(
			fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* less is enough for a start */
	if (setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof(dont)) < 0)
		return -errno;
	return 0;
}

static int open_socket(const struct tunnel_plan *p)
{
	struct sockaddr_in local = address_of(p->local), remote = address_of(p->remote);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_IPV6);

	if (fd < 0)
		return -errno;
	int err = set_options(fd, p);

	if (err == 0 && bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0)
		err = -errno;
	if (err == 0 && connect(fd, (const struct sockaddr *)&remote, sizeof(remote)) < 0)
		err = -errno;
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int tunnel_device_up(const struct tunnel_plan *p, int ret_fds[static 2], const struct fault *f)
{
	struct netlink *n = NULL;
	char text[ADDR4_TEXT];
	int fds[2] = { open_device(), -1 };

	if (fds[0] < 0)
		return fault_say(
			f, fds[0], "the device %s cannot be made: %s", TUNNEL_DEVICE, strerror(-fds[0]));
	fds[1] = open_socket(p);
	int err = fds[1];

	if (err < 0)
		fault_say(f, err, "tunnel.remote: there is no way to %s: %s", addr4_text(p->remote, text),
			strerror(-err));
	if (err >= 0) {
		err = netlink_open(&n);
		if (err < 0)
			fault_say(f, err, "routes cannot be asked for: %s", strerror(-err));
	}
	if (err >= 0)
		err = dress_device(n, p, f);
	netlink_close(n);
	if (err < 0) {
		close(fds[0]);
		if (fds[1] >= 0)
			close(fds[1]);
		return err;
	}
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}
