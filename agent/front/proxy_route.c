/* SPDX-License-Identifier: BSD-3-Clause */
/* proxy_route.c - whose stream a client's request becomes, and where it goes; see proxy.h */
#include <errno.h>
#include <string.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"

struct isolate_facts client_facts(const struct proxy_client *c, enum isolate_protocol protocol)
{
	return (struct isolate_facts){
		.listener = c->origin.listener,
		.number = c->origin.number,
		.base = c->origin.base,
		.protocol = protocol,
		.client = c->origin.client,
	};
}

int proxy_domain(struct front *f, const struct isolate_facts *facts, struct domain **ret)
{
	int r = isolate_domain(&f->domains, facts, ret);

	if (r == -ENOSPC && names_expire(f->names, 0, true, loop_now_ms(f->config.loop)))
		r = isolate_domain(&f->domains, facts, ret);
	if (r < 0)
		log_warn_limited("proxy: no isolation domain: %s",
				 r == -ENOSPC ? "too many are in use" : strerror(-r));
	return r;
}

/* Where it goes. 0 or -errno, logged. */
static int resolve_dest(const struct proxy_client *c, const struct isolate_facts *facts,
			struct domain *domain, struct dest *ret, const char **why)
{
	struct front *f = c->proxy->front;
	struct addr_port ap = { facts->addr, facts->port };
	char buf[ADDR_STR_MAX];
	int r = -EINVAL;

	/* Virtual addresses were given to the invocation, whatever credentials it uses here. */
	if (facts->port > 0)
		r = dest_resolve(f->names, f->config.config,
				 c->origin.base ? c->origin.base : domain, facts->host, &facts->addr,
				 loop_now_ms(f->config.loop), ret, why);
	else
		*why = "port 0";
	if (r < 0)
		log_notice("%s: refused a connection to %s: %s", c->protocol->name,
			   facts->host.len > 0 ? log_scrub("a name") : log_scrub_addr(&ap, buf), *why);
	return r;
}

int client_route(struct proxy_client *c, const struct isolate_facts *facts,
		 struct domain **ret_domain, struct dest *ret, const char **ret_why)
{
	int r = proxy_domain(c->proxy->front, facts, ret_domain);

	*ret_why = "";
	return r == 0 ? resolve_dest(c, facts, *ret_domain, ret, ret_why) : r;
}
