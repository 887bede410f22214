/* log_files.c - see log_files.h; zlib reads plain files as they are */
#include "cmd/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FILES_MAX 4096
#define CHUNK_BYTES 65536
#define PATH_BYTES 4096

struct file {
	char path[PATH_BYTES];
	unix_ms first; /* of its records; 0: it has none */
};

bool log_files_is_rotated(const char *suffix)
{
	size_t len = strlen(suffix), digits;

	if (len > 3 && strcmp(suffix + len - 3, ".gz") == 0)
		len -= 3;
	if (len < 2 || (suffix[0] != '.' && suffix[0] != '-'))
		return false;
	digits = strspn(suffix + 1, "0123456789-");
	return digits > 0 && digits + 1 == len;
}

/* --- lines --- */

struct reader {
	gzFile gz;
	char bytes[CHUNK_BYTES];
	size_t len, at;
	bool is_over;
};

/* The next line without its newline; false at the end. A line longer than the chunk comes in parts, which are no records. */
static bool next_line(struct reader *r, const char **ret, size_t *ret_len)
{
	for (;;) {
		const char *begin = r->bytes + r->at, *newline = memchr(begin, '\n', r->len - r->at);
		bool is_last = r->is_over && r->at < r->len;

		if (newline || is_last || r->len - r->at == CHUNK_BYTES) {
			*ret = begin;
			*ret_len = newline ? (size_t)(newline - begin) : r->len - r->at;
			r->at += *ret_len + (newline != NULL);
			return true;
		}
		if (r->is_over)
			return false;
		bytes_move(r->bytes, begin, r->len - r->at);
		r->len -= r->at;
		r->at = 0;
		int n = gzread(r->gz, r->bytes + r->len, (unsigned)(CHUNK_BYTES - r->len));

		r->is_over = n <= 0;
		r->len += n > 0 ? (size_t)n : 0;
	}
}

static bool open_reader(struct reader *r, const char *path)
{
	r->len = r->at = 0;
	r->is_over = false;
	r->gz = gzopen(path, "rb");
	if (r->gz)
		return true;
	fprintf(stderr, "isthmus: %s cannot be read: %s\n", path, strerror(errno));
	return false;
}

/* False if the file ends in the middle of what was compressed. */
static bool close_reader(struct reader *r, const char *path)
{
	int err = Z_OK;
	const char *why = gzerror(r->gz, &err);
	bool is_whole = err == Z_OK || err == Z_STREAM_END;

	if (!is_whole)
		fprintf(stderr, "isthmus: %s is damaged: %s\n", path, err == Z_ERRNO ? strerror(errno) : why);
	gzclose(r->gz);
	return is_whole;
}

/* --- files --- */

static unix_ms first_of(struct reader *r, const char *path)
{
	const char *line;
	size_t len;
	struct record rec = { .when = 0 };

	if (!open_reader(r, path))
		return 0;
	while (next_line(r, &line, &len) && record_read(line, len, &rec) != RECORD_TAKEN)
		continue;
	gzclose(r->gz);
	return rec.when;
}

static int by_first(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int find_files(const char *path, struct reader *r, struct file **ret, unsigned *ret_len)
{
	char dir_copy[PATH_BYTES], name_copy[PATH_BYTES];

	if (!text_copy(dir_copy, sizeof(dir_copy), path) || !text_copy(name_copy, sizeof(name_copy), path))
		return -ENAMETOOLONG;
	const char *dir = dirname(dir_copy), *name = basename(name_copy);
	DIR *d = opendir(dir);
	struct file *files = d ? calloc(FILES_MAX, sizeof(*files)) : NULL;
	unsigned len = 0;

	if (!d)
		return -errno;
	for (struct dirent *e; files && (e = readdir(d)) != NULL && len < FILES_MAX;) {
		bool is_it = strncmp(e->d_name, name, strlen(name)) == 0;
		const char *suffix = is_it ? e->d_name + strlen(name) : "?";

		if (suffix[0] != '\0' && !log_files_is_rotated(suffix))
			continue;
		snprintf(files[len].path, PATH_BYTES, "%.2047s/%.2047s", dir, e->d_name);
		files[len].first = first_of(r, files[len].path);
		len++;
	}
	closedir(d);
	if (!files)
		return -ENOMEM;
	qsort(files, len, sizeof(*files), by_first);
	*ret = files;
	*ret_len = len;
	return 0;
}

static void read_one(struct reader *r, const char *path, void (*take)(void *ctx, const struct record *r),
	void *ctx, struct log_files *sum)
{
	const char *line;
	size_t len;
	struct record rec;

	if (!open_reader(r, path)) {
		sum->unreadable++;
		return;
	}
	while (next_line(r, &line, &len)) {
		enum record_read read = record_read(line, len, &rec);

		if (read == RECORD_TAKEN)
			take(ctx, &rec);
		sum->records += read == RECORD_TAKEN;
		sum->malformed += read == RECORD_MALFORMED;
	}
	sum->files++;
	sum->unreadable += !close_reader(r, path);
}

int log_files_read(
	const char *path, void (*take)(void *ctx, const struct record *r), void *ctx, struct log_files *ret)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct log_files sum = { 0 };
	struct file *files = NULL;
	unsigned len = 0;

	if (!r)
		return -ENOMEM;
	int err = find_files(path, r, &files, &len);

	for (unsigned i = 0; i < len; i++)
		read_one(r, files[i].path, take, ctx, &sum);
	free(files);
	free(r);
	if (err < 0)
		return err;
	*ret = sum;
	return len > 0 ? 0 : -ENOENT;
}
