/* port_holder.h - who has a port that we want */
#ifndef ISTHMUS_CMD_PORT_HOLDER_H
#define ISTHMUS_CMD_PORT_HOLDER_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct port_holder {
	pid_t pid;
	char name[32]; /* of the program, as the kernel has it */
};

/**
 * port_holder_find() - look for a process of this network namespace that is bound to a UDP or TCP port
 * @port:	host order
 *
 * Reads /proc, so it finds only what the caller may see.
 *
 * Return: true, or false with *ret untouched.
 */
MUST_CHECK bool port_holder_find(uint16_t port, struct port_holder *ret);

#endif
