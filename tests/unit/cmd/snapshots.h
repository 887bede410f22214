/* snapshots.h - snapshots for tests, written as the rows that the processes would send */
#ifndef ISTHMUS_TESTS_CMD_SNAPSHOTS_H
#define ISTHMUS_TESTS_CMD_SNAPSHOTS_H

#include "harness.h"

#include "cmd/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUPERVISOR                                                                                           \
	"{'role':'supervisor','version':'0.1.0','pid':7,'uptime_s':12.5,'config':null,'ready':true,"         \
	"'prefixes':['64:ff9b::/96'],'listen':['[::]:53'],'device':{'name':'isthmus0','mtu':1520},'roles':[" \
	"{'name':'translator','pid':8,'state':'ready','restarts':0,'uptime_s':12.4},"                        \
	"{'name':'monitor','pid':9,'state':'waiting','restarts':3,'uptime_s':0.0}]}"
#define TRANSLATOR                                                                                           \
	"{'role':'translator','pid':8,'uptime_s':12.4,'workers':1,'sessions':{'tcp':5,'udp':6,'icmp':7},"    \
	"'bindings':{'tcp':1,'udp':2,'icmp':3},'max_sessions':1000,'subscribers':2,'blocks':126,"            \
	"'blocks_lent':4,'pkts_64':10,'pkts_46':20,'bytes_64':1000,'bytes_46':2000,'dropped':3,"             \
	"'memory_bytes':4096,'novel_things':9,'fastpath':{'flows':12,'room':64,'pairs':0},'pools':["         \
	"{'pool':'192.0.2.64:1024-1151','addresses':1,'subscribers':2,'blocks':2,'blocks_lent':2,"           \
	"'alarm_percent':95}]}"
#define COUNTERS                                                                                             \
	"[{'group':'translated','name':'pkts_64_tcp','value':10,'text':'t'},"                                \
	"{'group':'translated','name':'bytes_64_tcp','value':1000,'text':'t'},"                              \
	"{'group':'translated','name':'pkts_46_icmp','value':20,'text':'t'},"                                \
	"{'group':'icmp','name':'sent_v6','value':2,'text':'t'},"                                            \
	"{'group':'fastpath','name':'pkts_64_tcp','value':9,'text':'t'},"                                    \
	"{'group':'fastpath','name':'pairs_full','value':1,'text':'t'},"                                     \
	"{'group':'fastpath_up','name':'tcp_flags','value':3,'text':'t'},"                                   \
	"{'group':'other','name':'hairpins','value':4,'text':'packets turned around'},"                      \
	"{'group':'drop','name':'FRAGMENT','value':3,'text':'a fragment <b> & \\'more\\''},"                 \
	"{'group':'drop','name':'POOL_EXHAUSTED','value':0,'text':'no free port','by':{"                     \
	"'64':{'tcp':0,'other':0},'46':{'tcp':0},'unknown':{'other':0}}},"                                   \
	"{'group':'drop','name':'TOO_BIG','value':5,'text':'too long','by':{"                                \
	"'64':{'tcp':0,'udp':1},'46':{'icmp':4,'x':'y'},'unknown':3}},"                                      \
	"{'group':'brand-new','name':'thing','value':8,'text':'a group that came later'}]"
#define RESOLVER                                                                                             \
	"{'role':'resolver','pid':9,'uptime_s':1.5,'queries_open':1,'queries_open_max':4096,'truncated':6,"  \
	"'secure':[{'over':'tls','listen':['[::]:853'],'certificate_expires':1800000000,'certificate_days':" \
	"9}]}"
#define RESOLVER_COUNTERS "[{'group':'dns64','name':'truncated','value':6,'text':'replies with TC set'}]"

#define RELAY                                                                                                \
	"{'role':'relay','pid':10,'uptime_s':1.5,'threads':2,'open':4,'services':[{'name':'web<46>',"        \
	"'type':'tcp','listen':'192.0.2.1:8046','visits':1234,'open':4,'bytes_up':2048,"                     \
	"'bytes_down':4194304,'failed':77}]}"
#define TUNNEL                                                                                               \
	"{'role':'tunnel','pid':11,'uptime_s':1.5,'remote':'198.51.100.9','packets_out':4321,"               \
	"'bytes_out':3072,'packets_in':8765,'bytes_in':5242880,'lost_out':0,'lost_in':0,'icmp_errors':55}"
#define TUNNEL_COUNTERS                                                                                      \
	"[{'group':'tunnel','name':'packets_out','value':4321,'text':'IPv6 packets sent'},"                  \
	"{'group':'tunnel','name':'wrong_source','value':6,'text':'a stranger'}]"

/* rows() - JSON with ' for " */
static inline json_t *rows(const char *text)
{
	char *copy = strdup(text);
	json_error_t e;

	REQUIRE(copy != NULL);
	for (char *c = copy; *c; c++) {
		if (*c == '\\' && c[1] == '\'')
			c++, *c = '\'', c[-1] = ' ';
		else if (*c == '\'')
			*c = '"';
	}
	json_t *j = json_loads(copy, 0, &e);
	if (!j)
		CHECK_TEXT(e.text, copy);
	REQUIRE(j != NULL);
	free(copy);
	return j;
}

static inline struct snapshot whole_snapshot(void)
{
	return (struct snapshot){ .parts = {
					  [SNAPSHOT_SUPERVISOR] = { true, true, rows(SUPERVISOR), NULL },
					  [SNAPSHOT_TRANSLATOR] = { true, true, rows(TRANSLATOR),
						  rows(COUNTERS) },
					  [SNAPSHOT_RESOLVER] = { true, true, rows(RESOLVER),
						  rows(RESOLVER_COUNTERS) },
					  [SNAPSHOT_RELAY] = { true, true, rows(RELAY), rows("[]") },
					  [SNAPSHOT_TUNNEL] = { true, true, rows(TUNNEL),
						  rows(TUNNEL_COUNTERS) },
				  } };
}

/* printed() - what a page says about a snapshot; to be freed */
static inline char *printed(int (*print)(const struct snapshot *s, FILE *to), const struct snapshot *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	REQUIRE(to != NULL);
	CHECK_INT(print(s, to), 0);
	REQUIRE(fclose(to) == 0);
	return text;
}

#endif
