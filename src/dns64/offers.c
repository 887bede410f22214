/*
 * offers.c - answers offered to the XDP program
 *
 * Purpose. See offers.h, and bpf/dns.bpf.c for the reader of what is written here.
 *
 * Structure. @dns_slot is one answer, in abi.h. An answer may lie in DNS_WAYS slots; a new one takes the slot of the same
 * question, else one that no longer counts, else the next in turn. The hash is that of answers.c in kind, but with a key
 * of its own, since the program can read this one only.
 *
 * Order. The program may read while we write. A writer makes the sequence number odd, writes, and makes it even again; the
 * program takes what it has read only if the number was even and has not changed. A writer that dies in between leaves an
 * odd number; whoever writes the slot next makes it even.
 *
 * Epochs. An answer counts while its epoch is that of the head, so one store empties the table. Each resolver puts with the
 * epoch that was in force when it took its configuration (offers_epoch()); an answer that an old configuration made comes
 * with an old epoch and never counts, however late it comes.
 *
 * Life cycle. An answer is offered when it is given for the second time (serve.c): most names are asked for once. It counts
 * until its time is over, also if answers.c has given it up for room meanwhile: it is not less true for that.
 *
 * Limits. DNS_SLOTS answers of DNS_BODY_MAX bytes and DNS_TTLS_MAX records.
 */
#include "dns64/offers.h"

#include "abi.h"
#include "base/hash.h"
#include "base/random.h"
#include "dns64/counters.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PROCESSORS_MAX 65536
#define HASH_WORDS (1 + DNS_NAME_ROOM / 8)

_Static_assert(SYNTH_KIND_COUNT <= DNS_KINDS && NOTE_COUNT <= DNS_NOTES && GROUP_COUNT <= DNS_GROUPS,
	"everything has its counter");
_Static_assert(DNS_NAME_MAX < DNS_NAME_ROOM && DNS_BODY_MAX < ANSWER_LEN_MAX,
	"a slot holds a name and a part of answers");

/* One array that the kernel's program sees too. */
struct area {
	void *at;
	size_t bytes;
};

struct offers {
	struct area areas[OFFERS_FDS];
	struct dns_slot *slots;
	struct dns_head *head;
	const struct dns_tallies *tallies;
	unsigned processors;
	uint64_t before[DNS_TALLY_COUNT]; /* what the program had done when we came */
	pthread_mutex_t writing;
	unsigned turn;
};

/* An answer's question, as it is hashed and as it lies in a slot. */
struct folded {
	uint64_t words[HASH_WORDS];
	unsigned words_len;
	uint64_t hash;
};

static int area_map(int fd, size_t bytes, struct area *ret)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret = (struct area){ at, bytes };
	return 0;
}

static void sum_tallies(const struct offers *o, uint64_t ret[static DNS_TALLY_COUNT])
{
	for (unsigned i = 0; i < DNS_TALLY_COUNT; i++) {
		ret[i] = 0;
		for (unsigned p = 0; p < o->processors; p++)
			ret[i] += __atomic_load_n(&o->tallies[p].n[i], __ATOMIC_RELAXED);
	}
}

static int areas_map(struct offers *o, const int fds[static OFFERS_FDS])
{
	int err = area_map(fds[0], DNS_SLOTS * sizeof(*o->slots), &o->areas[0]);

	if (err == 0)
		err = area_map(fds[1], sizeof(*o->head), &o->areas[1]);
	if (err < 0)
		return err;
	o->slots = o->areas[0].at;
	o->head = o->areas[1].at;
	o->processors = o->head->processors;
	if (o->processors == 0 || o->processors > PROCESSORS_MAX)
		return -EBADMSG;
	err = area_map(fds[2], o->processors * sizeof(*o->tallies), &o->areas[2]);
	o->tallies = o->areas[2].at;
	return err;
}

int offers_new(const int fds[static OFFERS_FDS], struct offers **ret)
{
	struct offers *o = calloc(1, sizeof(*o));
	struct hash_key key;

	if (!o)
		return -ENOMEM;
	int err = areas_map(o, fds);

	if (err == 0)
		err = random_seed(&key, sizeof(key));
	if (err < 0) {
		offers_free(o);
		return err;
	}
	pthread_mutex_init(&o->writing, NULL);
	offers_clear(o);
	o->head->k0 = key.k0;
	o->head->k1 = key.k1;
	sum_tallies(o, o->before);
	*ret = o;
	return 0;
}

void offers_free(struct offers *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < OFFERS_FDS; i++)
		if (o->areas[i].at)
			munmap(o->areas[i].at, o->areas[i].bytes);
	free(o);
}

void offers_clear(struct offers *o)
{
	(void)__atomic_add_fetch(&o->head->epoch, 1, __ATOMIC_SEQ_CST);
}

uint32_t offers_epoch(const struct offers *o)
{
	return __atomic_load_n(&o->head->epoch, __ATOMIC_SEQ_CST);
}

/* --- writing --- */

static uint8_t flags_of(const struct answer *a)
{
	return (uint8_t)((a->dnssec_ok ? DNS_SLOT_DO : 0) | (a->checking_disabled ? DNS_SLOT_CD : 0) |
			 (a->is_authentic ? DNS_SLOT_AD : 0) | (a->has_excluded ? DNS_SLOT_EXCLUDED : 0));
}

/* As name_fold() of the program. */
static void fold(const struct offers *o, const struct answer *a, struct folded *ret)
{
	struct hash_key key = { o->head->k0, o->head->k1 };
	struct dns_name name;

	answer_name(a, &name);
	*ret = (struct folded){ .words_len = 1 + (name.len + 7u) / 8 };
	ret->words[0] = (uint64_t)a->type << 32 | (uint64_t)a->view << 2 |
			(flags_of(a) & (DNS_SLOT_DO | DNS_SLOT_CD));
	bytes_copy(ret->words + 1, name.wire, name.len);
	ret->hash = hash_words(&key, ret->words, ret->words_len);
}

static struct dns_slot *set_of(const struct offers *o, uint64_t hash)
{
	return &o->slots[(uint32_t)hash & (DNS_SLOTS - DNS_WAYS)];
}

static bool is_sound(const struct dns_slot *s)
{
	return (__atomic_load_n(&s->sequence, __ATOMIC_ACQUIRE) & 1) == 0;
}

/* Whether the slot has this very answer already; a look that somebody writes meanwhile may say no. */
static bool is_there(const struct dns_slot *set, uint32_t epoch, const struct answer *a, uint64_t hash)
{
	for (unsigned w = 0; w < DNS_WAYS; w++)
		if (set[w].hash == hash && set[w].epoch == epoch && set[w].born == a->born &&
			is_sound(&set[w]))
			return true;
	return false;
}

static struct dns_slot *slot_for(struct offers *o, struct dns_slot *set, uint64_t hash, uint32_t now)
{
	uint32_t epoch = offers_epoch(o);

	for (unsigned w = 0; w < DNS_WAYS; w++)
		if (set[w].hash == hash)
			return &set[w];
	for (unsigned w = 0; w < DNS_WAYS; w++)
		if (set[w].epoch != epoch || now >= set[w].dies)
			return &set[w];
	return &set[o->turn++ % DNS_WAYS];
}

static void slot_fill(struct dns_slot *s, uint32_t epoch, const struct answer *a, const struct folded *f)
{
	s->epoch = epoch;
	s->hash = f->hash;
	s->born = a->born;
	s->dies = a->dies;
	s->type = a->type;
	s->view = a->view;
	s->body_len = a->body_len;
	s->name_len = a->name_len;
	s->flags = flags_of(a);
	for (unsigned i = 0; i < ARRAY_LEN(s->count); i++)
		s->count[i] = a->count[SECTION_ANSWER + i];
	s->rcode = a->rcode;
	s->ttls_len = a->ttls_len;
	s->kind = (uint8_t)a->kind;
	s->note = (uint8_t)a->note;
	s->group = (uint8_t)group_of_type(a->type);
	bytes_copy(s->ttl_at, a->ttl_at, a->ttls_len * sizeof(a->ttl_at[0]));
	bytes_copy(s->name, f->words + 1, (f->words_len - 1) * sizeof(f->words[0]));
	bytes_copy(s->body, answer_body(a), a->body_len);
}

/* The order of these stores is what the program relies on. */
static void slot_begin(struct dns_slot *s)
{
	__atomic_store_n(&s->sequence, s->sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void slot_end(struct dns_slot *s)
{
	__atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELEASE);
}

void offers_put(struct offers *o, uint32_t epoch, const struct answer *a)
{
	struct folded f;

	if (a->body_len > DNS_BODY_MAX || a->ttls_len > DNS_TTLS_MAX)
		return;
	fold(o, a, &f);
	struct dns_slot *set = set_of(o, f.hash);

	if (is_there(set, epoch, a, f.hash))
		return;
	pthread_mutex_lock(&o->writing);
	struct dns_slot *s = slot_for(o, set, f.hash, answers_now());

	slot_begin(s);
	slot_fill(s, epoch, a, &f);
	slot_end(s);
	pthread_mutex_unlock(&o->writing);
}

static bool is_under(const struct dns_slot *s, const struct dns_name *zone)
{
	struct dns_name name = { .len = s->name_len };

	if (s->name_len == 0)
		return false;
	bytes_copy(name.wire, s->name, s->name_len);
	return dns_name_is_under(&name, zone);
}

void offers_forget(struct offers *o, const struct dns_name *name)
{
	pthread_mutex_lock(&o->writing);
	for (unsigned i = 0; i < DNS_SLOTS; i++) {
		struct dns_slot *s = &o->slots[i];

		if (!is_under(s, name))
			continue;
		slot_begin(s);
		s->dies = 0;
		s->hash = 0;
		slot_end(s);
	}
	pthread_mutex_unlock(&o->writing);
}

/* --- counting --- */

void offers_count(const struct offers *o, struct dns64_counters *c)
{
	const struct {
		enum dns_tally tally;
		unsigned long *to;
	} plain[] = {
		{ DNS_TALLY_ANSWERED, &c->xdp_answered },
		{ DNS_TALLY_ANSWERED, &c->queries_udp },
		{ DNS_TALLY_ANSWERED, &c->answered },
		{ DNS_TALLY_ANSWERED, &c->cache_hits },
		{ DNS_TALLY_PASSED_OFF, &c->xdp_passed_off },
		{ DNS_TALLY_PASSED_ETHER, &c->xdp_passed_ether },
		{ DNS_TALLY_PASSED_SHAPE, &c->xdp_passed_shape },
		{ DNS_TALLY_PASSED_CLIENT, &c->xdp_passed_client },
		{ DNS_TALLY_PASSED_MISS, &c->xdp_passed_miss },
		{ DNS_TALLY_PASSED_LONG, &c->xdp_passed_long },
		{ DNS_TALLY_PASSED_ROOM, &c->xdp_passed_room },
		{ DNS_TALLY_DO, &c->queries_dnssec_ok },
		{ DNS_TALLY_CD, &c->queries_checking_disabled },
		{ DNS_TALLY_EXCLUDED, &c->excluded_aaaa },
	};
	uint64_t n[DNS_TALLY_COUNT];

	sum_tallies(o, n);
	for (unsigned i = 0; i < DNS_TALLY_COUNT; i++)
		n[i] -= o->before[i];
	for (unsigned i = 0; i < ARRAY_LEN(plain); i++)
		*plain[i].to += n[plain[i].tally];
	for (unsigned k = 0; k < SYNTH_KIND_COUNT; k++)
		if (counter_of_kind(c, k))
			*counter_of_kind(c, k) += n[DNS_TALLY_KIND + k];
	for (unsigned k = 0; k < NOTE_COUNT; k++)
		if (counter_of_note(c, k))
			*counter_of_note(c, k) += n[DNS_TALLY_NOTE + k];
	for (unsigned g = 0; g < GROUP_COUNT; g++)
		*counter_of_group(c, g) += n[DNS_TALLY_GROUP + g];
}
