/* SPDX-License-Identifier: BSD-3-Clause */
/* handles.c - see handles.h */
#include "agent/front/handles.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

struct record {
	uint64_t handle;
	struct ipc_info info;
	bool finished;
	int64_t finished_ms;
	TAILQ_ENTRY(record) entry;	/* finished ones, oldest first */
	UT_hash_handle hh;
};
TAILQ_HEAD(record_list, record);

struct handles {
	struct record *by_handle;
	struct record_list finished;
};

struct handles *handles_new(void)
{
	struct handles *h = calloc(1, sizeof(*h));

	if (h)
		TAILQ_INIT(&h->finished);
	return h;
}

static void record_free(struct handles *h, struct record *r)
{
	if (r->finished)
		TAILQ_REMOVE(&h->finished, r, entry);
	HASH_DEL(h->by_handle, r);
	free(r);
}

void handles_free(struct handles *h)
{
	struct record *r;
	struct record *next;

	if (!h)
		return;
	HASH_ITER(hh, h->by_handle, r, next)
		record_free(h, r);
	free(h);
}

static struct record *find(const struct handles *h, uint64_t handle)
{
	struct record *r;

	HASH_FIND(hh, h->by_handle, &handle, sizeof(handle), r);
	return r;
}

static void expire(struct handles *h, int64_t now_ms)
{
	struct record *r;

	while ((r = TAILQ_FIRST(&h->finished)) && now_ms - r->finished_ms >= HANDLES_KEEP_MS)
		record_free(h, r);
}

int handles_add(struct handles *h, uint64_t handle, const struct addr_port *peer,
		const struct addr_port *local, int64_t now_ms)
{
	struct record *r;

	expire(h, now_ms);
	if (find(h, handle))
		return -EEXIST;
	if (HASH_COUNT(h->by_handle) >= HANDLES_MAX) {
		if (TAILQ_EMPTY(&h->finished))
			return -ENOSPC;
		record_free(h, TAILQ_FIRST(&h->finished));
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->handle = handle;
	r->info.state = IPC_STREAM_PENDING;
	r->info.peer = *peer;
	r->info.local = *local;
	HASH_ADD(hh, h->by_handle, handle, sizeof(r->handle), r);
	return 0;
}

void handles_set(struct handles *h, uint64_t handle, enum ipc_stream_state state, uint32_t error)
{
	struct record *r = find(h, handle);

	if (!r)
		return;
	r->info.state = (uint8_t)state;
	r->info.error = error;
}

void handles_finish(struct handles *h, uint64_t handle, int64_t now_ms)
{
	struct record *r = find(h, handle);

	if (!r || r->finished)
		return;
	r->finished = true;
	r->finished_ms = now_ms;
	TAILQ_INSERT_TAIL(&h->finished, r, entry);
}

void handles_query(struct handles *h, uint64_t handle, int64_t now_ms, struct ipc_info *ret)
{
	const struct record *r;

	expire(h, now_ms);
	r = find(h, handle);
	if (r)
		*ret = r->info;
	else
		*ret = (struct ipc_info){ .state = IPC_STREAM_UNKNOWN };
}

size_t handles_count(const struct handles *h)
{
	return HASH_COUNT(h->by_handle);
}
