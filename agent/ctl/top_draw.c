/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * top_draw.c - the screen of onionctl top
 *
 * From top to bottom: connection and guard, traffic, circuits with their streams, keys.
 * What does not fit is cut; the table scrolls so that the selected circuit is seen.
 */
#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/ctl/ctl_format.h"
#include "agent/ctl/top.h"

#define LINE_MAX_COLUMNS 512
#define GRAPH_ROWS 3
#define TABLE_TOP (3 + 2 * GRAPH_ROWS + 1)
#define GRAPH_LEFT 22		/* label beside each graph */

/* One line of the screen, cut at its edge; nothing in it may steer the terminal. */
__attribute__((format(printf, 4, 5))) static void line(int y, int x, int attr, const char *fmt, ...)
{
	char text[LINE_MAX_COLUMNS];
	va_list ap;

	if (y < 0 || y >= LINES || x >= COLS)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	}
	attrset(attr);
	(void)mvaddnstr(y, x, text, COLS - x);
	attrset(A_NORMAL);
}

static void draw_head(const struct top *t)
{
	const json_t *b = json_object_get(t->status, "bootstrap");
	const char *problem = json_string_value(json_object_get(b, "problem"));
	const json_t *g;
	char span[CTL_FORMAT_MAX];
	size_t i;
	int x = 0;

	if (!t->status) {
		line(0, 0, A_BOLD, "onionify: no agent answers");
		return;
	}
	if (ctl_number(b, "percent") >= 100)
		line(0, 0, A_BOLD, "Connected to Tor");
	else
		line(0, 0, A_BOLD, "Connecting to Tor: %lld %% %s", ctl_number(b, "percent"),
		     ctl_text(b, "phase"));
	line(0, COLS > 60 ? COLS - 32 : 40, A_NORMAL, "agent %s, up %s", ctl_text(t->status, "version"),
	     ctl_span(ctl_number(t->status, "uptime_s"), span));
	if (problem) {
		line(1, 0, A_BOLD, "Problem: %s", problem);
		return;
	}
	line(1, 0, A_NORMAL, "Guards:");
	x = 8;
	json_array_foreach(json_object_get(t->status, "guards"), i, g) {
		if (!ctl_truth(g, "primary"))
			continue;
		line(1, x, A_NORMAL, "%.19s%s  ", ctl_text(g, "nickname"),
		     ctl_truth(g, "reachable") ? "" : " (down)");
		x += (int)strlen(ctl_text(g, "nickname")) + (ctl_truth(g, "reachable") ? 2 : 9);
	}
}

/* The newest seconds as columns of '#', scaled to the highest one that is seen. */
static void draw_graph(int top, const char *label, const long long *rates, size_t n)
{
	size_t columns = COLS > GRAPH_LEFT ? (size_t)(COLS - GRAPH_LEFT) : 0;
	size_t first = n > columns ? n - columns : 0;
	long long most = 1;
	char buf[CTL_FORMAT_MAX];

	for (size_t i = first; i < n; i++)
		most = rates[i] > most ? rates[i] : most;
	line(top, 0, A_NORMAL, "%-9s %9s/s", label, ctl_size(n > 0 ? rates[n - 1] : 0, buf));
	line(top + 1, 0, A_DIM, "%-9s %9s/s", "  most", ctl_size(n > 0 ? most : 0, buf));
	for (size_t i = first; i < n; i++) {
		long long eighths = (rates[i] * GRAPH_ROWS * 2 + most - 1) / most;

		for (int row = 0; row < GRAPH_ROWS; row++) {
			long long here = eighths - 2 * (GRAPH_ROWS - 1 - row);

			if (here > 0)
				line(top + row, (int)(GRAPH_LEFT + i - first), A_NORMAL, "%c",
				     here == 1 ? '.' : '#');
		}
	}
}

/* --- the table --- */

static void format_path(const json_t *circuit, char out[LINE_MAX_COLUMNS])
{
	const json_t *hop;
	size_t used = 0;
	size_t i;

	out[0] = '\0';
	json_array_foreach(json_object_get(circuit, "hops"), i, hop) {
		int n = snprintf(out + used, LINE_MAX_COLUMNS - used, "%s%s%s", i > 0 ? " > " : "",
				 ctl_text(hop, "nickname"), ctl_truth(hop, "open") ? "" : "?");

		if (n < 0 || (size_t)n >= LINE_MAX_COLUMNS - used)
			return;
		used += (size_t)n;
	}
}

static void draw_circuit(const struct top *t, const json_t *c, int y)
{
	bool chosen = ctl_number(c, "id") == t->selected;
	char path[LINE_MAX_COLUMNS];
	char age[CTL_FORMAT_MAX];
	int width = COLS < LINE_MAX_COLUMNS ? COLS : LINE_MAX_COLUMNS - 1;
	char row[LINE_MAX_COLUMNS];

	format_path(c, path);
	(void)snprintf(row, sizeof(row), "%c%5lld %-8s %-9s %6lld %-9s %.400s", chosen ? '>' : ' ',
		       ctl_number(c, "id"), ctl_text(c, "state"), ctl_text(c, "purpose"),
		       ctl_number(c, "domain"), ctl_span(ctl_number(c, "age_ms") / 1000, age),
		       json_is_array(json_object_get(c, "legs")) ? "set of circuits" : path);
	line(y, 0, chosen ? A_REVERSE : A_NORMAL, "%-*s", width, row);
}

static void draw_stream(const json_t *s, int y)
{
	char sent[CTL_FORMAT_MAX];
	char received[CTL_FORMAT_MAX];

	line(y, 8, A_NORMAL, "%s:%lld  %s, %s sent, %s received", ctl_text(s, "host"),
	     ctl_number(s, "port"), ctl_text(s, "state"), ctl_size(ctl_number(s, "bytes_sent"), sent),
	     ctl_size(ctl_number(s, "bytes_received"), received));
}

/*
 * Walks the rows of the table: each circuit, then its streams; those that still wait for a
 * circuit (0) come first. Draws those from @first on that fit between the lines. Rows in
 * all; @ret_selected: the row of the selected circuit.
 */
static size_t walk(const struct top *t, size_t first, int top, int bottom, size_t *ret_selected)
{
	size_t row = 0;
	size_t n = json_array_size(t->circuits);

	*ret_selected = 0;
	for (size_t i = 0; i <= n; i++) {
		const json_t *c = i > 0 ? json_array_get(t->circuits, i - 1) : NULL;
		const json_t *s;
		size_t k;

		if (c && ctl_number(c, "id") == t->selected)
			*ret_selected = row;
		if (c && row >= first && top + (int)(row - first) < bottom)
			draw_circuit(t, c, top + (int)(row - first));
		row += c != NULL;
		json_array_foreach(t->streams, k, s) {
			if (ctl_number(s, "circuit") != (c ? ctl_number(c, "id") : 0))
				continue;
			if (row >= first && top + (int)(row - first) < bottom)
				draw_stream(s, top + (int)(row - first));
			row++;
		}
	}
	return row;
}

static void draw_table(struct top *t, int top, int bottom)
{
	size_t height = bottom > top + 1 ? (size_t)(bottom - top - 1) : 0;
	size_t selected;
	size_t rows;

	line(top, 0, A_UNDERLINE, " %5s %-8s %-9s %6s %-9s %s", "ID", "STATE", "PURPOSE", "DOMAIN", "AGE",
	     "RELAYS");
	rows = walk(t, 0, 0, 0, &selected);
	if (height == 0)
		return;
	if (selected < t->first_row)
		t->first_row = selected;
	if (selected >= t->first_row + height)
		t->first_row = selected - height + 1;
	if (t->first_row + height > rows)
		t->first_row = rows > height ? rows - height : 0;
	(void)walk(t, t->first_row, top + 1, bottom, &selected);
}

void top_draw(struct top *t)
{
	/* A low screen has no room for graphs. */
	bool graphs = LINES >= 16;
	int table = graphs ? TABLE_TOP : 3;

	(void)erase();
	draw_head(t);
	if (graphs) {
		draw_graph(3, "Received", t->read, t->n_history);
		draw_graph(3 + GRAPH_ROWS, "Sent", t->written, t->n_history);
	}
	draw_table(t, table, LINES - 2);
	line(LINES - 2, 0, A_BOLD, "%s", t->note);
	line(LINES - 1, 0, A_REVERSE, "%-*s", COLS < LINE_MAX_COLUMNS ? COLS : LINE_MAX_COLUMNS - 1,
	     "n new identity   up/down select   c close circuit   q quit");
	(void)refresh();
}

void top_select(struct top *t, int step)
{
	long long n = (long long)json_array_size(t->circuits);
	long long at = 0;
	bool found = false;

	for (long long i = 0; i < n && !found; i++) {
		found = ctl_number(json_array_get(t->circuits, (size_t)i), "id") == t->selected;
		if (found)
			at = i;
	}
	/* A circuit that is gone leaves the mark on the first. */
	at = found ? at + step : 0;
	at = at < 0 ? 0 : at >= n ? n - 1 : at;
	t->selected = n > 0 ? ctl_number(json_array_get(t->circuits, (size_t)at), "id") : 0;
}
