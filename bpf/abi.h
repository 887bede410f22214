/*
 * abi.h - what the programs in bpf/ and the data plane agree on; the only header that both sides include
 *
 * Addresses are in network order here, as they lie in packets; ports are in host order.
 */
#ifndef ISTHMUS_BPF_ABI_H
#define ISTHMUS_BPF_ABI_H

#include <linux/types.h>

#define STEER_RANGES_MAX                                                                                     \
	128 /* twice as many as the pool has entries: during a reload those of before and after */
#define STEER_PRIORITY 6146 /* of the tc filter; a number that nobody takes by chance */
#define STEER_HANDLE 1

/* Ports (and ICMP identifiers) of one shared address. Invariant: lo <= hi. */
struct steer_range {
	__be32 addr;
	__u16 lo, hi;
};

struct steer_config {
	__u32 device; /* interface index of the TUN device */
	__u32 ranges_len;
	struct steer_range ranges[STEER_RANGES_MAX];
};

/*
 * Which TUN queue a packet goes to: an array of 64-bit words that the workers write and queue.bpf.c reads. First some
 * words about the rules of src/state/owner.h, then its table of blocks that were moved.
 */
enum queue_word {
	QUEUE_WORD_TABLE_LEN, /* words of the table, a power of two; written by the supervisor */
	QUEUE_WORD_OWNERS,    /* workers that own anything; 0 until the translator is up */
	QUEUE_WORD_BLOCK_SHIFT,
	QUEUE_WORD_MASK_HI, /* the bits of an IPv6 address that a subscriber's hosts have in common, host order */
	QUEUE_WORD_MASK_LO,
	QUEUE_HEAD_WORDS = 8 /* the table begins here */
};

#define QUEUE_PROBES 64 /* words of the table that a look-up reads at most */

#endif
