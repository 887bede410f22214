/*
 * supervisor_links.c - links that go down and come back: what the kernel has forgotten of them meanwhile
 *
 * A link without a carrier for a moment is an everyday thing, and the kernel then forgets for which addresses it answers
 * there in the name of others. A pool address in the subnet of an uplink would never be found by its router again. So
 * after each change of interfaces the host is looked at (host_mend()). Not being able to follow is no reason not to run.
 */
#include "cmd/supervisor.h"

#include "base/log.h"
#include "dataplane/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_DELAY (50 * MSEC) /* changes come in swarms; one look for all of them */

struct links_follow {
	struct supervisor *s;
	int news; /* netlink socket */
	struct loop_watch *watch, *timer;
	bool is_faulty; /* the last look has failed, and the log says so */
};

static void on_look(void *ctx)
{
	struct links_follow *f = ctx;
	int err = host_mend(f->s->host);

	if (err < 0 && !f->is_faulty)
		log_warning("host: neighbours may not find the pool's addresses any more, answers for them "
			    "cannot be put back: %s",
			strerror(-err));
	f->is_faulty = err < 0;
}

static void on_news(void *ctx, unsigned ready)
{
	struct links_follow *f = ctx;

	netlink_watch_drain(f->news);
	loop_timer_set(f->timer, LOOK_DELAY);
}

int links_up(struct supervisor *s)
{
	if (!s->host)
		return 0;
	struct links_follow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	s->links = f;
	*f = (struct links_follow){ .s = s, .news = netlink_watch_links() };
	int err = f->news < 0 ? f->news : loop_watch_timer(s->loop, on_look, f, &f->timer);

	if (err == 0)
		err = loop_watch_fd(s->loop, f->news, LOOP_READ, on_news, f, &f->watch);
	if (err < 0)
		log_warning("host: links that go down and come back cannot be followed: %s", strerror(-err));
	return 0;
}

void links_down(struct supervisor *s)
{
	struct links_follow *f = s->links;

	if (!f)
		return;
	loop_unwatch(f->watch);
	loop_unwatch(f->timer);
	if (f->news >= 0)
		close(f->news);
	free(f);
	s->links = NULL;
}
