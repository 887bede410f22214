/* flow_box.c - see flow_box.h */
#include "flow_box.h"

#include "dataplane/flowpath_parts.h"
#include "slow_sum.h"

#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EPOCH 7
#define TEST_CHECKSUM_COMPLETE 4 /* BPF_F_TEST_SKB_CHECKSUM_COMPLETE */

static void *map_memory(struct bpf_map *m, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static void program_load(struct box *b)
{
	struct flow_bpf *s = flow_bpf__open();

	REQUIRE(s);
	REQUIRE(bpf_map__set_max_entries(s->maps.flows64, SETS) == 0);
	REQUIRE(bpf_map__set_max_entries(s->maps.flows46, SETS) == 0);
	REQUIRE(bpf_map__set_max_entries(s->maps.pairs, SETS) == 0);
	REQUIRE(bpf_map__set_max_entries(s->maps.tallies, b->processors) == 0);
	s->rodata->flows64_mask = s->rodata->flows46_mask = s->rodata->pairs_mask = SETS - 1;
	REQUIRE(bpf_map__set_max_entries(s->maps.words, QUEUE_HEAD_WORDS + BOX_WORDS) == 0);
	REQUIRE(flowpath_up_prepare(s, BOX_WORKERS, -1) == 0);
	s->rodata->has_up_rings =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, NULL) == 1;
	int r = flow_bpf__load(s);

	if (r == -EPERM || r == -ENOSYS)
		test_skip("the kernel does not load BPF programs for us");
	REQUIRE(r == 0);
	b->bpf = s;
}

struct box *box_new(void)
{
	static const uint8_t well_known[16] = { 0x00, 0x64, 0xff, 0x9b };
	struct box *b = calloc(1, sizeof(*b));

	REQUIRE(b);
	libbpf_set_print(NULL);
	b->processors = (unsigned)libbpf_num_possible_cpus();
	program_load(b);
	b->flows64 = map_memory(b->bpf->maps.flows64, SETS * sizeof(*b->flows64));
	b->flows46 = map_memory(b->bpf->maps.flows46, SETS * sizeof(*b->flows46));
	b->pairs = map_memory(b->bpf->maps.pairs, SETS * sizeof(*b->pairs));
	b->head = map_memory(b->bpf->maps.head, sizeof(*b->head));
	b->host = map_memory(b->bpf->maps.host, sizeof(*b->host));
	b->tallies = map_memory(b->bpf->maps.tallies, b->processors * sizeof(*b->tallies));
	*b->head = (struct flow_head){ .key = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f },
		.epoch = EPOCH,
		.lowest_ipv6_mtu = IP6_MIN_MTU };
	*b->host = (struct flow_host){ .device = LOOPBACK_INDEX, .mode = FLOW_MODE_ROUTE };
	box_prefix(b, well_known, 96);
	return b;
}

void box_free(struct box *b)
{
	verified_bpf__destroy(b->verified);
	flow_bpf__destroy(b->bpf);
	free(b);
}

void box_clear(struct box *b)
{
	memset(b->flows64, 0, SETS * sizeof(*b->flows64));
	memset(b->flows46, 0, SETS * sizeof(*b->flows46));
	memset(b->pairs, 0, SETS * sizeof(*b->pairs));
	memset(b->tallies, 0, b->processors * sizeof(*b->tallies));
}

void box_prefix(struct box *b, const uint8_t addr[16], uint32_t len)
{
	b->head->prefixes[0].len = len;
	memset(b->head->prefixes[0].addr, 0, 16);
	memcpy(b->head->prefixes[0].addr, addr, len / 8);
}

/* --- slots --- */

/* Sum of words that come less sum of words that go, as checksums lie in packets. */
static uint16_t sum_of(uint64_t come, uint64_t go)
{
	uint16_t ones = slow_ones(come + 0xffff - slow_ones(go));
	uint8_t wire[2] = { (uint8_t)(ones >> 8), (uint8_t)ones };
	uint16_t native;

	memcpy(&native, wire, sizeof(native));
	return native;
}

static uint64_t addresses6(const struct ends *e)
{
	return slow_sum(e->src6, 16) + slow_sum(e->dst6, 16) +
	       (e->proto == IPPROTO4_ICMP ? IPPROTO6_ICMP : 0);
}

static uint64_t addresses4(const struct ends *e)
{
	return e->proto == IPPROTO4_ICMP ? 0 : slow_sum(e->src4, 4) + slow_sum(e->dst4, 4);
}

struct flow64_slot *box_enter64(struct box *b, const struct ends *e)
{
	struct flow64_slot s = { .epoch = (uint16_t)b->head->epoch, .proto = e->proto };

	memcpy(s.in, e->src6, 16);
	memcpy(&s.dst, e->dst4, 4);
	memcpy(&s.sport, e->sport6, 2);
	memcpy(&s.dport, e->dport6, 2);
	memcpy(&s.out, e->src4, 4);
	memcpy(&s.out_port, e->sport4, 2);
	s.sum_addrs = sum_of(addresses4(e), addresses6(e));
	struct flow64_set *set = &b->flows64[flow64_hash(b->head->key, &s) & (SETS - 1)];

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		if (set->way[i].epoch == 0) {
			set->way[i] = s;
			return &set->way[i];
		}
	return NULL;
}

struct flow46_slot *box_enter46(struct box *b, const struct ends *e)
{
	struct flow46_slot s = { .epoch = (uint16_t)b->head->epoch, .proto = e->proto };

	memcpy(&s.remote, e->src4, 4);
	memcpy(&s.out, e->dst4, 4);
	memcpy(&s.remote_port, e->sport4, 2);
	memcpy(&s.out_port, e->dport4, 2);
	memcpy(s.in, e->dst6, 16);
	memcpy(&s.in_port, e->dport6, 2);
	s.sum_addrs = sum_of(addresses6(e), addresses4(e));
	struct flow46_set *set = &b->flows46[flow46_hash(b->head->key, &s) & (SETS - 1)];

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		if (set->way[i].epoch == 0) {
			set->way[i] = s;
			return &set->way[i];
		}
	return NULL;
}

struct flow_pair *box_enter_pair(struct box *b, const struct ends *e, bool is_46)
{
	struct flow_pair s = { .epoch = (uint16_t)b->head->epoch, .is_46 = is_46 };
	uint64_t v6 = slow_sum(e->src6, 16) + slow_sum(e->dst6, 16),
		 v4 = slow_sum(e->src4, 4) + slow_sum(e->dst4, 4);

	memcpy(s.src6, e->src6, 16);
	memcpy(s.dst6, e->dst6, 16);
	memcpy(&s.src4, e->src4, 4);
	memcpy(&s.dst4, e->dst4, 4);
	s.sum_addrs = is_46 ? sum_of(v6, v4) : sum_of(v4, v6);
	struct flow_pair_set *set = &b->pairs[flow_pair_hash(b->head->key, &s) & (SETS - 1)];

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		if (set->way[i].epoch == 0) {
			set->way[i] = s;
			return &set->way[i];
		}
	return NULL;
}

bool ends_read(struct ends *e, const uint8_t *ip, size_t len)
{
	bool is6 = len > 0 && ip[0] >> 4 == 6;
	size_t header = is6 ? IP6_HDR_LEN : len > 0 ? (ip[0] & 15u) * 4u : 0;
	uint8_t ports[8] = { 0 };

	if (len < (is6 ? IP6_HDR_LEN : IP4_HDR_LEN))
		return false;
	if (header < len)
		memcpy(ports, ip + header, len - header < 8 ? len - header : 8);
	e->proto = is6 ? ip[6] : ip[9];
	if (e->proto == IPPROTO6_ICMP)
		e->proto = IPPROTO4_ICMP;
	bool is_icmp = e->proto == IPPROTO4_ICMP;

	memcpy(is6 ? e->sport6 : e->sport4, is_icmp ? ports + 4 : ports, 2);
	memcpy(is6 ? e->dport6 : e->dport4, is_icmp ? ports + 4 : ports + 2, 2);
	memcpy(is6 ? e->src6 : e->src4, ip + (is6 ? 8 : 12), is6 ? 16 : 4);
	memcpy(is6 ? e->dst6 : e->dst4, ip + (is6 ? 24 : 16), is6 ? 16 : 4);
	return true;
}

/* --- frames --- */

void frame_of(struct frame *f, const uint8_t *ip, size_t len)
{
	REQUIRE(ETHERNET + len <= sizeof(f->bytes));
	memset(f->bytes, 0, 6); /* the loopback's address */
	memset(f->bytes + 6, 2, 6);
	f->bytes[12] = len > 0 && ip[0] >> 4 == 6 ? 0x86 : 0x08;
	f->bytes[13] = len > 0 && ip[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(f->bytes + ETHERNET, ip, len);
	f->len = (uint32_t)(ETHERNET + len);
}

/* --- the network around the programs --- */

const uint8_t next_mac[6] = { 2, 0, 0, 0, 0, 9 }, out_mac[6] = { 2, 0, 0, 0, 0, 8 };

static const char network[] =
	"set -e; exec 2>/dev/null; "
	"echo 1 > /proc/sys/net/ipv4/ip_forward; "
	"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
	"ip link set lo up; "
	"ip link add tun0 type veth peer name far0; "
	"ip link set tun0 up; "
	"ip link add out0 address 02:00:00:00:00:08 mtu 65535 type veth peer name far1; "
	"ip link set far1 up mtu 65535; "
	"ip link set out0 up; "
	"ip addr add 198.18.0.1/24 dev out0; "
	"ip addr add 3fff::1/64 dev out0 nodad; "
	"ip neigh add 198.18.0.2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip neigh add 3fff::2 lladdr 02:00:00:00:00:09 dev out0 nud permanent; "
	"ip route add default via 198.18.0.2; "
	"ip -6 route add default via 3fff::2";

static void network_make(struct box *b)
{
	struct flow_interface here = { .is_on = 1 }, out = { .is_on = 1, .takes_frames = 1 };
	uint32_t index = LOOPBACK_INDEX;

	if (unshare(CLONE_NEWNET) < 0 || system(network) != 0)
		test_skip("there is no network namespace to be had, or no ip program");
	b->device = if_nametoindex("tun0");
	b->out = if_nametoindex("out0");
	memcpy(out.mac, out_mac, 6);
	REQUIRE(bpf_map_update_elem(bpf_map__fd(b->bpf->maps.interfaces), &index, &here, BPF_ANY) == 0);
	REQUIRE(bpf_map_update_elem(bpf_map__fd(b->bpf->maps.interfaces), &b->out, &out, BPF_ANY) == 0);
}

static void verified_load(struct box *b)
{
	uint32_t zero = 0;
	int fd = bpf_program__fd(b->bpf->progs.isthmus_flow);

	b->verified = verified_bpf__open_and_load();
	REQUIRE(b->verified);
	REQUIRE(bpf_map_update_elem(bpf_map__fd(b->verified->maps.next), &zero, &fd, BPF_ANY) == 0);
}

bool box_is_routed(const struct box *b)
{
	return b->stand == STAND_TC_ROUTE || b->stand == STAND_TC_VERIFIED || b->stand == STAND_TC_SUMMED;
}

void box_stand(struct box *b, enum stand at)
{
	b->stand = at;
	*b->host = (struct flow_host){ .device = LOOPBACK_INDEX, .mode = FLOW_MODE_ROUTE };
	if (at == STAND_TC_VERIFIED)
		verified_load(b);
	if (box_is_routed(b))
		return;
	if (!b->out)
		network_make(b);
	*b->host = (struct flow_host){ .device = b->device, .mode = FLOW_MODE_REDIRECT };
}

bool box_counts_ups(const struct box *b)
{
	return b->stand != STAND_XDP;
}

static uint32_t run_once(const struct box *b, struct frame *f)
{
	static uint8_t out[FRAME_MAX];
	const struct bpf_program *p = b->stand == STAND_XDP	      ? b->bpf->progs.isthmus_flow_xdp
				      : b->stand == STAND_TC_VERIFIED ? b->verified->progs.verified
								      : b->bpf->progs.isthmus_flow;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len, .data_out = out,
		.data_size_out = sizeof(out), .repeat = 1,
		.flags = b->stand == STAND_TC_SUMMED ? TEST_CHECKSUM_COMPLETE : 0);
	struct __sk_buff ctx = { .gso_size = b->gso_size, .gso_segs = b->gso_segs };

	if (b->gso_size) {
		o.ctx_in = &ctx;
		o.ctx_size_in = sizeof(ctx);
	}
	int r = bpf_prog_test_run_opts(bpf_program__fd(p), &o);

	if (r == -EINVAL && o.flags)
		test_skip("the kernel cannot make such packets: Linux 6.15");
	REQUIRE(r == 0);
	memcpy(f->bytes, out, o.data_size_out);
	f->len = o.data_size_out;
	return o.retval;
}

/* One packet a second goes by the kernel's own way, which XDP passes: the next one does not. */
bool box_run(struct box *b, struct frame *f)
{
	struct frame again = *f;
	uint32_t verdict = run_once(b, f);

	if (b->stand == STAND_XDP && verdict == XDP_PASS) {
		*f = again;
		verdict = run_once(b, f);
	}
	if (b->stand == STAND_XDP) {
		CHECK(verdict == XDP_PASS || verdict == XDP_REDIRECT);
		return verdict == XDP_REDIRECT;
	}
	CHECK(verdict == (uint32_t)TC_ACT_UNSPEC || verdict == TC_ACT_REDIRECT);
	return verdict == TC_ACT_REDIRECT;
}

uint64_t box_tally(const struct box *b, size_t at)
{
	uint64_t sum = 0, n;

	for (unsigned i = 0; i < b->processors; i++) {
		memcpy(&n, (const uint8_t *)&b->tallies[i] + at, sizeof(n));
		sum += n;
	}
	return sum;
}

uint64_t box_ups(const struct box *b)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < FLOW_UP_COUNT; i++)
		sum += UP(b, i);
	return sum;
}
