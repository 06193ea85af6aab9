/* SPDX-License-Identifier: BSD-3-Clause */
/* origins.c - see origins.h */
#include "shim/origins.h"

void origins_init(struct origins *o)
{
	(void)pthread_mutex_init(&o->lock, NULL);
	o->n = 0;
}

void origins_add(struct origins *o, uint64_t cookie, uint32_t id, const struct addr_port *server)
{
	(void)pthread_mutex_lock(&o->lock);
	o->ring[o->n % ORIGINS_MAX] = (struct origin){ cookie, id, *server };
	/* Stays in the upper half once the ring is full, and so never wraps to 0. */
	o->n = o->n + 1 < 2 * ORIGINS_MAX ? o->n + 1 : ORIGINS_MAX;
	(void)pthread_mutex_unlock(&o->lock);
}

/* The newest that matches; with the lock held. */
static const struct origin *newest(const struct origins *o, uint64_t cookie, bool any, uint32_t id)
{
	for (unsigned int i = 1; i <= ORIGINS_MAX && i <= o->n; i++) {
		const struct origin *e = &o->ring[(o->n - i) % ORIGINS_MAX];

		if (e->cookie == cookie && (any || e->id == id))
			return e;
	}
	return NULL;
}

bool origins_find(struct origins *o, uint64_t cookie, uint32_t id, struct addr_port *ret)
{
	const struct origin *e;

	(void)pthread_mutex_lock(&o->lock);
	e = newest(o, cookie, false, id);
	if (!e)
		e = newest(o, cookie, true, 0);
	if (e)
		*ret = e->server;
	(void)pthread_mutex_unlock(&o->lock);
	return e != NULL;
}

bool origins_peer(struct origins *o, uint64_t cookie, struct addr_port *ret)
{
	const struct origin *e;

	(void)pthread_mutex_lock(&o->lock);
	e = newest(o, cookie, false, ORIGIN_ANY_ID);
	if (e)
		*ret = e->server;
	(void)pthread_mutex_unlock(&o->lock);
	return e != NULL;
}
