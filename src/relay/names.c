/*
 * names.c - a name's addresses of each family, as they come; see names.h
 *
 * Purpose. Whoever dials wants A and AAAA separately, each as soon as it is there (RFC 8305 s3). c-ares asks the servers,
 * repeats, and reads the answers; what is here is the memory, and the way from its sockets to the loop.
 *
 * Structure. A @struct_entry is one family of one name: asked, or answered and kept. It is found by name in a hash table,
 * and entries that are answered stand in the order of their last use, so that the least used makes room. A
 * @struct_names_question hangs on its entry while that is asked, and on the list of those that can be answered afterwards.
 *
 * Life of an entry:
 *
 *	(none) --names_ask()--> ASKED --answer--> KEPT --expires, or room is needed--> (none)
 *	                          ^                |
 *	                          +---names_ask()--+  after its time
 *
 * Questions for a name that is being asked wait for the same answer. Nobody is called from names_ask(): an answer that is
 * known already comes in the next turn of the loop.
 *
 * Limits: @keep entries, asked ones included; NAMES_ADDRESSES_MAX addresses. TTLs count up to TTL_MAX_S, failures for a few
 * seconds: the resolver behind, which is usually this gateway's own, keeps both properly (RFC 2308).
 *
 * Deliberately not done: search lists, /etc/hosts, NSS, IDNA (a name comes as A-labels), DNSSEC (the resolver's work).
 *
 * Standards: RFC 1035, RFC 2308, RFC 6761, RFC 8305 s3.
 */
#include "relay/names.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"
#include "loop/loop.h"
#include "net/sockaddr.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_MS 1000 /* when a server has not answered; c-ares doubles it */
#define ASK_TRIES 3	  /* of each server */
#define EDNS_SIZE 1232	  /* as edns-buffer-size of dns64/engine_config.c */
#define TTL_MAX_S 3600
#define NONE_S 10  /* what the resolver says is not there may be there soon */
#define FAILED_S 2 /* RFC 2308 s7: a server that has failed is not asked at once again */
#define LABEL_MAX 63

struct entry {
	struct entry *chain;	     /* of the same place in the table */
	struct entry *newer, *older; /* of those that are kept */
	struct names *names;
	struct names_question *first; /* wait for the answer */
	bool is_asked;
	nsec expires; /* of those that are kept */
	enum names_family family;
	struct names_answer answer;
	char host[]; /* lower case */
};

struct names_question {
	struct names_question *next, **link; /* of the entry's, or of those that can be answered */
	struct names *names;
	void (*answered)(void *ctx, const struct names_answer *a);
	void *ctx;
	struct names_answer answer; /* once it is there */
};

/* A socket of c-ares. */
struct names_socket {
	struct names_socket *next;
	struct names *names;
	int fd;
	unsigned events;
	struct loop_watch *watch;
};

struct names {
	struct loop *loop;
	ares_channel channel;
	struct names_socket *sockets;
	struct loop_watch *again; /* when c-ares wants to be called although no socket is ready */
	struct loop_watch *soon;  /* somebody can be answered */
	struct names_question *answerable, **answerable_end;
	struct entry *newest, *oldest;
	unsigned entries_len, keep;
	unsigned servers_len;
	bool is_changing; /* names_set_servers(): what c-ares gives up is asked again */
	bool is_ending;
	struct hash_key key;
	unsigned mask;
	struct entry *table[];
};

/* --- names --- */

/**
 * host_copy() - check that a name could be a host's, and write it in lower case
 *
 * Letters, digits, hyphens (RFC 1123 s2.1) and underscores, which are in use; c-ares would take a backslash for an escape.
 */
static bool host_copy(char to[static RELAY_HOST], const char *host)
{
	size_t len = strnlen(host, RELAY_HOST), label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)host[i];

		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (c == '.' && (i == 0 || host[i - 1] == '.')))
			return false;
		if (c != '.' && c != '-' && c != '_' && (c >= 0x80 || !isalnum(c)))
			return false;
		to[i] = (char)tolower(c);
	}
	to[len] = '\0';
	return label > 0;
}

static bool is_localhost(const char *host)
{
	static const char local[] = "localhost";
	size_t len = strlen(host), tail = sizeof(local) - 1;

	return len >= tail && strcmp(host + len - tail, local) == 0 &&
	       (len == tail || host[len - tail - 1] == '.');
}

/* --- the table --- */

static struct entry **place_of(struct names *n, const char *host, enum names_family family)
{
	uint64_t w[RELAY_HOST / 8] = { 0 };
	size_t len = strlen(host);

	bytes_copy(w, host, len);
	return &n->table[(hash_words(&n->key, w, (unsigned)(len + 7) / 8) + (unsigned)family) & n->mask];
}

static struct entry *entry_find(struct names *n, const char *host, enum names_family family)
{
	struct entry *e = *place_of(n, host, family);

	while (e && (e->family != family || strcmp(e->host, host) != 0))
		e = e->chain;
	return e;
}

static void kept_remove(struct names *n, struct entry *e)
{
	*(e->newer ? &e->newer->older : &n->newest) = e->older;
	*(e->older ? &e->older->newer : &n->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void kept_add(struct names *n, struct entry *e)
{
	e->newer = NULL;
	e->older = n->newest;
	*(e->older ? &e->older->newer : &n->oldest) = e;
	n->newest = e;
}

static void entry_free(struct names *n, struct entry *e)
{
	struct entry **p = place_of(n, e->host, e->family);

	while (*p != e)
		p = &(*p)->chain;
	*p = e->chain;
	n->entries_len--;
	free(e);
}

/* Makes room if it must; NULL if all that is there is being asked, or without memory. The entry is in no list. */
static struct entry *entry_new(struct names *n, const char *host, enum names_family family)
{
	size_t len = strlen(host);
	struct entry *old = n->oldest, *e;

	if (n->entries_len >= n->keep && !old)
		return NULL;
	if (n->entries_len >= n->keep) {
		kept_remove(n, old);
		entry_free(n, old);
	}
	e = calloc(1, sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	e->names = n;
	e->family = family;
	bytes_copy(e->host, host, len + 1);
	struct entry **place = place_of(n, host, family);

	e->chain = *place;
	*place = e;
	n->entries_len++;
	return e;
}

/* --- questions --- */

static void question_unlink(struct names_question *q)
{
	struct names *n = q->names;

	*q->link = q->next;
	if (q->next)
		q->next->link = q->link;
	else if (n->answerable_end == &q->next)
		n->answerable_end = q->link;
	q->link = NULL;
}

static void question_wait(struct names_question *q, struct entry *e)
{
	q->next = e->first;
	q->link = &e->first;
	if (q->next)
		q->next->link = &q->next;
	e->first = q;
}

static void question_answerable(struct names_question *q, const struct names_answer *a)
{
	struct names *n = q->names;

	q->answer = *a;
	q->next = NULL;
	q->link = n->answerable_end;
	*q->link = q;
	n->answerable_end = &q->next;
}

/* Tells all that can be told. Whoever is told may ask, and forget others. */
static void answer_all(struct names *n)
{
	while (n->answerable) {
		struct names_question *q = n->answerable;

		question_unlink(q);
		q->answered(q->ctx, &q->answer);
		free(q);
	}
}

static void on_soon(void *ctx)
{
	answer_all(ctx);
}

/* --- answers --- */

static void entry_answer(struct entry *e, const struct names_answer *a, unsigned seconds)
{
	struct names *n = e->names;

	e->is_asked = false;
	e->answer = *a;
	e->expires = clock_now() + seconds * NSEC;
	kept_add(n, e);
	while (e->first) {
		struct names_question *q = e->first;

		question_unlink(q);
		question_answerable(q, a);
	}
	if (n->answerable)
		loop_timer_set(n->soon, 0);
}

/* One address more; its TTL counts if it is the shortest. */
static void take_address4(struct names_answer *a, unsigned *seconds, const struct ares_addrttl *from)
{
	if ((unsigned)from->ttl < *seconds)
		*seconds = (unsigned)from->ttl;
	a->a4[a->len++] = addr4_at((const uint8_t *)&from->ipaddr);
}

static void take_address6(struct names_answer *a, unsigned *seconds, const struct ares_addr6ttl *from)
{
	if ((unsigned)from->ttl < *seconds)
		*seconds = (unsigned)from->ttl;
	a->a6[a->len++] = addr6_at((const uint8_t *)&from->ip6addr);
}

/* read_reply() - what a reply says; the number of seconds that it holds */
static unsigned read_reply(
	enum names_family family, const unsigned char *reply, int len, struct names_answer *a)
{
	struct ares_addrttl list4[NAMES_ADDRESSES_MAX];
	struct ares_addr6ttl list6[NAMES_ADDRESSES_MAX];
	int found = NAMES_ADDRESSES_MAX;
	int status = family == NAMES_IPV4 ? ares_parse_a_reply(reply, len, NULL, list4, &found)
					  : ares_parse_aaaa_reply(reply, len, NULL, list6, &found);
	unsigned seconds = TTL_MAX_S;

	if (status != ARES_SUCCESS && status != ARES_ENODATA) {
		a->status = NAMES_FAILED;
		return FAILED_S;
	}
	for (int i = 0; status == ARES_SUCCESS && i < found; i++)
		if (family == NAMES_IPV4)
			take_address4(a, &seconds, &list4[i]);
		else
			take_address6(a, &seconds, &list6[i]);
	a->status = a->len > 0 ? NAMES_OK : NAMES_NONE;
	return a->len > 0 ? seconds : NONE_S;
}

static void on_reply(void *ctx, int status, int timeouts, unsigned char *reply, int len)
{
	struct entry *e = ctx;
	struct names_answer a = { .status = NAMES_FAILED };
	unsigned seconds = FAILED_S;

	if (e->names->is_ending || e->names->is_changing)
		return; /* names_free() has what is left; names_set_servers() asks again */
	if (status == ARES_SUCCESS) {
		seconds = read_reply(e->family, reply, len, &a);
	} else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
		a.status = NAMES_NONE;
		seconds = NONE_S;
	}
	entry_answer(e, &a, seconds);
}

/* --- c-ares and the loop --- */

static void set_again(struct names *n)
{
	struct timeval at, *tv = ares_timeout(n->channel, NULL, &at);

	if (tv)
		loop_timer_set(n->again, (nsec)tv->tv_sec * NSEC + (nsec)tv->tv_usec * 1000);
	else
		loop_timer_stop(n->again);
}

static void on_again(void *ctx)
{
	struct names *n = ctx;

	ares_process_fd(n->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_again(n);
	answer_all(n);
}

static void on_socket(void *ctx, unsigned ready)
{
	struct names_socket *s = ctx;
	struct names *n = s->names;
	int fd = s->fd; /* the socket may be gone when c-ares returns */

	ares_process_fd(n->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD,
		ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	set_again(n);
	answer_all(n);
}

static void socket_forget(struct names *n, int fd)
{
	for (struct names_socket **p = &n->sockets; *p; p = &(*p)->next)
		if ((*p)->fd == fd) {
			struct names_socket *s = *p;

			*p = s->next;
			loop_unwatch(s->watch);
			free(s);
			return;
		}
}

/* c-ares says what it waits for on a socket; neither: it is about to be closed. If the socket cannot be watched, the
 * question is asked again when its time is over, and fails at last. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct names *n = ctx;
	unsigned events = (readable ? LOOP_READ : 0U) | (writable ? LOOP_WRITE : 0U);
	struct names_socket *s;

	for (s = n->sockets; s && s->fd != fd; s = s->next)
		;
	if (s && s->events == events)
		return;
	socket_forget(n, fd);
	if (events == 0)
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->names = n;
	s->fd = fd;
	s->events = events;
	if (loop_watch_fd(n->loop, fd, events, on_socket, s, &s->watch) < 0) {
		free(s);
		return;
	}
	s->next = n->sockets;
	n->sockets = s;
}

static void entry_ask(struct entry *e)
{
	static const struct names_answer failed = { .status = NAMES_FAILED };

	e->is_asked = true;
	if (e->names->servers_len == 0) { /* c-ares 1.18 loses memory when there are none */
		entry_answer(e, &failed, FAILED_S);
		return;
	}
	ares_query(e->names->channel, e->host, C_IN, e->family == NAMES_IPV4 ? T_A : T_AAAA, on_reply, e);
}

/* --- life --- */

/* Everything that c-ares would otherwise read from files is said here, so it reads none (the sandbox has none). */
static int channel_new(struct names *n)
{
	static char lookups[] = "b";
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = ASK_AGAIN_MS,
		.tries = ASK_TRIES,
		.ndots = 1,
		.lookups = lookups,
		.ednspsz = EDNS_SIZE,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = n,
	};
	int said = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
		   ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ |
		   ARES_OPT_SOCK_STATE_CB;

	return ares_init_options(&n->channel, &o, said) == ARES_SUCCESS ? 0 : -ENOMEM;
}

static int set_servers(struct names *n, const struct endpoint *servers, unsigned len)
{
	struct ares_addr_port_node nodes[RELAY_RESOLVERS_MAX] = { { .next = NULL } };

	ASSERT(len <= RELAY_RESOLVERS_MAX);
	n->servers_len = 0;
	for (unsigned i = 0; i < len; i++) {
		struct ares_addr_port_node *s = &nodes[i];

		s->next = i + 1 < len ? s + 1 : NULL;
		s->family = servers[i].is4 ? AF_INET : AF_INET6;
		s->udp_port = s->tcp_port = servers[i].port;
		if (servers[i].is4)
			addr4_put((uint8_t *)&s->addr.addr4, servers[i].a4);
		else
			addr6_put((uint8_t *)&s->addr.addr6, servers[i].a6);
	}
	if (ares_set_servers_ports(n->channel, len > 0 ? nodes : NULL) != ARES_SUCCESS)
		return -ENOMEM;
	n->servers_len = len;
	return 0;
}

static int names_init(struct names *n, const struct names_plan *plan)
{
	int err = random_seed(&n->key, sizeof(n->key));

	if (err == 0)
		err = loop_watch_timer(n->loop, on_again, n, &n->again);
	if (err == 0)
		err = loop_watch_timer(n->loop, on_soon, n, &n->soon);
	if (err == 0)
		err = channel_new(n);
	return err == 0 ? set_servers(n, plan->servers, plan->servers_len) : err;
}

int names_new(const struct names_plan *plan, struct names **ret)
{
	unsigned places = 16;

	while (places < plan->keep && places < 1u << 20)
		places *= 2;
	struct names *n = calloc(1, sizeof(*n) + places * sizeof(n->table[0]));

	if (!n)
		return -ENOMEM;
	n->loop = plan->loop;
	n->keep = plan->keep;
	n->mask = places - 1;
	n->answerable_end = &n->answerable;
	int err = names_init(n, plan);
	if (err < 0) {
		names_free(n);
		return err;
	}
	*ret = n;
	return 0;
}

/* All entries, kept or asked, with the questions that wait on them. */
static void free_entries(struct names *n)
{
	for (unsigned i = 0; i <= n->mask; i++)
		while (n->table[i]) {
			struct entry *e = n->table[i];

			n->table[i] = e->chain;
			while (e->first) {
				struct names_question *q = e->first;

				question_unlink(q);
				free(q);
			}
			free(e);
		}
}

void names_free(struct names *n)
{
	if (!n)
		return;
	n->is_ending = true;
	if (n->channel)
		ares_destroy(n->channel);
	free_entries(n);
	while (n->answerable) {
		struct names_question *q = n->answerable;

		question_unlink(q);
		free(q);
	}
	while (n->sockets)
		socket_forget(n, n->sockets->fd);
	loop_unwatch(n->soon);
	loop_unwatch(n->again);
	free(n);
}

/* What others have said counts no more. Entries that are asked stay, and are asked again. */
static void ask_again(struct names *n)
{
	while (n->oldest) {
		struct entry *e = n->oldest;

		kept_remove(n, e);
		entry_free(n, e);
	}
	for (unsigned i = 0; i <= n->mask; i++)
		for (struct entry *e = n->table[i], *next; e; e = next) {
			next = e->chain;
			entry_ask(e);
		}
	set_again(n);
}

int names_set_servers(struct names *n, const struct endpoint *servers, unsigned servers_len)
{
	n->is_changing = true; /* c-ares takes no other servers while it waits for the old ones */
	ares_cancel(n->channel);
	n->is_changing = false;
	int err = set_servers(n, servers, servers_len);

	ask_again(n);
	return err;
}

/* --- asking --- */

static struct names_answer localhost_answer(enum names_family family)
{
	struct names_answer a = { .status = NAMES_OK, .len = 1 };

	if (family == NAMES_IPV4)
		a.a4[0] = (struct addr4){ UINT32_C(0x7f000001) };
	else
		a.a6[0] = (struct addr6){ 0, 1 };
	return a;
}

static void answer_soon(struct names_question *q, const struct names_answer *a)
{
	question_answerable(q, a);
	loop_timer_set(q->names->soon, 0);
}

/* entry_for() - the entry of a name, asked if it is not known; NULL without memory, or if too many are asked */
static struct entry *entry_for(struct names *n, const char *host, enum names_family family)
{
	struct entry *e = entry_find(n, host, family);

	if (e && e->is_asked)
		return e;
	if (e) {
		kept_remove(n, e);
		if (clock_now() < e->expires) {
			kept_add(n, e); /* used last */
			return e;
		}
	} else {
		e = entry_new(n, host, family);
	}
	if (e) {
		entry_ask(e);
		set_again(n);
	}
	return e;
}

int names_ask(struct names *n, const char *host, enum names_family family,
	void (*answered)(void *ctx, const struct names_answer *a), void *ctx, struct names_question **ret)
{
	struct names_question *q = calloc(1, sizeof(*q));
	struct names_answer none = { .status = NAMES_NONE }, local = localhost_answer(family);
	char name[RELAY_HOST];

	if (!q)
		return -ENOMEM;
	*q = (struct names_question){ .names = n, .answered = answered, .ctx = ctx };
	if (!host_copy(name, host)) {
		answer_soon(q, &none);
	} else if (is_localhost(name)) {
		answer_soon(q, &local);
	} else {
		struct entry *e = entry_for(n, name, family);

		if (!e) {
			free(q);
			return -ENOMEM;
		}
		if (e->is_asked)
			question_wait(q, e);
		else
			answer_soon(q, &e->answer);
	}
	*ret = q;
	return 0;
}

void names_forget(struct names_question *q)
{
	if (!q)
		return;
	question_unlink(q);
	free(q);
}
