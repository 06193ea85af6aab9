/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * private.c - sockets that the preload library has no part in, looked at closely
 *
 * Built statically. The first argument tells whether a private network namespace is
 * expected ("namespace") or not ("loopback"). Prints "ok ..." or "bad ..." a check.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static bool private;	/* a namespace is expected */

static void check(const char *what, bool good)
{
	printf("%s %s\n", good ? "ok" : "bad", what);
}

static struct sockaddr_in at(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static int go(int fd, struct sockaddr_in to)
{
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static short wait_for(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

static bool echoes(int fd)
{
	char buf[8] = { 0 };

	return send(fd, "hello", 5, MSG_NOSIGNAL) == 5 && (wait_for(fd, POLLIN, 3000) & POLLIN) &&
	       recv(fd, buf, sizeof(buf), 0) == 5 && memcmp(buf, "hello", 5) == 0;
}

static void names_of_both_ends(void)
{
	struct sockaddr_in a = { 0 }, to = at("203.0.113.1", 80);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), e = -1;

	check("connect", go(fd, to) == 0 && echoes(fd));
	check("peer is the destination", getpeername(fd, (struct sockaddr *)&a, &len) == 0 &&
	      a.sin_addr.s_addr == to.sin_addr.s_addr && a.sin_port == to.sin_port);
	len = sizeof(a);
	check("an own address that tells nothing",
	      getsockname(fd, (struct sockaddr *)&a, &len) == 0 && a.sin_port != 0 &&
	      (a.sin_addr.s_addr == inet_addr("10.0.2.15")) == private);
	len = sizeof(e);
	check("no error", getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 && e == 0);
	close(fd);
}

/* The kernel's own error, without asking for it: read() tells. */
static void failure(const char *ip, int error)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char c;

	(void)go(fd, at(ip, 80));
	check("a failure wakes", wait_for(fd, POLLIN | POLLOUT, 3000) & POLLERR);
	if (private) {
		check("a failure is readable, writable and hung up",
		      wait_for(fd, POLLIN | POLLOUT | POLLRDHUP, 0) ==
		      (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP));
		check("read() tells the reason", read(fd, &c, 1) < 0 && errno == error);
		check("once", read(fd, &c, 1) == 0);
	}
	check("connect() starts over", go(fd, at("203.0.113.1", 80)) < 0 &&
	      (errno == ECONNABORTED || errno == error || errno == EINPROGRESS));
	if (errno != EINPROGRESS)
		(void)go(fd, at("203.0.113.1", 80));
	check("and works", (wait_for(fd, POLLOUT, 3000) == POLLOUT) && echoes(fd));
	close(fd);
}

static void *connect_too(void *arg)
{
	int *r = arg;

	*r = go(r[1], at("203.0.113.2", 80)) == 0 || errno == EISCONN || errno == EALREADY ? 0 : errno;
	return NULL;
}

static void two_threads_wait_for_one_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), a[2] = { -1, fd }, b[2] = { -1, fd };
	pthread_t t[2];

	pthread_create(&t[0], NULL, connect_too, a);
	pthread_create(&t[1], NULL, connect_too, b);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	check("two threads in connect() on one socket", a[0] == 0 && b[0] == 0 && echoes(fd));
	close(fd);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* An interrupted call comes back at any moment, also in that of the outcome. */
static void restarts(void)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 3000 }, { 0, 3000 } }, off = { 0 };
	int good = 0;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 12; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		good += go(fd, at(i % 2 ? "203.0.113.2" : "203.0.113.1", 80)) == 0 || errno == EISCONN;
		close(fd);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	check("twelve connects under a storm of signals", good == 12);
}

/* --- this machine --- */

static int serve(struct sockaddr_in *ret)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, v = 0;
	socklen_t len = sizeof(v), alen = sizeof(*ret);
	struct timeval tv = { 7, 0 };

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	*ret = at("127.0.0.1", 0);
	check("bind", bind(fd, (struct sockaddr *)ret, sizeof(*ret)) == 0);
	check("its options stay", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len) == 0 && v == 1 &&
	      getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, &len) == 0 && v == 1);
	len = sizeof(tv);
	tv.tv_sec = 0;
	check("and its timeouts", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == 0 && tv.tv_sec == 7);
	check("and close-on-exec", fcntl(fd, F_GETFD) == FD_CLOEXEC);
	check("listen", listen(fd, 5) == 0 && getsockname(fd, (struct sockaddr *)ret, &alen) == 0 &&
	      ret->sin_port != 0);
	return fd;
}

static void a_server_of_its_own(void)
{
	struct sockaddr_in a, peer;
	int server = serve(&a), c, s, other = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(peer);
	char buf[4] = { 0 };

	check("the port is taken now", bind(other, (struct sockaddr *)&a, sizeof(a)) < 0 &&
	      errno == EADDRINUSE);
	c = socket(AF_INET, SOCK_STREAM, 0);
	check("connect to it", go(c, a) == 0);
	s = accept(server, (struct sockaddr *)&peer, &len);
	check("accept", s >= 0 && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	check("data", write(c, "abc", 3) == 3 && wait_for(s, POLLIN, 3000) && read(s, buf, 3) == 3 &&
	      memcmp(buf, "abc", 3) == 0);
	shutdown(s, SHUT_WR);
	check("half-close", wait_for(c, POLLIN, 3000) && read(c, buf, 1) == 0);
	check("the other half", write(c, "x", 1) == 1 && wait_for(s, POLLIN, 3000) && read(s, buf, 1) == 1);
	close(s);
	close(c);
	close(server);
	close(other);
	c = socket(AF_INET, SOCK_STREAM, 0);
	check("nobody listens any more", go(c, a) < 0 && errno == ECONNREFUSED);
	close(c);
}

/* Registered and duplicated before connect() to loopback, by a child's hand. */
static void loopback_with_company(void)
{
	struct sockaddr_in a;
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET }, got;
	int server = serve(&a), c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int d = dup(c), ep = epoll_create1(0), s;
	pid_t pid;

	epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
	pid = fork();
	if (pid == 0)
		_exit(go(d, a) == 0 || errno == EINPROGRESS ? 0 : 1);
	waitpid(pid, NULL, 0);
	check("an event for a socket that a child connected",
	      epoll_wait(ep, &got, 1, 3000) == 1 && (got.events & EPOLLOUT));
	s = accept(server, NULL, NULL);
	check("and its data", s >= 0 && write(d, "y", 1) == 1 && wait_for(s, POLLIN, 3000));
	close(s);
	close(c);
	close(d);
	close(ep);
	close(server);
}

/*
 * As FTP clients do for data: on the side that the control connection has. The port is one
 * of those that this machine gives, from @low to @high where they are told apart.
 */
static void bound_to_the_own_address(int low, int high)
{
	struct sockaddr_in a, b;
	socklen_t len = sizeof(a);
	int control = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), c;

	(void)go(control, at("203.0.113.1", 80));
	getsockname(control, (struct sockaddr *)&a, &len);
	a.sin_port = 0;
	check("bind to the own address", bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	check("and connect from it", go(fd, at("203.0.113.1", 80)) == 0 && echoes(fd));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	len = sizeof(b);
	check("or listen", bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0 &&
	      getsockname(fd, (struct sockaddr *)&b, &len) == 0 && b.sin_port != 0);
	check("at a port that was free outside, too",
	      ntohs(b.sin_port) >= low && ntohs(b.sin_port) <= high);
	c = socket(AF_INET, SOCK_STREAM, 0);
	b.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check("for this machine", go(c, b) == 0);
	close(c);
	close(fd);
	close(control);
}

/* --- interfaces --- */

static void interfaces(void)
{
	struct ifaddrs *list = NULL;
	struct ifreq entries[8];
	struct ifconf conf = { .ifc_len = sizeof(entries), .ifc_req = entries };
	int udp = socket(AF_INET, SOCK_DGRAM, 0), strange = 0, n = 0;

	check("getifaddrs()", getifaddrs(&list) == 0);
	for (struct ifaddrs *i = list; i; i = i->ifa_next, n++) {
		const struct sockaddr_in *a = (struct sockaddr_in *)i->ifa_addr;

		if (a && a->sin_family == AF_INET && a->sin_addr.s_addr != htonl(INADDR_LOOPBACK) &&
		    a->sin_addr.s_addr != inet_addr("10.0.2.15"))
			strange++;
	}
	freeifaddrs(list);
	check("getifaddrs() finds some", n > 0);
	if (private)
		check("none of this machine's", strange == 0);
	check("SIOCGIFCONF", ioctl(udp, SIOCGIFCONF, &conf) == 0 && conf.ifc_len > 0);
	strange = 0;
	for (int i = 0; i < conf.ifc_len / (int)sizeof(entries[0]); i++) {
		const struct sockaddr_in *a = (struct sockaddr_in *)&entries[i].ifr_addr;

		if (a->sin_addr.s_addr != htonl(INADDR_LOOPBACK) &&
		    a->sin_addr.s_addr != inet_addr("10.0.2.15"))
			strange++;
	}
	if (private)
		check("SIOCGIFCONF neither", strange == 0);
	close(udp);
}

int main(int argc, char **argv)
{
	private = argc > 1 && strcmp(argv[1], "namespace") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	names_of_both_ends();
	failure("203.0.113.3", ECONNREFUSED);
	failure("203.0.113.5", EHOSTUNREACH);
	two_threads_wait_for_one_socket();
	restarts();
	a_server_of_its_own();
	loopback_with_company();
	bound_to_the_own_address(argc > 3 ? atoi(argv[2]) : 1, argc > 3 ? atoi(argv[3]) : 65535);
	interfaces();
	return 0;
}
