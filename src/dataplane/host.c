/*
 * host.c - the gateway's place in the host
 *
 * host_up() is a table of steps, run forward; host_down() undoes them. What outlives the process (settings,
 * reserved ports, proxy neighbours, tc filters) is written into the journal before it is done, and undone from
 * there; what hangs on the TUN device (routes, its address, its settings) vanishes with the device when its
 * queues are closed. So there is one way to undo, used at exit, after a step that failed, and at the next
 * start after a kill -9.
 *
 *	journal -> pool check -> device -> routes -> ARP -> reserved ports -> steering -> clat -> forwarding
 *	-> receive offloads
 *
 * Forwarding is nearly last: until then nothing is passed on half-way. A pool of the host's own address (shared)
 * needs the reserved ports, so that the host's own sockets get none of the range by the kernel's choice, and
 * the steering, since the kernel would deliver its packets locally; a pool of dedicated addresses needs a
 * route, and ARP where it lies in a subnet. bpf/steer.bpf.c says what is steered.
 *
 * The device's MTU is the largest of the other interfaces that are up, at least 1500, plus 20: whatever comes
 * in there fits, and an IPv6 packet of the host itself becomes an IPv4 packet of exactly the size that the
 * uplink takes (the IPv4 header is 20 bytes shorter). Its IPv4 address, 192.0.0.8, is the dummy address of RFC
 * 7600: a loose reverse path check refuses everything on a device that has no address at all. It gets no IPv6
 * link-local address, so the kernel does not talk to itself through the translator.
 *
 * At a reload the same steps run again with the new plan (host_widen()): each finds out what is there already and adds
 * what is not, so that the old and the new configuration both work. host_narrow() then takes away what the one that is
 * in force does not need.
 *
 * When a link goes down, the kernel forgets for whom it answers there; host_mend() tells it again.
 *
 * Deliberately not done: following other changes of the host while the gateway runs. An interface that appears
 * later is steered from the next reload on, an address that changes is not followed. Firewall rules are the
 * administrator's.
 *
 * Standards: RFC 6146 s3.5 (what must reach the translator), RFC 1027, RFC 7600 (192.0.0.8), RFC 1812
 * s5.3.8.
 */
#include "dataplane/host.h"

#include "base/log.h"
#include "dataplane/clat.h"
#include "dataplane/coalesce.h"
#include "dataplane/fault.h"
#include "dataplane/flowpath.h"
#include "dataplane/forward.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"
#include "dataplane/onlink.h"
#include "dataplane/portset.h"
#include "dataplane/queue.h"
#include "dataplane/routes.h"
#include "dataplane/steer.h"
#include "dataplane/sysctl.h"
#include "dataplane/tun.h"
#include "state/owner.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <unistd.h>

#define DEVICE_ADDRESS ((struct addr4){ 0xc0000008 }) /* 192.0.0.8, RFC 7600 */
#define MTU_MIN 1500
#define MTU_MAX 65535
#define MTU_GROWTH (IP6_HDR_LEN - IP4_HDR_LEN)

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* Linux 6.2 */
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6 0x40
#endif

struct host {
	struct netlink *netlink;
	struct journal *journal;
	unsigned index; /* of the device; 0 before it exists */
	bool is_device_used; /* by somebody else, before we had it */
	int queues[HOST_QUEUES_MAX];
	unsigned queues_len;
	int words;		  /* queue.h; -1 with one queue */
	struct routes routes;	  /* that lead to the device */
	struct state_config pool; /* that the host is arranged for; its entries only */
	struct default_link4 clat_route;
	struct host_status status;
};

/* --- the device --- */

struct mtu_walk {
	unsigned device; /* not counted */
	unsigned largest;
};

static void on_link_mtu(void *ctx, const struct link *l)
{
	struct mtu_walk *w = ctx;

	if ((l->flags & IFF_UP) && !(l->flags & IFF_LOOPBACK) && l->index != w->device && l->mtu > w->largest)
		w->largest = l->mtu;
}

static int mtu_choose(const struct host *h, unsigned *ret)
{
	struct mtu_walk w = { .device = h->index, .largest = MTU_MIN };
	int r = netlink_links(h->netlink, on_link_mtu, &w);

	if (r < 0)
		return r;
	*ret = w.largest > MTU_MAX - MTU_GROWTH ? MTU_MAX : w.largest + MTU_GROWTH;
	return 0;
}

static const char *remedy_of_tun(int error)
{
	static const struct {
		int error;
		const char *text;
	} remedies[] = {
		{ ENOENT, "/dev/net/tun is missing: load the module with `modprobe tun`, or pass the device "
			  "into the container" },
		{ ENODEV, "the kernel has no TUN driver: load it with `modprobe tun`" },
		{ EPERM, "CAP_NET_ADMIN is needed: run as root" },
		{ EACCES, "/dev/net/tun may not be opened: run as root" },
		{ EBUSY, "another program holds it; is another gateway running?" },
		{ EINVAL, "an interface of that name exists and is no multi-queue TUN device" },
	};

	for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
		if (remedies[i].error == error)
			return remedies[i].text;
	return strerror(error);
}

static void on_link_use(void *ctx, const struct link *l)
{
	struct host *h = ctx;

	h->is_device_used = h->is_device_used || (strcmp(l->name, h->status.device) == 0 && l->has_carrier);
}

static int device_open(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	unsigned offloads = 0;
	int r = netlink_links(h->netlink, on_link_use, h);

	if (r == 0 && h->is_device_used) /* a persistent one would take more queues */
		r = -EBUSY;
	if (r == 0)
		r = tun_open(h->status.device, plan->queues, h->queues, &offloads);
	if (r < 0)
		return fault_say(
			f, r, "cannot make the TUN device %s: %s", h->status.device, remedy_of_tun(-r));
	h->queues_len = h->status.queues = plan->queues;
	h->status.tso4 = (offloads & TUN_F_TSO4) != 0;
	h->status.tso6 = (offloads & TUN_F_TSO6) != 0;
	h->status.uso = (offloads & TUN_F_USO4) != 0 && (offloads & TUN_F_USO6) != 0;
	h->index = if_nametoindex(h->status.device);
	return h->index > 0 ? 0 : fault_say(f, -ENODEV, "the TUN device %s vanished", h->status.device);
}

/* Without the program the kernel spreads packets by a hash of its own, and workers hand over what is not theirs. */
static int queues_steer(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	uint32_t table_len = owners_table_len(&plan->nat64->state);
	int r = -ENOSYS;

	if (h->queues_len == 1)
		return 0;
	if (!plan->without_queue_program)
		r = queue_steer(h->queues[0], table_len, &h->words);
	h->status.queues_steered = r == 0;
	if (r == 0)
		return 0;
	log_warning("host: the kernel does not load the eBPF program for several workers (%s); they hand "
		    "packets to each "
		    "other instead, which is slower",
		plan->without_queue_program ? "switched off" : strerror(-r));
	r = queue_words_plain(table_len, &h->words);
	return r == 0 ? 0 : fault_say(f, r, "cannot make memory for several workers: %s", strerror(-r));
}

static int device_configure(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct addr4 address = plan->clat ? plan->clat->address : DEVICE_ADDRESS;
	enum addr_scope scope = plan->clat ? ADDR_SCOPE_GLOBAL : ADDR_SCOPE_HOST;
	unsigned mtu = 0;
	int r = mtu_choose(h, &mtu);

	/* Down first: a persistent device may still have an earlier run's routes. */
	if (r == 0)
		r = netlink_link_set(h->netlink, h->index, mtu, false, LINK_AUTO6_NONE);
	if (r == 0)
		r = netlink_addr4_add(h->netlink, h->index, address, scope);
	if (r == 0)
		r = netlink_link_set(h->netlink, h->index, mtu, true, LINK_AUTO6_KEEP);
	if (r < 0)
		return fault_say(
			f, r, "cannot configure the TUN device %s: %s", h->status.device, strerror(-r));
	h->status.mtu = mtu;
	return 0;
}

static int device_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	int r = device_open(h, plan, f);

	if (r == 0)
		r = queues_steer(h, plan, f);
	if (r == 0)
		r = forward_device(h->status.device, f);
	return r == 0 ? device_configure(h, plan, f) : r;
}

/* --- routes --- */

/* Of a mapping the side without the hosts leads here: what is sent there must become packets of the other family. */
static int siit_routes_of(const struct siit_config *c, struct routes *ret)
{
	int r = 0;

	for (unsigned i = 0; i < c->prefixes_len && r == 0; i++)
		r = routes_want6(ret, c->prefixes[i]);
	for (unsigned i = 0; i < c->mappings_len && r == 0; i++) {
		const struct eam *e = &c->mappings[i];

		r = e->hosts == EAM_HOSTS_IPV6 ? routes_want4(ret, e->v4) : routes_want6(ret, e->v6);
	}
	for (unsigned i = 0; i < c->translatable_len && r == 0; i++)
		r = routes_want4(ret, c->translatable[i]);
	if (c->lent_pool.len > 0 && r == 0)
		r = routes_want4(ret, c->lent_pool);
	return r;
}

static int clat_routes(const struct host_clat *c, struct routes *ret)
{
	int r = c->has_ipv6 ? routes_want6(ret, (struct prefix6){ c->ipv6, 128 }) : 0;

	for (unsigned i = 0; i < c->nets_len && r == 0; i++)
		r = routes_want6(ret, c->nets[i]);
	return r;
}

/* Everything that must be routed to the device: one place to add to. */
static int routes_of(const struct host_plan *plan, struct routes *ret)
{
	const struct state_config *pool = &plan->nat64->state;
	int r = 0;

	for (unsigned i = 0; i < plan->nat64->prefixes_len && r == 0; i++)
		r = routes_want6(ret, plan->nat64->prefixes[i]);
	for (unsigned i = 0; i < pool->pool_len && r == 0; i++)
		r = pool->pool[i].is_shared ? 0 : routes_want4(ret, pool->pool[i].prefix);
	if (r == 0)
		r = siit_routes_of(&plan->nat64->siit, ret);
	return r == 0 && plan->clat ? clat_routes(plan->clat, ret) : r;
}

static struct routes_device routes_device_of(const struct host *h)
{
	return (struct routes_device){ h->netlink, h->index, h->status.device };
}

static int routes_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct routes_device d = routes_device_of(h);
	struct routes want = { 0 };
	int r = routes_of(plan, &want);

	r = r < 0 ? fault_say(f, r, "out of memory") : routes_widen(&d, &h->routes, &want, f);
	routes_free(&want);
	return r;
}

/* --- the pool in the host --- */

static struct onlink_request onlink_of(const struct host *h, const struct host_plan *plan)
{
	return (struct onlink_request){ h->netlink, h->journal, &plan->nat64->state, &plan->nat64->siit,
		h->index };
}

static int pool_check(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct onlink_request q = onlink_of(h, plan);

	return onlink_check(&q, f);
}

static int arp_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct onlink_request q = onlink_of(h, plan);

	return onlink_answer(&q, f);
}

static struct portset ports_of(const struct state_config *pool)
{
	struct portset wanted = { 0 };

	for (unsigned i = 0; i < pool->pool_len; i++)
		if (pool->pool[i].is_shared)
			portset_add_range(&wanted, pool->pool[i].lo, pool->pool[i].hi);
	return wanted;
}

static int ports_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct portset wanted = ports_of(&plan->nat64->state);

	if (portset_is_empty(&wanted))
		return 0;
	int r = sysctl_reserve_ports(h->journal, &wanted);

	if (r < 0)
		return fault_say(f, r,
			"cannot reserve the shared pool's ports (net.ipv4.ip_local_reserved_ports): %s",
			strerror(-r));
	return 0;
}

static int steering_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct steer_request q = { h->netlink, h->journal, &plan->nat64->state, &h->pool, h->index };

	if (!steer_is_needed(q.pool))
		return 0;
	int r = steer_up(&q, f, &h->status.steered_interfaces);

	h->status.steering = h->status.steering || r == 0;
	return r;
}

static struct clat_request clat_of(struct host *h, const struct host_plan *plan)
{
	return (struct clat_request){ h->netlink, h->journal, plan->clat, h->index, &h->clat_route };
}

static int clat_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct clat_request q = clat_of(h, plan);

	return plan->clat ? clat_widen(&q, f) : 0;
}

static int forwarding_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	bool is_router4 = !plan->clat || plan->clat->nets_len > 0;

	return forward_on(h->netlink, h->journal, is_router4 ? FORWARD_BOTH : FORWARD_IPV6, f);
}

/* Trains of datagrams would be cut again on the way into a device that does not take them. */
static int coalescing_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct coalesce_request q = { h->netlink, h->journal, &plan->coalesce, h->index };

	if (!h->status.uso)
		return 0;
	int r = coalesce_up(&q, &h->status.coalescing_interfaces);

	h->status.coalescing_wait_us = plan->coalesce.wait_us;
	return r < 0 ? fault_say(f, r, "cannot set the interfaces' receive offloads: %s", strerror(-r)) : 0;
}

/* --- undoing --- */

/* Everything that the journal holds, newest first; what is gone by itself is passed over. */
static void changes_undo(struct netlink *n, struct journal *j)
{
	size_t len;
	const struct change *changes = journal_changes(j, &len);

	sysctl_restore(changes, len);
	for (size_t i = len; i-- > 0;) {
		if (changes[i].kind == CHANGE_FILTER)
			steer_down(n, &changes[i]);
		else if (changes[i].kind == CHANGE_PROXY)
			onlink_undo(n, &changes[i]);
		else if (changes[i].kind == CHANGE_CLAT)
			clat_undo(n, &changes[i]);
		else if (changes[i].kind == CHANGE_FLOW)
			flowpath_undo(n, &changes[i]);
		else if (changes[i].kind != CHANGE_KEPT)
			coalesce_undo(&changes[i]);
	}
}

/* All but the device, which the next gateway takes over: without it, packets would be answered by errors meanwhile. */
static bool is_no_device(void *ctx, const struct change *c)
{
	return c->kind != CHANGE_KEPT;
}

static bool device_release(void *ctx, const struct change *c)
{
	if (c->kind != CHANGE_KEPT)
		return false;
	tun_release(c->subject);
	return true;
}

static int journal_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	size_t left = 0;
	int r = netlink_open(&h->netlink);

	if (r < 0)
		return fault_say(f, r, "cannot open a netlink socket: %s", strerror(-r));
	r = journal_open(plan->journal, &h->journal);
	if (r == -EBUSY)
		return fault_say(f, r, "another gateway is running here (it holds %s)", plan->journal);
	if (r < 0)
		return fault_say(f, r, "cannot use %s: %s", plan->journal ? plan->journal : "the journal",
			strerror(-r));
	journal_changes(h->journal, &left);
	if (left > 0) {
		changes_undo(h->netlink, h->journal);
		r = journal_forget_some(h->journal, is_no_device, NULL);
		if (r < 0)
			return fault_say(f, r, "the journal cannot be rewritten: %s", strerror(-r));
		log_warning("host: undid %zu changes that a gateway left behind when it was killed", left);
	}
	return 0;
}

void host_down(struct host *h)
{
	if (!h)
		return;
	if (h->journal) {
		changes_undo(h->netlink, h->journal);
		(void)!journal_forget_some(h->journal, device_release, NULL);
		journal_forget(h->journal);
	}
	if (h->index > 0) /* matters for a persistent device only */
		(void)!netlink_link_set(h->netlink, h->index, h->status.mtu > 0 ? h->status.mtu : MTU_MIN,
			false, LINK_AUTO6_KEEP);
	for (unsigned i = 0; i < h->queues_len; i++)
		close(h->queues[i]);
	if (h->words >= 0)
		close(h->words);
	journal_close(h->journal);
	netlink_close(h->netlink);
	routes_free(&h->routes);
	free(h);
}

/* --- up --- */

static int (*const steps[])(struct host *h, const struct host_plan *plan, const struct fault *f) = {
	journal_up,
	pool_check,
	device_up,
	routes_up,
	arp_up,
	ports_up,
	steering_up,
	clat_up,
	forwarding_up,
	coalescing_up,
};

int host_up(const struct host_plan *plan, struct host **ret, char *fault, size_t fault_size)
{
	struct fault f = { fault, fault_size };
	struct host *h = calloc(1, sizeof(*h));
	int r = 0;

	if (!h)
		return fault_say(&f, -ENOMEM, "out of memory");
	h->words = -1;
	text_copy(h->status.device, sizeof(h->status.device),
		plan->device[0] ? plan->device : HOST_DEVICE_DEFAULT);
	if (plan->queues == 0 || plan->queues > HOST_QUEUES_MAX)
		r = fault_say(&f, -EINVAL, "the number of workers must be 1 to %d", HOST_QUEUES_MAX);
	for (size_t i = 0; i < ARRAY_LEN(steps) && r == 0; i++)
		r = steps[i](h, plan, &f);
	if (r < 0) {
		host_down(h);
		return r;
	}
	h->pool = plan->nat64->state;
	h->pool.statics = NULL; /* the caller's */
	*ret = h;
	return 0;
}

/* --- another configuration --- */

static int (*const widening[])(struct host *h, const struct host_plan *plan, const struct fault *f) = {
	pool_check,
	routes_up,
	arp_up,
	ports_up,
	steering_up,
	clat_up,
};

/* What host_narrow() does, one kind of thing each; 0 or -errno with a sentence. */
static int routes_down(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct routes_device d = routes_device_of(h);
	struct routes want = { 0 };
	int r = routes_of(plan, &want);

	if (r < 0)
		(void)fault_say(f, r, "out of memory");
	else
		routes_narrow(&d, &h->routes, &want);
	routes_free(&want);
	return r;
}

static int arp_down(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct onlink_request q = onlink_of(h, plan);
	int r = onlink_silence(&q);

	return r < 0 ? fault_say(f, r, "the journal cannot be rewritten: %s", strerror(-r)) : 0;
}

static int ports_down(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct portset wanted = ports_of(&plan->nat64->state);
	int r = sysctl_release_ports(h->journal, &wanted);

	if (r < 0)
		return fault_say(f, r, "reserved ports cannot be given back: %s", strerror(-r));
	return 0;
}

static int steering_down(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct steer_request q = { h->netlink, h->journal, &plan->nat64->state, NULL, h->index };

	if (!h->status.steering)
		return 0;
	if (steer_is_needed(q.pool))
		return steer_up(&q, f, &h->status.steered_interfaces);
	h->status.steering = false;
	h->status.steered_interfaces = 0;
	int r = steer_off(&q);

	return r < 0 ? fault_say(f, r, "the journal cannot be rewritten: %s", strerror(-r)) : 0;
}

static int clat_down(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	struct clat_request q = clat_of(h, plan);
	int r = plan->clat ? clat_narrow(&q) : 0;

	return r < 0 ? fault_say(f, r, "the journal cannot be rewritten: %s", strerror(-r)) : 0;
}

static int (*const narrowing[])(struct host *h, const struct host_plan *plan, const struct fault *f) = {
	clat_down,
	steering_down,
	ports_down,
	arp_down,
	routes_down,
};

void host_narrow(struct host *h, const struct host_plan *plan)
{
	char text[512];
	struct fault f = { text, sizeof(text) };

	for (size_t i = 0; i < ARRAY_LEN(narrowing); i++)
		if (narrowing[i](h, plan, &f) < 0)
			log_warning(
				"host: %s; what is not needed any more stays until the gateway ends", text);
	h->pool = plan->nat64->state;
	h->pool.statics = NULL;
}

int host_widen(struct host *h, const struct host_plan *plan, char *fault, size_t fault_size)
{
	struct fault f = { fault, fault_size };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(widening) && r == 0; i++)
		r = widening[i](h, plan, &f);
	return r;
}

static void on_mended(void *ctx, const char *interface, unsigned addresses)
{
	log_info("host: %s was down; ARP and neighbour solicitations for %u addresses are answered there "
		 "again",
		interface, addresses);
}

int host_mend(struct host *h)
{
	return onlink_mend(h->netlink, h->journal, on_mended, NULL);
}

int host_queue(const struct host *h, unsigned i)
{
	ASSERT(i < h->queues_len);
	return h->queues[i];
}

int host_keep(struct host *h)
{
	char index[16];

	if (h->queues_len == 0 || tun_is_kept(h->queues[0]))
		return 0;
	snprintf(index, sizeof(index), "%u", h->index);
	int r = journal_add(h->journal, CHANGE_KEPT, h->status.device, index, "");

	return r < 0 ? r : tun_keep(h->queues[0]);
}

struct journal *host_journal(const struct host *h)
{
	return h->journal;
}

int host_words(const struct host *h)
{
	return h->words;
}

void host_status(const struct host *h, struct host_status *ret)
{
	*ret = h->status;
}
