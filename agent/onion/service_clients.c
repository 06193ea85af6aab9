/* SPDX-License-Identifier: BSD-3-Clause */
/* service_clients.c - authorized_clients, see service_key.h */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/auth_file.h"
#include "agent/onion/hs_desc.h"
#include "agent/onion/service_key.h"
#include "common/file.h"
#include "common/log.h"

static bool contains(const struct service_clients *c, const uint8_t pk[32])
{
	for (size_t i = 0; i < c->n; i++) {
		if (memcmp(c->pks[i], pk, 32) == 0)
			return true;
	}
	return false;
}

int service_clients_add(struct service_clients *c, const uint8_t pk[32])
{
	void *bigger;

	if (contains(c, pk))
		return 0;
	if (c->n == HS_CLIENTS_MAX)
		return -E2BIG;
	bigger = realloc(c->pks, (c->n + 1) * sizeof(*c->pks));
	if (!bigger)
		return -ENOMEM;
	c->pks = bigger;
	memcpy(c->pks[c->n++], pk, 32);
	return 0;
}

static bool is_auth_file(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".auth") == 0;
}

/* 0: taken or left out with a warning; -errno: no use going on. */
static int load_one(const char *folder, const char *name, struct service_clients *c)
{
	char path[PATH_MAX];
	uint8_t pk[32];
	char *text;
	size_t len;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = file_read(path, AUTH_FILE_LEN_MAX, &text, &len);
	if (r < 0) {
		log_warn("%s: %s; that client is not let in", path, strerror(-r));
		return 0;
	}
	r = auth_public_parse(text, len, pk);
	free(text);
	if (r != 0) {
		log_warn("%s: %s; that client is not let in", path, auth_file_error_str(r));
		return 0;
	}
	return service_clients_add(c, pk);
}

/* Every file of the folder. 0 or -errno. */
static int load_all(const char *folder, DIR *d, struct service_clients *c, size_t *ret_files)
{
	const struct dirent *e;
	size_t seen = 0;
	int r = 0;

	*ret_files = 0;
	while (r == 0 && (e = readdir(d))) {
		if (++seen > SERVICE_CLIENT_FILES_MAX)
			return -E2BIG;
		if (!is_auth_file(e->d_name))
			continue;
		(*ret_files)++;
		r = load_one(folder, e->d_name, c);
	}
	return r;
}

int service_clients_load(const char *dir, struct service_clients *ret, char *err, size_t err_len)
{
	struct service_clients c = { 0 };
	char folder[PATH_MAX];
	size_t files = 0;
	DIR *d;
	int r;

	if (snprintf(folder, sizeof(folder), "%s/authorized_clients", dir) >= (int)sizeof(folder)) {
		snprintf(err, err_len, "the directory's name is too long");
		return -ENAMETOOLONG;
	}
	d = opendir(folder);
	r = d ? load_all(folder, d, &c, &files) : -errno;
	if (d)
		(void)closedir(d);
	if (r == -E2BIG)
		snprintf(err, err_len, "%.200s: more than %d clients, or than %d files", folder,
			 HS_CLIENTS_MAX, SERVICE_CLIENT_FILES_MAX);
	else if (r < 0)
		snprintf(err, err_len, "%.200s: %s", folder, strerror(-r));
	if (r == 0 && files > 0 && c.n == 0) {
		snprintf(err, err_len, "%.200s: none of its files holds a client's key", folder);
		r = -EINVAL;
	}
	if (r < 0) {
		free(c.pks);
		return r;
	}
	*ret = c;
	return 0;
}

int service_clients_copy(const struct service_clients *from, struct service_clients *ret)
{
	struct service_clients c = { 0 };
	int r = 0;

	for (size_t i = 0; i < from->n && r == 0; i++)
		r = service_clients_add(&c, from->pks[i]);
	if (r < 0)
		service_clients_deinit(&c);
	else
		*ret = c;
	return r;
}

void service_clients_deinit(struct service_clients *c)
{
	free(c->pks);
	c->pks = NULL;
	c->n = 0;
}

bool service_clients_equal(const struct service_clients *a, const struct service_clients *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!contains(b, a->pks[i]))
			return false;
	}
	return true;
}
