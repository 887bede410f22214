/*
 * tls_socket.c - see tls_socket.h
 *
 * The descriptor, and whether the socket is empty, are in the pointer that OpenSSL keeps with it: so a connection takes no more
 * memory than with OpenSSL's own (BIO_s_socket()).
 */
#include "net/tls_socket.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#define IS_EMPTY ((uintptr_t)1)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* NULL: there was no memory for it */

static uintptr_t word_of(BIO *b)
{
	return (uintptr_t)BIO_get_data(b);
}

static void set_word(BIO *b, uintptr_t word)
{
	BIO_set_data(b, (void *)word); /* NOLINT: it is no address */
}

static int fd_of(BIO *b)
{
	return (int)(word_of(b) >> 1);
}

static bool is_worth_another(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

static int read_some(BIO *b, char *to, int room)
{
	ssize_t n = recv(fd_of(b), to, (size_t)room, 0);

	BIO_clear_retry_flags(b);
	if (n < 0 && is_worth_another(errno))
		BIO_set_retry_read(b);
	if (n == 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF); /* for SSL_OP_IGNORE_UNEXPECTED_EOF */
	set_word(b, n < room ? word_of(b) | IS_EMPTY : word_of(b) & ~IS_EMPTY);
	return (int)n;
}

static int write_some(BIO *b, const char *from, int len)
{
	ssize_t n = send(fd_of(b), from, (size_t)len, MSG_NOSIGNAL);

	BIO_clear_retry_flags(b);
	if (n < 0 && is_worth_another(errno))
		BIO_set_retry_write(b);
	return (int)n;
}

static long control(BIO *b, int what, long n, void *at)
{
	switch (what) {
	case BIO_CTRL_FLUSH: /* nothing waits here */
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	if (!method)
		return;
	BIO_meth_set_read(method, read_some);
	BIO_meth_set_write(method, write_some);
	BIO_meth_set_ctrl(method, control);
}

bool tls_socket_attach(struct ssl_st *tls, int fd)
{
	pthread_once(&once, make_method);
	BIO *b = method ? BIO_new(method) : NULL;

	if (!b)
		return false;
	set_word(b, (uintptr_t)fd << 1);
	BIO_set_init(b, 1);
	SSL_set_bio(tls, b, b); /* owns it now */
	return true;
}

void tls_socket_forget(struct ssl_st *tls)
{
	BIO *b = SSL_get_rbio(tls);

	set_word(b, word_of(b) & ~IS_EMPTY);
}

bool tls_socket_is_empty(const struct ssl_st *tls)
{
	return word_of(SSL_get_rbio(tls)) & IS_EMPTY;
}
