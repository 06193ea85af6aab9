/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_auth_file.c - files of client authorisation, of C tor's form and others */
#include <string.h>

#include "agent/onion/auth_file.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define LABEL "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid"
/* arti crates/tor-netdoc hsdesc tests: a client's keys. */
#define SECRET "SDZNMD4RP4SCH4EYTTUZPFRZINNFWAOPPKZ6BINZAC7LREV24RBQ"
#define SECRET_HEX "90F2D60F917F2423F0989CE9979639435A5B01CF7AB3E0A1B900BEB892BAE443"
#define PUBLIC "SACGOAEODFGCYY22NYZV45ZESFPFLDGLMBWFACKEO34XGHASSAMQ"
#define PUBLIC_HEX "900467008E194C2C635A6E335E7724915E558CCB606C50094476F9731C129019"
#define ID_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static void expect(const void *got, const char *hex)
{
	uint8_t want[32];

	unhex(want, 32, hex);
	ck_assert_mem_eq(got, want, 32);
}

static const struct {
	const char *text;
	int error;
} private_files[] = {
	{ LABEL ":descriptor:x25519:" SECRET "\n", 0 },
	{ LABEL ":descriptor:x25519:" SECRET, 0 },
	{ LABEL ".onion:descriptor:x25519:" SECRET "\r\n", 0 },
	{ "\n \t" LABEL ":descriptor:x25519:" SECRET " \n\n", 0 },
	{ LABEL ":descriptor:x25519:sdznmd4rp4sch4eyttuzpfrzinnfwaoppkz6binzac7lrev24rbq", 0 },
	{ "", AUTH_FILE_E_FORMAT },
	{ "\n\n", AUTH_FILE_E_FORMAT },
	{ ":", AUTH_FILE_E_FORMAT },
	{ ":::", AUTH_FILE_E_ADDRESS },
	{ LABEL, AUTH_FILE_E_FORMAT },
	{ LABEL ":", AUTH_FILE_E_FORMAT },
	{ LABEL ":descriptor", AUTH_FILE_E_FORMAT },
	{ LABEL ":descriptor:x25519", AUTH_FILE_E_FORMAT },
	{ LABEL ":descriptor:x25519:", AUTH_FILE_E_FORMAT },
	{ LABEL ":descriptor:x25519:" SECRET ":", AUTH_FILE_E_FORMAT },
	{ LABEL ":descriptor:x25519:" SECRET ":more", AUTH_FILE_E_FORMAT },
	{ LABEL ":descriptor:x25519:" SECRET "\n" LABEL ":descriptor:x25519:" SECRET,
	  AUTH_FILE_E_FORMAT },
	{ LABEL "::x25519:" SECRET, AUTH_FILE_E_FORMAT },
	{ LABEL ":intro:x25519:" SECRET, AUTH_FILE_E_TYPE },
	{ LABEL ":descriptor:ed25519:" SECRET, AUTH_FILE_E_TYPE },
	{ LABEL ":Descriptor:x25519:" SECRET, AUTH_FILE_E_TYPE },
	{ "x" LABEL ":descriptor:x25519:" SECRET, AUTH_FILE_E_ADDRESS },
	{ "www." LABEL ".onion:descriptor:x25519:" SECRET, AUTH_FILE_E_ADDRESS },
	{ LABEL ".com:descriptor:x25519:" SECRET, AUTH_FILE_E_ADDRESS },
	{ "35njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid:descriptor:x25519:" SECRET,
	  AUTH_FILE_E_ADDRESS },
	{ LABEL ":descriptor:x25519:" SECRET "A", AUTH_FILE_E_KEY },
	{ LABEL ":descriptor:x25519:SDZNMD4RP4SCH4EYTTUZPFRZINNFWAOPPKZ6BINZAC7LREV24RB",
	  AUTH_FILE_E_KEY },
	{ LABEL ":descriptor:x25519:SDZNMD4RP4SCH4EYTTUZPFRZINNFWAOPPKZ6BINZAC7LREV24RB1",
	  AUTH_FILE_E_KEY },
	{ LABEL ":descriptor:x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	  AUTH_FILE_E_KEY },
	{ "descriptor:x25519:" PUBLIC, AUTH_FILE_E_ADDRESS },
};

START_TEST(a_clients_file)
{
	const char *text = private_files[_i].text;
	uint8_t id[32], sk[32];
	int err;

	memset(id, 0x77, 32);
	err = auth_private_parse(text, strlen(text), id, sk);
	ck_assert_msg(err == private_files[_i].error, "%s: %s", text, auth_file_error_str(err));
	if (err) {
		ck_assert(id[0] == 0x77);
		return;
	}
	expect(id, ID_HEX);
	expect(sk, SECRET_HEX);
}
END_TEST

static const struct {
	const char *text;
	int error;
} public_files[] = {
	{ "descriptor:x25519:" PUBLIC "\n", 0 },
	{ " descriptor:x25519:" PUBLIC "\r\n\r\n", 0 },
	{ "", AUTH_FILE_E_FORMAT },
	{ "descriptor", AUTH_FILE_E_FORMAT },
	{ "descriptor:", AUTH_FILE_E_FORMAT },
	{ "descriptor:x25519", AUTH_FILE_E_FORMAT },
	{ "a:b:c:d:e", AUTH_FILE_E_TYPE },
	{ "bar:x25519:aa==", AUTH_FILE_E_TYPE },
	{ "descriptor:not-x25519:aa==", AUTH_FILE_E_TYPE },
	{ "descriptor:x25519:aa==", AUTH_FILE_E_KEY },
	{ "foo:descriptor:x25519:" PUBLIC, AUTH_FILE_E_TYPE },
	{ "descriptor:x25519:" PUBLIC "#comment", AUTH_FILE_E_KEY },
};

START_TEST(a_services_file)
{
	const char *text = public_files[_i].text;
	uint8_t pk[32];
	int err = auth_public_parse(text, strlen(text), pk);

	ck_assert_msg(err == public_files[_i].error, "%s: %s", text, auth_file_error_str(err));
	if (!err)
		expect(pk, PUBLIC_HEX);
}
END_TEST

START_TEST(files_are_written_as_c_tor_does)
{
	char priv[AUTH_PRIVATE_TEXT_LEN + 1], pub[AUTH_PUBLIC_TEXT_LEN + 1];
	uint8_t id[32], key[32];

	unhex(id, 32, ID_HEX);
	unhex(key, 32, SECRET_HEX);
	auth_private_encode(priv, id, key);
	ck_assert_str_eq(priv, LABEL ":descriptor:x25519:" SECRET "\n");
	ck_assert_uint_eq(strlen(priv), AUTH_PRIVATE_TEXT_LEN);
	unhex(key, 32, PUBLIC_HEX);
	auth_public_encode(pub, key);
	ck_assert_str_eq(pub, "descriptor:x25519:" PUBLIC "\n");
	ck_assert_uint_eq(strlen(pub), AUTH_PUBLIC_TEXT_LEN);
}
END_TEST

START_TEST(long_files_are_refused)
{
	char text[AUTH_FILE_LEN_MAX + 1];
	uint8_t id[32], sk[32];

	memset(text, '\n', sizeof(text));
	memcpy(text, private_files[0].text, strlen(private_files[0].text));
	ck_assert_int_eq(auth_private_parse(text, AUTH_FILE_LEN_MAX, id, sk), 0);
	ck_assert_int_eq(auth_private_parse(text, sizeof(text), id, sk), AUTH_FILE_E_FORMAT);
	ck_assert_int_eq(auth_public_parse(text, sizeof(text), sk), AUTH_FILE_E_FORMAT);
}
END_TEST

static bool accepts(void *ctx, const uint8_t *data, size_t len)
{
	uint8_t id[32], sk[32];

	(void)ctx;
	return auth_private_parse((const char *)data, len, id, sk) == 0;
}

START_TEST(no_cut_is_accepted_and_damage_does_not_crash)
{
	const char *text = private_files[1].text;

	ck_assert_uint_eq(mutate_count_prefixes(accepts, NULL, text, strlen(text)), 0);
	mutate_run(accepts, NULL, text, strlen(text), 5000);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("onion_auth_file");
	TCase *t = tcase_create("files");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, a_clients_file, 0, COUNT(private_files));
	tcase_add_loop_test(t, a_services_file, 0, COUNT(public_files));
	tcase_add_test(t, files_are_written_as_c_tor_does);
	tcase_add_test(t, long_files_are_refused);
	tcase_add_test(t, no_cut_is_accepted_and_damage_does_not_crash);
	return suite_run(s);
}
