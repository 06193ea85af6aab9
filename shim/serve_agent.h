/* SPDX-License-Identifier: BSD-3-Clause */
/* serve_agent.h - what onionify-serve has the agent do: a service, and a look at it from outside */
#ifndef SHIM_SERVE_AGENT_H
#define SHIM_SERVE_AGENT_H

#include <stdint.h>

#include "common/ipc.h"
#include "shim/serve.h"

#define SERVE_TEXT_MAX 256

/* The connection that the service is bound to. */
struct serve_agent {
	int fd;		/* -1: none */
	size_t have;
	uint8_t buf[IPC_HEADER_LEN + IPC_BODY_MAX];
};

enum serve_state {
	SERVE_STARTING,
	SERVE_PUBLISHING,
	SERVE_PUBLISHED,	/* a directory that clients ask has the descriptor */
};

struct serve_event {
	bool ended;		/* the agent will not, or no more; @text says why */
	char text[SERVE_TEXT_MAX];
	char address[SERVE_ADDRESS_MAX];
	char key[SERVE_KEY_MAX];	/* empty where none was asked for */
	enum serve_state state;
};

/*
 * A port of the service at which it is tried out: a listener of our own stands behind it,
 * so that the command's server is not bothered (it may be made for one connection).
 */
struct serve_probe {
	int fd;			/* -1: none */
	uint16_t virt;		/* random, not one of the command's */
	struct addr_port at;
};

/* 0 or -errno. */
int serve_probe_open(struct serve_probe *p, const struct serving *s);
void serve_probe_close(struct serve_probe *p);

/*
 * Asks for a service with these ports, @at[i] being where port i's server listens, and the
 * probe's. Ports where nobody does (port 0) are left out. @key NULL: a fresh one, told by the first event. 0 or -errno.
 */
int serve_agent_add(struct serve_agent *a, const char *socket, const struct serving *s,
		    const struct addr_port *at, const struct serve_probe *probe, const char *key);
/* Reads what is there. 1 with an event, 0: none yet, -ECONNRESET: the agent has gone, -EPROTO. */
int serve_agent_read(struct serve_agent *a, struct serve_event *ret);
void serve_agent_close(struct serve_agent *a);

/* --- one document of the agent's; pure --- */
/* 0 or -EPROTO. */
int serve_event_parse(const char *json, size_t len, struct serve_event *ret);

/* --- the test: a stream through the network to the service, as any client's --- */
/* A descriptor to wait on, or -errno. */
int serve_test_start(const char *socket, const char *address, uint16_t port);
/* When it is readable: 0, or the errno of the stream as -errno. Closes it. */
int serve_test_finish(int fd);

#endif
