/* clat_config.c - the section clat as a configuration of the pipeline; see clat_config.h */
#include "cmd/clat_config.h"

#include "base/bytes.h"

/* RFC 6666: packets for it are discarded. It stands where the pipeline wants an address and the host has none. */
#define DISCARD_ONLY ((struct addr6){ UINT64_C(0x0100000000000000), 0 })

/* What no NAT64 can lead to: this network, loopback, link-local, multicast and reserved addresses. */
static const struct prefix4 never[] = {
	{ { 0x00000000 }, 8 },
	{ { 0x7f000000 }, 8 },
	{ { 0xa9fe0000 }, 16 },
	{ { 0xe0000000 }, 4 },
	{ { 0xf0000000 }, 4 },
};

_Static_assert(CLAT_MAPPINGS_MAX <= EAM_MAX, "the pipeline takes all mappings");

struct siit_config clat_config(
	const struct conf_clat *c, const struct prefix6 *prefix, struct eam room[static CLAT_MAPPINGS_MAX])
{
	struct siit_config s = {
		.mappings = room,
		.mappings_len = 1,
		.allow_non_global = c->allow_non_global,
		.names_routers = true,
	};

	room[0] = (struct eam){ { c->address, 32 }, { c->ipv6.is_auto ? DISCARD_ONLY : c->ipv6.value, 128 },
		EAM_HOSTS_IPV4 };
	for (unsigned i = 0; i < c->lan_len; i++)
		room[s.mappings_len++] = c->lan[i];
	if (prefix && !c->ipv6.is_auto)
		s.prefixes[s.prefixes_len++] = *prefix;
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		s.deny[s.deny_len++] = never[i];
	return s;
}
