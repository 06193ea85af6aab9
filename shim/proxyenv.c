/* SPDX-License-Identifier: BSD-3-Clause */
/* proxyenv.c - see proxyenv.h */
#include "shim/proxyenv.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define HTTP_PORT 8118	/* common/PROTOCOL.md, "The agent's own address" */

static const char *const known[] = {
	"http_proxy",  "HTTP_PROXY",  "https_proxy", "HTTPS_PROXY", "ftp_proxy",  "FTP_PROXY",
	"all_proxy",   "ALL_PROXY",   "no_proxy",    "NO_PROXY",    "socks_proxy", "SOCKS_PROXY",
	"ws_proxy",    "WS_PROXY",    "wss_proxy",   "WSS_PROXY",   "rsync_proxy", "RSYNC_PROXY",
	"gopher_proxy", "SOCKS_SERVER", "SOCKS5_SERVER",
};

/* Programs read one spelling, or both. */
static const char *const ours[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY" };

static int set(const char *name, const char *value)
{
	return setenv(name, value, 1) == 0 ? 0 : -ENOMEM;
}

int proxyenv_apply(const struct addr *agent)
{
	static const char direct[] = "localhost,127.0.0.1,127.0.0.0/8,::1";
	struct addr_port at = { *agent, HTTP_PORT };
	char text[ADDR_STR_MAX];
	char url[ADDR_STR_MAX + 8];
	int r;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		(void)unsetenv(known[i]);
	if (agent->family == ADDR_NONE)
		return 0;
	(void)snprintf(url, sizeof(url), "http://%s", addr_port_format(&at, text));
	r = 0;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]) && r == 0; i++)
		r = set(ours[i], url);
	r = r == 0 ? set("no_proxy", direct) : r;
	return r == 0 ? set("NO_PROXY", direct) : r;
}
