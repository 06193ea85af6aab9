/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - the agent's log
 *
 * error = a feature is lost, warn = the user should act, notice = start, stop,
 * bootstrapped, info and debug for developers. A message begins with its object
 * ("chan 3: ", "circ 17: "). Whatever tells where a user goes (addresses, names,
 * chosen relays) passes through log_scrub() or log_scrub_addr(), which yield
 * "[scrubbed]" unless SafeLogging is 0. Keys are never logged.
 *
 * The sink is process-wide state: the one global this project has.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG,
};

/* Gets a finished line without newline. Must not log. */
typedef void (*log_sink_fn)(void *ctx, enum log_level level, const char *line);

/* Default: notice and above to standard error. */
void log_set_level(enum log_level max);
enum log_level log_get_level(void);
/* NULL restores standard error. */
void log_set_sink(log_sink_fn sink, void *ctx);
/* For sinks: "Nov 20 13:43:32.123 [notice] line" to @fd; what cannot be written is lost. */
void log_put_line(int fd, enum log_level level, const char *line);
/* SafeLogging; on by default. */
void log_set_safe(bool scrub);
const char *log_level_str(enum log_level level);
/* "error", "warn", "notice", "info", "debug"; 0 or -EINVAL. */
int log_level_parse(const char *word, enum log_level *ret);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_at(level, ...) \
	do { \
		if ((level) <= log_get_level()) \
			log_write((level), __VA_ARGS__); \
	} while (0)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/*
 * For warnings that a peer can cause: at most @burst lines a minute for one
 * static limiter; the next line let through tells how many were swallowed.
 */
struct log_limit {
	int64_t window_ms;
	unsigned int count;
	unsigned int dropped;
};
bool log_limit_pass(struct log_limit *l, unsigned int burst);
#define log_warn_limited(...) \
	do { \
		static struct log_limit limit_; \
		if (log_limit_pass(&limit_, 10)) \
			log_warn(__VA_ARGS__); \
	} while (0)

/* @s itself, or "[scrubbed]" while SafeLogging is on. */
const char *log_scrub(const char *s);
/* Formats into @buf unless SafeLogging is on. */
const char *log_scrub_addr(const struct addr_port *ap, char buf[ADDR_STR_MAX]);

#endif
