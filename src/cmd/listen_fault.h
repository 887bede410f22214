/* listen_fault.h - saying why an address of the configuration cannot be listened on, and who is in the way */
#ifndef ISTHMUS_CMD_LISTEN_FAULT_H
#define ISTHMUS_CMD_LISTEN_FAULT_H

#include "dns64/config.h"

/* Of which key of the configuration the address is. */
struct listen_key {
	const char *name;   /* "dns64.listen" */
	const char *remedy; /* what to do if somebody else has the port */
};

/** listen_fault_log() - write one line about an address that could not be opened; @err: -errno */
void listen_fault_log(const struct listen_key *key, const struct endpoint *at, int err);

#endif
