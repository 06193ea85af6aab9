/* SPDX-License-Identifier: BSD-3-Clause */
/* records.c - see records.h */
#include "shim/records.h"

#include <errno.h>
#include <stddef.h>

void records_init(struct records *r)
{
	(void)pthread_mutex_init(&r->lock, NULL);
	r->n = 0;
}

void records_add(struct records *r, uint64_t cookie, const struct addr_port *dest, int error)
{
	(void)pthread_mutex_lock(&r->lock);
	r->ring[r->n++ % RECORDS_MAX] = (struct record){ cookie, *dest, error, error != 0 };
	(void)pthread_mutex_unlock(&r->lock);
}

/* The newest one of a socket; with the lock held. */
static struct record *find(struct records *r, uint64_t cookie)
{
	for (unsigned int i = 1; i <= RECORDS_MAX && i <= r->n; i++) {
		struct record *rec = &r->ring[(r->n - i) % RECORDS_MAX];

		if (rec->cookie == cookie)
			return rec;
	}
	return NULL;
}

bool records_peer(struct records *r, uint64_t cookie, struct addr_port *ret)
{
	struct record *rec;

	(void)pthread_mutex_lock(&r->lock);
	rec = find(r, cookie);
	if (rec)
		*ret = rec->dest;
	(void)pthread_mutex_unlock(&r->lock);
	return rec != NULL;
}

int records_take_error(struct records *r, uint64_t cookie)
{
	struct record *rec;
	int error = 0;

	(void)pthread_mutex_lock(&r->lock);
	rec = find(r, cookie);
	if (rec) {
		error = rec->error;
		rec->error = 0;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return error;
}

int records_take_connect(struct records *r, uint64_t cookie)
{
	struct record *rec;
	int error = 0;

	(void)pthread_mutex_lock(&r->lock);
	rec = find(r, cookie);
	if (rec && rec->owes_connect) {
		error = rec->error ? rec->error : ECONNABORTED;
		rec->error = 0;
		rec->owes_connect = false;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return error;
}
