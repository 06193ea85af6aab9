/* SPDX-License-Identifier: BSD-3-Clause */
/* config_service.c - see config_service.h */
#include "agent/config_service.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config.h"

static int last_service(struct config *c, struct service_options **ret, char *err, size_t err_len)
{
	if (c->n_services == 0) {
		snprintf(err, err_len, "must follow the HiddenServiceDir that it belongs to");
		return -EINVAL;
	}
	*ret = &c->services[c->n_services - 1];
	return 0;
}

int config_service_dir(struct config *c, const struct config_option *o, const char *value,
		       char *err, size_t err_len)
{
	struct service_options *list;
	char *dir = NULL;
	size_t len;
	int r;

	(void)o;
	if (c->n_services == CONFIG_SERVICES_MAX) {
		snprintf(err, err_len, "is given too often: at most %d times", CONFIG_SERVICES_MAX);
		return -EINVAL;
	}
	r = config_expand_path(value, &dir, err, err_len);
	if (r < 0)
		return r;
	for (len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	list = realloc(c->services, (c->n_services + 1) * sizeof(*list));
	if (!list) {
		free(dir);
		return -ENOMEM;
	}
	c->services = list;
	service_options_init(&list[c->n_services]);
	list[c->n_services++].dir = dir;
	return 0;
}

int config_service_port(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len)
{
	struct service_options *s;
	struct service_port port;
	int r = last_service(c, &s, err, err_len);

	(void)o;
	if (r == 0)
		r = service_port_parse(value, ' ', &port, err, err_len);
	return r < 0 ? r : service_options_add_port(s, &port, err, err_len);
}

int config_service_version(struct config *c, const struct config_option *o, const char *value,
			   char *err, size_t err_len)
{
	struct service_options *s;

	(void)o;
	if (strcmp(value, "3") != 0) {
		snprintf(err, err_len, "must be 3: the network carries no other version");
		return -EINVAL;
	}
	return last_service(c, &s, err, err_len);
}

int config_service_export(struct config *c, const struct config_option *o, const char *value,
			  char *err, size_t err_len)
{
	struct service_options *s;
	int r = last_service(c, &s, err, err_len);

	(void)o;
	if (r < 0)
		return r;
	if (strcasecmp(value, "haproxy") != 0 && strcasecmp(value, "none") != 0) {
		snprintf(err, err_len, "must be haproxy or none");
		return -EINVAL;
	}
	s->export_circuit_id = strcasecmp(value, "haproxy") == 0;
	return 0;
}

int config_service_bool(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len)
{
	struct service_options *s;
	bool *field;
	int r = last_service(c, &s, err, err_len);

	if (r < 0)
		return r;
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0) {
		snprintf(err, err_len, "must be 0 or 1");
		return -EINVAL;
	}
	field = (bool *)((char *)s + o->offset);
	*field = value[0] == '1';
	return 0;
}

int config_service_number(struct config *c, const struct config_option *o, const char *value,
			  char *err, size_t err_len)
{
	struct service_options *s;
	uint32_t *field;
	char *end = NULL;
	long long v;
	int r = last_service(c, &s, err, err_len);

	if (r < 0)
		return r;
	errno = 0;
	v = isdigit((unsigned char)value[0]) ? strtoll(value, &end, 10) : -1;
	if (errno || !end || *end || v < o->min || v > o->max) {
		snprintf(err, err_len, "must be a number from %lld to %lld", (long long)o->min,
			 (long long)o->max);
		return -EINVAL;
	}
	field = (uint32_t *)((char *)s + o->offset);
	*field = (uint32_t)v;
	return 0;
}

int config_services_check(const struct config *c, char *err, size_t err_len)
{
	for (size_t i = 0; i < c->n_services; i++) {
		const struct service_options *s = &c->services[i];
		char why[CONFIG_ERR_MAX / 2];

		if (service_options_check(s, why, sizeof(why)) < 0) {
			snprintf(err, err_len, "HiddenServiceDir %.200s: %s", s->dir, why);
			return -EINVAL;
		}
		for (size_t j = 0; j < i; j++) {
			if (strcmp(c->services[j].dir, s->dir) == 0) {
				snprintf(err, err_len, "HiddenServiceDir %.200s is given twice",
					 s->dir);
				return -EINVAL;
			}
		}
	}
	return 0;
}

void config_services_free(struct config *c)
{
	for (size_t i = 0; i < c->n_services; i++)
		service_options_deinit(&c->services[i]);
	free(c->services);
	c->services = NULL;
	c->n_services = 0;
}

