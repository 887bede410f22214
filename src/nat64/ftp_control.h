/*
 * ftp_control.h - the conversation on a control connection: commands, replies, and what becomes of them; private to nat64
 *
 * ftp_control.c explains it. Knows streams of bytes, and nothing of packets.
 */
#ifndef ISTHMUS_NAT64_FTP_CONTROL_H
#define ISTHMUS_NAT64_FTP_CONTROL_H

#include "nat64/ftp_event.h"
#include "nat64/ftp_stream.h"
#include "nat64/ftp_text.h"

#define FTP_WAITING_MAX 24 /* runs of commands whose replies have not come */

enum ftp_mode {
	FTP_TRANSLATE,
	FTP_AUTH_ASKED,	 /* the client has sent AUTH, and the server has not answered it */
	FTP_TRANSPARENT, /* for good: only sequence numbers are translated */
};

/* What a command was that the server is going to answer. */
enum ftp_asked {
	FTP_ASKED_OTHER, /* as the client sent it */
	FTP_ASKED_PASV,	 /* the same, and its reply is a 227 */
	FTP_ASKED_AUTH,
	FTP_ASKED_REIN,
	FTP_ASKED_EPSV,	      /* PASV went to the server; a 227 becomes a 229 (RFC 6384 s6) */
	FTP_ASKED_NOOP_FIRST, /* from here on NOOP went, and the client gets one of our replies (RFC 6384 s12) */
	FTP_ASKED_STATUS_NONE = FTP_ASKED_NOOP_FIRST,
	FTP_ASKED_STATUS_BOTH,
	FTP_ASKED_ALGS_UNKNOWN,
	FTP_ASKED_EPSV_ALL,
	FTP_ASKED_EPSV_PROTOCOL,
	FTP_ASKED_PORT_PRIVILEGED,
	FTP_ASKED_PORT_UNAVAILABLE,
	FTP_ASKED_COUNT
};

/* What the conversation wants from outside. */
struct ftp_service {
	void *ctx;
	struct addr6 client;
	/** open() - let the server connect to @port of the client; false if that cannot be */
	bool (*open)(void *ctx, uint16_t port, struct addr4 *ret_a, uint16_t *ret_port);
	void (*did)(void *ctx, enum ftp_event event);
};

/* Telnet in one direction (RFC 854): what came of a command so far. */
enum ftp_telnet { FTP_TELNET_NONE, FTP_TELNET_IAC, FTP_TELNET_OPTION };

struct ftp_telnet_state {
	uint8_t at;   /* enum ftp_telnet */
	uint8_t verb; /* WILL, WONT, DO or DONT, at FTP_TELNET_OPTION */
};

/* The line that the client is sending. */
struct ftp_command {
	struct ftp_telnet_state telnet;
	bool is_past_verb;
	bool is_held;	 /* from its first byte, until it is complete or known to be none of ours */
	bool is_no_verb; /* it does not begin as a command does */
	uint8_t verb_len;
	uint8_t verb[FTP_VERB_MAX]; /* in capitals */
};

/* The reply that the server is sending. */
struct ftp_reply {
	struct ftp_telnet_state telnet;
	uint8_t at;	  /* bytes of the line so far, up to 4 */
	uint8_t start[4]; /* they */
	bool is_multiple; /* lines follow until one begins with @code and a space (RFC 959 s4.2) */
	bool is_last;	  /* this line ends the reply */
	bool is_taken;	  /* the reply is known, and which command it answers */
	bool is_ours;	  /* its lines do not go on; another reply does */
	bool is_answer;	  /* it answers the first command that waits; else nobody asked */
	uint16_t code;
	uint8_t asked; /* enum ftp_asked, of that command */
	uint16_t port; /* of a 227, once found; else 0 */
};

struct ftp_control {
	uint8_t mode;	  /* enum ftp_mode */
	bool is_disabled; /* ALGS DISABLE64 */
	bool is_blurred;  /* a PASV waits that could not be noted as one */
	uint8_t waiting_len;
	struct ftp_waiting {
		uint8_t asked; /* enum ftp_asked */
		uint16_t count;
	} waiting[FTP_WAITING_MAX];
	struct ftp_command command;
	struct ftp_reply reply;
	struct ftp_refusals {
		uint8_t len;
		uint8_t bytes[FTP_LEAD_MAX];
	} to_client, to_server; /* refusals of Telnet options, for the next line that way */
};

/** ftp_control_init() - the connection is open, and the server is going to greet */
void ftp_control_init(struct ftp_control *c);

/**
 * ftp_control_commands(), ftp_control_replies() - take the next bytes of the client, of the server
 * @s:		the direction's stream; may hold bytes back afterwards
 * @bytes:	follow what was taken last
 * @out:	gets what goes on
 *
 * Return: how many bytes were taken; less than @len if the stream cannot remember a further change now.
 */
size_t ftp_control_commands(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	struct rd bytes, struct wr *out);
size_t ftp_control_replies(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	struct rd bytes, struct wr *out);

/* --- shared by ftp_command.c and ftp_reply.c --- */

/** ftp_waiting_push() - a command went to the server */
void ftp_waiting_push(struct ftp_control *c, const struct ftp_service *service, enum ftp_asked asked);

/** ftp_waiting_has_room() - whether a command that we change can be remembered */
static inline bool ftp_waiting_has_room(const struct ftp_control *c)
{
	return c->waiting_len + 1 < FTP_WAITING_MAX; /* the last place is for commands that pass */
}

/** ftp_waiting_pop() - the first command that waits was answered; there is one */
void ftp_waiting_pop(struct ftp_control *c);

/** ftp_become_transparent() - from the next byte on, nothing is looked at */
void ftp_become_transparent(struct ftp_control *c, const struct ftp_service *service, enum ftp_event why);

enum ftp_telnet_result {
	FTP_TELNET_DATA,    /* a byte of the line */
	FTP_TELNET_PENDING, /* a byte of a Telnet command that is not complete */
	FTP_TELNET_COMMAND, /* the last byte of one that goes on */
	FTP_TELNET_REFUSED  /* the last byte of one that does not */
};

/** ftp_telnet_take() - what a byte is; a refused option is answered in @answers */
enum ftp_telnet_result ftp_telnet_take(struct ftp_telnet_state *t, uint8_t byte, struct ftp_refusals *answers,
	const struct ftp_service *service);

/** ftp_telnet_is_data() - whether a byte of a line is no part of a Telnet command; changes nothing but @t */
bool ftp_telnet_is_data(struct ftp_telnet_state *t, uint8_t byte);

#define FTP_TELNET_BYTES 3 /* of an option's negotiation */

/** ftp_telnet_has_room() - whether a Telnet command that has just begun fits behind what is held */
static inline bool ftp_telnet_has_room(const struct ftp_telnet_state *t, const struct ftp_stream *s)
{
	return t->at != FTP_TELNET_IAC || s->held_len - s->lead_len + FTP_TELNET_BYTES <= FTP_LINE_MAX;
}

/**
 * ftp_telnet_strip() - the last byte of a refused Telnet command has come; its other two are the last that are held
 * @is_line_held: whether what is held before belongs to a line that stays held
 */
void ftp_telnet_strip(struct ftp_stream *s, uint8_t byte, bool is_line_held, struct wr *out);

/** ftp_command_byte(), ftp_reply_byte() - take one byte in the mode that is; the stream can take an edit */
void ftp_command_byte(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	uint8_t byte, struct wr *out);
void ftp_reply_byte(struct ftp_control *c, const struct ftp_service *service, struct ftp_stream *s,
	uint8_t byte, struct wr *out);

#endif
