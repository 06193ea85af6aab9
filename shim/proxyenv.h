/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxyenv.h - the proxy variables of a command's environment
 *
 * A user's own values go in any case: they name a proxy that is reached outside Tor, and
 * one on loopback would even carry the command's traffic past it. Whoever wants one inside
 * gives it to the command itself ("onionify env http_proxy=... CMD").
 *
 * HTTPS_PROXY then points to the agent's HTTP CONNECT port, which helps programs that
 * resolve names, or refuse some, before they connect. Nothing else is set, by measurement:
 * ALL_PROXY with a SOCKS URL makes Python programs without a SOCKS module fail (requests:
 * "Missing dependencies for SOCKS support") that work without it, and HTTP_PROXY would need
 * a proxy that rewrites requests. What is not set needs no proxy: it is carried anyhow.
 */
#ifndef SHIM_PROXYENV_H
#define SHIM_PROXYENV_H

#include "common/addr.h"

/*
 * Changes this process's environment. @agent: the agent's own address, ADDR_NONE to set
 * no variables and only remove those that are there. 0 or -ENOMEM.
 */
int proxyenv_apply(const struct addr *agent);

#endif
