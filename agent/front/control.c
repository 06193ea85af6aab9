/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control.c - CONTROL: the commands of onionctl
 *
 * One table of commands; each answers with a JSON document (control_json.c makes the
 * large ones) and an exit status. "resolve" asks an exit and answers later.
 */
#include "agent/front/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/onion_address.h"
#include "common/secret.h"

#define WORDS_MAX 80	/* "service add" with 64 ports and its options */

struct command {
	const char *name;
	unsigned int min_words;	/* arguments */
	unsigned int max_words;
	void (*run)(struct front *f, struct session *s, char **args);
};

void control_end(struct session *s, uint8_t status, const char *text)
{
	uint8_t frame[IPC_HEADER_LEN + 1 + CONTROL_TEXT_MAX];
	struct ipc_end m = { .status = status, .text = { text, strnlen(text, CONTROL_TEXT_MAX) } };
	ssize_t n = ipc_end_encode(frame, sizeof(frame), &m);

	if (n > 0)
		session_reply(s, frame, (size_t)n);
	session_end(s);
}

void control_reply(struct session *s, json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	size_t left = text ? strlen(text) : 0;
	uint8_t *frame = malloc(IPC_HEADER_LEN + IPC_BODY_MAX);
	const char *pos = text;

	while (frame && left > 0) {
		size_t n = left < IPC_BODY_MAX ? left : IPC_BODY_MAX;
		ssize_t len = ipc_data_encode(frame, IPC_HEADER_LEN + IPC_BODY_MAX,
					      (struct ipc_str){ pos, n });

		if (len > 0)
			session_reply(s, frame, (size_t)len);
		pos += n;
		left -= n;
	}
	control_end(s, text && frame ? 0 : 1, text && frame ? "" : "out of memory");
	free(frame);
	free(text);
	json_decref(doc);
}

static void run_status(struct front *f, struct session *s, char **args)
{
	(void)args;
	control_reply(s, control_status(f));
}

static void run_circuits(struct front *f, struct session *s, char **args)
{
	(void)args;
	control_reply(s, control_circuits(f));
}

static void run_streams(struct front *f, struct session *s, char **args)
{
	(void)args;
	control_reply(s, control_streams(f));
}

static void run_new_identity(struct front *f, struct session *s, char **args)
{
	(void)args;
	pool_new_identity(f->pool);
	proxy_new_identity(f->proxy);
	onion_client_new_identity(client_net_client(f->onion));
	names_forget_negative(f->names);
	log_notice("new identity: new streams use new circuits");
	control_reply(s, json_pack("{s:b}", "ok", 1));
}

static void run_close_circuit(struct front *f, struct session *s, char **args)
{
	unsigned long long id;
	char *rest;

	errno = 0;
	id = strtoull(args[0], &rest, 10);
	if (errno || *rest || args[0][0] < '0' || args[0][0] > '9') {
		control_end(s, 2, "a circuit is named by its number");
		return;
	}
	if (pool_close(f->pool, id) < 0) {
		control_end(s, 1, "there is no such circuit");
		return;
	}
	log_notice("circuit %llu closed as asked", id);
	control_reply(s, json_pack("{s:b}", "ok", 1));
}

static void run_log(struct front *f, struct session *s, char **args)
{
	enum log_level level;

	(void)f;
	if (args[0] && log_level_parse(args[0], &level) < 0) {
		control_end(s, 2, "levels are: error, warn, notice, info, debug");
		return;
	}
	if (args[0]) {
		log_notice("log level is %s until the next reload", log_level_str(level));
		log_set_level(level);
	}
	control_reply(s, json_pack("{s:s}", "level", log_level_str(log_get_level())));
}

static void run_reload(struct front *f, struct session *s, char **args)
{
	char err[CONTROL_TEXT_MAX] = "";

	(void)args;
	if (f->config.reload(f->config.ctx, err, sizeof(err)) < 0)
		control_end(s, 1, err);
	else
		control_reply(s, json_pack("{s:b,s:s}", "ok", 1, "note", err));
}

static void run_onion_auth(struct front *f, struct session *s, char **args)
{
	char err[CONTROL_TEXT_MAX] = "";
	json_t *doc = NULL;
	int r = onion_auth_command(f, args, &doc, err, sizeof(err));

	if (r == 0)
		control_reply(s, doc);
	else
		control_end(s, (uint8_t)r, err);
}

static void run_stop(struct front *f, struct session *s, char **args)
{
	(void)args;
	log_notice("asked to stop by process %ld", (long)session_pid(s));
	control_reply(s, json_pack("{s:b}", "ok", 1));
	f->config.stop(f->config.ctx);
}

/* --- resolve --- */

struct resolve_job {
	struct session *session;
	struct lookup *lookup;
	struct domain *domain;
};

static void job_free(struct resolve_job *job)
{
	domain_unref(job->domain);
	free(job);
}

static void resolve_gone(void *user)
{
	struct resolve_job *job = user;

	lookup_cancel(job->lookup);
	job_free(job);
}

static void resolve_done(void *ctx, int error, const struct stream_answer *answers, size_t n)
{
	struct resolve_job *job = ctx;
	struct session *s = job->session;

	session_on_gone(s, NULL, NULL);
	job_free(job);
	if (error == 0 && n > 0 && answers[0].type >= 0xf0)
		error = answers[0].type == 0xf0 ? EAGAIN : ENOENT;
	if (error == ENOENT || error == EHOSTUNREACH)
		control_end(s, 1, "the name does not resolve");
	else if (error)
		control_end(s, 1, strerror(error));
	else
		control_reply(s, control_answers(answers, n));
}

static void run_resolve(struct front *f, struct session *s, char **args)
{
	struct ipc_str what = { args[0], strlen(args[0]) };
	struct addr none = { .family = ADDR_NONE };
	struct resolve_job *job = calloc(1, sizeof(*job));
	struct dest dest;
	const char *why = "";
	int r = job ? 0 : -ENOMEM;

	if (r == 0)
		job->domain = front_domain(f, s, (struct ipc_str){ "onionctl", 8 });
	if (r == 0 && !job->domain)
		r = -EAGAIN;
	if (r == 0)
		r = dest_resolve(f->names, f->config.config, job->domain, what, &none,
				 loop_now_ms(f->config.loop), &dest, &why);
	if (r == 0 && onion_address_is_onion(dest.host, strlen(dest.host))) {
		why = "onion services have no addresses: programs connect to the name itself";
		r = -EINVAL;
	}
	if (r == 0) {
		job->session = s;
		r = lookup_start(f, job->domain, dest.host[0] ? dest.host : NULL, &dest.addr,
				 resolve_done, job, &job->lookup);
	}
	if (r < 0) {
		if (job)
			job_free(job);
		control_end(s, 1, why[0] ? why : strerror(-r));
		return;
	}
	session_set_patient(s);
	session_on_gone(s, resolve_gone, job);
}

static const struct command commands[] = {
	{ "account", 1, 1, control_account },
	{ "account-begin", 1, 1, control_account_begin },
	{ "status", 0, 0, run_status },
	{ "circuits", 0, 0, run_circuits },
	{ "streams", 0, 0, run_streams },
	{ "resolve", 1, 1, run_resolve },
	{ "new-identity", 0, 0, run_new_identity },
	{ "close-circuit", 1, 1, run_close_circuit },
	{ "onion-auth", 1, 3, run_onion_auth },
	{ "service", 1, WORDS_MAX, control_service },
	{ "log", 0, 1, run_log },
	{ "reload", 0, 0, run_reload },
	{ "stop", 0, 0, run_stop },
};

/* Splits at spaces; the number of words, or -1 when there are too many. */
static int split(char *text, char *words[WORDS_MAX + 1])
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (n == WORDS_MAX)
			return -1;
		words[n++] = w;
	}
	words[n] = NULL;
	return n;
}

static void run(struct front *f, struct session *s, char *text)
{
	char *words[WORDS_MAX + 1] = { NULL };
	int n = split(text, words);

	for (size_t i = 0; n > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, words[0]) != 0)
			continue;
		if ((unsigned int)n - 1 < c->min_words || (unsigned int)n - 1 > c->max_words)
			control_end(s, 2, "wrong number of arguments");
		else
			c->run(f, s, words + 1);
		return;
	}
	control_end(s, 2, "unknown command");
}

void control_request(struct front *f, struct session *s, const uint8_t *body, size_t len)
{
	char text[IPC_REQUEST_MAX + 1];
	struct ipc_str line;

	if (ipc_control_decode(body, len, &line) < 0 || line.len > IPC_REQUEST_MAX ||
	    memchr(line.s, '\0', line.len)) {
		control_end(s, 2, "malformed command");
		return;
	}
	memcpy(text, line.s, line.len);
	text[line.len] = '\0';
	run(f, s, text);
	/* Some commands have keys in them. */
	secret_wipe(text, line.len);
}
