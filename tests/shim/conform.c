/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conform.c - what a program can see of its TCP sockets, printed line by line
 *
 * Run once against targets on loopback without onionify and once inside it: the
 * outputs must be equal, so Linux itself says what is right. Arguments: the
 * addresses of a target that echoes (IPv4, IPv6, port), one that refuses (IPv4,
 * port) and one that never answers (IPv4, port).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in echo4, refused4, silent4;
static struct sockaddr_in6 echo6;
static char *self;

/* The result of a call and then whether data flows: in this order. */
#define TRY_AND_ECHO(call, fd) (printf("%s ", err(call)), echo_works(fd))

static const char *err(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static int tcp(int flags)
{
	return socket(AF_INET, SOCK_STREAM | flags, 0);
}

static int go(int fd, const struct sockaddr_in *to)
{
	return connect(fd, (const struct sockaddr *)to, sizeof(*to));
}

static int wait_for(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

static int so_error(int fd)
{
	int e = -1;
	socklen_t len = sizeof(e);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 ? e : -1;
}

static const char *name_of(int e)
{
	return e == 0 ? "0" : e < 0 ? "?" : strerrorname_np(e);
}

static const char *echo_works(int fd)
{
	char buf[64] = { 0 };
	size_t got = 0;

	if (send(fd, "ping-pong", 9, MSG_NOSIGNAL) != 9)
		return "no send";
	while (got < 9 && wait_for(fd, POLLIN, 3000) & POLLIN) {
		ssize_t n = recv(fd, buf + got, sizeof(buf) - got, 0);

		if (n <= 0)
			return "no reply";
		got += (size_t)n;
	}
	return memcmp(buf, "ping-pong", 9) == 0 ? "echo" : "garbage";
}

static void blocking(void)
{
	int fd = tcp(0);

	printf("connect ");
	printf("%s\n", TRY_AND_ECHO(go(fd, &echo4), fd));
	printf("again %s ", err(go(fd, &echo4)));
	printf("so_error %s\n", name_of(so_error(fd)));
	close(fd);
}

static void nonblocking_poll(void)
{
	int fd = tcp(SOCK_NONBLOCK);

	printf("connect %s\n", err(go(fd, &echo4)));
	printf("poll %d ", wait_for(fd, POLLOUT, 3000));
	printf("so_error %s\n", name_of(so_error(fd)));
	printf("%s nonblock %d\n", echo_works(fd), !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	printf("connect again %s ", err(go(fd, &echo4)));
	printf("and again %s\n", err(go(fd, &echo4)));
	close(fd);
}

static void nonblocking_select(void)
{
	int fd = tcp(SOCK_NONBLOCK);
	struct timeval tv = { 3, 0 };
	fd_set r, w;

	(void)go(fd, &echo4);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	printf("select %d r%d w%d\n", select(fd + 1, &r, &w, NULL, &tv), !!FD_ISSET(fd, &r),
	       !!FD_ISSET(fd, &w));
	close(fd);
}

static void epoll_run(bool before, unsigned int extra)
{
	int ep = epoll_create1(0), fd = tcp(SOCK_NONBLOCK), n;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | extra };
	struct epoll_event out = { 0 };

	ev.data.u64 = 0x1122334455667788u;
	if (before)
		(void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	if (before && !(extra & EPOLLET))
		printf("unconnected %x\n", epoll_wait(ep, &out, 1, 0) > 0 ? out.events : 0);
	(void)go(fd, &echo4);
	if (!before)
		(void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	do {
		n = epoll_wait(ep, &out, 1, 3000);
	} while (n > 0 && (out.events & EPOLLHUP));	/* of the moment before connect() */
	printf("n %d events %x data %llx so_error %s\n", n, out.events,
	       (unsigned long long)out.data.u64, name_of(so_error(fd)));
	(void)send(fd, "x", 1, 0);
	ev.events = EPOLLIN | extra;
	printf("mod %s ", err(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev)));
	n = epoll_wait(ep, &out, 1, 3000);
	printf("n %d events %x ", n, out.events);
	printf("del %s\n", err(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL)));
	close(fd);
	close(ep);
}

static void epoll_level_after(void) { epoll_run(false, 0); }
static void epoll_edge_after(void) { epoll_run(false, EPOLLET); }
static void epoll_level_before(void) { epoll_run(true, 0); }
static void epoll_edge_before(void) { epoll_run(true, EPOLLET); }

static void refused(void)
{
	int fd = tcp(0);

	printf("connect %s ", err(go(fd, &refused4)));
	printf("so_error %s\n", name_of(so_error(fd)));
	printf("same socket elsewhere ");
	printf("%s\n", TRY_AND_ECHO(go(fd, &echo4), fd));
	close(fd);
}

static void refused_nonblocking(void)
{
	int fd = tcp(SOCK_NONBLOCK), ev, e;

	printf("connect %s\n", err(go(fd, &refused4)));
	ev = wait_for(fd, POLLOUT, 3000);
	e = so_error(fd);
	printf("err %d hup %d so_error %s then %s\n", !!(ev & POLLERR), !!(ev & POLLHUP), name_of(e),
	       name_of(so_error(fd)));
	printf("reconnect %s ", err(go(fd, &echo4)));
	printf("then %s\n", err(go(fd, &echo4)));
	(void)wait_for(fd, POLLOUT, 3000);
	printf("%s\n", echo_works(fd));
	close(fd);
	fd = tcp(SOCK_NONBLOCK);
	(void)go(fd, &refused4);
	(void)wait_for(fd, POLLOUT, 3000);
	printf("second connect tells %s ", err(go(fd, &refused4)));
	printf("third %s\n", err(go(fd, &refused4)));
	close(fd);
	fd = tcp(SOCK_NONBLOCK);
	(void)go(fd, &refused4);
	(void)wait_for(fd, POLLOUT, 3000);
	e = (int)send(fd, "x", 1, MSG_NOSIGNAL);
	printf("send fails %d\n", e < 0);
	close(fd);
}

static void silent(void)
{
	int fd = tcp(SOCK_NONBLOCK);
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	struct tcp_info info = { 0 };
	socklen_t ilen = sizeof(info);
	int big = 1 << 20;

	printf("connect %s\n", err(go(fd, &silent4)));
	printf("writable %d\n", wait_for(fd, POLLOUT | POLLIN, 300));
	printf("again %s ", err(go(fd, &silent4)));
	printf("send %s ", err(send(fd, "x", 1, MSG_NOSIGNAL)));
	printf("peer %s ", err(getpeername(fd, (struct sockaddr *)&peer, &len)));
	printf("so_error %s\n", name_of(so_error(fd)));
	printf("sndbuf %s ", err(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big))));
	printf("writable %d ", wait_for(fd, POLLOUT, 100));
	(void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &ilen);
	printf("tcp state %d\n", info.tcpi_state);
	close(fd);
}

static void send_timeout(void)
{
	int fd = tcp(0);
	struct timeval tv = { 0, 200000 };

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	printf("connect %s ", err(go(fd, &silent4)));
	printf("again %s\n", err(go(fd, &silent4)));
	close(fd);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { .it_value = { 0, 200000 } };
	int fd = tcp(0);

	(void)sigaction(SIGALRM, &sa, NULL);
	(void)setitimer(ITIMER_REAL, &it, NULL);
	printf("connect %s ", err(go(fd, &silent4)));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	printf("again %s ", err(go(fd, &silent4)));
	printf("writable %d\n", wait_for(fd, POLLOUT, 100));
	close(fd);
}

static void ends(void)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd = tcp(0);

	(void)go(fd, &echo4);
	printf("peer %s ", err(getpeername(fd, (struct sockaddr *)&a, &len)));
	printf("family %d len %u equal %d\n", a.ss_family, len,
	       memcmp(&a, &echo4, offsetof(struct sockaddr_in, sin_zero)) == 0);
	len = 4;
	(void)getpeername(fd, (struct sockaddr *)&a, &len);
	printf("truncated len %u ", len);
	len = sizeof(a);
	printf("sock %s ", err(getsockname(fd, (struct sockaddr *)&a, &len)));
	printf("family %d len %u port %d\n", a.ss_family, len,
	       ((struct sockaddr_in *)&a)->sin_port != 0);
	close(fd);
}

static void six(void)
{
	struct sockaddr_in6 a, mapped = { .sin6_family = AF_INET6, .sin6_port = echo4.sin_port };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	printf("connect ");
	printf("%s ", TRY_AND_ECHO(connect(fd, (struct sockaddr *)&echo6, sizeof(echo6)), fd));
	(void)getpeername(fd, (struct sockaddr *)&a, &len);
	printf("family %d equal %d\n", a.sin6_family,
	       memcmp(&a.sin6_addr, &echo6.sin6_addr, 16) == 0);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
	memcpy(mapped.sin6_addr.s6_addr + 12, &echo4.sin_addr, 4);
	printf("mapped ");
	printf("%s ", TRY_AND_ECHO(connect(fd, (struct sockaddr *)&mapped, sizeof(mapped)), fd));
	len = sizeof(a);
	(void)getpeername(fd, (struct sockaddr *)&a, &len);
	printf("family %d equal %d\n", a.sin6_family,
	       memcmp(&a.sin6_addr, &mapped.sin6_addr, 16) == 0);
	close(fd);
}

static void duplicates(void)
{
	int fd = tcp(0), other;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	(void)go(fd, &echo4);
	other = dup(fd);
	close(fd);
	printf("%s ", echo_works(other));
	printf("peer %s ", err(getpeername(other, (struct sockaddr *)&a, &len)));
	printf("family %d\n", a.sin_family);
	close(other);
}

static void forked(void)
{
	int fd = tcp(0), status;

	(void)go(fd, &echo4);
	fflush(stdout);
	if (fork() == 0) {
		printf("child %s\n", echo_works(fd));
		fflush(stdout);
		_exit(7);
	}
	(void)wait(&status);
	printf("status %d parent %s\n", WEXITSTATUS(status), echo_works(fd));
	close(fd);
}

static int cloned_child(void *arg)
{
	const int *fds = arg;
	char c;

	(void)read(fds[1], &c, 1);
	printf("child %s\n", echo_works(fds[0]));
	fflush(stdout);
	_exit(7);
}

/* Children that clone(), popen() and system() made have the socket, too. */
static void cloned_before(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int p[2], fds[2], status = 0;
	char command[96], buf[5] = { 0 };
	FILE *f;

	(void)pipe(p);
	fds[0] = tcp(0);
	fds[1] = p[0];
	fflush(stdout);
	(void)clone(cloned_child, stack + sizeof(stack), SIGCHLD, fds);
	printf("connect %s\n", err(go(fds[0], &echo4)));
	fflush(stdout);
	(void)write(p[1], "x", 1);
	(void)wait(&status);
	printf("status %d parent %s\n", WEXITSTATUS(status), echo_works(fds[0]));
	close(fds[0]);
	fds[0] = tcp(0);
	(void)snprintf(command, sizeof(command), "read x <&%d; printf ping >&%d", p[0], fds[0]);
	f = popen(command, "r");
	printf("connect %s ", err(go(fds[0], &echo4)));
	(void)write(p[1], "\n", 1);
	(void)pclose(f);
	printf("came %d %s\n", wait_for(fds[0], POLLIN, 3000) & POLLIN ?
	       (int)recv(fds[0], buf, 4, 0) : -1, buf);
	close(fds[0]);
	close(p[0]);
	close(p[1]);
}

/* A second descriptor from before connect() is the same socket, also in epoll. */
static void duplicated_before(void)
{
	int fd = tcp(0), other = dup(fd), third, ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLOUT }, out = { 0 };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	printf("connect %s ", err(go(fd, &echo4)));
	printf("first %s ", echo_works(fd));
	printf("other %s ", echo_works(other));
	printf("peer %s\n", err(getpeername(other, (struct sockaddr *)&a, &len)));
	close(fd);
	close(other);
	fd = tcp(SOCK_NONBLOCK);
	other = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	third = (int)syscall(SYS_dup, fd);
	(void)epoll_ctl(ep, EPOLL_CTL_ADD, third, &ev);
	printf("connect %s ", err(go(other, &echo4)));
	printf("poll %d ", wait_for(fd, POLLOUT, 3000));
	printf("epoll %d so_error %s ", epoll_wait(ep, &out, 1, 3000), name_of(so_error(third)));
	printf("first %s other %s third %s\n", echo_works(fd), echo_works(other), echo_works(third));
	close(fd);
	close(other);
	close(third);
	close(ep);
}

/* A child that was there before connect() has the same socket. */
static void forked_before(void)
{
	int fd = tcp(0), p[2], status;
	char c;

	(void)pipe(p);
	fflush(stdout);
	if (fork() == 0) {
		(void)read(p[0], &c, 1);
		printf("child %s\n", echo_works(fd));
		fflush(stdout);
		_exit(7);
	}
	printf("connect %s\n", err(go(fd, &echo4)));
	fflush(stdout);
	(void)write(p[1], "x", 1);
	(void)wait(&status);
	printf("status %d parent %s\n", WEXITSTATUS(status), echo_works(fd));
	close(fd);
	fd = tcp(0);
	fflush(stdout);
	if (fork() == 0)
		_exit(go(fd, &echo4) == 0 ? 7 : 8);
	(void)wait(&status);
	printf("child connects: status %d parent %s\n", WEXITSTATUS(status), echo_works(fd));
	close(fd);
	close(p[0]);
	close(p[1]);
}

/* A child without any environment still connects, by number and by name. */
static void exec_without_environment(void)
{
	char ip[64], port[16], *argv[] = { self, "child", ip, port, NULL }, *envp[] = { NULL };
	int status;

	(void)inet_ntop(AF_INET, &echo4.sin_addr, ip, sizeof(ip));
	(void)snprintf(port, sizeof(port), "%d", ntohs(echo4.sin_port));
	fflush(stdout);
	if (fork() == 0) {
		(void)execve(self, argv, envp);
		_exit(99);
	}
	(void)wait(&status);
	printf("status %d\n", WEXITSTATUS(status));
}

static void *thread_run(void *arg)
{
	int fd = tcp(0);
	bool *ok = arg;

	*ok = go(fd, &echo4) == 0 && strcmp(echo_works(fd), "echo") == 0;
	close(fd);
	return NULL;
}

static void threads(void)
{
	pthread_t t[20];
	bool ok[20] = { 0 };
	int n = 0;

	for (int i = 0; i < 20; i++)
		(void)pthread_create(&t[i], NULL, thread_run, &ok[i]);
	for (int i = 0; i < 20; i++) {
		(void)pthread_join(t[i], NULL);
		n += ok[i];
	}
	printf("%d of 20\n", n);
}

static int pass_fd(int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	char c = 'x';
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.space,
			    .msg_controllen = sizeof(u.space) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int sp[2], got = -1;

	(void)socketpair(AF_UNIX, SOCK_STREAM, 0, sp);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	if (sendmsg(sp[0], &m, 0) == 1 && recvmsg(sp[1], &m, 0) == 1)
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	close(sp[0]);
	close(sp[1]);
	return got;
}

static void passed(void)
{
	int fd = tcp(0), got;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	(void)go(fd, &echo4);
	got = pass_fd(fd);
	close(fd);
	printf("%s ", echo_works(got));
	printf("peer %s ", err(getpeername(got, (struct sockaddr *)&a, &len)));
	printf("family %d\n", a.sin_family);
	close(got);
}

static void passed_before(void)
{
	int fd = tcp(0), got = pass_fd(fd);

	printf("connect %s ", err(go(fd, &echo4)));
	printf("%s ", echo_works(got));
	printf("and %s\n", echo_works(fd));
	close(fd);
	fd = tcp(0);
	close(got);
	got = pass_fd(fd);
	printf("the other connects %s ", err(go(got, &echo4)));
	printf("%s\n", echo_works(fd));
	close(fd);
	close(got);
}

static void half_close(void)
{
	int fd = tcp(0);
	char buf[16];

	(void)go(fd, &echo4);
	(void)send(fd, "last", 4, 0);
	printf("shutdown %s ", err(shutdown(fd, SHUT_WR)));
	printf("recv %zd ", recv(fd, buf, sizeof(buf), MSG_WAITALL));
	printf("end %zd ", recv(fd, buf, sizeof(buf), 0));
	printf("send %s\n", err(send(fd, "x", 1, MSG_NOSIGNAL)));
	close(fd);
}

static int opt(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, name, &v, &len) == 0 ? v : -errno;
}

static void options(void)
{
	int fd = tcp(0), one = 1, tos = 0;
	struct linger l = { 1, 1 };
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	(void)go(fd, &echo4);
	printf("domain %d type %d protocol %d\n", opt(fd, SOL_SOCKET, SO_DOMAIN),
	       opt(fd, SOL_SOCKET, SO_TYPE), opt(fd, SOL_SOCKET, SO_PROTOCOL));
	printf("nodelay %s ", err(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))));
	printf("%d ", opt(fd, IPPROTO_TCP, TCP_NODELAY));
	printf("keepalive %s ", err(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one))));
	printf("%d ", opt(fd, SOL_SOCKET, SO_KEEPALIVE));
	printf("keepidle %s ", err(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one))));
	printf("tos %s ", err(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos))));
	printf("linger %s ", err(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l))));
	printf("sndbuf %s ", err(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &one, sizeof(one))));
	printf("unknown %s\n", err(setsockopt(fd, IPPROTO_TCP, 9999, &one, sizeof(one))));
	printf("tcp_info %s ", err(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)));
	printf("state %d acceptconn %d\n", info.tcpi_state, opt(fd, SOL_SOCKET, SO_ACCEPTCONN));
	close(fd);
}

/* What was set before connect() reads back after it, and so does what is set then. */
static void options_kept(void)
{
	static const struct {
		int level, name, before, after;
	} table[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1, 0 },	    { IPPROTO_TCP, TCP_KEEPIDLE, 33, 44 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 5, 6 },	    { IPPROTO_TCP, TCP_KEEPCNT, 3, 4 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 900, 70 }, { IPPROTO_TCP, TCP_SYNCNT, 3, 2 },
		{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 7, 8 },   { IPPROTO_IP, IP_TOS, 0x10, 8 },
		{ IPPROTO_IP, IP_TTL, 77, 78 },		    { IPPROTO_IP, IP_RECVERR, 1, 0 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1, 0 },	    { SOL_SOCKET, SO_REUSEADDR, 1, 0 },
		{ SOL_SOCKET, SO_OOBINLINE, 1, 0 },	    { SOL_SOCKET, SO_RCVBUF, 50000, 60000 },
		{ SOL_SOCKET, SO_SNDBUF, 40000, 30000 },    { SOL_SOCKET, SO_SNDBUF, 1, 1 << 30 },
		{ SOL_SOCKET, SO_PRIORITY, 3, 2 },	    { SOL_SOCKET, SO_RCVLOWAT, 2, 1 },
	};
	char name[16] = "reno";
	socklen_t len = sizeof(name);
	struct linger l = { 1, 9 };
	int fds[2] = { tcp(0), tcp(0) };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		(void)setsockopt(fds[i % 2], table[i].level, table[i].name, &table[i].before, sizeof(int));
	(void)setsockopt(fds[0], IPPROTO_TCP, TCP_CONGESTION, name, 4);
	(void)setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	(void)go(fds[0], &echo4);
	(void)go(fds[1], &echo4);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		printf("%d ", opt(fds[i % 2], table[i].level, table[i].name));
	memset(name, 'x', sizeof(name));
	(void)getsockopt(fds[0], IPPROTO_TCP, TCP_CONGESTION, name, &len);
	printf("%.16s %u ", name, len);
	memset(&l, 0, sizeof(l));
	len = sizeof(l);
	(void)getsockopt(fds[0], SOL_SOCKET, SO_LINGER, &l, &len);
	printf("linger %d %d\n", l.l_onoff, l.l_linger);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		printf("%s ", err(setsockopt(fds[i % 2], table[i].level, table[i].name, &table[i].after,
					     sizeof(int))));
		printf("%d ", opt(fds[i % 2], table[i].level, table[i].name));
	}
	printf("%s\n", echo_works(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

/* No call may crash; the kernel's own answer is EFAULT. */
static void bad_pointers(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad = page, *bads[] = { bad, (void *)8, NULL, (void *)-64L };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct msghdr m = { 0 };
	int fd = tcp(0), fresh = tcp(0), udp = socket(AF_INET, SOCK_DGRAM, 0);

	(void)munmap(page, 4096);
	(void)go(fd, &echo4);
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		bad = bads[i];
		printf("connect %s ", err(connect(fresh, bad, sizeof(a))));
		printf("peer %s ", err(getpeername(fd, bad, &len)));
		printf("len %s ", err(getpeername(fd, (struct sockaddr *)&a, bad)));
		printf("sock %s ", err(getsockname(fd, bad, &len)));
		printf("len %s ", err(getsockname(fd, (struct sockaddr *)&a, bad)));
		printf("get %s ", err(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bad, &len)));
		printf("len %s ", err(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &a, bad)));
		len = sizeof(a);
		printf("error %s ", err(getsockopt(fd, SOL_SOCKET, SO_ERROR, bad, &len)));
		len = sizeof(a);
		printf("set %s ", err(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bad, sizeof(int))));
		if (bad) {
			printf("sendto %s ", err(sendto(udp, "x", 1, 0, bad, sizeof(a))));
			m.msg_name = bad;
			m.msg_namelen = sizeof(a);
			printf("name %s ", err(sendmsg(udp, &m, 0)));
			m.msg_name = NULL;
			m.msg_control = bad;
			m.msg_controllen = 64;
			printf("control %s ", err(sendmsg(fd, &m, MSG_NOSIGNAL)));
			m.msg_control = NULL;
			m.msg_controllen = 0;
		}
		printf("sendmsg %s ", err(sendmsg(fd, bad, 0)));
		printf("recvmsg %s ", err(recvmsg(fd, bad, MSG_DONTWAIT)));
		printf("sendmmsg %s\n", err(sendmmsg(fd, bad, 1, 0)));
	}
	printf("%s\n", echo_works(fd));
	close(fd);
	close(fresh);
	close(udp);
}

static void *connect_for_ever(void *arg)
{
	return (void *)(long)go(*(int *)arg, &silent4);
}

static void *receive_for_ever(void *arg)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char c;

	(void)go(*(int *)arg, &echo4);
	return (void *)recvfrom(*(int *)arg, &c, 1, 0, (struct sockaddr *)&a, &len);
}

static int open_fds(void)
{
	int n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void cancelled(void)
{
	void *(*const runs[])(void *) = { connect_for_ever, receive_for_ever };

	for (int i = 0; i < 2; i++) {
		int fd = tcp(0), before = open_fds();
		void *r = NULL;
		pthread_t t;

		(void)pthread_create(&t, NULL, runs[i], &fd);
		usleep(200000);
		printf("cancel %d ", pthread_cancel(t));
		printf("join %d ", pthread_join(t, &r));
		printf("cancelled %d ", r == PTHREAD_CANCELED);
		printf("descriptors %d\n", open_fds() - before);
		close(fd);
	}
}

/* There is no sender of a stream's bytes but the peer: no address is given. */
static void no_sender(void)
{
	struct sockaddr_in a = { 0 };
	struct iovec iov = { &(char){ 0 }, 1 };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1 };
	socklen_t len = sizeof(a);
	int fd = tcp(0);
	char c;

	(void)go(fd, &echo4);
	(void)send(fd, "xyz", 3, 0);
	(void)wait_for(fd, POLLIN, 3000);
	printf("recvfrom %zd ", recvfrom(fd, &c, 1, 0, (struct sockaddr *)&a, &len));
	printf("len %u recvmsg %zd ", len, recvmsg(fd, &m, 0));
	printf("len %u flags %x control %zu\n", m.msg_namelen, m.msg_flags, m.msg_controllen);
	close(fd);
}

static void flags(void)
{
	int fd = tcp(SOCK_CLOEXEC);
	struct timeval tv = { 0, 300000 };
	char c;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)go(fd, &echo4);
	printf("cloexec %d nonblock %d ", !!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
	       !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	printf("recv %s\n", err(recv(fd, &c, 1, 0)));
	close(fd);
	fd = tcp(SOCK_NONBLOCK);
	(void)go(fd, &echo4);
	printf("cloexec %d nonblock %d\n", !!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
	       !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
}

static void disconnect(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = tcp(0);

	(void)go(fd, &echo4);
	printf("unspec %s ", err(connect(fd, &none, sizeof(none))));
	printf("peer %s ", err(getpeername(fd, (struct sockaddr *)&a, &len)));
	printf("again ");
	printf("%s\n", TRY_AND_ECHO(go(fd, &echo4), fd));
	close(fd);
}

static void wrong_arguments(void)
{
	int fd = tcp(0), p[2], fd6 = socket(AF_INET6, SOCK_STREAM, 0);

	(void)pipe(p);
	printf("family %s ", err(connect(fd, (struct sockaddr *)&echo6, sizeof(echo6))));
	printf("short %s ", err(connect(fd, (struct sockaddr *)&echo4, 1)));
	printf("shorter %s ", err(connect(fd, (struct sockaddr *)&echo4, 8)));
	printf("v4 on v6 %s ", err(connect(fd6, (struct sockaddr *)&echo4, sizeof(echo4))));
	printf("badf %s ", err(go(-1, &echo4)));
	printf("notsock %s\n", err(go(p[0], &echo4)));
	close(fd);
	close(fd6);
	close(p[0]);
	close(p[1]);
}

static void local_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l = tcp(0), fd = tcp(0), c;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	printf("bind %s ", err(bind(l, (struct sockaddr *)&a, sizeof(a))));
	printf("listen %s ", err(listen(l, 5)));
	(void)getsockname(l, (struct sockaddr *)&a, &len);
	printf("connect %s ", err(go(fd, &a)));
	c = accept(l, NULL, NULL);
	printf("accept %s domain %d\n", err(c), opt(fd, SOL_SOCKET, SO_DOMAIN));
	close(l);
	close(c);
	close(fd);
}

static void local_udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct mmsghdr mm[2] = { 0 };
	struct iovec iov = { "abc", 3 };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, 0), sent;
	char buf[16];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)bind(s, (struct sockaddr *)&a, sizeof(a));
	(void)getsockname(s, (struct sockaddr *)&a, &len);
	printf("sendto %zd ", sendto(fd, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a)));
	printf("recv %zd ", recv(s, buf, sizeof(buf), 0));
	for (int i = 0; i < 2; i++)
		mm[i].msg_hdr = (struct msghdr){ .msg_name = &a, .msg_namelen = sizeof(a),
						 .msg_iov = &iov, .msg_iovlen = 1 };
	printf("sendmsg %zd ", sendmsg(fd, &mm[0].msg_hdr, 0));
	printf("recv %zd ", recv(s, buf, sizeof(buf), 0));
	sent = sendmmsg(fd, mm, 2, 0);
	printf("sendmmsg %d len %u ", sent, mm[0].msg_len);
	printf("connect %s ", err(go(fd, &a)));
	printf("send %zd\n", send(fd, "abcd", 4, 0));
	close(s);
	close(fd);
}

static void by_syscall(void)
{
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	long r = syscall(SYS_connect, fd, &echo4, sizeof(echo4));

	printf("connect %s %s pid %d\n", err(r), echo_works(fd), syscall(SYS_getpid) == getpid());
	r = syscall(SYS_sendto, fd, "x", 1, MSG_NOSIGNAL, &echo4, sizeof(echo4));
	printf("sendto with address %ld\n", r);
	close(fd);
}

static void vectors(void)
{
	int fd = tcp(0);
	char a[3], b[3];
	struct iovec out[2] = { { "abc", 3 }, { "def", 3 } }, in[2] = { { a, 3 }, { b, 3 } };
	int q = 0;

	(void)go(fd, &echo4);
	printf("writev %zd ", writev(fd, out, 2));
	(void)wait_for(fd, POLLIN, 3000);
	usleep(50000);
	(void)ioctl(fd, FIONREAD, &q);
	printf("queued %d readv %zd\n", q, readv(fd, in, 2));
	close(fd);
}

static void addrinfo_line(const char *node, const char *service, const struct addrinfo *hints)
{
	struct addrinfo *list = NULL;
	char host[64] = "", serv[32] = "";
	int r = getaddrinfo(node, service, hints, &list), n = 0;

	for (struct addrinfo *p = list; p; p = p->ai_next)
		n++;
	if (r == 0)
		(void)getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), serv,
				  sizeof(serv), NI_NUMERICHOST | NI_NUMERICSERV);
	printf("%s %s: %d n %d %s %s canon %s\n", node ? node : "-", service ? service : "-", r, n,
	       host, serv, list && list->ai_canonname ? list->ai_canonname : "-");
	if (list)
		freeaddrinfo(list);
}

static void numeric_names(void)
{
	struct addrinfo stream = { .ai_socktype = SOCK_STREAM };
	struct addrinfo six_only = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM };
	struct addrinfo mapped = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM,
				   .ai_flags = AI_V4MAPPED };
	struct addrinfo passive = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM,
				    .ai_flags = AI_PASSIVE };
	struct addrinfo bad = { .ai_flags = 0x40000000 }, canon = { .ai_socktype = SOCK_STREAM,
								    .ai_flags = AI_CANONNAME };
	struct addrinfo number = { .ai_flags = AI_NUMERICHOST };

	addrinfo_line("192.0.2.1", "80", NULL);
	addrinfo_line("192.0.2.1", "https", &stream);
	addrinfo_line("::1", "80", &stream);
	addrinfo_line("192.0.2.1", "80", &six_only);
	addrinfo_line("192.0.2.1", "80", &mapped);
	addrinfo_line(NULL, "80", &passive);
	addrinfo_line(NULL, NULL, &stream);
	addrinfo_line("192.0.2.1", "no-such-service", &stream);
	addrinfo_line("192.0.2.1", "80", &bad);
	addrinfo_line("192.0.2.1", "80", &canon);
	addrinfo_line("127.1", "80", &stream);
	addrinfo_line("not-a-number.test", "80", &number);
	addrinfo_line("", "80", &stream);
}

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
	{ "blocking", blocking },
	{ "nonblocking poll", nonblocking_poll },
	{ "nonblocking select", nonblocking_select },
	{ "epoll level after", epoll_level_after },
	{ "epoll edge after", epoll_edge_after },
	{ "epoll level before", epoll_level_before },
	{ "epoll edge before", epoll_edge_before },
	{ "refused", refused },
	{ "refused nonblocking", refused_nonblocking },
	{ "silent", silent },
	{ "send timeout", send_timeout },
	{ "interrupted", interrupted },
	{ "ends", ends },
	{ "six", six },
	{ "duplicates", duplicates },
	{ "forked", forked },
	{ "exec without environment", exec_without_environment },
	{ "threads", threads },
	{ "passed", passed },
	{ "duplicated before", duplicated_before },
	{ "forked before", forked_before },
	{ "cloned before", cloned_before },
	{ "passed before", passed_before },
	{ "half close", half_close },
	{ "options", options },
	{ "options kept", options_kept },
	{ "bad pointers", bad_pointers },
	{ "cancelled", cancelled },
	{ "no sender", no_sender },
	{ "flags", flags },
	{ "disconnect", disconnect },
	{ "wrong arguments", wrong_arguments },
	{ "local tcp", local_tcp },
	{ "local udp", local_udp },
	{ "by syscall", by_syscall },
	{ "vectors", vectors },
	{ "numeric names", numeric_names },
};

static int child(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = tcp(0);

	(void)inet_pton(AF_INET, argv[2], &to.sin_addr);
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	printf("child connect ");
	printf("%s\n", TRY_AND_ECHO(go(fd, &to), fd));
	return 5;
}

static void set4(struct sockaddr_in *a, const char *ip, const char *port)
{
	a->sin_family = AF_INET;
	a->sin_port = htons((uint16_t)atoi(port));
	(void)inet_pton(AF_INET, ip, &a->sin_addr);
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 4 && strcmp(argv[1], "child") == 0)
		return child(argv);
	if (argc != 8)
		return 2;
	set4(&echo4, argv[1], argv[3]);
	echo6.sin6_family = AF_INET6;
	echo6.sin6_port = htons((uint16_t)atoi(argv[3]));
	(void)inet_pton(AF_INET6, argv[2], &echo6.sin6_addr);
	set4(&refused4, argv[4], argv[5]);
	set4(&silent4, argv[6], argv[7]);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		printf("== %s\n", checks[i].name);
		checks[i].run();
		fflush(stdout);
	}
	return 0;
}
