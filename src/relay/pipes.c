/* pipes.c - see pipes.h */
#include "relay/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct pipes {
	struct pipe *kept;
	unsigned kept_len, keep;
	unsigned len, most; /* all that are open */
};

int pipes_new(unsigned most, unsigned keep, struct pipes **ret)
{
	struct pipes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->most = most;
	p->keep = keep;
	*ret = p;
	return 0;
}

static void pipe_close(struct pipes *p, struct pipe *u)
{
	close(u->in);
	close(u->out);
	free(u);
	p->len--;
}

void pipes_free(struct pipes *p)
{
	if (!p)
		return;
	while (p->kept) {
		struct pipe *u = p->kept;

		p->kept = u->next;
		pipe_close(p, u);
	}
	free(p);
}

static struct pipe *pipe_open(void)
{
	struct pipe *u = calloc(1, sizeof(*u));
	int fds[2];

	if (!u || pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(u);
		return NULL;
	}
	/* Beyond fs.pipe-user-pages-soft the size stays what it is, which is slower and as good. */
	(void)fcntl(fds[1], F_SETPIPE_SZ, (int)PIPE_SIZE);
	u->out = fds[0];
	u->in = fds[1];
	return u;
}

struct pipe *pipe_borrow(struct pipes *p)
{
	struct pipe *u = p->kept;

	if (u) {
		p->kept = u->next;
		p->kept_len--;
		return u;
	}
	u = p->len < p->most ? pipe_open() : NULL;
	p->len += u != NULL;
	return u;
}

void pipe_give(struct pipes *p, struct pipe *u)
{
	if (!u)
		return;
	if (p->kept_len == p->keep) {
		pipe_close(p, u);
		return;
	}
	u->next = p->kept;
	p->kept = u;
	p->kept_len++;
}

void pipe_discard(struct pipes *p, struct pipe *u)
{
	if (u)
		pipe_close(p, u);
}
