/* file.h - a whole text file in memory */
#ifndef ISTHMUS_CONF_FILE_H
#define ISTHMUS_CONF_FILE_H

#include "base/compiler.h"

#include <stddef.h>

/**
 * file_read() - read at most @max bytes of a regular file, pipe or device
 * @ret_text:	@ret_len bytes and a zero; free()
 *
 * Return: 0; -ENOMEM; another -errno. Outputs untouched on failure.
 * Context: start-up and reload.
 */
MUST_CHECK int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len);

#endif
