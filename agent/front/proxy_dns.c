/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxy_dns.c - DNS over TCP (RFC 7766): each message with its length before it
 *
 * Questions of one connection are answered one after the other.
 */
#include <errno.h>

#include "agent/front/proxy_internal.h"
#include "common/wire.h"

#define PREFIX 2

static ssize_t parse(struct proxy_client *c, const uint8_t *data, size_t len)
{
	size_t want;

	(void)c;
	if (len < PREFIX)
		return 0;
	want = wire_u16_at(data);
	if (want == 0 || want > DNS_QUERY_MAX)
		return -EMSGSIZE;
	return len >= PREFIX + want ? (ssize_t)(PREFIX + want) : 0;
}

static void done(struct dns_job *job, const uint8_t *reply, size_t len)
{
	struct proxy_client *c = (struct proxy_client *)((char *)job -
							 offsetof(struct proxy_client, u.dns));
	uint8_t prefix[PREFIX];

	wire_u16_to(prefix, (uint16_t)len);
	client_write(c, prefix, sizeof(prefix));
	client_write(c, reply, len);
	client_resume(c);
}

static void act(struct proxy_client *c)
{
	struct dns_job *job = &c->u.dns;
	struct isolate_facts facts = client_facts(c, ISOLATE_DNS);
	int rcode = dns_query_parse(c->buf + PREFIX, wire_u16_at(c->buf), &job->query);

	if (rcode < 0 || proxy_domain(c->proxy->front, &facts, &job->domain) < 0) {
		client_end(c);
		return;
	}
	job->front = c->proxy->front;
	job->inside = c->origin.base != NULL;
	job->max = DNS_REPLY_MAX;
	job->done = done;
	client_wait(c);
	dns_job_start(job, rcode);
}

static void fail(struct proxy_client *c, int error)
{
	(void)error;
	client_end(c);
}

const struct proxy_protocol proxy_dns = {
	.name = "dns",
	.max = PREFIX + DNS_QUERY_MAX,
	.parse = parse,
	.act = act,
	.fail = fail,
};
