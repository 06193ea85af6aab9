/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_recv.c - recvfrom() that wants the sender, on a socket that asked for names
 *
 * The answer came from the name server on loopback; the program must see the address
 * that it asked, or it drops the answer. Every other socket's call goes on in the
 * kernel. recvmsg() is not caught: its name is behind a pointer, and too many
 * programs that have nothing to do with names live by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/nameserver.h"
#include "shim/notify_parts.h"

#define ANSWER_MAX 4096		/* ours are shorter; others' are cut as by a short buffer */
#define SLICE_MS 500		/* how often a sleeping thread looks whether the call still stands */
#define PATIENCE_MAX_S 86400

/* A recvfrom() that waits. */
struct waiter {
	struct notify *n;
	struct call c;
	__u64 args[6];
	int patience_ms;	/* SO_RCVTIMEO; -1 for ever */
};

static int64_t receive(const struct notify *n, const struct call *c)
{
	uint8_t data[ANSWER_MAX];
	struct sockaddr_storage from;
	struct addr_port who;
	socklen_t from_len = sizeof(from);
	size_t room = c->args[2] < sizeof(data) ? (size_t)c->args[2] : sizeof(data);
	ssize_t r = recvfrom(c->fd, data, room, (int)c->args[3] | MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);

	if (r < 0)
		return -errno;
	if ((size_t)r < room)
		room = (size_t)r;	/* with MSG_TRUNC more may have come than was taken */
	if (room > 0 && !notify_write_mem(c->tid, c->args[1], data, room))
		return -EFAULT;
	if (addr_from_sockaddr((const struct sockaddr *)&from, from_len, &who) != 0)
		return r;
	if (nameserver_is(n->names, &from))
		(void)nameserver_asked(n->names, c->fd, &who);
	return notify_give_address(c, &who, c->args[4], c->args[5]) == 0 ? r : -EFAULT;
}

static bool still_wanted(const struct waiter *w)
{
	uint64_t id = w->c.id;

	return ioctl(w->n->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void *wait_and_receive(void *arg)
{
	struct waiter *w = arg;
	struct pollfd p = { .fd = w->c.fd, .events = POLLIN };
	int64_t r = -EAGAIN;

	for (int left = w->patience_ms; r == -EAGAIN && left != 0;) {
		int slice = left > 0 && left < SLICE_MS ? left : SLICE_MS;
		int ready = poll(&p, 1, slice);

		if (!still_wanted(w))
			break;
		if (ready > 0)
			r = receive(w->n, &w->c);
		else if (left > 0)
			left -= slice;
	}
	notify_answer(w->n->listener, w->c.id, r);
	(void)close(w->c.fd);
	atomic_fetch_sub(&w->n->threads, 1);
	free(w);
	return NULL;
}

static int receive_patience_ms(int fd)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) != 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return -1;
	if (tv.tv_sec >= PATIENCE_MAX_S)
		return PATIENCE_MAX_S * 1000;
	return (int)(tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000);
}

/* Takes over @c->fd when it succeeds. */
static int receive_in_thread(struct notify *n, struct call *c)
{
	struct waiter *w = atomic_load(&n->threads) < THREADS_MAX ? malloc(sizeof(*w)) : NULL;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct waiter){ .n = n, .c = *c, .patience_ms = receive_patience_ms(c->fd) };
	memcpy(w->args, c->args, sizeof(w->args));
	w->c.args = w->args;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, NOTIFY_THREAD_STACK);
	atomic_fetch_add(&n->threads, 1);
	r = pthread_create(&thread, &attr, wait_and_receive, w);
	(void)pthread_attr_destroy(&attr);
	if (r != 0) {
		atomic_fetch_sub(&n->threads, 1);
		free(w);
		return -ENOMEM;
	}
	c->fd = -1;
	return 0;
}

enum verdict notify_serve_recvfrom(struct notify *n, struct call *c, int64_t *ret)
{
	struct addr_port asked;
	bool may_sleep;

	if (!notify_is_inet(c) || c->type != SOCK_DGRAM || !n->names ||
	    !nameserver_asked(n->names, c->fd, &asked))
		return VERDICT_CONTINUE;
	may_sleep = !(fcntl(c->fd, F_GETFL) & O_NONBLOCK) && !(c->args[3] & MSG_DONTWAIT);
	*ret = receive(n, c);
	if (*ret != -EAGAIN || !may_sleep)
		return VERDICT_RESULT;
	*ret = receive_in_thread(n, c);
	return *ret == 0 ? VERDICT_LATER : VERDICT_RESULT;
}
