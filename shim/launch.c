/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.c - see launch.h
 *
 * Two invocations may start an agent at the same time: the agent takes a lock
 * itself and the second one leaves with success, so nothing is decided here.
 */
#include "shim/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/ipc.h"
#include "common/socket_path.h"
#include "shim/say.h"

#define START_MS 15000		/* from exec of the agent to its socket */
#define START_POLL_MS 10
#define AGENT_RUNNING 3		/* its exit status when another one serves this user */
#define PROGRESS_BODY_MAX 512	/* texts are at most 255 bytes */

/* "1,920"; writes and returns @buf. */
static const char *format_count(uint32_t v, char buf[16])
{
	char digits[12];
	int n = snprintf(digits, sizeof(digits), "%u", v), out = 0;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
	return buf;
}

/* --- connecting and starting --- */

static bool is_own(int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

int launch_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int r, fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	r = socket_path_check_dir(path);
	if (r < 0)
		return r;
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0)
		r = -errno;
	else if (!is_own(fd))
		r = -EOWNERDEAD;
	else
		return fd;
	(void)close(fd);
	return r;
}

/* No agent there: it may be started. Anything else is for the user to look at. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

static _Noreturn void agent_exec(const char *path, int log)
{
	int null = open("/dev/null", O_RDWR);
	union {
		const char *c;
		char *w;
	} name = { .c = path };
	char *argv[] = { name.w, NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (chdir("/") < 0)
		_exit(126);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)dup2(log, 2);
	/* The agent must not live in a preload or a domain of an invocation. */
	(void)unsetenv("LD_PRELOAD");
	(void)unsetenv("ONIONIFY_DOMAIN");
	(void)execv(path, argv);
	(void)dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* What the agent said last, in one line. */
static void last_words(int log, char *err)
{
	char text[LAUNCH_ERR_MAX - 64];
	off_t end = lseek(log, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) - 1 ? end - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(log, text, sizeof(text) - 1, from);
	char *line;

	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = strrchr(text, '\n');
	(void)snprintf(err, LAUNCH_ERR_MAX, "the agent did not start: %s",
		       line ? line + 1 : text[0] ? text : "it gave no reason");
}

/* Polls until the socket answers, the agent has failed, or time is up. */
static int await_socket(const struct launch *l, pid_t pid, int log, char *err)
{
	int64_t deadline = deadline_now_ms() + START_MS;
	bool elsewhere = false;
	int status, fd;

	for (;;) {
		struct timespec nap = { 0, START_POLL_MS * 1000000L };

		fd = launch_connect(l->socket_path);
		if (fd >= 0)
			return fd;
		if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
			pid = 0;
			elsewhere = WIFEXITED(status) && WEXITSTATUS(status) == AGENT_RUNNING;
			if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 &&
			    WEXITSTATUS(status) != AGENT_RUNNING)) {
				last_words(log, err);
				return -ECONNREFUSED;
			}
		}
		/* One that runs already should have answered, unless it is at another socket. */
		if (deadline_now_ms() > deadline && elsewhere) {
			last_words(log, err);
			return -ETIMEDOUT;
		}
		if (deadline_now_ms() > deadline) {
			(void)snprintf(err, LAUNCH_ERR_MAX,
				       "the agent was started but did not answer at %s within %d "
				       "seconds; its agent.log may say why", l->socket_path,
				       START_MS / 1000);
			return -ETIMEDOUT;
		}
		(void)nanosleep(&nap, NULL);
	}
}

static int start_agent(const struct launch *l, char *err)
{
	int log, fd;
	pid_t pid;

	if (!l->agent_path) {
		(void)snprintf(err, LAUNCH_ERR_MAX,
			       "no agent answers, and none can be started inside onionify");
		return -ENOENT;
	}
	if (access(l->agent_path, X_OK) != 0) {
		int e = errno;

		(void)snprintf(err, LAUNCH_ERR_MAX, "cannot start the agent %s: %s", l->agent_path,
			       strerror(e));
		return -e;
	}
	log = memfd_create("onionify-agent-start", MFD_CLOEXEC);
	pid = fork();
	if (pid == 0)
		agent_exec(l->agent_path, log);
	if (pid < 0) {
		(void)snprintf(err, LAUNCH_ERR_MAX, "cannot start the agent %s: %s", l->agent_path,
			       strerror(errno));
		return -EAGAIN;
	}
	fd = await_socket(l, pid, log, err);
	if (log >= 0)
		(void)close(log);
	return fd;
}

/* --- waiting until it can carry streams --- */

static int recv_progress(int fd, int64_t deadline, uint8_t body[PROGRESS_BODY_MAX],
			 struct ipc_progress *ret)
{
	uint8_t head[IPC_HEADER_LEN], type;
	size_t len;
	int r = deadline_recv_all(fd, head, sizeof(head), deadline);

	if (r == 0)
		r = ipc_header_decode(head, PROGRESS_BODY_MAX, &type, &len);
	if (r == 0 && type != IPC_PROGRESS)
		r = -EPROTO;
	if (r == 0)
		r = deadline_recv_all(fd, body, len, deadline);
	return r < 0 ? r : ipc_progress_decode(body, len, ret);
}

static void show(const struct ipc_progress *p)
{
	char text[256], done[16], total[16];

	say_clean(text, sizeof(text), p->text.s, p->text.len);
	(void)fprintf(stderr, "\r\033[Konionify: Connecting to Tor: %d %% %s", p->percent, text);
	if (p->total > 0)
		(void)fprintf(stderr, " (%s of %s)", format_count(p->done, done),
			      format_count(p->total, total));
	(void)fflush(stderr);
}

static int await_ready(const struct launch *l, int fd, char *err)
{
	uint8_t frame[IPC_HEADER_LEN], body[PROGRESS_BODY_MAX];
	int64_t deadline = deadline_now_ms() + (int64_t)l->timeout_s * 1000;
	struct ipc_progress p = { 0 };
	ssize_t n = ipc_wait_encode(frame, sizeof(frame));
	bool shown = false;
	char text[256] = "";
	int r = send(fd, frame, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EPIPE;

	while (r == 0) {
		r = recv_progress(fd, deadline, body, &p);
		if (r < 0 || p.failed || p.percent >= 100)
			break;
		say_clean(text, sizeof(text), p.text.s, p.text.len);
		if (l->progress)
			show(&p);
		shown = l->progress;
	}
	if (shown)
		(void)fputs("\r\033[K", stderr);
	if (r == 0 && p.failed) {
		say_clean(text, sizeof(text), p.text.s, p.text.len);
		(void)snprintf(err, LAUNCH_ERR_MAX, "cannot connect to Tor: %s; 'onionctl doctor' tells "
			       "what to do", text);
		return -ENETUNREACH;
	}
	if (r == -ETIMEDOUT)
		(void)snprintf(err, LAUNCH_ERR_MAX,
			       "Tor was not reached within %d seconds (at %d %%: %s); 'onionctl doctor' "
			       "looks for the cause, --timeout waits longer", l->timeout_s, p.percent,
			       text[0] ? text : "no progress");
	else if (r < 0)
		(void)snprintf(err, LAUNCH_ERR_MAX, "the agent went away: %s; run the command again, it starts "
			       "another one", strerror(-r));
	return r;
}

int launch_lease(const char *socket_path, const char *domain)
{
	uint8_t frame[IPC_HEADER_LEN + 1 + IPC_DOMAIN_MAX];
	ssize_t n = ipc_lease_encode(frame, sizeof(frame),
				     (struct ipc_str){ domain, strlen(domain) });
	int fd = n > 0 ? launch_connect(socket_path) : -1;

	if (fd < 0)
		return -1;
	if (send(fd, frame, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n)
		return fd;
	(void)close(fd);
	return -1;
}

static int launch_once(const struct launch *l, char *err)
{
	int fd = launch_connect(l->socket_path), r;

	if (fd < 0 && is_absent(fd)) {
		fd = start_agent(l, err);
		if (fd < 0)
			return fd;
	}
	if (fd == -EPERM || fd == -ENOTDIR) {
		(void)snprintf(err, LAUNCH_ERR_MAX,
			       "the folder of %s is not private to you; not trusting it: chmod 700 "
			       "it, or set ONIONIFY_SOCKET", l->socket_path);
		return fd;
	}
	if (fd == -EOWNERDEAD) {
		(void)snprintf(err, LAUNCH_ERR_MAX, "another user listens at %s; not trusting it: set "
			       "ONIONIFY_SOCKET to a path in a folder of your own", l->socket_path);
		return -EPERM;
	}
	if (fd < 0) {
		(void)snprintf(err, LAUNCH_ERR_MAX, "cannot reach the agent at %s: %s",
			       l->socket_path, strerror(-fd));
		return fd;
	}
	r = l->no_wait ? 0 : await_ready(l, fd, err);
	(void)close(fd);
	return r;
}

/* One that was ending when it was asked is replaced; a second one that goes is told. */
int launch_agent(const struct launch *l, char *err)
{
	int r = launch_once(l, err);

	return r == -ECONNRESET || r == -EPIPE ? launch_once(l, err) : r;
}
