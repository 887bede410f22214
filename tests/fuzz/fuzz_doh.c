/* fuzz_doh.c - any bytes as an HTTP/2 client of DNS over HTTPS: every query is replied to, every byte out is read */
#include "dns64/doh.h"

#include <stdlib.h>

static struct doh *server;
static unsigned sum;

static void serve(void *ctx, int32_t stream, const uint8_t *msg, size_t len)
{
	if (len > 4096)
		abort();
	for (size_t i = 0; i < len; i++)
		sum += msg[i];
	if (len % 2 == 0) /* the others stay open */
		(void)doh_reply(server, stream, msg, len);
}

static void refused(void *ctx)
{
}

static void drain(void)
{
	const uint8_t *bytes;

	for (size_t len = doh_give(server, &bytes); len > 0; len = doh_give(server, &bytes))
		for (size_t i = 0; i < len; i++)
			sum += bytes[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct doh_user u = { .path = "/dns-query", .serve = serve, .refused = refused };

	if (doh_new(&u, &server) < 0)
		abort();
	while (len > 0) {
		size_t part = len < 100 ? len : 100;

		if (!doh_take(server, data, part))
			break;
		drain();
		data += part;
		len -= part;
	}
	drain();
	doh_free(server);
	return 0;
}
