/* SPDX-License-Identifier: BSD-3-Clause */
/* dest.c - see dest.h */
#include "agent/front/dest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/onion_address.h"

static int from_addr(const struct config *config, const struct names *names, const struct addr *a,
		     struct dest *ret, const char **ret_why)
{
	if (names_covers(names, a)) {
		*ret_why = "a virtual address that stands for no name here";
		return -EHOSTUNREACH;
	}
	if (config->reject_internal && addr_is_internal(a)) {
		*ret_why = "internal addresses are not reachable through Tor";
		return -ENETUNREACH;
	}
	ret->host[0] = '\0';
	ret->addr = *a;
	return 0;
}

static int from_name(const struct config *config, const struct names *names, const char *text,
		     size_t len, struct dest *ret, const char **ret_why)
{
	char name[NAME_MAX_LEN + 1];
	uint8_t id[ONION_ID_LEN];
	struct addr a;
	int r;

	switch (name_classify(text, len, name, &a)) {
	case NAME_ONION:
		r = onion_address_parse(name, strlen(name), id);
		if (r != 0) {
			*ret_why = onion_address_error_str(r);
			return -EHOSTUNREACH;
		}
		snprintf(ret->host, sizeof(ret->host), "%s", name);
		ret->addr = (struct addr){ .family = ADDR_NONE };
		return 0;
	case NAME_HOST:
		snprintf(ret->host, sizeof(ret->host), "%s", name);
		ret->addr = (struct addr){ .family = ADDR_NONE };
		return 0;
	case NAME_LITERAL:
		a = addr_unmap_v4(&a);
		return from_addr(config, names, &a, ret, ret_why);
	case NAME_LOCALHOST:
	case NAME_LOCAL:
		*ret_why = "the name has a meaning on the local network only";
		return -EHOSTUNREACH;
	case NAME_BAD:
		break;
	}
	*ret_why = "not a host name";
	return -EINVAL;
}

/* MapAddress, once: the result is not mapped again. */
static void map(const struct config *config, char text[CONFIG_NAME_MAX + 1])
{
	char mapped[CONFIG_NAME_MAX + 1];

	if (config_map_name(config, text, mapped))
		memcpy(text, mapped, sizeof(mapped));
}

int dest_resolve(struct names *names, const struct config *config, const struct domain *domain,
		 struct ipc_str name, const struct addr *addr, int64_t now_ms, struct dest *ret,
		 const char **ret_why)
{
	char text[CONFIG_NAME_MAX + 1];
	char plain[NAME_MAX_LEN + 1];
	char buf[ADDR_STR_MAX];
	struct addr a;
	const char *bound;

	*ret_why = "";
	if (name.len > 0) {
		switch (name_classify(name.s, name.len, plain, &a)) {
		case NAME_LITERAL:
			break;
		case NAME_BAD:
			*ret_why = "not a host name";
			return -EINVAL;
		default:
			memcpy(text, plain, sizeof(text));
			map(config, text);
			return from_name(config, names, text, strlen(text), ret, ret_why);
		}
	} else {
		a = *addr;
	}
	a = addr_unmap_v4(&a);
	if (names_is_agent(names, &a)) {
		*ret_why = "the agent has nothing at that port";
		return -ECONNREFUSED;
	}
	bound = names_find(names, domain, &a, now_ms);
	snprintf(text, sizeof(text), "%s", bound ? bound : addr_format(&a, buf));
	map(config, text);
	return from_name(config, names, text, strlen(text), ret, ret_why);
}
