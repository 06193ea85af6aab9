/* SPDX-License-Identifier: BSD-3-Clause */
/* lease.c - see lease.h */
#include "agent/front/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

enum lease_state {
	LEASE_HELD,
	LEASE_GRACE,	/* the connection is gone, the circuits are still the domain's */
	LEASE_NAMES,	/* the circuits were released, the names not yet */
};

struct lease {
	struct lease_set *set;
	enum lease_state state;
	struct domain *domain;
	int fd;		/* -1 after LEASE_HELD */
	ev_io reader;
	ev_timer timer;
	TAILQ_ENTRY(lease) entry;
};
TAILQ_HEAD(lease_list, lease);

struct lease_set {
	struct loop *loop;
	struct pool *pool;
	struct names *names;
	void (*released)(void *ctx, const struct domain *domain);	/* or NULL */
	void *ctx;
	struct lease_list leases;
	size_t n;
};

static void hang_up(struct lease *l)
{
	if (l->fd < 0)
		return;
	ev_io_stop(l->set->loop->ev, &l->reader);
	close(l->fd);
	l->fd = -1;
	l->domain->leases--;
}

static void lease_free(struct lease *l)
{
	struct lease_set *s = l->set;

	hang_up(l);
	ev_timer_stop(s->loop->ev, &l->timer);
	TAILQ_REMOVE(&s->leases, l, entry);
	s->n--;
	domain_unref(l->domain);
	free(l);
}

static void wait_for(struct lease *l, enum lease_state state, int ms)
{
	l->state = state;
	ev_timer_set(&l->timer, ms / 1000., 0.);
	ev_timer_start(l->set->loop->ev, &l->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct lease *l = w->data;
	struct lease_set *s = l->set;

	(void)ev;
	(void)revents;
	/* Another lease took over meanwhile: its end counts. */
	if (l->domain->leases > 0) {
		lease_free(l);
		return;
	}
	if (l->state == LEASE_GRACE) {
		log_debug("lease: domain %llu has ended", (unsigned long long)l->domain->id);
		pool_release(s->pool, l->domain);
		if (s->released)
			s->released(s->ctx, l->domain);
		wait_for(l, LEASE_NAMES, LEASE_NAMES_MS);
		return;
	}
	/* Ours and that of its names: no circuit and no stream is left. */
	if (l->domain->refs == 2)
		names_forget_domain(s->names, l->domain);
	lease_free(l);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct lease *l = w->data;
	char byte;
	ssize_t n = recv(l->fd, &byte, 1, MSG_DONTWAIT);

	(void)ev;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	hang_up(l);
	if (l->domain->leases > 0)
		lease_free(l);
	else
		wait_for(l, LEASE_GRACE, LEASE_GRACE_MS);
}

struct lease_set *lease_set_new(struct loop *loop, struct pool *pool, struct names *names)
{
	struct lease_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = loop;
	s->pool = pool;
	s->names = names;
	TAILQ_INIT(&s->leases);
	return s;
}

void lease_set_on_release(struct lease_set *s,
			  void (*released)(void *ctx, const struct domain *domain), void *ctx)
{
	s->released = released;
	s->ctx = ctx;
}

void lease_set_free(struct lease_set *s)
{
	if (!s)
		return;
	while (!TAILQ_EMPTY(&s->leases))
		lease_free(TAILQ_FIRST(&s->leases));
	free(s);
}

int lease_add(struct lease_set *s, int fd, struct domain *domain)
{
	struct lease *l = s->n < LEASES_MAX ? calloc(1, sizeof(*l)) : NULL;

	if (!l) {
		close(fd);
		return s->n < LEASES_MAX ? -ENOMEM : -EMFILE;
	}
	l->set = s;
	l->state = LEASE_HELD;
	l->domain = domain_ref(domain);
	l->fd = fd;
	domain->leases++;
	ev_io_init(&l->reader, on_readable, fd, EV_READ);
	ev_init(&l->timer, on_timer);
	l->reader.data = l;
	l->timer.data = l;
	ev_io_start(s->loop->ev, &l->reader);
	TAILQ_INSERT_TAIL(&s->leases, l, entry);
	s->n++;
	return 0;
}

size_t lease_count(const struct lease_set *s)
{
	return s->n;
}
