/*
 * upring.h - packets that the XDP program hands to a worker, past the host and the TUN device (bpf/flow_up.bpf.h)
 *
 * One worker reads a ring; programs on any processor write it.
 */
#ifndef ISTHMUS_DATAPLANE_UPRING_H
#define ISTHMUS_DATAPLANE_UPRING_H

#include "dataplane/tun.h"

struct upring; /* opaque */
struct flow_up_bell;

/** upring_is() - whether this is the descriptor of such a ring */
bool upring_is(int fd);

/**
 * upring_new() - map a ring, and forget what is in it: it is from before this process
 * @fd:		borrowed, as long as it lives
 * @bell:	the worker's; the same
 *
 * Return: 0 or -errno. Context: start-up, before the sandbox.
 */
MUST_CHECK int upring_new(int fd, struct flow_up_bell *bell, struct upring **ret);

/** upring_free() - NULL is fine */
void upring_free(struct upring *u);

/**
 * upring_take() - copy out the oldest packets, up to @max
 * @buffers:	of TUN_BUFFER_BYTES, one for each packet
 * @ret:	the packets, in these buffers, without offload state, as tun_read() has them
 *
 * Return: how many. Context: the worker.
 */
unsigned upring_take(struct upring *u, uint8_t (*buffers)[TUN_BUFFER_BYTES], struct pkt *ret, unsigned max);

/** upring_fd() - for poll(): readable if there are packets */
int upring_fd(const struct upring *u);

/** upring_doze() - the worker is about to poll(); upring_rise() - it is awake, and looks by itself */
void upring_doze(struct upring *u);
void upring_rise(struct upring *u);

#endif
