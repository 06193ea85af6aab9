/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostile.c - a program that sets out to escape, by what it finds in its own machine
 *
 * hostile PID       takes hold of onionify's processes and of PID, which is outside
 * hostile kill FILE ends the supervisor, and writes what it can do then to FILE
 * hostile listen N  waits for datagrams in every way there is, also at device N; see outside.py
 *
 * Prints "ok ..." or "bad ..." a check. System calls are inline where the library hooks
 * them, and say to be the library's where that could help.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/sys.h"

#define PORT 4242
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void check(const char *what, const char *about, bool good)
{
	printf("%s %s%s%s\n", good ? "ok" : "bad", what, *about ? ": " : "", about);
}

/* --- processes outside --- */

static pid_t parent_of(pid_t pid)
{
	char path[64], line[128];
	int parent = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && parent < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "PPid: %d", &parent) != 1)
			parent = -1;
	}
	if (f)
		fclose(f);
	return parent;
}

/* The one that makes sockets: another child of the supervisor. */
static pid_t sibling(pid_t supervisor)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = -1;

	while (d && found < 0 && (e = readdir(d)) != NULL) {
		int pid = atoi(e->d_name);

		if (pid > 0 && pid != getpid() && parent_of(pid) == supervisor)
			found = pid;
	}
	if (d)
		closedir(d);
	return found;
}

static bool opens(pid_t pid, const char *file, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool gets_descriptor(pid_t pid)
{
	int p = (int)syscall(SYS_pidfd_open, pid, 0), got = -1;

	for (int fd = 0; fd < 40 && got < 0; fd++)
		got = (int)syscall(SYS_pidfd_getfd, p, fd, 0);
	close(p);
	if (got >= 0)
		close(got);
	return got >= 0;
}

static void take_hold(const char *who, pid_t pid)
{
	char word[8];
	struct iovec mine = { word, sizeof(word) }, theirs = { (void *)environ, sizeof(word) };

	check("it is there", who, pid > 0 && kill(pid, 0) == 0);
	check("PTRACE_ATTACH", who, ptrace(PTRACE_ATTACH, pid, 0, 0) < 0 && errno == EPERM);
	check("PTRACE_SEIZE", who, ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 && errno == EPERM);
	check("process_vm_readv", who, process_vm_readv(pid, &mine, 1, &theirs, 1, 0) < 0 && errno == EPERM);
	check("process_vm_writev", who, process_vm_writev(pid, &mine, 1, &theirs, 1, 0) < 0 && errno == EPERM);
	check("its memory", who, !opens(pid, "mem", O_RDWR) && !opens(pid, "mem", O_RDONLY));
	check("its namespaces", who, !opens(pid, "ns/net", O_RDONLY));
	check("pidfd_getfd", who, !gets_descriptor(pid));
}

static void processes(pid_t outside)
{
	pid_t supervisor = getppid();

	take_hold("supervisor", supervisor);
	take_hold("onionify-run", parent_of(supervisor));
	if (sibling(supervisor) > 0)
		take_hold("helper", sibling(supervisor));
	/* Landlock alone stands before others, and does with networks since its fourth version. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4)
		take_hold("a process outside", outside);
}

/* --- datagrams --- */

static int datagram(int domain, bool marked)
{
	return (int)sys_call3(SYS_socket, domain, SOCK_DGRAM, marked ? CONFIG_MARKED(0) : 0);
}

static int device(int fd)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &v, &len) == 0 ? v : -1;
}

static socklen_t loopback(int domain, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)domain;
	if (domain == AF_INET) {
		((struct sockaddr_in *)ret)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		((struct sockaddr_in *)ret)->sin_port = htons(9);
		return sizeof(struct sockaddr_in);
	}
	((struct sockaddr_in6 *)ret)->sin6_addr = in6addr_loopback;
	((struct sockaddr_in6 *)ret)->sin6_port = htons(9);
	return sizeof(struct sockaddr_in6);
}

static void disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)sys_call3(SYS_connect, fd, &none, sizeof(none));
}

static void one_datagram_socket(int domain, bool marked)
{
	const char *about = domain == AF_INET ? marked ? "IPv4, marked" : "IPv4" :
						marked ? "IPv6, marked" : "IPv6";
	int fd = datagram(domain, marked), off = 0, none = 0;
	struct sockaddr_storage to;
	socklen_t len = loopback(domain, &to);

	check("a datagram socket is of loopback", about, device(fd) == 1);
	check("and stays", about, sys_call5(SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTOIFINDEX, &none,
					    sizeof(none)) < 0);
	check("its filter stays", about, setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof(off)) < 0 &&
	      setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof(off)) < 0);
	check("connect to loopback", about, sys_call3(SYS_connect, fd, &to, len) == 0 && device(fd) == 1);
	disconnect(fd);
	check("disconnected", about, device(fd) == 1);
	check("send to loopback", about, sys_call6(SYS_sendto, fd, "x", 1, 0, &to, len) == 1);
	close(fd);
}

/* Which leaves the socket bound to the device, even when it fails. */
static void link_local(int type)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_scope_id = 2 };
	int fd = (int)sys_call3(SYS_socket, AF_INET6, type, 0);

	inet_pton(AF_INET6, "fe80::1", &a.sin6_addr);
	check("bind to a link-local address", type == SOCK_DGRAM ? "UDP" : "TCP",
	      sys_call3(SYS_bind, fd, &a, sizeof(a)) == -EADDRNOTAVAIL && device(fd) != 2);
	inet_pton(AF_INET6, "ff02::fb", &a.sin6_addr);
	check("bind to a link-local group", type == SOCK_DGRAM ? "UDP" : "TCP",
	      sys_call3(SYS_bind, fd, &a, sizeof(a)) == -EADDRNOTAVAIL && device(fd) != 2);
	close(fd);
}

/* --- other families and helpers --- */

static uint64_t namespace_of(int fd)
{
	uint64_t v = 0;
	socklen_t len = sizeof(v);

	(void)getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &v, &len);
	return v;
}

static void kernel(void)
{
	static const int protocols[] = { NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_GENERIC };
	int udp = datagram(AF_INET, false), sp[2];
	bool elsewhere = true, apart = getenv("ONIONIFY_TIER") == NULL;
	char request[40] = "eth0";

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		int fd = (int)sys_call3(SYS_socket, AF_NETLINK, SOCK_RAW, protocols[i]);

		elsewhere = elsewhere && namespace_of(fd) != namespace_of(udp);
		close(fd);
	}
	check("netlink shows another namespace", "", elsewhere || !apart);
	check("the wireless network's name", "", ioctl(udp, 0x8b1b, request) < 0);
	check("a pair of another family", "", sys_call4(SYS_socketpair, 30, SOCK_STREAM, 0, sp) == -EOPNOTSUPP);
	/* Refused before it is looked at; without a text for the helper it is looked at. */
	check("a key that a helper makes", "", sys_call4(SYS_request_key, 1, "x", "", 0) == -ENOKEY);
	check("a key that is there", "", sys_call4(SYS_request_key, 1, "x", NULL, 0) == -EFAULT);
	check("a network's file system", "", sys_call5(SYS_mount, "127.0.0.1:/", "/mnt", "nfs", 0,
						       "addr=127.0.0.1") == -EPERM);
	check("by the new calls", "", sys_call2(SYS_fsopen, "ceph", 0) == -EPERM);
	close(udp);
}

/* --- without the supervisor --- */

static void fails(FILE *f, const char *what, long r)
{
	fprintf(f, "%s %s\n", r == -ENOSYS ? "ok" : "bad", what);
}

static void alone(FILE *f, int udp, int tcp)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct sockaddr_storage local;
	socklen_t len = loopback(AF_INET, &local);
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1 };

	inet_pton(AF_INET, "203.0.113.1", &to.sin_addr);
	fails(f, "socket", sys_call3(SYS_socket, AF_INET, SOCK_STREAM, 0));
	fails(f, "datagram socket, marked", datagram(AF_INET, true));
	fails(f, "connect", sys_call3(SYS_connect, tcp, &to, sizeof(to)));
	fails(f, "connect to loopback", sys_call3(SYS_connect, tcp, &local, len));
	fails(f, "listen", sys_call2(SYS_listen, tcp, 1));
	fails(f, "UDP connect", sys_call3(SYS_connect, udp, &to, sizeof(to)));
	fails(f, "UDP sendto", sys_call6(SYS_sendto, udp, "x", 1, 0, &to, sizeof(to)));
	fails(f, "UDP sendmsg", sys_call3(SYS_sendmsg, udp, &m, 0));
	fprintf(f, "%s the mark lets a socket be made\n",
		sys_call3(SYS_socket, AF_INET, SOCK_STREAM, CONFIG_MARKED(0)) >= 0 ? "ok" : "bad");
}

static int end_supervisor(const char *path)
{
	pid_t supervisor = getppid(), command = getpid();
	int udp = datagram(AF_INET, true);
	int tcp = (int)sys_call3(SYS_socket, AF_INET, SOCK_STREAM, CONFIG_MARKED(0));
	FILE *f = fopen(path, "we");

	/* onionify-run ends the command; not its children. */
	if (!f || fork() != 0)
		return pause();
	(void)setsid();
	kill(supervisor, SIGKILL);
	for (int i = 0; i < 100 && kill(command, 0) == 0; i++)
		usleep(50000);
	fprintf(f, "%s the command was ended\n", kill(command, 0) < 0 ? "ok" : "bad");
	alone(f, udp, tcp);
	fclose(f);
	return 0;
}

/* --- datagrams from outside --- */

static int listener(int domain, bool marked, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = datagram(domain, marked);
	long len = domain == AF_INET6 ? (long)sizeof(six) : (long)sizeof(four);

	(void)sys_call3(SYS_bind, fd, domain == AF_INET6 ? (void *)&six : (void *)&four,
			marked ? CONFIG_MARKED(len) : len);
	return fd;
}

/* A socket that has sent something has a port, at every address. */
static int sender(int port)
{
	struct sockaddr_storage to;
	socklen_t len = loopback(AF_INET, &to);
	int fd = listener(AF_INET, true, port);

	(void)sys_call3(SYS_connect, fd, &to, len);
	disconnect(fd);
	return fd;
}

/* To every address of its device. */
static int link_listener(int port, unsigned int n)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port),
				  .sin6_scope_id = n };
	int fd = datagram(AF_INET6, true);

	inet_pton(AF_INET6, "fe80::1", &a.sin6_addr);
	(void)sys_call3(SYS_bind, fd, &a, CONFIG_MARKED(sizeof(a)));
	return fd;
}

static int wait_for_datagrams(unsigned int n_device)
{
	struct pollfd p[] = {
		{ listener(AF_INET, false, PORT), POLLIN, 0 },
		{ listener(AF_INET, true, PORT + 1), POLLIN, 0 },
		{ listener(AF_INET6, false, PORT + 2), POLLIN, 0 },
		{ listener(AF_INET6, true, PORT + 3), POLLIN, 0 },
		{ sender(PORT + 4), POLLIN, 0 },
		{ link_listener(PORT + 5, n_device), POLLIN, 0 },
	};
	int n = 0;

	puts("ready");
	fflush(stdout);
	usleep(1500000);
	(void)poll(p, 6, 0);
	for (int i = 0; i < 6; i++)
		n += p[i].revents != 0;
	printf("%d got one\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && strcmp(argv[1], "kill") == 0)
		return end_supervisor(argv[2]);
	if (argc > 2 && strcmp(argv[1], "listen") == 0)
		return wait_for_datagrams((unsigned int)atoi(argv[2]));
	for (int i = 0; i < 4; i++)
		one_datagram_socket(i & 1 ? AF_INET6 : AF_INET, i & 2);
	link_local(SOCK_DGRAM);
	link_local(SOCK_STREAM);
	kernel();
	processes(argc > 1 ? atoi(argv[1]) : -1);
	return 0;
}
