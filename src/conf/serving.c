/* serving.c - the keys of dns64.tls; see serving.h */
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
