/*
 * synth.h - what a client is answered: synthesis as a pure function of what is known (RFC 6147 s5)
 *
 * synth_plan() says what to ask for a query; synth_judge() decides, from what came back, what the answer is;
 * synth_write() writes it. All three are decided after the cache: the cache holds what the world said, and
 * the policy of the client who asks is applied to it for every answer. No system call, clock, log or
 * allocation.
 */
#ifndef ISTHMUS_DNS64_SYNTH_H
#define ISTHMUS_DNS64_SYNTH_H

#include "dns64/config.h"
#include "dns64/wire.h"

/* A query, as far as it matters here. */
struct synth_query {
	struct dns_question question; /* class IN */
	bool dnssec_ok;		      /* DO (RFC 3225) */
	bool checking_disabled;	      /* CD (RFC 4035 s3.2.2) */
};

/* What validation said of a result (RFC 4035 s4.3). */
enum trust { TRUST_INSECURE, TRUST_BOGUS, TRUST_SECURE };

/* Where a result is from; for an operator, it decides nothing. */
enum lookup_way { WAY_LIBUNBOUND, WAY_DIRECT, WAY_KEPT };

/* The result of one question put to the world. */
struct lookup {
	bool is_done;
	bool has_msg;	    /* false: timeout or failure; msg means nothing */
	uint8_t rcode;	    /* of msg; of the failure otherwise, never NOERROR */
	enum trust trust;   /* TRUST_INSECURE if validation is off */
	enum lookup_way way;
	struct dns_msg msg; /* checked */
};

enum plan_kind {
	PLAN_ASK,    /* ask the question as it is, pass the answer on */
	PLAN_AAAA,   /* ask AAAA, and A for the same name if it is needed */
	PLAN_LEND,   /* ask A, and AAAA for the same name if there is none (DNS46) */
	PLAN_NATIVE, /* ask AAAA only: the name is exempt from synthesis */
	PLAN_PTR,    /* ask for the name in in-addr.arpa instead */
	PLAN_LOCAL,  /* nothing to ask */
};

/* Answers made up here, without asking anybody. */
enum local_answer {
	LOCAL_NODATA,
	LOCAL_NXDOMAIN,
	LOCAL_A,
	LOCAL_AAAA,
	LOCAL_PTR,
	LOCAL_LITERAL_A,
	LOCAL_LITERAL_AAAA
};

struct synth_plan {
	enum plan_kind kind;
	struct dns_question first; /* all but PLAN_LOCAL */
	bool ignores_aaaa;	   /* PLAN_AAAA: every AAAA record counts as absent */
	enum local_answer local;   /* PLAN_LOCAL */
	struct dns_name zone;	   /* PLAN_LOCAL, PLAN_PTR: whose SOA record goes with a "no" */
	struct addr4 literal;	   /* LOCAL_LITERAL_A, LOCAL_LITERAL_AAAA */
};

/**
 * synth_plan() - what to ask
 *
 * Spec: RFC 6147 s5.1, s5.3.1, s5.5; RFC 8880 s7.1, s7.2.1
 */
void synth_plan(const struct dns64_policy *p, const struct synth_query *q, struct synth_plan *ret);

enum synth_kind {
	SYNTH_NEED_SECOND, /* undecided until the second lookup is done too */
	SYNTH_NATIVE,	   /* data as the world has it */
	SYNTH_SYNTHESIZED, /* AAAA records made from A records */
	SYNTH_NODATA,	   /* the name exists, without such data */
	SYNTH_NXDOMAIN,	   /* there is no such name */
	SYNTH_FAILED,	   /* SERVFAIL: nobody could be asked, or the upstream failed */
	SYNTH_BOGUS,	   /* SERVFAIL: validation failed */
	SYNTH_UNPROVEN, /* SERVFAIL: a signed name whose lack of AAAA could not be proven (RFC 6147 s5.5) */
	SYNTH_OTHER,	/* another response code of the world, passed on */
	SYNTH_PTR,	/* a CNAME into in-addr.arpa and what is there */
	SYNTH_LOCAL,	/* made here: ipv4only.arpa, the reverse zone of a prefix */
	SYNTH_LENT,	/* A records of addresses that are lent to the name's IPv6 addresses (DNS46) */
	SYNTH_UNLENT,	/* SERVFAIL: the same, but no address is free; made of SYNTH_LENT by who lends */
	SYNTH_KIND_COUNT
};

/* Why AAAA data was not synthesized, although it might have been. */
enum synth_note {
	NOTE_NONE,
	NOTE_CHECKING_DISABLED, /* DO and CD set (RFC 6147 s5.5 item 3) */
	NOTE_NO_A,		/* neither AAAA nor A */
	NOTE_A_EXCLUDED,	/* every A record is in exclude-a */
	NOTE_A_NOT_GLOBAL,	/* private IPv4 under the well-known prefix (RFC 6052 s3.1) */
	NOTE_EXEMPT,		/* no AAAA, and the name is exempt from synthesis */
	NOTE_NO_TARGET,		/* DNS46: neither A nor an AAAA that an address may be lent to */
	NOTE_COUNT
};

enum synth_body {
	BODY_NONE,  /* header and question */
	BODY_COPY,  /* `from`, less what the client must not get */
	BODY_AAAA,  /* `from`, its A records turned into AAAA */
	BODY_LENT,  /* `from`, its AAAA records turned into A */
	BODY_PTR,   /* a CNAME, then the end of `from` */
	BODY_NO,    /* an SOA record of plan->zone */
	BODY_LOCAL, /* plan->local */
};

#define SYNTH_TARGETS_MAX 4 /* addresses of one name that are lent one */
#define SYNTH_LENT_TTL_MAX                                                                                   \
	UINT32_C(60) /* seconds; how fast a name may lead elsewhere, and the pool be used again */

/* An IPv6 host that is to be lent an address, and the address. */
struct synth_loan {
	struct addr6 target;
	struct addr4 address; /* if is_lent */
	bool is_lent;	      /* not by synth_judge() */
};

struct synth_verdict {
	enum synth_kind kind;
	enum synth_note note;
	enum synth_body body;
	uint8_t rcode;
	bool is_authentic;	   /* AD */
	bool is_authoritative;	   /* AA */
	bool drops_excluded;	   /* AAAA records that count as absent are left out */
	bool has_excluded;	   /* there were some */
	const struct lookup *from; /* BODY_COPY, BODY_AAAA, BODY_LENT, BODY_PTR */
	uint32_t ttl_max;	   /* BODY_AAAA, BODY_LENT: seconds */
	struct synth_loan loans[SYNTH_TARGETS_MAX]; /* SYNTH_LENT */
	unsigned loans_len;
};

/* The answer to another question, whose answer section goes into the additional section. */
struct synth_extra {
	const struct synth_input *in;
	const struct synth_verdict *verdict; /* SYNTH_NATIVE or SYNTH_SYNTHESIZED */
};

/* Everything that is known about a query; borrowed. */
struct synth_input {
	const struct dns64_policy *policy;
	const struct synth_query *query;
	const struct synth_plan *plan;
	const struct lookup *first;
	const struct lookup
		*second; /* the A lookup of PLAN_AAAA, the AAAA lookup of PLAN_LEND; may be not done */
	const struct synth_extra *extra; /* @extra_len of them, for SYNTH_NATIVE */
	unsigned extra_len;
};

/**
 * synth_judge() - decide what the answer is
 *
 * Only for PLAN_AAAA and PLAN_LEND is the second lookup looked at; the kind is SYNTH_NEED_SECOND if it is needed and not
 * done.
 *
 * Spec: RFC 6147 s5.1 to s5.5
 */
void synth_judge(const struct synth_input *in, struct synth_verdict *ret);

/**
 * synth_write() - write the three sections after the question
 * @d:		after dns_wr_question(); d->w.full if the answer or authority section did not fit
 *
 * Records of the additional section that do not fit are left out without a sign (RFC 2181 s9).
 */
void synth_write(const struct synth_input *in, const struct synth_verdict *v, struct dns_wr *d);

#endif
