/* SPDX-License-Identifier: BSD-3-Clause */
/* agent.c - see agent.h */
#include "shim/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "shim/config.h"
#include "shim/sys.h"

#define AGENT_ACCEPT_S 5	/* the agent's queue is full for so long: it hangs */
#define AGENT_QUERY_MS 5000	/* answered from the agent's memory */
#define AGENT_LOOKUP_MS 60000	/* a reverse lookup asks an exit */
#define AGENT_REPLY_MAX 1024	/* INFO, ADDRESSES and NAME are far smaller */

/* A close that a signal cannot disturb: Linux frees the descriptor first. */
static void close_fd(int fd)
{
	(void)sys_call1(SYS_close, fd);
}

static int bind_stand_in(int fd, uint64_t handle, uint8_t family)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	ipc_stand_in_name(un.sun_path, handle, family);
	return (int)sys_call3(SYS_bind, fd, &un,
			      CONFIG_MARKED(offsetof(struct sockaddr_un, sun_path) +
					    IPC_STAND_IN_NAME_LEN));
}

static int connect_path(int fd, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = AGENT_ACCEPT_S };
	long r;

	if (path[0] == '\0')
		return -ENETUNREACH;
	memcpy(un.sun_path, path, strlen(path) + 1);
	(void)sys_call5(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	do {
		r = sys_call3(SYS_connect, fd, &un, sizeof(un));
	} while (r == -EINTR);
	return r == -EACCES ? AGENT_OF_ANOTHER_USER : r < 0 ? -ENETUNREACH : 0;
}

/* Whoever else listens there is not our agent. */
static bool is_own_agent(int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	return sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (long)cred.uid == sys_call0(SYS_geteuid);
}

int agent_stand_in(uint64_t handle, uint8_t family)
{
	int fd = (int)sys_call3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? fd : bind_stand_in(fd, handle, family);

	if (r == 0)
		return fd;
	if (fd >= 0)
		close_fd(fd);
	return r;
}

int agent_dial(int fd)
{
	struct timeval forever = { 0 };
	int r;

	(void)sys_call3(SYS_fcntl, fd, F_SETFL, O_RDWR);
	r = connect_path(fd, config_get()->socket);
	if (r == 0 && !is_own_agent(fd))
		r = AGENT_OF_ANOTHER_USER;
	if (r == 0)
		(void)sys_call5(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever));
	return r;
}

int agent_connect(void)
{
	int fd = (int)sys_call3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? fd : agent_dial(fd);

	if (r == 0)
		return fd;
	if (fd >= 0)
		close_fd(fd);
	return r;
}

static int64_t now_ms(void)
{
	struct timespec ts = { 0 };

	(void)sys_call2(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits for something to read until @deadline; signals do not shorten it. */
static int wait_readable(int fd, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		struct timespec ts = { left / 1000, left % 1000 * 1000000 };
		long r;

		if (left <= 0)
			return -ETIMEDOUT;
		r = sys_call5(SYS_ppoll, &p, 1, &ts, NULL, 0);
		if (r > 0)
			return 0;
		if (r < 0 && r != -EINTR)
			return (int)r;
	}
}

static int recv_exactly(int fd, uint8_t *buf, size_t len, int64_t deadline)
{
	size_t got = 0;

	while (got < len) {
		long n = wait_readable(fd, deadline);

		if (n == 0)
			n = sys_call6(SYS_recvfrom, fd, buf + got, len - got, MSG_DONTWAIT, NULL, NULL);
		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			return n == 0 ? -EPROTO : (int)n;
		got += (size_t)n;
	}
	return 0;
}

/* Sends @frame on a new connection. Its descriptor, or -errno. */
static int agent_send(const uint8_t *frame, ssize_t frame_len)
{
	int fd = frame_len < 0 ? (int)frame_len : agent_connect();

	if (fd < 0)
		return fd;
	/* A request fits an empty socket buffer: it goes out whole or not at all. */
	if (sys_call6(SYS_sendto, fd, frame, frame_len, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0) ==
	    frame_len)
		return fd;
	close_fd(fd);
	return -EPIPE;
}

/* Takes one reply of type @want into @body, and closes. Its length, or -errno. */
static int agent_hear(int fd, uint8_t want, int patience_ms, uint8_t body[AGENT_REPLY_MAX])
{
	uint8_t head[IPC_HEADER_LEN], type = 0;
	int64_t deadline = now_ms() + patience_ms;
	size_t len = 0;
	int r;

	if (fd < 0)
		return fd;
	r = recv_exactly(fd, head, sizeof(head), deadline);
	if (r == 0)
		r = ipc_header_decode(head, AGENT_REPLY_MAX, &type, &len);
	if (r == 0 && type != want)
		r = -EPROTO;
	if (r == 0)
		r = recv_exactly(fd, body, len, deadline);
	close_fd(fd);
	return r < 0 ? r : (int)len;
}

static int agent_ask(const uint8_t *frame, ssize_t frame_len, uint8_t want, int patience_ms,
		     uint8_t body[AGENT_REPLY_MAX])
{
	return agent_hear(agent_send(frame, frame_len), want, patience_ms, body);
}

int agent_query(uint64_t handle, struct ipc_info *ret)
{
	uint8_t frame[IPC_HEADER_LEN + 8], body[AGENT_REPLY_MAX];
	struct ipc_query m = { .handle = handle };
	int len = agent_ask(frame, ipc_query_encode(frame, sizeof(frame), &m), IPC_INFO,
			    AGENT_QUERY_MS, body);

	return len < 0 ? len : ipc_info_decode(body, (size_t)len, ret);
}

static struct ipc_str domain_str(void)
{
	const struct config *c = config_get();

	return (struct ipc_str){ c->domain, strlen(c->domain) };
}

static int send_resolve(const char *name, size_t len)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_resolve m = { .domain = domain_str(), .name = { name, len } };

	return agent_send(frame, ipc_resolve_encode(frame, sizeof(frame), &m));
}

static int hear_addresses(int fd, int patience_ms, struct ipc_addresses *ret)
{
	uint8_t body[AGENT_REPLY_MAX];
	struct ipc_addresses got;
	int n = agent_hear(fd, IPC_ADDRESSES, patience_ms, body);
	int r = n < 0 ? n : ipc_addresses_decode(body, (size_t)n, &got);

	if (r < 0)
		return r;
	if (got.lookup == IPC_LOOKUP_OK)
		*ret = got;
	return got.lookup;
}

int agent_resolve(const char *name, size_t len, struct ipc_addresses *ret)
{
	int fd = send_resolve(name, len);

	if (fd == AGENT_OF_ANOTHER_USER && config_get()->supervised)
		return agent_resolve_supervised(name, len, ret);
	return hear_addresses(fd, AGENT_LOOKUP_MS, ret);
}

int agent_own_address_ask(void)
{
	return send_resolve(IPC_NAME_AGENT, strlen(IPC_NAME_AGENT));
}

int agent_own_address(int asked, struct ipc_addresses *ret)
{
	int r = hear_addresses(asked, AGENT_QUERY_MS, ret);

	return r >= 0 || r == -ETIMEDOUT ? r :
	       hear_addresses(agent_own_address_ask(), AGENT_QUERY_MS, ret);
}

int agent_reverse(const struct addr *addr, struct agent_name *ret)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX], body[AGENT_REPLY_MAX];
	struct ipc_reverse m = { .domain = domain_str(), .addr = *addr };
	struct ipc_name got;
	int n = agent_ask(frame, ipc_reverse_encode(frame, sizeof(frame), &m), IPC_NAME,
			  AGENT_LOOKUP_MS, body);
	int r = n < 0 ? n : ipc_name_decode(body, (size_t)n, &got);

	if (r < 0)
		return r;
	if (got.lookup != IPC_LOOKUP_OK)
		return got.lookup;
	if (got.name.len == 0)
		return IPC_LOOKUP_NONAME;
	memcpy(ret->text, got.name.s, got.name.len);
	ret->text[got.name.len] = '\0';
	return 0;
}
