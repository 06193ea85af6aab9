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
#include <unistd.h>

#include "agent/ctl/ask.h"
#include "agent/ctl/ctl_format.h"
#include "agent/ctl/top_ask.h"
#include "common/deadline.h"

#define ROUND_MS 1000
#define SILENCE_MS 1500	/* until an answer counts as late */

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
	int64_t now = deadline_now_ms();
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

/* Takes over an answer, and shows why there is none. */
static void take_news(struct top *t, struct top_news *news)
{
	if (news->result != 0 && news->result != ASK_TIMEOUT)
		forget(t);
	if (news->status) {
		json_decref(t->status);
		json_decref(t->circuits);
		json_decref(t->streams);
		t->status = news->status;
		t->circuits = busy_first(news->circuits);
		t->streams = news->streams;
		add_history(t);
		top_select(t, 0);
	}
	/* A key's note stays until the next one; that of a silent agent goes with its silence. */
	if (news->note[0] || t->waits)
		(void)snprintf(t->note, sizeof(t->note), "%s", news->note);
	t->waits = news->result != 0;
}

/* A question that is not answered soon is worth a word. */
static void note_silence(struct top *t, struct top_asker *asker)
{
	int64_t ms = top_asker_waits_ms(asker);

	if (ms < SILENCE_MS)
		return;
	t->waits = true;
	(void)snprintf(t->note, sizeof(t->note), "the agent has not answered for %lld s",
		       (long long)ms / 1000);
}

/* --- keys --- */

static void command(struct top *t, struct top_asker *asker, const char *line, const char *done)
{
	if (!top_asker_ask(asker, line, done))
		(void)snprintf(t->note, sizeof(t->note), "the agent is still answering: try again");
}

static void close_selected(struct top *t, struct top_asker *asker)
{
	char line[64];
	char done[64];

	if (t->selected == 0)
		return;
	(void)snprintf(line, sizeof(line), "close-circuit %lld", t->selected);
	(void)snprintf(done, sizeof(done), "circuit %lld is closed", t->selected);
	command(t, asker, line, done);
}

/* False: enough. */
static bool obey(struct top *t, struct top_asker *asker, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'n':
		command(t, asker, "new-identity", "new streams use new circuits");
		break;
	case 'c':
		close_selected(t, asker);
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

/* False: a signal came, or the terminal is gone. */
static bool wait_for_news(struct top *t, struct top_asker *asker, int signals, int64_t ms)
{
	struct pollfd p[3] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = top_asker_fd(asker), .events = POLLIN },
	};
	struct top_news news;

	if (poll(p, 3, ms > 0 ? (int)ms : 0) < 0 && errno != EINTR)
		return false;
	if (p[2].revents && top_asker_take(asker, &news))
		take_news(t, &news);
	/* A terminal that went away is readable for ever. */
	return !p[1].revents && !(p[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void loop(struct top *t, struct top_asker *asker, int signals)
{
	int64_t next = 0;
	int key;

	for (;;) {
		if (deadline_now_ms() >= next) {
			(void)top_asker_ask(asker, "", "");
			note_silence(t, asker);
			next = deadline_now_ms() + ROUND_MS;
		}
		top_draw(t);
		if (!wait_for_news(t, asker, signals, next - deadline_now_ms()))
			return;
		while ((key = getch()) != ERR) {
			if (!obey(t, asker, key))
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
	struct top_asker *asker;
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
	asker = signals >= 0 ? top_asker_new(timeout_s) : NULL;
	if (!asker) {
		fprintf(stderr, "onionctl: top: out of memory or threads\n");
		forget(&t);
		return ASK_FAILED;
	}
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		fprintf(stderr, "onionctl: the terminal \"%s\" cannot be used\n",
			getenv("TERM") ? getenv("TERM") : "");
		top_asker_end(asker);
		forget(&t);
		return ASK_FAILED;
	}
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	loop(&t, asker, signals);
	(void)endwin();
	delscreen(screen);
	top_asker_end(asker);
	close(signals);
	forget(&t);
	return 0;
}
