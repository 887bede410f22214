/*
 * conformance.c - run the vectors: packet in, packet out, byte for byte
 *
 * usage: conformance FILE.vec...		one line per vector, then "N passed, N failed, N skipped"
 *	  conformance --seeds DIR FILE.vec...	write the inputs as seeds for fuzz_xlat
 */
#include "vector.h"

#include "slow_sum.h"

#include <stdlib.h>

#define TAIL PKT_TAILROOM

static uint8_t memory[PACKET_MAX + 512], again[PACKET_MAX + 512];
static struct vector vector;

static bool fault(const char *what)
{
	printf("FAIL %s (%s): %s\n", vector.name, vector.spec, what);
	return false;
}

static void show_bytes(const char *what, const uint8_t *p, size_t len)
{
	printf("  %s, %zu bytes:", what, len);
	for (size_t i = 0; i < len && i < 160; i++)
		printf("%s%02x", i % 16 == 0 ? "\n    " : " ", p[i]);
	printf("\n");
}

static bool check_bytes(const struct pkt *p)
{
	const struct stack *want = &vector.out.outer;

	if (p->len == want->len && memcmp(p->data, want->bytes, want->len) == 0)
		return true;
	fault("other bytes came out");
	for (size_t i = 0; i < want->len && i < p->len; i++)
		if (p->data[i] != want->bytes[i]) {
			printf("  first difference at byte %zu: %02x, should be %02x\n", i, p->data[i],
				want->bytes[i]);
			break;
		}
	show_bytes("is", p->data, p->len);
	show_bytes("should be", want->bytes, want->len);
	return false;
}

static bool offload_equal(const struct offload *a, const struct offload *b)
{
	return a->csum_partial == b->csum_partial && a->csum_valid == b->csum_valid &&
	       a->gso_ecn == b->gso_ecn && a->gso == b->gso && a->gso_size == b->gso_size &&
	       (!a->csum_partial || (a->csum_start == b->csum_start && a->csum_offset == b->csum_offset));
}

static bool view_equal(const struct view *a, const struct view *b)
{
	return a->version == b->version && a->tos == b->tos && a->hop_limit == b->hop_limit &&
	       a->next == b->next && a->kind == b->kind && a->df == b->df &&
	       a->is_fragment == b->is_fragment && a->has_frag_header == b->has_frag_header &&
	       a->more_fragments == b->more_fragments && a->frag_offset == b->frag_offset &&
	       a->frag_id == b->frag_id && a->l3_off == b->l3_off && a->l4_off == b->l4_off &&
	       a->l4_len == b->l4_len && a->l4_full_len == b->l4_full_len &&
	       a->frag_off_hdr == b->frag_off_hdr && addr6_eq(a->src6, b->src6) &&
	       addr6_eq(a->dst6, b->dst6) && addr4_eq(a->src4, b->src4) && addr4_eq(a->dst4, b->dst4) &&
	       a->sport == b->sport && a->dport == b->dport && a->tcp_flags == b->tcp_flags &&
	       a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code && a->refused == b->refused;
}

/* The view that translation left must be what parsing the result anew finds. */
static bool check_view(const struct pkt *p)
{
	struct pkt copy = {
		.head = again, .data = again, .len = p->len, .end = again + p->len, .off = p->off
	};

	memcpy(again, p->data, p->len);
	if (!pkt_validate(p))
		return fault("pkt_validate() does not hold");
	if (pkt_parse(&copy) != DROP_NONE)
		return fault("the output cannot be parsed");
	if (p->v.frag_offset != 0) {
		copy.v.sport = p->v.sport; /* only the first fragment has them; the caller knows */
		copy.v.dport = p->v.dport;
	}
	if (!view_equal(&p->v, &copy.v) || p->has_inner != copy.has_inner)
		return fault("the view is not that of the output");
	if (p->has_inner && !view_equal(&p->in, &copy.in))
		return fault("the view of the quoted packet is not that of the output");
	return true;
}

static enum drop_reason translate(struct pkt *p)
{
	enum drop_reason reason = pkt_parse(p);

	if (reason)
		return reason;
	p->v.datagram_len = vector.datagram_len;
	if (vector.direction == VECTOR_64)
		return p->v.version == 6 ? xlat_64(p, &vector.to4, vector.ipv4_id) : DROP_COUNT;
	return p->v.version == 4 ? xlat_46(p, &vector.to6) : DROP_COUNT;
}

static bool run_vector(void)
{
	size_t size = vector.headroom + vector.in.outer.len + TAIL;
	struct pkt p = assemble_pkt(&vector.in, memory, size, vector.headroom);
	enum drop_reason reason = translate(&p);
	char text[128];

	if (reason != vector.drop) {
		snprintf(text, sizeof(text), "dropped as %s, should be %s",
			reason == DROP_COUNT ? "wrong direction" : drop_name(reason), drop_name(vector.drop));
		return fault(text);
	}
	if (reason)
		return true;
	if (!check_bytes(&p))
		return false;
	if (!offload_equal(&p.off, &vector.out.off))
		return fault("the offload state is another");
	return check_view(&p);
}

/* The form that fuzz_xlat reads: one byte of offload flags, one of segment size, the packet. */
static bool write_seed(const char *dir)
{
	const struct offload *off = &vector.in.off;
	char path[512];
	uint8_t head[2] = {
		(uint8_t)(off->csum_partial + 2 * off->csum_valid + 4 * off->gso_ecn + 8 * (int)off->gso),
		(uint8_t)(off->gso_size / 16),
	};

	if (vector.in.outer.len > 2048)
		return true;
	snprintf(path, sizeof(path), "%s/%s", dir, vector.name);
	FILE *f = fopen(path, "wb");
	bool ok = f && fwrite(head, sizeof(head), 1, f) == 1 &&
		  fwrite(vector.in.outer.bytes, vector.in.outer.len, 1, f) == 1;

	if (f && fclose(f) != 0)
		ok = false;
	return ok || fault("cannot write the seed");
}

int main(int argc, char **argv)
{
	bool seeds = argc > 2 && strcmp(argv[1], "--seeds") == 0;
	unsigned passed = 0, failed = 0;

	for (int i = seeds ? 3 : 1; i < argc; i++) {
		struct vector_file f;
		int got = -1;

		if (vector_open(&f, argv[i]))
			while ((got = vector_next(&f, &vector)) > 0) {
				bool ok = seeds ? write_seed(argv[2]) : run_vector();

				if (ok && !seeds)
					printf("ok   %s\n", vector.name);
				passed += ok;
				failed += !ok;
			}
		else
			fprintf(stderr, "%s: cannot be opened\n", argv[i]);
		failed += got < 0;
		vector_close(&f);
	}
	failed += passed == 0; /* no vectors prove nothing */
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed > 0;
}
