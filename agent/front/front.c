/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front.c - see front.h
 *
 * Requests are dispatched here; each kind has a file of its own (open.c, lookup.c,
 * control.c). QUERY and WAIT are short enough to be answered here.
 */
#include "agent/front/front.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/front/front_internal.h"
#include "common/log.h"

#define HOUSEKEEPING_S 600.

struct domain *front_domain(struct front *f, const struct session *s, struct ipc_str token)
{
	int64_t now = loop_now_ms(f->config.loop);
	struct domain *d;
	int r = domain_get(&f->domains, token, session_pid(s), &d);

	if (r == -ENOSPC && names_expire(f->names, 0, true, now))
		r = domain_get(&f->domains, token, session_pid(s), &d);
	if (r == 0)
		return d;
	log_warn_limited("session: no isolation domain for process %ld: %s", (long)session_pid(s),
			 r == -ENOSPC ? "too many are in use" : strerror(-r));
	return NULL;
}

static void query(struct front *f, struct session *s, const uint8_t *body, size_t len)
{
	uint8_t frame[IPC_HEADER_LEN + 64];
	struct ipc_query m;
	struct ipc_info info;
	ssize_t n;

	if (ipc_query_decode(body, len, &m) == 0) {
		handles_query(f->handles, m.handle, loop_now_ms(f->config.loop), &info);
		n = ipc_info_encode(frame, sizeof(frame), &info);
		if (n > 0)
			session_reply(s, frame, (size_t)n);
	}
	session_end(s);
}

/* One PROGRESS frame; true when it was the last. */
static bool tell(struct front *f, struct session *s)
{
	const struct progress_view *v = progress_get(f->progress);
	uint8_t frame[IPC_HEADER_LEN + 512];
	char text[IPC_NAME_MAX + 1];
	struct ipc_progress m = {
		.percent = (uint8_t)v->percent,
		.failed = v->failed,
		.done = v->done,
		.total = v->total,
		.text = { text, 0 },
	};
	ssize_t n;

	if (v->problem[0] && v->failed)
		snprintf(text, sizeof(text), "%.250s", v->problem);
	else if (v->problem[0] && v->percent < 100)
		snprintf(text, sizeof(text), "%.80s (%.150s)", v->text, v->problem);
	else
		snprintf(text, sizeof(text), "%s", v->text);
	m.text.len = strlen(text);
	n = ipc_progress_encode(frame, sizeof(frame), &m);
	if (n > 0)
		session_reply(s, frame, (size_t)n);
	if (n > 0 && v->percent < 100 && !v->failed)
		return false;
	session_end(s);
	return true;
}

static void waiter_gone(void *user)
{
	struct waiter *w = user;

	TAILQ_REMOVE(&w->front->waiters, w, entry);
	free(w);
}

static void wait_request(struct front *f, struct session *s)
{
	struct waiter *w;

	if (tell(f, s))
		return;
	w = calloc(1, sizeof(*w));
	if (!w) {
		session_end(s);
		return;
	}
	w->front = f;
	w->session = s;
	TAILQ_INSERT_TAIL(&f->waiters, w, entry);
	session_set_patient(s);
	session_on_gone(s, waiter_gone, w);
}

/* Tells all who wait, once a round however much changed in it. */
static void run_progress(struct loop_task *task)
{
	struct front *f = (struct front *)((char *)task - offsetof(struct front, progress_task));
	const struct progress_view *v = progress_get(f->progress);
	struct waiter *w;
	struct waiter *next;

	log_info("bootstrap: %u %%: %s%s%s", v->percent, v->text, v->problem[0] ? ": " : "",
		 v->problem);
	if (v->percent == 100 && !f->announced) {
		f->announced = true;
		log_notice("connected to the Tor network");
	}
	for (w = TAILQ_FIRST(&f->waiters); w; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (tell(f, w->session))
			waiter_gone(w);
	}
}

/* The connection itself is the lease from here on. */
static void lease_request(struct front *f, struct session *s, const uint8_t *body, size_t len)
{
	struct domain *domain;
	struct ipc_str token;
	int passed_fd;
	int fd;

	if (ipc_lease_decode(body, len, &token) < 0) {
		log_warn_limited("session: malformed LEASE from process %ld", (long)session_pid(s));
		session_end(s);
		return;
	}
	domain = front_domain(f, s, token);
	fd = session_take_fd(s, &passed_fd);
	if (passed_fd >= 0)
		close(passed_fd);
	if (!domain)
		close(fd);
	else if (lease_add(f->leases, fd, domain) < 0)
		log_info("lease: too many invocations at once, one goes on without");
	domain_unref(domain);
}

static void handle_request(void *ctx, struct session *s, uint8_t type, const uint8_t *body,
			   size_t len)
{
	struct front *f = ctx;

	if (type != IPC_CONTROL)
		front_note_use(f);
	switch (type) {
	case IPC_OPEN:
		open_request(f, s, body, len);
		return;
	case IPC_QUERY:
		query(f, s, body, len);
		return;
	case IPC_RESOLVE:
		lookup_resolve(f, s, body, len);
		return;
	case IPC_REVERSE:
		lookup_reverse(f, s, body, len);
		return;
	case IPC_WAIT:
		if (len == 0) {
			wait_request(f, s);
			return;
		}
		break;
	case IPC_CONTROL:
		control_request(f, s, body, len);
		return;
	case IPC_LEASE:
		lease_request(f, s, body, len);
		return;
	default:
		break;
	}
	log_warn_limited("session: bad request of type %u from process %ld", type,
			 (long)session_pid(s));
	session_end(s);
}

static const struct session_ops session_ops = { .request = handle_request };

static void tell_progress(struct front *f)
{
	loop_defer(f->config.loop, LOOP_PUMP, &f->progress_task);
}

void front_pool_changed(void *ctx)
{
	struct front *f = ctx;

	/* Parts go one after the other while circuits close; nobody waits for any by then. */
	if (f->stopped)
		return;
	if (f->attach)
		attach_set_run(f->attach);
	if (f->hosting)
		hosting_kick(f->hosting);
	if (progress_set_circuits(f->progress, pool_has_opened(f->pool), pool_problem(f->pool)))
		tell_progress(f);
}

static void attach_used(void *ctx)
{
	front_note_use(ctx);
}

static void housekeep(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct front *f = w->data;

	(void)ev;
	(void)revents;
	front_check_dormant(f);
	(void)names_expire(f->names, NAMES_IDLE_MS, false, loop_now_ms(f->config.loop));
	(void)path_save(f->config.path, loop_wall(f->config.loop));
	if (f->config.cbt)
		(void)cbt_save(f->config.cbt);
	/* A large transfer leaves a heap of megabytes behind that nobody needs meanwhile. */
	(void)malloc_trim(0);
}

/* --- what the directory client asks for and tells --- */

static int dir_open(void *agent, const struct dir_source *source, struct dir_connection *ret)
{
	struct front *f = agent;

	return f->stopped ? -ESHUTDOWN : dirlink_open(f->dirlink, source, ret);
}

static void dir_result(void *agent, uint64_t cookie, bool good)
{
	struct front *f = agent;

	if (!f->stopped)
		dirlink_result(f->dirlink, cookie, good);
}

/*
 * The directory client stops vouching for what it gave when it is too old, or when this
 * version may not use the network any longer: then no stream gets a circuit.
 */
static void check_netdir(struct front *f)
{
	const struct netdir *nd = f->dirclient ? dirclient_netdir(f->dirclient) : NULL;

	if (!nd == !f->has_netdir)
		return;
	if (!nd)
		log_warn("what is known of the network is too old: no new connections for now");
	f->has_netdir = nd != NULL;
	pool_set_netdir(f->pool, nd);
	client_net_set_netdir(f->onion, nd);
	hosting_set_netdir(f->hosting, nd);
}

static void dir_progress(void *agent, const struct dir_progress *progress)
{
	struct front *f = agent;
	struct dir_progress p = *progress;

	if (f->stopped)
		return;
	check_netdir(f);
	if (f->had_netdir && !f->has_netdir && !p.problem)
		p.problem = "what is known of the network is too old, and nothing newer was found yet";
	if (progress_set_dir(f->progress, &p))
		tell_progress(f);
}

static void dir_netdir(void *agent, const struct netdir *nd)
{
	struct front *f = agent;

	if (f->stopped)
		return;
	path_set_netdir(f->config.path, nd, loop_wall(f->config.loop));
	if (f->config.cbt)
		cbt_set_netdir(f->config.cbt, nd);
	f->has_netdir = true;
	f->had_netdir = true;
	pool_set_netdir(f->pool, nd);
	client_net_set_netdir(f->onion, nd);
	hosting_set_netdir(f->hosting, nd);
}

const struct dir_ops *front_dir_ops(void)
{
	static const struct dir_ops ops = {
		.open = dir_open,
		.result = dir_result,
		.progress = dir_progress,
		.netdir = dir_netdir,
	};

	return &ops;
}

void front_set_dirclient(struct front *f, struct dirclient *dc)
{
	f->dirclient = dc;
}

void front_note_obstacle(struct front *f, const char *problem)
{
	if (!f->stopped && progress_set_obstacle(f->progress, problem))
		tell_progress(f);
}

void front_kick(struct front *f)
{
	if (f->stopped)
		return;
	pool_kick(f->pool);
	attach_set_run(f->attach);
	hosting_kick(f->hosting);
}

void front_network_changed(struct front *f, bool lost)
{
	if (f->stopped)
		return;
	names_forget_negative(f->names);
	if (lost) {
		onion_client_new_identity(client_net_client(f->onion));
		pool_network_lost(f->pool);
	}
	front_kick(f);
}

void front_note_sandbox(struct front *f, const struct front_sandbox *sandbox)
{
	f->sandbox = *sandbox;
}

void front_note_clock_skew(struct front *f, int64_t skew_s)
{
	f->clock_skew_s = skew_s;
	/* Channels outlive us by the rounds in which circuits say good-bye. */
	if (!f->stopped && progress_set_skew(f->progress, skew_s))
		tell_progress(f);
}

/* The parts, in the order in which each needs those before it. */
static bool make_parts(struct front *f)
{
	const struct front_config *c = &f->config;
	struct pool_config pool = {
		.loop = c->loop,
		.circ = c->circ,
		.path = c->path,
		.cbt = c->cbt,
		.config = c->config,
		.changed = front_pool_changed,
		.ctx = f,
	};
	struct attach_config attach = { .loop = c->loop, .config = c->config,
					.used = attach_used, .ctx = f };

	f->progress = progress_new();
	f->names = names_new(&c->config->virtual_v4, &c->config->virtual_v6);
	f->handles = handles_new();
	f->pool = pool_new(&pool);
	f->onion = f->pool ? onion_new(f) : NULL;
	if (!f->progress || !f->names || !f->handles || !f->onion)
		return false;
	attach.pool = f->pool;
	attach.onion = client_net_client(f->onion);
	attach.names = f->names;
	f->attach = attach_set_new(&attach);
	f->pipes = f->attach ? pipe_set_new(c->loop, f->attach, f->handles) : NULL;
	f->dirlink = f->pipes ? dirlink_new(c->loop, f->pipes, f->pool) : NULL;
	f->hosting = f->dirlink ? hosting_new(f) : NULL;
	f->sessions = session_set_new(c->loop, &session_ops, f);
	f->leases = lease_set_new(c->loop, f->pool, f->names);
	f->proxy = proxy_new(f);
	if (f->leases)
		lease_set_on_release(f->leases, onion_release, f);
	return f->hosting && f->sessions && f->leases && f->proxy;
}

struct front *front_new(const struct front_config *config)
{
	struct front *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->config = *config;
	f->started_ms = loop_now_ms(config->loop);
	f->used_ms = f->started_ms;
	f->progress_task.run = run_progress;
	TAILQ_INIT(&f->waiters);
	domains_init(&f->domains);
	ev_timer_init(&f->housekeeping, housekeep, HOUSEKEEPING_S, HOUSEKEEPING_S);
	f->housekeeping.data = f;
	if (!make_parts(f)) {
		front_free(f);
		return NULL;
	}
	ev_timer_start(config->loop->ev, &f->housekeeping);
	return f;
}

/* Whoever still reaches for a part finds none, rather than what was there. */
static void forget_parts(struct front *f)
{
	f->sessions = NULL;
	f->leases = NULL;
	f->proxy = NULL;
	f->dirlink = NULL;
	f->pipes = NULL;
	f->attach = NULL;
	f->onion = NULL;
	f->hosting = NULL;
	f->pool = NULL;
	f->handles = NULL;
	f->names = NULL;
	f->progress = NULL;
}

void front_stop(struct front *f)
{
	if (f->stopped)
		return;
	f->stopped = true;
	ev_timer_stop(f->config.loop->ev, &f->housekeeping);
	loop_cancel(f->config.loop, LOOP_PUMP, &f->progress_task);
	session_set_free(f->sessions);
	lease_set_free(f->leases);
	proxy_free(f->proxy);
	dirlink_free(f->dirlink);
	if (f->pipes)
		pipe_set_abort(f->pipes);
	pipe_set_free(f->pipes);
	if (f->attach)
		attach_set_abort(f->attach);
	attach_set_free(f->attach);
	client_net_free(f->onion);
	hosting_free(f->hosting);
	pool_free(f->pool);
	handles_free(f->handles);
	names_free(f->names);
	progress_free(f->progress);
	forget_parts(f);
}

void front_free(struct front *f)
{
	if (!f)
		return;
	front_stop(f);
	domains_deinit(&f->domains);
	free(f);
}

size_t front_host_services(struct front *f, char *err, size_t err_len)
{
	return f->stopped ? 0 : hosting_configure(f->hosting, err, err_len);
}

int front_listen_proxies(struct front *f, char *err, size_t err_len)
{
	return proxy_listen(f->proxy, err, err_len);
}

void front_listen(struct front *f, int fd)
{
	session_listen(f->sessions, fd);
}
