/* certificates.h - for how long the resolver's certificates are good: said in the log before it is too late, and in status */
#ifndef ISTHMUS_CMD_CERTIFICATES_H
#define ISTHMUS_CMD_CERTIFICATES_H

#include "cmd/dns_secure.h"
#include "loop/loop.h"

#include <jansson.h>
#include <time.h>

#define CERTIFICATE_WARN_DAYS 14

struct dns_certificates; /* opaque */

MUST_CHECK int dns_certificates_new(struct loop *l, struct dns_certificates **ret); /* 0 or -ENOMEM */
void dns_certificates_free(struct dns_certificates *k);				    /* NULL is fine */

/**
 * dns_certificates_set() - a certificate is in force from now on
 * @part:	index into dns_secure_parts
 * @expires:	of tls_context_expires()
 *
 * The log has a warning if it is good for less than CERTIFICATE_WARN_DAYS, now and every day from now on.
 */
void dns_certificates_set(struct dns_certificates *k, unsigned part, int64_t expires);

/** dns_certificates_rows() - for `status`: of each part that is on, where it listens and for how long its certificate is good */
json_t *dns_certificates_rows(const struct dns_certificates *k, const struct dns64_config *c);

/** certificate_days() - whole days that are left; negative once it is over */
static inline int64_t certificate_days(int64_t expires, int64_t now)
{
	int64_t left = expires - now;

	return left >= 0 ? left / 86400 : -((-left + 86399) / 86400);
}

#endif
