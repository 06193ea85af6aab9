/* SPDX-License-Identifier: BSD-3-Clause */
/* onion_address.c - see onion_address.h */
#include "common/onion_address.h"

#include <string.h>
#include <strings.h>

#include "common/codec.h"
#include "common/crypto.h"

#define ADDRESS_VERSION 3
#define CHECKSUM_LEN 2
#define RAW_LEN (ONION_ID_LEN + CHECKSUM_LEN + 1)
#define V2_LABEL_LEN 16
#define SUFFIX ".onion"
#define SUFFIX_LEN (sizeof(SUFFIX) - 1)
#define NAME_LEN_MAX 255	/* as for every name (RFC 1035) */

static size_t without_dot(const char *name, size_t len)
{
	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

bool onion_address_is_onion(const char *name, size_t len)
{
	len = without_dot(name, len);
	if (len == SUFFIX_LEN - 1)
		return strncasecmp(name, &SUFFIX[1], len) == 0;
	return len >= SUFFIX_LEN &&
	       strncasecmp(name + len - SUFFIX_LEN, SUFFIX, SUFFIX_LEN) == 0;
}

/* rend-spec-v3 6 [ONIONADDRESS]: first bytes of H(".onion checksum" | key | version). */
static void checksum(uint8_t out[CHECKSUM_LEN], const uint8_t id[ONION_ID_LEN], uint8_t version)
{
	static const char label[] = ".onion checksum";
	uint8_t digest[SHA3_256_LEN];
	struct crypto_sha3 s;

	crypto_sha3_init(&s);
	crypto_sha3_update(&s, label, sizeof(label) - 1);
	crypto_sha3_update(&s, id, ONION_ID_LEN);
	crypto_sha3_update(&s, &version, 1);
	crypto_sha3_peek(&s, digest);
	memcpy(out, digest, CHECKSUM_LEN);
}

static int parse_label(const char *label, size_t len, uint8_t ret_id[ONION_ID_LEN])
{
	uint8_t raw[RAW_LEN], sum[CHECKSUM_LEN];
	uint8_t version;

	if (len == V2_LABEL_LEN && codec_base32_decode(raw, sizeof(raw), label, len) > 0)
		return ONION_ADDRESS_E_V2;
	if (len != ONION_LABEL_LEN || codec_base32_decode(raw, sizeof(raw), label, len) != RAW_LEN)
		return ONION_ADDRESS_E_FORMAT;
	version = raw[RAW_LEN - 1];
	/* Any version's checksum covers its number: a typing error shows before it. */
	checksum(sum, raw, version);
	if (memcmp(sum, raw + ONION_ID_LEN, CHECKSUM_LEN) != 0)
		return ONION_ADDRESS_E_CHECKSUM;
	if (version != ADDRESS_VERSION)
		return ONION_ADDRESS_E_VERSION;
	if (!crypto_ed25519_is_valid_point(raw))
		return ONION_ADDRESS_E_KEY;
	memcpy(ret_id, raw, ONION_ID_LEN);
	return 0;
}

int onion_address_parse(const char *name, size_t len, uint8_t ret_id[ONION_ID_LEN])
{
	const char *dot;

	if (!onion_address_is_onion(name, len))
		return ONION_ADDRESS_E_SUFFIX;
	len = without_dot(name, len);
	if (len <= SUFFIX_LEN || len > NAME_LEN_MAX)
		return ONION_ADDRESS_E_FORMAT;
	len -= SUFFIX_LEN;
	dot = memrchr(name, '.', len);
	if (dot) {
		/* Labels before the address are the service's own affair, but not empty ones. */
		if (dot == name || memmem(name, len, "..", 2) || name[0] == '.')
			return ONION_ADDRESS_E_FORMAT;
		len -= (size_t)(dot + 1 - name);
		name = dot + 1;
	}
	return parse_label(name, len, ret_id);
}

void onion_address_encode(char out[ONION_ADDRESS_LEN + 1], const uint8_t id[ONION_ID_LEN])
{
	uint8_t raw[RAW_LEN];

	memcpy(raw, id, ONION_ID_LEN);
	raw[RAW_LEN - 1] = ADDRESS_VERSION;
	checksum(raw + ONION_ID_LEN, id, ADDRESS_VERSION);
	codec_base32_encode(out, raw, sizeof(raw));
	memcpy(out + ONION_LABEL_LEN, SUFFIX, SUFFIX_LEN + 1);
}

const char *onion_address_error_str(int error)
{
	switch ((enum onion_address_error)error) {
	case ONION_ADDRESS_E_SUFFIX:
		return "not an onion address";
	case ONION_ADDRESS_E_V2:
		return "onion addresses of 16 letters (version 2) do not exist any more";
	case ONION_ADDRESS_E_FORMAT:
		return "an onion address has 56 letters and digits before \".onion\"";
	case ONION_ADDRESS_E_CHECKSUM:
		return "onion address is mistyped (wrong checksum)";
	case ONION_ADDRESS_E_VERSION:
		return "onion address of an unknown version";
	case ONION_ADDRESS_E_KEY:
		return "onion address contains an unusable key";
	}
	return error == 0 ? "no error" : "unknown onion address error";
}
