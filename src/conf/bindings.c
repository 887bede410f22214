/* bindings.c - the keys of log.bindings; see bindings.h */
#include "conf/bindings.h"

#include "base/bytes.h"
#include "conf/shape.h"

#define AT(member) offsetof(struct conf, log.bindings.member)

static const struct conf_choice to_words[] = {
	{ "file", 1u << BINDLOG_FILE, NULL },
	{ "syslog", 1u << BINDLOG_SYSLOG, NULL },
	{ "ipfix", 1u << BINDLOG_IPFIX, NULL },
};

static const struct conf_choice detail_words[] = {
	{ "block", STATE_TELL_BLOCKS, NULL },
	{ "binding", STATE_TELL_BINDINGS, NULL },
	{ "session", STATE_TELL_SESSIONS, NULL },
};

static const struct conf_choice transport_words[] = {
	{ "udp", false, NULL },
	{ "tcp", true, NULL },
};

static const struct conf_choices to_choices = { to_words, ARRAY_LEN(to_words) };
static const struct conf_choices detail_choices = { detail_words, ARRAY_LEN(detail_words) };
static const struct conf_choices transport_choices = { transport_words, ARRAY_LEN(transport_words) };
static const struct conf_number power_of_two = { .is_power_of_two = true };

static const struct conf_key rows[] = {
	{ .path = "log.bindings.to",
		.shape = &shape_words,
		.at = AT(sinks),
		.max = 3,
		.of = &to_choices,
		.standard = "[]",
		.change = CONF_CHANGE_RESTART,
		.help = "Where the binding log goes: file, syslog, ipfix; an empty list switches it off." },
	{ .path = "log.bindings.path",
		.shape = &shape_item,
		.at = AT(path),
		.of = &item_log_path,
		.standard = "/var/log/isthmus/bindings.log",
		.change = CONF_CHANGE_RESTART,
		.help = "The file; opened anew at each reload, for whoever rotates it." },
	{ .path = "log.bindings.detail",
		.shape = &shape_choice,
		.at = offsetof(struct conf, nat64.state.watch.detail),
		.of = &detail_choices,
		.standard = "block",
		.help = "What is logged: block (which subscriber had which ports), binding (which host had "
			"which "
			"port), or session (the destinations, too)." },
	{ .path = "log.bindings.buffer",
		.shape = &shape_number,
		.at = AT(buffer),
		.min = 1024,
		.max = 1u << 22,
		.of = &power_of_two,
		.standard = "65536",
		.change = CONF_CHANGE_RESTART,
		.help = "How many events of a worker wait while the log is slow; more are lost, and "
			"counted." },
	{ .path = "log.bindings.syslog",
		.shape = &shape_item,
		.at = AT(syslog),
		.of = &item_syslog_path,
		.standard = "/dev/log",
		.change = CONF_CHANGE_RESTART,
		.help = "The socket of the system's log." },
	{ .path = "log.bindings.collector",
		.shape = &shape_item,
		.at = AT(collector),
		.of = &item_collector,
		.standard = "none",
		.change = CONF_CHANGE_RESTART,
		.help = "The address and port of the IPFIX collector." },
	{ .path = "log.bindings.transport",
		.shape = &shape_switch,
		.at = AT(is_tcp),
		.of = &transport_choices,
		.standard = "udp",
		.change = CONF_CHANGE_RESTART,
		.help = "How the collector is reached: udp or tcp." },
	{ .path = "log.bindings.observation-domain",
		.shape = &shape_number,
		.at = AT(domain),
		.max = UINT32_MAX,
		.standard = "1",
		.change = CONF_CHANGE_RESTART,
		.help = "The number by which the collector tells this gateway from others at the same "
			"address." },
	{ .path = "log.bindings.template-refresh",
		.shape = &shape_duration,
		.at = AT(refresh),
		.min = 1,
		.max = 86400,
		.of = "a collector over UDP",
		.standard = "1m",
		.change = CONF_CHANGE_RESTART,
		.help = "How often the templates are sent again over UDP (RFC 7011 s8.1)." },
};
const struct conf_keys conf_bindings_keys = { rows, ARRAY_LEN(rows) };

void bindings_check(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base)
{
	const struct conf_bindings *b = &r->c->log.bindings;
	bool wants_ipfix = b->sinks & 1u << BINDLOG_IPFIX;

	if (wants_ipfix && !b->collector.is_on)
		reading_fault(r, reading_line(r, n),
			"ipfix needs a collector, write collector: with an address and port such as "
			"\"192.0.2.50:4739\"");
	if (!wants_ipfix && b->collector.is_on)
		reading_warning(r, reading_line(r, n),
			"there is a collector, but to: does not have ipfix, add it or remove the collector");
	if (b->sinks == 0 && !r->is_default && node_find(n, "path"))
		reading_warning(r, reading_line(r, n),
			"there is a path, but to: is empty, so nothing is logged; write to: [file]");
	if (b->sinks != 0 && !r->c->has_nat64)
		reading_warning(
			r, reading_line(r, n), "there is no section nat64, so there are no bindings to log");
}
