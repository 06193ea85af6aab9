/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.c - see confine.h */
#include "agent/confine.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/sandbox.h"
#include "common/log.h"

#define CHECK_FIRST_S 10.
#define CHECK_S 600.

/* The directory of a file; @buf holds it. */
static const char *parent_of(const char *path, char *buf, size_t len)
{
	char *slash;

	snprintf(buf, len, "%s", path);
	slash = strrchr(buf, '/');
	if (!slash)
		return ".";
	if (slash == buf)
		slash++;
	*slash = '\0';
	return buf;
}

/*
 * From here on only what is open, and the agent's own directories. What the user may change
 * and have read again (configuration, logs) stays within reach.
 */
static void enter(const struct agent *a)
{
	static const char *const readable[] = { "/etc/localtime", "/usr/share/zoneinfo" };
	static const size_t socket_at = CONFIG_LOGS_MAX;
	static const size_t config_at = CONFIG_LOGS_MAX + 1;
	char dirs[CONFIG_LOGS_MAX + 2 + CONFIG_LISTENERS_MAX][PATH_MAX];
	char err[CONFIG_ERR_MAX];
	struct sandbox_config c = { .writable = { a->config.data_dir, a->config.cache_dir } };
	unsigned int parts;

	c.n_writable = 2;
	for (size_t i = 0; i < a->config.n_logs; i++) {
		if (a->config.logs[i].file)
			c.writable[c.n_writable++] =
				parent_of(a->config.logs[i].file, dirs[i], sizeof(dirs[i]));
	}
	/* Sockets are removed at the end. */
	for (size_t i = 0; i < a->config.n_listeners; i++) {
		if (a->config.listeners[i].path[0])
			c.writable[c.n_writable++] =
				parent_of(a->config.listeners[i].path,
					  dirs[config_at + 1 + i], sizeof(dirs[0]));
	}
	if (a->socket_path[0])
		c.writable[c.n_writable++] =
			parent_of(a->socket_path, dirs[socket_at], sizeof(dirs[0]));
	c.readable[c.n_readable++] =
		parent_of(a->config_path, dirs[config_at], sizeof(dirs[0]));
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		c.readable[c.n_readable++] = readable[i];
	parts = sandbox_enter(&c, err, sizeof(err));
	if (err[0])
		log_notice("%s of the sandbox is not available here: %s",
			   parts ? "a part" : "nothing", err);
	else
		log_info("in the sandbox");
}

/* What the tests' instruments do, no filter would let pass. */
static bool wants_sandbox(const struct agent *a)
{
#if defined(__SANITIZE_ADDRESS__)
	(void)a;
	return false;
#else
	bool programs = config_nodes_start_programs(&a->config.nodes);

	if (a->config.sandbox && programs)
		log_notice("no sandbox: pluggable transports would be inside it");
	return a->config.sandbox && !programs;
#endif
}

static void check_sandbox(struct ev_loop *ev, ev_timer *w, int revents)
{
	int call = sandbox_take_refused();

	(void)ev;
	(void)w;
	(void)revents;
	if (call >= 0)
		log_warn_limited("the sandbox refused system call %d; Sandbox 0 does without it", call);
}

void confine_agent(struct agent *a)
{
	if (!wants_sandbox(a))
		return;
	enter(a);
	ev_timer_init(&a->sandbox_timer, check_sandbox, CHECK_FIRST_S, CHECK_S);
	ev_timer_start(a->ev, &a->sandbox_timer);
}

void confine_stop(struct agent *a)
{
	ev_timer_stop(a->ev, &a->sandbox_timer);
}
