/* fuzz_clienthello.c - any bytes as the beginning of a TLS connection: what is whole stays what it is with more behind */
#include "relay/clienthello.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct clienthello h = { .host = "" }, half = { .host = "" };
	enum clienthello_progress r = clienthello_parse(data, len, &h),
				  before = clienthello_parse(data, len / 2, &half);

	if (before != CLIENTHELLO_MORE && before != r)
		abort(); /* a verdict is final */
	if (before == CLIENTHELLO_WHOLE && strcmp(h.host, half.host) != 0)
		abort();
	if (r != CLIENTHELLO_WHOLE)
		return 0;
	if (strlen(h.host) >= sizeof(h.host) || h.host[0] == '.' || (h.offers_h2 && !h.has_alpn))
		abort();
	for (const char *c = h.host; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", *c))
			abort();
	return 0;
}
