/* show_translator.c - rows about the translator as a whole, over all workers: status and counters */
#include "cmd/show_translator.h"

#include "cmd/pool_watch.h"
#include "cmd/show_fastpath.h"
#include "cmd/translator_log.h"
#include "cmd/translator_state.h"
#include "ctl/reply.h"

#include <string.h>
#include <unistd.h>

struct sums {
	struct nat64_counters counters;
	struct state_stats stats;
	struct fastpath_sums fastpath;
};

/* Every field of both structs is a count, so sums may be taken word by word; static_assert keeps it so. */
static void add_words(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] += from[i];
}

static void add_stats(struct state_stats *to, const struct state_stats *s)
{
	for (enum proto p = 0; p < PROTO_KINDS; p++) {
		to->bindings[p] += s->bindings[p];
		to->sessions[p] += s->sessions[p];
	}
	to->subscribers += s->subscribers;
	to->blocks += s->blocks;
	to->blocks_lent += s->blocks_lent;
	to->max_sessions = s->max_sessions; /* the gateway's: what all workers together may have */
	to->bindings_made += s->bindings_made;
	to->sessions_made += s->sessions_made;
	to->bindings_expired += s->bindings_expired;
	to->sessions_expired += s->sessions_expired;
	to->bytes_of_memory += s->bytes_of_memory;
}

static void sum_worker(void *ctx, struct nat64 *n)
{
	struct sums *sums = ctx;
	struct state_stats stats;

	_Static_assert(sizeof(struct nat64_counters) % sizeof(uint64_t) == 0, "counters are 64-bit words");
	add_words((uint64_t *)&sums->counters, (const uint64_t *)nat64_counters(n),
		sizeof(struct nat64_counters) / sizeof(uint64_t));
	state_stats(nat64_state(n), &stats);
	add_stats(&sums->stats, &stats);
	fastpath_sum(&sums->fastpath, n);
}

static struct sums sum_all(struct translator *t)
{
	struct sums sums = { 0 };

	for (unsigned i = 0; i < t->workers_len; i++)
		worker_call(t->workers[i], sum_worker, &sums);
	fastpath_count(&sums.fastpath, &sums.counters);
	return sums;
}

/* Of all protocols, with and without state. */
static uint64_t sum_pkts(const struct nat64_counters *c, enum direction d)
{
	uint64_t sum = 0;

	for (enum proto p = 0; p < PROTO_KINDS; p++)
		sum += c->pkts[d][p] + c->stateless_pkts[d][p];
	return sum;
}

static uint64_t sum_bytes(const struct nat64_counters *c, enum direction d)
{
	uint64_t sum = 0;

	for (enum proto p = 0; p < PROTO_KINDS; p++)
		sum += c->bytes[d][p] + c->stateless_bytes[d][p];
	return sum;
}

static uint64_t sum_drops(const struct nat64_counters *c)
{
	uint64_t sum = 0;

	for (enum drop_reason r = DROP_NONE + 1; r < DROP_COUNT; r++) {
		/* These two count errors that were not sent; the packet itself is counted under its own
		 * reason. */
		if (r != DROP_ICMP_RATE_LIMIT && r != DROP_ICMP_NOT_ALLOWED)
			sum += nat64_drops(c, r);
	}
	return sum;
}

static json_t *by_proto(const uint32_t v[PROTO_KINDS])
{
	return json_pack("{s:I, s:I, s:I, s:I}", "tcp", (json_int_t)v[PROTO_TCP], "udp",
		(json_int_t)v[PROTO_UDP], "icmp", (json_int_t)v[PROTO_ICMP], "other",
		(json_int_t)v[PROTO_OTHER]);
}

void show_status(void *ctx, const json_t *args, int fd)
{
	struct translator *t = ctx;
	struct sums sums = sum_all(t);
	const struct nat64_counters *c = &sums.counters;
	struct reply *r;

	if (reply_start(t->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	reply_row(
		r, json_pack("{s:s, s:I, s:f, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			     "s:I, s:o, s:o, s:o, s:o}",
			   "role", "translator", "pid", (json_int_t)getpid(), "uptime_s",
			   show_seconds(clock_now() - t->since), "workers", (json_int_t)t->workers_len,
			   "sessions", by_proto(sums.stats.sessions), "bindings",
			   by_proto(sums.stats.bindings), "max_sessions", (json_int_t)sums.stats.max_sessions,
			   "subscribers", (json_int_t)sums.stats.subscribers, "blocks",
			   (json_int_t)sums.stats.blocks, "blocks_lent", (json_int_t)sums.stats.blocks_lent,
			   "pkts_64", (json_int_t)sum_pkts(c, DIR_64), "pkts_46",
			   (json_int_t)sum_pkts(c, DIR_46), "bytes_64", (json_int_t)sum_bytes(c, DIR_64),
			   "bytes_46", (json_int_t)sum_bytes(c, DIR_46), "dropped", (json_int_t)sum_drops(c),
			   "memory_bytes", (json_int_t)sums.stats.bytes_of_memory, "clat",
			   t->discovery ? discovery_row(t->discovery) : json_null(), "pools",
			   pool_watch_rows(t->pools), "restored", translator_restored_row(t), "fastpath",
			   fastpath_status(&sums.fastpath)));
	reply_end(r);
}

static void counter_row(struct reply *r, const char *group, const char *name, uint64_t value,
	const char *text, const char *spec)
{
	reply_row(r, json_pack("{s:s, s:s, s:I, s:s, s:s}", "group", group, "name", name, "value",
			     (json_int_t)value, "text", text, "spec", spec));
}

static const char *drop_proto_name(unsigned proto)
{
	return proto == PROTO_OTHER ? "other" : proto_name((enum proto)proto);
}

static void stateless_rows(struct reply *r, const struct nat64_counters *c, enum direction d)
{
	const char *direction = d == DIR_64 ? "64" : "46";
	char name[64], text[96];

	for (unsigned p = 0; p < DROP_PROTOS; p++) {
		snprintf(name, sizeof(name), "pkts_%s_%s", direction, drop_proto_name(p));
		snprintf(text, sizeof(text), "%s packets translated without state", drop_proto_name(p));
		counter_row(r, "stateless", name, c->stateless_pkts[d][p], text, "RFC 7915");
		snprintf(name, sizeof(name), "bytes_%s_%s", direction, drop_proto_name(p));
		snprintf(text, sizeof(text), "bytes of %s packets translated without state",
			drop_proto_name(p));
		counter_row(r, "stateless", name, c->stateless_bytes[d][p], text, "RFC 7915");
	}
}

static void translated_rows(struct reply *r, const struct nat64_counters *c)
{
	static const char *const direction[DIR_COUNT] = { "64", "46" };
	static const char *const towards[DIR_COUNT] = { "IPv6 to IPv4", "IPv4 to IPv6" };
	char name[64], text[96];

	for (enum direction d = 0; d < DIR_COUNT; d++) {
		for (enum proto p = 0; p < PROTO_KINDS; p++) {
			snprintf(name, sizeof(name), "pkts_%s_%s", direction[d], proto_name(p));
			snprintf(text, sizeof(text), "%s packets translated %s", proto_name(p), towards[d]);
			counter_row(r, "translated", name, c->pkts[d][p], text, "");
			snprintf(name, sizeof(name), "bytes_%s_%s", direction[d], proto_name(p));
			snprintf(text, sizeof(text), "bytes of %s packets translated %s", proto_name(p),
				towards[d]);
			counter_row(r, "translated", name, c->bytes[d][p], text, "");
		}
		stateless_rows(r, c, d);
		snprintf(name, sizeof(name), "trains_%s", direction[d]);
		snprintf(text, sizeof(text), "segment trains (TSO, USO) translated whole %s", towards[d]);
		counter_row(r, "translated", name, c->trains[d], text, "");
		snprintf(name, sizeof(name), "fragments_%s", direction[d]);
		snprintf(text, sizeof(text), "fragments translated %s; pkts counts them too", towards[d]);
		counter_row(r, "fragments", name, c->fragments[d], text, "RFC 6146 s3.4");
		snprintf(name, sizeof(name), "errors_%s", direction[d]);
		snprintf(text, sizeof(text), "ICMP errors translated %s", towards[d]);
		counter_row(r, "icmp", name, c->errors[d], text, "RFC 7915 s4.2, s5.2");
		snprintf(name, sizeof(name), "sent_%s", d == DIR_64 ? "v6" : "v4");
		snprintf(text, sizeof(text), "ICMP%s errors originated", d == DIR_64 ? "v6" : "v4");
		counter_row(r, "icmp", name, c->icmp_sent[d], text, "");
	}
	counter_row(r, "icmp", "sources_replaced", c->sources_replaced,
		"ICMP errors of routers without an address of the other family, sent from one of ours",
		"RFC 6791 s5");
	counter_row(r, "fragments", "held", c->fragments_held,
		"fragments stored until the first one of their datagram, or all, had come", "RFC 6146 s3.4");
	counter_row(r, "fragments", "datagrams", c->datagrams, "datagrams of which every fragment came", "");
	counter_row(r, "fragments", "datagrams_lost", c->datagrams_lost,
		"datagrams given up before every fragment had come", "RFC 6146 s3.4");
	counter_row(r, "other", "hairpins", c->hairpins, "packets turned around between two IPv6 hosts",
		"RFC 6146 s3.8");
	counter_row(r, "other", "split", c->split, "IPv4 packets without DF cut into IPv6 fragments",
		"RFC 7915 s4");
	counter_row(r, "other", "syns_held", c->syns_held,
		"SYNs from IPv4 without a way in, whose sender is told after some seconds", "RFC 5382 s4.3");
	counter_row(r, "other", "syns_not_held", c->syns_not_held,
		"the same, but dropped in silence: too long, or too many at a time", "RFC 5382 s4.3");
	counter_row(r, "other", "handed_over", c->handed_over,
		"packets that came to another worker than their own, and went to it through a ring", "");
	counter_row(r, "other", "passed", c->passed,
		"packets given back to the host, whose address the pool shares", "");
	counter_row(r, "other", "probes", c->probes, "probes sent to silent TCP connections",
		"RFC 6146 s3.5.2.2");
}

static void ftp_rows(struct reply *r, const struct nat64_counters *c)
{
	static const struct {
		const char *name, *text, *spec;
	} events[FTP_EVENT_COUNT] = {
		[FTP_DID_EPSV] = { "epsv", "EPSV commands that became PASV", "RFC 6384 s6" },
		[FTP_DID_EPRT] = { "eprt", "EPRT commands that became PORT, with a port opened",
			"RFC 6384 s7.2" },
		[FTP_DID_227] = { "passive", "replies to PASV that became replies to EPSV", "RFC 6384 s6" },
		[FTP_DID_ANSWER] = { "answered", "commands answered here; the server got NOOP",
			"RFC 6384 s12" },
		[FTP_DID_REFUSE_TELNET] = { "telnet_refused", "Telnet options refused", "RFC 6384 s5" },
		[FTP_DID_FAIL_227] = { "passive_unusable", "replies to PASV without a usable address",
			"RFC 6384 s6" },
		[FTP_DID_FAIL_NOOP] = { "noop_refused", "NOOPs that were not answered with 200",
			"RFC 6384 s12" },
		[FTP_DID_NO_PORT] = { "no_port", "EPRT commands refused: no port to be had",
			"RFC 6384 s7.2" },
		[FTP_DID_AUTH] = { "transparent_auth", "connections left alone from where AUTH was accepted",
			"RFC 6384 s5" },
		[FTP_DID_NOT_FTP] = { "transparent_not_ftp",
			"connections left alone: the client does not speak FTP", "" },
		[FTP_DID_OVERRUN] = { "transparent_overrun",
			"connections left alone: too many commands wait for replies", "" },
	};

	counter_row(r, "ftp", "followed", c->ftp_followed,
		"control connections followed from their beginning", "RFC 6384 s5");
	counter_row(r, "ftp", "not_followed", c->ftp_not_followed,
		"the same, but left alone: too many at a time, in all or of one subscriber", "");
	counter_row(r, "ftp", "acks", c->ftp_acks,
		"acknowledgments sent for a part of a line that is held back", "RFC 6384 s5");
	for (unsigned i = 0; i < FTP_EVENT_COUNT; i++)
		counter_row(r, "ftp", events[i].name, c->ftp[i], events[i].text, events[i].spec);
}

/* What of a drop counter came which way and was of which protocol; what has no direction has no protocol either. */
static json_t *drops_by(const struct nat64_counters *c, enum drop_reason reason)
{
	static const char *const direction[DROP_DIRS] = { "64", "46", "unknown" };
	json_t *by = json_object();

	for (unsigned dir = 0; dir < DROP_DIRS; dir++) {
		json_t *protos = json_object();

		for (unsigned p = dir == DIR_UNKNOWN ? PROTO_OTHER : 0; p < DROP_PROTOS; p++)
			json_object_set_new(protos, drop_proto_name(p),
				json_integer((json_int_t)c->drop[reason][dir][p]));
		json_object_set_new(by, direction[dir], protos);
	}
	return by;
}

static void drop_row(struct reply *r, const struct nat64_counters *c, enum drop_reason reason)
{
	reply_row(r, json_pack("{s:s, s:s, s:I, s:o, s:s, s:s}", "group", "drop", "name", drop_name(reason),
			     "value", (json_int_t)nat64_drops(c, reason), "by", drops_by(c, reason), "text",
			     drop_text(reason), "spec", drop_spec(reason)));
}

void show_counters(void *ctx, const json_t *args, int fd)
{
	struct translator *t = ctx;
	struct sums sums = sum_all(t);
	struct reply *r;

	if (reply_start(t->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	translated_rows(r, &sums.counters);
	ftp_rows(r, &sums.counters);
	fastpath_rows(&sums.fastpath, r);
	for (enum drop_reason reason = DROP_NONE + 1; reason < DROP_COUNT; reason++)
		drop_row(r, &sums.counters, reason);
	translator_log_rows(t, r);
	translator_restored_rows(t, r);
	reply_end(r);
}
