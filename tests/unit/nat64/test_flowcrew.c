/* test_flowcrew.c - several workers write the tables of the fast path: each its own flows, all with one epoch */
#include "crew.h"
#include "flowmodel.h"

#include <stdio.h>

#define NETS 24
#define WORKERS 3

struct gang {
	struct crew *k;
	struct flowmodel *m;
	uint16_t port[NETS];
};

static struct craft_ip from_net(unsigned net)
{
	static char text[32];

	snprintf(text, sizeof(text), "2001:db8:%x::2", net + 1);
	return (struct craft_ip){ .src = text, .dst = SERVER6 };
}

/* A packet of the net's flow from IPv6, by the programs or else by whichever worker; whether the programs took it. */
static bool out(struct gang *g, unsigned net)
{
	struct craft_ip ip = from_net(net);
	struct bench *b = g->k->b;

	craft_udp(&b->in, &ip, 40000, 53, 20);
	struct pkt p = { .head = b->in.memory,
		.data = craft_data(&b->in),
		.len = (uint32_t)b->in.len,
		.end = b->in.memory + sizeof(b->in.memory) };

	REQUIRE(pkt_parse(&p) == DROP_NONE);
	b->sent = 0;
	if (flowmodel_take(g->m, &p, b->now)) {
		CHECK_INT(p.v.sport, g->port[net]);
		return true;
	}
	(void)crew_put_more(g->k, net % WORKERS);
	REQUIRE(b->sent == 1);
	CHECK(g->port[net] == 0 || g->port[net] == b->v[0].sport);
	g->port[net] = b->v[0].sport;
	return false;
}

static void reply(struct gang *g, unsigned net)
{
	craft_udp(&g->k->b->in, &to_pool, 53, g->port[net], 20);
	(void)crew_put(g->k, net % WORKERS);
	CHECK_INT(g->k->b->sent, 1);
}

static struct gang gang_new(void)
{
	struct gang g = { .m = flowmodel_new(64, 0) };
	struct bench *b = bench_config();

	b->cfg.state.ports_per_block = 64;
	b->cfg.flows = &g.m->maps;
	g.k = crew_new(b, WORKERS);
	b->now += NSEC;
	return g;
}

static void gang_free(struct gang *g)
{
	crew_free(g->k);
	flowmodel_free(g->m);
}

static void enter_all(struct gang *g)
{
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned net = 0; net < NETS; net++) {
			(void)out(g, net);
			reply(g, net);
		}
	}
}

static unsigned hits(struct gang *g)
{
	unsigned n = 0;

	for (unsigned net = 0; net < NETS; net++)
		n += out(g, net);
	return n;
}

static void reload_one(struct gang *g, unsigned worker)
{
	struct nat64_change *ch = NULL;
	struct state_report report;

	REQUIRE(nat64_prepare(g->k->n[worker], &g->k->b->cfg, 5, &ch) == 0);
	nat64_commit(g->k->n[worker], ch, g->k->b->now, &report);
	nat64_change_free(ch);
}

static void settle(struct gang *g)
{
	for (unsigned i = 0; i < 4; i++) {
		g->k->b->now += NSEC / 4;
		crew_tick(g->k);
	}
}

TEST(each_worker_enters_its_own_flows)
{
	struct gang g = gang_new();
	unsigned flows = 0;

	enter_all(&g);
	CHECK_INT(hits(&g), NETS);
	for (unsigned i = 0; i < WORKERS; i++) {
		CHECK(nat64_flowcache_counters(g.k->n[i]).flows > 0);
		flows += nat64_flowcache_counters(g.k->n[i]).flows;
	}
	CHECK_INT(flows, NETS);
	gang_free(&g);
}

TEST(the_first_worker_that_reloads_voids_the_flows_of_all)
{
	struct gang g = gang_new();

	enter_all(&g);
	reload_one(&g, 1);
	CHECK_INT(hits(&g), 0);
	gang_free(&g);
}

TEST(who_has_the_old_configuration_enters_nothing_that_counts)
{
	struct gang g = gang_new();
	unsigned before;

	enter_all(&g);
	reload_one(&g, 1);
	settle(&g);
	enter_all(&g);
	before = hits(&g);
	CHECK(before > 0 && before < NETS);
	CHECK_INT(before, nat64_flowcache_counters(g.k->n[1]).flows);
	reload_one(&g, 0);
	reload_one(&g, 2);
	CHECK_INT(hits(&g), before); /* those of the first one stay */
	settle(&g);
	enter_all(&g);
	CHECK_INT(hits(&g), NETS);
	gang_free(&g);
}

TEST(a_worker_that_ends_takes_out_its_own_flows_alone)
{
	struct gang g = gang_new();
	uint32_t gone;

	enter_all(&g);
	gone = nat64_flowcache_counters(g.k->n[2]).flows;
	nat64_free(g.k->n[2]);
	g.k->n[2] = NULL;
	g.k->len = 2;
	unsigned found = 0;

	for (unsigned slot = 0; slot < 64 * FLOW_WAYS; slot++)
		found += g.m->maps.flows64[slot / FLOW_WAYS].way[slot % FLOW_WAYS].epoch == g.m->head.epoch;
	CHECK_INT(found, NETS - gone);
	gang_free(&g);
}
