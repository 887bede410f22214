/* dns_secure.c - certificates and keys of the resolver, read where there is the right to read them */
#include "cmd/dns_secure.h"

#include "conf/file.h"
#include "ctl/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)128 << 10) /* a chain of certificates is a few thousand bytes */

const struct dns_secure_part dns_secure_parts[DNS_SECURE_PARTS] = {
	{ OVER_TLS, offsetof(struct dns64_config, tls), "dns64.tls", "" },
	{ OVER_HTTPS, offsetof(struct dns64_config, https), "dns64.https", "h2" },
};

const struct dns64_secure *dns_secure_of(const struct dns64_config *c, const struct dns_secure_part *p)
{
	return (const struct dns64_secure *)(const void *)((const uint8_t *)c + p->at);
}

unsigned dns_secure_sockets(const struct dns64_config *c)
{
	unsigned len = 0;

	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++)
		len += dns_secure_of(c, &dns_secure_parts[i])->listen_len;
	return len;
}

/* A file, or why not. */
static int read_pem(const char *key, const char *name, const char *path, char **ret, size_t *ret_len,
	char *fault, size_t fault_size)
{
	int err = file_read(path, FILE_BYTES_MAX + 1, ret, ret_len);

	if (err == 0 && *ret_len > FILE_BYTES_MAX) {
		free(*ret);
		err = -EFBIG;
	}
	if (err < 0)
		snprintf(fault, fault_size, "%s.%s: %s cannot be read: %s", key, name, path, strerror(-err));
	return err;
}

static int join(const char *certificate, size_t certificate_len, const char *key, size_t key_len)
{
	size_t len = certificate_len + 1 + key_len;
	char *text = malloc(len);

	if (!text)
		return -ENOMEM;
	bytes_copy(text, certificate, certificate_len);
	text[certificate_len] = '\n';
	bytes_copy(text + certificate_len + 1, key, key_len);
	int fd = channel_text_fd(text, len);

	explicit_bzero(text, len);
	free(text);
	return fd;
}

/* Certificate and key of one part in a memory file; the descriptor or -errno. */
static int open_part(const struct dns_secure_part *p, const struct dns64_secure *s, char *fault, size_t size)
{
	char *certificate, *key;
	size_t certificate_len, key_len;
	int err =
		read_pem(p->key, "certificate", s->certificate, &certificate, &certificate_len, fault, size);

	if (err < 0)
		return err;
	err = read_pem(p->key, "key", s->key, &key, &key_len, fault, size);
	if (err == 0) {
		err = join(certificate, certificate_len, key, key_len);
		if (err < 0)
			snprintf(fault, size, "%s: no memory file can be made: %s", p->key, strerror(-err));
		explicit_bzero(key, key_len);
		free(key);
	}
	free(certificate);
	return err;
}

int dns_secure_open(
	const struct dns64_config *c, int ret_fds[static DNS_SECURE_PARTS], char *fault, size_t fault_size)
{
	int fds[DNS_SECURE_PARTS], len = 0, err = 0;

	for (unsigned i = 0; err == 0 && i < DNS_SECURE_PARTS; i++) {
		const struct dns64_secure *s = dns_secure_of(c, &dns_secure_parts[i]);
		int fd = s->listen_len > 0 ? open_part(&dns_secure_parts[i], s, fault, fault_size) : 0;

		if (fd < 0)
			err = fd;
		else if (s->listen_len > 0)
			fds[len++] = fd;
	}
	for (int i = 0; i < len; i++) {
		if (err < 0)
			close(fds[i]);
		else
			ret_fds[i] = fds[i];
	}
	return err < 0 ? err : len;
}
