/* test_ftp_packets.c - RFC 6384: connections, headers, offload and ports around the conversation of test_ftp.c */
#include "ftp_peers.h"

#include "nat64/ftp.h"
#include "nat64/ftp_text.h"

#define GREETED 11 /* bytes of "220 ready\r\n" */

TEST(eprt_is_read_as_rfc2428_s2_says)
{
	static const struct {
		const char *arg;
		const char *address; /* NULL: refused */
		uint16_t port;
	} rows[] = {
		{ "|2|2001:db8::1|5282|", "2001:db8::1", 5282 },
		{ "!2!::1!65535!", "::1", 65535 },
		{ "|2|2001:db8::1|0|", NULL, 0 },
		{ "|2|2001:db8::1|65536|", NULL, 0 },
		{ "|2|2001:db8::1|99999999999999999999|", NULL, 0 },
		{ "|2|2001:db8::1|5282|x", NULL, 0 },
		{ "|1|192.0.2.1|5282|", NULL, 0 },
		{ "|2|192.0.2.1|5282|", NULL, 0 },
		{ "|2||5282|", NULL, 0 },
		{ "|2|2001:db8:0000:0000:0000:0000:0000:0001:0001:0001|5282|", NULL, 0 },
		{ "222001:db8::125282", NULL, 0 },
		{ ":2:2001:db8::1:5282:", NULL, 0 },
		{ "", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr6 a = { 7, 7 };
		uint16_t port = 4711;
		size_t len = strlen(rows[i].arg);

		test_row(rows[i].arg);
		CHECK_INT(
			ftp_eprt_arg((const uint8_t *)rows[i].arg, len, &a, &port), rows[i].address != NULL);
		CHECK_INT(port, rows[i].address ? rows[i].port : 4711);
		if (rows[i].address)
			check_addr6(a, rows[i].address);
		else
			CHECK(a.hi == 7 && a.lo == 7);
		for (size_t n = 0; n < len; n++)
			CHECK(!ftp_eprt_arg((const uint8_t *)rows[i].arg, n, &a, &port) ||
				rows[i].arg[len - 1] == 'x');
	}
	test_row(NULL);
}

TEST(a_227_is_read_whatever_stands_around_the_numbers_rfc1123_s4_1_2_6)
{
	static const struct {
		const char *text;
		int port; /* 0: refused */
	} rows[] = {
		{ "227 Entering Passive Mode (192,0,2,31,237,19)", 60691 },
		{ "227 Entering Passive Mode 192,0,2,31,237,19", 60691 },
		{ "227 =1,2,3,4,0,1", 1 },
		{ "227 (1,2,3,4,5)", 0 },
		{ "227 (1,2,3,4,5,256)", 0 },
		{ "227 (1,2,3,4,5,6,7)", 0 },
		{ "227 (1, 2,3,4,5,6)", 0 },
		{ "227 (1,2,3,4,0,0)", 0 },
		{ "227 (9,9) (1,2,3,4,5,6)", 1286 },
		{ "227", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr4 a = { 7 };
		uint16_t port = 0;

		test_row(rows[i].text);
		CHECK_INT(ftp_pasv_reply((const uint8_t *)rows[i].text, strlen(rows[i].text), &a, &port),
			rows[i].port != 0);
		CHECK_INT(port, rows[i].port);
		CHECK_INT(a.v == 7, rows[i].port == 0);
	}
	test_row(NULL);
}

/* --- active mode --- */

static uint16_t announce(struct ftp_lab *l, uint16_t port)
{
	char line[100];
	unsigned n[6];

	snprintf(line, sizeof(line), "EPRT |2|%s|%u|\r\n", CLIENT, port);
	(void)heard(l, SERVER_END);
	tell(l, CLIENT_END, line);
	REQUIRE(sscanf(heard(l, SERVER_END), "PORT %u,%u,%u,%u,%u,%u\r\n", n, n + 1, n + 2, n + 3, n + 4,
			n + 5) == 6);
	CHECK_INT(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3], 0xc0000240);
	tell(l, SERVER_END, "200 PORT ok\r\n");
	CHECK_TEXT(heard(l, CLIENT_END), "200 PORT ok\r\n");
	return (uint16_t)(n[4] << 8 | n[5]);
}

static enum verdict connect_from(struct ftp_lab *l, const char *address, uint16_t sport, uint16_t port)
{
	const struct craft_ip ip = { .src = address, .dst = POOL };

	craft_tcp(&l->b->in, &ip, sport, port, TCP_SYN, 0);
	return send_plain(l->b);
}

TEST(rfc6384_s7_2_the_server_reaches_the_port_of_eprt_and_nobody_else_does)
{
	struct ftp_lab *l = ftp_lab_greeted();
	uint16_t port = announce(l, 5282);

	CHECK_INT(happened(l, FTP_DID_EPRT), 1);
	CHECK_INT(connect_from(l, "203.0.113.9", 20, port), VERDICT_HOLD);
	CHECK_INT(connect_from(l, SERVER, 20, port), VERDICT_SEND);
	REQUIRE(l->b->sent == 1);
	check_addr6(l->b->v[0].dst6, CLIENT);
	CHECK_INT(l->b->v[0].dport, 5282);
	CHECK_INT(announce(l, 5282), port);
	CHECK(announce(l, 5284) != port);
	ftp_lab_free(l);
}

TEST(rfc6384_s12_the_port_of_eprt_waits_as_long_as_a_transitory_connection)
{
	struct ftp_lab *l = ftp_lab_greeted();
	struct nat64_out out = { .send = capture, .ctx = l->b };
	uint16_t port = announce(l, 5282);

	l->b->now += 239 * NSEC;
	nat64_tick(l->b->n, l->b->now, &out);
	CHECK_INT(connect_from(l, SERVER, 20, port), VERDICT_SEND);
	ftp_lab_free(l);
}

TEST(rfc6384_s7_2_without_a_port_the_client_hears_425)
{
	struct bench *b = bench_config();

	b->cfg.ftp_alg = true;
	b->cfg.state.max_sessions = 16;
	bench_start(b);
	struct ftp_lab *l = ftp_lab_with(b, false);

	tell(l, SERVER_END, "220 ready\r\n");
	for (uint16_t i = 0; i < 20; i++) {
		craft_tcp(&b->in, &to_server, (uint16_t)(50000 + i), 80, TCP_SYN, 0);
		(void)send_plain(b);
	}
	b->sent = 0;
	tell(l, CLIENT_END, "EPRT |2|" CLIENT "|5282|\r\n");
	CHECK_TEXT(heard(l, SERVER_END), "NOOP\r\n");
	tell(l, SERVER_END, "200 ok\r\n");
	CHECK_TEXT(heard(l, CLIENT_END), "220 ready\r\n425 Can't open data connection\r\n");
	CHECK_INT(happened(l, FTP_DID_NO_PORT), 1);
	ftp_lab_free(l);
}

TEST(rfc6384_s8_the_default_data_port_is_that_of_the_control_connection)
{
	struct ftp_lab *l = ftp_lab_greeted();

	CHECK_INT(connect_from(l, SERVER, 20, l->pool_port), VERDICT_SEND);
	REQUIRE(l->b->sent == 1);
	CHECK_INT(l->b->v[0].dport, CLIENT_PORT);
	ftp_lab_free(l);
}

/* --- modes --- */

TEST(rfc6384_s5_after_auth_nothing_is_changed_and_numbers_still_are)
{
	static const struct exchange before[] = { { "grows", "EPSV ALL\r\n", "NOOP\r\n", "200 ok\r\n",
		"504 Command not implemented for that parameter\r\n" } };
	static const struct exchange after[] = {
		{ "AUTH", "AUTH TLS\r\n", "AUTH TLS\r\n", "234 go\r\n", "234 go\r\n" },
		{ "as it is", "EPSV\r\n", "EPSV\r\n", "229 (|||5|)\r\n", "229 (|||5|)\r\n" },
		{ "ALGS too", "ALGS STATUS64\r\n", "ALGS STATUS64\r\n", "500 ?\r\n", "500 ?\r\n" },
		{ "Telnet too", "\377\375\006x", "\377\375\006x", "\377\375\006", "\377\375\006" },
	};
	struct ftp_lab *l = ftp_lab_greeted();

	check_exchange(l, before);
	for (size_t i = 0; i < ARRAY_LEN(after); i++)
		check_exchange(l, &after[i]);
	CHECK_INT(happened(l, FTP_DID_AUTH), 1);
	ftp_lab_free(l);
}

TEST(rfc6384_s5_a_refused_auth_changes_nothing)
{
	static const struct exchange rows[] = {
		{ "AUTH", "AUTH TLS\r\n", "AUTH TLS\r\n", "502 no\r\n", "502 no\r\n" },
		{ "EPSV", "EPSV\r\n", "PASV\r\n", "227 (1,2,3,4,5,6)\r\n",
			"229 Entering Extended Passive Mode (|||1286|)\r\n" },
		{ "pipelined", "AUTH TLS\r\nEPSV\r\n", "AUTH TLS\r\nEPSV\r\n", "431 no\r\n500 ?\r\n",
			"431 no\r\n500 ?\r\n" },
		{ "EPSV again", "EPSV\r\n", "PASV\r\n", "227 (1,2,3,4,5,6)\r\n",
			"229 Entering Extended Passive Mode (|||1286|)\r\n" },
	};
	struct ftp_lab *l = ftp_lab_greeted();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_exchange(l, &rows[i]);
	CHECK_INT(happened(l, FTP_DID_AUTH), 0);
	ftp_lab_free(l);
}

TEST(rfc6384_s11_disabled_and_enabled_again)
{
	static const struct exchange rows[] = {
		{ "disable", "ALGS DISABLE64\r\n", "NOOP\r\n", "200 ok\r\n", "216 NONE\r\n" },
		{ "EPSV passes", "EPSV\r\n", "EPSV\r\n", "229 (|||5|)\r\n", "229 (|||5|)\r\n" },
		{ "EPRT passes", "EPRT |2|" CLIENT "|5282|\r\n", "EPRT |2|" CLIENT "|5282|\r\n", "500 ?\r\n",
			"500 ?\r\n" },
		{ "status", "ALGS STATUS64\r\n", "NOOP\r\n", "200 ok\r\n", "216 NONE\r\n" },
		{ "enable", "ALGS ENABLE64\r\n", "NOOP\r\n", "200 ok\r\n", "216 EPSVEPRT\r\n" },
		{ "EPSV", "EPSV\r\n", "PASV\r\n", "500 ?\r\n", "500 ?\r\n" },
		{ "disable again", "ALGS DISABLE64\r\n", "NOOP\r\n", "200 ok\r\n", "216 NONE\r\n" },
		{ "REIN begins anew", "REIN\r\n", "REIN\r\n", "220 ready\r\n", "220 ready\r\n" },
		{ "status after it", "ALGS STATUS64\r\n", "NOOP\r\n", "200 ok\r\n", "216 EPSVEPRT\r\n" },
	};
	struct ftp_lab *l = ftp_lab_greeted();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_exchange(l, &rows[i]);
	ftp_lab_free(l);
}

TEST(a_client_that_speaks_http_opens_no_port)
{
	struct ftp_lab *l = ftp_lab_greeted();

	tell(l, CLIENT_END, "POST / HTTP/1.1\r\nHost: ftp.example:21\r\n\r\nEPRT |2|" CLIENT "|5282|\r\n");
	CHECK_TEXT(heard(l, SERVER_END),
		"POST / HTTP/1.1\r\nHost: ftp.example:21\r\n\r\nEPRT |2|" CLIENT "|5282|\r\n");
	CHECK_INT(happened(l, FTP_DID_NOT_FTP), 1);
	CHECK_INT(happened(l, FTP_DID_EPRT), 0);
	ftp_lab_free(l);
}

TEST(a_line_without_end_is_held_no_longer_than_a_line_of_ours_can_be)
{
	struct ftp_lab *l = ftp_lab_greeted();
	char line[1000];

	memset(line, ' ', sizeof(line));
	memcpy(line, "EPSV", 4);
	line[sizeof(line) - 1] = '\0';
	tell(l, CLIENT_END, line);
	CHECK_TEXT(heard(l, SERVER_END), line);
	ftp_lab_free(l);
}

/* --- ends --- */

TEST(what_is_held_goes_with_the_fin_and_is_repeated_with_it)
{
	struct ftp_lab *l = ftp_lab_greeted();
	struct peer *c = &l->end[CLIENT_END];

	say(l, CLIENT_END, "EPS");
	peer_send(l, CLIENT_END, 0, 3, TCP_ACK);
	CHECK_INT(c->acked, 3);
	CHECK_INT(l->end[SERVER_END].got_len, 0);
	c->wants_fin = true;
	peer_put(l, CLIENT_END, 3, 3, TCP_ACK | TCP_FIN);
	deliver(l, 1); /* lost behind the gateway */
	peer_send(l, CLIENT_END, 3, 3, TCP_ACK | TCP_FIN);
	CHECK_TEXT(heard(l, SERVER_END), "EPS");
	CHECK(l->end[SERVER_END].got_fin);
	peer_ack(l, SERVER_END);
	CHECK(c->fin_acked);
	ftp_lab_free(l);
}

TEST(a_forged_syn_of_the_server_makes_nothing_follow)
{
	struct ftp_lab *l = ftp_lab_new();

	/* The client's first segment does not agree with what the server's SYN said. */
	handshake(l, 1000, 2000);
	l->end[CLIENT_END].isn = 5000;
	l->end[SERVER_END].peer_isn = 5000;
	peer_ack(l, CLIENT_END);
	say(l, CLIENT_END, "EPSV\r\n");
	peer_send(l, CLIENT_END, 0, 6, TCP_ACK);
	CHECK_INT(happened(l, FTP_DID_EPSV), 0);
	ftp_lab_free(l);
}

TEST(connections_that_begin_while_it_is_off_are_left_alone)
{
	struct ftp_lab *l = ftp_lab_with(bench_new(), true);

	tell(l, SERVER_END, "220 ready\r\n");
	tell(l, CLIENT_END, "EPSV\r\n");
	CHECK_TEXT(heard(l, SERVER_END), "EPSV\r\n");
	CHECK_INT(nat64_counters(l->b->n)->ftp_followed, 0);
	ftp_lab_free(l);
}

static void send_nowhere(void *ctx, const struct pkt *p)
{
	(void)ctx;
	CHECK(pkt_validate(p));
}

TEST(a_subscriber_has_a_share_of_what_is_followed)
{
	struct bench *b = bench_config();

	b->cfg.ftp_alg = true;
	bench_start(b);
	for (unsigned i = 0; i < FTP_SUBSCRIBER_MAX + 3; i++) {
		craft_tcp(&b->in, &to_server, (uint16_t)(10000 + i), FTP_PORT, TCP_SYN, 0);
		REQUIRE(send_plain(b) == VERDICT_SEND);
		craft_tcp(&b->in, &to_pool, FTP_PORT, b->v[0].sport, TCP_SYN | TCP_ACK, 0);
		REQUIRE(send_plain(b) == VERDICT_SEND);
	}
	CHECK_INT(nat64_counters(b->n)->ftp_followed, FTP_SUBSCRIBER_MAX);
	CHECK_INT(nat64_counters(b->n)->ftp_not_followed, 3);
	b->now += 3 * 7440 * NSEC; /* all sessions expire, and with them what is followed */
	for (unsigned i = 0; i < 2000; i++) {
		struct nat64_out out = { .send = send_nowhere, .ctx = b };

		b->sent = 0;
		b->now += NSEC;
		nat64_tick(b->n, b->now, &out);
	}
	craft_tcp(&b->in, &to_server, 20000, FTP_PORT, TCP_SYN, 0);
	REQUIRE(send_plain(b) == VERDICT_SEND);
	craft_tcp(&b->in, &to_pool, FTP_PORT, b->v[0].sport, TCP_SYN | TCP_ACK, 0);
	REQUIRE(send_plain(b) == VERDICT_SEND);
	CHECK_INT(nat64_counters(b->n)->ftp_followed, FTP_SUBSCRIBER_MAX + 1);
	bench_free(b);
}

/* --- headers and offload --- */

static void put_pseudo(struct bench *b, size_t ip)
{
	uint8_t *p = craft_data(&b->in);
	size_t len = b->in.len - ip;
	unsigned sum = 6 + (unsigned)len;
	size_t from = ip == 40 ? 8 : 12;

	for (size_t i = from; i < ip; i += 2)
		sum += be16_at(p + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	be16_put(p + ip + 16, (uint16_t)sum);
}

TEST(a_partial_checksum_stays_one_and_counts_the_new_length)
{
	struct ftp_lab *l = ftp_lab_greeted();
	struct offload off = { .csum_partial = true, .csum_start = 20, .csum_offset = 16 };

	tell(l, CLIENT_END, "EPSV\r\n");
	say(l, SERVER_END, "227 Entering Passive Mode (192,0,2,31,237,19)\r\n");
	peer_segment(l, SERVER_END, GREETED, l->end[SERVER_END].sent_len, TCP_ACK);
	put_pseudo(l->b, 20);
	CHECK_INT(put(l->b, off), VERDICT_SEND);
	REQUIRE(l->b->sent == 1 && l->b->off[0].csum_partial);
	uint8_t *p = sent(l->b, 0);
	uint16_t got = be16_at(p + 40 + 16);

	l->b->in = l->b->out[0];
	put_pseudo(l->b, 40);
	CHECK_INT(got, be16_at(craft_data(&l->b->in) + 40 + 16));
	ftp_lab_free(l);
}

TEST(a_segment_with_a_wrong_checksum_keeps_it)
{
	struct ftp_lab *l = ftp_lab_greeted();

	say(l, CLIENT_END, "EPSV\r\n");
	peer_segment(l, CLIENT_END, 0, 6, TCP_ACK);
	craft_data(&l->b->in)[40 + 16] ^= 1;
	CHECK_INT(send_plain(l->b), VERDICT_SEND);
	CHECK(!all_checksums_ok(l->b));
	ftp_lab_free(l);
}

TEST(rfc6384_s5_the_urgent_pointer_is_kept_where_nothing_changes_and_cleared_where_something_does)
{
	struct ftp_lab *l = ftp_lab_greeted();

	say(l, CLIENT_END, "ABOR\r\nEPSV\r\n");
	for (unsigned i = 0; i < 2; i++) {
		peer_segment(l, CLIENT_END, i * 6, i * 6 + 6, TCP_ACK | 0x20);
		be16_put(craft_data(&l->b->in) + 40 + 18, 2);
		craft_tcp_sum(&l->b->in);
		CHECK_INT(send_plain(l->b), VERDICT_SEND);
		REQUIRE(l->b->sent == 1);
		CHECK_INT(sent(l->b, 0)[20 + 13] & 0x20, i == 0 ? 0x20 : 0);
		CHECK_INT(be16_at(sent(l->b, 0) + 20 + 18), i == 0 ? 2 : 0);
		CHECK(all_checksums_ok(l->b));
	}
	ftp_lab_free(l);
}

TEST(a_segment_behind_a_gap_is_dropped_until_the_gap_is_filled)
{
	struct ftp_lab *l = ftp_lab_greeted();

	say(l, CLIENT_END, "TYPE I\r\nEPSV\r\n");
	peer_put(l, CLIENT_END, 8, 14, TCP_ACK);
	CHECK_INT(l->b->sent, 0);
	CHECK_INT(drops(l->b, DROP_FTP_GAP), 1);
	peer_send(l, CLIENT_END, 0, 8, TCP_ACK);
	peer_send(l, CLIENT_END, 8, 14, TCP_ACK);
	CHECK_TEXT(heard(l, SERVER_END), "TYPE I\r\nPASV\r\n");
	ftp_lab_free(l);
}
