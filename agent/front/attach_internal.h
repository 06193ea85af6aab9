/* SPDX-License-Identifier: BSD-3-Clause */
/* attach_internal.h - what the attach*.c files share */
#ifndef FRONT_ATTACH_INTERNAL_H
#define FRONT_ATTACH_INTERNAL_H

#include <sys/queue.h>

#include "agent/front/account.h"
#include "agent/front/attach.h"

enum attach_state {
	ATTACH_WAITING,	/* for a circuit */
	ATTACH_BEGUN,	/* BEGIN or RESOLVE sent */
	ATTACH_OPEN,	/* CONNECTED */
	ATTACH_CLOSED,	/* freed at the end of the round */
};

TAILQ_HEAD(attach_list, attach);

struct attach {
	struct attach_set *set;
	const struct attach_ops *ops;
	void *owner;
	uint64_t id;
	enum attach_kind kind;
	enum attach_state state;
	bool optimistic_if_far;
	bool optimistic;
	bool repeatable;
	/* What left before CONNECTED, kept for another try; NULL: nothing. */
	uint8_t *early;
	size_t early_len;
	size_t early_sent;	/* on the stream of this try */
	char host[STREAM_HOST_MAX + 1];	/* empty: addr */
	struct pool_need need;
	uint16_t port;
	struct pool_circ *circ;	/* while a stream is on it */
	struct stream *stream;
	bool is_onion;		/* host is an onion service: onion_id */
	uint8_t onion_id[ONION_ID_LEN];
	void *onion_circ;	/* onion_client_take()'s, while a stream is on it */
	int onion_error;
	unsigned int tries;
	unsigned int reason_tries[16];	/* by END reason */
	uint16_t last_reason;
	int64_t started_ms;
	int64_t waiting_ms;	/* since when it waits for a circuit */
	int64_t deadline_ms;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	struct account *account;	/* with a reference, or NULL */
	struct account_place *place;
	struct loop_task free_task;
	struct attach_list *list;	/* the one it is on */
	TAILQ_ENTRY(attach) entry;
};

struct attach_set {
	struct attach_config config;
	struct attach_list waiting;
	struct attach_list active;
	size_t n;
	uint64_t next_id;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	struct loop_task run_task;
};

/* --- attach.c --- */
/* On no list yet. 0, -EINVAL, -EMFILE, -ENOMEM. */
int attach_alloc(struct attach_set *s, const struct attach_request *req,
		 const struct attach_ops *ops, void *owner, struct attach **ret);
void attach_move_to(struct attach *a, struct attach_list *list);
/* Off the books; the memory goes at the end of the round. */
void attach_bury(struct attach *a);
extern const struct stream_ops attach_stream_ops;

/* --- attach_list.c: the domain's account --- */
void attach_count_begin(struct attach *a);
void attach_count_connected(struct attach *a);
void attach_count_failed(struct attach *a, int error);
void attach_count_bytes(struct attach *a, size_t sent, size_t received);

/* --- attach_onion.c --- */
/* Looks whether @a->host is an onion service. 0; -EINVAL: it is, and cannot be asked for so. */
int attach_onion_init(struct attach *a);
/*
 * Begins its stream at the service. 0; -EAGAIN: wait; another -errno: as stream_begin();
 * -ECANCELED: there is no way, see onion_error.
 */
int attach_onion_begin(struct attach *a);
/* Its stream failed before it was open: may it be begun anew? */
bool attach_onion_may_retry(struct attach *a, uint16_t reason);

/* --- attach_early.c --- */
/* Bytes that may be sent before CONNECTED; 0 when it is not allowed. */
size_t attach_early_room(const struct attach *a);
/* Sends and keeps them. 0 or -errno. */
int attach_early_send(struct attach *a, const uint8_t *data, size_t len);
/* A new stream was begun: what left before has to leave again. 0 or -errno. */
int attach_early_replay(struct attach *a);
/* May they be sent once more when nobody knows whether they arrived? */
bool attach_early_may_repeat(const struct attach *a);
/* CONNECTED, or the end. */
void attach_early_free(struct attach *a);

#endif
