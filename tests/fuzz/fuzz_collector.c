/*
 * fuzz_collector.c - whatever a collector says is taken for what it is, without a crash or a wait
 *
 * The input is all that the collector ever says, in answer to READY and to STOP. It hangs up behind it.
 */
#include "dns64/query_collector.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t frame[] = { 0, 0, 0, 1, 7 };
	struct query_collector *c = NULL;
	size_t sent = 0;
	int ends[2];

	if (len > 4096 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
		return 0;
	ssize_t said = write(ends[1], data, len);

	ASSERT(said == (ssize_t)len && shutdown(ends[1], SHUT_WR) == 0);
	int err = query_collector_new(ends[0], &c);

	ASSERT((err == 0) == (c != NULL));
	if (c)
		ASSERT(query_collector_write(c, frame, sizeof(frame), &sent) == 0 && sent == sizeof(frame));
	query_collector_free(c);
	close(ends[1]);
	return 0;
}
