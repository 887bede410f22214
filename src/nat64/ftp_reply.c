/* ftp_reply.c - what the server replies, byte by byte (RFC 959 s4.2, RFC 6384 s6 and s12); ftp_control.c has the theory */
#include "nat64/ftp_control.h"

#define CODE_PASSIVE 227
#define CODE_CLOSING 421 /* the server ends the connection, whatever it was asked */
#define CODE_OK 200
#define CODE_FINAL 200	 /* replies below are followed by another */
#define CODE_REFUSED 400 /* 4xx and 5xx */
#define CODE_REFUSED_END 600

/* Texts are those of the RFC where it has one; only the numbers are specified (s5.1). */
static const char *const answers[FTP_ASKED_COUNT] = {
	[FTP_ASKED_STATUS_NONE] = "216 NONE\r\n",
	[FTP_ASKED_STATUS_BOTH] = "216 EPSVEPRT\r\n",
	[FTP_ASKED_ALGS_UNKNOWN] = "504 Command not implemented for that parameter\r\n",
	[FTP_ASKED_EPSV_ALL] = "504 Command not implemented for that parameter\r\n",
	[FTP_ASKED_EPSV_PROTOCOL] = "522 Network protocol not supported, use (2)\r\n",
	[FTP_ASKED_PORT_PRIVILEGED] = "504 Command not implemented for that parameter\r\n",
	[FTP_ASKED_PORT_UNAVAILABLE] = "425 Can't open data connection\r\n",
};
static const char no_data_connection[] = "425 Can't open data connection\r\n";

/* Longer than any of them, and within what may replace a line. */
#define ANSWER_MAX 64

/* --- which command a reply belongs to --- */

/* Whether a reply to come may have to change. */
static bool expects_ours(const struct ftp_control *c)
{
	for (unsigned i = 0; i < c->waiting_len; i++) {
		if (c->waiting[i].asked >= FTP_ASKED_EPSV)
			return true;
	}
	return false;
}

static bool expects_227(uint8_t asked)
{
	return asked == FTP_ASKED_EPSV || asked == FTP_ASKED_PASV;
}

/* A 227 can only answer a PASV: if others seem to wait before it, the server has forgotten them. */
static void skip_to_227(struct ftp_control *c)
{
	for (unsigned i = 0; i < c->waiting_len; i++) {
		if (!expects_227(c->waiting[i].asked))
			continue;
		c->waiting_len = (uint8_t)(c->waiting_len - i);
		bytes_move(c->waiting, c->waiting + i, c->waiting_len * sizeof(c->waiting[0]));
		return;
	}
}

static void reply_match(struct ftp_control *c)
{
	struct ftp_reply *r = &c->reply;

	if (r->code == CODE_PASSIVE && !c->is_blurred)
		skip_to_227(c);
	r->is_answer = c->waiting_len > 0;
	r->asked = r->is_answer ? c->waiting[0].asked : (uint8_t)FTP_ASKED_OTHER;
	if (r->asked == FTP_ASKED_EPSV)
		r->is_ours = r->code == CODE_PASSIVE;
	else
		r->is_ours =
			r->asked >= FTP_ASKED_NOOP_FIRST && r->code >= CODE_FINAL && r->code != CODE_CLOSING;
	r->port = 0;
}

/* --- the end of a reply --- */

static size_t answer_write(
	const struct ftp_reply *r, const struct ftp_service *service, uint8_t ret[ANSWER_MAX])
{
	const char *text = r->asked == FTP_ASKED_EPSV ? no_data_connection : answers[r->asked];
	size_t len = 0;

	if (r->asked == FTP_ASKED_EPSV && r->port != 0) {
		service->did(service->ctx, FTP_DID_227);
		return ftp_229_write(r->port, ret);
	}
	if (r->asked == FTP_ASKED_EPSV)
		service->did(service->ctx, FTP_DID_FAIL_227);
	else if (r->code != CODE_OK)
		service->did(service->ctx, FTP_DID_FAIL_NOOP);
	for (; text[len] != '\0'; len++)
		ret[len] = (uint8_t)text[len];
	return len;
}

_Static_assert(FTP_229_MAX <= ANSWER_MAX && ANSWER_MAX <= FTP_LINE_MAX, "our replies are lines");

/* RFC 6384 s5: AUTH counts from when it is sent, unless the server refuses it. RFC 959: REIN begins anew. */
static void reply_acts(struct ftp_control *c, const struct ftp_service *service)
{
	const struct ftp_reply *r = &c->reply;
	bool is_refusal = r->code >= CODE_REFUSED && r->code < CODE_REFUSED_END;

	if (r->asked == FTP_ASKED_AUTH && is_refusal)
		c->mode = FTP_TRANSLATE;
	else if (r->asked == FTP_ASKED_AUTH)
		ftp_become_transparent(c, service, FTP_DID_AUTH);
	if (r->asked == FTP_ASKED_REIN && !is_refusal)
		c->is_disabled = false;
}

static void reply_ends(struct ftp_control *c, const struct ftp_service *service)
{
	struct ftp_reply *r = &c->reply;

	if (r->is_answer && r->code >= CODE_FINAL) {
		ftp_waiting_pop(c);
		reply_acts(c, service);
	}
	*r = (struct ftp_reply){ 0 };
}

/* --- lines --- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* RFC 959 s4.2: three digits, then a space, or a minus if more lines follow. A code alone is common, too. */
static uint16_t code_of(const struct ftp_reply *r)
{
	const uint8_t *b = r->start;

	if (r->at < 4 || !is_digit(b[0]) || !is_digit(b[1]) || !is_digit(b[2]) || b[0] == '0')
		return 0;
	if (b[3] != ' ' && b[3] != '-' && b[3] != '\r' && b[3] != '\n')
		return 0;
	return (uint16_t)((b[0] - '0') * 100 + (b[1] - '0') * 10 + (b[2] - '0'));
}

static void line_begins(struct ftp_control *c)
{
	struct ftp_reply *r = &c->reply;
	uint16_t code = code_of(r);
	bool is_last = code != 0 && r->start[3] != '-';

	if (r->is_multiple) {
		r->is_last = is_last && code == r->code;
		return;
	}
	if (code == 0)
		return;
	r->is_taken = true;
	r->is_last = is_last;
	r->is_multiple = !is_last;
	r->code = code;
	reply_match(c);
}

static void find_port(struct ftp_reply *r, const struct ftp_stream *s)
{
	struct addr4 ignored; /* RFC 6384 s6 SHOULD: servers behind translators say private addresses */
	size_t len = (size_t)(s->held_len - s->lead_len);
	uint16_t port;

	if (r->asked == FTP_ASKED_EPSV && r->port == 0 &&
		ftp_pasv_reply(s->held + s->lead_len, len, &ignored, &port))
		r->port = port;
}

static void our_line_ends(
	struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s, struct wr *out)
{
	uint8_t text[ANSWER_MAX];
	size_t len = c->reply.is_last ? answer_write(&c->reply, service, text) : 0;

	ftp_stream_replace(s, text, len, out);
}

static bool is_held(const struct ftp_control *c)
{
	const struct ftp_reply *r = &c->reply;

	return r->is_ours || (r->at < 4 && !r->is_multiple && expects_ours(c));
}

/* Only a line of a reply that does not go on is held for longer than its code: what has no room is forgotten at once. */
static void let_go(struct ftp_reply *r, struct ftp_stream *s, struct wr *out)
{
	find_port(r, s);
	ftp_stream_replace(s, NULL, 0, out);
}

static void hold(struct ftp_control *c, struct ftp_stream *s, uint8_t byte, struct wr *out)
{
	if (ftp_stream_hold(s, byte))
		return;
	let_go(&c->reply, s, out);
	(void)ftp_stream_hold(s, byte);
}

static void data_byte(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	uint8_t byte, struct wr *out)
{
	struct ftp_reply *r = &c->reply;
	bool ends = byte == '\n';

	if (r->at < 4) {
		r->start[r->at++] = byte;
		if (r->at == 4 || ends)
			line_begins(c);
	}
	if (is_held(c) && !(ends && !r->is_ours))
		hold(c, s, byte, out);
	else
		ftp_stream_pass(s, byte, out);
	if (!ends)
		return;
	if (r->is_ours) {
		find_port(r, s);
		our_line_ends(c, service, s, out);
	}
	r->at = 0;
	if (r->is_taken && r->is_last)
		reply_ends(c, service);
}

void ftp_reply_byte(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	uint8_t byte, struct wr *out)
{
	struct ftp_reply *r = &c->reply;

	if (r->at == 0 && r->telnet.at == FTP_TELNET_NONE && c->to_client.len > 0) {
		ftp_stream_lead(s, c->to_client.bytes, c->to_client.len);
		c->to_client.len = 0;
	}
	switch (ftp_telnet_take(&r->telnet, byte, &c->to_server, service)) {
	case FTP_TELNET_DATA:
		data_byte(c, service, s, byte, out);
		return;
	case FTP_TELNET_PENDING:
		if (!ftp_telnet_has_room(&r->telnet, s))
			let_go(r, s, out);
		(void)ftp_stream_hold(s, byte);
		return;
	case FTP_TELNET_COMMAND:
		if (is_held(c))
			hold(c, s, byte, out);
		else
			ftp_stream_pass(s, byte, out);
		return;
	case FTP_TELNET_REFUSED:
		ftp_telnet_strip(s, byte, is_held(c), out);
		return;
	}
}
