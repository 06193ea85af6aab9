/* SPDX-License-Identifier: BSD-3-Clause */
/* client_auth.c - see client_auth.h */
#include "agent/onion/client_auth.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/onion/auth_file.h"
#include "common/file.h"
#include "common/log.h"
#include "common/secret.h"

#define SUFFIX ".auth_private"

struct entry {
	uint8_t id[ONION_ID_LEN];
	uint8_t key[CLIENT_AUTH_KEY_LEN];
};

struct client_auth {
	char *dir;		/* NULL: none loaded */
	struct entry *entries;	/* ascending ids */
	size_t n;
};

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id, ONION_ID_LEN);
}

static struct entry *find(const struct client_auth *a, const uint8_t id[ONION_ID_LEN])
{
	struct entry key;

	if (a->n == 0)
		return NULL;
	memcpy(key.id, id, ONION_ID_LEN);
	return bsearch(&key, a->entries, a->n, sizeof(key), by_id);
}

static void forget_all(struct client_auth *a)
{
	if (a->entries)
		secret_wipe(a->entries, a->n * sizeof(*a->entries));
	free(a->entries);
	a->entries = NULL;
	a->n = 0;
}

struct client_auth *client_auth_new(void)
{
	return calloc(1, sizeof(struct client_auth));
}

void client_auth_free(struct client_auth *a)
{
	if (!a)
		return;
	forget_all(a);
	free(a->dir);
	free(a);
}

/* In place, or as one more. realloc() would leave copies of the keys behind. */
static int keep(struct client_auth *a, const struct entry *e)
{
	struct entry *known = find(a, e->id);
	struct entry *more;
	size_t n = a->n;

	if (known) {
		*known = *e;
		return 0;
	}
	if (n >= CLIENT_AUTH_MAX)
		return -ENOSPC;
	more = calloc(n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (n > 0)
		memcpy(more, a->entries, n * sizeof(*more));
	more[n] = *e;
	qsort(more, n + 1, sizeof(*more), by_id);
	forget_all(a);
	a->entries = more;
	a->n = n + 1;
	return 0;
}

static bool has_suffix(const char *name)
{
	size_t len = strlen(name);
	size_t n = strlen(SUFFIX);

	return len > n && name[0] != '.' && strcmp(name + len - n, SUFFIX) == 0;
}

/* One file. 0, enum auth_file_error, or -errno. */
static int read_entry(const char *dir, const char *name, struct entry *ret)
{
	char path[PATH_MAX];
	struct entry e;
	char *text;
	size_t len;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = file_read(path, AUTH_FILE_LEN_MAX, &text, &len);
	if (r < 0)
		return r;
	r = auth_private_parse(text, len, e.id, e.key);
	secret_wipe(text, len);
	free(text);
	if (r == 0)
		*ret = e;
	secret_wipe(&e, sizeof(e));
	return r;
}

/* A folder that others can read or write is no place for keys. 0 or -errno. */
static int check_dir(const char *dir, char *err, size_t err_len)
{
	struct stat st;

	if (stat(dir, &st) < 0) {
		int error = errno;

		snprintf(err, err_len, "%s: %s", dir, strerror(error));
		return -error;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(err, err_len, "%s is not a folder", dir);
		return -ENOTDIR;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		snprintf(err, err_len, "%s must be yours and of nobody else (mode 0700)", dir);
		return -EACCES;
	}
	return 0;
}

static void take_file(struct client_auth *a, const char *dir, const char *name)
{
	struct entry e;
	int r = read_entry(dir, name, &e);

	/* The file is named after the service. */
	if (r == 0 && find(a, e.id))
		log_warn("onion-auth: more than one file has a key for the same service, \"%s\" is one",
			 log_scrub(name));
	if (r == 0)
		r = keep(a, &e);
	if (r != 0)
		log_warn("onion-auth: \"%s\" is not used: %s", log_scrub(name),
			 r > 0 ? auth_file_error_str(r) : strerror(-r));
	secret_wipe(&e, sizeof(e));
}

static int read_dir(struct client_auth *fresh, const char *dir, char *err, size_t err_len)
{
	DIR *d = opendir(dir);
	const struct dirent *f;

	if (!d) {
		int error = errno;

		snprintf(err, err_len, "%s: %s", dir, strerror(error));
		return -error;
	}
	while ((f = readdir(d))) {
		if (has_suffix(f->d_name))
			take_file(fresh, dir, f->d_name);
	}
	closedir(d);
	return 0;
}

int client_auth_load(struct client_auth *a, const char *dir, bool must_exist, char *err,
		     size_t err_len)
{
	struct client_auth fresh = { .dir = strdup(dir) };
	int r;

	if (!fresh.dir) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	r = check_dir(dir, err, err_len);
	if (r == 0)
		r = read_dir(&fresh, dir, err, err_len);
	else if (r == -ENOENT && !must_exist)
		r = 0;
	if (r < 0) {
		forget_all(&fresh);
		free(fresh.dir);
		return r;
	}
	forget_all(a);
	free(a->dir);
	*a = fresh;
	return 0;
}

const uint8_t *client_auth_find(const struct client_auth *a, const uint8_t id[ONION_ID_LEN])
{
	const struct entry *e = find(a, id);

	return e ? e->key : NULL;
}

int client_auth_add(struct client_auth *a, const uint8_t id[ONION_ID_LEN],
		    const uint8_t key[CLIENT_AUTH_KEY_LEN], char *err, size_t err_len)
{
	char address[ONION_ADDRESS_LEN + 1];
	char line[AUTH_PRIVATE_TEXT_LEN + 1];
	char path[PATH_MAX];
	struct entry e;
	int r;

	if (!a->dir) {
		snprintf(err, err_len, "there is no folder for keys");
		return -ENOENT;
	}
	if (!find(a, id) && a->n >= CLIENT_AUTH_MAX) {
		snprintf(err, err_len, "there are %d keys already", CLIENT_AUTH_MAX);
		return -ENOSPC;
	}
	r = file_private_dir(a->dir, err, err_len);
	if (r < 0)
		return r;
	onion_address_encode(address, id);
	if (snprintf(path, sizeof(path), "%s/%.*s" SUFFIX, a->dir, ONION_LABEL_LEN, address) >=
	    (int)sizeof(path)) {
		snprintf(err, err_len, "the folder's name is too long");
		return -ENAMETOOLONG;
	}
	auth_private_encode(line, id, key);
	r = file_write_atomic(path, line, strlen(line));
	secret_wipe(line, sizeof(line));
	if (r < 0) {
		snprintf(err, err_len, "%s: %s", path, strerror(-r));
		return r;
	}
	memcpy(e.id, id, ONION_ID_LEN);
	memcpy(e.key, key, CLIENT_AUTH_KEY_LEN);
	r = keep(a, &e);
	secret_wipe(&e, sizeof(e));
	if (r < 0)
		snprintf(err, err_len, "%s", strerror(-r));
	return r;
}

/* Deletes every file that has a key for @id, whatever its name. 0 or -errno. */
static int delete_files(const struct client_auth *a, const uint8_t id[ONION_ID_LEN], char *err,
			size_t err_len)
{
	DIR *d = opendir(a->dir);
	const struct dirent *f;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((f = readdir(d))) {
		struct entry e = { .id = { 0 } };
		bool same = has_suffix(f->d_name) && read_entry(a->dir, f->d_name, &e) == 0 &&
			    memcmp(e.id, id, ONION_ID_LEN) == 0;

		secret_wipe(&e, sizeof(e));
		if (same && unlinkat(dirfd(d), f->d_name, 0) < 0) {
			r = -errno;
			snprintf(err, err_len, "%s/%s: %s", a->dir, f->d_name, strerror(errno));
		}
	}
	closedir(d);
	return r;
}

int client_auth_remove(struct client_auth *a, const uint8_t id[ONION_ID_LEN], char *err,
		       size_t err_len)
{
	struct entry *e = find(a, id);
	size_t at;
	int r;

	if (!e) {
		snprintf(err, err_len, "there is no key for that service");
		return -ENOENT;
	}
	r = delete_files(a, id, err, err_len);
	if (r < 0)
		return r;
	at = (size_t)(e - a->entries);
	memmove(e, e + 1, (a->n - at - 1) * sizeof(*e));
	a->n--;
	secret_wipe(&a->entries[a->n], sizeof(*e));
	return 0;
}

void client_auth_each(const struct client_auth *a,
		      void (*fn)(void *ctx, const uint8_t id[ONION_ID_LEN]), void *ctx)
{
	for (size_t i = 0; i < a->n; i++)
		fn(ctx, a->entries[i].id);
}

size_t client_auth_count(const struct client_auth *a)
{
	return a->n;
}
