/*
 * opening.h - wait until a client has said enough to know where it wants to go, without taking it
 *
 * The bytes are looked at (MSG_PEEK) and stay in the socket, so whoever serves the client then reads them all: a target that
 * they are passed to, or a TLS handshake of ours.
 */
#ifndef ISTHMUS_RELAY_OPENING_H
#define ISTHMUS_RELAY_OPENING_H

#include "relay/clienthello.h"
#include "relay/service.h"

struct opening_user {
	struct service *service;
	/** plain() - it does not speak TLS */
	void (*plain)(void *ctx, const struct arrival *a);
	/** tls() - it does, and this is what it said */
	void (*tls)(void *ctx, const struct arrival *a, const struct clienthello *h);
	void *ctx;
};

/**
 * opening_begin() - look at a client until one of the two can be called
 * @user:	lives as long as the service
 *
 * The socket is the callee's then, and no visit is begun. A client that says nothing in timeouts.head, or what makes no sense, is
 * counted and turned away.
 */
void opening_begin(const struct opening_user *user, const struct arrival *a);

/* Why a TLS client is turned away (RFC 8446 s6.2; RFC 6066 s3). */
enum tls_alert {
	TLS_ALERT_DECODE_ERROR = 50,
	TLS_ALERT_INTERNAL_ERROR = 80,
	TLS_ALERT_UNRECOGNIZED_NAME = 112
};

/** opening_refuse() - say why in an alert, and close the socket */
void opening_refuse(int fd, enum tls_alert why);

#endif
