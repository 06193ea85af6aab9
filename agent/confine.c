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
 * The configuration is read again when the user says so. A folder of that name holds
 * nothing else; elsewhere the file alone, since rules reach all the way down: an editor
 * that puts a new file in its place then makes a restart necessary.
 */
static const char *config_place(const char *path, char *buf, size_t len)
{
	const char *dir = parent_of(path, buf, len);
	const char *base = strrchr(dir, '/');

	return strcmp(base ? base + 1 : dir, "onionify") == 0 ? dir : path;
}

static void add_sockets(const struct agent *a, struct sandbox_config *c, char (*dirs)[PATH_MAX])
{
	if (a->socket_path[0])
		c->sockets[c->n_sockets++] = parent_of(a->socket_path, *dirs++, PATH_MAX);
	for (size_t i = 0; i < a->config.n_listeners; i++) {
		if (a->config.listeners[i].path[0])
			c->sockets[c->n_sockets++] =
				parent_of(a->config.listeners[i].path, *dirs++, PATH_MAX);
	}
}

/* From here on only what is open, and what is the agent's own. */
static unsigned int enter(const struct agent *a, char *err, size_t err_len)
{
	char dirs[1 + CONFIG_LISTENERS_MAX][PATH_MAX];
	char config_dir[PATH_MAX];
	struct sandbox_config c = {
		.writable = { a->config.data_dir, a->config.cache_dir, a->config.onion_auth_dir },
		.n_writable = 3,
		.readable = { "/etc/localtime", "/usr/share/zoneinfo",
			      config_place(a->config_path, config_dir, sizeof(config_dir)) },
		.n_readable = 3,
	};

	for (size_t i = 0; i < a->config.n_logs; i++) {
		if (a->config.logs[i].file)
			c.writable[c.n_writable++] = a->config.logs[i].file;
	}
	/* Keys were read before; clients' files and a reload need it later. */
	for (size_t i = 0; i < a->config.n_services && c.n_writable < SANDBOX_DIRS_MAX; i++)
		c.writable[c.n_writable++] = a->config.services[i].dir;
	add_sockets(a, &c, dirs);
	return sandbox_enter(&c, err, err_len);
}

/* What the tests' instruments do, no filter would let pass. */
static bool wants_sandbox(const struct agent *a, char *why, size_t why_len)
{
#if defined(__SANITIZE_ADDRESS__)
	(void)a;
	snprintf(why, why_len, "this agent is built with instruments of tests");
	return false;
#else
	if (!a->config.sandbox)
		snprintf(why, why_len, "Sandbox 0");
	return a->config.sandbox;
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

/* For onionctl: what holds, and for whom. */
static void report(const struct agent *a, unsigned int parts, const char *missing)
{
	struct front_sandbox s = {
		.seccomp = parts & SANDBOX_SECCOMP,
		.landlock = parts & SANDBOX_LANDLOCK,
		.has_programs = a->spawner != NULL,
		.programs = a->spawner && spawner_is_confined(a->spawner),
	};

	snprintf(s.missing, sizeof(s.missing), "%s", missing);
	if (!missing[0] && s.has_programs && !s.programs)
		snprintf(s.missing, sizeof(s.missing), "the filter for transports' programs");
	front_note_sandbox(a->front, &s);
}

void confine_agent(struct agent *a)
{
	char missing[FRONT_SANDBOX_TEXT_MAX] = "";
	unsigned int parts = 0;

	if (wants_sandbox(a, missing, sizeof(missing))) {
		parts = enter(a, missing, sizeof(missing));
		if (missing[0])
			log_notice("%s of the sandbox is not available here: %s",
				   parts ? "a part" : "nothing", missing);
		else
			log_info("in the sandbox");
		ev_timer_init(&a->sandbox_timer, check_sandbox, CHECK_FIRST_S, CHECK_S);
		ev_timer_start(a->ev, &a->sandbox_timer);
	}
	report(a, parts, missing);
}

void confine_stop(struct agent *a)
{
	ev_timer_stop(a->ev, &a->sandbox_timer);
}
