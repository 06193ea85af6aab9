/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_lookup.c - RESOLVE, REVERSE and onionctl's commands, frame by frame
 *
 * Sessions, stream requests and what makes the large answers are played by this file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/front/control.h"
#include "agent/front/front_internal.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

struct session {
	uint8_t out[4 * IPC_BODY_MAX];
	size_t len;
	unsigned int frames;
	int ended;
	bool patient;
	void (*gone)(void *user);
	void *user;
};

struct attach {
	const struct attach_ops *ops;
	void *owner;
	char host[STREAM_HOST_MAX + 1];
	enum attach_kind kind;
	int closed;
};

static struct session session;
static struct attach request_;
static int n_requests;
static int attach_result;
static struct ev_loop *ev;
static struct loop loop;
static struct config config;
static struct front f;
static struct domain *domain_;
static bool refuse_domains;
static int identities;
static int reloads;
static int stops;

/* --- what is beside --- */

void session_reply(struct session *s, const uint8_t *frame, size_t len)
{
	ck_assert_uint_le(s->len + len, sizeof(s->out));
	memcpy(s->out + s->len, frame, len);
	s->len += len;
	s->frames++;
}

void session_end(struct session *s)
{
	s->ended++;
}

void session_on_gone(struct session *s, void (*gone)(void *user), void *user)
{
	s->gone = gone;
	s->user = user;
}

pid_t session_pid(const struct session *s)
{
	(void)s;
	return 1;
}

void session_set_patient(struct session *s)
{
	s->patient = true;
}

int attach_new(struct attach_set *s, const struct attach_request *req, const struct attach_ops *ops,
	       void *owner, struct attach **ret)
{
	(void)s;
	if (attach_result < 0)
		return attach_result;
	request_ = (struct attach){ .ops = ops, .owner = owner, .kind = req->kind };
	snprintf(request_.host, sizeof(request_.host), "%s", req->host);
	n_requests++;
	*ret = &request_;
	return 0;
}

void control_service(struct front *front, struct session *s, char **words)
{
	(void)front;
	(void)s;
	(void)words;
}

void proxy_new_identity(struct proxy *p)
{
	(void)p;
}

void *attach_owner(const struct attach *a)
{
	return a->owner;
}

void attach_consumed(struct attach *a, size_t len)
{
	(void)a;
	(void)len;
}

void attach_close(struct attach *a, uint8_t reason)
{
	(void)reason;
	a->closed++;
}

struct domain *front_domain(struct front *front, const struct session *s, struct ipc_str token)
{
	(void)front;
	(void)s;
	(void)token;
	return refuse_domains ? NULL : domain_ref(domain_);
}

void pool_new_identity(struct pool *p)
{
	(void)p;
	identities++;
}

int pool_close(struct pool *p, uint64_t id)
{
	(void)p;
	return id == 7 ? 0 : -ENOENT;
}

json_t *control_status(struct front *front)
{
	(void)front;
	return json_pack("{s:s}", "what", "status");
}

json_t *control_circuits(struct front *front)
{
	json_t *list = json_array();

	(void)front;
	for (int i = 0; i < 20000; i++)
		json_array_append_new(list, json_integer(i));
	return list;
}

json_t *control_streams(struct front *front)
{
	(void)front;
	return NULL;	/* no memory */
}

json_t *control_answers(const struct stream_answer *answers, size_t n)
{
	(void)answers;
	return json_pack("{s:i}", "answers", (int)n);
}

static int reload(void *ctx, char *err, size_t err_len)
{
	(void)ctx;
	snprintf(err, err_len, "line 3 is wrong");
	return ++reloads == 1 ? 0 : -EINVAL;
}

static void stop(void *ctx)
{
	(void)ctx;
	stops++;
}

static void onion_changed(void *ctx)
{
	(void)ctx;
}

/* --- helpers --- */

static void setup(void)
{
	char err[CONFIG_ERR_MAX];

	memset(&session, 0, sizeof(session));
	memset(&request_, 0, sizeof(request_));
	n_requests = attach_result = identities = reloads = stops = 0;
	refuse_domains = false;
	config_init(&config);
	ck_assert_int_eq(config_parse(&config, "MapAddress mapped.test 192.0.2.7\n"
					       "MapAddress shop.onion mapped.test\n", 67, err,
				      sizeof(err)), 0);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	f = (struct front){ .config = { .loop = &loop, .config = &config, .reload = reload,
					.stop = stop } };
	domains_init(&f.domains);
	ck_assert_int_eq(domain_get(&f.domains, (struct ipc_str){ "d", 1 }, 1, &domain_), 0);
	f.names = names_new(&config.virtual_v4, &config.virtual_v6);
	f.onion = client_net_new(&(struct client_net_config){
		.loop = &loop, .max_dirtiness_ms = &config.max_dirtiness_ms, .changed = onion_changed });
	ck_assert_ptr_nonnull(f.onion);
}

static void teardown(void)
{
	client_net_free(f.onion);
	names_free(f.names);
	domain_unref(domain_);
	domains_deinit(&f.domains);
	config_deinit(&config);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
}

static void resolve(const char *name, struct ipc_addresses *ret)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_resolve m = { .name = { name, strlen(name) } };
	ssize_t n = ipc_resolve_encode(frame, sizeof(frame), &m);

	memset(&session, 0, sizeof(session));
	lookup_resolve(&f, &session, frame + IPC_HEADER_LEN, (size_t)n - IPC_HEADER_LEN);
	ck_assert_int_eq(session.ended, 1);
	ck_assert_uint_eq(session.out[1], IPC_ADDRESSES);
	ck_assert_int_eq(ipc_addresses_decode(session.out + IPC_HEADER_LEN,
					      session.len - IPC_HEADER_LEN, ret), 0);
}

static void reverse(struct addr a)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_reverse m = { .addr = a };
	ssize_t n = ipc_reverse_encode(frame, sizeof(frame), &m);

	memset(&session, 0, sizeof(session));
	lookup_reverse(&f, &session, frame + IPC_HEADER_LEN, (size_t)n - IPC_HEADER_LEN);
}

static uint8_t reversed(char out[IPC_NAME_MAX + 1])
{
	struct ipc_name m;

	ck_assert_int_eq(session.ended, 1);
	ck_assert_int_eq(ipc_name_decode(session.out + IPC_HEADER_LEN,
					 session.len - IPC_HEADER_LEN, &m), 0);
	memcpy(out, m.name.s, m.name.len);
	out[m.name.len] = '\0';
	return m.lookup;
}

static void answer_name(const char *name)
{
	struct stream_answer a = { .type = 0 };

	snprintf(a.name, sizeof(a.name), "%s", name);
	request_.ops->resolved(&request_, &a, 1);
	request_.ops->ended(&request_, &(struct attach_end){ .error = 0 });
}

/* --- RESOLVE --- */

START_TEST(names_get_virtual_addresses_without_asking_anyone)
{
	struct ipc_addresses a;
	struct ipc_addresses b;

	resolve("www.example.com", &a);
	ck_assert_int_eq(a.lookup, IPC_LOOKUP_OK);
	ck_assert(names_covers(f.names, &a.v4) && names_covers(f.names, &a.v6));
	resolve("WWW.Example.com.", &b);
	ck_assert(addr_equal(&a.v4, &b.v4));
	resolve("192.0.2.1", &a);
	ck_assert(addr_equal(&a.v4, &(struct addr){ ADDR_V4, { 192, 0, 2, 1 } }));
	ck_assert_int_eq(a.v6.family, ADDR_NONE);
	resolve("localhost", &a);
	ck_assert_uint_eq(addr_v4_value(&a.v4), 0x7f000001);
	resolve(IPC_NAME_AGENT, &a);
	ck_assert(names_is_agent(f.names, &a.v4));
	ck_assert_int_eq(n_requests, 0);
}
END_TEST

static const char *const refused[] = { "printer.local", "host", "a..b", "b\xc3\xbc" "cher.de", "a b.com",
				       "0x7f.1", "relay.exit" };

START_TEST(names_that_no_exit_should_hear_do_not_exist)
{
	struct ipc_addresses a;

	resolve(refused[_i], &a);
	ck_assert_int_eq(a.lookup, IPC_LOOKUP_NONAME);
	ck_assert_int_eq(a.v4.family, ADDR_NONE);
	ck_assert_int_eq(n_requests, 0);
}
END_TEST

START_TEST(a_name_that_an_exit_did_not_know_is_gone_for_a_while)
{
	struct ipc_addresses a;

	resolve("no.example", &a);
	names_set_negative(f.names, domain_, "no.example", loop_now_ms(&loop));
	resolve("no.example", &a);
	ck_assert_int_eq(a.lookup, IPC_LOOKUP_NONAME);
	loop.now_us += (int64_t)NAMES_NEGATIVE_MS * 1000;
	resolve("no.example", &a);
	ck_assert_int_eq(a.lookup, IPC_LOOKUP_OK);
}
END_TEST

START_TEST(without_a_domain_nothing_resolves)
{
	struct ipc_addresses a;
	char name[IPC_NAME_MAX + 1];

	refuse_domains = true;
	resolve("www.example.com", &a);
	ck_assert_int_eq(a.lookup, IPC_LOOKUP_FAIL);
	reverse(addr_v4(0x08080808));
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_FAIL);
}
END_TEST

START_TEST(malformed_requests_are_not_answered)
{
	uint8_t body[64] = { 0 };
	struct mutator m;

	lookup_resolve(&f, &session, body, 0);
	lookup_reverse(&f, &session, body, 1);
	ck_assert_uint_eq(session.len, 0);
	ck_assert_int_eq(session.ended, 2);
	mutate_init(&m, 3);
	for (int i = 0; i < 3000; i++) {
		size_t len = mutate_next(&m) % sizeof(body);

		memset(&session, 0, sizeof(session));
		for (size_t k = 0; k < len; k++)
			body[k] = (uint8_t)(mutate_next(&m) % (k < 3 ? 8 : 256));
		lookup_resolve(&f, &session, body, len);
		ck_assert_int_eq(session.ended, 1);
	}
}
END_TEST

/* --- REVERSE --- */

START_TEST(the_name_of_a_real_address_is_asked_of_an_exit)
{
	char name[IPC_NAME_MAX + 1];

	reverse(addr_v4(0x01020304));
	ck_assert_int_eq(n_requests, 1);
	ck_assert_int_eq(request_.kind, ATTACH_RESOLVE);
	ck_assert_str_eq(request_.host, "4.3.2.1.in-addr.arpa");
	ck_assert_int_eq(session.ended, 0);
	answer_name("One.Example.COM");
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_OK);
	ck_assert_str_eq(name, "one.example.com");
	ck_assert_ptr_null(session.gone);
}
END_TEST

START_TEST(ipv6_has_its_own_tree)
{
	struct addr a = { ADDR_V6, { 0x20, 0x01, 0x0d, 0xb9, [15] = 0xa7 } };

	reverse(a);
	ck_assert_str_eq(request_.host, "7.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
					"9.b.d.0.1.0.0.2.ip6.arpa");
	session.gone(session.user);
	ck_assert_int_eq(request_.closed, 1);
}
END_TEST

static const char *const lies[] = { "a b", "\x1b[2J", "127.0.0.1", "-x.com", "router.local", "" };

START_TEST(what_is_no_host_name_is_not_passed_on)
{
	char name[IPC_NAME_MAX + 1];

	reverse(addr_v4(0x01020304));
	answer_name(lies[_i]);
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_NONAME);
	ck_assert_str_eq(name, "");
}
END_TEST

START_TEST(failures_are_told_as_temporary_or_for_good)
{
	static const struct {
		int error;
		uint8_t want;
	} t[] = { { EHOSTUNREACH, IPC_LOOKUP_NONAME }, { ETIMEDOUT, IPC_LOOKUP_AGAIN },
		  { ECONNRESET, IPC_LOOKUP_AGAIN }, { 0, IPC_LOOKUP_AGAIN } };
	char name[IPC_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		reverse(addr_v4(0x01020304));
		request_.ops->ended(&request_, &(struct attach_end){ .error = t[i].error });
		ck_assert_int_eq(reversed(name), t[i].want);
	}
	attach_result = -EMFILE;
	reverse(addr_v4(0x01020304));
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_AGAIN);
}
END_TEST

START_TEST(virtual_and_internal_addresses_are_asked_of_nobody)
{
	struct ipc_addresses a;
	char name[IPC_NAME_MAX + 1];

	resolve("www.example.com", &a);
	reverse(a.v6);
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_OK);
	ck_assert_str_eq(name, "www.example.com");
	reverse(addr_v4(addr_v4_value(&a.v4) + 1));	/* bound to nothing */
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_NONAME);
	reverse(addr_v4(0xc0a80001));
	ck_assert_int_eq(reversed(name), IPC_LOOKUP_NONAME);
	ck_assert_int_eq(n_requests, 0);
}
END_TEST

/* --- CONTROL --- */

/* Joins the DATA frames into @json; returns END's status and its text. */
static int command(const char *line, char *json, size_t json_len, char *text)
{
	size_t at = 0;
	size_t used = 0;

	memset(&session, 0, sizeof(session));
	control_request(&f, &session, (const uint8_t *)line, strlen(line));
	while (at < session.len) {
		uint8_t type;
		size_t len;
		struct ipc_str s;
		struct ipc_end end;

		ck_assert_int_eq(ipc_header_decode(session.out + at, IPC_BODY_MAX, &type, &len), 0);
		at += IPC_HEADER_LEN;
		if (type == IPC_END) {
			ck_assert_int_eq(ipc_end_decode(session.out + at, len, &end), 0);
			snprintf(text, CONTROL_TEXT_MAX + 1, "%.*s", (int)end.text.len, end.text.s);
			ck_assert_uint_eq(at + len, session.len);
			ck_assert_int_eq(session.ended, 1);
			return end.status;
		}
		ck_assert_int_eq(type, IPC_DATA);
		ck_assert_int_eq(ipc_data_decode(session.out + at, len, &s), 0);
		ck_assert_uint_lt(used + s.len, json_len);
		memcpy(json + used, s.s, s.len);
		used += s.len;
		json[used] = '\0';
		at += len;
	}
	return -1;
}

static char json[200000];
static char text[CONTROL_TEXT_MAX + 1];

START_TEST(commands_answer_with_json_and_a_status)
{
	ck_assert_int_eq(command("status", json, sizeof(json), text), 0);
	ck_assert_str_eq(json, "{\"what\":\"status\"}");
	ck_assert_int_eq(command("new-identity", json, sizeof(json), text), 0);
	ck_assert_int_eq(identities, 1);
	ck_assert_int_eq(command("reload", json, sizeof(json), text), 0);
	ck_assert_int_eq(command("reload", json, sizeof(json), text), 1);
	ck_assert_str_eq(text, "line 3 is wrong");
	ck_assert_int_eq(command("stop", json, sizeof(json), text), 0);
	ck_assert_int_eq(stops, 1);
	ck_assert_int_eq(command("close-circuit 7", json, sizeof(json), text), 0);
	ck_assert_int_eq(command("close-circuit 8", json, sizeof(json), text), 1);
	ck_assert_int_eq(command("close-circuit seven", json, sizeof(json), text), 2);
	ck_assert_int_eq(command("streams", json, sizeof(json), text), 1);
	ck_assert_str_eq(text, "out of memory");
}
END_TEST

START_TEST(a_long_answer_goes_out_in_many_frames)
{
	ck_assert_int_eq(command("circuits", json, sizeof(json), text), -1 + 1);
	ck_assert_uint_gt(session.frames, 2);
	ck_assert_int_eq(json[0], '[');
	ck_assert_int_eq(json[strlen(json) - 1], ']');
}
END_TEST

#define SERVICE "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid"
#define MISTYPED "b5njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid"
#define KEY1 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const wrong[] = { "statu", "status now", "resolve", "resolve a b", "log a b",
				     "log loudest", "a b c d e", " ", "onion-auth",
				     "onion-auth show", "onion-auth list x", "onion-auth add " SERVICE,
				     "onion-auth add abc.onion " KEY, "onion-auth add " SERVICE " short",
				     "onion-auth remove", "onion-auth remove " SERVICE " x" };

START_TEST(wrong_commands_are_status_2)
{
	ck_assert_int_eq(command(wrong[_i], json, sizeof(json), text), 2);
	ck_assert_str_ne(text, "");
}
END_TEST

START_TEST(keys_for_onion_services_come_and_go)
{
	char dir[] = "/tmp/onionify-auth-XXXXXX";
	char path[200];
	char err[200];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(client_auth_load(client_net_auth(f.onion), dir, true, err, sizeof(err)), 0);
	ck_assert_int_eq(command("onion-auth list", json, sizeof(json), text), 0);
	ck_assert_str_eq(json, "{\"services\":[]}");
	ck_assert_int_eq(command("onion-auth remove " SERVICE, json, sizeof(json), text), 1);
	ck_assert_int_eq(command("onion-auth add " SERVICE " b" KEY1, json, sizeof(json), text), 0);
	ck_assert_int_eq(command("onion-auth add " SERVICE ".onion c" KEY1, json, sizeof(json), text), 0);
	ck_assert_int_eq(command("onion-auth list", json, sizeof(json), text), 0);
	ck_assert_str_eq(json, "{\"services\":[\"" SERVICE ".onion\"]}");
	ck_assert_int_eq(command("onion-auth remove " SERVICE, json, sizeof(json), text), 0);
	ck_assert_int_eq(command("onion-auth list", json, sizeof(json), text), 0);
	ck_assert_str_eq(json, "{\"services\":[]}");
	snprintf(path, sizeof(path), "%s/" SERVICE ".auth_private", dir);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(onion_services_have_no_addresses_to_ask_for)
{
	struct ipc_addresses m;

	ck_assert_int_eq(command("resolve " SERVICE ".onion", json, sizeof(json), text), 1);
	ck_assert_ptr_nonnull(strstr(text, "no addresses"));
	ck_assert_int_eq(command("resolve b" SERVICE ".onion", json, sizeof(json), text), 1);
	ck_assert_int_eq(n_requests, 0);
	/* Programs get a virtual one; a mistyped name is told at once. */
	resolve("www." SERVICE ".onion", &m);
	ck_assert_int_eq(m.lookup, IPC_LOOKUP_OK);
	ck_assert_uint_eq(m.v4.family, ADDR_V4);
	resolve("shop.onion", &m);
	ck_assert_int_eq(m.lookup, IPC_LOOKUP_OK);
	resolve(MISTYPED ".onion", &m);
	ck_assert_int_eq(m.lookup, IPC_LOOKUP_NONAME);
	resolve("expyuzz4wqqyqhjn.onion", &m);
	ck_assert_int_eq(m.lookup, IPC_LOOKUP_NONAME);
	ck_assert_int_eq(n_requests, 0);
}
END_TEST

START_TEST(the_log_level_can_be_asked_and_set)
{
	enum log_level before = log_get_level();

	ck_assert_int_eq(command("log debug", json, sizeof(json), text), 0);
	ck_assert_int_eq(command("log", json, sizeof(json), text), 0);
	ck_assert_str_eq(json, "{\"level\":\"debug\"}");
	log_set_level(before);
}
END_TEST

START_TEST(resolve_asks_an_exit_and_answers_later)
{
	const struct stream_answer v4 = { .type = 4, .addr = { ADDR_V4, { 192, 0, 2, 1 } } };

	ck_assert_int_eq(command("resolve www.example.com", json, sizeof(json), text), -1);
	ck_assert(session.patient);
	ck_assert_str_eq(request_.host, "www.example.com");
	request_.ops->resolved(&request_, &v4, 1);
	request_.ops->ended(&request_, &(struct attach_end){ .error = 0 });
	ck_assert_int_eq(session.ended, 1);
	ck_assert_ptr_null(session.gone);
	/* Whoever asked leaves first. */
	ck_assert_int_eq(command("resolve www.example.com", json, sizeof(json), text), -1);
	session.gone(session.user);
	ck_assert_int_eq(request_.closed, 1);
	/* What is for nobody to answer. */
	ck_assert_int_eq(command("resolve printer.local", json, sizeof(json), text), 1);
	ck_assert_str_ne(text, "");
	ck_assert_uint_eq(domain_->refs, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_lookup");
	TCase *t = tcase_create("lookup");
	TCase *c = tcase_create("control");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, names_get_virtual_addresses_without_asking_anyone);
	tcase_add_loop_test(t, names_that_no_exit_should_hear_do_not_exist, 0,
			    (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(t, a_name_that_an_exit_did_not_know_is_gone_for_a_while);
	tcase_add_test(t, without_a_domain_nothing_resolves);
	tcase_add_test(t, malformed_requests_are_not_answered);
	tcase_add_test(t, the_name_of_a_real_address_is_asked_of_an_exit);
	tcase_add_test(t, ipv6_has_its_own_tree);
	tcase_add_loop_test(t, what_is_no_host_name_is_not_passed_on, 0,
			    (int)(sizeof(lies) / sizeof(lies[0])));
	tcase_add_test(t, failures_are_told_as_temporary_or_for_good);
	tcase_add_test(t, virtual_and_internal_addresses_are_asked_of_nobody);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, commands_answer_with_json_and_a_status);
	tcase_add_test(c, a_long_answer_goes_out_in_many_frames);
	tcase_add_loop_test(c, wrong_commands_are_status_2, 0,
			    (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(c, keys_for_onion_services_come_and_go);
	tcase_add_test(c, onion_services_have_no_addresses_to_ask_for);
	tcase_add_test(c, the_log_level_can_be_asked_and_set);
	tcase_add_test(c, resolve_asks_an_exit_and_answers_later);
	suite_add_tcase(s, c);
	return suite_run(s);
}
