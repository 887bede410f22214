/* svcb.c - where SVCB and HTTPS records lead; see svcb.h */
#include "dns64/svcb.h"

bool svcb_is_type(uint16_t type)
{
	return type == TYPE_SVCB || type == TYPE_HTTPS;
}

struct target {
	uint16_t priority;
	struct dns_name name;
};

/* RFC 9460 s2.2: SvcPriority, then TargetName, uncompressed: no pointer can lead to a place before the name's start, 0. */
static bool read_target(const struct dns_msg *m, const struct dns_rr *rr, struct target *ret)
{
	const uint8_t *data = dns_rr_rdata(m, rr);
	struct dns_name name;
	size_t at = 0;

	if (rr->rdata_len < 3 || !dns_name_read(data + 2, rr->rdata_len - 2u, &at, &name))
		return false;
	ret->priority = be16_at(data);
	ret->name = name;
	if (name.len > 1)
		return true;
	dns_rr_owner(m, rr, &ret->name);
	return ret->priority != 0; /* s2.5.1: in AliasMode there is no such service */
}

/* Puts a target in its place; the last one of a full list goes. */
static unsigned insert(struct target *list, unsigned len, const struct target *t)
{
	for (unsigned i = 0; i < len; i++)
		if (dns_name_equal(&list[i].name, &t->name))
			return len;
	unsigned at = len;

	while (at > 0 && t->priority < list[at - 1].priority)
		at--;
	if (at == SVCB_TARGETS_MAX)
		return len;
	if (len == SVCB_TARGETS_MAX)
		len--;
	for (unsigned i = len; i > at; i--)
		list[i] = list[i - 1];
	list[at] = *t;
	return len + 1;
}

unsigned svcb_targets(const struct dns_msg *m, struct dns_name ret[static SVCB_TARGETS_MAX])
{
	struct dns_walk w = dns_walk_section(m, SECTION_ANSWER);
	struct target list[SVCB_TARGETS_MAX], t;
	struct dns_rr rr;
	unsigned len = 0;

	while (dns_walk_next(&w, &rr))
		if (rr.type == m->question.type && svcb_is_type(rr.type) && read_target(m, &rr, &t))
			len = insert(list, len, &t);
	for (unsigned i = 0; i < len; i++)
		ret[i] = list[i].name;
	return len;
}
