/*
 * ftp_control.c - the conversation of RFC 6384: an IPv6 client commands, an IPv4 server replies
 *
 * Purpose. The client speaks of addresses as IPv6 hosts do (EPSV, EPRT), the server understands what IPv4 hosts say (PASV,
 * PORT). Commands are changed on their way, and of the replies those that must fit what the client had asked.
 *
 *	client says		server hears		server says		client hears
 *	EPSV			PASV			227 ...(h,h,h,h,p,p)	229 ...(|||port|)	s6
 *	EPRT |2|own address|p|	PORT pool address,port	200			the same		s7.2
 *	EPSV ALL		NOOP			200			504			s6
 *	EPSV 1			NOOP			200			522			s6
 *	ALGS STATUS64, ...	NOOP			200			216 ...			s11, s12
 *	anything else		the same		anything		the same		s10
 *
 * No reply is ever made out of nothing: what we answer takes the place of the server's reply to a NOOP (s12 "MAY"), so
 * that each byte has a sender who repeats it if it is lost.
 *
 * Structure. @ftp_command and @ftp_reply scan their direction byte by byte, whatever the segments are. A line is held back
 * only while it may be one of ours: of a command that takes four letters, of a reply three digits. @waiting says which
 * commands the server has not answered, in order; as FTP answers in order, a reply belongs to the first of them. A server
 * that does not keep the order is followed by the one reply that cannot be mistaken: a 227 belongs to a PASV.
 *
 * Modes.	TRANSLATE --AUTH sent--> AUTH_ASKED --4xx, 5xx--> TRANSLATE
 *					AUTH_ASKED --any other reply--> TRANSPARENT		(s5; RFC 2228, RFC 4217)
 *		TRANSLATE --the client does not speak FTP, or too fast--> TRANSPARENT
 * While AUTH is not answered nothing is held back or changed, but lines are counted, lest a refusal leaves us lost.
 * Replies to what was changed before are still changed. ALGS DISABLE64 is no mode: ALGS itself is still heard.
 *
 * Telnet. Option negotiation is refused in both directions and does not go on (s5, RFC 1123 s4.1.2.12): WONT and DONT are
 * put in front of the next line that way. Other Telnet commands (IP, DM, doubled IAC) go on.
 *
 * Language (s5.1). LANG is not looked at (the second way): bytes above 127 go on as they are, our own replies are ASCII.
 *
 * Whom it trusts. A web page can make a browser send lines of its choice to port 21. So a client whose line does not begin
 * as a command does ("Host:") has spoken for the last time; EPRT is only followed for the client's own address, and never
 * to a port below 1024 (RFC 2577 s3); and whom the port is opened to is the server alone (state_expect()).
 *
 * Not done. PORT of an IPv6 client and LPRT, LPSV go on unchanged (s1, s10). IPv4 clients of IPv6 servers are beyond the RFC.
 *
 * Standards: RFC 6384, RFC 959, RFC 2428, RFC 1123 s4.1.2, RFC 2228 s3, RFC 2577, RFC 854.
 */
#include "nat64/ftp_control.h"

#define TELNET_WILL 251 /* RFC 854 */
#define TELNET_WONT 252
#define TELNET_DO 253
#define TELNET_DONT 254
#define TELNET_IAC 255

void ftp_control_init(struct ftp_control *c)
{
	bytes_zero(c, sizeof(*c));
	c->waiting[0] = (struct ftp_waiting){ .asked = FTP_ASKED_OTHER, .count = 1 }; /* the greeting */
	c->waiting_len = 1;
}

void ftp_become_transparent(struct ftp_control *c, const struct ftp_service *service, enum ftp_event why)
{
	c->mode = FTP_TRANSPARENT;
	service->did(service->ctx, why);
}

void ftp_waiting_push(struct ftp_control *c, const struct ftp_service *service, enum ftp_asked asked)
{
	struct ftp_waiting *last = c->waiting_len > 0 ? &c->waiting[c->waiting_len - 1] : NULL;

	if (last && last->asked == asked && last->count < UINT16_MAX) {
		last->count++;
		return;
	}
	if (c->waiting_len == FTP_WAITING_MAX) {
		ftp_become_transparent(c, service, FTP_DID_OVERRUN);
		return;
	}
	c->waiting[c->waiting_len++] = (struct ftp_waiting){ .asked = (uint8_t)asked, .count = 1 };
}

void ftp_waiting_pop(struct ftp_control *c)
{
	if (--c->waiting[0].count > 0)
		return;
	c->waiting_len--;
	c->is_blurred = c->is_blurred && c->waiting_len > 0;
	bytes_move(c->waiting, c->waiting + 1, c->waiting_len * sizeof(c->waiting[0]));
}

/* RFC 854: WILL is refused by DONT and DO by WONT; what is said to be off is off, and needs no answer. */
static void telnet_refuse(uint8_t verb, uint8_t option, struct ftp_refusals *answers)
{
	if ((verb != TELNET_WILL && verb != TELNET_DO) || answers->len + FTP_TELNET_BYTES > FTP_LEAD_MAX)
		return;
	answers->bytes[answers->len++] = TELNET_IAC;
	answers->bytes[answers->len++] = verb == TELNET_WILL ? TELNET_DONT : TELNET_WONT;
	answers->bytes[answers->len++] = option;
}

/* One step of the machine; true if the byte is data. */
static bool telnet_step(struct ftp_telnet_state *t, uint8_t byte)
{
	if (t->at == FTP_TELNET_NONE) {
		if (byte != TELNET_IAC)
			return true;
		t->at = FTP_TELNET_IAC;
		return false;
	}
	if (t->at == FTP_TELNET_IAC && byte >= TELNET_WILL && byte <= TELNET_DONT)
		*t = (struct ftp_telnet_state){ .at = FTP_TELNET_OPTION, .verb = byte };
	else
		t->at = FTP_TELNET_NONE;
	return false;
}

bool ftp_telnet_is_data(struct ftp_telnet_state *t, uint8_t byte)
{
	return telnet_step(t, byte);
}

enum ftp_telnet_result ftp_telnet_take(struct ftp_telnet_state *t, uint8_t byte, struct ftp_refusals *answers,
	const struct ftp_service *service)
{
	bool is_option = t->at == FTP_TELNET_OPTION;

	if (telnet_step(t, byte))
		return FTP_TELNET_DATA;
	if (t->at != FTP_TELNET_NONE)
		return FTP_TELNET_PENDING;
	if (!is_option)
		return FTP_TELNET_COMMAND;
	telnet_refuse(t->verb, byte, answers);
	service->did(service->ctx, FTP_DID_REFUSE_TELNET);
	return FTP_TELNET_REFUSED;
}

void ftp_telnet_strip(struct ftp_stream *s, uint8_t byte, bool is_line_held, struct wr *out)
{
	(void)ftp_stream_hold(s, byte);
	ftp_stream_strip(s, FTP_TELNET_BYTES);
	if (!is_line_held)
		ftp_stream_replace(s, NULL, 0, out);
}

/* --- the loop over bytes, the same for both directions --- */

typedef void (*take_byte)(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	uint8_t byte, struct wr *out);

static size_t take(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	struct rd bytes, struct wr *out, take_byte take_one)
{
	size_t len = rd_left(&bytes);
	uint8_t byte;

	while (c->mode != FTP_TRANSPARENT && rd_left(&bytes) > 0) {
		if (!ftp_stream_can_edit(s))
			return len - rd_left(&bytes);
		(void)rd_u8(&bytes, &byte);
		take_one(c, service, s, byte, out);
	}
	if (rd_left(&bytes) == 0)
		return len;
	/* What is held when the mode changes waits for the next byte, which answers for it: see ftp_stream.c. */
	if (ftp_stream_is_holding(s)) {
		if (!ftp_stream_can_edit(s))
			return len - rd_left(&bytes);
		(void)rd_u8(&bytes, &byte);
		ftp_stream_pass(s, byte, out);
	}
	ftp_stream_run(s, bytes.at, rd_left(&bytes), out);
	return len;
}

size_t ftp_control_commands(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	struct rd bytes, struct wr *out)
{
	return take(c, service, s, bytes, out, ftp_command_byte);
}

size_t ftp_control_replies(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	struct rd bytes, struct wr *out)
{
	return take(c, service, s, bytes, out, ftp_reply_byte);
}
