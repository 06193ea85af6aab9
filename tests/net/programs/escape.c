/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * escape.c - every way out of a machine that a program may take
 *
 * Usage: escape ATTEMPT... | each [ATTEMPT...] | list
 *
 * "each" makes every attempt in a process of its own, all at one time.
 *
 * Prints one line per attempt: its name and what the kernel or the resolver said.
 * Whether something left is for the trap to tell: attempt number N sends to port
 * 20000 + N of the bait, or asks for the name "aN.bait.test". Must be run in a
 * network namespace whose default route is a trap, never elsewhere. Attempts use
 * system calls of their own where the C library would be in between.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#define TFO_CONNECT 30		/* TCP_FASTOPEN_CONNECT */
#define BAIT "100.64.9.9"
#define BAIT6 "2001:db8:bad::9"
#define NAMESERVER "100.64.0.53"
#define WAIT_MS 150
#define EACH_S 5

extern char **environ;
static int number;		/* of the attempt under way */
static const char *self;

static struct sockaddr_in bait(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(20000 + number) };

	inet_pton(AF_INET, BAIT, &sa.sin_addr);
	return sa;
}

static struct sockaddr_in6 bait6(const char *addr)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(20000 + number) };

	inet_pton(AF_INET6, addr, &sa.sin6_addr);
	return sa;
}

static const char *bait_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "a%d.bait.test", number);
	return name;
}

/* The kernel itself, whatever a library has put in front of syscall(). */
static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			 "r"(r9) : "rcx", "r11", "memory");
	return r;
#else
	long r = syscall(nr, a, b, c, d, e, f);

	return r < 0 ? -errno : r;
#endif
}

static long err(long r)
{
	return r < 0 ? -errno : r;
}

static void settle(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	(void)poll(&p, 1, WAIT_MS);
	(void)close(fd);
}

/* --- TCP --- */

static long tcp_connect(void)
{
	struct sockaddr_in sa = bait();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));

	settle(fd);
	return r;
}

static long tcp6_to(const char *addr, unsigned scope)
{
	struct sockaddr_in6 sa = bait6(addr);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r;

	sa.sin6_scope_id = scope;
	r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

static long tcp6(void)
{
	return tcp6_to(BAIT6, 0);
}

static long tcp6_mapped(void)
{
	return tcp6_to("::ffff:" BAIT, 0);
}

static long tcp6_link_local(void)
{
	return tcp6_to("fe80::9", if_nametoindex("uplink"));
}

static long tcp_syscall(void)
{
	struct sockaddr_in sa = bait();
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r = err(syscall(SYS_connect, fd, &sa, sizeof(sa)));

	settle(fd);
	return r;
}

static long tcp_inline(void)
{
	struct sockaddr_in sa = bait();
	int fd = (int)raw(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, 0, 0, 0);
	long r = raw(SYS_connect, fd, (long)&sa, sizeof(sa), 0, 0, 0);

	settle(fd);
	return r;
}

static void *in_thread(void *arg)
{
	*(long *)arg = tcp_inline();
	return NULL;
}

static long tcp_thread(void)
{
	pthread_t t;
	long r = 0;

	if (pthread_create(&t, NULL, in_thread, &r) != 0)
		return -EAGAIN;
	pthread_join(t, NULL);
	return r;
}

static long tcp_bound(void)
{
	struct sockaddr_in sa = bait(), from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r;

	inet_pton(AF_INET, "192.0.2.2", &from.sin_addr);
	(void)bind(fd, (struct sockaddr *)&from, sizeof(from));
	(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "trap", 5);
	r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

/* Bound to a device after the connection was begun. */
static long tcp_bound_late(void)
{
	struct sockaddr_in sa = bait();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r = raw(SYS_connect, fd, (long)&sa, sizeof(sa), 0, 0, 0);
	int device = (int)if_nametoindex("trap");

	(void)raw(SYS_setsockopt, fd, SOL_SOCKET, 25 /* SO_BINDTODEVICE */, (long)"trap", 5, 0);
	(void)raw(SYS_setsockopt, fd, SOL_SOCKET, 62 /* SO_BINDTOIFINDEX */, (long)&device,
		  sizeof(device), 0);
	settle(fd);
	return r;
}

static long tcp_mptcp(void)
{
	struct sockaddr_in sa = bait();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 262);
	long r;

	if (fd < 0)
		return -errno;
	r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

static long fastopen(int how)
{
	struct sockaddr_in sa = bait();
	struct iovec iov = { "secret", 6 };
	struct msghdr m = { .msg_name = &sa, .msg_namelen = sizeof(sa), .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = m };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
	long r;

	if (how == 0)
		r = err(sendto(fd, "secret", 6, MSG_FASTOPEN, (struct sockaddr *)&sa, sizeof(sa)));
	else if (how == 1)
		r = err(sendmsg(fd, &m, MSG_FASTOPEN));
	else if (how == 2)
		r = err(syscall(SYS_sendmmsg, fd, &mm, 1, MSG_FASTOPEN));
	else if (how == 3) {
		(void)setsockopt(fd, IPPROTO_TCP, TFO_CONNECT, &on, sizeof(on));
		r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
		if (r == 0)
			r = err(write(fd, "secret", 6));
	} else {
		r = raw(SYS_sendmsg, fd, (long)&m, MSG_FASTOPEN, 0, 0, 0);
	}
	settle(fd);
	return r;
}

static long tfo_sendto(void) { return fastopen(0); }
static long tfo_sendmsg(void) { return fastopen(1); }
static long tfo_sendmmsg(void) { return fastopen(2); }
static long tfo_option(void) { return fastopen(3); }
static long tfo_inline(void) { return fastopen(4); }

static long tcp_dns_port(void)
{
	struct sockaddr_in sa = bait();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r;

	sa.sin_port = htons(53);
	r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

/* --- UDP --- */

static long udp(int how, struct sockaddr *sa, socklen_t len)
{
	struct iovec iov = { "secret", 6 };
	struct msghdr m = { .msg_name = sa, .msg_namelen = len, .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = m };
	int fd = (int)(how == 4 ? raw(SYS_socket, sa->sa_family, SOCK_DGRAM, 0, 0, 0, 0) :
				  socket(sa->sa_family, SOCK_DGRAM, 0));
	int on = 1;
	long r;

	(void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	if (how == 0) {
		r = err(connect(fd, sa, len));
		if (r == 0)
			r = err(write(fd, "secret", 6));
	} else if (how == 1) {
		r = err(sendto(fd, "secret", 6, 0, sa, len));
	} else if (how == 2) {
		r = err(sendmsg(fd, &m, 0));
	} else if (how == 3) {
		r = err(sendmmsg(fd, &mm, 1, 0));
	} else {
		r = raw(SYS_sendto, fd, (long)"secret", 6, 0, (long)sa, len);
	}
	(void)close(fd);
	return r;
}

static long udp4(int how, const char *addr, int port)
{
	struct sockaddr_in sa = bait();

	if (addr)
		inet_pton(AF_INET, addr, &sa.sin_addr);
	if (port)
		sa.sin_port = htons(port);
	return udp(how, (struct sockaddr *)&sa, sizeof(sa));
}

static long udp6(int how, const char *addr)
{
	struct sockaddr_in6 sa = bait6(addr);

	sa.sin6_scope_id = strncmp(addr, "f", 1) == 0 ? if_nametoindex("uplink") : 0;
	return udp(how, (struct sockaddr *)&sa, sizeof(sa));
}

static long udp_connected(void) { return udp4(0, NULL, 0); }
static long udp_sendto(void) { return udp4(1, NULL, 0); }
static long udp_sendmsg(void) { return udp4(2, NULL, 0); }
static long udp_sendmmsg(void) { return udp4(3, NULL, 0); }
static long udp_inline(void) { return udp4(4, NULL, 0); }
static long udp_quic(void) { return udp4(0, "203.0.113.80", 443); }

/* Each time another neighbour: the kernel does not ask again for one that is not there. */
static long udp_onlink(void)
{
	char addr[32];

	snprintf(addr, sizeof(addr), "192.0.2.%d", 64 + (int)getpid() % 128);
	return udp4(1, addr, 0);
}

static long udp_broadcast(void) { return udp4(1, "192.0.2.255", 0); }
static long udp_all_ones(void) { return udp4(1, "255.255.255.255", 0); }
static long udp_multicast(void) { return udp4(1, "239.1.2.3", 0); }
static long udp6_sendto(void) { return udp6(1, BAIT6); }
static long udp6_connected(void) { return udp6(0, BAIT6); }
static long udp6_mapped(void) { return udp6(1, "::ffff:" BAIT); }
static long udp6_multicast(void) { return udp6(1, "ff02::fb"); }
static long udp6_link_local(void) { return udp6(1, "fe80::9"); }

static long igmp_join(void)
{
	struct ip_mreqn m = { .imr_ifindex = (int)if_nametoindex("uplink") };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	long r;

	m.imr_multiaddr.s_addr = htonl(0xef090000u + (unsigned)number);
	r = err(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)));
	(void)close(fd);
	return r;
}

/* A query of our own making to the name server of resolv.conf, or to another. */
static long dns_packet(const char *server, bool tcp)
{
	unsigned char q[64] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
	int n = 12, len = snprintf((char *)q + 13, 32, "a%d", number);
	long r;

	q[n] = (unsigned char)len;
	n += 1 + len;
	memcpy(q + n, "\4bait\4test\0\0\1\0\1", 15);
	n += 15;
	inet_pton(AF_INET, server, &sa.sin_addr);
	r = err(tcp ? connect(fd, (struct sockaddr *)&sa, sizeof(sa)) :
		(int)sendto(fd, q, (size_t)n, 0, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

static long dns_udp(void) { return dns_packet(NAMESERVER, false); }
static long dns_udp_other(void) { return dns_packet("100.64.0.54", false); }
static long dns_tcp(void) { return dns_packet("100.64.0.54", true); }

/* --- other protocols --- */

static long ping_to(int type, int proto)
{
	unsigned char echo[8] = { proto == IPPROTO_ICMP ? 8 : 128, 0, 0xf7, 0xff, 0, 0, 0, 0 };
	struct sockaddr_in sa = bait();
	struct sockaddr_in6 sa6 = bait6(BAIT6);
	bool v4 = proto == IPPROTO_ICMP;
	int fd = socket(v4 ? AF_INET : AF_INET6, type, proto);
	long r;

	if (fd < 0)
		return -errno;
	sa.sin_port = 0;
	sa6.sin6_port = 0;
	sa.sin_addr.s_addr = htonl(0x64400a00u + (unsigned)number);	/* 100.64.10.N */
	sa6.sin6_addr.s6_addr[15] = (uint8_t)number;
	r = err(sendto(fd, echo, 8, 0, v4 ? (struct sockaddr *)&sa : (struct sockaddr *)&sa6,
		       v4 ? sizeof(sa) : sizeof(sa6)));
	(void)close(fd);
	return r;
}

static long ping_socket(void) { return ping_to(SOCK_DGRAM, IPPROTO_ICMP); }
static long ping_raw(void) { return ping_to(SOCK_RAW, IPPROTO_ICMP); }
static long ping6_raw(void) { return ping_to(SOCK_RAW, IPPROTO_ICMPV6); }

static long raw_udp(void)
{
	struct sockaddr_in sa = bait();
	unsigned char p[8] = { 0x4e, 0x20, 0, 0, 0, 8, 0, 0 };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	long r;

	if (fd < 0)
		return -errno;
	memcpy(p + 2, &sa.sin_port, 2);
	r = err(sendto(fd, p, sizeof(p), 0, (struct sockaddr *)&sa, sizeof(sa)));
	(void)close(fd);
	return r;
}

static long packet_send(int fd, int family_is_packet)
{
	unsigned char f[42] = { 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 9, 17,
				0, 0, 192, 0, 2, 2, 100, 64, 9, 9, 0x4e, 0x20, 0, 0, 0, 8, 0, 0 };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x800),
				  .sll_ifindex = (int)if_nametoindex("trap"), .sll_halen = 6 };
	struct sockaddr old = { .sa_family = AF_INET };
	uint16_t port = htons(20000 + number);
	long r;

	if (fd < 0)
		return -errno;
	memcpy(f + 36, &port, 2);
	snprintf(old.sa_data, sizeof(old.sa_data), "trap");
	r = family_is_packet ? err(sendto(fd, f, sizeof(f), 0, (struct sockaddr *)&ll, sizeof(ll))) :
			       err(sendto(fd, f, sizeof(f), 0, &old, sizeof(old)));
	(void)close(fd);
	return r;
}

static long packet(void)
{
	return packet_send(socket(AF_PACKET, SOCK_RAW, htons(0x800)), 1);
}

static long packet_of_old(void)
{
	return packet_send(socket(AF_INET, SOCK_PACKET, htons(0x800)), 0);
}

static long other_transport(int type, int protocol)
{
	struct sockaddr_in sa = bait();
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, protocol);
	long r;

	if (fd < 0)
		return -errno;
	r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

static long sctp(void) { return other_transport(SOCK_STREAM, 132); }
static long sctp_packets(void) { return other_transport(SOCK_SEQPACKET, 132); }
static long dccp(void) { return other_transport(6, 33); }
static long udplite(void) { return other_transport(SOCK_DGRAM, 136); }
static long smc(void)
{
	struct sockaddr_in sa = bait();
	int fd = socket(43, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r;

	if (fd < 0)
		return -errno;
	r = err(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	settle(fd);
	return r;
}

/* --- io_uring, by its bare system calls --- */

struct ring {
	int fd;
	unsigned *tail, *mask, *array, *chead, *ctail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned *cmask;
};

static long ring_open(struct ring *g)
{
	struct io_uring_params p = { 0 };
	size_t size;
	char *sq;

	g->fd = (int)raw(SYS_io_uring_setup, 4, (long)&p, 0, 0, 0, 0);
	if (g->fd < 0)
		return g->fd;
	size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	if (size < p.sq_off.array + p.sq_entries * sizeof(unsigned))
		size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	sq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, IORING_OFF_SQ_RING);
	g->sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		       MAP_SHARED, g->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || g->sqes == MAP_FAILED)
		return -ENOMEM;
	g->tail = (unsigned *)(sq + p.sq_off.tail);
	g->mask = (unsigned *)(sq + p.sq_off.ring_mask);
	g->array = (unsigned *)(sq + p.sq_off.array);
	g->chead = (unsigned *)(sq + p.cq_off.head);
	g->ctail = (unsigned *)(sq + p.cq_off.tail);
	g->cmask = (unsigned *)(sq + p.cq_off.ring_mask);
	g->cqes = (struct io_uring_cqe *)(sq + p.cq_off.cqes);
	return 0;
}

static long ring_do(struct ring *g, const struct io_uring_sqe *sqe, bool wait)
{
	unsigned tail = *g->tail, head;
	long r;

	g->sqes[tail & *g->mask] = *sqe;
	g->array[tail & *g->mask] = tail & *g->mask;
	__atomic_store_n(g->tail, tail + 1, __ATOMIC_RELEASE);
	r = raw(SYS_io_uring_enter, g->fd, 1, wait, wait ? IORING_ENTER_GETEVENTS : 0, 0, 0);
	if (r < 0 || !wait)
		return r;
	head = *g->chead;
	if (head == __atomic_load_n(g->ctail, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	r = g->cqes[head & *g->cmask].res;
	__atomic_store_n(g->chead, head + 1, __ATOMIC_RELEASE);
	return r;
}

static long uring(bool own_socket)
{
	struct sockaddr_in sa = bait();
	struct io_uring_sqe sqe = { .opcode = 45 /* IORING_OP_SOCKET */, .fd = AF_INET,
				    .off = SOCK_STREAM };
	struct ring g;
	long r = ring_open(&g);
	int fd;

	if (r < 0)
		return r;
	fd = own_socket ? (int)ring_do(&g, &sqe, true) : socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	sqe = (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)&sa,
				     .off = sizeof(sa) };
	r = ring_do(&g, &sqe, false);
	usleep(WAIT_MS * 1000);
	(void)close(g.fd);
	(void)close(fd);
	return r;
}

static long uring_connect(void) { return uring(false); }
static long uring_socket(void) { return uring(true); }

/* --- other system-call tables of the same processor --- */

#if defined(__x86_64__)
static long int80(long nr, long b, long c, long d)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(b), "c"(c), "d"(d)
			 : "r8", "r9", "r10", "r11", "memory");
	return r;
}

static struct sockaddr_in *low_bait(void)
{
	struct sockaddr_in *sa = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (sa == MAP_FAILED)
		exit(3);
	*sa = bait();
	return sa;
}

static long i386_connect(void)
{
	struct sockaddr_in *sa = low_bait();
	int fd = (int)int80(359, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long r = fd < 0 ? fd : int80(362, fd, (long)sa, sizeof(*sa));

	if (fd >= 0)
		settle(fd);
	return r;
}

static long i386_socketcall(void)
{
	struct sockaddr_in *sa = low_bait();
	uint32_t *args = (uint32_t *)(sa + 1);
	long r;
	int fd;

	args[0] = AF_INET;
	args[1] = SOCK_STREAM | SOCK_NONBLOCK;
	args[2] = 0;
	fd = (int)int80(102, 1, (long)args, 0);
	if (fd < 0)
		return fd;
	args[0] = (uint32_t)fd;
	args[1] = (uint32_t)(uintptr_t)sa;
	args[2] = sizeof(*sa);
	r = int80(102, 3, (long)args, 0);
	settle(fd);
	return r;
}

static long x32_connect(void)
{
	struct sockaddr_in *sa = low_bait();
	int fd = (int)raw(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, 0, 0, 0);
	long r = fd < 0 ? fd : raw(0x40000000 | SYS_connect, fd, (long)sa, sizeof(*sa), 0, 0, 0);

	if (fd >= 0)
		settle(fd);
	return r;
}
#else
static long i386_connect(void) { return -ENOSYS; }
static long i386_socketcall(void) { return -ENOSYS; }
static long x32_connect(void) { return -ENOSYS; }
#endif

/* --- names --- */

static long gai(int r)
{
	return r == 0 ? 0 : -1000 + r;
}

static long name_getaddrinfo(void)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *res = NULL;

	return gai(getaddrinfo(bait_name(), "80", &hints, &res));
}

static long name_null_hints(void)
{
	struct addrinfo *res = NULL;

	return gai(getaddrinfo(bait_name(), NULL, NULL, &res));
}

static long name_v6_hints(void)
{
	struct addrinfo hints = { .ai_family = AF_INET6, .ai_flags = AI_V4MAPPED | AI_ALL }, *res = NULL;

	return gai(getaddrinfo(bait_name(), NULL, &hints, &res));
}

static long name_onion(void)
{
	struct addrinfo *res = NULL;
	char name[64];

	snprintf(name, sizeof(name), "a%d.onion", number);
	return gai(getaddrinfo(name, NULL, NULL, &res));
}

static long name_gethostbyname(void)
{
	return gethostbyname(bait_name()) ? 0 : -2000 - h_errno;
}

static long name_gethostbyname2(void)
{
	return gethostbyname2(bait_name(), AF_INET6) ? 0 : -2000 - h_errno;
}

static long name_gethostbyname_r(void)
{
	struct hostent h, *res = NULL;
	char buf[2048];
	int e = 0;

	return gethostbyname_r(bait_name(), &h, buf, sizeof(buf), &res, &e) == 0 && res ? 0 : -2000 - e;
}

static long name_gethostbyaddr(void)
{
	struct in_addr a = { htonl(0x64400b00u + (unsigned)number) };	/* 100.64.11.N */

	return gethostbyaddr(&a, sizeof(a), AF_INET) ? 0 : -2000 - h_errno;
}

static long name_getnameinfo(void)
{
	struct sockaddr_in sa = bait();
	char host[256];

	sa.sin_addr.s_addr = htonl(0x64400b00u + (unsigned)number);
	return gai(getnameinfo((struct sockaddr *)&sa, sizeof(sa), host, sizeof(host), NULL, 0,
			       NI_NAMEREQD));
}

static long name_res_query(void)
{
	unsigned char answer[512];

	return res_query(bait_name(), ns_c_in, ns_t_a, answer, sizeof(answer)) >= 0 ? 0 : -2000 - h_errno;
}

static long name_res_search(void)
{
	unsigned char answer[512];

	return res_search(bait_name(), ns_c_in, ns_t_mx, answer, sizeof(answer)) >= 0 ? 0 :
										-2000 - h_errno;
}

/* The system's resolver services would ask in our place. */
static long unix_deputy(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char msg[160];
	int n = snprintf(msg, sizeof(msg), "{\"method\":\"io.systemd.Resolve.ResolveHostname\","
			 "\"parameters\":{\"name\":\"%s\"}}", bait_name());
	long r;

	strcpy(un.sun_path, path);
	r = raw(SYS_connect, fd, (long)&un, sizeof(un), 0, 0, 0);
	if (r == 0)
		r = err(write(fd, msg, (size_t)n + 1));
	(void)close(fd);
	return r;
}

static long deputy_nscd(void) { return unix_deputy("/var/run/nscd/socket"); }
static long deputy_resolved(void) { return unix_deputy("/run/systemd/resolve/io.systemd.Resolve"); }
static long deputy_avahi(void) { return unix_deputy("/run/avahi-daemon/socket"); }

/* --- children that leave the library behind; sockets from elsewhere --- */

static long run_child(const char *what, int how)
{
	char name[32], *argv[] = { (char *)(uintptr_t)self, (char *)(uintptr_t)what, name, NULL };
	char *none[] = { NULL };
	int status = -1;
	pid_t pid;

	snprintf(name, sizeof(name), "=%d", number);
	if (how == 2) {
		if (posix_spawn(&pid, self, NULL, NULL, argv, none) != 0)
			return -errno;
	} else {
		pid = how == 1 ? vfork() : fork();
		if (pid == 0) {
			if (how == 3)
				(void)raw(SYS_execve, (long)self, (long)argv, (long)none, 0, 0, 0);
			else
				(void)execve(self, argv, none);
			_exit(9);
		}
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static long bare_execve(void) { return run_child("tcp-connect", 0); }
static long bare_vfork(void) { return run_child("tcp-connect", 1); }
static long bare_spawn(void) { return run_child("tcp-connect", 2); }
static long bare_raw_exec(void) { return run_child("udp-sendto", 3); }
static long bare_name(void) { return run_child("getaddrinfo", 0); }

static long unset_preload(void)
{
	pid_t pid = fork();
	char name[32], *argv[] = { (char *)(uintptr_t)self, "tcp-connect", name, NULL };
	int status = -1;

	snprintf(name, sizeof(name), "=%d", number);
	if (pid == 0) {
		unsetenv("LD_PRELOAD");
		(void)execv(self, argv);
		_exit(9);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -errno;
}

static long inherited(void)
{
	struct sockaddr_in sa = bait();
	const char *list = getenv("ESCAPE_FDS");
	long r = -EBADF;

	for (int fd = list ? atoi(list) : 100; fd > 2 && fd < 1000; fd++) {
		int type = 0;
		socklen_t len = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
			break;
		r = raw(SYS_sendto, fd, (long)"secret", 6, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
		if (r < 0)
			r = raw(SYS_sendto, fd, (long)"secret", 6, MSG_DONTWAIT | MSG_NOSIGNAL, (long)&sa, sizeof(sa));
		if (r < 0)
			r = raw(SYS_connect, fd, (long)&sa, sizeof(sa), 0, 0, 0);
	}
	return r;
}

/* A helper outside hands over a fresh socket, through the path in ESCAPE_GIVER. */
static long handed_over(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in sa = bait();
	const char *path = getenv("ESCAPE_GIVER");
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int u = socket(AF_UNIX, SOCK_STREAM, 0), fd = -1;
	long r;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path ? path : "/nonexistent");
	if (connect(u, (struct sockaddr *)&un, sizeof(un)) < 0)
		return -errno;
	for (r = 0; recvmsg(u, &m, 0) == 1; m.msg_controllen = sizeof(control)) {
		if (!CMSG_FIRSTHDR(&m))
			return -EBADMSG;
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
		r = raw(SYS_sendto, fd, (long)"secret", 6, MSG_DONTWAIT | MSG_NOSIGNAL, (long)&sa, sizeof(sa));
		if (r < 0)
			r = raw(SYS_connect, fd, (long)&sa, sizeof(sa), 0, 0, 0);
		(void)close(fd);
	}
	(void)close(u);
	return r;
}

#define ATTEMPTS(X) \
	X("tcp-connect", tcp_connect) X("tcp6", tcp6) X("tcp6-mapped", tcp6_mapped) \
	X("tcp6-link-local", tcp6_link_local) X("tcp-syscall", tcp_syscall) \
	X("tcp-inline", tcp_inline) X("tcp-thread", tcp_thread) X("tcp-bound", tcp_bound) \
	X("tcp-bound-late", tcp_bound_late) \
	X("mptcp", tcp_mptcp) X("tfo-sendto", tfo_sendto) X("tfo-sendmsg", tfo_sendmsg) \
	X("tfo-sendmmsg", tfo_sendmmsg) X("tfo-option", tfo_option) X("tfo-inline", tfo_inline) \
	X("tcp-port-53", tcp_dns_port) X("udp-connected", udp_connected) \
	X("udp-sendto", udp_sendto) X("udp-sendmsg", udp_sendmsg) X("udp-sendmmsg", udp_sendmmsg) \
	X("udp-inline", udp_inline) X("udp-quic", udp_quic) X("udp-on-link", udp_onlink) \
	X("udp-broadcast", udp_broadcast) X("udp-all-ones", udp_all_ones) \
	X("udp-multicast", udp_multicast) X("udp6-sendto", udp6_sendto) \
	X("udp6-connected", udp6_connected) X("udp6-mapped", udp6_mapped) \
	X("udp6-multicast", udp6_multicast) X("udp6-link-local", udp6_link_local) \
	X("igmp-join", igmp_join) X("dns-udp", dns_udp) X("dns-udp-other", dns_udp_other) \
	X("dns-tcp", dns_tcp) X("ping-socket", ping_socket) X("ping-raw", ping_raw) \
	X("ping6-raw", ping6_raw) X("raw-udp", raw_udp) X("packet", packet) \
	X("packet-of-old", packet_of_old) X("sctp", sctp) X("sctp-packets", sctp_packets) \
	X("dccp", dccp) X("udplite", udplite) X("smc", smc) X("uring-connect", uring_connect) \
	X("uring-socket", uring_socket) X("i386-connect", i386_connect) \
	X("i386-socketcall", i386_socketcall) X("x32-connect", x32_connect) \
	X("getaddrinfo", name_getaddrinfo) X("getaddrinfo-null", name_null_hints) \
	X("getaddrinfo-v6", name_v6_hints) X("getaddrinfo-onion", name_onion) \
	X("gethostbyname", name_gethostbyname) X("gethostbyname2", name_gethostbyname2) \
	X("gethostbyname_r", name_gethostbyname_r) X("gethostbyaddr", name_gethostbyaddr) \
	X("getnameinfo", name_getnameinfo) X("res_query", name_res_query) \
	X("res_search", name_res_search) X("deputy-nscd", deputy_nscd) \
	X("deputy-resolved", deputy_resolved) X("deputy-avahi", deputy_avahi) \
	X("bare-execve", bare_execve) X("bare-vfork", bare_vfork) X("bare-spawn", bare_spawn) \
	X("bare-raw-exec", bare_raw_exec) X("bare-name", bare_name) \
	X("unset-preload", unset_preload) X("inherited", inherited) X("handed-over", handed_over)

#define X(name, fn) { name, fn },
static const struct {
	const char *name;
	long (*fn)(void);
} attempts[] = { ATTEMPTS(X) };
#undef X
#define N_ATTEMPTS ((int)(sizeof(attempts) / sizeof(attempts[0])))

static void show(const char *name, long r)
{
	const char *text = "DONE";

	if (r <= -2000)
		text = hstrerror((int)(-2000 - r));
	else if (r <= -1000)
		text = gai_strerror((int)(r + 1000));
	else if (r < 0)
		text = strerror((int)-r);
	printf("%s %d %s\n", name, number, text);
	fflush(stdout);
}

static void attempt(const char *name)
{
	for (int i = 0; i < N_ATTEMPTS; i++) {
		if (strcmp(name, attempts[i].name) == 0) {
			number = number ? number : i + 1;
			show(name, attempts[i].fn());
			return;
		}
	}
	printf("%s 0 unknown attempt\n", name);
}

/* Every attempt in a process of its own, all at once. */
static int each(int n, char **names)
{
	int left = n > 0 ? n : N_ATTEMPTS, status;

	for (int i = 0; i < left; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)alarm(EACH_S);
			attempt(n > 0 ? names[i] : attempts[i].name);
			_exit(0);
		}
	}
	while (left > 0 && wait(&status) > 0)
		left--;
	return left;
}

int main(int argc, char **argv)
{
	self = "/proc/self/exe";
	static char path[4096];
	ssize_t n = readlink(self, path, sizeof(path) - 1);

	if (n > 0)
		self = path;
	if (argc > 2 && argv[2][0] == '=') {	/* a child of an attempt, with its number */
		number = atoi(argv[2] + 1);
		attempt(argv[1]);
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		number = 0;
		if (strcmp(argv[i], "list") == 0) {
			for (int k = 0; k < N_ATTEMPTS; k++)
				printf("%s %d\n", attempts[k].name, k + 1);
		} else if (strcmp(argv[i], "each") == 0) {
			return each(argc - i - 1, argv + i + 1);
		} else {
			attempt(argv[i]);
		}
	}
	return 0;
}
