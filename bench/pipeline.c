/*
 * pipeline.c - what one packet costs in the pure core: no device, no system call, one thread
 *
 *	pipeline				all paths at 1,000 and at 1,000,000 sessions, and the memory of these
 *	pipeline --only PATH --sessions N	one path; prints "PATH PACKETS NANOSECONDS MINUS" (MINUS as in --list)
 *	pipeline --list				the paths: "PATH MINUS", where the cost of MINUS is in PATH and to be taken off
 *	  --packets N		at least so many packets per pass (1,000,000)
 *	  --per-binding N	sessions that share a binding (1, the worst case)
 *	  --burst N		packets that come together, 1 to NAT64_BURST_MAX (which is the default)
 *	  --log			tell every session to a ring of the binding log, which is emptied outside of the measurement
 *	  --huge		ask the kernel for huge pages for the tables
 *
 * Purpose. The numbers say where a packet's time goes and what many sessions cost: a session that is not in the cache
 * costs memory latency, which no ratio against a device shows.
 *
 * Method. Headers are made beforehand, in the order in which they are sent; that order is shuffled, and is another one
 * than that in which the sessions were made. Sending a packet copies its 64 bytes of header into the work buffer, which
 * is what is left of the kernel's delivery; the path "copy" measures that, and the table takes it off. A pass is timed
 * as a whole. Each number is the median of PASSES passes after one that warms up. Every packet must come out as it
 * should, or the program fails.
 *
 * @clocked is the only place that measures; bench/instructions lets callgrind count there and nowhere else.
 */
#include "traffic.h"

#include "addr/embed.h"
#include "base/clock.h"
#include "bindlog/events.h"
#include "nat64/nat64.h"
#include "state/pool.h"
#include "xlat/xlat.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PASSES 5
#define SMALL_L4 24	   /* an IPv6 packet of 64 bytes */
#define TRAIN_SEGMENT 1440 /* bytes */
#define TRAIN_L4 (TCP_HDR_LEN + 45 * TRAIN_SEGMENT)
#define WORK_BYTES                                                                                           \
	(128 * 1024 + 192) /* not a power of two: the headers would compete for one set of the cache */
#define HEADROOM 128
#define LATER (8000 * NSEC) /* longer than any lifetime */
#define FEW 1000u
#define LOG_EVENTS (1u << 21) /* more than the events of a pass */
#define MANY 1000000u
#define NAME_WIDTH 30

struct bench {
	const struct path *path;
	uint32_t sessions, repeats; /* a pass sends every session's packet so many times */
	struct shape shape;
	bool wants_huge;
	struct events *ring; /* NULL: nothing is logged */
	uint32_t *order;
	struct frame *frames;
	struct flow64 *flows64;
	struct flow46 *flows46;
	struct outside *outside; /* by session */
	struct nat64 *nat64;
	struct state *state;
	struct static_binding *statics; /* of lend_to_others() */
	nsec now;
	struct rng rng;
	uint8_t *work;	  /* NAT64_BURST_MAX times WORK_BYTES */
	unsigned burst;	  /* packets that nat64_burst() is given at once */
	uint32_t at;	  /* number in @order of the packet that comes out next */
	uint64_t sent;	  /* packets that came out, of nat64_packet() */
	nsec spent;	  /* by clocked() */
	uint64_t packets; /* in clocked() */
};

typedef void loop_fn(struct bench *b);

enum world { WORLD_NONE, WORLD_NAT64, WORLD_STATE, WORLD_HALF_LENT, WORLD_ALL_BUT_LENT };

struct path {
	const char *name;
	const char *title;
	const char *minus; /* name of the path whose cost is contained, or NULL */
	enum proto proto;
	enum direction dir;
	enum world world;
	bool is_train;
	loop_fn *loop;
	loop_fn *pass;
};

/* How many of the pool's blocks others have, per mille; such paths are for few sessions. */
static unsigned lent_in(enum world w)
{
	return w == WORLD_HALF_LENT ? 500 : w == WORLD_ALL_BUT_LENT ? 999 : 0;
}

_Noreturn static void fail(const struct bench *b, const char *what)
{
	fprintf(stderr, "pipeline: %s: %s\n", b ? b->path->name : "start", what);
	if (b && b->nat64) {
		for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++) {
			enum drop_reason reason = (enum drop_reason)i;

			if (nat64_drops(nat64_counters(b->nat64), reason) > 0)
				fprintf(stderr, "pipeline: dropped: %s\n", drop_name(reason));
		}
	}
	exit(EXIT_FAILURE);
}

static void *table(size_t n, size_t size)
{
	void *p = aligned_alloc(FRAME_BYTES, (n * size + FRAME_BYTES - 1) / FRAME_BYTES * FRAME_BYTES);

	if (!p)
		fail(NULL, "out of memory");
	memset(p, 0, n * size);
	return p;
}

/* --- loops: each sends the packet of every session once --- */

static void load(struct bench *b, uint32_t i, struct pkt *p)
{
	uint8_t *work = b->work + i % NAT64_BURST_MAX * WORK_BYTES;
	uint8_t *data = work + HEADROOM;
	bool is_train = b->shape.is_train;

	memcpy(data, b->frames[i].at, FRAME_BYTES);
	p->head = work;
	p->data = data;
	p->end = work + WORK_BYTES;
	p->len = (b->path->dir == DIR_64 ? IP6_HDR_LEN : IP4_HDR_LEN) + (uint32_t)b->shape.l4_len;
	p->off = (struct offload){ 0 };
	if (is_train) {
		p->off = (struct offload){
			.csum_partial = true,
			.gso = b->path->dir == DIR_64 ? GSO_TCP6 : GSO_TCP4,
			.gso_size = TRAIN_SEGMENT,
			.csum_start = b->path->dir == DIR_64 ? IP6_HDR_LEN : IP4_HDR_LEN,
			.csum_offset = 16,
		};
	}
}

static void ignore(struct pkt *p)
{
}

/* Through a volatile pointer, so that the compiler does not see that nobody looks at the packet. */
static void (*volatile look_at)(struct pkt *p) = ignore;

static void loop_copy(struct bench *b)
{
	struct pkt p;

	for (uint32_t i = 0; i < b->sessions; i++) {
		load(b, i, &p);
		look_at(&p);
	}
}

static void loop_parse(struct bench *b)
{
	struct pkt p;

	for (uint32_t i = 0; i < b->sessions; i++) {
		load(b, i, &p);
		enum drop_reason reason = pkt_parse(&p);

		if (reason != DROP_NONE)
			fail(b, drop_name(reason));
		look_at(&p);
	}
}

static void loop_xlat64(struct bench *b)
{
	const struct xlat_to4 to = {
		.outer = { { 0xc6120001 }, { 0x17000001 }, 2000, 443 },
	};
	struct pkt p;

	for (uint32_t i = 0; i < b->sessions; i++) {
		load(b, i, &p);
		if (pkt_parse(&p) != DROP_NONE || xlat_64(&p, &to, (uint16_t)i) != DROP_NONE)
			fail(b, "not translated");
		look_at(&p);
	}
}

static void loop_xlat46(struct bench *b)
{
	const struct xlat_to6 to = {
		.outer = { { UINT64_C(0x0064ff9b00000000), 0x17000001 }, { UINT64_C(0x20010db800000000), 1 },
			443, 2000 },
	};
	struct pkt p;

	for (uint32_t i = 0; i < b->sessions; i++) {
		load(b, i, &p);
		if (pkt_parse(&p) != DROP_NONE || xlat_46(&p, &to) != DROP_NONE)
			fail(b, "not translated");
		look_at(&p);
	}
}

static void loop_take64(struct bench *b)
{
	struct mapping m;

	for (uint32_t i = 0; i < b->sessions; i++) {
		if (state_take64(b->state, &b->flows64[i], b->now, &m) != DROP_NONE)
			fail(b, "refused");
		m.session->pkts_64++;
	}
}

static void loop_take46(struct bench *b)
{
	struct mapping m;

	for (uint32_t i = 0; i < b->sessions; i++) {
		if (state_take46(b->state, &b->flows46[i], b->now, &m) != DROP_NONE)
			fail(b, "refused");
		m.session->pkts_46++;
	}
}

static void count_sent(void *ctx, const struct pkt *p)
{
	struct bench *b = ctx;

	b->sent++;
}

static void record_outside(void *ctx, const struct pkt *p)
{
	struct bench *b = ctx;

	b->sent++;
	if (p->v.version == 4)
		b->outside[b->order[b->at++]] = (struct outside){ p->v.src4, p->v.sport };
}

static void send_all(struct bench *b, void (*send)(void *ctx, const struct pkt *p))
{
	const struct nat64_out out = { .send = send, .ctx = b };
	uint64_t want = b->sent + b->sessions;
	struct pkt p[NAT64_BURST_MAX];

	b->at = 0;
	for (uint32_t i = 0; i < b->sessions;) {
		unsigned len = 0;

		for (; len < b->burst && i < b->sessions; i++)
			load(b, i, &p[len++]);
		nat64_burst(b->nat64, p, len, b->now, &out);
	}
	if (b->sent != want)
		fail(b, "not every packet came out");
}

static void loop_nat64(struct bench *b)
{
	send_all(b, count_sent);
}

static uint32_t live_sessions(const struct bench *b)
{
	struct state_stats st;

	state_stats(nat64_state(b->nat64), &st);
	return st.sessions[PROTO_TCP] + st.sessions[PROTO_UDP] + st.sessions[PROTO_ICMP];
}

/* All sessions expire. */
static void loop_expire(struct bench *b)
{
	const struct nat64_out out = { .send = count_sent, .ctx = b };

	b->now += LATER;
	while (live_sessions(b) > 0) {
		if (nat64_tick(b->nat64, b->now, &out) > b->now)
			b->now += LATER;
	}
}

/* --- passes: what of the loops is measured --- */

/* Processor time of this thread: what else runs on the machine counts only as far as it takes the caches. */
static nsec thread_time(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
		fail(NULL, "there is no clock of processor time");
	return (nsec)t.tv_sec * NSEC + (nsec)t.tv_nsec;
}

static void clocked(struct bench *b, loop_fn *loop)
{
	nsec begin = thread_time();

	loop(b);
	b->spent += thread_time() - begin;
	b->packets += b->sessions;
}

/* Neither put into its callers nor changed for them: bench/instructions looks for the name. */
static void (*volatile measured)(struct bench *b, loop_fn *loop) = clocked;

static void pass_again(struct bench *b)
{
	measured(b, b->path->loop);
}

/* None may be lost: a full ring is cheaper than one that takes an event. */
static void empty_ring(struct bench *b)
{
	struct state_event e;

	while (b->ring && events_take(b->ring, &e))
		continue;
	if (b->ring && events_lost(b->ring) > 0)
		fail(b, "the ring is too small");
}

static void pass_new(struct bench *b)
{
	measured(b, loop_nat64);
	empty_ring(b);
	loop_expire(b);
	empty_ring(b);
}

static void pass_expire(struct bench *b)
{
	loop_nat64(b);
	empty_ring(b);
	measured(b, loop_expire);
	empty_ring(b);
}

static const struct path paths[] = {
	{ "copy64", NULL, NULL, PROTO_UDP, DIR_64, WORLD_NONE, false, loop_copy, pass_again },
	{ "copy46", NULL, NULL, PROTO_UDP, DIR_46, WORLD_NONE, false, loop_copy, pass_again },
	{ "parse64", "parse, UDP over IPv6", "copy64", PROTO_UDP, DIR_64, WORLD_NONE, false, loop_parse,
		pass_again },
	{ "parse46", "parse, UDP over IPv4", "copy46", PROTO_UDP, DIR_46, WORLD_NONE, false, loop_parse,
		pass_again },
	{ "xlat64", "translate, UDP 6 to 4", "parse64", PROTO_UDP, DIR_64, WORLD_NONE, false, loop_xlat64,
		pass_again },
	{ "xlat46", "translate, UDP 4 to 6", "parse46", PROTO_UDP, DIR_46, WORLD_NONE, false, loop_xlat46,
		pass_again },
	{ "take64-udp", "session, UDP 6 to 4", NULL, PROTO_UDP, DIR_64, WORLD_STATE, false, loop_take64,
		pass_again },
	{ "take46-udp", "session, UDP 4 to 6", NULL, PROTO_UDP, DIR_46, WORLD_STATE, false, loop_take46,
		pass_again },
	{ "take64-tcp", "session, TCP 6 to 4", NULL, PROTO_TCP, DIR_64, WORLD_STATE, false, loop_take64,
		pass_again },
	{ "take46-tcp", "session, TCP 4 to 6", NULL, PROTO_TCP, DIR_46, WORLD_STATE, false, loop_take46,
		pass_again },
	{ "udp64", "whole, UDP 6 to 4", "copy64", PROTO_UDP, DIR_64, WORLD_NAT64, false, loop_nat64,
		pass_again },
	{ "udp46", "whole, UDP 4 to 6", "copy46", PROTO_UDP, DIR_46, WORLD_NAT64, false, loop_nat64,
		pass_again },
	{ "tcp64", "whole, TCP 6 to 4", "copy64", PROTO_TCP, DIR_64, WORLD_NAT64, false, loop_nat64,
		pass_again },
	{ "tcp46", "whole, TCP 4 to 6", "copy46", PROTO_TCP, DIR_46, WORLD_NAT64, false, loop_nat64,
		pass_again },
	{ "echo64", "whole, echo 6 to 4", "copy64", PROTO_ICMP, DIR_64, WORLD_NAT64, false, loop_nat64,
		pass_again },
	{ "echo46", "whole, echo 4 to 6", "copy46", PROTO_ICMP, DIR_46, WORLD_NAT64, false, loop_nat64,
		pass_again },
	{ "train64", "whole, 64 KiB TCP train 6 to 4", "copy64", PROTO_TCP, DIR_64, WORLD_NAT64, true,
		loop_nat64, pass_again },
	{ "train46", "whole, 64 KiB TCP train 4 to 6", "copy46", PROTO_TCP, DIR_46, WORLD_NAT64, true,
		loop_nat64, pass_again },
	{ "new-udp", "new session, UDP", "copy64", PROTO_UDP, DIR_64, WORLD_NAT64, false, NULL, pass_new },
	{ "new-tcp", "new session, TCP SYN", "copy64", PROTO_TCP, DIR_64, WORLD_NAT64, false, NULL,
		pass_new },
	{ "new-echo", "new session, echo", "copy64", PROTO_ICMP, DIR_64, WORLD_NAT64, false, NULL, pass_new },
	{ "new-udp-half", "new session, UDP, half lent", "copy64", PROTO_UDP, DIR_64, WORLD_HALF_LENT, false,
		NULL, pass_new },
	{ "new-udp-full", "new session, UDP, 99.9 % lent", "copy64", PROTO_UDP, DIR_64, WORLD_ALL_BUT_LENT,
		false, NULL, pass_new },
	{ "expire-udp", "session expires, UDP", NULL, PROTO_UDP, DIR_64, WORLD_NAT64, false, NULL,
		pass_expire },
	{ "expire-tcp", "session expires, TCP", NULL, PROTO_TCP, DIR_64, WORLD_NAT64, false, NULL,
		pass_expire },
};

/* --- making the world in which a path is measured --- */

static void shuffle(struct bench *b)
{
	for (uint32_t i = b->sessions; i > 1; i--) {
		uint32_t j = rng_below(&b->rng, i), keep = b->order[i - 1];

		b->order[i - 1] = b->order[j];
		b->order[j] = keep;
	}
}

static void prepare(struct bench *b, enum direction dir, uint8_t flags)
{
	b->shape.tcp_flags = b->shape.proto == PROTO_TCP ? flags : 0;
	for (uint32_t i = 0; i < b->sessions; i++) {
		uint32_t session = b->order[i];
		struct outside o = b->outside[session];

		if (b->flows64)
			b->flows64[i] = traffic_flow64(&b->shape, session);
		if (b->flows46)
			b->flows46[i] = traffic_flow46(&b->shape, session, o);
		if (dir == DIR_64)
			traffic_frame64(&b->shape, session, &b->frames[i]);
		else
			traffic_frame46(&b->shape, session, o, &b->frames[i]);
	}
}

/* 198.18.0.0/24 from port 1024 on, and otherwise the defaults of the configuration. */
static struct nat64_config config_for(uint32_t sessions)
{
	struct nat64_config c = { .prefixes = { WELL_KNOWN_PREFIX }, .prefixes_len = 1 };

	state_config_default(&c.state);
	c.state.pool[0] = (struct pool_entry){ .prefix = { { 0xc6120000 }, 24 }, .lo = 1024, .hi = 65535 };
	c.state.pool_len = 1;
	c.state.max_sessions = sessions;
	return c;
}

/* Others have so many of the pool's blocks, for good. */
static void lend_to_others(struct bench *b, struct nat64_config *c)
{
	uint64_t blocks = pool_blocks(&c->state);
	uint32_t left = (uint32_t)(blocks * (1000 - lent_in(b->path->world)) / 1000);

	if (b->sessions > left * BINDINGS_PER_SUBSCRIBER)
		fail(b, "so many sessions do not fit in what is left of the pool");
	b->statics = table(blocks, sizeof(*b->statics));
	c->state.statics = b->statics;
	c->state.statics_len = traffic_others(&c->state, left, b->statics);
	c->state.max_sessions = b->sessions + (uint32_t)blocks; /* bindings are bounded by it, too */
}

static const uint8_t seed[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };

/* The direction of load() is the path's; the first packets of a session may go the other way. */
static void send_once(struct bench *b, enum direction dir, uint8_t flags, loop_fn *loop)
{
	struct path way = *b->path;
	const struct path *keep = b->path;

	way.dir = dir;
	b->path = &way;
	prepare(b, dir, flags);
	loop(b);
	b->path = keep;
}

static void loop_record(struct bench *b)
{
	send_all(b, record_outside);
}

static void loop_record_take64(struct bench *b)
{
	struct mapping m;

	for (uint32_t i = 0; i < b->sessions; i++) {
		if (state_take64(b->state, &b->flows64[i], b->now, &m) != DROP_NONE)
			fail(b, "refused");
		b->outside[b->order[i]] = (struct outside){ m.binding->out, m.binding->out_port };
	}
}

static void establish(struct bench *b)
{
	bool is_state = b->path->world == WORLD_STATE;

	send_once(b, DIR_64, TCP_SYN, is_state ? loop_record_take64 : loop_record);
	send_once(b, DIR_46, TCP_SYN | TCP_ACK, is_state ? loop_take46 : loop_nat64);
}

/* Without them (no such kernel, no such memory) all goes on as it was. */
static void advise_huge(void *ctx, void *table_start, size_t bytes, bool is_scattered)
{
	(void)madvise(table_start, bytes & ~((size_t)sysconf(_SC_PAGESIZE) - 1), MADV_HUGEPAGE);
}

static void bench_begin(struct bench *b)
{
	struct nat64_config c = config_for(b->sessions);
	uint32_t n = b->sessions;

	rng_init(&b->rng, 64);
	b->order = table(n, sizeof(*b->order));
	b->frames = table(n, sizeof(*b->frames));
	b->outside = table(n, sizeof(*b->outside));
	b->work = table(NAT64_BURST_MAX, WORK_BYTES);
	b->now = 1000 * NSEC;
	for (uint32_t i = 0; i < n; i++)
		b->order[i] = i;
	shuffle(b);
	if (lent_in(b->path->world) > 0)
		lend_to_others(b, &c);
	if (b->ring)
		c.state.watch = (struct state_watch){ events_put, b->ring, STATE_TELL_SESSIONS };
	if ((b->path->world == WORLD_NAT64 || lent_in(b->path->world) > 0) &&
		nat64_new(&c, seed, b->now, &b->nat64) < 0)
		fail(b, "nat64_new() failed");
	if (b->path->world == WORLD_STATE) {
		b->flows64 = table(n, sizeof(*b->flows64));
		b->flows46 = table(n, sizeof(*b->flows46));
		if (state_new(&c.state, seed, b->now, &b->state) < 0)
			fail(b, "state_new() failed");
	}
	if (b->wants_huge && b->path->world != WORLD_NONE)
		state_each_table(b->nat64 ? nat64_state(b->nat64) : b->state, advise_huge, NULL);
}

static void bench_end(struct bench *b)
{
	nat64_free(b->nat64);
	state_free(b->state);
	free(b->order);
	free(b->frames);
	free(b->flows64);
	free(b->flows46);
	free(b->outside);
	free(b->work);
	free(b->statics);
}

/* --- measuring --- */

struct options {
	uint32_t sessions, packets, per_binding, burst;
	const char *only;
	bool wants_huge;
	struct events *ring; /* of --log */
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double one_pass(struct bench *b)
{
	uint64_t packets = b->packets;
	nsec spent = b->spent;

	for (uint32_t i = 0; i < b->repeats; i++)
		b->path->pass(b);
	return (double)(b->spent - spent) / (double)(b->packets - packets);
}

/* Nanoseconds per packet; *ret_packets is how many went through clocked() in all. */
static double measure(const struct path *p, const struct options *o, uint32_t sessions, uint64_t *ret_packets)
{
	struct bench b = {
		.path = p,
		.sessions = sessions,
		.wants_huge = o->wants_huge,
		.ring = o->ring,
		.burst = o->burst,
		.repeats = sessions < o->packets ? o->packets / sessions : 1,
		.shape = { .proto = p->proto, .l4_len = SMALL_L4, .per_binding = o->per_binding },
	};
	double passes[PASSES];

	bench_begin(&b);
	if (p->world != WORLD_NONE && p->pass == pass_again)
		establish(&b);
	shuffle(&b);
	b.shape.is_train = p->is_train;
	b.shape.l4_len = p->is_train ? TRAIN_L4 : SMALL_L4;
	prepare(&b, p->dir, p->pass == pass_again ? TCP_ACK : TCP_SYN);
	one_pass(&b);
	for (unsigned i = 0; i < PASSES; i++)
		passes[i] = one_pass(&b);
	qsort(passes, PASSES, sizeof(passes[0]), compare);
	*ret_packets = b.packets;
	bench_end(&b);
	return passes[PASSES / 2];
}

static const struct path *find_path(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (strcmp(paths[i].name, name) == 0)
			return &paths[i];
	}
	fprintf(stderr, "pipeline: there is no path %s\n", name);
	exit(EXIT_FAILURE);
}

static void print_paths(const struct options *o)
{
	double raw[ARRAY_LEN(paths)][2];
	uint64_t packets;

	printf("%-*s %12s %12s %12s %14s\n", NAME_WIDTH, "nanoseconds per packet", "1,000", "1,000,000",
		"rate", "thousand/s");
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const struct path *p = &paths[i];

		raw[i][0] = measure(p, o, FEW, &packets);
		raw[i][1] = lent_in(p->world) > 0 ? 0 : measure(p, o, MANY, &packets);
		if (!p->title)
			continue;
		const double none[2] = { 0, 0 }, *less = p->minus ? raw[find_path(p->minus) - paths] : none;
		double few = raw[i][0] - less[0], many = raw[i][1] - less[1];

		if (lent_in(p->world) > 0) {
			printf("%-*s %12.1f %12s %12s %14s\n", NAME_WIDTH, p->title, few, "-", "-", "-");
			continue;
		}
		printf("%-*s %12.1f %12.1f %12.2f %14.0f\n", NAME_WIDTH, p->title, few, many, few / many,
			1e6 / many);
		fflush(stdout);
	}
	printf("rate: with 1,000,000 sessions in random order against 1,000; thousand/s: with 1,000,000\n");
}

/* --- memory --- */

static uint64_t resident_bytes(void)
{
	unsigned long long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f) {
		if (fscanf(f, "%llu %llu", &all, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* In a process of its own, so that nothing else is counted. */
static void report_memory(uint32_t per_binding)
{
	static const struct path way = {
		.name = "memory", .dir = DIR_64, .proto = PROTO_TCP, .world = WORLD_NONE
	};
	struct bench b = {
		.path = &way,
		.sessions = MANY,
		.burst = NAT64_BURST_MAX,
		.shape = { .proto = PROTO_TCP, .l4_len = SMALL_L4, .per_binding = per_binding },
	};
	struct nat64_config c = config_for(MANY);
	struct state_stats st;

	bench_begin(&b);
	prepare(&b, DIR_64, TCP_SYN);
	uint64_t before = resident_bytes();

	if (nat64_new(&c, seed, b.now, &b.nat64) < 0)
		fail(&b, "nat64_new() failed");
	loop_nat64(&b);
	uint64_t used = resident_bytes() - before;

	state_stats(nat64_state(b.nat64), &st);
	printf("%9u sessions, %7u bindings, %5u subscribers: %5.0f MiB resident, %.0f bytes per session; "
	       "%.0f MiB reserved\n",
		st.sessions[PROTO_TCP], st.bindings[PROTO_TCP], st.subscribers, (double)used / (1 << 20),
		(double)used / MANY, (double)st.bytes_of_memory / (1 << 20));
	bench_end(&b);
}

static void print_memory(uint32_t per_binding)
{
	fflush(stdout);
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		report_memory(per_binding);
		exit(EXIT_SUCCESS);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
		fail(NULL, "memory was not measured");
}

/* --- the program --- */

static uint32_t number(const char *text, uint32_t least)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end != '\0' || v < least || v > 100000000) {
		fprintf(stderr, "pipeline: %s: a number from %u on is wanted\n", text, least);
		exit(EXIT_FAILURE);
	}
	return (uint32_t)v;
}

static void print_list(void)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		printf("%s %s\n", paths[i].name, paths[i].minus ? paths[i].minus : "-");
}

static void print_one(const struct options *o)
{
	const struct path *p = find_path(o->only);
	uint64_t packets;
	double ns = measure(p, o, o->sessions, &packets);

	printf("%s %llu %.1f %s\n", p->name, (unsigned long long)packets, ns, p->minus ? p->minus : "-");
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "only", required_argument, NULL, 'o' },
		{ "sessions", required_argument, NULL, 's' },
		{ "packets", required_argument, NULL, 'p' },
		{ "per-binding", required_argument, NULL, 'b' },
		{ "burst", required_argument, NULL, 'u' },
		{ "huge", no_argument, NULL, 'h' },
		{ "log", no_argument, NULL, 'w' },
		{ "list", no_argument, NULL, 'l' },
		{ 0 },
	};
	struct options o = { .sessions = FEW, .packets = MANY, .per_binding = 1, .burst = NAT64_BURST_MAX };

	for (int opt; (opt = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (opt) {
		case 'o':
			o.only = optarg;
			break;
		case 's':
			o.sessions = number(optarg, 16);
			break;
		case 'p':
			o.packets = number(optarg, 1);
			break;
		case 'b':
			o.per_binding = number(optarg, 1);
			break;
		case 'u':
			o.burst = number(optarg, 1);
			break;
		case 'h':
			o.wants_huge = true;
			break;
		case 'w':
			if (events_new(LOG_EVENTS, &o.ring) < 0)
				fail(NULL, "no memory for the log");
			break;
		case 'l':
			print_list();
			return EXIT_SUCCESS;
		default:
			return EXIT_FAILURE;
		}
	}
	if (o.burst > NAT64_BURST_MAX)
		o.burst = NAT64_BURST_MAX;
	if (o.only) {
		print_one(&o);
		return EXIT_SUCCESS;
	}
	print_paths(&o);
	print_memory(1);
	print_memory(8);
	return EXIT_SUCCESS;
}
