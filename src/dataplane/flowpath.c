/*
 * flowpath.c - loading, attaching and following for the programs that translate packets of known flows
 *
 * Purpose. See flowpath.h, bpf/abi.h and docs/fastpath.md. This file and flowpath_*.c bring the programs to the interfaces and
 * tell them what they must know of the host. What is in the tables is the translator's.
 *
 * Structure.
 *
 *	flowpath_choice.c	which interfaces, and XDP or tc; pure
 *	flowpath_seat.c		the programs at one interface: links, or filters
 *	flowpath_pins.c		maps and links in a bpffs
 *	flowpath_way.c		whether packets are redirected or routed
 *	flowpath_host.c		what the programs are told of the host
 *	flowpath_up.c		rings for what goes to the translator
 *	firewall.c		whether the host has rules for forwarded packets
 *
 * A seat is an interface that is up and can bring packets to be translated. flowpath_look() compares what is there with what is
 * wanted, so one function serves the start, changes of interfaces, and a reload. tc is at every seat; XDP comes before it and passes
 * what it cannot send, so a seat with XDP has both.
 *
 * Ways. redirect sends a packet out at the interface that the routing table says; no rule of the host sees it. route has it
 * come in at the TUN device, as what the translator writes does. If the operator has not said which, rules decide (@firewall), and
 * routes with an MTU of their own, which bpf_fib_lookup() does not see (netlink_mtu.c).
 *
 * Life cycle. flowpath_open(): tables are made, with secrets of their own (@flow_head.key), or found pinned; programs are
 * loaded and attached. They pass everything until the translator has written an epoch. flowpath_close() takes all away. A process
 * that is killed leaves what is pinned: flows that are known go on by what the translator decided last, and the next start takes over
 * tables and links (flowpath_pins_take()).
 *
 * Limits. Interfaces with an index of FLOW_INTERFACES_MAX or above have tc only. Link types other than Ethernet and those without a
 * header are left out.
 */
#include "dataplane/flowpath_parts.h"

#include "base/random.h"
#include "dataplane/flowpath_skeleton.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK_INDEX 1

struct flowpath {
	struct flow_bpf *bpf;
	struct netlink *netlink;
	struct journal *journal;
	struct flowpath_pins pins;
	struct flowpath_up up;
	struct flowpath_wish wish;
	char device[IF_NAMESIZE];
	unsigned processors;
	bool has_links;
	struct flowpath_seat *seats; /* owned */
	unsigned seats_len;
	struct flowpath_seat first; /* at the TUN device */
	struct flow_host host; /* as it was written last */
	struct flowpath_known known;
	struct flowpath_status status;
};

/* --- loading --- */

/* Sets of FLOW_WAYS slots, a power of two, with room for at least @slots. */
static uint32_t sets_for(uint32_t slots)
{
	uint32_t sets = 1;

	while (sets < UINT32_MAX / FLOW_WAYS / 2 && sets * FLOW_WAYS < slots)
		sets *= 2;
	return sets;
}

static int sizes_put(struct flow_bpf *b, const struct flowpath_plan *p, unsigned processors)
{
	uint32_t flows = sets_for(p->flows), pairs = sets_for(p->pairs);
	int r = bpf_map__set_max_entries(b->maps.flows64, flows);

	b->rodata->flows64_mask = b->rodata->flows46_mask = flows - 1;
	b->rodata->pairs_mask = pairs - 1;
	if (r == 0)
		r = bpf_map__set_max_entries(b->maps.flows46, flows);
	if (r == 0)
		r = bpf_map__set_max_entries(b->maps.pairs, pairs);
	return r == 0 ? bpf_map__set_max_entries(b->maps.tallies, processors) : r;
}

static int head_put(const struct flow_bpf *b)
{
	struct flow_head head = { 0 };
	uint32_t zero = 0;
	int r = random_seed(head.key, sizeof(head.key));

	if (r < 0)
		return r;
	head.key[0] |= 1; /* flow_hash() multiplies by it */
	head.key[1] |= 1;
	return bpf_map_update_elem(bpf_map__fd(b->maps.head), &zero, &head, BPF_ANY) < 0 ? -errno : 0;
}

static int interface_put(const struct flowpath *f, uint32_t index, const struct flow_interface *i)
{
	return bpf_map_update_elem(bpf_map__fd(f->bpf->maps.interfaces), &index, i, BPF_ANY) < 0 ? -errno : 0;
}

/* What a gateway before knew of interfaces may have changed since. */
static int interfaces_clear(const struct flowpath *f)
{
	const struct flow_interface none = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < FLOW_INTERFACES_MAX && r == 0; i++)
		r = interface_put(f, i, &none);
	return r;
}

/* New maps are pinned once they are complete; without pins everything works, while this process lives. */
static int maps_begin(struct flowpath *f)
{
	if (f->status.was_found)
		return interfaces_clear(f);
	int r = head_put(f->bpf);

	if (r == 0 && f->pins.path[0] != '\0') {
		int kept = flowpath_pins_keep(&f->pins, f->bpf);

		if (kept < 0) {
			snprintf(f->status.why_not_kept, sizeof(f->status.why_not_kept),
				"nothing can be pinned under %s: %s", FLOWPATH_BPFFS, strerror(-kept));
			f->pins.path[0] = '\0';
		}
	}
	return r;
}

const char *flowpath_refusal(int error)
{
	return error == -EPERM ? "CAP_BPF and CAP_NET_ADMIN are needed, and eBPF must not be locked down"
	       : error == -EACCES || error == -EINVAL
		       ? "this kernel's verifier refuses them; Linux 5.15 or newer is needed"
	       : error == -ENOSYS ? "the kernel needs CONFIG_BPF_SYSCALL"
	       : error == -ENOMEM ? "there is not enough memory for the tables"
				  : strerror(-error);
}

static int fault_of_load(const struct fault *f, int error)
{
	return fault_say(
		f, error, "cannot load the eBPF programs of nat64.fastpath (%s)", flowpath_refusal(error));
}

static int programs_load(struct flowpath *f, const struct flowpath_plan *p)
{
	libbpf_set_print(NULL); /* what it would print we say in one sentence */
	int processors = libbpf_num_possible_cpus();

	if (processors < 0)
		return processors;
	f->bpf = flow_bpf__open();
	if (!f->bpf)
		return -errno;
	f->processors = (unsigned)processors;
	int r = sizes_put(f->bpf, p, f->processors);

	if (r < 0)
		return r;
	f->status.flows = bpf_map__max_entries(f->bpf->maps.flows64) * FLOW_WAYS;
	f->status.pairs = bpf_map__max_entries(f->bpf->maps.pairs) * FLOW_WAYS;
	r = flowpath_up_prepare(f->bpf, p->workers, p->words);
	if (r < 0)
		return r;
	f->status.was_found = flowpath_pins_take(&f->pins, f->bpf);
	r = flow_bpf__load(f->bpf);
	if (r == 0)
		r = flowpath_up_begin(f->bpf, p->workers, &f->up);
	return r == 0 ? maps_begin(f) : r;
}

static struct flowpath *flowpath_new(const struct flowpath_plan *p)
{
	struct flowpath *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->journal = p->journal;
	f->wish = p->wish;
	f->has_links = !p->without_links;
	text_copy(f->device, sizeof(f->device), p->device);
	flowpath_seat_init(&f->first, &(struct link){ .index = 0 });
	flowpath_pins_find(p->device, &f->pins, f->status.why_not_kept);
	return f;
}

static bool has_seat(void *ctx, unsigned index)
{
	const struct flowpath *f = ctx;

	for (unsigned i = 0; i < f->seats_len; i++)
		if (f->seats[i].is.index == index && f->seats[i].is.mode != FLOWPATH_DETACHED)
			return true;
	return f->first.is.index == index && f->first.is.mode != FLOWPATH_DETACHED;
}

int flowpath_open(const struct flowpath_plan *p, const struct fault *fault, struct flowpath **ret)
{
	struct flowpath *f = flowpath_new(p);

	if (!f)
		return fault_say(fault, -ENOMEM, "out of memory");
	int r = programs_load(f, p);

	if (r < 0) {
		(void)fault_of_load(fault, r);
	} else {
		r = netlink_open(&f->netlink);
		if (r == 0)
			r = flowpath_look(f);
		if (r < 0)
			(void)fault_say(fault, r, "cannot look at interfaces and rules: %s", strerror(-r));
	}
	if (r < 0) {
		flowpath_close(f);
		return r;
	}
	flowpath_pins_trim(&f->pins, has_seat, f);
	f->status.is_kept = f->pins.path[0] != '\0';
	*ret = f;
	return 0;
}

static struct flowpath_attach attach_of(struct flowpath *f)
{
	return (struct flowpath_attach){
		.pins = &f->pins,
		.journal = f->journal,
		.netlink = f->netlink,
		.ethernet = bpf_program__fd(f->bpf->progs.isthmus_flow),
		.bare = bpf_program__fd(f->bpf->progs.isthmus_flow_bare),
		.xdp = bpf_program__fd(f->bpf->progs.isthmus_flow_xdp),
		.first = bpf_program__fd(f->bpf->progs.isthmus_first),
		.has_links = &f->has_links,
	};
}

int flowpath_probe(void)
{
	const struct flowpath_plan plan = { .flows = 1, .pairs = 1, .words = -1 };
	struct flowpath f = { .has_links = true };
	int r = programs_load(&f, &plan);

	if (r == 0) {
		struct flowpath_attach a = attach_of(&f);

		r = flowpath_seat_probe(&a, LOOPBACK_INDEX);
	} else if (r == -EINVAL) {
		r = -EACCES; /* of the verifier */
	}
	flow_bpf__destroy(f.bpf);
	return r;
}

void flowpath_close(struct flowpath *f)
{
	if (!f)
		return;
	if (f->bpf) {
		struct flowpath_attach a = attach_of(f);

		for (unsigned i = 0; i < f->seats_len; i++)
			flowpath_seat_leave(&f->seats[i], &a);
		flowpath_seat_leave(&f->first, &a);
	}
	flowpath_pins_remove(&f->pins);
	netlink_close(f->netlink);
	flowpath_up_end(&f->up);
	flow_bpf__destroy(f->bpf);
	free(f->seats);
	free(f);
}

unsigned flowpath_fds(const struct flowpath *f, int ret[static FLOWPATH_FDS_MAX])
{
	ret[0] = bpf_map__fd(f->bpf->maps.flows64);
	ret[1] = bpf_map__fd(f->bpf->maps.flows46);
	ret[2] = bpf_map__fd(f->bpf->maps.pairs);
	ret[3] = bpf_map__fd(f->bpf->maps.head);
	ret[4] = bpf_map__fd(f->bpf->maps.tallies);
	ret[5] = bpf_map__fd(f->bpf->maps.up_bells);
	for (unsigned i = 0; i < f->up.len; i++)
		ret[FLOWPATH_FDS + i] = f->up.rings[i];
	return FLOWPATH_FDS + f->up.len;
}

void flowpath_change(struct flowpath *f, const struct flowpath_wish *wish)
{
	f->wish = *wish;
}

void flowpath_rules_changed(struct flowpath *f)
{
	f->known.has_rules = false;
}

void flowpath_routes_changed(struct flowpath *f)
{
	f->known.has_routes = false;
}

/* --- interfaces --- */

struct look {
	struct flowpath *f;
	struct flowpath_facts *facts; /* owned */
	unsigned len;
	struct link device; /* index 0: it is gone */
	int error;
};

/* A virtual machine's card gains nothing by XDP: its packets come as trains, which XDP must do without. */
static bool has_virtual_driver(const char *name)
{
	static const char *const drivers[] = { "virtio_net", "vmxnet3", "hv_netvsc", "vif", "tun", "veth" };
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	text_copy(request.ifr_name, sizeof(request.ifr_name), name);
	int r = ioctl(fd, SIOCETHTOOL, &request);

	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(drivers) && r == 0; i++)
		if (strcmp(info.driver, drivers[i]) == 0)
			return true;
	return false;
}

static void on_link(void *ctx, const struct link *l)
{
	struct look *look = ctx;

	if (strcmp(l->name, look->f->device) == 0)
		look->device = *l;
	if (look->error < 0 || look->f->status.why_rest[0] != '\0' ||
		!flowpath_is_fit(l, look->f->device, &look->f->wish))
		return;
	struct flowpath_facts *more = realloc(look->facts, (look->len + 1) * sizeof(*more));

	if (!more) {
		look->error = -ENOMEM;
		return;
	}
	look->facts = more;
	more[look->len++] = (struct flowpath_facts){
		.link = *l,
		.is_virtual = l->kind[0] != '\0' || has_virtual_driver(l->name),
	};
}

static void on_xdp(void *ctx, const struct link_xdp *x)
{
	struct look *look = ctx;

	for (unsigned i = 0; i < look->len; i++) {
		if (look->facts[i].link.index != x->index)
			continue;
		look->facts[i].has_xdp = true;
		look->facts[i].xdp = *x;
	}
}

/* A kernel that does not tell leaves has_xdp false. */
static void look_xdp(struct look *look)
{
	if (look->f->wish.wanted == FLOWPATH_AUTO || look->f->wish.wanted == FLOWPATH_XDP)
		(void)!netlink_links_xdp(on_xdp, look);
}

static struct flowpath_seat *seat_of(struct flowpath *f, const struct link *l)
{
	for (unsigned i = 0; i < f->seats_len; i++)
		if (f->seats[i].is.index == l->index)
			return &f->seats[i];
	struct flowpath_seat *more = realloc(f->seats, (f->seats_len + 1) * sizeof(*more));

	if (!more)
		return NULL;
	f->seats = more;
	flowpath_seat_init(&more[f->seats_len], l);
	return &more[f->seats_len++];
}

static int seats_take(struct look *look, const struct flowpath_attach *a)
{
	char why[FLOWPATH_REASON];

	for (unsigned i = 0; i < look->len; i++) {
		enum flowpath_mode mode = flowpath_choose(&look->f->wish, look->facts, look->len, i, why);
		struct flowpath_seat *s = seat_of(look->f, &look->facts[i].link);

		if (!s)
			return -ENOMEM;
		s->is_wanted = true;
		flowpath_seat_take(s, a, &look->facts[i].link, mode, why);
	}
	return 0;
}

static void seats_leave(struct flowpath *f, const struct flowpath_attach *a)
{
	const struct flow_interface none = { 0 };
	unsigned kept = 0;

	for (unsigned i = 0; i < f->seats_len; i++) {
		if (f->seats[i].is_wanted) {
			f->seats[kept++] = f->seats[i];
			continue;
		}
		flowpath_seat_leave(&f->seats[i], a);
		if (f->seats[i].is.index < FLOW_INTERFACES_MAX)
			(void)!interface_put(f, f->seats[i].is.index, &none);
	}
	f->seats_len = kept;
}

/* What the translator writes goes past the host's forwarding; the program asks flow_host.has_say first. */
static void device_take(struct look *look, const struct flowpath_attach *a)
{
	struct flowpath *f = look->f;

	if (look->device.index > 0 && look->len > 0)
		flowpath_seat_take_device(&f->first, a, &look->device);
	else
		flowpath_seat_leave(&f->first, a);
}

/* Some drivers take frames only once they have a program themselves, so this is asked after all are attached. */
static int interfaces_write(struct look *look)
{
	int r = 0;

	look_xdp(look);
	for (unsigned i = 0; i < look->len && r == 0; i++) {
		const struct flowpath_facts *facts = &look->facts[i];
		const struct flowpath_seat *s = seat_of(look->f, &facts->link);
		struct flow_interface is = { .is_on = s && s->xdp >= 0 };

		if (facts->link.type != ARPHRD_ETHER || facts->link.index >= FLOW_INTERFACES_MAX)
			continue;
		is.takes_frames = facts->has_xdp ? facts->xdp.takes_frames : is.is_on;
		bytes_copy(is.mac, facts->link.hardware, sizeof(is.mac));
		r = interface_put(look->f, facts->link.index, &is);
	}
	return r;
}

static int look_interfaces(struct flowpath *f)
{
	struct look look = { .f = f };
	struct flowpath_attach a = attach_of(f);
	int r = netlink_links(f->netlink, on_link, &look);

	if (r == 0)
		r = look.error;
	for (unsigned i = 0; i < f->seats_len; i++)
		f->seats[i].is_wanted = r < 0;
	look_xdp(&look);
	if (r == 0)
		r = seats_take(&look, &a);
	device_take(&look, &a);
	seats_leave(f, &a);
	if (r == 0)
		r = interfaces_write(&look);
	free(look.facts);
	return r;
}

/* --- all of it --- */

static int host_write(struct flowpath *f)
{
	f->host = (struct flow_host){
		.device = if_nametoindex(f->device),
		.mode = f->status.is_route ? FLOW_MODE_ROUTE : FLOW_MODE_REDIRECT,
		.processors = f->processors,
		.layout = FLOW_LAYOUT,
		.has_say = !f->status.is_clear,
	};
	return flowpath_host_write(bpf_map__fd(f->bpf->maps.host), &f->host);
}

int flowpath_exits_renew(struct flowpath *f)
{
	return flowpath_host_write(bpf_map__fd(f->bpf->maps.host), &f->host);
}

/* What the programs need to know comes first. */
int flowpath_look(struct flowpath *f)
{
	int way = flowpath_way_choose(
		f->wish.way, f->netlink, if_nametoindex(f->device), &f->known, &f->status);
	int r = host_write(f);

	if (r == 0)
		r = look_interfaces(f);
	return r < 0 ? r : way;
}

/* --- what it looks like --- */

bool flowpath_interface(const struct flowpath *f, unsigned i, struct flowpath_interface *ret)
{
	if (i >= f->seats_len)
		return false;
	*ret = f->seats[i].is;
	return true;
}

void flowpath_status(const struct flowpath *f, struct flowpath_status *ret)
{
	*ret = f->status;
	ret->interfaces = 0;
	for (unsigned i = 0; i < f->seats_len; i++)
		ret->interfaces += f->seats[i].is.mode != FLOWPATH_DETACHED;
}
