/* resolve_host.c - conf_resolve() on the host that we run on */
#include "conf/file.h"
#include "conf/resolve.h"

#include <errno.h>
#include <stdlib.h>

#define RESOLV_BYTES_MAX 65536
#define HOSTS_BYTES_MAX (1u << 20)

int conf_resolve(struct conf *c, const char *resolv_conf, struct conf_errors *ret_errors)
{
	struct conf_host host = {
		.facts = host_facts, .interface_addr4 = host_interface_addr4, .resolv_name = resolv_conf
	};
	char *text = NULL;
	size_t len;
	int e = file_read(resolv_conf, RESOLV_BYTES_MAX, &text, &len);

	if (e == -ENOMEM) {
		*ret_errors = (struct conf_errors){ 0 };
		return e;
	}
	host.resolv_text = e == 0 ? text : NULL;
	char *hosts = NULL;

	if (c->dns64.hosts_file[0] && file_read(c->dns64.hosts_file, HOSTS_BYTES_MAX, &hosts, &len) == 0)
		host.hosts_text = hosts;
	e = conf_resolve_with(c, &host, ret_errors);
	free(hosts);
	free(text);
	return e;
}
