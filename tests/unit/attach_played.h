/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach_played.h - the requests for streams below a pipe (attach.h), made of plain buffers
 *
 * For tests that do not link attach.c. Each plays attach_new(), attach_take() and
 * attach_accept() itself; what follows is the same for all. No more may be sent than there
 * is room for, and nothing is closed twice.
 */
#ifndef UNIT_ATTACH_PLAYED_H
#define UNIT_ATTACH_PLAYED_H

#include <check.h>
#include <string.h>

#include "agent/front/pipe.h"

#ifndef PLAYED_SENT_MAX
#define PLAYED_SENT_MAX 65536
#endif

struct attach_set {
	int unused;
};

struct attach {
	const struct attach_ops *ops;
	void *owner;
	size_t room;
	uint8_t sent[PLAYED_SENT_MAX];
	size_t n_sent;
	size_t n_consumed;
	bool closed;
	uint8_t reason;
	/* what was asked for, as far as the test keeps it */
	char host[STREAM_HOST_MAX + 1];
	struct addr addr;
	uint16_t port;
	struct domain *domain;
	bool optimistic;
	bool accepted;
	int timeout_ms;
};

void *attach_owner(const struct attach *a)
{
	return a->owner;
}

size_t attach_room(struct attach *a)
{
	return a->room;
}

int attach_send(struct attach *a, const uint8_t *data, size_t len)
{
	ck_assert_uint_le(len, a->room);
	ck_assert_uint_le(a->n_sent + len, sizeof(a->sent));
	memcpy(a->sent + a->n_sent, data, len);
	a->n_sent += len;
	a->room -= len;
	return 0;
}

void attach_consumed(struct attach *a, size_t len)
{
	a->n_consumed += len;
}

void attach_close(struct attach *a, uint8_t reason)
{
	ck_assert(!a->closed);
	a->closed = true;
	a->reason = reason;
}

void attach_spoil_circuit(struct attach *a)
{
	(void)a;
}

#endif
