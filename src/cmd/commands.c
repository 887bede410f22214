/* commands.c - the table of all commands: names, options, help */
#include "cmd/command.h"

#define ASKING (TAKES(OPTION_JSON) | TAKES(OPTION_SOCKET) | TAKES(OPTION_CONFIG))

const struct command main_commands[] = {
	{
		.name = "run",
		.operands = "",
		.summary = "Start the gateway on this host, in the foreground",
		.text = "Sets up the TUN device, addresses and routes, starts the translator and the "
			"resolver as\n"
			"unprivileged processes, and serves until SIGTERM or SIGINT; then undoes all of it.\n"
			"Without a configuration file, NAT64 with 64:ff9b::/96 shares the host's own IPv4 "
			"address,\n"
			"and DNS64 forwards to the system's resolvers. Needs root.\n"
			"\n"
			"Examples:\n"
			"  isthmus run\n"
			"  isthmus run --config ./isthmus.yaml\n",
		.takes = TAKES(OPTION_CONFIG) | TAKES(OPTION_BUILT_IN),
		.run = command_do_run,
	},
	{
		.name = "check",
		.operands = "[FILE]",
		.summary = "Check a configuration file, or what this machine lacks",
		.text = "Every error is one line, `file:line: key: what is wrong, what would be right`, and "
			"the exit\n"
			"status is 2. Without FILE, " CONFIG_PATH_DEFAULT
			" is checked, or the built-in configuration if\n"
			"there is no such file.\n"
			"\n"
			"Examples:\n"
			"  isthmus check ./isthmus.yaml\n"
			"  isthmus check --host              what is missing on this machine\n"
			"  isthmus check --print             the configuration with all defaults filled in\n",
		.takes = TAKES(OPTION_HOST) | TAKES(OPTION_PRINT) | TAKES(OPTION_JSON),
		.operands_max = 1,
		.run = command_do_check,
	},
	{
		.name = "status",
		.operands = "",
		.summary = "Show what runs, since when, and how busy it is",
		.text = "Examples:\n"
			"  isthmus status\n"
			"  isthmus status --json | jq .sessions\n",
		.takes = ASKING,
		.run = command_do_status,
	},
	{
		.name = "sessions",
		.operands = "",
		.summary = "List the sessions: who talks to whom through the translator",
		.text = "CLIENT is the IPv6 host, VIA the IPv4 address and port lent to it, REMOTE the IPv4 "
			"host.\n"
			"\n"
			"Examples:\n"
			"  isthmus sessions --proto tcp --limit 20\n"
			"  isthmus sessions --client 2001:db8::5\n"
			"  isthmus sessions --client 2001:db8:0:7::/64 --json\n",
		.takes = ASKING | TAKES(OPTION_PROTO) | TAKES(OPTION_CLIENT) | TAKES(OPTION_LIMIT),
		.run = command_do_sessions,
	},
	{
		.name = "bib",
		.operands = "",
		.summary = "List the bindings: which IPv4 address and port stands for which client",
		.text = "The binding information bases of RFC 6146, one row per binding.\n"
			"\n"
			"Examples:\n"
			"  isthmus bib\n"
			"  isthmus bib --proto udp --client 2001:db8::5\n",
		.takes = ASKING | TAKES(OPTION_PROTO) | TAKES(OPTION_CLIENT) | TAKES(OPTION_LIMIT),
		.run = command_do_bib,
	},
	{
		.name = "pool",
		.operands = "",
		.summary = "Show the IPv4 addresses that are lent out, and how full they are",
		.text = "A block is a run of ports that one subscriber borrows at a time.\n"
			"\n"
			"Example:\n"
			"  isthmus pool\n",
		.takes = ASKING | TAKES(OPTION_LIMIT),
		.run = command_do_pool,
	},
	{
		.name = "who",
		.operands = "ADDRESS[:PORT] | SUBSCRIBER",
		.summary = "Show which subscriber has an IPv4 address and port, now or at some time",
		.text = "The first row is the block of ports that the subscriber has; below it, the bindings "
			"that use "
			"the\n"
			"very port. Without PORT, the rows are the hosts that have the address as a whole, "
			"for protocols\n"
			"without ports (nat64.protocols). With --at, the binding log says who had it then\n"
			"(log.bindings in the configuration), rotated files included; the daemon is not "
			"asked.\n"
			"TIME is UTC with a Z, or local time.\n"
			"With --config and without --at, deterministic blocks (RFC 7422) are computed from "
			"that file\n"
			"alone, whether the gateway runs or not: whose a port is, or the other way which "
			"ports a\n"
			"SUBSCRIBER, an IPv6 address or prefix, has. For an earlier time name the file of "
			"that time.\n"
			"\n"
			"Examples:\n"
			"  isthmus who 192.0.2.2:2000\n"
			"  isthmus who 192.0.2.2\n"
			"  isthmus who 192.0.2.2:2000 --at 2026-11-25T14:03:05Z\n"
			"  isthmus who 192.0.2.2:2000 --at '2026-11-25 15:03:05' --log "
			"/srv/log/bindings.log\n"
			"  isthmus who 203.0.113.7:2000 --config OLD.yaml\n"
			"  isthmus who 2001:db8:1000::/64 --config /etc/isthmus/isthmus.yaml\n",
		.takes = ASKING | TAKES(OPTION_AT) | TAKES(OPTION_LOG),
		.operands_min = 1,
		.operands_max = 1,
		.run = command_do_who,
	},
	{
		.name = "dns46",
		.operands = "",
		.summary = "List the IPv4 addresses that are lent to IPv6-only hosts for IPv4 clients",
		.text = "TARGET is the IPv6 host that packets to ADDRESS reach; EXPIRES is when the last A "
			"record\n"
			"runs out, IDLE the time since the last packet. An address goes on leading to its "
			"target\n"
			"until it is lent anew. --client shows only targets in a prefix.\n"
			"\n"
			"Examples:\n"
			"  isthmus dns46\n"
			"  isthmus dns46 --client 2001:db8::80 --json\n",
		.takes = ASKING | TAKES(OPTION_CLIENT) | TAKES(OPTION_LIMIT),
		.run = command_do_dns46,
	},
	{
		.name = "relay",
		.operands = "",
		.summary = "List who is being served by the relays, and where to",
		.text = "CLIENT is who came, TO where it goes: the name or address that was asked for, and "
			"the\n"
			"address that was reached. UP is what the client has sent, DOWN what it got. The\n"
			"services and their sums are in `isthmus status`. --client shows only clients in a\n"
			"prefix, of either family.\n"
			"\n"
			"Examples:\n"
			"  isthmus relay --limit 20\n"
			"  isthmus relay --client 10.0.0.0/8 --json\n",
		.takes = ASKING | TAKES(OPTION_CLIENT) | TAKES(OPTION_LIMIT),
		.run = command_do_relay,
	},
	{
		.name = "counters",
		.operands = "",
		.summary = "Show what was translated, dropped and answered, and why",
		.text = "Every packet that is dropped is counted under a reason; zero counters are left "
			"out.\n"
			"WHICH says of drops which packets they were, most of them first: 64 is from IPv6 "
			"to\n"
			"IPv4, 46 the other way. --by gives each of these a line of its own.\n"
			"\n"
			"Examples:\n"
			"  isthmus counters\n"
			"  isthmus counters --by protocol\n"
			"  isthmus counters --by direction,protocol\n"
			"  isthmus counters --all            the meaning of every counter\n",
		.takes = ASKING | TAKES(OPTION_ALL) | TAKES(OPTION_BY),
		.run = command_do_counters,
	},
	{
		.name = "trace",
		.operands = "[CLIENT|ADDRESS[:PORT]]",
		.summary = "Follow the packets of one flow, and show what is decided for each, and why",
		.text = "CLIENT is an IPv6 address, a prefix, or [ADDRESS]:PORT; ADDRESS is the IPv4\n"
			"address that stands for a client. Each step names its section of an RFC. Ends with\n"
			"Ctrl-C, or as --count and --seconds say. The gateway never waits: where too much\n"
			"passes, packets are left out, and it is said how many. At most four traces run at\n"
			"a time.\n"
			"\n"
			"Examples:\n"
			"  isthmus trace 2001:db8:1::2\n"
			"  isthmus trace 2001:db8:1::2 --to 198.51.100.10 --port 443 --count 5\n"
			"  isthmus trace 192.0.2.2:2000\n",
		.takes = ASKING | TAKES(OPTION_PROTO) | TAKES(OPTION_TO) | TAKES(OPTION_PORT) |
			 TAKES(OPTION_COUNT_OF) | TAKES(OPTION_SECONDS),
		.operands_max = 1,
		.run = command_do_trace,
	},
	{
		.name = "explain",
		.operands = "[HEX|FILE|-]...",
		.summary = "Show what the gateway would do with a packet, step by step, and why",
		.text = "Packets are hexadecimal digits from the IP header on, as they are or as tcpdump -x\n"
			"prints them, or a capture file (pcap); without an operand they come from standard\n"
			"input. They go one after the other through empty tables, with the configuration of\n"
			"the running gateway or of --config, and change nothing there. Each step names its\n"
			"section of an RFC.\n"
			"\n"
			"Examples:\n"
			"  isthmus explain 6000000000083aff20010db8000100000000000000000002...\n"
			"  tcpdump -i isthmus0 -c 3 -w - | isthmus explain\n"
			"  isthmus explain --config ./isthmus.yaml --json capture.pcap\n",
		.takes = ASKING | TAKES(OPTION_BUILT_IN),
		.operands_max = OPERANDS_MAX,
		.run = command_do_explain,
	},
	{
		.name = "address",
		.operands = "embed|extract|explain ...",
		.summary = "Put an IPv4 address into an IPv6 address, take it out, or explain an address",
		.text = "Examples:\n"
			"  isthmus address embed 64:ff9b::/96 192.0.2.33\n"
			"  isthmus address extract 64:ff9b::c000:221\n"
			"  isthmus address explain 2001:db8:122:344::192.0.2.33\n",
		.subcommands = address_commands,
	},
	{
		.name = "dns",
		.operands = "lookup|cache ...",
		.summary = "Ask the resolver why an answer is what it is; list and flush its cache",
		.text = "Examples:\n"
			"  isthmus dns lookup www.example.net --from 2001:db8:1::2\n"
			"  isthmus dns cache show example.net\n"
			"  isthmus dns cache flush www.example.net\n",
		.subcommands = dns_commands,
	},
	{
		.name = "reload",
		.operands = "",
		.summary = "Have the running gateway take over its changed configuration file",
		.text = "No flow that the new configuration allows is dropped. If the file has errors "
			"(status 2), or\n"
			"changes something that needs a restart (status 1), nothing changes and the reason "
			"is printed.\n"
			"\n"
			"Example:\n"
			"  isthmus check /etc/isthmus/isthmus.yaml && isthmus reload\n",
		.takes = ASKING,
		.run = command_do_reload,
	},
	{
		.name = "version",
		.operands = "",
		.summary = "Print the version",
		.text = "",
		.takes = TAKES(OPTION_JSON),
		.run = command_do_version,
	},
	{ .name = NULL },
};
