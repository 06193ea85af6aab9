/* SPDX-License-Identifier: BSD-3-Clause */
/* top.c - see top.h */
#include "agent/ctl/top.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/ctl/ask.h"
#include "agent/ctl/ctl_format.h"

#define ROUND_MS 1000

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- what the agent says --- */

static void forget(struct top *t)
{
	json_decref(t->status);
	json_decref(t->circuits);
	json_decref(t->streams);
	t->status = t->circuits = t->streams = NULL;
	t->last_read = -1;
}

/* Channels that close take their bytes along: never below zero. */
static long long rate(long long total, long long last, int64_t ms)
{
	return total > last && ms > 0 ? (total - last) * 1000 / ms : 0;
}

static void add_history(struct top *t)
{
	int64_t now = now_ms();
	long long in = ctl_number(t->status, "bytes_read");
	long long out = ctl_number(t->status, "bytes_written");

	if (t->last_read >= 0 && now - t->last_ms >= ROUND_MS / 2) {
		if (t->n_history == TOP_HISTORY) {
			t->n_history--;
			memmove(t->read, t->read + 1, t->n_history * sizeof(t->read[0]));
			memmove(t->written, t->written + 1, t->n_history * sizeof(t->written[0]));
		}
		t->read[t->n_history] = rate(in, t->last_read, now - t->last_ms);
		t->written[t->n_history++] = rate(out, t->last_written, now - t->last_ms);
	}
	t->last_read = in;
	t->last_written = out;
	t->last_ms = now;
}

/* The member @name of the answer to @name, a new reference; NULL: none. */
static json_t *ask_list(const char *name, int timeout_s, char *err, size_t err_len)
{
	json_t *doc = NULL;
	json_t *list;

	if (ask_json(name, timeout_s, &doc, err, err_len) != 0)
		return NULL;
	list = json_incref(json_object_get(doc, name));
	json_decref(doc);
	return list;
}

/* Circuits with streams come first; takes @list's reference. */
static json_t *busy_first(json_t *list)
{
	json_t *sorted = json_array();
	json_t *c;
	size_t i;

	for (int busy = 1; busy >= 0; busy--) {
		json_array_foreach(list, i, c) {
			if ((ctl_number(c, "streams") > 0) == busy)
				json_array_append(sorted, c);
		}
	}
	json_decref(list);
	return sorted;
}

static void refresh_all(struct top *t, int timeout_s)
{
	char err[1024] = "";
	json_t *status = NULL;
	int r = ask_json("status", timeout_s, &status, err, sizeof(err));
	json_t *circuits = r == 0 ? ask_list("circuits", timeout_s, err, sizeof(err)) : NULL;
	json_t *streams = circuits ? ask_list("streams", timeout_s, err, sizeof(err)) : NULL;

	if (!streams) {
		json_decref(status);
		json_decref(circuits);
		if (r != ASK_TIMEOUT)
			forget(t);
		(void)snprintf(t->note, sizeof(t->note), "%.*s", TOP_NOTE_MAX - 1, err);
		return;
	}
	if (!t->status)
		t->note[0] = '\0';
	json_decref(t->status);
	json_decref(t->circuits);
	json_decref(t->streams);
	t->status = status;
	t->circuits = busy_first(circuits);
	t->streams = streams;
	add_history(t);
	top_select(t, 0);
}

/* --- keys --- */

static void command(struct top *t, const char *line, const char *done, int timeout_s)
{
	char err[1024] = "";
	json_t *doc = NULL;

	if (ask_json(line, timeout_s, &doc, err, sizeof(err)) == 0)
		(void)snprintf(t->note, sizeof(t->note), "%s", done);
	else
		(void)snprintf(t->note, sizeof(t->note), "%.*s", TOP_NOTE_MAX - 1, err);
	json_decref(doc);
	refresh_all(t, timeout_s);
}

static void close_selected(struct top *t, int timeout_s)
{
	char line[64];
	char done[64];

	if (t->selected == 0)
		return;
	(void)snprintf(line, sizeof(line), "close-circuit %lld", t->selected);
	(void)snprintf(done, sizeof(done), "circuit %lld is closed", t->selected);
	command(t, line, done, timeout_s);
}

/* False: enough. */
static bool obey(struct top *t, int key, int timeout_s)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'n':
		command(t, "new-identity", "new streams use new circuits", timeout_s);
		break;
	case 'c':
		close_selected(t, timeout_s);
		break;
	case KEY_UP:
	case 'k':
		top_select(t, -1);
		break;
	case KEY_DOWN:
	case 'j':
		top_select(t, 1);
		break;
	case 'l' & 0x1f:	/* Ctrl-L */
		(void)clearok(curscr, TRUE);
		break;
	default:	/* KEY_RESIZE too: it is drawn anew anyway */
		break;
	}
	return true;
}

static void loop(struct top *t, int signals, int timeout_s)
{
	int64_t next = 0;
	int key;

	for (;;) {
		struct pollfd p[2] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};
		int64_t left;

		if (now_ms() >= next) {
			refresh_all(t, timeout_s);
			next = now_ms() + ROUND_MS;
		}
		top_draw(t);
		left = next - now_ms();
		if (poll(p, 2, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
			return;
		/* A terminal that went away is readable for ever. */
		if (p[1].revents || (p[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
			return;
		while ((key = getch()) != ERR) {
			if (!obey(t, key, timeout_s))
				return;
		}
	}
}

/* The signals that end us, as a descriptor, so that the terminal is restored. */
static int take_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int top_run(bool json, int timeout_s)
{
	struct top t = { .last_read = -1 };
	char err[1024] = "";
	SCREEN *screen;
	int signals;
	int r;

	if (json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "onionctl: top needs a terminal; onionctl --json status does not\n");
		return ASK_USAGE;
	}
	/* Without an agent at the start it says so and ends, as every other command. */
	r = ask_json("status", timeout_s, &t.status, err, sizeof(err));
	if (r != 0) {
		fprintf(stderr, "onionctl: %s\n", err);
		return r;
	}
	signals = take_signals();
	screen = signals >= 0 ? newterm(NULL, stdout, stdin) : NULL;
	if (!screen) {
		fprintf(stderr, "onionctl: the terminal \"%s\" cannot be used\n",
			getenv("TERM") ? getenv("TERM") : "");
		forget(&t);
		return ASK_FAILED;
	}
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	loop(&t, signals, timeout_s);
	(void)endwin();
	delscreen(screen);
	close(signals);
	forget(&t);
	return 0;
}
