/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leak.c - ways out of onionify, each of which must fail
 *
 * One line each: the attempt and the errno. Built dynamically and statically; the
 * addresses are documentation ranges, but whoever runs this outside onionify sends
 * packets. Attempts use inline system calls, so nothing but the kernel sees them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/sys.h"

static struct sockaddr_in out = { .sin_family = AF_INET };
static struct sockaddr_in6 out6 = { .sin6_family = AF_INET6 };
static struct sockaddr_in local = { .sin_family = AF_INET };
static int leaks;

static void result(const char *what, long r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np((int)-r) : "DONE");
	if (r >= 0)
		leaks++;
}

static int sock(int domain, int type, int protocol)
{
	return (int)sys_call3(SYS_socket, domain, type, protocol);
}

/*
 * A question to a name server may go to ours instead, which gives out addresses in the
 * agent's range; never to the one that was meant. @fd has sent one.
 */
static void dns_answer(int fd, const char *what)
{
	struct timeval tv = { 5, 0 };
	uint8_t a[512] = { 0 };
	long n;

	(void)sys_call5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = sys_call6(SYS_recvfrom, fd, a, sizeof(a), 0, NULL, NULL);
	if (n > 16 && a[n - 4] == 198 && (a[n - 3] & 0xfe) == 18)
		printf("%s: Elsewhere\n", what);
	else
		result(what, 0);
}

static const char question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\4echo\4test\0\0\1\0\1";

static void streams(void)
{
	int fd = sock(AF_INET, SOCK_STREAM, 0), on = 1;
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_name = &out, .msg_namelen = sizeof(out), .msg_iov = &iov,
			    .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = m };

	result("connect refused target", sys_call3(SYS_connect, fd, &out, sizeof(out)));
	close(fd);
	fd = sock(AF_INET6, SOCK_STREAM, 0);
	result("connect v6 refused target", sys_call3(SYS_connect, fd, &out6, sizeof(out6)));
	close(fd);
	fd = sock(AF_INET, SOCK_STREAM, 0);
	result("sendto MSG_FASTOPEN", sys_call6(SYS_sendto, fd, "x", 1, MSG_FASTOPEN, &out, sizeof(out)));
	result("sendmsg MSG_FASTOPEN", sys_call3(SYS_sendmsg, fd, &m, MSG_FASTOPEN));
	result("sendmmsg MSG_FASTOPEN", sys_call4(SYS_sendmmsg, fd, &mm, 1, MSG_FASTOPEN));
	(void)sys_call5(SYS_setsockopt, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
	result("TCP_FASTOPEN_CONNECT refused target", sys_call3(SYS_connect, fd, &out, sizeof(out)));
	close(fd);
	fd = sock(AF_INET, SOCK_STREAM, 0);
	local.sin_port = htons(53);
	if (sys_call3(SYS_connect, fd, &local, sizeof(local)) == 0) {
		char framed[sizeof(question) + 1] = { 0, sizeof(question) - 1 };

		memcpy(framed + 2, question, sizeof(question) - 1);
		(void)sys_call6(SYS_sendto, fd, framed, sizeof(framed), 0, NULL, 0);
		dns_answer(fd, "connect loopback port 53");
	}
	close(fd);
}

static void dns(int fd, const char *what, const struct sockaddr_in *to)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	long r = sys_call3(SYS_connect, fd, to, sizeof(*to));

	if (r < 0) {
		result(what, r);
		return;
	}
	(void)sys_call6(SYS_sendto, fd, question, sizeof(question) - 1, 0, NULL, 0);
	dns_answer(fd, what);
	(void)sys_call3(SYS_connect, fd, &none, sizeof(none));
}

/* A socket bound to a device sends packets for 127.0.0.1 out of it. */
static void devices(void)
{
	int fd = sock(AF_INET, SOCK_STREAM, 0), one = 2;

	result("SO_BINDTODEVICE", sys_call5(SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
	result("SO_BINDTOIFINDEX", sys_call5(SYS_setsockopt, fd, SOL_SOCKET, 62, &one, sizeof(one)));
	result("IP_UNICAST_IF", sys_call5(SYS_setsockopt, fd, IPPROTO_IP, IP_UNICAST_IF, &one, sizeof(one)));
	close(fd);
}

static void datagrams(void)
{
	int fd = sock(AF_INET, SOCK_DGRAM, 0);
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_name = &out, .msg_namelen = sizeof(out), .msg_iov = &iov,
			    .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = m };
	struct sockaddr_in unspec = out;
	struct ip_mreqn mreq = { .imr_multiaddr.s_addr = htonl(0xe00000fb) };

	result("udp connect", sys_call3(SYS_connect, fd, &out, sizeof(out)));
	result("udp sendto", sys_call6(SYS_sendto, fd, "x", 1, 0, &out, sizeof(out)));
	unspec.sin_port = htons(53);
	dns(fd, "udp connect port 53", &unspec);
	unspec.sin_family = AF_UNSPEC;
	result("udp sendto AF_UNSPEC", sys_call6(SYS_sendto, fd, "x", 1, 0, &unspec, sizeof(unspec)));
	result("udp sendmsg", sys_call3(SYS_sendmsg, fd, &m, 0));
	result("udp sendmmsg", sys_call4(SYS_sendmmsg, fd, &mm, 1, 0));
	local.sin_port = htons(53);
	dns(fd, "udp connect loopback port 53", &local);
	(void)sys_call6(SYS_sendto, fd, question, sizeof(question) - 1, 0, &local, sizeof(local));
	dns_answer(fd, "udp sendto loopback port 53");
	result("source route", sys_call5(SYS_setsockopt, fd, IPPROTO_IP, IP_OPTIONS, "\203\7\4\313\0\161\3", 7));
	result("join multicast", sys_call5(SYS_setsockopt, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq,
					   sizeof(mreq)));
	close(fd);
	fd = sock(AF_INET6, SOCK_DGRAM, 0);
	result("udp v6 sendto", sys_call6(SYS_sendto, fd, "x", 1, 0, &out6, sizeof(out6)));
	close(fd);
}

static void families(void)
{
	result("raw", sock(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	result("raw v6", sock(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	result("ping socket", sock(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	result("packet", sock(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)));
	result("packet of old", sock(AF_INET, SOCK_PACKET, 0));
	result("sctp", sock(AF_INET, SOCK_STREAM, 132));
	result("mptcp", sock(AF_INET, SOCK_STREAM, 262));
	result("vsock", sock(AF_VSOCK, SOCK_STREAM, 0));
	result("smc", sock(43, SOCK_STREAM, 0));
	result("xdp", sock(44, SOCK_RAW, 0));
	result("bluetooth", sock(AF_BLUETOOTH, SOCK_RAW, 1));
}

static void other_doors(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char params[256] = { 0 };
	int fd;

	result("io_uring_setup", sys_call2(SYS_io_uring_setup, 4, params));
	result("io_uring_register", sys_call4(SYS_io_uring_register, -1, 0, 0, 0));
#if defined(__x86_64__)
	result("x32 socket", sys_call3(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0));
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(359L), "b"(2L), "c"(1L), "d"(0L) : "memory");
	result("i386 socket", r);
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(102L), "b"(1L), "c"(0L), "d"(0L) : "memory");
	result("i386 socketcall", r);
#endif
	fd = sock(AF_UNIX, SOCK_STREAM, 0);
	strcpy(un.sun_path, "/var/run/nscd/socket");
	result("nscd", sys_call3(SYS_connect, fd, &un, sizeof(un)));
	strcpy(un.sun_path, "/run/systemd/resolve/io.systemd.Resolve");
	result("resolved", sys_call3(SYS_connect, fd, &un, sizeof(un)));
	close(fd);
}

/* Not a leak: the machine itself stays reachable. */
static void loopback(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l = sock(AF_INET, SOCK_STREAM, 0), fd = sock(AF_INET, SOCK_STREAM, 0);
	long r;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)sys_call3(SYS_bind, l, &a, sizeof(a));
	(void)sys_call2(SYS_listen, l, 5);
	(void)sys_call3(SYS_getsockname, l, &a, &len);
	r = sys_call3(SYS_connect, fd, &a, sizeof(a));
	printf("loopback works: %s\n", r == 0 ? "yes" : strerrorname_np((int)-r));
	printf("send on it: %ld\n", sys_call6(SYS_sendto, fd, "x", 1, 0, NULL, 0));
	close(l);
	close(fd);
}

int main(void)
{
	out.sin_port = htons(80);
	(void)inet_pton(AF_INET, "203.0.113.3", &out.sin_addr);
	out6.sin6_port = htons(80);
	(void)inet_pton(AF_INET6, "2001:db8::3", &out6.sin6_addr);
	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	streams();
	devices();
	datagrams();
	families();
	other_doors();
	loopback();
	printf("%d leaks\n", leaks);
	return leaks > 0;
}
