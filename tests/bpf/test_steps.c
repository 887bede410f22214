/*
 * test_steps.c - the kernel takes every program of bpf/, and how much its verifier has to think about each
 *
 * A program that the verifier gives up after 1,000,000 steps is lost, and kernels differ: what one thinks through with
 * ease, another does not. So each number is printed (tests/kernels compares them), and what comes near the limit fails.
 * Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "dns.skel.h"
#include "queue.skel.h"
#include "steer.skel.h"
#pragma GCC diagnostic pop

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define STEPS_MAX 800000 /* of the kernel's 1,000,000 (BPF_COMPLEXITY_LIMIT_INSNS) */
#define LOG_STATISTICS 4 /* of the verifier: nothing but the sum at the end */
#define LOG_BYTES 4096
#define PROGRAMS_MAX 4
#define FLOW_SETS 65536
#define PAIR_SETS 4096
#define QUEUE_WORDS 1024

static char logs[PROGRAMS_MAX][LOG_BYTES];

/* Loads all programs of an object; each leaves what the verifier said of it in logs. */
static void object_load(struct bpf_object *o)
{
	struct bpf_program *p;
	unsigned n = 0;

	libbpf_set_print(NULL);
	bpf_object__for_each_program(p, o)
	{
		REQUIRE(n < PROGRAMS_MAX);
		REQUIRE(bpf_program__set_log_buf(p, logs[n++], LOG_BYTES) == 0);
		REQUIRE(bpf_program__set_log_level(p, LOG_STATISTICS) == 0);
	}
	int r = bpf_object__load(o);

	if (r == -EPERM || r == -ENOSYS)
		test_skip("the kernel does not load BPF programs for us");
	if (!CHECK_INT(r, 0))
		for (unsigned i = 0; i < n; i++)
			printf("%s\n", logs[i]);
}

static void programs_check(struct bpf_object *o)
{
	struct bpf_program *p;
	struct utsname system;
	unsigned n = 0;

	object_load(o);
	REQUIRE(uname(&system) == 0);
	bpf_object__for_each_program(p, o)
	{
		const char *at = strstr(logs[n++], "processed ");
		unsigned long steps = at ? strtoul(at + strlen("processed "), NULL, 10) : 0;

		test_row(bpf_program__name(p));
		printf("%s: %lu steps on Linux %s\n", bpf_program__name(p), steps, system.release);
		CHECK(steps > 0);
		CHECK(steps <= STEPS_MAX);
	}
	test_row(NULL);
	CHECK(n > 0);
}

/* With tables of the size that a gateway has: what a mask leaves of an index is a part of what is verified. */
TEST(the_kernel_takes_the_programs_of_the_fast_path)
{
	struct flow_bpf *s = flow_bpf__open();

	REQUIRE(s);
	REQUIRE(bpf_map__set_max_entries(s->maps.flows64, FLOW_SETS) == 0);
	REQUIRE(bpf_map__set_max_entries(s->maps.flows46, FLOW_SETS) == 0);
	REQUIRE(bpf_map__set_max_entries(s->maps.pairs, PAIR_SETS) == 0);
	REQUIRE(bpf_map__set_max_entries(s->maps.tallies, (uint32_t)libbpf_num_possible_cpus()) == 0);
	s->rodata->flows64_mask = s->rodata->flows46_mask = FLOW_SETS - 1;
	s->rodata->pairs_mask = PAIR_SETS - 1;
	s->rodata->has_up_rings =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, NULL) == 1;
	REQUIRE(bpf_map__set_max_entries(s->maps.words, QUEUE_HEAD_WORDS + QUEUE_WORDS) == 0);
	programs_check(s->obj);
	flow_bpf__destroy(s);
}

TEST(the_kernel_takes_the_program_that_answers_queries)
{
	struct dns_bpf *s = dns_bpf__open();

	REQUIRE(s);
	REQUIRE(bpf_map__set_max_entries(s->maps.tallies, (uint32_t)libbpf_num_possible_cpus()) == 0);
	s->rodata->ports[0] = 0x3500;
	s->rodata->ports_len = 1;
	programs_check(s->obj);
	dns_bpf__destroy(s);
}

TEST(the_kernel_takes_the_program_that_steers_to_a_shared_address)
{
	struct steer_bpf *s = steer_bpf__open();

	REQUIRE(s);
	for (unsigned i = 0; i < STEER_RANGES_MAX; i++)
		s->rodata->config.ranges[i] = (struct steer_range){ .addr = i + 1, .lo = 1024, .hi = 65535 };
	s->rodata->config.ranges_len = STEER_RANGES_MAX;
	s->rodata->config.device = LOOPBACK_INDEX;
	programs_check(s->obj);
	steer_bpf__destroy(s);
}

TEST(the_kernel_takes_the_program_that_chooses_a_queue)
{
	struct queue_bpf *s = queue_bpf__open();

	REQUIRE(s);
	REQUIRE(bpf_map__set_max_entries(s->maps.words, QUEUE_HEAD_WORDS + QUEUE_WORDS) == 0);
	programs_check(s->obj);
	queue_bpf__destroy(s);
}
