/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_service_files.c - service directories: keys, names, clients; and the replay cache */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/onion/auth_file.h"
#include "agent/onion/hs_desc.h"
#include "agent/onion/service_key.h"
#include "agent/onion/service_replay.h"
#include "common/codec.h"
#include "common/file.h"
#include "common/log.h"
#include "tests/support/suite.h"

static char dir[] = "/tmp/onionify-service-XXXXXX";
static char path[512];
static char err[512];
static struct service_key key;

static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(crypto_init(), 0);
	log_set_sink(quiet, NULL);
	umask(022);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static int load(void)
{
	return service_key_load(in_dir("s"), false, &key, err, sizeof(err));
}

static void put(const char *name, const void *data, size_t len)
{
	ck_assert_int_eq(file_write_atomic(in_dir(name), data, len), 0);
}

/* What tor 0.4.9.11 wrote for a service that was made for this test and never used. */
static const char tors_secret[] =
	"3d3d206564323535313976312d7365637265743a207479706530203d3d000000"
	"a801af57d85baef78135d96cb1a3719e7d6d176d453f20189395872b01d62b4e"
	"760564df3400e05e4eabaf287a4a0c1914391ca5916d4bd90350281a45640249";
static const char tors_hostname[] =
	"rh2jdgixsgiekoibk4at6rf34ursyf537dcicznk2mcq4fzkw46wj3qd.onion\n";

START_TEST(a_directory_that_tor_made_keeps_its_address)
{
	uint8_t file[SERVICE_KEY_FILE_LEN];
	char *text;
	size_t len;

	ck_assert_int_eq(codec_hex_decode(file, sizeof(file), tors_secret, strlen(tors_secret)), 0);
	ck_assert_int_eq(mkdir(in_dir("s"), 0700), 0);
	put("s/hs_ed25519_secret_key", file, sizeof(file));
	ck_assert_msg(load() == 0, "%s", err);
	ck_assert_int_eq(file_read(in_dir("s/hostname"), 100, &text, &len), 0);
	ck_assert_str_eq(text, tors_hostname);
	free(text);
}
END_TEST

START_TEST(a_new_service_gets_a_key_and_keeps_it)
{
	struct service_key again;
	char *text;
	size_t len;
	struct stat st;

	ck_assert_msg(load() == 0, "%s", err);
	ck_assert_int_eq(stat(in_dir("s"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(in_dir("s/authorized_clients"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(in_dir("s/hs_ed25519_secret_key"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(st.st_size, SERVICE_KEY_FILE_LEN);
	ck_assert_int_eq(stat(in_dir("s/hs_ed25519_public_key"), &st), 0);
	ck_assert_int_eq(st.st_size, SERVICE_PUBLIC_FILE_LEN);
	ck_assert_int_eq(file_read(in_dir("s/hostname"), 100, &text, &len), 0);
	ck_assert_uint_eq(len, ONION_ADDRESS_LEN + 1);
	ck_assert_int_eq(text[ONION_ADDRESS_LEN], '\n');
	again = key;
	ck_assert_int_eq(onion_address_parse(text, ONION_ADDRESS_LEN, again.id), 0);
	ck_assert_mem_eq(again.id, key.id, ONION_ID_LEN);
	free(text);
	again = key;
	ck_assert_int_eq(load(), 0);
	ck_assert_mem_eq(&again, &key, sizeof(key));
}
END_TEST

START_TEST(what_can_be_derived_is_written_again)
{
	uint8_t id[ONION_ID_LEN];

	ck_assert_int_eq(load(), 0);
	memcpy(id, key.id, sizeof(id));
	ck_assert_int_eq(unlink(in_dir("s/hs_ed25519_public_key")), 0);
	put("s/hostname", "wrong.onion\n", 12);
	ck_assert_int_eq(load(), 0);
	ck_assert_mem_eq(id, key.id, sizeof(id));
	ck_assert_int_eq(access(in_dir("s/hs_ed25519_public_key"), R_OK), 0);
}
END_TEST

START_TEST(a_damaged_key_is_never_replaced)
{
	char *text;
	size_t len;

	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(file_read(in_dir("s/hs_ed25519_secret_key"), 100, &text, &len), 0);
	/* Shorter, longer, another header, another key than the public one. */
	put("s/hs_ed25519_secret_key", text, len - 1);
	ck_assert_int_eq(load(), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "damaged"));
	text[3] ^= 1;
	put("s/hs_ed25519_secret_key", text, len);
	ck_assert_int_eq(load(), -EINVAL);
	text[3] ^= 1;
	text[40] ^= 1;
	put("s/hs_ed25519_secret_key", text, len);
	ck_assert_int_eq(load(), -EINVAL);
	memset(text + 32, 0, 64);
	put("s/hs_ed25519_secret_key", text, len);
	ck_assert_int_eq(load(), -EINVAL);
	ck_assert_int_eq(unlink(in_dir("s/hs_ed25519_secret_key")), 0);
	ck_assert_int_eq(load(), -EEXIST);
	ck_assert_ptr_nonnull(strstr(err, "without its secret key"));
	ck_assert_int_eq(access(in_dir("s/hs_ed25519_secret_key"), F_OK), -1);
	free(text);
}
END_TEST

START_TEST(a_directory_that_others_may_read_is_refused)
{
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(chmod(in_dir("s"), 0750), 0);
	ck_assert_int_eq(load(), -EPERM);
	ck_assert_ptr_nonnull(strstr(err, "0750"));
	/* Unless the user meant it, and then by the group alone. */
	ck_assert_msg(service_key_load(in_dir("s"), true, &key, err, sizeof(err)) == 0, "%s", err);
	ck_assert_int_eq(chmod(in_dir("s"), 0755), 0);
	ck_assert_int_eq(service_key_load(in_dir("s"), true, &key, err, sizeof(err)), -EPERM);
	ck_assert_int_eq(symlink(dir, in_dir("link")), 0);
	ck_assert_int_eq(service_key_load(in_dir("link"), false, &key, err, sizeof(err)), -EPERM);
	ck_assert_int_eq(service_key_load(in_dir("link"), true, &key, err, sizeof(err)), -EPERM);
}
END_TEST

START_TEST(a_group_may_read_the_name_and_not_the_key)
{
	struct stat st;

	ck_assert_msg(service_key_load(in_dir("g"), true, &key, err, sizeof(err)) == 0, "%s", err);
	ck_assert_int_eq(stat(in_dir("g"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);
	ck_assert_int_eq(stat(in_dir("g/hostname"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(stat(in_dir("g/hs_ed25519_secret_key"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_key_file_is_read_as_it_was_written_and_at_no_other_length)
{
	uint8_t file[SERVICE_KEY_FILE_LEN + 1] = { 0 };
	struct service_key again;

	service_key_new(&key);
	service_key_file_encode(file, &key);
	for (size_t n = 0; n <= sizeof(file); n++)
		ck_assert_int_eq(service_key_file_parse(file, n, &again),
				 n == SERVICE_KEY_FILE_LEN ? 0 : -EINVAL);
	ck_assert_mem_eq(&again, &key, sizeof(key));
}
END_TEST

/* --- authorized_clients --- */

static void put_client(const char *name, const uint8_t pk[32])
{
	char line[AUTH_PUBLIC_TEXT_LEN + 1];

	auth_public_encode(line, pk);
	put(name, line, strlen(line));
}

START_TEST(clients_are_read_from_their_files)
{
	uint8_t sk[32];
	uint8_t pk[2][32];
	struct service_clients c;
	struct service_clients d;

	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(service_clients_load(in_dir("s"), &c, err, sizeof(err)), 0);
	ck_assert_uint_eq(c.n, 0);
	for (int i = 0; i < 2; i++)
		crypto_x25519_keygen(sk, pk[i]);
	put_client("s/authorized_clients/alice.auth", pk[0]);
	put_client("s/authorized_clients/again.auth", pk[0]);
	put_client("s/authorized_clients/bob.auth", pk[1]);
	put("s/authorized_clients/readme", "x", 1);
	put("s/authorized_clients/.hidden.auth", "x", 1);
	put("s/authorized_clients/broken.auth", "descriptor:x25519:aaaa\n", 23);
	ck_assert_msg(service_clients_load(in_dir("s"), &c, err, sizeof(err)) == 0, "%s", err);
	ck_assert_uint_eq(c.n, 2);
	ck_assert_int_eq(unlink(in_dir("s/authorized_clients/bob.auth")), 0);
	ck_assert_int_eq(service_clients_load(in_dir("s"), &d, err, sizeof(err)), 0);
	ck_assert_uint_eq(d.n, 1);
	ck_assert(!service_clients_equal(&c, &d));
	ck_assert(service_clients_equal(&c, &c));
	service_clients_deinit(&c);
	service_clients_deinit(&d);
}
END_TEST

START_TEST(files_without_any_key_let_nobody_in)
{
	struct service_clients c;

	ck_assert_int_eq(load(), 0);
	put("s/authorized_clients/alice.auth", "nonsense", 8);
	ck_assert_int_eq(service_clients_load(in_dir("s"), &c, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "none of its files"));
}
END_TEST

START_TEST(too_many_clients_are_an_error)
{
	uint8_t sk[32];
	uint8_t pk[32];
	char name[64];
	struct service_clients c;

	ck_assert_int_eq(load(), 0);
	for (int i = 0; i <= HS_CLIENTS_MAX; i++) {
		char line[AUTH_PUBLIC_TEXT_LEN + 1];
		FILE *f;

		crypto_x25519_keygen(sk, pk);
		auth_public_encode(line, pk);
		snprintf(name, sizeof(name), "s/authorized_clients/c%d.auth", i);
		f = fopen(in_dir(name), "w");
		ck_assert_ptr_nonnull(f);
		fputs(line, f);
		fclose(f);
	}
	ck_assert_int_eq(service_clients_load(in_dir("s"), &c, err, sizeof(err)), -E2BIG);
}
END_TEST

/* --- replays --- */

START_TEST(what_was_seen_is_known_for_ever_without_a_lifetime)
{
	struct service_replay *r = service_replay_new(1000, 0);

	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(service_replay_add(r, &i, sizeof(i), i), 0);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(service_replay_add(r, &i, sizeof(i), INT64_C(1) << 40), -EEXIST);
	ck_assert_int_eq(service_replay_add(r, "new", 3, 0), -ENOSPC);
	ck_assert_uint_eq(service_replay_count(r), 1000);
	service_replay_free(r);
}
END_TEST

START_TEST(with_a_lifetime_it_is_forgotten_after_one_or_two)
{
	struct service_replay *r = service_replay_new(100, 1000);

	ck_assert_int_eq(service_replay_add(r, "a", 1, 5000), 0);
	ck_assert_int_eq(service_replay_add(r, "a", 1, 5999), -EEXIST);
	ck_assert_int_eq(service_replay_add(r, "b", 1, 6000), 0);
	ck_assert_int_eq(service_replay_add(r, "a", 1, 6999), -EEXIST);
	ck_assert_int_eq(service_replay_add(r, "a", 1, 7000), 0);
	ck_assert_int_eq(service_replay_add(r, "b", 1, 7000), -EEXIST);
	ck_assert_int_eq(service_replay_add(r, "b", 1, 100000), 0);
	service_replay_free(r);
}
END_TEST

START_TEST(a_flood_makes_it_forget_earlier_and_never_grow)
{
	struct service_replay *r = service_replay_new(64, 1000);

	for (uint32_t i = 0; i < 10000; i++) {
		ck_assert_int_eq(service_replay_add(r, &i, sizeof(i), 1), 0);
		ck_assert_uint_le(service_replay_count(r), 128);
	}
	service_replay_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_service_files");
	TCase *t = tcase_create("onion_service_files");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_directory_that_tor_made_keeps_its_address);
	tcase_add_test(t, a_new_service_gets_a_key_and_keeps_it);
	tcase_add_test(t, what_can_be_derived_is_written_again);
	tcase_add_test(t, a_damaged_key_is_never_replaced);
	tcase_add_test(t, a_directory_that_others_may_read_is_refused);
	tcase_add_test(t, a_group_may_read_the_name_and_not_the_key);
	tcase_add_test(t, a_key_file_is_read_as_it_was_written_and_at_no_other_length);
	tcase_add_test(t, clients_are_read_from_their_files);
	tcase_add_test(t, files_without_any_key_let_nobody_in);
	tcase_add_test(t, too_many_clients_are_an_error);
	tcase_add_test(t, what_was_seen_is_known_for_ever_without_a_lifetime);
	tcase_add_test(t, with_a_lifetime_it_is_forgotten_after_one_or_two);
	tcase_add_test(t, a_flood_makes_it_forget_earlier_and_never_grow);
	suite_add_tcase(s, t);
	return suite_run(s);
}
