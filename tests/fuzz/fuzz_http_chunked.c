/* fuzz_http_chunked.c - any bytes as a chunked body: whole and byte by byte, the same is found */
#include "relay/http_body.h"

#include <stdlib.h>

struct found {
	enum http_step step;
	size_t used, data_len;
	uint64_t data_sum;
};

static struct found run(const char *bytes, size_t len, size_t part)
{
	struct http_body b = { .framing = HTTP_BODY_CHUNKED };
	struct found f = { .step = HTTP_STEP_MORE };
	size_t there = part < len ? part : len;

	for (;;) {
		struct http_piece p;

		f.step = http_body_next(&b, bytes + f.used, there - f.used, &p);
		if (p.skip + p.len > there - f.used)
			abort();
		f.used += p.skip;
		for (size_t i = 0; f.step == HTTP_STEP_DATA && i < p.len; i++)
			f.data_sum = f.data_sum * 31 + (uint8_t)bytes[f.used + i];
		if (f.step == HTTP_STEP_DATA) {
			http_body_took(&b, p.len);
			f.used += p.len;
			f.data_len += p.len;
		}
		if (f.step == HTTP_STEP_END || f.step == HTTP_STEP_MALFORMED)
			return f;
		if (f.step == HTTP_STEP_MORE && there == len)
			return f;
		if (f.step == HTTP_STEP_MORE)
			there = part < len - there ? there + part : len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *bytes = (const char *)data;

	if (len > 2000)
		return 0;
	struct found whole = run(bytes, len, len), cut = run(bytes, len, 1);

	if (whole.step != cut.step || whole.data_len != cut.data_len || whole.data_sum != cut.data_sum)
		abort();
	if (whole.step == HTTP_STEP_END && whole.used != cut.used)
		abort();
	return 0;
}
