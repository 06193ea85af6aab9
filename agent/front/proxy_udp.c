/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxy_udp.c - DNS over UDP, for DNSPort
 *
 * A question that repeats one that is still being asked is the same question: its
 * sender grew impatient. Its answer is on the way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"

#define BATCH 32

struct udp_question {
	struct dns_job job;
	struct proxy *proxy;
	int fd;		/* the listener's */
	struct sockaddr_storage from;
	socklen_t from_len;
	struct loop_task free_task;
	TAILQ_ENTRY(udp_question) entry;
};

static void free_question(struct loop_task *task)
{
	free((char *)task - offsetof(struct udp_question, free_task));
}

static void retire(struct udp_question *q)
{
	TAILQ_REMOVE(&q->proxy->questions, q, entry);
	q->proxy->n_questions--;
	q->free_task.run = free_question;
	loop_defer(q->proxy->front->config.loop, LOOP_FREE, &q->free_task);
}

static void send_reply(int fd, const uint8_t *reply, size_t len, const struct sockaddr_storage *to,
		       socklen_t to_len)
{
	/* A full buffer loses it, as any datagram may be lost. */
	if (len > 0)
		(void)!sendto(fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)to, to_len);
}

static void done(struct dns_job *job, const uint8_t *reply, size_t len)
{
	struct udp_question *q = (struct udp_question *)((char *)job -
							 offsetof(struct udp_question, job));

	send_reply(q->fd, reply, len, &q->from, q->from_len);
	retire(q);
}

static bool is_repeated(const struct proxy *p, int fd, const struct sockaddr_storage *from,
			socklen_t from_len, const struct dns_query *query)
{
	const struct udp_question *q;

	TAILQ_FOREACH(q, &p->questions, entry) {
		const struct dns_query *old = &q->job.query;

		if (q->fd == fd && old->id == query->id && q->from_len == from_len &&
		    memcmp(&q->from, from, from_len) == 0 &&
		    old->question_len == query->question_len &&
		    memcmp(old->question, query->question, query->question_len) == 0)
			return true;
	}
	return false;
}

static void refuse(int fd, const struct dns_query *query, const struct sockaddr_storage *from,
		   socklen_t from_len)
{
	uint8_t reply[DNS_UDP_MAX];
	ssize_t n = dns_reply_encode(query, DNS_SERVFAIL, NULL, 0, reply, sizeof(reply));

	send_reply(fd, reply, n > 0 ? (size_t)n : 0, from, from_len);
}

static void take(struct proxy_listener *l, const uint8_t *data, size_t len,
		 const struct sockaddr_storage *from, socklen_t from_len)
{
	struct proxy *p = l->proxy;
	struct isolate_facts facts = {
		.listener = l->config,
		.number = l->number,
		.protocol = ISOLATE_DNS,
	};
	struct addr_port client = { .port = 0 };
	struct udp_question *q;
	struct dns_query query;
	int rcode = dns_query_parse(data, len, &query);

	/* Port 0 and what is no question: nobody to answer. */
	if (rcode < 0 || addr_from_sockaddr((const struct sockaddr *)from, from_len, &client) < 0 ||
	    client.port == 0 || is_repeated(p, l->sockets.datagram, from, from_len, &query))
		return;
	facts.client = client.addr;
	q = p->n_questions < PROXY_DNS_PENDING_MAX ? calloc(1, sizeof(*q)) : NULL;
	if (!q || proxy_domain(p->front, &facts, &q->job.domain) < 0) {
		log_warn_limited("dns: too many questions at once, one was refused");
		refuse(l->sockets.datagram, &query, from, from_len);
		free(q);
		return;
	}
	q->proxy = p;
	q->fd = l->sockets.datagram;
	q->from = *from;
	q->from_len = from_len;
	q->job.front = p->front;
	q->job.query = query;
	q->job.max = dns_udp_max(&query);
	q->job.done = done;
	TAILQ_INSERT_TAIL(&p->questions, q, entry);
	p->n_questions++;
	dns_job_start(&q->job, rcode);
}

void udp_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct proxy_listener *l = w->data;
	uint8_t data[DNS_QUERY_MAX + 1];

	(void)ev;
	(void)revents;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(l->sockets.datagram, data, sizeof(data), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		/* An earlier reply to a port that is closed now is reported here, once. */
		if (n < 0 && errno == ECONNREFUSED)
			continue;
		if (n < 0)
			return;
		take(l, data, (size_t)n, &from, from_len);
	}
}

void udp_stop(struct proxy *p)
{
	while (!TAILQ_EMPTY(&p->questions)) {
		struct udp_question *q = TAILQ_FIRST(&p->questions);

		dns_job_cancel(&q->job);
		retire(q);
	}
}
