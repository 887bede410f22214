/* test_relay_files.c - users and certificates on their way from the supervisor to the role */
#include "base/bytes.h"
#include "cmd/relay_files.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A configuration of a proxy with users and one route with a certificate. */
struct box {
	char dir[32];
	struct relay_config c;
};

static void put(const struct box *b, const char *name, const char *text, char path[static RELAY_FILE])
{
	snprintf(path, RELAY_FILE, "%s/%s", b->dir, name);
	FILE *f = fopen(path, "w");

	REQUIRE(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void box_init(struct box *b)
{
	*b = (struct box){ .dir = "/tmp/relay-files-XXXXXX" };
	REQUIRE(mkdtemp(b->dir) != NULL);
	b->c.services = calloc(2, sizeof(*b->c.services));
	b->c.services_len = 2;
	put(b, "users", "a:b\n", b->c.services[0].users);
	b->c.services[1].routes = calloc(1, sizeof(struct relay_route));
	b->c.services[1].routes_len = 1;
	put(b, "pem", "CERT", b->c.services[1].routes[0].certificate);
	put(b, "key", "KEY", b->c.services[1].routes[0].key);
}

static void box_fini(struct box *b)
{
	unlink(b->c.services[0].users);
	unlink(b->c.services[1].routes[0].certificate);
	unlink(b->c.services[1].routes[0].key);
	rmdir(b->dir);
	relay_config_fini(&b->c);
}

TEST(what_is_read_on_one_side_is_there_on_the_other)
{
	struct box b;
	char fault[200] = "";

	box_init(&b);
	int fd = relay_files_read(&b.c, fault, sizeof(fault));

	REQUIRE(fd >= 0);
	CHECK_INT(relay_files_take(fd, &b.c, fault, sizeof(fault)), 0);
	CHECK_TEXT(b.c.services[0].users_text.text, "a:b\n");
	CHECK_INT(b.c.services[0].users_text.len, 4);
	CHECK_TEXT(b.c.services[1].routes[0].pem.text, "CERT\nKEY");
	CHECK(write(fd, "x", 1) < 0); /* sealed */
	close(fd);
	box_fini(&b);
}

TEST(a_file_that_is_missing_is_named)
{
	struct box b;
	char fault[400] = "";

	box_init(&b);
	unlink(b.c.services[1].routes[0].key);
	CHECK_INT(relay_files_read(&b.c, fault, sizeof(fault)), -ENOENT);
	CHECK(strstr(fault, b.c.services[1].routes[0].key) != NULL);
	box_fini(&b);
}

/* Whatever the memory file holds, nothing is read behind its end. */
TEST(every_truncation_is_refused)
{
	struct box b;
	char bytes[64], fault[200] = "";

	box_init(&b);
	int whole = relay_files_read(&b.c, fault, sizeof(fault));
	ssize_t len = pread(whole, bytes, sizeof(bytes), 0);

	REQUIRE(whole >= 0 && len == 4 + 4 + 4 + 8);
	for (ssize_t n = 0; n < len; n++) {
		struct relay_config copy;
		int fd = memfd_create("test", MFD_CLOEXEC);

		REQUIRE(fd >= 0 && write(fd, bytes, (size_t)n) == n && relay_config_copy(&b.c, &copy) == 0);
		CHECK_INT(relay_files_take(fd, &copy, fault, sizeof(fault)), -EBADMSG);
		relay_config_fini(&copy);
		close(fd);
	}
	be32_put((uint8_t *)bytes, 1u << 30);
	int lie = memfd_create("test", MFD_CLOEXEC);

	REQUIRE(lie >= 0 && write(lie, bytes, (size_t)len) == len);
	CHECK_INT(relay_files_take(lie, &b.c, fault, sizeof(fault)), -EBADMSG);
	close(lie);
	close(whole);
	box_fini(&b);
}
