/*
 * nat64.c - one worker's translator: RFC 6146 section 3, step by step
 *
 * Purpose. A packet comes in, and what must be sent goes out through struct nat64_out. The steps are those of
 * the RFC and stand in this order in pipe64.c and pipe46.c:
 *
 *	s3.4  determine the incoming tuple	pkt_parse() and the head of pipe_64(), pipe_46()
 *	s3.5  filter, update BIB and session	state_take64(), state_take46(); ICMP errors only look
 * (state_find*) s3.6  compute the outgoing tuple	@xlat_to4, @xlat_to6 are filled from the binding and
 * the prefix s3.7  translate the packet		xlat_64(), xlat_46() s3.8  handle hairpinning
 * job_send4(): the translated packet goes through pipe_46() once
 *
 * Central structure. @nat64 belongs to one thread: configuration, tables, counters, the budget of ICMP
 * errors. @job is one packet on its way and lives on the stack.
 *
 * Life cycle. nat64_new(); any number of nat64_packet(), nat64_tick() and nat64_update(); nat64_free(). Every
 * packet ends in exactly one verdict, and every verdict but SEND, PASS and HANDED in exactly one drop counter;
 * errors.c has the table that says which drops are told to the sender.
 *
 * Shared addresses. When the pool stands on the host's own address, the steering program hands over what
 * falls into the pool's ports; what turns out to have no binding is the host's, and is given back unchanged
 * (VERDICT_PASS).
 *
 * Stateless translation. Both halves of stateless.c stand before pipe_64() and pipe_46() and take what they can; a
 * gateway without a pool has nothing behind them.
 *
 * Several workers. Each has a struct nat64 of its own; handover.c says which packet is whose.
 *
 * ICMP errors. They never touch the tables (s3.5). DEVIATION: the outer source of an ICMPv4 error becomes the
 * embedded address of the router that sent it, not of the packet's destination as the letter of s3.6.1 would
 * have it: RFC 7915 s4.1 translates it so, and traceroute needs it. The other way, an IPv6 router has no IPv4
 * address; the binding's is used.
 *
 * Limits. ICMP_PER_SECOND errors originated per worker. A packet is turned around at most once.
 *
 * Fragments. pipe_fragment.c gives each the ports of its datagram, which fragments.c knows, or stores it; then it goes
 * the way of all packets.
 *
 * Protocols without ports, those of nat64.protocols, go the same way by their addresses: a tuple has the protocol's number
 * where a port would stand (@session_port), and a fragment needs no first one.
 *
 * FTP control connections go through ftp.c before they are translated; it is the only ALG.
 *
 * Standards: RFC 6146, RFC 7915, RFC 6052 s3.1, RFC 5508, RFC 4443 s2.4, RFC 1812 s4.3.2.
 */
#include "nat64/drops.h"
#include "nat64/flowworker.h"
#include "nat64/fragments.h"
#include "nat64/ftp.h"
#include "nat64/held_syn.h"
#include "nat64/recorder.h"

#include "addr/embed.h"
#include "state/owner.h"

#include <errno.h>
#include <stdlib.h>

/* Timers' worth of work between two bursts of packets: bounds the delay that expiry can add. */
#define TICK_BUDGET 256

/* The least that the tables can be made for. */
#define STATELESS_SESSIONS 16

bool nat64_config_is_valid(const struct nat64_config *c)
{
	if (c->prefixes_len > ARRAY_LEN(c->prefixes) || c->deny_len > ARRAY_LEN(c->deny) ||
		!siit_config_validate(&c->siit))
		return false;
	if (!nat64_is_stateful(c))
		return siit_is_on(&c->siit);
	if (c->state.pool_len < 1 || (c->lowest_ipv6_mtu != 0 && c->lowest_ipv6_mtu < IP6_MIN_MTU))
		return false;
	for (unsigned i = 0; i < c->prefixes_len; i++) {
		if (embed_prefix_fault(c->prefixes[i]))
			return false;
	}
	for (unsigned i = 0; i < c->deny_len; i++) {
		if (!prefix4_validate(c->deny[i]))
			return false;
	}
	return state_config_validate(&c->state);
}

/* The first address of the pool that a host could have. */
static struct addr4 first_host(struct prefix4 p)
{
	return (struct addr4){ p.len < 31 ? p.addr.v + 1 : p.addr.v };
}

/*
 * Takes over the configuration. Without stateful translation the tables are there, with an empty pool and as small as
 * they can be, so that nobody has to ask whether there are any.
 */
static void config_take(struct nat64 *n, const struct nat64_config *c)
{
	n->cfg = *c;
	n->cfg.siit.mappings = NULL; /* borrowed; the table has a copy */
	eam_table_fill(&n->eam, c->siit.mappings, c->siit.mappings_len);
	if (nat64_is_stateful(c)) {
		n->own4 = first_host(c->state.pool[0].prefix);
		return;
	}
	state_config_default(&n->cfg.state);
	n->cfg.state.max_sessions = STATELESS_SESSIONS;
	n->cfg.state.owners = c->state.owners;
	n->cfg.state.worker = c->state.worker;
}

/* What a reload brings has no owners: who shares the work is settled at start. */
void nat64_config_change(struct nat64 *n, const struct nat64_config *c)
{
	const struct owners *owners = n->cfg.state.owners;
	unsigned worker = n->cfg.state.worker;

	config_take(n, c);
	n->cfg.state.owners = owners;
	n->cfg.state.worker = worker;
	if (n->flows)
		flowcache_change(n->flows);
}

int nat64_new(const struct nat64_config *c, const uint8_t seed[32], nsec now, struct nat64 **ret)
{
	if (!nat64_config_is_valid(c))
		return -EINVAL;

	struct nat64 *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	config_take(n, c);
	n->icmp_at = now;
	n->icmp_tokens = ICMP_BURST * 1000;
	rng_init(
		&n->rng, be64_at(seed + 24)); /* not a word of the hash key: these numbers are seen outside */
	struct hash_key key = { be64_at(seed), be64_at(seed + 8) };
	int r = state_new(&n->cfg.state, seed, now, &n->state);
	if (r == 0)
		r = fragments_new(&key, &n->count, &n->fragments);
	if (r == 0)
		r = held_syns_new(&n->held_syns);
	if (r == 0) {
		n->recorder = calloc(1, sizeof(*n->recorder));
		r = n->recorder ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = ftp_new(&key, &n->ftp);
	if (r == 0 && c->flows)
		r = flowcache_new(n, c->flows, now);
	if (r < 0) {
		nat64_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void nat64_free(struct nat64 *n)
{
	if (!n)
		return;
	flowcache_free(n->flows);
	free(n->recorder);
	held_syns_free(n->held_syns);
	fragments_free(n->fragments);
	ftp_free(n->ftp);
	state_free(n->state);
	free(n);
}

enum verdict nat64_take_unseen(
	struct nat64 *n, struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out)
{
	struct job j = { .n = n, .p = p, .now = now, .out = out };

	if (parsed != DROP_NONE) {
		/* What cannot be parsed cannot be answered either. */
		drop_count(&n->count, parsed, drop_class_of_bytes(p->data, p->len));
		TRACE(n, STEP_DROPPED, .n = parsed);
		return VERDICT_DROP;
	}
	return p->v.version == 6 ? pipe_64(&j) : pipe_46(&j);
}

enum verdict nat64_take(
	struct nat64 *n, struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out)
{
	if (UNLIKELY(n->traces_len > 0))
		return recorder_take(n, p, parsed, now, out);
	return nat64_take_unseen(n, p, parsed, now, out);
}

enum verdict nat64_packet(struct nat64 *n, struct pkt *p, nsec now, const struct nat64_out *out)
{
	return nat64_take(n, p, pkt_parse(p), now, out);
}

struct probe_ctx {
	struct nat64 *n;
	const struct nat64_out *out;
};

static void on_probe(void *ctx, const struct state_probe *probe)
{
	struct probe_ctx *c = ctx;

	nat64_probe(c->n, probe, c->out);
}

uint32_t nat64_tell_held(struct nat64 *n, uint32_t from, nsec now)
{
	return n->state ? state_tell_held(n->state, from, now) : STATE_END;
}

static void lend_ask(struct nat64 *n, nsec now, const struct nat64_out *out)
{
	const struct state_config *c = &n->cfg.state;
	struct state_loan m;
	unsigned sent = 0;

	if (LIKELY(!state_loan_ask(n->state, now, &m)))
		return;
	for (unsigned i = 0; i < c->owners->len; i++)
		sent += i != c->worker && out->lend(out->ctx, i, &m);
	state_loan_asked(n->state, sent, now);
}

void nat64_lend(
	struct nat64 *n, unsigned from, const struct state_loan *m, nsec now, const struct nat64_out *out)
{
	struct state_loan answer;

	if (!m->is_ask) {
		state_loan_take(n->state, &m->give, now);
		return;
	}
	state_loan_answer(n->state, &m->ask, from, &answer);
	if (!out->lend(out->ctx, from, &answer))
		state_loan_keep(n->state, &answer.give);
}

nsec nat64_tick(struct nat64 *n, nsec now, const struct nat64_out *out)
{
	struct probe_ctx ctx = { n, out };
	nsec fragments = fragments_expire(n->fragments, now);
	nsec state = state_expire(n->state, now, TICK_BUDGET, on_probe, &ctx);

	lend_ask(n, now, out);
	nsec syns = held_syns_expire(n, now, out);
	nsec ftp = ftp_expire(n, now);
	nsec flows = n->flows ? flowcache_tick(n->flows, now) : state;
	nsec next = fragments < state ? fragments : state;

	next = syns < next ? syns : next;
	next = flows < next ? flows : next;
	return ftp < next ? ftp : next;
}

void nat64_drop(struct nat64 *n, enum drop_reason reason, const struct pkt *p)
{
	struct drop_class k = p ? drop_class_of_bytes(p->data, p->len) : drop_class_unknown();

	/* What is written as IPv4 came as IPv6. */
	if (k.dir != DIR_UNKNOWN)
		k.dir = k.dir == DIR_64 ? DIR_46 : DIR_64;
	drop_count(&n->count, reason, k);
}

const struct nat64_counters *nat64_counters(const struct nat64 *n)
{
	return &n->count;
}

struct prefix6 nat64_prefix(const struct nat64 *n, uint8_t number)
{
	return n->cfg.prefixes[number];
}

const struct state *nat64_state(const struct nat64 *n)
{
	return n->state;
}

bool nat64_validate(const struct nat64 *n)
{
	return state_validate(n->state) && fragments_validate(n->fragments) && ftp_validate(n->ftp) &&
	       flowcache_validate(n->flows);
}

unsigned train_segments(const struct pkt *p)
{
	if (p->off.gso == GSO_NONE)
		return 1;
	uint32_t header = p->v.kind == L4_TCP ? (uint32_t)(p->data[p->v.l4_off + 12] >> 4) * 4 : UDP_HDR_LEN;
	uint32_t payload = p->v.l4_len > header ? p->v.l4_len - header : 0;
	uint32_t segments = (payload + p->off.gso_size - 1) / p->off.gso_size;

	return segments > 0 ? segments : 1;
}
