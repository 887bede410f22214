/* trace.c - `isthmus trace`: follow the packets of one flow through the running gateway */
#include "cmd/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH "isthmus trace"

struct printer {
	bool is_json;
	bool has_begun;
	json_int_t packet; /* the one that the last row was about; 0: none */
};

/* Every row is shown at once: somebody waits for it. */
static void trace_row(void *ctx, const json_t *r, const char *line)
{
	struct printer *p = ctx;
	json_int_t packet = json_integer_value(json_object_get(r, "packet"));
	const char *spec = row_text(r, "spec");

	/* The first row comes when the trace is set up. */
	if (!p->has_begun && !p->is_json)
		fputs("Following; Ctrl-C ends it.\n", stderr);
	p->has_begun = true;
	if (p->is_json) {
		puts(line);
	} else if (packet == 0 && row_count(r, "lost") > 0) {
		printf("(%llu more packets could not be shown: too many at a time)\n", row_count(r, "lost"));
	} else if (packet > 0) {
		if (packet != p->packet)
			printf("%s%.3fs packet %" JSON_INTEGER_FORMAT ": ", p->packet > 0 ? "\n" : "",
				row_real(r, "at_s"), packet);
		printf("%s%s%s%s%s\n", packet == p->packet ? "  " : "", row_text(r, "text"),
			spec[0] ? " (" : "", spec, spec[0] ? ")" : "");
		p->packet = packet;
	}
	fflush(stdout);
}

/* add_number() - an option that is a number; false with a message if it is none */
static bool add_number(json_t *args, const struct options *o, enum option_id id, const char *name)
{
	char *end;

	if (!option_is_set(o, id))
		return true;
	errno = 0;
	long long v = strtoll(o->value[id], &end, 10);
	if (errno != 0 || end == o->value[id] || *end != '\0' || v < 0) {
		(void)command_usage_error(PATH, "--%s wants a number, not \"%s\"", name, o->value[id]);
		return false;
	}
	json_object_set_new(args, name, json_integer(v));
	return true;
}

static void add_text(json_t *args, const struct options *o, enum option_id id, const char *name)
{
	if (option_is_set(o, id))
		json_object_set_new(args, name, json_string(o->value[id]));
}

/* make_args() - the arguments of the question; NULL with a message if something makes no sense */
static json_t *make_args(const struct options *o)
{
	json_t *args = json_object();

	if (o->operands_len > 0)
		json_object_set_new(args, "who", json_string(o->operands[0]));
	add_text(args, o, OPTION_TO, "to");
	add_text(args, o, OPTION_PROTO, "proto");
	if (add_number(args, o, OPTION_PORT, "port") && add_number(args, o, OPTION_COUNT_OF, "count") &&
		add_number(args, o, OPTION_SECONDS, "seconds"))
		return args;
	json_decref(args);
	return NULL;
}

int command_do_trace(const struct options *o)
{
	struct printer p = { .is_json = option_is_set(o, OPTION_JSON) };
	const char *path;
	char why[512];
	int status = client_socket(o, &path);

	if (status != STATUS_OK)
		return status;
	json_t *args = make_args(o);
	if (!args)
		return STATUS_USAGE;
	struct question q = {
		.cmd = "trace", .role = "translator", .args = args, .row = trace_row, .ctx = &p
	};
	enum client_answer answer = client_ask(path, &q, why, sizeof(why));
	json_decref(args);
	return answer == CLIENT_COMPLETE ? STATUS_OK : client_complain(why);
}
