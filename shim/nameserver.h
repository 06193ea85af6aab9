/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nameserver.h - answers DNS questions that programs send by UDP themselves
 *
 * Whatever name server a program means, its datagrams to port 53 are turned to this
 * one on loopback, which gives out the agent's virtual addresses: A, AAAA and PTR;
 * every other type has no records. A connected socket is connected here; the
 * address of a single datagram is exchanged. What comes back is shown to come from
 * the server that was meant (origins.h).
 *
 * Names are answered by one thread, from the agent's memory; reverse lookups, which
 * may ask an exit, by a few more.
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
/* Connects @fd, a datagram socket of family @domain, in the place of @meant. 0 or -errno. */
int nameserver_connect(struct nameserver *ns, int fd, int domain, const struct addr_port *meant);
/* Where to send @query, meant for @meant, instead. 0 or -errno. */
int nameserver_redirect(struct nameserver *ns, int fd, int domain, const struct addr_port *meant,
			const uint8_t *query, size_t len, struct sockaddr_storage *ret,
			socklen_t *ret_len);
/* Has this socket asked here, or is it connected here? */
bool nameserver_knows(struct nameserver *ns, int fd);
/* Who a connected socket believes to talk to. */
bool nameserver_peer(struct nameserver *ns, int fd, struct addr_port *ret);
/* Who seems to have sent @answer, which came from @from. False: not from here. */
bool nameserver_sender(struct nameserver *ns, int fd, const struct sockaddr_storage *from,
		       const uint8_t *answer, size_t len, struct addr_port *ret);
/*
 * One question to one answer: pure bytes but for asking the agent. The length of
 * the answer, or 0 for a message that deserves none.
 */
size_t nameserver_answer(const uint8_t *query, size_t len, uint8_t *answer, size_t cap);

#endif
