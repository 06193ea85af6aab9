/* SPDX-License-Identifier: BSD-3-Clause */
/* connect_peers.c - see connect_peers.h */
#include "tests/bench/connect_peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/ipc.h"

#define KEPT 64

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

/* @run serves the listener @fd in a thread of its own. */
static bool begin(void *(*run)(void *arg), int fd)
{
	pthread_t t;

	return pthread_create(&t, NULL, run, (void *)(long)fd) == 0;
}

bool peers_start_agent(char dir[])
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!mkdtemp(dir))
		return false;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/agent.sock", dir);
	return bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(fd, 128) == 0 &&
	       setenv("ONIONIFY_SOCKET", un.sun_path, 1) == 0 && begin(agent_run, fd);
}

/* --- TCP --- */

/* A listener on a port of its own. */
static int listen_local(int *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return -1;
	*ret_port = ntohs(a.sin_port);
	return fd;
}

int peers_start_tcp(void)
{
	int port = -1;

	return listen_local(&port) < 0 ? -1 : port;	/* its queue is long enough */
}

/* RFC 1928: no authentication, an IPv4 destination, and the answer that it is there. */
static void socks_serve(int fd)
{
	static const uint8_t method[] = { 5, 0 }, done[] = { 5, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	uint8_t in[262];
	int none;

	if (take(fd, in, 2, &none) < 0 || take(fd, in + 2, in[1], &none) < 0 ||
	    send(fd, method, sizeof(method), MSG_NOSIGNAL) < 0 || take(fd, in, 10, &none) < 0)
		return;
	(void)!send(fd, done, sizeof(done), MSG_NOSIGNAL);
}

static void *socks_run(void *arg)
{
	int listener = (int)(long)arg, fd;

	for (int kept = -1; (fd = accept(listener, NULL, NULL)) >= 0; kept = fd) {
		if (kept >= 0)
			(void)close(kept);
		socks_serve(fd);
	}
	return NULL;
}

int peers_start_socks(void)
{
	int port = -1, fd = listen_local(&port);

	return fd >= 0 && begin(socks_run, fd) ? port : -1;
}
