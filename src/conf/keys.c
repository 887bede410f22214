/*
 * keys.c - every key of the configuration, one row each
 *
 * The rows stand in the order of the documentation and of the printed configuration. `standard` is written as
 * an operator would write it and read by the same code.
 */
#include "base/bytes.h"
#include "conf/bindings.h"
#include "conf/clat.h"
#include "conf/dns46.h"
#include "conf/dns64.h"
#include "conf/key.h"
#include "conf/plan.h"
#include "conf/pool.h"
#include "conf/relay.h"
#include "conf/shape.h"
#include "conf/siit.h"
#include "xlat/pkt.h"
#include "dataplane/coalesce.h"
#include "state/owner.h"

#define AT(member) offsetof(struct conf, member)
#define POOL_AT(member) offsetof(struct pool_draft, member)
#define STATIC_AT(member) offsetof(struct static_draft, member)
#define CHOICES(rows) (&(const struct conf_choices){ rows, ARRAY_LEN(rows) })
#define KEYS(rows)                                                                                           \
	{                                                                                                    \
		rows, ARRAY_LEN(rows)                                                                        \
	}
#define DAYS(n) ((n)*86400u)

/* --- words --- */

static const struct conf_choice filtering_words[] = {
	{ "endpoint-independent", FILTER_ENDPOINT_INDEPENDENT, NULL },
	{ "address-dependent", FILTER_ADDRESS_DEPENDENT, NULL },
};

const struct conf_choice conf_fastpath_words[CONF_FASTPATH_WORDS] = {
	{ "auto", CONF_FASTPATH_AUTO, NULL },
	{ "off", CONF_FASTPATH_OFF, NULL },
	{ "tc", CONF_FASTPATH_TC, NULL },
	{ "xdp", CONF_FASTPATH_XDP, NULL },
};

static const struct conf_choice fastpath_mode_words[] = {
	{ "auto", CONF_FASTPATH_MODE_AUTO, NULL },
	{ "redirect", CONF_FASTPATH_MODE_REDIRECT, NULL },
	{ "route", CONF_FASTPATH_MODE_ROUTE, NULL },
};

static const struct conf_choice level_words[] = {
	{ "error", LOG_LEVEL_ERROR, NULL },
	{ "warning", LOG_LEVEL_WARNING, NULL },
	{ "info", LOG_LEVEL_INFO, NULL },
	{ "debug", LOG_LEVEL_DEBUG, NULL },
};

static const struct conf_choice sink_words[] = {
	{ "stderr", LOG_TO_STDERR, NULL },
	{ "syslog", LOG_TO_SYSLOG, NULL },
	{ "journal", LOG_TO_JOURNAL, NULL },
};

static const struct conf_choice udp_gro_words[] = {
	{ "auto", true, NULL },
	{ "off", false, NULL },
};

static const struct conf_choice udp_zero_words[] = {
	{ "compute", UDP_ZERO_COMPUTE, NULL },
	{ "drop", UDP_ZERO_DROP, NULL },
};
const struct conf_choices conf_udp_zero_choices = { udp_zero_words, ARRAY_LEN(udp_zero_words) };

static const struct conf_number power_of_two = { .is_power_of_two = true };
static const struct conf_number flow_count = { .zero_word = "auto" };
static const struct conf_number worker_count = { .zero_word = "auto" };

/* --- nat64 --- */

static const struct conf_key lifetime_rows[] = {
	{ .path = "nat64.lifetimes.udp",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_UDP]),
		.min = 120,
		.max = DAYS(30),
		.of = "RFC 4787 REQ-5",
		.standard = "5m",
		.help = "How long a UDP session lasts after its last packet." },
	{ .path = "nat64.lifetimes.tcp-established",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_TCP_ESTABLISHED]),
		.min = 7440,
		.max = DAYS(30),
		.of = "RFC 5382 REQ-5",
		.standard = "2h4m",
		.help = "How long an established TCP connection may be silent." },
	{ .path = "nat64.lifetimes.tcp-transitory",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_TCP_TRANSITORY]),
		.min = 240,
		.max = DAYS(30),
		.of = "RFC 5382 REQ-5",
		.standard = "4m",
		.help = "How long a TCP connection may be silent while it opens, closes or was reset." },
	{ .path = "nat64.lifetimes.tcp-incoming-syn",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_TCP_INCOMING_SYN]),
		.min = 6,
		.max = 60,
		.of = "RFC 5382 REQ-4",
		.standard = "6s",
		.help = "How long an unsolicited TCP SYN from the IPv4 side waits for the IPv6 side's." },
	{ .path = "nat64.lifetimes.icmp",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_ICMP]),
		.min = 60,
		.max = DAYS(30),
		.of = "RFC 5508 REQ-2",
		.standard = "1m",
		.help = "How long an ICMP echo session lasts after its last packet." },
	{ .path = "nat64.lifetimes.other",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_OTHER]),
		.min = 60,
		.max = DAYS(30),
		.standard = "5m",
		.help = "How long a session of one of nat64.protocols lasts after its last packet." },
	{ .path = "nat64.lifetimes.fragment",
		.shape = &shape_duration,
		.at = AT(nat64.state.lifetime[LIFETIME_FRAGMENT]),
		.min = 2,
		.max = 60,
		.of = "RFC 6146 s4",
		.standard = "2s",
		.help = "How long fragments wait for the rest of their packet." },
};
const struct conf_keys conf_lifetime_keys = KEYS(lifetime_rows);

static const struct conf_key pool_rows[] = {
	{ .path = "nat64.pool[].address",
		.shape = &shape_item,
		.at = POOL_AT(prefix),
		.of = &item_prefix4,
		.help = "One IPv4 address, or a prefix (/16 or longer) all of whose addresses are lent "
			"out." },
	{ .path = "nat64.pool[].interface",
		.shape = &shape_item,
		.at = POOL_AT(interface),
		.of = &item_interface,
		.help = "Share the host's own address: the primary IPv4 address of this interface; auto is "
			"the interface of the "
			"IPv4 default route." },
	{ .path = "nat64.pool[].shared",
		.shape = &shape_flag,
		.at = POOL_AT(is_shared),
		.standard = "false",
		.help = "The address is the host's own: what has no binding belongs to the host." },
	{ .path = "nat64.pool[].ports",
		.shape = &shape_item,
		.at = POOL_AT(ports),
		.of = &item_ports,
		.help = "The range of ports, and of ICMP identifiers, that is lent out: 1024-65535 if not "
			"written, of a shared "
			"address 49152-65535." },
	{ .path = "nat64.pool[].subscribers",
		.shape = &shape_list,
		.at = POOL_AT(subscribers),
		.len_at = POOL_AT(subscribers_len),
		.min = 1,
		.max = STATE_MEMBERS_MAX,
		.of = &item_prefix6,
		.help = "Whom the entry is for: subscribers in these IPv6 prefixes, and nobody else. The "
			"longest "
			"prefix that holds a subscriber decides; who is in none borrows from the entries "
			"without "
			"this key." },
	{ .path = "nat64.pool[].deterministic-blocks",
		.shape = &shape_number,
		.at = POOL_AT(fixed_blocks),
		.min = 0,
		.max = 1024,
		.standard = "0",
		.help = "How many blocks each of the subscribers has by computation (RFC 7422), so that "
			"isthmus "
			"who needs no log to tell whose a port is; 0: none." },
};
const struct conf_keys conf_pool_keys = KEYS(pool_rows);

static const struct conf_key static_rows[] = {
	{ .path = "nat64.static[].protocol",
		.shape = &shape_item,
		.at = STATIC_AT(proto),
		.of = &item_static_protocol,
		.is_required = true,
		.help = "tcp, udp, icmp, or as in nat64.protocols." },
	{ .path = "nat64.static[].outside",
		.shape = &shape_item,
		.at = STATIC_AT(outside),
		.of = &item_outside,
		.is_required = true,
		.help = "The IPv4 address and port (of icmp the identifier). The address is in the pool; the "
			"port may "
			"lie outside the pool's range." },
	{ .path = "nat64.static[].inside",
		.shape = &shape_item,
		.at = STATIC_AT(inside),
		.of = &item_inside,
		.is_required = true,
		.help = "The IPv6 address and port (of icmp the identifier) of the host that is reached." },
};
const struct conf_keys conf_static_keys = KEYS(static_rows);

static const struct conf_key nat64_rows[] = {
	{ .path = "nat64.prefixes",
		.shape = &shape_list,
		.at = AT(nat64.prefixes),
		.len_at = AT(nat64.prefixes_len),
		.min = 1,
		.max = STATE_PREFIXES_MAX,
		.of = &item_translation_prefix,
		.standard = "[64:ff9b::/96]",
		.check = plan_check_prefixes,
		.help = "The IPv6 prefixes that stand for the IPv4 internet (RFC 6052); the length is 32, "
			"40, 48, 56, 64 or 96." },
	{ .path = "nat64.pool",
		.shape = &shape_pool,
		.min = 1,
		.max = POOL_ENTRIES_MAX,
		.standard = "[{ interface: auto }]",
		.help = "The IPv4 addresses and ports to lend out." },
	{ .path = "nat64.ports-per-block",
		.shape = &shape_number,
		.at = AT(nat64.state.ports_per_block),
		.min = 64,
		.max = 32768,
		.of = &power_of_two,
		.standard = "512",
		.change = CONF_CHANGE_RESTART,
		.help = "Ports are lent to a subscriber in blocks of this many; a power of two." },
	{ .path = "nat64.subscriber",
		.shape = &shape_number,
		.at = AT(nat64.state.subscriber_len),
		.min = 32,
		.max = 128,
		.standard = "64",
		.change = CONF_CHANGE_RESTART,
		.help = "The length of the IPv6 prefix that counts as one subscriber." },
	{ .path = "nat64.max-blocks-per-subscriber",
		.shape = &shape_number,
		.at = AT(nat64.state.max_blocks_per_subscriber),
		.min = 1,
		.max = 65535,
		.standard = "8",
		.help = "How many blocks one subscriber may hold at a time." },
	{ .path = "nat64.max-sessions-per-subscriber",
		.shape = &shape_number,
		.at = AT(nat64.state.max_sessions_per_subscriber),
		.max = 1u << 26,
		.standard = "0",
		.help = "How many sessions one subscriber may have at a time; 0: as many as there is room "
			"for." },
	{ .path = "nat64.new-sessions-per-second",
		.shape = &shape_number,
		.at = AT(nat64.state.new_sessions_per_second),
		.max = 1000000,
		.standard = "0",
		.help = "How many sessions a second one subscriber may open, on average, and at once; 0: no "
			"limit. "
			"What is faster is dropped and counted (SUBSCRIBER_RATE)." },
	{ .path = "nat64.protocols",
		.shape = &shape_list,
		.at = AT(nat64.state.protocols),
		.len_at = AT(nat64.state.protocols_len),
		.max = STATE_PROTOCOLS_MAX,
		.of = &item_protocol,
		.standard = "[]",
		.help = "Transport protocols beside TCP, UDP and ICMP that are translated, by address: a "
			"host gets "
			"an address of the pool for each." },
	{ .path = "nat64.protocol-hosts-per-subscriber",
		.shape = &shape_number,
		.at = AT(nat64.state.hosts_per_subscriber),
		.min = 1,
		.max = STATE_HOSTS_MAX,
		.standard = "1",
		.help = "How many hosts of one subscriber may use each of nat64.protocols at a time." },
	{ .path = "nat64.filtering",
		.shape = &shape_choice,
		.at = AT(nat64.state.filtering),
		.of = CHOICES(filtering_words),
		.standard = "endpoint-independent",
		.help = "Who may answer through a binding: anybody (endpoint-independent), or only addresses "
			"that the IPv6 host "
			"has sent to (address-dependent)." },
	{ .path = "nat64.max-sessions",
		.shape = &shape_number,
		.at = AT(nat64.state.max_sessions),
		.min = 16,
		.max = 1u << 26,
		.standard = "1000000",
		.help = "How many sessions there may be at a time; their memory is taken at the start, so a "
			"reload cannot "
			"raise it above its value then." },
	{ .path = "nat64.static",
		.shape = &shape_statics,
		.max = CONF_STATICS_MAX,
		.standard = "[]",
		.help = "Bindings that always exist, so that IPv4 hosts can reach an IPv6 host." },
	{ .path = "nat64.lifetimes",
		.shape = &shape_mapping,
		.of = &conf_lifetime_keys,
		.standard = "{}",
		.help = "How long sessions live without packets." },
	{ .path = "nat64.deny",
		.shape = &shape_list,
		.at = AT(nat64.deny),
		.len_at = AT(nat64.deny_len),
		.max = NAT64_DENY_MAX,
		.of = &item_prefix4,
		.standard = "[0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/4, 240.0.0.0/4]",
		.help = "IPv4 destinations that are never translated to." },
	{ .path = "nat64.allow-non-global",
		.shape = &shape_flag,
		.at = AT(nat64.allow_non_global),
		.standard = "false",
		.help = "Let 64:ff9b::/96 stand for private and documentation IPv4 addresses too, which RFC "
			"6052 s3.1 forbids; "
			"other prefixes always may." },
	{ .path = "nat64.lowest-ipv6-mtu",
		.shape = &shape_number,
		.at = AT(nat64.lowest_ipv6_mtu),
		.min = IP6_MIN_MTU,
		.max = 65535,
		.standard = "1280",
		.help = "IPv4 packets that may be fragmented are cut so that they fit every IPv6 link of the "
			"network, "
			"whose smallest MTU this is (RFC 7915 s4)." },
	{ .path = "nat64.udp-zero-checksum",
		.shape = &shape_choice,
		.at = AT(nat64.udp_zero),
		.of = &conf_udp_zero_choices,
		.standard = "compute",
		.help = "What becomes of a UDP datagram over IPv4 that has no checksum: compute one, or drop "
			"it "
			"(RFC 7915 s4.5)." },
	{ .path = "nat64.ftp-alg",
		.shape = &shape_flag,
		.at = AT(nat64.ftp_alg),
		.standard = "true",
		.help = "Let IPv6 clients use FTP servers that know only IPv4: change EPSV and EPRT on "
			"control connections to "
			"port 21 (RFC 6384)." },
	{ .path = "nat64.workers",
		.shape = &shape_number,
		.at = AT(workers),
		.min = 1,
		.max = OWNERS_MAX,
		.of = &worker_count,
		.standard = "auto",
		.change = CONF_CHANGE_RESTART,
		.help = "How many threads translate; auto is one for each processor. A pool of few port "
			"blocks gets fewer." },
	{ .path = "nat64.state-file",
		.shape = &shape_item,
		.at = AT(state_file),
		.of = &item_state_path,
		.standard = "/var/lib/isthmus/sessions",
		.help = "Where sessions are kept over a restart: the file that they are written to at a stop "
			"and read from at the next start; none: they end." },
	{ .path = "nat64.fastpath",
		.shape = &shape_choice,
		.at = AT(flowpath.fastpath),
		.of = CHOICES(conf_fastpath_words),
		.standard = "auto",
		.help = "Where packets of known flows are translated by an eBPF program, without the "
			"translator: at tc, or xdp (at the driver where that works, else as tc); auto has "
			"XDP "
			"where it is the better, else tc; off." },
	{ .path = "nat64.fastpath-mode",
		.shape = &shape_choice,
		.at = AT(flowpath.mode),
		.of = CHOICES(fastpath_mode_words),
		.standard = "auto",
		.help = "How such packets go on: redirect sends them out at once, past the host's firewall; "
			"route has the host's routing and rules see them; auto is route if the host has "
			"rules "
			"for forwarded packets, else redirect." },
	{ .path = "nat64.fastpath-interfaces",
		.shape = &shape_list,
		.at = AT(flowpath.interfaces),
		.len_at = AT(flowpath.interfaces_len),
		.max = CONF_FASTPATH_INTERFACES_MAX,
		.of = &item_interface,
		.standard = "[]",
		.help = "The interfaces that get the program; none written: all that carry packets." },
	{ .path = "nat64.fastpath-flows",
		.shape = &shape_number,
		.at = AT(flowpath.flows),
		.min = 1,
		.max = CONF_FASTPATH_FLOWS_MAX,
		.of = &flow_count,
		.standard = "auto",
		.change = CONF_CHANGE_RESTART,
		.help = "For how many flows there is room, rounded up to a power of two; auto is one for "
			"each "
			"of nat64.max-sessions, but at most 262144." },
	{ .path = "nat64.udp-gro",
		.shape = &shape_switch,
		.at = AT(udp_gro),
		.of = CHOICES(udp_gro_words),
		.standard = "auto",
		.change = CONF_CHANGE_RESTART,
		.help = "Let the interfaces that have GRO join small datagrams of a flow (ethtool's "
			"rx-udp-gro-forwarding)." },
	{ .path = "nat64.gro-wait-us",
		.shape = &shape_number,
		.at = AT(gro_wait_us),
		.max = COALESCE_WAIT_MAX_US,
		.standard = "0",
		.change = CONF_CHANGE_RESTART,
		.help = "How many microseconds an interface may hold packets so that they can be joined; 0 "
			"leaves that as it is." },
};
const struct conf_keys conf_nat64_keys = KEYS(nat64_rows);

/* --- control and log --- */

static const struct conf_key control_rows[] = {
	{ .path = "control.socket",
		.shape = &shape_item,
		.at = AT(control.socket),
		.of = &item_socket,
		.standard = "/run/isthmus/control.sock",
		.change = CONF_CHANGE_RESTART,
		.help = "The socket that isthmus status and the other commands talk to." },
	{ .path = "control.metrics",
		.shape = &shape_item,
		.at = AT(control.metrics),
		.of = &item_metrics,
		.standard = "\"[::1]:9964\"",
		.change = CONF_CHANGE_RESTART,
		.help = "Where Prometheus metrics and the status page are served over HTTP, or off." },
};
const struct conf_keys conf_control_keys = KEYS(control_rows);

static const struct conf_key log_rows[] = {
	{ .path = "log.level",
		.shape = &shape_choice,
		.at = AT(log.level),
		.of = CHOICES(level_words),
		.standard = "info",
		.help = "The least important lines that are written: error, warning, info or debug." },
	{ .path = "log.to",
		.shape = &shape_words,
		.at = AT(log.sinks),
		.min = 1,
		.max = 3,
		.of = CHOICES(sink_words),
		.standard = "[stderr]",
		.change = CONF_CHANGE_RESTART,
		.help = "Where lines go: stderr, syslog, journal." },
	{ .path = "log.bindings",
		.shape = &shape_mapping,
		.of = &conf_bindings_keys,
		.standard = "{}",
		.check = bindings_check,
		.help = "The log of who had which IPv4 address and ports." },
	{ .path = "log.queries",
		.shape = &shape_mapping,
		.of = &conf_queries_keys,
		.standard = "{}",
		.check = queries_check,
		.help = "The log of who asked the resolver what." },
};
const struct conf_keys conf_log_keys = KEYS(log_rows);

/* --- sections --- */

const struct conf_section conf_sections[CONF_SECTIONS] = {
	{ .name = "nat64",
		.keys = KEYS(nat64_rows),
		.is_optional = true,
		.presence_at = AT(has_nat64),
		.finish = plan_check_nat64,
		.help = "Stateful NAT64." },
	{ .name = "siit",
		.keys = { conf_siit_rows, CONF_SIIT_ROWS },
		.is_optional = true,
		.presence_at = AT(has_siit),
		.finish = siit_finish,
		.help = "Stateless translation." },
	{ .name = "dns64",
		.keys = { conf_dns64_rows, CONF_DNS64_ROWS },
		.is_optional = true,
		.presence_at = AT(has_dns64),
		.finish = plan_check_dns64,
		.help = "The resolver that synthesizes AAAA records." },
	{ .name = "clat",
		.keys = { conf_clat_rows, CONF_CLAT_KEYS },
		.is_optional = true,
		.presence_at = AT(has_clat),
		.finish = clat_check,
		.help = "The customer side of 464XLAT: IPv4 for this host, and for networks behind it, "
			"through a NAT64 "
			"elsewhere." },
	{ .name = "dns46",
		.keys = { conf_dns46_rows, CONF_DNS46_ROWS },
		.is_optional = true,
		.presence_at = AT(has_dns46),
		.finish = dns46_finish,
		.help = "IPv4 clients reach IPv6-only hosts: A records of addresses that are lent for a "
			"while." },
	{ .name = "relay",
		.keys = { conf_relay_rows, CONF_RELAY_ROWS },
		.is_optional = true,
		.presence_at = AT(has_relay),
		.finish = relay_finish,
		.help = "Relays of connections and requests between the families: web proxies, SOCKS, TCP "
			"and UDP." },
	{ .name = "tunnel",
		.keys = { conf_tunnel_rows, CONF_TUNNEL_ROWS },
		.is_optional = true,
		.presence_at = AT(has_tunnel),
		.finish = tunnel_finish,
		.help = "IPv6 for a site that has IPv4 only, by way of a broker." },
	{ .name = "control",
		.keys = KEYS(control_rows),
		.help = "The control socket, metrics and the status page." },
	{ .name = "log", .keys = KEYS(log_rows), .help = "The log." },
};
