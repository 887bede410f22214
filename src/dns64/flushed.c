/* flushed.c - names whose answers of before must not be used any more; see flushed.h */
#include "dns64/flushed.h"

#include <errno.h>

bool name_scope_holds(const struct dns_name *name, enum name_scope scope, const struct dns_name *n)
{
	return scope == SCOPE_BELOW ? dns_name_is_under(n, name) : dns_name_equal(n, name);
}

static void forget_old(struct flushed *f, nsec now)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < f->len; i++)
		if (now < f->at[i].until)
			f->at[kept++] = f->at[i];
	f->len = kept;
}

int flushed_add(struct flushed *f, const struct dns_name *name, enum name_scope scope, nsec now, nsec until)
{
	unsigned i = 0;

	forget_old(f, now);
	while (i < f->len && (f->at[i].scope != scope || !dns_name_equal(&f->at[i].name, name)))
		i++;
	if (i == FLUSHED_MAX)
		return -ENOSPC;
	f->at[i] = (struct flushed_name){ .name = *name, .scope = scope, .until = until };
	f->len += i == f->len;
	return 0;
}

bool flushed_holds(const struct flushed *f, const struct dns_name *n, nsec now)
{
	for (unsigned i = 0; i < f->len; i++)
		if (now < f->at[i].until && name_scope_holds(&f->at[i].name, f->at[i].scope, n))
			return true;
	return false;
}
