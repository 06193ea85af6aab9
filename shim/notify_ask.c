/* SPDX-License-Identifier: BSD-3-Clause */
/* notify_ask.c - see notify.h: what a program asks about a socket that we connected */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/confine.h"
#include "shim/door.h"
#include "shim/nameserver.h"
#include "shim/notify_parts.h"
#include "shim/serving.h"

/* IPv4 in an IPv6 socket is mapped. */
socklen_t notify_sockaddr_for(int domain, const struct addr_port *ap, struct sockaddr_storage *ret)
{
	struct addr_port as = *ap;

	if (domain == AF_INET6 && as.addr.family == ADDR_V4) {
		as.addr = (struct addr){ .family = ADDR_V6 };
		as.addr.b[10] = as.addr.b[11] = 0xff;
		memcpy(as.addr.b + 12, ap->addr.b, 4);
	}
	return addr_to_sockaddr(&as, ret);
}

/* As much as there is room for, and its full length. 0 or -errno. */
int64_t notify_write_address(pid_t tid, uint64_t at, uint64_t len_at,
			     const struct sockaddr_storage *ss, socklen_t full)
{
	socklen_t room;

	if (!notify_read_mem(tid, &room, len_at, sizeof(room)))
		return -EFAULT;
	if ((int)room < 0)
		return -EINVAL;
	if (room > full)
		room = full;
	if ((room > 0 && !notify_write_mem(tid, at, ss, room)) ||
	    !notify_write_mem(tid, len_at, &full, sizeof(full)))
		return -EFAULT;
	return 0;
}

static bool find_peer(const struct notify *n, const struct call *c, struct addr_port *ret)
{
	if (c->type == SOCK_DGRAM)
		return n->names && nameserver_peer(n->names, c->fd, ret);
	return n->door && door_peer(n->door, c->fd, ret);
}

enum verdict notify_serve_getpeername(struct notify *n, struct call *c, int64_t *ret)
{
	struct sockaddr_storage ss;
	struct addr_port dest;
	socklen_t room, full;

	if (!notify_is_inet(c) || !find_peer(n, c, &dest))
		return VERDICT_CONTINUE;
	room = sizeof(ss);
	*ret = -ENOTCONN;
	if (getpeername(c->fd, (struct sockaddr *)&ss, &room) != 0)
		return VERDICT_RESULT;
	full = notify_sockaddr_for(c->domain, &dest, &ss);
	*ret = notify_write_address(c->tid, c->args[1], c->args[2], &ss, full);
	return VERDICT_RESULT;
}

/* SO_ERROR, the only option that is caught. */
enum verdict notify_serve_getsockopt(struct notify *n, struct call *c, int64_t *ret)
{
	socklen_t room, len = sizeof(int);
	int error, pending = 0;

	if (c->type != SOCK_STREAM || !notify_is_inet(c) || !n->door)
		return VERDICT_CONTINUE;
	error = door_take_error(n->door, c->fd);
	if (error == 0)
		return VERDICT_CONTINUE;
	*ret = -EFAULT;
	if (!notify_read_mem(c->tid, &room, c->args[4], sizeof(room)))
		return VERDICT_RESULT;
	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	if (room > sizeof(error))
		room = sizeof(error);
	if ((room == 0 || notify_write_mem(c->tid, c->args[3], &error, room)) &&
	    notify_write_mem(c->tid, c->args[4], &room, sizeof(room)))
		*ret = 0;
	return VERDICT_RESULT;
}

/* --- servers --- */

/*
 * A server inside is for this machine: bound to the loopback device, it takes no
 * connection from outside, whatever address it is bound to, and what it accepts can
 * send to nowhere else. Done here, not continued: a thread may swap descriptors.
 */
enum verdict notify_serve_listen(struct notify *n, struct call *c, int64_t *ret)
{
	if (!notify_is_inet(c) || c->type != SOCK_STREAM)
		return VERDICT_CONTINUE;
	*ret = notify_bring_home(n, c);
	if (*ret < 0)
		return VERDICT_RESULT;
	if (confine_socket(c->fd) != 0)
		*ret = -EPERM;
	else
		*ret = listen(c->fd, (int)c->args[1]) == 0 ? 0 : -errno;
	if (*ret == 0 && n->serving)
		serving_note_listen(n->serving, c->fd);
	return VERDICT_RESULT;
}
