/*
 * trace.c - traces: which packets each of them follows, and the ring in which their steps wait
 *
 * Purpose. Somebody looks at the packets of one flow while the gateway works. The worker must not wait for him, must not
 * grow, and must not lose speed for the others.
 *
 * Structure. A @trace is a filter and a ring. The worker's translator knows at most TRACES_MAX of them; while it knows
 * one, each packet is compared with the filters (recorder.c), and steps are recorded for those that may match. They are put
 * into the ring as a whole when the packet is done, since only then all is known that a filter may ask for: which binding
 * a new flow got, for one.
 *
 *	packet -> @recorder_take -> steps of this packet -> trace_put() -> ring -> trace_take() -> the one who looks
 *
 * Both ends of the ring are on the worker's thread, so it needs no care. trace_take() is called between two packets.
 *
 * Life cycle. trace_new() and trace_free() allocate and free, on whatever thread; nat64_trace() hangs the trace on a
 * translator, nat64_trace_end() takes it off. Packets that the kernel's programs translate come to us only when their flows have been
 * taken out of the tables: nat64_trace_sees_all() says when that is done.
 *
 * Limits. TRACE_STEPS_MAX steps wait; a packet whose steps find no room is lost whole, and counted. Of one packet
 * TRACE_PACKET_STEPS_MAX steps are recorded.
 */
#include "nat64/trace.h"

#include "nat64/flowworker.h"
#include "nat64/recorder.h"

#include <errno.h>
#include <stdlib.h>

struct trace {
	struct trace_filter filter;
	uint32_t packets; /* that matched, lost ones included */
	uint64_t lost;	  /* since they were asked for */
	unsigned first, len;
	struct trace_step ring[TRACE_STEPS_MAX];
};

int trace_new(const struct trace_filter *f, struct trace **ret)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->filter = *f;
	*ret = t;
	return 0;
}

void trace_free(struct trace *t)
{
	free(t);
}

int nat64_trace(struct nat64 *n, struct trace *t)
{
	if (n->traces_len == ARRAY_LEN(n->traces))
		return -EBUSY;
	n->traces[n->traces_len++] = t;
	if (n->flows)
		flowcache_unveil(n->flows);
	return 0;
}

bool nat64_trace_sees_all(const struct nat64 *n)
{
	return !n->flows || flowcache_is_unveiled(n->flows);
}

void nat64_trace_end(struct nat64 *n, struct trace *t)
{
	for (unsigned i = 0; i < n->traces_len; i++) {
		if (n->traces[i] == t) {
			n->traces[i] = n->traces[--n->traces_len];
			return;
		}
	}
}

/* --- the filter --- */

/* What a filter asks for compared with what is known of a packet; the worst first. */
enum answer { ANSWER_NO, ANSWER_NO_ADDRESS, ANSWER_NO_PORT, ANSWER_YES };

static enum answer answer_of(bool is_asked, bool is_known, bool is_right, enum answer if_unknown)
{
	if (!is_asked)
		return ANSWER_YES;
	if (!is_known)
		return if_unknown;
	return is_right ? ANSWER_YES : ANSWER_NO;
}

static enum answer address(bool is_asked, bool is_known, bool is_right)
{
	return answer_of(is_asked, is_known, is_right, ANSWER_NO_ADDRESS);
}

static enum answer port(bool is_asked, bool is_known, bool is_right)
{
	return answer_of(is_asked, is_known, is_right, ANSWER_NO_PORT);
}

/* The worst answer to all that the filter asks. */
static enum answer compare(const struct trace_filter *f, const struct party *p)
{
	const enum answer answers[] = {
		address(f->has_client, p->has_client, prefix6_contains(f->client, p->client)),
		address(f->has_address, p->has_address, addr4_eq(f->address, p->address)),
		address(f->has_remote, p->has_remote, prefix4_contains(f->remote, p->remote)),
		port(f->has_proto, p->has_proto,
			p->proto == f->proto && (f->number == 0 || p->number == f->number)),
		port(f->has_client_port, p->has_client && p->has_ports, p->client_port == f->client_port),
		port(f->has_port, p->has_address && p->has_ports, p->port == f->port),
		port(f->has_remote_port, p->has_remote && p->has_ports, p->remote_port == f->remote_port),
	};
	enum answer worst = ANSWER_YES;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if (answers[i] < worst)
			worst = answers[i];
	}
	return worst;
}

bool trace_may_match(const struct trace *t, const struct party *p)
{
	return compare(&t->filter, p) != ANSWER_NO;
}

bool trace_matches(const struct trace *t, const struct party *p)
{
	return compare(&t->filter, p) == ANSWER_YES;
}

bool trace_matches_addresses(const struct trace *t, const struct party *p)
{
	return compare(&t->filter, p) >= ANSWER_NO_PORT;
}

/* --- the ring --- */

void trace_put(struct trace *t, nsec at, const struct step *steps, unsigned len)
{
	t->packets++;
	if (len > TRACE_STEPS_MAX - t->len) {
		t->lost++;
		return;
	}
	for (unsigned i = 0; i < len; i++)
		t->ring[(t->first + t->len++) % TRACE_STEPS_MAX] =
			(struct trace_step){ at, t->packets, steps[i] };
}

/* The length of the run of steps of one packet at @i, counted from the oldest step. */
static unsigned run_at(const struct trace *t, unsigned i)
{
	uint32_t packet = t->ring[(t->first + i) % TRACE_STEPS_MAX].packet;
	unsigned len = 1;

	while (i + len < t->len && t->ring[(t->first + i + len) % TRACE_STEPS_MAX].packet == packet)
		len++;
	return len;
}

unsigned trace_take(struct trace *t, struct trace_step *ret, unsigned max, uint64_t *ret_lost)
{
	unsigned taken = 0;

	while (taken < t->len) {
		unsigned run = run_at(t, taken);

		if (run > max - taken)
			break;
		for (unsigned i = 0; i < run; i++, taken++)
			ret[taken] = t->ring[(t->first + taken) % TRACE_STEPS_MAX];
	}
	t->first = (t->first + taken) % TRACE_STEPS_MAX;
	t->len -= taken;
	*ret_lost = t->lost;
	t->lost = 0;
	return taken;
}
