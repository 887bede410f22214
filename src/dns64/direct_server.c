/*
 * direct_server.c - which upstream is asked directly; see direct_server.h
 *
 *	in use --DIRECT_FAILS in a row--> resting --time--> asked one question, and resting, for twice as long
 *	   ^-----------------------an answer-----------------------'
 *
 * While it rests, libunbound asks in its place: that is where failover, TCP and EDNS fallback are.
 */
#include "dns64/direct_server.h"

#define REST_MIN NSEC
#define REST_DOUBLED 5 /* times, at most: 32 s */
#define EXPLORE 16     /* one question in so many goes to another server than the fastest */
#define LOST_RTT (400 * MSEC) /* what a question without an answer counts as */
#define RTT_WEIGHT 8   /* of what was measured before, against one; RFC 6298 s2 */

static bool is_usable(const struct direct_server *s, nsec now)
{
	return now >= s->rests_until;
}

/* One that was never asked counts as fast, once. Of several that are as fast any, so that the first is not asked alone. */
static int fastest(const struct direct_server *s, unsigned len, unsigned dice, nsec now)
{
	int best = -1;

	for (unsigned k = 0; k < len; k++) {
		unsigned i = (dice + k) % len;

		if (is_usable(&s[i], now) && (best < 0 || s[i].rtt < s[best].rtt))
			best = (int)i;
	}
	return best;
}

static void rest(struct direct_server *s, nsec now)
{
	s->rests_until = now + (REST_MIN << (s->rests < REST_DOUBLED ? s->rests : REST_DOUBLED));
	s->rests++;
}

int direct_server_choose(struct direct_server *s, unsigned len, uint16_t dice, nsec now)
{
	unsigned any = dice / EXPLORE;
	int i = fastest(s, len, any, now);

	if (dice % EXPLORE == 0 && is_usable(&s[any % len], now))
		i = (int)(any % len);
	if (i < 0)
		return i;
	if (s[i].rests_until > 0)
		rest(&s[i], now); /* unless it answers this one */
	if (s[i].rtt == 0)
		s[i].rtt = LOST_RTT; /* the same */
	return i;
}

static void measure(struct direct_server *s, nsec rtt)
{
	s->rtt = !s->is_measured ? rtt : s->rtt - s->rtt / RTT_WEIGHT + rtt / RTT_WEIGHT;
	s->is_measured = true;
}

bool direct_server_answered(struct direct_server *s, nsec rtt)
{
	bool was_resting = s->rests_until > 0;

	measure(s, rtt);
	s->fails = s->rests = 0;
	s->rests_until = 0;
	return was_resting;
}

/* What was asked before it began to rest says nothing new. */
bool direct_server_failed(struct direct_server *s, nsec now)
{
	if (now < s->rests_until)
		return false;
	measure(s, LOST_RTT);
	s->fails++;
	if (s->fails < DIRECT_FAILS)
		return false;
	rest(s, now);
	s->is_measured = false;
	return true;
}
