/* dns_cache.h - the commands below `isthmus dns cache` */
#ifndef ISTHMUS_CMD_DNS_CACHE_H
#define ISTHMUS_CMD_DNS_CACHE_H

#include "cmd/command.h"

extern const struct command dns_cache_commands[]; /* ended by a NULL name */

#endif
