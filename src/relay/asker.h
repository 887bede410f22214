/*
 * asker.h - questions to name servers, on the loop (c-ares underneath)
 *
 * c-ares sends, repeats, changes to TCP, and reads the replies. Nothing is remembered here: that is names.h.
 */
#ifndef ISTHMUS_RELAY_ASKER_H
#define ISTHMUS_RELAY_ASKER_H

#include "base/compiler.h"
#include "relay/names.h"

struct asker; /* opaque */

struct asker_plan {
	struct loop *loop;
	/** replied() - of a question: what was said, and for how many seconds it holds; maybe from asker_ask() */
	void (*replied)(void *question, const struct names_answer *a, unsigned seconds);
	/** settled() - replied() was called, and c-ares has returned: anything may be done */
	void (*settled)(void *ctx);
	void *ctx;
};

/** asker_new() - 0; -ENOMEM. It has no server yet. Context: names_new() */
MUST_CHECK int asker_new(const struct asker_plan *plan, struct asker **ret);
void asker_free(struct asker *a); /* nobody is told any more; NULL is fine */

/** asker_ask() - ask for one family of @host, which is fit to be sent; replied() is called once with @question */
void asker_ask(struct asker *a, const char *host, enum names_family family, void *question);

/** asker_set_servers() - ask others; what is open is forgotten, and replied() is not called for it. 0; -ENOMEM */
MUST_CHECK int asker_set_servers(struct asker *a, const struct endpoint *servers, unsigned len);

#endif
