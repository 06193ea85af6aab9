/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shared.c - sockets that have company before they are bound, listen or are connected
 *
 * Run bare and inside onionify, as conform.c: the outputs must be equal. Arguments: the
 * address of a target that echoes (IPv4 and port); "raw" for inline system calls.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/sys.h"

#define HIGH 700	/* a descriptor far from the others */

static bool raw;
static struct sockaddr_in echo;

static int result(long r)
{
	if (r >= 0)
		return (int)r;
	errno = (int)-r;
	return -1;
}

static const char *err(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

/* --- calls that are made one way or the other --- */

static int tcp(int flags)
{
	return raw ? result(sys_call3(SYS_socket, AF_INET, SOCK_STREAM | flags, 0)) :
		     socket(AF_INET, SOCK_STREAM | flags, 0);
}

static int copy(int fd)
{
	return raw ? result(sys_call1(SYS_dup, fd)) : dup(fd);
}

static int copy_to(int fd, int to)
{
	return raw ? result(sys_call3(SYS_dup3, fd, to, O_CLOEXEC)) : dup3(fd, to, O_CLOEXEC);
}

static int go(int fd, const struct sockaddr_in *to)
{
	return raw ? result(sys_call3(SYS_connect, fd, to, sizeof(*to))) :
		     connect(fd, (const struct sockaddr *)to, sizeof(*to));
}

static int claim(int fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return raw ? result(sys_call3(SYS_bind, fd, &a, sizeof(a))) :
		     bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static int wait_there(int fd)
{
	return raw ? result(sys_call2(SYS_listen, fd, 5)) : listen(fd, 5);
}

static struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	if (raw)
		(void)sys_call3(SYS_getsockname, fd, &a, &len);
	else
		(void)getsockname(fd, (struct sockaddr *)&a, &len);
	return a;
}

static bool same_name(int a, int b)
{
	struct sockaddr_in x = name_of(a), y = name_of(b);

	return x.sin_port != 0 && memcmp(&x, &y, sizeof(x)) == 0;
}

/* --- what is seen --- */

static const char *echoes(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c = 0;

	if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
		return strerrorname_np(errno);
	return poll(&p, 1, 3000) == 1 && recv(fd, &c, 1, 0) == 1 && c == 'x' ? "echo" : "no reply";
}

/* A client of the server @fd, accepted by @at. */
static const char *serves(int fd, int at)
{
	struct sockaddr_in a = name_of(fd);
	struct pollfd p = { .fd = at, .events = POLLIN };
	int c = socket(AF_INET, SOCK_STREAM, 0), s = -1;
	const char *said = "no client";
	char x = 0;

	if (connect(c, (struct sockaddr *)&a, sizeof(a)) != 0)
		said = strerrorname_np(errno);
	else if (poll(&p, 1, 2000) != 1)
		said = "nobody comes";
	else if ((s = accept(at, NULL, NULL)) < 0)
		said = strerrorname_np(errno);
	else if (write(c, "y", 1) == 1 && read(s, &x, 1) == 1 && x == 'y')
		said = "serves";
	close(c);
	if (s >= 0)
		close(s);
	return said;
}

/* --- clients --- */

static void copies_of_a_client(void)
{
	int fd = tcp(0), second = copy(fd), high = copy_to(fd, HIGH);

	printf("connect %s\n", err(go(fd, &echo)));
	printf("%s ", echoes(fd));
	printf("%s ", echoes(second));
	printf("%s cloexec %d %d\n", echoes(high), fcntl(second, F_GETFD), fcntl(high, F_GETFD));
	printf("again %s ", err(go(second, &echo)));
	printf("names %d %d\n", same_name(fd, second), same_name(fd, high));
	close(fd);
	printf("closed %s\n", echoes(second));
	close(second);
	printf("closed %s\n", echoes(high));
	close(high);
}

static void a_copy_connects(void)
{
	int fd = tcp(SOCK_NONBLOCK), second = copy(fd), ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET, .data.u64 = 0x123456789a }, got = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	(void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	(void)epoll_wait(ep, &got, 1, 0);
	printf("connect %s ", err(go(second, &echo)));
	printf("poll %d ", poll(&p, 1, 3000));
	printf("epoll %d %d data %llx\n", epoll_wait(ep, &got, 1, 3000), !!(got.events & EPOLLOUT),
	       (unsigned long long)got.data.u64);
	printf("%s\n", echoes(fd));
	close(ep);
	close(fd);
	close(second);
}

/* --- servers --- */

static void copies_before_bind(void)
{
	int fd = tcp(0), second = copy(fd), high = copy_to(fd, HIGH);

	printf("bind %s ", err(claim(fd)));
	printf("names %d %d ", same_name(fd, second), same_name(fd, high));
	printf("bind again %s\n", err(claim(high)));
	printf("listen %s ", err(wait_there(second)));
	printf("%s ", serves(fd, fd));
	printf("%s ", serves(second, high));
	printf("%s cloexec %d %d\n", serves(high, second), fcntl(second, F_GETFD), fcntl(high, F_GETFD));
	close(fd);
	close(second);
	printf("closed %s\n", serves(high, high));
	close(high);
}

/* Without an address: the kernel chooses one with listen(). */
static void copies_before_listen(void)
{
	int fd = tcp(0), second = copy(fd);

	printf("listen %s ", err(wait_there(fd)));
	printf("names %d %s\n", same_name(fd, second), serves(second, second));
	close(fd);
	close(second);
}

static void registered_before_bind(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0xfeedfacecafe }, got = { 0 };
	int ep = epoll_create1(0), other = epoll_create1(0), fd = tcp(SOCK_NONBLOCK), second = copy(fd), c;
	struct sockaddr_in a;

	(void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	ev.data.u64 = 7;
	(void)epoll_ctl(other, EPOLL_CTL_ADD, second, &ev);
	(void)claim(fd);
	(void)wait_there(fd);
	(void)epoll_wait(ep, &got, 1, 0);	/* of the moment before */
	a = name_of(fd);
	c = socket(AF_INET, SOCK_STREAM, 0);
	(void)connect(c, (struct sockaddr *)&a, sizeof(a));
	printf("events %d ", epoll_wait(ep, &got, 1, 3000));
	printf("%x data %llx ", got.events, (unsigned long long)got.data.u64);
	printf("other %d ", epoll_wait(other, &got, 1, 3000));
	printf("%x data %llx\n", got.events, (unsigned long long)got.data.u64);
	ev.events = EPOLLOUT;
	printf("mod %s ", err(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev)));
	printf("quiet %d ", epoll_wait(ep, &got, 1, 50));
	printf("del %s ", err(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL)));
	printf("del %s ", err(epoll_ctl(other, EPOLL_CTL_DEL, second, NULL)));
	printf("again %s\n", err(epoll_ctl(other, EPOLL_CTL_DEL, second, NULL)));
	close(c);
	close(fd);
	close(second);
	close(ep);
	close(other);
}

/* A helper, as programs have that give up their rights, binds for its parent. */
static void bound_by_a_child(void)
{
	int fd = tcp(0), second = copy(fd), status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(claim(fd) == 0 ? 0 : 1);
	(void)waitpid(pid, &status, 0);
	printf("bind %d ", status);
	printf("again %s ", err(claim(fd)));
	printf("listen %s ", err(wait_there(fd)));
	printf("names %d %s\n", same_name(fd, second), serves(fd, second));
	close(fd);
	close(second);
}

static void bound_before_fork(void)
{
	int fd = tcp(0), go_on[2], status = -1;
	pid_t pid;

	printf("bind %s ", err(claim(fd)));
	(void)pipe(go_on);
	pid = fork();
	if (pid == 0) {
		char c;

		(void)read(go_on[0], &c, 1);
		_exit(strcmp(serves(fd, fd), "serves") == 0 ? 0 : 1);
	}
	printf("listen %s ", err(wait_there(fd)));
	(void)write(go_on[1], "x", 1);
	(void)waitpid(pid, &status, 0);
	printf("child %d parent %s\n", status, serves(fd, fd));
	close(fd);
	close(go_on[0]);
	close(go_on[1]);
}

/* The port is free as soon as everybody has closed it. */
static void free_again(void)
{
	int fd = tcp(0), again = tcp(0), status;
	struct sockaddr_in a;
	pid_t pid = fork();

	if (pid == 0) {
		usleep(300000);
		_exit(0);
	}
	(void)claim(fd);
	a = name_of(fd);
	close(fd);
	(void)waitpid(pid, &status, 0);
	fd = tcp(0);
	(void)claim(fd);
	printf("bind %s\n", err(raw ? result(sys_call3(SYS_bind, again, &a, sizeof(a))) :
				      bind(again, (struct sockaddr *)&a, sizeof(a))));
	close(fd);
	close(again);
}

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
	{ "copies of a client", copies_of_a_client },
	{ "a copy connects", a_copy_connects },
	{ "copies before bind", copies_before_bind },
	{ "copies before listen", copies_before_listen },
	{ "registered before bind", registered_before_bind },
	{ "bound by a child", bound_by_a_child },
	{ "bound before fork", bound_before_fork },
	{ "free again", free_again },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	raw = argc > 3 && strcmp(argv[3], "raw") == 0;
	echo.sin_family = AF_INET;
	echo.sin_port = htons((uint16_t)atoi(argv[2]));
	(void)inet_pton(AF_INET, argv[1], &echo.sin_addr);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		printf("== %s\n", checks[i].name);
		fflush(stdout);
		checks[i].run();
		fflush(stdout);
	}
	return 0;
}
