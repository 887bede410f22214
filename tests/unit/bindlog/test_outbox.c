/* test_outbox.c - parcels in, parcels out, bounded */
#include "base/random.h"
#include "bindlog/outbox.h"
#include "harness.h"

#include <string.h>

static bool add(struct outbox *o, const char *text, uint32_t records)
{
	uint8_t *at = outbox_room(o, strlen(text));

	if (!at)
		return false;
	memcpy(at, text, strlen(text));
	outbox_add(o, strlen(text), records);
	return true;
}

static void check_first(const struct outbox *o, const char *text, uint32_t records)
{
	struct parcel p;

	if (!CHECK(outbox_first(o, &p)))
		return;
	CHECK_BYTES(p.payload, p.len, text, strlen(text));
	CHECK_INT(p.records, records);
}

TEST(parcels_come_out_whole_and_in_their_order)
{
	struct outbox o;
	struct parcel p;

	REQUIRE(outbox_init(&o, 64) == 0);
	CHECK(!outbox_first(&o, &p));
	CHECK(add(&o, "one", 1));
	CHECK(add(&o, "two and three", 2));
	check_first(&o, "one", 1);
	outbox_drop_first(&o);
	check_first(&o, "two and three", 2);
	outbox_drop_first(&o);
	CHECK(!outbox_first(&o, &p));
	outbox_drop_first(&o); /* nothing to drop */
	outbox_fini(&o);
}

TEST(a_full_outbox_gives_no_room_until_a_parcel_has_gone)
{
	struct outbox o;

	REQUIRE(outbox_init(&o, 40) == 0);
	CHECK(add(&o, "0123456789", 1)); /* 18 bytes with its head */
	CHECK(add(&o, "abcdefghij", 1));
	CHECK(!add(&o, "x", 1));
	outbox_drop_first(&o);
	CHECK(add(&o, "ABCDEFGHIJ", 1));
	check_first(&o, "abcdefghij", 1);
	outbox_drop_first(&o);
	check_first(&o, "ABCDEFGHIJ", 1);
	CHECK(!outbox_room(&o, 41));
	outbox_fini(&o);
}

TEST(random_parcels_are_as_a_queue_has_them)
{
	struct outbox o;
	struct rng g;
	unsigned in = 0, out = 0;

	rng_init(&g, test_seed());
	REQUIRE(outbox_init(&o, 512) == 0);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *at = rng_below(&g, 2) ? outbox_room(&o, 1 + in % 50) : NULL;

		if (at) {
			memset(at, (int)(in & 0xff), 1 + in % 50);
			outbox_add(&o, 1 + in % 50, in);
			in++;
		} else if (out < in) {
			struct parcel p;

			REQUIRE(outbox_first(&o, &p));
			CHECK_INT(p.records, out);
			CHECK_INT(p.len, 1 + out % 50);
			CHECK(p.payload[0] == (out & 0xff) && p.payload[p.len - 1] == (out & 0xff));
			outbox_drop_first(&o);
			out++;
		}
	}
	CHECK(in > 1000);
	outbox_fini(&o);
}
