/* flowmemory.c - see flowmemory.h */
#include "dataplane/flowmemory.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>

/* What an element of each has; in the order of flowpath_fds(). */
static const size_t element_bytes[FLOWPATH_FDS] = { sizeof(struct flow64_set), sizeof(struct flow46_set),
	sizeof(struct flow_pair_set), sizeof(struct flow_head), sizeof(struct flow_tallies),
	sizeof(struct flow_up_bell) };

static int elements_of(int fd, size_t bytes, uint32_t *ret)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	if (info.value_size != bytes || info.max_entries == 0)
		return -EBADMSG;
	*ret = info.max_entries;
	return 0;
}

static int area_map(const int *fds, unsigned i, struct flowmemory *m, uint32_t *ret_elements)
{
	int r = elements_of(fds[i], element_bytes[i], ret_elements);

	if (r < 0)
		return r;
	size_t bytes = *ret_elements * element_bytes[i];
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);

	if (at == MAP_FAILED)
		return -errno;
	m->areas[i].at = at;
	m->areas[i].bytes = bytes;
	return 0;
}

bool flowmemory_is(int fd)
{
	uint32_t elements;

	return elements_of(fd, element_bytes[0], &elements) == 0;
}

int flowmemory_map(const int fds[static FLOWPATH_FDS], struct flowmemory *ret)
{
	struct flowmemory m = { 0 };
	uint32_t elements[FLOWPATH_FDS];
	int r = 0;

	for (unsigned i = 0; i < FLOWPATH_FDS && r == 0; i++)
		r = area_map(fds, i, &m, &elements[i]);
	if (r < 0) {
		flowmemory_unmap(&m);
		return r;
	}
	m.maps = (struct flow_maps){
		.flows64 = m.areas[0].at,
		.sets64 = elements[0],
		.flows46 = m.areas[1].at,
		.sets46 = elements[1],
		.pairs = m.areas[2].at,
		.pair_sets = elements[2],
		.head = m.areas[3].at,
		.tallies = m.areas[4].at,
		.processors = elements[4],
	};
	m.bells = m.areas[5].at;
	m.bells_len = elements[5];
	*ret = m;
	return 0;
}

void flowmemory_unmap(struct flowmemory *m)
{
	for (unsigned i = 0; i < FLOWMEMORY_AREAS; i++)
		if (m->areas[i].at)
			munmap(m->areas[i].at, m->areas[i].bytes);
	*m = (struct flowmemory){ 0 };
}
