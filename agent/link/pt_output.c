/* SPDX-License-Identifier: BSD-3-Clause */
/* pt_output.c - a transport's program: what it says, line by line (pt-spec 3.3) */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/link/pt_internal.h"
#include "common/log.h"

#define READS_MAX 8	/* buffers taken in one round */

static int take_method(struct proxy *p, const struct pt_message *m)
{
	/* Anywhere else it would carry our traffic over the network in the clear. */
	if (!addr_is_loopback(&m->addr.addr)) {
		pt_proxy_problem(p, "wants to be reached over the network", "");
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
		pt_proxy_problem(p, "is not offered by its program", "");
		return -EPROTO;
	}
	if (p->state == PT_STARTING)
		pt_proxy_ready(p);
	return 0;
}

static void take_log(struct proxy *p, const struct pt_message *m)
{
	/* It knows addresses of bridges: its words count as sensitive. */
	if (m->severity >= PT_WARNING)
		log_warn_limited("pt %s: %s", pt_proxy_name(p), log_scrub(m->text));
	else
		log_debug("pt %s: %s", pt_proxy_name(p), log_scrub(m->text));
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
		pt_proxy_problem(p, "gives up", m->text);
		return -EPROTO;
	case PT_CMETHOD:
		return p->versioned && p->state == PT_STARTING ? take_method(p, m) : -EPROTO;
	case PT_CMETHOD_ERROR:
		pt_proxy_problem(p, "failed", m->text);
		return 0;
	case PT_CMETHODS_DONE:
		return p->versioned ? take_done(p) : -EPROTO;
	case PT_LOG:
		take_log(p, m);
		return 0;
	case PT_STATUS:
		log_info("pt %s: status %s", pt_proxy_name(p), log_scrub(m->text));
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
			pt_proxy_problem(p, "says what makes no sense", "");
			pt_proxy_end(p, false);
			return false;
		}
		if (take_message(p, &m) < 0) {
			pt_proxy_end(p, false);
			return false;
		}
		done += len + 1;
	}
	p->len -= done;
	memmove(p->buf, p->buf + done, p->len);
	if (p->len == sizeof(p->buf)) {
		pt_proxy_problem(p, "writes lines without end", "");
		pt_proxy_end(p, false);
		return false;
	}
	return true;
}

bool pt_proxy_read(struct proxy *p)
{
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(p->out_fd, p->buf + p->len, sizeof(p->buf) - p->len);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		p->len += (size_t)n;
		if (!take_lines(p))
			return false;
	}
	return true;
}
