/* client.h - asking the running daemon over its control socket (docs/control.md) */
#ifndef ISTHMUS_CMD_CLIENT_H
#define ISTHMUS_CMD_CLIENT_H

#include "cmd/command.h"

#include <jansson.h>

struct question {
	const char *cmd, *role;
	json_t *args; /* borrowed; NULL: none */
	/* row() - called for each row; @line is its text without the newline; both are valid during the call
	 * only */
	void (*row)(void *ctx, const json_t *row, const char *line);
	void *ctx;
};

/** client_socket() - the path of the control socket: --socket, else as --config or the default file says */
int client_socket(const struct options *o, const char **ret);

enum client_answer {
	CLIENT_COMPLETE, /* all rows came */
	CLIENT_REFUSED,	 /* the daemon answered with an error */
	CLIENT_FAILED,	 /* nobody answered, or the answer was cut */
};

/**
 * client_ask() - ask one question and hand out the rows
 * @ret_why:	if not complete: a sentence for the user
 */
enum client_answer client_ask(const char *path, const struct question *q, char *ret_why, size_t why_size);

/** client_print_row() - a row() that prints the line as it came (--json) */
void client_print_row(void *ctx, const json_t *row, const char *line);

/** client_complain() - print why something failed; STATUS_FAILED */
int client_complain(const char *why);

/* --- fields of rows; what is missing or of another type reads as "" or 0 --- */
const char *row_text(const json_t *row, const char *key);
double row_real(const json_t *row, const char *key);
unsigned long long row_count(const json_t *row, const char *key);

#endif
