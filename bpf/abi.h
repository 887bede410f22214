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

/*
 * Flows that flow.bpf.c translates without the translator: a cache of what it has decided. The translator's workers write it
 * (src/nat64/flowcache.c), the programs read it and note what has passed; docs/fastpath.md tells the whole.
 *
 *	flows64		by what an IPv6 packet has: source, ports, IPv4 destination, prefix. Says pool address and port
 *	flows46		by what an IPv4 packet has: remote and pool transport address. Says IPv6 host and port
 *	pairs		of packets translated without state: by both addresses, in both directions
 *
 * Each is an array of sets of FLOW_WAYS slots, as many sets as the map has elements, a power of two; the hash of the key
 * names the set, another one for those that find it full (flow_set_at()), and in which order slots are filled and looked at
 * (flow_way()). A slot counts if its sequence is even before
 * it was read and the same afterwards, and its epoch is that of the head. A slot is a line of 64 bytes, so a packet costs one line
 * where the first slot is the right one: of a half-full table's flows four fifths.
 *
 * Writing a slot: sequence odd, the rest, sequence even again (the next number). Ending one: epoch 0, in the same way. What
 * passed while it ended is in its numbers only after every program that may have read it has ended: FLOW_GRACE_MS.
 *
 * Ports are in network order here, unlike above: they are compared and copied, never counted.
 */
#define FLOW_LAYOUT                                                                                          \
	3 /* of the maps; another number whenever they, or what is in them, change their meaning */
#define FLOW_PRIORITY 6145 /* of the tc filter, where the kernel has no links for tc; before STEER_PRIORITY */
#define FLOW_HANDLE 1
#define FLOW_WAYS 4
#define FLOW_HOMES 2 /* that a flow may lie in */
#define FLOW_GRACE_MS 20
#define FLOW_PREFIXES_MAX 8

enum flow_flag {
	FLOW_HAIRPIN =
		1, /* of flows64: the destination is a pool address; its slot in flows46 says whose (RFC 6146 s3.8) */
	FLOW_AWAITS_SYN = 2, /* the other side has begun the connection: a SYN may pass here */
	FLOW_SAW_SYN = 4,    /* written by the programs: it has */
};

/*
 * What the programs note of a slot they write as one word, for "exit" counts only as long as "seen" is young enough
 * (flow_host.exits_since): sum_addrs, exit and seen lie in one word of eight bytes.
 *
 * Sums are changes as RFC 1624 eqn. 3 takes them: the new words plus the complements of the old ones, folded to 16 bits, in the
 * byte order in which checksums lie in packets. So they are what bpf_l4_csum_replace(skb, at, 0, sum, flags) wants: the field
 * becomes ~(~field + sum). Of ICMP two things are not in them, since they differ by packet: the length in the IPv6
 * pseudo-header, and the word of the type.
 */
struct flow64_slot {
	__u32 sequence;
	__u16 epoch; /* 0: empty */
	__u16 flags; /* enum flow_flag */
	/* key */
	__u8 in[16];  /* source */
	__be32 dst;   /* taken out of the prefix */
	__be16 sport; /* of an ICMP echo the identifier, as dport */
	__be16 dport;
	__u8 proto;  /* IANA number; of ICMP that of IPv4 */
	__u8 prefix; /* index into flow_head.prefixes */
	/* what becomes of it */
	__be16 out_port;
	__be32 out;
	__u16 sum_addrs; /* of both addresses; of ICMP: IPv6 addresses and next header 58 out (in flows46: in), no IPv4 */
	/* written by the programs */
	__u16 exit;  /* which of the programs' exits its packets take; 0: not known */
	__u32 seen;  /* milliseconds of CLOCK_MONOTONIC, modulo 2^32; 0: no packet yet */
	__u64 pkts;  /* segments of a train count one by one */
	__u64 bytes; /* of the IPv6 packets; a train has one header */
} __attribute__((aligned(64)));

struct flow46_slot {
	__u32 sequence;
	__u16 epoch;
	__u16 flags;
	/* key */
	__be32 remote;	    /* source */
	__be32 out;	    /* destination */
	__be16 remote_port; /* of an ICMP echo the identifier, as out_port */
	__be16 out_port;
	__u8 proto;
	/* what becomes of it */
	__u8 prefix; /* index into flow_head.prefixes: of the IPv6 source */
	__be16 in_port;
	__u8 in[16];
	__u16 sum_addrs;
	/* written by the programs */
	__u16 exit;
	__u32 seen;
	__u64 pkts;
	__u64 bytes; /* of the IPv4 packets */
} __attribute__((aligned(64)));

/* A packet without state: ports stay, and every protocol with a checksum that the programs know passes. */
struct flow_pair {
	__u32 sequence;
	__u16 epoch;
	__u8 is_46; /* key: the packet is IPv4 */
	__u8 unused;
	__u8 src6[16], dst6[16]; /* key of an IPv6 packet */
	__be32 src4, dst4;	 /* key of an IPv4 packet */
	__u16 sum_addrs;	 /* of both addresses, as if it were not ICMP, whatever it is */
	__u16 unused2;
	__u32 seen;
	__u64 unused3;
} __attribute__((aligned(64)));

struct flow64_set {
	struct flow64_slot way[FLOW_WAYS];
};

struct flow46_set {
	struct flow46_slot way[FLOW_WAYS];
};

struct flow_pair_set {
	struct flow_pair way[FLOW_WAYS];
};

struct flow_prefix {
	__u8 addr[16];
	__u32 len; /* bits, RFC 6052 s2.2; 0: there is no such prefix */
};

/* What the translator says of all slots; one element. It outlives the translator, with the slots. */
struct flow_head {
	__u64 key[2]; /* of flow_hash(); odd, random, drawn when the maps are made */
	__u32 epoch;  /* of slots that count, 1 to 65535; 0: none does, everything goes to the translator */
	__be32 pool,
		pool_mask; /* all addresses of the pool have these bits in common: a first sieve for IPv4 packets */
	__u32 lowest_ipv6_mtu; /* an IPv4 packet without DF that would be longer goes to the translator, which cuts it */
	__u32 has_pairs; /* what is no flow may be translated without state, so it is looked for in pairs */
	struct flow_prefix prefixes[FLOW_PREFIXES_MAX];
};

enum flow_mode {
	FLOW_MODE_REDIRECT, /* out at the interface that the routing table says, as in a hardware offload */
	FLOW_MODE_ROUTE,    /* as if it came out of the TUN device: the host's rules see it */
};

#define FLOW_INTERFACES_MAX 16384 /* by interface index; one that is higher has no XDP program */

/*
 * An interface. Where an XDP program sits only frames to its own address are taken; and XDP sends only to such as take frames of it,
 * for what is sent to another is lost without a word: it passes those packets, and tc takes them.
 */
struct flow_interface {
	__u8 mac[6];
	__u8 is_on;	   /* has an XDP program */
	__u8 takes_frames; /* that XDP sends */
};

/* What the supervisor says of the host; one element. */
struct flow_host {
	__u32 device; /* interface index of the TUN device; 0: there is none, what needs it is dropped by nobody: it passes */
	__u32 mode;	  /* enum flow_mode */
	__u32 processors; /* elements of the tallies */
	__u32 layout;	  /* FLOW_LAYOUT of whoever made the maps, for who finds them pinned */
	/*
	 * Milliseconds as in a slot's "seen". The exits of flows that were seen later count; raised at any change of routes, and
	 * every FLOW_HEARD_MS / 2 at least, or the programs take it that nobody hears of changes.
	 */
	__u32 exits_since;
	__u32 has_say;	  /* the host has rules for first packets: what the translator writes is forwarded by the host */
};
#define FLOW_HEARD_MS 12000

/* Why a packet that may be the translator's goes up to it. */
enum flow_up {
	FLOW_UP_OFF,	   /* there is no epoch */
	FLOW_UP_NO_ENTRY,  /* no such flow, or not yet */
	FLOW_UP_TCP_FLAGS, /* SYN, FIN or RST */
	FLOW_UP_FRAGMENT,
	FLOW_UP_OPTIONS,   /* IPv4 options, IPv6 extension headers */
	FLOW_UP_HOP_LIMIT, /* used up */
	FLOW_UP_PROTOCOL,  /* not TCP, UDP or an ICMP echo */
	FLOW_UP_ICMP,	   /* an ICMP error, or another message */
	FLOW_UP_TOO_BIG,   /* for the way out, or to be cut */
	FLOW_UP_CHECKSUM,  /* a UDP datagram over IPv4 without one */
	FLOW_UP_MALFORMED, /* lengths or header checksum */
	FLOW_UP_ROUTE, /* there is no route or neighbour; XDP only: tc hands it to the TUN device translated */
	FLOW_UP_ROOM,  /* the kernel could not change the packet's length */
	FLOW_UP_COUNT
};

/* FLOW_TCP and so on index what is counted by protocol. */
enum flow_proto { FLOW_UDP, FLOW_TCP, FLOW_ICMP, FLOW_PROTO_COUNT };

enum flow_direction { FLOW_64, FLOW_46, FLOW_DIRECTIONS };

/* What the programs count, one element for each processor, which alone writes it. */
struct flow_tallies {
	__u64 pkts[FLOW_DIRECTIONS][FLOW_PROTO_COUNT];
	__u64 bytes[FLOW_DIRECTIONS][FLOW_PROTO_COUNT];
	__u64 stateless_pkts[FLOW_DIRECTIONS][FLOW_PROTO_COUNT];
	__u64 stateless_bytes[FLOW_DIRECTIONS][FLOW_PROTO_COUNT];
	__u64 trains[FLOW_DIRECTIONS];
	__u64 hairpins;
	__u64 up[FLOW_UP_COUNT];
	__u64 redirected, routed;
	__u64 up_by_ring; /* of @up, those that the programs have put into the translator's memory */
	__u64 told;	  /* translated, and counted by the translator, who was told of them */
} __attribute__((aligned(64)));

/*
 * What the XDP program hands to a worker through a ring of its own (BPF_MAP_TYPE_RINGBUF): a packet as it would come out of the TUN
 * device, one that begins or ends a flow. A short one does not take the room of a long one.
 */
#define FLOW_UP_RING_BYTES (1 << 20) /* a power of two, and whole pages: 5000 short packets */
#define FLOW_UP_SHORT 176	     /* bytes; SYN, FIN, questions to a resolver */
#define FLOW_UP_LONG 1500

struct flow_up_record {
	__u32 len; /* of the IP packet, bytes */
	__u32 is_sent; /* the program has translated it, and it is on its way: the worker is to know, and to count it */
	__u8 packet[];
};

/* Of each worker; flow_up.bpf.h tells how it is used. */
struct flow_up_bell {
	__u32 is_awake;
} __attribute__((aligned(64)));

/*
 * flow_hash() - of a key of @len words; the set is the low bits
 *
 * A multiplication for each word, by a secret: who wants to fill one set does not know it, and would only make his own packets
 * take the long way. One more at the end, or flows whose ports follow each other would share sets.
 */
static inline __u64 flow_hash(const __u64 key[2], const __u64 *words, __u32 len)
{
	__u64 h = key[1];

	for (__u32 i = 0; i < len; i++) {
		h = (h ^ words[i]) * key[0];
		h ^= h >> 32;
	}
	h *= key[0];
	return h ^ h >> 32;
}

/*
 * The @n-th set to try, by its low bits. Of the flows of a table that is half full 4 in 100 find the first one full, and would take the long
 * way for good if there were no other; 4 in 1000 find both full.
 */
static inline __u32 flow_set_at(__u64 hash, __u32 n)
{
	return (__u32)(n == 0 ? hash : hash >> 32);
}

/* The @i-th way of a set to try. Neighbours in memory are tried one after the other: some processors fetch two lines at once. */
static inline __u32 flow_way(__u64 hash, __u32 i)
{
	return ((__u32)(hash >> 62) ^ i) & (FLOW_WAYS - 1);
}

/*
 * The parts of a key that the programs do not put into a slot first, and compare as words: its ports, and behind an IPv4 address.
 * flow64: @front is of dst and the ports, @in of the source. flow46: @front is of both addresses, @ports of both ports.
 */
static inline __u64 flow64_hash_of(const __u64 key[2], const __u64 in[2], __u64 front, __u32 kind)
{
	const __u64 w[4] = { in[0], in[1], front, kind };

	return flow_hash(key, w, 4);
}

static inline __u64 flow46_hash_of(const __u64 key[2], __u64 front, __u32 ports, __u8 proto)
{
	const __u64 w[2] = { front, (__u64)ports << 8 | proto };

	return flow_hash(key, w, 2);
}

/* @kind: protocol and index of the prefix, as they lie in a slot of flows64 */
static inline __u32 flow64_kind(__u8 proto, __u8 prefix)
{
	return (__u32)prefix << 8 | proto;
}

static inline __u64 flow64_hash(const __u64 key[2], const struct flow64_slot *k)
{
	__u64 in[2], front;

	__builtin_memcpy(in, k->in, sizeof(in));
	__builtin_memcpy(&front, &k->dst, sizeof(front));
	return flow64_hash_of(key, in, front, flow64_kind(k->proto, k->prefix));
}

static inline __u64 flow46_hash(const __u64 key[2], const struct flow46_slot *k)
{
	__u64 front;
	__u32 ports;

	__builtin_memcpy(&front, &k->remote, sizeof(front));
	__builtin_memcpy(&ports, &k->remote_port, sizeof(ports));
	return flow46_hash_of(key, front, ports, k->proto);
}

/* Of the pair that an IPv4 packet has, or an IPv6 packet: @words are its two addresses, each two of them. */
static inline __u64 flow_pair_hash4(const __u64 key[2], __be32 src4, __be32 dst4)
{
	const __u64 w[1] = { (__u64)src4 << 32 | dst4 };

	return flow_hash(key, w, 1);
}

static inline __u64 flow_pair_hash6(const __u64 key[2], const __u64 words[4])
{
	return flow_hash(key, words, 4);
}

static inline __u64 flow_pair_hash(const __u64 key[2], const struct flow_pair *k)
{
	__u64 w[4];

	if (k->is_46)
		return flow_pair_hash4(key, k->src4, k->dst4);
	__builtin_memcpy(w, k->src6, sizeof(k->src6));
	__builtin_memcpy(w + 2, k->dst6, sizeof(k->dst6));
	return flow_pair_hash6(key, w);
}

#endif
