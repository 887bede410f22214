/*
 * other.h - protocols without ports, bound by whole addresses: (number, IPv6 address) <-> (number, pool address)
 *
 * See other.c for the theory. Bindings and sessions stand in the tables of all protocols, under PROTO_OTHER and with the
 * IANA number where others have a port.
 */
#ifndef ISTHMUS_STATE_OTHER_H
#define ISTHMUS_STATE_OTHER_H

#include "state/adopt.h"
#include "state/tables.h"

/**
 * other_open() - make the binding of a flow that has none: see state_binding_open()
 * @subscriber:	of f->src; forgotten on failure if it holds nothing else
 *
 * Drops: PROTOCOL (not in the list), PROTOCOL_HOSTS, PROTOCOL_NO_ADDRESS
 * Cost: at most ADDRESS_TRIES look-ups; allocates nothing.
 */
MUST_CHECK enum drop_reason other_open(
	struct state *s, const struct flow64 *f, uint32_t subscriber, uint32_t *ret);

/** other_enter() - enter a binding that other_open() or other_find_fault() allows, of this subscriber; its number */
uint32_t other_enter(struct state *s, const struct binding *b, uint32_t subscriber);

/** other_find_fault() - why a host may not have this address for protocol @number again, which nobody has; or ADOPTION_DONE */
MUST_CHECK enum adoption other_find_fault(
	const struct state *s, struct addr6 in, struct addr4 out, uint16_t number);

/** other_may_have() - whether those who borrow from pool number @pool (fixed.h) may have this whole address */
bool other_may_have(const struct state_config *c, uint8_t pool, struct addr4 a);

/** other_add_static() - enter a static binding; -EINVAL if other_may_have() forbids its address, or it is taken */
MUST_CHECK int other_add_static(struct state *s, const struct static_binding *want);

/** other_forget() - a dynamic binding is about to go: its subscriber has one less, and goes too if that was all */
void other_forget(struct state *s, uint32_t binding);

#endif
