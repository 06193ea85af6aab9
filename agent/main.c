/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - onionify-agent: command line, and into the background */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/daemon.h"

static const char usage[] =
	"Usage: onionify-agent [OPTIONS]\n"
	"Carries the connections of this user's programs through the Tor network.\n"
	"\n"
	"  --config FILE    read FILE instead of $ONIONIFY_CONFIG or\n"
	"                   $XDG_CONFIG_HOME/onionify/onionify.conf\n"
	"  --foreground     stay in the foreground, log to standard error\n"
	"  --verify-config  check the configuration and exit\n"
	"  --version        print the version and exit\n"
	"  --help           print this help and exit\n"
	"\n"
	"Exit status: 0 started (or, in the foreground, stopped), 1 failure, 2 wrong\n"
	"usage or configuration, 3 an agent is already running.\n";

struct arguments {
	const char *config;
	bool foreground;
	bool verify;
};

/* -1: go on; else exit with this status. */
static int parse_arguments(int argc, char **argv, struct arguments *args)
{
	static const struct option longopts[] = {
		{ "config", required_argument, NULL, 'c' }, { "foreground", no_argument, NULL, 'f' },
		{ "verify-config", no_argument, NULL, 'v' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },	     { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) >= 0) {
		switch (c) {
		case 'c':
			args->config = optarg;
			break;
		case 'f':
			args->foreground = true;
			break;
		case 'v':
			args->verify = true;
			break;
		case 'V':
			printf("onionify-agent %s\n", ONIONIFY_VERSION);
			return DAEMON_OK;
		case 'h':
			fputs(usage, stdout);
			return DAEMON_OK;
		default:
			return DAEMON_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "onionify-agent: unexpected argument \"%s\"\n", argv[optind]);
		return DAEMON_USAGE;
	}
	return -1;
}

/* 0, or an exit status with a sentence in @err. */
static int load_config(struct agent *a, const struct arguments *args, char *err, size_t err_len)
{
	if (args->config) {
		/* Absolute, because the background process leaves this directory. */
		a->config_path = realpath(args->config, NULL);
		if (!a->config_path) {
			snprintf(err, err_len, "%s: %s", args->config, strerror(errno));
			return DAEMON_USAGE;
		}
		a->config_explicit = true;
	} else {
		a->config_path = config_default_path(&a->config_explicit);
	}
	if (!a->config_path) {
		snprintf(err, err_len, "out of memory");
		return DAEMON_FAILED;
	}
	if (config_load(&a->config, a->config_path, a->config_explicit, err, err_len) < 0)
		return DAEMON_USAGE;
	return DAEMON_OK;
}

/* Starts, tells the process that waits in front of the user, and runs. */
static int run(struct agent *a, int activated_fd, int report_fd)
{
	char err[CONFIG_ERR_MAX] = "";
	int status = agent_start(a, activated_fd, err, sizeof(err));

	if (report_fd >= 0)
		daemon_report(report_fd, (enum daemon_exit)status, err);
	else if (err[0] && status != DAEMON_OK)
		fprintf(stderr, "onionify-agent: %s\n", err);
	if (status == DAEMON_OK) {
		if (a->background)
			(void)daemon_silence();
		agent_run(a);
	}
	agent_deinit(a);
	return status;
}

int main(int argc, char **argv)
{
	struct arguments args = { 0 };
	struct agent a;
	char err[CONFIG_ERR_MAX] = "";
	int activated;
	int report_fd = -1;
	int r = parse_arguments(argc, argv, &args);

	if (r >= 0)
		return r;
	agent_init(&a);
	r = load_config(&a, &args, err, sizeof(err));
	if (r != DAEMON_OK || args.verify) {
		if (r != DAEMON_OK)
			fprintf(stderr, "onionify-agent: %s\n", err);
		else if (a.config.warning[0])
			fprintf(stderr, "onionify-agent: warning: %s\n", a.config.warning);
		agent_deinit(&a);
		return r;
	}
	activated = daemon_activated_fd();
	if (activated == -EINVAL) {
		fprintf(stderr, "onionify-agent: LISTEN_FDS must pass one listening Unix socket\n");
		agent_deinit(&a);
		return DAEMON_USAGE;
	}
	daemon_close_inherited(activated);
	daemon_harden();
	a.background = !args.foreground;
	if (a.background && daemon_detach(&report_fd) < 0) {
		fprintf(stderr, "onionify-agent: cannot go to the background: %s\n", strerror(errno));
		agent_deinit(&a);
		return DAEMON_FAILED;
	}
	return run(&a, activated, report_fd);
}
