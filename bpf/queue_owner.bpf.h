/*
 * queue_owner.bpf.h - who owns a subscriber, and a block of ports of a shared address
 *
 * Part of queue.bpf.c and of flow.bpf.c: the rules of src/state/owner.h, with parameters and a table of moved blocks that the workers
 * write (abi.h). Until they have, everything is the first worker's.
 */
#ifndef ISTHMUS_BPF_QUEUE_OWNER_H
#define ISTHMUS_BPF_QUEUE_OWNER_H

#include "abi.h"

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define WORKER_BITS 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, __u64);
} words SEC(".maps");

static __always_inline __u64 word_at(__u32 i)
{
	const __u64 *word = bpf_map_lookup_elem(&words, &i);

	return word ? *(volatile const __u64 *)word : 0;
}

static __always_inline __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static __always_inline __u32 spread(__u64 hash)
{
	return (__u32)((hash >> 32) * word_at(QUEUE_WORD_OWNERS) >> 32);
}

static __always_inline __u32 owner_of_subscriber(const __be32 *addr)
{
	__u64 hi = (__u64)bpf_ntohl(addr[0]) << 32 | bpf_ntohl(addr[1]);
	__u64 lo = (__u64)bpf_ntohl(addr[2]) << 32 | bpf_ntohl(addr[3]);

	return spread(mix((hi & word_at(QUEUE_WORD_MASK_HI)) ^ mix(lo & word_at(QUEUE_WORD_MASK_LO))));
}

static __always_inline __u32 owner_of_block(__be32 addr, __u32 port)
{
	__u64 number = port >> (word_at(QUEUE_WORD_BLOCK_SHIFT) & 15);
	__u64 key = (__u64)bpf_ntohl(addr) << 32 | number << WORKER_BITS;
	__u64 mask = word_at(QUEUE_WORD_TABLE_LEN) - 1, first = mix(key) >> 32;
	__u32 owners = (__u32)word_at(QUEUE_WORD_OWNERS);

	for (__u32 probe = 0; probe < QUEUE_PROBES; probe++) {
		__u64 word = word_at(QUEUE_HEAD_WORDS + (__u32)((first + probe) & mask));

		if (word == 0)
			break;
		if (word >> WORKER_BITS == key >> WORKER_BITS)
			return (__u32)(word & ((1u << WORKER_BITS) - 1)) - 1;
	}
	return owners > 0 ? (bpf_ntohl(addr) + (__u32)number) % owners : 0;
}

#endif
