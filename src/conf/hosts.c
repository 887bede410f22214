/* hosts.c - the names of a file in the form of /etc/hosts; see domains.h */
#include "conf/domains.h"

#include "base/bytes.h"

#include <stdio.h>

#define LINE_BYTES 1024 /* what is longer is passed over */
#define BLANKS " \t\r"

struct hosts {
	struct conf_reading *r;
	unsigned passed_over; /* words that are no address or no name */
	unsigned first;	      /* the line of the first of them */
	unsigned line;
	bool is_full;
};

static void pass_over(struct hosts *h)
{
	if (h->passed_over++ == 0)
		h->first = h->line;
}

/* Whether an address means the same to every host of the network. */
static bool is_for_others(const struct endpoint *e)
{
	if (e->is4)
		return e->a4.v >> 24 != 0 && e->a4.v >> 24 != 127 && e->a4.v >> 28 < 14 &&
		       e->a4.v >> 16 != 0xa9fe;
	return e->a6.hi >> 54 != 0xfe80 >> 6 && e->a6.hi >> 56 != 0xff && !(e->a6.hi == 0 && e->a6.lo <= 1);
}

static void add(struct hosts *h, const struct dns_name *name, const struct endpoint *address)
{
	switch (locals_add(h->r->c, name, address)) {
	case LOCALS_ADDED:
	case LOCALS_KNOWN:
		return;
	case LOCALS_FULL:
		h->is_full = true;
		return;
	case LOCALS_NOMEM:
		h->r->is_nomem = true;
		return;
	}
}

/* "address name alias ..." without its comment, in place. */
static void take_line(struct hosts *h, char *line)
{
	char why[ITEM_WHY], *save = NULL, *word = strtok_r(line, BLANKS, &save);
	struct endpoint e = { .port = 0 };
	struct dns_name name;

	if (!word)
		return;
	char *scope = strchr(word, '%'); /* of a link-local address */

	if (scope)
		*scope = '\0';
	e.is4 = strchr(word, ':') == NULL;
	if (!(e.is4 ? addr4_parse(word, &e.a4) : addr6_parse(word, &e.a6))) {
		pass_over(h);
		return;
	}
	if (!is_for_others(&e))
		return;
	if (scope || !item_local_address.read(word, &e, why)) {
		pass_over(h);
		return;
	}
	while ((word = strtok_r(NULL, BLANKS, &save))) {
		if (item_domain.read(word, &name, why) && name.len > 1)
			add(h, &name, &e);
		else
			pass_over(h);
	}
}

static void take_text(struct hosts *h, const char *text)
{
	while (*text && !h->is_full && !h->r->is_nomem) {
		size_t len = strcspn(text, "\n"), used = strcspn(text, "\n#");
		char line[LINE_BYTES];

		h->line++;
		if (used < sizeof(line)) {
			bytes_copy(line, text, used);
			line[used] = '\0';
			take_line(h, line);
		} else {
			pass_over(h);
		}
		text += len + (text[len] == '\n');
	}
}

void hosts_take(struct conf_reading *r, const char *text)
{
	struct dns64_config *d = &r->c->dns64;
	unsigned line = r->c->origin.hosts_line;
	size_t back = path_enter(r, "dns64.hosts-file");
	struct hosts h = { .r = r };

	if (text)
		take_text(&h, text);
	else
		reading_fault(r, line, "%s cannot be read, write the path of a readable file, or none",
			d->hosts_file);
	if (h.is_full)
		reading_fault(r, line, "with %s there are more than %d addresses of local names, write fewer",
			d->hosts_file, DNS64_LOCAL_MAX);
	if (h.passed_over > 0)
		reading_warning(r, line,
			"%s has %u words that are no address and no name of a host, the first in line %u; "
			"they "
			"are left out",
			d->hosts_file, h.passed_over, h.first);
	d->hosts_file[0] = '\0';
	path_leave(r, back);
}
