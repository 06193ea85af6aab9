/* SPDX-License-Identifier: BSD-3-Clause */
/* tally.c - see tally.h */
#include "shim/tally.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/deadline.h"
#include "shim/agent.h"
#include "shim/config.h"

#define BODY_MAX 1024	/* the agent sends one line in each frame */

struct reader {
	void (*fn)(void *ctx, const struct tally_line *);
	void *ctx;
	unsigned int lines;
};

int tally_line_parse(const char *text, size_t len, struct tally_line *ret)
{
	struct tally_line l = { .opened = 0 };
	char copy[BODY_MAX];
	int end = 0;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return -EPROTO;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (sscanf(copy, "%9u %9u %9d %18llu %18llu %5u %253s%n", &l.opened, &l.failed, &l.error,
		   &l.sent, &l.received, &l.port, l.place, &end) != 7 ||
	    (size_t)end != len || l.port > UINT16_MAX || l.error < 0)
		return -EPROTO;
	*ret = l;
	return 0;
}

static int take_data(struct reader *r, const uint8_t *body, size_t len)
{
	struct tally_line line;
	struct ipc_str text;

	if (ipc_data_decode(body, len, &text) < 0 || text.len == 0)
		return 0;
	if (++r->lines > TALLY_LINES_MAX || text.s[text.len - 1] != '\n' ||
	    tally_line_parse(text.s, text.len - 1, &line) < 0)
		return -EPROTO;
	r->fn(r->ctx, &line);
	return 0;
}

/* Frames up to the last. 0, -ENOENT (the agent says no), or -errno. */
static int read_answer(int fd, struct reader *r)
{
	int64_t deadline = deadline_now_ms() + TALLY_PATIENCE_MS;
	uint8_t head[IPC_HEADER_LEN], body[BODY_MAX], type = 0;
	struct ipc_end end;
	size_t len = 0;
	int e;

	for (;;) {
		e = deadline_recv_all(fd, head, sizeof(head), deadline);
		if (e == 0)
			e = ipc_header_decode(head, sizeof(body), &type, &len);
		if (e == 0)
			e = deadline_recv_all(fd, body, len, deadline);
		if (e < 0)
			return e;
		if (type == IPC_END)
			return ipc_end_decode(body, len, &end) < 0 ? -EPROTO : end.status ? -ENOENT : 0;
		e = type == IPC_DATA ? take_data(r, body, len) : -EPROTO;
		if (e < 0)
			return e;
	}
}

/* A connection with the request on its way, or -errno. */
static int ask(const char *command)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	char line[IPC_DOMAIN_MAX + 32];
	int n = snprintf(line, sizeof(line), "%s %s", command, config_get()->domain);
	ssize_t len = ipc_control_encode(frame, sizeof(frame), (struct ipc_str){ line, (size_t)n });
	int fd = len > 0 ? agent_connect() : -EINVAL;

	if (fd < 0 || send(fd, frame, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len)
		return fd;
	(void)close(fd);
	return -EPIPE;
}

int tally_begin(void)
{
	int64_t deadline = deadline_now_ms() + TALLY_PATIENCE_MS;
	uint8_t head[IPC_HEADER_LEN + 1];
	int fd = ask("account-begin");
	int r = fd < 0 ? fd : deadline_recv_all(fd, head, sizeof(head), deadline);

	if (r == 0 && head[1] != IPC_DATA)
		r = -ENOENT;
	if (fd >= 0 && r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

int tally_each(void (*fn)(void *ctx, const struct tally_line *), void *ctx)
{
	struct reader r = { .fn = fn, .ctx = ctx };

	int fd = ask("account");
	int e = fd < 0 ? fd : read_answer(fd, &r);

	if (fd >= 0)
		(void)close(fd);
	return e;
}
