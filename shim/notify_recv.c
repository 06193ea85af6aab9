/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_recv.c - see notify.h: answers of our name server, shown as another's
 *
 * Only calls that ask for the sender's address come here, and of these only the ones
 * on sockets that have asked our name server are served; the preload library marks
 * the calls that it knows to be others (CONFIG_RECV_MARK), and they never come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/deadline.h"
#include "shim/nameserver.h"
#include "shim/notify_parts.h"
#include "shim/worker.h"

#define WAITERS_MAX 64		/* blocking receives under way */
#define WAIT_MS 200		/* a caller that was taken away by a signal is noticed this late */
#define IOV_ENTRIES_MAX 64
#define CONTROL_MAX 512

struct waiter {
	struct notify *n;
	struct call call;
	__u64 args[6];
	int64_t deadline_ms;	/* 0: none */
};

/* Where the program wants things. */
struct destination {
	struct msghdr m;	/* pointers into the program */
	struct iovec iov[IOV_ENTRIES_MAX];
	uint64_t header_at;	/* of struct msghdr; 0 for recvfrom() */
	int flags;
	size_t room;
};

static int read_destination(const struct call *c, struct destination *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (c->nr == SYS_recvfrom) {
		ret->iov[0] = (struct iovec){ (void *)(uintptr_t)c->args[1], c->args[2] };
		ret->m.msg_iovlen = 1;
		ret->flags = (int)c->args[3];
	} else {
		ret->header_at = c->args[1];
		ret->flags = (int)c->args[c->nr == SYS_recvmsg ? 2 : 3];
		if (!notify_read_mem(c->tid, &ret->m, ret->header_at, sizeof(ret->m)))
			return -EFAULT;
		if (ret->m.msg_iovlen > IOV_ENTRIES_MAX)
			return -EMSGSIZE;
		if (ret->m.msg_iovlen > 0 &&
		    !notify_read_mem(c->tid, ret->iov, (uintptr_t)ret->m.msg_iov,
				     ret->m.msg_iovlen * sizeof(ret->iov[0])))
			return -EFAULT;
	}
	for (size_t i = 0; i < ret->m.msg_iovlen; i++) {
		if (ret->iov[i].iov_len > DATAGRAM_MAX - ret->room)
			ret->iov[i].iov_len = DATAGRAM_MAX - ret->room;
		ret->room += ret->iov[i].iov_len;
	}
	return 0;
}

static bool write_data(const struct call *c, const struct destination *d, const uint8_t *data,
		       size_t len)
{
	for (size_t i = 0; i < d->m.msg_iovlen && len > 0; i++) {
		size_t n = len < d->iov[i].iov_len ? len : d->iov[i].iov_len;

		if (n > 0 && !notify_write_mem(c->tid, (uintptr_t)d->iov[i].iov_base, data, n))
			return false;
		data += n;
		len -= n;
	}
	return true;
}

/* The sender as the program may know it. 0 or -errno. */
static int64_t write_sender(const struct call *c, const struct destination *d,
			    const struct sockaddr_storage *ss, socklen_t len)
{
	uint64_t len_at = d->header_at + offsetof(struct msghdr, msg_namelen);

	if (c->nr == SYS_recvfrom)
		return notify_write_address(c->tid, c->args[4], c->args[5], ss, len);
	if (!d->m.msg_name)
		return notify_write_mem(c->tid, len_at, &(socklen_t){ 0 }, sizeof(socklen_t)) ?
			       0 : -EFAULT;
	return notify_write_address(c->tid, (uintptr_t)d->m.msg_name, len_at, ss, len);
}

static int64_t write_header(const struct call *c, const struct destination *d,
			    const struct msghdr *got, unsigned int len)
{
	size_t control = got->msg_controllen;

	if (!d->header_at)
		return 0;
	if (control > d->m.msg_controllen || !d->m.msg_control)
		control = 0;
	if ((control > 0 && !notify_write_mem(c->tid, (uintptr_t)d->m.msg_control,
					      got->msg_control, control)) ||
	    !notify_write_mem(c->tid, d->header_at + offsetof(struct msghdr, msg_controllen),
			      &control, sizeof(control)) ||
	    !notify_write_mem(c->tid, d->header_at + offsetof(struct msghdr, msg_flags),
			      &got->msg_flags, sizeof(got->msg_flags)))
		return -EFAULT;
	if (c->nr == SYS_recvmmsg &&
	    !notify_write_mem(c->tid, d->header_at + offsetof(struct mmsghdr, msg_len), &len,
			      sizeof(len)))
		return -EFAULT;
	return 0;
}

/* One receive that does not sleep: the call's result. */
static int64_t receive(const struct notify *n, const struct call *c, uint8_t *buf)
{
	struct destination d;
	struct sockaddr_storage from = { 0 };
	char control[CONTROL_MAX];
	struct iovec iov = { .iov_base = buf };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov,
			    .msg_iovlen = 1, .msg_control = control };
	struct addr_port sender;
	int64_t r = read_destination(c, &d);
	socklen_t len;
	ssize_t got;
	size_t kept;

	if (r < 0)
		return r;
	iov.iov_len = d.room;
	m.msg_controllen = d.m.msg_controllen < sizeof(control) ? d.m.msg_controllen : sizeof(control);
	got = recvmsg(c->fd, &m, (d.flags & ~MSG_WAITFORONE) | MSG_DONTWAIT);
	if (got < 0)
		return -errno;
	kept = (size_t)got < d.room ? (size_t)got : d.room;
	len = m.msg_namelen;
	if (len > 0 && nameserver_sender(n->names, c->fd, &from, buf, kept, &sender))
		len = notify_sockaddr_for(c->domain, &sender, &from);
	if (!write_data(c, &d, buf, kept))
		return -EFAULT;
	r = write_sender(c, &d, &from, len);
	if (r == 0)
		r = write_header(c, &d, &m, (unsigned int)got);
	if (r < 0)
		return r;
	return c->nr == SYS_recvmmsg ? 1 : got;
}

static int64_t wait_and_receive(const struct waiter *w, uint8_t *buf)
{
	int64_t r;

	for (;;) {
		struct pollfd p = { .fd = w->call.fd, .events = POLLIN };

		(void)poll(&p, 1, WAIT_MS);
		if (!notify_still_there(w->n, w->call.id))
			return -EINTR;
		r = p.revents ? receive(w->n, &w->call, buf) : -EAGAIN;
		if (r != -EAGAIN || (w->deadline_ms != 0 && deadline_now_ms() >= w->deadline_ms))
			return r;
	}
}

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;
	uint8_t *buf = malloc(DATAGRAM_MAX);

	w->call.args = w->args;
	notify_answer(w->n->listener, w->call.id, buf ? wait_and_receive(w, buf) : -ENOMEM);
	free(buf);
	(void)close(w->call.fd);
	atomic_fetch_sub(&w->n->threads, 1);
	free(w);
	return NULL;
}

/* Takes over @c->fd when it succeeds. 0 or -errno. */
static int start_waiter(struct notify *n, struct call *c)
{
	struct waiter *w;

	if (atomic_load(&n->threads) >= WAITERS_MAX)
		return -EAGAIN;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct waiter){ .n = n, .call = *c };
	w->deadline_ms = deadline_of_socket(c->fd, SO_RCVTIMEO);
	memcpy(w->args, c->args, sizeof(w->args));
	atomic_fetch_add(&n->threads, 1);
	if (worker_start(waiter_run, w) < 0) {
		atomic_fetch_sub(&n->threads, 1);
		free(w);
		return -EAGAIN;
	}
	c->fd = -1;
	return 0;
}

static bool may_sleep(const struct call *c)
{
	int flags = (int)c->args[c->nr == SYS_recvmsg ? 2 : 3];

	return !(flags & MSG_DONTWAIT) && !(fcntl(c->fd, F_GETFL) & O_NONBLOCK);
}

enum verdict notify_serve_recv(struct notify *n, struct call *c, int64_t *ret)
{
	if (!notify_is_inet(c) || c->type != SOCK_DGRAM || !n->names ||
	    !nameserver_knows(n->names, c->fd))
		return VERDICT_CONTINUE;
	if (c->nr == SYS_recvmmsg && (unsigned int)c->args[2] == 0) {
		*ret = 0;
		return VERDICT_RESULT;
	}
	*ret = receive(n, c, n->datagram);
	if (*ret != -EAGAIN || !may_sleep(c))
		return VERDICT_RESULT;
	*ret = start_waiter(n, c);
	return *ret == 0 ? VERDICT_LATER : VERDICT_RESULT;
}
