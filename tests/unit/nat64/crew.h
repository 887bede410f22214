/*
 * crew.h - several translators over one pool, and between them rings without threads
 *
 * A struct bench stands in front: what any worker sends is captured there. A packet is given to a worker, and what is
 * handed over is delivered in the order in which it was, until nothing is on its way.
 */
#ifndef ISTHMUS_TESTS_NAT64_CREW_H
#define ISTHMUS_TESTS_NAT64_CREW_H

#include "bench.h"

#include "state/owner.h"

#define CREW_MAX 4
#define RING_MAX 256
#define CREW_OUT(k)                                                                                          \
	{                                                                                                    \
		.send = crew_capture, .ctx = (k), .hand_over = crew_hand_over, .lend = crew_lend             \
	}

/* A packet on its way to another worker, with memory of its own. */
struct passage {
	unsigned to, from;
	bool is_loan;
	struct state_loan loan;
	struct pkt p;
	struct nat64_handover h;
	struct craft bytes;
};

struct crew {
	struct bench *b;
	unsigned len;
	struct nat64 *n[CREW_MAX];
	struct owners owners;
	_Atomic uint64_t *moved;
	struct passage *ring;
	unsigned head, tail;
	bool is_ring_full; /* refuse everything */
	unsigned handed, lent;
	unsigned at; /* the worker that is running */
};

static inline bool crew_hand_over(
	void *ctx, unsigned worker, const struct pkt *p, const struct nat64_handover *h)
{
	struct crew *k = ctx;

	if (k->is_ring_full)
		return false;
	REQUIRE(worker < k->len && k->tail - k->head < RING_MAX);
	REQUIRE(pkt_validate(p));
	struct passage *to = &k->ring[k->tail++ % RING_MAX];

	to->to = worker;
	to->is_loan = false;
	to->h = *h;
	to->p = *p;
	to->p.head = to->bytes.memory;
	to->p.data = craft_data(&to->bytes);
	to->p.end = to->bytes.memory + sizeof(to->bytes.memory);
	bytes_copy(to->p.data, p->data, p->len);
	k->handed++;
	return true;
}

static inline bool crew_lend(void *ctx, unsigned worker, const struct state_loan *m)
{
	struct crew *k = ctx;

	if (k->is_ring_full)
		return false;
	REQUIRE(worker < k->len && worker != k->at && k->tail - k->head < RING_MAX);
	struct passage *to = &k->ring[k->tail++ % RING_MAX];

	to->to = worker;
	to->from = k->at;
	to->is_loan = true;
	to->loan = *m;
	k->lent++;
	return true;
}

static inline void crew_capture(void *ctx, const struct pkt *p)
{
	struct crew *k = ctx;

	capture(k->b, p);
}

static inline void crew_deliver(struct crew *k)
{
	struct nat64_out out = CREW_OUT(k);

	while (k->head != k->tail) {
		struct passage *at = &k->ring[k->head % RING_MAX];

		k->at = at->to;
		if (at->is_loan)
			nat64_lend(k->n[at->to], at->from, &at->loan, k->b->now, &out);
		else
			(void)nat64_take_over(k->n[at->to], &at->p, &at->h, k->b->now, &out);
		k->head++;
	}
}

/* Every worker's time passes; what they say to each other is delivered. */
static inline void crew_tick(struct crew *k)
{
	struct nat64_out out = CREW_OUT(k);

	for (k->at = 0; k->at < k->len;) {
		unsigned i = k->at;

		(void)nat64_tick(k->n[i], k->b->now, &out);
		crew_deliver(k);
		k->at = i + 1;
	}
}

/* Starts on a bench that bench_config() made and the test may have changed. */
static inline struct crew *crew_new(struct bench *b, unsigned len)
{
	struct crew *k = calloc(1, sizeof(*k));
	uint8_t seed[32] = { 1, 2, 3 };

	REQUIRE(k);
	k->b = b;
	k->len = len;
	k->ring = calloc(RING_MAX, sizeof(*k->ring));
	k->moved = calloc(owners_table_len(&b->cfg.state), sizeof(*k->moved));
	REQUIRE(k->ring && k->moved);
	struct owners_table table = { k->moved, owners_table_len(&b->cfg.state) };

	REQUIRE(owners_init(&k->owners, &b->cfg.state, len, &table) == 0);
	b->cfg.state.owners = &k->owners;
	for (unsigned i = 0; i < len; i++) {
		b->cfg.state.worker = i;
		seed[3] = (uint8_t)i;
		REQUIRE(nat64_new(&b->cfg, seed, b->now, &k->n[i]) == 0);
	}
	return k;
}

static inline void crew_free(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++) {
		CHECK(nat64_validate(k->n[i]));
		nat64_free(k->n[i]);
	}
	owners_fini(&k->owners);
	free(k->moved);
	free(k->ring);
	free(k->b);
	free(k);
}

/* Gives b->in to a worker, and delivers; what comes out is captured behind what was. */
static inline enum verdict crew_put_more(struct crew *k, unsigned worker)
{
	struct nat64_out out = CREW_OUT(k);
	struct bench *b = k->b;
	struct pkt p = {
		.head = b->in.memory,
		.data = craft_data(&b->in),
		.len = (uint32_t)b->in.len,
		.end = b->in.memory + sizeof(b->in.memory),
	};
	k->at = worker;
	enum verdict verdict = nat64_packet(k->n[worker], &p, b->now, &out);

	crew_deliver(k);
	return verdict;
}

static inline enum verdict crew_put(struct crew *k, unsigned worker)
{
	k->b->sent = 0;
	return crew_put_more(k, worker);
}

static inline uint64_t crew_drops(const struct crew *k, enum drop_reason r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < k->len; i++)
		sum += nat64_drops(nat64_counters(k->n[i]), r);
	return sum;
}

/* The sum of one counter of all workers. */
#define CREW_SUM(k, field)                                                                                   \
	({                                                                                                   \
		uint64_t sum = 0;                                                                            \
		for (unsigned i_ = 0; i_ < (k)->len; i_++)                                                   \
			sum += nat64_counters((k)->n[i_])->field;                                            \
		sum;                                                                                         \
	})

#endif
