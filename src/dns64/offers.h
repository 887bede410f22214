/*
 * offers.h - answers offered to the program that gives them where queries come in (bpf/dns.bpf.c)
 *
 * The table lies in memory that the supervisor made and that the kernel's program reads. The resolver needs no right to
 * write it but the mapping.
 */
#ifndef ISTHMUS_DNS64_OFFERS_H
#define ISTHMUS_DNS64_OFFERS_H

#include "dns64/answers.h"
#include "dns64/resolver.h"

#define OFFERS_FDS 3 /* slots, head, tallies; in this order */

struct offers; /* opaque; may be shared by threads */

/**
 * offers_new() - take over the table, and empty it
 * @fds:	of dataplane/fastdns.h; borrowed
 *
 * Return: 0; -errno.
 * Context: start-up; nobody else may write the table any more.
 */
MUST_CHECK int offers_new(const int fds[static OFFERS_FDS], struct offers **ret);
void offers_free(struct offers *o);

/** offers_clear() - no answer counts any more; what is put with an older epoch never will */
void offers_clear(struct offers *o);

/** offers_epoch() - what offers_put() is to be given for answers of the configuration that is in force now */
uint32_t offers_epoch(const struct offers *o);

/**
 * offers_put() - offer an answer, unless it is there already
 * @epoch:	of the configuration that made it
 *
 * What is longer, or has more records, than a slot takes is not offered.
 *
 * Cost: a hash and a look at DNS_WAYS slots; if it is new, a lock and a copy.
 */
void offers_put(struct offers *o, uint32_t epoch, const struct answer *a);

/** offers_forget() - drop what is offered for @name and all names below it */
void offers_forget(struct offers *o, const struct dns_name *name);

/** offers_count() - add what the program did since offers_new() to counters */
void offers_count(const struct offers *o, struct dns64_counters *c);

#endif
