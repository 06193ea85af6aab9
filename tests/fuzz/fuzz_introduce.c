/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_introduce.c - any bytes as a message of an introduction
 *
 * The first byte chooses the message. Keys are those of rend-spec-v3 G.1. Mode 3 takes the
 * input as the plaintext of an INTRODUCE2: the MAC keeps a fuzzer from getting there otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/circ/extend.h"
#include "agent/onion/intro_msg.h"
#include "common/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fixed_keys(struct hs_intro_keys *intro, uint8_t secret[32])
{
	memset(intro, 0x42, sizeof(*intro));
	memset(secret, 0x24, 32);
	crypto_x25519_public(intro->enc_key, secret);
}

static void as_plaintext(const struct hs_intro_keys *intro, const uint8_t secret[32],
			 const uint8_t *data, size_t len)
{
	struct hs_ntor_intro_keys keys;
	struct introduce_inner inner;
	uint8_t x[32], body[RELAY_DATA_MAX] = { 0 }, pk[32];
	struct hs_ntor_client h;
	struct crypto_aes_ctr c;

	if (len > RELAY_DATA_MAX - 120)
		len = RELAY_DATA_MAX - 120;
	memset(x, 0x33, sizeof(x));
	if (hs_ntor_client_start_with(&h, intro, x, &keys) < 0)
		abort();
	memcpy(body + 20, "\x02\x00\x20", 3);
	memcpy(body + 23, intro->auth_key, 32);
	memcpy(body + 56, h.public_key, 32);
	memcpy(body + 88, data, len);
	crypto_aes_ctr_init(&c, keys.enc, 32, NULL);
	crypto_aes_ctr_apply(&c, body + 88, len);
	hs_mac(body + 88 + len, keys.mac, 32, body, 88 + len);
	if (introduce2_decode(body, 120 + len, intro, secret, &inner, pk) == 0 &&
	    (!inner.rendezvous.has_ntor || inner.rendezvous.or_v4.port == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t kh[20];
	struct hs_intro_keys intro;
	struct introduce_outer outer;
	struct introduce_inner inner;
	struct establish_intro m;
	struct relay_target t;
	struct wire_reader r;
	uint8_t secret[32], pk[32];
	uint16_t status;

	if (len == 0)
		return 0;
	fixed_keys(&intro, secret);
	switch (data[0] % 6) {
	case 0:
		(void)establish_intro_decode(data + 1, len - 1, kh, &m);
		break;
	case 1:
		(void)intro_established_decode(data + 1, len - 1);
		(void)introduce_ack_decode(data + 1, len - 1, &status);
		break;
	case 2:
		if (introduce_outer_decode(data + 1, len - 1, &outer) == 0 &&
		    (outer.encrypted_len > len || outer.encrypted_len < 64))
			abort();
		break;
	case 3:
		as_plaintext(&intro, secret, data + 1, len - 1);
		break;
	case 4:
		(void)introduce2_decode(data + 1, len - 1, &intro, secret, &inner, pk);
		break;
	case 5:
		wire_reader_init(&r, data + 1, len - 1);
		if (link_specifiers_decode(&r, &t) == 0 && !wire_ok(&r))
			abort();
		break;
	}
	return 0;
}
