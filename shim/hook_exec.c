/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_exec.c - children stay inside, whatever environment they are given
 *
 * exec with a changed or empty environment would start a program without the shim.
 * The supervisor would then refuse its traffic; putting LD_PRELOAD and our own
 * variables back keeps it working. Runs between vfork and exec: no allocation, the
 * new environment lives on the stack (or in pages of its own when it is huge).
 *
 * A program of another C library or of 32 bits cannot load the shim and starts without:
 * the supervisor alone serves it.
 *
 * Without a supervisor a static or privileged program would escape: it is refused
 * here with EACCES, unless the user allowed it.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/elf.h"
#include "shim/hooks.h"
#include "shim/owned.h"
#include "shim/probe.h"
#include "shim/sys.h"

#define ENV_OURS 5		/* LD_PRELOAD and four of ours */
#define ENV_ON_STACK 2048	/* pointers; longer environments get pages */
#define PRELOAD_MAX (2 * PATH_MAX)
#define ARGS_MAX 4096		/* of the execl forms: written out in a program's source */

typedef int (*execvpe_fn)(const char *, char *const[], char *const[]);
typedef int (*spawn_fn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			const posix_spawnattr_t *, char *const[], char *const[]);

struct new_env {
	char *small[ENV_ON_STACK];
	char preload[PRELOAD_MAX];
	char **vec;
	size_t mapped;	/* bytes to unmap, 0 when @small is used */
};

static bool is_var(const char *entry, const char *name)
{
	size_t n = strlen(name);

	return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* Set anew for every child. The others are only put back when they are gone. */
static bool is_replaced(const char *entry)
{
	return (config_get()->library[0] && is_var(entry, "LD_PRELOAD")) ||
	       is_var(entry, CONFIG_ENV_WEAK) || is_var(entry, CONFIG_ENV_REPORT);
}

/* "LD_PRELOAD=ours", or "LD_PRELOAD=ours:theirs" when theirs lacks it and fits. */
static char *make_preload(struct new_env *e, char *const env[])
{
	const struct config *c = config_get();
	const char *theirs = "";
	size_t n = strlen(c->library), t;
	char *p = e->preload;

	for (size_t i = 0; env && env[i]; i++) {
		if (is_var(env[i], "LD_PRELOAD"))
			theirs = env[i] + sizeof("LD_PRELOAD");
	}
	t = strlen(theirs);
	memcpy(p, "LD_PRELOAD=", 11);
	p += 11;
	if (strstr(theirs, c->library) && 11 + t + 1 <= sizeof(e->preload)) {
		memcpy(p, theirs, t + 1);
		return e->preload;
	}
	memcpy(p, c->library, n + 1);
	if (t > 0 && 11 + n + 1 + t + 1 <= sizeof(e->preload)) {
		p[n] = ':';
		memcpy(p + n + 1, theirs, t + 1);
	}
	return e->preload;
}

/* "LD_PRELOAD=theirs", for a program that cannot load ours. */
static char *no_preload(struct new_env *e, char *const env[])
{
	const char *ours = config_get()->library, *theirs = "", *at;
	size_t n = strlen(ours), before, rest;

	for (size_t i = 0; env && env[i]; i++) {
		if (is_var(env[i], "LD_PRELOAD"))
			theirs = env[i] + sizeof("LD_PRELOAD");
	}
	memcpy(e->preload, "LD_PRELOAD=", 12);
	at = strstr(theirs, ours);
	before = at ? (size_t)(at - theirs) : strlen(theirs);
	rest = at ? strlen(at + n) : 0;
	if (before + rest + 12 > sizeof(e->preload))
		return e->preload;
	memcpy(e->preload + 11, theirs, before);
	memcpy(e->preload + 11 + before, at ? at + n : "", rest + 1);
	return e->preload;
}

static int reserve(struct new_env *e, size_t n)
{
	long p;

	e->vec = e->small;
	e->mapped = 0;
	if (n <= ENV_ON_STACK)
		return 0;
	e->mapped = n * sizeof(char *);
	p = sys_call6(SYS_mmap, NULL, e->mapped, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p < 0 && p >= -4095)
		return -ENOMEM;
	e->vec = (char **)p;
	return 0;
}

/*
 * The environment that a child gets: what it was given, and ours. A domain or a socket
 * that was set on purpose (a nested onionify) stays.
 */
static int make_env(struct new_env *e, char *const env[], bool preload)
{
	/* The strings are only read; exec's prototypes are older than const. */
	const union {
		const struct config *c;
		struct config *w;
	} cfg = { .c = config_get() };
	bool has_domain = false, has_socket = false;
	size_t count = 0, n = 0;

	if (env && !probe_readable(env, sizeof(*env)))
		return -EFAULT;
	while (env && env[count]) {
		if (!probe_readable(env[count++], 1))
			return -EFAULT;
	}
	if (reserve(e, count + ENV_OURS + 1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (is_replaced(env[i]))
			continue;
		has_socket = has_socket || is_var(env[i], CONFIG_ENV_SOCKET);
		has_domain = has_domain || is_var(env[i], CONFIG_ENV_DOMAIN);
		e->vec[n++] = env[i];
	}
	if (cfg.c->library[0])
		e->vec[n++] = preload ? make_preload(e, env) : no_preload(e, env);
	if (cfg.c->env_socket[0] && !has_socket)
		e->vec[n++] = cfg.w->env_socket;
	if (cfg.c->env_domain[0] && !has_domain)
		e->vec[n++] = cfg.w->env_domain;
	if (cfg.c->env_weak[0])
		e->vec[n++] = cfg.w->env_weak;
	if (cfg.c->env_report[0])
		e->vec[n++] = cfg.w->env_report;
	e->vec[n] = NULL;
	return 0;
}

static void drop_env(struct new_env *e)
{
	if (e->mapped > 0)
		(void)sys_call2(SYS_munmap, e->vec, e->mapped);
}

/* What exec would start. Unreadable or absent: exec names the error. */
static enum elf_kind kind_at(int dirfd, const char *path)
{
	enum elf_kind kind;

	if (!probe_readable(path, 1) || !path[0] || elf_inspect(dirfd, path, &kind) < 0)
		return ELF_DYNAMIC;
	return kind;
}

/* The same for a name that the C library will look for in PATH. */
static enum elf_kind kind_in_path(const char *file)
{
	const char *path = getenv("PATH");
	char full[PATH_MAX];
	size_t name = probe_readable(file, 1) ? strlen(file) : 0;

	if (name == 0 || strchr(file, '/'))
		return kind_at(AT_FDCWD, file);
	for (path = path ? path : "/bin:/usr/bin"; *path; path += *path == ':') {
		size_t dir = strcspn(path, ":");

		if (dir + 1 + name + 1 <= sizeof(full)) {
			memcpy(full, path, dir);
			full[dir] = '/';
			memcpy(full + (dir > 0 ? dir + 1 : 0), file, name + 1);
			if (sys_call4(SYS_faccessat, AT_FDCWD, full, X_OK, 0) == 0)
				return kind_at(AT_FDCWD, full);
		}
		path += dir;
	}
	return ELF_DYNAMIC;
}

/* The environment for a program of @kind; -EACCES when nothing would watch it. */
static int prepare(struct new_env *e, enum elf_kind kind, char *const env[])
{
	const struct config *c = config_get();

	owned_spawn();	/* in a child of vfork() this is the parent's memory */
	if (elf_is_unguarded(kind) && !c->supervised && !c->allow_weak)
		return -EACCES;
	/* Other loaders fail on the library, or complain about it. */
	return make_env(e, env, kind != ELF_OTHER_LIBC && kind != ELF_32BIT);
}

long shim_execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	struct new_env e;
	long r = prepare(&e, kind_at(dirfd, path), envp);

	if (r < 0)
		return r;
	if (dirfd == AT_FDCWD && flags == 0)
		r = sys_call3(SYS_execve, path, argv, e.vec);
	else
		r = sys_call5(SYS_execveat, dirfd, path, argv, e.vec, flags);
	drop_env(&e);
	return r;
}

/* With a search of PATH, which the C library does. */
static int exec_search(const char *file, char *const argv[], char *const envp[])
{
	union {
		void *p;
		execvpe_fn fn;
	} real = { .p = hook_next("execvpe") };
	struct new_env e;
	int r = real.p ? prepare(&e, kind_in_path(file), envp) : -ENOSYS;

	if (r < 0)
		return (int)hook_result(r);
	r = real.fn(file, argv, e.vec);
	drop_env(&e);
	return r;
}

static int spawn(const char *which, pid_t *pid, const char *path,
		 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
		 char *const argv[], char *const envp[])
{
	union {
		void *p;
		spawn_fn fn;
	} real = { .p = hook_next(which) };
	struct new_env e;
	int r = -ENOSYS;

	if (real.p)
		r = prepare(&e, strcmp(which, "posix_spawnp") == 0 ? kind_in_path(path) :
								     kind_at(AT_FDCWD, path), envp);
	if (r < 0)
		return -r;
	r = real.fn(pid, path, actions, attr, argv, e.vec);
	drop_env(&e);
	return r;
}

/* --- the C library's names --- */

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)hook_result(shim_execveat(AT_FDCWD, path, argv, envp, 0));
}

HOOK int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

HOOK int execvp(const char *file, char *const argv[])
{
	return exec_search(file, argv, environ);
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
	return exec_search(file, argv, envp);
}

HOOK int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	return (int)hook_result(shim_execveat(dirfd, path, argv, envp, flags));
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
	return (int)hook_result(shim_execveat(fd, "", argv, envp, AT_EMPTY_PATH));
}

/* Collects the arguments of an execl form up to NULL; -1 when there are too many. */
static int collect(char **argv, const char *first, va_list *ap)
{
	const union {
		const char *c;
		char *w;
	} head = { .c = first };
	int n = 0;

	argv[n++] = head.w;
	while (argv[n - 1] && n < ARGS_MAX)
		argv[n++] = va_arg(*ap, char *);
	return argv[n - 1] ? -1 : n;
}

HOOK int execl(const char *path, const char *arg, ...)
{
	char *argv[ARGS_MAX];
	va_list ap;
	int n;

	va_start(ap, arg);
	n = collect(argv, arg, &ap);
	va_end(ap);
	return n < 0 ? (int)hook_result(-E2BIG) : execve(path, argv, environ);
}

HOOK int execlp(const char *file, const char *arg, ...)
{
	char *argv[ARGS_MAX];
	va_list ap;
	int n;

	va_start(ap, arg);
	n = collect(argv, arg, &ap);
	va_end(ap);
	return n < 0 ? (int)hook_result(-E2BIG) : exec_search(file, argv, environ);
}

HOOK int execle(const char *path, const char *arg, ...)
{
	char *argv[ARGS_MAX], **envp;
	va_list ap;
	int n;

	va_start(ap, arg);
	n = collect(argv, arg, &ap);
	envp = n < 0 ? NULL : va_arg(ap, char **);
	va_end(ap);
	return n < 0 ? (int)hook_result(-E2BIG) : execve(path, argv, envp);
}

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn("posix_spawn", pid, path, actions, attr, argv, envp);
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn("posix_spawnp", pid, file, actions, attr, argv, envp);
}
