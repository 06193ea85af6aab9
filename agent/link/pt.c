/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt.c - see pt.h
 *
 * Theory of operation. A program's standard output tells what it offers and, by its
 * end, that it is gone; a slow poll of waitpid() finds one whose child keeps the output
 * open. Whatever goes wrong (a bad line, silence, its end) has one consequence: the
 * program is ended, its methods are withdrawn, and it is started again after a wait
 * that doubles with every failure in a row. Who still has a connection through it keeps
 * it for as long as that connection lives.
 */
#include "agent/link/pt.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/pt_message.h"
#include "agent/link/pt_spawn.h"
#include "common/file.h"
#include "common/log.h"

#define POLL_MS 5000	/* for a death that its output does not tell */
#define REAP_MS 100
#define READS_MAX 8	/* buffers taken in one round */

/* X-macro: name, text. */
#define PT_STATES(X) \
	X(OFF, "off") /* nobody needs it -> starting */ \
	X(STARTING, "starting") /* writes what it offers -> running, ending */ \
	X(RUNNING, "running") /* its methods may be used -> ending */ \
	X(ENDING, "ending") /* told to end, not gone yet -> waiting */ \
	X(WAITING, "waiting") /* before the next start -> starting */

enum pt_state {
#define PT_STATE_ENUM(name, text) PT_##name,
	PT_STATES(PT_STATE_ENUM)
#undef PT_STATE_ENUM
};

static const char *const state_text[] = {
#define PT_STATE_TEXT(name, text) text,
	PT_STATES(PT_STATE_TEXT)
#undef PT_STATE_TEXT
};

struct proxy {
	struct pt_set *set;
	const struct transport_line *line;
	enum pt_state state;
	struct pt_child child;	/* pid 0: none */
	bool versioned;		/* it has said VERSION */
	struct pt_method methods[TRANSPORT_NAMES_MAX];	/* socks_version 0: not offered */
	struct ev_io io;
	struct ev_timer timer;	/* by state: give up, poll, kill, start */
	int64_t since_ms;	/* in this state */
	int64_t backoff_ms;
	size_t len;
	char buf[PT_LINE_MAX + 1];
};

struct pt_set {
	struct pt_config config;
	char *state_dir;
	size_t n;
	struct proxy *proxies;
	char problem[PT_TEXT_MAX + 128];
};

static const char *proxy_name(const struct proxy *p)
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
	log_debug("pt %s: %s -> %s", proxy_name(p), state_text[p->state], state_text[to]);
	p->state = to;
	p->since_ms = loop_now_ms(p->set->config.loop);
}

static void problem(struct proxy *p, const char *what, const char *detail)
{
	snprintf(p->set->problem, sizeof(p->set->problem), "the transport %.32s %s%s%s", proxy_name(p),
		 what, detail[0] ? ": " : "", detail);
	log_warn_limited("pt %s: %s%s%s", proxy_name(p), what, detail[0] ? ": " : "", detail);
}

static void wait_for_restart(struct proxy *p)
{
	set_state(p, PT_WAITING);
	arm(p, p->backoff_ms);
}

static void close_fds(struct proxy *p)
{
	ev_io_stop(p->set->config.loop->ev, &p->io);
	if (p->child.in_fd >= 0)
		close(p->child.in_fd);
	if (p->child.out_fd >= 0)
		close(p->child.out_fd);
	p->child.in_fd = p->child.out_fd = -1;
}

/* True when the process is gone, and collected. */
static bool reap(struct proxy *p)
{
	int status;
	pid_t r;

	if (p->child.pid == 0)
		return true;
	r = waitpid(p->child.pid, &status, WNOHANG);
	if (r == 0)
		return false;
	if (r == p->child.pid && WIFSIGNALED(status))
		log_info("pt %s: ended by signal %d", proxy_name(p), WTERMSIG(status));
	else if (r == p->child.pid)
		log_info("pt %s: ended with status %d", proxy_name(p), WEXITSTATUS(status));
	p->child.pid = 0;
	return true;
}

/* The way down: withdraw what it offered, ask it to end, see to it that it does. */
static void end(struct proxy *p)
{
	struct pt_set *s = p->set;
	bool offered = p->state == PT_RUNNING;

	if (offered && loop_now_ms(s->config.loop) - p->since_ms >= PT_STEADY_MS)
		p->backoff_ms = PT_BACKOFF_MS;
	else if (p->backoff_ms > 0)
		p->backoff_ms = p->backoff_ms * 2 < PT_BACKOFF_MAX_MS ? p->backoff_ms * 2
								      : PT_BACKOFF_MAX_MS;
	if (p->backoff_ms == 0)
		p->backoff_ms = PT_BACKOFF_MS;
	memset(p->methods, 0, sizeof(p->methods));
	close_fds(p);
	set_state(p, PT_ENDING);
	if (p->child.pid > 0)
		(void)kill(p->child.pid, SIGTERM);
	arm(p, REAP_MS);
	s->config.changed(s->config.ctx);
}

static void start(struct proxy *p)
{
	struct pt_set *s = p->set;
	char err[256];
	int r = file_private_dir(s->state_dir, err, sizeof(err));

	if (r == 0)
		r = pt_spawn(p->line, s->state_dir, &p->child);
	if (r < 0) {
		p->child = (struct pt_child){ 0, -1, -1 };
		problem(p, "cannot be started", strerror(-r));
		p->backoff_ms = p->backoff_ms * 2 < PT_BACKOFF_MAX_MS ? p->backoff_ms * 2
								      : PT_BACKOFF_MAX_MS;
		if (p->backoff_ms == 0)
			p->backoff_ms = PT_BACKOFF_MS;
		wait_for_restart(p);
		return;
	}
	set_state(p, PT_STARTING);
	log_info("pt %s: process %ld started", proxy_name(p), (long)p->child.pid);
	p->versioned = false;
	p->len = 0;
	ev_io_set(&p->io, p->child.out_fd, EV_READ);
	ev_io_start(s->config.loop->ev, &p->io);
	arm(p, PT_START_MS);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct proxy *p = w->data;
	int64_t in_state = loop_now_ms(p->set->config.loop) - p->since_ms;

	(void)ev;
	(void)revents;
	switch (p->state) {
	case PT_OFF:
		break;
	case PT_STARTING:
		problem(p, "did not get ready in time", "");
		end(p);
		break;
	case PT_RUNNING:
		if (reap(p)) {
			problem(p, "has ended", "");
			end(p);
		} else {
			arm(p, POLL_MS);
		}
		break;
	case PT_ENDING:
		if (reap(p)) {
			wait_for_restart(p);
			break;
		}
		if (in_state >= PT_TERM_MS)
			(void)kill(p->child.pid, SIGKILL);
		arm(p, REAP_MS);
		break;
	case PT_WAITING:
		start(p);
		break;
	}
}

/* --- what it says --- */

static int take_method(struct proxy *p, const struct pt_message *m)
{
	/* Anywhere else it would carry our traffic over the network in the clear. */
	if (!addr_is_loopback(&m->addr.addr)) {
		problem(p, "wants to be reached over the network", "");
		return -EPROTO;
	}
	for (size_t i = 0; i < p->line->n_names; i++) {
		if (strcmp(p->line->names[i], m->transport) == 0)
			p->methods[i] = (struct pt_method){ m->socks_version, m->addr };
	}
	return 0;
}

static int take_done(struct proxy *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->line->n_names; i++)
		n += p->methods[i].socks_version > 0;
	if (n == 0) {
		problem(p, "is not offered by its program", "");
		return -EPROTO;
	}
	if (p->state != PT_STARTING)
		return 0;
	set_state(p, PT_RUNNING);
	p->set->problem[0] = '\0';
	log_notice("pt %s: ready", proxy_name(p));
	arm(p, POLL_MS);
	p->set->config.changed(p->set->config.ctx);
	return 0;
}

static void take_log(struct proxy *p, const struct pt_message *m)
{
	/* It knows addresses of bridges: its words count as sensitive. */
	if (m->severity >= PT_WARNING)
		log_warn_limited("pt %s: %s", proxy_name(p), log_scrub(m->text));
	else
		log_debug("pt %s: %s", proxy_name(p), log_scrub(m->text));
}

/* 0, or negative: the program must go. */
static int take_message(struct proxy *p, const struct pt_message *m)
{
	switch (m->kind) {
	case PT_VERSION:
		p->versioned = true;
		return 0;
	case PT_VERSION_ERROR:
	case PT_ENV_ERROR:
	case PT_PROXY_ERROR:
		problem(p, "gives up", m->text);
		return -EPROTO;
	case PT_CMETHOD:
		return p->versioned && p->state == PT_STARTING ? take_method(p, m) : -EPROTO;
	case PT_CMETHOD_ERROR:
		problem(p, "failed", m->text);
		return 0;
	case PT_CMETHODS_DONE:
		return p->versioned ? take_done(p) : -EPROTO;
	case PT_LOG:
		take_log(p, m);
		return 0;
	case PT_STATUS:
		log_info("pt %s: status %s", proxy_name(p), log_scrub(m->text));
		return 0;
	case PT_PROXY_DONE:	/* we ask for no upstream proxy */
	case PT_UNKNOWN:
		return 0;
	}
	return 0;
}

/* Every whole line in the buffer. False when the program was ended. */
static bool take_lines(struct proxy *p)
{
	size_t done = 0;
	char *nl;

	while ((nl = memchr(p->buf + done, '\n', p->len - done))) {
		size_t len = (size_t)(nl - (p->buf + done));
		struct pt_message m;

		if (pt_message_parse(p->buf + done, len, &m) < 0) {
			problem(p, "says what makes no sense", "");
			end(p);
			return false;
		}
		if (take_message(p, &m) < 0) {
			end(p);
			return false;
		}
		done += len + 1;
	}
	p->len -= done;
	memmove(p->buf, p->buf + done, p->len);
	if (p->len == sizeof(p->buf)) {
		problem(p, "writes lines without end", "");
		end(p);
		return false;
	}
	return true;
}

static void on_readable(struct ev_loop *ev, struct ev_io *w, int revents)
{
	struct proxy *p = w->data;

	(void)ev;
	(void)revents;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(p->child.out_fd, p->buf + p->len, sizeof(p->buf) - p->len);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			problem(p, "has ended", "");
			end(p);
			return;
		}
		p->len += (size_t)n;
		if (!take_lines(p))
			return;
	}
}

/* --- the set --- */

struct pt_set *pt_set_new(const struct pt_config *config)
{
	struct pt_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->n = config->n_lines < PT_PROXIES_MAX ? config->n_lines : PT_PROXIES_MAX;
	s->proxies = calloc(s->n ? s->n : 1, sizeof(*s->proxies));
	s->state_dir = strdup(config->state_dir);
	if (!s->proxies || !s->state_dir) {
		free(s->proxies);
		free(s->state_dir);
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct proxy *p = &s->proxies[i];

		p->set = s;
		p->line = &config->lines[i];
		p->child = (struct pt_child){ 0, -1, -1 };
		ev_init(&p->io, on_readable);
		ev_init(&p->timer, on_timer);
		p->io.data = p;
		p->timer.data = p;
	}
	return s;
}

/* Blocks for as long as programs take to end, PT_TERM_MS at most: only at our own end. */
static void end_all(struct pt_set *s)
{
	const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };

	for (int waited = 0;; waited += 10) {
		size_t left = 0;

		for (size_t i = 0; i < s->n; i++) {
			struct proxy *p = &s->proxies[i];

			if (reap(p))
				continue;
			left++;
			if (waited >= PT_TERM_MS)
				(void)kill(p->child.pid, SIGKILL);
		}
		/* A killed process that still does not go is the kernel's to bury. */
		if (left == 0 || waited > PT_TERM_MS + 200)
			return;
		(void)nanosleep(&nap, NULL);
	}
}

void pt_set_free(struct pt_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct proxy *p = &s->proxies[i];

		close_fds(p);
		ev_timer_stop(s->config.loop->ev, &p->timer);
		if (p->child.pid > 0)
			(void)kill(p->child.pid, SIGTERM);
	}
	end_all(s);
	free(s->proxies);
	free(s->state_dir);
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

	return p ? (long)p->child.pid : 0;
}
