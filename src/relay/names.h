/*
 * names.h - a name's addresses of each family, as they come (c-ares underneath)
 *
 * Answers are kept for their TTL, failures for a few seconds. A AAAA inside a translation prefix is given as it is: what it
 * means is the matter of dial.c. "localhost" and what is below it is this host, and nobody is asked (RFC 6761 s6.3).
 */
#ifndef ISTHMUS_RELAY_NAMES_H
#define ISTHMUS_RELAY_NAMES_H

#include "base/compiler.h"
#include "relay/config.h"

struct loop;
struct names; /* opaque */

#define NAMES_ADDRESSES_MAX 16 /* of one family; more are left out */

enum names_status {
	NAMES_OK,
	NAMES_NONE,
	NAMES_FAILED
}; /* addresses; no such name or none of the family; no answer */

struct names_answer {
	enum names_status status;
	unsigned len;
	union {
		struct addr4 a4[NAMES_ADDRESSES_MAX];
		struct addr6 a6[NAMES_ADDRESSES_MAX];
	};
};

struct names_plan {
	struct loop *loop;
	const struct endpoint *servers; /* copied */
	unsigned servers_len;
	unsigned keep; /* answers: twice as many as names of both families */
};

/**
 * names_new() - make the means to ask
 *
 * Return:  0; -ENOMEM
 * Context: before the sandbox: c-ares takes the secret that query identifiers are made of from a file. Sockets are opened
 *	    when somebody asks
 */
MUST_CHECK int names_new(const struct names_plan *plan, struct names **ret);
/** names_set_servers() - ask others from now on, of a new configuration; what was asked already is asked again.
 * May be called inside the sandbox. 0; -ENOMEM: nobody is asked */
MUST_CHECK int names_set_servers(struct names *n, const struct endpoint *servers, unsigned servers_len);
void names_free(struct names *n); /* those who wait are not told */

enum names_family { NAMES_IPV6, NAMES_IPV4 };
struct names_question; /* opaque */

/**
 * names_ask() - ask for one family of a name
 * @host:	as a host name is written, without final dot; anything else is NAMES_NONE
 * @answered:	called once, never from names_ask(); the question is over then
 *
 * Return: 0; -ENOMEM
 */
MUST_CHECK int names_ask(struct names *n, const char *host, enum names_family family,
	void (*answered)(void *ctx, const struct names_answer *a), void *ctx, struct names_question **ret);
/** names_forget() - whoever asked does not want the answer any more; NULL is fine */
void names_forget(struct names_question *q);

#endif
