/*
 * users.c - see users.h
 *
 * A question with a slow hash waits in a queue for the thread, which puts it into another queue when it is judged, and
 * writes to an eventfd that the loop watches. Only the two queues are common to both threads (@lock); the list of users
 * does not change. A question that is forgotten is marked, and freed when it comes back.
 */
#include "relay/users.h"

#include "base/bytes.h"
#include "base/random.h"
#include "relay/users_hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <strings.h>
#include <unistd.h>

struct user {
	char *name, *hash; /* name and hash are one allocation */
};

/* What was right lately, by a keyed hash: a memory that is stolen says nothing of passwords. */
struct remembered {
	uint8_t digest[16];
	nsec until; /* 0: none */
};

struct users_question {
	struct users_question *next;
	struct users *users;
	const char *hash;
	char password[USERS_TEXT];
	uint8_t digest[16];
	bool is_known; /* the user; if not, the time is taken all the same */
	bool is_right;
	void (*judged)(void *ctx, enum users_verdict v); /* NULL: forgotten; only the loop's thread looks */
	void *ctx;
};

struct users {
	struct user *list; /* sorted by name */
	unsigned len;
	uint8_t key[32];
	struct remembered remembered[USERS_REMEMBERED];
	struct loop *loop;
	struct loop_watch *watch;
	int bell;
	unsigned waiting; /* questions that have not come back */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct users_question *asked, **asked_end, *judged; /* @lock */
	bool must_end;					    /* @lock */
};

/* --- the file --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static const char *add_line(struct users *u, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	if (u->len == USERS_MAX)
		return "there are too many users";
	if (!colon || colon == line)
		return "it is not NAME:HASH";
	if (memchr(line, '\0', len) || (size_t)(colon - line) >= USERS_TEXT)
		return "the name is too long";
	struct user *n = &u->list[u->len];

	n->name = malloc(len + 1);
	if (!n->name)
		return "there is no memory for it";
	u->len++;
	bytes_copy(n->name, line, len);
	n->name[len] = '\0';
	n->hash = n->name + (colon - line);
	*n->hash++ = '\0';
	n->hash[strcspn(n->hash, ":\r")] = '\0'; /* what follows is the administrator's */
	if (users_hash_kind(n->hash) == USERS_HASH_NONE)
		return "its hash is of no kind that is safe to use (htpasswd -B makes one that is)";
	return NULL;
}

static int read_lines(struct users *u, const char *text, size_t len, char *fault, size_t fault_size)
{
	const char *end = text + len;
	unsigned number = 0;

	while (text < end) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		const char *stop = next ? next : end;
		const char *why = NULL;

		number++;
		if (stop > text && *text != '#' && *text != '\r')
			why = add_line(u, text, (size_t)(stop - text));
		if (why) {
			snprintf(fault, fault_size, "the users, line %u: %s", number, why);
			return -EINVAL;
		}
		text = next ? next + 1 : end;
	}
	if (u->len == 0) {
		snprintf(fault, fault_size, "the users: there are none in the file");
		return -EINVAL;
	}
	qsort(u->list, u->len, sizeof(*u->list), by_name);
	for (unsigned i = 1; i < u->len; i++)
		if (strcmp(u->list[i - 1].name, u->list[i].name) == 0) {
			snprintf(fault, fault_size, "the users: \"%.60s\" is there twice", u->list[i].name);
			return -EINVAL;
		}
	return 0;
}

static unsigned count_lines(const char *text, size_t len)
{
	unsigned n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n < USERS_MAX ? n : USERS_MAX;
}

/* --- judging --- */

static const struct user *find(const struct users *u, const char *name)
{
	const struct user key = { .name = (char *)(uintptr_t)name };

	return bsearch(&key, u->list, u->len, sizeof(*u->list), by_name);
}

/* RFC 4648 s4. */
static int digit64(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int decode64(const char *text, size_t len, char *to, size_t room)
{
	uint32_t bits = 0;
	size_t n = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int digit = digit64(text[i]);

		if (digit < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 == 0)
			continue;
		if (n == room)
			return -1;
		to[n++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return (int)n;
}

bool users_decode(
	const char *credentials, size_t len, char user[static USERS_TEXT], char password[static USERS_TEXT])
{
	char text[2 * USERS_TEXT];

	if (len < 6 || strncasecmp(credentials, "Basic ", 6) != 0)
		return false;
	while (len > 6 && credentials[6] == ' ') {
		credentials++;
		len--;
	}
	int n = decode64(credentials + 6, len - 6, text, sizeof(text));
	const char *colon = n > 0 ? memchr(text, ':', (size_t)n) : NULL;

	if (!colon || memchr(text, '\0', (size_t)n))
		return false;
	size_t user_len = (size_t)(colon - text), password_len = (size_t)n - user_len - 1;

	if (user_len >= USERS_TEXT || password_len >= USERS_TEXT)
		return false;
	bytes_copy(user, text, user_len);
	user[user_len] = '\0';
	bytes_copy(password, colon + 1, password_len);
	password[password_len] = '\0';
	explicit_bzero(text, sizeof(text));
	return true;
}

/* false: not without memory. */
static bool digest_of(const struct users *u, const char *user, const char *password, uint8_t to[16])
{
	uint8_t both[2 * USERS_TEXT], full[EVP_MAX_MD_SIZE];
	size_t user_len = strlen(user) + 1, password_len = strlen(password);
	unsigned full_len = sizeof(full);

	bytes_copy(both, user, user_len);
	bytes_copy(both + user_len, password, password_len);
	bool ok = HMAC(EVP_sha256(), u->key, sizeof(u->key), both, user_len + password_len, full, &full_len);

	explicit_bzero(both, sizeof(both));
	if (ok)
		bytes_copy(to, full, 16);
	return ok;
}

static struct remembered *slot_of(struct users *u, const uint8_t digest[16])
{
	return &u->remembered[be32_at(digest) % USERS_REMEMBERED];
}

static bool is_remembered(struct users *u, const uint8_t digest[16])
{
	const struct remembered *r = slot_of(u, digest);

	return r->until > clock_now() && bytes_equal(r->digest, digest, 16);
}

static void remember(struct users *u, const uint8_t digest[16])
{
	struct remembered *r = slot_of(u, digest);

	bytes_copy(r->digest, digest, 16);
	r->until = clock_now() + USERS_REMEMBER_NS;
}

/* --- the thread --- */

static struct users_question *next_question(struct users *u)
{
	struct users_question *q = NULL;

	pthread_mutex_lock(&u->lock);
	while (!u->asked && !u->must_end)
		pthread_cond_wait(&u->work, &u->lock);
	if (!u->must_end) {
		q = u->asked;
		u->asked = q->next;
		if (!u->asked)
			u->asked_end = &u->asked;
	}
	pthread_mutex_unlock(&u->lock);
	return q;
}

static void *work(void *ctx)
{
	struct users *u = ctx;
	const uint64_t one = 1;

	for (struct users_question *q = next_question(u); q; q = next_question(u)) {
		q->is_right = users_hash_matches(q->hash, q->password) && q->is_known;
		explicit_bzero(q->password, sizeof(q->password));
		pthread_mutex_lock(&u->lock);
		q->next = u->judged;
		u->judged = q;
		pthread_mutex_unlock(&u->lock);
		if (write(u->bell, &one, sizeof(one)) < 0)
			continue; /* it rings already */
	}
	return NULL;
}

static struct users_question *take_judged(struct users *u)
{
	uint64_t n;

	if (read(u->bell, &n, sizeof(n)) < 0)
		return NULL;
	pthread_mutex_lock(&u->lock);
	struct users_question *q = u->judged;

	u->judged = NULL;
	pthread_mutex_unlock(&u->lock);
	return q;
}

static void on_bell(void *ctx, unsigned ready)
{
	struct users *u = ctx;

	for (struct users_question *q = take_judged(u), *next; q; q = next) {
		next = q->next;
		u->waiting--;
		if (q->is_right)
			remember(u, q->digest);
		if (q->judged)
			q->judged(q->ctx, q->is_right ? USERS_RIGHT : USERS_WRONG);
		free(q);
	}
}

static bool has_thread(struct users *u)
{
	if (!u->has_thread)
		u->has_thread = pthread_create(&u->thread, NULL, work, u) == 0;
	return u->has_thread;
}

/* --- questions --- */

void users_ask(struct users *u, const char *credentials, size_t len,
	void (*judged)(void *ctx, enum users_verdict v), void *ctx, struct users_question **ret)
{
	char user[USERS_TEXT], password[USERS_TEXT];

	*ret = NULL;
	if (!users_decode(credentials, len, user, password)) {
		judged(ctx, USERS_WRONG);
		return;
	}
	users_ask_plain(u, user, password, judged, ctx, ret);
	explicit_bzero(password, sizeof(password));
}

void users_ask_plain(struct users *u, const char *user, const char *password,
	void (*judged)(void *ctx, enum users_verdict v), void *ctx, struct users_question **ret)
{
	struct users_question q = { .users = u, .judged = judged, .ctx = ctx };
	const struct user *known = find(u, user);

	*ret = NULL;
	text_copy(q.password, sizeof(q.password), password);
	q.is_known = known != NULL;
	q.hash = known ? known->hash : u->list[0].hash; /* it takes as long as if there were such a user */
	if (!digest_of(u, user, q.password, q.digest)) {
		judged(ctx, USERS_BUSY);
		return;
	}
	if (users_hash_kind(q.hash) == USERS_HASH_FAST || is_remembered(u, q.digest)) {
		bool ok = is_remembered(u, q.digest) || (users_hash_matches(q.hash, q.password) && known);

		explicit_bzero(q.password, sizeof(q.password));
		if (ok)
			remember(u, q.digest);
		judged(ctx, ok ? USERS_RIGHT : USERS_WRONG);
		return;
	}
	struct users_question *kept =
		u->waiting < USERS_WAITING && has_thread(u) ? malloc(sizeof(*kept)) : NULL;

	if (!kept) {
		judged(ctx, USERS_BUSY);
		return;
	}
	*kept = q;
	u->waiting++;
	*ret = kept;
	pthread_mutex_lock(&u->lock);
	*u->asked_end = kept;
	u->asked_end = &kept->next;
	pthread_cond_signal(&u->work);
	pthread_mutex_unlock(&u->lock);
}

void users_forget(struct users_question *q)
{
	if (q)
		q->judged = NULL;
}

/* --- life --- */

/* OpenSSL reads its configuration when an algorithm is first used, which must be before the sandbox is entered. */
static int begin_crypto(const struct users *u)
{
	uint8_t digest[16];

	return digest_of(u, "", "", digest) ? 0 : -ENOMEM;
}

int users_new(
	struct loop *loop, const char *text, size_t len, struct users **ret, char *fault, size_t fault_size)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	u->asked_end = &u->asked;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->work, NULL);
	u->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = u->bell < 0 ? -errno : random_seed(u->key, sizeof(u->key));

	u->list = calloc(count_lines(text, len), sizeof(*u->list));
	if (err == 0 && !u->list)
		err = -ENOMEM;
	if (err == 0)
		err = read_lines(u, text, len, fault, fault_size);
	if (err == 0)
		err = begin_crypto(u);
	if (err == 0)
		err = loop_watch_fd(loop, u->bell, LOOP_READ, on_bell, u, &u->watch);
	if (err < 0) {
		users_free(u);
		return err;
	}
	*ret = u;
	return 0;
}

static void free_questions(struct users_question *q)
{
	while (q) {
		struct users_question *next = q->next;

		explicit_bzero(q, sizeof(*q));
		free(q);
		q = next;
	}
}

void users_free(struct users *u)
{
	if (!u)
		return;
	if (u->has_thread) {
		pthread_mutex_lock(&u->lock);
		u->must_end = true;
		pthread_cond_signal(&u->work);
		pthread_mutex_unlock(&u->lock);
		pthread_join(u->thread, NULL);
	}
	free_questions(u->asked);
	free_questions(u->judged);
	loop_unwatch(u->watch);
	if (u->bell >= 0)
		close(u->bell);
	for (unsigned i = 0; u->list && i < u->len; i++)
		free(u->list[i].name);
	free(u->list);
	pthread_cond_destroy(&u->work);
	pthread_mutex_destroy(&u->lock);
	explicit_bzero(u, sizeof(*u));
	free(u);
}
