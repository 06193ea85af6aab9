/* SPDX-License-Identifier: BSD-3-Clause */
/* config_service.h - setters for the HiddenService* options, which belong to the last directory */
#ifndef AGENT_CONFIG_SERVICE_H
#define AGENT_CONFIG_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/onion/service_options.h"

#define CONFIG_SERVICES_MAX 64	/* each keeps some twelve circuits open */

struct config;
struct config_option;

/* HiddenServiceDir: a new service begins. */
int config_service_dir(struct config *c, const struct config_option *o, const char *value,
		       char *err, size_t err_len);
/* HiddenServicePort */
int config_service_port(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len);
/* HiddenServiceVersion: 3 */
int config_service_version(struct config *c, const struct config_option *o, const char *value,
			   char *err, size_t err_len);
/* HiddenServiceExportCircuitID: "none" or "haproxy" */
int config_service_export(struct config *c, const struct config_option *o, const char *value,
			  char *err, size_t err_len);
/* The field (a bool, or a uint32_t from min to max) is in struct service_options. */
int config_service_bool(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len);
int config_service_number(struct config *c, const struct config_option *o, const char *value,
			  char *err, size_t err_len);
/* Of all of them, when the whole file is read. 0, or -EINVAL and a sentence in @err. */
int config_services_check(const struct config *c, char *err, size_t err_len);
void config_services_free(struct config *c);

/* An absolute path, or one below "~/"; malloc()ed (config_table.c). */
int config_expand_path(const char *value, char **ret, char *err, size_t err_len);

#endif
