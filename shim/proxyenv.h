/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxyenv.h - the proxy variables of a command's environment
 *
 * A user's own values go in any case: they name a proxy that is reached outside Tor, and
 * one on loopback would even carry the command's traffic past it. Whoever wants one inside
 * gives it to the command itself ("onionify env http_proxy=... CMD").
 *
 * HTTP_PROXY and HTTPS_PROXY then point to the agent's HTTP port, in both spellings: for
 * programs that refuse names like .onion, or resolve names, before they connect (curl from
 * 8.1 on, c-ares, Go), and which a proxy alone makes carry them. ALL_PROXY is not set, by
 * measurement: with a SOCKS URL python-httpx fails as it starts without its SOCKS module,
 * whatever it is to fetch, and with an HTTP URL curl asks the proxy for ftp: addresses.
 * What needs no proxy is carried anyhow.
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
