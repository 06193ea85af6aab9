/* SPDX-License-Identifier: BSD-3-Clause */
/* ports.c - see ports.h */
#include "shim/ports.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/hold.h"
#include "shim/privnet.h"

struct port {
	int fd;		/* plus one; 0: none. Untouched pages cost nothing. */
	int attempts;
};

struct ports {
	struct privnet *net;
	unsigned int open;
	struct port port[2][UINT16_MAX + 1];
};

struct ports *ports_new(struct privnet *net)
{
	struct ports *p = calloc(1, sizeof(*p));

	if (p)
		p->net = net;
	return p;
}

static void shut(struct ports *p, struct port *port)
{
	(void)close(port->fd - 1);
	port->fd = 0;
	p->open--;
}

void ports_free(struct ports *p)
{
	for (int six = 0; p && six < 2; six++) {
		for (unsigned int i = 0; i <= UINT16_MAX && p->open > 0; i++) {
			if (p->port[six][i].fd > 0)
				shut(p, &p->port[six][i]);
		}
	}
	free(p);
}

int ports_take(struct ports *p, bool six, uint16_t number)
{
	struct port *port = &p->port[six][number];
	int fd;

	if (port->fd == 0) {
		if (p->open >= PORTS_MAX)
			return -EAGAIN;
		fd = privnet_socket(p->net, six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
		if (fd < 0)
			return fd;
		if (hold_listen_on(fd, six, number) < 0) {
			int e = errno;

			(void)close(fd);
			return -e;
		}
		port->fd = fd + 1;
		p->open++;
	}
	port->attempts++;
	return 0;
}

void ports_release(struct ports *p, bool six, uint16_t number)
{
	struct port *port = &p->port[six][number];

	assert(port->attempts > 0);
	if (--port->attempts == 0 && p->open > PORTS_KEPT)
		shut(p, port);
}
