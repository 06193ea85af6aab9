/* SPDX-License-Identifier: BSD-3-Clause */
/* hs_keys.c - see hs_keys.h */
#include "agent/onion/hs_keys.h"

#include <string.h>

#include "common/codec.h"
#include "common/secret.h"
#include "common/wire.h"

/* The Ed25519 base point as text: part of what is hashed (rend-spec-v3 A.2). */
#define BASE_POINT \
	"(15112221349535400772501151409588531511454012693041857206046113283949847762202, " \
	"46316835694926478169428394003475163141307993866256225615783033603165251855960)"

#define COUNTER_T_MAX (31 * 24 * 3600)

/* h = H(BLIND_STRING | A | B | N); number before length. */
static void blinding_param(uint8_t out[32], const uint8_t id[ONION_ID_LEN], struct time_period tp)
{
	static const char label[] = "Derive temporary signing key";	/* its NUL is hashed */
	static const char point[] = BASE_POINT;
	static const char nonce[] = "key-blind";
	uint8_t numbers[16];
	struct wire_writer w;
	struct crypto_sha3 s;

	wire_writer_init(&w, numbers, sizeof(numbers));
	wire_put_u64(&w, tp.num);
	wire_put_u64(&w, tp.length);
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, label, sizeof(label));
	crypto_sha3_update(&s, id, ONION_ID_LEN);
	crypto_sha3_update(&s, point, sizeof(point) - 1);
	crypto_sha3_update(&s, nonce, sizeof(nonce) - 1);
	crypto_sha3_update(&s, numbers, sizeof(numbers));
	crypto_sha3_peek(&s, out);
	secret_wipe(&s, sizeof(s));
}

static void subcredential(uint8_t out[HS_SUBCREDENTIAL_LEN], const uint8_t id[ONION_ID_LEN],
			  const uint8_t blinded[HS_BLINDED_LEN])
{
	static const char cred_label[] = "credential";
	static const char sub_label[] = "subcredential";
	uint8_t cred[SHA3_256_LEN];
	struct crypto_sha3 s;

	crypto_sha3_init(&s);
	crypto_sha3_update(&s, cred_label, sizeof(cred_label) - 1);
	crypto_sha3_update(&s, id, ONION_ID_LEN);
	crypto_sha3_peek(&s, cred);
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, sub_label, sizeof(sub_label) - 1);
	crypto_sha3_update(&s, cred, sizeof(cred));
	crypto_sha3_update(&s, blinded, HS_BLINDED_LEN);
	crypto_sha3_peek(&s, out);
	secret_wipe(cred, sizeof(cred));
	secret_wipe(&s, sizeof(s));
}

int hs_keys_derive(struct hs_keys *ret, const uint8_t id[ONION_ID_LEN], struct time_period tp)
{
	struct hs_keys k = { .tp = tp };
	uint8_t param[32];
	int err;

	memcpy(k.id, id, sizeof(k.id));
	blinding_param(param, id, tp);
	err = crypto_ed25519_blind_public(k.blinded, id, param);
	secret_wipe(param, sizeof(param));
	if (err)
		return err;
	subcredential(k.subcredential, id, k.blinded);
	*ret = k;
	secret_wipe(&k, sizeof(k));
	return 0;
}

void hs_keys_blind_secret(struct crypto_ed25519_expanded *ret, const struct hs_keys *keys,
			  const struct crypto_ed25519_expanded *id_secret)
{
	uint8_t param[32];

	blinding_param(param, keys->id, keys->tp);
	crypto_ed25519_blind_secret(ret, id_secret, param);
	secret_wipe(param, sizeof(param));
}

void hs_keys_blinded_text(char out[HS_BLINDED_TEXT_LEN + 1], const struct hs_keys *keys)
{
	codec_base64_encode(out, keys->blinded, sizeof(keys->blinded), 0);
}

uint64_t hs_ope_encrypt(const uint8_t key[32], uint32_t t)
{
	struct crypto_aes_ctr c;
	uint64_t sum = t;	/* each word counts for one more: the sum grows strictly */
	uint8_t words[512];

	crypto_aes_ctr_init(&c, key, 32, NULL);
	while (t > 0) {
		uint32_t n = t < sizeof(words) / 2 ? t : (uint32_t)sizeof(words) / 2;

		memset(words, 0, sizeof(words));
		crypto_aes_ctr_apply(&c, words, 2 * n);
		for (uint32_t i = 0; i < n; i++)
			sum += (uint32_t)words[2 * i] | (uint32_t)words[2 * i + 1] << 8;
		t -= n;
	}
	secret_wipe(words, sizeof(words));
	secret_wipe(&c, sizeof(c));
	return sum;
}

uint64_t hs_revision_counter(const struct crypto_ed25519_expanded *blinded_secret,
			     time_t srv_start, time_t now)
{
	static const char label[] = "rev-counter-generation";	/* C tor hashes its NUL too */
	int64_t t = (int64_t)now - srv_start + 1;
	struct crypto_sha3 s;
	uint8_t key[32];
	uint64_t counter;

	if (t < 1)
		t = 1;
	if (t > COUNTER_T_MAX)
		t = COUNTER_T_MAX;
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, label, sizeof(label));
	crypto_sha3_update(&s, blinded_secret->scalar, sizeof(blinded_secret->scalar));
	crypto_sha3_update(&s, blinded_secret->prefix, sizeof(blinded_secret->prefix));
	crypto_sha3_peek(&s, key);
	counter = hs_ope_encrypt(key, (uint32_t)t);
	secret_wipe(key, sizeof(key));
	secret_wipe(&s, sizeof(s));
	return counter;
}
