/*
 * flowpath_up.c - the rings that the XDP program puts packets for the translator into (bpf/flow_up.bpf.h)
 *
 * One for each worker, and its bell. They are not pinned: what stands in a ring when its gateway is killed is too old for the next.
 * Without them, if the kernel lacks what they take or does not say whose packets are whose, all packets come by the TUN device.
 */
#include "dataplane/flowpath_parts.h"

#include "dataplane/flowpath_skeleton.h"

#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

int flowpath_up_prepare(struct flow_bpf *b, unsigned workers, int words)
{
	bool has_owners = workers == 1 || words >= 0;
	int r = bpf_map__set_max_entries(b->maps.up_bells, workers > 0 ? workers : 1);

	if (r == 0)
		r = bpf_map__set_max_entries(b->maps.up_rings, workers > 0 ? workers : 1);
	if (r == 0 && words >= 0)
		r = bpf_map__reuse_fd(b->maps.words, words); /* makes a descriptor of its own */
	b->rodata->has_up_rings =
		has_owners && libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, NULL) == 1;
	return r;
}

static int ring_make(const struct flow_bpf *b, uint32_t worker, int *ret)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "isthmus_up", 0, 0, FLOW_UP_RING_BYTES, NULL);

	if (fd < 0)
		return -errno;
	if (bpf_map_update_elem(bpf_map__fd(b->maps.up_rings), &worker, &fd, BPF_ANY) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

int flowpath_up_begin(const struct flow_bpf *b, unsigned workers, struct flowpath_up *ret)
{
	int r = 0;

	while (b->rodata->has_up_rings && ret->len < workers && r == 0) {
		r = ring_make(b, ret->len, &ret->rings[ret->len]);
		ret->len += r == 0;
	}
	return r;
}

void flowpath_up_end(struct flowpath_up *u)
{
	while (u->len > 0)
		close(u->rings[--u->len]);
}
