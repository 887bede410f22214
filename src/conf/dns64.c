/* dns64.c - the keys of the resolver; see dns64.h */
#include "conf/dns64.h"

#include "base/bytes.h"
#include "conf/key.h"
#include "conf/serving.h"

#define AT(member) offsetof(struct conf, member)
#define CHOICES(rows) (&(const struct conf_choices){ rows, ARRAY_LEN(rows) })

static const struct conf_choice dnssec_words[] = {
	{ "validate", true, NULL },
	{ "off", false, NULL },
};

static const struct conf_choice ptr_words[] = {
	{ "cname", false, NULL },
	{ "direct", true, NULL },
};

#define VIEW_AT(member) offsetof(struct dns64_view, member)

static const struct conf_key view_rows[] = {
	{ .path = "dns64.views[].clients",
		.shape = &shape_list,
		.at = VIEW_AT(clients),
		.len_at = VIEW_AT(clients_len),
		.min = 1,
		.max = DNS64_VIEW_CLIENTS_MAX,
		.of = &item_prefix,
		.is_required = true,
		.help = "The clients that the view is for; dns64.allow must hold them too." },
	{ .path = "dns64.views[].prefixes",
		.shape = &shape_list,
		.at = VIEW_AT(policy.prefixes),
		.len_at = VIEW_AT(policy.prefixes_len),
		.max = DNS64_PREFIX_MAX,
		.of = &item_translation_prefix,
		.help = "As dns64.prefixes; with an empty list nothing is synthesized, and the resolver is a "
			"plain one." },
	{ .path = "dns64.views[].exclude-aaaa",
		.shape = &shape_list,
		.at = VIEW_AT(policy.exclude_aaaa),
		.len_at = VIEW_AT(policy.exclude_aaaa_len),
		.max = DNS64_EXCLUDE_MAX,
		.of = &item_prefix6,
		.help = "As dns64.exclude-aaaa." },
	{ .path = "dns64.views[].exclude-a",
		.shape = &shape_list,
		.at = VIEW_AT(policy.exclude_a),
		.len_at = VIEW_AT(policy.exclude_a_len),
		.max = DNS64_EXCLUDE_MAX,
		.of = &item_prefix4,
		.help = "As dns64.exclude-a." },
	{ .path = "dns64.views[].ranges",
		.shape = &shape_list,
		.at = VIEW_AT(policy.ranges),
		.len_at = VIEW_AT(policy.ranges_len),
		.max = DNS64_RANGES_MAX,
		.of = &item_range,
		.help = "As dns64.ranges." },
	{ .path = "dns64.views[].never-synthesize",
		.shape = &shape_list,
		.at = VIEW_AT(policy.never),
		.len_at = VIEW_AT(policy.never_len),
		.max = DNS64_DOMAINS_MAX,
		.of = &item_domain,
		.help = "As dns64.never-synthesize." },
	{ .path = "dns64.views[].always-synthesize",
		.shape = &shape_list,
		.at = VIEW_AT(policy.always),
		.len_at = VIEW_AT(policy.always_len),
		.max = DNS64_DOMAINS_MAX,
		.of = &item_domain,
		.help = "As dns64.always-synthesize." },
	{ .path = "dns64.views[].ptr",
		.shape = &shape_switch,
		.at = VIEW_AT(policy.ptr_is_direct),
		.of = CHOICES(ptr_words),
		.help = "As dns64.ptr." },
	{ .path = "dns64.views[].allow-non-global",
		.shape = &shape_flag,
		.at = VIEW_AT(policy.allow_non_global),
		.help = "As dns64.allow-non-global." },
};
const struct conf_keys conf_view_keys = { view_rows, ARRAY_LEN(view_rows) };

const struct conf_key conf_dns64_rows[CONF_DNS64_ROWS] = {
	{ .path = "dns64.listen",
		.shape = &shape_list,
		.at = AT(dns64.listen),
		.len_at = AT(dns64.listen_len),
		.min = 1,
		.max = DNS64_LISTEN_MAX,
		.of = &item_endpoint,
		.standard = "[\"[::]:53\", \"0.0.0.0:53\"]",
		.change = CONF_CHANGE_RESTART,
		.help = "Addresses and ports of the resolver, UDP and TCP." },
	{ .path = "dns64.tls",
		.shape = &shape_mapping,
		.of = &conf_dns64_tls_keys,
		.standard = "{}",
		.help = "DNS over TLS (RFC 7858)." },
	{ .path = "dns64.allow",
		.shape = &shape_list,
		.at = AT(dns64.allow),
		.len_at = AT(dns64.allow_len),
		.min = 1,
		.max = DNS64_ALLOW_MAX,
		.of = &item_prefix,
		.standard = "[\"::1/128\", \"fc00::/7\", \"2001:db8::/32\", 127.0.0.0/8]",
		.help = "Clients that are answered; all others are refused." },
	{ .path = "dns64.upstream",
		.shape = &shape_upstreams,
		.min = 1,
		.max = DNS64_UPSTREAM_MAX,
		.standard = "[system]",
		.change = CONF_CHANGE_RESTART,
		.help = "Who is asked: system (the name servers of the host's resolv.conf), recursive (the "
			"root servers "
			"downward), or servers such as 192.0.2.53 or \"[2001:db8::53]:5353\"." },
	{ .path = "dns64.prefixes",
		.shape = &shape_list,
		.at = AT(dns64.policy.prefixes),
		.len_at = AT(dns64.policy.prefixes_len),
		.min = 1,
		.max = DNS64_PREFIX_MAX,
		.of = &item_translation_prefix,
		.standard = "[64:ff9b::/96]",
		.help = "The prefixes of synthesized AAAA records, one record for each; if not written, "
			"those of nat64.prefixes." },
	{ .path = "dns64.exclude-aaaa",
		.shape = &shape_list,
		.at = AT(dns64.policy.exclude_aaaa),
		.len_at = AT(dns64.policy.exclude_aaaa_len),
		.max = DNS64_EXCLUDE_MAX,
		.of = &item_prefix6,
		.standard = "[\"::ffff:0:0/96\"]",
		.help = "AAAA records in these ranges count as absent (RFC 6147 s5.1.4)." },
	{ .path = "dns64.exclude-a",
		.shape = &shape_list,
		.at = AT(dns64.policy.exclude_a),
		.len_at = AT(dns64.policy.exclude_a_len),
		.max = DNS64_EXCLUDE_MAX,
		.of = &item_prefix4,
		.standard = "[]",
		.help = "A records in these ranges are not used for synthesis." },
	{ .path = "dns64.ranges",
		.shape = &shape_list,
		.at = AT(dns64.policy.ranges),
		.len_at = AT(dns64.policy.ranges_len),
		.max = DNS64_RANGES_MAX,
		.of = &item_range,
		.standard = "[]",
		.help = "Ranges of IPv4 addresses that have a prefix of their own instead of dns64.prefixes, "
			"such as "
			"\"10.0.0.0/8 via 2001:db8:64::/96\"; the longest range counts." },
	{ .path = "dns64.never-synthesize",
		.shape = &shape_list,
		.at = AT(dns64.policy.never),
		.len_at = AT(dns64.policy.never_len),
		.max = DNS64_DOMAINS_MAX,
		.of = &item_domain,
		.standard = "[]",
		.help = "Domains whose names, and all names below, are answered without synthesis; of these "
			"and "
			"dns64.always-synthesize the longest domain counts." },
	{ .path = "dns64.always-synthesize",
		.shape = &shape_list,
		.at = AT(dns64.policy.always),
		.len_at = AT(dns64.policy.always_len),
		.max = DNS64_DOMAINS_MAX,
		.of = &item_domain,
		.standard = "[]",
		.help = "Domains whose AAAA records count as absent, so that all traffic goes through the "
			"translator." },
	{ .path = "dns64.ptr",
		.shape = &shape_switch,
		.at = AT(dns64.policy.ptr_is_direct),
		.of = CHOICES(ptr_words),
		.standard = "cname",
		.help = "How names for synthesized addresses are given: cname, a CNAME record that leads to "
			"the name in in-addr.arpa; or direct, its PTR records as if they were the "
			"synthesized "
			"address's own (RFC 6147 s5.3.1)." },
	{ .path = "dns64.dnssec",
		.shape = &shape_switch,
		.at = AT(dns64.dnssec_validate),
		.of = CHOICES(dnssec_words),
		.standard = "validate",
		.change = CONF_CHANGE_RESTART,
		.help = "validate checks the signatures of answers and refuses forged ones; off believes the "
			"upstream." },
	{ .path = "dns64.answer-cache",
		.shape = &shape_number,
		.at = AT(dns64.answer_cache),
		.max = 1u << 24,
		.standard = "100000",
		.help = "How many answers are kept as they were written, to be given again while their TTLs last; 0 "
			"for none." },
	{ .path = "dns64.allow-non-global",
		.shape = &shape_flag,
		.at = AT(dns64.policy.allow_non_global),
		.standard = "false",
		.help = "Synthesize from private and documentation IPv4 addresses with 64:ff9b::/96 too; if "
			"not written, as "
			"nat64.allow-non-global." },
	{ .path = "dns64.views",
		.shape = &shape_views,
		.max = DNS64_VIEWS_MAX,
		.standard = "[]",
		.help = "Clients that get something else than the others; the longest prefix that holds a "
			"client "
			"decides. What a view leaves out is as in dns64." },
};
const struct conf_keys conf_dns64_keys = { conf_dns64_rows, CONF_DNS64_ROWS };
