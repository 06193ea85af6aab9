/* SPDX-License-Identifier: BSD-3-Clause */
/* book.c - see book.h */
#include "shim/book.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/tally.h"
#include "shim/lookup.h"

#define STREAMS_MAX 256		/* different destinations */
#define REFUSALS_MAX 128	/* different programs, calls and destinations */
#define NAMES_MAX 128		/* asked from the agent's memory, one after the other */
#define SIZE_MAX_LEN 24

struct stream_entry {
	struct addr_port dest;
	unsigned int opened;
	unsigned int failed;
	int error;	/* of the last failure */
};

struct refusal_entry {
	char program[IPC_PROGRAM_MAX + 1];
	const char *what;
	struct addr_port dest;
	bool has_dest;
	int error;
	unsigned int count;
};

struct book {
	enum book_detail detail;
	pthread_mutex_t lock;	/* of what follows */
	unsigned int streams, refusals;
	unsigned int lost_streams, lost_refusals;
	struct stream_entry stream[STREAMS_MAX];
	struct refusal_entry refusal[REFUSALS_MAX];
};

struct book *book_new(enum book_detail detail)
{
	struct book *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->detail = detail;
	(void)pthread_mutex_init(&b->lock, NULL);
	return b;
}

static struct stream_entry *stream_of(struct book *b, const struct addr_port *dest)
{
	for (unsigned int i = 0; i < b->streams; i++) {
		if (addr_port_equal(&b->stream[i].dest, dest))
			return &b->stream[i];
	}
	if (b->streams == STREAMS_MAX)
		return NULL;
	b->stream[b->streams] = (struct stream_entry){ .dest = *dest };
	return &b->stream[b->streams++];
}

void book_add_stream(struct book *b, const struct addr_port *dest, int result)
{
	struct stream_entry *s;

	if (!b || b->detail != BOOK_ALL)
		return;
	(void)pthread_mutex_lock(&b->lock);
	s = stream_of(b, dest);
	if (!s) {
		b->lost_streams++;
	} else if (result == 0 || result == -EINPROGRESS || result == -EINTR) {
		s->opened++;
	} else {
		s->failed++;
		s->error = -result;
	}
	(void)pthread_mutex_unlock(&b->lock);
}

static bool same_refusal(const struct refusal_entry *r, const char *program, const char *what,
			 const struct addr_port *dest, int error)
{
	return r->error == error && r->what == what && r->has_dest == (dest != NULL) &&
	       (!dest || addr_port_equal(&r->dest, dest)) && strcmp(r->program, program) == 0;
}

void book_add_refusal(struct book *b, const char *program, const char *what,
		      const struct addr_port *dest, int error)
{
	struct refusal_entry *r = NULL;

	if (!b || b->detail == BOOK_SILENT)
		return;
	(void)pthread_mutex_lock(&b->lock);
	for (unsigned int i = 0; i < b->refusals && !r; i++) {
		if (same_refusal(&b->refusal[i], program, what, dest, error))
			r = &b->refusal[i];
	}
	if (!r && b->refusals < REFUSALS_MAX) {
		r = &b->refusal[b->refusals++];
		*r = (struct refusal_entry){ .what = what, .has_dest = dest != NULL, .error = error };
		(void)snprintf(r->program, sizeof(r->program), "%s", program);
		if (dest)
			r->dest = *dest;
	}
	if (r)
		r->count++;
	else
		b->lost_refusals++;
	(void)pthread_mutex_unlock(&b->lock);
}

/* --- telling --- */

/* Bytes that a terminal could take as commands have no place in a line. */
static void clean(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
}

/* "example.com:80" when the address is one the agent gave out, else the address. */
static void format_dest(const struct addr_port *dest, unsigned int *asked, char out[320])
{
	char name[IPC_NAME_MAX + 1], text[ADDR_STR_MAX];
	int r = IPC_LOOKUP_NONAME;

	/* Only those are in the agent's memory; the others would be asked from an exit. */
	if (addr_is_internal(&dest->addr) && !addr_is_loopback(&dest->addr) &&
	    (*asked)++ < NAMES_MAX)
		r = lookup_addr(&dest->addr, name);
	if (r < 0)
		*asked = NAMES_MAX;	/* no agent: do not wait for it again */
	if (r == 0)
		(void)snprintf(out, 320, "%s:%u", name, dest->port);
	else
		(void)snprintf(out, 320, "%s", addr_port_format(dest, text));
}

/* --- what the agent has counted --- */

struct telling {
	void (*put)(void *arg, const char *line);
	void *arg;
	struct tally_line sum;
	bool sums;	/* the first round adds up, the second tells */
};

/* "1.5 MiB"; whole bytes below a thousand. */
static const char *size_text(unsigned long long bytes, char out[SIZE_MAX_LEN])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t u = 0;

	for (; v >= 1000 && u < 4; u++)
		v /= 1024;
	(void)snprintf(out, SIZE_MAX_LEN, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
	return out;
}

static void tell_place(void *ctx, const struct tally_line *l)
{
	struct telling *t = ctx;
	char line[BOOK_LINE_MAX], failed[80] = "", in[SIZE_MAX_LEN], out[SIZE_MAX_LEN];

	if (t->sums) {
		t->sum.opened += l->opened;
		t->sum.failed += l->failed;
		t->sum.sent += l->sent;
		t->sum.received += l->received;
		return;
	}
	if (l->failed > 0)
		(void)snprintf(failed, sizeof(failed), ", %u failed (%.48s)", l->failed,
			       strerror(l->error));
	if (strcmp(l->place, "*") == 0)
		(void)snprintf(line, sizeof(line), "report:   other places: %u%s, %s sent, %s received",
			       l->opened, failed, size_text(l->sent, out), size_text(l->received, in));
	else
		(void)snprintf(line, sizeof(line),
			       strchr(l->place, ':') ? "report:   [%s]:%u: %u%s, %s sent, %s received"
						     : "report:   %s:%u: %u%s, %s sent, %s received",
			       l->place, l->port, l->opened, failed, size_text(l->sent, out),
			       size_text(l->received, in));
	clean(line);
	t->put(t->arg, line);
}

/* False: the agent keeps no account of us. */
static bool tell_account(void (*put)(void *, const char *), void *arg)
{
	struct telling t = { .put = put, .arg = arg, .sums = true };
	char line[BOOK_LINE_MAX], in[SIZE_MAX_LEN], out[SIZE_MAX_LEN];

	if (tally_each(tell_place, &t) != 0)
		return false;
	(void)snprintf(line, sizeof(line), "report: %u streams through Tor, %u failed, %s sent, %s received",
		       t.sum.opened, t.sum.failed, size_text(t.sum.sent, out),
		       size_text(t.sum.received, in));
	put(arg, line);
	t.sums = false;
	(void)tally_each(tell_place, &t);
	return true;
}

/* --- what was seen here --- */

static void tell_streams(const struct book *b, void (*put)(void *, const char *), void *arg)
{
	char line[BOOK_LINE_MAX], dest[320], failed[64];
	unsigned int opened = 0, all_failed = 0, asked = 0;

	for (unsigned int i = 0; i < b->streams; i++) {
		opened += b->stream[i].opened;
		all_failed += b->stream[i].failed;
	}
	(void)snprintf(line, sizeof(line), "report: %u streams through Tor, %u failed", opened,
		       all_failed);
	put(arg, line);
	for (unsigned int i = 0; i < b->streams; i++) {
		const struct stream_entry *s = &b->stream[i];

		format_dest(&s->dest, &asked, dest);
		failed[0] = '\0';
		if (s->failed > 0)
			(void)snprintf(failed, sizeof(failed), ", %u failed (%s)", s->failed,
				       strerrordesc_np(s->error));
		(void)snprintf(line, sizeof(line), "report:   %s: %u%s", dest, s->opened, failed);
		clean(line);
		put(arg, line);
	}
	if (b->lost_streams > 0) {
		(void)snprintf(line, sizeof(line), "report:   and %u to other destinations",
			       b->lost_streams);
		put(arg, line);
	}
}

static void tell_refusals(const struct book *b, void (*put)(void *, const char *), void *arg)
{
	char line[BOOK_LINE_MAX], dest[320], times[32];
	unsigned int asked = 0;

	for (unsigned int i = 0; i < b->refusals; i++) {
		const struct refusal_entry *r = &b->refusal[i];

		dest[0] = times[0] = '\0';
		if (r->has_dest)
			format_dest(&r->dest, &asked, dest);
		if (r->count > 1)
			(void)snprintf(times, sizeof(times), ", %u times", r->count);
		(void)snprintf(line, sizeof(line), "refused: %s: %s%s%s (%s%s)", r->program, r->what,
			       dest[0] ? " " : "", dest, strerrordesc_np(r->error), times);
		clean(line);
		put(arg, line);
	}
	if (b->lost_refusals > 0) {
		(void)snprintf(line, sizeof(line), "refused: and %u other attempts", b->lost_refusals);
		put(arg, line);
	} else if (b->refusals == 0 && b->detail == BOOK_ALL) {
		put(arg, "report: nothing was refused");
	}
}

/* On a copy: threads of streams that end now must not wait for names. */
void book_tell(struct book *b, void (*put)(void *arg, const char *line), void *arg)
{
	struct book *copy;

	if (!b || b->detail == BOOK_SILENT)
		return;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return;
	(void)pthread_mutex_lock(&b->lock);
	memcpy(copy, b, sizeof(*copy));
	(void)pthread_mutex_unlock(&b->lock);
	if (copy->detail == BOOK_ALL && !tell_account(put, arg))
		tell_streams(copy, put, arg);
	tell_refusals(copy, put, arg);
	free(copy);
}
