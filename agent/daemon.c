/* SPDX-License-Identifier: BSD-3-Clause */
/* daemon.c - see daemon.h */
#include "agent/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_MAX 1024
#define BACKLOG 1024
#define LISTEN_FD 3	/* sd_listen_fds(3): the first passed descriptor */

/* The started process: shows what the background process reports, exits with its status. */
static void wait_for_report(int fd, pid_t child)
{
	char buf[REPORT_MAX + 2];
	size_t len = 0;
	ssize_t n;
	int status;

	while (len < REPORT_MAX + 1) {
		n = read(fd, buf + len, REPORT_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (len == 0) {
		fprintf(stderr, "onionify-agent: died while starting\n");
		if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
			fprintf(stderr, "onionify-agent: by signal %d\n", WTERMSIG(status));
		_exit(DAEMON_FAILED);
	}
	buf[len] = '\0';
	if (buf[1])
		fprintf(stderr, "onionify-agent: %s\n", buf + 1);
	_exit(buf[0]);
}

int daemon_detach(int *ret_report_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid > 0) {
		close(fds[1]);
		wait_for_report(fds[0], pid);
	}
	close(fds[0]);
	if (setsid() < 0) {
		close(fds[1]);
		return -errno;
	}
	if (chdir("/") < 0) {
		close(fds[1]);
		return -errno;
	}
	*ret_report_fd = fds[1];
	return 0;
}

void daemon_report(int fd, enum daemon_exit status, const char *message)
{
	char buf[REPORT_MAX + 1];
	int n = snprintf(buf, sizeof(buf), "%c%s", (char)status, message);

	/* snprintf() stops at no NUL here: status 0 is the first byte, then the text. */
	if (n < 0 || (size_t)n >= sizeof(buf))
		n = (int)sizeof(buf) - 1;
	(void)!write(fd, buf, (size_t)n);
	close(fd);
}

int daemon_silence(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int i = 0; i <= 2; i++) {
		if (dup2(fd, i) < 0) {
			int r = -errno;

			close(fd);
			return r;
		}
	}
	if (fd > 2)
		close(fd);
	return 0;
}

void daemon_harden(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* LeakSanitizer attaches to its own process: it needs a dumpable one. */
#ifndef __SANITIZE_ADDRESS__
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

void daemon_close_inherited(int keep)
{
	unsigned int from = STDERR_FILENO + 1;

	if (keep > STDERR_FILENO) {
		if ((unsigned int)keep > from)
			(void)close_range(from, (unsigned int)keep - 1, 0);
		from = (unsigned int)keep + 1;
	}
	(void)close_range(from, ~0u, 0);
}

static int parse_env_int(const char *name)
{
	const char *text = secure_getenv(name);
	char *end;
	long v;

	if (!text || !*text)
		return -1;
	v = strtol(text, &end, 10);
	return *end || v < 0 || v > INT32_MAX ? -1 : (int)v;
}

int daemon_activated_fd(void)
{
	int n = parse_env_int("LISTEN_FDS");
	int pid = parse_env_int("LISTEN_PID");
	int listening = 0;
	int domain = 0;
	socklen_t len = sizeof(int);

	if (n <= 0 || pid != getpid())
		return -1;
	if (n != 1 || getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    getsockopt(LISTEN_FD, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || !listening ||
	    domain != AF_UNIX)
		return -EINVAL;
	if (fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(LISTEN_FD, F_SETFL, O_NONBLOCK) < 0)
		return -EINVAL;
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	return LISTEN_FD;
}

int daemon_listen(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;
	int r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	/* Only a socket is ours to replace. */
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (unlink(path) < 0)
			return -errno;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}
