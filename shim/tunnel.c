/* SPDX-License-Identifier: BSD-3-Clause */
/* tunnel.c - see tunnel.h */
#include "shim/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "shim/agent.h"
#include "shim/book.h"
#include "shim/config.h"
#include "shim/epoll_table.h"
#include "shim/held.h"
#include "shim/options.h"
#include "shim/owned.h"
#include "shim/sys.h"

#define STREAM_BUFFER 106496	/* doubled by the kernel: its default */
#define HANDLE_TRIES 4		/* a random 64-bit handle in use already is a bug elsewhere */

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)sys_call1(SYS_close, fd);
}

static long get_opt(int fd, int level, int name, void *value, socklen_t len)
{
	return sys_call5(SYS_getsockopt, fd, level, name, value, &len);
}

static long set_opt(int fd, int level, int name, const void *value, socklen_t len)
{
	return sys_call5(SYS_setsockopt, fd, level, name, value, len);
}

bool stand_in_of(int fd, struct stand_in *ret)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);

	if (sys_call3(SYS_getsockname, fd, &un, &len) != 0 || un.sun_family != AF_UNIX ||
	    len <= offsetof(struct sockaddr_un, sun_path) || len > sizeof(un))
		return false;
	return ipc_stand_in_parse(un.sun_path, len - offsetof(struct sockaddr_un, sun_path),
				  &ret->handle, &ret->family);
}

/* --- asking for a stream --- */

/* Connects @s and sends OPEN: by way of the supervisor, or by itself. 0 or -errno. */
static int connect_and_send(int s, const struct ipc_open *open)
{
	const struct config *c = config_get();
	uint8_t frame[HELD_FRAME_MAX];
	ssize_t len = ipc_open_encode(frame, sizeof(frame), open);
	long r = -ENOTCONN;

	if (len < 0)
		return (int)len;
	while (c->supervised &&
	       (r = sys_call5(SYS_prctl, CONFIG_OPEN_PRCTL, s, frame, len, c->socket)) == -EINTR)
		;
	/* EINVAL is the kernel's own: a supervisor that does not know this. */
	if (r == -ENOTCONN || r == -EINVAL) {
		r = agent_dial(s);
		return r == 0 ? held_send(s, frame, (size_t)len) : (int)r;
	}
	return r == -EACCES ? AGENT_OF_ANOTHER_USER : r < 0 ? -ENETUNREACH : 0;
}

/*
 * Makes the socket full. The agent gives the buffer its size back when the stream
 * opens; should that have happened already, which takes a preempted thread and a
 * very near relay, the size is no longer the one set here and must stay.
 */
static int shrink_buffer(int s, int mine)
{
	int smallest = 0, now = 0;
	long r = get_opt(s, SOL_SOCKET, SO_SNDBUF, &now, sizeof(now));

	if (r == 0 && now == mine)
		r = set_opt(s, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
	return (int)r;
}

static int new_stand_in(uint8_t family, uint64_t *ret_handle)
{
	int r = -EADDRINUSE;

	for (int i = 0; i < HANDLE_TRIES && r == -EADDRINUSE; i++) {
		if (sys_call3(SYS_getrandom, ret_handle, sizeof(*ret_handle), 0) !=
		    (long)sizeof(*ret_handle))
			return -ENETUNREACH;
		r = agent_stand_in(*ret_handle, family);
	}
	return r;
}

/* A full socket whose stream the agent is opening. */
static int open_held(uint8_t family, const struct addr_port *dest, uint64_t *ret_handle)
{
	const struct config *c = config_get();
	struct ipc_open open = {
		.flags = IPC_OPEN_HELD | (c->optimistic ? IPC_OPEN_OPTIMISTIC : 0),
		.app_family = family,
		.pid = (uint32_t)sys_call0(SYS_getpid),
		.dest = *dest,
		.domain = { c->domain, strlen(c->domain) },
		.program = { c->program, strlen(c->program) },
	};
	int size = HELD_SEND_BUFFER, s, r;

	if (dest->port == 0)
		return -ECONNREFUSED;
	s = new_stand_in(family, &open.handle);
	if (s < 0)
		return s;
	(void)set_opt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	r = (int)get_opt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (r == 0)
		r = connect_and_send(s, &open);
	if (r == 0)
		r = shrink_buffer(s, size);
	if (r < 0) {
		close_fd(s);
		return r;
	}
	*ret_handle = open.handle;
	return s;
}

/* --- swapping --- */

static int replace(int fd, int with, bool cloexec)
{
	struct epoll_move move;
	long r;

	epoll_table_take(fd, &move);
	do {
		r = sys_call3(SYS_dup3, with, fd, cloexec ? O_CLOEXEC : 0);
	} while (r == -EINTR || r == -EBUSY);
	epoll_table_give(fd, &move);
	return r < 0 ? (int)r : 0;
}

static bool has_cloexec(int fd)
{
	return (sys_call2(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC) != 0;
}

/* Who gets SIGIO. */
static void copy_async(int from, int to)
{
	struct f_owner_ex owner;
	long sig = sys_call2(SYS_fcntl, from, F_GETSIG);

	if (sys_call3(SYS_fcntl, from, F_GETOWN_EX, &owner) == 0)
		(void)sys_call3(SYS_fcntl, to, F_SETOWN_EX, &owner);
	if (sig > 0)
		(void)sys_call3(SYS_fcntl, to, F_SETSIG, sig);
}

/* Options that a program may have set before connect() and relies on afterwards. */
static void copy_options(int from, int to)
{
	static const int timeouts[] = { SO_RCVTIMEO, SO_SNDTIMEO };
	static const int flags_kept[] = { SO_KEEPALIVE, SO_REUSEADDR, SO_OOBINLINE, SO_BROADCAST,
					  SO_DONTROUTE };
	struct linger linger;
	int lowat = 1, v;

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		struct timeval tv = { 0 };

		if (get_opt(from, SOL_SOCKET, timeouts[i], &tv, sizeof(tv)) == 0)
			(void)set_opt(to, SOL_SOCKET, timeouts[i], &tv, sizeof(tv));
	}
	if (get_opt(from, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)) == 0 && lowat > 1)
		(void)set_opt(to, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
	for (size_t i = 0; i < sizeof(flags_kept) / sizeof(flags_kept[0]); i++) {
		if (get_opt(from, SOL_SOCKET, flags_kept[i], &v, sizeof(v)) == 0 && v != 0)
			(void)set_opt(to, SOL_SOCKET, flags_kept[i], &v, sizeof(v));
	}
	if (get_opt(from, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0 && linger.l_onoff)
		(void)set_opt(to, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (get_opt(from, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v)) == 0) {
		v /= 2;	/* the kernel doubles what it is told */
		(void)set_opt(to, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v));
	}
}

static void copy_flags(int from, int to, long flags)
{
	if (flags & O_ASYNC)
		copy_async(from, to);
	(void)sys_call3(SYS_fcntl, to, F_SETFL, flags);
}

int tunnel_dissolve(int fd, const struct stand_in *si)
{
	int family = si->family == ADDR_V6 ? AF_INET6 : AF_INET, r;
	int s = (int)sys_call3(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC,
			       config_mark_socket(family, 0));

	if (s < 0)
		return s;
	copy_options(fd, s);
	copy_flags(fd, s, sys_call2(SYS_fcntl, fd, F_GETFL));
	r = replace(fd, s, has_cloexec(fd));
	close_fd(s);
	if (r == 0)
		owned_note(fd);
	return r;
}

/* --- waiting --- */

/*
 * poll() never restarts after a handler, but connect() does for handlers installed
 * with SA_RESTART. Which handler ran is not told; when all are of one kind the
 * answer is exact, else the program gets the EINTR it must be ready for anyway.
 */
static bool handlers_restart(void)
{
	struct {
		uintptr_t handler;
		unsigned long flags;
		unsigned long rest[16];
	} sa;

	for (int sig = 1; sig < 65; sig++) {
		memset(&sa, 0, sizeof(sa));
		if (sys_call4(SYS_rt_sigaction, sig, NULL, &sa, 8) != 0)
			continue;
		if (sa.handler > (uintptr_t)SIG_IGN && !(sa.flags & SA_RESTART))
			return false;
	}
	return true;
}

static short poll_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct timespec zero = { 0 };

	return sys_call5(SYS_ppoll, &p, 1, &zero, NULL, 0) > 0 ? p.revents : 0;
}

/* For the report, when one is wanted. */
static void note_stream(const struct addr_port *dest, int result)
{
	struct book_note note;

	if (!config_get()->report)
		return;
	memset(&note, 0, sizeof(note));
	note.dest = *dest;
	note.result = result;
	(void)sys_call2(SYS_prctl, CONFIG_NOTE_PRCTL, &note);
}

/* The errno of a stream whose socket reports an error. */
static int failure_of(uint64_t handle, int seen)
{
	struct ipc_info info;

	if (agent_query(handle, &info) < 0)
		return ENETUNREACH;
	if (info.state == IPC_STREAM_FAILED && info.error > 0 && info.error < 4096) {
		if (info.peer.addr.family != ADDR_NONE)
			note_stream(&info.peer, -(int)info.error);
		return (int)info.error;
	}
	return seen;
}

/*
 * A stream that opened within the moment before shrink_buffer() keeps the small buffer:
 * it works, at a fraction of the speed. Every connect() looks at it once more.
 */
static void repair_buffer(int s)
{
	int size = 0;

	if (get_opt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0 && size < HELD_SEND_BUFFER) {
		size = STREAM_BUFFER;
		(void)set_opt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
}

int tunnel_take_error(int fd, const struct stand_in *si)
{
	int e = 0;

	if (get_opt(fd, SOL_SOCKET, SO_ERROR, &e, sizeof(e)) != 0)
		return 0;
	if (e == 0) {
		if (poll_now(fd) == POLLOUT)
			repair_buffer(fd);
		return 0;
	}
	return failure_of(si->handle, e);
}

enum tunnel_state tunnel_state(int fd, const struct stand_in *si, int *ret_error)
{
	short ev = poll_now(fd);
	struct ipc_info info;
	int pending = 0;

	if (ev == 0)
		return TUNNEL_PENDING;
	if (!(ev & (POLLERR | POLLHUP)))
		return TUNNEL_OPEN;
	if (agent_query(si->handle, &info) < 0)
		info = (struct ipc_info){ .state = IPC_STREAM_FAILED, .error = ENETUNREACH };
	if (info.state != IPC_STREAM_FAILED)
		return TUNNEL_OPEN;	/* opened, and has ended since */
	(void)get_opt(fd, SOL_SOCKET, SO_ERROR, &pending, sizeof(pending));
	*ret_error = info.error > 0 && info.error < 4096 ? (int)info.error : ECONNREFUSED;
	return pending != 0 ? TUNNEL_FAILED : TUNNEL_FAILED_SEEN;
}

/* The note lives in the socket itself: a priority means nothing to a Unix socket. */
bool tunnel_tell(int fd)
{
	int told = 1, before = 0;

	(void)get_opt(fd, SOL_SOCKET, SO_PRIORITY, &before, sizeof(before));
	(void)set_opt(fd, SOL_SOCKET, SO_PRIORITY, &told, sizeof(told));
	return before != told;
}

/*
 * As ppoll(): the C library's, in which a thread can be cancelled. It does not tell how
 * much of @timeout remains, but nobody asks: a wait with one ends with the first signal.
 */
static long sleep_for(struct pollfd *p, const struct timespec *timeout)
{
	int saved = errno;
	long r = ppoll(p, 1, timeout, NULL);

	r = r < 0 ? -errno : r;
	errno = saved;
	return r;
}

/* Until @s is open: 0, or -errno as connect() gives it. */
static int wait_open(int s, uint64_t handle)
{
	struct timeval tv = { 0 };
	struct timespec left, *timeout = NULL;
	struct stand_in si = { .handle = handle };
	int error = 0, told = 1;
	short ev;

	(void)get_opt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (tv.tv_sec > 0 || tv.tv_usec > 0) {
		left = (struct timespec){ tv.tv_sec, tv.tv_usec * 1000 };
		timeout = &left;
	}
	for (;;) {
		struct pollfd p = { .fd = s, .events = POLLOUT };
		long r = sleep_for(&p, timeout);

		if (r == 0)
			return -EINPROGRESS;
		ev = p.revents;
		if (r > 0)
			break;
		if (r != -EINTR || timeout || !handlers_restart())
			return (int)r;
	}
	(void)set_opt(s, SOL_SOCKET, SO_PRIORITY, &told, sizeof(told));
	switch (ev == POLLOUT ? TUNNEL_OPEN : tunnel_state(s, &si, &error)) {
	case TUNNEL_FAILED:
	case TUNNEL_FAILED_SEEN:	/* another thread took the error */
		return -error;
	case TUNNEL_OPEN:
		repair_buffer(s);
		break;
	case TUNNEL_PENDING:
		break;
	}
	return 0;
}

int tunnel_wait(int fd, const struct stand_in *si)
{
	return wait_open(fd, si->handle);
}

/* Descriptors of a connect() that waits, closed also when its thread is cancelled. */
struct held_fds {
	int stream;
	int old;	/* the program's own socket */
};

static void close_held(void *arg)
{
	const struct held_fds *h = arg;

	close_fd(h->old);
	close_fd(h->stream);
}

/* Takes over @s. */
static int connect_blocking(int fd, int s, uint64_t handle)
{
	struct held_fds h = { s, (int)sys_call3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0) };
	bool cloexec = has_cloexec(fd);
	int r = replace(fd, s, cloexec);

	pthread_cleanup_push(close_held, &h);
	if (r == 0)
		r = wait_open(s, handle);
	if (r < 0 && r != -EINPROGRESS && r != -EINTR && h.old >= 0)
		(void)replace(fd, h.old, cloexec);
	pthread_cleanup_pop(1);
	return r;
}

int tunnel_connect(int fd, uint8_t family, const struct addr_port *dest)
{
	uint64_t handle = 0;
	long flags = sys_call2(SYS_fcntl, fd, F_GETFL);
	int s, r;

	if (flags < 0)
		return (int)flags;
	s = open_held(family, dest, &handle);
	if (s < 0) {
		if (s != AGENT_OF_ANOTHER_USER && s != -EMFILE)	/* the native door will tell */
			note_stream(dest, s);
		return s;
	}
	/* Most sockets are as they were made; asking forty times would double the cost. */
	if (!owned_is_untouched(fd)) {
		copy_options(fd, s);
		options_keep(handle, fd);
	}
	copy_flags(fd, s, flags);
	if (flags & O_NONBLOCK) {
		r = replace(fd, s, has_cloexec(fd));
		r = r == 0 ? -EINPROGRESS : r;
		close_fd(s);
	} else {
		r = connect_blocking(fd, s, handle);
	}
	note_stream(dest, r);
	return r;
}
