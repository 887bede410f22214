/* icmp_extension.c - see icmp_extension.h */
#include "xlat/icmp_extension.h"

#include "xlat/checksum.h"

#define STRUCTURE_LEN 4 /* the header: version, checksum; RFC 4884 s7 */
#define STRUCTURE_CSUM_AT 2
#define STRUCTURE_VERSION 2
#define OBJECT_HDR_LEN 4 /* length, Class-Num, C-Type; RFC 4884 s7.1 */
#define OBJECT_LEN 24	 /* header, family, reserved, address */

/* RFC 5837 s4: Class-Num; C-Type of the interface that the datagram came in by (role 0), with its address and no more. */
#define CLASS_INTERFACE 2
#define TYPE_ADDRESS 0x04
#define FAMILY_IPV6 2 /* IANA "Address Family Numbers" */

static bool is_arrival_interface(const uint8_t *object)
{
	return object[2] == CLASS_INTERFACE && object[3] >> 6 == TYPE_ADDRESS >> 6;
}

/* Whether these are whole objects, none of which is about the interface that ours is about. */
static bool has_place(const uint8_t *at, uint32_t left)
{
	while (left > 0) {
		uint32_t len = left < OBJECT_HDR_LEN ? 0 : be16_at(at);

		if (len < OBJECT_HDR_LEN || len > left || len % 4 != 0 || is_arrival_interface(at))
			return false;
		at += len;
		left -= len;
	}
	return true;
}

uint32_t extension_growth(const uint8_t *at, uint32_t len)
{
	if (len == 0)
		return STRUCTURE_LEN + OBJECT_LEN;
	if (len < STRUCTURE_LEN || at[0] >> 4 != STRUCTURE_VERSION)
		return 0;
	return has_place(at + STRUCTURE_LEN, len - STRUCTURE_LEN) ? OBJECT_LEN : 0;
}

static void object_put(uint8_t *at, struct addr6 router)
{
	be16_put(at, OBJECT_LEN);
	at[2] = CLASS_INTERFACE;
	at[3] = TYPE_ADDRESS;
	be16_put(at + 4, FAMILY_IPV6);
	be16_put(at + 6, 0);
	addr6_put(at + 8, router);
}

void extension_name_router(uint8_t *at, uint32_t len, struct addr6 router)
{
	bool is_new = len == 0;

	if (is_new) {
		bytes_zero(at, STRUCTURE_LEN);
		at[0] = STRUCTURE_VERSION << 4;
		len = STRUCTURE_LEN;
	}
	object_put(at + len, router);

	uint16_t before = be16_at(at + STRUCTURE_CSUM_AT);
	csum added = csum_bytes(at + len, OBJECT_LEN);

	if (is_new)
		be16_put(at + STRUCTURE_CSUM_AT, (uint16_t)~csum_fold(csum_bytes(at, STRUCTURE_LEN) + added));
	else if (before != 0) /* RFC 4884 s7: zero says that none was transmitted */
		be16_put(at + STRUCTURE_CSUM_AT, csum_update(before, added));
}
