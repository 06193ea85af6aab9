/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns.c - resolvers that speak to name servers themselves, inside onionify
 *
 * Prints "ok WHAT" or "bad WHAT: WHY". Each way of sending a question to a server in a
 * documentation range must bring the agent's answer, seeming to come from there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct sockaddr_in server = { .sin_family = AF_INET };
static const uint8_t question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\4echo\4test\0\0\1\0\1";
#define QUESTION_LEN (sizeof(question) - 1)

static void result(const char *what, bool good, const char *why)
{
	if (good)
		printf("ok %s\n", what);
	else
		printf("bad %s: %s (%s)\n", what, why, strerror(errno));
	fflush(stdout);
}

/* One A record, in the agent's range. */
static bool is_answer(const uint8_t *a, ssize_t n)
{
	return n == (ssize_t)QUESTION_LEN + 16 && memcmp(a, "\x12\x34\x81\x80\0\1\0\1", 8) == 0 &&
	       a[QUESTION_LEN + 12] == 198 && (a[QUESTION_LEN + 13] & 0xfe) == 18;
}

static bool is_server(const struct sockaddr_in *from)
{
	return from->sin_family == AF_INET && from->sin_port == server.sin_port &&
	       from->sin_addr.s_addr == server.sin_addr.s_addr;
}

static int udp(int domain)
{
	struct timeval tv = { 5, 0 };
	int fd = socket(domain, SOCK_DGRAM, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static void addressed(void)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);
	uint8_t a[512];
	int fd = udp(AF_INET);
	ssize_t n = sendto(fd, question, QUESTION_LEN, 0, (struct sockaddr *)&server, sizeof(server));

	result("sendto", n == (ssize_t)QUESTION_LEN, "not sent");
	n = recvfrom(fd, a, sizeof(a), 0, (struct sockaddr *)&from, &len);
	result("recvfrom", is_answer(a, n), "no answer");
	result("its sender", is_server(&from) && len == sizeof(from), "somebody else");
	n = recvfrom(fd, a, sizeof(a), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	result("nothing more", n < 0 && errno == EAGAIN, "something");
	close(fd);
}

static void *ask_late(void *arg)
{
	usleep(300000);
	(void)sendto(*(int *)arg, question, QUESTION_LEN, 0, (struct sockaddr *)&server,
		     sizeof(server));
	return NULL;
}

/* A receive that sleeps; the socket is known from a first question. */
static void sleeping(void)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);
	uint8_t a[512];
	int fd = udp(AF_INET);
	pthread_t t;
	ssize_t n;

	(void)sendto(fd, question, QUESTION_LEN, 0, (struct sockaddr *)&server, sizeof(server));
	(void)recvfrom(fd, a, sizeof(a), 0, (struct sockaddr *)&from, &len);
	memset(&from, 0, sizeof(from));
	(void)pthread_create(&t, NULL, ask_late, &fd);
	n = recvfrom(fd, a, sizeof(a), 0, (struct sockaddr *)&from, &len);
	(void)pthread_join(t, NULL);
	result("a receive that sleeps", is_answer(a, n) && is_server(&from), "no answer");
	close(fd);
}

static void connected(void)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);
	uint8_t a[512];
	int fd = udp(AF_INET);

	result("connect", connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0, "failed");
	(void)getpeername(fd, (struct sockaddr *)&peer, &len);
	result("getpeername", is_server(&peer), "somebody else");
	(void)send(fd, question, QUESTION_LEN, 0);
	result("recv", is_answer(a, recv(fd, a, sizeof(a), 0)), "no answer");
	(void)send(fd, question, QUESTION_LEN, 0);
	memset(&peer, 0, sizeof(peer));
	result("recvfrom connected", is_answer(a, recvfrom(fd, a, sizeof(a), 0, (struct sockaddr *)&peer,
							    &len)) && is_server(&peer), "no answer");
	close(fd);
}

static void messages(void)
{
	struct sockaddr_in to = server, from[2] = { 0 };
	uint8_t q[QUESTION_LEN], a[2][512];
	struct iovec qv[2] = { { q, 10 }, { q + 10, QUESTION_LEN - 10 } };
	struct iovec av[2][2] = { { { a[0], 7 }, { a[0] + 7, 505 } }, { { a[1], 512 } } };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = qv, .msg_iovlen = 2 };
	struct mmsghdr mm[2] = { { .msg_hdr = m }, { .msg_hdr = m } }, in[2] = { 0 };
	int fd = udp(AF_INET), n;

	memcpy(q, question, QUESTION_LEN);
	result("sendmsg", sendmsg(fd, &m, 0) == (ssize_t)QUESTION_LEN, "not sent");
	m = (struct msghdr){ .msg_name = &from[0], .msg_namelen = sizeof(from[0]), .msg_iov = av[0],
			     .msg_iovlen = 2 };
	n = (int)recvmsg(fd, &m, 0);
	result("recvmsg", is_answer(a[0], n) && is_server(&from[0]) && m.msg_flags == 0 &&
	       m.msg_namelen == sizeof(from[0]), "no answer");
	result("sendmmsg", sendmmsg(fd, mm, 2, 0) == 2 && mm[1].msg_len == QUESTION_LEN, "not sent");
	for (int i = 0, got = 0; i < 2 && got < 2; i++) {
		memset(from, 0, sizeof(from));
		for (int k = 0; k < 2; k++)
			in[k].msg_hdr = (struct msghdr){ .msg_name = &from[k], .msg_iov = av[k],
							 .msg_namelen = sizeof(from[k]), .msg_iovlen = 2 - k };
		n = recvmmsg(fd, in, 2 - (unsigned int)got, MSG_WAITFORONE, NULL);
		result("recvmmsg", n > 0 && is_answer(a[0], in[0].msg_len) && is_server(&from[0]), "no answer");
		got += n > 0 ? n : 2;
		if (n == 2)
			result("recvmmsg", is_answer(a[1], in[1].msg_len) && is_server(&from[1]), "no answer");
	}
	close(fd);
}

static void six(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(53) }, from = { 0 };
	socklen_t len = sizeof(from);
	uint8_t a[512];
	int fd = udp(AF_INET6);

	(void)inet_pton(AF_INET6, "2001:db8::53", &to.sin6_addr);
	(void)sendto(fd, question, QUESTION_LEN, 0, (struct sockaddr *)&to, sizeof(to));
	result("an IPv6 server", is_answer(a, recvfrom(fd, a, sizeof(a), 0, (struct sockaddr *)&from, &len)) &&
	       memcmp(&from.sin6_addr, &to.sin6_addr, 16) == 0, "no answer");
	(void)inet_pton(AF_INET6, "::ffff:192.0.2.53", &to.sin6_addr);
	(void)sendto(fd, question, QUESTION_LEN, 0, (struct sockaddr *)&to, sizeof(to));
	result("a mapped one", is_answer(a, recvfrom(fd, a, sizeof(a), 0, (struct sockaddr *)&from, &len)) &&
	       memcmp(&from.sin6_addr, &to.sin6_addr, 16) == 0, "no answer");
	close(fd);
}

static void loopback(void)
{
	struct sockaddr_in to = server, from = { 0 };
	socklen_t len = sizeof(from);
	uint8_t a[512];
	int fd = udp(AF_INET);

	to.sin_addr.s_addr = htonl(0x7f000035);
	(void)sendto(fd, question, QUESTION_LEN, 0, (struct sockaddr *)&to, sizeof(to));
	result("a resolver of this machine", is_answer(a, recvfrom(fd, a, sizeof(a), 0,
	       (struct sockaddr *)&from, &len)) && from.sin_addr.s_addr == to.sin_addr.s_addr, "no answer");
	close(fd);
}

static void stream(void)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);
	uint8_t q[2 + QUESTION_LEN] = { 0, QUESTION_LEN }, a[514];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t n;

	memcpy(q + 2, question, QUESTION_LEN);
	result("TCP", connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0, "no connection");
	(void)getpeername(fd, (struct sockaddr *)&peer, &len);
	result("TCP peer", is_server(&peer), "somebody else");
	(void)send(fd, q, sizeof(q), 0);
	n = recv(fd, a, 2 + QUESTION_LEN + 16, MSG_WAITALL);
	result("TCP answer", is_answer(a + 2, n - 2), "no answer");
	close(fd);
}

static void others(void)
{
	struct sockaddr_in to = server;
	int fd = udp(AF_INET);

	to.sin_port = htons(123);
	result("other ports", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	       errno == ENETUNREACH, "sent");
	result("other ports, connected", connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	       errno == ENETUNREACH, "connected");
	close(fd);
}

int main(void)
{
	server.sin_port = htons(53);
	(void)inet_pton(AF_INET, "192.0.2.53", &server.sin_addr);
	addressed();
	sleeping();
	connected();
	messages();
	six();
	loopback();
	stream();
	others();
	return 0;
}
