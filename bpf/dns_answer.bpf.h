/*
 * dns_answer.bpf.h - the table of ready answers, as the program reads it: name, slot, and the reply behind the question
 *
 * Part of dns.bpf.c, which tells the whole.
 */
#ifndef ISTHMUS_BPF_DNS_ANSWER_H
#define ISTHMUS_BPF_DNS_ANSWER_H

#include "abi.h"

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DNS_TAIL 4 /* type and class of the question */
#define DNS_OPT 11 /* RFC 6891 s6.1.2, without options */
#define DNS_NAME_BYTES 255
#define SERVER_MAX 1232 /* as SERVER_UDP_MAX of src/dns64/query.h */
#define TYPE_OPT 41
#define CLASS_IN 1
#define OPT_DO 0x8000

#define WORD 8
/* Offsets in a frame are smaller; these are for the verifier. */
#define NAME_AT_MASK 127
#define REST_AT_MASK 511
#define FRAME_MASK 1023
#define NAME_WORDS (DNS_NAME_ROOM / WORD)
#define BODY_WORDS (DNS_BODY_MAX / WORD)
#define REST_WORDS                                                                                           \
	((DNS_BODY_MAX + 4 * WORD) / WORD) /* one before the body, and zeros behind OPT up to a word */

#define ONES 0x0101010101010101ull
#define LOW_BITS 0x7f7f7f7f7f7f7f7full

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DNS_SLOTS);
	__type(key, __u32);
	__type(value, struct dns_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dns_head);
} head SEC(".maps");

/* A query being answered. */
struct scratch {
	__u64 name[NAME_WORDS]; /* in lower case, zero behind its end */
	__u64 rest[REST_WORDS]; /* what follows the name in the reply; it begins REST_LEAD bytes into this */
	__u64 hash;
	__u64 name_sum; /* of the name as it was asked */
	__u32 name_len;
	__u32 rest_len; /* from the type of the question to the end */
	__u32 now;
	__u16 type, view;
	__u8 wants; /* DNS_SLOT_DO, DNS_SLOT_CD */
	__u8 has_edns;
	__u8 rcode, flags; /* of the answer found */
	__u16 count[3];
	__u8 kind, note, group;
};
#define REST_LEAD (WORD - DNS_TAIL) /* so that the body begins at a word */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* Reads before this are done before reads after it. */
static __always_inline void order_reads(struct scratch *s)
{
#ifdef READS_IN_ORDER
	barrier();
#else
	(void)__sync_fetch_and_add(&s->hash, 0);
#endif
}

/* --- sums and hashes --- */

static __always_inline __u64 sum_word(__u64 w)
{
	return (w & 0xffffffff) + (w >> 32);
}

/* A sum of native words is one of native halves, whatever the byte order (RFC 1071 s2). */
static __always_inline __u32 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)((sum & 0xffff) + (sum >> 16));
}

static __always_inline __u64 rotl(__u64 x, int by)
{
	return x << by | x >> (64 - by);
}

struct sip {
	__u64 v0, v1, v2, v3;
};

/* SipHash-1-3 over words, as hash_words() of src/base/hash.h. */
static __always_inline void sip_round(struct sip *h)
{
	h->v0 += h->v1;
	h->v1 = rotl(h->v1, 13) ^ h->v0;
	h->v0 = rotl(h->v0, 32);
	h->v2 += h->v3;
	h->v3 = rotl(h->v3, 16) ^ h->v2;
	h->v0 += h->v3;
	h->v3 = rotl(h->v3, 21) ^ h->v0;
	h->v2 += h->v1;
	h->v1 = rotl(h->v1, 17) ^ h->v2;
	h->v2 = rotl(h->v2, 32);
}

static __always_inline void sip_take(struct sip *h, __u64 w)
{
	h->v3 ^= w;
	sip_round(h);
	h->v0 ^= w;
}

static __always_inline void sip_begin(struct sip *h, __u64 k0, __u64 k1)
{
	h->v0 = k0 ^ 0x736f6d6570736575ull;
	h->v1 = k1 ^ 0x646f72616e646f6dull;
	h->v2 = k0 ^ 0x6c7967656e657261ull;
	h->v3 = k1 ^ 0x7465646279746573ull;
}

static __always_inline __u64 sip_end(struct sip *h, __u64 words)
{
	sip_take(h, words << 59);
	h->v2 ^= 0xff;
	sip_round(h);
	sip_round(h);
	sip_round(h);
	return h->v0 ^ h->v1 ^ h->v2 ^ h->v3;
}

/* Eight letters at once: adds 0x20 to the bytes from 'A' to 'Z'. */
static __always_inline __u64 lower8(__u64 w)
{
	__u64 low = w & LOW_BITS;
	__u64 from_a = low + (0x80 - 'A') * ONES, above_z = low + (0x7f - 'Z') * ONES;

	return w | ((from_a ^ above_z) & ~w & ~LOW_BITS) >> 2;
}

/* The last @n bytes of a word in memory, moved to its beginning; zeros follow. @n is 1 to 7. */
static __always_inline __u64 last_bytes(__u64 w, __u32 n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return w >> (WORD * (WORD - n) & 63);
#else
	return w << (WORD * (WORD - n) & 63);
#endif
}

/* --- the three parts --- */

/* Reads the name at @at, of scratch()->name_len bytes; 0 if it was there. */
__noinline int name_fold(struct xdp_md *ctx, __u32 at)
{
	struct scratch *s = scratch();
	__u32 zero = 0, i, len;
	const struct dns_head *h = bpf_map_lookup_elem(&head, &zero);
	const __u8 *p, *end = (const __u8 *)(long)ctx->data_end;
	struct sip hash;
	__u64 sum = 0, w, words = 1;

	at &= NAME_AT_MASK;
	barrier_var(at); /* or the bound is lost */
	if (!s || !h)
		return -1;
	len = s->name_len;
	if (len == 0 || len > DNS_NAME_BYTES)
		return -1;
	sip_begin(&hash, h->k0, h->k1);
	sip_take(&hash, (__u64)s->type << 32 | (__u64)s->view << 2 | s->wants);
	p = (const __u8 *)(long)ctx->data + at;
	for (i = 0; i < NAME_WORDS; i++) {
		if ((i + 1) * WORD > len)
			break;
		if (p + WORD > end)
			return -1;
		w = *(const __u64 *)p;
		sum += sum_word(w);
		w = lower8(w);
		s->name[i] = w;
		sip_take(&hash, w);
		p += WORD;
		words++;
	}
	if (len % WORD) {
		/* Bytes before the name are read along: the header of the message is there. */
		len = s->name_len & 0xff;
		p = (const __u8 *)(long)ctx->data + ((at + len - WORD) & FRAME_MASK);
		if (p + WORD > end)
			return -1;
		w = last_bytes(*(const __u64 *)p, len % WORD);
		sum += sum_word(w);
		w = lower8(w);
		if (i < NAME_WORDS)
			s->name[i] = w;
		sip_take(&hash, w);
		words++;
	}
	s->hash = sip_end(&hash, words);
	s->name_sum = sum;
	return 0;
}

static __always_inline int is_wanted(const struct dns_slot *slot, const struct scratch *s, __u32 epoch)
{
	return slot->hash == s->hash && slot->epoch == epoch && s->now < slot->dies &&
	       slot->type == s->type && slot->view == s->view && slot->name_len == s->name_len &&
	       (slot->flags & (DNS_SLOT_DO | DNS_SLOT_CD)) == s->wants;
}

static __always_inline int is_same_name(const struct dns_slot *slot, const struct scratch *s)
{
	const __u64 *name = (const __u64 *)slot->name;
	__u32 len = s->name_len;

	for (__u32 i = 0; i < NAME_WORDS; i++) {
		if (i * WORD >= len)
			break;
		if (name[i] != s->name[i])
			return 0;
	}
	return 1;
}

static __always_inline void copy_body(const struct dns_slot *slot, struct scratch *s, __u32 len)
{
	const __u64 *body = (const __u64 *)slot->body;

	for (__u32 i = 0; i < BODY_WORDS; i++) {
		if (i * WORD >= len)
			break;
		s->rest[1 + i] = body[i];
	}
}

/* What is left of each TTL (RFC 1035 s3.2.1: four bytes). */
static __always_inline void count_down(const struct dns_slot *slot, struct scratch *s)
{
	__u32 age = s->now - slot->born, left = slot->ttls_len;
	__u8 *body = (__u8 *)(s->rest + 1);

	for (__u32 i = 0; i < DNS_TTLS_MAX; i++) {
		__u32 at;

		if (i >= left)
			break;
		at = slot->ttl_at[i];
		if (at > DNS_BODY_MAX - 4)
			break;
		*(__be32 *)(body + at) = bpf_htonl(bpf_ntohl(*(__be32 *)(body + at)) - age);
	}
}

/* The OPT record behind @len bytes of body (RFC 6891 s6.1.2), and zeros up to the next word. */
static __always_inline void put_opt(struct scratch *s, __u32 len)
{
	__u8 *p = (__u8 *)(s->rest + 1);

	if (len > DNS_BODY_MAX)
		return;
	p += len;
	p[0] = 0;
	p[1] = 0;
	p[2] = TYPE_OPT;
	p[3] = SERVER_MAX >> 8;
	p[4] = SERVER_MAX & 0xff;
	p[5] = 0;
	p[6] = 0;
	p[7] = s->wants & DNS_SLOT_DO ? OPT_DO >> 8 : 0;
	p[8] = 0;
	p[9] = 0;
	p[10] = 0;
}

/* Copies the answer from its slot; 0 if there was one. */
static __always_inline int slot_take(const struct dns_slot *slot, struct scratch *s, __u32 epoch)
{
	__u32 before = *(const volatile __u32 *)&slot->sequence, len;

	order_reads(s);
	if (before & 1 || !is_wanted(slot, s, epoch) || !is_same_name(slot, s))
		return -1;
	len = slot->body_len;
	if (len < WORD || len > DNS_BODY_MAX)
		return -1;
	copy_body(slot, s, len);
	count_down(slot, s);
	s->rcode = slot->rcode;
	s->flags = slot->flags;
	s->count[0] = slot->count[0];
	s->count[1] = slot->count[1];
	s->count[2] = slot->count[2];
	s->kind = slot->kind;
	s->note = slot->note;
	s->group = slot->group;
	s->rest_len = DNS_TAIL + len;
	order_reads(s);
	return *(const volatile __u32 *)&slot->sequence == before ? 0 : -1;
}

/* Looks for the answer to the question in the scratch area; 0 if it is there now. */
__noinline int answer_find(__u32 way)
{
	struct scratch *s = scratch();
	__u32 zero = 0, at;
	const struct dns_head *h = bpf_map_lookup_elem(&head, &zero);
	const struct dns_slot *slot;

	if (!s || !h)
		return -1;
	at = ((__u32)s->hash & (DNS_SLOTS - DNS_WAYS)) + (way & (DNS_WAYS - 1));
	slot = bpf_map_lookup_elem(&slots, &at);
	return slot ? slot_take(slot, s, h->epoch) : -1;
}

/* Ends the rest of the reply in the scratch area: what does not come from the slot. */
static __always_inline void rest_finish(struct scratch *s)
{
	__u32 len = s->rest_len - DNS_TAIL;

	if (len > DNS_BODY_MAX)
		return;
	s->rest[0] = 0;
	*(__be16 *)((__u8 *)s->rest + REST_LEAD) = bpf_htons(s->type);
	*(__be16 *)((__u8 *)s->rest + REST_LEAD + 2) = bpf_htons(CLASS_IN);
	*(__u64 *)((__u8 *)(s->rest + 1) + len) = 0;
	if (s->has_edns) {
		*(__u64 *)((__u8 *)(s->rest + 1) + len + WORD) = 0;
		*(__u64 *)((__u8 *)(s->rest + 1) + len + 2 * WORD) = 0;
		put_opt(s, len);
		s->rest_len += DNS_OPT;
	}
}

/*
 * Writes the rest of the reply, without the end of the question, to @at in the frame, which has the room.
 *
 * Return: the sum of the rest and of its end of the question, folded; negative if there was no room.
 */
__noinline int answer_store(struct xdp_md *ctx, __u32 at)
{
	struct scratch *s = scratch();
	__u8 *p, *end = (__u8 *)(long)ctx->data_end;
	__u64 sum;
	__u32 i, len;

	at &= REST_AT_MASK;
	barrier_var(at);
	if (!s)
		return -1;
	len = s->rest_len - DNS_TAIL;
	if (len < WORD || len > DNS_BODY_MAX + DNS_OPT)
		return -1;
	sum = sum_word(s->rest[0]);
	p = (__u8 *)(long)ctx->data + at;
	for (i = 1; i < REST_WORDS; i++) {
		if (i * WORD > len)
			break;
		if (p + WORD > end)
			return -1;
		*(__u64 *)p = s->rest[i];
		sum += sum_word(s->rest[i]);
		p += WORD;
	}
	if (len % WORD) {
		/* The last word begins before the end of the one before it. */
		len = (s->rest_len - DNS_TAIL) & 1023;
		if (len < WORD || len > DNS_BODY_MAX + DNS_OPT)
			return -1;
		if (i < REST_WORDS)
			sum += sum_word(s->rest[i]);
		p = (__u8 *)(long)ctx->data + ((at + len - WORD) & FRAME_MASK);
		if (p + WORD > end)
			return -1;
		*(__u64 *)p = *(__u64 *)((__u8 *)s->rest + len);
	}
	return (int)sum_fold(sum);
}

#endif
