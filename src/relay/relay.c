/*
 * relay.c - all services on all threads
 *
 * Structure. A @struct_relay has lanes, each a thread with a loop of its own; the caller's thread is none of them. What is
 * common to all (limits.h, own.h) is here too. A lane has a @struct_part: the services and listeners of the
 * configuration in force.
 *
 *	caller's thread: loop --- relay_update(), relay_each(): ring, wait
 *	lane 0:          loop --- services --- listeners, visits
 *	lane 1:          loop --- ...
 *
 * A call (ring()) leaves a function and writes to the lane's bell (eventfd); the caller sleeps until it is done. A lane
 * calls nobody, so there is no cycle. Before relay_start() nobody else uses a lane, and the caller makes the call itself.
 *
 * Another configuration. All lanes open its services on the side; when one cannot, all give up theirs, and nothing has
 * changed. Then each lane takes it: new listeners begin, old ones hand over the connections that wait in them to the
 * service of the same name, old services are retired (service.c). The old configuration is freed when the last of its
 * services is closed; a timer of the caller's loop looks for that.
 *
 * Life cycle: relay_new() (before the sandbox) -> relay_start() -> any number of relay_update() and relay_each() ->
 * relay_drain() -> relay_free(). A lane whose loop fails ends the process, as its sockets would go on taking connections
 * that nobody serves.
 */
#include "relay/relay.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "relay/certificates.h"
#include "relay/families.h"
#include "relay/limits.h"
#include "relay/listener.h"
#include "relay/names.h"
#include "relay/own.h"
#include "relay/targets.h"
#include "relay/visit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FAMILIES_SLOTS 4096
#define NAMES_KEPT 2048
#define LIMITS_SLOTS 65536
#define REAP_EVERY (NSEC)
#define DRAIN_LOOK (20 * MSEC)

/* A configuration that some service may still use. */
struct epoch {
	struct relay_config config;
	atomic_uint holds;
	struct epoch *next; /* an older one */
};

/* The services of one configuration on one lane, in their order, with their listeners. */
struct part {
	struct service *services[RELAY_SERVICES_MAX];
	unsigned services_len;
	struct listener **listeners; /* one for each listen address; NULL of a datagram service */
	unsigned listeners_len;
};

struct relay_thread {
	struct relay *all;
	struct lane lane;
	struct part part, fresh;
	int bell;
	struct loop_watch *watch;
	pthread_t id;
	bool is_running;
};

struct call {
	void (*fn)(struct relay_thread *t, void *ctx);
	void *ctx;
};

struct relay {
	struct loop *loop; /* the caller's */
	struct limits *limits;
	struct own *own;
	struct targets *targets;
	struct certificates *certificates;
	struct epoch *epochs; /* the one in force first */
	struct loop_watch *reaper;
	struct loop_watch *draining;
	void (*over)(void *ctx);
	void *over_ctx;
	pthread_mutex_t lock; /* of call and is_done */
	pthread_cond_t done;
	struct call call;
	bool is_done;
	unsigned len;
	struct relay_thread threads[RELAY_THREADS_MAX];
};

/* --- calls --- */

static void on_bell(void *ctx, unsigned ready)
{
	struct relay_thread *t = ctx;
	struct relay *r = t->all;
	uint64_t rings;

	if (read(t->bell, &rings, sizeof(rings)) < 0)
		return;
	pthread_mutex_lock(&r->lock);
	r->call.fn(t, r->call.ctx);
	r->is_done = true;
	pthread_cond_signal(&r->done);
	pthread_mutex_unlock(&r->lock);
}

static void ring(struct relay_thread *t, void (*fn)(struct relay_thread *t, void *ctx), void *ctx)
{
	const uint64_t once = 1;
	struct relay *r = t->all;

	if (!t->is_running) {
		fn(t, ctx);
		return;
	}
	pthread_mutex_lock(&r->lock);
	r->call = (struct call){ fn, ctx };
	r->is_done = false;
	ssize_t n = write(t->bell, &once, sizeof(once));

	ASSERT(n == sizeof(once)); /* at most one ring waits, so the counter cannot be full */
	while (!r->is_done)
		pthread_cond_wait(&r->done, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

static void ring_all(struct relay *r, void (*fn)(struct relay_thread *t, void *ctx), void *ctx)
{
	for (unsigned i = 0; i < r->len; i++)
		ring(&r->threads[i], fn, ctx);
}

struct look {
	void (*fn)(struct lane *l, void *ctx);
	void *ctx;
};

static void look(struct relay_thread *t, void *ctx)
{
	const struct look *k = ctx;

	k->fn(&t->lane, k->ctx);
}

void relay_each(struct relay *r, void (*fn)(struct lane *l, void *ctx), void *ctx)
{
	struct look k = { fn, ctx };

	ring_all(r, look, &k);
}

unsigned relay_lanes(const struct relay *r)
{
	return r->len;
}

const struct lane *relay_lane(const struct relay *r, unsigned number)
{
	ASSERT(number < r->len);
	return &r->threads[number].lane;
}

/* --- a configuration on one lane --- */

static unsigned sockets_of(const struct relay_config *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->services_len; i++)
		n += c->services[i].listen_len;
	return n;
}

/* What all lanes are to do, and whether one could not. */
struct update {
	struct relay_config *config; /* where it will stay */
	unsigned threads;
	int *sockets; /* -1: taken by somebody */
	int err;
	char *fault;
	size_t fault_size;
};

static void part_retire(struct part *p)
{
	for (unsigned i = 0; i < p->services_len; i++)
		service_retire(p->services[i]);
	free(p->listeners);
	*p = (struct part){ .services_len = 0 };
}

/* Opens the services of the new configuration beside those in force; nobody is told of them yet. */
static void prepare(struct relay_thread *t, void *ctx)
{
	struct update *u = ctx;
	struct part *p = &t->fresh;

	if (u->err < 0)
		return;
	p->listeners = calloc(sockets_of(u->config) + 1, sizeof(struct listener *));
	if (!p->listeners) {
		u->err = -ENOMEM;
		snprintf(u->fault, u->fault_size, "out of memory");
	}
	for (unsigned i = 0; u->err == 0 && i < u->config->services_len; i++) {
		u->err = service_open(&t->lane, &u->config->services[i], u->config, &p->services[i], u->fault,
			u->fault_size);
		p->services_len += u->err == 0;
	}
}

static void abandon(struct relay_thread *t, void *ctx)
{
	part_retire(&t->fresh);
}

static int listen_one(struct part *p, struct service *s, int fd, const struct endpoint *at)
{
	struct listener **l = &p->listeners[p->listeners_len++];

	return s->ops->listen ? s->ops->listen(s, fd, at) : listener_new(s, fd, at, l);
}

/* Sockets are in the order of services and of their listen, and each address has one for each lane. */
static void listen_all(struct relay_thread *t, struct update *u)
{
	struct part *p = &t->part;
	unsigned at = t->lane.number;

	for (unsigned i = 0; i < p->services_len; i++) {
		struct service *s = p->services[i];

		for (unsigned k = 0; k < s->config->listen_len; k++, at += u->threads) {
			int fd = u->sockets[at];
			char where[ENDPOINT6_TEXT];

			u->sockets[at] = -1;
			int err = listen_one(p, s, fd, &s->config->listen[k]);

			if (err < 0)
				log_error("relay: %s: lane %u cannot listen on %s: %s", s->config->name,
					t->lane.number, endpoint_text(&s->config->listen[k], where),
					strerror(-err));
		}
	}
}

static struct listener *first_listener(const struct part *p, const struct service *s)
{
	unsigned at = 0;

	for (unsigned i = 0; i < p->services_len && p->services[i] != s; i++)
		at += p->services[i]->config->listen_len;
	return p->listeners[at];
}

/* The service that goes on with the clients of another one: that of the same name and type. */
static struct listener *heir_of(const struct part *fresh, const struct service *old)
{
	for (unsigned i = 0; i < fresh->services_len; i++) {
		const struct service *s = fresh->services[i];

		if (s->ops == old->ops && strcmp(s->config->name, old->config->name) == 0)
			return first_listener(fresh, s);
	}
	return NULL;
}

static void close_listeners(struct part *old, const struct part *fresh)
{
	unsigned at = 0;

	for (unsigned i = 0; i < old->services_len; i++) {
		struct listener *heir = fresh ? heir_of(fresh, old->services[i]) : NULL;

		for (unsigned k = 0; k < old->services[i]->config->listen_len; k++, at++)
			if (old->listeners[at])
				listener_close(old->listeners[at], heir);
	}
}

static void commit(struct relay_thread *t, void *ctx)
{
	struct update *u = ctx;
	struct part old = t->part;

	t->part = t->fresh;
	t->fresh = (struct part){ .services_len = 0 };
	t->lane.config = u->config;
	listen_all(t, u);
	close_listeners(&old, &t->part);
	part_retire(&old);
}

/* --- a configuration on all lanes --- */

static void close_sockets(const struct relay_plan *plan)
{
	for (unsigned i = 0; i < plan->sockets_len; i++)
		close(plan->sockets[i]);
}

static int check_plan(const struct relay *r, const struct relay_plan *plan, char *fault, size_t fault_size)
{
	unsigned want = sockets_of(plan->config) * r->len;

	if (plan->threads == r->len && plan->sockets_len == want)
		return 0;
	snprintf(fault, fault_size, "%u sockets for %u threads came, but %u for %u are needed",
		plan->sockets_len, plan->threads, want, r->len);
	return -EBADMSG;
}

/* The configuration in a place of its own, which it has as long as anybody uses it; plan->config is left as it is. */
static struct epoch *epoch_new(const struct relay_plan *plan)
{
	struct epoch *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->config = *plan->config;
	e->config.holds = &e->holds;
	return e;
}

static int own_all(struct own *o, const struct relay_config *c)
{
	int err = 0;

	for (unsigned i = 0; i < c->services_len; i++)
		for (unsigned k = 0; err == 0 && k < c->services[i].listen_len; k++)
			err = own_listens(o, &c->services[i].listen[k]);
	return err;
}

static bool listens_at(const struct relay_config *c, const struct endpoint *at)
{
	for (unsigned i = 0; i < c->services_len; i++)
		for (unsigned k = 0; k < c->services[i].listen_len; k++)
			if (endpoint_equal(&c->services[i].listen[k], at))
				return true;
	return false;
}

/* Forgets where @c listens, but not where @other does. */
static void disown(struct own *o, const struct relay_config *c, const struct relay_config *other)
{
	for (unsigned i = 0; i < c->services_len; i++)
		for (unsigned k = 0; k < c->services[i].listen_len; k++)
			if (!listens_at(other, &c->services[i].listen[k]))
				own_listens_no_more(o, &c->services[i].listen[k]);
}

static void ask_servers(struct relay_thread *t, void *ctx)
{
	struct update *u = ctx;

	if (u->err < 0)
		return;
	u->err = names_set_servers(t->lane.names, u->config->resolvers, u->config->resolvers_len);
	if (u->err < 0)
		snprintf(u->fault, u->fault_size, "out of memory");
}

/* Whatever can fail, on the side. */
static int prepare_all(struct relay *r, struct update *u)
{
	u->err = own_all(r->own, u->config);
	if (u->err < 0)
		snprintf(u->fault, u->fault_size, "own addresses: %s", strerror(-u->err));
	ring_all(r, prepare, u);
	ring_all(r, ask_servers, u);
	if (u->err < 0)
		ring_all(r, abandon, NULL);
	return u->err;
}

static void on_reap(void *ctx);

static void take(struct relay *r, struct epoch *e, struct update *u)
{
	struct epoch *old = r->epochs;

	limits_set(r->limits, e->config.connections, e->config.connections_per_client);
	ring_all(r, commit, u);
	e->next = old;
	r->epochs = e;
	if (!old)
		return;
	disown(r->own, &old->config, &e->config);
	on_reap(r);
}

static int update_all(struct relay *r, const struct relay_plan *plan, char *fault, size_t fault_size)
{
	int err = check_plan(r, plan, fault, fault_size);
	struct epoch *e = err == 0 ? epoch_new(plan) : NULL;
	int *sockets = err == 0 ? malloc((plan->sockets_len + 1) * sizeof(int)) : NULL;

	if (err == 0 && (!e || !sockets)) {
		snprintf(fault, fault_size, "out of memory");
		err = -ENOMEM;
	}
	if (err == 0) {
		bytes_copy(sockets, plan->sockets, plan->sockets_len * sizeof(int));
		struct update u = { .config = &e->config,
			.threads = plan->threads,
			.sockets = sockets,
			.fault = fault,
			.fault_size = fault_size };

		err = prepare_all(r, &u);
		if (err == 0)
			take(r, e, &u);
		else if (r->epochs)
			disown(r->own, &e->config, &r->epochs->config);
	}
	free(sockets);
	if (err < 0) {
		close_sockets(plan);
		free(e);
		return err;
	}
	*plan->config = (struct relay_config){ .services = NULL };
	return 0;
}

/* Frees configurations that nobody uses any more, but not the one in force. */
static void on_reap(void *ctx)
{
	struct relay *r = ctx;
	struct epoch **at = r->epochs ? &r->epochs->next : NULL;

	while (at && *at) {
		struct epoch *e = *at;

		if (atomic_load_explicit(&e->holds, memory_order_acquire) > 0) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		relay_config_fini(&e->config);
		free(e);
	}
	if (r->epochs && r->epochs->next)
		loop_timer_set(r->reaper, REAP_EVERY);
}

int relay_update(struct relay *r, const struct relay_plan *plan, char *fault, size_t fault_size)
{
	return update_all(r, plan, fault, fault_size);
}

/* --- lanes --- */

static int lane_make(
	struct relay_thread *t, const struct hash_key *key, const struct relay_config *c, unsigned number)
{
	struct lane *l = &t->lane;
	int err = lane_init(l, number);

	if (err == 0) {
		struct names_plan names = { .loop = l->loop,
			.servers = c->resolvers,
			.servers_len = c->resolvers_len,
			.keep = NAMES_KEPT };

		err = names_new(&names, &l->names);
	}
	if (err == 0)
		err = families_new(FAMILIES_SLOTS, key, &l->families);
	l->limits = t->all->limits;
	l->own = t->all->own;
	l->targets = t->all->targets;
	l->certificates = t->all->certificates;
	if (err < 0)
		return err;
	t->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->bell < 0 ? -errno : loop_watch_fd(l->loop, t->bell, LOOP_READ, on_bell, t, &t->watch);
}

static void *run(void *arg)
{
	struct relay_thread *t = arg;
	char name[16];

	snprintf(name, sizeof(name), "relay %u", t->lane.number);
	pthread_setname_np(pthread_self(), name);
	int err = loop_run(t->lane.loop);

	if (err < 0) {
		log_error("relay: lane %u of %u cannot go on (%s); this process ends", t->lane.number + 1,
			t->all->len, strerror(-err));
		_exit(EXIT_FAILURE);
	}
	return NULL;
}

static int make_common(struct relay *r, struct hash_key *ret_key)
{
	int err = random_seed(ret_key, sizeof(*ret_key));

	if (err == 0)
		err = limits_new(LIMITS_SLOTS, ret_key, &r->limits);
	if (err == 0)
		err = own_new(&r->own);
	if (err == 0)
		err = targets_new(&r->targets);
	if (err == 0)
		err = certificates_new(&r->certificates);
	if (err == 0)
		err = loop_watch_timer(r->loop, on_reap, r, &r->reaper);
	return err;
}

static int make_lanes(struct relay *r, const struct relay_plan *plan, const struct hash_key *key)
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < plan->threads; i++) {
		r->threads[i] = (struct relay_thread){ .all = r, .bell = -1 };
		r->len = i + 1;
		err = lane_make(&r->threads[i], key, plan->config, i);
		r->threads[i].lane.lent = plan->lent;
	}
	return err;
}

int relay_new(const struct relay_plan *plan, struct relay **ret, char *fault, size_t fault_size)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct hash_key key;

	ASSERT(plan->threads >= 1 && plan->threads <= RELAY_THREADS_MAX);
	if (!r) {
		snprintf(fault, fault_size, "out of memory");
		close_sockets(plan);
		return -ENOMEM;
	}
	r->loop = plan->loop;
	pthread_mutex_init(&r->lock, NULL); /* cannot fail: no attributes */
	pthread_cond_init(&r->done, NULL);
	int err = make_common(r, &key);

	if (err == 0)
		err = make_lanes(r, plan, &key);
	if (err < 0) {
		snprintf(fault, fault_size, "cannot make the lanes: %s", strerror(-err));
		close_sockets(plan);
	} else {
		err = update_all(r, plan, fault, fault_size);
	}
	if (err < 0) {
		relay_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

int relay_start(struct relay *r)
{
	for (unsigned i = 0; i < r->len; i++) {
		struct relay_thread *t = &r->threads[i];
		int err = pthread_create(&t->id, NULL, run, t);

		if (err != 0)
			return -err;
		t->is_running = true;
	}
	return 0;
}

/* --- the end --- */

static void give_up(struct relay_thread *t, void *ctx)
{
	close_listeners(&t->part, NULL);
	part_retire(&t->part);
}

static void on_draining(void *ctx)
{
	struct relay *r = ctx;

	on_reap(r);
	if (!r->epochs->next && atomic_load_explicit(&r->epochs->holds, memory_order_acquire) == 0)
		r->over(r->over_ctx); /* may free @r */
	else
		loop_timer_set(r->draining, DRAIN_LOOK);
}

void relay_drain(struct relay *r, void (*over)(void *ctx), void *ctx)
{
	ring_all(r, give_up, NULL);
	r->over = over;
	r->over_ctx = ctx;
	if (loop_watch_timer(r->loop, on_draining, r, &r->draining) < 0)
		over(ctx); /* without memory to wait: whoever is there is ended by relay_free() */
	else
		loop_timer_set(r->draining, 0);
}

static void end_visits(struct relay_thread *t, void *ctx)
{
	while (t->lane.visits)
		t->lane.visits->end(t->lane.visits);
}

static void stop(struct relay_thread *t, void *ctx)
{
	loop_stop(t->lane.loop);
}

static void thread_fini(struct relay_thread *t)
{
	give_up(t, NULL);
	abandon(t, NULL);
	end_visits(t, NULL);
	names_free(t->lane.names);
	families_free(t->lane.families);
	loop_unwatch(t->watch);
	if (t->bell >= 0)
		close(t->bell);
	lane_fini(&t->lane);
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->len; i++) {
		struct relay_thread *t = &r->threads[i];

		if (t->is_running) {
			ring(t, stop, NULL);
			pthread_join(t->id, NULL);
		}
		t->is_running = false;
		thread_fini(t);
	}
	while (r->epochs) {
		struct epoch *e = r->epochs;

		r->epochs = e->next;
		relay_config_fini(&e->config);
		free(e);
	}
	loop_unwatch(r->reaper);
	loop_unwatch(r->draining);
	certificates_free(r->certificates);
	targets_free(r->targets);
	own_free(r->own);
	limits_free(r->limits);
	pthread_cond_destroy(&r->done);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
