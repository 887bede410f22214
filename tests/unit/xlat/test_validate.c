/* test_validate.c - pkt_validate() is able to say no */
#include "packets.h"

static struct craft craft;

static void check_spoiled(void (*make)(struct craft *), void (*spoil)(struct pkt *), const char *what)
{
	make(&craft);
	struct pkt p = parse_ok(&craft);

	spoil(&p);
	test_row(what);
	CHECK(!pkt_validate(&p));
	test_row(NULL);
}

/* clang-format off */
static void spoil_head(struct pkt *p) { p->head = p->data + 1; }
static void spoil_no_head(struct pkt *p) { p->head = NULL; }
static void spoil_end(struct pkt *p) { p->end--; }
static void spoil_end_before_data(struct pkt *p) { p->end = p->data - 1; }
static void spoil_len(struct pkt *p) { p->len--; }
static void spoil_version(struct pkt *p) { p->v.version = 5; }
static void spoil_l3_off(struct pkt *p) { p->v.l3_off = 4; }
static void spoil_l4_off(struct pkt *p) { p->v.l4_off = 19; }
static void spoil_l4_len(struct pkt *p) { p->v.l4_len++; }
static void spoil_l4_len_max(struct pkt *p) { p->v.l4_len = UINT32_MAX; }
static void spoil_full_len(struct pkt *p) { p->v.l4_full_len++; }
static void spoil_kind(struct pkt *p) { p->v.kind = L4_OTHER; }
static void spoil_kind_number(struct pkt *p) { p->v.kind = (enum l4_kind)9; }
static void spoil_next(struct pkt *p) { p->v.next = 50; }
static void spoil_port(struct pkt *p) { p->v.sport++; }
static void spoil_inner(struct pkt *p) { p->has_inner = !p->has_inner; }
static void spoil_inner_version(struct pkt *p) { p->in.version ^= 2; }
static void spoil_inner_off(struct pkt *p) { p->in.l3_off++; }
static void spoil_inner_len(struct pkt *p) { p->in.l4_len = p->in.l4_full_len = p->len; }
static void spoil_inner_kind(struct pkt *p) { p->in.kind = L4_ICMP_ERROR; }
static void spoil_inner_short(struct pkt *p) { p->in.l4_len = 7; }
static void spoil_fragment(struct pkt *p) { p->v.is_fragment = !p->v.is_fragment; }
static void spoil_frag_offset(struct pkt *p) { p->v.frag_offset = 3; }
static void spoil_frag_header(struct pkt *p) { p->v.has_frag_header = true; }
static void spoil_frag_place(struct pkt *p) { p->v.frag_off_hdr = 41; }
static void spoil_datagram_len(struct pkt *p) { p->v.datagram_len = 1; }
static void spoil_df(struct pkt *p) { p->v.df = true; }
static void spoil_partial(struct pkt *p) { p->off.csum_partial = true; }
static void spoil_gso_size(struct pkt *p) { p->off.gso_size = 1; }

/* clang-format on */

TEST(validate_refuses_what_breaks_an_invariant)
{
	check_spoiled(udp4, spoil_head, "head behind data");
	check_spoiled(udp4, spoil_no_head, "no head");
	check_spoiled(udp4, spoil_end, "end before the end of the packet");
	check_spoiled(udp4, spoil_end_before_data, "end before data");
	check_spoiled(udp4, spoil_len, "len");
	check_spoiled(udp4, spoil_version, "version");
	check_spoiled(udp4, spoil_l3_off, "l3_off");
	check_spoiled(udp4, spoil_l4_off, "l4_off");
	check_spoiled(udp4, spoil_l4_len, "l4_len");
	check_spoiled(udp4, spoil_l4_len_max, "l4_len maximum");
	check_spoiled(udp4, spoil_full_len, "l4_full_len");
	check_spoiled(udp4, spoil_kind, "kind");
	check_spoiled(udp4, spoil_kind_number, "kind that does not exist");
	check_spoiled(tcp6, spoil_next, "next of TCP");
	check_spoiled(udp6, spoil_next, "next of UDP");
	check_spoiled(echo6, spoil_next, "next of a query");
	check_spoiled(error6_udp, spoil_next, "next of an error");
	check_spoiled(solicit6, spoil_next, "next of another ICMP");
	check_spoiled(echo4, spoil_port, "identifier");
	check_spoiled(gre4, spoil_port, "port of GRE");
	check_spoiled(udp4, spoil_datagram_len, "length of a datagram that is no fragment");
	check_spoiled(later_fragment4, spoil_datagram_len, "fragment behind the end of its datagram");
	check_spoiled(udp4, spoil_inner, "inner without error");
	check_spoiled(error4_udp, spoil_inner, "error without inner");
	check_spoiled(error4_udp, spoil_inner_version, "inner version");
	check_spoiled(error4_udp, spoil_inner_off, "inner offset");
	check_spoiled(error4_udp, spoil_inner_len, "inner beyond the packet");
	check_spoiled(error4_udp, spoil_inner_kind, "inner error");
	check_spoiled(error4_tcp_cut, spoil_inner_short, "inner without ports");
	check_spoiled(udp4, spoil_fragment, "fragment flag");
	check_spoiled(later_fragment4, spoil_frag_offset, "fragment offset");
	check_spoiled(udp4, spoil_frag_header, "fragment header in IPv4");
	check_spoiled(udp6, spoil_frag_header, "fragment header that is nowhere");
	check_spoiled(udp6, spoil_fragment, "IPv6 fragment without a header");
	check_spoiled(atomic6, spoil_frag_place, "place of the fragment header");
	check_spoiled(udp6, spoil_df, "DF in IPv6");
	check_spoiled(atomic6, spoil_df, "DF in an IPv6 fragment");
	check_spoiled(udp4, spoil_partial, "partial checksum at 0");
	check_spoiled(udp4, spoil_gso_size, "gso_size without a train");
}
