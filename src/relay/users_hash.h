/* users_hash.h - passwords and the hashes of htpasswd files (pure) */
#ifndef ISTHMUS_RELAY_USERS_HASH_H
#define ISTHMUS_RELAY_USERS_HASH_H

#include "base/compiler.h"

#include <stdbool.h>

enum users_hash { USERS_HASH_NONE, USERS_HASH_FAST, USERS_HASH_SLOW };

#define USERS_HASH_MAX 160 /* bytes of a hash's text, the terminating zero included */

/** users_hash_kind() - what a hash's text is: none that we take (DES, clear text), or how long it takes to compute */
enum users_hash users_hash_kind(const char *hash);

/** users_hash_matches() - whether the password has this hash; compared in constant time. Any thread */
MUST_CHECK bool users_hash_matches(const char *hash, const char *password);

#endif
