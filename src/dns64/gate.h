/*
 * gate.h - who is let in: what all threads of a resolver know together of its clients
 *
 * A client's next query may reach another thread, so its limits (clients.h) and the secret behind its cookie (cookie.h)
 * are the same for all of them.
 */
#ifndef ISTHMUS_DNS64_GATE_H
#define ISTHMUS_DNS64_GATE_H

#include "dns64/clients.h"
#include "dns64/cookie.h"

struct gate; /* opaque */

MUST_CHECK int gate_new(struct gate **ret); /* 0; -ENOMEM; -EIO without randomness */
void gate_free(struct gate *g);		    /* after all who use it; NULL is fine */

struct clients *gate_clients(struct gate *g);

/** gate_secrets() - a copy of the secrets in use; renewed when they are a day old (RFC 7873 s7.1) */
struct cookie_secrets gate_secrets(struct gate *g, nsec now);

#endif
