/* flow_again.h - what flow_again.bpf.c and flow_cost.c agree on */
#ifndef ISTHMUS_BENCH_FLOW_AGAIN_H
#define ISTHMUS_BENCH_FLOW_AGAIN_H

#include <linux/types.h>

#define AGAIN_FRONT_MAX 74 /* Ethernet, IPv6, TCP */

/* The frame that is written anew for each run, of flow number 0; flows differ by their client's address. */
struct again {
	__u8 front[AGAIN_FRONT_MAX];
	__u8 unused[2];
	__u32 is_tcp;
	__u32 is_6;
	__u32 is_pair;	   /* flows differ by addresses alone */
	__u32 is_same;	   /* the program does not change the packet's length */
	__u32 verdict;	   /* of the program */
	__u32 flows;	   /* a power of two */
	__u32 train_shift; /* a flow's packets come in trains of so many, the exponent of two */
};

/* Where the number of a flow stands in the source of an IPv6 packet, and its halves in an IPv4 packet. */
#define AGAIN_IN_AT (14 + 8 + 12)
#define AGAIN_OUT_AT (14 + 16 + 2)  /* the lower half of the pool address: the upper bits of the number */
#define AGAIN_PORT_AT (14 + 20 + 2) /* destination port */
#define AGAIN_PORT_BITS 14

/* The destination of an IPv4 packet without state: this, and the number. */
#define AGAIN_PAIR_AT (14 + 16)
#define AGAIN_PAIR_NET 0x0a000000u

#endif
