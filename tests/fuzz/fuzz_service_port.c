/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_service_port.c - any text as HiddenServicePort, or as a port of "service add" */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char text[1024];
	char target[SERVICE_TARGET_STR_MAX];
	char again[16 + SERVICE_TARGET_STR_MAX];
	char err[256];

	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	for (int i = 0; i < 2; i++) {
		char sep = i == 0 ? ' ' : ':';
		struct service_port p;
		struct service_port q;

		if (service_port_parse(text, sep, &p, err, sizeof(err)) < 0)
			continue;
		/* A target is a path, or an address with a port; what is shown reads the same. */
		if (p.virt == 0 || (p.target.path[0] != '\0') == (p.target.at.addr.family != ADDR_NONE))
			abort();
		if (!p.target.path[0] && p.target.at.port == 0)
			abort();
		snprintf(again, sizeof(again), "%u%c%s", p.virt, sep,
			 service_target_format(&p.target, target));
		if (service_port_parse(again, sep, &q, err, sizeof(err)) < 0 ||
		    strcmp(p.target.path, q.target.path) != 0 ||
		    !addr_port_equal(&p.target.at, &q.target.at))
			abort();
	}
	return 0;
}
