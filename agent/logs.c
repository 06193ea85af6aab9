/* SPDX-License-Identifier: BSD-3-Clause */
/* logs.c - see logs.h */
#include "agent/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FILE_MAX (1 << 20)	/* agent.log is set aside above this, at start */

static void sink(void *ctx, enum log_level level, const char *line)
{
	const struct logs *l = ctx;
	bool overridden = log_get_level() != l->most;

	for (size_t i = 0; i < l->n; i++) {
		if (overridden || level <= l->sinks[i].level)
			log_put_line(l->sinks[i].fd, level, line);
	}
}

static void close_sinks(struct logs *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->sinks[i].fd != STDERR_FILENO)
			close(l->sinks[i].fd);
	}
	l->n = 0;
}

static int open_log(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
}

static int add(struct logs *l, enum log_level level, const char *path, char *err, size_t err_len)
{
	int fd = path ? open_log(path) : STDERR_FILENO;

	if (fd < 0) {
		int r = -errno;

		snprintf(err, err_len, "cannot open log file %s: %s", path, strerror(-r));
		return r;
	}
	l->sinks[l->n].level = level;
	l->sinks[l->n++].fd = fd;
	return 0;
}

static int add_default(struct logs *l, const struct config *config, bool background, char *err,
		       size_t err_len)
{
	struct stat st;
	char *path = NULL;
	char *old = NULL;
	int r;

	if (!background)
		return add(l, LOG_NOTICE, NULL, err, err_len);
	if (asprintf(&path, "%s/agent.log", config->data_dir) < 0)
		return -ENOMEM;
	if (lstat(path, &st) == 0 && st.st_size > DEFAULT_FILE_MAX &&
	    asprintf(&old, "%s.old", path) >= 0) {
		(void)rename(path, old);
		free(old);
	}
	r = add(l, LOG_NOTICE, path, err, err_len);
	free(path);
	return r;
}

int logs_apply(struct logs *l, const struct config *config, bool background, char *err,
	       size_t err_len)
{
	struct logs next = { .n = 0 };
	int r = 0;

	if (config->n_logs == 0)
		r = add_default(&next, config, background, err, err_len);
	for (size_t i = 0; r == 0 && i < config->n_logs; i++)
		r = add(&next, config->logs[i].level, config->logs[i].file, err, err_len);
	if (r < 0) {
		close_sinks(&next);
		return r;
	}
	close_sinks(l);
	*l = next;
	l->most = LOG_ERROR;
	for (size_t i = 0; i < l->n; i++) {
		if (l->sinks[i].level > l->most)
			l->most = l->sinks[i].level;
	}
	log_set_level(l->most);
	log_set_safe(config->safe_logging);
	log_set_sink(sink, l);
	return 0;
}

void logs_close(struct logs *l)
{
	log_set_sink(NULL, NULL);
	close_sinks(l);
}
