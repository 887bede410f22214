/* services.c - which module serves a type of relay.services */
#include "relay/services.h"

const struct service_ops *service_ops_of(enum relay_type type)
{
	/* A type without an entry is refused when it is opened. */
	static const struct service_ops *const all[RELAY_TYPE_COUNT] = {
		[RELAY_HTTP_REVERSE] = &http_reverse_service,
		[RELAY_TCP] = &tcp_service,
		[RELAY_SOCKS5] = &socks5_service,
		[RELAY_HTTP_FORWARD] = &http_forward_service,
		[RELAY_PAC] = &pac_service,
		[RELAY_TRANSPARENT] = &transparent_service,
		[RELAY_UDP] = &udp_service,
	};

	ASSERT(type < RELAY_TYPE_COUNT);
	return all[type];
}
