/* SPDX-License-Identifier: BSD-3-Clause */
/* auth_file.c - see auth_file.h */
#include "agent/onion/auth_file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/codec.h"
#include "common/secret.h"

#define AUTH_TYPE "descriptor"
#define KEY_TYPE "x25519"

struct span {
	const char *s;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The one line there is, without the white space around it. */
static struct span trim(const char *text, size_t len)
{
	while (len > 0 && is_blank(text[0])) {
		text++;
		len--;
	}
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	return (struct span){ text, len };
}

/* Takes what stands before the next colon, or the rest. */
static struct span take_field(struct span *rest)
{
	const char *colon = rest->len > 0 ? memchr(rest->s, ':', rest->len) : NULL;
	struct span field = *rest;

	if (!colon) {
		rest->s += rest->len;
		rest->len = 0;
		return field;
	}
	field.len = (size_t)(colon - rest->s);
	rest->s = colon + 1;
	rest->len -= field.len + 1;
	return field;
}

static bool is_word(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.s, word, s.len) == 0;
}

int auth_key_parse(const char *text, size_t len, uint8_t ret[32])
{
	uint8_t key[32];
	int err = 0;

	if (len != AUTH_KEY_TEXT_LEN || codec_base32_decode(key, sizeof(key), text, len) != 32 ||
	    secret_is_zero(key, sizeof(key)))
		err = AUTH_FILE_E_KEY;
	else
		memcpy(ret, key, sizeof(key));
	secret_wipe(key, sizeof(key));
	return err;
}

/* "descriptor:x25519:<key>" */
static int parse_key_fields(struct span rest, uint8_t ret[32])
{
	struct span auth = take_field(&rest), type = take_field(&rest);

	if (auth.len == 0 || type.len == 0 || rest.len == 0)
		return AUTH_FILE_E_FORMAT;
	if (!is_word(auth, AUTH_TYPE) || !is_word(type, KEY_TYPE))
		return AUTH_FILE_E_TYPE;
	if (memchr(rest.s, ':', rest.len))
		return AUTH_FILE_E_FORMAT;
	return auth_key_parse(rest.s, rest.len, ret);
}

static int parse_address(struct span field, uint8_t ret_id[ONION_ID_LEN])
{
	char name[ONION_ADDRESS_LEN];

	if (field.len == ONION_LABEL_LEN) {
		memcpy(name, field.s, field.len);
		memcpy(name + field.len, ".onion", ONION_ADDRESS_LEN - ONION_LABEL_LEN);
		field = (struct span){ name, sizeof(name) };
	}
	if (field.len != ONION_ADDRESS_LEN || onion_address_parse(field.s, field.len, ret_id))
		return AUTH_FILE_E_ADDRESS;
	return 0;
}

int auth_private_parse(const char *text, size_t len, uint8_t ret_id[ONION_ID_LEN],
		       uint8_t ret_sk[32])
{
	uint8_t id[ONION_ID_LEN];
	struct span line, address;
	int err;

	if (len > AUTH_FILE_LEN_MAX)
		return AUTH_FILE_E_FORMAT;
	line = trim(text, len);
	address = take_field(&line);
	if (line.len == 0)
		return AUTH_FILE_E_FORMAT;
	err = parse_address(address, id);
	if (!err)
		err = parse_key_fields(line, ret_sk);
	if (!err)
		memcpy(ret_id, id, sizeof(id));
	return err;
}

int auth_public_parse(const char *text, size_t len, uint8_t ret_pk[32])
{
	if (len > AUTH_FILE_LEN_MAX)
		return AUTH_FILE_E_FORMAT;
	return parse_key_fields(trim(text, len), ret_pk);
}

/* C tor writes keys in upper case, and addresses in lower. */
static void key_text(char out[AUTH_KEY_TEXT_LEN + 1], const uint8_t key[32])
{
	codec_base32_encode(out, key, 32);
	for (char *c = out; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
}

void auth_private_encode(char out[AUTH_PRIVATE_TEXT_LEN + 1], const uint8_t id[ONION_ID_LEN],
			 const uint8_t sk[32])
{
	char address[ONION_ADDRESS_LEN + 1], key[AUTH_KEY_TEXT_LEN + 1];

	onion_address_encode(address, id);
	key_text(key, sk);
	(void)snprintf(out, AUTH_PRIVATE_TEXT_LEN + 1, "%.*s:" AUTH_TYPE ":" KEY_TYPE ":%s\n",
		       ONION_LABEL_LEN, address, key);
	secret_wipe(key, sizeof(key));
}

void auth_public_encode(char out[AUTH_PUBLIC_TEXT_LEN + 1], const uint8_t pk[32])
{
	char key[AUTH_KEY_TEXT_LEN + 1];

	key_text(key, pk);
	(void)snprintf(out, AUTH_PUBLIC_TEXT_LEN + 1, AUTH_TYPE ":" KEY_TYPE ":%s\n", key);
}

const char *auth_file_error_str(int error)
{
	switch ((enum auth_file_error)error) {
	case AUTH_FILE_E_FORMAT:
		return "not a line of client authorisation";
	case AUTH_FILE_E_ADDRESS:
		return "bad onion address";
	case AUTH_FILE_E_TYPE:
		return "kind of authorisation other than descriptor:x25519";
	case AUTH_FILE_E_KEY:
		return "bad key (52 letters and digits in base 32)";
	}
	return error == 0 ? "no error" : "unknown error";
}
