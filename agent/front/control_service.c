/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control_service.c - "service add", "service remove", "service list" of onionctl
 *
 *   service add PORT[:TARGET]... [bound] [key=KEY] [show-key] [client=KEY]... [OPTION=VALUE]...
 *   service remove ADDRESS
 *   service list
 *
 * KEY is "ED25519-V3:" and base 64 of the expanded secret, as in tor's ADD_ONION. With
 * "bound" the connection stays open, a DATA frame with one document follows each change,
 * and the service ends with it. For the user alone: nothing is scrubbed here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/control.h"
#include "agent/onion/auth_file.h"
#include "common/codec.h"
#include "common/log.h"
#include "common/secret.h"

#define KEY_PREFIX "ED25519-V3:"
#define KEY_PREFIX_LEN (sizeof(KEY_PREFIX) - 1)
#define SECRET_LEN 64
#define DOCUMENT_MAX 16384	/* of one service: 64 ports and their targets */

/* --- documents --- */

static json_t *ports_json(const struct service_options *o)
{
	json_t *list = json_array();
	char target[SERVICE_TARGET_STR_MAX];

	for (size_t i = 0; list && i < o->n_ports; i++)
		json_array_append_new(list, json_pack("{s:i,s:s}", "port", (int)o->ports[i].virt,
						      "target",
						      service_target_format(&o->ports[i].target, target)));
	return list;
}

static json_t *service_json(const struct service_info *i)
{
	json_t *doc = json_pack("{s:s,s:s,s:o,s:I,s:b}", "address", i->address, "state",
				service_state_str(i->state), "ports", ports_json(i->options), "age_ms",
				(json_int_t)i->age_ms, "configured", i->options->dir != NULL);
	json_t *more = json_pack(
		"{s:i,s:i,s:i,s:I,s:i,s:i,s:I,s:I,s:I,s:I,s:i}", "introduction_points",
		(int)i->n_intro, "directories", (int)i->n_uploaded, "directories_wanted",
		(int)i->n_wanted, "revision", (json_int_t)i->revision, "clients", (int)i->n_rend,
		"queued", (int)i->n_queued, "introductions", (json_int_t)i->introductions,
		"rendezvous", (json_int_t)i->rendezvous, "refused", (json_int_t)i->refused,
		"pow_effort", (json_int_t)i->pow_effort, "authorized_clients",
		(int)i->n_clients_authorized);

	if (doc && more)
		(void)json_object_update(doc, more);
	if (doc && i->options->dir)
		json_object_set_new(doc, "directory", json_string(i->options->dir));
	json_decref(more);
	return doc;
}

/* --- add --- */

struct add_job {
	struct service_options options;
	struct service_key key;
	struct service_clients clients;
	bool has_key;
	bool show_key;
	bool bound;
	char err[CONTROL_TEXT_MAX];
};

static int fail(struct add_job *job, const char *text)
{
	snprintf(job->err, sizeof(job->err), "%s", text);
	return -EINVAL;
}

static int take_key(struct add_job *job, const char *text)
{
	uint8_t secret[SECRET_LEN + 3];
	ssize_t n = -EINVAL;
	int r;

	if (strncmp(text, KEY_PREFIX, KEY_PREFIX_LEN) == 0)
		n = codec_base64_decode(secret, sizeof(secret), text + KEY_PREFIX_LEN,
					strlen(text) - KEY_PREFIX_LEN);
	r = n == SECRET_LEN ? service_key_from_secret(&job->key, secret) : -EINVAL;
	secret_wipe(secret, sizeof(secret));
	if (r < 0)
		return fail(job, "the key is not \"ED25519-V3:\" and 64 bytes in base 64 that are a key");
	job->has_key = true;
	return 0;
}

static int take_client(struct add_job *job, const char *text)
{
	uint8_t pk[32];

	if (auth_key_parse(text, strlen(text), pk) != 0)
		return fail(job, "a client is its X25519 public key in base 32");
	if (service_clients_add(&job->clients, pk) < 0)
		return fail(job, "too many clients");
	return 0;
}

static int take_bool(struct add_job *job, const char *text, bool *ret)
{
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return fail(job, "such an option is 0 or 1");
	*ret = text[0] == '1';
	return 0;
}

static int take_number(struct add_job *job, const char *text, uint32_t min, uint32_t max,
		       uint32_t *ret)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || v < min || v > max) {
		snprintf(job->err, sizeof(job->err), "\"%.40s\" is no number from %u to %u", text, min,
			 max);
		return -EINVAL;
	}
	*ret = (uint32_t)v;
	return 0;
}

static int take_option(struct add_job *job, const char *word, const char *value)
{
	struct service_options *o = &job->options;
	size_t len = (size_t)(value - word);

	if (len == 3 && strncmp(word, "key", len) == 0)
		return take_key(job, value + 1);
	if (len == 6 && strncmp(word, "client", len) == 0)
		return take_client(job, value + 1);
	if (len == 11 && strncmp(word, "max-streams", len) == 0)
		return take_number(job, value + 1, 0, SERVICE_STREAMS_MAX, &o->max_streams);
	if (len == 19 && strncmp(word, "introduction-points", len) == 0)
		return take_number(job, value + 1, SERVICE_INTRO_DEFAULT, SERVICE_INTRO_MAX, &o->n_intro);
	if (len == 14 && strncmp(word, "circuit-source", len) == 0)
		return take_bool(job, value + 1, &o->circuit_source);
	if (len == 13 && strncmp(word, "unknown-ports", len) == 0)
		return take_bool(job, value + 1, &o->allow_unknown_ports);
	if (len == 3 && strncmp(word, "pow", len) == 0)
		return take_bool(job, value + 1, &o->pow);
	snprintf(job->err, sizeof(job->err), "unknown option \"%.40s\"", word);
	return -EINVAL;
}

static int take_word(struct add_job *job, const char *word)
{
	const char *value = strchr(word, '=');
	struct service_port port;
	char why[CONTROL_TEXT_MAX / 2];
	int r;

	if (strcmp(word, "bound") == 0) {
		job->bound = true;
		return 0;
	}
	if (strcmp(word, "show-key") == 0) {
		job->show_key = true;
		return 0;
	}
	if (value && word[0] >= 'a' && word[0] <= 'z')
		return take_option(job, word, value);
	r = service_port_parse(word, ':', &port, why, sizeof(why));
	if (r == 0)
		r = service_options_add_port(&job->options, &port, why, sizeof(why));
	if (r < 0)
		snprintf(job->err, sizeof(job->err), "port \"%.60s\": %s", word, why);
	return r;
}

static void add_key(json_t *doc, const struct service_key *k)
{
	char text[KEY_PREFIX_LEN + CODEC_BASE64_LEN(SECRET_LEN)] = KEY_PREFIX;
	uint8_t secret[SECRET_LEN];

	memcpy(secret, k->secret.scalar, 32);
	memcpy(secret + 32, k->secret.prefix, 32);
	codec_base64_encode(text + KEY_PREFIX_LEN, secret, sizeof(secret), 1);
	json_object_set_new(doc, "key", json_string(text));
	secret_wipe(secret, sizeof(secret));
	secret_wipe(text, sizeof(text));
}

static json_t *added_json(struct service_host *h, const uint8_t id[ONION_ID_LEN], bool show_key)
{
	struct service_info info;
	struct service_key k;
	json_t *doc = service_host_find(h, id, &info) ? service_json(&info) : NULL;

	if (doc && show_key && service_host_key(h, id, &k) == 0) {
		add_key(doc, &k);
		service_key_wipe(&k);
	}
	return doc;
}

/* The library's copy of the secret, which it would free as it is. */
static void wipe_key(json_t *doc)
{
	json_t *key = json_object_get(doc, "key");

	if (json_is_string(key))
		secret_wipe((void *)(uintptr_t)json_string_value(key), json_string_length(key));
}

/*
 * One whole document as one DATA frame, without an end. Nothing of it is on the heap but in
 * the session's queue, which is wiped. False: out of memory.
 */
static bool tell(struct session *s, json_t *doc)
{
	char text[DOCUMENT_MAX];
	uint8_t frame[IPC_HEADER_LEN + DOCUMENT_MAX];
	size_t n = doc ? json_dumpb(doc, text, sizeof(text), JSON_COMPACT) : 0;
	ssize_t len = n > 0 && n <= sizeof(text)
			      ? ipc_data_encode(frame, sizeof(frame), (struct ipc_str){ text, n })
			      : -ENOMEM;

	if (len > 0) {
		session_reply(s, frame, (size_t)len);
		secret_wipe(frame, (size_t)len);
	}
	secret_wipe(text, n < sizeof(text) ? n : sizeof(text));
	wipe_key(doc);
	json_decref(doc);
	return len > 0;
}

void control_service_tell(struct hosting *h, struct session *s, const uint8_t id[ONION_ID_LEN])
{
	(void)tell(s, added_json(hosting_services(h), id, false));
}

static const char *explain(int r)
{
	switch (r) {
	case -EEXIST:
		return "a service with that key is running already";
	case -ENOSPC:
		return "too many services";
	default:
		return strerror(-r);
	}
}

static void add_done(struct front *f, struct session *s, const struct add_job *job)
{
	struct service_host *h = hosting_services(f->hosting);
	uint8_t id[ONION_ID_LEN];
	bool told;
	int r = service_host_add(h, &job->options, job->has_key ? &job->key : NULL,
				 &job->clients, id);

	if (r == 0 && job->bound) {
		r = hosting_bind(f->hosting, s, id);
		if (r < 0)
			(void)service_host_remove(h, id);
	}
	if (r < 0) {
		control_end(s, 1, explain(r));
		return;
	}
	/* An agent at rest wakes up: the service must be found. */
	front_note_use(f);
	told = tell(s, added_json(h, id, job->show_key));
	if (!job->bound)
		control_end(s, told ? 0 : 1, told ? "" : "out of memory");
}

static void run_add(struct front *f, struct session *s, char **words)
{
	struct add_job *job = calloc(1, sizeof(*job));
	int r = job ? 0 : -ENOMEM;

	if (r < 0) {
		control_end(s, 1, "out of memory");
		return;
	}
	service_options_init(&job->options);
	for (; *words && r == 0; words++)
		r = take_word(job, *words);
	if (r == 0)
		r = service_options_check(&job->options, job->err, sizeof(job->err));
	if (r == 0 && job->options.n_ports == 0)
		r = fail(job, "which port? \"service add 80:8080\"");
	if (r < 0)
		control_end(s, 2, job->err);
	else
		add_done(f, s, job);
	service_clients_deinit(&job->clients);
	secret_wipe(job, sizeof(*job));
	free(job);
}

/* --- remove, list --- */

static void run_remove(struct front *f, struct session *s, char **words)
{
	uint8_t id[ONION_ID_LEN];
	int r;

	if (!words[0] || words[1]) {
		control_end(s, 2, "one address is to be named");
		return;
	}
	r = onion_address_parse(words[0], strlen(words[0]), id);
	if (r != 0) {
		control_end(s, 2, onion_address_error_str(r));
		return;
	}
	r = hosting_remove(f->hosting, id);
	if (r == -EPERM)
		control_end(s, 1, "it belongs to the configuration: take it out there and reload");
	else if (r < 0)
		control_end(s, 1, "there is no such service");
	else
		control_reply(s, json_pack("{s:b}", "ok", 1));
}

static void list_one(void *ctx, const struct service_info *info)
{
	json_array_append_new(ctx, service_json(info));
}

static void run_list(struct front *f, struct session *s, char **words)
{
	json_t *list = json_array();

	if (words[0]) {
		json_decref(list);
		control_end(s, 2, "\"service list\" takes no arguments");
		return;
	}
	service_host_each(hosting_services(f->hosting), list_one, list);
	control_reply(s, json_pack("{s:o}", "services", list));
}

static void brief_one(void *ctx, const struct service_info *info)
{
	json_array_append_new(ctx, json_pack("{s:s,s:s,s:i}", "address", info->address, "state",
					     service_state_str(info->state), "clients",
					     (int)info->n_rend));
}

json_t *control_services(struct front *f)
{
	json_t *list = json_array();

	if (list)
		service_host_each(hosting_services(f->hosting), brief_one, list);
	return list;
}

void control_service(struct front *f, struct session *s, char **words)
{
	static const struct {
		const char *name;
		void (*run)(struct front *f, struct session *s, char **words);
	} verbs[] = { { "add", run_add }, { "remove", run_remove }, { "list", run_list } };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, words[0]) == 0) {
			verbs[i].run(f, s, words + 1);
			return;
		}
	}
	control_end(s, 2, "\"service\" is followed by add, remove or list");
}
