/* SPDX-License-Identifier: BSD-3-Clause */
/* arguments.c - see arguments.h */
#include "shim/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc.h"
#include "shim/say.h"

#define TIMEOUT_DEFAULT_S 120
#define TIMEOUT_MAX_S 86400
#define ISOLATE_MAX (IPC_DOMAIN_MAX - sizeof(ISOLATE_PREFIX) + 1)

static void usage(FILE *out)
{
	(void)fputs(
		"Usage: onionify [OPTIONS] [--] COMMAND [ARGS...]\n"
		"       onionify [OPTIONS] --shell\n"
		"Run COMMAND with all of its network traffic inside Tor.\n"
		"\n"
		"  --isolate NAME  share circuits with other commands isolated as NAME only\n"
		"                  (default: with no other command)\n"
		"  --timeout SEC   give up after SEC seconds without a connection to Tor (120)\n"
		"  --no-wait       start COMMAND before the agent is connected to Tor\n"
		"  --optimistic    let programs send their first bytes before they are connected\n"
		"  --serve PORT[:LOCALPORT]  what COMMAND listens on at LOCALPORT (PORT) becomes\n"
		"                  an onion service at PORT, for as long as COMMAND runs\n"
		"  --serve-key FILE  its address is that of the key in FILE, made if missing\n"
		"  --shell         run an interactive shell\n"
		"  --allow-weak    run COMMAND even where a static or privileged program\n"
		"                  could not be kept from the network\n"
		"  --no-proxy-env  run COMMAND without HTTPS_PROXY and its like\n"
		"  --report        list streams and refused attempts when COMMAND has ended\n"
		"  --verbose       tell what is done and what was refused; --quiet: errors only\n"
		"  --help, --version\n"
		"\n"
		"Exit status: that of COMMAND; 125 onionify failed, 126 COMMAND cannot be\n"
		"executed, 127 COMMAND was not found.\n",
		out);
}

static _Noreturn void usage_error(void)
{
	(void)fputs("Try 'onionify --help'.\n", stderr);
	exit(EXIT_OURS);
}

static int parse_seconds(const char *text)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || end == text || *end || v < 1 || v > TIMEOUT_MAX_S) {
		say("--timeout takes 1 to %d seconds, not '%s'", TIMEOUT_MAX_S, text);
		usage_error();
	}
	return (int)v;
}

static const char *parse_isolate(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')	/* as the agent takes it */
			len = 0;
	}
	if (len == 0 || len > ISOLATE_MAX) {
		say("--isolate takes 1 to %zu letters, digits and signs, no blanks", (size_t)ISOLATE_MAX);
		usage_error();
	}
	return text;
}

enum option_id { OPT_ISOLATE = 256, OPT_TIMEOUT, OPT_REPORT, OPT_SERVE, OPT_SERVE_KEY, OPT_NO_WAIT,
		 OPT_WEAK, OPT_NO_PROXY, OPT_SHELL, OPT_OPTIMISTIC };

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "isolate", required_argument, NULL, OPT_ISOLATE },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "report", no_argument, NULL, OPT_REPORT },
		{ "serve", required_argument, NULL, OPT_SERVE },
		{ "serve-key", required_argument, NULL, OPT_SERVE_KEY },
		{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
		{ "allow-weak", no_argument, NULL, OPT_WEAK },
		{ "no-proxy-env", no_argument, NULL, OPT_NO_PROXY },
		{ "optimistic", no_argument, NULL, OPT_OPTIMISTIC },
		{ "shell", no_argument, NULL, OPT_SHELL },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:hVvq", longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			(void)puts("onionify " ONIONIFY_VERSION);
			exit(0);
		case 'v':
			o->verbose = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case OPT_ISOLATE:
			o->isolate = parse_isolate(optarg);
			break;
		case OPT_TIMEOUT:
			o->timeout_s = parse_seconds(optarg);
			break;
		case OPT_NO_WAIT:
			o->no_wait = true;
			break;
		case OPT_WEAK:
			o->allow_weak = true;
			break;
		case OPT_NO_PROXY:
			o->no_proxy_env = true;
			break;
		case OPT_OPTIMISTIC:
			o->optimistic = true;
			break;
		case OPT_SHELL:
			o->shell = true;
			break;
		case OPT_REPORT:
			o->report = true;
			break;
		case OPT_SERVE:
			if (serve_option(&o->serving, optarg) < 0)
				usage_error();
			break;
		case OPT_SERVE_KEY:
			o->serve.key_file = optarg;
			break;
		case ':':
			say("%s needs a value", argv[optind - 1]);
			usage_error();
		default:
			say("unknown option %s", argv[optind - 1]);
			usage_error();
		}
	}
}

static char **choose_command(const struct options *o, char **rest)
{
	static char *shell[2];

	if (!o->shell && rest[0])
		return rest;
	if (!o->shell || rest[0]) {
		say(o->shell ? "--shell takes no command" : "which command? None was given");
		usage_error();
	}
	shell[0] = getenv("SHELL");
	if (!shell[0] || !*shell[0]) {
		static char fallback[] = "/bin/sh";

		shell[0] = fallback;
	}
	return shell;
}

char **arguments_parse(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){ .timeout_s = TIMEOUT_DEFAULT_S, .serving = { .fd = -1 } };
	parse_options(argc, argv, ret);
	return choose_command(ret, argv + optind);
}
