/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_connect.c - what onionify adds to a program's start and to its connect()
 *
 * The agent is a thread of this program that opens every stream at once, so that
 * only the two doors are measured: connect() and close() of a blocking socket on bare
 * loopback, through the preload library, and through the native door (a socket with
 * a second descriptor, which the library leaves to it). Medians of the rounds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/ipc.h"

#define CONNECTS 400
#define STARTS 60
#define KEPT 64
#define TARGET "203.0.113.1"	/* a documentation address: only the agent sees it */

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(v[0]), by_value);
	return v[n / 2];
}

/* --- the agent --- */

static int take(int fd, void *buf, size_t len, int *ret_passed)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { buf, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;

	if (recvmsg(fd, &m, MSG_WAITALL) != (ssize_t)len)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_passed, CMSG_DATA(c), sizeof(int));
	return 0;
}

/* Gives the program its buffer back and takes the filler away: the stream is open. */
static void release(int fd, int passed)
{
	int size = 106496, filler = 0;
	char chunk[8192];

	(void)ioctl(fd, FIONREAD, &filler);
	(void)setsockopt(passed, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)close(passed);
	while (filler > 0) {
		ssize_t n = recv(fd, chunk, (size_t)filler < sizeof(chunk) ? (size_t)filler :
									     sizeof(chunk), 0);

		if (n <= 0)
			return;
		filler -= (int)n;
	}
}

static void answer(int fd, uint8_t type, const uint8_t *body, size_t len, int passed)
{
	uint8_t out[512];
	struct ipc_open open;
	struct ipc_progress ready = { .percent = 100 };
	struct ipc_addresses none = { .lookup = IPC_LOOKUP_NONAME };
	ssize_t n = 0;

	if (type == IPC_OPEN && passed >= 0)
		release(fd, passed);
	else if (type == IPC_OPEN && ipc_open_decode(body, len, &open) == 0)
		n = ipc_result_encode(out, sizeof(out), 0);
	else if (type == IPC_WAIT)
		n = ipc_progress_encode(out, sizeof(out), &ready);
	else if (type == IPC_RESOLVE)
		n = ipc_addresses_encode(out, sizeof(out), &none);
	if (n > 0)
		(void)!send(fd, out, (size_t)n, MSG_NOSIGNAL);
}

/* One request; the connection stays open until KEPT others have come. */
static void serve(int fd)
{
	uint8_t head[IPC_HEADER_LEN], body[IPC_REQUEST_MAX], type;
	int passed = -1;
	size_t len;

	if (take(fd, head, sizeof(head), &passed) == 0 &&
	    ipc_header_decode(head, sizeof(body), &type, &len) == 0 &&
	    (len == 0 || take(fd, body, len, &passed) == 0))
		answer(fd, type, body, len, passed);
}

static void *agent_run(void *arg)
{
	int listener = (int)(long)arg, fd, kept[KEPT];
	unsigned int n = 0;

	for (; (fd = accept(listener, NULL, NULL)) >= 0; n++) {
		serve(fd);
		if (n >= KEPT)
			(void)close(kept[n % KEPT]);
		kept[n % KEPT] = fd;
	}
	return NULL;
}

static bool start_agent(char dir[])
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t t;

	if (!mkdtemp(dir))
		return false;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/agent.sock", dir);
	return bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(fd, 128) == 0 &&
	       setenv("ONIONIFY_SOCKET", un.sun_path, 1) == 0 &&
	       pthread_create(&t, NULL, agent_run, (void *)(long)fd) == 0;
}

/* --- the measured program --- */

static int measure(const char *ip, const char *port, bool shared)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	static double us[CONNECTS];

	(void)inet_pton(AF_INET, ip, &to.sin_addr);
	for (int i = 0; i < CONNECTS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other = shared ? dup(fd) : -1;
		double begin = now_us();

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
			perror("connect");
			return 1;
		}
		us[i] = now_us() - begin;
		(void)close(other);
		(void)close(fd);
		(void)usleep(200);	/* the far side's closing is not ours */
	}
	printf("%.1f\n", median(us, CONNECTS));
	return 0;
}

/* The number that a command prints; -1 when it fails. */
static double number_of(const char *command)
{
	FILE *f = popen(command, "re");
	double v = -1;

	if (f && fscanf(f, "%lf", &v) != 1)
		v = -1;
	if (f)
		(void)pclose(f);
	return v;
}

static double start_ms(const char *const argv[])
{
	static double us[STARTS];

	for (int i = 0; i < STARTS; i++) {
		double begin = now_us();
		pid_t pid = fork();

		if (pid == 0) {
			union {
				const char *const *c;
				char *const *w;
			} args = { .c = argv };

			(void)execvp(argv[0], args.w);
			_exit(127);
		}
		(void)waitpid(pid, NULL, 0);
		us[i] = now_us() - begin;
	}
	return median(us, STARTS) / 1000;
}

static int listen_local(char port[8])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return -1;
	(void)snprintf(port, 8, "%d", ntohs(a.sin_port));
	return fd;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/onionify-bench-XXXXXX", port[8], self[512] = "", cmd[1024], path[64];
	const char *onionify = getenv("ONIONIFY") ? getenv("ONIONIFY") : "./onionify.sh";
	const char *const bare[] = { "true", NULL }, *const ours[] = { onionify, "-q", "true", NULL };
	double tcp, shim, native, start;

	if (argc == 5 && strcmp(argv[1], "measure") == 0)
		return measure(argv[2], argv[3], strcmp(argv[4], "shared") == 0);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || listen_local(port) < 0 ||
	    !start_agent(dir)) {
		perror("bench_connect");
		return 1;
	}
	(void)snprintf(cmd, sizeof(cmd), "%s measure 127.0.0.1 %s alone", self, port);
	tcp = number_of(cmd);
	(void)snprintf(cmd, sizeof(cmd), "%s -q %s measure " TARGET " 80 alone", onionify, self);
	shim = number_of(cmd);
	(void)snprintf(cmd, sizeof(cmd), "%s -q %s measure " TARGET " 80 shared", onionify, self);
	native = number_of(cmd);
	start = start_ms(ours) - start_ms(bare);
	(void)snprintf(path, sizeof(path), "%s/agent.sock", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	printf("connect(), bare loopback TCP        %8.1f us\n", tcp);
	printf("connect(), preload library          %8.1f us   %5.2f x\n", shim, shim / tcp);
	printf("connect(), native door              %8.1f us   %5.2f x\n", native, native / tcp);
	printf("starting a program, added           %8.2f ms\n", start);
	return tcp > 0 && shim > 0 && native > 0 ? 0 : 1;
}
