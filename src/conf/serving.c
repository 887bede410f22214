/* serving.c - the keys of dns64.tls and dns64.per-client; see serving.h */
#include "conf/serving.h"

#include "base/bytes.h"
#include "conf/shape.h"

#define AT(member) offsetof(struct conf, dns64.member)

static const struct conf_key tls_rows[] = {
	{ .path = "dns64.tls.listen",
		.shape = &shape_list,
		.at = AT(tls.listen),
		.len_at = AT(tls.listen_len),
		.max = DNS64_LISTEN_MAX,
		.of = &item_endpoint,
		.standard = "[]",
		.change = CONF_CHANGE_RESTART,
		.help = "Addresses and ports of DNS over TLS, usually port 853; an empty list switches it "
			"off." },
	{ .path = "dns64.tls.certificate",
		.shape = &shape_item,
		.at = AT(tls.certificate),
		.of = &item_pem_path,
		.standard = "/etc/isthmus/certificate.pem",
		.help = "The file (PEM) with the certificate and those above it; read anew at each reload." },
	{ .path = "dns64.tls.key",
		.shape = &shape_item,
		.at = AT(tls.key),
		.of = &item_pem_path,
		.standard = "/etc/isthmus/key.pem",
		.help = "The file (PEM) with the certificate's private key, without a password." },
};
const struct conf_keys conf_dns64_tls_keys = { tls_rows, ARRAY_LEN(tls_rows) };

static const struct conf_key per_client_rows[] = {
	{ .path = "dns64.per-client.ipv6-length",
		.shape = &shape_number,
		.at = AT(per_client.ipv6_length),
		.min = 32,
		.max = 128,
		.standard = "64",
		.help = "A client is an IPv6 prefix of this length." },
	{ .path = "dns64.per-client.ipv4-length",
		.shape = &shape_number,
		.at = AT(per_client.ipv4_length),
		.min = 8,
		.max = 32,
		.standard = "32",
		.help = "A client is an IPv4 prefix of this length." },
	{ .path = "dns64.per-client.queries",
		.shape = &shape_number,
		.at = AT(per_client.queries),
		.min = 1,
		.max = 1u << 20,
		.standard = "2048",
		.help = "Queries that one client may have open at once; more are told SERVFAIL." },
	{ .path = "dns64.per-client.connections",
		.shape = &shape_number,
		.at = AT(per_client.connections),
		.min = 1,
		.max = 1u << 20,
		.standard = "128",
		.help = "Connections that one client may have at once; more are closed." },
	{ .path = "dns64.per-client.responses-per-second",
		.shape = &shape_number,
		.at = AT(per_client.responses_per_second),
		.max = 1000000,
		.standard = "0",
		.help = "Answers to one client over UDP without a valid cookie, per second; 0: no limit." },
	{ .path = "dns64.per-client.slip",
		.shape = &shape_number,
		.at = AT(per_client.slip),
		.max = 100,
		.standard = "2",
		.help = "Beyond that rate, every how many-th query is told to come over TCP; 0: none." },
};
const struct conf_keys conf_dns64_per_client_keys = { per_client_rows, ARRAY_LEN(per_client_rows) };
