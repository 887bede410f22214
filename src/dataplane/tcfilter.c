/* tcfilter.c - see tcfilter.h */
#include "dataplane/tcfilter.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOPBACK_INDEX 1

/* libbpf refuses structs whose padding is not zero, so they are filled in place. */
static void hook_init(struct bpf_tc_hook *hook, unsigned index, enum bpf_tc_attach_point point)
{
	bytes_zero(hook, sizeof(*hook));
	hook->sz = sizeof(*hook);
	hook->ifindex = (int)index;
	hook->attach_point = point;
}

static void options_init(const struct tcfilter *t, struct bpf_tc_opts *options)
{
	bytes_zero(options, sizeof(*options));
	options->sz = sizeof(*options);
	options->handle = t->handle;
	options->priority = t->priority;
}

static void qdisc_remove(unsigned index)
{
	struct bpf_tc_hook hook;

	hook_init(&hook, index, BPF_TC_INGRESS | BPF_TC_EGRESS);
	(void)!bpf_tc_hook_destroy(&hook);
}

static int filter_attach(const struct tcfilter *t, unsigned index, int program)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;

	hook_init(&hook, index, BPF_TC_INGRESS);
	options_init(t, &options);
	options.prog_fd = program;
	options.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &options);
}

static bool is_of(const struct change *c, const struct link *l)
{
	return strtoul(c->before, NULL, 10) == l->index; /* its name may have changed since */
}

static bool is_attached(const struct tcfilter *t, const struct journal *j, const struct link *l)
{
	size_t len;
	const struct change *changes = journal_changes(j, &len);

	for (size_t i = 0; i < len; i++)
		if (changes[i].kind == t->change && is_of(&changes[i], l))
			return true;
	return false;
}

/* Whoever goes last takes the qdisc away, so all of ours must know that it is ours. */
static bool is_qdisc_ours(const struct journal *j, const struct link *l)
{
	size_t len;
	const struct change *changes = journal_changes(j, &len);

	for (size_t i = 0; i < len; i++)
		if ((changes[i].kind == CHANGE_FILTER || changes[i].kind == CHANGE_FLOW) &&
			strcmp(changes[i].after, "qdisc") == 0 && is_of(&changes[i], l))
			return true;
	return false;
}

/* The qdisc comes first, since only making it tells whether it was there; then the record, then the filter. */
int tcfilter_attach(const struct tcfilter *t, struct journal *j, const struct link *l, int program)
{
	struct bpf_tc_hook hook;
	char index[16];

	if (is_attached(t, j, l))
		return filter_attach(t, l->index, program);
	hook_init(&hook, l->index, BPF_TC_INGRESS);
	int r = bpf_tc_hook_create(&hook);
	bool is_new = r == 0;

	if (r < 0 && r != -EEXIST)
		return r;
	snprintf(index, sizeof(index), "%u", l->index);
	r = journal_add(j, t->change, l->name, index, is_new || is_qdisc_ours(j, l) ? "qdisc" : "");
	if (r < 0) {
		if (is_new)
			qdisc_remove(l->index);
		return r;
	}
	return filter_attach(t, l->index, program);
}

void tcfilter_detach(const struct tcfilter *t, struct netlink *n, const struct change *c)
{
	unsigned index = (unsigned)strtoul(c->before, NULL, 10);
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;
	char name[IF_NAMESIZE];

	if (index == 0 || !if_indextoname(index, name))
		return;
	libbpf_set_print(NULL);
	hook_init(&hook, index, BPF_TC_INGRESS);
	options_init(t, &options);
	(void)!bpf_tc_detach(&hook, &options);
	if (strcmp(c->after, "qdisc") == 0 && netlink_tc_filters(n, index) == 0)
		qdisc_remove(index);
}

int tcfilter_probe(const struct tcfilter *t, int program)
{
	struct bpf_tc_hook hook;

	hook_init(&hook, LOOPBACK_INDEX, BPF_TC_INGRESS);
	int r = bpf_tc_hook_create(&hook);

	return r < 0 ? r : filter_attach(t, LOOPBACK_INDEX, program);
}
