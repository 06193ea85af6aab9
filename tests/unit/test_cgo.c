/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cgo.c - counter galois onion against the published vectors */
#include <string.h>

#include "agent/circ/relay_crypto_parts.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/vectors.h"

/* Keys, then possibly the nonce and the last tag, as the vectors string them together. */
static void load_side(struct cgo_side *s, const char *hex)
{
	uint8_t keys[CGO_SIDE_KEYS_LEN + 16] = { 0 };

	memset(s, 0, sizeof(*s));
	(void)unhex(keys, sizeof(keys), hex);
	cgo_side_init(s, keys);
	memcpy(s->last_tag, keys + CGO_SIDE_KEYS_LEN, 16);
}

/* Same keys, nonce and tag; the KB schedule depends on use and may differ. */
static void expect_side(const struct cgo_side *got, const struct cgo_side *want)
{
	ck_assert_mem_eq(got->kb_key, want->kb_key, 16);
	ck_assert_mem_eq(&got->k, &want->k, sizeof(got->k));
	ck_assert_mem_eq(got->ku, want->ku, 16);
	ck_assert_mem_eq(got->b, want->b, 16);
	ck_assert_mem_eq(got->nonce, want->nonce, 16);
	ck_assert_mem_eq(got->last_tag, want->last_tag, 16);
}

static void expect_state(const struct cgo_side *got, const char *keys, const char *nonce,
			 const char *tag)
{
	struct cgo_side want;

	load_side(&want, keys);
	unhex(want.nonce, 16, nonce);
	unhex(want.last_tag, 16, tag);
	expect_side(got, &want);
}

static uint8_t command_of(const char *hex)
{
	uint8_t command;

	ck_assert_uint_eq(unhex(&command, 1, hex), 1);
	return command;
}

static void expect_body(const uint8_t body[RELAY_BODY_LEN], const char *hex)
{
	uint8_t want[RELAY_BODY_LEN];

	ck_assert_uint_eq(unhex(want, sizeof(want), hex), RELAY_BODY_LEN);
	ck_assert_mem_eq(body, want, RELAY_BODY_LEN);
}

static void check_uiv(char *w[])
{
	uint8_t body[RELAY_BODY_LEN], tweak[17];
	struct cgo_side s;

	load_side(&s, w[2]);
	unhex(tweak, sizeof(tweak), w[3]);
	ck_assert_uint_eq(unhex(body, sizeof(body), w[4]), RELAY_BODY_LEN);
	if (w[1][0] == '1')
		cgo_uiv_encrypt(&s, tweak, tweak[16], body);
	else
		cgo_uiv_decrypt(&s, tweak, tweak[16], body);
	expect_body(body, w[5]);
}

static void check_update(char *w[])
{
	struct cgo_side s;

	load_side(&s, w[1]);
	unhex(s.nonce, 16, w[2]);
	cgo_update(&s);
	expect_state(&s, w[3], w[4], "00000000000000000000000000000000");
}

static void check_relay(char *w[])
{
	uint8_t body[RELAY_BODY_LEN], tag[CGO_TAG_LEN];
	struct cgo_side s;

	load_side(&s, w[2]);
	unhex(s.last_tag, 16, w[3]);
	unhex(body, sizeof(body), w[5]);
	if (w[1][0] == '1')
		cgo_relay_backward(&s, command_of(w[4]), body);
	else
		(void)cgo_relay_forward(&s, command_of(w[4]), body, tag);
	expect_body(body, w[9]);
	expect_state(&s, w[6], w[7], w[8]);
}

static void check_originate(char *w[])
{
	uint8_t body[RELAY_BODY_LEN] = { 0 }, tag[CGO_TAG_LEN];
	struct cgo_side s;

	load_side(&s, w[1]);
	unhex(s.last_tag, 16, w[2]);
	unhex(body + CGO_TAG_LEN, RELAY_BODY_LEN - CGO_TAG_LEN, w[4]);
	cgo_relay_originate(&s, command_of(w[3]), body, tag);
	expect_body(body, w[8]);
	expect_state(&s, w[5], w[6], w[7]);
	ck_assert_mem_eq(tag, body, sizeof(tag));
}

static void check_client(char *w[])
{
	size_t n = (size_t)(w[1][0] - '0');
	uint8_t body[RELAY_BODY_LEN] = { 0 }, tag[RELAY_TAG_MAX];
	struct hop_crypto hops[3];
	struct cgo_side want;

	memset(hops, 0, sizeof(hops));
	for (int i = 0; i < 3; i++) {
		hops[i].kind = RELAY_CRYPTO_CGO;
		load_side(&hops[i].u.cgo.f, w[5 + i]);
	}
	unhex(body + CGO_TAG_LEN, RELAY_BODY_LEN - CGO_TAG_LEN, w[3]);
	relay_crypto_seal(hops, n, command_of(w[2]), body, tag);
	expect_body(body, w[4]);
	for (int i = 0; i < 3; i++) {
		load_side(&want, w[8 + i]);
		expect_side(&hops[i].u.cgo.f, &want);
	}
}

static void check_case(char *w[], size_t n, void *ctx)
{
	static const struct {
		const char *name;
		size_t n_words;
		void (*check)(char *w[]);
	} kinds[] = {
		{ "uiv", 6, check_uiv },	{ "upd", 5, check_update },
		{ "rel", 10, check_relay },	{ "ori", 9, check_originate },
		{ "cli", 11, check_client },
	};
	size_t *seen = ctx;

	for (size_t i = 0; i < 5; i++)
		if (strcmp(w[0], kinds[i].name) == 0) {
			ck_assert_uint_eq(n, kinds[i].n_words);
			kinds[i].check(w);
			seen[i]++;
		}
}

START_TEST(all_published_cases_pass)
{
	size_t seen[5] = { 0 };

	ck_assert_uint_eq(vectors_each("cgo.txt", check_case, seen), 54);
	ck_assert_uint_eq(seen[0], 12);
	ck_assert_uint_eq(seen[1], 10);
	ck_assert_uint_eq(seen[2], 12);
	ck_assert_uint_eq(seen[3], 6);
	ck_assert_uint_eq(seen[4], 14);
}
END_TEST

START_TEST(encrypting_and_decrypting_are_inverse)
{
	uint8_t keys[CGO_SIDE_KEYS_LEN], body[RELAY_BODY_LEN], orig[RELAY_BODY_LEN];
	uint8_t tweak[16] = { 5 };
	struct cgo_side s;

	crypto_random(keys, sizeof(keys));
	crypto_random(orig, sizeof(orig));
	memset(&s, 0, sizeof(s));
	cgo_side_init(&s, keys);
	memcpy(body, orig, sizeof(body));
	cgo_uiv_encrypt(&s, tweak, 3, body);
	ck_assert_mem_ne(body, orig, sizeof(body));
	cgo_uiv_decrypt(&s, tweak, 3, body);
	ck_assert_mem_eq(body, orig, sizeof(body));
	/* Another command or tweak is another permutation. */
	cgo_uiv_encrypt(&s, tweak, 3, body);
	cgo_uiv_decrypt(&s, tweak, 9, body);
	ck_assert_mem_ne(body, orig, sizeof(body));
}
END_TEST

START_TEST(one_changed_bit_garbles_the_whole_decrypted_cell)
{
	uint8_t keys[CGO_SIDE_KEYS_LEN], a[RELAY_BODY_LEN], b[RELAY_BODY_LEN];
	uint8_t tweak[16] = { 0 };
	struct cgo_side s;

	crypto_random(keys, sizeof(keys));
	memset(&s, 0, sizeof(s));
	cgo_side_init(&s, keys);
	for (size_t bit = 0; bit < 8 * RELAY_BODY_LEN; bit += 37) {
		int same = 0;

		memset(a, 0, sizeof(a));
		cgo_uiv_encrypt(&s, tweak, 3, a);
		memcpy(b, a, sizeof(b));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* As the next relay sees it after its own ENC. */
		cgo_uiv_encrypt(&s, tweak, 3, a);
		cgo_uiv_encrypt(&s, tweak, 3, b);
		for (size_t i = 0; i < RELAY_BODY_LEN; i++)
			same += a[i] == b[i];
		/* Chance makes 2 bytes of 509 equal; 20 would not happen in a lifetime. */
		ck_assert_int_lt(same, 20);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cgo");
	TCase *t = tcase_create("cgo");

	suite_add_tcase(s, t);
	tcase_add_test(t, all_published_cases_pass);
	tcase_add_test(t, encrypting_and_decrypting_are_inverse);
	tcase_add_test(t, one_changed_bit_garbles_the_whole_decrypted_cell);
	return suite_run(s);
}
