/* SPDX-License-Identifier: BSD-3-Clause */
/* door_run.c - see door.h: one stream, in its thread */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/deadline.h"
#include "shim/agent.h"
#include "shim/book.h"
#include "shim/config.h"
#include "shim/door_parts.h"
#include "shim/notify_parts.h"
#include "shim/policy.h"
#include "shim/relay.h"
#include "shim/unreach.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

#define COMPLETE_TRIES 50	/* a simultaneous open takes 40 us; each try may wait 1 ms */
#define PAIR_TRIES 15		/* 100 ms each: loopback frees used pairs of ports after a second */
#define JOIN_MS 200		/* a caller that joins with a timeout is noticed this late */
#define AGENT_PATIENCE_MS 600000	/* the agent has timeouts of its own, far below */

/*
 * Questions for a name server go to the agent's own, whichever was meant: an exit would
 * give out addresses that are of no use in here.
 */
static int find_target(const struct attempt *a, struct addr_port *ret)
{
	struct ipc_addresses agent = { 0 };

	*ret = a->dest;
	if (a->dest.port != POLICY_DNS_PORT)
		return 0;
	if (agent_own_address(agent_own_address_ask(), &agent) != 0 || agent.v4.family != ADDR_V4)
		return -ECONNREFUSED;
	ret->addr = agent.v4;
	return 0;
}

static int send_open(const struct attempt *a, int fd)
{
	const struct config *c = config_get();
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	char program[IPC_PROGRAM_MAX + 1];
	struct ipc_open open = {
		.app_family = a->family == AF_INET6 ? ADDR_V6 : ADDR_V4,
		.pid = (uint32_t)a->tid,
	};
	const char *domain = a->isolation[0] ? a->isolation : c->domain;
	int r = find_target(a, &open.dest);
	ssize_t n;

	if (r < 0)
		return r;
	open.domain = (struct ipc_str){ domain, strlen(domain) };
	notify_read_program(a->tid, program);
	open.program = (struct ipc_str){ program, strlen(program) };
	if (getrandom(&open.handle, sizeof(open.handle), 0) != (ssize_t)sizeof(open.handle))
		return -ENETUNREACH;
	n = ipc_open_encode(frame, sizeof(frame), &open);
	if (n < 0)
		return -ECONNREFUSED;
	return send(fd, frame, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -ENETUNREACH;
}

static int await_result(struct attempt *a, int fd)
{
	uint8_t frame[IPC_RESULT_LEN], type;
	int64_t deadline = deadline_now_ms() + AGENT_PATIENCE_MS;
	uint32_t error = 0;
	size_t got = 0, len;

	while (got < sizeof(frame)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		waiters_release_late(&a->waiters, deadline_now_ms());
		if (deadline_now_ms() >= deadline)
			return -ETIMEDOUT;
		if (poll(&p, 1, JOIN_MS) <= 0)
			continue;
		n = recv(fd, frame + got, sizeof(frame) - got, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return -ENETUNREACH;
		got += n > 0 ? (size_t)n : 0;
	}
	if (ipc_header_decode(frame, sizeof(frame), &type, &len) < 0 || type != IPC_RESULT ||
	    len != sizeof(frame) - IPC_HEADER_LEN ||
	    ipc_result_decode(frame + IPC_HEADER_LEN, len, &error) < 0)
		return -ENETUNREACH;
	return error < 4096 ? -(int)error : -ECONNREFUSED;
}

/* A stream to this machine's own loopback, of which the private namespace has none. */
static int connect_local(const struct addr_port *dest)
{
	int fd = socket(dest->addr.family == ADDR_V6 ? AF_INET6 : AF_INET,
			SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(dest, &ss);
	int r;

	if (fd < 0)
		return -errno;
	(void)hold_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (struct sockaddr *)&ss, len) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

/* Bytes of the other side come from this descriptor once it is open; -errno else. */
static int open_far(struct attempt *a)
{
	int fd, r;

	if (a->local)
		return connect_local(&a->dest);
	fd = agent_connect();
	if (fd < 0)
		return fd == AGENT_OF_ANOTHER_USER ? -ENETUNREACH : fd;
	r = send_open(a, fd);
	if (r == 0)
		r = await_result(a, fd);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

/* A socket that is named as what the program's is connecting to. */
static int other_half(const struct attempt *a)
{
	int family = a->six ? AF_INET6 : AF_INET, r;
	struct timeval patience = { .tv_sec = 2 };
	int fd = a->private ? privnet_socket(a->door->net, family, SOCK_STREAM, 0) :
			      socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return a->private ? fd : -errno;
	/* Any address is local there, but IPv6 binds only to what an interface has. */
	if (a->private && a->six)
		(void)hold_set_int(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	(void)hold_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (bind(fd, (const struct sockaddr *)&a->held_by.ss, a->held_by.len) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

/* The simultaneous open. The other half's descriptor or -errno. */
static int complete(const struct attempt *a)
{
	struct hold_endpoint to = { .len = sizeof(to.ss) };
	struct addr_port ap;
	int fd, r = -1;

	if (getsockname(a->fd, (struct sockaddr *)&to.ss, &to.len) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&to.ss, to.len, &ap) != 0)
		return -ECONNABORTED;
	ap.addr = addr_unmap_v4(&ap.addr);
	to.len = addr_to_sockaddr(&ap, &to.ss);
	fd = other_half(a);
	if (fd < 0)
		return fd;
	/* The pair of ports may still be that of a stream that has just ended. */
	for (int i = 0; r != 0 && i < PAIR_TRIES && hold_tcp_state(a->fd) == TCP_SYN_SENT; i++) {
		if (i > 0)
			(void)usleep(100000);
		r = connect(fd, (struct sockaddr *)&to.ss, to.len);
		if (r != 0 && errno != EADDRNOTAVAIL && errno != EADDRINUSE)
			break;
	}
	for (int i = 0; r == 0 && hold_tcp_state(a->fd) != TCP_ESTABLISHED && i < COMPLETE_TRIES; i++)
		(void)usleep(1000);
	if (r == 0)
		return fd;
	(void)close(fd);
	return -ECONNABORTED;
}

/*
 * A blocking caller is told the reason; others find it in SO_ERROR. In the private
 * namespace the socket fails by itself; elsewhere it is disconnected, which leaves
 * ECONNRESET in it and wakes whoever polls it, and the reason is remembered.
 */
static void refuse(struct attempt *a, int error)
{
	struct hold_endpoint hold = hold_as_family(&a->held_by, a->family);
	bool awaited = waiters_any_or_settle(&a->waiters);
	int pending;
	socklen_t len = sizeof(pending);

	if (a->private && unreach_tell(a->door->net, a->fd, &a->dest, -error) == 0) {
		/* connect() reports a failure once: the caller has it then. */
		if (awaited) {
			(void)door_connect_now(a->door, a->fd, &hold);
			unreach_forget(a->fd);
		}
	} else {
		if (!awaited)
			records_add(&a->door->records, a->cookie, &a->dest, -error);
		hold_disconnect(a->fd);
		if (awaited)
			(void)getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	}
	waiters_settle(&a->waiters, error);
}

/* connect() reports its outcome once: a blocking caller has had it then. */
static void accept_caller(struct attempt *a)
{
	struct hold_endpoint hold = hold_as_family(&a->held_by, a->family);

	if (!a->private)
		records_add(&a->door->records, a->cookie, &a->dest, 0);
	if (waiters_any_or_settle(&a->waiters))
		(void)door_connect_now(a->door, a->fd, &hold);
	waiters_settle(&a->waiters, 0);
}

static void end_attempt(struct attempt *a)
{
	door_forget(a);
	(void)close(a->fd);
	waiters_deinit(&a->waiters);
	free(a);
}

void *door_run(void *arg)
{
	struct attempt *a = arg;
	struct door *door = a->door;
	int far = open_far(a), mine = -1, r = far < 0 ? far : 0;

	if (r == 0) {
		mine = complete(a);
		r = mine < 0 ? mine : 0;
	}
	if (r == 0)
		accept_caller(a);
	else
		refuse(a, r);
	if (!a->local)
		book_add_stream(door->book, &a->dest, r);
	end_attempt(a);
	if (r == 0)
		relay_run(mine, far);
	if (mine >= 0)
		(void)close(mine);
	if (far >= 0)
		(void)close(far);
	atomic_fetch_sub(&door->streams, 1);
	return NULL;
}
