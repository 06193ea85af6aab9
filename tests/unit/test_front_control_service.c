/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_control_service.c - "service add, remove, list": words, documents, errors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/control.h"
#include "common/codec.h"
#include "common/log.h"
#include "tests/support/suite.h"

static struct ev_loop *ev;
static struct loop loop;
static struct service_host *host;
static struct front front;
static int status;	/* of the last answer; -1: none, -2: it goes on */
static char text[2048];
static int bind_result;
static unsigned int bound;

void control_end(struct session *s, uint8_t st, const char *t)
{
	(void)s;
	status = st;
	/* What was told before is the answer. */
	if (st != 0 || t[0])
		snprintf(text, sizeof(text), "%s", t);
}

void control_reply(struct session *s, json_t *doc)
{
	char *dump = json_dumps(doc, JSON_COMPACT);

	(void)s;
	status = 0;
	snprintf(text, sizeof(text), "%s", dump);
	free(dump);
	json_decref(doc);
}

void session_reply(struct session *s, const uint8_t *frame, size_t len)
{
	struct ipc_str t;

	(void)s;
	ck_assert_int_eq(ipc_data_decode(frame + IPC_HEADER_LEN, len - IPC_HEADER_LEN, &t), 0);
	snprintf(text, sizeof(text), "%.*s", (int)t.len, t.s);
	status = -2;
}

static unsigned int used;

void front_note_use(struct front *f)
{
	(void)f;
	used++;
}

struct service_host *hosting_services(struct hosting *h)
{
	(void)h;
	return host;
}

int hosting_bind(struct hosting *h, struct session *s, const uint8_t id[ONION_ID_LEN])
{
	(void)h;
	(void)s;
	(void)id;
	bound++;
	return bind_result;
}

int hosting_remove(struct hosting *h, const uint8_t id[ONION_ID_LEN])
{
	(void)h;
	return service_host_remove(host, id);
}

static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void setup(void)
{
	struct service_env env = { .loop = &loop };

	ck_assert_int_eq(crypto_init(), 0);
	log_set_sink(quiet, NULL);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	host = service_host_new(&env);
	status = -1;
	bind_result = 0;
	bound = 0;
}

static void teardown(void)
{
	service_host_free(host);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
}

static void command(const char *line)
{
	char copy[1024];
	char *words[130];
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		words[n++] = w;
	words[n] = NULL;
	status = -1;
	control_service(&front, NULL, words);
}

/* A member of the document that was answered. */
static const char *member(const char *name)
{
	static char value[256];
	json_t *doc = json_loads(text, 0, NULL);

	snprintf(value, sizeof(value), "%s",
		 json_string_value(json_object_get(doc, name)) ? json_string_value(json_object_get(doc, name))
							       : "");
	json_decref(doc);
	return value;
}

START_TEST(a_service_is_added_listed_and_removed)
{
	char address[128];
	char line[256];

	command("add 80:8080 81:unix:/run/x max-streams=7 introduction-points=5 circuit-source=1 pow=1 "
		"unknown-ports=1");
	ck_assert_int_eq(status, 0);
	snprintf(address, sizeof(address), "%s", member("address"));
	ck_assert_uint_eq(strlen(address), ONION_ADDRESS_LEN);
	ck_assert_str_eq(member("state"), "starting");
	ck_assert_uint_ge(used, 1);
	ck_assert_str_eq(member("key"), "");
	ck_assert_ptr_nonnull(strstr(text, "unix:/run/x"));
	command("list");
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(text, address));
	snprintf(line, sizeof(line), "remove %s", address);
	command(line);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(service_host_count(host), 0);
	command(line);
	ck_assert_int_eq(status, 1);
}
END_TEST

START_TEST(a_key_is_told_on_request_and_gives_the_same_address)
{
	char address[128];
	char line[512];

	command("add 80 show-key");
	ck_assert_int_eq(status, 0);
	snprintf(address, sizeof(address), "%s", member("address"));
	snprintf(line, sizeof(line), "add 80 key=%s", member("key"));
	command(line);
	ck_assert_int_eq(status, 1);
	ck_assert_ptr_nonnull(strstr(text, "running already"));
	service_host_free(host);
	host = service_host_new(&(struct service_env){ .loop = &loop });
	command(line);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(member("address"), address);
	ck_assert_str_eq(member("key"), "");
}
END_TEST

START_TEST(clients_that_are_named_are_the_only_ones)
{
	uint8_t sk[32];
	uint8_t pk[2][32];
	char key[2][CODEC_BASE32_LEN(32)];
	char line[256];

	for (int i = 0; i < 2; i++) {
		crypto_x25519_keygen(sk, pk[i]);
		codec_base32_encode(key[i], pk[i], sizeof(pk[i]));
	}
	snprintf(line, sizeof(line), "add 80 client=%s client=%s client=%s", key[0], key[1], key[0]);
	command(line);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(text, "\"authorized_clients\":2"));
}
END_TEST

START_TEST(a_bound_service_goes_on_or_is_taken_back)
{
	command("add bound 80");
	ck_assert_int_eq(status, -2);
	ck_assert_uint_eq(bound, 1);
	ck_assert_uint_eq(service_host_count(host), 1);
	bind_result = -ENOSPC;
	command("add bound 80");
	ck_assert_int_eq(status, 1);
	ck_assert_uint_eq(service_host_count(host), 1);
}
END_TEST

static const struct {
	const char *line;
	const char *message;
} bad[] = {
	{ "add", "no port" },
	{ "add 0", "port \"0\"" },
	{ "add 80:", "the target is missing" },
	{ "add 80:x", "a target is" },
	{ "add 80:192.0.2.1:80", "is not on this computer" },
	{ "add 80 80", "has that target already" },
	{ "add 80 key=", "the key is not" },
	{ "add 80 key=ED25519-V3:", "the key is not" },
	{ "add 80 key=ED25519-V3:AAAA", "the key is not" },
	{ "add 80 key=RSA1024:AAAA", "the key is not" },
	/* All zeros, and one byte too many. */
	{ "add 80 key=ED25519-V3:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	  "AAAAAAAAAAAAAAAAAAAA==", "the key is not" },
	{ "add 80 max-streams=65536", "no number" },
	{ "add 80 max-streams=", "no number" },
	{ "add 80 introduction-points=2", "no number" },
	{ "add 80 circuit-source=yes", "0 or 1" },
	{ "add 80 client=", "X25519 public key" },
	{ "add 80 client=aaaa", "X25519 public key" },
	{ "add 80 colour=blue", "unknown option" },
	{ "remove", "one address" },
	{ "remove a b", "one address" },
	{ "remove example.com", "" },
	{ "list all", "takes no arguments" },
	{ "walk", "followed by" },
};

START_TEST(what_makes_no_sense_is_refused)
{
	command(bad[_i].line);
	ck_assert_int_eq(status, 2);
	ck_assert_msg(strstr(text, bad[_i].message), "got \"%s\"", text);
	ck_assert_uint_eq(service_host_count(host), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_control_service");
	TCase *t = tcase_create("control_service");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_service_is_added_listed_and_removed);
	tcase_add_test(t, a_key_is_told_on_request_and_gives_the_same_address);
	tcase_add_test(t, clients_that_are_named_are_the_only_ones);
	tcase_add_test(t, a_bound_service_goes_on_or_is_taken_back);
	tcase_add_loop_test(t, what_makes_no_sense_is_refused, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	suite_add_tcase(s, t);
	return suite_run(s);
}
