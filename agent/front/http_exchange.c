/* SPDX-License-Identifier: BSD-3-Clause */
/* http_exchange.c - the two ways of an exchange; see http_exchange.h */
#include "agent/front/http_exchange.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/front/http_exchange_internal.h"
#include "common/log.h"

static struct loop *loop_of(const struct exchange *x)
{
	return x->client->proxy->front->config.loop;
}

static void move_state(struct exchange *x, enum exchange_state state)
{
	log_debug("http: %s -> %s", exchange_state_str(x->state), exchange_state_str(state));
	x->state = state;
}

static void enqueue(struct exchange *x)
{
	loop_defer(loop_of(x), LOOP_PUMP, &x->pump_task);
}

static void note_move(struct exchange *x)
{
	x->moved_ms = loop_now_ms(loop_of(x));
}

/* The whole request is on its way. */
static bool is_sent(const struct exchange *x)
{
	return http_body_is_done(&x->request) && outbuf_len(&x->up) == 0;
}

/* --- the end of an exchange --- */

void exchange_drop_stream(struct exchange *x)
{
	if (x->attach)
		attach_close(x->attach, END_DONE);
	x->attach = NULL;
	x->unacked = 0;
	outbuf_deinit(&x->head);
}

/* Nothing more happens here; the client writes what is left and ends. */
static void give_up(struct exchange *x)
{
	exchange_drop_stream(x);
	ev_timer_stop(loop_of(x)->ev, &x->tick);
	move_state(x, EXCHANGE_OVER);
}

/* The response cannot be completed, and the program must see that. */
static void cut_off(struct exchange *x, const char *why)
{
	struct proxy_client *c = x->client;

	log_info("http: a response was cut off: %s", why);
	give_up(x);
	/* Where the framing does not tell, a reset does. */
	c->broken = x->outcome.out == HTTP_UNTIL_CLOSE || x->outcome.is_upgrade;
	client_end(c);
}

/* It failed before the program was told anything. */
static void fail(struct exchange *x, const char *status, const char *text)
{
	give_up(x);
	client_failure(x->client, status, x->plan.is_head ? "" : text);
}

/* The server speaks something that nobody is allowed to guess at. */
static void fail_malformed(struct exchange *x, const char *what)
{
	char text[EXCHANGE_TEXT_MAX];

	/* There nobody chose a proxy, and the program may know better. */
	snprintf(text, sizeof(text), "%s%s\n", what,
		 x->client->origin.base ? " With onionify --no-proxy-env the program asks it itself." : "");
	fail(x, "502 Bad Gateway", text);
}

/* The program has all of it. */
static void finish(struct exchange *x)
{
	if (!x->outcome.server_persists || !is_sent(x) || outbuf_len(&x->head) > 0)
		exchange_drop_stream(x);
	ev_timer_stop(loop_of(x)->ev, &x->tick);
	move_state(x, EXCHANGE_IDLE);
	if (x->closes)
		client_end(x->client);
	else
		client_resume(x->client);
}

static void response_done(struct exchange *x)
{
	move_state(x, EXCHANGE_LAST);
	/* Even an empty queue is looked at by the loop: no finish() from within a callback. */
	client_kick(x->client);
}

/* --- from the server --- */

/* A response's head is there: tells the program. False when the exchange ended. */
static bool take_head(struct exchange *x, const struct http_response *m, const struct http_fields *f)
{
	struct proxy_client *c = x->client;

	if (http_plan_response(&x->plan, m, f, &x->outcome) < 0 ||
	    (x->outcome.is_interim && ++x->n_interim > EXCHANGE_INTERIM_MAX)) {
		fail_malformed(x, "The server's answer is not valid HTTP.");
		return false;
	}
	/* HTTP/1.0 knows no 1xx (RFC 9110 15.2). */
	if (x->outcome.is_interim && x->plan.minor == 0)
		return true;
	if (!x->outcome.is_interim)
		x->closes = !x->plan.persists || !is_sent(x) || x->outcome.out == HTTP_UNTIL_CLOSE;
	if (http_forward_response(&x->plan, m, f, &x->outcome, x->closes, &c->out,
				  PIPE_QUEUE_MAX) < 0) {
		cut_off(x, "no memory");
		return false;
	}
	if (x->outcome.is_interim)
		return true;
	http_body_init(&x->response, x->outcome.in, x->outcome.length, x->outcome.out);
	if (x->outcome.is_upgrade) {
		http_body_init(&x->request, HTTP_UNTIL_CLOSE, 0, HTTP_UNTIL_CLOSE);
		http_body_init(&x->response, HTTP_UNTIL_CLOSE, 0, HTTP_UNTIL_CLOSE);
		x->closes = true;
		client_read(c, true);
	}
	move_state(x, EXCHANGE_BODY);
	return true;
}

/* The heads at the start of what came. 1: the body is next, 0: more is needed or it ended. */
static int take_heads(struct exchange *x)
{
	struct http_fields fields;
	struct http_response m;

	while (x->state == EXCHANGE_HEAD) {
		ssize_t n = 0;

		if (outbuf_len(&x->head) > 0)
			n = http_response_parse((const char *)outbuf_data(&x->head),
						outbuf_len(&x->head), &m, &fields);
		if (n < 0) {
			fail_malformed(x, n == -EMSGSIZE ? "The head of the server's answer is too long."
							 : "The server's answer is not valid HTTP.");
			return 0;
		}
		if (n == 0 || !take_head(x, &m, &fields))
			return 0;
		outbuf_skip(&x->head, (size_t)n);
	}
	return x->state == EXCHANGE_BODY;
}

static void take_body(struct exchange *x, const uint8_t *data, size_t len)
{
	ssize_t n = http_body_decode(&x->response, data, len, &x->client->out, PIPE_QUEUE_MAX);

	if (n < 0) {
		cut_off(x, n == -EPROTO ? "the server's chunks are malformed" : "too much waits");
		return;
	}
	client_kick(x->client);
	if (!http_body_is_done(&x->response))
		return;
	/* What follows belongs to nothing that was asked. */
	if ((size_t)n < len)
		x->outcome.server_persists = false;
	response_done(x);
}

static void at_data(struct attach *a, const uint8_t *data, size_t len)
{
	struct exchange *x = attach_owner(a);

	x->unacked += len;
	note_move(x);
	switch (x->state) {
	case EXCHANGE_BODY:
		take_body(x, data, len);
		return;
	case EXCHANGE_HEAD:
		if (outbuf_put(&x->head, data, len, PIPE_QUEUE_MAX) < 0) {
			fail(x, "502 Bad Gateway", "There is no memory for the server's answer.\n");
		} else if (take_heads(x)) {
			struct outbuf rest = x->head;

			x->head = (struct outbuf){ .data = NULL };
			if (outbuf_len(&rest) > 0 || http_body_is_done(&x->response))
				take_body(x, outbuf_data(&rest), outbuf_len(&rest));
			outbuf_deinit(&rest);
		}
		client_kick(x->client);
		return;
	case EXCHANGE_IDLE:
	case EXCHANGE_LAST:
		/* Nobody asked. */
		exchange_drop_stream(x);
		x->outcome.server_persists = false;
		return;
	case EXCHANGE_OVER:
		return;
	}
}

/* The server closed a kept connection just as the next request was sent (RFC 9112 9.3.1). */
static bool try_again(struct exchange *x)
{
	if (!x->reused || !x->plan.is_safe || outbuf_len(&x->head) > 0 || x->n_interim > 0)
		return false;
	outbuf_deinit(&x->up);
	if (outbuf_put(&x->up, outbuf_data(&x->again), outbuf_len(&x->again), EXCHANGE_UP_MAX) < 0)
		return false;
	log_debug("http: the server had closed, asking once more");
	return exchange_open_stream(x) == 0;
}

static void at_ended(struct attach *a, const struct attach_end *end)
{
	struct exchange *x = attach_owner(a);
	char text[EXCHANGE_TEXT_MAX];

	x->attach = NULL;
	switch (x->state) {
	case EXCHANGE_HEAD:
		if (try_again(x))
			return;
		exchange_explain(x, end, text);
		fail(x, end->was_connected ? "502 Bad Gateway" : http_status_of(end->reason, end->error),
		     text);
		return;
	case EXCHANGE_BODY:
		if (end->error == 0 && http_body_close(&x->response, &x->client->out, PIPE_QUEUE_MAX) == 0)
			response_done(x);
		else
			cut_off(x, end->error ? strerror(end->error) : "the server closed too early");
		return;
	case EXCHANGE_IDLE:
	case EXCHANGE_LAST:
	case EXCHANGE_OVER:
		return;
	}
}

static void at_connected(struct attach *a, const struct addr *addr)
{
	(void)addr;
	note_move(attach_owner(a));
	enqueue(attach_owner(a));
}

static void at_sendable(struct attach *a)
{
	enqueue(attach_owner(a));
}

const struct attach_ops exchange_attach_ops = {
	.connected = at_connected,
	.data = at_data,
	.sendable = at_sendable,
	.ended = at_ended,
};

/* --- from the program --- */

/* LOOP_PUMP: what waits for the server leaves as far as the stream has room. */
static void pump(struct loop_task *task)
{
	struct exchange *x = (struct exchange *)((char *)task - offsetof(struct exchange, pump_task));

	while (x->attach && outbuf_len(&x->up) > 0) {
		size_t room = attach_room(x->attach);
		size_t len = outbuf_len(&x->up) < room ? outbuf_len(&x->up) : room;

		if (len == 0)
			return;	/* sendable() comes */
		if (attach_send(x->attach, outbuf_data(&x->up), len) < 0) {
			cut_off(x, "the stream takes no more");
			return;
		}
		outbuf_skip(&x->up, len);
		note_move(x);
	}
	if ((x->state == EXCHANGE_HEAD || x->state == EXCHANGE_BODY) && !http_body_is_done(&x->request))
		client_read(x->client, true);
}

/* The program ended its side before its request was whole, or after an upgrade. */
static void program_ended(struct exchange *x)
{
	/* Its end is read again and again as long as it is looked for. */
	client_read(x->client, false);
	if (x->state == EXCHANGE_LAST) {
		x->closes = true;	/* the rest of the response is for it all the same */
	} else if (x->state == EXCHANGE_BODY && x->outcome.is_upgrade) {
		exchange_drop_stream(x);
		response_done(x);
	} else {
		client_drop(x->client);
	}
}

void exchange_readable(struct exchange *x)
{
	struct proxy_client *c = x->client;
	size_t waiting = outbuf_len(&x->up);
	size_t room = waiting < EXCHANGE_UP_MAX / 2 ? sizeof(c->buf) : 0;
	ssize_t used;
	ssize_t n;

	if (room == 0 || http_body_is_done(&x->request)) {
		client_read(c, false);
		return;
	}
	n = recv(c->fd, c->buf, room, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		program_ended(x);
		return;
	}
	used = http_body_decode(&x->request, c->buf, (size_t)n, &x->up, EXCHANGE_UP_MAX);
	if (used < 0 && x->state == EXCHANGE_HEAD) {
		fail(x, "400 Bad Request", "The chunks of the request's body are malformed.\n");
		return;
	}
	/* Looked at before, now taken: these bytes and no more. */
	if (used < 0 || recv(c->fd, c->buf, (size_t)used, MSG_DONTWAIT) != used) {
		cut_off(x, "the request's body broke");
		return;
	}
	note_move(x);
	if (http_body_is_done(&x->request))
		client_read(c, false);
	enqueue(x);
}

void exchange_written(struct exchange *x, size_t len)
{
	size_t n = len < x->unacked ? len : x->unacked;

	if (len > 0)
		note_move(x);
	if (outbuf_len(&x->client->out) == 0)
		n = x->unacked;
	x->unacked -= n;
	if (x->attach && n > 0)
		attach_consumed(x->attach, n);
	if (x->state == EXCHANGE_LAST && outbuf_len(&x->client->out) == 0)
		finish(x);
}

/* --- time --- */

/* Did the program close, as far as the kernel knows? */
static bool program_left(struct exchange *x)
{
	struct proxy_client *c = x->client;
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	if (poll(&p, 1, 0) <= 0)
		return false;
	if (p.revents & (POLLHUP | POLLERR))
		return true;
	if (!(p.revents & POLLRDHUP))
		return false;
	switch (peer_look(&c->proxy->peer, c->fd)) {
	case PEER_CLOSED:
		return true;
	case PEER_OPEN:
		return false;
	case PEER_UNKNOWN:
		break;
	}
	return loop_now_ms(loop_of(x)) - x->moved_ms >= PIPE_HALF_CLOSED_MS;
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct exchange *x = w->data;

	(void)ev;
	(void)revents;
	if (program_left(x)) {
		client_drop(x->client);
		return;
	}
	if (loop_now_ms(loop_of(x)) - x->moved_ms < EXCHANGE_QUIET_MS)
		return;
	if (x->state == EXCHANGE_HEAD)
		fail(x, "504 Gateway Timeout", "The server did not answer in time.\n");
	else if (x->state == EXCHANGE_BODY)
		cut_off(x, "nothing moved for too long");
	else
		client_drop(x->client);
}

struct exchange *exchange_new(struct proxy_client *c)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->client = c;
	x->pump_task.run = pump;
	ev_init(&x->tick, on_tick);
	x->tick.data = x;
	return x;
}

void exchange_stop(struct exchange *x)
{
	exchange_drop_stream(x);
	loop_cancel(loop_of(x), LOOP_PUMP, &x->pump_task);
	ev_timer_stop(loop_of(x)->ev, &x->tick);
	domain_unref(x->domain);
	x->domain = NULL;
	x->state = EXCHANGE_OVER;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	outbuf_deinit(&x->up);
	outbuf_deinit(&x->again);
	outbuf_deinit(&x->head);
	free(x);
}
