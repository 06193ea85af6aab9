/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_onion_desc.c - descriptors of onion services: published ones, our own, damaged ones
 *
 * data/onion holds test data of arti (crates/tor-netdoc/testdata/hsdesc*.txt): two
 * descriptors made by C tor, the second for an authorised client, and inner layers.
 * tor-0.4.9.11.txt is of a service of a private network, where periods had 8 minutes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/desc_crypt.h"
#include "agent/onion/desc_inner.h"
#include "agent/onion/desc_middle.h"
#include "agent/onion/desc_outer.h"
#include "agent/onion/hs_desc.h"
#include "common/codec.h"
#include "tests/support/hsworld.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define LEN_MAX 50000
#define DESC1_TIME 1674486000	/* 2023-01-23T15:00:00Z */
#define DESC2_TIME 1675944000	/* 2023-02-09T12:00:00Z */

static char *slurp(const char *name, size_t *ret_len)
{
	char path[256];
	char *s = calloc(1, 65536);
	FILE *in;

	snprintf(path, sizeof(path), "tests/unit/data/onion/%s", name);
	in = fopen(path, "rb");
	ck_assert_msg(in != NULL, "%s: run from the top folder", path);
	*ret_len = fread(s, 1, 65535, in);
	fclose(in);
	return s;
}

static void expect(const void *got, size_t len, const char *hex)
{
	uint8_t want[64];

	ck_assert_uint_eq(unhex(want, sizeof(want), hex), len);
	ck_assert_mem_eq(got, want, len);
}

/* hsdesc1: its blinded key and subcredential are known, the identity is not. */
static struct hs_keys keys1(void)
{
	struct hs_keys k = { .tp = { 0, 1440 } };

	unhex(k.blinded, 32, "43cc0d62fc6252f578705ca645a46109e265290343b1137e90189744b20b3f2d");
	unhex(k.subcredential, 32,
	      "78210A0D2C72BB7A0CAF606BCD938B9A3696894FDDDBC3B87D424753A7E3DF37");
	return k;
}

static struct hs_keys keys2(void)
{
	struct hs_keys k;
	uint8_t id[32];

	unhex(id, 32, "781D978CE6CE9CAA8BCA306F53E82D2C993E5C91346625F1C151DCFC56D753D3");
	ck_assert_int_eq(hs_keys_derive(&k, id, (struct time_period){ 19397, 1440 }), 0);
	return k;
}

START_TEST(a_descriptor_of_c_tor_is_read)
{
	struct hs_keys k = keys1();
	struct hs_desc *d;
	size_t len;
	char *text = slurp("hsdesc1.txt", &len);

	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, DESC1_TIME, LEN_MAX, &d), 0);
	ck_assert_uint_eq(d->revision, 19655750);
	ck_assert_uint_eq(d->lifetime, 180);
	ck_assert_int_eq(d->expires, 1674702000);
	ck_assert(!d->terms.is_single_onion && !d->terms.has_pow);
	ck_assert(!d->terms.has_cc);
	ck_assert_uint_eq(d->n_intro, 3);
	expect(d->intro[0].relay.ntor_key, 32,
	       "553BF9F9E1979D6F5D5D7D20BB3FE7272E32E22B6E86E35C76A7CA8A377E402F");
	for (size_t i = 0; i < d->n_intro; i++) {
		ck_assert(d->intro[i].relay.has_ntor && d->intro[i].relay.has_ed);
		ck_assert_int_eq(d->intro[i].relay.or_v4.addr.family, ADDR_V4);
		ck_assert_uint_gt(d->intro[i].link_specs_len, 60);
	}
	ck_assert_mem_eq(d->keys.subcredential, k.subcredential, 32);
	hs_desc_free(d);
	hs_desc_free(NULL);
	free(text);
}
END_TEST

START_TEST(from_an_address_to_introduction_points)
{
	static const char address[] =
		"rqhej5r2wwbuyv7zodo32pokrvm7pezna2cy6452hffo6wq446nmjlqd.onion";
	char blinded[HS_BLINDED_TEXT_LEN + 1];
	struct hs_keys k;
	struct hs_desc *d;
	uint8_t id[32];
	size_t len;
	char *text = slurp("tor-0.4.9.11.txt", &len);

	ck_assert_int_eq(onion_address_parse(address, strlen(address), id), 0);
	ck_assert_int_eq(hs_keys_derive(&k, id, (struct time_period){ 3739994, 8 }), 0);
	hs_keys_blinded_text(blinded, &k);
	ck_assert_str_eq(blinded, "hyS2C3mXLKCtgR2ZM3h60ZVcbpJ97Fm+8VEXd+ANXhA");
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, 1795197447, LEN_MAX, &d), 0);
	ck_assert_uint_eq(d->revision, 566535);
	ck_assert_uint_eq(d->n_intro, 3);
	ck_assert(d->terms.has_cc);
	ck_assert_uint_eq(d->terms.sendme_inc, 31);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(d->intro[i].relay.or_v4.port, 9001);
	hs_desc_free(d);
	free(text);
}
END_TEST

START_TEST(a_descriptor_for_an_authorised_client_needs_its_key)
{
	struct hs_keys k = keys2();
	struct hs_desc *d = NULL;
	uint8_t sk[32];
	size_t len;
	char *text = slurp("hsdesc2.txt", &len);

	expect(k.blinded, 32, "706628758208395D461AA0F460A5E76E7B828C66B5E794768592B451302E961D");
	expect(k.subcredential, 32,
	       "24A133E905102BDA9A6AFE57F901366A1B8281865A91F1FE0853E4B50CC8B070");
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, DESC2_TIME, LEN_MAX, &d),
			 HS_DESC_E_AUTH_NEEDED);
	unhex(sk, 32, "90F2D60F917F2423F0989CE9979639435A5B01CF7AB3E0A1B900BEB892BAE443");
	sk[1] ^= 1;
	ck_assert_int_eq(hs_desc_decode(text, len, &k, sk, DESC2_TIME, LEN_MAX, &d),
			 HS_DESC_E_AUTH_WRONG);
	ck_assert_ptr_null(d);
	sk[1] ^= 1;
	ck_assert_int_eq(hs_desc_decode(text, len, &k, sk, DESC2_TIME, LEN_MAX, &d), 0);
	ck_assert_uint_eq(d->n_intro, 3);
	hs_desc_free(d);
	free(text);
}
END_TEST

START_TEST(a_key_that_is_not_needed_does_no_harm)
{
	struct hs_keys k = keys1();
	struct hs_desc *d;
	uint8_t sk[32] = { 8, 1 };
	size_t len;
	char *text = slurp("hsdesc1.txt", &len);

	ck_assert_int_eq(hs_desc_decode(text, len, &k, sk, DESC1_TIME, LEN_MAX, &d), 0);
	hs_desc_free(d);
	free(text);
}
END_TEST

START_TEST(wrong_keys_times_and_lengths_are_told_apart)
{
	struct hs_keys k = keys1();
	struct hs_desc *d = NULL;
	size_t len;
	char *text = slurp("hsdesc1.txt", &len);

	k.blinded[0] ^= 1;
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, DESC1_TIME, LEN_MAX, &d),
			 HS_DESC_E_FOREIGN);
	k = keys1();
	k.subcredential[0] ^= 1;
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, DESC1_TIME, LEN_MAX, &d),
			 HS_DESC_E_DECRYPT);
	k = keys1();
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, 1674702001, LEN_MAX, &d),
			 HS_DESC_E_CERT);
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, 1674702000, LEN_MAX, &d), 0);
	hs_desc_free(d);
	d = NULL;
	ck_assert_int_eq(hs_desc_decode(text, len, &k, NULL, DESC1_TIME, len, &d),
			 HS_DESC_E_SIZE);
	ck_assert_int_eq(hs_desc_decode(text, 0, &k, NULL, DESC1_TIME, LEN_MAX, &d),
			 HS_DESC_E_SIZE);
	ck_assert_ptr_null(d);
	free(text);
}
END_TEST

/* --- the outer layer --- */

/* Replaces the first @from in @text (which has room) by @to. */
static void edit(char *text, size_t *len, const char *from, const char *to)
{
	char *at = strstr(text, from);

	ck_assert_msg(at != NULL, "%s", from);
	memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
	memcpy(at, to, strlen(to));
	*len = strlen(text);
}

static const struct {
	const char *from, *to;
	int error;
} outer_edits[] = {
	{ "hs-descriptor 3", "hs-descriptor 2", HS_DESC_E_VERSION },
	{ "hs-descriptor 3", "hs-descriptor 33", HS_DESC_E_VERSION },
	{ "hs-descriptor 3", "hs-descriptor", HS_DESC_E_VERSION },
	{ "hs-descriptor 3", "\nhs-descriptor 3", HS_DESC_E_SYNTAX },
	{ "hs-descriptor 3", "@x y\nhs-descriptor 3", HS_DESC_E_SYNTAX },
	{ "hs-descriptor 3\n", "", HS_DESC_E_SYNTAX },
	{ "hs-descriptor 3\n", "hs-descriptor 3\nhs-descriptor 3\n", HS_DESC_E_SYNTAX },
	{ "descriptor-lifetime 180", "descriptor-lifetime 29", HS_DESC_E_VALUE },
	{ "descriptor-lifetime 180", "descriptor-lifetime 721", HS_DESC_E_VALUE },
	{ "descriptor-lifetime 180", "descriptor-lifetime -1", HS_DESC_E_VALUE },
	{ "descriptor-lifetime 180", "descriptor-lifetime 180 1", HS_DESC_E_VALUE },
	{ "descriptor-lifetime 180", "descriptor-lifetime 181", HS_DESC_E_SIGNATURE },
	{ "descriptor-lifetime 180\n", "", HS_DESC_E_SYNTAX },
	{ "descriptor-lifetime 180", "x-lifetime 180", HS_DESC_E_SYNTAX },
	{ "revision-counter 19655750", "revision-counter 18446744073709551615",
	  HS_DESC_E_SIGNATURE },
	{ "revision-counter 19655750", "revision-counter 18446744073709551616",
	  HS_DESC_E_VALUE },
	{ "revision-counter 19655750", "revision-counter x", HS_DESC_E_VALUE },
	{ "revision-counter 19655750", "revision-counter", HS_DESC_E_VALUE },
	{ "descriptor-signing-key-cert", "descriptor-signing-key-cert2", HS_DESC_E_SYNTAX },
	{ "BEGIN ED25519 CERT", "BEGIN ED25519 CERX", HS_DESC_E_SYNTAX },
	{ "superencrypted\n-----BEGIN MESSAGE", "superencrypted\n-----BEGIN MESSAG",
	  HS_DESC_E_SYNTAX },
	{ "-----END MESSAGE-----\n", "", HS_DESC_E_SYNTAX },
	{ "\nsignature ", "\nunknown line\nsignature ", HS_DESC_E_SIGNATURE },
	{ "\nsignature ", "\nsignature x", HS_DESC_E_SIGNATURE },
	{ "\nsignature ", "\nsignature  ", 0 },
	{ "\nsignature ", "\nsignature AA\nsignature ", HS_DESC_E_SYNTAX },
};

START_TEST(changes_of_the_outer_layer_are_refused)
{
	struct desc_outer d;
	size_t len;
	char *text = slurp("hsdesc1.txt", &len);
	int err;

	edit(text, &len, outer_edits[_i].from, outer_edits[_i].to);
	err = desc_outer_parse(text, len, DESC1_TIME, &d);
	ck_assert_msg(err == outer_edits[_i].error, "%s: %s", outer_edits[_i].to,
		      hs_desc_error_str(err));
	if (!err)
		desc_outer_deinit(&d);
	free(text);
}
END_TEST

static bool accepts_outer(void *ctx, const uint8_t *data, size_t len)
{
	struct desc_outer d;

	(void)ctx;
	if (desc_outer_parse((const char *)data, len, DESC1_TIME, &d))
		return false;
	desc_outer_deinit(&d);
	return true;
}

START_TEST(no_cut_and_no_damage_of_the_outer_layer_is_accepted)
{
	size_t len;
	char *text = slurp("hsdesc1.txt", &len);

	ck_assert(mutate_feed(accepts_outer, NULL, text, len));
	/* Only the newline at the very end could be spared, and is not. */
	ck_assert_uint_eq(mutate_count_prefixes(accepts_outer, NULL, text, len), 0);
	mutate_run(accepts_outer, NULL, text, len, 3000);
	free(text);
}
END_TEST

/* --- the inner layer --- */

static struct hs_desc *new_desc(void)
{
	struct hs_desc *d = calloc(1, sizeof(*d));

	ck_assert_ptr_nonnull(d);
	return d;
}

/* The key that signed the certificates of arti's inner layers stands in them. */
static void inner_signer(const char *text, uint8_t ret[32])
{
	const char *begin = strstr(text, "CERT-----\n") + 10;
	const char *end = strstr(begin, "-----END");
	uint8_t cert[200];

	ck_assert_int_eq(codec_base64_decode_lines(cert, sizeof(cert), begin,
						   (size_t)(end - begin)), 140);
	memcpy(ret, cert + 44, 32);
}

static int parse_inner(const char *text, int64_t now, struct hs_desc *d)
{
	uint8_t signer[32];

	inner_signer(text, signer);
	return desc_inner_parse(text, strlen(text), signer, now, d);
}

START_TEST(inner_layers_of_c_tor_are_read)
{
	struct hs_desc *d = new_desc();
	size_t len;
	char *text = slurp("hsdesc-inner.txt", &len);

	ck_assert_int_eq(parse_inner(text, 0, d), 0);
	ck_assert_uint_eq(d->n_intro, 3);
	ck_assert(d->terms.has_cc);
	ck_assert_uint_eq(d->terms.sendme_inc, 31);
	ck_assert_int_eq(d->intro[0].relay.or_v6.addr.family, ADDR_V6);
	free(text);
	hs_desc_free(d);
}
END_TEST

#define POW_SEED_HEX "144e901df0841833a6e8592190849b4412f307d1565f2f137b2a5bc21a31092a"

static const struct {
	const char *from, *to;
	int error;
	bool has_pow;
} pow_edits[] = {
	{ "pow-params ", "pow-params ", 0, true },
	{ "pow-params ", "pow-params x-example\npow-params ", 0, true },
	{ "pow-params ", "pow-params v2 \xff bin\npow-params v11\npow-params ", 0, true },
	{ "pow-params v1", "pow-params v2", 0, false },
	{ "pow-params ", "xow-params ", 0, false },
	{ "pow-params v1", "pow-params", 0, false },	/* the seed reads as a kind */
	{ "pow-params ", "pow-params\npow-params ", HS_DESC_E_VALUE, false },
	{ "614 ", "4294967296 ", HS_DESC_E_VALUE, false },
	{ "614 ", "", HS_DESC_E_VALUE, false },
	{ "614 ", "4294967295 ", 0, true },
	{ "T05:15:37", " 05:15:37", HS_DESC_E_VALUE, false },
	{ "T05:15:37", "T25:15:37", HS_DESC_E_VALUE, false },
	{ "pow-params v1 ", "pow-params v1 A", HS_DESC_E_VALUE, false },
	{ "pow-params v1 ", "pow-params v1 FE6QHfCEGDOm6FkhkISbRBLzB9FWXy8TeypbwhoxCSo= 614 "
			    "2024-04-11T05:15:37\npow-params v1 ", HS_DESC_E_VALUE, true },
};

START_TEST(proof_of_work_is_read_and_unknown_kinds_are_skipped)
{
	struct hs_desc *d = new_desc();
	size_t len;
	char *text = slurp("hsdesc-inner-pow-v1.txt", &len);
	int err;

	edit(text, &len, pow_edits[_i].from, pow_edits[_i].to);
	err = parse_inner(text, 0, d);
	ck_assert_msg(err == pow_edits[_i].error, "%s: %s", pow_edits[_i].to,
		      hs_desc_error_str(err));
	ck_assert_int_eq(d->terms.has_pow, pow_edits[_i].has_pow);
	if (_i == 0) {
		expect(d->terms.pow.seed, 32, POW_SEED_HEX);
		ck_assert_uint_eq(d->terms.pow.effort, 614);
		ck_assert_int_eq(d->terms.pow.expires, 1712812537);
	}
	free(text);
	hs_desc_free(d);
}
END_TEST

START_TEST(proof_of_work_without_a_kind_is_refused)
{
	struct hs_desc *d = new_desc();
	size_t len;
	char *text = slurp("hsdesc-inner-pow-empty.txt", &len);

	ck_assert_int_eq(parse_inner(text, 0, d), HS_DESC_E_VALUE);
	free(text);
	hs_desc_free(d);
}
END_TEST

static const struct {
	const char *from, *to;
	int error;
	size_t n_intro;
} inner_edits[] = {
	{ "create2-formats 2", "create2-formats 1 2 3 99 x", 0, 3 },
	{ "create2-formats 2", "create2-formats 3", HS_DESC_E_VALUE, 0 },
	{ "create2-formats 2", "create2-formats", HS_DESC_E_VALUE, 0 },
	{ "create2-formats 2\n", "", HS_DESC_E_SYNTAX, 0 },
	{ "create2-formats 2\n", "create2-formats 2\ncreate2-formats 2\n", HS_DESC_E_SYNTAX, 0 },
	{ "create2-formats 2\n", "x-unknown\ncreate2-formats 2\n", HS_DESC_E_SYNTAX, 0 },
	{ "create2-formats 2\n", "create2-formats 2\nx-unknown a b\n", 0, 3 },
	{ "create2-formats 2\n", "create2-formats 2\nintro-auth-required ed25519\n", 0, 3 },
	{ "create2-formats 2\n", "create2-formats 2\nintro-auth-required sms\n",
	  HS_DESC_E_VALUE, 0 },
	{ "create2-formats 2\n", "create2-formats 2\nsingle-onion-service\n", 0, 3 },
	{ "flow-control 1-2 31", "flow-control 1 31", 0, 3 },
	{ "flow-control 1-2 31", "flow-control 2-9 255", 0, 3 },
	{ "flow-control 1-2 31", "flow-control 1-2 0", HS_DESC_E_VALUE, 0 },
	{ "flow-control 1-2 31", "flow-control 1-2 256", HS_DESC_E_VALUE, 0 },
	{ "flow-control 1-2 31", "flow-control 1-2", HS_DESC_E_VALUE, 0 },
	{ "flow-control 1-2 31", "flow-control 1-2 31\nflow-control 1-2 31",
	  HS_DESC_E_SYNTAX, 0 },
	/* What is wrong with a point costs that point alone. */
	{ "introduction-point ", "introduction-point x", 0, 2 },
	{ "introduction-point B", "introduction-point ", 0, 2 },
	{ "onion-key ntor", "onion-key xtor", 0, 2 },
	{ "onion-key ntor", "onion-key xtor abc\nonion-key ntor", 0, 3 },
	{ "onion-key ntor ", "onion-key ntor x", 0, 2 },
	{ "onion-key ntor eNcVZi04zhg4x1/wogQfH3/4ReCn+hgfqvPwoYgFBzk=",
	  "onion-key ntor AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0, 2 },
	{ "enc-key ntor cPy17Vtuw54asOdgjNdVMwgNLnplwnMpmLOuhMqS9DE=",
	  "enc-key ntor AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0, 2 },
	{ "enc-key ntor", "enc-key kyber512 aaa\nenc-key ntor", 0, 3 },
	{ "enc-key ntor", "enc-key kyber512", 0, 2 },
	{ "\nauth-key\n", "\nxuth-key\n", 0, 2 },
	{ "\nenc-key-cert\n", "\nxnc-key-cert\n", 0, 2 },
	{ "\nenc-key-cert\n", "\nlegacy-key\n", 0, 2 },
	{ "AQkABxq8", "AQkABxq9", 0, 2 },	/* the certificate's date */
	{ "-----END ED25519 CERT-----", "-----END ED25519 CERT----", HS_DESC_E_SYNTAX, 0 },
};

START_TEST(changes_of_the_inner_layer)
{
	struct hs_desc *d = new_desc();
	uint8_t signer[32];
	size_t len;
	char *text = slurp("hsdesc-inner.txt", &len);
	int err;

	inner_signer(text, signer);
	edit(text, &len, inner_edits[_i].from, inner_edits[_i].to);
	err = desc_inner_parse(text, len, signer, 0, d);
	ck_assert_msg(err == inner_edits[_i].error, "%s: %s", inner_edits[_i].to,
		      hs_desc_error_str(err));
	if (!err)
		ck_assert_msg(d->n_intro == inner_edits[_i].n_intro, "%s: %zu points",
			      inner_edits[_i].to, d->n_intro);
	free(text);
	hs_desc_free(d);
}
END_TEST

START_TEST(expired_points_and_too_many_are_left_out_or_refused)
{
	struct hs_desc *d = new_desc();
	uint8_t signer[32];
	size_t len, n;
	char *text = slurp("hsdesc-inner.txt", &len);
	char *many = calloc(1, 100000), *last;

	inner_signer(text, signer);
	ck_assert_int_eq(desc_inner_parse(text, len, signer, INT64_C(4000000000), d), 0);
	ck_assert_uint_eq(d->n_intro, 0);
	last = strstr(text, "introduction-point");
	last = strstr(last + 1, "introduction-point");
	last = strstr(last + 1, "introduction-point");
	strcpy(many, text);
	for (n = 3; n < HS_INTRO_MAX; n++)
		strcat(many, last);
	ck_assert_int_eq(desc_inner_parse(many, strlen(many), signer, 0, d), 0);
	ck_assert_uint_eq(d->n_intro, HS_INTRO_MAX);
	strcat(many, last);
	ck_assert_int_eq(desc_inner_parse(many, strlen(many), signer, 0, d), HS_DESC_E_VALUE);
	*strstr(text, "introduction-point") = '\0';
	ck_assert_int_eq(desc_inner_parse(text, strlen(text), signer, 0, d), 0);
	ck_assert_uint_eq(d->n_intro, 0);
	free(text);
	free(many);
	hs_desc_free(d);
}
END_TEST

static bool accepts_inner(void *ctx, const uint8_t *data, size_t len)
{
	struct hs_desc *d = new_desc();
	bool good = desc_inner_parse((const char *)data, len, ctx, 0, d) == 0;

	hs_desc_free(d);
	return good;
}

START_TEST(damage_of_the_inner_layer_does_not_crash)
{
	uint8_t signer[32];
	size_t len;
	char *text = slurp("hsdesc-inner.txt", &len);

	inner_signer(text, signer);
	/* Cuts at the end of a line may leave a shorter list behind, nothing worse. */
	ck_assert_uint_lt(mutate_count_prefixes(accepts_inner, signer, text, len), 40);
	mutate_run(accepts_inner, signer, text, len, 1000);
	free(text);
}
END_TEST

/* --- what we build --- */

START_TEST(what_we_build_is_read)
{
	struct hsworld w;
	struct hs_desc *d;
	char *text;
	size_t len;

	hsworld_init(&w, 3);
	w.plan.terms.is_single_onion = _i & 1;
	w.plan.terms.has_cc = _i & 2;
	w.plan.terms.sendme_inc = 31;
	w.plan.terms.has_pow = _i & 4;
	memset(w.plan.terms.pow.seed, 0x5e, HS_POW_SEED_LEN);
	w.plan.terms.pow.effort = 4000000000u;
	w.plan.terms.pow.expires = 1790003661;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
	ck_assert_uint_eq(strlen(text), len);
	ck_assert_int_eq(hs_desc_decode(text, len, &w.keys, NULL, w.plan.now, LEN_MAX, &d), 0);
	ck_assert_uint_eq(d->revision, w.plan.revision);
	ck_assert_uint_eq(d->lifetime, HS_DESC_LIFETIME);
	ck_assert_int_ge(d->expires, w.plan.now + HS_DESC_CERT_LIFETIME);
	ck_assert_int_eq(d->terms.is_single_onion, (_i & 1) != 0);
	ck_assert_int_eq(d->terms.has_cc, (_i & 2) != 0);
	ck_assert_uint_eq(d->terms.sendme_inc, _i & 2 ? 31 : 0);
	ck_assert_int_eq(d->terms.has_pow, (_i & 4) != 0);
	if (_i & 4)
		ck_assert_mem_eq(&d->terms.pow, &w.plan.terms.pow, sizeof(d->terms.pow));
	ck_assert_uint_eq(d->n_intro, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct relay_target *r = &d->intro[i].relay, *o = &w.intro[i].relay;
		uint8_t enc_pk[32];

		crypto_x25519_public(enc_pk, w.intro[i].enc_sk);
		ck_assert_mem_eq(d->intro[i].enc_key, enc_pk, 32);
		ck_assert_mem_eq(d->intro[i].auth_key, w.intro[i].auth_key, 32);
		ck_assert_mem_eq(r->ntor_key, o->ntor_key, 32);
		ck_assert_mem_eq(r->rsa_id, o->rsa_id, RSA_ID_LEN);
		ck_assert_mem_eq(r->ed_id, o->ed_id, ED_ID_LEN);
		ck_assert_mem_eq(&r->or_v4, &o->or_v4, sizeof(r->or_v4));
		ck_assert_mem_eq(&r->or_v6, &o->or_v6, sizeof(r->or_v6));
	}
	hs_desc_free(d);
	free(text);
}
END_TEST

START_TEST(length_tells_nothing_of_points_or_clients)
{
	struct hsworld w;
	size_t len, first = 0;
	char *text;

	hsworld_init(&w, 3);
	for (size_t n_intro = 0; n_intro <= 3; n_intro++)
		for (size_t n_clients = 0; n_clients <= 16; n_clients += 4) {
			w.plan.n_intro = n_intro;
			w.plan.n_clients = n_clients;
			ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
			if (first == 0)
				first = len;
			ck_assert_uint_eq(len, first);
			free(text);
		}
}
END_TEST

/* Opens the middle layer of what was built. */
static void open_middle(const struct hsworld *w, const char *text, size_t len,
			struct desc_middle *ret)
{
	struct desc_secret s = { DESC_LAYER_MIDDLE, &w->keys, w->plan.revision, NULL };
	struct desc_outer outer;
	char *middle;
	size_t n;

	ck_assert_int_eq(desc_outer_parse(text, len, w->plan.now, &outer), 0);
	ck_assert_uint_eq((outer.blob_len - DESC_CRYPT_OVERHEAD) % DESC_PAD_MULTIPLE, 0);
	ck_assert_int_eq(desc_decrypt(&s, outer.blob, outer.blob_len, &middle, &n), 0);
	ck_assert_int_eq(desc_middle_parse(middle, n, ret), 0);
	desc_outer_deinit(&outer);
}

START_TEST(clients_open_it_and_nobody_else)
{
	static const size_t counts[] = { 1, 2, 15, 16, 17, 200 };
	struct hsworld w;
	struct desc_middle m;
	struct hs_desc *d;
	uint8_t stranger[32], pk[32];
	size_t len, n = counts[_i];
	char *text;

	hsworld_init(&w, 3);
	w.plan.n_clients = n;
	crypto_x25519_keygen(stranger, pk);
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
	for (size_t i = 0; i < n; i += 1 + n / 7) {
		ck_assert_int_eq(hs_desc_decode(text, len, &w.keys, w.client_sk[i], w.plan.now,
						LEN_MAX, &d), 0);
		ck_assert_uint_eq(d->n_intro, 3);
		hs_desc_free(d);
	}
	ck_assert_int_eq(hs_desc_decode(text, len, &w.keys, NULL, w.plan.now, LEN_MAX, &d),
			 HS_DESC_E_AUTH_NEEDED);
	ck_assert_int_eq(hs_desc_decode(text, len, &w.keys, stranger, w.plan.now, LEN_MAX, &d),
			 HS_DESC_E_AUTH_WRONG);
	open_middle(&w, text, len, &m);
	ck_assert_uint_eq(m.n_clients, (n + 15) / 16 * 16);
	desc_middle_deinit(&m);
	free(text);
}
END_TEST

START_TEST(copies_for_two_directories_differ_and_say_the_same)
{
	struct hs_desc_auth *auth;
	struct desc_middle a, b;
	struct hsworld w;
	char *text[2];
	size_t len[2];

	hsworld_init(&w, 3);
	ck_assert_int_eq(hs_desc_auth_new(&w.keys, w.plan.client_pks, _i ? 5 : 0, &auth), 0);
	w.plan.auth = auth;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(hs_desc_build(&w.plan, &text[i], &len[i]), 0);
	ck_assert_uint_eq(len[0], len[1]);
	ck_assert_str_ne(text[0], text[1]);
	open_middle(&w, text[0], len[0], &a);
	open_middle(&w, text[1], len[1], &b);
	ck_assert_mem_eq(a.ephemeral, b.ephemeral, 32);
	ck_assert_uint_eq(a.n_clients, b.n_clients);
	ck_assert_mem_eq(a.clients, b.clients, a.n_clients * sizeof(a.clients[0]));
	ck_assert_uint_eq(a.blob_len, b.blob_len);
	ck_assert_mem_ne(a.blob, b.blob, a.blob_len);
	for (int i = 0; i < 2; i++) {
		struct hs_desc *d;

		ck_assert_int_eq(hs_desc_decode(text[i], len[i], &w.keys, _i ? w.client_sk[4] : NULL,
						w.plan.now, LEN_MAX, &d), 0);
		ck_assert_uint_eq(d->n_intro, 3);
		hs_desc_free(d);
		free(text[i]);
	}
	desc_middle_deinit(&a);
	desc_middle_deinit(&b);
	hs_desc_auth_free(auth);
	hs_desc_auth_free(NULL);
	ck_assert_int_eq(hs_desc_auth_new(&w.keys, w.plan.client_pks, HS_CLIENTS_MAX + 1, &auth),
			 -EINVAL);
}
END_TEST

START_TEST(two_descriptors_share_no_line_of_the_middle_layer)
{
	struct hsworld w;
	struct desc_middle a, b;
	size_t len;
	char *text;

	hsworld_init(&w, 3);
	w.plan.n_clients = _i ? 5 : 0;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
	open_middle(&w, text, len, &a);
	free(text);
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
	open_middle(&w, text, len, &b);
	free(text);
	ck_assert_mem_ne(a.ephemeral, b.ephemeral, 32);
	ck_assert_uint_eq(a.n_clients, 16);
	for (size_t i = 0; i < 16; i++)
		for (size_t k = 0; k < 16; k++) {
			ck_assert_mem_ne(a.clients[i].id, b.clients[k].id, 8);
			ck_assert_mem_ne(a.clients[i].iv, b.clients[k].iv, 16);
			ck_assert_mem_ne(a.clients[i].cookie, b.clients[k].cookie, 16);
		}
	desc_middle_deinit(&a);
	desc_middle_deinit(&b);
}
END_TEST

START_TEST(plans_that_cannot_be_are_refused)
{
	struct hsworld w;
	struct hs_desc_plan good;
	uint8_t bad_pk[1][32] = { { 0 } };
	char *text = NULL;
	size_t len;

	hsworld_init(&w, HS_INTRO_MAX);
	good = w.plan;
	w.plan.n_intro = HS_INTRO_MAX + 1;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	w.plan = good;
	w.plan.n_clients = HS_CLIENTS_MAX + 1;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	w.plan = good;
	w.plan.lifetime = 29;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	w.plan = good;
	w.plan.terms.has_cc = true;
	w.plan.terms.sendme_inc = 0;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	w.plan = good;
	w.plan.n_clients = 1;
	w.plan.client_pks = (const uint8_t (*)[32])bad_pk;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	w.plan = good;
	w.plan.len_max = 14000;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EMSGSIZE);
	w.plan = good;
	w.intro[3].relay.has_ntor = false;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	w.intro[3].relay.has_ntor = true;
	memset(w.intro[3].auth_key, 0, 32);
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), -EINVAL);
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(the_largest_descriptors_fit)
{
	struct hsworld w;
	struct hs_desc *d;
	char *text;
	size_t len;

	/* As many points as there may be, and as many clients with the usual three. */
	hsworld_init(&w, HS_INTRO_MAX);
	w.plan.len_max = LEN_MAX;
	if (_i) {
		w.plan.n_intro = 3;
		w.plan.n_clients = HS_CLIENTS_MAX;
	}
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
	ck_assert_int_eq(hs_desc_decode(text, len, &w.keys, _i ? w.client_sk[9] : NULL,
					w.plan.now, LEN_MAX, &d), 0);
	ck_assert_uint_eq(d->n_intro, w.plan.n_intro);
	hs_desc_free(d);
	free(text);
}
END_TEST

static bool accepts_any(void *ctx, const uint8_t *data, size_t len)
{
	struct hsworld *w = ctx;
	struct hs_desc *d;

	if (hs_desc_decode((const char *)data, len, &w->keys, w->client_sk[0], w->plan.now,
			   LEN_MAX, &d))
		return false;
	hs_desc_free(d);
	return true;
}

START_TEST(no_damage_of_what_we_build_is_accepted)
{
	struct hsworld w;
	char *text;
	size_t len;

	hsworld_init(&w, 1);
	w.plan.n_clients = 1;
	ck_assert_int_eq(hs_desc_build(&w.plan, &text, &len), 0);
	ck_assert(mutate_feed(accepts_any, &w, text, len));
	/* The head and the tail bit by bit; the middle is all ciphertext, and sampled. */
	mutate_run(accepts_any, &w, text, len, 2000);
	free(text);
}
END_TEST

/* --- the middle layer's own rules --- */

static const char middle_head[] =
	"desc-auth-type x25519\n"
	"desc-auth-ephemeral-key CAB3nQ4bXGFDHUeeyvdFB+KB3SYzNPhVm4qSOpyLz0g=\n"
	"auth-client AAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAAA\n"
	"encrypted\n-----BEGIN MESSAGE-----\n"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	"AAAA\n-----END MESSAGE-----\n";

static const struct {
	const char *from, *to;
	int error;
} middle_edits[] = {
	{ "desc-auth-type", "desc-auth-type", 0 },
	{ "desc-auth-type x25519", "desc-auth-type rsa", HS_DESC_E_VALUE },
	{ "desc-auth-type x25519", "desc-auth-type", HS_DESC_E_VALUE },
	{ "desc-auth-type x25519\n", "", HS_DESC_E_SYNTAX },
	{ "desc-auth-type x25519\n", "desc-auth-type x25519\nnew-line\n", 0 },
	{ "desc-auth-type x25519\n", "new-line\ndesc-auth-type x25519\n", HS_DESC_E_SYNTAX },
	{ "desc-auth-type x25519\n", "desc-auth-type x25519\ndesc-auth-type x25519\n",
	  HS_DESC_E_SYNTAX },
	{ "CAB3nQ4bXGFDHUeeyvdFB+KB3SYzNPhVm4qSOpyLz0g=",
	  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", HS_DESC_E_VALUE },
	{ "CAB3n", "CAB", HS_DESC_E_VALUE },
	{ "auth-client AAAAAAAAAAA ", "auth-client AAAAAAAAAA ", HS_DESC_E_VALUE },
	{ " AAAAAAAAAAAAAAAAAAAAAA\n", "\n", HS_DESC_E_VALUE },
	{ " AAAAAAAAAAAAAAAAAAAAAA\n", " AAAAAAAAAAAAAAAAAAAAAA more\n", 0 },
	{ "auth-client", "xuth-client", HS_DESC_E_SYNTAX },
	{ "encrypted", "decrypted", HS_DESC_E_SYNTAX },
	{ "AAAA\n-----END", "-----END", HS_DESC_E_VALUE },
	{ "BEGIN MESSAGE", "BEGIN MESSAGA", HS_DESC_E_SYNTAX },
};

START_TEST(changes_of_the_middle_layer)
{
	struct desc_middle m;
	char text[1024];
	size_t len;
	int err;

	strcpy(text, middle_head);
	edit(text, &len, middle_edits[_i].from, middle_edits[_i].to);
	err = desc_middle_parse(text, len, &m);
	ck_assert_msg(err == middle_edits[_i].error, "%s: %s", middle_edits[_i].to,
		      hs_desc_error_str(err));
	if (!err) {
		ck_assert_uint_eq(m.n_clients, 1);
		ck_assert_uint_eq(m.blob_len, 51);
		desc_middle_deinit(&m);
	}
}
END_TEST

START_TEST(encryption_is_undone_only_by_its_own_secret)
{
	struct hs_keys k = keys1();
	uint8_t cookie[DESC_COOKIE_LEN] = { 1 };
	struct desc_secret s = { DESC_LAYER_INNER, &k, 77, cookie };
	uint8_t blob[100 + DESC_CRYPT_OVERHEAD], copy[sizeof(blob)];
	char *text;
	size_t len;

	desc_encrypt(&s, "some text", 9, 100, blob);
	for (int wrong = 0; wrong < 5; wrong++) {
		struct desc_secret t = s;

		memcpy(copy, blob, sizeof(blob));
		if (wrong == 1)
			t.layer = DESC_LAYER_MIDDLE;
		if (wrong == 2)
			t.revision++;
		if (wrong == 3)
			t.cookie = NULL;
		if (wrong == 4)
			copy[sizeof(copy) - 1] ^= 1;
		ck_assert_int_eq(desc_decrypt(&t, copy, sizeof(copy), &text, &len),
				 wrong ? -EBADMSG : 0);
	}
	memcpy(copy, blob, sizeof(blob));
	ck_assert_int_eq(desc_decrypt(&s, copy, sizeof(copy), &text, &len), 0);
	ck_assert_uint_eq(len, 10);
	ck_assert_mem_eq(text, "some text\n", 10);
	for (size_t n = 0; n < sizeof(blob); n++) {
		memcpy(copy, blob, sizeof(blob));
		ck_assert_int_eq(desc_decrypt(&s, copy, n, &text, &len), -EBADMSG);
	}
	/* Nothing but padding, and no padding at all. */
	desc_encrypt(&s, "", 0, 100, blob);
	ck_assert_int_eq(desc_decrypt(&s, blob, sizeof(blob), &text, &len), -EBADMSG);
	desc_encrypt(&s, "0123456789", 10, 10, blob);
	ck_assert_int_eq(desc_decrypt(&s, blob, 10 + DESC_CRYPT_OVERHEAD, &text, &len), 0);
	ck_assert_uint_eq(len, 11);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("onion_desc");
	TCase *t = tcase_create("published");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_descriptor_of_c_tor_is_read);
	tcase_add_test(t, from_an_address_to_introduction_points);
	tcase_add_test(t, a_descriptor_for_an_authorised_client_needs_its_key);
	tcase_add_test(t, a_key_that_is_not_needed_does_no_harm);
	tcase_add_test(t, wrong_keys_times_and_lengths_are_told_apart);
	tcase_add_test(t, inner_layers_of_c_tor_are_read);
	t = tcase_create("layers");
	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, changes_of_the_outer_layer_are_refused, 0, COUNT(outer_edits));
	tcase_add_test(t, no_cut_and_no_damage_of_the_outer_layer_is_accepted);
	tcase_add_loop_test(t, proof_of_work_is_read_and_unknown_kinds_are_skipped, 0,
			    COUNT(pow_edits));
	tcase_add_test(t, proof_of_work_without_a_kind_is_refused);
	tcase_add_loop_test(t, changes_of_the_inner_layer, 0, COUNT(inner_edits));
	tcase_add_test(t, expired_points_and_too_many_are_left_out_or_refused);
	tcase_add_test(t, damage_of_the_inner_layer_does_not_crash);
	tcase_add_loop_test(t, changes_of_the_middle_layer, 0, COUNT(middle_edits));
	tcase_add_test(t, encryption_is_undone_only_by_its_own_secret);
	t = tcase_create("built");
	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, what_we_build_is_read, 0, 8);
	tcase_add_test(t, length_tells_nothing_of_points_or_clients);
	tcase_add_loop_test(t, clients_open_it_and_nobody_else, 0, 6);
	tcase_add_loop_test(t, copies_for_two_directories_differ_and_say_the_same, 0, 2);
	tcase_add_loop_test(t, two_descriptors_share_no_line_of_the_middle_layer, 0, 2);
	tcase_add_test(t, plans_that_cannot_be_are_refused);
	tcase_add_loop_test(t, the_largest_descriptors_fit, 0, 2);
	tcase_add_test(t, no_damage_of_what_we_build_is_accepted);
	return suite_run(s);
}
