/* SPDX-License-Identifier: BSD-3-Clause */
/* pipe_internal.h - what pipe.c (life of a pipe) and pipe_pump.c (its bytes) share */
#ifndef FRONT_PIPE_INTERNAL_H
#define FRONT_PIPE_INTERNAL_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/front/outbuf.h"
#include "agent/front/peer.h"
#include "agent/front/pipe.h"

#define EVENTS_MAX 128

/* From the program. */
enum pipe_in {
	PIPE_IN_HOLD,	/* nothing is read: the program is not told yet */
	PIPE_IN_OPEN,
	PIPE_IN_ENDED,	/* it shut down its side, or closed */
};

/* To the program. */
enum pipe_out {
	PIPE_OUT_HOLD,
	PIPE_OUT_OPEN,
	PIPE_OUT_LAST_DONE,	/* the far side ended in order: write what is left, then close */
	PIPE_OUT_LAST_RESET,	/* it broke: write what is left, then reset */
	PIPE_OUT_CLOSED,
};

struct pipe {
	struct pipe_set *set;
	enum pipe_kind kind;
	enum pipe_in in;
	enum pipe_out out;
	int fd;
	int passed_fd;
	uint64_t handle;
	struct attach *attach;	/* NULL: ended */
	struct outbuf queue;
	size_t unasked;		/* at its front, not from the stream */
	pipe_answer_fn answer;	/* PIPE_PROXY */
	bool optimistic;	/* held: told as soon as bytes can leave with BEGIN */
	bool told;		/* the program believes to be connected */
	bool keeps_byte;	/* the first byte in the receive queue was forwarded already */
	bool readable;
	bool writable;
	bool wants_write;	/* EPOLLOUT is asked for */
	bool hung_up;		/* the program closed */
	bool shut;		/* the program ended its side */
	bool queued;
	ev_timer look;		/* a half-closed TCP client: did it close? */
	int64_t quiet_since_ms;
	void (*gone)(void *ctx, struct pipe *p);
	void *ctx;
	struct loop_task free_task;
	TAILQ_ENTRY(pipe) work;
	TAILQ_ENTRY(pipe) entry;
};
TAILQ_HEAD(pipe_list, pipe);

struct pipe_set {
	struct loop *loop;
	struct attach_set *attach;
	struct handles *handles;
	int epoll_fd;
	ev_io watch;
	struct pipe_list all;
	struct pipe_list work;	/* pipes to pump this round */
	struct loop_task pump_task;
	struct peer peer;
	size_t n;
	size_t n_services;	/* PIPE_SERVICE */
	size_t services_queued;	/* in their queues, bytes */
	uint8_t scratch[PIPE_READ_MAX];
};

/* --- pipe.c --- */
/* PIPE_SERVICE: the server answered, or refused. */
void pipe_server_answered(struct pipe *p);
/* The queue was @before bytes long. */
void pipe_account(struct pipe *p, size_t before);
/* Puts it on the list of this round's work. */
void pipe_enqueue(struct pipe *p);
/* The end: @in_order decides whether the program sees end of file or ECONNRESET. */
void pipe_destroy(struct pipe *p, bool in_order);

/* Asks to be told when the program takes bytes again, or no longer. */
void pipe_want_write(struct pipe *p, bool on);

/* --- pipe_pump.c --- */
/* LOOP_PUMP: every pipe with work has one turn. */
void pipe_pump_all(struct loop_task *task);

#endif
