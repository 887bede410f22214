/*
 * steer.c - loading, attaching and detaching the steering program
 *
 * The ranges are written into the program's read-only data before it is loaded, so that the verifier throws
 * away the parts that this host does not need. After attaching, the kernel's filter holds the program;
 * nothing of it stays in this process. A filter is known by our priority and handle, so it can be taken off
 * by the next start as well.
 */
#include "dataplane/steer.h"

#include "abi.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#include "steer.skel.h"
#pragma GCC diagnostic pop

#define LOOPBACK_INDEX 1

_Static_assert(STEER_RANGES_MAX >= 2 * POOL_ENTRIES_MAX, "every pool entry can be a range");

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

/* --- one interface --- */

/* libbpf refuses structs whose padding is not zero, so they are filled in place. */
static void hook_init(struct bpf_tc_hook *hook, unsigned index, enum bpf_tc_attach_point point)
{
	bytes_zero(hook, sizeof(*hook));
	hook->sz = sizeof(*hook);
	hook->ifindex = (int)index;
	hook->attach_point = point;
}

static void options_init(struct bpf_tc_opts *options)
{
	bytes_zero(options, sizeof(*options));
	options->sz = sizeof(*options);
	options->handle = STEER_HANDLE;
	options->priority = STEER_PRIORITY;
}

static void qdisc_remove(unsigned index)
{
	struct bpf_tc_hook hook;

	hook_init(&hook, index, BPF_TC_INGRESS | BPF_TC_EGRESS);
	(void)!bpf_tc_hook_destroy(&hook);
}

static int filter_attach(unsigned index, int program)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;

	hook_init(&hook, index, BPF_TC_INGRESS);
	options_init(&options);
	options.prog_fd = program;
	options.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &options);
}

static bool is_attached(const struct journal *j, const struct link *l)
{
	size_t len;
	const struct change *changes = journal_changes(j, &len);

	for (size_t i = 0; i < len; i++)
		if (changes[i].kind == CHANGE_FILTER && strcmp(changes[i].subject, l->name) == 0 &&
			strtoul(changes[i].before, NULL, 10) == l->index)
			return true;
	return false;
}

/* The qdisc comes first, since only making it tells whether it was there; then the record, then the filter.
 */
static int interface_attach(struct journal *j, const struct link *l, int program)
{
	struct bpf_tc_hook hook;
	char index[16];

	if (is_attached(j, l))
		return filter_attach(l->index, program);
	hook_init(&hook, l->index, BPF_TC_INGRESS);
	int r = bpf_tc_hook_create(&hook);
	bool is_new = r == 0;

	if (r < 0 && r != -EEXIST)
		return r;
	snprintf(index, sizeof(index), "%u", l->index);
	r = journal_add(j, CHANGE_FILTER, l->name, index, is_new ? "qdisc" : "");
	if (r < 0) {
		if (is_new)
			qdisc_remove(l->index);
		return r;
	}
	return filter_attach(l->index, program);
}

void steer_down(struct netlink *n, const struct change *c)
{
	unsigned index = (unsigned)strtoul(c->before, NULL, 10);
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;

	if (index == 0 || if_nametoindex(c->subject) != index)
		return;
	libbpf_set_print(NULL);
	hook_init(&hook, index, BPF_TC_INGRESS);
	options_init(&options);
	(void)!bpf_tc_detach(&hook, &options);
	if (strcmp(c->after, "qdisc") == 0 && netlink_tc_filters(n, index) == 0)
		qdisc_remove(index);
}

/* --- all of them --- */

struct attach_walk {
	const struct steer_request *request;
	int program;
	unsigned done;
	int error;
	char failed[IF_NAMESIZE];
};

static bool hands_to_master(const struct link *l)
{
	static const char *const kinds[] = { "bridge", "bond", "team" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(l->slave_kind, kinds[i]) == 0)
			return true;
	return false;
}

static void on_link(void *ctx, const struct link *l)
{
	struct attach_walk *w = ctx;

	if (w->error < 0 || (l->flags & IFF_UP) == 0)
		return;
	if (l->index == w->request->device || hands_to_master(l))
		return;
	int r = interface_attach(w->request->journal, l, w->program);

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
	struct bpf_tc_hook hook;
	struct steer_bpf *s = program_load(&config);

	if (!s)
		return -errno;
	hook_init(&hook, LOOPBACK_INDEX, BPF_TC_INGRESS);
	int r = bpf_tc_hook_create(&hook);

	if (r == 0)
		r = filter_attach(LOOPBACK_INDEX, bpf_program__fd(s->progs.isthmus_steer));
	steer_bpf__destroy(s);
	return r;
}
