/* pipeline.h - inside nat64/: the worker's own structure and the steps that its files share */
#ifndef ISTHMUS_NAT64_PIPELINE_H
#define ISTHMUS_NAT64_PIPELINE_H

#include "nat64/trace.h"
#include "xlat/icmp.h"
#include "xlat/xlat.h"

/* ICMP errors that one worker may originate: a bucket of tokens (RFC 4443 s2.4(f), RFC 1812 s4.3.2.8). */
#define ICMP_BURST 200	     /* tokens */
#define ICMP_PER_SECOND 1000 /* tokens */

struct fragments;
struct held_syns;
struct ftp;
struct recorder;
struct flowcache;
struct trace;
struct datagram;

struct nat64 {
	struct nat64_config cfg;
	struct state *state;
	struct fragments *fragments;
	struct held_syns *held_syns;
	struct ftp *ftp;
	struct nat64_counters count;
	struct recorder *tracing;  /* NULL but while a packet is followed (recorder.h) */
	struct recorder *recorder; /* owned */
	unsigned traces_len;
	struct trace *traces[TRACES_MAX];
	struct rng rng;	      /* identifications of IPv4 packets and of IPv6 fragments */
	struct addr4 own4;    /* source of ICMP errors about IPv4 packets to the pool; under a prefix also of
				 ICMPv6 */
	nsec icmp_at;	      /* when the bucket was last filled */
	uint64_t icmp_tokens; /* thousandths of a token, so that filling needs no rounding */
	struct eam_table eam; /* cfg.siit.mappings, which is NULL here */
	struct flowcache *flows; /* NULL: every packet comes to us (flowworker.h) */
};

/* One packet on its way through; lives on the stack of nat64_packet(). */
struct job {
	struct nat64 *n;
	struct pkt *p;
	nsec now;
	const struct nat64_out *out;
	bool is_hairpin; /* it was turned around already, and may not be again */

	/* It is translated by its addresses alone; its destination (of an error: its inner source) was made by a mapping, and
	 * so is none to turn around for. */
	bool is_stateless, is_by_mapping;

	bool is_settled; /* another worker found that it is ours; not to be asked again until it turns around */
	const struct datagram
		*datagram; /* of a fragment whose view has been completed from the first one; else NULL */
};

/** nat64_take_unseen() - nat64_take() without a look at who follows it */
enum verdict nat64_take_unseen(
	struct nat64 *n, struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out);

/** nat64_config_is_valid() - whether the configuration keeps its invariants */
bool nat64_config_is_valid(const struct nat64_config *c);

/** nat64_config_change() - the tables have a new configuration, and so has the pipeline */
void nat64_config_change(struct nat64 *n, const struct nat64_config *c);

/** nat64_take() - take a packet that was parsed with this result through the pipeline */
enum verdict nat64_take(
	struct nat64 *n, struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out);

/* The steps of RFC 6146 s3.4 to s3.8 for a parsed packet; each sends or drops it, and counts. */
enum verdict pipe_64(struct job *j);
enum verdict pipe_46(struct job *j);

/**
 * pipe_fragment() - find out what a fragment belongs to, and take it through pipe_64() or pipe_46() with that; or store
 * it for later
 */
enum verdict pipe_fragment(struct job *j);

/** nat64_admits() - whether this IPv6 host may send to this IPv4 address through the prefix, as the rules are now */
bool nat64_admits(const struct nat64 *n, struct addr6 src, uint8_t prefix, struct addr4 dst);

/** job_is_foreign() - whether the tables that this packet needs are another worker's (handover.c) */
bool job_is_foreign(const struct job *j);

/** job_hand_over() - give a foreign packet to its owner */
enum verdict job_hand_over(struct job *j);

/** needs_datagram() - whether pipe_fragment() must see this packet first */
static inline bool needs_datagram(const struct job *j)
{
	const struct view *v = &j->p->v;

	return v->is_fragment && !j->datagram && v->kind != L4_OTHER;
}

/** fragment_checksum_supply() - put the checksum into a first IPv4 fragment whose datagram has none and is complete */
void fragment_checksum_supply(struct job *j);

/** icmp_other_reason() - why an ICMP message of kind L4_ICMP_OTHER is not translated */
static inline enum drop_reason icmp_other_reason(const struct view *v)
{
	bool is_error = icmp_is_error(v->version, v->icmp_type);

	return v->is_fragment && is_error ? DROP_FRAGMENT_ICMP_ERROR : DROP_ICMP_TYPE;
}

/** is_shared_address() - whether this address is the host's own, and the pool has a range of its ports */
static inline bool is_shared_address(const struct nat64 *n, struct addr4 a)
{
	for (unsigned i = 0; i < n->cfg.state.pool_len; i++) {
		const struct pool_entry *e = &n->cfg.state.pool[i];

		if (e->is_shared && prefix4_contains(e->prefix, a))
			return true;
	}
	return false;
}

/**
 * job_finish64(), job_finish46() - translate the packet with these addresses and send what comes out
 *
 * The IPv6 side gets fragments where the sender allowed it and they are needed (RFC 7915 s4).
 */
enum verdict job_finish64(struct job *j, const struct xlat_to4 *to);
enum verdict job_finish46(struct job *j, const struct xlat_to6 *to);

/**
 * job_send4() - send an IPv4 packet, or turn it around if its destination is lent out by us, or has a mapping
 *
 * Spec: RFC 6146 s3.8, RFC 7757 s4.2.2
 */
enum verdict job_send4(struct job *j);

/** job_drop() - count the drop, and tell the sender by an ICMP error if the reason asks for one */
enum verdict job_drop(struct job *j, enum drop_reason reason);

/** job_tell() - send the packet's sender an ICMP error, if one may be sent and the budget has one left */
enum verdict job_tell(struct job *j, enum icmp_cause cause);

/** job_pass() - give the packet back to the host, whose address it carries */
enum verdict job_pass(struct job *j);

/**
 * names_session() - whether the packet inside an ICMP error says which session it belongs to (RFC 6146 s3.4)
 *
 * A fragment other than the first has no ports, but a protocol that is bound by address needs none.
 */
static inline bool names_session(const struct view *in)
{
	return in->kind == L4_OTHER || (in->frag_offset == 0 && (in->kind == L4_TCP || in->kind == L4_UDP ||
									in->kind == L4_ICMP_QUERY));
}

/** session_port() - what stands for a port in the tables: of a protocol without ports its number */
static inline uint16_t session_port(const struct view *v, uint16_t port)
{
	return v->kind == L4_OTHER ? v->next : port;
}

/** is_pool_tuple() - whether the pool lends what this IPv4 packet was sent to, as far as its protocol goes */
bool is_pool_tuple(const struct nat64 *n, struct addr4 dst, const struct view *v, uint16_t port);

/** train_segments() - how many packets on the wire a packet stands for: 1, or the segments of its GSO train
 */
unsigned train_segments(const struct pkt *p);

/** nat64_probe() - send the TCP segment that RFC 6146 s3.5.2.2 asks for when an established session falls
 * silent */
void nat64_probe(struct nat64 *n, const struct state_probe *probe, const struct nat64_out *out);

#endif
