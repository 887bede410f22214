/*
 * netlink_xdp.c - what interfaces can do with XDP, as the kernel's "netdev" family tells it (Linux 6.3)
 *
 * The numbers are those of linux/netdev.h, which the headers of Debian 12 do not have.
 */
#include "dataplane/netlink_message.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

#define NETDEV_FAMILY "netdev"
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3

#define XDP_ACT_BASIC 1u
#define XDP_ACT_REDIRECT 2u
#define XDP_ACT_NDO_XMIT 4u

static struct nlmsghdr *command(char *buf, uint16_t family, uint8_t cmd)
{
	struct genlmsghdr h = { .cmd = cmd, .version = 1 };

	return netlink_message(buf, family, 0, &h, sizeof(h));
}

static void on_family(void *ctx, const struct nlmsghdr *m)
{
	const struct nlattr *id = netlink_attr(m, sizeof(struct genlmsghdr), CTRL_ATTR_FAMILY_ID, 2);
	const struct nlattr *name = netlink_attr(m, sizeof(struct genlmsghdr), CTRL_ATTR_FAMILY_NAME, 1);
	char text[GENL_NAMSIZ];
	uint16_t *ret = ctx;

	if (!id || !name)
		return;
	netlink_text(name, text, sizeof(text));
	if (strcmp(text, NETDEV_FAMILY) == 0)
		*ret = mnl_attr_get_u16(id);
}

/* All families are listed, since a dump is what netlink_dump() knows; there are a few dozen. */
static int family_find(struct netlink *n, uint16_t *ret)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	uint16_t family = 0;
	int r = netlink_dump(n, command(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY), on_family, &family);

	if (r < 0)
		return r;
	if (family == 0)
		return -EOPNOTSUPP;
	*ret = family;
	return 0;
}

struct xdp_walk {
	void (*each)(void *ctx, const struct link_xdp *x);
	void *ctx;
};

static void on_device(void *ctx, const struct nlmsghdr *m)
{
	const struct xdp_walk *w = ctx;
	const struct nlattr *index = netlink_attr(m, sizeof(struct genlmsghdr), NETDEV_A_DEV_IFINDEX, 4);
	const struct nlattr *features =
		netlink_attr(m, sizeof(struct genlmsghdr), NETDEV_A_DEV_XDP_FEATURES, 8);
	struct link_xdp x = { .index = netlink_u32(index, 0) };
	uint64_t bits = features ? mnl_attr_get_u64(features) : 0;

	if (x.index == 0)
		return;
	x.is_native = (bits & (XDP_ACT_BASIC | XDP_ACT_REDIRECT)) == (XDP_ACT_BASIC | XDP_ACT_REDIRECT);
	x.takes_frames = (bits & XDP_ACT_NDO_XMIT) != 0;
	w->each(w->ctx, &x);
}

int netlink_links_xdp(void (*each)(void *ctx, const struct link_xdp *x), void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct xdp_walk w = { each, ctx };
	struct netlink *n = NULL;
	uint16_t family = 0;
	int r = netlink_open_bus(NETLINK_GENERIC, &n);

	if (r < 0)
		return r;
	r = family_find(n, &family);
	if (r == 0)
		r = netlink_dump(n, command(buf, family, NETDEV_CMD_DEV_GET), on_device, &w);
	netlink_close(n);
	return r;
}
