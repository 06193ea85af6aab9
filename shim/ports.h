/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ports.h - listeners of the private namespace that hold connects (privnet.h, hold.h)
 *
 * A socket that connects to any address there is held by a listener on that port
 * that drops every SYN. One per port and family, kept while an attempt needs it, and
 * some longer. Not thread safe: the door's lock.
 */
#ifndef SHIM_PORTS_H
#define SHIM_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#define PORTS_MAX 2048	/* listeners at one time: a scan of many ports takes turns */
#define PORTS_KEPT 64	/* without an attempt */

struct ports;
struct privnet;

/* @net is borrowed. NULL without memory. */
struct ports *ports_new(struct privnet *net);
void ports_free(struct ports *p);
/* 0, -EAGAIN over the limit, or -errno. */
int ports_take(struct ports *p, bool six, uint16_t port);
void ports_release(struct ports *p, bool six, uint16_t port);

#endif
