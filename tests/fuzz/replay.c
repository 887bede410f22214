/*
 * replay.c - run a fuzz target over its kept corpus, with any compiler
 *
 * Every file is run whole, and then every truncation of it (conventions: every parser, every prefix); of a file longer than
 * 1024 bytes, 512 of them.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Each input gets a block of its own size, so that the address sanitizer sees a read past its end. */
static void run_prefix(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int run_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(path, "rb");

	if (!f) {
		printf("FAIL cannot read %s\n", path);
		return 1;
	}
	size_t len = fread(data, 1, sizeof(data), f);

	fclose(f);
	/* A conversation; what parses one packet has shorter files, and gets each truncation of them. */
	size_t step = len > 1024 ? len / 512 : 1;

	for (size_t n = 0; n < len; n += step)
		run_prefix(data, n);
	run_prefix(data, len);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *e;

		while (dir && (e = readdir(dir))) {
			char path[4096];

			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			if (run_file(path) == 0)
				passed++;
			else
				failed++;
		}
		if (dir)
			closedir(dir);
	}
	if (passed == 0)
		failed++; /* an empty corpus tests nothing */
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed > 0;
}
