/* SPDX-License-Identifier: BSD-3-Clause */
/* notify_refuse.c - see notify.h: calls that are asked about only to be counted */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "shim/book.h"
#include "shim/config.h"
#include "shim/notify_parts.h"
#include "shim/policy.h"

/* For the report; the caller returns @error. */
void notify_refused(const struct notify *n, const struct call *c, const char *what,
		    const struct addr_port *dest, int error)
{
	char program[IPC_PROGRAM_MAX + 1];

	notify_read_program(c->tid, program);
	book_add_refusal(n->book, program, what, dest, error);
}

enum verdict notify_serve_socket(struct notify *n, const struct call *c, int64_t *ret)
{
	int domain = (int)c->args[0], type = (int)c->args[1];
	int error = policy_for_socket(domain, type, (int)c->args[2]);

	if (error == 0)
		return notify_serve_new_socket(n, c, ret);
	if (domain == AF_PACKET)
		notify_refused(n, c, "packet socket", NULL, error);
	else if (domain == AF_INET || domain == AF_INET6)
		notify_refused(n, c, (type & 0xf) == SOCK_RAW ? "raw socket" : "socket of a protocol "
			       "other than TCP and UDP", NULL, error);
	else
		notify_refused(n, c, "socket of an unknown family", NULL, error);
	*ret = -error;
	return VERDICT_RESULT;
}

static bool is_join(int level, int name)
{
	if (level == IPPROTO_IP && (name == IP_ADD_MEMBERSHIP || name == IP_ADD_SOURCE_MEMBERSHIP ||
				    name == IP_MSFILTER))
		return true;
	if (level == IPPROTO_IPV6 && (name == IPV6_JOIN_GROUP || name == IPV6_JOIN_ANYCAST))
		return true;
	return level != SOL_SOCKET && (name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP ||
				       name == MCAST_MSFILTER);
}

enum verdict notify_serve_setsockopt(const struct notify *n, const struct call *c, int64_t *ret)
{
	bool join = is_join((int)c->args[1], (int)c->args[2]);
	int error = join ? ENODEV : EPERM;

	notify_refused(n, c, join ? "joining a multicast group" :
				    "binding a socket to a device or route", NULL, error);
	*ret = -error;
	return VERDICT_RESULT;
}

/* A stream of the preload library, or a command inside with a domain of its own. */
enum verdict notify_serve_note(struct notify *n, const struct call *c, int64_t *ret)
{
	struct book_note note;

	*ret = 0;
	if ((int)c->args[0] == CONFIG_NESTED_PRCTL) {
		n->nested = true;
		return VERDICT_RESULT;
	}
	if (notify_read_mem(c->tid, &note, c->args[1], sizeof(note)) && note.dest.addr.family <= ADDR_V6)
		book_add_stream(n->book, &note.dest, note.result);
	return VERDICT_RESULT;
}

enum verdict notify_serve_foreign(const struct notify *n, const struct call *c, int64_t *ret)
{
	notify_refused(n, c, "network of a 32-bit program", NULL, ENOSYS);
	*ret = -ENOSYS;
	return VERDICT_RESULT;
}
