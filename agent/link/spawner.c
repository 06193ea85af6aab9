/* SPDX-License-Identifier: BSD-3-Clause */
/* spawner.c - see spawner.h; the agent's side */
#include "agent/link/spawner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/link/spawner_msg.h"
#include "common/deadline.h"
#include "common/log.h"

#define MESSAGES_MAX 16		/* taken in one round */
#define END_MS (SPAWNER_TERM_MS + 1000)	/* what does not end then is the kernel's to bury */

struct spawner {
	int fd;		/* -1: it is gone */
	pid_t pid;
	size_t n_lines;
	bool confined;
	struct loop *loop;	/* NULL: nobody listens */
	const struct spawner_events *events;
	void *ctx;
	struct ev_io io;
};

struct packet {
	struct spawner_reply reply;
	int fds[SPAWNER_FDS];	/* -1: none */
};

static void close_fds(int fds[SPAWNER_FDS])
{
	for (size_t i = 0; i < SPAWNER_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Two descriptors, or none: what else the kernel installed is closed. */
static void take_fds(struct msghdr *msg, int fds[SPAWNER_FDS])
{
	const size_t want = CMSG_LEN(SPAWNER_FDS * sizeof(int));

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (c->cmsg_len == want && fds[0] < 0) {
			memcpy(fds, CMSG_DATA(c), SPAWNER_FDS * sizeof(int));
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			close(fd);
		}
	}
}

/* 1: a packet; 0: nothing more now; negative: the spawner has ended, or makes no sense. */
static int receive(struct spawner *s, struct packet *p)
{
	uint8_t data[SPAWNER_REPLY_LEN + 1];
	union {
		char buf[CMSG_SPACE(SPAWNER_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	p->fds[0] = p->fds[1] = -1;
	take_fds(&msg, p->fds);
	if (n > 0 && spawner_reply_parse(data, (size_t)n, s->n_lines, &p->reply) == 0) {
		if (p->reply.kind != SPAWNER_STARTED)
			close_fds(p->fds);
		return 1;
	}
	close_fds(p->fds);
	return n == 0 ? -EPIPE : -EPROTO;
}

/* From the other side of the socket this looks as if the agent had died. */
static void give_up(struct spawner *s)
{
	if (s->loop)
		ev_io_stop(s->loop->ev, &s->io);
	close(s->fd);
	s->fd = -1;
}

static void tell(struct spawner *s, const struct packet *p)
{
	const struct spawner_reply *a = &p->reply;

	switch (a->kind) {
	case SPAWNER_READY:	/* it has been, in spawner_new() */
		break;
	case SPAWNER_STARTED:
		s->events->started(s->ctx, a->line, (long)a->value, p->fds[0], p->fds[1]);
		break;
	case SPAWNER_FAILED:
		s->events->failed(s->ctx, a->line, (int)a->error);
		break;
	case SPAWNER_ENDED:
		s->events->ended(s->ctx, a->line, (int)a->value, (int)a->error);
		break;
	}
}

static void on_readable(struct ev_loop *ev, struct ev_io *w, int revents)
{
	struct spawner *s = w->data;
	struct packet p;
	int r = 1;

	(void)ev;
	(void)revents;
	for (int i = 0; i < MESSAGES_MAX && r > 0 && s->fd >= 0 && s->loop; i++) {
		r = receive(s, &p);
		if (r > 0)
			tell(s, &p);
	}
	if (r >= 0 || s->fd < 0 || !s->loop)
		return;
	log_error("the process that starts transports has ended: %s", strerror(-r));
	give_up(s);
	s->events->gone(s->ctx);
}

static int request(struct spawner *s, enum spawner_request_kind kind, size_t line)
{
	const struct spawner_request q = { kind, (uint8_t)line };
	uint8_t data[SPAWNER_REQUEST_LEN];

	assert(line < s->n_lines);
	if (s->fd < 0)
		return -EPIPE;
	spawner_request_encode(data, &q);
	/* There is room for many more than can be under way, unless it stands still. */
	if (send(s->fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(data))
		return 0;
	/* on_readable() finds the end, and tells. */
	(void)shutdown(s->fd, SHUT_RDWR);
	return -EPIPE;
}

int spawner_start(struct spawner *s, size_t line)
{
	return request(s, SPAWNER_START, line);
}

int spawner_stop(struct spawner *s, size_t line)
{
	return request(s, SPAWNER_STOP, line);
}

void spawner_listen(struct spawner *s, struct loop *loop, const struct spawner_events *events,
		    void *ctx)
{
	assert(!s->loop);
	s->loop = loop;
	s->events = events;
	s->ctx = ctx;
	if (s->fd < 0)
		return;
	ev_io_init(&s->io, on_readable, s->fd, EV_READ);
	s->io.data = s;
	ev_io_start(loop->ev, &s->io);
}

void spawner_unlisten(struct spawner *s)
{
	if (s->loop && s->fd >= 0)
		ev_io_stop(s->loop->ev, &s->io);
	s->loop = NULL;
}

bool spawner_is_confined(const struct spawner *s)
{
	return s->confined;
}

long spawner_pid(const struct spawner *s)
{
	return (long)s->pid;
}

/* --- life --- */

/* As receive(), but waits. 0: not until @deadline_ms. */
static int await(struct spawner *s, struct packet *p, int64_t deadline_ms)
{
	int r = receive(s, p);

	while (r == 0) {
		struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
		int64_t left = deadline_ms - deadline_now_ms();

		if (left <= 0)
			return 0;
		if (poll(&pfd, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
		r = receive(s, p);
	}
	return r;
}

static int await_ready(struct spawner *s)
{
	struct packet p;
	int r = await(s, &p, deadline_now_ms() + SPAWNER_READY_MS);

	if (r <= 0)
		return r == 0 ? -ETIMEDOUT : r;
	if (p.reply.kind != SPAWNER_READY) {
		close_fds(p.fds);
		return -EPROTO;
	}
	s->confined = p.reply.value == 1;
	return 0;
}

int spawner_new(const struct spawner_config *config, struct spawner **ret)
{
	struct spawner *s = calloc(1, sizeof(*s));
	int fds[2];
	int r;

	assert(config->n_lines <= SPAWNER_LINES_MAX);
	if (!s)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		r = -errno;
		free(s);
		return r;
	}
	s->fd = fds[0];
	s->n_lines = config->n_lines;
	s->pid = fork();
	if (s->pid == 0)
		spawner_run(fds[1], config);
	r = s->pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0)
		r = await_ready(s);
	if (r < 0) {
		close(s->fd);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void spawner_free(struct spawner *s)
{
	int64_t deadline = deadline_now_ms() + END_MS;
	struct packet p;

	if (!s)
		return;
	spawner_unlisten(s);
	if (s->fd >= 0) {
		(void)shutdown(s->fd, SHUT_WR);
		while (await(s, &p, deadline) > 0)
			close_fds(p.fds);
		close(s->fd);
	}
	free(s);
}
