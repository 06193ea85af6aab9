/* SPDX-License-Identifier: BSD-3-Clause */
/* attach.c - see attach.h */
#include "agent/front/attach.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/attach_internal.h"
#include "common/log.h"

static int64_t now_ms(const struct attach_set *s)
{
	return loop_now_ms(s->config.loop);
}

void attach_move_to(struct attach *a, struct attach_list *list)
{
	if (a->list)
		TAILQ_REMOVE(a->list, a, entry);
	a->list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, a, entry);
}

static void free_attach(struct loop_task *task)
{
	struct attach *a = (struct attach *)((char *)task - offsetof(struct attach, free_task));

	attach_early_free(a);
	account_unref(a->account);
	domain_unref(a->need.domain);
	free(a);
}

void attach_bury(struct attach *a)
{
	struct attach_set *s = a->set;

	assert(a->state != ATTACH_CLOSED);
	a->state = ATTACH_CLOSED;
	a->stream = NULL;
	a->circ = NULL;
	a->onion_circ = NULL;
	attach_move_to(a, NULL);
	s->n--;
	a->free_task.run = free_attach;
	loop_defer(s->config.loop, LOOP_FREE, &a->free_task);
}

static const char *label(const struct attach *a, char buf[ADDR_STR_MAX])
{
	struct addr_port ap = { a->need.addr, a->port };

	return a->host[0] ? log_scrub(a->host) : log_scrub_addr(&ap, buf);
}

static void finish(struct attach *a, int error, uint16_t reason, bool was_connected)
{
	struct attach_end end = { .error = error, .reason = reason, .was_connected = was_connected,
				  .onion = a->onion_error };
	char buf[ADDR_STR_MAX];

	if (error && a->kind != ATTACH_DIR && a->kind != ATTACH_SERVICE)
		log_info("stream %llu: %s: %s (%s)", (unsigned long long)a->id, label(a, buf),
			 strerror(error), a->onion_error ? onion_error_str(a->onion_error)
					  : reason	 ? end_reason_str(reason)
							 : "no circuit");
	if (!was_connected)
		attach_count_failed(a, error);
	a->ops->ended(a, &end);
	/* The owner may have closed it from inside ended(). */
	if (a->state != ATTACH_CLOSED)
		attach_bury(a);
}

static void st_connected(struct stream *st, const struct addr *addr, uint32_t ttl)
{
	struct attach *a = stream_owner(st);
	bool is_name = a->kind == ATTACH_CONNECT && a->host[0];

	(void)ttl;
	if (is_name && a->set->config.config->reject_internal && addr->family != ADDR_NONE &&
	    addr_is_internal(addr)) {
		/* The exit's resolver is lying, or the name is meant for its own network. */
		log_info("stream %llu: the exit resolved the name to an internal address",
			 (unsigned long long)a->id);
		stream_end(st, END_DONE);
		finish(a, EHOSTUNREACH, END_MISC, false);
		return;
	}
	a->state = ATTACH_OPEN;
	if (a->early_sent == a->early_len)
		attach_early_free(a);
	attach_count_connected(a);
	if (a->kind == ATTACH_CONNECT && a->need.domain)
		domain_note_reached(a->need.domain, a->host, &a->need.addr, a->port);
	a->ops->connected(a, addr);
}

static void st_data(struct stream *st, const uint8_t *data, size_t len)
{
	struct attach *a = stream_owner(st);

	attach_count_bytes(a, 0, len);
	a->ops->data(a, data, len);
}

static void st_sendable(struct stream *st)
{
	struct attach *a = stream_owner(st);

	if (a->early && attach_early_replay(a) == 0 && a->state == ATTACH_OPEN &&
	    a->early_sent == a->early_len)
		attach_early_free(a);
	if (a->state == ATTACH_OPEN || a->optimistic)
		a->ops->sendable(a);
}

static void st_resolved(struct stream *st, const struct stream_answer *answers, size_t n)
{
	struct attach *a = stream_owner(st);

	if (a->ops->resolved)
		a->ops->resolved(a, answers, n);
}

/* May another exit do better, and were there not enough tries already? */
static bool may_retry(struct attach *a, uint16_t reason)
{
	unsigned int most = ATTACH_TRIES_MAX;

	if (a->is_onion)
		return attach_onion_may_retry(a, reason);
	if (a->kind == ATTACH_DIR || now_ms(a->set) >= a->deadline_ms)
		return false;
	/* An exit that answered did not connect. Without its answer the bytes may have arrived. */
	if ((reason == END_CIRCUIT_LOST || reason == END_REPLY_TIMEOUT) && !attach_early_may_repeat(a))
		return false;
	if (!end_reason_is_retriable(reason) && reason != END_CIRCUIT_LOST &&
	    reason != END_REPLY_TIMEOUT)
		return false;
	if (reason == END_RESOLVEFAILED)
		most = ATTACH_TRIES_RESOLVE;
	else if (reason == END_MISC)
		most = ATTACH_TRIES_MISC;
	if (reason < sizeof(a->reason_tries) / sizeof(a->reason_tries[0]) &&
	    ++a->reason_tries[reason] >= most)
		return false;
	return a->tries < ATTACH_TRIES_MAX;
}

/* What the failure says about the exit and the circuit. */
static void note_failure(struct attach *a, const struct stream_end *end)
{
	struct pool_need *need = &a->need;

	if (a->kind == ATTACH_DIR || a->is_onion)
		return;
	if (end->reason == END_REPLY_TIMEOUT)
		pool_circ_stalled(a->circ);
	if (end->reason == END_EXITPOLICY && need->addr.family != ADDR_NONE)
		pool_note_refusal(a->set->config.pool, a->circ, &need->addr, a->port);
	if (end->reason != END_CIRCUIT_LOST && need->n_avoid < POOL_AVOID_MAX)
		memcpy(need->avoid[need->n_avoid++], pool_circ_exit_id(a->circ), RSA_ID_LEN);
	if (end->reason == END_RESOLVEFAILED && a->host[0])
		a->last_reason = END_RESOLVEFAILED;
}

static void st_ended(struct stream *st, const struct stream_end *end)
{
	struct attach *a = stream_owner(st);
	struct attach_set *s = a->set;
	bool was_open = a->state == ATTACH_OPEN;
	bool done = end->reason == END_DONE && (was_open || a->kind == ATTACH_RESOLVE);
	int error = done ? 0 : end_reason_errno(end->reason);

	if (!was_open && !done && a->kind != ATTACH_SERVICE)
		note_failure(a, end);
	a->stream = NULL;
	a->circ = NULL;
	/* Clients never say why (C tor: relay_send_end_cell_from_edge()). */
	if (a->kind == ATTACH_SERVICE)
		done = end->by_peer || end->reason == END_DONE;
	if (was_open || done || a->kind == ATTACH_SERVICE) {
		finish(a, done ? 0 : ECONNRESET, end->reason, was_open);
		return;
	}
	a->last_reason = end->reason;
	if (may_retry(a, end->reason)) {
		log_info("stream %llu: %s, trying another circuit", (unsigned long long)a->id,
			 end_reason_str(end->reason));
		a->state = ATTACH_WAITING;
		a->onion_circ = NULL;
		a->waiting_ms = now_ms(s);
		attach_move_to(a, &s->waiting);
		attach_set_run(s);
		return;
	}
	if (end->reason == END_RESOLVEFAILED && a->host[0] && !a->is_onion)
		names_set_negative(s->config.names, a->need.domain, a->host, now_ms(s));
	finish(a, error ? error : ECONNREFUSED, end->reason, false);
}

const struct stream_ops attach_stream_ops = {
	.connected = st_connected,
	.data = st_data,
	.sendable = st_sendable,
	.resolved = st_resolved,
	.ended = st_ended,
};

/* As C tor sends them: a literal wants its own family alone, a name takes what the exit has. */
static uint32_t begin_flags(const struct attach *a)
{
	if (a->need.addr.family == ADDR_V6)
		return STREAM_IPV6_OK | STREAM_IPV4_NOT_OK;
	if (a->need.addr.family == ADDR_V4 || !pool_circ_exits_v6(a->circ, a->port))
		return 0;
	return STREAM_IPV6_OK | STREAM_IPV6_PREFERRED;
}

static bool is_far(const struct pool_circ *pc)
{
	uint64_t rtt_us = pool_circ_rtt_us(pc);

	return rtt_us == 0 || rtt_us >= ATTACH_FAR_US;
}

static int begin(struct attach *a, struct pool_circ *pc)
{
	struct circuit *c = pool_circ_circuit(pc);
	size_t hop = circuit_n_hops(c) - 1;
	int64_t left = a->deadline_ms - now_ms(a->set);
	int64_t timeout = a->tries == 0 ? ATTACH_REPLY_MS : ATTACH_REPLY_LATER_MS;
	char literal[ADDR_STR_MAX];
	const char *host = a->host[0] ? a->host : addr_format(&a->need.addr, literal);
	int timeout_ms = (int)(left < timeout ? left : timeout);
	int r;

	a->circ = pc;
	a->tries++;
	if (a->kind == ATTACH_DIR)
		r = stream_begin_dir(c, hop, timeout_ms, &attach_stream_ops, a, &a->stream);
	else if (a->kind == ATTACH_RESOLVE)
		r = stream_resolve(c, hop, host, timeout_ms, &attach_stream_ops, a, &a->stream);
	else
		r = stream_begin(c, hop, host, a->port, begin_flags(a), timeout_ms, &attach_stream_ops, a,
				 &a->stream);
	if (r < 0) {
		a->circ = NULL;
		a->stream = NULL;
		/* Full, or dying at this moment: not for anyone. */
		if (r == -EMFILE || r == -ENOTCONN)
			pool_circ_spoil(pc);
		return r;
	}
	a->state = ATTACH_BEGUN;
	a->early_sent = 0;
	if (a->optimistic_if_far && a->early_len == 0)
		a->optimistic = is_far(pc);
	log_debug("stream %llu: begun on circ %llu", (unsigned long long)a->id,
		  (unsigned long long)circuit_id(c));
	return 0;
}

static void expire(struct attach *a)
{
	int error = pool_has_opened(a->set->config.pool) ? ETIMEDOUT : ENETUNREACH;

	if (a->last_reason)
		error = end_reason_errno(a->last_reason);
	finish(a, error ? error : ETIMEDOUT, a->last_reason, false);
}

/* A stream on a circuit that fits. 0; -EAGAIN: wait; or -errno. */
static int take_and_begin(struct attach *a)
{
	struct attach_set *s = a->set;
	struct pool_circ *pc;
	int r;

	if (a->is_onion)
		return attach_onion_begin(a);
	r = a->kind == ATTACH_DIR ? pool_take_dir(s->config.pool, &a->need, &pc)
				  : pool_take(s->config.pool, &a->need, &pc);
	return r < 0 ? r : begin(a, pc);
}

/* Silence may be another relay's, with all other exits behind it or gone. True: more to ask. */
static bool forgive_exits(struct attach *a)
{
	bool silent = a->last_reason == END_REPLY_TIMEOUT && a->need.n_avoid > 0;

	a->need.n_avoid = silent ? 0 : a->need.n_avoid;
	return silent;
}

/* One look at a waiting request. */
static void run_one(struct attach *a)
{
	struct attach_set *s = a->set;
	int r;

	if (now_ms(s) >= a->deadline_ms) {
		expire(a);
		return;
	}
	if (now_ms(s) - a->waiting_ms >= ATTACH_FORGIVE_MS)
		(void)forgive_exits(a);
	r = take_and_begin(a);
	if (r == -ENOENT && forgive_exits(a))
		r = take_and_begin(a);
	if (r == 0) {
		attach_move_to(a, &s->active);
		if (a->early)
			(void)attach_early_replay(a);
		if (a->optimistic)
			a->ops->sendable(a);
	} else if (r == -EAGAIN || r == -EMFILE || r == -ENOTCONN) {
		attach_move_to(a, &s->waiting);
		if (r != -EAGAIN && ++a->tries > ATTACH_TRIES_MAX)
			expire(a);
	} else if (a->onion_error) {
		finish(a, onion_error_errno(a->onion_error), 0, false);
	} else if (a->last_reason) {
		/* Every exit that would do has failed it. */
		int error = end_reason_errno(a->last_reason);

		finish(a, error ? error : EHOSTUNREACH, a->last_reason, false);
	} else {
		finish(a, r == -ENOENT ? EHOSTUNREACH : -r, 0, false);
	}
}

static void run(struct loop_task *task)
{
	struct attach_set *s = (struct attach_set *)((char *)task -
						     offsetof(struct attach_set, run_task));
	struct attach_list todo = TAILQ_HEAD_INITIALIZER(todo);
	struct attach *a;

	/* Owners may add and close requests meanwhile: take what waits now, one by one. */
	while ((a = TAILQ_FIRST(&s->waiting)))
		attach_move_to(a, &todo);
	while ((a = TAILQ_FIRST(&todo)))
		run_one(a);
}

struct attach_set *attach_set_new(const struct attach_config *config)
{
	struct attach_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->active);
	s->run_task.run = run;
	s->next_id = 1;
	return s;
}

void attach_set_free(struct attach_set *s)
{
	if (!s)
		return;
	assert(s->n == 0);
	loop_cancel(s->config.loop, LOOP_PUMP, &s->run_task);
	free(s);
}

void attach_set_run(struct attach_set *s)
{
	if (!TAILQ_EMPTY(&s->waiting))
		loop_defer(s->config.loop, LOOP_PUMP, &s->run_task);
}

void attach_set_abort(struct attach_set *s)
{
	struct attach *a;

	while ((a = TAILQ_FIRST(&s->waiting)) || (a = TAILQ_FIRST(&s->active))) {
		if (a->stream)
			stream_end(a->stream, END_DONE);
		a->stream = NULL;
		finish(a, ECONNABORTED, END_CIRCUIT_LOST, a->state == ATTACH_OPEN);
	}
}

int attach_alloc(struct attach_set *s, const struct attach_request *req,
		 const struct attach_ops *ops, void *owner, struct attach **ret)
{
	struct attach *a;

	if (req->host && strlen(req->host) > STREAM_HOST_MAX)
		return -EINVAL;
	if (s->n >= ATTACH_MAX)
		return -EMFILE;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->set = s;
	a->ops = ops;
	a->owner = owner;
	a->id = s->next_id++;
	a->kind = req->kind;
	a->optimistic = req->optimistic;
	a->optimistic_if_far = req->optimistic_if_far;
	a->repeatable = req->repeatable;
	a->port = req->port;
	a->started_ms = now_ms(s);
	a->waiting_ms = a->started_ms;
	a->deadline_ms = a->started_ms + s->config.config->socks_timeout_ms;
	snprintf(a->host, sizeof(a->host), "%s", req->host ? req->host : "");
	a->need.domain = req->domain ? domain_ref(req->domain) : NULL;
	if (attach_onion_init(a) < 0) {
		domain_unref(a->need.domain);
		free(a);
		return -EINVAL;
	}
	a->need.port = req->kind == ATTACH_CONNECT ? req->port : 0;
	if (!req->host)
		a->need.addr = req->addr;
	if (req->relay)
		a->need.relay = *req->relay;
	attach_count_begin(a);
	s->n++;
	if (req->kind != ATTACH_DIR && s->config.used)
		s->config.used(s->config.ctx);
	*ret = a;
	return 0;
}

int attach_new(struct attach_set *s, const struct attach_request *req, const struct attach_ops *ops,
	       void *owner, struct attach **ret)
{
	int r = attach_alloc(s, req, ops, owner, ret);

	if (r < 0)
		return r;
	attach_move_to(*ret, &s->waiting);
	attach_set_run(s);
	return 0;
}

size_t attach_room(struct attach *a)
{
	size_t room = a->stream ? stream_room(a->stream) : 0;
	size_t early;

	if (a->kind == ATTACH_SERVICE && a->state != ATTACH_OPEN)
		return 0;
	if (room == 0 || (a->state == ATTACH_OPEN && !a->early))
		return room;
	/* What is sent again goes first. */
	early = a->state == ATTACH_OPEN ? 0 : attach_early_room(a);
	return room < early ? room : early;
}

int attach_send(struct attach *a, const uint8_t *data, size_t len)
{
	int r = -ENOTCONN;

	if (a->stream && a->state != ATTACH_OPEN)
		r = attach_early_send(a, data, len);
	else if (a->stream)
		r = stream_send(a->stream, data, len);
	if (r < 0)
		return r;
	attach_count_bytes(a, len, 0);
	return 0;
}

void attach_consumed(struct attach *a, size_t len)
{
	if (a->stream)
		stream_consumed(a->stream, len);
}

void attach_close(struct attach *a, uint8_t reason)
{
	if (!a || a->state == ATTACH_CLOSED)
		return;
	if (a->stream)
		stream_end(a->stream, reason);
	attach_bury(a);
}

void attach_spoil_circuit(struct attach *a)
{
	if (a->circ)
		pool_circ_spoil(a->circ);
}
