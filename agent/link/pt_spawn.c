/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt_spawn.c - see pt_spawn.h
 *
 * The program gets an environment made for it: of ours only what programs need to run
 * (no LD_PRELOAD, no proxy settings), no descriptors but its own three, default signals, and
 * a process group of its own, so that a terminal's Ctrl-C does not end it before us, and
 * so that its children can be ended with it.
 */
#include "agent/link/pt_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/file.h"

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

/* The child's ends of the pipes, and its parent's. */
struct pipes {
	int in[2];
	int out[2];
	int status[2];
};

static void close_pipe(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static int open_pipes(struct pipes *p)
{
	*p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0 &&
	    pipe2(p->status, O_CLOEXEC) == 0 && fcntl(p->out[0], F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(p->status[0], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	return -errno;
}

static void set_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0, or errno. */
static int set_descriptors(const struct pipes *p)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || dup2(p->in[0], STDIN_FILENO) < 0 || dup2(p->out[1], STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return errno;
	/* All are marked one by one already; this is for what a library may have opened. */
	(void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* In the child. */
static _Noreturn void become(const struct transport_line *line, struct env *env,
			     const struct pipes *p, pid_t parent)
{
	char words[TRANSPORT_LINE_MAX];
	char *argv[TRANSPORT_ARGV_MAX];
	int error;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* It may have died before we asked. */
	if (getppid() != parent)
		_exit(127);
	set_signals();
	fill_argv(line, words, argv);
	error = set_descriptors(p);
	if (error == 0) {
		(void)execve(argv[0], argv, env->vars);
		error = errno;
	}
	(void)!write(p->status[1], &error, sizeof(error));
	_exit(127);
}

static int spawn(const struct transport_line *line, struct env *env, struct pt_child *ret)
{
	pid_t self = getpid();
	struct pipes p;
	pid_t pid = -1;
	int r = open_pipes(&p);

	if (r == 0) {
		pid = fork();
		if (pid == 0)
			become(line, env, &p, self);
		r = pid < 0 ? -errno : 0;
	}
	if (r < 0) {
		close_pipe(p.in);
		close_pipe(p.out);
		close_pipe(p.status);
		return r;
	}
	/* Both do it, so that it is done for whoever comes first. */
	(void)setpgid(pid, pid);
	close(p.in[0]);
	close(p.out[1]);
	close(p.status[1]);
	*ret = (struct pt_child){ pid, p.in[1], p.out[0], p.status[0] };
	return 0;
}

int pt_spawn(const struct transport_line *line, const char *state_dir, struct pt_child *ret)
{
	struct env env = { .n = 0 };
	char err[256];
	int r = file_private_dir(state_dir, err, sizeof(err));

	if (r < 0)
		return r;
	env_fill(&env, line, state_dir);
	r = env.failed ? -ENOMEM : spawn(line, &env, ret);
	env_free(&env);
	return r;
}
