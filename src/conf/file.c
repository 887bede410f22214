/* file.c - reading a text file whole; see file.h */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP 16384

/* Grows the text until the file ends or @max is reached. */
static int read_all(int fd, size_t max, char **text, size_t *len)
{
	for (size_t room = 0;;) {
		if (*len == room) {
			char *more = realloc(*text, room + STEP + 1);

			if (!more)
				return -ENOMEM;
			*text = more;
			room += STEP;
		}
		size_t want = room - *len < max - *len ? room - *len : max - *len;
		ssize_t n = read(fd, *text + *len, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*len += (size_t)n;
		if (n == 0) {
			(*text)[*len] = '\0';
			return 0;
		}
	}
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = read_all(fd, max, &text, &len);

	close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}
