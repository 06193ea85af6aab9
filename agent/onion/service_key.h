/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_key.h - an onion service's identity, on disk in C tor's format
 *
 * A service directory holds hs_ed25519_secret_key, hs_ed25519_public_key and hostname,
 * and the folder authorized_clients. It belongs to us and nobody else may read it. One
 * that tor made keeps its address here, and the other way round. What is missing is
 * made; what is damaged is an error and never replaced, since a new key is a new address.
 * Spec: rend-spec-v3 1.9, appendix G (files: tor(1) HIDDEN SERVICE OPTIONS)
 */
#ifndef ONION_SERVICE_KEY_H
#define ONION_SERVICE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crypto.h"
#include "common/onion_address.h"

#define SERVICE_KEY_FILE_LEN 96		/* a header of 32 bytes, then the expanded key */
#define SERVICE_PUBLIC_FILE_LEN 64
#define SERVICE_CLIENT_FILES_MAX 4096	/* entries of authorized_clients that are looked at */

struct service_key {
	struct crypto_ed25519_expanded secret;
	uint8_t id[ONION_ID_LEN];	/* the public key, which is the address */
};

/* A fresh one. */
void service_key_new(struct service_key *ret);
/* From an expanded secret: 0, or -EINVAL when it is no usable key. */
int service_key_from_secret(struct service_key *ret, const uint8_t secret[64]);
void service_key_wipe(struct service_key *k);
/* The bytes of hs_ed25519_secret_key. 0 or -EINVAL. */
int service_key_file_parse(const void *data, size_t len, struct service_key *ret);
void service_key_file_encode(uint8_t out[SERVICE_KEY_FILE_LEN], const struct service_key *k);

/*
 * Makes or checks @dir and locks it against other agents, which would publish the same
 * descriptors with other introduction points: by the file onionify.lock, which tor does not
 * know. A descriptor that holds the lock, or -errno and a sentence in @err.
 */
int service_dir_lock(const char *dir, bool group_readable, char *err, size_t err_len);
/*
 * Makes or checks @dir, then reads the key or makes a new one, and sees to the files beside
 * it. 0, or -errno and a sentence in @err.
 */
int service_key_load(const char *dir, bool group_readable, struct service_key *ret, char *err,
		     size_t err_len);

/* Who may open the descriptor. */
struct service_clients {
	uint8_t (*pks)[32];
	size_t n;
};
/*
 * Reads <dir>/authorized_clients/<name>.auth. No such file: none, and everybody may come. Files
 * that are no keys are left out with a warning; but where there are files and no key among
 * them it is an error: nobody else than the user meant is let in. 0, or -errno and @err.
 */
int service_clients_load(const char *dir, struct service_clients *ret, char *err, size_t err_len);
/* One more, once. 0, -E2BIG (HS_CLIENTS_MAX), -ENOMEM. */
int service_clients_add(struct service_clients *c, const uint8_t pk[32]);
int service_clients_copy(const struct service_clients *from, struct service_clients *ret);
void service_clients_deinit(struct service_clients *c);
bool service_clients_equal(const struct service_clients *a, const struct service_clients *b);

#endif
