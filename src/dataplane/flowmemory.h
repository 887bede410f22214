/* flowmemory.h - the tables of the flow programs, in the memory of the translator */
#ifndef ISTHMUS_DATAPLANE_FLOWMEMORY_H
#define ISTHMUS_DATAPLANE_FLOWMEMORY_H

#include "dataplane/flowpath.h"
#include "nat64/flowcache.h"

#define FLOWMEMORY_AREAS FLOWPATH_FDS

struct flowmemory {
	struct flow_maps maps;
	struct flow_up_bell *bells; /* of each worker */
	uint32_t bells_len;
	struct {
		void *at; /* NULL: not mapped */
		size_t bytes;
	} areas[FLOWMEMORY_AREAS];
};

/** flowmemory_is() - whether this is the first of flowpath_fds(), and not another descriptor */
bool flowmemory_is(int fd);

/**
 * flowmemory_map() - map the tables; they stay as they are
 * @fds:	of flowpath_fds(); borrowed
 *
 * Return: 0; -EBADMSG: they are of another size than these programs have; another -errno.
 * Context: start-up; needs no rights but the descriptors.
 */
MUST_CHECK int flowmemory_map(const int fds[static FLOWPATH_FDS], struct flowmemory *ret);

/** flowmemory_unmap() - a zeroed one is fine */
void flowmemory_unmap(struct flowmemory *m);

#endif
