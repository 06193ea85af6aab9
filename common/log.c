/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.c - see log.h
 *
 * A line is built in a fixed buffer and leaves in one write(2), so lines of
 * several processes that append to one file do not mix. Control characters,
 * which a relay or a program may have put into a name, are replaced: they could
 * forge lines or steer a terminal.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/deadline.h"

#define LINE_MAX_LEN 1024
#define LIMIT_WINDOW_MS 60000

static struct {
	enum log_level max;
	bool unsafe;
	log_sink_fn sink;
	void *ctx;
} log_state = { .max = LOG_NOTICE };

static const char *const level_names[] = { "error", "warn", "notice", "info", "debug" };
_Static_assert(sizeof(level_names) / sizeof(level_names[0]) == LOG_DEBUG + 1, "one name a level");

void log_set_level(enum log_level max)
{
	log_state.max = max;
}

enum log_level log_get_level(void)
{
	return log_state.max;
}

void log_set_sink(log_sink_fn sink, void *ctx)
{
	log_state.sink = sink;
	log_state.ctx = ctx;
}

void log_set_safe(bool scrub)
{
	log_state.unsafe = !scrub;
}

const char *log_level_str(enum log_level level)
{
	return (unsigned int)level <= LOG_DEBUG ? level_names[level] : "?";
}

int log_level_parse(const char *word, enum log_level *ret)
{
	for (int i = 0; i <= LOG_DEBUG; i++)
		if (strcmp(word, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

/* "Nov 20 13:43:32.123 [notice] " into @buf; its length. */
static size_t put_prefix(char *buf, size_t cap, enum log_level level)
{
	struct timespec ts;
	struct tm tm;
	size_t n;
	int extra;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (!localtime_r(&ts.tv_sec, &tm))
		memset(&tm, 0, sizeof(tm));
	n = strftime(buf, cap, "%b %d %H:%M:%S", &tm);
	extra = snprintf(buf + n, cap - n, ".%03ld [%s] ", ts.tv_nsec / 1000000,
			 log_level_str(level));
	return extra > 0 ? n + (size_t)extra : n;
}

void log_put_line(int fd, enum log_level level, const char *line)
{
	char buf[LINE_MAX_LEN + 64];
	size_t n = put_prefix(buf, 63, level);
	size_t len = strnlen(line, LINE_MAX_LEN);
	ssize_t rc;

	memcpy(buf + n, line, len);
	buf[n + len] = '\n';
	do {
		rc = write(fd, buf, n + len + 1);
	} while (rc < 0 && errno == EINTR);
}

static void clean(char *line)
{
	for (unsigned char *p = (unsigned char *)line; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	int saved_errno = errno;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n < 0)
		line[0] = '\0';
	else if ((size_t)n >= sizeof(line))
		memcpy(line + sizeof(line) - 4, "...", 4);
	clean(line);
	if (log_state.sink)
		log_state.sink(log_state.ctx, level, line);
	else
		log_put_line(STDERR_FILENO, level, line);
	errno = saved_errno;
}

bool log_limit_pass(struct log_limit *l, unsigned int burst)
{
	int64_t now = deadline_now_ms();

	if (l->count == 0 || now - l->window_ms >= LIMIT_WINDOW_MS) {
		if (l->dropped > 0)
			log_warn("%u warnings like the next one were not shown", l->dropped);
		l->window_ms = now;
		l->count = 0;
		l->dropped = 0;
	}
	if (l->count >= burst) {
		l->dropped++;
		return false;
	}
	l->count++;
	return true;
}

const char *log_scrub(const char *s)
{
	return log_state.unsafe ? s : "[scrubbed]";
}

const char *log_scrub_addr(const struct addr_port *ap, char buf[ADDR_STR_MAX])
{
	return log_state.unsafe ? addr_port_format(ap, buf) : "[scrubbed]";
}
