/* synthrows.h - tables of what a client is answered: policy, two answers of the world, and the reply as text */
#ifndef ISTHMUS_TESTS_SYNTHROWS_H
#define ISTHMUS_TESTS_SYNTHROWS_H

#include "dnstext.h"

#include "dns64/reply.h"

#define WELL_KNOWN "64:ff9b::/96"
#define DO 1
#define CD 2

/* One lookup of a row: "timeout", or a response code and sections; NULL: nobody asked. */
struct row_lookup {
	const char *code; /* NULL: NOERROR; "timeout"; "none": not done */
	const char *answer, *authority, *additional;
	enum trust trust;
};

struct row {
	const char *what;
	const char *name, *type; /* "www.m.test" and "AAAA" if NULL */
	unsigned bits;		 /* DO, CD */
	struct row_lookup first, second;
	const char *want; /* as message_to_text(), or "need A" */
	enum synth_kind kind;
	enum synth_note note;
	/* policy; defaults: WELL_KNOWN, ::ffff:0:0/96 excluded */
	const char *prefixes, *exclude_aaaa, *exclude_a;
	bool allow_non_global;
	const char *literals;		     /* domains */
	const char *ranges, *never, *always; /* a range is "prefix4>prefix6"; lists are separated by blanks */
	bool ptr_is_direct;
	const char *
		lend; /* domains of DNS46; hosts are lent 198.18.0.1 and so on, in their order, but not the host ::dead */
};

#define SOA30 "m.test 3600 SOA 30"

static inline unsigned code_of(const char *text)
{
	static const char *const codes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED", "YXDOMAIN" };

	for (unsigned i = 0; text && i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i], text) == 0)
			return i;
	return 0;
}

static uint8_t packets[3][4096];

static inline void make_lookup(
	const struct row_lookup *l, const char *name, const char *type, uint8_t *buf, struct lookup *ret)
{
	*ret = (struct lookup){ .trust = l->trust };
	if (l->code && strcmp(l->code, "none") == 0)
		return;
	ret->is_done = true;
	if (l->code && strcmp(l->code, "timeout") == 0) {
		ret->rcode = RCODE_SERVFAIL;
		return;
	}
	struct text_message t = {
		.name = name,
		.type = type,
		.flags = (uint16_t)(0x8180 | code_of(l->code)),
		.answer = l->answer,
		.authority = l->authority,
		.additional = l->additional,
	};
	size_t len = message_from_text(buf, &t);

	REQUIRE(dns_msg_parse(buf, len, &ret->msg));
	ret->has_msg = true;
	ret->rcode = ret->msg.flags & DNS_RCODE;
}

static inline unsigned split6(const char *list, struct prefix6 *ret)
{
	char copy[512], *save = NULL;
	unsigned n = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		REQUIRE(prefix6_parse(p, &ret[n++]) == 0);
	return n;
}

static inline unsigned split_ranges(const char *list, struct dns64_range *ret)
{
	char copy[512], *save = NULL;
	unsigned n = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *to = strchr(p, '>');

		*to++ = '\0';
		REQUIRE(prefix4_parse(p, &ret[n].ipv4) == 0 && prefix6_parse(to, &ret[n].prefix) == 0);
		n++;
	}
	return n;
}

static inline unsigned split_names(const char *list, struct dns_name *ret)
{
	char copy[512], *save = NULL;
	unsigned n = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		REQUIRE(dns_name_parse(p, &ret[n++]));
	return n;
}

static inline void make_policy(const struct row *r, struct dns64_policy *c)
{
	memset(c, 0, sizeof(*c));
	c->prefixes_len = split6(r->prefixes ? r->prefixes : WELL_KNOWN, c->prefixes);
	c->exclude_aaaa_len = split6(r->exclude_aaaa ? r->exclude_aaaa : "::ffff:0:0/96", c->exclude_aaaa);
	if (r->exclude_a) {
		REQUIRE(prefix4_parse(r->exclude_a, &c->exclude_a[0]) == 0);
		c->exclude_a_len = 1;
	}
	c->allow_non_global = r->allow_non_global;
	c->ranges_len = r->ranges ? split_ranges(r->ranges, c->ranges) : 0;
	c->never_len = r->never ? split_names(r->never, c->never) : 0;
	c->literals_len = r->literals ? split_names(r->literals, c->literals) : 0;
	c->always_len = r->always ? split_names(r->always, c->always) : 0;
	c->ptr_is_direct = r->ptr_is_direct;
	c->lend_len = r->lend ? split_names(r->lend, c->lend) : 0;
}

static inline void lend_all(struct synth_verdict *v)
{
	for (unsigned i = 0; i < v->loans_len; i++) {
		v->loans[i].address = (struct addr4){ 0xc6120001 + i };
		v->loans[i].is_lent = (v->loans[i].target.lo & 0xffff) != 0xdead;
	}
}

static inline void check_row(const struct row *r)
{
	const char *name = r->name ? r->name : "www.m.test", *type = r->type ? r->type : "AAAA";
	struct query q = { .has_question = true, .flags = (uint16_t)(DNS_RD | (r->bits & CD ? DNS_CD : 0)) };
	struct dns64_policy policy;
	struct synth_plan plan;
	struct lookup first, second;
	struct synth_verdict v;
	uint8_t out[4096];
	char text[DNS_NAME_TEXT];
	bool cut;

	test_row(r->what);
	make_policy(r, &policy);
	REQUIRE(dns_name_parse(name, &q.ask.question.name));
	q.ask.question.type = type_from_text(type);
	q.ask.question.class = 1;
	q.ask.dnssec_ok = q.has_edns = r->bits & DO;
	q.ask.checking_disabled = r->bits & CD;
	synth_plan(&policy, &q.ask, &plan);
	dns_name_text(&plan.first.name, text);
	make_lookup(&r->first, text, type, packets[0], &first);
	make_lookup(&r->second, text, plan.kind == PLAN_LEND ? "AAAA" : "A", packets[1], &second);
	struct synth_input in = {
		.policy = &policy,
		.query = &q.ask,
		.plan = &plan,
		.first = &first,
		.second = &second,
	};

	synth_judge(&in, &v);
	CHECK_INT(v.kind, r->kind);
	if (v.kind == SYNTH_NEED_SECOND)
		return;
	CHECK_INT(v.note, r->note);
	lend_all(&v);
	struct reply reply = { .query = &q, .in = &in, .verdict = &v };
	size_t len = reply_build(&reply, out, sizeof(out), &cut);

	CHECK(!cut);
	CHECK_TEXT(message_to_text(out, len), r->want);
}

#define CHECK_ROWS(rows)                                                                                     \
	do {                                                                                                 \
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)                                                 \
			check_row(&rows[i]);                                                                 \
		test_row(NULL);                                                                              \
	} while (0)

#define GLOBAL_A(ttl) "www.m.test " #ttl " A 203.0.114.9"
#define GLOBAL_A_TEXT "www.m.test. 9 A 203.0.114.9"
#define EMBEDDED(ttl) "www.m.test. " #ttl " AAAA 64:ff9b::cb00:7209"
#define NODATA30                                                                                             \
	{                                                                                                    \
		.authority = SOA30                                                                           \
	}
#define EMPTY30 "NOERROR: / m.test. 3600 SOA 30"

#define REVERSE "9.0.2.7.0.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa"

#endif
