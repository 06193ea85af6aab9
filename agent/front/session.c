/* SPDX-License-Identifier: BSD-3-Clause */
/* session.c - see session.h */
#include "agent/front/session.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/acceptor.h"
#include "agent/front/outbuf.h"
#include "common/log.h"
#include "common/secret.h"

enum session_state {
	SESSION_HEAD,	/* reading the frame's header */
	SESSION_BODY,
	SESSION_ASKED,	/* the handler has it; more from the other side is an error */
	SESSION_ENDING,	/* writing the rest, then closing */
	SESSION_CLOSED,
};

struct session {
	struct session_set *set;
	enum session_state state;
	int fd;
	int passed_fd;
	pid_t pid;
	bool patient;
	uint8_t type;
	size_t body_len;
	size_t have;	/* of the header, or of the body */
	struct outbuf out;
	void (*gone)(void *user);
	void *user;
	ev_io reader;
	ev_io writer;
	ev_timer timer;
	struct loop_task free_task;
	TAILQ_ENTRY(session) entry;
	uint8_t buf[IPC_HEADER_LEN + IPC_REQUEST_MAX];
};
TAILQ_HEAD(session_list, session);

struct session_set {
	struct loop *loop;
	const struct session_ops *ops;
	void *ctx;
	struct acceptor acceptor;
	struct session_list sessions;
	size_t n;
	struct session_counts counts;
};

static void free_session(struct loop_task *task)
{
	struct session *s = (struct session *)((char *)task - offsetof(struct session, free_task));

	/* Keys are in some commands and answers. */
	outbuf_deinit(&s->out);
	secret_wipe(s->buf, sizeof(s->buf));
	free(s);
}

/* Off the loop and off the books. The descriptors are closed unless taken (-1). */
static void retire(struct session *s)
{
	struct session_set *set = s->set;

	assert(s->state != SESSION_CLOSED);
	s->state = SESSION_CLOSED;
	ev_io_stop(set->loop->ev, &s->reader);
	ev_io_stop(set->loop->ev, &s->writer);
	ev_timer_stop(set->loop->ev, &s->timer);
	if (s->fd >= 0)
		close(s->fd);
	if (s->passed_fd >= 0)
		close(s->passed_fd);
	s->fd = -1;
	s->passed_fd = -1;
	TAILQ_REMOVE(&set->sessions, s, entry);
	set->n--;
	s->free_task.run = free_session;
	loop_defer(set->loop, LOOP_FREE, &s->free_task);
}

/* The other side left or misbehaved. */
static void drop(struct session *s)
{
	void (*gone)(void *user) = s->state == SESSION_ASKED ? s->gone : NULL;

	retire(s);
	if (gone)
		gone(s->user);
}

static void drop_malformed(struct session *s)
{
	s->set->counts.malformed++;
	log_warn_limited("session: malformed request from process %ld", (long)s->pid);
	drop(s);
}

/*
 * Keeps one descriptor that came along; more than one is an error. Where none fits into our
 * table (-EMFILE) the kernel cuts them off like those that find no room in the message.
 */
static int take_rights(struct session *s, struct msghdr *msg)
{
	int r = msg->msg_flags & MSG_CTRUNC ? -EMFILE : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (s->passed_fd < 0 && r == 0) {
				s->passed_fd = fd;
			} else {
				close(fd);
				r = -EPROTO;
			}
		}
	}
	return r;
}

/* Reads what is missing of @want bytes at @buf; 1 when all are there, 0 not yet, -errno. */
static int fill(struct session *s, uint8_t *buf, size_t want)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	int r;

	while (s->have < want) {
		struct iovec iov = { buf + s->have, want - s->have };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		r = take_rights(s, &msg);
		if (r < 0)
			return r;
		if (n == 0)
			return -ECONNRESET;
		s->have += (size_t)n;
	}
	return 1;
}

static int read_head(struct session *s)
{
	int r = fill(s, s->buf, IPC_HEADER_LEN);

	if (r <= 0)
		return r;
	r = ipc_header_decode(s->buf, IPC_REQUEST_MAX, &s->type, &s->body_len);
	if (r < 0)
		return -EPROTO;
	s->have = 0;
	s->state = SESSION_BODY;
	return 1;
}

/* The last byte of an OPEN that is answered stays in the queue (pipe.h). */
static int read_body(struct session *s)
{
	uint8_t *body = s->buf + IPC_HEADER_LEN;
	bool is_open = s->type == IPC_OPEN && s->body_len > 0;
	size_t taken = is_open ? s->body_len - 1 : s->body_len;
	int r = fill(s, body, taken);
	ssize_t n;

	if (r <= 0 || !is_open)
		return r;
	n = recv(s->fd, body + taken, 1,
		 MSG_DONTWAIT | (taken > 0 && (body[0] & IPC_OPEN_HELD) ? 0 : MSG_PEEK));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n == 1 ? 1 : -ECONNRESET;
}

/* After the request: the other side may only leave. */
static void read_nothing(struct session *s)
{
	uint8_t byte;
	ssize_t n = recv(s->fd, &byte, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		drop_malformed(s);
	else
		drop(s);
}

static void rearm(struct session *s, int ms)
{
	ev_timer_stop(s->set->loop->ev, &s->timer);
	if (ms > 0) {
		ev_timer_set(&s->timer, ms / 1000., 0.);
		ev_timer_start(s->set->loop->ev, &s->timer);
	}
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct session *s = w->data;
	int r = 1;

	(void)ev;
	(void)revents;
	if (s->state == SESSION_ASKED || s->state == SESSION_ENDING) {
		read_nothing(s);
		return;
	}
	if (s->state == SESSION_HEAD)
		r = read_head(s);
	if (r > 0 && s->state == SESSION_BODY)
		r = read_body(s);
	if (r < 0) {
		if (r == -EMFILE)
			acceptor_tell_full(&s->set->acceptor, EMFILE);
		if (r == -EPROTO)
			drop_malformed(s);
		else
			drop(s);
		return;
	}
	if (r == 0)
		return;
	s->state = SESSION_ASKED;
	rearm(s, SESSION_REPLY_MS);
	s->set->ops->request(s->set->ctx, s, s->type, s->buf + IPC_HEADER_LEN, s->body_len);
}

static void on_timeout(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct session *s = w->data;

	(void)ev;
	(void)revents;
	s->set->counts.timed_out++;
	log_info("session: process %ld took too long", (long)s->pid);
	drop(s);
}

static void flush(struct session *s)
{
	if (outbuf_flush(&s->out, s->fd) < 0) {
		drop(s);
		return;
	}
	if (outbuf_len(&s->out) > 0)
		ev_io_start(s->set->loop->ev, &s->writer);
	else if (s->state == SESSION_ENDING)
		retire(s);
	else
		ev_io_stop(s->set->loop->ev, &s->writer);
}

static void on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	(void)revents;
	flush(w->data);
}

static size_t count_pid(const struct session_set *set, pid_t pid)
{
	const struct session *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &set->sessions, entry)
		n += s->pid == pid;
	return n;
}

/* 0 when the peer may talk to us. */
static int check_peer(struct session_set *set, int fd, pid_t *ret_pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.uid != geteuid()) {
		log_warn_limited("session: refused a process of user %ld", (long)cred.uid);
		return -EPERM;
	}
	if (set->n >= SESSIONS_MAX || count_pid(set, cred.pid) >= SESSIONS_PID_MAX) {
		log_warn_limited("session: too many requests at once, refused process %ld",
				 (long)cred.pid);
		return -EAGAIN;
	}
	*ret_pid = cred.pid;
	return 0;
}

int session_adopt(struct session_set *set, int fd)
{
	struct session *s = NULL;
	pid_t pid = 0;
	int r = check_peer(set, fd, &pid);

	if (r == 0) {
		s = calloc(1, sizeof(*s));
		r = s ? 0 : -ENOMEM;
	}
	if (r < 0) {
		set->counts.refused++;
		close(fd);
		return r;
	}
	set->counts.accepted++;
	s->set = set;
	s->fd = fd;
	s->passed_fd = -1;
	s->out.secret = true;
	s->pid = pid;
	ev_io_init(&s->reader, on_readable, fd, EV_READ);
	ev_io_init(&s->writer, on_writable, fd, EV_WRITE);
	ev_init(&s->timer, on_timeout);
	s->reader.data = s;
	s->writer.data = s;
	s->timer.data = s;
	ev_io_start(set->loop->ev, &s->reader);
	TAILQ_INSERT_TAIL(&set->sessions, s, entry);
	set->n++;
	rearm(s, SESSION_REQUEST_MS);
	return 0;
}

static void on_accepted(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	(void)from;
	(void)len;
	(void)session_adopt(ctx, fd);
}

struct session_set *session_set_new(struct loop *loop, const struct session_ops *ops, void *ctx)
{
	struct session_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->loop = loop;
	set->ops = ops;
	set->ctx = ctx;
	acceptor_init(&set->acceptor, loop, "session", on_accepted, set);
	TAILQ_INIT(&set->sessions);
	return set;
}

void session_set_free(struct session_set *set)
{
	if (!set)
		return;
	acceptor_stop(&set->acceptor);
	while (!TAILQ_EMPTY(&set->sessions))
		drop(TAILQ_FIRST(&set->sessions));
	free(set);
}

void session_listen(struct session_set *set, int fd)
{
	acceptor_start(&set->acceptor, fd);
}

void session_on_gone(struct session *s, void (*gone)(void *user), void *user)
{
	s->gone = gone;
	s->user = user;
}

pid_t session_pid(const struct session *s)
{
	return s->pid;
}

void session_set_patient(struct session *s)
{
	s->patient = true;
	rearm(s, 0);
}

void session_reply(struct session *s, const uint8_t *frame, size_t len)
{
	if (s->state != SESSION_ASKED)
		return;
	if (outbuf_put(&s->out, frame, len, SESSION_REPLY_MAX) < 0) {
		log_warn_limited("session: reply to process %ld is too large", (long)s->pid);
		rearm(s, 1);
		return;
	}
	/* Written by the loop, so that no handler sees its session vanish in a call. */
	ev_io_start(s->set->loop->ev, &s->writer);
}

void session_end(struct session *s)
{
	if (s->state != SESSION_ASKED)
		return;
	s->state = SESSION_ENDING;
	rearm(s, SESSION_REPLY_MS);
	ev_io_start(s->set->loop->ev, &s->writer);
}

int session_take_fd(struct session *s, int *ret_passed_fd)
{
	int fd = s->fd;

	*ret_passed_fd = s->passed_fd;
	s->fd = -1;
	s->passed_fd = -1;
	retire(s);
	return fd;
}

const struct session_counts *session_get_counts(const struct session_set *set)
{
	return &set->counts;
}

size_t session_count(const struct session_set *set)
{
	return set->n;
}
