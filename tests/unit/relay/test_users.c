/* test_users.c - htpasswd files: hashes as htpasswd and openssl passwd make them, faults, questions (RFC 7617) */
#include "lane_box.h"
#include "relay/users.h"
#include "relay/users_hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BCRYPT "$2y$04$pi3RxzCeqmRUBzNx7dEYSe9sntIeMC7UosDyJXt3YVx18HZ2xqpX6"
#define SHA "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

static const struct {
	const char *hash, *password;
	enum users_hash kind;
} hashes[] = {
	{ "$apr1$abcdefgh$4O/Q.OVxo7CyxqeMMB2fe1", "a long password, longer than 16 bytes", USERS_HASH_FAST },
	{ "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/", "", USERS_HASH_FAST },
	{ "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", "secret", USERS_HASH_FAST },
	{ SHA, "secret", USERS_HASH_FAST },
	{ "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.", "secret", USERS_HASH_SLOW },
	{ "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/"
	  "O6IND4WQhG.",
		"secret", USERS_HASH_SLOW },
	{ BCRYPT, "secret", USERS_HASH_SLOW },
};

TEST(hashes_match_their_password_and_no_other)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		char other[64];

		test_row(hashes[i].hash);
		CHECK_INT(users_hash_kind(hashes[i].hash), hashes[i].kind);
		CHECK(users_hash_matches(hashes[i].hash, hashes[i].password));
		snprintf(other, sizeof(other), "%sx", hashes[i].password);
		CHECK(!users_hash_matches(hashes[i].hash, other));
		CHECK(!users_hash_matches(hashes[i].hash, "Secret"));
	}
	test_row(NULL);
}

TEST(every_truncation_of_a_hash_matches_nothing)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		for (size_t n = 0; n < strlen(hashes[i].hash); n++) {
			char hash[USERS_HASH_MAX];

			snprintf(hash, sizeof(hash), "%.*s", (int)n, hashes[i].hash);
			CHECK(!users_hash_matches(hash, hashes[i].password));
		}
}

/* --- files --- */

static const struct {
	const char *text, *fault; /* NULL: it is taken */
} files[] = {
	{ "a:" SHA "\n", NULL },
	{ "# comment\n\na:" SHA "\r\nb:" BCRYPT ":more\n", NULL },
	{ "a:" SHA, NULL },
	{ "", "the users: there are none in the file" },
	{ "\n#a:b\n", "the users: there are none in the file" },
	{ "a\n", "the users, line 1: it is not NAME:HASH" },
	{ ":" SHA "\n", "the users, line 1: it is not NAME:HASH" },
	{ "a:" SHA "\nb:secret\n", "the users, line 2: its hash is of no kind that is safe to use (htpasswd "
				   "-B makes one that is)" },
	{ "a:rqXexS6ZhobKA\n", "the users, line 1: its hash is of no kind that is safe to use (htpasswd -B "
			       "makes one that is)" },
	{ "a:" SHA "\na:" BCRYPT "\n", "the users: \"a\" is there twice" },
};

TEST(files_are_taken_or_refused_with_the_line)
{
	struct lane l;

	box_open(&l);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct users *u = NULL;
		char fault[200] = "";

		test_row(files[i].text);
		int err = users_new(l.loop, files[i].text, strlen(files[i].text), &u, fault, sizeof(fault));

		CHECK_INT(err == 0, files[i].fault == NULL);
		CHECK_TEXT(fault, files[i].fault ? files[i].fault : "");
		users_free(u);
	}
	test_row(NULL);
	lane_fini(&l);
}

/* --- credentials --- */

static const struct {
	const char *text, *user, *password; /* NULL: refused */
} credentials[] = {
	{ "Basic b25lOnNlY3JldA==", "one", "secret" },
	{ "basic  b25lOnNlY3JldA", "one", "secret" },
	{ "Basic b25lOmE6Yg==", "one", "a:b" },
	{ "Basic b25lOg==", "one", "" },
	{ "Basic Og==", "", "" },
	{ "Basic b25l", NULL, NULL },
	{ "Basic", NULL, NULL },
	{ "Basic ", NULL, NULL },
	{ "Basic b25lOnNlY3JldA==x", NULL, NULL },
	{ "Basic b25lOnN*", NULL, NULL },
	{ "Basic b25lOgA=", NULL, NULL },
	{ "Bearer b25lOnNlY3JldA==", NULL, NULL },
};

TEST(credentials_are_read_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
		char user[USERS_TEXT], password[USERS_TEXT];

		test_row(credentials[i].text);
		bool ok = users_decode(credentials[i].text, strlen(credentials[i].text), user, password);

		CHECK_INT(ok, credentials[i].user != NULL);
		if (ok && credentials[i].user) {
			CHECK_TEXT(user, credentials[i].user);
			CHECK_TEXT(password, credentials[i].password);
		}
	}
	test_row(NULL);
}

/* --- questions --- */

struct waiting {
	bool is_done;
	enum users_verdict verdict;
};

static void on_judged(void *ctx, enum users_verdict v)
{
	struct waiting *w = ctx;

	w->is_done = true;
	w->verdict = v;
}

static struct users *open_users(struct lane *l)
{
	static const char file[] = "one:" SHA "\ntwo:" BCRYPT "\n";
	struct users *u = NULL;
	char fault[200];

	box_open(l);
	REQUIRE(users_new(l->loop, file, strlen(file), &u, fault, sizeof(fault)) == 0);
	return u;
}

#define TWO_RIGHT "Basic dHdvOnNlY3JldA=="
#define TWO_WRONG "Basic dHdvOndyb25n"

static void ask(struct users *u, const char *text, struct waiting *w, struct users_question **ret)
{
	*w = (struct waiting){ false, USERS_BUSY };
	users_ask(u, text, strlen(text), on_judged, w, ret);
}

TEST(a_slow_hash_is_judged_later_and_remembered)
{
	struct users_question *q;
	struct waiting w;
	struct lane l;
	struct users *u = open_users(&l);

	ask(u, TWO_RIGHT, &w, &q);
	CHECK(!w.is_done && q);
	REQUIRE(box_until(&l, &w.is_done));
	CHECK_INT(w.verdict, USERS_RIGHT);
	ask(u, TWO_RIGHT, &w, &q);
	CHECK(w.is_done && w.verdict == USERS_RIGHT && !q);
	ask(u, TWO_WRONG, &w, &q);
	CHECK(!w.is_done);
	REQUIRE(box_until(&l, &w.is_done));
	CHECK_INT(w.verdict, USERS_WRONG);
	ask(u, TWO_WRONG, &w, &q);
	CHECK(!w.is_done); /* what is wrong is not remembered */
	REQUIRE(box_until(&l, &w.is_done));
	users_free(u);
	lane_fini(&l);
}

TEST(nobody_is_right_with_the_password_of_another)
{
	struct users_question *q;
	struct waiting w;
	struct lane l;
	struct users *u = open_users(&l);

	ask(u, "Basic bm9ib2R5OnNlY3JldA==", &w, &q); /* nobody:secret */
	if (!w.is_done)
		REQUIRE(box_until(&l, &w.is_done));
	CHECK_INT(w.verdict, USERS_WRONG);
	w.is_done = false;
	users_ask_plain(u, "two", "secret", on_judged, &w, &q);
	REQUIRE(box_until(&l, &w.is_done));
	CHECK_INT(w.verdict, USERS_RIGHT);
	users_ask_plain(u, "one", "", on_judged, &w, &q);
	CHECK_INT(w.verdict, USERS_WRONG);
	users_free(u);
	lane_fini(&l);
}

TEST(a_question_may_be_forgotten_and_too_many_are_refused)
{
	struct users_question *q;
	struct waiting w[USERS_WAITING + 1];
	struct lane l;
	struct users *u = open_users(&l);

	for (unsigned i = 0; i < USERS_WAITING; i++) {
		ask(u, TWO_WRONG, &w[i], &q);
		users_forget(q);
	}
	ask(u, TWO_WRONG, &w[USERS_WAITING], &q);
	CHECK(w[USERS_WAITING].is_done && w[USERS_WAITING].verdict == USERS_BUSY);
	users_free(u); /* while the thread is at it */
	for (unsigned i = 0; i < USERS_WAITING; i++)
		CHECK(!w[i].is_done);
	lane_fini(&l);
}
