/* dns.c - `isthmus dns`; lookup: why the resolver answers what it answers */
#include "cmd/client.h"
#include "cmd/dns_cache.h"
#include "cmd/dns_text.h"

#include <string.h>

#define PATH "isthmus dns lookup"

static void lookup_row(void *ctx, const json_t *r, const char *line)
{
	const char *spec = row_text(r, "spec");
	bool is_record = strcmp(row_text(r, "step"), "record") == 0;

	printf("%s%s%s%s%s\n", is_record ? "  " : "", row_text(r, "text"), spec[0] ? " (" : "", spec,
		spec[0] ? ")" : "");
}

static int do_lookup(const struct options *o)
{
	const char *type = o->operands_len > 1 ? o->operands[1] : "AAAA";
	struct dns_name name;
	const char *path;
	uint16_t number;
	char why[512];

	if (!dns_name_parse(o->operands[0], &name))
		return command_usage_error(PATH, "\"%s\" is no domain name", o->operands[0]);
	if (!dns_type_parse(type, &number))
		return command_usage_error(
			PATH, "\"%s\" is no type of records, such as AAAA, A, PTR or TYPE65", type);
	int status = client_socket(o, &path);

	if (status != STATUS_OK)
		return status;
	json_t *args = json_pack("{s:s, s:s, s:b, s:b, s:s*}", "name", o->operands[0], "type", type, "dnssec",
		option_is_set(o, OPTION_DNSSEC), "checking_disabled", option_is_set(o, OPTION_CD), "from",
		o->value[OPTION_FROM]);
	struct question q = { .cmd = "lookup",
		.role = "resolver",
		.args = args,
		.row = option_is_set(o, OPTION_JSON) ? client_print_row : lookup_row };
	enum client_answer answer = client_ask(path, &q, why, sizeof(why));

	json_decref(args);
	return answer == CLIENT_COMPLETE ? STATUS_OK : client_complain(why);
}

const struct command dns_commands[] = {
	{
		.name = "lookup",
		.operands = "NAME [TYPE]",
		.summary = "Ask the resolver, and show step by step why the answer is what it is",
		.text = "TYPE is AAAA if it is left out. The query is planned, asked and judged as one of "
			"the client\n"
			"--from, with its view, but is not counted, and its answer not kept. The steps name "
			"their\n"
			"sections of RFCs; the last lines are the records.\n"
			"\n"
			"Examples:\n"
			"  isthmus dns lookup www.example.net\n"
			"  isthmus dns lookup www.example.net AAAA --from 2001:db8:1::2\n"
			"  isthmus dns lookup www.example.net --dnssec --json\n",
		.takes = TAKES(OPTION_JSON) | TAKES(OPTION_SOCKET) | TAKES(OPTION_CONFIG) |
			 TAKES(OPTION_FROM) | TAKES(OPTION_DNSSEC) | TAKES(OPTION_CD),
		.operands_min = 1,
		.operands_max = 2,
		.run = do_lookup,
	},
	{
		.name = "cache",
		.operands = "show|flush ...",
		.summary = "List the answers that are kept, or have names asked for anew",
		.text = "Examples:\n"
			"  isthmus dns cache show example.net\n"
			"  isthmus dns cache flush www.example.net\n",
		.subcommands = dns_cache_commands,
	},
	{ .name = NULL },
};
