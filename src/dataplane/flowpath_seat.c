/*
 * flowpath_seat.c - the programs at one interface
 *
 * tc by a link (BPF_TCX_INGRESS, Linux 6.6) where the kernel has such, else by a filter that the journal knows (tcfilter.h); both come
 * before the filter of steer.c, so that it steers only what is not known here. XDP by a link, in native mode only: the kernel's own
 * (generic) one comes after everything that XDP would save. Links that a gateway before has left pinned get the new program between two
 * packets.
 */
#include "dataplane/flowpath_parts.h"

#include "abi.h"
#include "dataplane/tcfilter.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TCX_INGRESS                                                                                          \
	((enum bpf_attach_type)46) /* BPF_TCX_INGRESS, which the headers of Debian 12 do not have */

static const struct tcfilter filter = { CHANGE_FLOW, FLOW_PRIORITY, FLOW_HANDLE };

void flowpath_seat_init(struct flowpath_seat *s, const struct link *l)
{
	*s = (struct flowpath_seat){ .is = { .index = l->index }, .tc = -1, .xdp = -1 };
	text_copy(s->is.name, sizeof(s->is.name), l->name);
}

void flowpath_undo(struct netlink *n, const struct change *c)
{
	tcfilter_detach(&filter, n, c);
}

/* --- links --- */

struct kind {
	const char *what; /* in the name of the pin */
	enum bpf_attach_type type;
	uint32_t flags;
};

static const struct kind kind_tc = { "tc", TCX_INGRESS, 0 };
static const struct kind kind_xdp = { "xdp", BPF_XDP, XDP_FLAGS_DRV_MODE };

/* One that a gateway before has left, with our program in it. */
static int link_found(const struct flowpath_attach *a, const struct kind *k, unsigned index, int program)
{
	int fd = flowpath_pins_link(a->pins, k->what, index);

	if (fd < 0)
		return fd;
	if (bpf_link_update(fd, program, NULL) < 0) {
		int r = -errno;

		close(fd);
		flowpath_pins_link_drop(a->pins, k->what, index);
		return r;
	}
	return fd;
}

static int link_make(const struct flowpath_attach *a, const struct kind *k, unsigned index, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = k->flags);
	int fd = link_found(a, k, index, program);

	if (fd >= 0)
		return fd;
	fd = bpf_link_create(program, (int)index, k->type, &options);
	if (fd < 0)
		return -errno;
	flowpath_pins_link_keep(a->pins, k->what, index, fd);
	return fd;
}

static void link_end(const struct flowpath_attach *a, const struct kind *k, unsigned index, int *fd)
{
	if (*fd < 0)
		return;
	flowpath_pins_link_drop(a->pins, k->what, index);
	close(*fd);
	*fd = -1;
}

/* --- tc --- */

struct undo {
	const struct flowpath_attach *attach;
	unsigned index; /* 0: all */
};

static bool filter_undo(void *ctx, const struct change *c)
{
	const struct undo *u = ctx;

	if (c->kind != CHANGE_FLOW || strtoul(c->before, NULL, 10) != u->index)
		return false;
	flowpath_undo(u->attach->netlink, c);
	return true;
}

static int tc_take(struct flowpath_seat *s, const struct flowpath_attach *a, const struct link *l)
{
	int program = flowpath_is_bare(l) ? a->bare : a->ethernet;

	if (s->tc >= 0 || s->has_filter)
		return 0;
	if (*a->has_links) {
		s->tc = link_make(a, &kind_tc, l->index, program);
		if (s->tc >= 0)
			return 0;
		if (s->tc != -EINVAL) { /* which a kernel without such links says */
			int r = s->tc;

			s->tc = -1;
			return r;
		}
		s->tc = -1;
		*a->has_links = false;
	}
	int r = tcfilter_attach(&filter, a->journal, l, program);

	s->has_filter = r == 0;
	return r;
}

static void tc_leave(struct flowpath_seat *s, const struct flowpath_attach *a)
{
	struct undo u = { a, s->is.index };

	link_end(a, &kind_tc, s->is.index, &s->tc);
	if (s->has_filter)
		(void)!journal_forget_some(a->journal, filter_undo, &u);
	s->has_filter = false;
}

/* --- both --- */

static void xdp_take(struct flowpath_seat *s, const struct flowpath_attach *a, const struct link *l)
{
	if (s->xdp >= 0)
		return;
	int r = l->index < FLOW_INTERFACES_MAX ? link_make(a, &kind_xdp, l->index, a->xdp) : -ERANGE;

	if (r >= 0) {
		s->xdp = r;
		return;
	}
	if (r == -EBUSY || r == -EEXIST)
		text_copy(s->is.why, sizeof(s->is.why), "it has another XDP program");
	else if (r == -EOPNOTSUPP)
		text_copy(s->is.why, sizeof(s->is.why), "its driver has no XDP");
	else
		snprintf(s->is.why, sizeof(s->is.why), "XDP is refused: %s", strerror(-r));
}

void flowpath_seat_take(struct flowpath_seat *s, const struct flowpath_attach *a, const struct link *l,
	enum flowpath_mode mode, const char *why)
{
	text_copy(s->is.name, sizeof(s->is.name), l->name);
	text_copy(s->is.why, sizeof(s->is.why), why);
	int r = tc_take(s, a, l);

	if (r < 0) {
		link_end(a, &kind_xdp, s->is.index, &s->xdp);
		snprintf(s->is.why, sizeof(s->is.why), "tc is refused: %s", strerror(-r));
		s->is.mode = FLOWPATH_DETACHED;
		return;
	}
	if (mode == FLOWPATH_AT_XDP)
		xdp_take(s, a, l);
	else
		link_end(a, &kind_xdp, s->is.index, &s->xdp);
	s->is.mode = s->xdp >= 0 ? FLOWPATH_AT_XDP : FLOWPATH_AT_TC;
}

void flowpath_seat_take_device(struct flowpath_seat *s, const struct flowpath_attach *a, const struct link *l)
{
	struct flowpath_attach first = *a;

	first.bare = a->first;
	if (s->is.index != l->index)
		flowpath_seat_init(s, l);
	flowpath_seat_take(s, &first, l, FLOWPATH_AT_TC, "");
}

void flowpath_seat_leave(struct flowpath_seat *s, const struct flowpath_attach *a)
{
	link_end(a, &kind_xdp, s->is.index, &s->xdp);
	tc_leave(s, a);
	s->is.mode = FLOWPATH_DETACHED;
}

int flowpath_seat_probe(const struct flowpath_attach *a, unsigned index)
{
	int fd = link_make(a, &kind_tc, index, a->ethernet);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
