/*
 * recorder.h - inside nat64/: telling what is decided, for those who follow a packet
 *
 * The pipeline says TRACE() where it decides. While nobody looks this is one branch that is never taken; so it stands
 * where there is something to tell, but not on every line. Facts that the pipeline itself does not need (what was there
 * before?) are found out here, by looking before and after.
 */
#ifndef ISTHMUS_NAT64_RECORDER_H
#define ISTHMUS_NAT64_RECORDER_H

#include "nat64/pipeline.h"
#include "nat64/siit.h"
#include "nat64/trace.h"

/* Who a packet is between, as far as that is known. */
struct party {
	bool has_client, has_address, has_remote, has_ports, has_proto;
	enum proto proto;
	uint8_t number; /* of PROTO_OTHER, which has no ports */
	struct addr6 client;
	struct addr4 address, remote;
	uint16_t client_port, port, remote_port; /* each valid if its address is, and has_ports */
};

/* Why the pipeline sends something. */
enum sending { SENDING_PACKET, SENDING_ERROR, SENDING_HOSTS_OWN };

/* The packet at hand, if it is followed; one for each translator. */
struct recorder {
	struct nat64 *n;
	const struct nat64_out *out; /* where packets go really */
	struct nat64_out tee;	     /* and by way of the recorder */
	nsec now;
	unsigned candidates;	    /* traces, by bit: those that the packet may match */
	unsigned matched;	    /* those that it does */
	bool is_bound;		    /* a binding is known; what was guessed at the beginning does not count */
	struct party first, second; /* the second has something in it if the packet may turn around */
	struct pkt came;	    /* views and offload state; its memory is not to be looked at */
	bool has_view, lacks_checksum, has_sent;
	enum sending sending;
	unsigned len;
	struct step steps[TRACE_PACKET_STEPS_MAX];
};

/** recorder_add() - one more step of the packet at hand */
COLD void recorder_add(struct recorder *r, const struct step *s);

/* TRACE() - tell a step, if this packet is followed: TRACE(n, STEP_SPLIT, .n = bytes) */
#define TRACE(nat64, step_id, ...)                                                                           \
	do {                                                                                                 \
		if (UNLIKELY((nat64)->tracing))                                                              \
			recorder_add(                                                                        \
				(nat64)->tracing, &(struct step){ .id = (uint8_t)(step_id), __VA_ARGS__ });  \
	} while (0)

/** recorder_take() - nat64_take() for a translator that has traces */
COLD enum verdict recorder_take(
	struct nat64 *n, struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out);

/**
 * recorder_begin() - begin to follow a packet, if anybody wants it; then it is to be sent to n->recorder->tee
 *
 * Return: whether it is followed; recorder_end() ends it.
 */
COLD bool recorder_begin(
	struct nat64 *n, const struct pkt *p, enum drop_reason parsed, nsec now, const struct nat64_out *out);
COLD void recorder_end(struct nat64 *n, enum verdict verdict);

/** recorder_take64(), recorder_take46() - state_take64() and state_take46(), with what they found and made */
COLD enum drop_reason recorder_take64(
	struct recorder *r, const struct flow64 *f, const struct view *v, struct mapping *ret);
COLD enum drop_reason recorder_take46(
	struct recorder *r, const struct flow46 *f, const struct view *v, struct mapping *ret);

/** recorder_admitted64() - what was looked at before a packet was admitted, or refused for @reason */
COLD void recorder_admitted64(
	struct recorder *r, const struct view *v, const struct flow64 *f, enum drop_reason reason);

/** recorder_session() - the session that the packet inside an ICMP error belongs to */
COLD void recorder_session(struct recorder *r, const struct mapping *m);

/* The two ends of a packet that is translated without state, each in both families. */
struct ends {
	struct addr6 host6, peer6; /* the host is the IPv6 host seen from IPv4, the peer the other */
	struct addr4 host4, peer4;
	enum siit_rule host_rule, peer_rule;
};

/** recorder_stateless() - how the addresses of a packet are translated */
COLD void recorder_stateless(struct recorder *r, const struct pkt *p, const struct ends *e);

/** recorder_sending() - what is sent from here on */
static inline void recorder_sending(struct nat64 *n, enum sending what)
{
	if (UNLIKELY(n->tracing))
		n->tracing->sending = what;
}

/* --- trace.c: the traces themselves --- */

/** trace_may_match() - whether nothing that is known of the packet speaks against it */
bool trace_may_match(const struct trace *t, const struct party *p);

/** trace_matches() - whether everything that the trace asks for is known of the packet, and right */
bool trace_matches(const struct trace *t, const struct party *p);

/** trace_matches_addresses() - the same, but for ports and protocol, which may be unknown */
bool trace_matches_addresses(const struct trace *t, const struct party *p);

/** trace_put() - keep the steps of a packet; counts it as lost if there is no room for all of them */
void trace_put(struct trace *t, nsec at, const struct step *steps, unsigned len);

#endif
