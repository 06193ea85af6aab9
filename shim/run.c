/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.c - onionify-run: options, environment, and the order of things
 *
 * Agent first (so that a command never starts without one), then the command
 * under the supervisor, then its exit status. Nested in another onionify, the
 * supervisor of that one serves this command too and only the domain changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/agent.h"
#include "shim/config.h"
#include "shim/elf.h"
#include "shim/job.h"
#include "shim/launch.h"
#include "shim/places.h"
#include "shim/proxyenv.h"
#include "shim/say.h"
#include "shim/serve.h"
#include "shim/supervisor.h"
#include "shim/tally.h"
#include "shim/which.h"

/* As env, nohup and docker: our own failure, not executable, not found. */
#define EXIT_OURS 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define TIMEOUT_DEFAULT_S 120
#define TIMEOUT_MAX_S 86400
#define ISOLATE_PREFIX "name:"
#define ISOLATE_MAX (IPC_DOMAIN_MAX - sizeof(ISOLATE_PREFIX) + 1)

struct options {
	const char *isolate;
	int timeout_s;
	bool verbose;
	bool quiet;
	bool report;
	bool no_wait;
	bool allow_weak;
	bool no_proxy_env;
	bool optimistic;
	bool shell;
	struct serving serving;
	struct serve_options serve;
};

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

/* --- the command's environment --- */

static void set_var(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0) {
		say("out of memory");
		exit(EXIT_OURS);
	}
}

static void set_flag(const char *name, bool on)
{
	if (on)
		set_var(name, "1");
	else
		(void)unsetenv(name);
}

static void set_domain(const struct options *o)
{
	char domain[IPC_DOMAIN_MAX + 1];
	uint8_t token[16];

	if (o->isolate) {
		(void)snprintf(domain, sizeof(domain), ISOLATE_PREFIX "%s", o->isolate);
	} else {
		if (getrandom(token, sizeof(token), 0) != (ssize_t)sizeof(token)) {
			say("no random numbers: %s", strerror(errno));
			exit(EXIT_OURS);
		}
		for (size_t i = 0; i < sizeof(token); i++)
			(void)snprintf(domain + 2 * i, 3, "%02x", token[i]);
	}
	set_var(CONFIG_ENV_DOMAIN, domain);
}

static void set_preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *both;

	if (!old || !*old) {
		set_var("LD_PRELOAD", library);
		return;
	}
	if (strstr(old, library))
		return;
	if (asprintf(&both, "%s:%s", library, old) < 0) {
		say("out of memory");
		exit(EXIT_OURS);
	}
	set_var("LD_PRELOAD", both);
	free(both);
}

/* The agent tells where it is: its range of virtual addresses can be configured. */
static void set_proxies(const struct options *o, int asked)
{
	struct ipc_addresses at = { 0 };

	if (!o->no_proxy_env && agent_own_address(asked, &at) < 0) {
		say("the agent at %s does not answer; end it and try again", config_get()->socket);
		exit(EXIT_OURS);
	}
	if (proxyenv_apply(&at.v4) != 0) {
		say("out of memory");
		exit(EXIT_OURS);
	}
}

/* What it takes to speak to the agent. */
static void set_identity(const struct options *o, const struct places *p)
{
	set_domain(o);
	set_var(CONFIG_ENV_SOCKET, p->socket);
	config_reload();
}

static void set_environment(const struct options *o, const struct places *p, enum elf_kind kind,
			    bool nested)
{
	set_flag(CONFIG_ENV_WEAK, o->allow_weak);
	set_flag(CONFIG_ENV_OPTIMISTIC, o->optimistic);
	if (!nested)
		set_flag(CONFIG_ENV_REPORT, o->report);
	/* Other loaders fail on it; the supervisor serves their programs. */
	if (kind != ELF_OTHER_LIBC && kind != ELF_32BIT)
		set_preload(p->library);
}

/* --- running --- */

static int exec_failure(const char *name, int error)
{
	say("%s: %s", name, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* Without a listener of ours: only programs that load the library may run. */
static int check_weak(const struct options *o, const char *name, enum elf_kind kind, int reason)
{
	if (o->serving.n > 0) {
		say("--serve needs the supervisor, or servers could be reached from anywhere, and "
		    "there is none here (%s: %s)", strerror(reason), which_remedy(reason));
		return EXIT_OURS;
	}
	if (o->allow_weak)
		return 0;
	if (elf_is_unguarded(kind)) {
		say("%s %s and this system cannot supervise it (%s: %s); "
		    "--allow-weak runs it without protection", name, which_kind_text(kind),
		    strerror(reason), which_remedy(reason));
		return EXIT_OURS;
	}
	if (!o->quiet)
		say("warning: no supervisor here (%s: %s): protection rests on the library alone",
		    strerror(reason), which_remedy(reason));
	return 0;
}

static int run_once(struct command *cmd, struct job_result *ret)
{
	int reports, status;
	pid_t pid;

	/* The supervisor's first steps need its files of /proc. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	pid = supervisor_start(cmd, &reports);
	/* Outside the filter: the command, of the same user, is not to make use of us. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* The supervisor has it now: its end is the end of the service. */
	if (cmd->serving.fd >= 0)
		(void)close(cmd->serving.fd);
	if (pid < 0) {
		say("cannot start the supervisor of %s: %s", cmd->argv[0], strerror((int)-pid));
		return EXIT_OURS;
	}
	*ret = job_wait(reports);
	(void)close(reports);
	/* It stays for daemons of the command; only a dead one is collected. */
	(void)waitpid(pid, &status, WNOHANG);
	return 0;
}

static int run_supervised(const struct options *o, const struct places *p, enum elf_kind kind,
			  const char *path, char **argv)
{
	struct sigaction chld = { .sa_handler = SIG_DFL };
	struct command cmd = { .path = path, .argv = argv, .envp = environ, .supervise = true, .lease = -1,
			       .account = -1, .serving = o->serving,
			       .detail = o->report ? BOOK_ALL : o->verbose ? BOOK_REFUSALS :
									     BOOK_SILENT };
	struct job_result res;
	int r;

	if (!o->quiet && kind == ELF_PRIVILEGED)
		say("note: %s does not gain privileges in here", argv[0]);
	if (!o->isolate)	/* a domain with a name goes on after the command */
		cmd.lease = launch_lease(p->socket, getenv(CONFIG_ENV_DOMAIN));
	if (o->report)	/* without it the report says what the supervisor has seen itself */
		cmd.account = tally_begin();
	(void)sigaction(SIGCHLD, &chld, &cmd.chld);
	job_block_signals(&cmd.mask);
	r = run_once(&cmd, &res);
	if (r == 0 && res.kind == JOB_NOT_SUPERVISED) {
		r = check_weak(o, argv[0], kind, res.value);
		cmd.supervise = false;
		if (r == 0)
			r = run_once(&cmd, &res);
	}
	if (r != 0)
		return r;
	switch (res.kind) {
	case JOB_ENDED:
		job_end_like(res.value);
	case JOB_EXEC_FAILED:
		return exec_failure(argv[0], res.value);
	case JOB_NOT_SUPERVISED:
		say("%s was not run, the filter was refused: %s", argv[0], strerror(res.value));
		break;
	case JOB_LOST:
		say("the supervisor of %s died; the command was ended with it", argv[0]);
		break;
	}
	return EXIT_OURS;
}

static int run_nested(char **argv)
{
	(void)prctl(CONFIG_NESTED_PRCTL, 0, 0, 0, 0);
	(void)execvp(argv[0], argv);
	return exec_failure(argv[0], errno);
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

int main(int argc, char **argv)
{
	struct options o = { .timeout_s = TIMEOUT_DEFAULT_S, .serving = { .fd = -1 } };
	char err[LAUNCH_ERR_MAX] = "";
	char found[PATH_MAX];
	enum elf_kind kind;
	struct places p;
	int asked = -1;
	/* Ours, in whatever environment: another one's would have no such prctl. */
	bool nested = prctl(CONFIG_PROBE_PRCTL, 0, 0, 0, 0) < 0 && errno == ENOTUNIQ;

	parse_options(argc, argv, &o);
	argv = choose_command(&o, argv + optind);
	if (!places_find(&p))
		return EXIT_OURS;
	o.serve = (struct serve_options){ p.serve, p.socket, o.serve.key_file, o.timeout_s, o.quiet,
					  o.verbose };
	if (serve_check(&o.serve, &o.serving, nested) < 0)
		return EXIT_OURS;
	kind = which_kind(argv[0], found);
	if (kind == ELF_32BIT && !o.allow_weak) {
		say("%s is a 32-bit program, and these are not supported; --allow-weak runs it, "
		    "without any network", argv[0]);
		return EXIT_NOT_EXECUTABLE;
	}
	/* An agent that is started below a supervisor could not reach its relays. */
	struct launch l = { .socket_path = p.socket, .agent_path = nested ? NULL : p.agent,
			    .timeout_s = o.timeout_s, .no_wait = o.no_wait,
			    .progress = !o.quiet && isatty(STDERR_FILENO) };
	set_identity(&o, &p);
	if (!o.no_proxy_env)	/* its answer comes while the other one is awaited */
		asked = agent_own_address_ask();
	if (launch_agent(&l, err) < 0) {
		say("%s", err);
		return EXIT_OURS;
	}
	if (serve_start(&o.serve, &o.serving) < 0)
		return EXIT_OURS;
	set_environment(&o, &p, kind, nested);
	set_proxies(&o, asked);
	if (nested && o.report && !o.quiet)
		say("note: the report is the outer onionify's");
	if (o.verbose) {
		say("agent %s, domain %s", p.socket, getenv(CONFIG_ENV_DOMAIN));
		say("%s %s", argv[0], which_doors(kind));
		if (nested)
			say("served by the outer onionify's supervisor");
	}
	return nested ? run_nested(argv) : run_supervised(&o, &p, kind, found, argv);
}
