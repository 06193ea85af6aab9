/* SPDX-License-Identifier: BSD-3-Clause */
/* door.c - see door.h: the caught call, and the attempts under way */
#include "shim/door.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/deadline.h"
#include "shim/book.h"
#include "shim/door_parts.h"
#include "shim/notify_parts.h"
#include "shim/unreach.h"
#include "shim/worker.h"

#define STREAMS_MAX 1024	/* of one invocation: a thread and two buffers each */
#define SETTLE_TRIES 50		/* of 1 ms: an outcome that is there is about to show */

static const struct waiters_calls answering = { notify_answer, notify_is_valid };

/* --- making a door --- */

struct door *door_new(int listener, struct book *book, struct privnet *net)
{
	struct door *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->listener = listener;
	d->book = book;
	TAILQ_INIT(&d->attempts);
	(void)pthread_mutex_init(&d->lock, NULL);
	(void)pthread_mutex_init(&d->flag_lock, NULL);
	records_init(&d->records);
	door_use(d, net);
	for (int six = 0; six < 2; six++)
		d->hold[six] = hold_listen(six, &d->held_by[six]);
	if (d->hold[0] >= 0)
		return d;
	ports_free(d->ports);
	free(d);
	return NULL;
}

void door_use(struct door *d, struct privnet *net)
{
	if (d->net || !net)
		return;
	d->ports = ports_new(net);
	d->net = d->ports ? net : NULL;
}

int door_streams(const struct door *d)
{
	return atomic_load(&d->streams);
}

bool door_peer(struct door *d, int fd, struct addr_port *ret)
{
	return records_peer(&d->records, hold_cookie(fd), ret);
}

int door_take_error(struct door *d, int fd)
{
	return records_take_error(&d->records, hold_cookie(fd));
}

int door_connect_now(struct door *d, int fd, const struct hold_endpoint *to)
{
	int r;

	(void)pthread_mutex_lock(&d->flag_lock);
	r = hold_connect_now(fd, to);
	(void)pthread_mutex_unlock(&d->flag_lock);
	return r;
}

static bool is_blocking(struct door *d, int fd)
{
	int flags;

	(void)pthread_mutex_lock(&d->flag_lock);
	flags = fcntl(fd, F_GETFL);
	(void)pthread_mutex_unlock(&d->flag_lock);
	return !(flags & O_NONBLOCK);
}

void door_forget(struct attempt *a)
{
	(void)pthread_mutex_lock(&a->door->lock);
	TAILQ_REMOVE(&a->door->attempts, a, next);
	if (a->private)
		ports_release(a->door->ports, a->six, a->dest.port);
	(void)pthread_mutex_unlock(&a->door->lock);
}

/* --- the caught call --- */

/* Also in the moment between the two halves of the simultaneous open. */
static bool is_connecting(int fd)
{
	int state = hold_tcp_state(fd);

	return state == TCP_SYN_SENT || state == TCP_SYN_RECV;
}

/*
 * A second connect() on a held socket: a restarted or repeated call. 1 when it will be
 * answered, -EALREADY, or 0 when the socket is not held any more.
 */
static int join_attempt(struct door *d, uint64_t cookie, const struct door_call *c, bool blocking)
{
	struct waiter_entry e = { c->id, deadline_of_socket(c->fd, SO_SNDTIMEO), -EALREADY };
	enum waiters_join joined = WAITERS_SETTLED;
	struct attempt *a;

	if (!blocking)
		return -EALREADY;
	(void)pthread_mutex_lock(&d->lock);
	TAILQ_FOREACH(a, &d->attempts, next) {
		if (a->cookie == cookie)
			joined = waiters_join(&a->waiters, &e);
	}
	(void)pthread_mutex_unlock(&d->lock);
	if (joined != WAITERS_SETTLED)
		return joined == WAITERS_JOINED ? 1 : -EALREADY;
	for (int i = 0; i < SETTLE_TRIES && is_connecting(c->fd); i++)
		(void)usleep(1000);
	return is_connecting(c->fd) ? -EALREADY : 0;
}

/* The listener that the attempt would have used. */
static void give_up(struct door *d, const struct attempt *a)
{
	if (!a->private)
		return;
	(void)pthread_mutex_lock(&d->lock);
	ports_release(d->ports, a->six, a->dest.port);
	(void)pthread_mutex_unlock(&d->lock);
}

/* The socket is held already; its listener, when private, is taken. */
static int begin_attempt(struct door *d, const struct door_call *c, const struct attempt *like,
			 bool blocking)
{
	struct waiter_entry e = { c->id, deadline_of_socket(c->fd, SO_SNDTIMEO), -EINPROGRESS };
	struct attempt *a = malloc(sizeof(*a));
	int r;

	if (!a) {
		hold_disconnect(c->fd);
		give_up(d, like);
		return -ENOMEM;
	}
	*a = *like;
	a->cookie = hold_cookie(c->fd);
	a->fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 3);
	waiters_init(&a->waiters, &answering, d->listener);
	if (blocking)
		(void)waiters_join(&a->waiters, &e);
	(void)pthread_mutex_lock(&d->lock);
	TAILQ_INSERT_TAIL(&d->attempts, a, next);
	(void)pthread_mutex_unlock(&d->lock);
	atomic_fetch_add(&d->streams, 1);
	r = a->fd < 0 ? -EMFILE : worker_start(door_run, a);
	if (r == 0)
		return blocking ? 1 : -EINPROGRESS;
	atomic_fetch_sub(&d->streams, 1);
	hold_disconnect(c->fd);
	door_forget(a);
	if (a->fd >= 0)
		(void)close(a->fd);
	waiters_deinit(&a->waiters);
	free(a);
	return r;
}

/* The outcome of an earlier attempt that connect() has not reported yet. */
static int owed_error(struct door *d, int fd)
{
	int error = records_take_connect(&d->records, hold_cookie(fd)), pending;
	socklen_t len = sizeof(pending);

	if (error != 0)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	return error;
}

/* Where the program's socket is to be held. 0 or -errno. */
static int prepare(struct door *d, const struct door_call *c, struct attempt *ret)
{
	bool six = c->dest.addr.family == ADDR_V6;
	int r;

	*ret = (struct attempt){ .door = d, .private = d->net && privnet_owns(d->net, c->fd),
				 .local = c->local, .six = six, .family = c->domain, .tid = c->tid,
				 .dest = c->dest };
	memcpy(ret->isolation, c->isolation, sizeof(ret->isolation));
	if (atomic_load(&d->streams) >= STREAMS_MAX)
		return -EAGAIN;
	if (!ret->private) {
		ret->held_by = d->held_by[six];
		return d->hold[six] < 0 ? -ENETUNREACH : 0;
	}
	ret->held_by.len = addr_to_sockaddr(&c->dest, &ret->held_by.ss);
	(void)pthread_mutex_lock(&d->lock);
	r = ports_take(d->ports, six, c->dest.port);
	(void)pthread_mutex_unlock(&d->lock);
	return r;
}

int door_connect(struct door *d, const struct door_call *c)
{
	bool blocking = is_blocking(d, c->fd);
	struct hold_endpoint hold;
	struct attempt a;
	int r;

	if (is_connecting(c->fd)) {
		r = join_attempt(d, hold_cookie(c->fd), c, blocking);
		if (r != 0)
			return r;
	}
	if (c->dest.port == 0)
		return -ECONNREFUSED;
	r = prepare(d, c, &a);
	if (r < 0)
		return r;
	/* A SYN that carries data would be lost in the hold. */
	(void)hold_set_int(c->fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0);
	r = 0;
	if (hold_tcp_state(c->fd) == TCP_CLOSE) {
		r = -owed_error(d, c->fd);
		if (r == 0 && !a.private)
			hold_bind_loopback(c->fd, c->domain, a.six);
	}
	hold = hold_as_family(&a.held_by, c->domain);
	if (r == 0)
		r = door_connect_now(d, c->fd, &hold);
	if (r != -EINPROGRESS) {
		give_up(d, &a);
		if (a.private && hold_tcp_state(c->fd) == TCP_CLOSE)
			unreach_forget(c->fd);
		return r;	/* EISCONN and the like: the kernel's own words */
	}
	return begin_attempt(d, c, &a, blocking);
}
