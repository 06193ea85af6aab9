/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_client_auth.c - keys for onion services: files of tor's, and what is wrong with them */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/onion/client_auth.h"
#include "common/codec.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* Public keys of RFC 8032 7.1. */
#define KEY_A "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define KEY_B "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"

static char dir[64];
static uint8_t id_a[ONION_ID_LEN], id_b[ONION_ID_LEN];
static char name_a[ONION_ADDRESS_LEN + 1], name_b[ONION_ADDRESS_LEN + 1];
static struct client_auth *auth;
static char err[200];

static void set_up(void)
{
	strcpy(dir, "/tmp/onionify-auth-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_uint_eq(unhex(id_a, sizeof(id_a), KEY_A), ONION_ID_LEN);
	ck_assert_uint_eq(unhex(id_b, sizeof(id_b), KEY_B), ONION_ID_LEN);
	onion_address_encode(name_a, id_a);
	onion_address_encode(name_b, id_b);
	auth = client_auth_new();
	ck_assert_ptr_nonnull(auth);
}

static void tear_down(void)
{
	char command[128];

	client_auth_free(auth);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *file, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* The line for @name with a key of one letter. */
static void put_key(const char *file, const char *name, char letter)
{
	char line[200];
	char key[53];

	memset(key, letter, 52);
	key[51] = 'a';
	key[52] = '\0';
	snprintf(line, sizeof(line), "%.56s:descriptor:x25519:%s\n", name, key);
	put(file, line);
}

static int load(void)
{
	return client_auth_load(auth, dir, true, err, sizeof(err));
}

static bool exists(const char *file)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, F_OK) == 0;
}

START_TEST(tors_files_are_read_and_others_are_not)
{
	put_key("shop.auth_private", name_a, 'b');
	put_key("b.auth_private.bak", name_b, 'b');
	put_key(".hidden.auth_private", name_b, 'b');
	put_key("x.auth", name_b, 'b');
	put("bad.auth_private", "nonsense\n");
	put("empty.auth_private", "");
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(client_auth_count(auth), 1);
	ck_assert_ptr_nonnull(client_auth_find(auth, id_a));
	ck_assert_ptr_null(client_auth_find(auth, id_b));
}
END_TEST

START_TEST(a_folder_that_others_can_open_is_refused)
{
	static const mode_t modes[] = { 0755, 0750, 0701, 0777 };

	put_key("shop.auth_private", name_a, 'b');
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(chmod(dir, modes[_i]), 0);
	ck_assert_int_eq(load(), -EACCES);
	ck_assert_ptr_nonnull(strstr(err, "0700"));
	/* What was known stays. */
	ck_assert_uint_eq(client_auth_count(auth), 1);
}
END_TEST

START_TEST(a_missing_folder_is_an_error_only_when_it_was_named)
{
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(load(), -ENOENT);
	ck_assert_str_ne(err, "");
	ck_assert_int_eq(client_auth_load(auth, dir, false, err, sizeof(err)), 0);
	ck_assert_uint_eq(client_auth_count(auth), 0);
	/* It is made for the first key. */
	ck_assert_int_eq(client_auth_add(auth, id_a, id_b, err, sizeof(err)), 0);
	ck_assert_int_eq(load(), 0);
	ck_assert_mem_eq(client_auth_find(auth, id_a), id_b, 32);
}
END_TEST

START_TEST(a_file_in_place_of_a_folder_is_refused)
{
	char path[100];

	put("file", "x");
	snprintf(path, sizeof(path), "%s/file", dir);
	ck_assert_int_eq(client_auth_load(auth, path, true, err, sizeof(err)), -ENOTDIR);
}
END_TEST

static void count(void *ctx, const uint8_t id[ONION_ID_LEN])
{
	uint8_t *last = ctx;

	ck_assert_int_gt(memcmp(id, last, ONION_ID_LEN), 0);
	memcpy(last, id, ONION_ID_LEN);
}

START_TEST(keys_are_added_replaced_and_removed)
{
	uint8_t last[ONION_ID_LEN] = { 0 };
	char file[100];
	struct stat st;
	char path[200];

	ck_assert_int_eq(client_auth_add(auth, id_a, id_b, err, sizeof(err)), -ENOENT);
	put_key("shop.auth_private", name_a, 'b');
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(client_auth_add(auth, id_a, id_a, err, sizeof(err)), 0);
	ck_assert_int_eq(client_auth_add(auth, id_b, id_b, err, sizeof(err)), 0);
	ck_assert_uint_eq(client_auth_count(auth), 2);
	ck_assert_mem_eq(client_auth_find(auth, id_a), id_a, 32);
	client_auth_each(auth, count, last);
	snprintf(file, sizeof(file), "%.56s.auth_private", name_a);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	/* Under whatever name it is. */
	ck_assert_int_eq(client_auth_remove(auth, id_a, err, sizeof(err)), 0);
	ck_assert(!exists(file) && !exists("shop.auth_private"));
	ck_assert_ptr_null(client_auth_find(auth, id_a));
	ck_assert_int_eq(client_auth_remove(auth, id_a, err, sizeof(err)), -ENOENT);
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(client_auth_count(auth), 1);
}
END_TEST

START_TEST(keys_are_bounded)
{
	uint8_t id[ONION_ID_LEN] = { 7 };

	ck_assert_int_eq(load(), 0);
	for (unsigned int i = 0; i < CLIENT_AUTH_MAX; i++) {
		id[1] = (uint8_t)i;
		id[2] = (uint8_t)(i >> 8);
		ck_assert_int_eq(client_auth_add(auth, id, id_a, err, sizeof(err)), 0);
	}
	id[3] = 1;
	ck_assert_int_eq(client_auth_add(auth, id, id_a, err, sizeof(err)), -ENOSPC);
	ck_assert_str_ne(err, "");
}
END_TEST

/* Files are named after the services that the user visits. */
START_TEST(the_log_names_no_service)
{
	char text[1024] = "", file[100];
	FILE *log = tmpfile();

	snprintf(file, sizeof(file), "%.56s.auth_private", name_a);
	put(file, "damaged");
	put_key("b.auth_private", name_b, 'b');
	snprintf(file, sizeof(file), "%.56s.auth_private", name_b);
	put_key(file, name_b, 'b');
	ck_assert_ptr_nonnull(log);
	ck_assert_int_eq(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(load(), 0);
	ck_assert_int_gt((int)pread(fileno(log), text, sizeof(text) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(text, "is not used"));
	ck_assert_ptr_nonnull(strstr(text, "more than one"));
	ck_assert_ptr_null(strstr(text, "auth_private"));
	(void)fclose(log);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_client_auth");
	TCase *t = tcase_create("client_auth");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, tors_files_are_read_and_others_are_not);
	tcase_add_loop_test(t, a_folder_that_others_can_open_is_refused, 0, 4);
	tcase_add_test(t, a_missing_folder_is_an_error_only_when_it_was_named);
	tcase_add_test(t, a_file_in_place_of_a_folder_is_refused);
	tcase_add_test(t, keys_are_added_replaced_and_removed);
	tcase_add_test(t, keys_are_bounded);
	tcase_add_test(t, the_log_names_no_service);
	suite_add_tcase(s, t);
	return suite_run(s);
}
