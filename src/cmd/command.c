/* command.c - reading a command line against the tables, and the help that the tables hold */
#include "cmd/command.h"

#include "base/bytes.h"

#include <stdarg.h>
#include <string.h>

#define SUGGESTION_DISTANCE 2 /* letters wrong, missing or too many */
#define WORD_MAX 32

static const struct {
	const char *name, *value, *help; /* value: NULL for a flag, else what it is called in the help */
	char letter;			 /* short form, or 0 */
} options[OPTION_COUNT] = {
	[OPTION_HELP] = { "help", NULL, "show this text", 'h' },
	[OPTION_JSON] = { "json", NULL, "one JSON document per line instead of a table", 'j' },
	[OPTION_CONFIG] = { "config", "FILE",
		"configuration file (default: " CONFIG_PATH_DEFAULT ", or built in)", 'c' },
	[OPTION_SOCKET] = { "socket", "PATH",
		"control socket of the daemon (default: as the configuration says)", 's' },
	[OPTION_PROTO] = { "proto", "tcp|udp|icmp|sctp|...", "only this protocol", 'p' },
	[OPTION_CLIENT] = { "client", "ADDR", "only this IPv6 client, or the clients of this prefix", 0 },
	[OPTION_LIMIT] = { "limit", "N", "at most N rows", 'n' },
	[OPTION_ALL] = { "all", NULL, "all of them: counters that are zero, the whole cache", 'a' },
	[OPTION_HOST] = { "host", NULL, "tell what this machine has and lacks", 0 },
	[OPTION_PRINT] = { "print", NULL, "print the effective configuration", 0 },
	[OPTION_BUILT_IN] = { "built-in", NULL, "the built-in configuration, whatever files there are", 0 },
	[OPTION_TO] = { "to", "ADDR", "only with this IPv4 host, or the hosts of this prefix", 0 },
	[OPTION_PORT] = { "port", "N", "only with this port of the IPv4 host", 0 },
	[OPTION_COUNT_OF] = { "count", "N", "end after N packets", 0 },
	[OPTION_SECONDS] = { "seconds", "N", "end after N seconds", 0 },
	[OPTION_BY] = { "by", "KEYS", "a line for each direction, protocol, or direction,protocol", 'b' },
	[OPTION_AT] = { "at", "TIME", "at that time, by the binding log", 0 },
	[OPTION_LOG] = { "log", "FILE", "binding log to read (default: as the configuration says)", 0 },
	[OPTION_FROM] = { "from", "CLIENT", "as this client's query (default: ::1)", 0 },
	[OPTION_DNSSEC] = { "dnssec", NULL, "with DO: signatures are wanted", 0 },
	[OPTION_CD] = { "cd", NULL, "with CD: validation is the client's own affair", 0 },
	[OPTION_BELOW] = { "below", NULL, "the names below it, too", 0 },
	[OPTION_PREFIX] = { "prefix", "PREFIX", "translation prefix (default: 64:ff9b::/96)", 0 },
};

/* Other names that people try. */
static const struct {
	const char *alias;
	enum option_id id;
} aliases[] = {
	{ "subscriber", OPTION_CLIENT },
	{ "protocol", OPTION_PROTO },
};

int command_usage_error(const char *path, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry `%s --help`.\n", path);
	return STATUS_USAGE;
}

/* --- help --- */

void command_list(FILE *to, const struct command *commands)
{
	for (const struct command *c = commands; c->name; c++)
		fprintf(to, "  %-10s %s\n", c->name, c->summary);
}

static void print_option(enum option_id id)
{
	char left[40];
	char letter[] = { '-', options[id].letter, ',', ' ', '\0' };

	snprintf(left, sizeof(left), "%s--%s%s%s", options[id].letter ? letter : "    ", options[id].name,
		options[id].value ? " " : "", options[id].value ? options[id].value : "");
	printf("  %-27s %s\n", left, options[id].help);
}

static int print_help(const char *path, const struct command *c)
{
	printf("Usage: %s%s%s%s\n\n%s.\n\n", path, c->takes ? " [OPTIONS]" : "", c->operands[0] ? " " : "",
		c->operands, c->summary);
	if (c->text[0])
		printf("%s\n", c->text);
	if (c->subcommands) {
		printf("Commands:\n");
		command_list(stdout, c->subcommands);
		printf("\n");
	}
	printf("Options:\n");
	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (id == OPTION_HELP || (c->takes & TAKES(id)))
			print_option(id);
	}
	return STATUS_OK;
}

/* --- suggestions --- */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* distance() - how many letters must be changed, added or removed (Levenshtein); words of WORD_MAX at most */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return WORD_MAX;
	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= b_len; k++) {
			unsigned above = row[k];

			row[k] = min3(above + 1, row[k - 1] + 1, corner + (a[i - 1] != b[k - 1]));
			corner = above;
		}
	}
	return row[b_len];
}

/* nearest_command() - the command that was probably meant, or NULL */
static const char *nearest_command(const struct command *commands, const char *word)
{
	const char *best = NULL;
	unsigned best_distance = SUGGESTION_DISTANCE + 1;

	for (const struct command *c = commands; c->name; c++) {
		unsigned d = distance(c->name, word);

		if (strlen(word) >= 3 && strncmp(c->name, word, strlen(word)) == 0)
			d = 0; /* a beginning */
		if (d < best_distance) {
			best_distance = d;
			best = c->name;
		}
	}
	return best;
}

static int unknown_command(const char *path, const struct command *commands, const char *word)
{
	const char *near = nearest_command(commands, word);

	if (near)
		return command_usage_error(
			path, "there is no command \"%s\"; do you mean \"%s\"?", word, near);
	return command_usage_error(path, "there is no command \"%s\"", word);
}

/* --- options --- */

/* option_find() - by its name, which ends at the first '=' or the end; OPTION_COUNT if there is none */
static enum option_id option_find(const char *word)
{
	size_t len = strcspn(word, "=");

	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (strlen(options[id].name) == len && strncmp(options[id].name, word, len) == 0)
			return id;
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strlen(aliases[i].alias) == len && strncmp(aliases[i].alias, word, len) == 0)
			return aliases[i].id;
	}
	return OPTION_COUNT;
}

static enum option_id letter_find(char letter)
{
	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (options[id].letter == letter)
			return id;
	}
	return OPTION_COUNT;
}

/* What is being read. */
struct line {
	const char *path;
	const struct command *command;
	int argc;
	char **argv;
	int at; /* the word being read */
	struct options *o;
};

/* take_value() - the value of an option: after '=', or the next word; NULL if there is none */
static const char *take_value(struct line *l, const char *word, enum option_id id)
{
	const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;

	if (!options[id].value)
		return equals ? NULL : "";
	if (equals)
		return equals + 1;
	if (word[1] != '-' && word[2] != '\0')
		return word + 2; /* -n5 */
	return l->at + 1 < l->argc ? l->argv[++l->at] : NULL;
}

static int take_option(struct line *l)
{
	const char *word = l->argv[l->at];
	enum option_id id = word[1] == '-' ? option_find(word + 2) : letter_find(word[1]);

	if (id == OPTION_COUNT)
		return command_usage_error(l->path, "there is no option \"%s\"", word);
	if (id != OPTION_HELP && !(l->command->takes & TAKES(id)))
		return command_usage_error(l->path, "it does not take the option \"%s\"", word);
	const char *value = take_value(l, word, id);
	if (!value && options[id].value)
		return command_usage_error(
			l->path, "the option \"%s\" needs a value: %s", word, options[id].value);
	if (!value || (!options[id].value && word[1] != '-' && word[2] != '\0'))
		return command_usage_error(l->path, "the option \"%s\" takes no value", word);
	l->o->value[id] = value;
	return STATUS_OK;
}

static int take_words(struct line *l)
{
	bool only_operands = false;

	for (l->at = 0; l->at < l->argc; l->at++) {
		const char *word = l->argv[l->at];

		if (!only_operands && strcmp(word, "--") == 0) {
			only_operands = true;
			continue;
		}
		if (!only_operands && word[0] == '-' && word[1] != '\0') {
			int status = take_option(l);

			if (status != STATUS_OK)
				return status;
			continue;
		}
		if (l->o->operands_len == l->command->operands_max)
			return command_usage_error(l->path, "\"%s\" is one word too many", word);
		l->o->operands[l->o->operands_len++] = word;
	}
	return STATUS_OK;
}

static int run_one(const char *path, const struct command *c, int argc, char **argv)
{
	struct options o = { .operands_len = 0 };
	struct line l = { .path = path, .command = c, .argc = argc, .argv = argv, .o = &o };
	int status = take_words(&l);

	if (option_is_set(&o, OPTION_HELP))
		return print_help(path, c);
	if (status != STATUS_OK)
		return status;
	if (o.operands_len < c->operands_min)
		return command_usage_error(path, "something is missing: %s %s", path, c->operands);
	return c->run(&o);
}

int command_run(const char *path, const struct command *commands, int argc, char **argv)
{
	char longer[96];

	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, argv[0]) != 0)
			continue;
		snprintf(longer, sizeof(longer), "%s %s", path, c->name);
		if (!c->subcommands)
			return run_one(longer, c, argc - 1, argv + 1);
		if (argc < 2)
			return command_usage_error(longer, "it needs to know what to do");
		if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
			return print_help(longer, c);
		return command_run(longer, c->subcommands, argc - 1, argv + 1);
	}
	return unknown_command(path, commands, argv[0]);
}
