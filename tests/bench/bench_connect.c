/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_connect.c - what onionify adds to connect(), to other system calls, and to a start
 *
 * Without arguments: connect() of a blocking TCP socket on bare loopback; through the
 * preload library; through the native door, with a socket of the private network namespace
 * and with one of this machine; with a socket that the library made and leaves to the native
 * door, as it has a second descriptor; and by torsocks and proxychains where they are.
 * The agent and the SOCKS server are threads of this program that connect every stream at
 * once (connect_peers.h), so that only what is local is measured. Medians of the rounds.
 * Then, of some calls that have nothing to do with the network, what each takes longer.
 *
 * "start COMMAND...": what COMMAND takes longer than true, in ms, the median of the
 * differences of runs that take turns. tests/bench/run asks this, of all sides alike.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/connect_peers.h"
#include "shim/sys.h"

#define CONNECTS 400
#define STARTS 60
#define CALLS 20000
#define CALL_ROUNDS 25
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

/* --- the measured program: connect() --- */

static int new_socket(const char *how)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (strcmp(how, "nonblock") == 0 ? SOCK_NONBLOCK : 0);

	/* The system call itself: the library has no part in what comes of it. */
	if (strcmp(how, "raw") == 0)
		return (int)sys_call3(SYS_socket, AF_INET, type, 0);
	return socket(AF_INET, type, 0);
}

static int connect_to(int fd, const char *how, const struct sockaddr_in *to)
{
	long r;

	if (strcmp(how, "raw") != 0)
		return connect(fd, (const struct sockaddr *)to, sizeof(*to));
	r = sys_call3(SYS_connect, fd, to, sizeof(*to));
	errno = r < 0 ? (int)-r : errno;
	return r < 0 ? -1 : 0;
}

static int measure(const char *ip, const char *port, const char *how)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	static double us[CONNECTS];

	(void)inet_pton(AF_INET, ip, &to.sin_addr);
	for (int i = 0; i < CONNECTS; i++) {
		int fd = new_socket(how), other = strcmp(how, "shared") == 0 ? dup(fd) : -1;
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		double begin = now_us();

		if (connect_to(fd, how, &to) != 0 && errno != EINPROGRESS) {
			perror("connect");
			return 1;
		}
		us[i] = now_us() - begin;
		if (poll(&p, 1, 5000) != 1)
			return 1;
		(void)close(other);
		(void)close(fd);
		(void)usleep(200);	/* the far side's closing is not ours */
	}
	printf("%.1f\n", median(us, CONNECTS));
	return 0;
}

/* --- the measured program: other calls --- */

struct things {
	int pipe[2];
	int set;
	int unix_socket;
};

static void call_ioctl(const struct things *t)
{
	int n;

	(void)ioctl(t->pipe[0], FIONREAD, &n);
}

static void call_epoll(const struct things *t)
{
	struct epoll_event ev = { .events = EPOLLIN };

	(void)epoll_ctl(t->set, EPOLL_CTL_MOD, t->pipe[0], &ev);
}

static void call_dup(const struct things *t)
{
	(void)dup2(t->pipe[0], t->pipe[1]);
}

static void call_close(const struct things *t)
{
	(void)t;
	(void)close(-1);
}

static void call_fcntl(const struct things *t)
{
	(void)fcntl(t->pipe[0], F_GETFL);
}

static void call_read(const struct things *t)
{
	char c;

	(void)!read(t->set, &c, 1);
}

static void call_getsockopt(const struct things *t)
{
	int type;
	socklen_t len = sizeof(type);

	(void)getsockopt(t->unix_socket, SOL_SOCKET, SO_TYPE, &type, &len);
}

static const struct {
	const char *name;
	void (*make)(const struct things *t);
} calls[] = {
	{ "ioctl()", call_ioctl }, { "epoll_ctl()", call_epoll }, { "dup2()", call_dup },
	{ "close()", call_close }, { "fcntl()", call_fcntl }, { "read()", call_read },
	{ "getsockopt()", call_getsockopt },
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

/* A line of nanoseconds, one a call: of several rounds the fastest. */
static int measure_calls(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct things t = { .set = epoll_create1(EPOLL_CLOEXEC),
			    .unix_socket = socket(AF_UNIX, SOCK_STREAM, 0) };

	if (pipe(t.pipe) != 0 || epoll_ctl(t.set, EPOLL_CTL_ADD, t.pipe[0], &ev) != 0)
		return 1;
	for (size_t i = 0; i < N_CALLS; i++) {
		double best = 1e9;

		for (int round = 0; round < CALL_ROUNDS; round++) {
			double begin = now_us(), took;

			for (int n = 0; n < CALLS; n++)
				calls[i].make(&t);
			took = (now_us() - begin) * 1000 / CALLS;
			best = took < best ? took : best;
		}
		printf("%.1f ", best);
	}
	printf("\n");
	return 0;
}

/* --- starts --- */

static double run_ms(char *const argv[])
{
	double begin = now_us();
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	return (now_us() - begin) / 1000;
}

static int measure_start(char *const argv[])
{
	char name[] = "true", *const bare[] = { name, NULL };
	static double added[STARTS];

	for (int i = 0; i < STARTS; i++) {
		double with = run_ms(argv), without = run_ms(bare);

		if (with < 0 || without < 0) {
			(void)fprintf(stderr, "bench_connect: %s failed\n", argv[0]);
			return 1;
		}
		added[i] = with - without;
	}
	printf("%.2f\n", median(added, STARTS));
	return 0;
}

/* --- the table --- */

/* The numbers that a command prints. How many of @n. */
static size_t numbers_of(const char *command, double *ret, size_t n)
{
	FILE *f = popen(command, "re");
	size_t got = 0;

	while (f && got < n && fscanf(f, "%lf", &ret[got]) == 1)
		got++;
	if (f)
		(void)pclose(f);
	return got;
}

/* Says what @command measures; @tcp, the first of all, is what it is compared with. */
static bool tell_connect(const char *title, const char *command, double *tcp)
{
	double us;

	if (numbers_of(command, &us, 1) != 1) {
		printf("connect(), %-31s        -\n", title);
		return false;
	}
	*tcp = *tcp > 0 ? *tcp : us;
	printf("connect(), %-31s %8.1f us  %6.2f x\n", title, us, us / *tcp);
	(void)fflush(stdout);
	return true;
}

static bool tell_ours(const char *self, const char *onionify, double *tcp)
{
	static const struct {
		const char *title;
		const char *setting;	/* before the command */
		const char *how;
	} doors[] = {
		{ "preload library", "", "plain" },
		{ "the same, non-blocking", "", "nonblock" },
		{ "native door, private namespace", "", "raw" },
		{ "native door, held on loopback", "ONIONIFY_TIER=loopback ", "raw" },
		{ "native door, library's socket", "", "shared" },
	};
	char command[1200];
	bool good = true;

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		(void)snprintf(command, sizeof(command), "%s%s -q %s measure " TARGET " 80 %s",
			       doors[i].setting, onionify, self, doors[i].how);
		good = tell_connect(doors[i].title, command, tcp) && good;
	}
	return good;
}

/* Whichever of them is here. */
static void tell_theirs(const char *self, const char *dir, double *tcp)
{
	int port = peers_start_socks();
	char command[1200], path[64];
	FILE *f;

	(void)snprintf(command, sizeof(command), "torsocks -P %d %s measure " TARGET
		       " 80 plain 2>/dev/null", port, self);
	(void)tell_connect("torsocks", command, tcp);
	(void)snprintf(path, sizeof(path), "%s/proxychains.conf", dir);
	f = fopen(path, "we");
	if (!f)
		return;
	(void)fprintf(f, "strict_chain\nquiet_mode\n[ProxyList]\nsocks5 127.0.0.1 %d\n", port);
	(void)fclose(f);
	(void)snprintf(command, sizeof(command), "proxychains4 -q -f %s %s measure " TARGET
		       " 80 plain 2>/dev/null", path, self);
	(void)tell_connect("proxychains", command, tcp);
	(void)unlink(path);
}

static bool tell_connects(const char *self, const char *onionify, const char *dir)
{
	char command[1200];
	double tcp = 0;
	bool good;

	(void)snprintf(command, sizeof(command), "%s measure 127.0.0.1 %d plain", self,
		       peers_start_tcp());
	good = tell_connect("bare loopback TCP", command, &tcp);
	good = tell_ours(self, onionify, &tcp) && good;
	tell_theirs(self, dir, &tcp);
	return good;
}

static bool tell_calls(const char *self, const char *onionify)
{
	double bare[N_CALLS], ours[N_CALLS];
	char command[1024];

	(void)snprintf(command, sizeof(command), "%s calls", self);
	if (numbers_of(command, bare, N_CALLS) != N_CALLS)
		return false;
	(void)snprintf(command, sizeof(command), "%s -q %s calls", onionify, self);
	if (numbers_of(command, ours, N_CALLS) != N_CALLS)
		return false;
	for (size_t i = 0; i < N_CALLS; i++)
		printf("%-14s added                   %8.3f us  (%.3f by itself)\n", calls[i].name,
		       (ours[i] - bare[i]) / 1000, bare[i] / 1000);
	return true;
}

int main(int argc, char **argv)
{
	const char *onionify = getenv("ONIONIFY") ? getenv("ONIONIFY") : "./onionify.sh";
	char dir[] = "/tmp/onionify-bench-XXXXXX", self[512] = "", path[64];
	bool good;

	if (argc == 5 && strcmp(argv[1], "measure") == 0)
		return measure(argv[2], argv[3], argv[4]);
	if (argc == 2 && strcmp(argv[1], "calls") == 0)
		return measure_calls();
	if (argc > 2 && strcmp(argv[1], "start") == 0)
		return measure_start(argv + 2);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || !peers_start_agent(dir)) {
		perror("bench_connect");
		return 1;
	}
	good = tell_connects(self, onionify, dir);
	good = tell_calls(self, onionify) && good;
	(void)snprintf(path, sizeof(path), "%s/agent.sock", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	return good ? 0 : 1;
}
