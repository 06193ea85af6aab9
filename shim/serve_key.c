/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve_key.c - see serve.h: --serve-key FILE
 *
 * The file is tor's hs_ed25519_secret_key: a header of 32 bytes and the expanded secret
 * key. Whether it is a usable key the agent says; the form is checked here, before the
 * command starts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/codec.h"
#include "common/file.h"
#include "common/secret.h"
#include "shim/serve.h"

#define HEADER_LEN 32
#define SECRET_LEN 64
#define FILE_LEN (HEADER_LEN + SECRET_LEN)
#define KEY_PREFIX "ED25519-V3:"
#define KEY_PREFIX_LEN (sizeof(KEY_PREFIX) - 1)

static const char header[HEADER_LEN] = "== ed25519v1-secret: type0 ==";

_Static_assert(KEY_PREFIX_LEN + CODEC_BASE64_LEN(SECRET_LEN) <= SERVE_KEY_MAX, "room for a key");

/* The folder of @path must be there to take the key that the agent will make. */
static int check_folder(const char *path, char *err, size_t err_len)
{
	char *copy = strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	struct stat st;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (slash)
		slash[slash == copy ? 1 : 0] = '\0';
	if (stat(slash ? copy : ".", &st) != 0 || !S_ISDIR(st.st_mode)) {
		(void)snprintf(err, err_len, "there is no folder for %s", path);
		r = -ENOTDIR;
	}
	free(copy);
	return r;
}

static int check_mode(const char *path, char *err, size_t err_len)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return -errno;
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		(void)snprintf(err, err_len, "%s can be read by others; chmod 600 it", path);
		return -EPERM;
	}
	return 0;
}

int serve_key_load(const char *path, char ret_key[SERVE_KEY_MAX], char *err, size_t err_len)
{
	char *data = NULL;
	size_t len = 0;
	int r = check_mode(path, err, err_len);

	if (r == -ENOENT) {
		r = check_folder(path, err, err_len);
		return r < 0 ? r : -ENOENT;
	}
	if (r == 0) {
		r = file_read(path, FILE_LEN, &data, &len);
		if (r < 0)
			(void)snprintf(err, err_len, "%s: %s", path,
				       r == -EFBIG ? "not a key of an onion service" : strerror(-r));
	}
	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	if (len != FILE_LEN || memcmp(data, header, HEADER_LEN) != 0) {	/* public */
		(void)snprintf(err, err_len, "%s is not a secret key of an onion service", path);
		r = -EBADMSG;
	} else {
		memcpy(ret_key, KEY_PREFIX, KEY_PREFIX_LEN);
		codec_base64_encode(ret_key + KEY_PREFIX_LEN, data + HEADER_LEN, SECRET_LEN, 1);
	}
	secret_wipe(data, len);
	free(data);
	return r;
}

int serve_key_store(const char *path, const char *key)
{
	char data[FILE_LEN];
	int r = -EBADMSG;

	memcpy(data, header, HEADER_LEN);
	if (strncmp(key, KEY_PREFIX, KEY_PREFIX_LEN) == 0 &&	/* public */
	    codec_base64_decode(data + HEADER_LEN, SECRET_LEN, key + KEY_PREFIX_LEN,
				strlen(key + KEY_PREFIX_LEN)) == SECRET_LEN)
		r = file_write_atomic(path, data, sizeof(data));
	secret_wipe(data, sizeof(data));
	return r;
}
