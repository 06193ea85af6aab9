/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_auth.h - the user's keys for onion services that want authorisation
 *
 * One file a service in ClientOnionAuthDir, as C tor writes and reads them (auth_file.h):
 * whatever is there when the agent starts or reloads is used, and keys that onionctl
 * brings are written there. The folder must be the user's alone. A file that cannot be
 * read is told and passed over; it never stops the agent.
 *
 * Spec: rend-spec-v3 appendix G; tor(1) ClientOnionAuthDir
 */
#ifndef ONION_CLIENT_AUTH_H
#define ONION_CLIENT_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/onion_address.h"

#define CLIENT_AUTH_MAX 1024	/* services with keys */
#define CLIENT_AUTH_KEY_LEN 32

struct client_auth;

/* NULL: no memory. Knows nothing yet. */
struct client_auth *client_auth_new(void);
/* Wipes the keys. */
void client_auth_free(struct client_auth *a);
/*
 * What is in @dir replaces what is known. @must_exist false: no such folder is an empty
 * one. 0; or -errno and a sentence in @err, and what was known stays.
 */
int client_auth_load(struct client_auth *a, const char *dir, bool must_exist, char *err,
		     size_t err_len);
/* Borrowed until the next change; NULL: none. */
const uint8_t *client_auth_find(const struct client_auth *a, const uint8_t id[ONION_ID_LEN]);
/*
 * Keeps @key for the service, in place of one of before, in a file of the folder loaded,
 * which is made where it is missing. 0; -ENOSPC (CLIENT_AUTH_MAX); -errno and a sentence.
 */
int client_auth_add(struct client_auth *a, const uint8_t id[ONION_ID_LEN],
		    const uint8_t key[CLIENT_AUTH_KEY_LEN], char *err, size_t err_len);
/* Forgets the key and deletes the files with it. 0; -ENOENT; -errno and a sentence. */
int client_auth_remove(struct client_auth *a, const uint8_t id[ONION_ID_LEN], char *err,
		       size_t err_len);
/* In the order of their addresses. */
void client_auth_each(const struct client_auth *a,
		      void (*fn)(void *ctx, const uint8_t id[ONION_ID_LEN]), void *ctx);
size_t client_auth_count(const struct client_auth *a);

#endif
