/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_sandbox.c - what a process can do no longer, tried in children
 *
 * Each child enters the sandbox and does one thing; its exit status is the errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox.h"
#include "tests/support/suite.h"

#define NOT_AVAILABLE 99	/* exit status: the kernel lacks a part */

static char dir[] = "/tmp/onionify-sandbox-XXXXXX";

static void path_of(char *out, size_t len, const char *name)
{
	snprintf(out, len, "%s/%s", dir, name);
}

/* --- what children try; 0 or errno --- */

static int in_own_directory(void)
{
	char a[300];
	char b[300];
	int fd;

	path_of(a, sizeof(a), "new");
	path_of(b, sizeof(b), "renamed");
	fd = open(a, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0 || close(fd) < 0 || rename(a, b) < 0 ||
	    unlink(b) < 0)
		return errno;
	return 0;
}

static int read_elsewhere(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int write_elsewhere(void)
{
	return open("/tmp/onionify-test-sandbox", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0;
}

/* In the folder of sockets. */
static int socket_place(bool remove)
{
	char path[300];

	snprintf(path, sizeof(path), "%s.s/x", dir);
	if (remove)
		return unlink(path) < 0 ? errno : 0;
	return open(path, O_RDONLY) < 0 ? errno : 0;
}

static int remove_socket(void)
{
	return socket_place(true);
}

static int read_beside_socket(void)
{
	return socket_place(false);
}

static int one_file(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s.s/log", dir);
	return open(path, O_WRONLY | O_APPEND | O_CREAT, 0600) < 0 ? errno : 0;
}

static int another_file(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s.s/log2", dir);
	return open(path, O_WRONLY | O_APPEND | O_CREAT, 0600) < 0 ? errno : 0;
}

static int tcp_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0;
}

static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_DGRAM, 0) < 0 ? errno : 0;
}

static int executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int memory_made_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 1 : mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static int plain_memory(void)
{
	char *p = malloc(4 << 20);

	if (!p)
		return ENOMEM;
	memset(p, 1, 4 << 20);
	p = realloc(p, 8 << 20);
	free(p);
	return p ? 0 : ENOMEM;
}

static int new_process(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 ? errno : 0;
}

/* As vfork() would: with memory shared, but no thread. */
static int new_process_with_memory(void)
{
	return syscall(SYS_clone, CLONE_VM | SIGCHLD, 0, 0, 0, 0) < 0 ? errno : 0;
}

/* What a thread finds: it may wait, allocate and be less important, and no more than others. */
static void *in_thread(void *arg)
{
	int *ret = arg;

	*ret = setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 15) < 0 ? errno : plain_memory();
	if (*ret == 0 && executable_memory() != ENOSYS)
		*ret = 1;
	if (*ret == 0 && read_elsewhere() != EACCES)
		*ret = 2;
	return NULL;
}

static int new_thread(void)
{
	pthread_t thread;
	int result = 3;
	int r = pthread_create(&thread, NULL, in_thread, &result);

	return r != 0 ? r : pthread_join(thread, NULL) != 0 ? 4 : result;
}

static int refused_is_told(void)
{
	if (sandbox_take_refused() != -1)
		return 1;
	(void)syscall(SYS_mount, NULL, NULL, NULL, 0, NULL);
	return sandbox_take_refused() == SYS_mount && sandbox_take_refused() == -1 ? 0 : 2;
}

static int start_program(void)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	(void)execv("/bin/true", argv);
	return errno;
}

static int trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static const struct {
	const char *name;
	int (*run)(void);
	int want;	/* errno; -signal */
} tries[] = {
	{ "own directory", in_own_directory, 0 },
	{ "read elsewhere", read_elsewhere, EACCES },
	{ "write elsewhere", write_elsewhere, EACCES },
	{ "removing a socket", remove_socket, 0 },
	{ "reading beside a socket", read_beside_socket, EACCES },
	{ "the one file", one_file, 0 },
	{ "a file beside it", another_file, EACCES },
	{ "TCP socket", tcp_socket, 0 },
	{ "raw socket", raw_socket, ENOSYS },
	{ "packet socket", packet_socket, ENOSYS },
	{ "executable memory", executable_memory, ENOSYS },
	{ "memory made executable", memory_made_executable, ENOSYS },
	{ "plain memory", plain_memory, 0 },
	{ "a new process", new_process, ENOSYS },
	{ "a new process that shares memory", new_process_with_memory, ENOSYS },
	{ "a thread", new_thread, 0 },
	{ "what was refused is told", refused_is_told, 0 },
	{ "a program", start_program, -SIGSYS },
	{ "tracing", trace, -SIGSYS },
};

/* The child's fate, as in tries[].want. */
static int in_child(int (*run)(void))
{
	char sockets[300];
	char log[320];
	char x[320];
	struct sandbox_config c = { .writable = { dir, log }, .n_writable = 2,
				    .sockets = { sockets }, .n_sockets = 1,
				    .readable = { "/etc/localtime", "/no/such/file" },
				    .n_readable = 2 };
	const struct rlimit none = { 0, 0 };
	char err[256];
	int status;
	pid_t pid;

	snprintf(sockets, sizeof(sockets), "%s.s", dir);
	snprintf(log, sizeof(log), "%s/log", sockets);
	snprintf(x, sizeof(x), "%s/x", sockets);
	(void)mkdir(sockets, 0700);
	close(open(log, O_CREAT | O_WRONLY, 0600));
	close(open(x, O_CREAT | O_WRONLY, 0600));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		if (sandbox_enter(&c, err, sizeof(err)) != (SANDBOX_LANDLOCK | SANDBOX_SECCOMP)) {
			fprintf(stderr, "not available here: %s\n", err);
			_exit(NOT_AVAILABLE);
		}
		_exit(run());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	(void)unlink(x);
	(void)unlink(log);
	(void)rmdir(sockets);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

START_TEST(inside_only_this_is_possible)
{
	int got = in_child(tries[_i].run);

	if (got == NOT_AVAILABLE)
		return;
	ck_assert_msg(got == tries[_i].want, "%s: %d, not %d", tries[_i].name, got, tries[_i].want);
}
END_TEST

START_TEST(a_directory_that_is_missing_is_an_error)
{
	struct sandbox_config c = { .writable = { "/no/such/dir" }, .n_writable = 1 };
	char err[256];
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(sandbox_enter(&c, err, sizeof(err)) & SANDBOX_LANDLOCK || !err[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sandbox");
	TCase *t = tcase_create("children");
	int r;

	/* The instruments' own system calls are not in the list. */
#ifndef __SANITIZE_ADDRESS__
	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	tcase_add_loop_test(t, inside_only_this_is_possible, 0,
			    (int)(sizeof(tries) / sizeof(tries[0])));
	tcase_add_test(t, a_directory_that_is_missing_is_an_error);
#else
	(void)tries;
	(void)in_child;
	(void)inside_only_this_is_possible;
	(void)a_directory_that_is_missing_is_an_error;
#endif
	suite_add_tcase(s, t);
	r = suite_run(s);
	(void)rmdir(dir);
	return r;
}
