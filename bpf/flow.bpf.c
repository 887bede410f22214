/*
 * flow.bpf.c - translate packets of known flows where they come in, without the translator
 *
 * See abi.h for the tables and docs/fastpath.md for the whole. What is not known, or needs thought, goes on as if this
 * program were not here, and so reaches the translator.
 *
 * Licence: this file and abi.h may be used under GPL-2.0 as well as under Apache-2.0, since the kernel gives bpf_fib_lookup() to such
 * programs only.
 */
#include "abi.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* Numbers of sets less 1, as the maps have elements; set before loading, as those are. */
const volatile __u32 flows64_mask = 0;
const volatile __u32 flows46_mask = 0;
const volatile __u32 pairs_mask = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow64_set);
} flows64 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow46_set);
} flows46 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_pair_set);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_head);
} head SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_host);
} host SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_tallies);
} tallies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_INTERFACES_MAX);
	__type(key, __u32); /* interface index */
	__type(value, struct flow_interface);
} interfaces SEC(".maps");

/* At interfaces with an Ethernet header. */
SEC("tc")
int isthmus_flow(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

/* At those without a link header. */
SEC("tc")
int isthmus_flow_bare(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int isthmus_flow_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char flow_license[] SEC("license") = "GPL";
