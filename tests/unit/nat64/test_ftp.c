/* test_ftp.c - RFC 6384: control connections between an IPv6 client and an IPv4 server, byte by byte at both ends */
#include "ftp_peers.h"

/* After the greeting; none depends on another. Replies are those of vsftpd where it has one. */
static const struct exchange exchanges[] = {
	{ "s6 example", "EPSV\r\n", "PASV\r\n", "227 Entering Passive Mode (192,0,2,31,237,19)\r\n",
		"229 Entering Extended Passive Mode (|||60691|)\r\n" },
	{ "s6 EPSV 2", "EPSV 2\r\n", "PASV\r\n", "227 Entering Passive Mode (10,0,0,1,4,1).\r\n",
		"229 Entering Extended Passive Mode (|||1025|)\r\n" },
	{ "s6 in small letters", "epsv\r\n", "PASV\r\n", "227 =1,2,3,4,255,255\r\n",
		"229 Entering Extended Passive Mode (|||65535|)\r\n" },
	{ "s6 the end of the line alone", "EPSV\n", "PASV\r\n", "227 Ok (1,2,3,4,5,6)\n",
		"229 Entering Extended Passive Mode (|||1286|)\r\n" },
	{ "s6 in several lines", "EPSV\r\n", "PASV\r\n", "227-Entering\r\n (1,2,3,4,5,6)\r\n227 done\r\n",
		"229 Entering Extended Passive Mode (|||1286|)\r\n" },
	{ "s6 another reply passes", "EPSV\r\n", "PASV\r\n", "530 Please login with USER and PASS.\r\n",
		"530 Please login with USER and PASS.\r\n" },
	{ "s6 no address", "EPSV\r\n", "PASV\r\n", "227 Entering\r\n", "425 Can't open data connection\r\n" },
	{ "s6 port 0", "EPSV\r\n", "PASV\r\n", "227 (1,2,3,4,0,0)\r\n",
		"425 Can't open data connection\r\n" },
	{ "s6 EPSV 1", "EPSV 1\r\n", "NOOP\r\n", "200 NOOP ok.\r\n",
		"522 Network protocol not supported, use (2)\r\n" },
	{ "s6 EPSV ALL", "EPSV ALL\r\n", "NOOP\r\n", "200 NOOP ok.\r\n",
		"504 Command not implemented for that parameter\r\n" },
	{ "s10 EPSV of something else", "EPSV me\r\n", "EPSV me\r\n", "500 ?\r\n", "500 ?\r\n" },
	{ "s10 PASV passes", "PASV\r\n", "PASV\r\n", "227 Entering Passive Mode (192,0,2,31,237,19)\r\n",
		"227 Entering Passive Mode (192,0,2,31,237,19)\r\n" },
	{ "s10 PORT passes", "PORT 1,2,3,4,5,6\r\n", "PORT 1,2,3,4,5,6\r\n", "500 Illegal PORT command.\r\n",
		"500 Illegal PORT command.\r\n" },
	{ "s10 what begins like EPSV", "EPSVX\r\n", "EPSVX\r\n", "500 ?\r\n", "500 ?\r\n" },
	{ "s10 a part of EPSV", "EPS\r\n", "EPS\r\n", "500 ?\r\n", "500 ?\r\n" },
	{ "s7.2 IPv4 in EPRT", "EPRT |1|192.0.2.1|5282|\r\n", "EPRT |1|192.0.2.1|5282|\r\n", "501 no\r\n",
		"501 no\r\n" },
	{ "s7.2 somebody else's address", "EPRT |2|2001:db8:1::3|5282|\r\n",
		"EPRT |2|2001:db8:1::3|5282|\r\n", "501 no\r\n", "501 no\r\n" },
	{ "s7.2 malformed", "EPRT |2|2001:db8:1::2|5282\r\n", "EPRT |2|2001:db8:1::2|5282\r\n", "501 no\r\n",
		"501 no\r\n" },
	{ "RFC 2577 s3 a privileged port", "EPRT |2|2001:db8:1::2|22|\r\n", "NOOP\r\n", "200 ok\r\n",
		"504 Command not implemented for that parameter\r\n" },
	{ "s11 status", "ALGS STATUS64\r\n", "NOOP\r\n", "200 NOOP ok.\r\n", "216 EPSVEPRT\r\n" },
	{ "s11 enable", "algs enable64\r\n", "NOOP\r\n", "200 NOOP ok.\r\n", "216 EPSVEPRT\r\n" },
	{ "s11 without argument", "ALGS\r\n", "NOOP\r\n", "200 NOOP ok.\r\n",
		"504 Command not implemented for that parameter\r\n" },
	{ "s11 another argument", "ALGS ENABLE66\r\n", "NOOP\r\n", "200 NOOP ok.\r\n",
		"504 Command not implemented for that parameter\r\n" },
	{ "s12 a reply in several lines", "ALGS STATUS64\r\n", "NOOP\r\n",
		"200-I do\r\n nothing\r\n200 at all\r\n", "216 EPSVEPRT\r\n" },
	{ "s12 NOOP refused", "ALGS STATUS64\r\n", "NOOP\r\n", "530 Please login with USER and PASS.\r\n",
		"216 EPSVEPRT\r\n" },
	{ "a reply with a preliminary one", "RETR a\r\n", "RETR a\r\n", "150 Opening\r\n226 Done\r\n",
		"150 Opening\r\n226 Done\r\n" },
	{ "a reply in several lines", "FEAT\r\n", "FEAT\r\n",
		"211-Features:\r\n EPSV\r\n227 (1,2,3,4,5,6)\r\n211 End\r\n",
		"211-Features:\r\n EPSV\r\n227 (1,2,3,4,5,6)\r\n211 End\r\n" },
	{ "s5.1 UTF-8 and NUL", "STOR \303\244\r\n", "STOR \303\244\r\n", "553 \342\202\254\r\n",
		"553 \342\202\254\r\n" },
	{ "an empty line is not answered", "\r\nEPSV\r\n", "\r\nPASV\r\n", "227 (1,2,3,4,5,6)\r\n",
		"229 Entering Extended Passive Mode (|||1286|)\r\n" },
	{ "several commands in one segment", "TYPE I\r\nEPSV\r\nALGS STATUS64\r\nPWD\r\n",
		"TYPE I\r\nPASV\r\nNOOP\r\nPWD\r\n",
		"200 Type\r\n227 (1,2,3,4,5,6)\r\n200 ok\r\n257 \"/\"\r\n",
		"200 Type\r\n229 Entering Extended Passive Mode (|||1286|)\r\n216 EPSVEPRT\r\n257 "
		"\"/\"\r\n" },
	{ "s5 a Telnet option of the client is refused", "\377\375\006EPSV\r\n", "PASV\r\n",
		"227 (1,2,3,4,5,6)\r\n", "\377\374\006229 Entering Extended Passive Mode (|||1286|)\r\n" },
	{ "s5 one within the command", "NO\377\373\001OP\r\n", "NOOP\r\n", "200 ok\r\n",
		"\377\376\001200 ok\r\n" },
	{ "s5 one within a command that is held", "EP\377\375\001SV\r\n", "PASV\r\n", "500 ?\r\n",
		"\377\374\001500 ?\r\n" },
	{ "s5 what is off already needs no answer", "\377\376\001NOOP\r\n", "NOOP\r\n", "200 ok\r\n",
		"200 ok\r\n" },
	{ "other Telnet commands pass", "\377\364\377\362ABOR\r\n", "\377\364\377\362ABOR\r\n", "226 ok\r\n",
		"226 ok\r\n" },
	{ "RFC 959 REIN", "REIN\r\n", "REIN\r\n", "220 ready\r\n", "220 ready\r\n" },
};

TEST(commands_and_replies_are_translated_as_rfc6384_says)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		struct ftp_lab *l = ftp_lab_greeted();

		(void)heard(l, SERVER_END);
		check_exchange(l, &exchanges[i]);
		ftp_lab_free(l);
	}
}

TEST(they_follow_each_other_on_one_connection)
{
	struct ftp_lab *l = ftp_lab_greeted();

	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		check_exchange(l, &exchanges[i]);
	ftp_lab_free(l);
}

/* In two segments; the second is only sent when the first is acknowledged, as Nagle's algorithm has it (RFC 1122 s4.2.3.4). */
static void tell_in_two(struct ftp_lab *l, int who, const char *text, size_t cut)
{
	struct peer *e = &l->end[who];
	size_t from = e->sent_len;

	say(l, who, text);
	peer_send(l, who, from, from + cut, TCP_ACK);
	peer_ack(l, !who);
	CHECK_INT(e->acked, from + cut);
	peer_send(l, who, from + cut, e->sent_len, TCP_ACK);
	peer_ack(l, !who);
}

static void check_in_two(struct ftp_lab *l, const struct exchange *x, size_t cut_says, size_t cut_replies)
{
	tell_in_two(l, CLIENT_END, x->says, cut_says);
	CHECK_TEXT(heard(l, SERVER_END), x->server_hears);
	tell_in_two(l, SERVER_END, x->replies, cut_replies);
	CHECK_TEXT(heard(l, CLIENT_END), x->client_hears);
	CHECK_INT(l->end[CLIENT_END].acked, l->end[CLIENT_END].sent_len);
	CHECK_INT(l->end[SERVER_END].acked, l->end[SERVER_END].sent_len);
}

TEST(s5_every_command_and_reply_may_be_cut_at_every_byte)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		const struct exchange *x = &exchanges[i];
		struct ftp_lab *l = ftp_lab_greeted();

		test_row(x->row);
		(void)heard(l, SERVER_END);
		for (size_t cut = 1; cut < strlen(x->says); cut++)
			check_in_two(l, x, cut, 1);
		for (size_t cut = 1; cut < strlen(x->replies); cut++)
			check_in_two(l, x, 1, cut);
		ftp_lab_free(l);
	}
	test_row(NULL);
}

TEST(s5_every_command_and_reply_may_come_byte_by_byte)
{
	struct ftp_lab *l = ftp_lab_greeted();

	(void)heard(l, SERVER_END);
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		const struct exchange *x = &exchanges[i];
		const char *const texts[ENDS] = { x->says, x->replies };

		test_row(x->row);
		for (int who = 0; who < ENDS; who++) {
			for (size_t k = 0; k < strlen(texts[who]); k++) {
				const char one[2] = { texts[who][k], 0 };

				tell(l, who, one);
				CHECK_INT(l->end[who].acked, l->end[who].sent_len);
			}
			CHECK_TEXT(heard(l, !who), who == CLIENT_END ? x->server_hears : x->client_hears);
		}
	}
	ftp_lab_free(l);
}

/* --- the property: whatever the network does, each end gets the translated stream, and all is acknowledged --- */

#define AHEAD 4

struct story {
	struct ftp_lab *l;
	struct rng rng;
	const struct exchange *x[24];
	unsigned len, said;	     /* commands */
	unsigned answered;	     /* replies */
	char want[ENDS][STREAM_MAX]; /* what each end shall get */
	size_t heard_at[ENDS][25]; /* bytes that an end has when it has heard the first n of the other side */
};

static void append(char *to, size_t *at, const char *text)
{
	size_t len = strlen(text);

	REQUIRE(*at + len < STREAM_MAX);
	memcpy(to + *at, text, len + 1);
	*at += len;
}

static void story_begin(struct story *t, uint64_t seed)
{
	struct bench *b = bench_config();
	size_t at[ENDS] = { 0, 0 };

	rng_init(&t->rng, seed);
	b->cfg.ftp_alg = true;
	bench_start(b);
	t->l = ftp_lab_with(b, rng_below(&t->rng, 2));
	t->len = 1 + rng_below(&t->rng, ARRAY_LEN(t->x));
	say(t->l, SERVER_END, "220-Welcome\r\n220 ready\r\n");
	append(t->want[CLIENT_END], &at[CLIENT_END], "220-Welcome\r\n220 ready\r\n");
	for (unsigned i = 0; i < t->len; i++) {
		do
			t->x[i] = &exchanges[rng_below(&t->rng, ARRAY_LEN(exchanges))];
		while (strchr(
			t->x[i]->says, '\377')); /* where a refusal goes depends on the order of arrival */
		append(t->want[SERVER_END], &at[SERVER_END], t->x[i]->server_hears);
		append(t->want[CLIENT_END], &at[CLIENT_END], t->x[i]->client_hears);
		for (int who = 0; who < ENDS; who++)
			t->heard_at[who][i + 1] = at[who];
	}
}

/* The client may be AHEAD commands ahead, as many as the gateway surely remembers; the server answers what it has heard. */
static void story_goes_on(struct story *t)
{
	bool may_go_on = t->said < AHEAD ||
			 t->l->end[CLIENT_END].got_len >= t->heard_at[CLIENT_END][t->said - AHEAD + 1];

	if (t->said < t->len && may_go_on && rng_below(&t->rng, 3) == 0)
		say(t->l, CLIENT_END, t->x[t->said++]->says);
	while (t->answered < t->said &&
		t->l->end[SERVER_END].got_len >= t->heard_at[SERVER_END][t->answered + 1])
		say(t->l, SERVER_END, t->x[t->answered++]->replies);
}

/* Any piece of what was said, new or old, of any length; some are lost before the gateway, some behind it. */
static void story_chaos(struct story *t)
{
	int who = (int)rng_below(&t->rng, ENDS);
	struct peer *e = &t->l->end[who];
	size_t from = e->acked + rng_below(&t->rng, (uint32_t)(e->sent_len - e->acked + 1));
	size_t most = e->sent_len - from, len = most ? rng_below(&t->rng, (uint32_t)most + 1) : 0;

	if (rng_below(&t->rng, 4) == 0 && from > 0)
		from -= rng_below(&t->rng, (uint32_t)(from < 200 ? from : 200)),
			len = len + rng_below(&t->rng, 50);
	if (from + len > e->sent_len)
		len = e->sent_len - from;
	peer_put(t->l, who, from, from + len, TCP_ACK);
	deliver(t->l, rng_below(&t->rng, 4) == 0 ? 1u << rng_below(&t->rng, 2) : 0);
	if (rng_below(&t->rng, 20) == 0)
		CHECK(nat64_validate(t->l->b->n));
}

/* What TCP does in the end: each sends all that is not acknowledged, and nothing is lost any more. */
static void story_settle(struct story *t)
{
	for (unsigned round = 0; round < 200; round++) {
		bool is_done = t->answered == t->len;

		story_goes_on(t);
		for (int who = 0; who < ENDS; who++) {
			struct peer *e = &t->l->end[who];

			peer_send(t->l, who, e->acked, e->sent_len, TCP_ACK);
			peer_ack(t->l, !who);
			is_done = is_done && e->acked == e->sent_len;
		}
		if (is_done)
			return;
	}
	CHECK(false); /* it never settled */
}

TEST(whatever_is_lost_repeated_or_cut_each_end_gets_the_translated_stream)
{
	uint64_t seed = test_seed();

	for (unsigned run = 0; run < 40; run++) {
		struct story *t = calloc(1, sizeof(*t));

		REQUIRE(t);
		story_begin(t, seed + run);
		for (unsigned i = 0; i < 600; i++) {
			story_goes_on(t);
			story_chaos(t);
		}
		story_settle(t);
		for (int who = 0; who < ENDS; who++) {
			struct peer *e = &t->l->end[who];

			e->got[e->got_len] = '\0';
			CHECK_TEXT(e->got, t->want[who]);
		}
		ftp_lab_free(t->l);
		free(t);
	}
}
