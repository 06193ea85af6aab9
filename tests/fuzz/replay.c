/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - feeds every file of a corpus folder to one fuzz harness, then a
 * fixed number of deterministic mutations of each, so that a harness also
 * guards against regressions where no fuzzer is installed
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)
#define MUTATIONS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t rng_state = 0x9e3779b97f4a7c15u;

static uint32_t rng_next(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 16);
}

/* An exact-size heap copy, so that reading one byte too far is seen by ASan. */
static void feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = calloc(1, len > 0 ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void mutate(const uint8_t *data, size_t len, uint8_t *scratch)
{
	size_t n = len;

	memcpy(scratch, data, len);
	if (n > 0 && rng_next() % 4 == 0)
		n = rng_next() % n;
	for (uint32_t i = 0, k = 1 + rng_next() % 8; i < k && n > 0; i++)
		scratch[rng_next() % n] = (uint8_t)rng_next();
	feed(scratch, n);
}

static int replay_file(const char *path, uint8_t *buf, uint8_t *scratch)
{
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f) {
		perror(path);
		return -1;
	}
	len = fread(buf, 1, INPUT_MAX, f);
	fclose(f);
	feed(buf, len);
	for (int i = 0; i < MUTATIONS; i++)
		mutate(buf, len, scratch);
	return 0;
}

int main(int argc, char **argv)
{
	uint8_t *buf = malloc(INPUT_MAX);
	uint8_t *scratch = malloc(INPUT_MAX);
	int files = 0;
	int status = 0;

	if (argc != 2 || !buf || !scratch) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	feed((const uint8_t *)"", 0);
	DIR *dir = opendir(argv[1]);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		status |= replay_file(path, buf, scratch);
		files++;
	}
	if (dir)
		closedir(dir);
	free(buf);
	free(scratch);
	if (files == 0) {
		fprintf(stderr, "%s: no corpus in %s\n", argv[0], argv[1]);
		return 1;
	}
	return status ? 1 : 0;
}
