/* SPDX-License-Identifier: BSD-3-Clause */
/* ask.c - see ask.h */
#include "agent/ctl/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/ipc.h"
#include "common/secret.h"
#include "common/socket_path.h"

#define REPLY_MAX (16u << 20)
#define FRAME_MS 10000	/* for the rest of a frame that began */

__attribute__((format(printf, 3, 4))) static int fail(struct ask_reply *r, int status,
						       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
	return status;
}

/* Only the user's own agent is believed, as by the preload library and its supervisor. */
static bool peer_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       cred.uid == geteuid();
}

/* 0 and a connection to the agent in @ret_fd, or an exit status with its message. */
static int connect_agent(struct ask_reply *reply, int *ret_fd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int r = socket_path_default(sun.sun_path, sizeof(sun.sun_path));
	int fd;

	if (r < 0)
		return fail(reply, ASK_USAGE, "ONIONIFY_SOCKET: %s", strerror(-r));
	r = socket_path_check_dir(sun.sun_path);
	if (r < 0 && r != -ENOENT)
		return fail(reply, ASK_FAILED, "the directory of %s is not private to you: chmod 700 it, or set "
			    "ONIONIFY_SOCKET", sun.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(reply, ASK_FAILED, "socket: %s", strerror(errno));
	if (r == 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0) {
		if (peer_is_ours(fd)) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
		return fail(reply, ASK_FAILED, "%s belongs to another user's process; set ONIONIFY_SOCKET to one "
			    "of your own", sun.sun_path);
	}
	if (r == -ENOENT || errno == ENOENT || errno == ECONNREFUSED)
		r = fail(reply, ASK_NO_AGENT, "no agent is running (no one listens at %s); 'onionify true' starts it",
			 sun.sun_path);
	else
		r = fail(reply, ASK_FAILED, "%s: %s", sun.sun_path, strerror(errno));
	close(fd);
	return r;
}

static int append(struct ask_reply *r, struct ipc_str text)
{
	char *bigger;

	if (text.len > REPLY_MAX - r->len)
		return -EMSGSIZE;
	bigger = realloc(r->json, r->len + text.len + 1);
	if (!bigger)
		return -ENOMEM;
	memcpy(bigger + r->len, text.s, text.len);
	r->json = bigger;
	r->len += text.len;
	r->json[r->len] = '\0';
	return 0;
}

static int take_end(struct ask_reply *r, const uint8_t *body, size_t len)
{
	struct ipc_end end;

	if (ipc_end_decode(body, len, &end) < 0)
		return -EPROTO;
	r->status = end.status;
	snprintf(r->message, sizeof(r->message), "%.*s", (int)end.text.len, end.text.s);
	return 1;
}

/* One frame; 1 after the last. */
static int read_frame(int fd, struct ask_reply *r, uint8_t *body, int64_t deadline)
{
	uint8_t head[IPC_HEADER_LEN];
	struct ipc_str text;
	uint8_t type;
	size_t len;
	int e = deadline_recv_all(fd, head, sizeof(head), deadline);

	if (e == 0)
		e = ipc_header_decode(head, IPC_BODY_MAX, &type, &len);
	if (e == 0)
		e = deadline_recv_all(fd, body, len, deadline);
	if (e < 0)
		return e;
	if (type == IPC_END)
		return take_end(r, body, len);
	if (type != IPC_DATA || ipc_data_decode(body, len, &text) < 0)
		return -EPROTO;
	return append(r, text);
}

static int send_line(int fd, const char *line)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	ssize_t n = ipc_control_encode(frame, sizeof(frame), (struct ipc_str){ line, strlen(line) });
	int r = 0;

	if (n < 0)
		return -E2BIG;
	if (send(fd, frame, (size_t)n, MSG_NOSIGNAL) != n)
		r = -errno;
	secret_wipe(frame, sizeof(frame));
	return r;
}

static int exchange(int fd, const char *line, struct ask_reply *reply, int timeout_s)
{
	int64_t deadline = deadline_now_ms() + (int64_t)timeout_s * 1000;
	uint8_t *body;
	int r = send_line(fd, line);

	if (r < 0)
		return r;
	body = malloc(IPC_BODY_MAX);
	if (!body)
		return -ENOMEM;
	do {
		r = read_frame(fd, reply, body, deadline);
	} while (r == 0);
	free(body);
	return r < 0 ? r : 0;
}

int ask(const char *line, int timeout_s, struct ask_reply *reply)
{
	int fd = -1;
	int r;

	memset(reply, 0, sizeof(*reply));
	r = connect_agent(reply, &fd);
	if (r != 0)
		return r;
	r = exchange(fd, line, reply, timeout_s);
	close(fd);
	if (r == -ETIMEDOUT)
		return fail(reply, ASK_TIMEOUT, "the agent gave no answer within %d seconds; --timeout waits "
			    "longer", timeout_s);
	if (r < 0)
		return fail(reply, ASK_FAILED, "the agent did not answer: %s", strerror(-r));
	if (reply->status == 0 && reply->len > 0)
		return 0;
	if (!reply->message[0])
		(void)fail(reply, 0, "it failed");
	return reply->status ? reply->status : ASK_FAILED;
}

/* Each DATA frame is a document of its own; it may take any time to come. */
static int follow(int fd, const char *line, struct ask_reply *reply, ask_document_fn document,
		  void *ctx)
{
	uint8_t *body = malloc(IPC_BODY_MAX);
	int r = body ? send_line(fd, line) : -ENOMEM;

	while (r == 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, -1) < 0)
			continue;
		r = read_frame(fd, reply, body, deadline_now_ms() + FRAME_MS);
		if (r == 0 && reply->len > 0) {
			if (document(ctx, reply->json) < 0)
				r = -ECANCELED;
			reply->len = 0;
		}
	}
	free(body);
	return r < 0 ? r : 0;
}

int ask_follow(const char *line, ask_document_fn document, void *ctx, struct ask_reply *reply)
{
	int fd = -1;
	int r;

	memset(reply, 0, sizeof(*reply));
	r = connect_agent(reply, &fd);
	if (r != 0)
		return r;
	r = follow(fd, line, reply, document, ctx);
	close(fd);
	if (r == -ECONNRESET)
		return fail(reply, ASK_FAILED, "the agent has ended");
	if (r < 0)
		return fail(reply, ASK_FAILED, "the agent did not answer: %s", strerror(-r));
	return reply->status;
}

void ask_reply_deinit(struct ask_reply *reply)
{
	if (reply->json)
		secret_wipe(reply->json, reply->len);
	free(reply->json);
	memset(reply, 0, sizeof(*reply));
}

int ask_json(const char *line, int timeout_s, json_t **ret, char *err, size_t err_len)
{
	struct ask_reply reply;
	int r = ask(line, timeout_s, &reply);

	if (r == 0) {
		json_t *doc = json_loads(reply.json, 0, NULL);

		if (doc)
			*ret = doc;
		else
			r = fail(&reply, ASK_FAILED, "the agent's answer makes no sense; 'onionctl "
				 "doctor' compares versions");
	}
	if (r != 0)
		(void)snprintf(err, err_len, "%s", reply.message);
	ask_reply_deinit(&reply);
	return r;
}
