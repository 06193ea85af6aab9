/* SPDX-License-Identifier: BSD-3-Clause */
/* test_dir_authority.c - DirAuthority and FallbackDir lines, and the built-in lists */
#include <string.h>

#include "common/codec.h"
#include "dirclient/dirclient.h"
#include "tests/support/suite.h"

#define ID "F204 4413 DAC2 E02E 3D6B CF47 35A1 9BCA 1DE9 7281"
#define V3 "v3ident=ED03BB616EB2F60BEC80151114BB25CEF515B226"

static const struct {
	const char *line;
	const char *nickname;	/* NULL: refused */
	const char *says;	/* part of the message */
} authorities[] = {
	{"gabelmoo orport=443 " V3 " ipv6=[2001:638:a000:4140::ffff:189]:443 131.188.40.189:80 " ID,
	 "gabelmoo", NULL},
	{"a0 orport=15200 no-v2 " V3 " 127.0.0.1:15100 CF06E71E2D0B8E7EEB3C52D5C4E1A51D7CC7B0FC", "a0",
	 NULL},
	{"orport=443 " V3 " 131.188.40.189:80 " ID, "", NULL},
	{"x orport=443 upload=http://1.2.3.4/ " V3 " 131.188.40.189:0 " ID, "x", NULL},
	{"x orport=443 131.188.40.189:80 " ID, NULL, "v3ident"},
	{"x " V3 " 131.188.40.189:80 " ID, NULL, "orport"},
	{"x orport=0 " V3 " 131.188.40.189:80 " ID, NULL, "port"},
	{"x orport=70000 " V3 " 131.188.40.189:80 " ID, NULL, "port"},
	{"x orport=443 v3ident=ED03 131.188.40.189:80 " ID, NULL, "v3ident"},
	{"x orport=443 " V3 " example.com:80 " ID, NULL, "neither"},
	{"x orport=443 " V3 " 131.188.40.189:80 F204", NULL, "fingerprint"},
	{"x orport=443 " V3 " 131.188.40.189:80 " ID "00", NULL, "fingerprint"},
	{"x orport=443 " V3 " ipv6=1.2.3.4:5 131.188.40.189:80 " ID, NULL, "ipv6"},
	{"x orport=443 " V3, NULL, "address"},
	{"", NULL, "address"},
	{"x", NULL, "address"},
};

START_TEST(authority_lines_are_read_as_tor_reads_them)
{
	struct dir_authority a;
	char err[128] = "";
	int r = dir_authority_parse(authorities[_i].line, &a, err, sizeof(err));

	ck_assert_msg((r == 0) == (authorities[_i].nickname != NULL), "%s: %s", authorities[_i].line,
		      err);
	if (r == 0)
		ck_assert_str_eq(a.nickname, authorities[_i].nickname);
	else
		ck_assert_msg(strstr(err, authorities[_i].says) != NULL, "%s", err);
}
END_TEST

#define FID "id=4F067C5C488173987B568CD7245F1CA71DEE996B"
static const struct {
	const char *line;
	bool good;
} fallbacks[] = {
	{"64.65.62.122 orport=443 " FID, true},
	{"64.65.62.122:80 orport=443 " FID " weight=2.5", true},
	{"64.65.62.122:80 orport=443 " FID " ipv6=[::2]:443", true},
	{"orport=443 " FID " 64.65.62.122:80", true},
	{"64.65.62.122 " FID, false},
	{"64.65.62.122 orport=443", false},
	{"64.65.62.122 orport=443 id=xyz", false},
	{"64.65.62.122 orport=443 " FID " nonsense", false},
	{"host orport=443 " FID, false},
	{"[::1]:80 orport=443 " FID, false},
	{"", false},
};

START_TEST(fallback_lines_are_read_as_tor_reads_them)
{
	struct dir_fallback f;
	char err[128] = "";

	ck_assert_msg((dir_fallback_parse(fallbacks[_i].line, &f, err, sizeof(err)) == 0) ==
			      fallbacks[_i].good, "%s: %s", fallbacks[_i].line, err);
	if (fallbacks[_i].good) {
		ck_assert_uint_eq(addr_v4_value(&f.relay.or_v4.addr), 0x40413e7a);
		ck_assert_uint_eq(f.relay.or_v4.port, 443);
	} else {
		ck_assert_str_ne(err, "");
	}
}
END_TEST

START_TEST(overlong_lines_are_refused)
{
	char line[5000], err[128];
	struct dir_authority a;
	struct dir_fallback f;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	ck_assert_int_ne(dir_authority_parse(line, &a, err, sizeof(err)), 0);
	ck_assert_int_ne(dir_fallback_parse(line, &f, err, sizeof(err)), 0);
}
END_TEST

START_TEST(the_built_in_lists_are_complete)
{
	const struct dir_authority *a;
	const struct dir_fallback *f;
	size_t n_a, n_f, v6 = 0;
	uint8_t moria1[RSA_ID_LEN];

	dir_builtin(&a, &n_a, &f, &n_f);
	ck_assert_uint_eq(n_a, 9);
	ck_assert_uint_eq(n_f, 200);
	ck_assert_str_eq(a[0].nickname, "moria1");
	codec_hex_decode(moria1, RSA_ID_LEN, "F533C81CEF0BC0267857C99B2F471ADF249FA232", 40);
	ck_assert_mem_eq(a[0].v3ident, moria1, RSA_ID_LEN);
	for (size_t i = 0; i < n_f; i++) {
		ck_assert_uint_ne(f[i].relay.or_v4.port, 0);
		ck_assert(!f[i].relay.has_ed && !f[i].relay.has_ntor);
		v6 += f[i].relay.or_v6.port != 0;
	}
	ck_assert_uint_gt(v6, 50);
	for (size_t i = 0; i < n_a; i++)
		for (size_t k = i + 1; k < n_a; k++)
			ck_assert_mem_ne(a[i].v3ident, a[k].v3ident, RSA_ID_LEN);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dir_authority");
	TCase *t = tcase_create("authority");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, authority_lines_are_read_as_tor_reads_them, 0,
			    sizeof(authorities) / sizeof(authorities[0]));
	tcase_add_loop_test(t, fallback_lines_are_read_as_tor_reads_them, 0,
			    sizeof(fallbacks) / sizeof(fallbacks[0]));
	tcase_add_test(t, overlong_lines_are_refused);
	tcase_add_test(t, the_built_in_lists_are_complete);
	return suite_run(s);
}
