/*
 * fuzz_bindlog.c - any bytes as a binding log
 *
 * A line that is taken is written again and read again to the same; and whatever lines a log has, the answer about one port
 * at one moment is made of rows that span the moment and concern the port.
 */
#include "bindlog/history.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESS 0xc0000202 /* 192.0.2.2 */
#define PORT 2050
#define MOMENT UINT64_C(1764079385000)

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_record(const struct record *r)
{
	char first[RECORD_TEXT], second[RECORD_TEXT];
	struct record again;
	size_t len = record_write(r, first);

	require(len > 0 && len < RECORD_TEXT && first[len - 1] == '\n');
	require(record_read(first, len - 1, &again) == RECORD_TAKEN);
	require(record_write(&again, second) == len && memcmp(first, second, len) == 0);
}

static void check_answer(const struct history *h)
{
	struct history_cover cover;
	struct history_row row;

	history_cover(h, &cover);
	require(!(cover.is_before && cover.is_after));
	for (unsigned i = 0; history_row(h, i, &row); i++) {
		require(row.record.address.v == ADDRESS);
		require(row.record.port <= PORT && PORT <= row.record.last_port);
		require(!row.has_start || row.start <= MOMENT);
		require(row.how == HISTORY_OPEN || row.how == HISTORY_CUT || row.end >= MOMENT);
	}
}

static void check_wholes(const struct history *h)
{
	struct history_row row;

	for (unsigned i = 0; history_row(h, i, &row); i++) {
		require(row.record.address.v == ADDRESS);
		require(row.record.proto == PROTO_OTHER);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct history *h = NULL, *whole = NULL;

	if (size > 16384 || history_new((struct addr4){ ADDRESS }, PORT, MOMENT, &h) < 0)
		return 0;
	require(history_new((struct addr4){ ADDRESS }, HISTORY_NO_PORT, MOMENT, &whole) == 0);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
		struct record r;

		if (record_read(at, len, &r) == RECORD_TAKEN) {
			check_record(&r);
			history_take(h, &r);
			history_take(whole, &r);
		}
		at += len + (newline != NULL);
	}
	check_answer(h);
	check_wholes(whole);
	history_free(h);
	history_free(whole);
	return 0;
}
