/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pipe.h - a program's descriptor on one side, a stream on the other
 *
 * Bytes from the program are read as far as the stream has room and go straight into
 * cells; nothing is buffered on the way in. Bytes for the program are gathered in one
 * buffer per pipe and written once per loop round (LOOP_PUMP), and what was written is
 * reported back, so a slow program slows its exit down and never fills our memory.
 *
 * A program must be able to tell a stream that ended from one that broke. A Unix
 * socket delivers ECONNRESET only when its peer closes with bytes unread. So the last
 * byte that a program sent always stays in our receive queue, forwarded but not
 * consumed (the last byte of OPEN at first, or of its filler): closing as it is resets,
 * and consuming that byte before closing ends in order.
 *
 * Descriptors are watched edge-triggered through one epoll set of our own, of which
 * libev sees one descriptor: libev's level-triggered watchers would spin on the byte that
 * stays, and cannot wait for a hang-up alone.
 */
#ifndef FRONT_PIPE_H
#define FRONT_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/front/attach.h"
#include "agent/front/handles.h"
#include "common/loop.h"

#define PIPE_READ_MAX 65536		/* taken from one program in one loop round */
#define PIPE_ANSWER_MAX 512
/*
 * A TCP client that closed looks like one that only ended its side and still reads. The
 * kernel is asked which it is (peer.h); where it does not know, the client has
 * PIPE_HALF_CLOSED_MS from one byte of the far side to the next. C tor closes at once.
 */
#define PIPE_LOOK_FIRST_MS 50
#define PIPE_LOOK_MS 1000
#define PIPE_HALF_CLOSED_MS 30000
#define PIPE_QUEUE_MAX (16u << 20)	/* for one program; flow control stays far below */
/* Clients of onion services may ignore flow control: for one server's socket, and for all. */
#define PIPE_SERVICE_QUEUE_MAX (4u << 20)
#define PIPE_SERVICES_QUEUE_MAX (64u << 20)

struct pipe_set;
struct pipe;

enum pipe_kind {
	PIPE_ANSWER,	/* the program waits for a RESULT frame */
	PIPE_HELD,	/* non-blocking connect: writability is the answer */
	PIPE_OPTIMISTIC,	/* RESULT is sent at once */
	PIPE_PLAIN,	/* no protocol: a directory connection */
	PIPE_PROXY,	/* a client of SOCKS or HTTP: its own protocol has an answer */
	/*
	 * A server on this computer, to which @fd is being connected (non-blocking): for a stream
	 * that a client of an onion service began. What the client sent early waits for it.
	 */
	PIPE_SERVICE,
};

/* Writes the answer to a client; @end is NULL when the stream is open. Its length. */
typedef size_t (*pipe_answer_fn)(const struct attach_end *end, uint8_t out[PIPE_ANSWER_MAX]);

struct pipe_request {
	enum pipe_kind kind;
	int fd;			/* non-blocking; the pipe's from now on, also on failure */
	int passed_fd;		/* PIPE_HELD: the program's own end, or -1; likewise */
	uint64_t handle;	/* known to handles already; not for PIPE_PLAIN */
	const char *program;	/* for onionctl; may be NULL */
	pipe_answer_fn answer;	/* PIPE_PROXY */
	bool keeps_byte;	/* PIPE_PROXY: the last byte of the request is unread */
	uint32_t pid;
	struct attach_request attach;
	/* PIPE_SERVICE: the stream, with host and port of @attach for onionctl. */
	struct stream *stream;
	int timeout_ms;		/* for the server to answer */
	const uint8_t *preface;	/* for the server before all else, or NULL */
	size_t preface_len;
	/* PIPE_PLAIN: told once when the pipe is gone. */
	void (*gone)(void *ctx, struct pipe *p);
	void *ctx;
};

struct pipe_set *pipe_set_new(struct loop *loop, struct attach_set *attach, struct handles *handles);
/* Breaks every stream: programs see ECONNRESET, those that wait ECONNABORTED. */
void pipe_set_abort(struct pipe_set *s);
/* Every pipe must be gone. */
void pipe_set_free(struct pipe_set *s);
/*
 * Takes over the descriptors and queues the stream request. On failure it has told the
 * program the errno as @req->kind demands. 0 or -errno.
 */
int pipe_new(struct pipe_set *s, const struct pipe_request *req, struct pipe **ret);
/* Tells a program that its request failed before there was a stream; closes the descriptors. */
void pipe_refuse(struct pipe_set *s, const struct pipe_request *req, int error);
/* Ends the stream and closes the descriptor. */
void pipe_close(struct pipe *p);
/* Its circuit takes no new streams (a directory's answer was bad). */
void pipe_spoil_circuit(struct pipe *p);
size_t pipe_count(const struct pipe_set *s);
/* Of them, those of onion services; and the bytes that wait for their servers. */
size_t pipe_count_services(const struct pipe_set *s);
size_t pipe_services_queued(const struct pipe_set *s);

#endif
