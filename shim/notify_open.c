/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_open.c - see notify.h: a stand-in's stream, asked for by way of the supervisor
 *
 * The preload library could connect its stand-in to the agent and send OPEN by itself. But
 * connect() and sendmsg() are both caught, and each is a way there and back. So it asks for
 * both in one call (CONFIG_OPEN_PRCTL), with a socket, an OPEN frame, and the path of
 * its agent.
 *
 * What is done here is what the native door does for everybody, no more: a stream in the
 * domain of this invocation. A program that cannot reach the agent's socket itself, in a
 * sandbox, gets no other word to the agent: the frame is judged and sent from our own copy.
 * Everything unusual has ENOTCONN for an answer, and the library then goes on by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/held.h"
#include "shim/notify_parts.h"

/* The caller's agent is ours. It may have one of its own, in an onionify inside. */
static bool is_our_agent(const struct call *c)
{
	const char *ours = config_get()->socket;
	char theirs[SOCKET_PATH_MAX];
	size_t len = strlen(ours) + 1;

	return len > 1 && notify_read_mem(c->tid, theirs, c->args[4], len) &&
	       memcmp(theirs, ours, len) == 0;
}

/* A stream of this invocation's (or of one inside), and nothing but that. */
static bool is_fit_frame(const struct notify *n, const uint8_t *frame, size_t len)
{
	const char *domain = config_get()->domain;
	struct ipc_open m;
	uint8_t type;
	size_t body;

	return ipc_header_decode(frame, IPC_REQUEST_MAX, &type, &body) == 0 && type == IPC_OPEN &&
	       body == len - IPC_HEADER_LEN && ipc_open_decode(frame + IPC_HEADER_LEN, body, &m) == 0 &&
	       (m.flags & IPC_OPEN_HELD) && m.domain.len > 0 &&
	       (n->nested || (m.domain.len == strlen(domain) &&
			      memcmp(m.domain.s, domain, m.domain.len) == 0));
}

/*
 * Made by our user: others are not the agent's, and must not find out. One that blocks
 * could keep everybody else waiting for an agent that hangs.
 */
static bool is_fit_socket(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(domain);
	struct stat st;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
	       (fcntl(fd, F_GETFL) & O_NONBLOCK) && fstat(fd, &st) == 0 && st.st_uid == geteuid();
}

/* By this call, before a signal came in between; the kernel would tell of a full queue first. */
static bool is_connected(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);

	return getpeername(fd, (struct sockaddr *)&un, &len) == 0;
}

/* 0, -ENOTCONN, or -EACCES when somebody else listens there. */
static int connect_agent(int fd)
{
	const char *path = config_get()->socket;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	memcpy(un.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0)
		return -ENOTCONN;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid() ?
		       0 : -EACCES;
}

enum verdict notify_serve_open(struct notify *n, struct call *c, int64_t *ret)
{
	uint8_t frame[HELD_FRAME_MAX];
	uint64_t len = c->args[3];

	*ret = -ENOTCONN;
	if (len <= IPC_HEADER_LEN || len > sizeof(frame) ||
	    !notify_read_mem(c->tid, frame, c->args[2], (size_t)len) || !is_our_agent(c) ||
	    !is_fit_frame(n, frame, (size_t)len))
		return VERDICT_RESULT;
	c->fd = notify_dup_from(n, c->tid, (int)c->args[1]);
	if (c->fd < 0 || !is_fit_socket(c->fd) || !notify_still_there(n, c->id))
		return VERDICT_RESULT;
	*ret = is_connected(c->fd) ? 1 : connect_agent(c->fd);
	if (*ret == 0)
		*ret = held_send(c->fd, frame, (size_t)len);
	else if (*ret > 0)
		*ret = 0;	/* what was asked for is done */
	return VERDICT_RESULT;
}
