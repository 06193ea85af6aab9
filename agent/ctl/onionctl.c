/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onionctl.c - asks a running agent, shows what it answers
 *
 * Most commands are one request and one JSON document, either passed on (--json) or
 * shown as text; doctor and top make of several what a person wants to see.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ask.h"
#include "agent/ctl/doctor.h"
#include "agent/ctl/key_input.h"
#include "agent/ctl/service.h"
#include "agent/ctl/show.h"
#include "agent/ctl/top.h"
#include "common/ipc.h"

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_RESOLVE_S 150	/* the agent itself gives up after two minutes */
#define TIMEOUT_DOCTOR_S 30
#define TIMEOUT_TOP_S 3
#define TIMEOUT_MAX_S 86400

static const char usage[] =
	"Usage: onionctl [--json] [--timeout SEC] COMMAND\n"
	"Asks this user's running onionify-agent.\n"
	"\n"
	"  status              how far it is, guards, consensus, circuits, streams, traffic\n"
	"  circuits            every circuit with its relays\n"
	"  streams             every stream with its destination\n"
	"  top                 all of that on a live screen\n"
	"  doctor              what is wrong with the installation or the connection to Tor\n"
	"  resolve NAME|IP     ask an exit for the addresses of NAME, or the name of IP\n"
	"  new-identity        use new circuits from now on\n"
	"  close-circuit ID    close one circuit and its streams\n"
	"  onion-auth list     services whose authorisation keys are kept\n"
	"  onion-auth add ADDRESS [KEY]\n"
	"                      keep the key for an onion service; without KEY it is asked for\n"
	"  onion-auth remove ADDRESS\n"
	"                      forget the key for an onion service\n"
	"  service add PORT[:TARGET]...   offer an onion service of servers on this computer\n"
	"  service remove ADDRESS         end it\n"
	"  service list                   every onion service with its state\n"
	"  log [LEVEL]         show or set the log level (error, warn, notice, info, debug)\n"
	"  reload              read the configuration again\n"
	"  stop                end the agent and all of its connections\n"
	"\n"
	"  --json              print the agent's answer as JSON\n"
	"  --key FILE          service add: the service's key; a new one is written there\n"
	"  --foreground        service add: the service ends with this command\n"
	"  --timeout SEC       give up after SEC seconds (default 10, resolve 150)\n"
	"  --version, --help\n"
	"\n"
	"Exit status: 0 done, 1 it failed, 2 wrong usage, 3 no agent is running,\n"
	"4 no answer in time.\n";

static const struct command {
	const char *name;
	int timeout_s;
	void (*show)(FILE *out, const json_t *doc);
	int (*run)(bool json, int timeout_s);	/* in place of a request */
} commands[] = {
	{ "status", TIMEOUT_DEFAULT_S, show_status, NULL },
	{ "circuits", TIMEOUT_DEFAULT_S, show_circuits, NULL },
	{ "streams", TIMEOUT_DEFAULT_S, show_streams, NULL },
	{ "resolve", TIMEOUT_RESOLVE_S, show_answers, NULL },
	{ "new-identity", TIMEOUT_DEFAULT_S, show_ok, NULL },
	{ "close-circuit", TIMEOUT_DEFAULT_S, show_ok, NULL },
	{ "onion-auth", TIMEOUT_DEFAULT_S, show_onion_auth, NULL },
	{ "service", TIMEOUT_DEFAULT_S, show_services, NULL },
	{ "log", TIMEOUT_DEFAULT_S, show_level, NULL },
	{ "reload", TIMEOUT_DEFAULT_S, show_ok, NULL },
	{ "stop", TIMEOUT_DEFAULT_S, show_ok, NULL },
	{ "doctor", TIMEOUT_DOCTOR_S, NULL, doctor_run },
	{ "top", TIMEOUT_TOP_S, NULL, top_run },
};

static int print_reply(const struct ask_reply *r, bool json, const struct command *c)
{
	json_error_t error;
	json_t *doc;

	if (json) {
		printf("%s\n", r->json);
		return 0;
	}
	doc = json_loads(r->json, 0, &error);
	if (!doc) {
		fprintf(stderr, "onionctl: the agent's answer makes no sense: %s\n", error.text);
		return ASK_FAILED;
	}
	c->show(stdout, doc);
	json_decref(doc);
	return 0;
}

static int request(const struct command *c, const char *line, bool json, int timeout_s)
{
	struct ask_reply reply;
	int r = ask(line, timeout_s, &reply);

	if (r != 0)
		fprintf(stderr, "onionctl: %s\n", reply.message);
	else
		r = print_reply(&reply, json, c);
	ask_reply_deinit(&reply);
	return fflush(stdout) == 0 ? r : ASK_FAILED;
}

/* The words after the options as one line, or an exit status. */
static int join(char **words, int n, char *line, size_t cap)
{
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		int k = snprintf(line + used, cap - used, "%s%s", i > 0 ? " " : "", words[i]);

		if (k < 0 || (size_t)k >= cap - used || strpbrk(words[i], " \t\n")) {
			fprintf(stderr, "onionctl: \"%.40s\" is too long or has a blank in it\n", words[i]);
			return ASK_USAGE;
		}
		used += (size_t)k;
	}
	return 0;
}

static int run_words(char **words, int n, bool json, int timeout_s)
{
	char line[IPC_REQUEST_MAX];

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];
		int r;

		if (strcmp(c->name, words[0]) != 0)
			continue;
		if (timeout_s == 0)
			timeout_s = c->timeout_s;
		if (c->run && n > 1) {
			fprintf(stderr, "onionctl: %s takes no arguments\n", c->name);
			return ASK_USAGE;
		}
		if (c->run)
			return c->run(json, timeout_s);
		r = join(words, n, line, sizeof(line));
		/* A key on the command line would be seen by every user of the machine. */
		if (r == 0 && n == 3 && strcmp(words[0], "onion-auth") == 0 &&
		    strcmp(words[1], "add") == 0)
			r = key_input_append(line, sizeof(line));
		if (r == 0)
			r = request(c, line, json, timeout_s);
		explicit_bzero(line, sizeof(line));
		return r;
	}
	fprintf(stderr, "onionctl: unknown command \"%s\"; see onionctl --help\n", words[0]);
	return ASK_USAGE;
}

/* "service add" has options and files of its own. */
static int run(char **words, int n, const struct service_add *add, bool json, int timeout_s)
{
	if (n >= 2 && strcmp(words[0], "service") == 0 && strcmp(words[1], "add") == 0)
		return service_add_run(words + 2, n - 2, add, json,
				       timeout_s ? timeout_s : TIMEOUT_DEFAULT_S);
	if (add->key_file || add->foreground) {
		fprintf(stderr, "onionctl: --key and --foreground belong to service add\n");
		return ASK_USAGE;
	}
	return run_words(words, n, json, timeout_s);
}

/* 1 to TIMEOUT_MAX_S, or 0 after a message. */
static int parse_seconds(const char *text)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (!errno && end != text && !*end && v >= 1 && v <= TIMEOUT_MAX_S)
		return (int)v;
	fprintf(stderr, "onionctl: --timeout takes 1 to %d seconds\n", TIMEOUT_MAX_S);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "key", required_argument, NULL, 'k' }, { "foreground", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },    { "timeout", required_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct service_add add = { 0 };
	bool json = false;
	int timeout_s = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) >= 0) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'k':
			add.key_file = optarg;
			break;
		case 'f':
			add.foreground = true;
			break;
		case 't':
			timeout_s = parse_seconds(optarg);
			if (timeout_s == 0)
				return ASK_USAGE;
			break;
		case 'V':
			printf("onionctl %s\n", ONIONIFY_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return ASK_USAGE;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return ASK_USAGE;
	}
	return run(argv + optind, argc - optind, &add, json, timeout_s);
}
