/* test_offload.c - offload state that fits its packet, and offload state that lies */
#include "packets.h"

static struct craft craft;

static const struct offload tcp4_partial = { .csum_partial = true, .csum_start = 20, .csum_offset = 16 };
static const struct offload tcp6_partial = { .csum_partial = true, .csum_start = 40, .csum_offset = 16 };
static const struct offload udp6_partial = { .csum_partial = true, .csum_start = 40, .csum_offset = 6 };

static struct offload with_gso(struct offload o, enum gso gso, uint16_t size)
{
	o.gso = gso;
	o.gso_size = size;
	return o;
}

static void check_offload(void (*make)(struct craft *), struct offload o, enum drop_reason want)
{
	make(&craft);
	CHECK_TEXT(drop_name(parse_bytes(craft_data(&craft), craft.len, &o)), drop_name(want));
}

TEST(offload_that_fits_is_taken)
{
	struct offload behind_options = { .csum_partial = true, .csum_start = 48, .csum_offset = 16 };
	struct offload ecn = with_gso(tcp4_partial, GSO_TCP4, 5);

	check_offload(tcp4, tcp4_partial, DROP_NONE);
	check_offload(tcp6, tcp6_partial, DROP_NONE);
	check_offload(udp6, udp6_partial, DROP_NONE);
	check_offload(hopopts6, behind_options, DROP_NONE);
	check_offload(tcp4, with_gso(tcp4_partial, GSO_TCP4, 5), DROP_NONE);
	check_offload(tcp6, with_gso(tcp6_partial, GSO_TCP6, 5), DROP_NONE);
	check_offload(udp6, with_gso(udp6_partial, GSO_UDP, 3), DROP_NONE);
	ecn.gso_ecn = true;
	check_offload(tcp4, ecn, DROP_NONE);
	check_offload(udp4, (struct offload){ .csum_valid = true }, DROP_NONE);
}

TEST(offload_that_lies_is_refused)
{
	struct offload ecn = with_gso(udp6_partial, GSO_UDP, 3), plain_ecn = tcp4_partial;

	ecn.gso_ecn = plain_ecn.gso_ecn = true;
	for (unsigned start = 0; start <= 100; start++)
		for (unsigned offset = 0; offset <= 40; offset++) {
			struct offload o = { .csum_partial = true,
				.csum_start = (uint16_t)start,
				.csum_offset = (uint16_t)offset };
			bool is_right = start == 20 && offset == 16;

			check_offload(tcp4, o, is_right ? DROP_NONE : DROP_OFFLOAD);
		}
	check_offload(tcp4, (struct offload){ true, false, false, 0, 0, 65535, 65535 }, DROP_OFFLOAD);
	check_offload(udp6, tcp6_partial, DROP_OFFLOAD); /* another protocol's field */
	check_offload(gre6, udp6_partial, DROP_OFFLOAD);
	check_offload(echo6, (struct offload){ true, false, false, 0, 0, 40, 2 }, DROP_OFFLOAD);
	check_offload(first_fragment4, (struct offload){ true, false, false, 0, 0, 20, 6 }, DROP_OFFLOAD);
	check_offload(tcp4, with_gso(tcp4_partial, GSO_TCP6, 5), DROP_OFFLOAD);
	check_offload(tcp6, with_gso(tcp6_partial, GSO_TCP4, 5), DROP_OFFLOAD);
	check_offload(tcp6, with_gso(tcp6_partial, GSO_UDP, 5), DROP_OFFLOAD);
	check_offload(udp6, with_gso(udp6_partial, GSO_TCP6, 5), DROP_OFFLOAD);
	check_offload(tcp4, with_gso(tcp4_partial, GSO_TCP4, 0), DROP_OFFLOAD);
	check_offload(tcp4, with_gso(tcp4_partial, GSO_NONE, 5), DROP_OFFLOAD);
	check_offload(tcp4, with_gso(tcp4_partial, (enum gso)(GSO_UDP + 1), 5), DROP_OFFLOAD);
	check_offload(first_fragment4, with_gso((struct offload){ 0 }, GSO_UDP, 5), DROP_OFFLOAD);
	check_offload(udp6, ecn, DROP_OFFLOAD);
	check_offload(tcp4, plain_ecn, DROP_OFFLOAD);
}

TEST(a_udp_train_has_the_length_of_the_train)
{
	struct offload o = with_gso(udp6_partial, GSO_UDP, 3);

	udp6(&craft);
	put16(craft_data(&craft) + 44, 11); /* the first segment's length */
	CHECK_INT(parse_bytes(craft_data(&craft), craft.len, &o), DROP_OFFLOAD);
}

TEST(what_the_kernel_has_verified_is_not_summed_again)
{
	struct offload valid = { .csum_valid = true };

	echo6(&craft);
	craft_data(&craft)[50] ^= 1;
	CHECK_INT(parse_bytes(craft_data(&craft), craft.len, NULL), DROP_ICMP_CHECKSUM);
	CHECK_INT(parse_bytes(craft_data(&craft), craft.len, &valid), DROP_NONE);
}
