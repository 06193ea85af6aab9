/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_listener.c - any text as the value of SocksPort, HTTPTunnelPort and DNSPort */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char text[CONFIG_LINE_MAX];
	struct config_listener l;
	char err[CONFIG_ERR_MAX];

	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	for (unsigned int kind = 0; kind < CONFIG_LISTENER_KINDS; kind++) {
		if (config_listener_parse(kind, text, &l, err, sizeof(err)) < 0)
			continue;
		/* A place is a path, or an address with a port. */
		if ((l.path[0] != '\0') == (l.at.addr.family != ADDR_NONE))
			abort();
		if (!l.path[0] && (l.at.port == 0) != l.any_port)
			abort();
	}
	return 0;
}
