/* supervisor_status.c - what the supervisor says about the gateway: the row of `status` (docs/control.md) */
#include "cmd/supervisor.h"

#include <unistd.h>

static json_t *device_row(const struct supervisor *s)
{
	struct host_status st;

	if (!s->host)
		return json_null();
	host_status(s->host, &st);
	return json_pack("{s:s, s:i, s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:b}", "name", st.device, "mtu",
		(int)st.mtu, "tso4", st.tso4, "tso6", st.tso6, "uso", st.uso, "steering", st.steering,
		"steered_interfaces", (int)st.steered_interfaces, "coalescing_interfaces",
		(int)st.coalescing_interfaces, "coalescing_wait_us", (int)st.coalescing_wait_us, "queues",
		(int)st.queues, "queues_steered", st.queues_steered);
}

static json_t *roles_rows(const struct supervisor *s)
{
	json_t *rows = json_array();
	struct process_info info;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!s->roles[i])
			continue;
		process_info(s->roles[i], &info);
		json_array_append_new(
			rows, json_pack("{s:s, s:i, s:s, s:i, s:f}", "name", info.name, "pid", (int)info.pid,
				      "state", process_state_name(info.state), "restarts", (int)info.restarts,
				      "uptime_s", (double)(info.uptime_ns / MSEC) / 1000));
	}
	return rows;
}

static json_t *prefixes_rows(const struct supervisor *s)
{
	json_t *rows = json_array();
	char text[PREFIX6_TEXT];

	for (unsigned i = 0; s->conf->has_nat64 && i < s->conf->nat64.prefixes_len; i++)
		json_array_append_new(rows, json_string(prefix6_text(s->conf->nat64.prefixes[i], text)));
	return rows;
}

/* Null without stateless translation. */
static json_t *siit_row(const struct supervisor *s)
{
	const struct siit_config *c = &s->conf->nat64.siit;
	json_t *prefixes = json_array();
	char text[PREFIX6_TEXT];

	if (!s->conf->has_siit) {
		json_decref(prefixes);
		return json_null();
	}
	for (unsigned i = 0; i < c->prefixes_len; i++)
		json_array_append_new(prefixes, json_string(prefix6_text(c->prefixes[i], text)));
	return json_pack("{s:o, s:i, s:i}", "prefixes", prefixes, "mappings", (int)c->mappings_len,
		"translatable", (int)c->translatable_len);
}

static json_t *listen_rows(const struct supervisor *s)
{
	json_t *rows = json_array();
	char text[ENDPOINT6_TEXT];

	for (unsigned i = 0; s->conf->has_dns64 && i < s->conf->dns64.listen_len; i++)
		json_array_append_new(rows, json_string(endpoint_text(&s->conf->dns64.listen[i], text)));
	return rows;
}

static json_t *metrics_row(const struct supervisor *s)
{
	const struct conf_metrics *m = &s->conf->control.metrics;
	char text[ENDPOINT6_TEXT];

	return m->is_on ? json_string(endpoint_text(&m->at, text)) : json_null();
}

json_t *supervisor_status_row(const struct supervisor *s)
{
	return json_pack("{s:s, s:s, s:i, s:f, s:s?, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"role", "supervisor", "version", ISTHMUS_VERSION, "pid", (int)getpid(), "uptime_s",
		(double)((clock_now() - s->started) / MSEC) / 1000, "config", s->config_path, "ready",
		s->is_ready, "prefixes", prefixes_rows(s), "siit", siit_row(s), "listen", listen_rows(s),
		"dns64_fastpath", fastdns_row(s), "fastpath", flowpath_row(s), "metrics", metrics_row(s),
		"device", device_row(s), "clat", s->clat ? clat_follow_row(s->clat) : json_null(), "roles",
		roles_rows(s));
}
