/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * auth_file.h - files of client authorisation, as C tor writes and reads them
 *
 * A client keeps "<address>:descriptor:x25519:<secret>" in <name>.auth_private of its
 * ClientOnionAuthDir; a service keeps "descriptor:x25519:<public>" in <name>.auth of its
 * authorized_clients folder. Keys are base 32. One line; white space around it is
 * ignored, and so are empty lines. Spec: rend-spec-v3 appendix G.
 */
#ifndef ONION_AUTH_FILE_H
#define ONION_AUTH_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/onion_address.h"

#define AUTH_FILE_LEN_MAX 1024	/* of the whole file; the line takes 130 bytes */
#define AUTH_KEY_TEXT_LEN 52
#define AUTH_PRIVATE_TEXT_LEN (ONION_LABEL_LEN + 19 + AUTH_KEY_TEXT_LEN + 1)
#define AUTH_PUBLIC_TEXT_LEN (18 + AUTH_KEY_TEXT_LEN + 1)

enum auth_file_error {
	AUTH_FILE_E_FORMAT = 1,	/* not a line of this kind */
	AUTH_FILE_E_ADDRESS,	/* no address of a service */
	AUTH_FILE_E_TYPE,	/* neither "descriptor" nor "x25519" */
	AUTH_FILE_E_KEY,	/* wrong length, letters, or all zeros */
};
const char *auth_file_error_str(int error);

/* 0 or enum auth_file_error. The address may end in ".onion". */
int auth_private_parse(const char *text, size_t len, uint8_t ret_id[ONION_ID_LEN],
		       uint8_t ret_sk[32]);
int auth_public_parse(const char *text, size_t len, uint8_t ret_pk[32]);
/* One line with newline and NUL. */
void auth_private_encode(char out[AUTH_PRIVATE_TEXT_LEN + 1], const uint8_t id[ONION_ID_LEN],
			 const uint8_t sk[32]);
void auth_public_encode(char out[AUTH_PUBLIC_TEXT_LEN + 1], const uint8_t pk[32]);
/* The key alone, as it is given on command lines. 0 or AUTH_FILE_E_KEY. */
int auth_key_parse(const char *text, size_t len, uint8_t ret[32]);

#endif
