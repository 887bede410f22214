/* netlink_policy.c - whether this host has IPsec policies for what it sends or forwards; see netlink.h */
#include "dataplane/netlink_message.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <sys/socket.h>

/* Those of sockets concern the host's own traffic only. */
static void on_policy(void *ctx, const struct nlmsghdr *m)
{
	struct xfrm_userpolicy_info p;
	bool *ret = ctx;

	if (m->nlmsg_type != XFRM_MSG_NEWPOLICY || !netlink_has_header(m, sizeof(p)))
		return;
	bytes_copy(&p, mnl_nlmsg_get_payload(m), sizeof(p));
	*ret = *ret || p.dir == XFRM_POLICY_OUT || p.dir == XFRM_POLICY_FWD;
}

int netlink_has_policies(bool *ret)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct xfrm_userpolicy_id h = { 0 };
	struct netlink *n = NULL;
	bool found = false;
	int r = netlink_open_bus(NETLINK_XFRM, &n);

	if (r == 0) {
		r = netlink_dump(
			n, netlink_message(buf, XFRM_MSG_GETPOLICY, 0, &h, sizeof(h)), on_policy, &found);
		netlink_close(n);
	}
	if (r < 0 && r != -EPROTONOSUPPORT) /* a kernel without IPsec */
		return r;
	*ret = found;
	return 0;
}
