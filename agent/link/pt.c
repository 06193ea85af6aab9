/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt.c - see pt.h
 *
 * Theory of operation. The spawner starts a program and passes us its standard input and
 * output. The output tells what it offers and, by its end, that it is of no use any more;
 * that it has ended says the spawner. Whatever goes wrong (a bad line, silence, its end)
 * has one consequence: the program is ended, its methods are withdrawn, and it is started
 * again after a wait that doubles with every failure in a row. Who still has a connection
 * through it keeps it for as long as that connection lives. A spawner that has ended is
 * not replaced: only another agent makes one, and every try to start something says so.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/pt_internal.h"
#include "common/log.h"

#define END_MS (SPAWNER_TERM_MS + 3000)	/* then it is worth a word */
#define NO_SPAWNER \
	"the process that starts transports is gone; \"onionctl stop\", and the next command " \
	"starts a new agent"

static const char *const state_text[] = {
#define PT_STATE_TEXT(name, text) text,
	PT_STATES(PT_STATE_TEXT)
#undef PT_STATE_TEXT
};

const char *pt_proxy_name(const struct proxy *p)
{
	return p->line->names[0];
}

static void arm(struct proxy *p, int64_t ms)
{
	struct ev_loop *ev = p->set->config.loop->ev;

	ev_timer_stop(ev, &p->timer);
	ev_timer_set(&p->timer, (double)ms / 1000.0, 0.);
	ev_timer_start(ev, &p->timer);
}

static void set_state(struct proxy *p, enum pt_state to)
{
	static const unsigned int allowed[] = {
		[PT_OFF] = 1 << PT_STARTING | 1 << PT_WAITING,
		[PT_STARTING] = 1 << PT_RUNNING | 1 << PT_ENDING,
		[PT_RUNNING] = 1 << PT_ENDING,
		[PT_ENDING] = 1 << PT_WAITING,
		[PT_WAITING] = 1 << PT_STARTING | 1 << PT_WAITING,
	};

	assert(allowed[p->state] & 1u << to);
	log_debug("pt %s: %s -> %s", pt_proxy_name(p), state_text[p->state], state_text[to]);
	p->state = to;
	p->since_ms = loop_now_ms(p->set->config.loop);
}

void pt_proxy_problem(struct proxy *p, const char *what, const char *detail)
{
	snprintf(p->set->problem, sizeof(p->set->problem), "the transport %.32s %s%s%s", pt_proxy_name(p),
		 what, detail[0] ? ": " : "", detail);
	log_warn_limited("pt %s: %s%s%s", pt_proxy_name(p), what, detail[0] ? ": " : "", detail);
}

static void wait_for_restart(struct proxy *p)
{
	set_state(p, PT_WAITING);
	arm(p, p->backoff_ms);
}

static void close_fds(struct proxy *p)
{
	ev_io_stop(p->set->config.loop->ev, &p->io);
	if (p->in_fd >= 0)
		close(p->in_fd);
	if (p->out_fd >= 0)
		close(p->out_fd);
	p->in_fd = p->out_fd = -1;
}

static void back_off(struct proxy *p)
{
	bool steady = p->state == PT_RUNNING &&
		      loop_now_ms(p->set->config.loop) - p->since_ms >= PT_STEADY_MS;

	if (steady || p->backoff_ms == 0)
		p->backoff_ms = PT_BACKOFF_MS;
	else if (p->backoff_ms < PT_BACKOFF_MAX_MS / 2)
		p->backoff_ms *= 2;
	else
		p->backoff_ms = PT_BACKOFF_MAX_MS;
}

static size_t proxy_index(const struct proxy *p)
{
	return (size_t)(p - p->set->proxies);
}

void pt_proxy_end(struct proxy *p, bool gone)
{
	struct pt_set *s = p->set;

	back_off(p);
	memset(p->methods, 0, sizeof(p->methods));
	close_fds(p);
	set_state(p, PT_ENDING);
	if (gone) {
		wait_for_restart(p);
	} else {
		/* Without spawner it has ended, and gone() follows. */
		(void)spawner_stop(s->config.spawner, proxy_index(p));
		arm(p, END_MS);
	}
	s->config.changed(s->config.ctx);
}

void pt_proxy_ready(struct proxy *p)
{
	set_state(p, PT_RUNNING);
	p->set->problem[0] = '\0';
	log_notice("pt %s: ready", pt_proxy_name(p));
	ev_timer_stop(p->set->config.loop->ev, &p->timer);
	p->set->config.changed(p->set->config.ctx);
}

static void start(struct proxy *p)
{
	struct pt_set *s = p->set;
	int r = s->config.spawner ? spawner_start(s->config.spawner, proxy_index(p)) : -EPIPE;

	if (r < 0) {
		pt_proxy_problem(p, "cannot be started", NO_SPAWNER);
		back_off(p);
		wait_for_restart(p);
		return;
	}
	set_state(p, PT_STARTING);
	p->versioned = false;
	p->len = 0;
	arm(p, PT_START_MS);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct proxy *p = w->data;

	(void)ev;
	(void)revents;
	switch (p->state) {
	case PT_OFF:
	case PT_RUNNING:
		break;
	case PT_STARTING:
		pt_proxy_problem(p, "did not get ready in time", "");
		pt_proxy_end(p, false);
		break;
	case PT_ENDING:
		pt_proxy_problem(p, "does not end", "");
		arm(p, END_MS);
		break;
	case PT_WAITING:
		start(p);
		break;
	}
}

static void on_readable(struct ev_loop *ev, struct ev_io *w, int revents)
{
	struct proxy *p = w->data;

	(void)ev;
	(void)revents;
	if (pt_proxy_read(p) || p->state == PT_ENDING)
		return;
	pt_proxy_problem(p, "has ended", "");
	pt_proxy_end(p, false);
}

/* --- what the spawner says --- */

static void on_started(void *ctx, size_t line, long pid, int in_fd, int out_fd)
{
	struct pt_set *s = ctx;
	struct proxy *p = &s->proxies[line];

	log_info("pt %s: process %ld started", pt_proxy_name(p), pid);
	close_fds(p);
	p->pid = pid;
	p->in_fd = in_fd;
	p->out_fd = out_fd;
	if (p->state != PT_STARTING) {	/* too late: it was told to end */
		close_fds(p);
	} else if (out_fd < 0) {
		pt_proxy_problem(p, "cannot be started", strerror(EMFILE));
		pt_proxy_end(p, false);
	} else {
		ev_io_set(&p->io, p->out_fd, EV_READ);
		ev_io_start(s->config.loop->ev, &p->io);
	}
}

static void on_failed(void *ctx, size_t line, int error)
{
	struct pt_set *s = ctx;
	struct proxy *p = &s->proxies[line];

	pt_proxy_problem(p, "cannot be started", strerror(error));
	if (p->state == PT_STARTING)
		pt_proxy_end(p, true);
	else if (p->state == PT_ENDING)
		wait_for_restart(p);
}

static void on_ended(void *ctx, size_t line, int status, int error)
{
	struct pt_set *s = ctx;
	struct proxy *p = &s->proxies[line];
	bool running = p->state == PT_STARTING || p->state == PT_RUNNING;

	p->pid = 0;
	if (WIFSIGNALED(status))
		log_info("pt %s: ended by signal %d", pt_proxy_name(p), WTERMSIG(status));
	else
		log_info("pt %s: ended with status %d", pt_proxy_name(p), WEXITSTATUS(status));
	/* Its last words may say why, and have it ended because of them. */
	if (running && p->out_fd >= 0)
		(void)pt_proxy_read(p);
	running = running && p->state != PT_ENDING;
	if (error != 0)
		pt_proxy_problem(p, "cannot be started", strerror(error));
	else if (running)
		pt_proxy_problem(p, "has ended", "");
	if (running) {
		pt_proxy_end(p, true);
	} else if (p->state == PT_ENDING) {
		wait_for_restart(p);
		s->config.changed(s->config.ctx);
	}
}

static void on_gone(void *ctx)
{
	struct pt_set *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		struct proxy *p = &s->proxies[i];

		p->pid = 0;
		if (p->state == PT_ENDING) {
			wait_for_restart(p);
		} else if (p->state == PT_STARTING || p->state == PT_RUNNING) {
			pt_proxy_problem(p, "has ended", NO_SPAWNER);
			pt_proxy_end(p, true);
		}
	}
}

static const struct spawner_events spawner_events = {
	.started = on_started,
	.failed = on_failed,
	.ended = on_ended,
	.gone = on_gone,
};

/* --- the set --- */

struct pt_set *pt_set_new(const struct pt_config *config)
{
	struct pt_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->n = config->n_lines < SPAWNER_LINES_MAX ? config->n_lines : SPAWNER_LINES_MAX;
	s->proxies = calloc(s->n ? s->n : 1, sizeof(*s->proxies));
	if (!s->proxies) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct proxy *p = &s->proxies[i];

		p->set = s;
		p->line = &config->lines[i];
		p->in_fd = p->out_fd = -1;
		ev_init(&p->io, on_readable);
		ev_init(&p->timer, on_timer);
		p->io.data = p;
		p->timer.data = p;
	}
	if (config->spawner)
		spawner_listen(config->spawner, config->loop, &spawner_events, s);
	return s;
}

void pt_set_free(struct pt_set *s)
{
	if (!s)
		return;
	if (s->config.spawner)
		spawner_unlisten(s->config.spawner);
	for (size_t i = 0; i < s->n; i++) {
		struct proxy *p = &s->proxies[i];

		close_fds(p);
		ev_timer_stop(s->config.loop->ev, &p->timer);
		if (p->state == PT_STARTING || p->state == PT_RUNNING)
			(void)spawner_stop(s->config.spawner, i);
	}
	free(s->proxies);
	free(s);
}

static struct proxy *find_proxy(const struct pt_set *s, const char *transport)
{
	for (size_t i = 0; i < s->n; i++) {
		if (transport_line_names(s->proxies[i].line, transport))
			return &s->proxies[i];
	}
	return NULL;
}

int pt_set_need(struct pt_set *s, const char *transport)
{
	struct proxy *p = find_proxy(s, transport);

	if (!p)
		return -ENOENT;
	if (p->line->socks_version == 0 && p->state == PT_OFF)
		start(p);
	return 0;
}

int pt_set_find(const struct pt_set *s, const char *transport, struct pt_method *ret)
{
	const struct proxy *p = find_proxy(s, transport);

	if (!p)
		return -ENOENT;
	if (p->line->socks_version > 0) {
		*ret = (struct pt_method){ p->line->socks_version, p->line->proxy };
		return 0;
	}
	for (size_t i = 0; p->state == PT_RUNNING && i < p->line->n_names; i++) {
		if (strcmp(p->line->names[i], transport) == 0 && p->methods[i].socks_version > 0) {
			*ret = p->methods[i];
			return 0;
		}
	}
	return -EAGAIN;
}

const char *pt_set_problem(const struct pt_set *s)
{
	return s->problem[0] ? s->problem : NULL;
}

long pt_set_pid(const struct pt_set *s, const char *transport)
{
	const struct proxy *p = find_proxy(s, transport);

	return p ? p->pid : 0;
}
