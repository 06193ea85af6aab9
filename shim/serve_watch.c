/* SPDX-License-Identifier: BSD-3-Clause */
/* serve_watch.c - see serve_watch.h */
#include "shim/serve_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LISTENS 0x0a	/* TCP_LISTEN in the kernel's tables */
#define LINE_MAX_LEN 512

static const char *const tables[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };

void serve_watch_note(struct serve_watch *w, const struct serving_note *note)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->list[i].inode == note->inode)
			return;
	}
	if (w->n < SERVE_LISTENERS_MAX)
		w->list[w->n++] = (struct serve_listener){ .inode = note->inode, .at = note->at };
}

int serve_watch_line(const char *line, uint64_t *ret_inode)
{
	unsigned int state;
	uint64_t inode;

	/* number: local remote state queues timer retransmissions user timeouts inode ... */
	if (sscanf(line, " %*u: %*s %*s %x %*s %*s %*s %*u %*u %" SCNu64, &state, &inode) != 2)
		return 0;
	if (state != LISTENS)
		return -1;
	*ret_inode = inode;
	return 1;
}

static void mark_seen(struct serve_watch *w, uint64_t inode)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->list[i].inode == inode)
			w->list[i].seen = true;
	}
}

/* The kernel lists those that listen first: of a server's connections one line is read. */
static bool look_into(struct serve_watch *w, const char *path)
{
	char line[LINE_MAX_LEN];
	FILE *f = fopen(path, "re");
	uint64_t inode;
	int r = 0;

	if (!f)
		return false;
	while (r >= 0 && fgets(line, sizeof(line), f)) {
		r = serve_watch_line(line, &inode);
		if (r == 1)
			mark_seen(w, inode);
	}
	(void)fclose(f);
	return true;
}

void serve_watch_look(struct serve_watch *w)
{
	size_t left = 0;

	for (size_t i = 0; i < w->n; i++)
		w->list[i].seen = false;
	/* A kernel without IPv6 has one table. */
	if (!look_into(w, tables[0]))
		return;
	(void)look_into(w, tables[1]);
	for (size_t i = 0; i < w->n; i++) {
		if (w->list[i].seen)
			w->list[left++] = w->list[i];
	}
	w->n = left;
}

bool serve_watch_find(const struct serve_watch *w, uint16_t port, const struct addr_port *now,
		      struct addr_port *ret)
{
	const struct serve_listener *best = NULL;

	for (size_t i = 0; i < w->n; i++) {
		const struct serve_listener *l = &w->list[i];

		if (l->at.port != port)
			continue;
		if (!best || addr_port_equal(&l->at, now))
			best = l;
	}
	if (best)
		*ret = best->at;
	return best != NULL;
}
