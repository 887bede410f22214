/*
 * flow_cost.c - what a packet costs in the programs of bpf/flow.bpf.c, in nanoseconds or in instructions
 *
 * usage: flow_cost [--counted]		in a network namespace that bench/flow has made; prints a table
 *
 * The kernel runs flow_again.bpf.c and behind it the program that is measured (BPF_PROG_TEST_RUN) on one packet, many times, as
 * packets of as many flows as the column says. What the preparation costs is measured, too, and subtracted. Nothing is
 * sent: the figures are those of the decision, the translation and the look-up of the route. What the change of the packet's
 * length takes in the kernel is in a column of its own, for the preparation makes the same change.
 *
 * With --counted the machine's clock is one that goes forward by a nanosecond with each instruction (bench/flow --instructions has
 * one), and the same numbers are instructions, of the programs and of the kernel's functions that they call. That the clock is
 * such a one is found out first: by a loop in this program, and by two programs of the kernel, one of which has 1000 more
 * instructions.
 */
#include "flow_tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "flow.skel.h"
#include "flow_again.skel.h"
#pragma GCC diagnostic pop

#define FEW (1u << 10)
#define MANY (1u << 20)
#define REPEAT 1000000u
#define BEST_OF 5
#define TRAINS_BEST_OF 2
#define COUNTED_REPEAT (1u << 18) /* so many of the flows are a sample of all */
#define TRAIN_SHORT 2		  /* exponents of two */
#define TRAIN_LONG 4
#define MORE_INSTRUCTIONS 1000
#define LOOP 50000000
#define CLOCK_ERROR 0.02   /* the interrupts of the clock itself */
#define SPREAD 0x9e3779b1u /* prime; neighbours in time are far apart in the tables */
#define UNSPEC UINT32_MAX  /* TC_ACT_UNSPEC */
#define REDIRECT 7u	   /* TC_ACT_REDIRECT */

_Noreturn void die(const char *what)
{
	fprintf(stderr, "flow_cost: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* One measurement, and what it runs on. */
struct trial {
	const struct path *path;
	uint32_t flows, train_shift;
	struct flow_bpf *flow;
	struct flow_again_bpf *again;
	uint8_t frame[AGAIN_FRONT_MAX + TABLES_PAYLOAD];
	uint32_t frame_len;
	uint32_t *placed, placed_len; /* numbers of flows */
	double without;		      /* what the preparation costs */
	bool is_counted;
};

static const struct path paths[] = {
	{ "tc, flow, TCP, 6 to 4", PATH_FLOW, 1, 1, 0 },
	{ "tc, flow, TCP, 4 to 6", PATH_FLOW, 0, 1, 0 },
	{ "tc, flow, UDP, 6 to 4", PATH_FLOW, 1, 0, 0 },
	{ "tc, flow, UDP, 4 to 6", PATH_FLOW, 0, 0, 0 },
	{ "tc, hairpin, UDP", PATH_HAIRPIN, 1, 0, 0 },
	{ "tc, pair, UDP, 6 to 4", PATH_PAIR, 1, 0, 0 },
	{ "tc, pair, UDP, 4 to 6", PATH_PAIR, 0, 0, 0 },
	{ "tc, not in the table, IPv6", PATH_MISSING, 1, 0, 0 },
	{ "tc, not in the table, IPv4", PATH_MISSING, 0, 0, 0 },
	{ "tc, not ours, IPv6", PATH_FOREIGN, 1, 0, 0 },
	{ "tc, not ours, IPv4", PATH_FOREIGN, 0, 0, 0 },
	{ "XDP, flow, TCP, 6 to 4", PATH_FLOW, 1, 1, 1 },
	{ "XDP, flow, TCP, 4 to 6", PATH_FLOW, 0, 1, 1 },
	{ "XDP, flow, UDP, 6 to 4", PATH_FLOW, 1, 0, 1 },
	{ "XDP, flow, UDP, 4 to 6", PATH_FLOW, 0, 0, 1 },
	{ "XDP, hairpin, UDP", PATH_HAIRPIN, 1, 0, 1 },
	{ "XDP, pair, UDP, 6 to 4", PATH_PAIR, 1, 0, 1 },
	{ "XDP, pair, UDP, 4 to 6", PATH_PAIR, 0, 0, 1 },
	{ "XDP, not in the table, IPv6", PATH_MISSING, 1, 0, 1 },
	{ "XDP, not in the table, IPv4", PATH_MISSING, 0, 0, 1 },
	{ "XDP, not ours, IPv6", PATH_FOREIGN, 1, 0, 1 },
	{ "XDP, not ours, IPv4", PATH_FOREIGN, 0, 0, 1 },
};

/* --- measuring --- */

static uint32_t verdict_of(const struct path *p)
{
	if (p->kind == PATH_MISSING || p->kind == PATH_FOREIGN)
		return p->is_xdp ? (uint32_t)XDP_PASS : UNSPEC;
	return p->is_xdp ? (uint32_t)XDP_REDIRECT : REDIRECT;
}

static uint32_t run(struct trial *t, const struct bpf_program *target, uint32_t repeat, uint32_t *ret_verdict)
{
	static uint8_t out[4096];
	uint32_t zero = 0;
	int fd = bpf_program__fd(target);
	bool is_xdp = t->path->is_xdp;
	const struct bpf_program *p = is_xdp ? t->again->progs.again_xdp : t->again->progs.again_tc;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = t->frame, .data_size_in = t->frame_len, .data_out = out,
		.data_size_out = sizeof(out), .repeat = (int)repeat);

	if (bpf_map_update_elem(bpf_map__fd(is_xdp ? t->again->maps.next_xdp : t->again->maps.next_tc), &zero,
		    &fd, BPF_ANY) < 0)
		die("tail call");
	t->again->bss->n = 0;
	t->again->bss->length_ns = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(p), &o) < 0)
		die("BPF_PROG_TEST_RUN");
	*ret_verdict = o.retval;
	return o.duration;
}

static uint32_t repeat_of(const struct trial *t)
{
	return t->is_counted ? COUNTED_REPEAT : REPEAT << t->train_shift;
}

/* The first pass makes ways known and lines warm, as far as they can be. */
static double best(struct trial *t, const struct bpf_program *target)
{
	uint32_t least = UINT32_MAX, verdict = 0;
	int passes = t->is_counted ? 1 : t->train_shift ? TRAINS_BEST_OF : BEST_OF;

	(void)run(t, target, 2, &verdict);
	if (verdict != verdict_of(t->path)) {
		fprintf(stderr, "flow_cost: %s: verdict %u\n", t->path->name, verdict);
		exit(EXIT_FAILURE);
	}
	for (int i = 0; i < passes; i++) {
		tables_hear(t->flow);
		(void)run(t, target, repeat_of(t), &verdict);
		uint32_t ns = run(t, target, repeat_of(t), &verdict);

		least = ns < least ? ns : least;
	}
	return least;
}

/* In an order that is none to the tables. */
static void order_fill(const struct trial *t)
{
	size_t len = t->flows * sizeof(uint32_t);
	uint32_t *order =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(t->again->maps.order), 0);

	if (order == MAP_FAILED)
		die("mmap");
	for (uint32_t i = 0; i < t->flows; i++)
		order[i] = t->placed[(uint64_t)i * SPREAD % t->placed_len];
	munmap(order, len);
}

static void again_load(struct trial *t)
{
	const struct path *p = t->path;
	struct again a = { .is_6 = (uint32_t)p->is_6,
		.is_tcp = (uint32_t)p->is_tcp,
		.is_pair = p->kind == PATH_PAIR || p->kind == PATH_FOREIGN,
		.is_same = p->kind != PATH_FLOW && p->kind != PATH_PAIR,
		.verdict = verdict_of(p),
		.flows = t->flows,
		.train_shift = t->train_shift };

	memcpy(a.front, t->frame, t->frame_len - TABLES_PAYLOAD);
	t->again = flow_again_bpf__open();
	if (!t->again)
		die("open");
	memcpy((void *)&t->again->rodata->again, &a, sizeof(a));
	if (bpf_map__set_max_entries(t->again->maps.order, t->flows) < 0 ||
		flow_again_bpf__load(t->again) < 0)
		die("load");
	order_fill(t);
}

static void trial_begin(struct trial *t)
{
	t->frame_len = frame_make(t->path, t->frame);
	t->flow = flow_bpf__open();
	if (!t->flow)
		die("open");
	tables_size(t->flow, t->path, t->flows);
	if (flow_bpf__load(t->flow) < 0)
		die("load");
	t->placed = calloc(t->flows, sizeof(*t->placed));
	if (!t->placed)
		die("memory");
	t->placed_len = tables_fill(t->flow, t->path, t->flows, t->placed);
	again_load(t);
}

static void trial_end(struct trial *t)
{
	flow_bpf__destroy(t->flow);
	flow_again_bpf__destroy(t->again);
	free(t->placed);
}

static double measure(struct trial *t)
{
	bool is_xdp = t->path->is_xdp;

	if (!t->train_shift) /* the preparation is the same for trains */
		t->without = best(t, is_xdp ? t->again->progs.nothing_xdp : t->again->progs.nothing_tc);
	return best(t, is_xdp ? t->flow->progs.isthmus_flow_xdp : t->flow->progs.isthmus_flow) - t->without;
}

static double measure_length(struct trial *t)
{
	uint32_t verdict;

	(void)run(t, t->path->is_xdp ? t->again->progs.length_xdp : t->again->progs.length_tc, repeat_of(t),
		&verdict);
	return (double)t->again->bss->length_ns / repeat_of(t);
}

static double measure_trains(struct trial *t, uint32_t shift)
{
	double ns;

	flow_again_bpf__destroy(t->again);
	t->train_shift = shift;
	again_load(t);
	ns = measure(t);
	t->train_shift = 0;
	return ns;
}

/* --- whether the clock counts instructions --- */

static double loop_ns(uint64_t rounds)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
#if defined(__x86_64__)
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
#elif defined(__aarch64__)
	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds) : : "cc");
#else
	die("instructions of this processor");
#endif
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
}

/* A run of a program that adds @more times. */
static double adding_ns(unsigned more)
{
	static struct bpf_insn code[MORE_INSTRUCTIONS + 2];
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(
		bpf_test_run_opts, o, .data_in = frame, .data_size_in = sizeof(frame), .repeat = REPEAT / 10);
	int fd;

	code[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
	for (unsigned i = 1; i <= more; i++)
		code[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = 1 };
	code[more + 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "adding", "Apache-2.0", code, more + 2, NULL);
	if (fd < 0 || bpf_prog_test_run_opts(fd, &o) < 0)
		die("a program that adds");
	return o.duration;
}

static bool is_within(double is, double should)
{
	return is > should * (1 - CLOCK_ERROR) && is < should * (1 + CLOCK_ERROR);
}

static void clock_check(void)
{
	double loop = loop_ns(LOOP / 2), empty = adding_ns(0), more = adding_ns(MORE_INSTRUCTIONS) - empty;

	printf("The clock: %.0f ns for a loop of %d instructions; %.0f ns for %d of a kernel's program, %.0f "
	       "for a run without any.\n\n",
		loop, LOOP, more, MORE_INSTRUCTIONS, empty);
	if (!is_within(loop, LOOP) || !is_within(more, MORE_INSTRUCTIONS)) {
		fprintf(stderr, "flow_cost: this clock does not count instructions\n");
		exit(EXIT_FAILURE);
	}
}

/* --- the table --- */

static void row(const struct path *p, bool is_counted)
{
	struct trial t = { .path = p, .flows = FEW, .is_counted = is_counted };
	double few, many, length;

	trial_begin(&t);
	few = measure(&t);
	length = measure_length(&t);
	trial_end(&t);
	t.flows = MANY;
	trial_begin(&t);
	many = measure(&t);
	printf("%-30s%12.0f%12.0f%8.2f", p->name, few, many, many / few);
	if (p->kind == PATH_FLOW || p->kind == PATH_PAIR)
		printf("%8.0f", length);
	if (p->kind == PATH_FLOW && !is_counted)
		printf("%12.0f%12.0f", measure_trains(&t, TRAIN_SHORT), measure_trains(&t, TRAIN_LONG));
	printf("\n");
	fflush(stdout);
	trial_end(&t);
}

int main(int argc, char *argv[])
{
	bool is_counted = argc == 2 && strcmp(argv[1], "--counted") == 0;

	if (argc != 1 && !is_counted) {
		fprintf(stderr, "flow_cost [--counted]\n");
		return 2;
	}
	if (is_counted)
		clock_check();
	printf("%-30s%12s%12s%8s%8s", is_counted ? "instructions per packet" : "nanoseconds per packet",
		"1,024 flows", "1,048,576", "ratio", "length");
	printf(is_counted ? "\n" : "%12s%12s\n", "trains of 4", "of 16");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		row(&paths[i], is_counted);
	return 0;
}
