/*
 * host.c - the gateway's place in the host
 *
 * host_up() is a table of steps, run forward; host_down() undoes them. What outlives the process (settings,
 * reserved ports, proxy neighbours, tc filters) is written into the journal before it is done, and undone from
 * there; what hangs on the TUN device (routes, its address, its settings) vanishes with the device when its
 * queues are closed. So there is one way to undo, used at exit, after a step that failed, and at the next
 * start after a kill -9.
 *
 *	journal -> pool check -> device -> routes -> ARP -> reserved ports -> steering -> forwarding
 *
 * Forwarding is last: until then nothing is passed on half-way. A pool of the host's own address (shared)
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
 * Deliberately not done: following changes of the host while the gateway runs. An interface that appears
 * later is not steered, an address that changes is not followed; restart the gateway. Firewall rules are the
 * administrator's.
 *
 * Standards: RFC 6146 s3.5 (what must reach the translator), RFC 1027, RFC 7600 (192.0.0.8), RFC 1812
 * s5.3.8.
 */
#include "dataplane/host.h"

#include "base/log.h"
#include "dataplane/fault.h"
#include "dataplane/forward.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"
#include "dataplane/onlink.h"
#include "dataplane/portset.h"
#include "dataplane/steer.h"
#include "dataplane/sysctl.h"
#include "dataplane/tun.h"

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
	int queues[HOST_QUEUES_MAX];
	unsigned queues_len;
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

static int device_open(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	unsigned offloads = 0;
	int r = tun_open(h->status.device, plan->queues, h->queues, &offloads);

	if (r < 0)
		return fault_say(
			f, r, "cannot make the TUN device %s: %s", h->status.device, remedy_of_tun(-r));
	h->queues_len = plan->queues;
	h->status.tso4 = (offloads & TUN_F_TSO4) != 0;
	h->status.tso6 = (offloads & TUN_F_TSO6) != 0;
	h->status.uso = (offloads & TUN_F_USO4) != 0 && (offloads & TUN_F_USO6) != 0;
	h->index = if_nametoindex(h->status.device);
	return h->index > 0 ? 0 : fault_say(f, -ENODEV, "the TUN device %s vanished", h->status.device);
}

static int device_configure(struct host *h, const struct fault *f)
{
	unsigned mtu = 0;
	int r = mtu_choose(h, &mtu);

	/* Down first: a persistent device may still have an earlier run's routes. */
	if (r == 0)
		r = netlink_link_set(h->netlink, h->index, mtu, false, LINK_AUTO6_NONE);
	if (r == 0)
		r = netlink_addr4_add(h->netlink, h->index, DEVICE_ADDRESS);
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
		r = forward_device(h->status.device, f);
	return r == 0 ? device_configure(h, f) : r;
}

/* --- routes --- */

static int fault_of_route(const struct fault *f, int r, const char *prefix, const char *device)
{
	if (r == -EEXIST)
		return fault_say(f, r,
			"there is a route for %s already, and it does not lead to %s: remove it first (`ip "
			"route del %s`)",
			prefix, device, prefix);
	return fault_say(f, r, "cannot route %s to %s: %s", prefix, device, strerror(-r));
}

/* Whether an earlier entry of the pool has the same prefix, with other ports. */
static bool has_route(const struct state_config *pool, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (!pool->pool[k].is_shared && pool->pool[k].prefix.len == pool->pool[i].prefix.len &&
			addr4_eq(pool->pool[k].prefix.addr, pool->pool[i].prefix.addr))
			return true;
	return false;
}

static int routes_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	const struct state_config *pool = &plan->nat64->state;
	char text[PREFIX6_TEXT];

	for (unsigned i = 0; i < plan->nat64->prefixes_len; i++) {
		int r = netlink_route6_add(h->netlink, h->index, plan->nat64->prefixes[i]);

		if (r < 0)
			return fault_of_route(
				f, r, prefix6_text(plan->nat64->prefixes[i], text), h->status.device);
	}
	for (unsigned i = 0; i < pool->pool_len; i++) {
		if (pool->pool[i].is_shared || has_route(pool, i))
			continue;
		int r = netlink_route4_add(h->netlink, h->index, pool->pool[i].prefix);

		if (r < 0)
			return fault_of_route(
				f, r, prefix4_text(pool->pool[i].prefix, text), h->status.device);
	}
	return 0;
}

/* --- the pool in the host --- */

static struct onlink_request onlink_of(const struct host *h, const struct host_plan *plan)
{
	return (struct onlink_request){ h->netlink, h->journal, &plan->nat64->state, h->index };
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

static int ports_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	const struct state_config *pool = &plan->nat64->state;
	struct portset wanted = { 0 };

	for (unsigned i = 0; i < pool->pool_len; i++)
		if (pool->pool[i].is_shared)
			portset_add_range(&wanted, pool->pool[i].lo, pool->pool[i].hi);
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
	struct steer_request q = { h->netlink, h->journal, &plan->nat64->state, h->index };

	if (!steer_is_needed(q.pool))
		return 0;
	int r = steer_up(&q, f, &h->status.steered_interfaces);

	h->status.steering = r == 0;
	return r;
}

static int forwarding_up(struct host *h, const struct host_plan *plan, const struct fault *f)
{
	return forward_on(h->netlink, h->journal, f);
}

/* --- undoing --- */

static void proxy_undo(struct netlink *n, const struct change *c)
{
	unsigned index = (unsigned)strtoul(c->before, NULL, 10);
	struct addr4 a;

	if (index > 0 && if_nametoindex(c->subject) == index && addr4_parse(c->after, &a))
		(void)!netlink_proxy_del(n, index, a);
}

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
			proxy_undo(n, &changes[i]);
	}
	journal_forget(j);
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
		log_warning("host: undid %zu changes that a gateway left behind when it was killed", left);
	}
	return 0;
}

void host_down(struct host *h)
{
	if (!h)
		return;
	if (h->journal)
		changes_undo(h->netlink, h->journal);
	if (h->index > 0) /* matters for a persistent device only */
		(void)!netlink_link_set(h->netlink, h->index, h->status.mtu > 0 ? h->status.mtu : MTU_MIN,
			false, LINK_AUTO6_KEEP);
	for (unsigned i = 0; i < h->queues_len; i++)
		close(h->queues[i]);
	journal_close(h->journal);
	netlink_close(h->netlink);
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
	forwarding_up,
};

int host_up(const struct host_plan *plan, struct host **ret, char *fault, size_t fault_size)
{
	struct fault f = { fault, fault_size };
	struct host *h = calloc(1, sizeof(*h));
	int r = 0;

	if (!h)
		return fault_say(&f, -ENOMEM, "out of memory");
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
	*ret = h;
	return 0;
}

int host_queue(const struct host *h, unsigned i)
{
	ASSERT(i < h->queues_len);
	return h->queues[i];
}

void host_status(const struct host *h, struct host_status *ret)
{
	*ret = h->status;
}
