/*
 * flow_box.h - the programs of bpf/flow.bpf.c in the kernel, their tables, and frames to run through them
 *
 * Slots are written here from addresses and ports alone, with sums made by long division: nothing of src/ that the programs
 * stand for takes part.
 */
#ifndef ISTHMUS_TESTS_FLOW_BOX_H
#define ISTHMUS_TESTS_FLOW_BOX_H

#include "harness.h"

#include "abi.h"
#include "xlat/pkt.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flow.skel.h"
#include "verified.skel.h"
#pragma GCC diagnostic pop

#define SETS 64 /* of each table; a power of two */
#define BOX_WORKERS 2 /* that may have rings for what goes up */
#define BOX_WORDS 64  /* of the table of blocks that were moved */
#define ETHERNET 14
#define FRAME_MAX (65536 + 128)
#define LOOPBACK_INDEX 1 /* where BPF_PROG_TEST_RUN says that packets come in */

/* Where a packet meets a program, and where it goes then. */
enum stand {
	STAND_TC_ROUTE,	   /* tc, in at the TUN device; nothing is known of the packet's checksum */
	STAND_TC_VERIFIED, /* the same, and it was verified (CHECKSUM_UNNECESSARY) */
	STAND_TC_SUMMED, /* the same, and the whole packet was summed up (CHECKSUM_COMPLETE); the kernel compares afterwards */
	STAND_TC_OUT, /* tc, out at the interface of the route */
	STAND_XDP,
	STAND_COUNT
};

struct box {
	struct flow_bpf *bpf;
	struct verified_bpf *verified; /* with STAND_TC_VERIFIED */
	struct flow64_set *flows64;
	struct flow46_set *flows46;
	struct flow_pair_set *pairs;
	struct flow_head *head;
	struct flow_host *host;
	struct flow_tallies *tallies;
	unsigned processors;
	enum stand stand;
	uint32_t device, out; /* interface indices, once there is a network */
	uint32_t gso_size, gso_segs; /* of the next frames at tc: a train of segments, if not 0 */
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
};

/** box_new() - load the programs with empty tables; 64:ff9b::/96, any pool address; mode "route" to the loopback */
struct box *box_new(void);

void box_free(struct box *b);

/** box_clear() - empty the tables and zero the tallies */
void box_clear(struct box *b);

/** box_prefix() - make this the first prefix; @len: bits */
void box_prefix(struct box *b, const uint8_t addr[16], uint32_t len);

/* Addresses and ports as they lie in packets, of both sides of a flow. */
struct ends {
	uint8_t src6[16], dst6[16];
	uint8_t src4[4], dst4[4];
	uint8_t sport6[2], dport6[2], sport4[2], dport4[2]; /* of an ICMP echo the identifier, four times */
	uint8_t proto;					    /* of IPv4 */
};

/** box_enter64(), box_enter46() - write a slot for packets of these ends from IPv6, or IPv4; it is returned */
struct flow64_slot *box_enter64(struct box *b, const struct ends *e);
struct flow46_slot *box_enter46(struct box *b, const struct ends *e);

/** box_enter_pair() - the same without state, of the addresses alone; @is_46: for IPv4 packets */
struct flow_pair *box_enter_pair(struct box *b, const struct ends *e, bool is_46);

/** ends_read() - what the headers of an IP packet say, however wrong it is; sets one family's half; false if too short */
bool ends_read(struct ends *e, const uint8_t *ip, size_t len);

/** frame_of() - an IP packet behind an Ethernet header */
void frame_of(struct frame *f, const uint8_t *ip, size_t len);

/**
 * box_stand() - what box_run() does from now on
 *
 * The ways out need a network of our own: this makes one, with routes to everything by way of one interface whose neighbour
 * has the MAC address next_mac. The case is skipped if what is needed cannot be had.
 */
void box_stand(struct box *b, enum stand at);

extern const uint8_t next_mac[6], out_mac[6];

/**
 * box_run() - run the program that stands there on a frame, which becomes what the program has made of it
 *
 * Return: true if it was sent, with the right verdict for that; false if it goes on, with the right verdict for that.
 */
bool box_run(struct box *b, struct frame *f);

/** box_is_routed() - whether what is translated is to go in at the TUN device */
bool box_is_routed(const struct box *b);

/** box_counts_ups() - whether the program that stands there counts what goes up */
bool box_counts_ups(const struct box *b);

/** box_tally() - the sum of a counter over all processors; @at: its offset in struct flow_tallies */
uint64_t box_tally(const struct box *b, size_t at);

/** box_ups() - how many packets went up, whatever the reason */
uint64_t box_ups(const struct box *b);

#define UP(b, why) box_tally((b), offsetof(struct flow_tallies, up) + (why) * sizeof(uint64_t))

#endif
