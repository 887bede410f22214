/*
 * certificates.c - see certificates.h
 *
 * A certificate that nobody renews is found out on the morning when no phone resolves any more. So the log says it two
 * weeks ahead, at the start, with each reload, and once a day.
 */
#include "cmd/certificates.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_PAUSE (24 * 3600 * NSEC)

struct dns_certificates {
	struct loop_watch *daily;
	int64_t expires[DNS_SECURE_PARTS]; /* seconds since 1970; 0: no certificate */
};

static void warn(const struct dns_certificates *k, unsigned part)
{
	const char *key = dns_secure_parts[part].key;
	long long days = certificate_days(k->expires[part], time(NULL));

	if (k->expires[part] == 0 || days >= CERTIFICATE_WARN_DAYS)
		return;
	if (days < 0)
		log_warning("%s: the certificate has expired; clients that check it stay away: renew it, and "
			    "`isthmus "
			    "reload`",
			key);
	else
		log_warning("%s: the certificate is good for %lld more day%s only: renew it, and `isthmus "
			    "reload`",
			key, days, days == 1 ? "" : "s");
}

static void on_day(void *ctx)
{
	struct dns_certificates *k = ctx;

	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++)
		warn(k, i);
	loop_timer_set(k->daily, LOOK_PAUSE);
}

int dns_certificates_new(struct loop *l, struct dns_certificates **ret)
{
	struct dns_certificates *k = calloc(1, sizeof(*k));
	int err = k ? loop_watch_timer(l, on_day, k, &k->daily) : -ENOMEM;

	if (err < 0) {
		free(k);
		return err;
	}
	loop_timer_set(k->daily, LOOK_PAUSE);
	*ret = k;
	return 0;
}

void dns_certificates_free(struct dns_certificates *k)
{
	if (!k)
		return;
	loop_unwatch(k->daily);
	free(k);
}

void dns_certificates_set(struct dns_certificates *k, unsigned part, int64_t expires)
{
	k->expires[part] = expires;
	warn(k, part);
}

static json_t *addresses(const struct dns64_secure *s)
{
	json_t *rows = json_array();
	char text[ENDPOINT6_TEXT];

	for (unsigned i = 0; i < s->listen_len; i++)
		json_array_append_new(rows, json_string(endpoint_text(&s->listen[i], text)));
	return rows;
}

json_t *dns_certificates_rows(const struct dns_certificates *k, const struct dns64_config *c)
{
	static const char *const names[] = { [OVER_TLS] = "tls", [OVER_HTTPS] = "https" };
	json_t *rows = json_array();
	int64_t now = time(NULL);

	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++) {
		const struct dns64_secure *s = dns_secure_of(c, &dns_secure_parts[i]);

		if (s->listen_len == 0 || k->expires[i] == 0)
			continue;
		json_array_append_new(rows,
			json_pack("{s:s, s:o, s:I, s:I}", "over", names[dns_secure_parts[i].transport],
				"listen", addresses(s), "certificate_expires", (json_int_t)k->expires[i],
				"certificate_days", (json_int_t)certificate_days(k->expires[i], now)));
	}
	return rows;
}
