/* SPDX-License-Identifier: BSD-3-Clause */
/* test_dir_cache.c - the microdescriptor journal: crashes, damage, expiry */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"
#include "common/log.h"
#include "dirclient/dir_cache.h"
#include "tests/support/suite.h"

#define T0 ((time_t)1795132800)
#define DAY 86400
#define N 50

static char dir[64], journal[128];

static void setup(void)
{
	strcpy(dir, "/tmp/onionify-cache-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(journal, sizeof(journal), "%s/microdescriptors", dir);
	log_set_level(LOG_ERROR);
	ck_assert_int_eq(crypto_init(), 0);
}

static void teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static size_t text_of(int i, char text[256], uint8_t digest[32])
{
	int n = snprintf(text, 256, "onion-key\nntor-onion-key of relay %d %*s\n", i, i % 50, "");

	crypto_sha256(digest, text, (size_t)n);
	return (size_t)n;
}

static void count(void *ctx, const uint8_t digest[32], const char *text, size_t len)
{
	uint8_t check[32];

	crypto_sha256(check, text, len);
	ck_assert_mem_eq(check, digest, 32);
	(*(int *)ctx)++;
}

static struct dir_cache *reopen(struct dir_cache *c, int *ret_n)
{
	dir_cache_free(c);
	c = dir_cache_new(dir);
	ck_assert_ptr_nonnull(c);
	*ret_n = 0;
	dir_cache_open_journal(c, count, ret_n);
	return c;
}

static struct dir_cache *filled(int n, time_t wall)
{
	int seen;
	struct dir_cache *c = reopen(NULL, &seen);
	char text[256];
	uint8_t digest[32];

	for (int i = 0; i < n; i++) {
		size_t len = text_of(i, text, digest);

		dir_cache_add(c, digest, text, len, wall);
		dir_cache_add(c, digest, text, len, wall);
	}
	dir_cache_flush(c);
	return c;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

START_TEST(what_was_added_is_there_again)
{
	int n;
	struct dir_cache *c = reopen(filled(N, T0), &n);
	char text[256], *got;
	uint8_t digest[32];
	size_t len;

	ck_assert_int_eq(n, N);
	ck_assert_uint_eq(dir_cache_n_records(c), N);
	for (int i = 0; i < N; i++) {
		size_t want = text_of(i, text, digest);

		ck_assert_int_eq(dir_cache_get(c, digest, &got, &len), 0);
		ck_assert_uint_eq(len, want);
		ck_assert_mem_eq(got, text, len);
		free(got);
	}
	digest[0] ^= 1;
	ck_assert_int_eq(dir_cache_get(c, digest, &got, &len), -ENOENT);
	dir_cache_free(c);
	ck_assert_int_eq(chmod(journal, 0600), 0);
}
END_TEST

START_TEST(a_journal_cut_anywhere_gives_its_whole_records_and_goes_on)
{
	char text[256];
	uint8_t digest[32];
	int n, last = 0;

	dir_cache_free(filled(4, T0));
	for (off_t cut = 0, whole = size_of(journal); cut <= whole; cut += 3) {
		struct dir_cache *c;

		unlink(journal);
		dir_cache_free(filled(4, T0));
		ck_assert_int_eq(truncate(journal, cut), 0);
		c = reopen(NULL, &n);
		ck_assert_int_ge(n, last > 0 && cut > 22 ? last : 0);
		last = n;
		dir_cache_add(c, digest, text, text_of(99, text, digest), T0);
		dir_cache_add(c, digest, text, text_of(99, text, digest), T0);
		c = reopen(c, &n);
		ck_assert_int_ge(n, last);
		dir_cache_free(c);
	}
	ck_assert_int_ge(last, 3);
}
END_TEST

START_TEST(a_changed_byte_costs_one_record_or_sets_the_file_aside)
{
	char bad[160];
	int n;

	snprintf(bad, sizeof(bad), "%s.bad", journal);
	dir_cache_free(filled(4, T0));
	for (off_t at = 0, whole = size_of(journal); at < whole; at += 5) {
		struct dir_cache *c;
		char byte;
		int fd;

		unlink(journal);
		dir_cache_free(filled(4, T0));
		fd = open(journal, O_RDWR);
		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		c = reopen(NULL, &n);
		ck_assert_int_le(n, 4);
		/* Whatever is left is good, and stays so. */
		int kept = n;

		c = reopen(c, &n);
		ck_assert_int_eq(n, kept);
		dir_cache_free(c);
	}
	ck_assert_int_ge(size_of(bad), 0);
}
END_TEST

START_TEST(records_expire_a_week_after_their_last_listing)
{
	struct dir_cache *c = filled(N, T0);
	char text[256];
	uint8_t digest[32];
	off_t full = size_of(journal);
	int n;

	for (int day = 1; day <= 10; day++) {
		for (int i = 0; i < N; i += 2) {
			text_of(i, text, digest);
			dir_cache_mark(c, digest, T0 + day * DAY);
		}
		dir_cache_compact(c, T0 + day * DAY);
		if (day == 6)
			ck_assert_uint_eq(dir_cache_n_records(c), N);
	}
	ck_assert_uint_eq(dir_cache_n_records(c), N / 2);
	ck_assert_int_lt(size_of(journal), full);
	/* The index still finds everything, and the journal still grows. */
	for (int i = 0; i < N; i++) {
		char *got;
		size_t len;

		text_of(i, text, digest);
		ck_assert_int_eq(dir_cache_get(c, digest, &got, &len), i % 2 ? -ENOENT : 0);
		if (i % 2 == 0)
			free(got);
	}
	dir_cache_add(c, digest, text, text_of(1000, text, digest), T0 + 10 * DAY);
	text_of(1000, text, digest);
	c = reopen(c, &n);
	ck_assert_int_ge(n, N / 2);
	dir_cache_free(c);
}
END_TEST

START_TEST(without_a_folder_nothing_is_kept_and_nothing_breaks)
{
	static const char *const dirs[] = {NULL, "/proc/nowhere", "/etc/passwd/x"};
	struct dir_cache *c = dir_cache_new(dirs[_i]);
	char *text;
	size_t len;
	int n = 0;
	uint8_t digest[32] = {1};

	log_set_level(LOG_ERROR);
	ck_assert_ptr_nonnull(c);
	dir_cache_open_journal(c, count, &n);
	dir_cache_store(c, DIR_CACHE_CONSENSUS, "x", 1);
	ck_assert_int_eq(dir_cache_load(c, DIR_CACHE_CONSENSUS, 100, &text, &len), -ENOENT);
	dir_cache_add(c, digest, "x", 1, T0);
	ck_assert_int_eq(dir_cache_get(c, digest, &text, &len), -ENOENT);
	dir_cache_compact(c, T0);
	dir_cache_free(c);
}
END_TEST

START_TEST(a_symlink_in_place_of_the_journal_is_not_followed)
{
	char target[128];
	int n;
	FILE *f;
	struct dir_cache *c;

	snprintf(target, sizeof(target), "%s/precious", dir);
	f = fopen(target, "w");
	fputs("precious", f);
	fclose(f);
	ck_assert_int_eq(symlink(target, journal), 0);
	c = reopen(NULL, &n);
	dir_cache_free(c);
	ck_assert_int_eq(size_of(target), 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dir_cache");
	TCase *t = tcase_create("cache");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_added_is_there_again);
	tcase_add_test(t, a_journal_cut_anywhere_gives_its_whole_records_and_goes_on);
	tcase_add_test(t, a_changed_byte_costs_one_record_or_sets_the_file_aside);
	tcase_add_test(t, records_expire_a_week_after_their_last_listing);
	tcase_add_loop_test(t, without_a_folder_nothing_is_kept_and_nothing_breaks, 0, 3);
	tcase_add_test(t, a_symlink_in_place_of_the_journal_is_not_followed);
	return suite_run(s);
}
