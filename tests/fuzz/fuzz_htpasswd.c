/* fuzz_htpasswd.c - any bytes as a file of users, and as what a client says who it is */
#include "relay/users.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct loop *loop;
	char user[USERS_TEXT], password[USERS_TEXT], fault[200] = "";
	struct users *u = NULL;

	if (!loop && loop_new(&loop) < 0)
		abort();
	if (users_new(loop, (const char *)data, len, &u, fault, sizeof(fault)) < 0 && !fault[0])
		abort();
	users_free(u);
	if (users_decode((const char *)data, len, user, password) &&
		(strlen(user) >= sizeof(user) || strlen(password) >= sizeof(password)))
		abort();
	return 0;
}
