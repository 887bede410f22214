/* listen_fault.c - saying why an address of the configuration cannot be listened on */
#include "cmd/listen_fault.h"

#include "base/compiler.h"
#include "base/log.h"
#include "cmd/port_holder.h"

#include <errno.h>
#include <string.h>

/* Programs that are often in the way, and what to do about them. */
static const struct {
	const char *name; /* as the kernel has it: 15 bytes at most */
	const char *remedy;
} known_holders[] = {
	{ "systemd-resolve", "set DNSStubListener=no in /etc/systemd/resolved.conf and restart "
			     "systemd-resolved, or list the addresses "
			     "to listen on under dns64.listen" },
};

static const char *remedy_for(const char *holder, const struct listen_key *key)
{
	for (size_t i = 0; i < ARRAY_LEN(known_holders); i++) {
		if (strcmp(known_holders[i].name, holder) == 0)
			return known_holders[i].remedy;
	}
	return key->remedy;
}

void listen_fault_log(const struct listen_key *key, const struct endpoint *at, int err)
{
	char where[ENDPOINT6_TEXT];
	struct port_holder h;

	endpoint_text(at, where);
	if (err == -EADDRINUSE && port_holder_find(at->port, &h))
		log_error("%s: %s is taken by %s (process %d): %s", key->name, where, h.name, (int)h.pid,
			remedy_for(h.name, key));
	else if (err == -EADDRINUSE)
		log_error("%s: %s is taken by another program: %s", key->name, where, key->remedy);
	else if (err == -EADDRNOTAVAIL)
		log_error("%s: no interface of this host has the address of %s", key->name, where);
	else
		log_error("%s: %s cannot be opened: %s", key->name, where, strerror(-err));
}
