/*
 * main.c - `isthmus`: one program, the daemon and its tools
 *
 * main_commands is the list of what it can do; command.c reads the line. `isthmus role NAME` is not in the
 * list: only the supervisor calls it, to become a role (role.c).
 */
#include "cmd/command.h"
#include "cmd/role.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int (*main)(void);
} roles[] = {
	{ "translator", role_translator_main },
	{ "resolver", role_resolver_main },
	{ "relay", role_relay_main },
	{ "tunnel", role_tunnel_main },
	{ "monitor", role_monitor_main },
};

static int print_help(FILE *to)
{
	fprintf(to,
		"Isthmus %s: a gateway between IPv6 and IPv4 (NAT64 and DNS64)\n\n"
		"Usage: isthmus COMMAND [OPTIONS]\n\nCommands:\n",
		ISTHMUS_VERSION);
	command_list(to, main_commands);
	fprintf(to, "\n`isthmus COMMAND --help` says more, with examples; so does isthmus(1).\n"
		    "\nExit status: 0 if all went well, 1 if it did not, 2 if the command line or the "
		    "configuration is wrong.\n");
	return to == stdout ? STATUS_OK : STATUS_USAGE;
}

static int become_role(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].main();
	}
	return STATUS_USAGE;
}

/* flushed() - a table that could not be written whole (a full disk, a closed pipe) is a failure */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "isthmus: the output cannot be written: %s\n", strerror(errno));
	return status == STATUS_OK ? STATUS_FAILED : status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return print_help(stderr);
	if (argc == 3 && strcmp(argv[1], "role") == 0)
		return become_role(argv[2]);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		(argc == 2 && strcmp(argv[1], "help") == 0))
		return flushed(print_help(stdout));
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		argv[1] = "version";
	if (argc > 2 && strcmp(argv[1], "help") == 0) {
		char *swapped[] = { argv[2], "--help" };

		return flushed(command_run("isthmus", main_commands, 2, swapped));
	}
	return flushed(command_run("isthmus", main_commands, argc - 1, argv + 1));
}
