/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_config.c - any bytes as a configuration file
 *
 * Either it is read, and then every bound of the table holds, or there is a message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config c;
	char err[CONFIG_ERR_MAX] = "";
	char out[CONFIG_NAME_MAX + 1];

	if (len > CONFIG_FILE_MAX)
		return 0;
	config_init(&c);
	if (config_parse(&c, (const char *)data, len, err, sizeof(err)) == 0) {
		if (c.max_dirtiness_ms < 10000 || c.socks_timeout_ms < 1000 ||
		    c.build_timeout_ms < 0 || c.virtual_v4.bits < 8 || c.virtual_v4.bits > 24 ||
		    c.n_logs > CONFIG_LOGS_MAX || c.n_maps > CONFIG_MAPS_MAX ||
		    !c.data_dir || c.data_dir[0] != '/' || (c.testing && c.n_authorities == 0))
			abort();
		if (config_map_name(&c, "www.example.com", out) && strlen(out) > CONFIG_NAME_MAX)
			abort();
	} else if (!err[0] || memchr(err, 0, sizeof(err)) == NULL) {
		abort();
	}
	config_deinit(&c);
	return 0;
}
