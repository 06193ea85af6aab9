/* SPDX-License-Identifier: BSD-3-Clause */
/* pt_internal.h - shared by pt.c (the set, lives of programs) and pt_output.c (what they say) */
#ifndef LINK_PT_INTERNAL_H
#define LINK_PT_INTERNAL_H

#include <ev.h>

#include "agent/link/pt.h"
#include "agent/link/pt_message.h"

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

struct proxy {
	struct pt_set *set;
	const struct transport_line *line;
	enum pt_state state;
	long pid;	/* 0: none yet */
	int in_fd;	/* its standard input: closing it asks it to end */
	int out_fd;	/* its standard output */
	bool versioned;		/* it has said VERSION */
	struct pt_method methods[TRANSPORT_NAMES_MAX];	/* socks_version 0: not offered */
	struct ev_io io;
	struct ev_timer timer;	/* by state: give up, complain, start */
	int64_t since_ms;	/* in this state */
	int64_t backoff_ms;
	size_t len;
	char buf[PT_LINE_MAX + 1];
};

struct pt_set {
	struct pt_config config;
	size_t n;
	struct proxy *proxies;
	char problem[PT_TEXT_MAX + 128];
};

/* --- pt.c --- */
const char *pt_proxy_name(const struct proxy *p);
/* For the log and the user: what is wrong, and @detail when not empty. */
void pt_proxy_problem(struct proxy *p, const char *what, const char *detail);
/* It has said all that it offers. */
void pt_proxy_ready(struct proxy *p);
/* Withdraws what it offered, has it ended, starts it again later. @gone: it has ended already. */
void pt_proxy_end(struct proxy *p, bool gone);

/* --- pt_output.c --- */
/* Takes what it has written by now. False when it was ended for that, or its output is at its end. */
bool pt_proxy_read(struct proxy *p);

#endif
