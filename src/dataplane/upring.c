/* upring.c - see upring.h */
#include "dataplane/upring.h"

#include "abi.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define STOP (-ECANCELED) /* what makes libbpf leave the rest in the ring */

struct upring {
	struct ring_buffer *ring;
	int fd;
	_Atomic uint32_t *is_awake;
	uint8_t (*buffers)[TUN_BUFFER_BYTES]; /* while something is taken */
	struct pkt *pkts;
	unsigned len, max;
};

/* A record is the program's, whose packets are never longer than it says; what is not so is dropped before it does harm. */
static int on_record(void *ctx, void *data, size_t len)
{
	struct upring *u = ctx;
	const struct flow_up_record *r = data;

	if (u->max == 0)
		return 0;
	if (len < sizeof(*r) || r->len > len - sizeof(*r))
		return 0;
	uint8_t *buf = u->buffers[u->len];

	bytes_copy(buf + PKT_HEADROOM, r->packet, r->len);
	u->pkts[u->len++] = (struct pkt){ .head = buf,
		.data = buf + PKT_HEADROOM,
		.len = r->len,
		.end = buf + TUN_BUFFER_BYTES,
		.is_sent = r->is_sent };
	return u->len == u->max ? STOP : 0;
}

bool upring_is(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_MAP_TYPE_RINGBUF;
}

int upring_new(int fd, struct flow_up_bell *bell, struct upring **ret)
{
	struct upring *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->fd = fd;
	u->is_awake = (_Atomic uint32_t *)&bell->is_awake;
	u->ring = ring_buffer__new(fd, on_record, u, NULL);
	if (!u->ring) {
		int r = -errno;

		free(u);
		return r;
	}
	(void)ring_buffer__consume(u->ring);
	upring_rise(u);
	*ret = u;
	return 0;
}

void upring_free(struct upring *u)
{
	if (!u)
		return;
	ring_buffer__free(u->ring);
	free(u);
}

unsigned upring_take(struct upring *u, uint8_t (*buffers)[TUN_BUFFER_BYTES], struct pkt *ret, unsigned max)
{
	u->buffers = buffers;
	u->pkts = ret;
	u->len = 0;
	u->max = max;
	(void)ring_buffer__consume(u->ring);
	return u->len;
}

int upring_fd(const struct upring *u)
{
	return u->fd;
}

void upring_doze(struct upring *u)
{
	atomic_store_explicit(u->is_awake, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void upring_rise(struct upring *u)
{
	atomic_store_explicit(u->is_awake, 1, memory_order_relaxed);
}
