/* siit.c - the keys of stateless translation; see siit.h */
#include "conf/siit.h"

#include "base/bytes.h"
#include "conf/key.h"
#include "xlat/pkt.h"

#include <stdio.h>
#include <stdlib.h>

#define AT(member) offsetof(struct conf, member)
#define MAPPING_AT(member) offsetof(struct eam, member)
#define CHOICES(rows) (&(const struct conf_choices){ rows, ARRAY_LEN(rows) })
#define UNREAD_LEN 33 /* as the length of an IPv4 prefix: this mapping could not be read */

/* --- mappings --- */

static const struct conf_choice hosts_words[] = {
	{ "ipv6", EAM_HOSTS_IPV6, NULL },
	{ "ipv4", EAM_HOSTS_IPV4, NULL },
};

static const struct conf_key mapping_rows[] = {
	{ .path = "siit.mappings[].ipv4",
		.shape = &shape_item,
		.at = MAPPING_AT(v4),
		.of = &item_prefix4,
		.is_required = true,
		.help = "An IPv4 address or prefix." },
	{ .path = "siit.mappings[].ipv6",
		.shape = &shape_item,
		.at = MAPPING_AT(v6),
		.of = &item_prefix6,
		.is_required = true,
		.help = "The IPv6 address or prefix that it stands for; it leaves at least as many bits for "
			"hosts as the "
			"IPv4 prefix." },
	{ .path = "siit.mappings[].hosts",
		.shape = &shape_choice,
		.at = MAPPING_AT(hosts),
		.of = CHOICES(hosts_words),
		.standard = "ipv6",
		.help = "Where the hosts are: ipv6, then the IPv4 prefix leads to the translator; or ipv4, "
			"then the IPv6 "
			"prefix does." },
};
const struct conf_keys conf_mapping_keys = { mapping_rows, ARRAY_LEN(mapping_rows) };

static void read_mapping(struct conf_reading *r, const struct conf_node *n, unsigned i)
{
	struct eam e = { .hosts = EAM_HOSTS_IPV6 };
	unsigned before = r->faults;

	r->c->origin.mapping_lines[i] = reading_line(r, n);
	r->c->mappings[i].v4.len = UNREAD_LEN;
	if (n->kind != NODE_MAPPING)
		reading_fault(r, reading_line(r, n),
			"an entry is a mapping, write { ipv4: 198.51.100.0/28, ipv6: \"2001:db8:3::/124\" }");
	else
		mapping_read(r, &conf_mapping_keys, n, &e);
	if (r->faults != before)
		return;
	unsigned bits = 32u - e.v4.len;

	if (eam_fault(&e)) {
		reading_fault(r, reading_line(r, n),
			"the IPv4 prefix leaves %u bits for hosts and the IPv6 prefix only %u, write an IPv6 "
			"prefix of /%u or "
			"shorter",
			bits, 128u - e.v6.len, 128u - bits);
		return;
	}
	r->c->mappings[i] = e;
}

static bool make_mappings(struct conf_reading *r, unsigned len)
{
	r->c->mappings = calloc(len, sizeof(*r->c->mappings));
	r->c->origin.mapping_lines = calloc(len, sizeof(*r->c->origin.mapping_lines));
	if (!r->c->mappings || !r->c->origin.mapping_lines) {
		r->is_nomem = true;
		return false;
	}
	r->c->nat64.siit.mappings = r->c->mappings;
	return true;
}

static void read_mappings(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, void *base)
{
	const struct conf_entries entries = { make_mappings, read_mapping };

	r->c->nat64.siit.mappings_len = entries_read(r, k, n, &entries);
}

static void print_mappings(const struct conf_key *k, const void *base, FILE *to, unsigned indent)
{
	const struct conf *c = base;
	char v4[PREFIX4_TEXT], v6[PREFIX6_TEXT];

	fputs(c->nat64.siit.mappings_len > 0 ? "\n" : " []\n", to);
	for (unsigned i = 0; i < c->nat64.siit.mappings_len; i++) {
		const struct eam *e = &c->mappings[i];

		fprintf(to, "%*s- { ipv4: %s, ipv6: \"%s\", hosts: %s }\n", (int)indent + 2, "",
			prefix4_text(e->v4, v4), prefix6_text(e->v6, v6), hosts_words[e->hosts].word);
	}
}

const struct conf_shape shape_mappings = { "a list of { ipv4, ipv6 }", read_mappings, print_mappings };

/* --- the section --- */

static const struct conf_key icmp_source_rows[] = {
	{ .path = "siit.icmp-source.ipv4",
		.shape = &shape_list,
		.at = AT(nat64.siit.icmp4),
		.len_at = AT(nat64.siit.icmp4_len),
		.max = SIIT_ICMP_SOURCES_MAX,
		.of = &item_address4,
		.standard = "[]",
		.help = "Each ICMPv4 error that comes of an IPv6 router without IPv4 address, and each of "
			"the translator's "
			"own, has one of these, at random (RFC 6791); 192.0.0.8 if there is none." },
	{ .path = "siit.icmp-source.ipv6",
		.shape = &shape_item,
		.at = AT(nat64.siit.icmp6),
		.of = &item_address6,
		.standard = "auto",
		.help = "The source of the translator's own ICMPv6 errors; auto is siit.icmp-source.ipv4 "
			"under "
			"siit.prefix." },
	{ .path = "siit.icmp-source.names-router",
		.shape = &shape_flag,
		.at = AT(nat64.siit.names_routers),
		.standard = "true",
		.help = "Let an ICMPv4 error say in an extension (RFC 5837) from which IPv6 router it comes "
			"(RFC 6791 s4): traceroute shows it; false hides the addresses of the network's "
			"routers." },
};
const struct conf_keys conf_icmp_source_keys = { icmp_source_rows, ARRAY_LEN(icmp_source_rows) };

static const struct conf_choice hairpin_words[] = {
	{ "intrinsic", SIIT_HAIRPIN_INTRINSIC, NULL },
	{ "simple", SIIT_HAIRPIN_SIMPLE, NULL },
	{ "off", SIIT_HAIRPIN_OFF, NULL },
};

const struct conf_key conf_siit_rows[CONF_SIIT_ROWS] = {
	{ .path = "siit.prefix",
		.shape = &shape_list,
		.at = AT(nat64.siit.prefixes),
		.len_at = AT(nat64.siit.prefixes_len),
		.max = SIIT_PREFIXES_MAX,
		.of = &item_translation_prefix,
		.standard = "[]",
		.help = "The IPv6 prefix that stands for all IPv4 addresses without mapping (RFC 6052); if "
			"not written, the "
			"first of nat64.prefixes. Of several the first makes addresses, and all are "
			"understood." },
	{ .path = "siit.mappings",
		.shape = &shape_mappings,
		.max = EAM_MAX,
		.standard = "[]",
		.help = "Which IPv4 address stands for which IPv6 address (RFC 7757); the longest match "
			"counts." },
	{ .path = "siit.translatable",
		.shape = &shape_list,
		.at = AT(nat64.siit.translatable),
		.len_at = AT(nat64.siit.translatable_len),
		.max = SIIT_TRANSLATABLE_MAX,
		.of = &item_prefix4,
		.standard = "[]",
		.help = "The IPv4 addresses of IPv6 hosts that have them in their own addresses, under "
			"siit.prefix "
			"(RFC 6052 s2.2); they need no mapping." },
	{ .path = "siit.icmp-source",
		.shape = &shape_mapping,
		.of = &conf_icmp_source_keys,
		.standard = "{}",
		.help = "Addresses for ICMP errors whose sender has none of that family." },
	{ .path = "siit.lowest-ipv6-mtu",
		.shape = &shape_number,
		.at = AT(nat64.siit.lowest_ipv6_mtu),
		.min = IP6_MIN_MTU,
		.max = 65535,
		.standard = "1280",
		.help = "IPv4 packets that may be fragmented are cut so that they fit every IPv6 link of the "
			"network, "
			"whose smallest MTU this is (RFC 7915 s4)." },
	{ .path = "siit.udp-zero-checksum",
		.shape = &shape_choice,
		.at = AT(nat64.siit.udp_zero),
		.of = &conf_udp_zero_choices,
		.standard = "drop",
		.help = "What becomes of a UDP datagram over IPv4 that has no checksum: drop it, or compute "
			"one "
			"(RFC 7915 s4.5)." },
	{ .path = "siit.hairpinning",
		.shape = &shape_choice,
		.at = AT(nat64.siit.hairpin),
		.of = CHOICES(hairpin_words),
		.standard = "intrinsic",
		.help = "How packets between two IPv6 hosts that both have IPv4 addresses turn around (RFC "
			"7757 s4): "
			"intrinsic, in the translator; simple, in the IPv4 network; or off." },
	{ .path = "siit.deny",
		.shape = &shape_list,
		.at = AT(nat64.siit.deny),
		.len_at = AT(nat64.siit.deny_len),
		.max = NAT64_DENY_MAX,
		.of = &item_prefix4,
		.standard = "[0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/4, 240.0.0.0/4]",
		.help = "IPv4 destinations that siit.prefix never stands for." },
	{ .path = "siit.allow-non-global",
		.shape = &shape_flag,
		.at = AT(nat64.siit.allow_non_global),
		.standard = "false",
		.help = "Let 64:ff9b::/96 as siit.prefix stand for private and documentation IPv4 addresses "
			"too, which RFC "
			"6052 s3.1 forbids; other prefixes always may." },
	{ .path = "siit.fastpath",
		.shape = &shape_choice,
		.at = AT(flowpath.siit),
		.of = CHOICES(conf_fastpath_words),
		.standard = "auto",
		.help = "As nat64.fastpath, for a file without the section nat64: where packets between "
			"known pairs "
			"of addresses are translated by an eBPF program, or off." },
};
const struct conf_keys conf_siit_keys = { conf_siit_rows, CONF_SIIT_ROWS };
