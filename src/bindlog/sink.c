/* sink.c - formatting, sending and losing; see sink.h */
#include "bindlog/sink.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OUTBOX_BYTES_PER_EVENT 16
#define OUTBOX_BYTES_LEAST (4 * DRAFT_BYTES)
#define RETRY_PAUSE NSEC
#define WANT_PAUSE_FIRST (100 * MSEC)
#define WANT_PAUSE_MAX (5 * NSEC)
#define SYSLOG_PRIORITY (3 << 3 | 6) /* daemon.info (RFC 5424 s6.2.1) */
#define SYSLOG_BYTES (RECORD_TEXT + 64)

static const char *const names[BINDLOG_SINKS] = {
	[BINDLOG_FILE] = "file", [BINDLOG_SYSLOG] = "syslog", [BINDLOG_IPFIX] = "ipfix"
};

const char *sink_name(enum bindlog_sink kind)
{
	return names[kind];
}

int sink_init(struct sink *s, enum bindlog_sink kind, const struct bindlog_config *c)
{
	size_t room = (size_t)c->buffer * OUTBOX_BYTES_PER_EVENT;

	*s = (struct sink){ .kind = kind, .config = c, .fd = -1, .want_pause = WANT_PAUSE_FIRST };
	return outbox_init(&s->box, room > OUTBOX_BYTES_LEAST ? room : OUTBOX_BYTES_LEAST);
}

void sink_fini(struct sink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	outbox_fini(&s->box);
}

bool sink_is_idle(const struct sink *s)
{
	struct parcel p;

	return s->draft_records == 0 && !outbox_first(&s->box, &p);
}

static bool is_stream(const struct sink *s)
{
	return s->kind == BINDLOG_FILE || (s->kind == BINDLOG_IPFIX && s->config->is_tcp);
}

/* --- losing --- */

static void add_to(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(
		count, atomic_load_explicit(count, memory_order_relaxed) + n, memory_order_relaxed);
}

static void lose(struct sink *s, uint64_t records, unix_ms when)
{
	add_to(&s->lost, records);
	if (s->untold == 0)
		s->untold_since = when;
	s->untold += records;
	if (!s->is_faulty)
		log_warning(
			"binding log: %s does not keep up; records are lost, and counted", names[s->kind]);
	s->is_faulty = true;
}

/* --- parcels --- */

static void close_draft(struct sink *s, unix_ms now_ms)
{
	if (s->draft_records == 0)
		return;
	size_t len = s->draft_len;

	if (s->kind == BINDLOG_IPFIX)
		len = ipfix_end(&s->message, s->config->facts.domain, now_ms);
	uint8_t *at = outbox_room(&s->box, len);

	if (at) {
		bytes_copy(at, s->draft, len);
		outbox_add(&s->box, len, s->draft_records);
	} else {
		lose(s, s->draft_records, now_ms);
	}
	s->draft_len = 0;
	s->draft_records = 0;
}

static void add_line(struct sink *s, const struct record *r)
{
	char line[RECORD_TEXT];
	size_t len = record_write(r, line);

	if (len > sizeof(s->draft) - s->draft_len)
		close_draft(s, r->when);
	bytes_copy(s->draft + s->draft_len, line, len);
	s->draft_len += len;
	s->draft_records++;
}

/* As syslog(3) has it; a daemon that keeps the time of arrival instead loses nothing, the line has its own. */
static void add_syslog(struct sink *s, const struct record *r)
{
	char line[RECORD_TEXT], stamp[32];
	time_t now = (time_t)(r->when / 1000);
	struct tm tm;
	size_t len = record_write(r, line);

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	line[len - 1] = '\0';
	s->draft_len = (size_t)snprintf(
		(char *)s->draft, SYSLOG_BYTES, "<%d>%s isthmus-bindings: %s", SYSLOG_PRIORITY, stamp, line);
	s->draft_records = 1;
	close_draft(s, r->when);
}

static enum ipfix_added add_to_message(struct sink *s, const struct state_event *e, const struct record *r)
{
	if (s->draft_records == 0)
		ipfix_begin(&s->message, s->draft, IPFIX_MESSAGE_BYTES);
	enum ipfix_added added = e ? ipfix_add(&s->message, e, r->when, &s->config->facts)
				   : ipfix_add_lost(&s->message, atomic_load(&s->lost), r->when);

	if (added == IPFIX_ADDED)
		s->draft_records = s->message.records;
	return added;
}

static void add_ipfix(struct sink *s, const struct state_event *e, const struct record *r)
{
	if (add_to_message(s, e, r) != IPFIX_FULL)
		return;
	close_draft(s, r->when);
	enum ipfix_added added = add_to_message(s, e, r);

	ASSERT(added == IPFIX_ADDED); /* an empty message has room for every record */
}

static void add(struct sink *s, const struct state_event *e, const struct record *r)
{
	if (s->kind == BINDLOG_FILE)
		add_line(s, r);
	else if (s->kind == BINDLOG_SYSLOG)
		add_syslog(s, r);
	else if (e || r->kind == RECORD_LOST)
		add_ipfix(s, e, r);
}

/*
 * What was lost is said before anything else is written, and not before a quarter of the outbox is free: else a slow sink
 * would be given one record and one note in turn. False if that is not yet.
 */
static bool tell_lost(struct sink *s, unix_ms now_ms)
{
	if (s->untold == 0)
		return true;
	if (!outbox_room(&s->box, s->box.room / 4 + DRAFT_BYTES))
		return false;
	struct record r = {
		.kind = RECORD_LOST, .when = now_ms, .count = s->untold, .since = s->untold_since
	};

	s->untold = 0;
	add(s, NULL, &r);
	return true;
}

void sink_take_event(struct sink *s, const struct state_event *e, const struct record *r)
{
	if (!tell_lost(s, r->when))
		lose(s, 1, r->when);
	else
		add(s, e, r);
}

void sink_take_record(struct sink *s, const struct record *r)
{
	if (r->kind == RECORD_LOST)
		add_to(&s->lost, r->count); /* found the ring full: no sink has it */
	if (tell_lost(s, r->when))
		add(s, NULL, r);
	else if (r->kind == RECORD_LOST)
		s->untold += r->count;
}

void sink_flush(struct sink *s, unix_ms now_ms)
{
	(void)tell_lost(s, now_ms);
	close_draft(s, now_ms);
}

/* --- sending --- */

static void detach(struct sink *s, nsec now)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->is_blocked = false;
	s->box.sent = 0; /* the next connection gets the whole parcel */
	s->want_at = now + s->want_pause;
	atomic_store_explicit(&s->is_open, false, memory_order_relaxed);
}

/* Errors after which the same descriptor may work again. */
static bool is_passing(const struct sink *s, int err)
{
	return s->kind == BINDLOG_FILE ||
	       (!is_stream(s) && s->kind == BINDLOG_IPFIX && err != EBADF && err != ENOTCONN);
}

static void fault(struct sink *s, int err, nsec now, unix_ms now_ms)
{
	if (!s->is_faulty)
		log_warning("binding log: %s cannot be written: %s; records wait, and those that find no "
			    "room are lost",
			names[s->kind], strerror(err));
	s->is_faulty = true;
	if (s->kind == BINDLOG_IPFIX && !is_stream(s) && err == ECONNREFUSED && s->last_records > 0) {
		lose(s, s->last_records, now_ms); /* an ICMP error about the datagram before */
		s->last_records = 0;
	}
	if (is_passing(s, err))
		s->retry_at = now + RETRY_PAUSE;
	else
		detach(s, now);
}

/* put() - write some bytes; how many were taken, 0 if none can be now, -errno */
static ssize_t put(struct sink *s, const uint8_t *at, size_t len)
{
	ssize_t n;

	do {
		n = s->kind == BINDLOG_FILE ? write(s->fd, at, len)
					    : send(s->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	return n < 0 ? -errno : n;
}

static void recovered(struct sink *s)
{
	if (s->is_faulty && s->untold == 0)
		log_info("binding log: %s takes records again", names[s->kind]);
	s->is_faulty = s->is_faulty && s->untold > 0;
	s->want_pause = WANT_PAUSE_FIRST;
}

/* step_head() - send of the templates what the descriptor takes; true if it may go on */
static bool step_head(struct sink *s, nsec now, unix_ms now_ms)
{
	ssize_t n = put(s, s->head + s->head_sent, s->head_len - s->head_sent);

	if (n < 0)
		fault(s, (int)-n, now, now_ms);
	if (n <= 0) {
		s->is_blocked = n == 0;
		return false;
	}
	s->head_sent += (size_t)n;
	return true;
}

static bool step_parcel(struct sink *s, nsec now, unix_ms now_ms)
{
	struct parcel p;

	if (!outbox_first(&s->box, &p))
		return false;
	if (s->kind == BINDLOG_IPFIX && s->box.sent == 0)
		ipfix_number(p.payload, s->sequence);
	ssize_t n = put(s, p.payload + s->box.sent, p.len - s->box.sent);

	if (n < 0)
		fault(s, (int)-n, now, now_ms);
	if (n <= 0) {
		s->is_blocked = n == 0;
		return false;
	}
	s->box.sent += (size_t)n;
	if (is_stream(s) && s->box.sent < p.len)
		return true;
	s->sequence += p.records;
	s->last_records = p.records;
	add_to(&s->written, p.records);
	outbox_drop_first(&s->box);
	recovered(s);
	return true;
}

static void write_head(struct sink *s, nsec now, unix_ms now_ms)
{
	s->head_len = ipfix_templates(s->head, s->config->facts.domain, now_ms);
	ipfix_number(s->head, s->sequence);
	s->head_sent = 0;
	s->templates_at = now;
}

/* RFC 7011 s8.1: a collector that came late, or lost a datagram, learns the templates again. */
static bool is_refresh_due(const struct sink *s, nsec now)
{
	return s->kind == BINDLOG_IPFIX && !is_stream(s) && now - s->templates_at >= s->config->refresh;
}

void sink_send(struct sink *s, nsec now, unix_ms now_ms)
{
	if (s->fd < 0 || now < s->retry_at)
		return;
	s->is_blocked = false;
	if (is_refresh_due(s, now))
		write_head(s, now, now_ms);
	bool goes_on = true;

	while (goes_on && s->fd >= 0)
		goes_on =
			s->head_sent < s->head_len ? step_head(s, now, now_ms) : step_parcel(s, now, now_ms);
}

/* finish_parcel() - a line that was cut goes on in the file that has its beginning, or is given up */
static void finish_parcel(struct sink *s, unix_ms now_ms)
{
	struct parcel p;

	if (s->fd < 0 || s->box.sent == 0 || !outbox_first(&s->box, &p))
		return;
	ssize_t n = put(s, p.payload + s->box.sent, p.len - s->box.sent);

	if (n >= 0 && (size_t)n == p.len - s->box.sent)
		add_to(&s->written, p.records);
	else
		lose(s, p.records, now_ms);
	outbox_drop_first(&s->box);
}

void sink_attach(struct sink *s, int fd, nsec now, unix_ms now_ms)
{
	if (s->kind == BINDLOG_FILE)
		finish_parcel(s, now_ms);
	detach(s, now);
	s->fd = fd;
	s->retry_at = 0;
	s->head_len = s->head_sent = 0;
	if (s->kind == BINDLOG_IPFIX) {
		s->sequence = 0;
		s->last_records = 0;
		write_head(s, now, now_ms);
	}
	atomic_store_explicit(&s->is_open, true, memory_order_relaxed);
}

void sink_hung_up(struct sink *s, nsec now)
{
	if (!s->is_faulty)
		log_warning("binding log: %s has closed the connection; records wait for the next",
			names[s->kind]);
	s->is_faulty = true;
	detach(s, now);
}

bool sink_wants(struct sink *s, nsec now)
{
	if (s->fd >= 0 || now < s->want_at)
		return false;
	s->want_at = now + s->want_pause;
	s->want_pause = s->want_pause * 2 < WANT_PAUSE_MAX ? s->want_pause * 2 : WANT_PAUSE_MAX;
	return true;
}
