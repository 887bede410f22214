/* tuple.c - names of the protocols */
#include "addr/tuple.h"

const char *proto_name(enum proto p)
{
	static const char *const names[PROTO_COUNT] = {
		[PROTO_TCP] = "tcp",
		[PROTO_UDP] = "udp",
		[PROTO_ICMP] = "icmp",
	};

	ASSERT(p < PROTO_COUNT);
	return names[p];
}
