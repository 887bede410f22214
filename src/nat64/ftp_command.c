/* ftp_command.c - what the client commands, byte by byte (RFC 6384 s5 to s12); ftp_control.c has the theory */
#include "nat64/ftp_control.h"

#define PRIVILEGED_PORTS 1024 /* RFC 2577 s3 */

static const char noop[] = "NOOP\r\n";
static const char pasv[] = "PASV\r\n";

/* A complete line: the argument, without Telnet commands and the line's end. */
struct line {
	uint8_t text[FTP_LINE_MAX];
	size_t len;
};

/* --- what becomes of a command --- */

struct change {
	struct ftp_control *c;
	const struct ftp_service *service;
	struct ftp_stream *s;
	struct wr *out;
};

static void did(const struct change *ch, enum ftp_event event)
{
	ch->service->did(ch->service->ctx, event);
}

static void pass_line(const struct change *ch, enum ftp_asked asked)
{
	ftp_stream_release(ch->s, ch->out);
	ftp_waiting_push(ch->c, ch->service, asked);
}

static void change_line(const struct change *ch, const void *bytes, size_t len, enum ftp_asked asked)
{
	ftp_stream_replace(ch->s, bytes, len, ch->out);
	ftp_waiting_push(ch->c, ch->service, asked);
}

/* RFC 6384 s12: the server is asked for nothing, and its reply carries ours. */
static void answer(const struct change *ch, enum ftp_asked asked)
{
	change_line(ch, noop, sizeof(noop) - 1, asked);
	did(ch, FTP_DID_ANSWER);
}

static void on_epsv(const struct change *ch, const struct line *arg)
{
	switch (ftp_epsv_arg(arg->text, arg->len)) {
	case FTP_EPSV_HERE:
		change_line(ch, pasv, sizeof(pasv) - 1, FTP_ASKED_EPSV);
		did(ch, FTP_DID_EPSV);
		return;
	case FTP_EPSV_ALL:
		answer(ch, FTP_ASKED_EPSV_ALL);
		return;
	case FTP_EPSV_PROTOCOL:
		answer(ch, FTP_ASKED_EPSV_PROTOCOL);
		return;
	case FTP_EPSV_UNKNOWN:
		break;
	}
	pass_line(ch, FTP_ASKED_OTHER);
}

/* RFC 6384 s7.2: the mapping first, then the command. Another address than the client's own is none of our business. */
static void on_eprt(const struct change *ch, const struct line *arg)
{
	const struct ftp_service *service = ch->service;
	uint8_t text[FTP_PORT_MAX];
	struct addr6 in;
	struct addr4 out;
	uint16_t in_port, out_port;

	if (!ftp_eprt_arg(arg->text, arg->len, &in, &in_port) || !addr6_eq(in, service->client)) {
		pass_line(ch, FTP_ASKED_OTHER);
		return;
	}
	if (in_port < PRIVILEGED_PORTS) {
		answer(ch, FTP_ASKED_PORT_PRIVILEGED);
		return;
	}
	if (!service->open(service->ctx, in_port, &out, &out_port)) {
		answer(ch, FTP_ASKED_PORT_UNAVAILABLE);
		did(ch, FTP_DID_NO_PORT);
		return;
	}
	change_line(ch, text, ftp_port_write(out, out_port, text), FTP_ASKED_OTHER);
	did(ch, FTP_DID_EPRT);
}

static void on_algs(const struct change *ch, const struct line *arg)
{
	switch (ftp_algs_arg(arg->text, arg->len)) {
	case FTP_ALGS_STATUS:
		break;
	case FTP_ALGS_ENABLE:
		ch->c->is_disabled = false;
		break;
	case FTP_ALGS_DISABLE:
		ch->c->is_disabled = true;
		break;
	case FTP_ALGS_UNKNOWN:
		answer(ch, FTP_ASKED_ALGS_UNKNOWN);
		return;
	}
	answer(ch, ch->c->is_disabled ? FTP_ASKED_STATUS_NONE : FTP_ASKED_STATUS_BOTH);
}

/* The commands that are held back until they are complete. */
static const struct {
	enum ftp_verb verb;
	bool is_heard_when_disabled;
	void (*change)(const struct change *ch, const struct line *arg);
} changed[] = {
	{ FTP_VERB_EPSV, false, on_epsv },
	{ FTP_VERB_EPRT, false, on_eprt },
	{ FTP_VERB_ALGS, true, on_algs },
};

/* --- the scanner --- */

static bool may_be_changed(const struct ftp_control *c)
{
	const struct ftp_command *l = &c->command;

	if (c->mode != FTP_TRANSLATE)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		if ((!c->is_disabled || changed[i].is_heard_when_disabled) &&
			ftp_verb_may_become(changed[i].verb, l->verb, l->verb_len))
			return true;
	}
	return false;
}

static bool is_letter(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_of_verb(const struct ftp_command *l, uint8_t byte)
{
	if (l->verb_len == FTP_VERB_MAX)
		return false;
	return is_letter(byte) || (l->verb_len > 0 && byte >= '0' && byte <= '9');
}

static bool ends_verb(uint8_t byte)
{
	return byte == ' ' || byte == '\r' || byte == '\n';
}

static void verb_byte(struct ftp_control *c, uint8_t byte)
{
	struct ftp_command *l = &c->command;

	if (is_of_verb(l, byte)) {
		bool is_first = l->verb_len == 0;

		l->verb[l->verb_len++] = is_letter(byte) ? byte & 0xdf : byte;
		l->is_held = (is_first || l->is_held) && may_be_changed(c);
		return;
	}
	l->is_past_verb = true;
	l->is_no_verb = !ends_verb(byte);
	if (l->is_no_verb || l->verb_len < sizeof("EPSV") - 1)
		l->is_held = false;
}

/* What stands behind the verb in the held line. */
static void line_read(const struct ftp_stream *s, struct line *ret)
{
	struct rd r = rd_of(s->held + s->lead_len, (size_t)(s->held_len - s->lead_len));
	struct ftp_telnet_state telnet = { 0 };
	size_t letters = 0;
	uint8_t byte;

	ret->len = 0;
	while (rd_u8(&r, &byte)) {
		if (!ftp_telnet_is_data(&telnet, byte) || letters++ < sizeof("EPSV") - 1 ||
			(ret->len == 0 && byte == ' '))
			continue;
		ret->text[ret->len++] = byte;
	}
	while (ret->len > 0 && (ends_verb(ret->text[ret->len - 1])))
		ret->len--;
}

static void held_line_ends(const struct change *ch, enum ftp_verb verb)
{
	struct line arg;

	line_read(ch->s, &arg);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		if (changed[i].verb == verb && ftp_waiting_has_room(ch->c)) {
			changed[i].change(ch, &arg);
			return;
		}
	}
	pass_line(ch, FTP_ASKED_OTHER);
}

static void ask_auth(const struct change *ch)
{
	if (!ftp_waiting_has_room(ch->c)) {
		ftp_become_transparent(ch->c, ch->service, FTP_DID_OVERRUN);
		return;
	}
	ch->c->mode = FTP_AUTH_ASKED;
	ftp_waiting_push(ch->c, ch->service, FTP_ASKED_AUTH);
}

/* A line that went on as it was. */
static void passed_line_ends(const struct change *ch, enum ftp_verb verb)
{
	struct ftp_control *c = ch->c;
	bool has_room = ftp_waiting_has_room(c);

	if (c->mode == FTP_TRANSLATE && c->command.is_no_verb)
		ftp_become_transparent(c, ch->service, FTP_DID_NOT_FTP);
	else if (verb == FTP_VERB_AUTH && c->mode == FTP_TRANSLATE)
		ask_auth(ch);
	else if (verb == FTP_VERB_PASV && has_room)
		ftp_waiting_push(c, ch->service, FTP_ASKED_PASV);
	else if (verb == FTP_VERB_REIN && has_room)
		ftp_waiting_push(c, ch->service, FTP_ASKED_REIN);
	else if (verb != FTP_VERB_NONE) /* servers do not answer an empty line */
		ftp_waiting_push(c, ch->service, FTP_ASKED_OTHER);
	c->is_blurred = c->is_blurred || (verb == FTP_VERB_PASV && !has_room);
}

/* Held if there is room; if not, the line is too long for one of ours. */
static void hold_or_pass(struct ftp_control *c, struct ftp_stream *s, uint8_t byte, struct wr *out)
{
	if (c->command.is_held && ftp_stream_hold(s, byte))
		return;
	c->command.is_held = false;
	ftp_stream_pass(s, byte, out);
}

static void data_byte(const struct change *ch, uint8_t byte)
{
	struct ftp_control *c = ch->c;

	if (!c->command.is_past_verb)
		verb_byte(c, byte);
	hold_or_pass(c, ch->s, byte, ch->out);
	if (byte != '\n')
		return;
	enum ftp_verb verb = ftp_verb_of(c->command.verb, c->command.verb_len);

	if (c->command.is_held)
		held_line_ends(ch, verb);
	else
		passed_line_ends(ch, verb);
	c->command = (struct ftp_command){ 0 };
}

/* What a Telnet command would not fit behind is no line of ours. */
static void telnet_goes_on(const struct change *ch, uint8_t byte)
{
	if (!ftp_telnet_has_room(&ch->c->command.telnet, ch->s)) {
		ch->c->command.is_held = false;
		ftp_stream_release(ch->s, ch->out);
	}
	(void)ftp_stream_hold(ch->s, byte);
}

void ftp_command_byte(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	uint8_t byte, struct wr *out)
{
	const struct change ch = { c, service, s, out };
	struct ftp_command *l = &c->command;
	bool begins = !l->is_past_verb && l->verb_len == 0 && l->telnet.at == FTP_TELNET_NONE;

	if (c->mode == FTP_AUTH_ASKED) {
		data_byte(&ch, byte); /* what follows may be TLS */
		return;
	}
	if (begins && c->to_server.len > 0) {
		ftp_stream_lead(s, c->to_server.bytes, c->to_server.len);
		c->to_server.len = 0;
	}
	switch (ftp_telnet_take(&l->telnet, byte, &c->to_client, service)) {
	case FTP_TELNET_DATA:
		data_byte(&ch, byte);
		return;
	case FTP_TELNET_PENDING:
		telnet_goes_on(&ch, byte);
		return;
	case FTP_TELNET_COMMAND:
		hold_or_pass(c, s, byte, out);
		return;
	case FTP_TELNET_REFUSED:
		ftp_telnet_strip(s, byte, l->is_held, out);
		return;
	}
}
