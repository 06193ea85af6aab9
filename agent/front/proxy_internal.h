/* SPDX-License-Identifier: BSD-3-Clause */
/* proxy_internal.h - what the proxy protocols share; see proxy.h */
#ifndef FRONT_PROXY_INTERNAL_H
#define FRONT_PROXY_INTERNAL_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/front/acceptor.h"
#include "agent/front/dns_msg.h"
#include "agent/front/front_internal.h"
#include "agent/front/http_exchange.h"
#include "agent/front/http_msg.h"
#include "agent/front/isolate.h"
#include "agent/front/listen.h"
#include "agent/front/outbuf.h"
#include "agent/front/peer.h"
#include "agent/front/proxy.h"
#include "agent/front/socks_msg.h"

enum proxy_state {
	PROXY_READING,	/* a request, or its next part */
	PROXY_WAITING,	/* for a look-up */
	PROXY_RELAYING,	/* an exchange of plain HTTP has it (http_exchange.h) */
	PROXY_ENDING,	/* writing the rest, then closing */
	PROXY_CLOSED,	/* freed at the end of the round */
};

/* Where a client comes from. */
struct proxy_origin {
	const struct config_listener *listener;	/* NULL: from inside onionify */
	unsigned int number;
	struct domain *base;	/* inside: the invocation's, with a reference; else NULL */
	struct addr client;
};

struct proxy_client;

struct proxy_protocol {
	const char *name;
	size_t max;	/* longest message */
	/*
	 * Reads client_message() into the protocol's own fields. Length of the message,
	 * 0 (more is needed), or -errno.
	 */
	ssize_t (*parse)(struct proxy_client *c, const uint8_t *data, size_t len);
	/* The message is complete: answer it, wait, or pass the client on. */
	void (*act)(struct proxy_client *c);
	/* It never will be: say so where the protocol can, and end. */
	void (*fail)(struct proxy_client *c, int error);
};

enum socks_stage {
	SOCKS_STAGE_FIRST,	/* version unknown */
	SOCKS_STAGE_AUTH,	/* a password was agreed on */
	SOCKS_STAGE_REQUEST,	/* SOCKS 5 request, or a password after all */
};

struct socks_talk {
	enum socks_stage stage;
	bool http;		/* the first byte is no SOCKS */
	bool has_auth;
	bool is_auth;		/* the message just parsed */
	uint8_t version;
	struct socks_hello hello;
	struct socks_auth auth;
	struct socks_request request;
};

/* One question, over UDP or TCP. */
struct dns_job {
	struct front *front;
	struct domain *domain;	/* with a reference while it lives */
	bool inside;		/* answered with virtual addresses */
	struct dns_query query;
	struct lookup *lookup;
	size_t max;		/* longest reply */
	void (*done)(struct dns_job *job, const uint8_t *reply, size_t len);
};

struct proxy_client {
	struct proxy *proxy;
	const struct proxy_protocol *protocol;
	enum proxy_state state;
	struct proxy_origin origin;
	int fd;
	bool is_unix;
	uint64_t handle;	/* of an OPEN; 0 for others */
	uint32_t pid;
	struct outbuf out;
	struct lookup *lookup;
	struct exchange *exchange;	/* plain HTTP: of this request, or the last; else NULL */
	bool keeps_byte;	/* the last byte of the request stays unread to the end */
	bool broken;		/* its end is to look like one */
	ev_io reader;
	ev_io writer;
	ev_timer timer;
	struct loop_task flush_task;	/* LOOP_PUMP: what waits for the client */
	struct loop_task free_task;
	TAILQ_ENTRY(proxy_client) entry;
	union {
		struct socks_talk socks;
		struct http_request http;	/* borrows from buf */
		struct dns_job dns;
	} u;
	size_t have;		/* bytes in buf */
	uint8_t buf[HTTP_HEAD_MAX];
};
TAILQ_HEAD(proxy_clients, proxy_client);

struct proxy_listener {
	struct proxy *proxy;
	const struct config_listener *config;
	unsigned int number;
	struct listen_sockets sockets;
	struct acceptor acceptor;
	ev_io datagrams;
};

struct udp_question;
TAILQ_HEAD(udp_questions, udp_question);

struct proxy {
	struct front *front;
	struct config_listener configs[CONFIG_LISTENERS_MAX];	/* as they were at the start */
	struct proxy_listener listeners[CONFIG_LISTENERS_MAX];
	size_t n_listeners;
	struct proxy_clients clients;
	size_t n_clients;
	struct udp_questions questions;
	size_t n_questions;
	struct peer peer;
};

/* --- proxy.c --- */
/* A connection that @l accepted. */
void proxy_adopt(struct proxy_listener *l, int fd, const struct addr *from);
void proxy_drop_clients(struct proxy *p);
/* Queues bytes for the client. */
void client_write(struct proxy_client *c, const void *data, size_t len);
/* Closes when everything is written. */
void client_end(struct proxy_client *c);
/* The look-up it waited for is over: reads on. */
void client_resume(struct proxy_client *c);
/* Nothing is read until client_resume() or client_end(). */
void client_wait(struct proxy_client *c);
/*
 * Asks for a stream; the client becomes a pipe, or is told the failure by @answer and ends.
 * @facts holds the destination and credentials; the rest is filled in.
 */
void client_connect(struct proxy_client *c, struct isolate_facts *facts, pipe_answer_fn answer);
/*
 * The client is its exchange's until client_resume(), client_end() or client_drop().
 * @keep: on a Unix socket the last byte of the request stays in it, see pipe.h.
 */
void client_relay(struct proxy_client *c, bool keep);
/* Whether its exchange is told that it has something to read. */
void client_read(struct proxy_client *c, bool on);
/* The loop looks at its queue, even an empty one. */
void client_kick(struct proxy_client *c);
/* At once, whatever waits. */
void client_drop(struct proxy_client *c);

/* --- proxy_route.c --- */
/*
 * Whose stream it would be and where it would go; refusals are logged. The domain comes
 * with a reference. 0, or -errno and a static text.
 */
int client_route(struct proxy_client *c, const struct isolate_facts *facts,
		 struct domain **ret_domain, struct dest *ret, const char **ret_why);
/* What is known of the client, for isolation. */
struct isolate_facts client_facts(const struct proxy_client *c, enum isolate_protocol protocol);
/* As isolate_domain(); forgets an idle domain's names when there are too many. */
int proxy_domain(struct front *f, const struct isolate_facts *facts, struct domain **ret);

/* --- proxy_socks.c, proxy_http.c, proxy_dns.c --- */
extern const struct proxy_protocol proxy_socks;
extern const struct proxy_protocol proxy_http;
extern const struct proxy_protocol proxy_dns;
/* HTTP: a page as the last word. @extra: more header lines. An empty @text: none. */
void client_page(struct proxy_client *c, const char *status, const char *extra, const char *text);
/*
 * The page of a plain request that came to nothing. Inside onionify nobody chose a proxy, and
 * programs such as curl take any answer for a success: there the page is shorter than
 * it says, so that it ends as a broken transfer.
 */
void client_failure(struct proxy_client *c, const char *status, const char *text);

/* --- proxy_udp.c --- */
void udp_readable(struct ev_loop *ev, ev_io *w, int revents);
void udp_stop(struct proxy *p);

/* --- dns_job.c --- */
/*
 * Answers job->query, whose parser said @rcode: done() comes in this call or later,
 * once. The job's domain reference is released before it.
 */
void dns_job_start(struct dns_job *job, int rcode);
/* No done() after this. */
void dns_job_cancel(struct dns_job *job);

#endif
