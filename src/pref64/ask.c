/* ask.c - when to ask for ipv4only.arpa; see ask.h */
#include "pref64/ask.h"

static nsec clamp(nsec v, nsec min, nsec max)
{
	return v < min ? min : v > max ? max : v;
}

/* RFC 1035 s4.2.1 leaves the interval to the client; doubling it spares a server that is in trouble. */
static nsec retry_after(unsigned tries)
{
	nsec wait = ASK_RETRY_MIN;

	while (tries-- > 1 && wait < ASK_RETRY_MAX)
		wait *= 2;
	return clamp(wait, ASK_RETRY_MIN, ASK_RETRY_MAX);
}

void ask_init(struct ask *a)
{
	*a = (struct ask){ .due = ASK_NEVER };
}

void ask_start(struct ask *a, nsec due)
{
	if (a->due == ASK_NEVER)
		a->due = due;
}

void ask_stop(struct ask *a)
{
	a->due = ASK_NEVER;
	a->tries = 0;
}

void ask_sent(struct ask *a, nsec now)
{
	if (a->tries > 0)
		a->server++; /* the one before did not answer */
	a->tries++;
	a->due = now + retry_after(a->tries);
}

void ask_failed(struct ask *a, nsec now)
{
	a->due = now + retry_after(a->tries);
}

nsec ask_answered(struct ask *a, nsec ttl, nsec now)
{
	nsec valid = clamp(ttl, ASK_TTL_MIN, ASK_TTL_MAX);

	a->tries = 0;
	a->due = now + valid - ASK_AHEAD;
	return now + valid;
}

void ask_denied(struct ask *a, nsec ttl, nsec now)
{
	a->tries = 0;
	a->due = now + clamp(ttl, ASK_NEGATIVE_MIN, ASK_NEGATIVE_MAX);
}
