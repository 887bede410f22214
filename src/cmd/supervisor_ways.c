/*
 * supervisor_ways.c - the ways on the host that lead to relays; see supervisor_relay.h
 *
 * What a way is made of says itself that it is ours (dataplane/relayway.h), but not whose: whether its gateway lives. So
 * there is a record beside the control socket, relay.journal, which is written before the first way is made and locked as
 * long as there may be one:
 *
 *	locked by another	its ways, which stay; we can have none
 *	unlocked, and not empty	a gateway was killed: its ways are taken off by the next start, whatever that one is for
 *	none			there are no ways
 *
 * It is not the host's journal (dataplane/host.c), because that one exists only where packets are translated. A gateway with
 * relays does without it where it has to: such a file may get lost with a container that leaves the network as it was.
 */
#include "cmd/supervisor_relay.h"

#include "base/log.h"
#include "cmd/relay_ways.h"
#include "cmd/supervisor.h"
#include "dataplane/journal.h"

#include <errno.h>
#include <string.h>

#define RECORD "relay.journal"

static bool leads_here(const struct relayway *w)
{
	return w->local_len > 0 || w->rules;
}

static bool is_recorded(const struct supervisor *s)
{
	size_t len = 0;

	if (s->ways)
		(void)journal_changes(s->ways, &len);
	return len > 0;
}

/* Forget the record if there is nothing to take off any more; else it stays for the next start. */
static void note_end(struct supervisor *s, int err)
{
	if (s->ways && err == 0)
		journal_forget(s->ways);
	journal_close(s->ways);
	s->ways = NULL;
}

/* Lock the record. Without ways to have, it does not matter that it cannot be had. */
static int note_begin(struct supervisor *s, bool is_needed, const struct fault *f)
{
	char path[sizeof(s->conf->control.socket) + 16];

	supervisor_run_path(s->conf, RECORD, path, sizeof(path));
	int err = journal_open(path, &s->ways);
	if (err == -EBUSY)
		fault_say(f, err, "another gateway here leads packets to its relays (it holds %s)", path);
	else if (err < 0)
		fault_say(f, err, "cannot use %s: %s", path, strerror(-err));
	return is_needed ? err : 0;
}

static int note_write(struct supervisor *s, const struct fault *f)
{
	int err = is_recorded(s) ? 0 : journal_add(s->ways, CHANGE_WAYS, "relays", "", "");

	return err < 0 ? fault_say(f, err, "%s cannot be written: %s", RECORD, strerror(-err)) : 0;
}

/* Have what the configuration in force asks for, and nothing that was left of another one. */
static int have(struct supervisor *s, const struct relayway *want, const struct fault *f)
{
	bool is_needed = leads_here(want), is_first = !s->ways;
	int err = is_first ? note_begin(s, is_needed, f) : 0;
	bool was_left = is_first && is_recorded(s);

	if (err < 0 || !s->ways)
		return err;
	if (is_needed)
		err = note_write(s, f);
	if (err == 0 && (s->relay || was_left))
		err = relayway_set(want, f);
	if (err == 0 && was_left)
		log_warning("relay: undid the ways to relays that a gateway left behind when it was killed");
	if (!is_needed)
		note_end(s, err);
	return err;
}

static int ways_set(struct supervisor *s)
{
	char text[512] = "";
	const struct fault f = { text, sizeof(text) };
	struct relayway want;
	int err = relay_ways_make(s->conf, &want);

	if (err < 0) {
		log_error("relay: out of memory");
		return err;
	}
	err = have(s, &want, &f);
	if (err < 0)
		log_error("relay: %s", text);
	relay_ways_fini(&want);
	return err;
}

int relay_ways_up(struct supervisor *s)
{
	return ways_set(s);
}

void relay_ways_renew(struct supervisor *s)
{
	if (s->relay)
		(void)ways_set(s);
}

void relay_ways_down(struct supervisor *s)
{
	static const struct relayway none;
	char ignored[256];
	const struct fault nobody = { ignored, sizeof(ignored) };

	if (s->ways)
		note_end(s, is_recorded(s) ? relayway_set(&none, &nobody) : 0);
}
