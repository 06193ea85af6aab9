/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waiters.h - the blocked connect() calls of one attempt (door.h)
 *
 * Several threads may wait for the same socket, a call that a signal interrupted
 * comes back, and the outcome arrives at any moment in between. Under one lock it is
 * certain that a call is either answered with the outcome or told that there is one
 * already: none is forgotten. Thread safe.
 */
#ifndef SHIM_WAITERS_H
#define SHIM_WAITERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAITERS_MAX 8	/* threads in connect() on one socket */

struct waiters_calls {
	void (*answer)(int listener, uint64_t id, int64_t result);
	bool (*is_there)(int listener, uint64_t id);	/* not taken back by a signal */
};

struct waiter_entry {
	uint64_t id;		/* of the notification */
	int64_t give_up_ms;	/* SO_SNDTIMEO; 0: none */
	int late;		/* the result then */
};

struct waiters {
	const struct waiters_calls *calls;
	int listener;
	pthread_mutex_t lock;	/* of what follows */
	bool settled;
	size_t n;
	struct waiter_entry waiting[WAITERS_MAX];
};

enum waiters_join {
	WAITERS_JOINED,		/* it will be answered */
	WAITERS_SETTLED,	/* the outcome was there before */
	WAITERS_FULL,
};

void waiters_init(struct waiters *w, const struct waiters_calls *calls, int listener);
void waiters_deinit(struct waiters *w);
enum waiters_join waiters_join(struct waiters *w, const struct waiter_entry *e);
/* Lets those go whose time is over. */
void waiters_release_late(struct waiters *w, int64_t now_ms);
/* Does anybody wait? When nobody does, it is settled: nobody will. */
bool waiters_any_or_settle(struct waiters *w);
/* Answers all, once and for all. */
void waiters_settle(struct waiters *w, int64_t result);

#endif
