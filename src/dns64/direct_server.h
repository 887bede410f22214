/* direct_server.h - which upstream is asked directly, and which is left alone for a while (pure; private to direct.c) */
#ifndef ISTHMUS_DNS64_DIRECT_SERVER_H
#define ISTHMUS_DNS64_DIRECT_SERVER_H

#include "base/clock.h"
#include "dns64/config.h"

#define DIRECT_FAILS 3 /* questions in a row without an answer, and a server rests */

struct direct_server {
	struct endpoint to;
	nsec rtt; /* smoothed; 0: never asked; what a lost question counts as until there is an answer */
	bool is_measured; /* there was one */
	unsigned fails;	  /* in a row */
	unsigned rests;	  /* in a row */
	nsec rests_until; /* then one question is put to it; 0: it does not rest */
};

/**
 * direct_server_choose() - the one to ask now
 * @dice:	a random number, all of whose bits count
 *
 * The fastest, and one time in 16 any other, so that one that has become fast is found.
 *
 * Return: its index; -1 if all rest.
 */
int direct_server_choose(struct direct_server *s, unsigned len, uint16_t dice, nsec now);

/** direct_server_answered() - it has answered, whatever; true if it did not work before */
bool direct_server_answered(struct direct_server *s, nsec rtt);

/** direct_server_failed() - it has not, or not as a server for us; true if it rests from now on */
bool direct_server_failed(struct direct_server *s, nsec now);

#endif
