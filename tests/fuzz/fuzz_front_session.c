/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_front_session.c - any bytes on the agent's socket, in two pieces
 *
 * The first byte says where to cut. Whatever comes, at most one request is seen, it
 * keeps its limits, and the session ends when the other side does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/session.h"
#include "common/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int requests;

static void on_request(void *ctx, struct session *s, uint8_t type, const uint8_t *body, size_t len)
{
	struct ipc_open open;
	struct ipc_str line;
	int passed;

	(void)ctx;
	if (++requests > 1 || len > IPC_REQUEST_MAX)
		abort();
	if (type == IPC_OPEN) {
		(void)ipc_open_decode(body, len, &open);
		close(session_take_fd(s, &passed));
		if (passed >= 0)
			abort();	/* none was sent */
		return;
	}
	if (type == IPC_CONTROL && ipc_control_decode(body, len, &line) == 0)
		session_reply(s, (const uint8_t *)line.s, line.len);
	session_end(s);
}

static const struct session_ops ops = { .request = on_request };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct loop loop;
	struct session_set *set;
	size_t cut = len > 0 ? data[0] : 0;
	int fds[2];

	if (!ev || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	log_set_level(LOG_ERROR);
	requests = 0;
	loop_init(&loop, ev);
	set = session_set_new(&loop, &ops, NULL);
	if (session_adopt(set, fds[1]) < 0)
		abort();
	if (len > 0) {
		data++;
		len--;
	}
	cut = cut < len ? cut : len;
	(void)!send(fds[0], data, cut, MSG_NOSIGNAL);
	ev_run(ev, EVRUN_NOWAIT);
	(void)!send(fds[0], data + cut, len - cut, MSG_NOSIGNAL);
	ev_run(ev, EVRUN_NOWAIT);
	ev_run(ev, EVRUN_NOWAIT);
	close(fds[0]);
	for (int i = 0; i < 4; i++)
		ev_run(ev, EVRUN_NOWAIT);
	if (session_count(set) != 0)
		abort();
	session_set_free(set);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	return 0;
}
