/*
 * verified.bpf.c - says of a packet that its checksum was verified, as a network card does, and runs another program on it
 *
 * BPF_PROG_TEST_RUN makes packets of which nothing is known.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("tc")
int verified(struct __sk_buff *skb)
{
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_INC) < 0)
		return TC_ACT_SHOT;
	bpf_tail_call(skb, &next, 0);
	return TC_ACT_SHOT;
}

char verified_license[] SEC("license") = "Apache-2.0";
