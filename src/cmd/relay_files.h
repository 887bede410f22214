/*
 * relay_files.h - the files that relays need, from the supervisor, which may read them, to the role, in one memory file
 *
 * In the order of relay_config_file_at(): four bytes of length (network order), then so many bytes.
 */
#ifndef ISTHMUS_CMD_RELAY_FILES_H
#define ISTHMUS_CMD_RELAY_FILES_H

#include "base/compiler.h"
#include "relay/config.h"

#include <stddef.h>

/** relay_files_read() - read all files into a memory file; a descriptor, or -errno with @fault filled */
MUST_CHECK int relay_files_read(struct relay_config *c, char *fault, size_t fault_size);

/** relay_files_take() - give a configuration the texts of its files out of such a memory file; 0, -errno with @fault filled */
MUST_CHECK int relay_files_take(int memfd, struct relay_config *c, char *fault, size_t fault_size);

#endif
