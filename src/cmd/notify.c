/* notify.c - a word to the service manager; the protocol of sd_notify(3), which is one datagram */
#include "cmd/supervisor.h"

#include "base/bytes.h"
#include "base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (!path || (path[0] != '/' && path[0] != '@') || !text_copy(to.sun_path, sizeof(to.sun_path), path))
		return;
	size_t len = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	if (path[0] == '@')
		to.sun_path[0] = '\0'; /* an abstract name */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, (socklen_t)len) < 0)
		log_warning("the service manager cannot be told \"%s\": %s", state, strerror(errno));
	close(fd);
}
