/* SPDX-License-Identifier: BSD-3-Clause */
/* notify_refuse.c - see notify.h: calls that are asked about only to be counted */
#include <errno.h>
#include <sys/socket.h>

#include "shim/book.h"
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

enum verdict notify_serve_setsockopt(const struct notify *n, const struct call *c, int64_t *ret)
{
	notify_refused(n, c, "binding a socket to a device or route", NULL, EPERM);
	*ret = -EPERM;
	return VERDICT_RESULT;
}

/* A stream of the preload library. */
enum verdict notify_serve_note(const struct notify *n, const struct call *c, int64_t *ret)
{
	struct book_note note;

	*ret = 0;
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
