/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nameserver.h - answers DNS questions of programs without the preload library
 *
 * A resolver of a program's own sends UDP to the name server of resolv.conf. Its
 * connect() or send is turned to this one, on loopback, which gives out the agent's
 * virtual addresses; answers are made to come from whom the program asked, since
 * resolvers check that. A and AAAA only: every other type has no records.
 */
#ifndef SHIM_NAMESERVER_H
#define SHIM_NAMESERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/addr.h"

struct nameserver;

/* With a thread that serves for ever. NULL when it cannot be made. */
struct nameserver *nameserver_new(void);
/* Connects @fd, a datagram socket of family @domain, to it in place of @asked. 0 or -errno. */
int nameserver_connect(struct nameserver *ns, int fd, int domain, const struct addr_port *asked);
/* Sends it a message in place of @asked. Bytes sent, or -errno. */
ssize_t nameserver_send(struct nameserver *ns, int fd, int domain, const struct addr_port *asked,
			const void *msg, size_t len);
/* True when @fd has asked something; @ret: whom the program thinks it asked last. */
bool nameserver_asked(struct nameserver *ns, int fd, struct addr_port *ret);
/* True when a message from @from came from here. */
bool nameserver_is(const struct nameserver *ns, const struct sockaddr_storage *from);
/*
 * One question to one answer: pure bytes but for asking the agent. The length of
 * the answer, or 0 for a message that deserves none.
 */
size_t nameserver_answer(const uint8_t *query, size_t len, uint8_t *answer, size_t cap);

#endif
