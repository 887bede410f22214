/*
 * steer.c - loading, attaching and detaching the steering program
 *
 * The ranges are written into the program's read-only data before it is loaded, so that the verifier throws
 * away the parts that this host does not need. After attaching, the kernel's filter holds the program;
 * nothing of it stays in this process.
 */
#include "dataplane/steer.h"

#include "abi.h"
#include "dataplane/tcfilter.h"

#include <arpa/inet.h>
#include <errno.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "steer.skel.h"
#pragma GCC diagnostic pop

#define LOOPBACK_INDEX 1

_Static_assert(STEER_RANGES_MAX >= 2 * POOL_ENTRIES_MAX, "every pool entry can be a range");

static const struct tcfilter filter = { CHANGE_FILTER, STEER_PRIORITY, STEER_HANDLE };

bool steer_is_needed(const struct state_config *pool)
{
	for (unsigned i = 0; i < pool->pool_len; i++)
		if (pool->pool[i].is_shared)
			return true;
	return false;
}

static bool has_range(const struct steer_config *c, const struct steer_range *range)
{
	for (unsigned i = 0; i < c->ranges_len; i++)
		if (c->ranges[i].addr == range->addr && c->ranges[i].lo == range->lo &&
			c->ranges[i].hi == range->hi)
			return true;
	return false;
}

static void ranges_add(struct steer_config *c, const struct state_config *pool)
{
	for (unsigned i = 0; i < pool->pool_len; i++) {
		const struct pool_entry *e = &pool->pool[i];
		struct steer_range range = { .addr = htonl(e->prefix.addr.v), .lo = e->lo, .hi = e->hi };

		if (e->is_shared && !has_range(c, &range))
			c->ranges[c->ranges_len++] = range;
	}
}

/* A loaded program with this configuration, or NULL with errno set. */
static struct steer_bpf *program_load(const struct steer_config *config)
{
	libbpf_set_print(NULL); /* what it would print we say in one sentence */
	struct steer_bpf *s = steer_bpf__open();

	if (!s)
		return NULL;
	s->rodata->config = *config;
	int r = steer_bpf__load(s);

	if (r < 0) {
		steer_bpf__destroy(s);
		errno = -r;
		return NULL;
	}
	return s;
}

void steer_down(struct netlink *n, const struct change *c)
{
	tcfilter_detach(&filter, n, c);
}

/* --- all of them --- */

struct attach_walk {
	const struct steer_request *request;
	int program;
	unsigned done;
	int error;
	char failed[IF_NAMESIZE];
};

static void on_link(void *ctx, const struct link *l)
{
	struct attach_walk *w = ctx;

	if (w->error < 0 || (l->flags & IFF_UP) == 0)
		return;
	if (l->index == w->request->device || link_hands_to_master(l))
		return;
	int r = tcfilter_attach(&filter, w->request->journal, l, w->program);

	if (r == -ENODEV) /* it went away since the list was made */
		return;
	w->error = r;
	if (r < 0)
		text_copy(w->failed, sizeof(w->failed), l->name);
	else if ((l->flags & IFF_LOOPBACK) == 0)
		w->done++;
}

static int fault_of_load(const struct fault *f, int error)
{
	const char *why = error == EPERM || error == EACCES
				  ? "CAP_BPF and CAP_NET_ADMIN are needed, and eBPF must not be locked down"
			  : error == ENOSYS || error == EINVAL ? "the kernel needs CONFIG_BPF_SYSCALL"
							       : strerror(error);

	return fault_say(f, -error,
		"cannot load the eBPF program that a shared pool address needs (%s); a pool with an IPv4 "
		"address of its own needs no eBPF",
		why);
}

static int fault_of_attach(const struct fault *f, const struct attach_walk *w)
{
	return fault_say(f, w->error,
		"cannot attach the eBPF program that a shared pool address needs to %s (%s; the kernel needs "
		"CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF); a pool with an IPv4 address of its own "
		"needs no eBPF",
		w->failed, strerror(-w->error));
}

int steer_up(const struct steer_request *q, const struct fault *f, unsigned *ret_interfaces)
{
	struct attach_walk w = { .request = q };
	struct steer_config config = { .device = q->device };

	ranges_add(&config, q->pool);
	if (q->before)
		ranges_add(&config, q->before);
	struct steer_bpf *s = program_load(&config);

	if (!s)
		return fault_of_load(f, errno);
	w.program = bpf_program__fd(s->progs.isthmus_steer);
	int r = netlink_links(q->netlink, on_link, &w);

	steer_bpf__destroy(s);
	if (r < 0)
		return fault_say(f, r, "cannot list the network interfaces: %s", strerror(-r));
	if (w.error < 0)
		return fault_of_attach(f, &w);
	*ret_interfaces = w.done;
	return 0;
}

static bool filter_undo(void *ctx, const struct change *c)
{
	if (c->kind != CHANGE_FILTER)
		return false;
	steer_down(ctx, c);
	return true;
}

int steer_off(const struct steer_request *q)
{
	return journal_forget_some(q->journal, filter_undo, q->netlink);
}

int steer_probe(void)
{
	struct steer_config config = { .device = LOOPBACK_INDEX, .ranges_len = 1 };
	struct steer_bpf *s = program_load(&config);

	if (!s)
		return -errno;
	int r = tcfilter_probe(&filter, bpf_program__fd(s->progs.isthmus_steer));

	steer_bpf__destroy(s);
	return r;
}
