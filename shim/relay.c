/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - see relay.h */
#include "shim/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LANE_BUFFER 65536

enum lane_state {
	LANE_OPEN,
	LANE_ENDED,	/* the end was passed on */
	LANE_BROKEN,
};

struct lane {
	int from;
	int to;
	char *buf;
	size_t off;
	size_t len;	/* bytes in @buf from @off that @to has not taken */
	enum lane_state state;
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void lane_fill(struct lane *l)
{
	ssize_t n = recv(l->from, l->buf, LANE_BUFFER, MSG_DONTWAIT);

	l->off = 0;
	if (n > 0) {
		l->len = (size_t)n;
	} else if (n == 0) {
		(void)shutdown(l->to, SHUT_WR);
		l->state = LANE_ENDED;
	} else if (!would_block()) {
		l->state = LANE_BROKEN;
	}
}

static void lane_drain(struct lane *l)
{
	ssize_t n = send(l->to, l->buf + l->off, l->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0) {
		l->off += (size_t)n;
		l->len -= (size_t)n;
	} else if (!would_block()) {
		l->state = LANE_BROKEN;
	}
}

static void lane_step(struct lane *l, const struct pollfd *from, const struct pollfd *to)
{
	if (l->state != LANE_OPEN)
		return;
	if (l->len == 0 && from->revents)
		lane_fill(l);
	if (l->state == LANE_OPEN && l->len > 0 && (to->revents || from->revents))
		lane_drain(l);
}

static short wanted(const struct lane *in, const struct lane *out)
{
	short ev = 0;

	if (in->state == LANE_OPEN && in->len == 0)
		ev |= POLLIN;
	if (out->state == LANE_OPEN && out->len > 0)
		ev |= POLLOUT;
	return ev;
}

static void lanes_run(struct lane *up, struct lane *down)
{
	while ((up->state == LANE_OPEN || down->state == LANE_OPEN) &&
	       up->state != LANE_BROKEN && down->state != LANE_BROKEN) {
		struct pollfd p[2] = {
			{ .fd = up->from, .events = wanted(up, down) },
			{ .fd = down->from, .events = wanted(down, up) },
		};

		/* A hang-up cannot be masked out: look away while there is nothing to do. */
		for (int i = 0; i < 2; i++) {
			if (p[i].events == 0)
				p[i].fd = -1;
		}
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		lane_step(up, &p[0], &p[1]);
		lane_step(down, &p[1], &p[0]);
	}
}

void relay_run(int tcp, int agent)
{
	struct lane up = { .from = tcp, .to = agent, .buf = malloc(LANE_BUFFER) };
	struct lane down = { .from = agent, .to = tcp, .buf = malloc(LANE_BUFFER) };
	struct linger reset = { 1, 0 };

	if (up.buf && down.buf)
		lanes_run(&up, &down);
	if (up.state == LANE_BROKEN || down.state == LANE_BROKEN)
		(void)setsockopt(tcp, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	free(up.buf);
	free(down.buf);
}
