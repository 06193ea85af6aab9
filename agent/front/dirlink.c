/* SPDX-License-Identifier: BSD-3-Clause */
/* dirlink.c - see dirlink.h */
#include "agent/front/dirlink.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

struct link {
	struct dirlink *dirlink;
	uint64_t cookie;
	struct pipe *pipe;
	TAILQ_ENTRY(link) entry;
};
TAILQ_HEAD(link_list, link);

struct dirlink {
	struct loop *loop;
	struct pipe_set *pipes;
	struct pool *pool;
	struct link_list links;
	size_t n;
	uint64_t next_cookie;
};

static void link_free(struct link *l)
{
	TAILQ_REMOVE(&l->dirlink->links, l, entry);
	l->dirlink->n--;
	free(l);
}

static void on_gone(void *ctx, struct pipe *p)
{
	struct link *l = ctx;

	(void)p;
	link_free(l);
}

struct dirlink *dirlink_new(struct loop *loop, struct pipe_set *pipes, struct pool *pool)
{
	struct dirlink *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->loop = loop;
	d->pipes = pipes;
	d->pool = pool;
	d->next_cookie = 1;
	TAILQ_INIT(&d->links);
	return d;
}

void dirlink_free(struct dirlink *d)
{
	if (!d)
		return;
	while (!TAILQ_EMPTY(&d->links)) {
		struct link *l = TAILQ_FIRST(&d->links);

		pipe_close(l->pipe);	/* silences on_gone() */
		link_free(l);
	}
	free(d);
}

static struct link *link_new(struct dirlink *d)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->dirlink = d;
	l->cookie = d->next_cookie++;
	TAILQ_INSERT_TAIL(&d->links, l, entry);
	d->n++;
	return l;
}

int dirlink_open(struct dirlink *d, const struct dir_source *source, struct dir_connection *ret)
{
	struct pipe_request req = {
		.kind = PIPE_PLAIN,
		.passed_fd = -1,
		.gone = on_gone,
		.attach = { .kind = ATTACH_DIR },
	};
	struct relay_target guard;
	struct link *l;
	int fds[2];
	int r = 0;

	if (d->n >= DIRLINK_MAX)
		return -EAGAIN;
	if (source->kind == DIR_SOURCE_ANY)
		r = pool_choose_dir(d->pool, &guard);
	if (r < 0)
		return r;
	req.attach.relay = source->kind == DIR_SOURCE_ANY ? &guard : source->relay;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	l = link_new(d);
	if (!l) {
		close(fds[0]);
		close(fds[1]);
		return -ENOMEM;
	}
	req.fd = fds[0];
	req.ctx = l;
	r = pipe_new(d->pipes, &req, &l->pipe);
	if (r < 0) {
		link_free(l);
		close(fds[1]);
		return r;
	}
	/* With begindir C tor names the OR port it talks to (directory_initiate_request). */
	ret->host = req.attach.relay->or_v4.addr.family != ADDR_NONE ? req.attach.relay->or_v4
								     : req.attach.relay->or_v6;
	ret->fd = fds[1];
	ret->cookie = l->cookie;
	return 0;
}

void dirlink_result(struct dirlink *d, uint64_t cookie, bool good)
{
	struct link *l;

	TAILQ_FOREACH(l, &d->links, entry) {
		if (l->cookie != cookie)
			continue;
		if (!good)
			pipe_spoil_circuit(l->pipe);
		return;
	}
}

size_t dirlink_count(const struct dirlink *d)
{
	return d->n;
}
