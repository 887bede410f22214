/*
 * users.h - who may use a proxy: users and passwords of an htpasswd file (RFC 7617)
 *
 * Kinds of hashes: bcrypt ($2a$, $2b$, $2y$), SHA-2 ($5$, $6$), yescrypt ($y$), MD5 ($1$) by libcrypt; Apache's MD5 ($apr1$)
 * and {SHA} by OpenSSL. Passwords in clear text and DES are refused when the file is read.
 *
 * A slow hash is computed by a thread of its own, so that nobody else waits. What was right is remembered for a while, as
 * a keyed hash of user and password, so that a browser with hundreds of requests costs one computation.
 */
#ifndef ISTHMUS_RELAY_USERS_H
#define ISTHMUS_RELAY_USERS_H

#include "base/compiler.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

#define USERS_MAX 10000	  /* lines of a file */
#define USERS_WAITING 256 /* questions that wait for the thread, of a service on a lane */
#define USERS_TEXT 256	  /* bytes of a user's name or a password, the terminating zero included */
#define USERS_REMEMBERED 1024
#define USERS_REMEMBER_NS (300 * NSEC)

struct users;	       /* opaque */
struct users_question; /* opaque */

enum users_verdict { USERS_RIGHT, USERS_WRONG, USERS_BUSY };

/**
 * users_new() - read a file
 * @loop:	on whose thread questions are asked and answered
 * @fault:	on failure a sentence: which line, and what is wrong
 *
 * Return: 0; -EINVAL; -ENOMEM, -errno. Begins a thread when the first question needs one
 */
MUST_CHECK int users_new(
	struct loop *loop, const char *text, size_t len, struct users **ret, char *fault, size_t fault_size);
void users_free(struct users *u); /* nobody waits; NULL is fine */

/**
 * users_ask() - judge credentials
 * @credentials:	"Basic dXNlcjpwYXNz", as a field's value has them
 * @judged:		called once, maybe from users_ask()
 * @ret:		for users_forget(), until @judged is called
 */
void users_ask(struct users *u, const char *credentials, size_t len,
	void (*judged)(void *ctx, enum users_verdict v), void *ctx, struct users_question **ret);
/** users_forget() - whoever asked does not want to know any more */
void users_forget(struct users_question *q);

/** users_ask_plain() - the same of a user and a password that came in another way (SOCKS); both shorter than USERS_TEXT */
void users_ask_plain(struct users *u, const char *user, const char *password,
	void (*judged)(void *ctx, enum users_verdict v), void *ctx, struct users_question **ret);

/** users_decode() - "Basic ..." to user and password (RFC 7617 s2, RFC 4648 s4); false if it is not that */
MUST_CHECK bool users_decode(
	const char *credentials, size_t len, char user[static USERS_TEXT], char password[static USERS_TEXT]);

#endif
