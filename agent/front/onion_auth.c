/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onion_auth.c - onionctl onion-auth: keys that onion services demand of their users
 *
 * They are in ClientOnionAuthDir; here they are listed, added and removed, and shown to
 * nobody.
 */
#include <stdio.h>
#include <string.h>

#include "agent/front/front_internal.h"
#include "agent/onion/auth_file.h"
#include "common/secret.h"

static void list_one(void *ctx, const uint8_t id[ONION_ID_LEN])
{
	char address[ONION_ADDRESS_LEN + 1];

	onion_address_encode(address, id);
	json_array_append_new(ctx, json_string(address));
}

static int list(struct front *f, json_t **ret)
{
	json_t *services = json_array();

	client_auth_each(client_net_auth(f->onion), list_one, services);
	*ret = json_pack("{s:o}", "services", services);
	return 0;
}

static int parse_address(const char *text, uint8_t ret[ONION_ID_LEN], char *err, size_t err_len)
{
	char name[NAME_MAX_LEN + 1];
	int r;

	/* With or without its ".onion". */
	snprintf(name, sizeof(name), "%s%s", text,
		 onion_address_is_onion(text, strlen(text)) ? "" : ".onion");
	r = onion_address_parse(name, strlen(name), ret);
	if (r == 0)
		return 0;
	snprintf(err, err_len, "not an address of an onion service: %s", onion_address_error_str(r));
	return 2;
}

static int add(struct front *f, const uint8_t id[ONION_ID_LEN], char *text, char *err, size_t err_len)
{
	uint8_t key[CLIENT_AUTH_KEY_LEN];
	int r = auth_key_parse(text, strlen(text), key);

	secret_wipe(text, strlen(text));
	if (r != 0) {
		snprintf(err, err_len, "%s", auth_file_error_str(r));
		return 2;
	}
	r = client_auth_add(client_net_auth(f->onion), id, key, err, err_len);
	secret_wipe(key, sizeof(key));
	return r < 0 ? 1 : 0;
}

int onion_auth_command(struct front *f, char **args, json_t **ret, char *err, size_t err_len)
{
	char address[ONION_ADDRESS_LEN + 1];
	uint8_t id[ONION_ID_LEN];
	int r;

	if (strcmp(args[0], "list") == 0 && !args[1])
		return list(f, ret);
	if (!((strcmp(args[0], "add") == 0 && args[1] && args[2]) ||
	      (strcmp(args[0], "remove") == 0 && args[1] && !args[2]))) {
		snprintf(err, err_len, "onion-auth takes list, add ADDRESS KEY or remove ADDRESS");
		return 2;
	}
	r = parse_address(args[1], id, err, err_len);
	if (r == 0 && args[2])
		r = add(f, id, args[2], err, err_len);
	else if (r == 0)
		r = client_auth_remove(client_net_auth(f->onion), id, err, err_len) < 0 ? 1 : 0;
	if (r != 0)
		return r;
	/* What was learned of it without the key, or with another one, is worth nothing now. */
	onion_client_forget(client_net_client(f->onion), id);
	onion_address_encode(address, id);
	*ret = json_pack("{s:b,s:s}", "ok", 1, "service", address);
	return 0;
}
