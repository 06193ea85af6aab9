/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.h - connections to the agent's socket, up to the request and its reply
 *
 * Only this user's processes are let in (SO_PEERCRED). A connection carries one
 * request of at most IPC_REQUEST_MAX bytes, which must be complete within
 * SESSION_REQUEST_MS; anything malformed closes it, is counted and opens nothing.
 * An OPEN takes the descriptor away from its session; every other request is answered
 * with frames, after which the session closes itself.
 */
#ifndef FRONT_SESSION_H
#define FRONT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/ipc.h"
#include "common/loop.h"

#define SESSIONS_MAX 512		/* connections that are not streams */
#define SESSIONS_PID_MAX 256		/* of one process: a whole event loop's burst of connects */
#define SESSION_REQUEST_MS 10000	/* from accept to a complete request */
#define SESSION_REPLY_MS 60000		/* to take a reply; look-ups included */
#define SESSION_REPLY_MAX (8u << 20)	/* onionctl streams of ATTACH_MAX streams */

struct session;
struct session_set;

struct session_ops {
	/*
	 * A complete request. @body is borrowed for the call. The handler answers now or
	 * later with session_reply() and session_end(), or takes the descriptor.
	 */
	void (*request)(void *ctx, struct session *s, uint8_t type, const uint8_t *body, size_t len);
};

struct session_counts {
	uint64_t accepted;
	uint64_t refused;	/* foreign, or over a limit */
	uint64_t malformed;
	uint64_t timed_out;
};

struct session_set *session_set_new(struct loop *loop, const struct session_ops *ops, void *ctx);
void session_set_free(struct session_set *set);
/* Accepts on @fd (non-blocking, listening), which stays the caller's. */
void session_listen(struct session_set *set, int fd);
/* One connection by hand, as accepted: tests. 0 or -errno; takes @fd in every case. */
int session_adopt(struct session_set *set, int fd);

/*
 * For a handler that answers later: @gone(@user) is called when the other side leaves
 * or times out before session_end(). NULL takes it back.
 */
void session_on_gone(struct session *s, void (*gone)(void *user), void *user);
pid_t session_pid(const struct session *s);
/* No time limit from now on: WAIT. */
void session_set_patient(struct session *s);
/* Queues a whole frame. A session whose reply grows too large is closed later. */
void session_reply(struct session *s, const uint8_t *frame, size_t len);
/* Closes when everything is written. Nobody is told any more. */
void session_end(struct session *s);
/*
 * The descriptor and the one that came with the request (or -1), for an OPEN; the session
 * is over. Without IPC_OPEN_HELD the last byte of the request is still unread, see pipe.h.
 */
int session_take_fd(struct session *s, int *ret_passed_fd);
const struct session_counts *session_get_counts(const struct session_set *set);
size_t session_count(const struct session_set *set);

#endif
