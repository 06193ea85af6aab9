/* SPDX-License-Identifier: BSD-3-Clause */
/* open.c - OPEN: a program's connect() becomes a pipe */
#include <errno.h>
#include <string.h>

#include "agent/front/front_internal.h"
#include "common/log.h"

/* What getsockname() will show: an address of our own range, a port of the dynamic range. */
static struct addr_port local_of(const struct front *f, const struct ipc_open *m)
{
	return (struct addr_port){
		.addr = names_own_addr(f->names, m->app_family),
		.port = (uint16_t)(49152 + m->handle % 16384),
	};
}

static int check(const struct ipc_open *m, const struct session *s)
{
	/* 0 stands for none. */
	if (m->handle == 0 || m->dest.port == 0 || (m->name.len > 0) == (m->dest.addr.family != ADDR_NONE))
		return -EPROTO;
	if (m->app_family != ADDR_V4 && m->app_family != ADDR_V6)
		return -EPROTO;
	if (m->flags & ~(IPC_OPEN_HELD | IPC_OPEN_OPTIMISTIC))
		return -EPROTO;
	(void)s;
	return 0;
}

/* The agent's own ports, at the first virtual address. */
static bool is_for_agent(const struct front *f, const struct ipc_open *m)
{
	struct addr a = addr_unmap_v4(&m->dest.addr);

	return m->name.len == 0 && names_is_agent(f->names, &a) && proxy_serves(m->dest.port);
}

/* Where it goes and whose it is; errno for the program. */
static int prepare(struct front *f, const struct session *s, const struct ipc_open *m,
		   struct dest *dest, struct domain **ret_domain)
{
	const char *why = "";
	char buf[ADDR_STR_MAX];
	struct domain *domain = front_domain(f, s, m->domain);
	int r;

	if (!domain)
		return -EACCES;
	if (is_for_agent(f, m)) {
		*ret_domain = domain;
		return 0;
	}
	r = dest_resolve(f->names, f->config.config, domain, m->name, &m->dest.addr,
			 loop_now_ms(f->config.loop), dest, &why);
	if (r < 0) {
		log_notice("refused a connection to %s: %s",
			   m->name.len > 0 ? log_scrub("a name") : log_scrub_addr(&m->dest, buf), why);
		domain_unref(domain);
		return r;
	}
	*ret_domain = domain;
	return 0;
}

static bool is_optimistic(const struct front *f, uint8_t flags, const struct domain *domain,
			  const struct dest *dest, uint16_t port)
{
	bool reached = domain_has_reached(domain, dest->host, &dest->addr, port);

	return (flags & IPC_OPEN_OPTIMISTIC) ||
	       config_optimistic_applies(f->config.config, port, reached);
}

void open_request(struct front *f, struct session *s, const uint8_t *body, size_t len)
{
	struct pipe_request req = { .attach = { .kind = ATTACH_CONNECT } };
	struct addr_port local;
	struct dest dest = { .host = "" };
	struct domain *domain = NULL;
	struct ipc_open m;
	struct pipe *pipe;
	bool for_agent;
	int r = ipc_open_decode(body, len, &m);

	if (r == 0)
		r = check(&m, s);
	if (r < 0) {
		log_warn_limited("session: malformed OPEN from process %ld", (long)session_pid(s));
		session_end(s);
		return;
	}
	local = local_of(f, &m);
	f->n_opens++;
	r = handles_add(f->handles, m.handle, &m.dest, &local, loop_now_ms(f->config.loop));
	req.kind = m.flags & IPC_OPEN_HELD ? PIPE_HELD : PIPE_ANSWER;
	/* What is refused because its handle is another stream's leaves that one alone. */
	req.handle = r == 0 ? m.handle : 0;
	req.pid = (uint32_t)session_pid(s);
	if (r == 0)
		r = prepare(f, s, &m, &dest, &domain);
	for_agent = is_for_agent(f, &m);
	/* The frame's strings live in the session: nothing of it is used from here on. */
	req.fd = session_take_fd(s, &req.passed_fd);
	if (r < 0) {
		pipe_refuse(f->pipes, &req, r == -EEXIST ? EADDRINUSE : r == -ENOSPC ? EAGAIN : -r);
		return;
	}
	if (for_agent) {
		proxy_open(f->proxy, &req, m.dest.port, domain);
		domain_unref(domain);
		return;
	}
	req.attach.domain = domain;
	req.attach.host = dest.host[0] ? dest.host : NULL;
	req.attach.addr = dest.addr;
	req.attach.port = m.dest.port;
	req.attach.optimistic = is_optimistic(f, m.flags, domain, &dest, m.dest.port);
	if (req.attach.optimistic && req.kind == PIPE_ANSWER)
		req.kind = PIPE_OPTIMISTIC;
	(void)pipe_new(f->pipes, &req, &pipe);
	domain_unref(domain);
}
