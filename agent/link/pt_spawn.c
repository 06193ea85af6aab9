/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt_spawn.c - see pt_spawn.h
 *
 * The program gets an environment made for it: of ours only what programs need to run
 * (no LD_PRELOAD, no proxy settings), no descriptors but its own three, default signals, and
 * a process group of its own, so that a terminal's Ctrl-C does not end it before us.
 */
#include "agent/link/pt_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENV_MAX 16

struct env {
	char *vars[ENV_MAX + 1];
	size_t n;
	bool failed;
};

static void env_add(struct env *e, const char *name, const char *value)
{
	char *var = NULL;

	if (e->n == ENV_MAX || asprintf(&var, "%s=%s", name, value) < 0)
		e->failed = true;
	else
		e->vars[e->n++] = var;
}

static void env_free(struct env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->vars[i]);
}

static void env_fill(struct env *e, const struct transport_line *line, const char *state_dir)
{
	static const char *const inherited[] = { "PATH", "HOME", "TMPDIR", "LANG", "TZ" };
	char names[TRANSPORT_NAMES_MAX * (TRANSPORT_NAME_MAX + 1) + 1] = "";
	size_t at = 0;

	for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
		const char *value = secure_getenv(inherited[i]);

		if (value)
			env_add(e, inherited[i], value);
	}
	for (size_t i = 0; i < line->n_names; i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? "," : "",
				       line->names[i]);
	env_add(e, "TOR_PT_MANAGED_TRANSPORT_VER", "1");
	env_add(e, "TOR_PT_STATE_LOCATION", state_dir);
	env_add(e, "TOR_PT_EXIT_ON_STDIN_CLOSE", "1");
	env_add(e, "TOR_PT_CLIENT_TRANSPORTS", names);
}

/* argv for execve(): pointers into a copy of the line's words. */
static void fill_argv(const struct transport_line *line, char *words,
		      char *argv[TRANSPORT_ARGV_MAX])
{
	memcpy(words, line->text, sizeof(line->text));
	for (size_t i = 0; i < line->n_argv; i++)
		argv[i] = words + line->argv[i];
	argv[line->n_argv] = NULL;
}

static int set_actions(posix_spawn_file_actions_t *actions, int in, int out)
{
	int r = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	return -r;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						   POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attr, 0);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	return -r;
}

static int spawn(const struct transport_line *line, struct env *env, int in, int out, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char words[TRANSPORT_LINE_MAX];
	char *argv[TRANSPORT_ARGV_MAX];
	int r;

	fill_argv(line, words, argv);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = set_actions(&actions, in, out);
	if (r == 0)
		r = set_attributes(&attr);
	if (r == 0)
		r = -posix_spawn(ret, argv[0], &actions, &attr, argv, env->vars);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int pt_spawn(const struct transport_line *line, const char *state_dir, struct pt_child *ret)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	struct env env = { .n = 0 };
	pid_t pid;
	int r = 0;

	env_fill(&env, line, state_dir);
	if (env.failed)
		r = -ENOMEM;
	else if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
		 fcntl(out[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = spawn(line, &env, in[0], out[1], &pid);
	env_free(&env);
	if (in[0] >= 0)
		close(in[0]);
	if (out[1] >= 0)
		close(out[1]);
	if (r == 0) {
		*ret = (struct pt_child){ pid, in[1], out[0] };
		return 0;
	}
	if (in[1] >= 0)
		close(in[1]);
	if (out[0] >= 0)
		close(out[0]);
	return r;
}
