/*
 * wire.h - DNS messages: checked reading, bounded writing (RFC 1035 s4, RFC 6891)
 *
 * dns_msg_parse() walks a whole message once and accepts it only if every name, every length and every count
 * is right. Everything else here takes a checked message and cannot fail. What libunbound hands us takes the
 * same way as what strangers send.
 */
#ifndef ISTHMUS_DNS64_WIRE_H
#define ISTHMUS_DNS64_WIRE_H

#include "dns64/name.h"

#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_PLAIN_MAX 512 /* RFC 1035 s4.2.1, bytes, without EDNS */
#define DNS_OPT_LEN 11	      /* RFC 6891 s6.1.2: an OPT record without options */

/* Header flags, as one 16-bit word (RFC 1035 s4.1.1, RFC 4035 s3.1.6, s3.2.2). */
#define DNS_QR 0x8000
#define DNS_OPCODE 0x7800
#define DNS_AA 0x0400
#define DNS_TC 0x0200
#define DNS_RD 0x0100
#define DNS_RA 0x0080
#define DNS_AD 0x0020
#define DNS_CD 0x0010
#define DNS_RCODE 0x000f

#define DNS_OPT_DO 0x8000 /* RFC 6891 s6.1.3: DNSSEC OK, in the flags of OPT */

#define OPTION_COOKIE 10    /* RFC 7873 s4 */
#define OPTION_KEEPALIVE 11 /* RFC 7828 s3.1 */
#define OPTION_PADDING 12   /* RFC 7830 s3 */
#define OPTION_EDE 15	    /* RFC 8914 s2 */
#define OPTION_HEAD 4	    /* RFC 6891 s6.1.2: code and length, bytes */

enum dns_rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_BADVERS = 16,   /* RFC 6891 s9; needs the extended bits in OPT */
	RCODE_BADCOOKIE = 23, /* RFC 7873 s8, the same */
};

enum dns_type {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_DNAME = 39,
	TYPE_OPT = 41,
	TYPE_DS = 43,
	TYPE_RRSIG = 46,
	TYPE_NSEC = 47,
	TYPE_NSEC3 = 50,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
	TYPE_META_FIRST = 128, /* RFC 6895 s3.1: 128 to 255 are questions and meta types, not data */
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_ANY = 255,
};

enum dns_class { CLASS_IN = 1 };

enum dns_section { SECTION_QUESTION, SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTION_COUNT };

struct dns_question {
	struct dns_name name;
	uint16_t type;
	uint16_t class;
};

/* A message that dns_msg_parse() accepted; the bytes are borrowed and must outlive it. */
struct dns_msg {
	const uint8_t *bytes;
	size_t len;
	uint16_t id;
	uint16_t flags;
	uint16_t count[SECTION_COUNT]; /* records; count[SECTION_QUESTION] is 1 */
	size_t start[SECTION_COUNT];   /* offset of the first record of each section */
	struct dns_question question;
};

/* One record of a checked message; offsets are into its bytes. */
struct dns_rr {
	size_t owner_at;
	size_t rdata_at;
	uint16_t rdata_len;
	uint16_t type;
	uint16_t class; /* for OPT: the sender's UDP payload size */
	uint32_t ttl; /* seconds; values with the top bit set read as 0 (RFC 2181 s8); for OPT: as on the wire
		       */
};

/**
 * dns_msg_parse() - check a message with exactly one question
 * @bytes:	the message, borrowed
 * @ret:	untouched on failure
 *
 * The name of the question stands in full: a pointer would have no name before it to lead to. So what repeats the question is never longer than what asked.
 *
 * Return: false if it is cut, has bytes after its last record, or any name, length or count in it is wrong.
 */
MUST_CHECK bool dns_msg_parse(const uint8_t *bytes, size_t len, struct dns_msg *ret);

/* Walks the records of one section. */
struct dns_walk {
	const struct dns_msg *msg;
	size_t at;
	unsigned left;
};

struct dns_walk dns_walk_section(const struct dns_msg *m, enum dns_section s);
bool dns_walk_next(struct dns_walk *w, struct dns_rr *ret); /* false past the last; *ret untouched */

static inline const uint8_t *dns_rr_rdata(const struct dns_msg *m, const struct dns_rr *rr)
{
	return m->bytes + rr->rdata_at;
}

void dns_rr_owner(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *ret);
bool dns_rr_is_owned_by(const struct dns_msg *m, const struct dns_rr *rr, const struct dns_name *n);

/** dns_rr_target() - the name in the data of a CNAME, PTR, NS or DNAME record */
void dns_rr_target(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *ret);

/** dns_rr_negative_ttl() - of an SOA record, how long its "no" may be kept: min(TTL, MINIMUM) (RFC 2308 s5)
 */
uint32_t dns_rr_negative_ttl(const struct dns_msg *m, const struct dns_rr *rr);

/** dns_msg_chain_end() - follow the CNAMEs of the answer section from the question's name; loops end after 32
 * steps */
void dns_msg_chain_end(const struct dns_msg *m, struct dns_name *ret);

/* --- writing --- */

#define DNS_COMPRESS_MAX 48 /* names remembered as targets for compression pointers */

/* A message being written; w.full says that it did not fit. */
struct dns_wr {
	struct wr w;
	uint16_t count[SECTION_COUNT];
	uint16_t targets[DNS_COMPRESS_MAX]; /* offsets of labels that a pointer may lead to */
	unsigned targets_len;
};

/** dns_wr_begin() - start a message in @room bytes at @buf; leaves space for the header */
void dns_wr_begin(struct dns_wr *d, void *buf, size_t room);

void dns_wr_question(struct dns_wr *d, const struct dns_question *q);

/** dns_wr_copy() - a record of a checked message, its names compressed anew, its TTL as given */
void dns_wr_copy(
	struct dns_wr *d, enum dns_section s, const struct dns_msg *m, const struct dns_rr *rr, uint32_t ttl);

/** dns_wr_data() - a record of class IN whose data holds no names */
void dns_wr_data(struct dns_wr *d, enum dns_section s, const struct dns_name *owner, uint16_t type,
	uint32_t ttl, struct rd data);

/** dns_wr_target() - a record of class IN whose data is one name: CNAME or PTR */
void dns_wr_target(struct dns_wr *d, enum dns_section s, const struct dns_name *owner, uint16_t type,
	uint32_t ttl, const struct dns_name *target);

/** dns_wr_soa() - an SOA record for a zone that exists only here; @ttl is its MINIMUM too */
void dns_wr_soa(struct dns_wr *d, enum dns_section s, const struct dns_name *zone, uint32_t ttl);

/* What the OPT record of a reply says (RFC 6891 s6.1.2). */
struct dns_opt {
	uint16_t udp_size; /* bytes that the server takes over UDP */
	uint16_t rcode;	   /* the whole, extended code; its upper eight bits go into OPT */
	bool dnssec_ok;	   /* copied from the query (RFC 3225 s3) */
	int ede;	   /* INFO-CODE of an extended error (RFC 8914), or -1 */
	const uint8_t *cookie; /* cookie_len bytes */
	uint16_t cookie_len;   /* 0: none */
	uint16_t keepalive;    /* RFC 7828: the idle time, in 100 ms; 0: not said */
	bool is_padded;	       /* RFC 7830: with `padding` bytes of zero */
	uint16_t padding;
};

/** dns_opt_len() - bytes that the record will take */
size_t dns_opt_len(const struct dns_opt *o);
void dns_wr_opt(struct dns_wr *d, const struct dns_opt *o);

/** dns_wr_end() - fill in the header; returns the length of the message. d->w.full must be false */
size_t dns_wr_end(struct dns_wr *d, uint16_t id, uint16_t flags);

#endif
