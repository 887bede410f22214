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

/*
 * Answers that dns.bpf.c gives: an array of slots that the resolver writes (src/dns64/offers.c) and the program reads, and
 * what goes with it. An answer may lie in DNS_WAYS slots one after the other, which begin at a multiple of DNS_WAYS that its
 * hash names.
 */
#define DNS_SLOTS 16384 /* a power of two */
#define DNS_WAYS 4
#define DNS_NAME_ROOM 256 /* bytes; the name in lower case, and zeros up to a multiple of eight */
#define DNS_BODY_MAX 512  /* bytes of the three sections behind the question, without OPT */
#define DNS_TTLS_MAX 16	  /* records of an answer */

#define DNS_PORTS_MAX 16    /* that the resolver listens on */
#define DNS_CLIENTS_MAX 512 /* prefixes */
#define DNS_LOCALS_MAX 4096 /* addresses of this host, times ports */
#define DNS_INTERFACES_MAX 32

enum dns_slot_flag { DNS_SLOT_DO = 1, DNS_SLOT_CD = 2, DNS_SLOT_AD = 4, DNS_SLOT_EXCLUDED = 8 };

/*
 * One answer. It counts if its sequence number is even and the same before and after it was read, its epoch is that of the
 * head, and its time is not over. Numbers are in host order, the body is as on the wire.
 */
struct dns_slot {
	__u32 sequence; /* odd while somebody writes */
	__u32 epoch;
	__u64 hash;
	__u32 born, dies; /* seconds of CLOCK_MONOTONIC; TTLs were right at the first */
	__u16 type, view;
	__u16 body_len;
	__u8 name_len;
	__u8 flags;	/* enum dns_slot_flag */
	__u16 count[3]; /* records of the answer, authority and additional section, OPT left out */
	__u8 rcode;
	__u8 ttls_len;
	__u8 kind, note, group; /* for counting: below DNS_KINDS, DNS_NOTES and DNS_GROUPS */
	__u8 unused[5];
	__u16 ttl_at[DNS_TTLS_MAX]; /* offsets into the body */
	__u8 name[DNS_NAME_ROOM];
	__u8 body[DNS_BODY_MAX];
};

/* What the resolver says of all slots. */
struct dns_head {
	__u64 k0, k1; /* of the hash, which is that of src/base/hash.h; drawn by the resolver that writes */
	__u32 epoch;  /* another number empties the table */
	__u32 processors; /* entries of the tallies; written by the supervisor */
};

#define DNS_KINDS 16
#define DNS_NOTES 8
#define DNS_GROUPS 8

/* What the program counts, per processor. "Passed" is given to the resolver's socket. */
enum dns_tally {
	DNS_TALLY_ANSWERED,
	DNS_TALLY_PASSED_OFF,	 /* while the configuration changes */
	DNS_TALLY_PASSED_ETHER,	 /* another station's frame, or one for several */
	DNS_TALLY_PASSED_SHAPE,	 /* not a plain query */
	DNS_TALLY_PASSED_CLIENT, /* not allowed */
	DNS_TALLY_PASSED_MISS,	 /* no such answer in the table */
	DNS_TALLY_PASSED_LONG,	 /* longer than the client takes */
	DNS_TALLY_PASSED_ROOM,	 /* no room behind the frame */
	DNS_TALLY_DO,
	DNS_TALLY_CD,
	DNS_TALLY_EXCLUDED,
	DNS_TALLY_KIND,
	DNS_TALLY_NOTE = DNS_TALLY_KIND + DNS_KINDS,
	DNS_TALLY_GROUP = DNS_TALLY_NOTE + DNS_NOTES,
	DNS_TALLY_COUNT = DNS_TALLY_GROUP + DNS_GROUPS
};

struct dns_tallies {
	__u64 n[DNS_TALLY_COUNT];
} __attribute__((aligned(64)));

/* Key of a client's prefix, as the kernel's tries want it. */
struct dns_client_key {
	__u32 prefix_len; /* bits, those of family included */
	__be32 family;	  /* 4 or 6 */
	__u8 addr[16];
};

/* Key of an address of this host that the resolver is asked at. */
struct dns_local_key {
	__u8 addr[16]; /* IPv4: four bytes, then zeros */
	__be16 port;
	__u16 family; /* 4 or 6 */
};

struct dns_interface {
	__u8 mac[6];
	__u8 unused[2];
};

#endif
