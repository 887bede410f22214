/*
 * flow.bpf.c - translate packets of known flows where they come in, without the translator
 *
 * The translator's workers decide everything (src/nat64/), and write what they have decided for a flow into tables (abi.h,
 * src/nat64/flowcache.c). These programs look each packet up there. What they find they translate, as src/xlat/ would, byte for
 * byte; everything else goes on as if they were not here, and so reaches the translator. docs/fastpath.md tells the whole.
 *
 *	flow_parse.bpf.h	what a packet says, and whether it is of the plain form
 *	flow_find.bpf.h		tables, sums, counting
 *	flow_write.bpf.h	the bytes of the result; which way it takes
 *	flow_first.bpf.h	a program of its own: what the translator writes, out past the host's forwarding
 *	flow_up.bpf.h		XDP: what goes up, past the host's forwarding and the TUN device
 *
 * Steps: decide() reads the packet and looks up what becomes of it; a route is looked up for what it becomes, still before
 * anything is changed; then the packet is changed and sent. So a packet that goes up is unchanged, but for bytes behind its
 * end. What cannot be finished once it was begun is dropped: it would be nothing that anybody may see.
 *
 * The way of a translated packet: out at the interface that the routing table says (redirect). The look-up is made as for
 * a packet that came in at the TUN device, so rules that name it hold. tc has a second way, which is also a mode of its own: in
 * at the TUN device, as if the translator had written the packet there (route). What the look-up does not know how to send
 * goes that way: packets for the host itself, routes that say unreachable, tunnels.
 *
 * Trains of segments (GSO) stay whole at tc, and what counts for a packet's size is one segment. A checksum that somebody has
 * verified (CHECKSUM_UNNECESSARY) is rewritten in place. All others are left to the kernel's helpers, which know what kind of sum
 * lies there: of a partial one the pseudo-header alone changes, and what a network card has summed up is kept right.
 *
 * Two things make the frame's memory the program's business at tc: headers that do not lie in one piece are pulled together, and
 * bytes behind the packet are cut off (a short IPv4 packet is padded to an Ethernet frame of 60 bytes).
 *
 * Deliberately not done: checksums are updated by differences and never verified, also those of ICMP, which the translator does
 * verify: what was wrong stays wrong, and its receiver sees it. IPv4 header checksums are verified, since they are made anew.
 *
 * Limits: trains of segments within a UDP tunnel cannot be told from trains of datagrams but by the port (is_tunnel()). Lists
 * of whole packets (rx-gro-list) must not be made at interfaces with these programs, for their members would stay untranslated.
 *
 * Standards: RFC 7915 s4 and s5, RFC 6052 s2.2, RFC 6146 s3.8, RFC 1624, RFC 6864 s4.1.
 *
 * Licence: these files and abi.h may be used under GPL-2.0 as well as under Apache-2.0, since the kernel gives bpf_fib_lookup()
 * to such programs only.
 */
#include "flow_up.bpf.h"

#include <linux/if_packet.h>

/* What no program returns: the other pass is to see. */
#define TC_TRY_PAIRS 1000
#define XDP_TRY_PAIRS 1000
#define XDP_GO_UP 2000 /* and the reason */

/* Which tables a packet is looked for in; the two are passes of their own, as one stack would not hold both. */
enum pass { PASS_FLOWS, PASS_PAIRS };

static __always_inline int change_flow(
	const struct flow_head *h, const struct packet *p, int is_6, int tells, struct change *c)
{
	int verdict;

	if (!p->is_flows)
		return TRY_PAIRS;
	verdict = is_6 ? change_64(h, p, tells, c) : change_46(h, p, tells, c);
	if (verdict == OURS)
		return OURS;
	return h->has_pairs && (verdict == FLOW_UP_NO_ENTRY || verdict == FLOW_UP_TCP_FLAGS) ? TRY_PAIRS
											     : verdict;
}

/* What can be without state only, and is not known, is anybody's. */
static __always_inline int up_or_not(int verdict, const struct packet *p)
{
	return verdict >= 0 && !p->is_flows ? NOT_OURS : verdict;
}

/* @tells: whoever asks tells the translator of what ends a connection */
static __always_inline int decide(const struct frame *f, __u32 l3, int is_6, enum pass pass, int tells,
	struct packet *p, struct change *c)
{
	__u32 zero = 0;
	const struct flow_head *h = bpf_map_lookup_elem(&head, &zero);
	int verdict;

	if (!h)
		return NOT_OURS;
	verdict = is_6 ? take_6(p, f, l3, h) : take_4(p, f, l3, h);
	if (verdict != OURS)
		return up_or_not(verdict, p);
	if (h->epoch == 0)
		return up_or_not(FLOW_UP_OFF, p);
	verdict = pass == PASS_FLOWS ? change_flow(h, p, is_6, tells, c) : change_pair(h, p, is_6, c);
	return verdict == OURS ? OURS : up_or_not(verdict, p);
}

/* --- tc --- */

/* Makes the front of the packet one piece, as far as it is looked at. */
static __always_inline void frame_take(struct __sk_buff *skb, __u32 l3, struct frame *f)
{
	__u32 want = l3 + FRONT_BYTES;
	__u64 have = (__u64)(long)skb->data_end - (__u64)(long)skb->data;

	barrier_var(have);
	if (have < want && have < skb->len)
		(void)bpf_skb_pull_data(skb, skb->len < want ? skb->len : want);
	f->data = (const __u8 *)(long)skb->data;
	f->end = (const __u8 *)(long)skb->data_end;
	f->len = skb->len;
	f->gso_size = skb->gso_size;
	f->gso_segs = skb->gso_segs;
}

/* Gives the packet the length and the kind that the result has; the packet is as it was if that fails. */
static __always_inline int reshape(
	struct __sk_buff *skb, int is_6, const struct packet *p, const struct change *c)
{
	if (p->excess && (p->is_train || bpf_skb_change_tail(skb, skb->len - p->excess, 0) < 0))
		return -1;
	if (is_6 && c->is_6)
		return 0;
	return (int)bpf_skb_change_proto(skb, bpf_htons(c->is_6 ? ETH_P_IPV6 : ETH_P_IP), 0);
}

/* The checksum, where the kernel knows better what it is; and the header, whose change may be in its own sum. */
static __always_inline int put_by_kernel(struct __sk_buff *skb, __u32 l3, const struct packet *p,
	const struct change *c, const union header *h, __u32 len)
{
	__u32 at = l3 + len + sum_at(p);
	__u64 flags = p->kind == FLOW_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (bpf_l4_csum_replace(skb, at, 0, sum_fold(c->sum_pseudo), flags | BPF_F_PSEUDO_HDR) < 0 ||
		bpf_l4_csum_replace(skb, at, 0, sum_fold(c->sum_rest), flags) < 0)
		return -1;
	return (int)bpf_skb_store_bytes(skb, l3, h, len, BPF_F_RECOMPUTE_CSUM);
}

/* Writes the result over the packet, which has its shape already. */
static __always_inline int put(
	struct __sk_buff *skb, __u32 l3, const struct packet *p, const struct change *c)
{
	__u32 len = c->is_6 ? IP6_BYTES : IP4_BYTES;
	int is_direct = bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0;
	union header h;
	__u8 *data, *end;

	if (c->is_6)
		header6_make(&h, p, c);
	else
		header4_make(&h, p, c);
	if (!is_direct && put_by_kernel(skb, l3, p, c, &h, len) < 0)
		return -1;
	data = (__u8 *)(long)skb->data;
	end = (__u8 *)(long)skb->data_end;
	if (data + l3 + len + (p->kind == FLOW_TCP ? TCP_BYTES : UDP_BYTES) > end)
		return -1;
	transport_put(data + l3 + len, p, c);
	if (!is_direct)
		return 0;
	sum_put(data + l3 + len, p, c);
	for (__u32 i = 0; i < IP6_BYTES / 4; i++)
		if (c->is_6 || i < IP4_BYTES / 4)
			((__u32 *)(data + l3))[i] = h.words[i];
	return 0;
}

/* How a packet goes on at tc. */
enum way {
	WAY_UP,	       /* not at all, see the reason */
	WAY_NEIGHBOUR, /* out, by the kernel's own bookkeeping of neighbours */
	WAY_OUT,       /* out, with the Ethernet header that the look-up gave */
	WAY_ROUTE      /* in at the TUN device */
};

static __always_inline enum way way_find(struct __sk_buff *skb, __u32 l3, const struct packet *p,
	struct change *c, const struct flow_host *at, __u32 now, struct bpf_fib_lookup *fib, int *ret_up)
{
	enum way otherwise = at->device ? WAY_ROUTE : WAY_UP;
	__u32 since = exits_since(at, now);

	*ret_up = FLOW_UP_ROUTE;
	/* The kernel drops what is redirected from an interface without a link header to one with it. */
	if (at->mode == FLOW_MODE_ROUTE || l3 == 0)
		return otherwise;
	if (way_recall(p, c, now, since, fib))
		return WAY_OUT;
	fib_fill(fib, p, c, at->device ? at->device : skb->ingress_ifindex);
	switch (bpf_fib_lookup(skb, fib, sizeof(*fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		if (neighbour_is_due(fib, now))
			return WAY_NEIGHBOUR;
		way_keep(p, c, now, since, fib);
		return WAY_OUT;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return WAY_NEIGHBOUR;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		*ret_up = FLOW_UP_TOO_BIG;
		return WAY_UP;
	}
	return otherwise;
}

static __always_inline int send_neighbour(const struct bpf_fib_lookup *fib)
{
	struct bpf_redir_neigh next = { .nh_family = fib->family };

	if (fib->family == FAMILY4)
		next.ipv4_nh = fib->ipv4_dst;
	else
		__builtin_memcpy(next.ipv6_nh, fib->ipv6_dst, sizeof(next.ipv6_nh));
	return (int)bpf_redirect_neigh(fib->ifindex, &next, sizeof(next), 0);
}

static __always_inline int send_out(
	struct __sk_buff *skb, const struct bpf_fib_lookup *fib, const struct change *c)
{
	struct ethhdr *eth = (struct ethhdr *)(long)skb->data;

	if ((__u8 *)(eth + 1) > (__u8 *)(long)skb->data_end)
		return TC_ACT_SHOT;
	ethernet_put(eth, fib, c);
	return (int)bpf_redirect(fib->ifindex, 0);
}

static __always_inline int send(struct __sk_buff *skb, enum way way, const struct bpf_fib_lookup *fib,
	const struct flow_host *at, const struct change *c)
{
	struct flow_tallies *t = my_tallies();

	if (t && way == WAY_ROUTE)
		t->routed++;
	else if (t)
		t->redirected++;
	if (way == WAY_ROUTE)
		return (int)bpf_redirect(at->device, BPF_F_INGRESS);
	return way == WAY_OUT ? send_out(skb, fib, c) : send_neighbour(fib);
}

static __always_inline int go_up(int why)
{
	if (why >= 0)
		tally_up((__u32)why);
	return TC_ACT_UNSPEC;
}

static __always_inline int translate(struct __sk_buff *skb, __u32 l3, int is_6, enum pass pass)
{
	const struct flow_host *at = host_get();
	struct packet p = {};
	struct change c = {};
	struct bpf_fib_lookup *fib = fib_scratch();
	struct frame f;
	enum way way;
	__u32 now;
	int up;

	if (!at || !fib)
		return TC_ACT_UNSPEC;
	frame_take(skb, l3, &f);
	up = decide(&f, l3, is_6, pass, 0, &p, &c);
	if (up == TRY_PAIRS)
		return TC_TRY_PAIRS;
	if (up != OURS)
		return go_up(up);
	now = now_ms();
	way = way_find(skb, l3, &p, &c, at, now, fib, &up);
	if (way == WAY_UP)
		return go_up(up);
	if (reshape(skb, is_6, &p, &c) < 0)
		return go_up(FLOW_UP_ROOM);
	if (put(skb, l3, &p, &c) < 0)
		return TC_ACT_SHOT;
	count(&p, &c, now);
	return send(skb, way, fib, at, &c);
}

static __always_inline int is_taken(const struct __sk_buff *skb)
{
	return skb->pkt_type == PACKET_HOST && !skb->vlan_present;
}

/* Each is a function of its own for the verifier, with a stack of its own. */
#define TRANSLATE(name, l3, is_6, pass)                                                                      \
	static __noinline int name(struct __sk_buff *skb)                                                    \
	{                                                                                                    \
		return translate(skb, l3, is_6, pass);                                                       \
	}

TRANSLATE(flow_6, sizeof(struct ethhdr), 1, PASS_FLOWS)
TRANSLATE(flow_4, sizeof(struct ethhdr), 0, PASS_FLOWS)
TRANSLATE(pair_6, sizeof(struct ethhdr), 1, PASS_PAIRS)
TRANSLATE(pair_4, sizeof(struct ethhdr), 0, PASS_PAIRS)
TRANSLATE(bare_flow_6, 0, 1, PASS_FLOWS)
TRANSLATE(bare_flow_4, 0, 0, PASS_FLOWS)
TRANSLATE(bare_pair_6, 0, 1, PASS_PAIRS)
TRANSLATE(bare_pair_4, 0, 0, PASS_PAIRS)

/* At interfaces with an Ethernet header. */
SEC("tc")
int isthmus_flow(struct __sk_buff *skb)
{
	int verdict = TC_ACT_UNSPEC;

	if (!is_taken(skb))
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		verdict = flow_6(skb);
		return verdict == TC_TRY_PAIRS ? pair_6(skb) : verdict;
	}
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		verdict = flow_4(skb);
		return verdict == TC_TRY_PAIRS ? pair_4(skb) : verdict;
	}
	return verdict;
}

/* At those without a link header. */
SEC("tc")
int isthmus_flow_bare(struct __sk_buff *skb)
{
	int verdict = TC_ACT_UNSPEC;

	if (!is_taken(skb))
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		verdict = bare_flow_6(skb);
		return verdict == TC_TRY_PAIRS ? bare_pair_6(skb) : verdict;
	}
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		verdict = bare_flow_4(skb);
		return verdict == TC_TRY_PAIRS ? bare_pair_4(skb) : verdict;
	}
	return verdict;
}

/* --- XDP --- */

static __always_inline int takes_frames(__u32 interface)
{
	const struct flow_interface *i = bpf_map_lookup_elem(&interfaces, &interface);

	return i && i->takes_frames;
}

/* Whether the packet can go straight out of an interface; fills the look-up that says so. */
static __always_inline int has_way(
	struct xdp_md *ctx, const struct packet *p, struct change *c, __u32 now, struct bpf_fib_lookup *fib)
{
	const struct flow_host *at = host_get();
	__u32 since;

	if (!at || at->mode != FLOW_MODE_REDIRECT)
		return 0;
	since = exits_since(at, now);
	if (way_recall(p, c, now, since, fib))
		return takes_frames(fib->ifindex);
	fib_fill(fib, p, c, at->device ? at->device : ctx->ingress_ifindex);
	if (bpf_fib_lookup(ctx, fib, sizeof(*fib), 0) != BPF_FIB_LKUP_RET_SUCCESS ||
		!takes_frames(fib->ifindex) || neighbour_is_due(fib, now))
		return 0;
	way_keep(p, c, now, since, fib);
	return 1;
}

/* Gives the frame the length of the result; it is as it was if that fails, but for bytes behind its packet. */
static __always_inline int resize(
	struct xdp_md *ctx, int is_6, const struct packet *p, const struct change *c)
{
	if (p->excess && bpf_xdp_adjust_tail(ctx, -(int)p->excess) < 0)
		return -1;
	if (is_6 && c->is_6)
		return 0;
	return (int)bpf_xdp_adjust_head(ctx, c->is_6 ? IP4_BYTES - IP6_BYTES : IP6_BYTES - IP4_BYTES);
}

static __always_inline int put_frame(
	struct xdp_md *ctx, const struct packet *p, const struct change *c, const struct bpf_fib_lookup *fib)
{
	__u32 len = c->is_6 ? IP6_BYTES : IP4_BYTES;
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u8 *ip = data + sizeof(struct ethhdr), *l4 = ip + len;

	if (l4 + (p->kind == FLOW_TCP ? TCP_BYTES : UDP_BYTES) > end)
		return -1;
	ethernet_put((struct ethhdr *)data, fib, c);
	if (c->is_6)
		header6_make((union header *)ip, p, c);
	else
		header4_make((union header *)ip, p, c);
	transport_put(l4, p, c);
	sum_put(l4, p, c);
	return 0;
}

static __always_inline void frame_of(struct xdp_md *ctx, struct frame *f)
{
	__u64 len = (__u64)(long)ctx->data_end - (__u64)(long)ctx->data;

	barrier_var(len);
	f->data = (const __u8 *)(long)ctx->data;
	f->end = (const __u8 *)(long)ctx->data_end;
	f->len = (__u32)len;
	f->gso_size = f->gso_segs = 0;
}

static __always_inline int send_frame(const struct bpf_fib_lookup *fib)
{
	struct flow_tallies *t = my_tallies();

	if (t)
		t->redirected++;
	return (int)bpf_redirect(fib->ifindex, 0);
}

/*
 * A FIN goes its way like any segment, and the translator is told of it, who counts it: it gets the packet as it came, to do all
 * that it does with one but send it. If it cannot be told it is to do that, too.
 */
static __always_inline int finish_end(struct xdp_md *ctx, int is_6, const struct packet *p,
	const struct change *c, const struct bpf_fib_lookup *fib)
{
	struct flow_up_bell *bell;
	struct flow_up_record *r = up_begin(ctx, is_6, p, &bell);
	struct flow_tallies *t;

	if (!r)
		return XDP_GO_UP + FLOW_UP_TCP_FLAGS;
	if (resize(ctx, is_6, p, c) < 0) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return XDP_PASS;
	}
	if (put_frame(ctx, p, c, fib) < 0) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return XDP_DROP;
	}
	bpf_ringbuf_submit(r, up_wake(bell));
	t = my_tallies();
	if (t)
		t->told++;
	return send_frame(fib);
}

static __always_inline int translate_frame(struct xdp_md *ctx, int is_6, enum pass pass)
{
	struct frame f;
	struct packet p = {};
	struct change c = {};
	struct bpf_fib_lookup *fib = fib_scratch();
	int verdict;
	__u32 now;

	if (!fib)
		return XDP_PASS;
	frame_of(ctx, &f);
	verdict = decide(&f, sizeof(struct ethhdr), is_6, pass, has_up_rings && pass == PASS_FLOWS, &p, &c);
	if (verdict == TRY_PAIRS)
		return XDP_TRY_PAIRS;
	if (verdict == FLOW_UP_TCP_FLAGS || (verdict == FLOW_UP_NO_ENTRY && is_6))
		return XDP_GO_UP + verdict;
	if (verdict != OURS || !is_for_us(ctx))
		return XDP_PASS;
	now = now_ms();
	if (!has_way(ctx, &p, &c, now, fib))
		return c.is_end ? XDP_GO_UP + FLOW_UP_TCP_FLAGS : XDP_PASS;
	if (c.is_end)
		return finish_end(ctx, is_6, &p, &c, fib);
	if (resize(ctx, is_6, &p, &c) < 0)
		return XDP_PASS;
	if (put_frame(ctx, &p, &c, fib) < 0)
		return XDP_DROP;
	count(&p, &c, now);
	return send_frame(fib);
}

#define TRANSLATE_FRAME(name, is_6, pass)                                                                    \
	static __noinline int name(struct xdp_md *ctx)                                                       \
	{                                                                                                    \
		return translate_frame(ctx, is_6, pass);                                                     \
	}

TRANSLATE_FRAME(frame_flow_6, 1, PASS_FLOWS)
TRANSLATE_FRAME(frame_flow_4, 0, PASS_FLOWS)
TRANSLATE_FRAME(frame_pair_6, 1, PASS_PAIRS)
TRANSLATE_FRAME(frame_pair_4, 0, PASS_PAIRS)

static __always_inline int frame_6(struct xdp_md *ctx)
{
	int verdict = frame_flow_6(ctx);

	if (verdict == XDP_TRY_PAIRS)
		verdict = frame_pair_6(ctx);
	return verdict >= XDP_GO_UP ? up_6(ctx, (__u32)verdict - XDP_GO_UP) : verdict;
}

/* Where a packet may be without state, the first pass does not say that there is state. */
static __always_inline int frame_4(struct xdp_md *ctx)
{
	int verdict = frame_flow_4(ctx);

	if (verdict == XDP_TRY_PAIRS) {
		verdict = frame_pair_4(ctx);
		return verdict >= XDP_GO_UP ? XDP_PASS : verdict;
	}
	return verdict >= XDP_GO_UP ? up_4(ctx, (__u32)verdict - XDP_GO_UP) : verdict;
}

/*
 * What passes is seen again by the program at tc, which knows more ways out, and which alone counts what goes up. A frame has no
 * offload state here: checksums are whole, as they came over a wire.
 */
SEC("xdp")
int isthmus_flow_xdp(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const struct ethhdr *)(long)ctx->data;

	if ((const __u8 *)(eth + 1) > (const __u8 *)(long)ctx->data_end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return frame_6(ctx);
	return eth->h_proto == bpf_htons(ETH_P_IP) ? frame_4(ctx) : XDP_PASS;
}

char flow_license[] SEC("license") = "GPL";
