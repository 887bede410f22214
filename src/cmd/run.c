/* run.c - `isthmus run` and `isthmus check` */
#include "cmd/client.h"
#include "cmd/supervisor.h"

#include "conf/conf.h"
#include "dataplane/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"

/* config_file() - the file to run with, or NULL for the built-in configuration */
static const char *config_file(const struct options *o)
{
	if (option_is_set(o, OPTION_CONFIG))
		return o->value[OPTION_CONFIG];
	if (option_is_set(o, OPTION_BUILT_IN))
		return NULL;
	return access(CONFIG_PATH_DEFAULT, F_OK) == 0 ? CONFIG_PATH_DEFAULT : NULL;
}

int command_do_run(const struct options *o)
{
	const char *file = config_file(o);
	char *absolute = file ? realpath(file, NULL) : NULL;

	if (file && !absolute) {
		fprintf(stderr, "isthmus run: %s: %s\n", file, strerror(errno));
		return STATUS_USAGE;
	}
	if (geteuid() != 0) {
		/* The tables say more, but late: a sentence now is better than the first failing system call.
		 */
		fprintf(stderr,
			"isthmus run: not root: the TUN device, routes and port 53 need it; try with sudo\n");
		free(absolute);
		return STATUS_FAILED;
	}
	int status = supervisor_run(absolute);
	free(absolute);
	return status;
}

/* --- check --- */

/* print_row() - a line of JSON; @row is consumed */
static void print_row(json_t *row)
{
	if (row && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(row);
}

struct findings {
	bool is_json;
};

static const char *const level_names[] = {
	[FINDING_OK] = "ok", [FINDING_NOTE] = "note", [FINDING_MISSING] = "missing"
};

static void print_finding(void *ctx, const struct finding *f)
{
	const struct findings *to = ctx;

	if (!to->is_json) {
		printf("%-8s %-22s %s\n", level_names[f->level], f->what, f->text);
		return;
	}
	print_row(json_pack(
		"{s:s, s:s, s:s}", "level", level_names[f->level], "what", f->what, "text", f->text));
}

static int check_host(const struct conf *c, bool is_json)
{
	struct findings to = { is_json };
	unsigned missing = host_check(&c->nat64, print_finding, &to);

	if (missing == 0)
		return STATUS_OK;
	fprintf(stderr, "%u thing%s missing\n", missing, missing == 1 ? " is" : "s are");
	return STATUS_FAILED;
}

/* print_faults() - errors or warnings, as @kind says in JSON */
static void print_faults(const struct conf_errors *e, const char *kind, bool is_json)
{
	for (unsigned i = 0; i < e->len; i++) {
		if (is_json)
			print_row(json_pack("{s:s}", kind, e->lines[i]));
		else
			fprintf(stderr, "%s%s\n", strcmp(kind, "warning") == 0 ? "warning: " : "",
				e->lines[i]);
	}
}

/* resolve() - fill in what only the host knows; what is missing there is an error of the host, not of the
 * file */
static bool resolve(struct conf *c, bool is_json)
{
	struct conf_errors errors = { 0 };
	int err = conf_resolve(c, RESOLV_CONF, &errors);

	print_faults(&errors, "fault", is_json);
	conf_errors_fini(&errors);
	return err == 0;
}

static void print_passed(const char *name, bool is_json)
{
	if (is_json)
		print_row(json_pack("{s:s, s:b}", "file", name, "ok", 1));
	else
		printf("%s: no errors\n", name);
}

static int check_loaded(struct conf *c, const char *name, const struct options *o)
{
	bool is_json = option_is_set(o, OPTION_JSON);
	int status = STATUS_OK;

	/* The file alone can be checked on any machine; only what is asked about this host needs the host's
	 * facts. */
	if (option_is_set(o, OPTION_HOST) || option_is_set(o, OPTION_PRINT))
		status = resolve(c, is_json) ? STATUS_OK : STATUS_USAGE;
	if (option_is_set(o, OPTION_PRINT) && status == STATUS_OK && conf_print(c, stdout) < 0)
		status = STATUS_FAILED;
	if (option_is_set(o, OPTION_HOST)) {
		int host = check_host(c, is_json);

		status = status == STATUS_OK ? host : status;
	}
	print_faults(&c->warnings, "warning", is_json);
	if (status == STATUS_OK && !option_is_set(o, OPTION_HOST) && !option_is_set(o, OPTION_PRINT))
		print_passed(name, is_json);
	return status;
}

int command_do_check(const struct options *o)
{
	const char *file = o->operands_len > 0 ? o->operands[0] : config_file(o);
	struct conf_errors errors = { 0 };
	struct conf *c = NULL;
	int err = file ? conf_load(file, &c, &errors) : conf_default(&c);
	int status = STATUS_USAGE;

	if (err == 0)
		status = check_loaded(c, file ? file : "built-in configuration", o);
	else if (errors.len > 0)
		print_faults(&errors, "fault", option_is_set(o, OPTION_JSON));
	else
		status = client_complain(strerror(-err));
	conf_errors_fini(&errors);
	conf_free(c);
	return status;
}
