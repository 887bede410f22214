/* dns_socket.c - the resolver's sockets, opened and what it serves over TLS with, while there is the right to */
#include "cmd/supervisor.h"

#include "base/log.h"
#include "cmd/listen_fault.h"
#include "ctl/channel.h"
#include "dns64/listen.h"
#include "net/listen.h"
#include "dns64/offers.h"

#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS_AUTO_MAX 8 /* each asks the world for itself, so more cost upstreams more than they bring */

static const struct listen_key key = { "dns64.listen",
	"stop it, or list other addresses under dns64.listen" };

/* As many threads as wanted, or one for each processor, as far as one message takes their sockets. */
static unsigned threads_of(const struct dns64_config *c)
{
	unsigned each = 2 * c->listen_len + dns_secure_sockets(c);
	unsigned room = (CHANNEL_FDS_MAX - 1 - DNS_SECURE_PARTS - OFFERS_FDS) /
			each; /* beside configuration and so on */
	unsigned n = c->threads;
	cpu_set_t set;

	if (n == 0) {
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
		n = n > THREADS_AUTO_MAX ? THREADS_AUTO_MAX : n;
	}
	if (n <= room)
		return n;
	log_warning("dns64: %u threads instead of %u: there are too many listen addresses for more", room, n);
	return room;
}

static int open_plain(struct supervisor *s, const struct dns64_config *c)
{
	for (unsigned i = 0; i < c->listen_len; i++) {
		int err = resolver_sockets_open(&c->listen[i], s->dns_threads, &s->sockets[s->sockets_len]);

		if (err < 0) {
			listen_fault_log(&key, &c->listen[i], err);
			return err;
		}
		s->sockets_len += s->dns_threads;
	}
	return 0;
}

static int open_secure(
	struct supervisor *s, const struct dns_secure_part *p, const struct dns64_secure *secure)
{
	char name[64];
	const struct listen_key secure_key = { name, "stop it, or list other addresses" };

	snprintf(name, sizeof(name), "%s.listen", p->key);
	for (unsigned i = 0; i < secure->listen_len; i++) {
		int err = listen_open_all(&secure->listen[i], SOCK_STREAM, s->dns_threads,
			&s->secure_sockets[s->secure_sockets_len]);

		if (err < 0) {
			listen_fault_log(&secure_key, &secure->listen[i], err);
			return err;
		}
		s->secure_sockets_len += s->dns_threads;
	}
	return 0;
}

static int open_certificates(struct supervisor *s)
{
	char fault[512];
	int len = dns_secure_open(&s->conf->dns64, s->certificates, fault, sizeof(fault));

	if (len < 0)
		log_error("%s", fault);
	else
		s->certificates_len = (unsigned)len;
	return len < 0 ? len : 0;
}

/* All that the resolver is given, in the order of ctl/channel.h. */
static void collect(struct supervisor *s)
{
	int *to = s->fds[ROLE_RESOLVER];

	for (unsigned i = 0; i < s->sockets_len; i++) {
		*to++ = s->sockets[i].udp;
		*to++ = s->sockets[i].tcp;
	}
	for (unsigned i = 0; i < s->secure_sockets_len; i++)
		*to++ = s->secure_sockets[i];
	for (unsigned i = 0; i < s->certificates_len; i++)
		*to++ = s->certificates[i];
	to += fastdns_give(s, to);
	if (s->lent_table > 0)
		*to++ = s->lent_table;
	s->fds_len[ROLE_RESOLVER] = (unsigned)(to - s->fds[ROLE_RESOLVER]);
}

int dns_sockets_open(struct supervisor *s)
{
	const struct dns64_config *c = &s->conf->dns64;

	s->dns_threads = threads_of(c);
	int err = open_plain(s, c);

	for (unsigned i = 0; err == 0 && i < DNS_SECURE_PARTS; i++)
		err = open_secure(s, &dns_secure_parts[i], dns_secure_of(c, &dns_secure_parts[i]));
	if (err == 0)
		err = open_certificates(s);
	if (err == 0)
		collect(s);
	return err;
}

static void close_certificates(struct supervisor *s)
{
	for (unsigned i = 0; i < s->certificates_len; i++)
		close(s->certificates[i]);
}

void dns_certificates_replace(struct supervisor *s, const int *fds)
{
	close_certificates(s);
	for (unsigned i = 0; i < s->certificates_len; i++)
		s->certificates[i] = fds[i];
	collect(s);
}

void dns_sockets_close(struct supervisor *s)
{
	for (unsigned i = 0; i < s->sockets_len; i++) {
		close(s->sockets[i].udp);
		close(s->sockets[i].tcp);
	}
	for (unsigned i = 0; i < s->secure_sockets_len; i++)
		close(s->secure_sockets[i]);
	close_certificates(s);
	s->sockets_len = s->secure_sockets_len = s->certificates_len = 0;
}
