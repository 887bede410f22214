/*
 * crew.c - making and ending a group of workers; see crew.h
 *
 * The rings. One for each ordered pair, so that each has one producer and one consumer. A ring takes two of the longest
 * packets at least. Its memory is touched as far as it is used, which with the kernel's program in place is next to
 * nothing: hairpins between subscribers of two workers, and fragments.
 *
 * The table. Words that the workers share with the kernel's program; abi.h has the layout. The workers' part of it is made
 * anew here, so that a translator that was started again does not find blocks moved that are not.
 */
#include "dataplane/crew.h"

#include "abi.h"
#include "dataplane/bell.h"
#include "dataplane/ring.h"
#include "state/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RING_BYTES (256 * 1024) /* of many workers: there are as many rings as pairs */
#define RING_BYTES_FEW                                                                                       \
	(1024 * 1024) /* of up to RING_FEW: some 500 full packets, while the other one waits for a processor */
#define RING_FEW 8    /* workers */

struct crew {
	struct nat64_config cfg; /* with owners in it */
	unsigned len;
	int queues[OWNERS_MAX];
	struct owners owners;
	bool has_owners;
	_Atomic uint64_t *words; /* abi.h; NULL: a single worker */
	size_t words_bytes;
	struct ring *rings[OWNERS_MAX][OWNERS_MAX];   /* [from][to] */
	struct ring *inbound[OWNERS_MAX][OWNERS_MAX]; /* the same, [to][from] */
	struct bell bells[OWNERS_MAX];
	unsigned bells_len;
	struct worker_peers peers[OWNERS_MAX];
	struct state_watch watches[OWNERS_MAX];
	struct worker *workers[OWNERS_MAX];
	struct nat64 *tables[OWNERS_MAX]; /* theirs */
};

/* --- the table --- */

static int words_map(struct crew *k, int fd, size_t bytes)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	k->words = at;
	k->words_bytes = bytes;
	return 0;
}

static void words_unmap(struct crew *k)
{
	if (k->words)
		munmap(k->words, k->words_bytes);
	k->words = NULL;
}

/* How long a table the supervisor has made stands in its first word. */
static int table_map(struct crew *k, int fd)
{
	uint64_t len = owners_table_len(&k->cfg.state);

	if (fd >= 0) {
		int r = words_map(k, fd, QUEUE_HEAD_WORDS * sizeof(uint64_t));

		if (r < 0)
			return r;
		len = atomic_load_explicit(&k->words[QUEUE_WORD_TABLE_LEN], memory_order_relaxed);
		words_unmap(k);
	}
	if (len == 0 || len > OWNERS_TABLE_MAX || (len & (len - 1)) != 0)
		return -EINVAL;
	int r = words_map(k, fd, (QUEUE_HEAD_WORDS + len) * sizeof(uint64_t));

	if (r == 0)
		atomic_store_explicit(&k->words[QUEUE_WORD_TABLE_LEN], len, memory_order_relaxed);
	return r;
}

static void word_put(struct crew *k, enum queue_word word, uint64_t value)
{
	atomic_store_explicit(&k->words[word], value, memory_order_release);
}

/* The kernel's program sends everything to the first queue until it is told how many owners there are. */
static int owners_make(struct crew *k)
{
	uint32_t len = (uint32_t)k->words[QUEUE_WORD_TABLE_LEN];
	struct addr6 all = { UINT64_MAX, UINT64_MAX };

	word_put(k, QUEUE_WORD_OWNERS, 0);
	for (uint32_t i = 0; i < len; i++)
		atomic_store_explicit(&k->words[QUEUE_HEAD_WORDS + i], 0, memory_order_relaxed);
	int r = owners_init(&k->owners, &k->cfg.state, owners_fit(&k->cfg.state, k->len),
		&(struct owners_table){ k->words + QUEUE_HEAD_WORDS, len });

	if (r < 0)
		return r;
	k->has_owners = true;
	k->cfg.state.owners = &k->owners;
	all = addr6_truncate(all, k->owners.subscriber_len);
	word_put(k, QUEUE_WORD_BLOCK_SHIFT, k->owners.block_shift);
	word_put(k, QUEUE_WORD_MASK_HI, all.hi);
	word_put(k, QUEUE_WORD_MASK_LO, all.lo);
	word_put(k, QUEUE_WORD_OWNERS, k->owners.len);
	return 0;
}

/* --- what lies between the workers --- */

static int rings_make(struct crew *k)
{
	uint32_t bytes = k->len <= RING_FEW ? RING_BYTES_FEW : RING_BYTES;

	for (unsigned from = 0; from < k->len; from++) {
		for (unsigned to = 0; to < k->len; to++) {
			int r = from == to ? 0 : ring_new(bytes, &k->rings[from][to]);

			if (r < 0)
				return r;
			k->inbound[to][from] = k->rings[from][to];
		}
	}
	return 0;
}

static int bells_make(struct crew *k)
{
	int r = 0;

	while (k->bells_len < k->len && r == 0) {
		r = bell_init(&k->bells[k->bells_len]);
		k->bells_len += r == 0;
	}
	return r;
}

static void peers_make(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++)
		k->peers[i] = (struct worker_peers){
			.len = k->len,
			.index = i,
			.in = k->inbound[i],
			.out = k->rings[i],
			.bells = k->bells,
		};
}

int crew_new(const struct nat64_config *c, const int *queues, unsigned len, int table, struct crew **ret)
{
	if (len < 1 || len > OWNERS_MAX)
		return -EINVAL;
	struct crew *k = aligned_alloc(_Alignof(struct crew), sizeof(*k));
	if (!k)
		return -ENOMEM;
	bytes_zero(k, sizeof(*k));
	k->cfg = *c;
	k->len = len;
	for (unsigned i = 0; i < len; i++)
		k->queues[i] = queues[i];
	int r = bells_make(k);

	if (r == 0 && len > 1)
		r = table_map(k, table);
	if (r == 0 && len > 1)
		r = owners_make(k);
	if (r == 0)
		r = rings_make(k);
	if (r < 0) {
		crew_free(k);
		return r;
	}
	peers_make(k);
	*ret = k;
	return 0;
}

void crew_watch(struct crew *k, unsigned i, struct state_watch watch)
{
	ASSERT(i < k->len);
	k->watches[i] = watch;
}

void crew_up(struct crew *k, unsigned i, struct upring *up)
{
	ASSERT(i < k->len);
	k->peers[i].up = up;
}

int crew_make(struct crew *k, unsigned *ret_failed)
{
	for (unsigned i = 0; i < k->len; i++) {
		k->cfg.state.worker = i;
		k->cfg.state.watch = k->watches[i];
		int r = worker_new(&k->cfg, k->queues[i], &k->peers[i], &k->workers[i]);

		if (r < 0) {
			*ret_failed = i;
			return r;
		}
	}
	return 0;
}

struct nat64 *const *crew_tables(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++)
		k->tables[i] = worker_nat64(k->workers[i]);
	return k->tables;
}

int crew_start(struct crew *k, unsigned *ret_failed)
{
	for (unsigned i = 0; i < k->len; i++) {
		int r = worker_start(k->workers[i]);

		if (r < 0) {
			*ret_failed = i;
			return r;
		}
	}
	return 0;
}

void crew_halt(struct crew *k)
{
	for (unsigned i = 0; i < k->len; i++)
		worker_halt(k->workers[i]);
}

void crew_free(struct crew *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->len; i++)
		worker_free(k->workers[i]);
	for (unsigned from = 0; from < k->len; from++) {
		for (unsigned to = 0; to < k->len; to++)
			ring_free(k->rings[from][to]);
	}
	while (k->bells_len > 0)
		bell_fini(&k->bells[--k->bells_len]);
	if (k->has_owners)
		owners_fini(&k->owners);
	words_unmap(k);
	free(k);
}

unsigned crew_len(const struct crew *k)
{
	return k->len;
}

struct worker *crew_worker(const struct crew *k, unsigned i)
{
	ASSERT(i < k->len);
	return k->workers[i];
}
