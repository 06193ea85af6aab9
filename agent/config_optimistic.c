/* SPDX-License-Identifier: BSD-3-Clause */
/* config_optimistic.c - OptimisticData: when a program is told too early that it is connected */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config.h"

static const struct {
	const char *word;
	enum config_optimistic_mode mode;
} words[] = {
	{ "none", CONFIG_OPTIMISTIC_NONE },	  { "0", CONFIG_OPTIMISTIC_NONE },
	{ "learned", CONFIG_OPTIMISTIC_LEARNED }, { "auto", CONFIG_OPTIMISTIC_LEARNED },
};

static int fail(char *err, size_t err_len, const char *why)
{
	snprintf(err, err_len, "%s", why);
	return -EINVAL;
}

int config_set_optimistic(struct config *c, const struct config_option *o, const char *value,
			  char *err, size_t err_len)
{
	struct config_optimistic got = { .mode = CONFIG_OPTIMISTIC_PORTS };

	(void)o;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(value, words[i].word) == 0) {
			c->optimistic = (struct config_optimistic){ .mode = words[i].mode };
			return 0;
		}
	}
	while (*value) {
		char *end;
		unsigned long port = strtoul(value, &end, 10);

		if (*value < '0' || *value > '9' || port < 1 || port > 65535 ||
		    (*end && *end != ','))
			return fail(err, err_len, "must be none, learned, or ports with commas between");
		if (got.n_ports == CONFIG_PORTS_MAX)
			return fail(err, err_len, "names too many ports");
		got.ports[got.n_ports++] = (uint16_t)port;
		value = *end ? end + 1 : end;
		if (*end && !*value)
			return fail(err, err_len, "ends in a comma");
	}
	if (got.n_ports == 0)
		return fail(err, err_len, "is empty");
	c->optimistic = got;
	return 0;
}

bool config_optimistic_applies(const struct config *c, uint16_t port, bool reached)
{
	switch (c->optimistic.mode) {
	case CONFIG_OPTIMISTIC_NONE:
		return false;
	case CONFIG_OPTIMISTIC_LEARNED:
		return reached;
	case CONFIG_OPTIMISTIC_PORTS:
		break;
	}
	for (size_t i = 0; i < c->optimistic.n_ports; i++) {
		if (c->optimistic.ports[i] == port)
			return true;
	}
	return false;
}
