/* endpoint.c - see endpoint.h */
#include "addr/endpoint.h"

const char *endpoint_text(const struct endpoint *e, char buf[static ENDPOINT6_TEXT])
{
	return e->is4 ? endpoint4_text(e->a4, e->port, buf) : endpoint6_text(e->a6, e->port, buf);
}

const char *endpoint_address_text(const struct endpoint *e, char buf[static ADDR6_TEXT])
{
	return e->is4 ? addr4_text(e->a4, buf) : addr6_text(e->a6, buf);
}
