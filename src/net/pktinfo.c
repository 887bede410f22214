/* pktinfo.c - see pktinfo.h */
#include "net/pktinfo.h"

static void read4(const struct cmsghdr *c, struct pktinfo *ret)
{
	struct in_pktinfo info;

	bytes_copy(&info, CMSG_DATA(c), sizeof(info));
	*ret = (struct pktinfo){ .a4 = { ntohl(info.ipi_spec_dst.s_addr) } };
}

static void read6(const struct cmsghdr *c, struct pktinfo *ret)
{
	struct in6_pktinfo info;

	bytes_copy(&info, CMSG_DATA(c), sizeof(info));
	struct addr6 a = addr6_at(info.ipi6_addr.s6_addr);

	/* Other addresses are found by the routing table, which may know a better way back than the way here. */
	*ret = (struct pktinfo){ .a6 = a,
		.interface = a.hi >> 54 == 0xfe80 >> 6 ? (int)info.ipi6_ifindex : 0 };
}

bool pktinfo_read(struct msghdr *m, struct pktinfo *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			read4(c, ret);
			return true;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			read6(c, ret);
			return true;
		}
	}
	return false;
}

static void put(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c;

	m->msg_controllen = CMSG_SPACE(len);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	bytes_copy(CMSG_DATA(c), data, len);
}

void pktinfo_write(struct msghdr *m, bool is4, const struct pktinfo *from)
{
	if (is4) {
		struct in_pktinfo info = { .ipi_spec_dst = { htonl(from->a4.v) } };

		put(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
		return;
	}
	struct in6_pktinfo info = { .ipi6_ifindex = (unsigned)from->interface };

	addr6_put(info.ipi6_addr.s6_addr, from->a6);
	put(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}
