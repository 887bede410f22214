/*
 * command.h - the subcommands of `isthmus`: what each is called, takes and does
 *
 * A command is a row in a table; main.c finds it, command.c reads its options and prints its help. Options
 * are one shared set (struct options), of which a command names those that it takes.
 */
#ifndef ISTHMUS_CMD_COMMAND_H
#define ISTHMUS_CMD_COMMAND_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdio.h>

/* The program's exit statuses. */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

#define CONFIG_PATH_DEFAULT "/etc/isthmus/isthmus.yaml"
#define OPERANDS_MAX 4

enum option_id {
	OPTION_HELP,
	OPTION_JSON,
	OPTION_CONFIG,
	OPTION_SOCKET,
	OPTION_PROTO,
	OPTION_CLIENT,
	OPTION_LIMIT,
	OPTION_ALL,
	OPTION_HOST,
	OPTION_PRINT,
	OPTION_PREFIX,
	OPTION_BUILT_IN,
	OPTION_BY,
	OPTION_TO,
	OPTION_PORT,
	OPTION_COUNT_OF,
	OPTION_SECONDS,
	OPTION_AT,
	OPTION_LOG,
	OPTION_FROM,
	OPTION_DNSSEC,
	OPTION_CD,
	OPTION_BELOW,
	OPTION_COUNT
};

#define TAKES(id) (1U << (id))

/* The values, by option: of a flag "" if it was given; NULL if it was not. */
struct options {
	const char *value[OPTION_COUNT];
	const char *operands[OPERANDS_MAX];
	unsigned operands_len;
};

static inline bool option_is_set(const struct options *o, enum option_id id)
{
	return o->value[id] != NULL;
}

struct command {
	const char *name;
	const char *operands; /* "[FILE]", for the usage line */
	const char *summary;  /* one line for the list of commands */
	const char *text;     /* paragraphs and examples for --help; lines of at most 100 columns */
	unsigned takes;	      /* mask of TAKES(id); OPTION_HELP is taken by all */
	unsigned operands_min, operands_max;
	const struct command *subcommands;   /* NULL: none; else ended by a NULL name, and run is not used */
	int (*run)(const struct options *o); /* the exit status */
};

/**
 * command_run() - find the command that @argv names among @commands, read its options, run it
 * @path:	what was typed before, such as "isthmus address"; for messages
 * @commands:	ended by a NULL name
 *
 * Return: the exit status; STATUS_USAGE if the line makes no sense, with a message on stderr.
 */
int command_run(const char *path, const struct command *commands, int argc, char **argv);

/** command_list() - print names and summaries, aligned */
void command_list(FILE *to, const struct command *commands);

/**
 * command_usage_error() - say what is wrong with the line, and where help is
 *
 * Return: STATUS_USAGE.
 */
int command_usage_error(const char *path, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The commands, each in the file of its group. */
extern const struct command main_commands[];
extern const struct command address_commands[];
extern const struct command dns_commands[];
int command_do_run(const struct options *o);
int command_do_check(const struct options *o);
int command_do_version(const struct options *o);
int command_do_status(const struct options *o);
int command_do_sessions(const struct options *o);
int command_do_bib(const struct options *o);
int command_do_pool(const struct options *o);
int command_do_relay(const struct options *o);
int command_do_dns46(const struct options *o);
int command_do_who(const struct options *o);
int command_do_trace(const struct options *o);
int command_do_explain(const struct options *o);
int command_who_at(const struct options *o); /* who, with --at */
int command_who_fixed(const struct options *o); /* who, with --config and without --at */
int command_do_counters(const struct options *o);
int command_do_reload(const struct options *o);

#endif
