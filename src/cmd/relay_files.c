/* relay_files.c - see relay_files.h */
#include "cmd/relay_files.h"

#include "base/bytes.h"
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)1 << 20) /* of one file; a chain of certificates is a few thousand bytes */
#define LENGTH_BYTES 4

/* --- the supervisor's side --- */

static int write_all(int fd, const void *from, size_t len)
{
	const char *at = from;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_one(const struct relay_file *f, const char *path, char **ret, size_t *ret_len, char *fault,
	size_t fault_size)
{
	int err = file_read(path, FILE_BYTES_MAX + 1, ret, ret_len);

	if (err == 0 && *ret_len > FILE_BYTES_MAX) {
		free(*ret);
		err = -EFBIG;
	}
	if (err < 0)
		snprintf(
			fault, fault_size, "relay: %s: %s cannot be read: %s", f->what, path, strerror(-err));
	return err;
}

/* A file, or two that belong together with a line end between. */
static int copy_file(int memfd, const struct relay_file *f, char *fault, size_t fault_size)
{
	char *first = NULL, *second = NULL;
	size_t first_len = 0, second_len = 0;
	uint8_t length[LENGTH_BYTES];
	int err = read_one(f, f->paths[0], &first, &first_len, fault, fault_size);

	if (err < 0)
		return err;
	if (f->paths[1])
		err = read_one(f, f->paths[1], &second, &second_len, fault, fault_size);
	if (err == 0) {
		be32_put(length, (uint32_t)(first_len + (f->paths[1] ? 1 + second_len : 0)));
		err = write_all(memfd, length, sizeof(length));
		if (err == 0)
			err = write_all(memfd, first, first_len);
		if (err == 0 && f->paths[1])
			err = write_all(memfd, "\n", 1);
		if (err == 0 && f->paths[1])
			err = write_all(memfd, second, second_len);
		if (err < 0)
			snprintf(fault, fault_size, "relay: no memory for %s: %s", f->what, strerror(-err));
	}
	explicit_bzero(first, first_len);
	free(first);
	if (second)
		explicit_bzero(second, second_len);
	free(second);
	return err;
}

int relay_files_read(struct relay_config *c, char *fault, size_t fault_size)
{
	int fd = memfd_create("isthmus-files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct relay_file f;

	if (fd < 0) {
		snprintf(fault, fault_size, "relay: no memory file can be made: %s", strerror(errno));
		return -errno;
	}
	int err = 0;

	for (unsigned i = 0; err == 0 && relay_config_file_at(c, i, &f); i++)
		err = copy_file(fd, &f, fault, fault_size);
	if (err == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err = -errno;
		snprintf(fault, fault_size, "relay: a memory file cannot be sealed: %s", strerror(-err));
	}
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

/* --- the role's side --- */

static bool read_at(int fd, off_t at, void *to, size_t len)
{
	char *p = to;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static int take_text(int fd, off_t *at, struct relay_text *to)
{
	uint8_t length[LENGTH_BYTES];

	if (!read_at(fd, *at, length, sizeof(length)))
		return -EBADMSG;
	size_t len = be32_at(length);

	if (len > 2 * FILE_BYTES_MAX + 1)
		return -EBADMSG;
	char *text = malloc(len + 1);

	if (!text)
		return -ENOMEM;
	if (!read_at(fd, *at + LENGTH_BYTES, text, len)) {
		free(text);
		return -EBADMSG;
	}
	text[len] = '\0';
	*at += (off_t)(LENGTH_BYTES + len);
	*to = (struct relay_text){ text, len };
	return 0;
}

int relay_files_take(int memfd, struct relay_config *c, char *fault, size_t fault_size)
{
	struct relay_file f;
	off_t at = 0;

	for (unsigned i = 0; relay_config_file_at(c, i, &f); i++) {
		int err = take_text(memfd, &at, f.text);

		if (err < 0) {
			snprintf(fault, fault_size, "%s of %s do not come: %s", f.what, f.paths[0],
				strerror(-err));
			return err;
		}
	}
	return 0;
}
