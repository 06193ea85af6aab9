/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nameserver.h - answers DNS questions of programs without the preload library
 *
 * A static program's resolver sends UDP to the name server of resolv.conf. Its
 * connect() is turned to this one, on loopback, which gives out the agent's virtual
 * addresses. A and AAAA only: every other type has no records.
 */
#ifndef SHIM_NAMESERVER_H
#define SHIM_NAMESERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct nameserver;

/* With a thread that serves for ever. NULL when it cannot be made. */
struct nameserver *nameserver_new(void);
/* Connects @fd, a datagram socket of family @domain, to it. 0 or -errno. */
int nameserver_connect(const struct nameserver *ns, int fd, int domain);
/*
 * One question to one answer: pure bytes but for asking the agent. The length of
 * the answer, or 0 for a message that deserves none.
 */
size_t nameserver_answer(const uint8_t *query, size_t len, uint8_t *answer, size_t cap);

#endif
