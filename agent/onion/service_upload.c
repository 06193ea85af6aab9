/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_upload.c - one descriptor to each of its directories
 *
 * Each directory is asked over a circuit of its own, so that none learns of the
 * others, and gets a copy of its own, encrypted anew, as C tor's do. What fails is tried
 * again a few times; then the next publication will do.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"

#define PUBLISH_PATH "/tor/hs/3/publish"
#define REPLY_MAX 4096
#define UPLOAD_TRIES 4

static const char *const state_names[] = { "waiting", "building", "posting", "done", "failed" };
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == UPLOAD_STATES, "upload states");

static const int64_t retry_ms[UPLOAD_TRIES] = { 2000, 10000, 60000, 300000 };

static struct service_host *host_of(const struct service_upload *u)
{
	return u->desc->service->host;
}

static bool is_under_way(enum service_upload_state s)
{
	return s == UPLOAD_BUILDING || s == UPLOAD_POSTING;
}

/* The only writer of u->state. */
static void set_state(struct service_upload *u, enum service_upload_state to)
{
	struct service_host *h = host_of(u);

	h->n_uploading -= is_under_way(u->state);
	h->n_uploading += is_under_way(to);
	log_debug("service upload: %s -> %s", state_names[u->state], state_names[to]);
	u->state = to;
}

/* No circuit, no request from here on. */
static void release(struct service_upload *u)
{
	struct service_host *h = host_of(u);

	if (u->request)
		h->env.wire->post_cancel(u->request);
	u->request = NULL;
	if (u->oc)
		h->env.launcher.close(h->env.launcher.ctx, u->oc);
	u->oc = NULL;
}

static void failed(struct service_upload *u, const char *why)
{
	struct service *s = u->desc->service;

	release(u);
	log_info("service %s: a directory did not take the descriptor: %s", log_scrub(s->address),
		 why);
	if (u->failures >= UPLOAD_TRIES) {
		set_state(u, UPLOAD_FAILED);
	} else {
		u->due_ms = service_now_ms(s) + retry_ms[u->failures++];
		set_state(u, UPLOAD_WAITING);
	}
	service_kick(s);
}

static void on_reply(void *ctx, const struct dir_reply *reply)
{
	struct service_upload *u = ctx;

	u->request = NULL;
	if (reply->error) {
		failed(u, strerror(-reply->error));
		return;
	}
	if (reply->status != 200) {
		failed(u, "it refused");
		return;
	}
	set_state(u, UPLOAD_DONE);
	u->desc->published = true;
	release(u);
	service_kick(u->desc->service);
}

static void on_opened(struct onion_circ *oc)
{
	struct service_upload *u = oc->owner;
	struct service_host *h = host_of(u);
	struct dir_request_spec spec = {
		.path = PUBLISH_PATH,
		.host = u->dir.or_v4.addr.family != ADDR_NONE ? &u->dir.or_v4 : &u->dir.or_v6,
		.max_reply = REPLY_MAX,
	};
	char *text = NULL;
	int r = service_desc_encode(u->desc, &text, &spec.body_len);

	spec.body = text;
	if (r == 0)
		r = h->env.wire->post(h->env.loop, oc, &spec, on_reply, u, &u->request);
	free(text);
	if (r < 0)
		failed(u, strerror(-r));
	else
		set_state(u, UPLOAD_POSTING);
}

static void on_closed(struct onion_circ *oc, const struct circuit_failure *why)
{
	struct service_upload *u = oc->owner;
	bool by_target = host_of(u)->env.wire->target_failed(oc, why);

	u->oc = NULL;
	if (u->request)
		return;	/* its stream was told, the request ends by itself */
	if (by_target || u->path_failures >= SERVICE_PATH_TRIES) {
		failed(u, circuit_error_str(why->error));
		return;
	}
	u->due_ms = service_now_ms(u->desc->service) + service_path_retry_ms(u->path_failures++);
	set_state(u, UPLOAD_WAITING);
	service_kick(u->desc->service);
}

static const struct onion_circ_ops circ_ops = {
	.opened = on_opened,
	.closed = on_closed,
};

static void launch(struct service_upload *u)
{
	struct service_host *h = host_of(u);
	struct onion_circ_request req = {
		.purpose = ONION_SERVICE_HSDIR,
		.target = &u->dir,
		.ops = &circ_ops,
		.owner = u,
	};
	int r = h->env.launcher.launch(h->env.launcher.ctx, &req, &u->oc);

	if (r == 0) {
		set_state(u, UPLOAD_BUILDING);
		return;
	}
	u->oc = NULL;
	if (r == -EAGAIN || r == -ENETDOWN)
		u->due_ms = service_now_ms(u->desc->service) + SERVICE_RETRY_MS;
	else
		failed(u, strerror(-r));
}

void service_upload_begin(struct service_desc *d, const size_t *dirs, size_t n)
{
	const struct netdir *nd = d->service->host->nd;

	service_upload_cancel(d);
	assert(n <= SERVICE_DIRS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct service_upload *u = &d->uploads[d->n_uploads];
		const struct relay *r = netdir_relay(nd, dirs[i]);

		memset(u, 0, sizeof(*u));
		u->desc = d;
		if (!r->has_ed)
			continue;	/* its descriptor is not there yet */
		relay_to_target(r, &u->dir);
		d->n_uploads++;
	}
	service_kick(d->service);
}

void service_upload_cancel(struct service_desc *d)
{
	for (size_t i = 0; i < d->n_uploads; i++) {
		struct service_upload *u = &d->uploads[i];

		if (is_under_way(u->state))
			set_state(u, UPLOAD_WAITING);
		release(u);
	}
	d->n_uploads = 0;
}

int64_t service_upload_run(struct service_desc *d)
{
	struct service_host *h = d->service->host;
	int64_t now = service_now_ms(d->service);
	int64_t next = SERVICE_NEVER;

	for (size_t i = 0; i < d->n_uploads; i++) {
		struct service_upload *u = &d->uploads[i];

		if (u->state != UPLOAD_WAITING)
			continue;
		if (u->due_ms <= now && h->n_uploading < SERVICE_UPLOADS_MAX && h->nd)
			launch(u);
		/* Where others are under way their end is the next occasion. */
		if (u->state == UPLOAD_WAITING && u->due_ms > now)
			next = service_earlier(next, u->due_ms);
	}
	return next;
}

size_t service_upload_done(const struct service_desc *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_uploads; i++)
		n += d->uploads[i].state == UPLOAD_DONE;
	return n;
}
