/*
 * direct.c - questions to plain upstreams, without libunbound
 *
 * Purpose. libunbound makes a socket for each question, which is twenty of the twenty-three system calls of an answer that
 * is not cached (docs/performance.md). What a forwarder asks is simple, so it is asked here: one datagram to one upstream,
 * one try. Whatever goes another way than that (no answer in DIRECT_PATIENCE, TC, an error, a chain that does not end) is
 * left to libunbound, which knows failover, TCP, EDNS fallback; no such logic is written twice.
 *
 *	aside.c			which names are libunbound's		pure
 *	messages.c		what is known already
 *	direct_open.c		the question, open
 *	direct_server.c		which upstream				pure
 *	direct_servers.c	and what the log says of it
 *	direct_socket.c		from which port
 *	scrub.c			what of the reply counts		pure
 *
 * What libunbound says to a question that was left to it is kept here, too: direct_learn().
 *
 * Forged answers (RFC 5452). An answer counts only with the address and port of the server and the port of ours (the sockets
 * are connected), an identifier of 16 bits, and the question. Identifier and port come from the kernel's generator. The
 * ports are DIRECT_PORT_MIN and up, less those reserved: 15.75 bits, against about 15.8 of libunbound, which leaves out
 * ports with names. A blind guess is as hopeless as with a port for each question: 1 in 2^31.7.
 *
 * What differs is that a port lives longer. Who finds it out (by ICMP rate limits, say) has DIRECT_LINE_TIME or
 * DIRECT_LINE_QUESTIONS, whatever is shorter, and must hit one of the few ports that the question may be at. The answer to
 * that is DIRECT_UNWANTED_MAX: after so many messages at a socket that fit no question it is given up, at once and with its
 * questions, so a port that is known is good for 8 guesses of 65536. libunbound counts as many as 10 million. Whoever sends
 * such messages can thereby have libunbound ask, and so make answers slow, not wrong.
 *
 * Limits: those of direct_open.c, and a share of dns64.cache-size.
 *
 * Deliberately not done: validation, servers over TLS, domains of dns64.forward, random case, answers beyond their time: with any of
 * them configured, or for those names, libunbound is asked. Retries, TCP: the same.
 *
 * Standards: RFC 1035 s4.1 and s7.3, RFC 5452, RFC 6891 s6.2.3, RFC 2308, RFC 9520 (what failed is not asked again at once).
 */
#include "dns64/direct.h"

#include "base/log.h"
#include "base/random.h"
#include "dns64/aside.h"
#include "dns64/direct_open.h"
#include "dns64/messages.h"

#include <errno.h>
#include <stdlib.h>

struct direct {
	struct dns64_counters *counters;
	struct aside *aside; /* NULL: nothing is asked directly */
	uint64_t aside_secret;
	struct messages *messages;
	struct direct_open *open;
	uint8_t out[SCRUBBED_MAX];
};

/* --- which questions --- */

/* Types of data for which a forwarder has nothing to do but to ask. */
static bool is_ordinary(uint16_t type)
{
	static const uint16_t types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_PTR, TYPE_SVCB, 15 /* MX */,
		TYPE_TXT, 33 /* SRV */, TYPE_CNAME, TYPE_NS, TYPE_SOA, 35 /* NAPTR */, 44 /* SSHFP */,
		52 /* TLSA */, 256 /* URI */, 257 /* CAA */ };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

bool direct_is_possible(const struct dns64_config *c)
{
	if (c->upstream_mode != UPSTREAM_FORWARD || c->upstream_len == 0 || c->dnssec_validate ||
		c->random_case || c->stale.keep > 0)
		return false;
	for (unsigned i = 0; i < c->upstream_len; i++)
		if (c->upstream[i].tls)
			return false;
	return true;
}

/* --- asking --- */

enum direct_way direct_ask(struct direct *d, const struct dns_question *q, struct direct_wait *w,
	const uint8_t **ret_msg, size_t *ret_len)
{
	if (q->class != CLASS_IN || !is_ordinary(q->type) || !d->aside || aside_holds(d->aside, &q->name))
		return DIRECT_NOT;
	uint64_t hash = messages_hash(d->messages, q);
	uint32_t now = messages_now();
	const struct message *m = messages_find(d->messages, q, hash, now);

	if (m && message_is_mark(m)) {
		d->counters->upstream_direct_marked++;
		return DIRECT_HANDED;
	}
	if (m) {
		d->counters->upstream_direct_kept++;
		*ret_len = message_write(m, now, d->out);
		*ret_msg = d->out;
		return DIRECT_KEPT;
	}
	return direct_open_ask(d->open, q, hash, w);
}

/* --- what is kept --- */

unsigned direct_generation(const struct direct *d)
{
	return direct_open_generation(d->open);
}

void direct_learn(struct direct *d, unsigned generation, const uint8_t *msg, size_t len)
{
	struct dns_msg m, said;

	if (generation != direct_generation(d) || !dns_msg_parse(msg, len, &m) ||
		scrub_reply(&m, d->out, &len) != SCRUB_TAKEN || !dns_msg_parse(d->out, len, &said))
		return;
	d->counters->upstream_direct_lost +=
		messages_keep(d->messages, &said, messages_hash(d->messages, &said.question), messages_now());
}

void direct_forget(struct direct *d, const struct dns_name *name, enum name_scope scope)
{
	messages_forget(d->messages, name, scope);
	direct_open_outdate(d->open);
}

unsigned direct_kept(const struct direct *d)
{
	return messages_len(d->messages);
}

size_t direct_kept_bytes(const struct direct *d)
{
	return messages_bytes(d->messages);
}

bool direct_upstream_at(const struct direct *d, unsigned i, struct direct_upstream *ret)
{
	return direct_open_upstream_at(d->open, i, ret);
}

void direct_update_local(struct direct *d, const struct dns64_config *c)
{
	aside_free(d->aside);
	d->aside = NULL;
	if (aside_new(c, d->aside_secret, &d->aside) < 0)
		log_error("dns64: out of memory for local names: every upstream is asked by way of "
			  "libunbound, until a reload");
}

/* --- start --- */

static int make_parts(struct direct *d, size_t bytes, struct direct_open_plan *p)
{
	int err = random_seed(&d->aside_secret, sizeof(d->aside_secret));

	if (err == 0)
		err = aside_new(p->config, d->aside_secret, &d->aside);
	if (err == 0)
		err = messages_new(bytes, &d->messages);
	p->messages = d->messages;
	return err < 0 ? err : direct_open_new(p, &d->open);
}

int direct_new(const struct dns64_config *c, size_t bytes, const char *reserved, struct loop *l,
	struct dns64_counters *counters, struct direct_owner owner, struct direct **ret)
{
	struct direct_open_plan p = {
		.config = c, .reserved = reserved, .loop = l, .counters = counters, .owner = owner
	};
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->counters = counters;
	int err = make_parts(d, bytes, &p);

	if (err < 0) {
		direct_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void direct_free(struct direct *d)
{
	if (!d)
		return;
	direct_open_free(d->open);
	aside_free(d->aside);
	messages_free(d->messages);
	free(d);
}
