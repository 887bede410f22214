/*
 * dns.bpf.c - answers that the resolver has ready are given where queries come in (XDP)
 *
 * The resolver's cache of answers (src/dns64/answers.c) knows most answers before they are asked for. Over a socket, four
 * fifths of the time of such an answer are the kernel's way to the process and back. This program sits before all that: it
 * looks for the question in a table that the resolver writes, and if it finds it, turns the frame around. The reply is byte
 * for byte the one that the resolver would have written.
 *
 * The rule is: answer what is certain, pass everything else on, unchanged. The resolver is complete without this program.
 * Passed are: frames for other stations, fragments, IPv4 options, extension headers, whatever is not addressed to a listed
 * port of an address of this host, clients that are not allowed, and queries that are not of the plainest form: one
 * question of class IN with RD set, and nothing else but an OPT record without options. A cookie (RFC 7873) is an option.
 *
 * The form says where everything is, so no name is parsed: with the length of the message the length of the name is known,
 * and the name is compared with the name in the slot, whose labels are sound.
 *
 * Steps: isthmus_dns() reads the headers; name_fold() brings the name into lower case (RFC 4343) and makes the hash;
 * answer_find() copies the answer and counts its TTLs down; answer_store() writes it behind the question, which stays as it
 * was asked. The last three are checked by the verifier each by itself. They share one scratch area per processor.
 *
 * dns_answer.bpf.h has the table, dns_frame.bpf.h the headers around the query.
 *
 * A slot may be written while it is read: its sequence number is read before and after.
 *
 * DEVIATION: the checksum of the query is not looked at (RFC 1122 s4.1.3.4), because it may be one that a network card was
 * to complete. The reply carries the question and identifier as they came, so who asked sees whether they were changed.
 *
 * Standards: RFC 1035 s4.1, RFC 4343, RFC 6891 s6.1, RFC 768, RFC 8200 s8.1 (no checksum of zero), RFC 1071.
 */
#include "dns_frame.bpf.h"

#define DNS_HEADER 12 /* RFC 1035 s4.1.1 */
#define DNS_PLAIN_MAX 512
#define FLAG_QR 0x8000
#define FLAG_RD 0x0100
#define FLAG_RA 0x0080
#define FLAG_AD 0x0020
#define FLAG_CD 0x0010
#define SECOND 1000000000ull
#define FRONT_WORDS 48 /* headers and question: at most 18 + 40 + 8 + 12 + 255 + 4 bytes */

__u32 is_on = 0; /* written by the supervisor */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* processors; set before loading */
	__type(key, __u32);
	__type(value, struct dns_tallies);
} tallies SEC(".maps");

static __always_inline void tally(__u32 what)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct dns_tallies *t = bpf_map_lookup_elem(&tallies, &cpu);

	if (t && what < DNS_TALLY_COUNT)
		t->n[what]++;
}

static __always_inline int pass(__u32 reason)
{
	tally(reason);
	return XDP_PASS;
}

/* --- the query --- */

/*
 * Reads header and question as far as they are not the name, into the scratch area; 0 if they are plain.
 * @ret_limit: bytes that the reply may have
 */
static __always_inline int take_query(
	struct xdp_md *ctx, const struct query *q, struct scratch *s, __u32 *ret_limit)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	const __be16 *h = (const __be16 *)(data + q->dns);
	__u32 flags, tail = DNS_HEADER + DNS_TAIL, limit = DNS_PLAIN_MAX, size, name_len;
	const __u8 *p;

	if ((const __u8 *)(h + 6) > end)
		return -1;
	flags = bpf_ntohs(h[1]);
	if ((flags & ~(FLAG_AD | FLAG_CD)) != FLAG_RD)
		return -1;
	if (h[2] != bpf_htons(1) || h[3] != 0 || h[4] != 0 || (h[5] != 0 && h[5] != bpf_htons(1)))
		return -1;
	s->has_edns = h[5] != 0;
	s->wants = flags & FLAG_CD ? DNS_SLOT_CD : 0;
	if (s->has_edns)
		tail += DNS_OPT;
	name_len = q->len - tail;
	if (q->len <= tail || name_len > DNS_NAME_BYTES)
		return -1;
	s->name_len = name_len;
	p = data + q->dns + DNS_HEADER;
	p += name_len & 0xff;
	if (p + DNS_TAIL > end || p[2] != 0 || p[3] != CLASS_IN)
		return -1;
	s->type = (__u16)(p[0] << 8 | p[1]);
	if (s->has_edns) {
		if (p + DNS_TAIL + DNS_OPT > end)
			return -1;
		p += DNS_TAIL;
		/* The root, OPT; behind the size no code, version 0, no flag but DO, no options. */
		if (p[0] || p[1] || p[2] != TYPE_OPT || p[5] || p[6] || p[7] & ~(OPT_DO >> 8) || p[8] ||
			p[9] || p[10])
			return -1;
		size = (__u32)p[3] << 8 | p[4];
		limit = size < DNS_PLAIN_MAX ? DNS_PLAIN_MAX : size > SERVER_MAX ? SERVER_MAX : size;
		if (p[7])
			s->wants |= DNS_SLOT_DO;
	}
	*ret_limit = limit;
	return 0;
}

/* Moves the first @len bytes of the frame, which stand @by too far back, to its beginning. @by is a word at least. */
__noinline int frame_move(struct xdp_md *ctx, __u32 by, __u32 len)
{
	__u8 *to = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u8 *from;
	__u32 i, last;

	by &= FRAME_MASK;
	barrier_var(by);
	from = to + by;
	for (i = 0; i < FRONT_WORDS; i++) {
		if ((i + 1) * WORD > len)
			break;
		if (from + WORD > end || to + WORD > end)
			return -1;
		*(__u64 *)to = *(const __u64 *)from;
		to += WORD;
		from += WORD;
	}
	last = (len - WORD) & REST_AT_MASK;
	barrier_var(last);
	to = (__u8 *)(long)ctx->data + last;
	from = to + by;
	if (from + WORD > end || to + WORD > end)
		return -1;
	*(__u64 *)to = *(const __u64 *)from;
	return 0;
}

/*
 * Gives the frame another length: by room behind it or, where the driver leaves none, before it.
 * @front: bytes of it that stay
 *
 * Return: 0; -1: there is no room, and the frame is as it was; -2: it is spoiled.
 */
static __always_inline int resize(struct xdp_md *ctx, __u32 len, __u32 front)
{
	__u64 now = (__u64)(long)ctx->data_end - (__u64)(long)ctx->data;
	int more;

	barrier_var(
		now); /* or the compiler subtracts the pointers from @len, which the verifier does not allow */
	more = (int)len - (int)now;
	if (bpf_xdp_adjust_tail(ctx, more) == 0)
		return 0;
	if (more < WORD || front < WORD || front > FRONT_WORDS * WORD || bpf_xdp_adjust_head(ctx, -more) < 0)
		return -1;
	return frame_move(ctx, (__u32)more, front) < 0 ? -2 : 0;
}

/* Makes the frame the reply; its room is there, its rest is @rest_sum and stands already. */
static __always_inline int turn(struct xdp_md *ctx, const struct query *q, struct scratch *s, __u32 rest_sum)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 udp_len = sizeof(struct udphdr) + DNS_HEADER + s->name_len + s->rest_len, flags;
	struct udphdr *udp = (struct udphdr *)(data + q->udp);
	__be16 *h = (__be16 *)(data + q->dns), port;
	__u64 sum;

	if ((__u8 *)(h + 6) > end)
		return -1;
	sum = turn_headers(data, q, udp_len);
	flags = FLAG_QR | FLAG_RD | FLAG_RA | (s->rcode & 0xf);
	flags |= s->flags & DNS_SLOT_AD ? FLAG_AD : 0;
	flags |= s->wants & DNS_SLOT_CD ? FLAG_CD : 0;
	h[1] = bpf_htons((__u16)flags);
	h[3] = bpf_htons(s->count[0]);
	h[4] = bpf_htons(s->count[1]);
	h[5] = bpf_htons((__u16)(s->count[2] + s->has_edns));
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	udp->len = bpf_htons((__u16)udp_len);
	sum += (__u64)udp->source + udp->dest + udp->len;
	for (int i = 0; i < 6; i++)
		sum += h[i];
	sum += s->name_sum;
	/* RFC 1071 s2: what begins at an odd place counts with its bytes the other way round. */
	sum += s->name_len & 1 ? (rest_sum & 0xff) << 8 | rest_sum >> 8 : rest_sum;
	__u16 check = (__u16)~sum_fold(sum);

	udp->check = check ? check : 0xffff; /* RFC 768 */
	return 0;
}

static __always_inline void tally_answer(const struct scratch *s)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct dns_tallies *t = bpf_map_lookup_elem(&tallies, &cpu);

	if (!t)
		return;
	t->n[DNS_TALLY_ANSWERED]++;
	t->n[DNS_TALLY_KIND + (s->kind & (DNS_KINDS - 1))]++;
	t->n[DNS_TALLY_NOTE + (s->note & (DNS_NOTES - 1))]++;
	t->n[DNS_TALLY_GROUP + (s->group & (DNS_GROUPS - 1))]++;
	if (s->wants & DNS_SLOT_DO)
		t->n[DNS_TALLY_DO]++;
	if (s->wants & DNS_SLOT_CD)
		t->n[DNS_TALLY_CD]++;
	if (s->flags & DNS_SLOT_EXCLUDED)
		t->n[DNS_TALLY_EXCLUDED]++;
}

SEC("xdp")
int isthmus_dns(struct xdp_md *ctx)
{
	struct query q = {};
	struct scratch *s;
	__u32 view, limit = 0, front, way;
	int sum, room;

	if (take_datagram(ctx, &q) < 0)
		return XDP_PASS;
	if (!*(volatile __u32 *)&is_on)
		return pass(DNS_TALLY_PASSED_OFF);
	if (!is_for_us(ctx))
		return pass(DNS_TALLY_PASSED_ETHER);
	s = scratch();
	if (!s || take_query(ctx, &q, s, &limit) < 0)
		return pass(DNS_TALLY_PASSED_SHAPE);
	view = view_of(ctx, &q);
	if (view == 0)
		return pass(DNS_TALLY_PASSED_CLIENT);
	s->view = (__u16)(view - 1);
	s->now = (__u32)(bpf_ktime_get_ns() / SECOND);
	if (name_fold(ctx, q.dns + DNS_HEADER) < 0)
		return pass(DNS_TALLY_PASSED_SHAPE);
	for (way = 0; way < DNS_WAYS; way++)
		if (answer_find(way) == 0)
			break;
	if (way == DNS_WAYS)
		return pass(DNS_TALLY_PASSED_MISS);
	rest_finish(s);
	if (DNS_HEADER + s->name_len + s->rest_len > limit)
		return pass(DNS_TALLY_PASSED_LONG);
	front = q.dns + DNS_HEADER + s->name_len + DNS_TAIL;
	room = resize(ctx, front + s->rest_len - DNS_TAIL, front);
	if (room == -1)
		return pass(DNS_TALLY_PASSED_ROOM);
	/* From here on the frame is another one; a reply that cannot be finished is nothing that anybody may see. */
	sum = room < 0 ? -1 : answer_store(ctx, front);
	if (sum < 0 || turn(ctx, &q, s, (__u32)sum) < 0)
		return XDP_DROP;
	tally_answer(s);
	return XDP_TX;
}

char dns_license[] SEC("license") = "Apache-2.0";
