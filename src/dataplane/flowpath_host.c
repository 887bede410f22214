/*
 * flowpath_host.c - what the programs are told of the host, and that somebody listens to its changes
 *
 * The programs keep the exit of a flow, which a look-up of the route has given, until they are told that something has changed:
 * flow_host.exits_since is when. A packet may just be looking up what is about to change, so the time that is written must not be
 * earlier than that packet's; it is read from the same clock, and once more after writing.
 */
#include "dataplane/flowpath_parts.h"

#include <bpf/bpf.h>
#include <errno.h>

_Static_assert(FLOWPATH_RENEW / MSEC <= FLOW_HEARD_MS / 2, "one that comes late does no harm");

/* As now_ms() of bpf/flow_find.bpf.h, whose clock may be some milliseconds behind, but not ahead. */
static uint32_t now_ms(void)
{
	return (uint32_t)(clock_now() / MSEC) | 1;
}

int flowpath_host_write(int map, struct flow_host *h)
{
	uint32_t zero = 0;

	do {
		h->exits_since = now_ms();
		if (bpf_map_update_elem(map, &zero, h, BPF_ANY) < 0)
			return -errno;
	} while (h->exits_since != now_ms());
	return 0;
}
