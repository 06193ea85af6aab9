/* SPDX-License-Identifier: BSD-3-Clause */
/* service_key.c - see service_key.h */
#include "agent/onion/service_key.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/secret.h"

#define HEADER_LEN 32
#define LOCK_NAME "onionify.lock"
static const char secret_header[HEADER_LEN] = "== ed25519v1-secret: type0 ==";
static const char public_header[HEADER_LEN] = "== ed25519v1-public: type0 ==";

void service_key_new(struct service_key *ret)
{
	uint8_t seed[32];

	crypto_random(seed, sizeof(seed));
	crypto_ed25519_expand(&ret->secret, seed);
	crypto_ed25519_expanded_public(ret->id, &ret->secret);
	secret_wipe(seed, sizeof(seed));
}

int service_key_from_secret(struct service_key *ret, const uint8_t secret[64])
{
	struct service_key k;
	int r = 0;

	memcpy(k.secret.scalar, secret, sizeof(k.secret.scalar));
	memcpy(k.secret.prefix, secret + sizeof(k.secret.scalar), sizeof(k.secret.prefix));
	if (secret_is_zero(k.secret.prefix, sizeof(k.secret.prefix)))
		r = -EINVAL;
	crypto_ed25519_expanded_public(k.id, &k.secret);
	if (r == 0 && !crypto_ed25519_is_valid_point(k.id))
		r = -EINVAL;
	if (r == 0)
		*ret = k;
	secret_wipe(&k, sizeof(k));
	return r;
}

void service_key_wipe(struct service_key *k)
{
	secret_wipe(k, sizeof(*k));
}

int service_key_file_parse(const void *data, size_t len, struct service_key *ret)
{
	const uint8_t *bytes = data;

	/* The header is public. */
	if (len != SERVICE_KEY_FILE_LEN || memcmp(bytes, secret_header, HEADER_LEN) != 0)
		return -EINVAL;
	return service_key_from_secret(ret, bytes + HEADER_LEN);
}

void service_key_file_encode(uint8_t out[SERVICE_KEY_FILE_LEN], const struct service_key *k)
{
	memcpy(out, secret_header, HEADER_LEN);
	memcpy(out + HEADER_LEN, k->secret.scalar, sizeof(k->secret.scalar));
	memcpy(out + HEADER_LEN + sizeof(k->secret.scalar), k->secret.prefix,
	       sizeof(k->secret.prefix));
}

static int join(char out[PATH_MAX], const char *dir, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A directory of ours that a group may read: made with that mode, or checked for it. */
static int check_group_dir(const char *dir, char *err, size_t err_len)
{
	struct stat st;
	int r;

	if (lstat(dir, &st) < 0) {
		r = file_private_dir(dir, err, err_len);
		if (r == 0 && chmod(dir, 0750) < 0)
			r = -errno;
		return r;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0727) != 0700) {
		snprintf(err, err_len, "directory %s must be ours with mode 0750 or 0700", dir);
		return -EPERM;
	}
	return 0;
}

static int check_dir(const char *dir, bool group_readable, char *err, size_t err_len)
{
	return group_readable ? check_group_dir(dir, err, err_len)
			      : file_private_dir(dir, err, err_len);
}

int service_dir_lock(const char *dir, bool group_readable, char *err, size_t err_len)
{
	char path[PATH_MAX];
	int r = check_dir(dir, group_readable, err, err_len);

	if (r < 0)
		return r;
	r = join(path, dir, LOCK_NAME);
	if (r == 0)
		r = file_lock(path);
	if (r == -EWOULDBLOCK)
		snprintf(err, err_len, "%.200s is served already, by another agent or another line "
			 "of the configuration", dir);
	else if (r < 0)
		snprintf(err, err_len, "%.200s/" LOCK_NAME ": %s", dir,
			 r == -ELOOP || r == -EPERM ? "is no file of ours" : strerror(-r));
	return r;
}

static int write_file(const char *dir, const char *name, const void *data, size_t len, bool group)
{
	char path[PATH_MAX];
	int r = join(path, dir, name);

	if (r == 0)
		r = file_write_atomic(path, data, len);
	if (r == 0 && group && chmod(path, 0640) < 0)
		r = -errno;
	return r;
}

/* Its content must be @len bytes. 0, -errno, -EINVAL. */
static int read_file(const char *dir, const char *name, char **ret, size_t len)
{
	char path[PATH_MAX];
	size_t got;
	int r = join(path, dir, name);

	if (r == 0)
		r = file_read(path, 4096, ret, &got);
	if (r == 0 && got != len) {
		secret_wipe(*ret, got);
		free(*ret);
		r = -EINVAL;
	}
	return r;
}

/* The public key beside it must be the same, or is written anew. */
static int check_public(const char *dir, const struct service_key *k)
{
	char want[SERVICE_PUBLIC_FILE_LEN];
	char *data;
	int r;

	memcpy(want, public_header, HEADER_LEN);
	memcpy(want + HEADER_LEN, k->id, sizeof(k->id));
	r = read_file(dir, "hs_ed25519_public_key", &data, sizeof(want));
	if (r == -ENOENT)
		return write_file(dir, "hs_ed25519_public_key", want, sizeof(want), false);
	if (r < 0)
		return r;
	r = memcmp(data, want, sizeof(want)) == 0 ? 0 : -EINVAL;
	free(data);
	return r;
}

static int make_new(const char *dir, struct service_key *ret)
{
	uint8_t file[SERVICE_KEY_FILE_LEN];
	char path[PATH_MAX];
	struct stat st;
	int r = join(path, dir, "hs_ed25519_public_key");

	/* A public key alone: its secret is elsewhere, and a new one would be another address. */
	if (r == 0 && lstat(path, &st) == 0)
		r = -EEXIST;
	if (r < 0)
		return r;
	service_key_new(ret);
	service_key_file_encode(file, ret);
	r = write_file(dir, "hs_ed25519_secret_key", file, sizeof(file), false);
	secret_wipe(file, sizeof(file));
	return r;
}

static int load_secret(const char *dir, struct service_key *ret)
{
	char *data;
	int r = read_file(dir, "hs_ed25519_secret_key", &data, SERVICE_KEY_FILE_LEN);

	if (r == -ENOENT)
		return make_new(dir, ret);
	if (r < 0)
		return r;
	r = service_key_file_parse(data, SERVICE_KEY_FILE_LEN, ret);
	secret_wipe(data, SERVICE_KEY_FILE_LEN);
	free(data);
	return r;
}

/* Written anew whenever it says something else: people read the address there. */
static int write_hostname(const char *dir, const struct service_key *k, bool group)
{
	char text[ONION_ADDRESS_LEN + 2];
	char *old;
	bool same = false;

	onion_address_encode(text, k->id);
	text[ONION_ADDRESS_LEN] = '\n';
	if (read_file(dir, "hostname", &old, ONION_ADDRESS_LEN + 1) == 0) {
		same = memcmp(old, text, ONION_ADDRESS_LEN + 1) == 0;
		free(old);
	}
	return same ? 0 : write_file(dir, "hostname", text, ONION_ADDRESS_LEN + 1, group);
}

static const char *explain(int r)
{
	switch (r) {
	case -EINVAL:
		return "is damaged, or its two halves do not belong together";
	case -EEXIST:
		return "has a public key without its secret key";
	default:
		return strerror(-r);
	}
}

int service_key_load(const char *dir, bool group_readable, struct service_key *ret, char *err,
		     size_t err_len)
{
	char clients[PATH_MAX];
	struct service_key k = { 0 };
	int r = check_dir(dir, group_readable, err, err_len);

	if (r < 0)
		return r;
	r = load_secret(dir, &k);
	if (r == 0)
		r = check_public(dir, &k);
	if (r < 0) {
		snprintf(err, err_len, "the key in %.200s %s", dir, explain(r));
		goto out;
	}
	r = write_hostname(dir, &k, group_readable);
	if (r < 0) {
		snprintf(err, err_len, "%.200s/hostname: %s", dir, strerror(-r));
		goto out;
	}
	r = join(clients, dir, "authorized_clients");
	if (r == 0)
		r = file_private_dir(clients, err, err_len);
	if (r == 0)
		*ret = k;
out:
	service_key_wipe(&k);
	return r;
}
