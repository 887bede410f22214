/*
 * supervisor_relay.c - the sockets and files of the relays; see supervisor_relay.h
 *
 * Every address has one socket for each thread, in one group (SO_REUSEPORT), so that the kernel gives each client to one of
 * them. With SO_REUSEPORT a bind() beside another program that has it too works, and clients would be shared with it: so
 * each new address is first bound without. That cannot be done where a socket of ours is in the way that a reload is about
 * to close; then the group is opened beside it.
 */
#include "cmd/supervisor_relay.h"

#include "base/bytes.h"
#include "base/log.h"
#include "cmd/listen_fault.h"
#include "cmd/relay_files.h"
#include "cmd/supervisor.h"
#include "ctl/channel.h"
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define OTHERS                                                                                               \
	3 /* descriptors of a message beside the sockets: the configuration, the files, the table of DNS46 */

static const struct listen_key key = { "relay.services[].listen",
	"stop it, or write another address or port" };

/* --- sockets --- */

static unsigned listens_of(const struct relay_config *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->services_len; i++)
		n += c->services[i].listen_len;
	return n;
}

/* As many threads as wanted, or one for each processor, as far as one message takes their sockets. */
static unsigned threads_of(const struct relay_config *c)
{
	unsigned room = (CHANNEL_FDS_MAX - OTHERS) / listens_of(c), n = c->threads;
	cpu_set_t set;

	if (n == 0) {
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
		n = n > RELAY_THREADS_MAX ? RELAY_THREADS_MAX : n;
	}
	if (n <= room)
		return n;
	log_warning("relay: %u threads instead of %u: there are too many listen addresses for more", room, n);
	return room;
}

static bool is_same(const struct relay_listen *a, const struct relay_listen *b)
{
	return a->type == b->type && a->is_transparent == b->is_transparent && endpoint_equal(&a->at, &b->at);
}

static bool is_in_the_way(const struct relay_listen *a, const struct relay_listen *b)
{
	return a->type == b->type && a->at.is4 == b->at.is4 && a->at.port == b->at.port &&
	       (endpoint_same_address(&a->at, &b->at) || endpoint_is_any(&a->at) || endpoint_is_any(&b->at));
}

static const struct relay_listen *find(const struct relay_set *set, const struct relay_listen *l,
	bool (*test)(const struct relay_listen *a, const struct relay_listen *b))
{
	for (unsigned i = 0; set && i < set->listen_len; i++)
		if (test(&set->listen[i], l))
			return &set->listen[i];
	return NULL;
}

static int make_transparent(int fd, bool is4)
{
	int on = 1;
	int err = is4 ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on))
		      : setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));

	return err < 0 ? -errno : 0;
}

static void close_listen(struct relay_listen *l, unsigned threads)
{
	for (unsigned i = 0; i < threads; i++)
		if (l->fds[i] >= 0)
			close(l->fds[i]);
}

/* See the comment at the top of the file. */
static int open_listen(struct relay_listen *l, unsigned threads, const struct relay_set *old)
{
	bool is_alone = !find(old, l, is_in_the_way);
	int trial = is_alone ? listen_open(&l->at, l->type, BOUND_ALONE) : -1, err = 0;

	if (is_alone && trial < 0)
		return trial;
	if (trial >= 0)
		close(trial);
	for (unsigned i = 0; i < threads; i++)
		l->fds[i] = -1;
	for (unsigned i = 0; err == 0 && i < threads; i++) {
		l->fds[i] = listen_open(&l->at, l->type, BOUND_TOGETHER);
		err = l->fds[i] < 0	  ? l->fds[i]
		      : l->is_transparent ? make_transparent(l->fds[i], l->at.is4)
					  : 0;
	}
	if (err < 0)
		close_listen(l, threads);
	return err;
}

static int add_listen(struct relay_set *set, struct relay_listen *l, const struct relay_set *old)
{
	const struct relay_listen *same = find(old, l, is_same);

	if (same) {
		bytes_copy(l->fds, same->fds, sizeof(l->fds));
	} else {
		int err = open_listen(l, set->threads, old);

		if (err < 0)
			return err;
		l->is_new = true;
	}
	set->listen[set->listen_len++] = *l;
	return 0;
}

/* On failure @ret_at is the address that cannot be had. */
static int open_all(struct relay_set *set, const struct relay_config *c, const struct relay_set *old,
	struct endpoint *ret_at)
{
	for (unsigned i = 0; i < c->services_len; i++)
		for (unsigned k = 0; k < c->services[i].listen_len; k++) {
			struct relay_listen l = { .at = c->services[i].listen[k],
				.type = c->services[i].type == RELAY_UDP ? SOCK_DGRAM : SOCK_STREAM,
				.is_transparent = c->services[i].type == RELAY_TRANSPARENT };
			int err = add_listen(set, &l, old);

			if (err < 0) {
				*ret_at = l.at;
				return err;
			}
		}
	return 0;
}

/* --- sets --- */

void relay_set_abandon(struct relay_set *set)
{
	if (!set)
		return;
	for (unsigned i = 0; i < set->listen_len; i++)
		if (set->listen[i].is_new)
			close_listen(&set->listen[i], set->threads);
	if (set->files > 0)
		close(set->files);
	free(set);
}

/* The files are read into the configuration by the role; here only their names count. */
static int read_files(struct relay_set *set, const struct conf *c, char *fault, size_t fault_size)
{
	struct relay_config names = c->relay;
	int fd = relay_files_read(&names, fault, fault_size);

	if (fd < 0)
		return fd;
	set->files = fd;
	return 0;
}

static int make_set(const struct conf *c, unsigned threads, const struct relay_set *old,
	struct relay_set **ret, struct endpoint *ret_at, char *fault, size_t fault_size)
{
	struct relay_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->threads = threads;
	fault[0] = '\0';
	int err = read_files(set, c, fault, fault_size);

	if (err == 0)
		err = open_all(set, &c->relay, old, ret_at);
	if (err < 0) {
		relay_set_abandon(set);
		return err;
	}
	*ret = set;
	return 0;
}

unsigned relay_set_fds(const struct relay_set *set, int *to)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->listen_len; i++)
		for (unsigned k = 0; k < set->threads; k++)
			to[n++] = set->listen[i].fds[k];
	to[n++] = set->files;
	return n;
}

static void give(struct supervisor *s)
{
	unsigned len = relay_set_fds(s->relay, s->fds[ROLE_RELAY]);

	if (s->lent_table > 0)
		s->fds[ROLE_RELAY][len++] = s->lent_table;
	s->fds_len[ROLE_RELAY] = len;
	if (s->roles[ROLE_RELAY])
		process_set_fds(s->roles[ROLE_RELAY], s->fds_len[ROLE_RELAY]);
}

int relay_set_prepare(
	struct supervisor *s, const struct conf *c, struct relay_set **ret, char *fault, size_t fault_size)
{
	struct endpoint at;
	char where[ENDPOINT6_TEXT];

	*ret = NULL;
	if (!s->relay)
		return 0;
	if (listens_of(&c->relay) * s->relay->threads > CHANNEL_FDS_MAX - OTHERS) {
		snprintf(fault, fault_size,
			"relay: there are too many listen addresses for %u threads: restart isthmus for that",
			s->relay->threads);
		return -EMSGSIZE;
	}
	int err = make_set(c, s->relay->threads, s->relay, ret, &at, fault, fault_size);

	if (err < 0 && !fault[0])
		snprintf(fault, fault_size, "relay: %s cannot be listened on: %s", endpoint_text(&at, where),
			strerror(-err));
	return err;
}

void relay_set_commit(struct supervisor *s, struct relay_set *set)
{
	struct relay_set *old = s->relay;

	if (!set)
		return;
	for (unsigned i = 0; i < old->listen_len; i++) {
		const struct relay_listen *heir = find(set, &old->listen[i], is_same);

		/* Those that went over belong to the new set. */
		old->listen[i].is_new = !heir || heir->is_new;
	}
	for (unsigned i = 0; i < set->listen_len; i++)
		set->listen[i].is_new = true;
	relay_set_abandon(old);
	s->relay = set;
	give(s);
}

/* --- start and end --- */

int relay_up(struct supervisor *s)
{
	char fault[512];
	struct endpoint at;

	if (!s->conf->has_relay)
		return 0;
	int err = make_set(s->conf, threads_of(&s->conf->relay), NULL, &s->relay, &at, fault, sizeof(fault));

	if (err < 0) {
		if (fault[0])
			log_error("%s", fault);
		else
			listen_fault_log(&key, &at, err);
		return err;
	}
	for (unsigned i = 0; i < s->relay->listen_len; i++)
		s->relay->listen[i].is_new = true;
	give(s);
	return 0;
}

void relay_down(struct supervisor *s)
{
	relay_set_abandon(s->relay);
	s->relay = NULL;
}
